//! `promote TARGET`: words to a request, the plan to the person, the plan to
//! the one writer.

use std::collections::BTreeMap;

use super::args::{OutputArgs, WriteArgs};
use super::context::Context;
use super::failure::{Exit, Failure, FailureKind};
use super::opening::{environment, estate_failure, git_failure, open_to_write};
use super::writing::{self, Again};
use crate::ops::estate::Estate;
use crate::ops::promote::{self, Facts, Plan, PlanError, Refusal, Request};
use crate::report::Format;
use crate::report::text::promote as text;

/// Write one environment's state into the next as one commit
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops promote staging                        what dev has, to staging
  kubectl gitops promote prod --dry-run                 the plan only
  kubectl gitops promote prod --only cart,checkout      two components
  kubectl gitops promote prod --keep payment --reason 'slow bank'
                                                        a hotfix on prod stays")]
pub(super) struct Args {
    /// The environment to write
    #[arg(value_name = "TARGET")]
    target: String,
    /// Two environments in a row say nothing about the direction; see --from
    #[arg(value_name = "EXTRA", hide = true)]
    extra: Option<String>,
    /// The environment to take from (default: the target's promoteFrom)
    #[arg(long, value_name = "SOURCE")]
    from: Option<String>,
    /// The source's commit to take (default: its tip)
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Promote these units only: components, template/NAME, defaults
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave the target's value where both sides diverged: UNIT or UNIT.key.path
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    keep: Vec<String>,
    /// Take the source's value where both sides diverged: UNIT or UNIT.key.path
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    overwrite: Vec<String>,
    /// Why something is kept or overwritten; recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Let content come back that a rollback refused
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    release: Vec<String>,
    /// Set a guard aside, with the reason: order or validation; recorded
    #[arg(long = "override", num_args = 2, value_names = ["GUARD", "REASON"], action = clap::ArgAction::Append)]
    overrides: Vec<String>,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

const GUARDS: [&str; 2] = ["order", "validation"];

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let target = environment(&args.target)?;
    if let Some(extra) = &args.extra {
        return Err(Failure::usage(format!(
            "two environments after promote: {} {extra}",
            args.target
        ))
        .hint(format!(
            "to write {extra}: kubectl gitops promote {extra} --from {}",
            args.target
        ))
        .hint(format!(
            "to write {}: kubectl gitops promote {} --from {extra}",
            args.target, args.target
        )));
    }
    let request = request(args)?;
    let estate = open_to_write(context)?;
    let source = args.from.as_deref().map(environment).transpose()?;
    let revision = match &args.rev {
        Some(rev) => Some(estate.git.resolve(rev).map_err(git_failure)?),
        None => None,
    };
    let facts =
        promote::gather(&estate, &target, source.as_ref(), revision.as_ref()).map_err(failure)?;
    let mut plan = promote::plan(&request, &facts).map_err(failure)?;
    promote::blame(&estate, &facts, &mut plan).map_err(failure)?;
    promote::validate(&request, &facts, &mut plan).map_err(failure)?;
    show(args, context, &facts, &plan);
    if !plan.refusals.is_empty() {
        return refused(args, context, &plan);
    }
    if plan.is_empty() {
        if args.output.format == Format::Text {
            context.ui.answer(&format!(
                "{} already has everything of {}",
                plan.target.0, plan.source.0
            ));
        }
        return data(args, context, &plan, None).map(|()| Exit::Ok);
    }
    if args.write.dry_run {
        return data(args, context, &plan, None).map(|()| Exit::Ok);
    }
    write(args, context, &estate, &facts, (&request, &plan))
}

fn write(
    args: &Args,
    context: &Context,
    estate: &Estate,
    facts: &Facts,
    (request, plan): (&Request, &Plan),
) -> Result<Exit, Failure> {
    let source = &facts.source.state;
    let target = &facts.target.state.entry;
    let mut replan = || {
        let facts = promote::gather(
            estate,
            &target.name,
            Some(&source.entry.name),
            Some(&source.commit),
        )?;
        let plan = promote::plan(request, &facts)?;
        Ok::<_, PlanError>(promote::planned(&plan, request, estate, target))
    };
    let first = promote::planned(plan, request, estate, target);
    let again = Again {
        plan: &mut replan,
        command: &format!("kubectl gitops promote {} --dry-run", target.name),
        failure: &failure,
    };
    let Some(published) = writing::write(context, &args.write, estate, first, again)? else {
        return Ok(Exit::Ok);
    };
    if args.output.format == Format::Text {
        writing::announce(context, &published);
        let hint = format!("undo with: kubectl gitops rollback {}", target.name);
        context.ui.hint(&hint);
    }
    data(
        args,
        context,
        plan,
        Some(writing::published_data(&published)),
    )
    .map(|()| Exit::Ok)
}

fn show(args: &Args, context: &Context, facts: &Facts, plan: &Plan) {
    if args.output.format == Format::Text && !(plan.is_empty() && plan.refusals.is_empty()) {
        context
            .ui
            .answer(&text::plan(plan, &facts.repository, context.ui.style()));
    }
    if facts.merge_base.is_none() && facts.records.is_empty() && args.output.format == Format::Text
    {
        context.ui.note(&format!(
            "nothing was promoted to {} before: values that differ are asked once",
            plan.target.0
        ));
    }
}

fn data(
    args: &Args,
    context: &Context,
    plan: &Plan,
    published: Option<serde_json::Value>,
) -> Result<(), Failure> {
    if args.output.format == Format::Text {
        return Ok(());
    }
    let mut value = text::plan_data(plan);
    value["published"] = published.unwrap_or_default();
    context
        .ui
        .report(args.output.format, "PromotionReport", &value, |_, _| {
            String::new()
        })
}

fn refused(args: &Args, context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    data(args, context, plan, None)?;
    let message = text::refusals(plan, context.ui.error_style());
    let mut failure = Failure::new(FailureKind::Refused, anyhow::Error::msg(message));
    for hint in hints(plan) {
        failure = failure.hint(hint);
    }
    Err(failure)
}

fn hints(plan: &Plan) -> Vec<String> {
    let target = &plan.target.0;
    let mut hints = vec!["nothing was written".to_owned()];
    for refusal in &plan.refusals {
        match refusal {
            Refusal::Diverged { .. } => {
                let mut units: Vec<String> =
                    plan.undecided().map(|item| item.unit.to_string()).collect();
                units.dedup();
                let first = units.first().cloned().unwrap_or_default();
                let rest: Vec<_> = units.iter().skip(1).cloned().collect();
                let overwrite = if rest.is_empty() {
                    String::new()
                } else {
                    format!(" --overwrite {}", rest.join(","))
                };
                hints.push("say what to do with each, for example".to_owned());
                hints.push(format!(
                    "  kubectl gitops promote {target} --keep {first}{overwrite}"
                ));
                let hotfix = plan
                    .undecided()
                    .find(|item| item.difference.class == crate::product::Class::Hotfix);
                if let Some(hotfix) = hotfix {
                    hints.push(format!(
                        "  kubectl gitops backport {target} --only {}",
                        hotfix.unit
                    ));
                }
            }
            Refusal::RenderedHotfix { paths } => {
                let names: Vec<_> = paths.iter().map(|path| path.as_str()).collect();
                hints.push("carry the change into product.yaml, environment.yaml or a template, or drop it:".to_owned());
                hints.push(format!(
                    "  kubectl gitops promote {target} --overwrite {}",
                    names.join(",")
                ));
            }
            Refusal::Incomplete { missing, .. } => {
                hints.push(format!("add to --only: {}", missing.join(",")));
            }
            Refusal::Order { expected } => {
                if let Some(expected) = expected {
                    hints.push(format!(
                        "  kubectl gitops promote {target} --from {expected}"
                    ));
                }
                hints.push("or set the guard aside: --override order 'REASON'".to_owned());
            }
            Refusal::Validation { .. } => {
                hints.push("look closer with kubectl gitops validate, or set the guard aside: --override validation 'REASON'".to_owned());
            }
        }
    }
    hints
}

fn request(args: &Args) -> Result<Request, Failure> {
    let mut overrides = BTreeMap::new();
    for pair in args.overrides.chunks(2) {
        let [guard, reason] = pair else { continue };
        if !GUARDS.contains(&guard.as_str()) {
            return Err(Failure::usage(format!(
                "there is no guard {guard}; those that can be set aside: {}",
                GUARDS.join(", ")
            )));
        }
        if reason.trim().is_empty() {
            return Err(Failure::usage(format!("--override {guard} needs a reason")));
        }
        overrides.insert(guard.clone(), reason.clone());
    }
    Ok(Request {
        only: args.only.clone(),
        keep: args.keep.clone(),
        overwrite: args.overwrite.clone(),
        reason: args.reason.clone(),
        overrides,
        release: args.release.clone(),
        message: args.write.message.clone(),
    })
}

/// The failure of a plan, with what helps.
pub(super) fn failure(error: PlanError) -> Failure {
    match error {
        PlanError::Estate(error) => estate_failure(error),
        PlanError::Git(error) => git_failure(error),
        PlanError::NoSource(ref environment) => {
            let hint = format!(
                "name the source: kubectl gitops promote {environment} --from ENVIRONMENT, or set promoteFrom in gitops.yaml"
            );
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        other => Failure::new(FailureKind::Usage, other),
    }
}
