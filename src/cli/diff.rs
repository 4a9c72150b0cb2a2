//! `diff A B`: what differs between two environments or two of their states.

use super::edge::args::OutputArgs;
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::opening::{estate_failure, git_failure, open};
use crate::ops::diff::{DiffError, DiffRequest, diff};
use crate::report::text;

/// Show what differs between two environments or revisions, by key path
///
/// Compared is what promotion moves: components, templates, other files. Two
/// states of the same environment are compared with its own file and its
/// rendered resources as well. Ends with 1 when something differs.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    kubectl gitops diff staging prod          what prod has not got yet, or has on its own\n  \
    kubectl gitops diff prod@HEAD~3 prod      what the last three commits changed on prod\n  \
    kubectl gitops diff dev prod -o json      the same for programs")]
pub(super) struct Args {
    /// The first point: an environment, a commit, or ENVIRONMENT@COMMIT, where HEAD~1, ~1 and {yesterday} are those of the environment's branch
    #[arg(value_name = "A")]
    from: String,
    /// The second point
    #[arg(value_name = "B")]
    to: String,
    /// Compare what belongs to one environment alone as well: environment.yaml and rendered resources
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let estate = open(context)?;
    let request = DiffRequest {
        from: args.from.clone(),
        to: args.to.clone(),
        all: args.all,
    };
    let report = diff(&estate, &request).map_err(failure)?;
    context
        .ui
        .report(args.output.format, "DiffReport", &report, text::diff)?;
    Ok(if report.different { Exit::No } else { Exit::Ok })
}

fn failure(error: DiffError) -> Failure {
    match error {
        DiffError::Estate(error) => estate_failure(error),
        DiffError::Git(error) => git_failure(error),
        DiffError::Unit(_) | DiffError::Unknown { .. } => Failure::new(FailureKind::Usage, error),
    }
}
