//! The record of a promotion: what was last promoted into an environment, one
//! small file per unit, kept in the environment's own tree.
//!
//! It is the base of the next comparison, so nothing has to be found in
//! history, and squash merges, rebases and rewritten branches do it no harm.

use serde_json::{Map, Value, json};

use super::Base;
use crate::product::EnvironmentName;
use crate::repo::{CommitId, Location, RepoPath};
use crate::yaml::{Path, Stream, to_yaml};

/// The `kind` of a record file.
const RECORD_KIND: &str = "PromotionRecord";

/// What was last promoted of one unit, and what was decided about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The environment and commit it came from.
    pub from: Option<(EnvironmentName, CommitId)>,
    /// The unit as the source had it; `None`: the source did not have it.
    pub content: Option<Value>,
    /// Whether the content is only what was promoted of the unit, and of the rest
    /// nothing is known.
    pub partial: bool,
    /// Values of the target that were kept against the source's.
    pub kept: Vec<Kept>,
    /// Contents that a rollback refused.
    pub refused: Vec<Refused>,
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

/// Content of a unit that was rolled back and stays away until it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
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
    /// Reads a record file.
    pub fn parse(path: &RepoPath, text: &str) -> Result<Self, RecordError> {
        let at = |line, column, problem: String| RecordError {
            location: Location {
                path: path.clone(),
                line,
                column,
            },
            problem,
        };
        let stream = Stream::parse(text).map_err(|error| {
            at(
                error.position.line,
                error.position.column,
                error.kind.to_string(),
            )
        })?;
        let document = stream
            .documents()
            .first()
            .ok_or_else(|| at(1, 1, "the record is empty".to_owned()))?;
        let value = document.value().map_err(|error| {
            at(
                error.position.line,
                error.position.column,
                error.kind.to_string(),
            )
        })?;
        Self::from_value(value).map_err(|problem| at(1, 1, problem))
    }

    fn from_value(mut value: Value) -> Result<Self, String> {
        if value["kind"] != RECORD_KIND {
            return Err(format!(
                "a promotion record of kind {RECORD_KIND} was expected"
            ));
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let from = match value.get("from") {
            None => None,
            Some(from) => Some((
                text(&from["environment"])
                    .and_then(|name| name.parse().ok())
                    .ok_or("from.environment is not the name of an environment")?,
                text(&from["commit"])
                    .and_then(|id| id.parse().ok())
                    .ok_or("from.commit is not a commit id")?,
            )),
        };
        let mut kept = Vec::new();
        for item in value
            .get("kept")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let path = item["path"]
                .as_str()
                .and_then(|path| path.parse().ok())
                .ok_or("kept[].path is not a key path")?;
            kept.push(Kept {
                path,
                reason: text(&item["reason"]),
                source: item.get("source").cloned(),
            });
        }
        let mut refused = Vec::new();
        for item in value
            .get("refused")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let digest = text(&item["digest"]).ok_or("refused[].digest is missing")?;
            refused.push(Refused {
                digest,
                reason: text(&item["reason"]),
            });
        }
        Ok(Self {
            from,
            partial: value.get("partial") == Some(&Value::Bool(true)),
            content: value.get_mut("content").map(Value::take),
            kept,
            refused,
        })
    }

    /// The bytes of the record file.
    pub fn to_text(&self) -> String {
        let mut map = Map::new();
        map.insert("apiVersion".into(), json!("kubectl-gitops/v1alpha1"));
        map.insert("kind".into(), json!(RECORD_KIND));
        if let Some((environment, commit)) = &self.from {
            map.insert(
                "from".into(),
                json!({"environment": environment.to_string(), "commit": commit.to_string()}),
            );
        }
        if let Some(content) = &self.content {
            map.insert("content".into(), content.clone());
        }
        let with_reason = |mut item: Map<String, Value>, reason: &Option<String>| {
            if let Some(reason) = reason {
                item.insert("reason".into(), json!(reason));
            }
            item
        };
        if self.partial {
            map.insert("partial".into(), json!(true));
        }
        if !self.kept.is_empty() {
            let items = self.kept.iter().map(|kept| {
                let mut item = Map::from_iter([("path".to_owned(), json!(kept.path.to_string()))]);
                item = with_reason(item, &kept.reason);
                if let Some(source) = &kept.source {
                    item.insert("source".into(), source.clone());
                }
                Value::Object(item)
            });
            map.insert("kept".into(), items.collect());
        }
        if !self.refused.is_empty() {
            let items = self.refused.iter().map(|refused| {
                let item = Map::from_iter([("digest".to_owned(), json!(refused.digest))]);
                Value::Object(with_reason(item, &refused.reason))
            });
            map.insert("refused".into(), items.collect());
        }
        to_yaml(&Value::Object(map))
    }

    /// What it says of the common past of its unit.
    pub fn base(&self) -> Base<'_> {
        match &self.content {
            Some(content) if self.partial => Base::Partly(content),
            content => Base::Known(content.as_ref()),
        }
    }

    /// Whether the target's value at `path` was kept against just this value of the source.
    pub fn keeps(&self, path: &Path, source: Option<&Value>) -> bool {
        self.kept
            .iter()
            .any(|kept| kept.path == *path && kept.source.as_ref() == source)
    }

    /// Whether just this content was refused by a rollback.
    pub fn refuses(&self, content: &Value) -> Option<&Refused> {
        if self.refused.is_empty() {
            return None;
        }
        let digest = content_digest(content);
        self.refused.iter().find(|refused| refused.digest == digest)
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

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = Record {
            from: Some((
                "staging".parse().unwrap(),
                "5f2c1e05f2c1e05f2c1e05f2c1e05f2c1e05f2c1".parse().unwrap(),
            )),
            content: Some(
                json!({"image": "a/b:1.10", "values": {"on": "yes", "n": 3, "env": {"a.b": "x: y"}}}),
            ),
            partial: true,
            kept: vec![
                Kept {
                    path: "values.env[\"a.b\"]".parse().unwrap(),
                    reason: Some("slow bank".into()),
                    source: Some(json!("2s")),
                },
                Kept {
                    path: "values.replicas".parse().unwrap(),
                    reason: None,
                    source: None,
                },
            ],
            refused: vec![Refused {
                digest: "sha256:00".into(),
                reason: Some("leaks".into()),
            }],
        };
        let path: RepoPath = ".gitops/promoted/component/a.yaml".parse().unwrap();
        assert_eq!(Record::parse(&path, &record.to_text()).unwrap(), record);
    }

    #[test]
    fn a_foreign_file_is_refused_with_its_place() {
        let path: RepoPath = ".gitops/promoted/component/a.yaml".parse().unwrap();
        let error = Record::parse(&path, "kind: Secret\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            ".gitops/promoted/component/a.yaml:1:1: a promotion record of kind PromotionRecord was expected"
        );
    }

    #[test]
    fn refused_content_is_known_by_value_not_by_key_order() {
        let digest = content_digest(&json!({"a": 1, "b": {"c": 2, "d": 3}}));
        let record = Record {
            refused: vec![Refused {
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
