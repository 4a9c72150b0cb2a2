//! Records as text: how a record file is read and written.
//!
//! Reads the present format and the first one, which had no serial, no seal and refused
//! whole contents by digest. What it does not know is kept and written again.

use serde_json::{Map, Value, json};

use super::record::{FileState, Kept, Origin, Record, RecordError, Refused};
use super::record::{RefusedContent, Sighting, Writer};
use super::seal::{self, Seal};
use crate::product::EnvironmentName;
use crate::repo::{CommitId, Location, RepoPath};
use crate::yaml::{Path, Stream, to_yaml, to_yaml_as_written};

/// The `kind` of a record file.
const KIND: &str = "PromotionRecord";
/// Its `apiVersion`.
const API_VERSION: &str = "kubectl-gitops/v1alpha1";

impl Record {
    /// Reads a record file.
    ///
    /// # Errors
    /// The text is not YAML (conflict markers are not), or not a promotion record.
    pub fn parse(path: &RepoPath, text: &str) -> Result<Self, RecordError> {
        let at = |line, column, problem: String| RecordError {
            location: Location {
                path: path.clone(),
                line,
                column,
            },
            problem,
        };
        let yaml = |error: crate::yaml::YamlError| {
            at(
                error.position.line,
                error.position.column,
                error.kind.to_string(),
            )
        };
        let stream = Stream::parse(text).map_err(yaml)?;
        let document = stream
            .documents()
            .first()
            .ok_or_else(|| at(1, 1, "the record is empty".to_owned()))?;
        let value = document.value().map_err(yaml)?;
        let mut record = Self::from_value(value).map_err(|problem| at(1, 1, problem))?;
        // What a newer version says stays as that wrote it.
        if let Ok(Value::Object(mut written)) = document.written() {
            for (key, value) in &mut record.unknown_fields {
                if let Some(written) = written.remove(key) {
                    *value = written;
                }
            }
        }
        record.seal = match seal::check(text) {
            Some(seal) => seal,
            None if record.serial == 0 => Seal::Fits,
            None => Seal::Broken,
        };
        Ok(record)
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(mut map) = value else {
            return Err(wrong_kind());
        };
        if map.remove("kind") != Some(json!(KIND)) {
            return Err(wrong_kind());
        }
        map.remove("apiVersion");
        map.remove("seal");
        let (refused, refused_contents) = read_refused(&mut map)?;
        let partial = map.remove("partial") == Some(json!(true));
        let mut unknown = read_list(&mut map, "unknown", |item| read_path(item, "unknown[]"))?;
        if partial && unknown.is_empty() {
            unknown.push(Path::root());
        }
        Ok(Self {
            damage: None,
            unit: take_text(&mut map, "unit"),
            was: take_text(&mut map, "was"),
            serial: map.remove("serial").and_then(|it| it.as_u64()).unwrap_or(0),
            by: match take_text(&mut map, "by").as_deref() {
                Some("rollback") => Writer::Rollback,
                Some("adopt") => Writer::Adopt,
                _ => Writer::Promote,
            },
            from: match map.remove("from") {
                None => None,
                Some(from) => Some((
                    read_environment(&from, "from")?,
                    read_commit(&from, "from")?,
                )),
            },
            onto: take_text(&mut map, "onto").and_then(|id| id.parse().ok()),
            content: map.remove("content"),
            file: map.remove("file").as_ref().and_then(read_file),
            shape: take_text(&mut map, "shape"),
            unknown,
            at: read_list(&mut map, "at", read_origin)?,
            others: read_list(&mut map, "others", read_sighting)?,
            kept: read_list(&mut map, "kept", read_kept)?,
            refused,
            refused_contents,
            unknown_fields: map,
            seal: Seal::Fits,
        })
    }

    /// Returns the bytes of the record file.
    pub fn to_text(&self) -> String {
        let mut map = Map::new();
        map.insert("apiVersion".into(), json!(API_VERSION));
        map.insert("kind".into(), json!(KIND));
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), value);
            }
        };
        put("unit", self.unit.as_ref().map(|it| json!(it)));
        put("was", self.was.as_ref().map(|it| json!(it)));
        if self.serial > 0 {
            put("serial", Some(json!(self.serial)));
            put("by", Some(json!(self.by.word())));
        }
        let from = self.from.as_ref();
        put(
            "from",
            from.map(
                |(name, id)| json!({"environment": name.to_string(), "commit": id.to_string()}),
            ),
        );
        put("onto", self.onto.as_ref().map(|it| json!(it.to_string())));
        put("content", self.content.clone());
        put(
            "file",
            self.file
                .as_ref()
                .map(|it| json!({"mode": it.mode, "blob": it.blob})),
        );
        put("shape", self.shape.as_ref().map(|it| json!(it)));
        put(
            "unknown",
            write_list(&self.unknown, |path| json!(path.to_string())),
        );
        put("at", write_list(&self.at, write_origin));
        put("others", write_list(&self.others, write_sighting));
        put("kept", write_list(&self.kept, write_kept));
        let contents = self.refused_contents.iter().map(write_refused_content);
        let refused: Vec<Value> = contents
            .chain(self.refused.iter().map(write_refused))
            .collect();
        put(
            "refused",
            (!refused.is_empty()).then_some(Value::Array(refused)),
        );
        let mut text = to_yaml(&Value::Object(map));
        if !self.unknown_fields.is_empty() {
            text.push_str(&to_yaml_as_written(&Value::Object(
                self.unknown_fields.clone(),
            )));
        }
        match self.serial {
            // The first format has no seal.
            0 => text,
            _ => seal::seal(text),
        }
    }
}

impl Writer {
    fn word(self) -> &'static str {
        match self {
            Writer::Promote => "promote",
            Writer::Rollback => "rollback",
            Writer::Adopt => "adopt",
        }
    }
}

fn wrong_kind() -> String {
    format!("a promotion record of kind {KIND} was expected")
}

fn take_text(map: &mut Map<String, Value>, key: &str) -> Option<String> {
    map.remove(key)
        .and_then(|it| it.as_str().map(str::to_owned))
}

fn text(item: &Value, key: &str) -> Option<String> {
    item.get(key).and_then(Value::as_str).map(str::to_owned)
}

fn read_list<T>(
    map: &mut Map<String, Value>,
    key: &str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let list = map.remove(key);
    let items = list.as_ref().and_then(Value::as_array);
    items.into_iter().flatten().map(read).collect()
}

fn write_list<T>(items: &[T], write: impl Fn(&T) -> Value) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(write).collect())
}

fn read_path(item: &Value, name: &str) -> Result<Path, String> {
    let path = item.as_str().and_then(|path| path.parse().ok());
    path.ok_or_else(|| format!("{name} is not a key path"))
}

fn read_environment(item: &Value, name: &str) -> Result<EnvironmentName, String> {
    let name_of = text(item, "environment").and_then(|it| it.parse().ok());
    name_of.ok_or_else(|| format!("{name}.environment is not the name of an environment"))
}

fn read_commit(item: &Value, name: &str) -> Result<CommitId, String> {
    let id = text(item, "commit").and_then(|it| it.parse().ok());
    id.ok_or_else(|| format!("{name}.commit is not a commit id"))
}

fn read_file(file: &Value) -> Option<FileState> {
    Some(FileState {
        mode: text(file, "mode")?,
        blob: text(file, "blob")?,
    })
}

fn read_origin(item: &Value) -> Result<Origin, String> {
    Ok(Origin {
        path: read_path(&item["path"], "at[].path")?,
        environment: read_environment(item, "at[]")?,
        commit: read_commit(item, "at[]")?,
    })
}

fn write_origin(origin: &Origin) -> Value {
    json!({
        "path": origin.path.to_string(),
        "environment": origin.environment.to_string(),
        "commit": origin.commit.to_string(),
    })
}

fn read_sighting(item: &Value) -> Result<Sighting, String> {
    Ok(Sighting {
        environment: read_environment(item, "others[]")?,
        path: read_path(&item["path"], "others[].path")?,
        commit: read_commit(item, "others[]")?,
        value: item.get("value").cloned(),
    })
}

fn write_sighting(seen: &Sighting) -> Value {
    let mut item = Map::new();
    item.insert("environment".into(), json!(seen.environment.to_string()));
    item.insert("path".into(), json!(seen.path.to_string()));
    item.insert("commit".into(), json!(seen.commit.to_string()));
    put_value(&mut item, "value", seen.value.as_ref());
    Value::Object(item)
}

/// Writes a value, or that it is absent: `null` is a value of its own.
fn put_value(item: &mut Map<String, Value>, key: &str, value: Option<&Value>) {
    match value {
        Some(value) => item.insert(key.to_owned(), value.clone()),
        None => item.insert("absent".to_owned(), json!(true)),
    };
}

fn put_text(item: &mut Map<String, Value>, key: &str, text: Option<String>) {
    if let Some(text) = text {
        item.insert(key.to_owned(), json!(text));
    }
}

fn read_kept(item: &Value) -> Result<Kept, String> {
    Ok(Kept {
        path: read_path(&item["path"], "kept[].path")?,
        reason: text(item, "reason"),
        source: item.get("source").cloned(),
    })
}

fn write_kept(kept: &Kept) -> Value {
    let mut item = Map::from_iter([("path".to_owned(), json!(kept.path.to_string()))]);
    put_text(&mut item, "reason", kept.reason.clone());
    put_value(&mut item, "source", kept.source.as_ref());
    Value::Object(item)
}

/// Reads what is refused: by path and value, and as the first format has it.
fn read_refused(
    map: &mut Map<String, Value>,
) -> Result<(Vec<Refused>, Vec<RefusedContent>), String> {
    let list = map.remove("refused");
    let (mut values, mut contents) = (Vec::new(), Vec::new());
    for item in list
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let reason = text(item, "reason");
        if item.get("path").is_none() {
            let digest = text(item, "digest").ok_or("refused[].digest is missing")?;
            contents.push(RefusedContent { digest, reason });
            continue;
        }
        values.push(Refused {
            path: read_path(&item["path"], "refused[].path")?,
            value: item.get("value").cloned(),
            reason,
            commit: text(item, "commit").and_then(|id| id.parse().ok()),
            is_doubtful: item.get("doubtful") == Some(&json!(true)),
        });
    }
    Ok((values, contents))
}

fn write_refused(refused: &Refused) -> Value {
    let mut item = Map::from_iter([("path".to_owned(), json!(refused.path.to_string()))]);
    put_value(&mut item, "value", refused.value.as_ref());
    put_text(&mut item, "reason", refused.reason.clone());
    put_text(
        &mut item,
        "commit",
        refused.commit.as_ref().map(CommitId::to_string),
    );
    if refused.is_doubtful {
        item.insert("doubtful".into(), json!(true));
    }
    Value::Object(item)
}

fn write_refused_content(refused: &RefusedContent) -> Value {
    let mut item = Map::from_iter([("digest".to_owned(), json!(refused.digest))]);
    put_text(&mut item, "reason", refused.reason.clone());
    Value::Object(item)
}

#[cfg(test)]
mod tests;
