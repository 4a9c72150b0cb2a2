//! Promotions that somebody took back with plain `git revert`: their content stays
//! away as after a rollback, because the person who reverted it did not want it.

use std::collections::{BTreeMap, BTreeSet};

use crate::git::{GitError, Selection};
use crate::ops::estate::Estate;
use crate::ops::history::{ours, reverted as reverted_commit};
use crate::product::EnvironmentState;
use crate::promotion::{Record, Refused, UnitId, content_digest};
use crate::repo::{CommitId, CommitInfo, RepoPath, Snapshot};

/// How many commits above the last one of ours are looked at: people revert what
/// just happened, and history has no end.
const COMMITS: usize = 100;

/// The units whose promoted content was reverted since this tool last wrote to the
/// environment.
pub(super) fn reverted(
    estate: &Estate,
    target: &EnvironmentState,
) -> Result<BTreeMap<UnitId, Refused>, GitError> {
    let mut found = BTreeMap::new();
    let mut taken_back: BTreeSet<CommitId> = BTreeSet::new();
    let mut next = Some(target.commit.clone());
    for _ in 0..COMMITS {
        let Some(commit) = next.take().and_then(|id| commit(estate, &id)) else {
            break;
        };
        let ended = ours(&commit, &target.entry.name).is_some();
        if !ended {
            // A shallow clone has to ask for it, which only a change by hand is worth.
            next = estate.git.parent(&commit.id, &target.commit)?;
        }
        // A merge speaks for what it brought in.
        let merged = commit
            .parents
            .get(1)
            .and_then(|id| self::commit(estate, id));
        let both = [Some(commit), merged];
        if both
            .iter()
            .flatten()
            .any(|it| ours(it, &target.entry.name).is_some())
        {
            break;
        }
        for said in both.into_iter().flatten() {
            let Some(id) = reverted_commit(&said.message.body)
                .and_then(|id| estate.git.find(&id).ok())
                .filter(|_| !taken_back.contains(&said.id))
            else {
                continue;
            };
            if let Some(promotion) = commit_of_ours(estate, &id, target) {
                let reason = format!("reverted by {}: {}", said.id.short(), said.message.subject);
                for (unit, digest) in contents(estate, &promotion, target)? {
                    let reason = Some(reason.clone());
                    found.entry(unit).or_insert(Refused { digest, reason });
                }
            }
            taken_back.insert(id);
        }
    }
    Ok(found)
}

/// A commit, if it is here.
fn commit(estate: &Estate, id: &CommitId) -> Option<CommitInfo> {
    estate.git.commit(id).ok()
}

fn commit_of_ours(estate: &Estate, id: &CommitId, target: &EnvironmentState) -> Option<CommitInfo> {
    let info = commit(estate, id)?;
    (ours(&info, &target.entry.name)? == "promote").then_some(info)
}

/// The digests of the contents that a promotion brought, from the records it wrote.
fn contents(
    estate: &Estate,
    promotion: &CommitInfo,
    target: &EnvironmentState,
) -> Result<Vec<(UnitId, String)>, GitError> {
    let folder = target.entry.records();
    let records = |id: &CommitId| -> Result<Option<Snapshot>, GitError> {
        let selection = Selection::under(vec![folder.clone()], |_| true);
        match estate.git.snapshot(id, &selection) {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(GitError::MissingObject { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let Some(after) = records(&promotion.id)? else {
        return Ok(Vec::new());
    };
    let before = match promotion.parents.first() {
        Some(parent) => records(parent)?,
        None => None,
    };
    let changed = |path: &RepoPath| {
        let old = before.as_ref().and_then(|before| before.entry(path));
        old.map(|entry| &entry.id) != after.entry(path).map(|entry| &entry.id)
    };
    let content = |path: &RepoPath| {
        let unit = UnitId::of_record(path.strip_prefix(&folder)?.as_str())?;
        let record = Record::parse(path, after.text(path).ok()??).ok()?;
        Some((unit, content_digest(record.content.as_ref()?)))
    };
    let paths = after.under(&folder).map(|(path, _)| path);
    Ok(paths
        .filter(|path| changed(path))
        .filter_map(content)
        .collect())
}
