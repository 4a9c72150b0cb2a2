//! What is known of the common past of a unit, per source environment and key path.
//!
//! The record counts first: what it saw last from just this source. For a source that it
//! never saw, agreement counts: the merge base of two branches, or the newest commit at
//! which two folders had the same value. Else nothing is known.

use serde_json::{Map, Value};

use super::past::{Lines, Past, Pasts};
use super::{Base, Record, same};
use crate::product::EnvironmentName;
use crate::repo::CommitId;
use crate::yaml::{Path, Step, value_at};

/// What is known of the common past at one key path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Knowledge {
    /// The last common value, and where the source had it.
    Known {
        /// The value; `None`: it was absent.
        value: Option<Value>,
        /// Where the source had it.
        since: Since,
    },
    /// Nothing.
    Unknown,
}

/// Where the source had the last common value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Since {
    /// At a commit that a record or the merge base names.
    Commit(CommitId),
    /// At a state of its past, found by agreement of two folders; with the depth.
    Agreement {
        /// The place in the source's past.
        source: usize,
        /// The place in the target's past.
        target: usize,
    },
    /// At a commit that nothing names.
    Somewhere,
}

/// What a record says of one source, key path by key path.
pub(super) struct Known<'a> {
    record: Option<&'a Record>,
    /// Sorted by depth: the last one that covers a path counts.
    layers: Vec<Layer<'a>>,
    pasts: &'a Pasts,
}

struct Layer<'a> {
    path: Path,
    said: Said<'a>,
}

#[derive(Clone, Copy)]
enum Said<'a> {
    /// The source had this, at this commit.
    Seen(Option<&'a Value>, Option<&'a CommitId>),
    /// Only the leaves that the content has are known.
    Leaves(Option<&'a CommitId>),
    /// The record never saw it from this source.
    Never,
}

impl<'a> Known<'a> {
    pub(super) fn new(
        record: Option<&'a Record>,
        source: &EnvironmentName,
        pasts: &'a Pasts,
    ) -> Self {
        let layers = record.map_or_else(Vec::new, |record| layers(record, source));
        Self {
            record,
            layers,
            pasts,
        }
    }

    /// Returns a base for walking both sides key by key: what it knows in the whole,
    /// exact or not. [`Known::at`] decides.
    pub(super) fn outline(&self) -> Base<'a> {
        match (self.record, &self.pasts.lines) {
            (Some(record), _) => record.base(),
            (None, Lines::Forked { value, .. }) => Base::Known(value.as_deref()),
            (None, _) => Base::Unknown,
        }
    }

    /// Returns what is known at a key path.
    pub(super) fn at(&self, path: &Path) -> Knowledge {
        let above = |layer: &&Layer<'_>| path.starts_with(&layer.path);
        let Some(layer) = self.layers.iter().rev().find(above) else {
            return agreement(self.pasts, path);
        };
        let (value, commit) = match layer.said {
            Said::Never => return agreement(self.pasts, path),
            Said::Seen(value, commit) => {
                let below = path.strip_prefix(&layer.path).unwrap_or_default();
                (value.and_then(|value| value_at(value, &below)), commit)
            }
            Said::Leaves(commit) => match self.leaf(path) {
                Some(value) => (Some(value), commit),
                None => return Knowledge::Unknown,
            },
        };
        let Some(value) = self.with_layers_below(path, value.cloned()) else {
            return Knowledge::Unknown;
        };
        let since = commit.cloned().map_or(Since::Somewhere, Since::Commit);
        Knowledge::Known { value, since }
    }

    fn leaf(&self, path: &Path) -> Option<&'a Value> {
        let value = value_at(self.record?.content.as_ref()?, path)?;
        (!value.is_object()).then_some(value)
    }

    /// Puts what deeper layers say into a value; `None`: not all of it is known.
    fn with_layers_below(&self, path: &Path, mut value: Option<Value>) -> Option<Option<Value>> {
        let below = |layer: &&Layer<'_>| layer.path != *path && layer.path.starts_with(path);
        for layer in self.layers.iter().filter(below) {
            let Said::Seen(seen, _) = layer.said else {
                return None;
            };
            let inside = layer.path.strip_prefix(path)?;
            if !put(&mut value, inside.steps(), seen) {
                return None;
            }
        }
        Some(value)
    }
}

fn layers<'a>(record: &'a Record, source: &EnvironmentName) -> Vec<Layer<'a>> {
    let content = |path: &Path| record.content.as_ref().and_then(|it| value_at(it, path));
    let from = record.from.as_ref();
    let commit = from.map(|(_, commit)| commit);
    let is_from = from.is_none_or(|(name, _)| name == source);
    let root = match is_from {
        true => Said::Seen(record.content.as_ref(), commit),
        false => Said::Never,
    };
    let mut layers = vec![Layer {
        path: Path::root(),
        said: root,
    }];
    if is_from {
        layers.extend(record.unknown.iter().map(|path| Layer {
            path: path.clone(),
            said: Said::Leaves(commit),
        }));
    }
    layers.extend(record.at.iter().map(|origin| Layer {
        path: origin.path.clone(),
        said: match origin.environment == *source {
            true => Said::Seen(content(&origin.path), Some(&origin.commit)),
            false => Said::Never,
        },
    }));
    let others = record.others.iter().filter(|it| it.environment == *source);
    layers.extend(others.map(|seen| Layer {
        path: seen.path.clone(),
        said: Said::Seen(seen.value.as_ref(), Some(&seen.commit)),
    }));
    // Stable: of two layers at one path the later one counts.
    layers.sort_by_key(|layer| layer.path.steps().len());
    layers
}

/// Writes a value into maps and lists of named items; `false` where it has no place there.
pub(super) fn put(root: &mut Option<Value>, steps: &[Step], value: Option<&Value>) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        *root = value.cloned();
        return true;
    };
    if root.is_none() {
        if value.is_none() {
            return true;
        }
        *root = Some(match step {
            Step::Key(_) => Value::Object(Map::new()),
            Step::Index(_) | Step::Item(_) => Value::Array(Vec::new()),
        });
    }
    match (root, step) {
        (Some(Value::Object(map)), Step::Key(key)) => {
            let mut inner = map.get(key).cloned();
            let written = put(&mut inner, rest, value);
            match inner {
                Some(inner) => drop(map.insert(key.clone(), inner)),
                None => drop(map.shift_remove(key)),
            }
            written
        }
        (Some(list @ Value::Array(_)), Step::Item(_)) => put_item(list, step, rest, value),
        _ => value.is_none(),
    }
}

fn put_item(list: &mut Value, step: &Step, rest: &[Step], value: Option<&Value>) -> bool {
    let found = step.down(list).cloned();
    let Value::Array(items) = list else {
        return false;
    };
    let place = found
        .as_ref()
        .and_then(|found| items.iter().position(|it| it == found));
    let mut inner = found;
    if !put(&mut inner, rest, value) {
        return false;
    }
    match (place, inner) {
        (Some(place), Some(inner)) => items[place] = inner,
        (Some(place), None) => drop(items.remove(place)),
        // Only a whole item says by which keys it is found.
        (None, Some(inner)) if rest.is_empty() => items.push(inner),
        (None, inner) => return inner.is_none(),
    }
    true
}

/// Returns everything in a value that is no map, with its path.
pub(super) fn leaves(value: &Value) -> Vec<(Path, &Value)> {
    let mut found = Vec::new();
    let mut waiting = vec![(Path::root(), value)];
    while let Some((path, value)) = waiting.pop() {
        match value {
            Value::Object(map) => waiting.extend(map.iter().map(|(key, it)| (path.key(key), it))),
            leaf => found.push((path, leaf)),
        }
    }
    found
}

/// Returns what both sides agreed on, without any record.
pub(super) fn agreement(pasts: &Pasts, path: &Path) -> Knowledge {
    match &pasts.lines {
        Lines::Unrelated => Knowledge::Unknown,
        Lines::Forked { commit, value } => Knowledge::Known {
            value: value.as_deref().and_then(|it| value_at(it, path)).cloned(),
            since: Since::Commit(commit.clone()),
        },
        Lines::Shared => newest_agreement(&pasts.target, &pasts.source, path),
    }
}

/// Returns the newest value that two folders had at the same commit. What both had only
/// while a promotion was there that was taken back does not count.
fn newest_agreement(target: &Past, source: &Past, path: &Path) -> Knowledge {
    let present = target.states.first().map_or(0, |state| state.serial());
    let (mut ours, mut theirs) = (0, 0);
    while let (Some(one), Some(other)) = (target.states.get(ours), source.states.get(theirs)) {
        let counts = one.is_read && other.is_read && one.serial() <= present;
        if counts && same(one.at(path), other.at(path)) {
            return Knowledge::Known {
                value: one.at(path).cloned(),
                since: Since::Agreement {
                    source: theirs,
                    target: ours,
                },
            };
        }
        // Before the newer of the two commits its side had the next older state.
        if one.depth <= other.depth {
            ours += 1;
        }
        if other.depth <= one.depth {
            theirs += 1;
        }
    }
    Knowledge::Unknown
}
