//! `bump-image`: words to a request, the plan to the person, the plan to the one
//! writer.

mod pick;

use jiff::Timestamp;

use super::edge::args::{OutputArgs, WriteArgs};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{environment, estate_failure, open_to_write};
use super::registry_options::{RegistryArgs, nothing_known};
use super::tag_file::TagFileArgs;
use super::writing::{self, Again};
use crate::image::TagPolicy;
use crate::ops::bump_image::{
    self, Allowed, Answer, Answers, BumpError, Plan, ProductVersion, Refusal, Request, Scene, Wish,
};
use crate::ops::estate::Estate;
use crate::product::ComponentName;
use crate::product::EnvironmentName;
use crate::registry::Registries;
use crate::report::Format;
use crate::report::text::bump_image as text;

/// Write the newest allowed image tags, or the ones you name, as one commit
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops bump-image --env dev                   all components that have a policy
  kubectl gitops bump-image cart frontend --env dev     these two
  kubectl gitops bump-image cart=v1.4.2 --env dev       this tag
  kubectl gitops bump-image --env dev --interactive     pick components and versions
  kubectl gitops bump-image --env dev --dry-run --explain
                                                        why each tag was chosen or not
  kubectl gitops bump-image --env dev --check           is something newer allowed?
  kubectl gitops bump-image --env dev --check -o json   the same for programs (see:
                                                        kubectl gitops schema bump-image-report)
  kubectl gitops bump-image --env dev --product-version next
                                                        and the product's next version
  kubectl gitops bump-image cart=v1.4.2 --env prod --hotfix 'checkout fails'
                                                        past the order of promotion
  kubectl gitops bump-image --env dev --dry-run --save-tags tags.json
  kubectl gitops bump-image --env dev --tags-from tags.json
                                                        later, without a network")]
pub(super) struct Args {
    /// Components, each with the version that it shall get, or left to its policy;
    /// none: all components that have a policy
    #[arg(value_name = "COMPONENT[=TAG]")]
    components: Vec<String>,
    /// The environment to write
    #[arg(short = 'e', long, value_name = "ENV", required = true)]
    env: String,
    /// Pick the components, and the version of each, at the terminal
    #[arg(short, long, conflicts_with_all = ["check", "explain", "yes"])]
    interactive: bool,
    /// The policy of components that have none of their own: the newest version in
    /// this range
    #[arg(long, value_name = "RANGE")]
    semver: Option<String>,
    /// Take a version that is older than the deployed one
    #[arg(long)]
    allow_downgrade: bool,
    /// Take the image that a tag names now where it is not the recorded one
    #[arg(long)]
    refresh_digests: bool,
    /// Change an environment that images reach by promotion; the reason is recorded
    #[arg(long, value_name = "REASON")]
    hotfix: Option<String>,
    /// Set the product's own version in the same commit; next: raised by the largest
    /// step among the components that change
    #[arg(long, value_name = "VERSION|next")]
    product_version: Option<ProductVersion>,
    /// Tag the commit, in the same push; in NAME, {environment}, {product} and {version}
    /// stand for what is written (default: {environment}/{product}-{version})
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    tag: Option<String>,
    /// Change nothing; end with 1 when something newer is allowed
    #[arg(long, conflicts_with_all = ["keep_going", "yes"])]
    check: bool,
    /// Go on without the components whose registry cannot be asked
    #[arg(long)]
    keep_going: bool,
    /// Say for every tag why it was or was not chosen
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    registries: RegistryArgs,
    #[command(flatten)]
    tags: TagFileArgs,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut request = request(args)?;
    if request.pick {
        pick::require_person(context, &args.env)?;
    }
    let estate = open_to_write(context)?;
    let mut scene = bump_image::read(&estate, &request).map_err(failure)?;
    let sources = Sources::of(args, context, &estate, &scene)?;
    if request.pick {
        match pick::pick(args, context, (&scene, &sources), &request)? {
            Some(picked) => request = picked,
            None => return Ok(Exit::Ok),
        }
        scene = bump_image::read(&estate, &request).map_err(failure)?;
    }
    let answers = sources.ask(args, context, &scene, &request)?;
    let plan = bump_image::plan(&request, &scene, &answers).map_err(failure)?;
    let shown = args.output.format == Format::Text;
    if shown {
        context.ui.answer(&text::plan(&plan, context.ui.style()));
        if args.explain {
            context
                .ui
                .answer(&text::explanation(&plan, context.ui.style()));
        }
    }
    if !plan.refusals.is_empty() {
        data(args, context, &plan, None)?;
        return Err(refused(context, &plan, args));
    }
    if plan.is_empty() {
        let tag = writing::tag_template(args.tag.as_deref())?;
        let entry = estate
            .environment(&request.environment)
            .map_err(estate_failure)?;
        writing::no_tag(context, &estate, tag.as_ref(), entry, named(&plan))?;
        return data(args, context, &plan, None).map(|()| Exit::Ok);
    }
    if shown {
        context.ui.answer(&text::summary(&plan, &scene.repository));
    }
    if args.check {
        return data(args, context, &plan, None).map(|()| Exit::No);
    }
    write(args, context, &estate, (&request, &answers, &plan))
}

/// Whom to ask about images, and the time from which ages count.
struct Sources {
    registries: Registries,
    now: Timestamp,
}

impl Sources {
    fn of(
        args: &Args,
        context: &Context,
        estate: &Estate,
        scene: &Scene,
    ) -> Result<Sources, Failure> {
        let settings = || {
            let images = scene.pins.iter().filter_map(|pin| pin.image());
            args.registries
                .settings(context, (estate, &scene.state), images)
        };
        let client = |error| failure(BumpError::Client(error));
        let (registries, now) = args.tags.registries(context, settings, client)?;
        Ok(Sources { registries, now })
    }

    fn ask(
        &self,
        args: &Args,
        context: &Context,
        scene: &Scene,
        request: &Request,
    ) -> Result<Answers, Failure> {
        let waiting = context.ui.waiting("asking the registries");
        let answers = bump_image::ask(scene, request, &self.registries, self.now);
        drop(waiting);
        let answers = answers.map_err(failure)?;
        let failed = |answer: &Answer| matches!(answer, Answer::Failed(_));
        if !request.pick && (request.keep_going || !answers.values().any(failed)) {
            args.tags.save(context, &self.registries, self.now)?;
        }
        Ok(answers)
    }
}

fn write(
    args: &Args,
    context: &Context,
    estate: &Estate,
    (request, answers, plan): (&Request, &Answers, &Plan),
) -> Result<Exit, Failure> {
    let entry = estate
        .environment(&request.environment)
        .map_err(estate_failure)?;
    let tag = writing::tag_template(args.tag.as_deref())?;
    let planned = |plan: &Plan| {
        let mut planned = bump_image::planned(plan, request, estate, entry)
            .map_err(|error| failure(error.into()))?;
        let (tag, named) = (tag.as_ref(), named(plan));
        writing::tag(&mut planned, tag, &entry.name, &entry.branch, named)?;
        Ok::<_, Failure>(planned)
    };
    let mut replan = || {
        // What the registries said still holds; where the branch stands does not.
        let scene = bump_image::read(estate, request).map_err(failure)?;
        let plan = bump_image::plan(request, &scene, answers).map_err(failure)?;
        planned(&plan)
    };
    // A template that gives no message is found now, not when others wait for the commit.
    let first = planned(plan)?;
    writing::preview(context, &first);
    if args.write.dry_run {
        writing::dry_run(context, &args.write, estate, &first)?;
        return data(args, context, plan, None).map(|()| Exit::Ok);
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
        let mut next = estate.repository().promoted_from(&entry.name);
        let next = next.next().filter(|_| published.is_in_force());
        match (&request.hotfix, next) {
            (Some(_), _) => {
                let back = CommandLine::gitops(["backport", entry.name.as_str()]);
                context.ui.hint(Hint::command("carry it back", back));
            }
            (None, Some(next)) => {
                let next = CommandLine::gitops(["promote", next.name.as_str()]);
                context.ui.hint(Hint::command("next", next));
            }
            (None, None) => {}
        }
    }
    let published = writing::published_data(&published);
    data(args, context, plan, Some(published)).map(|()| Exit::Ok)
}

/// The product and the version that it gets.
fn named(plan: &Plan) -> (Option<&str>, Option<&str>) {
    let product = plan.product.as_ref();
    (
        product.map(|(name, _)| name.as_str()),
        product.and_then(|(_, version)| version.as_deref()),
    )
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
    let mut value = text::plan_data(plan, args.explain);
    value["published"] = published.unwrap_or_default();
    let nothing = |_: &_, _: &_| String::new();
    context
        .ui
        .report(args.output.format, "BumpImageReport", &value, nothing)
}

fn request(args: &Args) -> Result<Request, Failure> {
    if args
        .hotfix
        .as_ref()
        .is_some_and(|reason| reason.trim().is_empty())
    {
        return Err(Failure::usage("--hotfix needs a reason"));
    }
    let range = args.semver.as_deref().map(|text| {
        text.parse().map_err(|error| {
            Failure::new(
                FailureKind::Usage,
                anyhow::Error::new(error).context("--semver"),
            )
        })
    });
    let mut wishes: Vec<Wish> = Vec::new();
    for word in &args.components {
        let wish = wish(word)?;
        let other = wishes
            .iter()
            .find(|other| other.component == wish.component);
        if other.is_some_and(|other| *other != wish) {
            let message = format!("{} stands twice, with different versions", wish.component);
            return Err(Failure::usage(message));
        }
        if let (true, Some(version)) = (args.interactive, &wish.version) {
            let component = &wish.component;
            let message = format!("--interactive: {component} is to get {version} already");
            return Err(Failure::usage(message)
                .hint("name components without versions to pick from those, or leave out -i"));
        }
        wishes.push(wish);
    }
    Ok(Request {
        environment: environment(&args.env)?,
        wishes,
        fallback: range.transpose()?.map(TagPolicy::semver),
        allow: Allowed {
            downgrade: args.allow_downgrade,
            refresh_digests: args.refresh_digests,
        },
        keep_going: args.keep_going,
        hotfix: args.hotfix.clone(),
        product_version: args.product_version.clone(),
        message: args.write.message.clone(),
        explain: args.explain,
        pick: args.interactive,
    })
}

fn wish(word: &str) -> Result<Wish, Failure> {
    let (name, version) = match word.split_once('=') {
        Some((name, version)) => (name, Some(version)),
        None => (word, None),
    };
    let usage = |error: anyhow::Error| Failure::new(FailureKind::Usage, error);
    let component: ComponentName = name.parse().map_err(|error| {
        let failure = usage(anyhow::Error::new(error));
        match name.split_once(':') {
            Some((name, tag)) => failure.hint(format!("say {name}={tag}")),
            None => failure,
        }
    })?;
    let version = version.map(|text| {
        text.parse()
            .map_err(|error| usage(anyhow::Error::new(error).context(format!("{word:?}"))))
    });
    Ok(Wish {
        component,
        version: version.transpose()?,
    })
}

/// The command that bumps one component to a version.
fn one(environment: &EnvironmentName, component: &str) -> CommandLine {
    CommandLine::gitops(["bump-image", component]).option("--env", [environment.as_str()])
}

fn refused(context: &Context, plan: &Plan, args: &Args) -> Failure {
    let error = anyhow::Error::msg(text::refusals(plan));
    let mut failure = Failure::new(FailureKind::Refused, error).fact("nothing was written");
    let environment = &plan.environment.0;
    let again = || context.ui.again();
    let mut hints: Vec<Hint> = Vec::new();
    for refusal in &plan.refusals {
        hints.push(match refusal {
            Refusal::Downgrade { .. } => Hint::command(
                "take the older version",
                again().flag("--allow-downgrade"),
            ),
            Refusal::Vanished { component, newest, .. } => Hint::command(
                "if that is intended",
                one(environment, &format!("{component}={newest}")),
            ),
            Refusal::MutableTag { .. } => Hint::command(
                "take the image that the tag names now",
                again().flag("--refresh-digests"),
            ),
            Refusal::Platforms { component, .. } => {
                format!("leave {component} out, or change the platforms of its policy").into()
            }
            Refusal::Held { component, .. } => {
                format!("remove the hold from {component} first").into()
            }
            Refusal::Tie { component, .. } => format!(
                "name one as {component}=TAG, or tell them apart with filter or ignore in its policy"
            )
            .into(),
            Refusal::Validation { .. } => "correct the product or its templates first".into(),
            Refusal::RenderedEdited { .. } => Hint::command(
                "carry the edit into the product, or drop it",
                CommandLine::gitops(["render", environment.as_str()]).flag("--write"),
            ),
        });
    }
    hints.dedup();
    if plan.rows.len() > 1 && args.components.is_empty() {
        hints.push("or name the components to bump, without these".into());
    }
    for hint in hints {
        failure = failure.hint(hint);
    }
    failure
}

/// The failure of a bump, with what helps.
fn failure(error: BumpError) -> Failure {
    match error {
        BumpError::Estate(error) => estate_failure(error),
        BumpError::Promoted { ref environment, ref first, .. } => {
            let usual = CommandLine::gitops(["bump-image"]).option("--env", [first.as_str()]);
            let usual = Hint::command("bump it where promotion begins", usual);
            let urgent = format!(
                "in an emergency, name COMPONENT=TAG and say why with --hotfix REASON: {environment} is then ahead until you backport it"
            );
            Failure::new(FailureKind::Refused, error).hint(usual).hint(urgent)
        }
        BumpError::NoHotfix { ref environment } => {
            let plain = CommandLine::gitops(["bump-image"]).option("--env", [environment.as_str()]);
            Failure::new(FailureKind::Usage, error)
                .hint(Hint::command("leave --hotfix out", plain))
        }
        BumpError::NoPolicy { ref component } => {
            let first = format!("name it: {component}=TAG");
            Failure::new(FailureKind::Usage, error)
                .hint(first)
                .hint("or choose the newest in a range: --semver RANGE, or update: {semver: RANGE} in the product manifest")
        }
        BumpError::Unmapped { .. } => Failure::new(FailureKind::Usage, error)
            .hint("say under spec.registry of the environment's manifest where it is pulled from"),
        BumpError::Source { ref component, .. } => {
            let first = format!("name its version: {component}=TAG");
            Failure::new(FailureKind::Usage, error)
                .hint(first)
                .hint(Hint::command(
                    "or correct `from` in its policy; see all policies that are followed",
                    CommandLine::gitops(["pins"]),
                ))
        }
        BumpError::NotListed { ref component } => {
            let hint = format!("name its version: {component}=VERSION");
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        BumpError::NoPolicies { .. } => Failure::new(FailureKind::Usage, error)
            .hint("name versions (COMPONENT=TAG), give a range with --semver, or write update: {semver: RANGE} into the product manifest"),
        BumpError::UnknownTag { .. } => {
            Failure::new(FailureKind::Usage, error).fact("nothing was written")
        }
        BumpError::Registry { ref failed } => {
            let (unknown, hints) = nothing_known(failed);
            let failure = Failure::new(FailureKind::Unreachable, error).fact(unknown);
            let failure = hints.into_iter().fold(failure, Failure::hint);
            failure.hint("or go on without them: --keep-going")
        }
        BumpError::Message(error) => writing::message_failure(error),
        BumpError::Validate(_)
        | BumpError::Pin(_)
        | BumpError::UnknownComponent { .. }
        | BumpError::NothingPinned { .. }
        | BumpError::NoImages { .. }
        | BumpError::Tag { .. }
        | BumpError::Digest { .. }
        | BumpError::NoProduct { .. }
        | BumpError::NoNextVersion { .. }
        | BumpError::LowerVersion { .. }
        | BumpError::Client(_)
        | BumpError::Result(_) => Failure::new(FailureKind::Usage, error),
    }
}
