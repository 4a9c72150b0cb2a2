//! Pushing: compare-and-swap on the remote. Every branch moves from the id
//! that was planned on, or none does. A push whose connection was lost is not
//! guessed about: the remote is asked.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use super::fetch::unreachable;
use super::hook::{self, Trace};
use super::{Git, GitError, Remote};
use crate::repo::{BranchName, CommitId};

/// One branch that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMove {
    /// The branch.
    pub branch: BranchName,
    /// Where it must stand; `None`: it must not exist.
    pub expected: Option<CommitId>,
    /// Where it goes.
    pub new: CommitId,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// Every branch stands where it should.
    Pushed,
    /// These branches were not where they were expected; nothing moved.
    Stale(Vec<BranchName>),
    /// The remote refused; nothing moved.
    Rejected {
        /// The first branch that it refused.
        branch: BranchName,
        /// Its reason, as Git reports it.
        reason: String,
        /// What the server printed, cleaned.
        said: String,
    },
}

/// What a finished push says about each reference.
enum Verdict {
    Done,
    Stale(Vec<BranchName>),
    Rejected(BranchName, String),
    /// No word about some of them: the connection was lost.
    Silent,
}

impl Git {
    /// Moves branches of the remote, all or none.
    pub fn push(&self, remote: &Remote, moves: &[RefMove]) -> Result<PushOutcome, GitError> {
        let mut lost = None;
        // The same push may run twice: a remote that has our commit already
        // answers «up to date».
        for _ in 0..2 {
            let trace = Trace::begin(self);
            let output = self.push_once(remote, moves, trace.as_ref())?;
            if !output.ok() && trace.is_some_and(|trace| trace.refused()) {
                return Err(GitError::HookRefused {
                    remote: remote.name().to_owned(),
                    said: hook::words(&output),
                });
            }
            let said = server_lines(&output.stderr);
            match read_porcelain(&output.stdout, moves) {
                Verdict::Done if output.ok() => return Ok(PushOutcome::Pushed),
                Verdict::Stale(branches) => return Ok(PushOutcome::Stale(branches)),
                Verdict::Rejected(branch, reason) => {
                    return self.rejected(remote, moves, (branch, reason, said));
                }
                Verdict::Done | Verdict::Silent => {}
            }
            match self.ask_outcome(remote, moves, &output.stderr)? {
                Some(outcome) => return Ok(outcome),
                None => lost = Some(output.stderr),
            }
            pause(Duration::from_millis(300));
        }
        Err(GitError::PushFailed {
            remote: remote.shown().to_owned(),
            message: lost.unwrap_or_default(),
        })
    }

    fn push_once(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        trace: Option<&Trace>,
    ) -> Result<super::command::Output, GitError> {
        let mut options = vec![
            "--porcelain".to_owned(),
            "--no-follow-tags".to_owned(),
            "--recurse-submodules=no".to_owned(),
        ];
        // Some servers know no atomic pushes, and one branch needs none.
        if moves.len() > 1 {
            options.push("--atomic".to_owned());
        }
        for step in moves {
            let expected = step.expected.as_ref().map_or("", CommitId::as_str);
            let name = step.branch.reference();
            options.push(format!("--force-with-lease={name}:{expected}"));
        }
        options.extend(["--".to_owned(), remote.name().to_owned()]);
        for step in moves {
            options.push(format!("{}:{}", step.new, step.branch.reference()));
        }
        let mut call = self.call_in_place("push").args(options);
        if let Some(trace) = trace {
            call = call.env(hook::VARIABLE, trace.file());
        }
        call.run()
    }

    /// A refusal that is really a lost race is told apart by asking: two
    /// pushes may pass the lease together and meet at the reference's lock.
    fn rejected(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        (branch, reason, said): (BranchName, String, String),
    ) -> Result<PushOutcome, GitError> {
        if let Ok(Some(PushOutcome::Stale(stale))) = self.compare(remote, moves) {
            return Ok(PushOutcome::Stale(stale));
        }
        Ok(PushOutcome::Rejected {
            branch,
            reason,
            said,
        })
    }

    /// Where a push without a verdict stands: `None` when nothing moved.
    fn ask_outcome(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        message: &str,
    ) -> Result<Option<PushOutcome>, GitError> {
        for wait in [0, 300, 900] {
            pause(Duration::from_millis(wait));
            if let Ok(outcome) = self.compare(remote, moves) {
                return Ok(outcome);
            }
        }
        Err(GitError::OutcomeUnknown {
            remote: remote.shown().to_owned(),
            message: message.to_owned(),
        })
    }

    fn compare(&self, remote: &Remote, moves: &[RefMove]) -> Result<Option<PushOutcome>, GitError> {
        let branches: Vec<BranchName> = moves.iter().map(|step| step.branch.clone()).collect();
        let tips = self.ask_tips(remote, &branches)?;
        let both = || moves.iter().zip(&tips);
        if both().all(|(step, tip)| tip.as_ref() == Some(&step.new)) {
            // The lost answer would have moved the tracking references.
            self.fetch(remote, &branches)
                .map_err(|error| unreachable(remote, error.to_string()))?;
            return Ok(Some(PushOutcome::Pushed));
        }
        let stale: Vec<BranchName> = both()
            .filter(|(step, tip)| **tip != step.expected)
            .map(|(step, _)| step.branch.clone())
            .collect();
        Ok((!stale.is_empty()).then_some(PushOutcome::Stale(stale)))
    }
}

/// Waits about this long, never exactly, so that two that met do not meet again.
pub fn pause(about: Duration) {
    if about.is_zero() {
        return;
    }
    // The standard library's only source of chance: the seed of its hash maps.
    let chance = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    std::thread::sleep(about / 2 + about.mul_f64((chance % 1000) as f64 / 1000.0));
}

/// The porcelain of git-push(1): `<flag> TAB <from>:<to> TAB <summary> (<reason>)`.
fn read_porcelain(text: &str, moves: &[RefMove]) -> Verdict {
    let mut stale = Vec::new();
    let mut rejected = None;
    let mut seen = 0;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (Some(flag), Some(refs), Some(summary)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let Some(step) = refs
            .split_once(':')
            .and_then(|(_, to)| moves.iter().find(|step| step.branch.reference() == to))
        else {
            continue;
        };
        seen += 1;
        if flag != "!" {
            continue;
        }
        let branch = step.branch.clone();
        if summary.contains("(stale info)") {
            stale.push(branch);
        } else if !summary.contains("atomic") && rejected.is_none() {
            let reason = summary
                .split_once('(')
                .map_or(summary, |(_, reason)| reason.trim_end_matches(')'));
            rejected = Some((branch, super::masking::presentable(reason)));
        } else if rejected.is_none() && summary.contains("[remote failure]") {
            return Verdict::Silent;
        }
    }
    match rejected {
        _ if !stale.is_empty() => Verdict::Stale(stale),
        // Git's own word for «the remote end hung up before saying».
        Some((_, reason)) if reason.contains("remote end hung up") => Verdict::Silent,
        Some((_, reason)) if reason.contains("failed to report status") => Verdict::Silent,
        Some((branch, reason)) => Verdict::Rejected(branch, reason),
        None if seen == moves.len() => Verdict::Done,
        None => Verdict::Silent,
    }
}

/// What the server itself printed, without Git's prefix.
fn server_lines(stderr: &str) -> String {
    let lines: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn moves() -> Vec<RefMove> {
        ["env/dev", "env/prod"]
            .map(|name| RefMove {
                branch: name.parse().unwrap(),
                expected: None,
                new: "1".repeat(40).parse().unwrap(),
            })
            .to_vec()
    }

    #[test]
    fn an_atomic_push_blames_the_branch_that_stopped_it() {
        let text = "To file:///x\n\
            !\tabc:refs/heads/env/dev\t[rejected] (atomic push failed)\n\
            !\tabc:refs/heads/env/prod\t[rejected] (stale info)\nDone\n";
        let Verdict::Stale(stale) = read_porcelain(text, &moves()) else {
            panic!("not stale");
        };
        assert_eq!(stale, ["env/prod".parse().unwrap()]);
        let text = "To file:///x\n\
            !\tabc:refs/heads/env/dev\t[remote rejected] (pre-receive hook declined)\n\
            !\tabc:refs/heads/env/prod\t[remote rejected] (atomic transaction failed)\nDone\n";
        let Verdict::Rejected(branch, reason) = read_porcelain(text, &moves()) else {
            panic!("not rejected");
        };
        assert_eq!(branch.as_str(), "env/dev");
        assert_eq!(reason, "pre-receive hook declined");
    }

    #[test]
    fn silence_about_one_branch_is_not_taken_for_success() {
        let text = "To file:///x\n \tabc:refs/heads/env/dev\tabc..def\n";
        assert!(matches!(read_porcelain(text, &moves()), Verdict::Silent));
        assert!(matches!(read_porcelain("", &moves()), Verdict::Silent));
        let text = "To x\n*\ta:refs/heads/env/dev\t[new branch]\n\
            =\ta:refs/heads/env/prod\t[up to date]\nDone\n";
        assert!(matches!(read_porcelain(text, &moves()), Verdict::Done));
    }

    #[test]
    fn the_server_is_quoted_without_its_prefix() {
        assert_eq!(
            server_lines("remote: no \nremote:\nTo x\nerror: failed\nremote:  why"),
            "no\nwhy"
        );
    }
}
