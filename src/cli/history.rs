//! `history`: who changed an environment, when and from where.

use super::edge::args::OutputArgs;
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure};
use super::opening::{environment, estate_failure, open};
use crate::ops::history::history;
use crate::product::EnvironmentName;
use crate::report::text;

/// Who promoted what, when and from where
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops history prod            the newest changes of prod
  kubectl gitops history --limit 3       the last three of every environment")]
pub(super) struct Args {
    /// The environments (default: all)
    #[arg(value_name = "ENV")]
    environments: Vec<String>,
    /// How many commits of each environment; 0: all
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut names: Vec<EnvironmentName> = args
        .environments
        .iter()
        .map(|word| environment(word))
        .collect::<Result<_, _>>()?;
    let estate = open(context)?;
    if names.is_empty() {
        // What has no commit yet has no history, and is no reason to hide
        // that of the others.
        names = estate
            .repository()
            .environments
            .iter()
            .map(|entry| entry.name.clone())
            .filter(|name| estate.tip(name).is_ok())
            .collect();
    }
    let limit = (args.limit > 0).then_some(args.limit);
    let report = history(&estate, &names, limit).map_err(estate_failure)?;
    let now = context.now();
    context.ui.report(
        args.output.format,
        "HistoryReport",
        &report,
        |report, style| text::history(report, now, style),
    )?;
    Ok(Exit::Ok)
}
