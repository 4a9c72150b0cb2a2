//! `demo`: a playground on this machine.

use std::path::{Path, PathBuf};

use clap::ValueHint;

use super::context::Context;
use super::failure::{Exit, Failure, FailureKind};
use crate::ops::demo::{self, DemoError};
use crate::repo::Signature;

/// Make a playground on this machine
///
/// The playground is a Git remote, a clone with three environments of Online
/// Boutique, and a folder that plays the image registry. It needs no network
/// and no cluster.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to make it
    #[arg(long, value_name = "DIR", default_value = "gitops-demo", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
    /// Replace an older playground in that place
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let current = context.directory().map_err(|error| {
        Failure::new(
            FailureKind::Usage,
            anyhow::Error::new(error).context("the current folder cannot be found"),
        )
    })?;
    let author = Signature {
        name: "Demo".to_owned(),
        email: "demo@example.com".to_owned(),
        seconds: context.now(),
        offset_minutes: 0,
    };
    let directory = current.join(&args.directory);
    let playground = demo::make(&directory, &author, args.force).map_err(failure)?;
    let shown = relative(&playground.clone, &current);
    context.ui.answer(&format!(
        "{}: a Git remote, a clone of it, and a folder that plays the image registry\n",
        args.directory.display()
    ));
    context.ui.answer(&ending(context, &shown));
    Ok(Exit::Ok)
}

/// What to type next, and how to find this executable then.
fn ending(context: &Context, clone: &Path) -> String {
    let mut text = format!("\nNow you:\n  cd {}\n", clone.display());
    if let Some(folder) = folder_to_add(context) {
        text.push_str(&format!("  export PATH=\"{}:$PATH\"\n", folder.display()));
    }
    for (words, what) in NEXT {
        text.push_str(&format!("  {words:<48}  # {what}\n"));
    }
    text
}

/// The folder of this executable, when a shell would not find it there.
fn folder_to_add(context: &Context) -> Option<PathBuf> {
    let executable = context.called_as().ok()?.canonicalize().ok()?;
    let folder = executable.parent()?.to_owned();
    let search = context.variable("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).any(|known| known == folder);
    (!found).then_some(folder)
}

/// Commands to look around with.
const NEXT: &[(&str, &str)] = &[
    ("git branch --remotes", "the environments"),
    ("git show origin/env/prod:product.yaml", "what prod runs"),
];

fn relative(path: &Path, current: &Path) -> PathBuf {
    let current = current
        .canonicalize()
        .unwrap_or_else(|_| current.to_owned());
    path.strip_prefix(&current).unwrap_or(path).to_owned()
}

fn failure(error: DemoError) -> Failure {
    let kind = match &error {
        DemoError::Example(_) => FailureKind::Bug,
        DemoError::Git(_) => FailureKind::Unreachable,
        DemoError::Occupied { .. } | DemoError::Exists { .. } | DemoError::File { .. } => {
            FailureKind::Usage
        }
    };
    let hint = match &error {
        DemoError::Occupied { .. } => Some("name another folder: --directory DIR"),
        DemoError::Exists { .. } => {
            Some("make it anew with --force, or name another folder with --directory DIR")
        }
        _ => None,
    };
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
