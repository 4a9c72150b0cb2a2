//! Reading files of our own kinds: the part that all kinds share. Mistakes are
//! collected with their places, never only the first.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::Value;

use crate::repo::{Location, RepoPath};
use crate::yaml::{DecodeError, Decoder, Field, Fields, Position, Stream, YamlError};

use super::error::{ModelError, Problem};
use super::{Located, NodeRef, Values};

/// The `apiVersion` of all kinds of the model.
pub const API_VERSION: &str = "kubectl-gitops/v1alpha1";

/// One document of a file, while it is read.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) file: &'a RepoPath,
    pub(super) document: usize,
}

/// `metadata.name` and `spec` of a document.
pub(super) struct Parts<'c> {
    pub(super) name: Option<Field<'c>>,
    pub(super) spec: Option<Field<'c>>,
}

impl At<'_> {
    pub(super) fn location(&self, position: Position) -> Location {
        Location::new(self.file.clone(), position.line, position.column)
    }

    pub(super) fn of(&self, field: &Field<'_>) -> Location {
        self.location(field.position())
    }

    pub(super) fn key_of(&self, field: &Field<'_>) -> Location {
        self.location(field.key_position())
    }

    fn with<T>(&self, field: &Field<'_>, value: T) -> Located<T> {
        Located {
            value,
            location: self.of(field),
        }
    }

    /// A text.
    pub(super) fn string(&self, field: &Field<'_>) -> Option<Located<String>> {
        field.string().map(|text| self.with(field, text))
    }

    /// A text that is read as something.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self, field: &Field<'_>) -> Option<Located<T>> {
        field.parse().map(|value| self.with(field, value))
    }

    /// A list of texts that are read as something.
    pub(super) fn list<T: FromStr<Err: Display>>(
        &self,
        field: Option<Field<'_>>,
    ) -> Vec<Located<T>> {
        let items = field.map(|field| field.list()).unwrap_or_default();
        items.iter().filter_map(|item| self.parse(item)).collect()
    }

    /// A `values:` mapping.
    pub(super) fn values(&self, field: &Field<'_>) -> Option<Values> {
        match field.value()? {
            Value::Object(map) => Some(Values {
                map,
                node: self.node(field),
                location: self.of(field),
            }),
            _ => {
                field.fail("must be a mapping");
                None
            }
        }
    }

    pub(super) fn node(&self, field: &Field<'_>) -> NodeRef {
        NodeRef {
            file: self.file.clone(),
            document: self.document,
            path: field.path(),
        }
    }
}

/// Reads one document of a kind. `read` gets its parts and may add errors;
/// what it returns counts only when there is none.
pub(super) fn document<T>(
    stream: &Stream,
    at: At<'_>,
    kind: &'static str,
    read: impl for<'c> FnOnce(&'c Decoder<'c>, Parts<'c>) -> Option<T>,
) -> Result<T, Vec<ModelError>> {
    let empty = || {
        let message = format!("the file is empty, but {API_VERSION} {kind} is wanted");
        vec![ModelError::new(
            Location::new(at.file.clone(), 1, 1),
            Problem::Field(message),
        )]
    };
    let document = stream.documents().get(at.document).ok_or_else(empty)?;
    if document.root().is_none_or(|root| root.is_null()) {
        return Err(empty());
    }
    let decoder = Decoder::new(document);
    let value = match parts(&decoder, at, kind) {
        Ok(Some(parts)) => read(&decoder, parts),
        Ok(None) => None,
        Err(error) => return Err(vec![error]),
    };
    let errors = decoder.into_errors();
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(errors
            .into_iter()
            .map(|error| field_error(at.file, error))
            .collect()),
    }
}

fn parts<'c>(
    decoder: &'c Decoder<'c>,
    at: At<'_>,
    kind: &'static str,
) -> Result<Option<Parts<'c>>, ModelError> {
    let Some(root) = decoder.root() else {
        return Ok(None);
    };
    let Some(mut fields) = root.fields() else {
        return Ok(None);
    };
    let text =
        |fields: &mut Fields<'c>, name| fields.required(name).and_then(|field| field.string());
    let (version, found) = (text(&mut fields, "apiVersion"), text(&mut fields, "kind"));
    if let (Some(version), Some(found)) = (version, found)
        && (version != API_VERSION || found != kind)
    {
        let problem = Problem::Kind {
            found: format!("{version} {found}"),
            wanted: format!("{API_VERSION} {kind}"),
        };
        return Err(ModelError::new(at.of(&root), problem));
    }
    let mut name = None;
    if let Some(mut metadata) = fields.optional("metadata").and_then(|field| field.fields()) {
        name = metadata.optional("name");
        metadata.finish();
    }
    let spec = fields.optional("spec");
    fields.finish();
    Ok(Some(Parts { name, spec }))
}

/// Parses a file of the model.
pub(super) fn stream(file: &RepoPath, text: &str) -> Result<Stream, ModelError> {
    if let Some((offset, c)) = private_use(text) {
        let location = place(file, text, offset);
        return Err(ModelError::new(
            location,
            Problem::PrivateUse { code: u32::from(c) },
        ));
    }
    Stream::parse(text).map_err(|error| yaml_error(file, &error))
}

/// Refuses a file with more than one document.
pub(super) fn single(file: &RepoPath, stream: &Stream) -> Result<(), ModelError> {
    stream
        .single()
        .map(drop)
        .map_err(|error| yaml_error(file, &error))
}

fn yaml_error(file: &RepoPath, error: &YamlError) -> ModelError {
    let Position { line, column } = error.position;
    let location = Location::new(file.clone(), line, column);
    ModelError::new(location, Problem::Yaml(error.kind.to_string()))
}

fn field_error(file: &RepoPath, error: DecodeError) -> ModelError {
    let Position { line, column } = error.position;
    ModelError::new(
        Location::new(file.clone(), line, column),
        Problem::Field(error.message),
    )
}

/// The line and column of a byte of a text.
pub(super) fn place(file: &RepoPath, text: &str, offset: usize) -> Location {
    let before = text.get(..offset).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Location::new(file.clone(), number(line), number(column))
}

/// The first private-use character of a text, and the byte where it stands.
pub(crate) fn private_use(text: &str) -> Option<(usize, char)> {
    // All of them start with a byte that other texts rarely hold.
    if !text.bytes().any(|byte| byte >= 0xee) {
        return None;
    }
    text.char_indices().find(|(_, c)| {
        matches!(u32::from(*c), 0xe000..=0xf8ff | 0xf_0000..=0xf_fffd | 0x10_0000..=0x10_fffd)
    })
}
