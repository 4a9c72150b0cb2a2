//! Pushing: compare-and-swap on the remote. Every reference moves from the id
//! that was planned on, or none does. A push whose connection was lost is not
//! guessed about: the remote is asked.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use super::fetch::unreachable;
use super::hook::{self, Trace};
use super::porcelain::{self, Verdict, read_porcelain, server_lines};
use super::{Git, GitError, Remote};
use crate::repo::{BranchName, ObjectId, RefName};

/// One reference that moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefMove {
    /// The reference.
    pub name: RefName,
    /// Where it must stand; `None`: it must not exist.
    pub expected: Option<ObjectId>,
    /// Where it goes.
    pub new: ObjectId,
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PushOutcome {
    /// Every reference stands where it should.
    Pushed,
    /// These were not where they were expected; nothing moved.
    Stale(Vec<RefName>),
    /// The remote refused; nothing moved.
    Rejected {
        /// The first reference that it refused.
        name: RefName,
        /// Its reason, as Git reports it.
        reason: String,
        /// What the server printed, cleaned.
        said: String,
    },
    /// The remote takes no push options; nothing was sent.
    NoOptions,
}

/// A push and what came with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushAnswer {
    /// What became of it.
    pub outcome: PushOutcome,
    /// What the server printed, cleaned.
    pub said: String,
    /// The references by the names that the server gave them.
    pub landed: Vec<String>,
}

impl PushAnswer {
    fn of(outcome: PushOutcome, said: String) -> Self {
        Self {
            outcome,
            said,
            landed: Vec::new(),
        }
    }
}

impl Git {
    /// Moves references of the remote, all or none.
    pub fn push(&self, remote: &Remote, moves: &[RefMove]) -> Result<PushOutcome, GitError> {
        Ok(self.push_with(remote, moves, &[])?.outcome)
    }

    /// The same with options for the server; what it answers counts, too.
    pub fn push_with(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        options: &[String],
    ) -> Result<PushAnswer, GitError> {
        let mut lost = None;
        // The same push may run twice: a remote that has our commit already
        // answers «up to date».
        for _ in 0..2 {
            let trace = Trace::begin(self);
            let output = match self.push_once(remote, moves, options, trace.as_ref()) {
                Err(GitError::Stalled { waited, said, .. }) => {
                    if trace.is_some_and(|trace| trace.hangs()) {
                        return Err(GitError::Stalled {
                            command: "push (its pre-push hook)".to_owned(),
                            of: None,
                            waited,
                            said,
                        });
                    }
                    return self.after_silence(remote, moves, (waited, said));
                }
                output => output?,
            };
            if !output.ok() && trace.is_some_and(|trace| trace.refused()) {
                return Err(GitError::HookRefused {
                    remote: remote.name().to_owned(),
                    said: self.secrets().presentable(&hook::words(&output)),
                });
            }
            let said = server_lines(&output.stderr);
            let verdict = read_porcelain(&output.stdout, moves);
            match porcelain::or_aborted(verdict, &output.stderr, moves) {
                Verdict::Done(landed) if output.ok() => {
                    let secrets = self.secrets();
                    let hide = |name: &String| secrets.presentable(name);
                    let landed = landed.iter().map(hide).collect();
                    return Ok(PushAnswer {
                        outcome: PushOutcome::Pushed,
                        said,
                        landed,
                    });
                }
                Verdict::Stale(names) => {
                    return Ok(PushAnswer::of(PushOutcome::Stale(names), said));
                }
                Verdict::Rejected(name, reason) => {
                    let failure = porcelain::failure(&reason, &output.stderr);
                    let reason = self.secrets().presentable(&reason);
                    let outcome = self.rejected(remote, moves, (name, reason, said.clone()));
                    if let (PushOutcome::Rejected { name, .. }, Some(reason)) = (&outcome, failure)
                    {
                        return Err(GitError::RemoteFailed {
                            remote: remote.shown().to_owned(),
                            name: name.clone(),
                            reason,
                            said,
                        });
                    }
                    return Ok(PushAnswer::of(outcome, said));
                }
                Verdict::Silent
                    if !options.is_empty()
                        && output.stderr.contains("does not support push options") =>
                {
                    return Ok(PushAnswer::of(PushOutcome::NoOptions, said));
                }
                Verdict::Silent if output.stderr.contains("does not support --atomic push") => {
                    return Err(GitError::NotAtomic {
                        remote: remote.shown().to_owned(),
                        references: moves.len(),
                    });
                }
                Verdict::Done(_) | Verdict::Silent => {}
            }
            match self.ask_outcome(remote, moves, &output.stderr)? {
                Some(outcome) => return Ok(PushAnswer::of(outcome, said)),
                None => lost = Some(output.stderr),
            }
            pause(Duration::from_millis(300));
        }
        Err(GitError::PushFailed {
            remote: remote.shown().to_owned(),
            message: lost.unwrap_or_default(),
        })
    }

    /// What became of a push that was ended because nothing was heard of it. It is not
    /// tried again: the remote may still be busy with it, and would be as silent.
    fn after_silence(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        (waited, said): (Duration, String),
    ) -> Result<PushAnswer, GitError> {
        let lines = server_lines(&said);
        match self.compare(remote, moves) {
            Ok(Some(outcome)) => Ok(PushAnswer::of(outcome, lines)),
            Ok(None) => Err(GitError::PushStalled {
                remote: remote.shown().to_owned(),
                waited,
                said: lines,
            }),
            Err(error) => Err(GitError::OutcomeUnknown {
                remote: remote.shown().to_owned(),
                message: error.to_string(),
            }),
        }
    }

    fn push_once(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        options: &[String],
        trace: Option<&Trace>,
    ) -> Result<super::command::Output, GitError> {
        let mut words = vec![
            "--porcelain".to_owned(),
            "--progress".to_owned(),
            "--no-follow-tags".to_owned(),
            "--recurse-submodules=no".to_owned(),
        ];
        // Some servers know no atomic pushes, and one branch needs none.
        if moves.len() > 1 {
            words.push("--atomic".to_owned());
        }
        for option in options {
            words.push(format!("--push-option={option}"));
        }
        for step in moves {
            // What is pushed for review has no place of its own to compare.
            if matches!(step.name, RefName::Review(_)) {
                continue;
            }
            let expected = step.expected.as_ref().map_or("", ObjectId::as_str);
            let name = step.name.reference();
            words.push(format!("--force-with-lease={name}:{expected}"));
        }
        words.extend(["--".to_owned(), remote.name().to_owned()]);
        for step in moves {
            words.push(format!("{}:{}", step.new, step.name.reference()));
        }
        let mut call = self.call_push(remote).args(words).ends_are_enough();
        if let Some(trace) = trace {
            call = call.env(hook::VARIABLE, trace.file());
        }
        call.run()
    }

    /// A refusal that is really a lost race is told apart by asking: two
    /// pushes may pass the lease together and meet at the reference's lock. And
    /// one that is really a success: a request whose answer was lost is sent
    /// again by the HTTP library, and meets what it did the first time.
    fn rejected(
        &self,
        remote: &Remote,
        moves: &[RefMove],
        (name, reason, said): (RefName, String, String),
    ) -> PushOutcome {
        let review = moves
            .iter()
            .any(|step| matches!(step.name, RefName::Review(_)));
        match self.compare(remote, moves) {
            Ok(Some(outcome)) if !review => outcome,
            _ => PushOutcome::Rejected { name, reason, said },
        }
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
            match self.compare(remote, moves) {
                Ok(outcome) => return Ok(outcome),
                // Who says nothing now says nothing in a second either.
                Err(GitError::Stalled { .. }) => break,
                Err(_) => {}
            }
        }
        Err(GitError::OutcomeUnknown {
            remote: remote.shown().to_owned(),
            message: message.to_owned(),
        })
    }

    fn compare(&self, remote: &Remote, moves: &[RefMove]) -> Result<Option<PushOutcome>, GitError> {
        let (review, named): (Vec<&RefMove>, Vec<&RefMove>) = moves
            .iter()
            .partition(|step| matches!(step.name, RefName::Review(_)));
        if !review.is_empty() {
            let heads = self.ask_pull_requests(remote)?;
            let there = |step: &&RefMove| heads.iter().any(|(_, head)| step.new == *head);
            return Ok(review.iter().all(there).then_some(PushOutcome::Pushed));
        }
        let names: Vec<RefName> = named.iter().map(|step| step.name.clone()).collect();
        let tips = self.ask_tips(remote, &names)?;
        let both = || named.iter().zip(&tips);
        if both().all(|(step, tip)| tip.as_ref() == Some(&step.new)) {
            // The lost answer would have moved the tracking references.
            let branches: Vec<BranchName> = names.into_iter().filter_map(branch_of).collect();
            self.fetch(remote, &branches)
                .map_err(|error| unreachable(remote, error.to_string()))?;
            return Ok(Some(PushOutcome::Pushed));
        }
        let stale: Vec<RefName> = both()
            .filter(|(step, tip)| **tip != step.expected)
            .map(|(step, _)| step.name.clone())
            .collect();
        Ok((!stale.is_empty()).then_some(PushOutcome::Stale(stale)))
    }
}

fn branch_of(name: RefName) -> Option<BranchName> {
    match name {
        RefName::Branch(branch) => Some(branch),
        RefName::Tag(_) | RefName::Review(_) => None,
    }
}

/// Waits about this long, never exactly, so that two that met do not meet again.
pub fn pause(about: Duration) {
    if about.is_zero() {
        return;
    }
    std::thread::sleep(about / 2 + about.mul_f64((chance() % 1000) as f64 / 1000.0));
}

/// A number that nobody else gets. The standard library's only source of chance is the
/// seed of its hash maps.
pub(super) fn chance() -> u64 {
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}
