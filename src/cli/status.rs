//! `status [ENV…]`: which version runs where, and what is to be done next.

use super::edge::args::OutputArgs;
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{environment, estate_failure, git_failure, open};
use crate::ops::status::{StatusError, status};
use crate::report::text;

/// Show which version of each component every environment runs, and how far it is behind
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    kubectl gitops status                 all environments\n  \
    kubectl gitops status prod --all      one environment, every component\n  \
    kubectl gitops status -o json         the same for programs")]
pub(super) struct Args {
    /// The environments to show (default: all)
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
    /// Show components that are the same everywhere, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let wanted = args
        .environments
        .iter()
        .map(|word| environment(word))
        .collect::<Result<Vec<_>, _>>()?;
    let estate = open(context)?;
    let report = status(&estate, &wanted).map_err(failure)?;
    context.ui.report(
        args.output.format,
        "StatusReport",
        &report,
        |report, style| text::status(report, args.all, style, &|text| context.ui.spell(text)),
    )?;
    let unread: Vec<&str> = report
        .environments
        .iter()
        .filter(|environment| environment.problem.is_some())
        .map(|environment| environment.name.as_str())
        .collect();
    if unread.is_empty() {
        return Ok(Exit::Ok);
    }
    Err(unread.iter().fold(
        Failure::usage(format!(
            "not everything could be read: {}",
            unread.join(", ")
        )),
        |failure, name| {
            let look = CommandLine::gitops(["validate", *name]);
            failure.hint(Hint::command("look at it", look))
        },
    ))
}

fn failure(error: StatusError) -> Failure {
    match error {
        StatusError::Estate(error) => estate_failure(error),
        StatusError::Git(error) => git_failure(error),
        StatusError::Compare(error) => super::promote::gather_failure(error),
    }
}
