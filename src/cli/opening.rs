//! Opening a repository for a command, and the failures of Git and of the
//! repository's description with what helps against each.

use super::edge::context::Context;
use super::edge::failure::{Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use crate::config::{ConfigError, Origin};
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
        here: context.global.repo.is_none(),
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

/// Advice for failures of the remote and of this machine: too slow, full, or not to be
/// written to.
fn outside_hint(error: &GitError) -> Option<&'static str> {
    Some(match error {
        GitError::Stalled { of: Some(_), .. } => {
            "nothing was written; wait longer with --request-timeout DURATION, or look at what was last fetched with --offline"
        }
        GitError::Stalled { of: None, .. } => {
            "nothing was written; see what it waits for by running git yourself"
        }
        GitError::PushStalled { .. } => {
            "the remote may still be busy with it: look there, then run the same command again, or wait longer with --request-timeout DURATION"
        }
        GitError::RemoteFailed { .. } => {
            "nothing was written; this is for whoever runs the remote to repair: its disk, its permissions, or a lock that was left behind"
        }
        GitError::NotStored { .. } => {
            "nothing was written; make room on that disk, or let this user write there"
        }
        GitError::NoPlaceForCopy { .. } => {
            "make room there, or name another folder: KUBECTL_GITOPS_CACHE_DIR=/path"
        }
        GitError::TooMuch { .. } => "nothing was written; see what it says by running git yourself",
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
        EstateError::Config(ConfigError::Absent) => {
            Failure::new(FailureKind::Usage, error).hint(Hint::command(
                "describe the environments in gitops.yaml; to see a proposal",
                CommandLine::gitops(["init"]),
            ))
        }
        EstateError::Config(ConfigError::OnlyInWorkTree) => Failure::new(FailureKind::Usage, error)
            .hint("commit it and push it to the default branch, then run this again"),
        // It names the place.
        EstateError::Config(ConfigError::Wrong { .. }) => Failure::new(FailureKind::Usage, error),
        EstateError::Unborn {
            ref branch,
            ref begins_from,
            ref remote,
            ..
        } => {
            let begin = begins_from.as_ref().map(|from| match remote {
                Some(remote) => {
                    let places = format!("{remote}/{from}:refs/heads/{branch}");
                    CommandLine::git(["push", remote, &places])
                }
                None => CommandLine::git(["branch", branch.as_str(), from.as_str()]),
            });
            let failure = Failure::new(FailureKind::Usage, error);
            match begin {
                Some(begin) => {
                    failure.hint(Hint::command("begin it from another environment", begin))
                }
                None => failure,
            }
        }
        EstateError::Model(ref wrong) => {
            let environment = &wrong.environment;
            let all = CommandLine::gitops(["validate", environment.as_str()]);
            Failure::new(FailureKind::Usage, error).hint(Hint::command("see all of it", all))
        }
        EstateError::Place { .. }
        | EstateError::Unreadable { .. }
        | EstateError::Nothing { .. }
        | EstateError::UnknownEnvironment { .. } => Failure::new(FailureKind::Usage, error),
    }
}

/// A failure of Git.
pub(super) fn git_failure(error: GitError) -> Failure {
    let hint = git_hint(&error);
    let failure = Failure::new(git_kind(&error), error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The exit code of each failure. Exhaustive: a new variant has to be judged here.
fn git_kind(error: &GitError) -> FailureKind {
    match error {
        GitError::NotARepository { .. }
        | GitError::NoSuchRemote { .. }
        | GitError::SeveralRemotes { .. }
        | GitError::NoIdentity { .. }
        | GitError::ForeignOwner { .. }
        | GitError::BareNotAllowed { .. }
        | GitError::HistoryCut
        | GitError::Signing { .. }
        | GitError::Reftable { .. }
        | GitError::Unsupported { .. }
        | GitError::NoDefaultBranch { .. }
        | GitError::UnknownRevision { .. }
        | GitError::AmbiguousRevision { .. }
        | GitError::HostilePath { .. }
        | GitError::TooLarge { .. }
        | GitError::TooManyFiles { .. }
        | GitError::Blocked { .. }
        | GitError::Bare { .. } => FailureKind::Usage,
        GitError::HookRefused { .. }
        | GitError::NotAtomic { .. }
        | GitError::DirtyWorkTree { .. } => FailureKind::Refused,
        GitError::Damaged { .. }
        | GitError::NoProgram(_)
        | GitError::OldGit { .. }
        | GitError::Redirected { .. }
        | GitError::Unreachable { .. }
        | GitError::DamagedCopy { .. }
        | GitError::LostCopy { .. }
        | GitError::Stalled { .. }
        | GitError::TooMuch { .. }
        | GitError::PushStalled { .. }
        | GitError::RemoteFailed { .. }
        | GitError::NotStored { .. }
        | GitError::NeverFetched { .. }
        | GitError::OutcomeUnknown { .. }
        | GitError::PushFailed { .. }
        | GitError::MissingObject { .. }
        | GitError::Login(_)
        | GitError::Program { .. }
        | GitError::Library { .. } => FailureKind::Unreachable,
        GitError::Io { source, .. } | GitError::NoPlaceForCopy { source, .. } => {
            io_kind(source.kind())
        }
    }
}

fn git_hint(error: &GitError) -> Option<&'static str> {
    Some(match error {
        GitError::NotARepository { .. } => {
            "go into a clone, name one with -C DIR, or begin one with git init"
        }
        GitError::NoSuchRemote { .. } => {
            "add it with git remote add, or name another with --remote"
        }
        GitError::SeveralRemotes { .. } => "say which one with --remote NAME",
        GitError::NoIdentity { .. } => {
            "git config --global user.name 'Your Name' and git config --global user.email you@example.com"
        }
        GitError::ForeignOwner { .. } => {
            "if you trust it: git config --global --add safe.directory DIR"
        }
        GitError::BareNotAllowed { .. } => {
            "if you trust it, name it by its address: -C file:///PATH"
        }
        GitError::Damaged { .. } => {
            "nothing was written; look at it with git fsck, or make a new clone"
        }
        GitError::NoProgram(_) => "nothing was written; install git, or add its folder to PATH",
        GitError::OldGit { .. } => {
            "nothing was written; install a newer git, or put it first in PATH"
        }
        GitError::Redirected { .. } => {
            "nothing was written; if you trust that host, use its address"
        }
        GitError::Unreachable { .. } => {
            "nothing was written; look at what was last fetched with --offline"
        }
        GitError::DamagedCopy { .. } | GitError::LostCopy { .. } => {
            "run it again: another copy is made"
        }
        GitError::HistoryCut => "use a clone that has all of it: git fetch --unshallow",
        GitError::NeverFetched { .. } => "run it once without --offline",
        GitError::OutcomeUnknown { .. } => {
            "run the same command again: it finds out, and does nothing twice"
        }
        GitError::NotAtomic { .. } => "nothing was written; write one after the other",
        GitError::PushFailed { .. } => "nothing was written; run it again",
        GitError::MissingObject { .. } => {
            "nothing was written; look with git fsck, and fetch again (--unshallow, --refetch) or make a new clone"
        }
        GitError::HookRefused { .. } => {
            "nothing was written; do what the hook asks for, or commit without a push: --no-push"
        }
        GitError::Signing { .. } => {
            "nothing was written; commit.gpgsign asks for signatures: see git config gpg.format and git config user.signingkey"
        }
        GitError::DirtyWorkTree { .. } => "commit or stash the changes first; nothing was written",
        other => return outside_hint(other),
    })
}

/// A file where a folder was named, or the other way round, is for the person to mend; the
/// rest is this machine's.
fn io_kind(kind: std::io::ErrorKind) -> FailureKind {
    use std::io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    match kind {
        AlreadyExists | NotADirectory | IsADirectory => FailureKind::Usage,
        _ => FailureKind::Unreachable,
    }
}
