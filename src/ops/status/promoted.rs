//! What was last promoted into an environment: the records in its tree say that
//! something was, the commit that wrote the newest of them says when. Squash and merge
//! commits of a forge may have lost their trailers, so the records decide then.

use std::collections::BTreeMap;

use super::LastPromotion;
use crate::git::{FileVersion, Git};
use crate::ops::comparison::GatherError;
use crate::ops::history::read;
use crate::ops::records::{records, records_at};
use crate::product::{EnvironmentEntry, EnvironmentName, EnvironmentState};
use crate::promotion::{Record, UnitId};
use crate::repo::CommitId;

type Records = BTreeMap<UnitId, Record>;
type Source = (EnvironmentName, CommitId);

/// Returns the newest promotion into an environment; `None`: nothing was promoted.
pub(super) fn last_promotion(
    git: &Git,
    state: &EnvironmentState,
) -> Result<Option<LastPromotion>, GatherError> {
    let entry = &state.entry;
    let records = records(&state.snapshot, entry)?;
    if records.values().all(|record| record.from.is_none()) {
        return Ok(None);
    }
    let mut found = Ok(None);
    git.visit_history(&state.commit, &entry.records(), &mut |version| {
        found = promotion(git, entry, &version);
        matches!(found, Ok(None))
    })?;
    Ok(Some(found?.unwrap_or_else(|| beyond(&records))))
}

/// What a commit that changed the records promoted, if it did.
fn promotion(
    git: &Git,
    entry: &EnvironmentEntry,
    version: &FileVersion,
) -> Result<Option<LastPromotion>, GatherError> {
    let said = read(git, &version.commit, &entry.name)?;
    let last = |from: Option<String>, source_commit: Option<String>| LastPromotion {
        commit: Some(said.commit.clone()),
        time: Some(said.time),
        from,
        source_commit,
    };
    if said.by_tool {
        let from = said.from.clone();
        let (from, commit) = from.map_or((None, None), |it| (Some(it.environment), it.commit));
        return Ok((said.action == "promote").then(|| last(from, commit)));
    }
    if version.at_boundary {
        return Ok(None);
    }
    let source = arrived(git, entry, version)?;
    Ok(source.map(|(name, id)| last(Some(name.to_string()), Some(id.to_string()))))
}

/// What the records have been promoted from since a commit; `None` where it only took
/// something back.
fn arrived(
    git: &Git,
    entry: &EnvironmentEntry,
    version: &FileVersion,
) -> Result<Option<Source>, GatherError> {
    let after = records_at(git, &version.commit.id, entry)?;
    let before = match version.commit.parents.first() {
        Some(parent) => records_at(git, parent, entry)?,
        None => Records::new(),
    };
    for (unit, record) in &after {
        let old = before.get(unit);
        let Some(source) = record.from.as_ref() else {
            continue;
        };
        let old_source = old.and_then(|old| old.from.as_ref());
        let refused = |record: Option<&Record>| record.map_or(0, |record| record.refused.len());
        let is_rollback = refused(Some(record)) > refused(old);
        if old_source == Some(source) || is_rollback {
            continue;
        }
        let is_older = match old_source {
            Some((name, commit)) if *name == source.0 => git.contains(commit, &source.1)?,
            _ => false,
        };
        if !is_older {
            return Ok(Some(source.clone()));
        }
    }
    Ok(None)
}

/// A promotion whose commit is not in a shallow clone: the records tell where it came
/// from, as far as they agree.
fn beyond(records: &Records) -> LastPromotion {
    let mut sources = records.values().filter_map(|record| record.from.as_ref());
    let first = sources.next();
    let (mut name, mut commit) = (first.map(|it| &it.0), first.map(|it| &it.1));
    for other in sources {
        name = name.filter(|name| **name == other.0);
        commit = commit.filter(|commit| **commit == other.1);
    }
    LastPromotion {
        commit: None,
        time: None,
        from: name.map(ToString::to_string),
        source_commit: commit.map(ToString::to_string),
    }
}
