//! The record of a promotion: what was last promoted into an environment, one
//! small file per unit, kept in the environment's own tree.
//!
//! It is the base of the next comparison, so nothing has to be found in
//! history, and squash merges, rebases and rewritten branches do it no harm.
//! How it is read and written is in `record_text`.

use serde_json::{Map, Value};

use super::Base;
use super::seal::Seal;
use crate::product::EnvironmentName;
use crate::repo::{CommitId, Location};
use crate::yaml::{Path, value_at};

/// What was last promoted of one unit, and what was decided about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The unit, as `component/cart`; `None` in records of the first format.
    pub unit: Option<String>,
    /// The name that the unit had before it was renamed.
    pub was: Option<String>,
    /// Grows by one with every record that is written for the unit; 0 in the first format.
    pub serial: u64,
    /// What wrote it.
    pub by: Writer,
    /// The environment and commit it came from.
    pub from: Option<(EnvironmentName, CommitId)>,
    /// The commit of the target that the plan was made on.
    pub onto: Option<CommitId>,
    /// The unit as the source had it; `None`: the source did not have it.
    pub content: Option<Value>,
    /// Mode and blob of a plain file, as the source had it, instead of a content.
    pub file: Option<FileState>,
    /// Digest of the source's text around the values.
    pub shape: Option<String>,
    /// Key paths below which only what `content` has is known.
    pub unknown: Vec<Path>,
    /// Key paths whose content came from elsewhere than `from` says.
    pub at: Vec<Origin>,
    /// What other sources had when the target last saw them.
    pub others: Vec<Sighting>,
    /// Values of the target that were kept against the source's.
    pub kept: Vec<Kept>,
    /// Values that were taken back on the target.
    pub refused: Vec<Refused>,
    /// Whole contents that a rollback refused, as the first format has them.
    pub refused_contents: Vec<RefusedContent>,
    /// Fields that this version does not know; they are written again.
    pub unknown_fields: Map<String, Value>,
    /// Whether the seal fits.
    pub(crate) seal: Seal,
    /// Why the file could not be read; nothing is known of the unit's past then.
    pub damage: Option<String>,
}

/// What wrote a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Writer {
    /// `promote`.
    #[default]
    Promote,
    /// `rollback`.
    Rollback,
    /// `promote --adopt`.
    Adopt,
}

/// The state of a plain file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileState {
    /// Its mode, as Git writes it: `100644`.
    pub mode: String,
    /// The id of its content.
    pub blob: String,
}

/// Where the content of one key path came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The key path inside the unit; deeper entries count before shallower ones.
    pub path: Path,
    /// The environment.
    pub environment: EnvironmentName,
    /// Its commit.
    pub commit: CommitId,
}

/// What an environment had at a key path when the target last saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// The environment.
    pub environment: EnvironmentName,
    /// The key path inside the unit; deeper entries count before shallower ones.
    pub path: Path,
    /// The environment's commit.
    pub commit: CommitId,
    /// The value; `None`: it was absent.
    pub value: Option<Value>,
}

/// A value of the target that stays although the source has another.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// The key path inside the unit.
    pub path: Path,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// The source's value it was kept against; `None`: the source had none.
    pub source: Option<Value>,
}

/// A value that was taken back on the target and is not promoted again.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// The key path inside the unit.
    pub path: Path,
    /// The value; `None`: its absence was taken back.
    pub value: Option<Value>,
    /// Why, in a person's words.
    pub reason: Option<String>,
    /// The commit on the target that took it back.
    pub commit: Option<CommitId>,
    /// Whether a person is asked each time, because it is not certain that what was
    /// taken back is what the source has.
    pub is_doubtful: bool,
}

/// Content of a unit that was rolled back and stays away until it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedContent {
    /// SHA-256 of the unit's content, as [`content_digest`] computes it.
    pub digest: String,
    /// Why, in a person's words.
    pub reason: Option<String>,
}

/// A record that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{location}: {problem}")]
pub struct RecordError {
    /// Where.
    pub location: Location,
    /// What is wrong.
    pub problem: String,
}

impl Record {
    /// The record of a unit whose file can't be read: nothing is known of its past.
    pub fn damaged(error: &RecordError) -> Self {
        Self {
            content: Some(Value::Object(Map::new())),
            unknown: vec![Path::root()],
            damage: Some(error.to_string()),
            ..Self::default()
        }
    }

    /// Returns what it says of the common past of its unit, whatever the source.
    pub fn base(&self) -> Base<'_> {
        match &self.content {
            Some(content) if self.is_partial() => Base::Partly(content),
            content => Base::Known(content.as_ref()),
        }
    }

    /// Whether something of the unit is not known.
    pub fn is_partial(&self) -> bool {
        !self.unknown.is_empty()
    }

    /// Whether its lines are those that were sealed: a record merged by hand is not. The
    /// first format has no seal, and counts as sealed.
    pub fn is_sealed(&self) -> bool {
        self.seal != Seal::Broken
    }

    /// Whether the target's value at `path` was kept against just this value of the source.
    pub fn keeps(&self, path: &Path, source: Option<&Value>) -> bool {
        self.kept
            .iter()
            .any(|kept| kept.path == *path && kept.source.as_ref() == source)
    }

    /// Returns the entry that refuses `value` at `path`: one of this path, or of one above
    /// it whose value has just this there.
    pub fn refusal(&self, path: &Path, value: Option<&Value>) -> Option<&Refused> {
        self.refused.iter().find(|refused| {
            let below = path.strip_prefix(&refused.path);
            below.is_some_and(|below| {
                let whole = refused.value.as_ref();
                whole.and_then(|whole| value_at(whole, &below)) == value
            })
        })
    }

    /// Whether just this content was refused by a rollback.
    pub fn refuses(&self, content: &Value) -> Option<&RefusedContent> {
        if self.refused_contents.is_empty() {
            return None;
        }
        let digest = content_digest(content);
        let mut all = self.refused_contents.iter();
        all.find(|refused| refused.digest == digest)
    }
}

/// SHA-256 over a unit's content with sorted keys, as `sha256:<hex>`.
pub fn content_digest(content: &Value) -> String {
    use sha2::{Digest, Sha256};
    let mut text = String::new();
    canonical(content, &mut text);
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// JSON with sorted keys: equal values give equal text, whatever the author's order.
pub fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            text.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(key.clone()).to_string());
                text.push(':');
                canonical(&map[key], text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                canonical(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn refused_content_is_known_by_value_not_by_key_order() {
        let digest = content_digest(&json!({"a": 1, "b": {"c": 2, "d": 3}}));
        let record = Record {
            refused_contents: vec![RefusedContent {
                digest,
                reason: None,
            }],
            ..Record::default()
        };
        assert!(
            record
                .refuses(&json!({"b": {"d": 3, "c": 2}, "a": 1}))
                .is_some()
        );
        assert!(record.refuses(&json!({"a": 1})).is_none());
    }
}
