//! Reading the records of promotions in an environment's tree.

use std::collections::BTreeMap;

use crate::git::{Git, Selection};
use crate::ops::comparison::GatherError;
use crate::product::EnvironmentEntry;
use crate::promotion::{PlanError, Record, UnitId};
use crate::repo::{CommitId, RepoPath, Snapshot, SnapshotError};

/// Fewer records than this are not worth a thread.
const FEW: usize = 128;

/// Returns the records of an environment at a commit.
///
/// # Errors
/// Git or a record can't be read.
pub(super) fn records_at(
    git: &Git,
    commit: &CommitId,
    entry: &EnvironmentEntry,
) -> Result<BTreeMap<UnitId, Record>, GatherError> {
    let folder = Selection::under(vec![entry.records()], |_| true);
    let snapshot = git.snapshot(commit, &folder)?;
    let files = record_files(&snapshot, entry)?;
    Ok(parse(&files).into_iter().collect())
}

/// Reads the records in an environment's files, many of them side by side.
pub(crate) fn records(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
) -> Result<BTreeMap<UnitId, Record>, PlanError> {
    let files = record_files(snapshot, entry)?;
    if files.len() < FEW {
        return Ok(parse(&files).into_iter().collect());
    }
    let (some, others) = files.split_at(files.len() / 2);
    let (some, others) = rayon::join(|| parse(some), || parse(others));
    Ok(some.into_iter().chain(others).collect())
}

type RecordFile<'a> = (UnitId, &'a RepoPath, &'a str);

fn record_files<'a>(
    snapshot: &'a Snapshot,
    entry: &EnvironmentEntry,
) -> Result<Vec<RecordFile<'a>>, SnapshotError> {
    let folder = entry.records();
    let mut files = Vec::new();
    for (path, _) in snapshot.under(&folder) {
        let unit = path.below(&folder).and_then(UnitId::of_record);
        if let Some((unit, text)) = unit.zip(snapshot.text(path)?) {
            files.push((unit, path, text));
        }
    }
    Ok(files)
}

/// One that is damaged, by conflict markers say, damages its own unit alone.
fn parse(files: &[RecordFile<'_>]) -> Vec<(UnitId, Record)> {
    let record = |(unit, path, text): &RecordFile<'_>| {
        let record = Record::parse(path, text);
        let record = record.unwrap_or_else(|error| Record::damaged(&error));
        (unit.clone(), record)
    };
    files.iter().map(record).collect()
}
