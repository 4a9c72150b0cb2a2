//! Commits for review: the branch or topic of their own that they get, whether
//! the same plan was proposed before, and which older proposals it replaces.

use std::collections::BTreeSet;

use super::{Opening, Proposal, PublishError, PublishOptions, Step, Superseded};
use crate::git::{GitError, Remote};
use crate::ops::estate::Estate;
use crate::product::{EnvironmentEntry, PullRequests, WriteMode};
use crate::repo::{BranchName, CommitId, CommitInfo, CommitMessage, RefName, RefUpdate};

/// How many of a remote's newest pull requests are looked through for ours.
const NEWEST: usize = 20;

/// How many commits of the target are read to learn what was merged already.
const MERGED: usize = 100;

const ACTION: &str = "Gitops-Action";
const PLAN: &str = "Gitops-Plan";

pub(super) fn prepare(
    estate: &Estate,
    update: &RefUpdate,
    options: PublishOptions,
) -> Result<Step, PublishError> {
    let Some(entry) = proposed_to(estate, update) else {
        return Ok(Step {
            new: estate.git.write_commit(update)?,
            name: update.branch.clone().into(),
            update: update.clone(),
            there: false,
            proposal: None,
        });
    };
    let names = Names::of(update, entry)?;
    let remote = estate.remote.as_ref().filter(|_| options.push);
    match remote {
        Some(remote) if estate.repository().pull_requests == PullRequests::Agit => {
            for_review(estate, update, names, remote)
        }
        remote => on_a_branch(estate, update, names, remote),
    }
}

/// What a proposal is called.
struct Names {
    /// What all proposals of its kind begin with.
    kind: String,
    branch: BranchName,
}

impl Names {
    fn of(update: &RefUpdate, entry: &EnvironmentEntry) -> Result<Self, PublishError> {
        let action = update.message.trailer(ACTION).unwrap_or("change");
        let kind = format!("gitops/{}/{}/", word(action), entry.name);
        let digest = update.message.trailer(PLAN).unwrap_or_default();
        let digest = digest.trim_start_matches("sha256:");
        let short: String = word(digest).chars().take(8).collect();
        let branch = format!("{kind}{short}")
            .parse()
            .map_err(|error| GitError::Library {
                message: format!("{error}"),
            })?;
        Ok(Self { kind, branch })
    }
}

/// The environment that wants this update as a pull request.
pub(super) fn proposed_to<'a>(
    estate: &'a Estate,
    update: &RefUpdate,
) -> Option<&'a EnvironmentEntry> {
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

/// Where an update would be proposed, and what is there.
#[derive(Debug)]
pub struct Foreseen {
    /// The branch of the proposal.
    pub name: BranchName,
    /// The branch that it is for.
    pub into: BranchName,
    /// Whether the same change is proposed there already.
    pub already: bool,
    /// Somebody's commit on it, which stays as it is.
    pub changed_by: Option<CommitInfo>,
    /// Older proposals that it would take the place of.
    pub older: Vec<BranchName>,
}

/// Looks where an update would be proposed; `None`: it would be written to its branch.
///
/// # Errors
/// The remote can't be asked.
pub(super) fn foreseen(
    estate: &Estate,
    update: &RefUpdate,
    options: PublishOptions,
) -> Result<Option<Foreseen>, PublishError> {
    let Some(entry) = proposed_to(estate, update) else {
        return Ok(None);
    };
    let names = Names::of(update, entry)?;
    let remote = estate.remote.as_ref().filter(|_| options.push);
    let of_review = estate.repository().pull_requests == PullRequests::Agit;
    let seen = match remote.is_some() && of_review {
        true => Seen::default(),
        false => look(estate, update, &names, remote)?,
    };
    let older = seen.older.into_iter().filter_map(|(older, _)| match older {
        Superseded::Branch(branch) => Some(branch),
        Superseded::PullRequest(_) => None,
    });
    Ok(Some(Foreseen {
        name: names.branch,
        into: update.branch.clone(),
        already: seen.already,
        changed_by: seen.changed_by,
        older: older.collect(),
    }))
}

/// What is on the branch of a proposal, and beside it.
#[derive(Default)]
struct Seen {
    /// Its tip.
    there: Option<CommitId>,
    /// Whether that is the same change.
    already: bool,
    /// Somebody's commit on it.
    changed_by: Option<CommitInfo>,
    /// Other proposals of its kind.
    older: Vec<(Superseded, CommitId)>,
}

fn look(
    estate: &Estate,
    update: &RefUpdate,
    names: &Names,
    remote: Option<&Remote>,
) -> Result<Seen, PublishError> {
    let Names { kind, branch } = names;
    let mut all = match remote {
        Some(remote) => estate.git.ask_branches(remote, kind)?,
        None => estate.git.branches(None)?,
    };
    all.retain(|name| name.as_str().starts_with(kind));
    if let Some(remote) = remote.filter(|_| !all.is_empty()) {
        estate.git.fetch(remote, &all)?;
    }
    let there = match all.contains(branch) {
        true => estate.git.tip(remote, branch)?,
        false => None,
    };
    let already = match &there {
        Some(tip) => same_change(estate, tip, update)?,
        None => false,
    };
    let changed_by = match &there {
        Some(tip) if !already => reviewed(estate, tip, update)?,
        _ => None,
    };
    let mut older = Vec::new();
    for other in all.into_iter().filter(|other| other != branch) {
        if let Some(tip) = estate.git.tip(remote, &other)? {
            older.push((Superseded::Branch(other), tip));
        }
    }
    Ok(Seen {
        there,
        already,
        changed_by,
        older,
    })
}

/// A branch of its own, on the remote or here.
fn on_a_branch(
    estate: &Estate,
    update: &RefUpdate,
    names: Names,
    remote: Option<&Remote>,
) -> Result<Step, PublishError> {
    let Seen {
        there,
        already,
        changed_by,
        older,
    } = look(estate, update, &names, remote)?;
    let branch = names.branch;
    let stays = already || changed_by.is_some();
    let new = match &there {
        Some(tip) if stays => tip.clone(),
        _ => estate.git.write_commit(update)?,
    };
    let mut proposal = proposal(estate, update, stays, older)?;
    proposal.changed_by = changed_by;
    let asks = estate.repository().pull_requests == PullRequests::Gitlab;
    if stays && asks && remote.is_some() {
        // By the push that brought the branch.
        proposal.opening = Opening::Asked;
    }
    Ok(Step {
        name: branch.clone().into(),
        there: stays,
        proposal: Some(proposal),
        update: RefUpdate {
            branch,
            expected: there,
            ..update.clone()
        },
        new,
    })
}

/// A topic of its own, which the forge keeps as a pull request and not as a
/// branch. What was proposed before is found among the newest pull requests;
/// whether one of them is still open only the forge knows, so the same commit
/// is pushed again and it says. Topics belong to who pushes them, so somebody
/// else's is left alone: pushed again, it would be a second pull request.
fn for_review(
    estate: &Estate,
    update: &RefUpdate,
    names: Names,
    remote: &Remote,
) -> Result<Step, PublishError> {
    let mut heads = estate.git.ask_pull_requests(remote)?;
    heads.truncate(NEWEST);
    let unknown: Vec<u64> = heads
        .iter()
        .filter(|(_, head)| !estate.git.has(head))
        .map(|(number, _)| *number)
        .collect();
    estate.git.fetch_pull_requests(remote, &unknown)?;
    let (mut same, mut older) = (None, Vec::new());
    for (number, head) in heads {
        // One that a partial clone can't read is none of ours.
        let Ok(found) = estate.git.commit(&head) else {
            continue;
        };
        let trailer = |name| found.message.trailer(name) == update.message.trailer(name);
        if !trailer(ACTION) || !trailer("Gitops-To") {
            continue;
        }
        if !trailer(PLAN) {
            older.push((Superseded::PullRequest(number), head));
        } else if same.is_none() && same_change(estate, &head, update)? {
            let ours = found.committer.email == update.committer.email;
            same = Some((number, head, ours));
        }
    }
    let mut proposal = proposal(estate, update, same.is_some(), older)?;
    let there = matches!(same, Some((_, _, false)));
    if there {
        proposal.opening = Opening::Open;
    }
    let new = match same {
        Some((number, head, _)) => {
            proposal.page = remote.web().map(|web| crate::repo::PullRequestPage {
                url: web.pull_request(number),
                opened: true,
            });
            head
        }
        None => estate.git.write_commit(update)?,
    };
    Ok(Step {
        name: RefName::Review(update.branch.clone()),
        there,
        proposal: Some(proposal),
        update: RefUpdate {
            branch: names.branch,
            expected: None,
            ..update.clone()
        },
        new,
    })
}

fn proposal(
    estate: &Estate,
    update: &RefUpdate,
    already: bool,
    older: Vec<(Superseded, CommitId)>,
) -> Result<Proposal, PublishError> {
    Ok(Proposal {
        into: update.branch.clone(),
        already,
        changed_by: None,
        opening: Opening::ByHand,
        page: None,
        supersedes: superseded(estate, update, older)?,
    })
}

/// Of older proposals those that this one replaces: not what is merged
/// already, and not what is about other components.
fn superseded(
    estate: &Estate,
    update: &RefUpdate,
    older: Vec<(Superseded, CommitId)>,
) -> Result<Vec<Superseded>, PublishError> {
    let Some(tip) = update.parent.as_ref().filter(|_| !older.is_empty()) else {
        return Ok(Vec::new());
    };
    let merged = estate.git.log(tip, Some(MERGED))?;
    let ids: Vec<CommitId> = merged.iter().map(|commit| commit.id.clone()).collect();
    let mut replaced = Vec::new();
    for (name, commit) in older {
        let Ok(found) = estate.git.commit(&commit) else {
            continue;
        };
        let beside = apart(&found.message, &update.message);
        let merged = estate.git.contains(tip, &commit)?
            || named_in(&found, &merged)
            // A shallow clone may not know what it stood on.
            || estate.git.arrived(&commit, &ids).unwrap_or(false);
        if !beside && !merged {
            replaced.push(name);
        }
    }
    Ok(replaced)
}

/// Whether one of these commits is this one under another id: its plan stands
/// somewhere in the message. Files that changed on the way don't matter then.
fn named_in(proposed: &CommitInfo, merged: &[CommitInfo]) -> bool {
    let Some(plan) = proposed.message.trailer(PLAN) else {
        return false;
    };
    merged
        .iter()
        .any(|commit| commit.message.to_string().contains(plan))
}

/// Whether two changes name components, and none in common.
fn apart(one: &CommitMessage, other: &CommitMessage) -> bool {
    let components = |message: &CommitMessage| -> BTreeSet<String> {
        let list = message.trailer("Gitops-Components").unwrap_or_default();
        list.split_whitespace().map(str::to_owned).collect()
    };
    let (one, other) = (components(one), components(other));
    !one.is_empty() && !other.is_empty() && one.is_disjoint(&other)
}

/// Returns the tip of a proposal when somebody else made it what it is: it is not exactly a
/// commit that this tool wrote for this plan onto the target's history.
fn reviewed(
    estate: &Estate,
    tip: &CommitId,
    update: &RefUpdate,
) -> Result<Option<CommitInfo>, PublishError> {
    let git = &estate.git;
    let found = git.commit(tip)?;
    let onto_target = match (found.parents.as_slice(), &update.parent) {
        ([parent], Some(target)) => git.contains(target, parent)?,
        ([], None) => true,
        _ => false,
    };
    let same_words = found.message.subject == update.message.subject
        && found.message.body == update.message.body;
    let ours = onto_target && same_words && git.is_untouched(&found)?;
    Ok((!ours).then_some(found))
}

/// Whether a commit has the same parent and the same files.
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
