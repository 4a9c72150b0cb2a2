//! Who made a hotfix: the newest commit on the target after which a key path
//! had the value it has now.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Facts, Item, Plan, PlanError};
use crate::ops::estate::Estate;
use crate::product::{UnitId, value_at};
use crate::repo::{CommitInfo, RepoPath};
use crate::yaml::{Path, Step, Stream};

/// How far back a file's history is read.
const VERSIONS: usize = 50;
/// Larger files are not read for their history.
const MAX_BYTES: u64 = 4 << 20;

/// Fills in `changed_by` of the diverged items, where history tells.
pub fn blame(estate: &Estate, facts: &Facts, plan: &mut Plan) -> Result<(), PlanError> {
    let mut histories: BTreeMap<RepoPath, Vec<(CommitInfo, Option<Value>)>> = BTreeMap::new();
    for item in plan
        .items
        .iter_mut()
        .filter(|item| item.difference.class.is_diverged())
    {
        let Some((file, path)) = place(facts, item) else {
            continue;
        };
        if !histories.contains_key(&file) {
            histories.insert(file.clone(), history(estate, facts, &file)?);
        }
        let versions = &histories[&file];
        item.changed_by = author(versions, path.as_ref(), item.difference.ours.as_ref());
    }
    Ok(())
}

/// The file that an item stands in, and its key path there; no path: the file as a whole.
fn place(facts: &Facts, item: &Item) -> Option<(RepoPath, Option<Path>)> {
    let target = facts.target.state.product.as_ref();
    let source = facts.source.state.product.as_ref();
    match &item.unit {
        UnitId::Product => Some((
            target?.product.file.clone(),
            Some(item.difference.path.clone()),
        )),
        UnitId::Component(name) => {
            let node = target?
                .components
                .get(name)
                .or_else(|| source?.components.get(name))?;
            Some((
                node.file.clone(),
                Some(node.path.join(&item.difference.path)),
            ))
        }
        UnitId::Template(name) => {
            let Some(Step::Key(file)) = item.difference.path.last() else {
                return None;
            };
            Some((
                facts.target.path(&format!("templates/{name}/{file}"))?,
                None,
            ))
        }
        UnitId::File(path) => Some((facts.target.path(path.as_str())?, None)),
    }
}

fn history(
    estate: &Estate,
    facts: &Facts,
    file: &RepoPath,
) -> Result<Vec<(CommitInfo, Option<Value>)>, PlanError> {
    let versions = estate
        .git
        .file_history(&facts.target.state.commit, file, Some(VERSIONS))?;
    let mut history = Vec::with_capacity(versions.len());
    for version in versions {
        let value = match &version.blob {
            Some(blob) if file.as_str().ends_with(".yaml") => {
                let bytes = estate.git.read(blob, MAX_BYTES)?;
                let text = String::from_utf8_lossy(&bytes);
                Stream::parse(&text)
                    .ok()
                    .and_then(|stream| stream.documents().first()?.value().ok())
            }
            Some(blob) => Some(Value::String(blob.to_string())),
            None => None,
        };
        history.push((version.commit, value));
    }
    Ok(history)
}

fn author(
    history: &[(CommitInfo, Option<Value>)],
    path: Option<&Path>,
    now: Option<&Value>,
) -> Option<CommitInfo> {
    let Some(path) = path else {
        return history.first().map(|(commit, _)| commit.clone());
    };
    let at = |value: &Option<Value>| {
        value
            .as_ref()
            .and_then(|value| value_at(value, path))
            .cloned()
    };
    let mut made = None;
    for (commit, value) in history {
        if at(value).as_ref() != now {
            break;
        }
        made = Some(commit.clone());
    }
    made
}
