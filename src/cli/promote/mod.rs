//! `promote TARGET`: words to a request, the plan to the person, the plan to
//! the one writer.

mod answers;
mod hints;
mod images;
mod reviewed;

use crate::promotion;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::PathBuf;

use super::edge::args::{OutputArgs, WriteArgs};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{environment, estate_failure, git_failure, open_to_write};
use super::registry_options::{RegistryArgs, nothing_known};
use super::writing::{self, Again};
use crate::ops::comparison::{GatherError, gather};
use crate::ops::estate::Estate;
use crate::ops::promote::{self, PromoteError, Reviewed};
use crate::ops::publish::{Planned, TagTemplate};
use crate::product::EnvironmentName;
use crate::promotion::{Author, Facts, Guard, Item, Plan, PlanError, Request};
use crate::report::Format;
use crate::report::text::promote as text;

/// Write one environment's state into the next as one commit
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops promote staging                        what dev has, to staging
  kubectl gitops promote prod --dry-run                 the plan only
  kubectl gitops promote prod --only cart,checkout      two components
  kubectl gitops promote prod --images-only             images and versions, nothing else
  kubectl gitops promote prod --keep payment --reason 'slow bank'
                                                        a hotfix on prod stays
  kubectl gitops promote prod-eu,prod-us                both, or neither
  kubectl gitops promote prod --adopt                   what prod has is meant so; ask no more
  kubectl gitops promote prod --tag                     and a tag prod/shop-1.4.0
  kubectl gitops promote prod --plan-out plan.json      a plan to approve, and
  kubectl gitops promote --apply plan.json              just that one, written")]
pub(super) struct Args {
    /// The environment to write; several, all or none, joined by commas
    #[arg(value_name = "TARGET", required_unless_present = "apply")]
    target: Option<String>,
    /// Two environments in a row say nothing about the direction; see --from
    #[arg(value_name = "EXTRA", hide = true)]
    extra: Option<String>,
    /// The environment to take from (default: the target's promoteFrom)
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    /// The source's commit to take (default: its tip)
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Promote these units only: components, template/NAME, defaults, paths of promoted files
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Promote images and versions of components, and nothing else of them
    #[arg(long)]
    images_only: bool,
    /// Leave the target's value: of UNIT, of UNIT.key.path, or all that would be asked
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    keep: Vec<String>,
    /// Take the source's value where both sides diverged: UNIT, UNIT.key.path, or all
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    overwrite: Vec<String>,
    /// Take the target as it is: record what both sides have, and write nothing else
    #[arg(long, conflicts_with_all = ["rev", "images_only", "keep", "overwrite", "release", "tag"])]
    adopt: bool,
    /// Why something is kept or overwritten; recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Promote content that a rollback held back
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    release: Vec<String>,
    /// Skip a guard and record the reason: order, validation or images
    #[arg(long = "override", num_args = 2, value_names = ["GUARD", "REASON"], action = clap::ArgAction::Append)]
    overrides: Vec<String>,
    /// Tag the commit, in the same push; in NAME, {environment}, {product} and {version}
    /// stand for what is written (default: {environment}/{product}-{version})
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    tag: Option<String>,
    /// Write the plan to a file for somebody to look at, and nothing else
    #[arg(long, value_name = "FILE")]
    plan_out: Option<PathBuf>,
    /// Apply a plan file; refused if the plan has changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "target", "from", "rev", "only", "images_only", "keep", "overwrite", "adopt", "reason", "release", "overrides",
        "plan_out", "message",
    ])]
    apply: Option<PathBuf>,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    registries: RegistryArgs,
}

/// What the words, or a plan file, ask for.
struct Asked {
    targets: Vec<EnvironmentName>,
    source: Option<EnvironmentName>,
    revision: Option<String>,
    request: Request,
    /// The plan that was looked at.
    reviewed: Option<Reviewed>,
}

/// Where and how it is written.
struct Writing<'a> {
    args: &'a Args,
    context: &'a Context,
    estate: &'a Estate,
    tag: Option<TagTemplate>,
}

/// One target, ready to be written or refused.
struct Prepared {
    facts: Facts,
    plan: Plan,
    request: Request,
}

impl Prepared {
    fn new(estate: &Estate, facts: Facts, request: Request) -> Result<Self, PromoteError> {
        let plan = promote::prepare(estate, &request, &facts)?;
        Ok(Self {
            facts,
            plan,
            request,
        })
    }
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let tag = writing::tag_template(args.tag.as_deref())?;
    let asked = match &args.apply {
        Some(file) => reviewed::asked(file)?,
        None => asked(args)?,
    };
    // The run ends here one way or the other; freeing what it read would only take time.
    let estate = ManuallyDrop::new(open_to_write(context)?);
    let revision = match &asked.revision {
        Some(rev) => Some(estate.git.find(rev).map_err(git_failure)?),
        None => None,
    };
    let mut all = Vec::new();
    for target in &asked.targets {
        let facts = gather(&estate, target, asked.source.as_ref(), revision.as_ref())
            .map_err(gather_failure)?;
        let mut one = Prepared::new(&estate, facts, asked.request.clone()).map_err(failure)?;
        show(args, context, &one);
        let asks = asks_a_person(args, context) && one.plan.undecided().next().is_some();
        if asks && let Some(request) = answers::ask(context, &one)? {
            one = Prepared::new(&estate, one.facts, request).map_err(failure)?;
            show(args, context, &one);
        }
        all.push(one);
    }
    images::check(args, context, &estate, &mut all)?;
    if estate.git.is_shallow() && args.output.format == Format::Text {
        unblamed(context, &all);
    }
    let kept = ManuallyDrop::new(all);
    let all: &[&Prepared] = &kept.iter().collect::<Vec<_>>();
    apart(all, context)?;
    if all.iter().any(|one| !one.plan.refusals.is_empty()) {
        return refused(args, context, all);
    }
    let writing = Writing {
        args,
        context,
        estate: &estate,
        tag,
    };
    if let (Some(file), [one]) = (&args.plan_out, all) {
        // Whoever applies it shall not be the first to learn of a wrong template.
        writing.together(vec![(one.plan.clone(), *one)])?;
        reviewed::write(context, one, file)?;
        return data(args, context, all, None, &[]).map(|()| Exit::Ok);
    }
    let (nothing, something): (Vec<_>, Vec<_>) =
        all.iter().copied().partition(|one| one.plan.is_empty());
    if args.output.format == Format::Text {
        for one in &nothing {
            context.ui.answer(&match args.adopt {
                true => text::nothing_to_adopt(&one.plan),
                false => text::nothing(&one.plan),
            });
            for warning in &one.plan.warnings {
                context.ui.warn(warning);
            }
            let entry = &one.facts.target.state.entry;
            let named = (one.plan.product.as_deref(), one.plan.version.1.as_deref());
            writing::no_tag(context, &estate, writing.tag.as_ref(), entry, named)?;
            if let Some(hint) = hints::release(&one.plan, &context.ui.again()) {
                context.ui.hint(hint);
            }
        }
    }
    if something.is_empty() {
        return data(args, context, &nothing, None, &[]).map(|()| Exit::Ok);
    }
    if let (Some(plan), Some(file), [one]) = (&asked.reviewed, &args.apply, all) {
        reviewed::same(one, plan, file)?;
    }
    writing.write(&something)
}

/// Whether what is undecided is asked there and then: of a person, about to write.
fn asks_a_person(args: &Args, context: &Context) -> bool {
    let writes = !args.write.yes && !args.write.dry_run && args.plan_out.is_none();
    context.ui.is_interactive() && writes && args.output.format == Format::Text
}

/// Plans that are written at once may not build on each other: neither promote what
/// another one writes, nor change the same file.
fn apart(all: &[&Prepared], context: &Context) -> Result<(), Failure> {
    let entry = |one: &Prepared| one.facts.target.state.entry.clone();
    let one_by_one = |failure: Failure, first: &Prepared, second: &Prepared| {
        let (first, second) = (entry(first).name, entry(second).name);
        let again = || context.ui.again();
        failure
            .hint(Hint::command(
                "write the first",
                again().target(first.as_str()),
            ))
            .hint(Hint::command(
                "then the second",
                again().target(second.as_str()),
            ))
    };
    for (index, one) in all.iter().enumerate() {
        for other in &all[..index] {
            for (source, target) in [(one, other), (other, one)] {
                if target.plan.source.0 == source.plan.target.0 {
                    let failure = Failure::usage(format!(
                        "{} is promoted from {}, which is written as well: it would get what is there now",
                        target.plan.target.0, source.plan.target.0
                    ));
                    return Err(one_by_one(failure, source, target));
                }
            }
            let same_branch = entry(one).branch == entry(other).branch;
            let mut files = one.plan.edits.keys();
            let both = files.find(|path| same_branch && other.plan.edits.contains_key(*path));
            if let Some(path) = both {
                let failure = Failure::usage(format!(
                    "{} and {} both change {path}, so they can't be written at once",
                    other.plan.target.0, one.plan.target.0
                ));
                return Err(one_by_one(failure, other, one));
            }
        }
    }
    Ok(())
}

impl Writing<'_> {
    /// The plans as one change set, with their tags.
    fn together(&self, plans: Vec<(Plan, &Prepared)>) -> Result<Planned, Failure> {
        let plans: Vec<_> = plans
            .into_iter()
            .map(|(plan, one)| {
                let entry = one.facts.target.state.entry.clone();
                (plan, one.request.clone(), entry)
            })
            .collect();
        let mut planned = promote::planned_together(&plans, self.estate)
            .map_err(|error| failure(error.into()))?;
        for (plan, _, entry) in &plans {
            let named = (plan.product.as_deref(), plan.version.1.as_deref());
            let tag = self.tag.as_ref();
            writing::tag(&mut planned, tag, &entry.name, &entry.branch, named)?;
        }
        Ok(planned)
    }

    fn write(&self, all: &[&Prepared]) -> Result<Exit, Failure> {
        let (args, context, estate) = (self.args, self.context, self.estate);
        let mut replan = || {
            let mut plans = Vec::new();
            for one in all {
                let (source, target) = (&one.facts.source.state, &one.facts.target.state.entry);
                let name = Some(&source.entry.name);
                let facts = gather(estate, &target.name, name, Some(&source.commit))
                    .map_err(gather_failure)?;
                let plan = promotion::plan(&one.request, &facts).map_err(plan_failure)?;
                plans.push((plan, *one));
            }
            self.together(plans)
        };
        let first = self.together(all.iter().map(|one| (one.plan.clone(), *one)).collect())?;
        writing::preview(context, &first);
        let names: Vec<&str> = all.iter().map(|one| one.plan.target.0.as_str()).collect();
        if args.write.dry_run {
            writing::dry_run(context, &args.write, estate, &first)?;
            for tag in first.changes.tags.iter().map(|tag| &tag.name) {
                context
                    .ui
                    .note(&format!("the commit would be tagged {tag}"));
            }
            return data(args, context, all, None, &[]).map(|()| Exit::Ok);
        }
        let again = Again {
            plan: &mut replan,
            failure: &|failure| failure,
        };
        let Some(published) = writing::write(context, &args.write, estate, first, again)? else {
            return Ok(Exit::Ok);
        };
        if args.output.format == Format::Text {
            writing::announce(context, &published);
            // What is only proposed has nothing to undo yet.
            for name in names.iter().filter(|_| published.is_in_force()) {
                let undo = CommandLine::gitops(["rollback", name]);
                context.ui.hint(Hint::command("undo it", undo));
            }
        }
        let published = writing::published_data(&published);
        data(args, context, all, Some(published), &[]).map(|()| Exit::Ok)
    }
}

fn show(args: &Args, context: &Context, one: &Prepared) {
    let (facts, plan) = (&one.facts, &one.plan);
    if args.output.format == Format::Text && !(plan.is_empty() && plan.refusals.is_empty()) {
        context
            .ui
            .answer(&text::plan(plan, &facts.repository, context.ui.style()));
    }
    if args.output.format != Format::Text || facts.merge_base.is_some() {
        return;
    }
    if facts.history_cut {
        context.ui.note(&format!(
            "the history that is here ends before {} and {} have anything in common: values that differ are asked once",
            plan.source.0, plan.target.0
        ));
    } else if facts.records.is_empty() {
        context.ui.note(&format!(
            "nothing was promoted to {} before: values that differ are asked once",
            plan.target.0
        ));
    }
}

/// Says why no commit is named beside a change that somebody made on the target.
fn unblamed(context: &Context, all: &[Prepared]) {
    let items = all.iter().flat_map(|one| one.plan.undecided());
    let named = |item: &&Item| matches!(item.changed_by, Some(Author::Commit(_)));
    let unnamed = items.filter(|item| !named(item)).count();
    if unnamed > 0 {
        context.ui.note(
            "where no commit is named, the change is older than the history that was searched",
        );
    }
}

/// The plan as data; several of them as a list.
fn data(
    args: &Args,
    context: &Context,
    all: &[&Prepared],
    published: Option<serde_json::Value>,
    hints: &[Hint],
) -> Result<(), Failure> {
    if args.output.format == Format::Text {
        return Ok(());
    }
    let mut value = match all {
        [one] => text::plan_data(&one.plan),
        several => serde_json::json!({
            "plans": several.iter().map(|one| text::plan_data(&one.plan)).collect::<Vec<_>>(),
        }),
    };
    value["published"] = published.unwrap_or_default();
    if !hints.is_empty() {
        value["hints"] = context.ui.hints_data(hints);
    }
    context
        .ui
        .report(args.output.format, "PromotionReport", &value, |_, _| {
            String::new()
        })
}

fn refused(args: &Args, context: &Context, all: &[&Prepared]) -> Result<Exit, Failure> {
    let refused = || all.iter().filter(|one| !one.plan.refusals.is_empty());
    let again = context.ui.again();
    let hints = refused().flat_map(|one| hints::hints(&one.plan, &again));
    let hints: Vec<Hint> = hints.collect();
    data(args, context, all, None, &hints)?;
    let messages: Vec<String> = refused()
        .map(|one| text::refusals(&one.plan, context.ui.error_style()))
        .collect();
    let error = anyhow::Error::msg(messages.join("\n"));
    let failure = Failure::new(FailureKind::Refused, error).fact("nothing was written");
    Err(hints.into_iter().fold(failure, Failure::hint))
}

fn asked(args: &Args) -> Result<Asked, Failure> {
    let word = args.target.as_deref().unwrap_or_default();
    let from = |target: &str, source: &str| {
        CommandLine::gitops(["promote", target]).option("--from", [source])
    };
    if let Some(extra) = &args.extra {
        return Err(
            Failure::usage(format!("two environments after promote: {word} {extra}"))
                .hint(Hint::command(
                    format!("to write {extra}"),
                    from(extra, word),
                ))
                .hint(Hint::command(format!("to write {word}"), from(word, extra))),
        );
    }
    let targets = word
        .split(',')
        .map(environment)
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(twice) = (1..targets.len()).find(|at| targets[..*at].contains(&targets[*at])) {
        return Err(Failure::usage(format!(
            "{} stands there twice",
            targets[twice]
        )));
    }
    if targets.len() > 1 && args.plan_out.is_some() {
        return Err(Failure::usage(
            "a plan file holds the plan of one environment",
        ));
    }
    Ok(Asked {
        targets,
        source: args.from.as_deref().map(environment).transpose()?,
        revision: args.rev.clone(),
        request: request(args)?,
        reviewed: None,
    })
}

fn request(args: &Args) -> Result<Request, Failure> {
    let mut overrides = BTreeMap::new();
    for pair in args.overrides.chunks(2) {
        let [guard, reason] = pair else { continue };
        let guard: Guard = guard
            .parse()
            .map_err(|error| Failure::new(FailureKind::Usage, anyhow::Error::new(error)))?;
        if reason.trim().is_empty() {
            return Err(Failure::usage(format!("--override {guard} needs a reason")));
        }
        overrides.insert(guard, reason.clone());
    }
    Ok(Request {
        only: args.only.clone(),
        rev: args.rev.is_some(),
        images_only: args.images_only,
        keep: args.keep.clone(),
        overwrite: args.overwrite.clone(),
        adopt: args.adopt,
        reason: args.reason.clone(),
        overrides,
        release: args.release.clone(),
        message: args.write.message.clone(),
    })
}

/// The failure of a promotion, with what helps.
pub(super) fn failure(error: PromoteError) -> Failure {
    match error {
        PromoteError::Gather(error) => gather_failure(error),
        PromoteError::Plan(error) => plan_failure(error),
        PromoteError::Message(error) => writing::message_failure(error),
        PromoteError::Registry { ref failed } => {
            let (unknown, hints) = nothing_known(failed);
            let failure = Failure::new(FailureKind::Unreachable, error).fact(unknown);
            hints.into_iter().fold(failure, Failure::hint)
        }
        PromoteError::Validate(_) | PromoteError::Client(_) => {
            Failure::new(FailureKind::Usage, error)
        }
    }
}

/// The failure of a comparison, with what helps.
pub(super) fn gather_failure(error: GatherError) -> Failure {
    match error {
        GatherError::Estate(error) => estate_failure(error),
        GatherError::Git(error) => git_failure(error),
        GatherError::Plan(error) => plan_failure(error),
        GatherError::NoSource(ref environment) => {
            let hint = format!(
                "name the source with --from ENVIRONMENT, or set promoteFrom of {environment} in gitops.yaml"
            );
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        GatherError::NothingPromoted(_) => Failure::new(FailureKind::Usage, error)
            .hint("name the files that are promoted, under spec.promotion.files in gitops.yaml"),
        GatherError::SameEnvironment(_) => Failure::new(FailureKind::Usage, error),
    }
}

/// The failure of a plan: something in the files, or a word that names nothing.
pub(super) fn plan_failure(error: PlanError) -> Failure {
    Failure::new(FailureKind::Usage, error)
}
