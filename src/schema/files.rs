//! Schemas that a person names: CustomResourceDefinitions in YAML or JSON, and
//! JSON Schemas in the folder layouts that kubeconform reads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use super::crd::{CrdError, add_crd, is_crd};
use crate::check::{Dialect, Kind, LooseKind, Schema, SchemaError, SchemaSet};
use crate::files;
use crate::yaml::{self, YamlError};

/// A schema that was named and cannot be used.
#[derive(Debug, Error)]
pub enum SchemaFileError {
    /// The file or folder cannot be read.
    #[error("{}", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The file is not YAML.
    #[error("{}: {error}", path.display())]
    Yaml {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        error: YamlError,
    },
    /// A CustomResourceDefinition lacks something.
    #[error("{}: {error}", path.display())]
    Crd {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        error: CrdError,
    },
    /// A JSON Schema is not one.
    #[error("{}: {error}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: SchemaError,
    },
    /// A JSON Schema's kind is told neither by itself nor by its file's name.
    #[error("{}: it is not told which kind this describes: neither by x-kubernetes-group-version-kind nor by a name such as GROUP/KIND_VERSION.json", path.display())]
    Nameless {
        /// The file.
        path: PathBuf,
    },
    /// Nothing was found.
    #[error("{}: no schema in here", path.display())]
    Empty {
        /// What was searched.
        path: PathBuf,
    },
}

/// Adds the schemas of a file, or of all files below a folder; answers their number.
pub fn add_schema_files(set: &mut SchemaSet, path: &Path) -> Result<usize, SchemaFileError> {
    let mut count = 0;
    let mut waiting = vec![path.to_path_buf()];
    let named = path;
    while let Some(path) = waiting.pop() {
        let read = |source| SchemaFileError::Read {
            path: path.clone(),
            source,
        };
        if fs::metadata(&path).map_err(read)?.is_dir() {
            for entry in fs::read_dir(&path).map_err(read)? {
                let entry = entry.map_err(read)?;
                // A link to a folder is not entered: it may lead in a circle.
                if !(entry.path().is_symlink() && entry.path().is_dir()) {
                    waiting.push(entry.path());
                }
            }
            continue;
        }
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        if !matches!(extension, "yaml" | "yml" | "json") {
            continue;
        }
        let bytes = match path == named {
            true => files::read_named(&path, files::MANIFEST),
            false => files::read_regular(&path, files::MANIFEST),
        };
        let text = bytes.and_then(files::text).map_err(read)?;
        count += add_file(set, &path, &text, path == named)?;
    }
    if count == 0 {
        Err(SchemaFileError::Empty {
            path: named.to_path_buf(),
        })
    } else {
        Ok(count)
    }
}

/// In a folder, files that are no schemas are left alone; a file that was named must be one.
fn add_file(
    set: &mut SchemaSet,
    path: &Path,
    text: &str,
    named: bool,
) -> Result<usize, SchemaFileError> {
    let values = yaml::parse_values(text).map_err(|error| SchemaFileError::Yaml {
        path: path.to_path_buf(),
        error,
    })?;
    let mut count = 0;
    for value in values.iter().flat_map(items) {
        if is_crd(value) {
            add_crd(set, value).map_err(|error| SchemaFileError::Crd {
                path: path.to_path_buf(),
                error,
            })?;
            count += 1;
        } else if value.get("kind").is_none() && is_json_schema(value) {
            count += add_json_schema(set, path, value, named)?;
        }
    }
    Ok(count)
}

fn items(value: &Value) -> Vec<&Value> {
    match value.get("items").and_then(Value::as_array) {
        Some(items) if value.get("kind").is_some() => items.iter().collect(),
        _ => vec![value],
    }
}

fn is_json_schema(value: &Value) -> bool {
    [
        "properties",
        "$schema",
        "oneOf",
        "x-kubernetes-group-version-kind",
    ]
    .iter()
    .any(|keyword| value.get(keyword).is_some())
}

fn add_json_schema(
    set: &mut SchemaSet,
    path: &Path,
    value: &Value,
    named: bool,
) -> Result<usize, SchemaFileError> {
    let fail = |error| SchemaFileError::Schema {
        path: path.to_path_buf(),
        error,
    };
    let schema = Schema::parse(value, Dialect::JsonSchema).map_err(fail)?;
    let definition: Box<str> = path.display().to_string().into();
    let mut kinds = Vec::new();
    for entry in value
        .get("x-kubernetes-group-version-kind")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        let api_version = match text("group") {
            "" => text("version").to_owned(),
            group => format!("{group}/{}", text("version")),
        };
        kinds.push((api_version, text("kind").to_owned()));
    }
    let loose = loose_kind(path, &definition);
    if kinds.is_empty() && loose.is_none() {
        return if named {
            Err(SchemaFileError::Nameless {
                path: path.to_path_buf(),
            })
        } else {
            Ok(0)
        };
    }
    for (name, inner) in value
        .get("definitions")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        if set.definition(name).is_none() {
            set.define(
                name,
                Schema::parse(inner, Dialect::JsonSchema).map_err(fail)?,
            );
        }
    }
    set.define(&definition, schema);
    if kinds.is_empty() {
        loose
            .into_iter()
            .for_each(|loose| set.add_loose_kind(loose));
    }
    for (api_version, kind) in kinds {
        set.add_kind(Kind {
            api_version: api_version.into(),
            kind: kind.into(),
            scope: None,
            plural: Box::default(),
            definition: definition.clone(),
        });
    }
    Ok(1)
}

/// `example.com/cache_v1.json`, or `cache-example-v1.json` and `pod-v1.json`.
fn loose_kind(path: &Path, definition: &str) -> Option<LooseKind> {
    let stem = path.file_stem()?.to_str()?.to_lowercase();
    if let Some((kind, version)) = stem.split_once('_') {
        let group = path.parent()?.file_name()?.to_str()?.to_lowercase();
        return Some(LooseKind::new(kind, &group, version, definition));
    }
    let mut parts = stem.split('-');
    let (kind, second, third) = (parts.next()?, parts.next()?, parts.next());
    let is_version =
        |text: &str| text.starts_with('v') && text[1..].starts_with(|c: char| c.is_ascii_digit());
    match (third, parts.next()) {
        (None, None) if is_version(second) => Some(LooseKind::new(kind, "", second, definition)),
        (Some(third), None) if is_version(third) => {
            Some(LooseKind::new(kind, second, third, definition))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    const SCHEMA: &str = r#"{"type": "object", "properties": {"spec": {"type": "object"}}}"#;

    #[test]
    fn kinds_are_told_by_the_layouts_of_kubeconform() {
        let folder = folder(&[
            ("example.com/cache_v1.json", SCHEMA),
            ("master-standalone/widget-acme-v1beta1.json", SCHEMA),
            ("master-standalone/thing-v1.json", SCHEMA),
            (
                "told.json",
                r#"{"x-kubernetes-group-version-kind": [{"group": "a.example.com", "version": "v2", "kind": "Told"}]}"#,
            ),
            ("README.md", "nothing"),
            ("values.yaml", "a: 1"),
        ]);
        let mut set = SchemaSet::new();
        assert_eq!(add_schema_files(&mut set, folder.path()).unwrap(), 4);
        for (api_version, kind) in [
            ("example.com/v1", "Cache"),
            ("acme.example.com/v1beta1", "Widget"),
            ("v1", "Thing"),
            ("a.example.com/v2", "Told"),
        ] {
            let found = set
                .kind(api_version, kind)
                .unwrap_or_else(|| panic!("{kind}"));
            assert!(set.definition(&found.definition).is_some());
        }
        assert!(set.kind("other.com/v1", "Cache").is_none());
    }

    #[test]
    fn what_holds_no_schema_is_refused() {
        let folder = folder(&[("values.yaml", "a: 1"), ("odd.json", SCHEMA)]);
        let error = |name: &str| {
            add_schema_files(&mut SchemaSet::new(), &folder.path().join(name))
                .unwrap_err()
                .to_string()
        };
        assert!(error("values.yaml").ends_with("values.yaml: no schema in here"));
        assert!(error("odd.json").contains("not told which kind"));
        assert!(error("absent").ends_with("absent"));
    }
}
