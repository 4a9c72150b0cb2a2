//! Opening a repository for a command, and the failures of Git and of the
//! repository's description with what helps against each.

use std::io::ErrorKind;

use super::context::Context;
use super::failure::{Failure, FailureKind};
use crate::config::Origin;
use crate::git::{GitError, Listener, Notice};
use crate::ops::estate::{Estate, EstateError, OpenOptions};
use crate::ops::get_ready;
use crate::product::EnvironmentName;
use crate::report::ago;

/// Opens the repository to look at it.
pub(super) fn open(context: &Context) -> Result<Estate, Failure> {
    open_as(context, false)
}

/// Opens the repository to write: the remote has to answer.
pub(super) fn open_to_write(context: &Context) -> Result<Estate, Failure> {
    open_as(context, true)
}

fn open_as(context: &Context, writing: bool) -> Result<Estate, Failure> {
    try_open(context, writing)?.map_err(estate_failure)
}

/// Opens the repository; what is wrong with it is the caller's to judge.
pub(super) fn try_open(
    context: &Context,
    writing: bool,
) -> Result<Result<Estate, EstateError>, Failure> {
    let dir = context.directory().map_err(|error| {
        let error = anyhow::Error::new(error).context("the current folder cannot be found");
        Failure::new(FailureKind::Usage, error)
    })?;
    let copy_of = context.copy_of()?;
    let waiting = context.ui.waiting("asking the remote");
    let options = OpenOptions {
        dir,
        copy_of,
        listener: listener(context),
        remote: context.global.remote.clone(),
        offline: context.global.offline,
        writing,
        meanwhile: writing.then_some(get_ready as fn()),
        config: context.global.config.clone(),
        interactive: context.ui.is_interactive(),
        request_timeout: context.global.kube.request_timeout,
    };
    let estate = Estate::open(&options);
    drop(waiting);
    let estate = match estate {
        Ok(estate) => estate,
        Err(error) => return Ok(Err(error)),
    };
    context.watch_copy(estate.git.watch_copy());
    if let Some(stale) = &estate.stale {
        let since = stale.since.map_or_else(
            || "at an unknown time".to_owned(),
            |since| ago(since, context.now()),
        );
        if let Some(problem) = &stale.problem {
            let remote = estate.remote.as_ref().map_or("the remote", |it| it.shown());
            context.ui.warn(&format!(
                "{remote} could not be reached; this is what was last fetched, {since}\n  {}",
                problem.replace('\n', "\n  ")
            ));
        } else {
            context
                .ui
                .detail(1, || format!("offline: as last fetched, {since}"));
        }
    }
    if matches!(estate.config.origin, Origin::WorkTree { .. }) {
        context
            .ui
            .note("gitops.yaml of the work tree is used: it differs from the published one");
    }
    // A courtesy only: what it would fail on, the command fails on as well.
    for branch in estate.ahead().unwrap_or_default() {
        let remote = estate.remote.as_ref().map_or("the remote", |it| it.shown());
        context.ui.note(&format!(
            "your local {branch} has commits that {remote} does not have; they are left out"
        ));
    }
    Ok(Ok(estate))
}

/// Says on standard error what Git does beside what it was asked for.
fn listener(context: &Context) -> Listener {
    let tell = context.ui.teller();
    Listener::new(move |notice| match notice {
        Notice::Deepening { remote, commits } => tell(&format!(
            "the answer lies further back: fetching {commits} more commits from {remote}"
        )),
        Notice::WholeHistory { remote } => tell(&format!(
            "{remote} gives no shallow copies: fetching all of its history, once"
        )),
        Notice::CopyMadeAnew { of } => {
            tell(&format!(
                "the local copy of {of} was damaged or deleted: making a new one"
            ));
        }
    })
}

/// Failures of the remote and of this machine: too slow, full, or not to be written to.
fn outside(error: &GitError) -> Option<(FailureKind, &'static str)> {
    Some(match error {
        GitError::Stalled { of: Some(_), .. } => (
            FailureKind::Unreachable,
            "nothing was written; wait longer with --request-timeout DURATION, or look at what was last fetched with --offline",
        ),
        GitError::Stalled { of: None, .. } => (
            FailureKind::Unreachable,
            "nothing was written; see what it waits for by running git yourself",
        ),
        GitError::PushStalled { .. } => (
            FailureKind::Unreachable,
            "the remote may still be busy with it: look there, then run the same command again, or wait longer with --request-timeout DURATION",
        ),
        GitError::RemoteFailed { .. } => (
            FailureKind::Unreachable,
            "nothing was written; this is for whoever runs the remote to repair: its disk, its permissions, or a lock that was left behind",
        ),
        GitError::NotStored { .. } => (
            FailureKind::Unreachable,
            "nothing was written; make room on that disk, or let this user write there",
        ),
        GitError::NoPlaceForCopy { source, .. } => (
            match source.kind() {
                // The variable names what cannot be a folder.
                ErrorKind::NotADirectory | ErrorKind::AlreadyExists => FailureKind::Usage,
                _ => FailureKind::Unreachable,
            },
            "make room there, or name another folder: KUBECTL_GITOPS_CACHE_DIR=/path",
        ),
        GitError::TooMuch { .. } => (
            FailureKind::Unreachable,
            "nothing was written; see what it says by running git yourself",
        ),
        _ => return None,
    })
}

/// What it means that a command failed while it worked in a copy that is gone: what it
/// did not find may well exist.
pub(super) fn judged(context: &Context, failure: Failure) -> Failure {
    let own = matches!(
        failure.kind,
        FailureKind::Unreachable | FailureKind::Interrupted | FailureKind::Bug
    );
    match context.lost_copy().filter(|_| !own) {
        Some(lost) => git_failure(lost),
        None => failure,
    }
}

/// The name of an environment, as typed.
pub(super) fn environment(word: &str) -> Result<EnvironmentName, Failure> {
    word.parse()
        .map_err(|error| Failure::new(FailureKind::Usage, anyhow::Error::new(error)))
}

/// A failure of the repository or its description.
pub(super) fn estate_failure(error: EstateError) -> Failure {
    match error {
        EstateError::Git(error) => git_failure(error),
        EstateError::Config(_) => Failure::new(FailureKind::Usage, error)
            .hint("describe the environments in gitops.yaml; kubectl gitops init proposes one"),
        EstateError::Unborn { ref branch, .. } => {
            let hint = format!(
                "begin it from another environment: git push origin origin/BRANCH:refs/heads/{branch}"
            );
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        EstateError::Model {
            ref environment, ..
        } => {
            let hint = format!("look at all of it: kubectl gitops validate {environment}");
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        other => Failure::new(FailureKind::Usage, other),
    }
}

/// A failure of Git.
pub(super) fn git_failure(error: GitError) -> Failure {
    if let Some((kind, hint)) = outside(&error) {
        return Failure::new(kind, error).hint(hint);
    }
    let (kind, hint) = match &error {
        GitError::NotARepository { .. } => (
            FailureKind::Usage,
            "go into a clone, name one with -C DIR, or begin one with git init and kubectl gitops init",
        ),
        GitError::NoSuchRemote { .. } => (
            FailureKind::Usage,
            "add it with git remote add, or name another with --remote",
        ),
        GitError::SeveralRemotes { .. } => (FailureKind::Usage, "say which one with --remote NAME"),
        GitError::NoIdentity { .. } => (
            FailureKind::Usage,
            "git config --global user.name 'Your Name' and git config --global user.email you@example.com",
        ),
        GitError::ForeignOwner { .. } => (
            FailureKind::Usage,
            "if you trust it: git config --global --add safe.directory DIR",
        ),
        GitError::Unreachable { .. } => (
            FailureKind::Unreachable,
            "nothing was written; look at what was last fetched with --offline",
        ),
        GitError::DamagedCopy { .. } | GitError::LostCopy { .. } => (
            FailureKind::Unreachable,
            "run it again: another copy is made",
        ),
        GitError::HistoryCut => (
            FailureKind::Usage,
            "use a clone that has all of it: git fetch --unshallow",
        ),
        GitError::NeverFetched { .. } => {
            (FailureKind::Unreachable, "run it once without --offline")
        }
        GitError::OutcomeUnknown { .. } => (
            FailureKind::Unreachable,
            "run the same command again: it finds out, and does nothing twice",
        ),
        GitError::PushFailed { .. } => (
            FailureKind::Unreachable,
            "nothing was written; run it again",
        ),
        GitError::MissingObject { .. } => (
            FailureKind::Usage,
            "fetch more of it: git fetch --unshallow, or --refetch in a partial clone",
        ),
        GitError::HookRefused { .. } => (
            FailureKind::Refused,
            "nothing was written; do what the hook asks for, or commit without a push: --no-push",
        ),
        GitError::Signing { .. } => (
            FailureKind::Usage,
            "nothing was written; commit.gpgsign asks for signatures: see git config gpg.format and git config user.signingkey",
        ),
        GitError::DirtyWorkTree { .. } => (
            FailureKind::Refused,
            "commit or stash the changes first; nothing was written",
        ),
        _ => return Failure::new(FailureKind::Usage, error),
    };
    Failure::new(kind, error).hint(hint)
}
