//! Versions that somebody took back, by `git revert` or `rollback`: a policy does not
//! bring them again, because the person who took them back did not want them.

use std::collections::BTreeMap;

use crate::git::GitError;
use crate::image::{Digest, Reference, Tag};
use crate::ops::estate::{Estate, EstateError};
use crate::ops::history::{ours, reverted};
use crate::ops::pins::pins_of;
use crate::product::ComponentName;
use crate::product::EnvironmentState;
use crate::product::pins::{Pin, Site};
use crate::repo::{CommitId, CommitInfo};

/// How many commits are looked at, also where a shallow clone has to ask for them: people
/// take back what just happened, and history has no end.
const COMMITS: usize = 100;

/// How many commits are looked at where they are here.
const COMMITS_HERE: usize = 2_000;

/// A version that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The tag that stood there before.
    pub tag: Tag,
    /// Its digest then, where the tag itself stayed and only its image was taken back.
    pub digest: Option<Digest>,
    /// By which commit, for a person.
    pub reason: String,
}

impl TakenBack {
    /// Whether this is what was taken back.
    pub fn is(&self, tag: &Tag, digest: &Digest) -> bool {
        self.tag == *tag && self.digest.as_ref().is_none_or(|it| it == digest)
    }

    /// Whether somebody brought it again since.
    pub fn stands_in(&self, pin: &Pin) -> bool {
        match &self.digest {
            None => pin.tags().contains(&&self.tag),
            Some(digest) => digests(pin).any(|it| it == digest),
        }
    }
}

fn digests(pin: &Pin) -> impl Iterator<Item = &Digest> {
    let images = pin.sites.iter().filter_map(Site::image);
    images.filter_map(Reference::digest)
}

/// The versions of these pins that were taken back, newest first. A shallow clone asks
/// for the history that it lacks; old states that cannot be read are not known.
pub(super) fn taken_back(
    estate: &Estate,
    state: &EnvironmentState,
    pins: &[Pin],
) -> Result<BTreeMap<ComponentName, Vec<TakenBack>>, GitError> {
    let mut found: BTreeMap<ComponentName, Vec<TakenBack>> = BTreeMap::new();
    let mut commits = estate.git.log_far(&state.commit, COMMITS)?;
    if commits.len() == COMMITS {
        commits = estate.git.log(&state.commit, Some(COMMITS_HERE))?;
    }
    for commit in commits {
        let Some(parent) = commit.parents.first() else {
            break;
        };
        let Some((verb, said)) = takes_back(estate, &commit, state) else {
            continue;
        };
        let (Some(before), Some(after)) = (
            pins_at(estate, state, parent)?,
            pins_at(estate, state, &commit.id)?,
        ) else {
            continue;
        };
        for pin in pins {
            let (Some(before), Some(after)) =
                (before.get(&pin.component), after.get(&pin.component))
            else {
                continue;
            };
            let by = format!("{verb} by {}: {}", said.id.short(), said.message.subject);
            let known = found.entry(pin.component.clone()).or_default();
            known.extend(gone(before, after, &by));
        }
    }
    Ok(found)
}

/// Whether a commit, or the branch that it merges, takes something back; and what
/// says so.
fn takes_back(
    estate: &Estate,
    commit: &CommitInfo,
    state: &EnvironmentState,
) -> Option<(&'static str, CommitInfo)> {
    let merged = commit.parents.get(1);
    let merged = merged.and_then(|id| estate.git.commit(id).ok());
    [Some(commit.clone()), merged]
        .into_iter()
        .flatten()
        .find_map(|said| match ours(&said, &state.entry.name) {
            Some("rollback") => Some(("rolled back", said)),
            Some(_) => None,
            None => reverted(&said.message.body).map(|_| ("reverted", said)),
        })
}

/// What stood there before and no longer does.
fn gone(before: &Pin, after: &Pin, by: &str) -> Vec<TakenBack> {
    let stays = after.tags();
    let mut gone: Vec<TakenBack> = Vec::new();
    for tag in before.tags() {
        if !stays.contains(&tag) {
            gone.push(TakenBack {
                tag: tag.clone(),
                digest: None,
                reason: format!("{tag} was {by}"),
            });
        }
    }
    // A tag that stays may have lost the image that it was refreshed to.
    if let [tag] = before.tags().as_slice()
        && stays == [*tag]
    {
        let lost = digests(before).filter(|it| !digests(after).any(|now| now == *it));
        gone.extend(lost.map(|digest| TakenBack {
            tag: (*tag).clone(),
            digest: Some(digest.clone()),
            reason: format!("{tag} at {} was {by}", digest.short()),
        }));
    }
    gone
}

/// Every pin at a commit; `None` where that state is not here or cannot be
/// understood.
fn pins_at(
    estate: &Estate,
    state: &EnvironmentState,
    commit: &CommitId,
) -> Result<Option<BTreeMap<ComponentName, Pin>>, GitError> {
    let then = match estate.load_at(&state.entry.name, commit) {
        Ok(then) => then,
        Err(EstateError::Git(GitError::MissingObject { .. })) => return Ok(None),
        Err(EstateError::Git(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let Ok(found) = pins_of(estate, &then) else {
        return Ok(None);
    };
    let named = |pin: Pin| (pin.component.clone(), pin);
    Ok(Some(found.pins.into_iter().map(named).collect()))
}
