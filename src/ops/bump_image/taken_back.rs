//! Versions that somebody took back, by `git revert` or `rollback`: a policy does not
//! bring them again, because the person who took them back did not want them.

use std::collections::BTreeMap;

use crate::git::GitError;
use crate::image::Tag;
use crate::ops::estate::{EnvironmentState, Estate, EstateError};
use crate::ops::history::{ours, reverted};
use crate::ops::pins::pins_of;
use crate::product::ComponentName;
use crate::product::pins::Pin;
use crate::repo::{CommitId, CommitInfo};

/// How many commits are looked at: people take back what just happened, and history
/// has no end.
const COMMITS: usize = 100;

/// A version that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The tag that stood there before.
    pub tag: Tag,
    /// By which commit, for a person.
    pub reason: String,
}

/// The versions of these pins that were taken back, newest first. What is not here any
/// more, in a shallow clone, and old states that cannot be read are not known.
pub(super) fn taken_back(
    estate: &Estate,
    state: &EnvironmentState,
    pins: &[Pin],
) -> Result<BTreeMap<ComponentName, Vec<TakenBack>>, GitError> {
    let mut found: BTreeMap<ComponentName, Vec<TakenBack>> = BTreeMap::new();
    for commit in estate.git.log(&state.commit, Some(COMMITS))? {
        let Some(parent) = commit.parents.first() else {
            break;
        };
        let Some((verb, said)) = takes_back(estate, &commit, state) else {
            continue;
        };
        let (Some(before), Some(after)) = (
            tags_at(estate, state, parent)?,
            tags_at(estate, state, &commit.id)?,
        ) else {
            continue;
        };
        for pin in pins {
            let stays = after.get(&pin.component);
            let gone = before.get(&pin.component).into_iter().flatten();
            for tag in gone.filter(|tag| stays.is_some_and(|stays| !stays.contains(tag))) {
                let reason = format!(
                    "{tag} was {verb} by {}: {}",
                    said.id.short(),
                    said.message.subject
                );
                let tag = tag.clone();
                let known = found.entry(pin.component.clone()).or_default();
                known.push(TakenBack { tag, reason });
            }
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

/// The tags of every pin at a commit; `None` where that state is not here or cannot be
/// understood.
fn tags_at(
    estate: &Estate,
    state: &EnvironmentState,
    commit: &CommitId,
) -> Result<Option<BTreeMap<ComponentName, Vec<Tag>>>, GitError> {
    let then = match estate.load_at(&state.entry.name, commit) {
        Ok(then) => then,
        Err(EstateError::Git(GitError::MissingObject { .. })) => return Ok(None),
        Err(EstateError::Git(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let Ok(found) = pins_of(estate, &then) else {
        return Ok(None);
    };
    let tags = |pin: &Pin| pin.tags().into_iter().cloned().collect();
    let tags = found
        .pins
        .iter()
        .map(|pin| (pin.component.clone(), tags(pin)));
    Ok(Some(tags.collect()))
}
