//! `merge`: the merge driver that Git starts for each file that both branches changed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueHint;

use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::opening::git_failure;
use crate::ops::merge_driver::{Files, MergeDriverError, run as merge};

/// The largest exit code that Git takes for conflicts. A driver that failed has to end with
/// a larger one (gitattributes(5)).
const MOST_CONFLICTS: u8 = 128;

/// Merge driver for Git: merge YAML and JSON by key path
#[derive(clap::Args)]
#[command(after_help = "\
Git runs it. To set it up in a clone:
  kubectl gitops init --merge-driver

Different keys never conflict, however near their lines are. What cannot be merged by key
path is merged by lines. Forges do not run merge drivers: this helps local merges only.

Exit codes:
  0    merged
  1    conflicts, marked in OURS
  129 and more  failed; OURS is as before")]
pub(super) struct Args {
    /// The common ancestor's version (%O)
    #[arg(value_name = "BASE", value_hint = ValueHint::FilePath)]
    base: PathBuf,
    /// The version of the current branch, which gets the result (%A)
    #[arg(value_name = "OURS", value_hint = ValueHint::FilePath)]
    ours: PathBuf,
    /// The version of the other branch (%B)
    #[arg(value_name = "THEIRS", value_hint = ValueHint::FilePath)]
    theirs: PathBuf,
    /// The file's path in the repository (%P)
    #[arg(value_name = "PATH", allow_hyphen_values = true)]
    path: OsString,
    /// How many characters a conflict marker has (%L)
    #[arg(value_name = "MARKER-SIZE", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    marker: u16,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let folder = context.directory().map_err(|error| {
        let error = anyhow::Error::new(error).context("the current folder cannot be found");
        Failure::new(FailureKind::Usage, error)
    })?;
    let name = args.path.to_string_lossy();
    let files = Files {
        folder: &folder,
        base: &args.base,
        ours: &args.ours,
        theirs: &args.theirs,
        name: &name,
        marker: args.marker.into(),
    };
    let outcome = merge(&files).map_err(failure)?;
    context.ui.detail(1, || {
        let way = if outcome.by_lines {
            "by lines"
        } else {
            "by key path"
        };
        format!("{name} merged {way}")
    });
    Ok(match outcome.has_conflicts {
        true => Exit::No,
        false => Exit::Ok,
    })
}

pub(super) fn failure(error: MergeDriverError) -> Failure {
    match error {
        MergeDriverError::Git(error) => git_failure(error),
        MergeDriverError::Unwritable { .. } => Failure::new(FailureKind::Unreachable, error),
        MergeDriverError::Unreadable { .. }
        | MergeDriverError::NoWorkTree(_)
        | MergeDriverError::Link(_) => Failure::new(FailureKind::Usage, error),
    }
}

/// Whether Git started this run as its merge driver.
pub(super) fn is_driver(argv: &[OsString]) -> bool {
    argv.get(1).is_some_and(|word| word == "merge")
}

/// The exit code as Git reads it: what is neither an answer nor conflicts is a failure.
pub(super) fn exit_code(code: u8) -> u8 {
    match code {
        0 | 1 => code,
        2..=127 => MOST_CONFLICTS + code,
        MOST_CONFLICTS => MOST_CONFLICTS + 1,
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_takes_no_failure_for_conflicts() {
        for code in 0..=u8::MAX {
            let seen = exit_code(code);
            assert_eq!(seen > MOST_CONFLICTS, code > 1, "{code}");
        }
    }
}
