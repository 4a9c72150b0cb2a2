//! The only writer. A change set becomes commits in the object database, one
//! compare-and-swap on the remote, and then, where nothing is lost by it, local
//! branches. Killed at any moment, the remote is either before or after.
//!
//! An environment with `write: branch` gets the same commit on a branch of its
//! own, for a pull request, or in one that the push opens. A plan that no
//! longer fits the tip is never pushed.

mod error;
mod opening;
mod proposal;
mod tagging;

use std::collections::BTreeMap;
use std::time::Duration;

use super::estate::Estate;
use crate::git::{LocalRef, PushOutcome, RefMove, Remote, pause};
use crate::repo::{
    BranchName, ChangeSet, CommitId, CommitInfo, CommitMessage, Edit, ObjectId, PullRequestPage,
    RefName, RefUpdate, RepoPath, TagName,
};
use crate::template::KnownRendering;

pub use error::{PublishError, Replanned};
pub use proposal::Foreseen;
pub use tagging::{TagTemplate, TagTemplateError};

/// How often a moving branch is planned on again: each time somebody else's commit
/// landed, so this many writers at once all get their turn.
const TRIES: u32 = 40;

/// How often a remote may call a plan outdated and show the branch where the plan has it: a
/// replica may need a moment.
const LAGS: u32 = 3;

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

impl Planned {
    /// One commit on a branch that stands at `tip`, by whoever runs this; the digest of its
    /// plan, and what is known beside it, are the caller's to add.
    pub fn commit(
        estate: &Estate,
        (branch, tip): (&BranchName, Option<&CommitId>),
        message: CommitMessage,
        edits: &BTreeMap<RepoPath, Edit>,
    ) -> Self {
        let update = RefUpdate {
            branch: branch.clone(),
            expected: tip.cloned(),
            parent: tip.cloned(),
            edits: edits.clone(),
            message,
            author: estate.author.clone(),
            committer: estate.committer.clone(),
        };
        Self {
            changes: ChangeSet::from(update),
            ..Self::default()
        }
    }
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// One per branch, in the order of the change set.
    pub updates: Vec<PublishedRef>,
    /// The tags that were made.
    pub tags: Vec<PublishedTag>,
}

/// One tag that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedTag {
    /// Its name.
    pub name: TagName,
    /// The commit that it names.
    pub commit: CommitId,
    /// The remote that has it.
    pub pushed_to: Option<String>,
    /// It is in this clone, too.
    pub kept: bool,
}

impl Published {
    /// Whether the environments themselves were written, and not only proposals.
    pub fn is_in_force(&self) -> bool {
        self.updates.iter().all(|update| update.proposal.is_none())
    }
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

/// A commit that waits for a pull request, or is in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The branch that it should be merged into.
    pub into: BranchName,
    /// It was there already: the same plan was proposed before.
    pub already: bool,
    /// The newest commit of the branch, when it is not this tool's: a reviewer changed the
    /// proposal, and it was left as it is.
    pub changed_by: Option<CommitInfo>,
    /// How far the pull request is.
    pub opening: Opening,
    /// Where it is, or where it is opened, as far as that is known.
    pub page: Option<PullRequestPage>,
    /// Older proposals of the same kind, which this one replaces.
    pub supersedes: Vec<Superseded>,
}

/// How far a pull request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A person opens it.
    ByHand,
    /// A person opens it, because the remote takes no push options.
    Unheard,
    /// The push asked for it, and the answer does not say more.
    Asked,
    /// It is open.
    Open,
}

/// An older proposal that a newer one replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Superseded {
    /// The branch of its own that it has.
    Branch(BranchName),
    /// The number of its pull request, which is still open, or was closed
    /// without a merge.
    PullRequest(u64),
}

/// Publishes a change set: all of it, or nothing.
pub fn publish(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<Published, PublishError> {
    check(estate, changes, options)?;
    match attempt(estate, changes, options)? {
        Attempt::Done(published) => Ok(published),
        Attempt::Stale(branch) => Err(moved(estate, changes, &branch, false)?),
    }
}

/// What can be known before anybody is asked: a tag that is taken, a tag on
/// what is only proposed, several pull requests in one push.
pub fn check(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<(), PublishError> {
    opening::check(estate, changes, options)?;
    tagging::check(estate, changes, options)
}

/// Whether this update is proposed for its branch instead of written to it.
pub fn is_proposed(estate: &Estate, update: &RefUpdate) -> bool {
    proposal::proposed_to(estate, update).is_some()
}

/// Looks where the updates of a plan would be proposed, for those that would be.
///
/// # Errors
/// The remote can't be asked.
pub fn foresee(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<Vec<Foreseen>, PublishError> {
    let updates = changes.updates.iter();
    let all = updates.map(|update| proposal::foreseen(estate, update, options));
    all.filter_map(Result::transpose).collect()
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
    let mut lagging = 0;
    check(estate, &planned.changes, options)?;
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
        lagging = match lags(estate, &planned.changes, &branch)? {
            true if lagging == LAGS => return Err(lags_behind(estate, branch).into()),
            true => lagging + 1,
            false => 0,
        };
        let again = replan().map_err(Replanned::Plan)?;
        if again.digest != planned.digest {
            let error = moved(estate, &planned.changes, &branch, true)?;
            return Err(error.into());
        }
        planned = again;
    }
    Ok(Published {
        updates: Vec::new(),
        tags: Vec::new(),
    })
}

/// Whether the remote said that a branch moved, and shows it where the plan has it: the
/// address that is fetched from does not show what the one that is pushed to has.
fn lags(estate: &Estate, changes: &ChangeSet, branch: &BranchName) -> Result<bool, PublishError> {
    let mut updates = changes.updates.iter();
    let Some(update) = updates.find(|update| update.branch == *branch) else {
        return Ok(false);
    };
    if is_proposed(estate, update) {
        return Ok(false);
    }
    Ok(estate.git.tip(estate.remote.as_ref(), branch)? == update.expected)
}

fn lags_behind(estate: &Estate, branch: BranchName) -> PublishError {
    let remote = estate.remote.as_ref();
    PublishError::Lagging {
        remote: remote.map_or_else(String::new, |remote| remote.shown().to_owned()),
        branch,
    }
}

enum Attempt {
    Done(Published),
    /// This branch was not where the plan had it.
    Stale(BranchName),
}

/// A commit and where it goes.
struct Step {
    update: RefUpdate,
    /// The reference that is pushed.
    name: RefName,
    new: CommitId,
    /// The remote has it, and need not be asked about it.
    there: bool,
    proposal: Option<Proposal>,
}

impl Step {
    fn as_move(&self) -> RefMove {
        RefMove {
            name: self.name.clone(),
            expected: self.update.expected.clone().map(ObjectId::from),
            new: self.new.clone().into(),
        }
    }
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
        steps.push(proposal::prepare(estate, &onto(update, &steps), options)?);
    }
    let tags = tagging::write(estate, changes, &steps)?;
    let mut moves = moves(steps.iter().filter(|step| !step.there));
    moves.extend(tags.iter().map(tagging::Tag::as_move));
    match (&estate.remote, options.push) {
        (Some(remote), true) => {
            if !moves.is_empty()
                && let Some(stale) = push(estate, remote, &moves, &mut steps)?
            {
                return Ok(stale);
            }
            for step in &mut steps {
                let page = opening::by_hand(estate, remote, step);
                if let Some(proposal) = &mut step.proposal {
                    proposal.page = proposal.page.take().or(page);
                }
            }
            finish(estate, steps, tags, Some(remote))
        }
        (remote, _) => {
            if remote.is_some() {
                for step in &mut moves {
                    follow_local(estate, step)?;
                }
            }
            move_local(estate, &moves, steps, tags)
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

fn moves<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Vec<RefMove> {
    let mut moves: Vec<RefMove> = Vec::new();
    for step in steps.into_iter().map(Step::as_move) {
        // Of several commits on a branch, the last one carries the others.
        moves.retain(|other| other.name != step.name);
        moves.push(step);
    }
    moves
}

/// Moves the remote's references; `Some` when the plan does not fit any more.
fn push(
    estate: &Estate,
    remote: &Remote,
    moves: &[RefMove],
    steps: &mut [Step],
) -> Result<Option<Attempt>, PublishError> {
    let answer = opening::push(estate, remote, moves, steps)?;
    match answer.outcome {
        PushOutcome::Pushed | PushOutcome::NoOptions => {
            opening::learn(remote, &answer, steps);
            Ok(None)
        }
        PushOutcome::Stale(names) => stale(estate, names, moves, steps).map(Some),
        PushOutcome::Rejected { name, reason, said } => {
            let proposed_to = steps
                .iter()
                .find(|step| step.name == name)
                .and_then(|step| step.proposal.as_ref())
                .map(|proposal| proposal.into.clone());
            Err(PublishError::Rejected {
                remote: remote.shown().to_owned(),
                name,
                proposed_to,
                reason,
                said,
            })
        }
    }
}

/// A proposal that moved says nothing to a person; the branch that it is for
/// does. A tag does not move: somebody made one of that name meanwhile.
fn stale(
    estate: &Estate,
    names: Vec<RefName>,
    moves: &[RefMove],
    steps: &[Step],
) -> Result<Attempt, PublishError> {
    let first = names.into_iter().next();
    let name = first.unwrap_or_else(|| moves[0].name.clone());
    let branch = match name {
        RefName::Tag(tag) => return Err(tagging::taken(estate, &tag)?),
        RefName::Branch(branch) | RefName::Review(branch) => branch,
    };
    let planned = steps
        .iter()
        .find(|step| step.update.branch == branch)
        .and_then(|step| step.proposal.as_ref())
        .map_or(branch, |proposal| proposal.into.clone());
    Ok(Attempt::Stale(planned))
}

/// Lets a move start where the local branch stands that is to get the commit
/// without a push. It may be behind its remote, but not beside it.
fn follow_local(estate: &Estate, step: &mut RefMove) -> Result<(), PublishError> {
    let RefName::Branch(branch) = &step.name else {
        return Ok(());
    };
    let tip = estate.git.tip(None, branch)?;
    if let Some(tip) = &tip {
        let new: CommitId = estate.git.resolve(step.new.as_str())?;
        if !estate.git.contains(&new, tip)? {
            return Err(PublishError::LocalAhead {
                branch: branch.clone(),
            });
        }
    }
    step.expected = tip.map(ObjectId::from);
    Ok(())
}

fn move_local(
    estate: &Estate,
    moves: &[RefMove],
    steps: Vec<Step>,
    tags: Vec<tagging::Tag>,
) -> Result<Attempt, PublishError> {
    if moves.is_empty() {
        return finish(estate, steps, tags, None);
    }
    match estate.git.move_refs(moves)? {
        PushOutcome::Stale(names) => stale(estate, names, moves, &steps),
        _ => finish(estate, steps, tags, None),
    }
}

/// The commit is safe where it belongs; local branches follow as they can.
fn finish(
    estate: &Estate,
    steps: Vec<Step>,
    tags: Vec<tagging::Tag>,
    remote: Option<&Remote>,
) -> Result<Attempt, PublishError> {
    let pushed_to = remote.map(|remote| remote.shown().to_owned());
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
            pushed_to: pushed_to.clone(),
            local,
            proposal: step.proposal,
        });
    }
    let tags = tags
        .into_iter()
        .map(|tag| PublishedTag {
            // As with branches: the tag is published whatever becomes of it here.
            kept: remote.is_none() || estate.git.keep_tag(&tag.name, &tag.id).unwrap_or(false),
            pushed_to: pushed_to.clone(),
            name: tag.name,
            commit: tag.commit,
        })
        .collect();
    Ok(Attempt::Done(Published { updates, tags }))
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
