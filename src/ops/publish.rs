//! The only writer. A change set becomes commits in the object database, one
//! compare-and-swap on the remote, and then, where nothing is lost by it, local
//! branches. Killed at any moment, the remote is either before or after.
//!
//! An environment with `write: branch` gets the same commit on a branch of its
//! own, for a pull request. A plan that no longer fits the tip is never pushed.

use std::time::Duration;

use super::estate::{Estate, EstateError};
use super::rerender::KnownRendering;
use crate::git::{GitError, LocalRef, PushOutcome, RefMove, pause};
use crate::product::{EnvironmentEntry, WriteMode};
use crate::repo::{BranchName, ChangeSet, CommitId, CommitInfo, RefUpdate};

/// How often a moving branch is planned on again: each time somebody else's commit
/// landed, so this many writers at once all get their turn.
const TRIES: u32 = 40;

/// The longest pause between two tries, about.
const PAUSE: Duration = Duration::from_millis(600);

/// How a change set is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishOptions {
    /// Push to the remote; without it only local branches move.
    pub push: bool,
}

/// A change set and the digest of the plan that it came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Planned {
    /// Equal digests mean the same decisions on the same values.
    pub digest: String,
    /// What is written.
    pub changes: ChangeSet,
    /// What the sources among that render to, where it is worth remembering.
    pub known: Vec<KnownRendering>,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// One per branch, in the order of the change set.
    pub updates: Vec<PublishedRef>,
}

/// One branch that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRef {
    /// The branch that moved: the environment's, or the proposal's.
    pub branch: BranchName,
    /// Where it stood; `None`: it is new.
    pub old: Option<CommitId>,
    /// Where it stands.
    pub new: CommitId,
    /// The remote that has it.
    pub pushed_to: Option<String>,
    /// What became of the local branch.
    pub local: LocalRef,
    /// Set when the commit went to a branch of its own, for a pull request.
    pub proposal: Option<Proposal>,
}

/// A commit that waits for a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The branch that it should be merged into.
    pub into: BranchName,
    /// It was there already: the same plan was proposed before.
    pub already: bool,
    /// Older proposals of the same kind, which this one replaces.
    pub supersedes: Vec<BranchName>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A branch moved, and the plan is no longer the same.
    #[error("{branch} moved while this was prepared")]
    Moved {
        /// The branch.
        branch: BranchName,
        /// Where it stood when the plan was made.
        was: Option<CommitId>,
        /// Where it stands now; `None`: it is gone.
        now: Option<Box<CommitInfo>>,
        /// It was planned again, and the plan is another one.
        differs: bool,
    },
    /// The remote refused.
    #[error("{remote} rejected the push to {branch}: {reason}{}", quoted(.said))]
    Rejected {
        /// The remote.
        remote: String,
        /// The branch.
        branch: BranchName,
        /// Git's reason.
        reason: String,
        /// The server's own words.
        said: String,
    },
    /// Without a push the commit would go to a local branch that has commits
    /// of its own.
    #[error("the local branch {branch} has commits that its remote does not have")]
    LocalAhead {
        /// The branch.
        branch: BranchName,
    },
    /// The remote's state could not be learned again.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// Git failed; also a remote that cannot be reached.
    #[error(transparent)]
    Git(#[from] GitError),
}

fn quoted(said: &str) -> String {
    said.lines().map(|line| format!("\n{line}")).collect()
}

/// Why planning and publishing in turns came to nothing.
#[derive(Debug)]
pub enum Replanned<E> {
    /// Publishing failed, or another plan came out.
    Publish(PublishError),
    /// Planning again failed.
    Plan(E),
}

impl<E> From<PublishError> for Replanned<E> {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

/// Publishes a change set: all of it, or nothing.
pub fn publish(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<Published, PublishError> {
    match attempt(estate, changes, options)? {
        Attempt::Done(published) => Ok(published),
        Attempt::Stale(branch) => Err(moved(estate, changes, &branch, false)?),
    }
}

/// Publishes a plan. When a branch moved meanwhile, it is planned again on the
/// new tip: the same plan is published there, another one is not.
pub fn publish_replanning<E>(
    estate: &Estate,
    options: PublishOptions,
    first: Planned,
    replan: &mut dyn FnMut() -> Result<Planned, E>,
) -> Result<Published, Replanned<E>> {
    let mut planned = first;
    for turn in 1..=TRIES {
        let branch = match attempt(estate, &planned.changes, options)? {
            Attempt::Done(published) => {
                planned
                    .known
                    .iter()
                    .for_each(|known| estate.remember(known));
                return Ok(published);
            }
            Attempt::Stale(branch) => branch,
        };
        if turn == TRIES {
            let error = moved(estate, &planned.changes, &branch, false)?;
            return Err(error.into());
        }
        pause(PAUSE.min(Duration::from_millis(40) * 2u32.pow(turn.min(8))));
        estate.refresh().map_err(PublishError::from)?;
        let again = replan().map_err(Replanned::Plan)?;
        if again.digest != planned.digest {
            let error = moved(estate, &planned.changes, &branch, true)?;
            return Err(error.into());
        }
        planned = again;
    }
    Ok(Published {
        updates: Vec::new(),
    })
}

enum Attempt {
    Done(Published),
    /// This branch was not where the plan had it.
    Stale(BranchName),
}

/// A commit and where it goes.
struct Step {
    update: RefUpdate,
    new: CommitId,
    proposal: Option<Proposal>,
}

fn attempt(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<Attempt, PublishError> {
    let mut steps = Vec::new();
    for update in &changes.updates {
        // The tip may have moved since the plan, and another run of ours may
        // have fetched it.
        let tip = estate.git.tip(estate.remote.as_ref(), &update.branch)?;
        if tip != update.expected {
            return Ok(Attempt::Stale(update.branch.clone()));
        }
        steps.push(prepare(estate, &onto(update, &steps), options)?);
    }
    match (&estate.remote, options.push) {
        (Some(remote), true) => {
            let moves = moves(steps.iter().filter(|step| !is_there(step)));
            if !moves.is_empty() {
                match estate.git.push(remote, &moves)? {
                    PushOutcome::Pushed => {}
                    PushOutcome::Stale(branches) => {
                        let first = branches.into_iter().next();
                        return Ok(Attempt::Stale(first.map_or_else(
                            || moves[0].branch.clone(),
                            |branch| planned_branch(&steps, branch),
                        )));
                    }
                    PushOutcome::Rejected {
                        branch,
                        reason,
                        said,
                    } => {
                        return Err(PublishError::Rejected {
                            remote: remote.shown().to_owned(),
                            branch,
                            reason,
                            said,
                        });
                    }
                }
            }
            finish(estate, steps, Some(remote.shown()))
        }
        (Some(_), false) => {
            let mut local = moves(&steps);
            for step in &mut local {
                step.expected = local_tip(estate, step)?;
            }
            move_local(estate, &local, steps)
        }
        (None, _) => {
            let local = moves(steps.iter().filter(|step| !is_there(step)));
            move_local(estate, &local, steps)
        }
    }
}

/// An update of a branch that this change set writes already stands on that commit.
fn onto(update: &RefUpdate, steps: &[Step]) -> RefUpdate {
    let same = |step: &&Step| step.update.branch == update.branch;
    let before = steps.iter().rev().find(same);
    RefUpdate {
        parent: before.map_or_else(|| update.parent.clone(), |step| Some(step.new.clone())),
        ..update.clone()
    }
}

fn is_there(step: &Step) -> bool {
    step.proposal
        .as_ref()
        .is_some_and(|proposal| proposal.already)
}

fn moves<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<RefMove> {
    let one = |step: &Step| RefMove {
        branch: step.update.branch.clone(),
        expected: step.update.expected.clone(),
        new: step.new.clone(),
    };
    let mut moves: Vec<RefMove> = Vec::new();
    for step in steps.into_iter().map(one) {
        // Of several commits on a branch, the last one carries the others.
        moves.retain(|other| other.branch != step.branch);
        moves.push(step);
    }
    moves
}

/// A proposal that moved says nothing to a person; the branch that it is for does.
fn planned_branch(steps: &[Step], branch: BranchName) -> BranchName {
    steps
        .iter()
        .find(|step| step.update.branch == branch)
        .and_then(|step| step.proposal.as_ref())
        .map_or(branch, |proposal| proposal.into.clone())
}

/// Where a local branch stands that is to get the commit without a push. It
/// may be behind its remote, but not beside it.
fn local_tip(estate: &Estate, step: &RefMove) -> Result<Option<CommitId>, PublishError> {
    match estate.git.tip(None, &step.branch)? {
        Some(tip) if !estate.git.contains(&step.new, &tip)? => Err(PublishError::LocalAhead {
            branch: step.branch.clone(),
        }),
        tip => Ok(tip),
    }
}

fn move_local(
    estate: &Estate,
    moves: &[RefMove],
    steps: Vec<Step>,
) -> Result<Attempt, PublishError> {
    if moves.is_empty() {
        return finish(estate, steps, None);
    }
    match estate.git.move_refs(moves)? {
        PushOutcome::Pushed => finish(estate, steps, None),
        PushOutcome::Stale(branches) => {
            Ok(Attempt::Stale(branches.into_iter().next().map_or_else(
                || moves[0].branch.clone(),
                |b| planned_branch(&steps, b),
            )))
        }
        PushOutcome::Rejected { branch, .. } => Ok(Attempt::Stale(branch)),
    }
}

/// The commit is safe where it belongs; local branches follow as they can.
fn finish(
    estate: &Estate,
    steps: Vec<Step>,
    remote: Option<&str>,
) -> Result<Attempt, PublishError> {
    let mut updates: Vec<PublishedRef> = Vec::new();
    for step in steps {
        let branch = step.update.branch;
        let before = updates.iter().rev().find(|other| other.branch == branch);
        let old = before.map_or(step.update.expected, |other| Some(other.new.clone()));
        let local = match (&step.proposal, remote) {
            (Some(_), Some(_)) => LocalRef::Absent,
            (_, None) => LocalRef::Moved,
            // The commit is published; what happens to a local branch is no
            // reason to call that a failure.
            (None, Some(_)) => estate
                .git
                .move_local(&branch, &step.new)
                .unwrap_or(LocalRef::LeftDirty),
        };
        updates.push(PublishedRef {
            branch,
            old,
            new: step.new,
            pushed_to: remote.map(str::to_owned),
            local,
            proposal: step.proposal,
        });
    }
    Ok(Attempt::Done(Published { updates }))
}

fn prepare(
    estate: &Estate,
    update: &RefUpdate,
    options: PublishOptions,
) -> Result<Step, PublishError> {
    let Some(entry) = proposed_to(estate, update) else {
        return Ok(Step {
            new: estate.git.write_commit(update)?,
            update: update.clone(),
            proposal: None,
        });
    };
    let action = update.message.trailer("Gitops-Action").unwrap_or("change");
    let kind = format!("gitops/{}/{}/", word(action), entry.name);
    let digest = update.message.trailer("Gitops-Plan").unwrap_or_default();
    let digest: String = digest
        .trim_start_matches("sha256:")
        .chars()
        .take(8)
        .collect();
    let branch: BranchName = format!("{kind}{}", word(&digest))
        .parse()
        .map_err(|error| GitError::Library {
            message: format!("{error}"),
        })?;
    let remote = estate.remote.as_ref().filter(|_| options.push);
    let others = match remote {
        Some(remote) => {
            let names = estate.git.ask_branches(remote, &kind)?;
            if names.contains(&branch) {
                estate.git.fetch(remote, std::slice::from_ref(&branch))?;
            }
            names
        }
        None => estate.git.branches(None)?,
    };
    let there = match remote {
        Some(remote) if others.contains(&branch) => estate.git.tip(Some(remote), &branch)?,
        Some(_) => None,
        None => estate.git.tip(None, &branch)?,
    };
    let already = match &there {
        Some(tip) => same_change(estate, tip, update)?,
        None => false,
    };
    let proposal = Proposal {
        into: update.branch.clone(),
        already,
        supersedes: others
            .into_iter()
            .filter(|other| *other != branch && other.as_str().starts_with(&kind))
            .collect(),
    };
    let new = match &there {
        Some(tip) if already => tip.clone(),
        _ => estate.git.write_commit(update)?,
    };
    let update = RefUpdate {
        branch,
        expected: there,
        ..update.clone()
    };
    Ok(Step {
        update,
        new,
        proposal: Some(proposal),
    })
}

/// The environment that wants this update as a pull request.
fn proposed_to<'a>(estate: &'a Estate, update: &RefUpdate) -> Option<&'a EnvironmentEntry> {
    let named = update.message.trailer("Gitops-To");
    let mut candidates = estate
        .repository()
        .environments
        .iter()
        .filter(|entry| entry.branch == update.branch);
    let entry = candidates
        .clone()
        .find(|entry| named == Some(entry.name.as_str()))
        .or_else(|| candidates.next())?;
    (entry.write == WriteMode::Branch).then_some(entry)
}

fn word(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect()
}

/// Whether a commit stands on the same parent and has the same files.
fn same_change(estate: &Estate, tip: &CommitId, update: &RefUpdate) -> Result<bool, PublishError> {
    let found = estate.git.commit(tip)?;
    if found.parents.first() != update.parent.as_ref() {
        return Ok(false);
    }
    let onto = RefUpdate {
        parent: Some(tip.clone()),
        ..update.clone()
    };
    Ok(estate.git.changes_nothing(&onto)?)
}

fn moved(
    estate: &Estate,
    changes: &ChangeSet,
    branch: &BranchName,
    differs: bool,
) -> Result<PublishError, PublishError> {
    // Best effort: the news is that it moved; by whom is a courtesy.
    let _ = estate.refresh();
    let now = estate.git.tip(estate.remote.as_ref(), branch)?;
    let now = now.and_then(|id| estate.git.commit(&id).ok()).map(Box::new);
    let was = changes
        .updates
        .iter()
        .find(|update| update.branch == *branch)
        .and_then(|update| update.expected.clone());
    Ok(PublishError::Moved {
        branch: branch.clone(),
        was,
        now,
        differs,
    })
}
