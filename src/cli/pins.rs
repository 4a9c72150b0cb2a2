//! `pins`: every image reference of an environment, and where it is written.

use super::edge::args::OutputArgs;
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{environment, estate_failure, open};
use crate::ops::pins::pins;
use crate::report::text;

/// List every image and version that is pinned, where it is written, and what may follow it
///
/// One pin may have many sites. They change together, so those that disagree are
/// marked; bump-image brings them together again.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    kubectl gitops pins                    all environments\n  \
    kubectl gitops pins --env dev          one environment\n  \
    kubectl gitops pins --env dev -o json  the same for programs (see: kubectl gitops schema pin-report)")]
pub(super) struct Args {
    /// The environment; may be repeated (default: all)
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<String>,
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
    let report = pins(&estate, &wanted).map_err(estate_failure)?;
    context
        .ui
        .report(args.output.format, "PinReport", &report, text::pins)?;
    let unread: Vec<&str> = report
        .environments
        .iter()
        .filter(|environment| environment.problem.is_some())
        .map(|environment| environment.name.as_str())
        .collect();
    if unread.is_empty() {
        return Ok(Exit::Ok);
    }
    let names = unread.join(", ");
    Err(unread.iter().fold(
        Failure::usage(format!("not everything could be read: {names}")),
        |failure, name| {
            let look = CommandLine::gitops(["validate", *name]);
            failure.hint(Hint::command("look at it", look))
        },
    ))
}
