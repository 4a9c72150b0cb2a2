//! Who made a hotfix: the newest commit on the target after which a key path
//! had the value it has now.

use std::collections::BTreeMap;

use serde_json::Value;

use super::GatherError;
use crate::git::{FileVersion, Git, GitError};
use crate::ops::estate::Estate;
use crate::promotion::UnitId;
use crate::promotion::together;
use crate::promotion::{Facts, Item, Plan};
use crate::repo::{CommitInfo, RepoPath};
use crate::yaml::value_at;
use crate::yaml::{Path, Step, parse_values};

/// How far back a file's history is read.
const VERSIONS: usize = 50;
/// Larger files are not read for their history.
const MAX_BYTES: u64 = 4 << 20;
/// How many versions of a file a partial clone fetches at once: most answers lie here.
const AT_ONCE: usize = 8;

/// What is asked of one file's history: for each value that diverged, its place in the
/// plan, its key path (none: the file as a whole) and what it is now.
type Questions = Vec<(usize, Option<Path>, Option<Value>)>;

/// Fills in `changed_by` of the diverged items, where history tells.
pub fn blame(estate: &Estate, facts: &Facts, plan: &mut Plan) -> Result<(), GatherError> {
    let mut files: BTreeMap<RepoPath, Questions> = BTreeMap::new();
    for (at, item) in plan.items.iter().enumerate() {
        if !item.difference.class.is_diverged() {
            continue;
        }
        if let Some((file, path)) = place(facts, item) {
            let question = (at, path, item.difference.ours.clone());
            files.entry(file).or_default().push(question);
        }
    }
    for (file, questions) in files {
        for (at, commit) in authors(estate, facts, &file, questions)? {
            plan.items[at].changed_by = Some(commit);
        }
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
        UnitId::File(path) => {
            let compared = facts.target.files.contains_key(path);
            let below = compared.then(|| item.difference.path.clone());
            Some((facts.target.path(path.as_str())?, below))
        }
    }
}

/// Walks back through a file's versions until every value was another one, and no
/// further: a shallow clone has to ask for each part of the way.
fn authors(
    estate: &Estate,
    facts: &Facts,
    file: &RepoPath,
    mut open: Questions,
) -> Result<BTreeMap<usize, CommitInfo>, GatherError> {
    let (git, tip) = (&estate.git, &facts.target.state.commit);
    if git.is_partial() {
        let versions = git.file_history(tip, file, Some(AT_ONCE))?;
        git.fetch_files(versions.iter().filter_map(|version| version.blob.as_ref()))?;
    }
    let mut found = BTreeMap::new();
    let mut failure = None;
    let mut seen = 0;
    let mut visit = |version: FileVersion| {
        let documents = match documents(git, file, &version) {
            Ok(documents) => documents,
            Err(error) => {
                failure = Some(error);
                return false;
            }
        };
        open.retain(|(at, path, now)| {
            // As a whole the file was last changed by its newest version.
            let same = match path {
                None => true,
                Some(path) => held(&documents, path) == *now,
            };
            if same && version.at_boundary {
                // It may be older than what is here.
                found.remove(at);
            } else if same {
                found.insert(*at, version.commit.clone());
            }
            same && path.is_some()
        });
        seen += 1;
        !open.is_empty() && seen < VERSIONS
    };
    git.visit_history(tip, file, &mut visit)?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(found),
    }
}

/// The documents that a file held; of what is no YAML its id.
fn documents(git: &Git, file: &RepoPath, version: &FileVersion) -> Result<Vec<Value>, GitError> {
    let Some(blob) = &version.blob else {
        return Ok(Vec::new());
    };
    let is_yaml = [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| file.as_str().ends_with(ending));
    if !is_yaml {
        return Ok(vec![Value::String(blob.to_string())]);
    }
    let bytes = git.read(blob, MAX_BYTES)?;
    Ok(parse_values(&String::from_utf8_lossy(&bytes)).unwrap_or_default())
}

/// What stood at a path: of the first document, or of all together, as the value of a
/// promoted file has it.
fn held(documents: &[Value], path: &Path) -> Option<Value> {
    let first = documents.first().and_then(|value| value_at(value, path));
    match first {
        Some(value) => Some(value.clone()),
        None => value_at(&together(documents)?, path).cloned(),
    }
}
