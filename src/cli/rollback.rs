//! `rollback ENV`: words to a request, the plan to the person, the plan to the
//! one writer.

use super::edge::args::{OutputArgs, WriteArgs};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{environment, estate_failure, git_failure, open_to_write};
use super::promote::plan_failure;
use super::writing::{self, Again};
use crate::ops::estate::Estate;
use crate::ops::publish::Planned;
use crate::ops::rollback::{self, Facts, Plan, Request, RollbackError};
use crate::report::Format;
use crate::report::text::{rollback as text, rollback_candidates, rollback_data, rollback_refusal};

/// Restore an older state of an environment as a new commit
#[derive(clap::Args)]
#[command(after_help = "\
What is rolled back stays away: promotions skip exactly that content until it
changes, or until promote --release lets it back.

Examples:
  kubectl gitops rollback prod                     as it was before the last promotion
  kubectl gitops rollback prod --only cart         one component of that
  kubectl gitops rollback prod --to 0.10.6 --reason 'checkout fails'")]
pub(super) struct Args {
    /// The environment to roll back
    #[arg(value_name = "ENV")]
    environment: String,
    /// The state to restore: a commit of the environment or a version of the
    /// product (default: before the last promotion)
    #[arg(long, value_name = "REV|VERSION")]
    to: Option<String>,
    /// Restore these units only: components, template/NAME, defaults, paths of promoted files
    #[arg(long, value_name = "UNIT,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Restore environment.yaml as well
    #[arg(long = "environment")]
    environment_file: bool,
    /// Why; recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    write: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let name = environment(&args.environment)?;
    let request = Request {
        to: args.to.clone(),
        only: args.only.clone(),
        environment_file: args.environment_file,
        reason: args.reason.clone(),
        message: args.write.message.clone(),
    };
    let estate = open_to_write(context)?;
    let fail = |error| failure(error, context.now());
    let facts = rollback::gather(&estate, &name, &request).map_err(fail)?;
    let plan = rollback::plan(&request, &facts).map_err(fail)?;
    show(args, context, &facts, &plan);
    if !plan.later.is_empty() {
        data(args, context, &plan, None)?;
        return Err(refused(context, &plan));
    }
    if plan.change.is_empty() {
        return data(args, context, &plan, None).map(|()| Exit::Ok);
    }
    let entry = estate.environment(&name).map_err(estate_failure)?;
    let first =
        rollback::planned(&plan, &request, &estate, entry).map_err(|error| fail(error.into()))?;
    writing::preview(context, &first);
    if args.write.dry_run {
        writing::dry_run(context, &args.write, &estate, &first)?;
        return data(args, context, &plan, None).map(|()| Exit::Ok);
    }
    write(args, context, &estate, (&request, &plan, first))
}

fn show(args: &Args, context: &Context, facts: &Facts, plan: &Plan) {
    if args.output.format != Format::Text {
        return;
    }
    if plan.change.is_empty() {
        context.ui.answer(&format!(
            "{} is as it was at {}: {}",
            plan.change.target.0,
            plan.restored.id.short(),
            plan.restored.message.subject
        ));
        return;
    }
    let repository = &facts.change.repository;
    context
        .ui
        .answer(&text(plan, repository, context.ui.style()));
}

fn write(
    args: &Args,
    context: &Context,
    estate: &Estate,
    (request, plan, first): (&Request, &Plan, Planned),
) -> Result<Exit, Failure> {
    let name = &plan.change.target.0;
    let entry = estate.environment(name).map_err(estate_failure)?;
    let mut replan = || {
        let facts = rollback::gather(estate, name, request)?;
        let plan = rollback::plan(request, &facts)?;
        Ok::<_, RollbackError>(rollback::planned(&plan, request, estate, entry)?)
    };
    let fail = |error| failure(error, context.now());
    let again = Again {
        plan: &mut replan,
        failure: &fail,
    };
    let Some(published) = writing::write(context, &args.write, estate, first, again)? else {
        return Ok(Exit::Ok);
    };
    if args.output.format == Format::Text {
        writing::announce(context, &published);
        if entry.promote_from.is_some() && !plan.refused.is_empty() {
            let names: Vec<String> = plan.refused.iter().map(ToString::to_string).collect();
            let release = CommandLine::gitops(["promote", name.as_str()]);
            context.ui.hint(Hint::command(
                "promotions skip what was rolled back until it changes; to promote it anyway",
                release.option("--release", names),
            ));
        }
    }
    let published = writing::published_data(&published);
    data(args, context, plan, Some(published)).map(|()| Exit::Ok)
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
    let mut value = rollback_data(plan);
    value["published"] = published.unwrap_or_default();
    context
        .ui
        .report(args.output.format, "RollbackReport", &value, |_, _| {
            String::new()
        })
}

fn refused(context: &Context, plan: &Plan) -> Failure {
    let again = context.ui.again();
    let to = again.clone().without("--to");
    let error = anyhow::Error::msg(rollback_refusal(plan));
    Failure::new(FailureKind::Refused, error)
        .fact("nothing was written")
        .hint("roll back chosen units with --only UNIT")
        .hint(Hint::command(
            "drop that as well",
            to.option("--to", [plan.restored.id.short()]),
        ))
}

/// The failure of a plan, with what helps.
fn failure(error: RollbackError, now: i64) -> Failure {
    match error {
        RollbackError::Estate(error) => estate_failure(error),
        RollbackError::Git(error) => git_failure(error),
        RollbackError::Plan(error) => plan_failure(error),
        RollbackError::SeveralStates { ref candidates, .. } => {
            let lines = rollback_candidates(candidates, now);
            let failure = Failure::new(FailureKind::Usage, error);
            let failure = lines.into_iter().fold(failure, Failure::fact);
            failure.hint("name one of them with --to COMMIT")
        }
        RollbackError::NothingPromoted {
            ref environment, ..
        }
        | RollbackError::UnknownState {
            ref environment, ..
        }
        | RollbackError::NotOnBranch {
            ref environment, ..
        } => {
            let states = CommandLine::gitops(["history", environment.as_str()]);
            Failure::new(FailureKind::Usage, error).hint(Hint::command(
                "see its states, then name one with --to COMMIT",
                states,
            ))
        }
        RollbackError::Message(error) => writing::message_failure(error),
        RollbackError::NoEarlierState { .. } | RollbackError::NoUnits { .. } => {
            Failure::new(FailureKind::Usage, error)
        }
    }
}
