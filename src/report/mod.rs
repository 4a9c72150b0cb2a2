//! Values to bytes: aligned text for people, versioned documents for programs.
//!
//! This room decides nothing: it is handed finished plans and reports, the
//! time of day and whether colour is wanted, and returns strings. It prints
//! nothing itself.

mod annotations;
mod clean;
mod contrast;
mod style;
mod table;
pub mod text;
mod time;

pub use annotations::{github, junit, sarif};
pub use clean::{clean, clean_lines};
pub use contrast::{contrast, one_line, one_line_beside};
pub use style::{Style, Tone};
pub use table::{Cell, Table};
pub use time::{ago, date, lapse, rfc3339};

use serde::Serialize;
use serde_json::{Map, Value};

/// The version that every document of this tool carries in `apiVersion`.
pub const API_VERSION: &str = "kubectl-gitops/v1alpha1";

/// What a command that answers with data writes to standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for a person.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// A report that could not be turned into a document.
#[derive(Debug, thiserror::Error)]
#[error("the {kind} cannot be written as a document")]
pub struct DocumentError {
    kind: String,
    source: serde_json::Error,
}

/// `value` as a versioned document: `apiVersion` and `kind` first, then the
/// fields of `value`; a value that is no mapping stands under `value`.
pub fn document(kind: &str, value: &impl Serialize) -> Result<Value, DocumentError> {
    let body = serde_json::to_value(value).map_err(|source| DocumentError {
        kind: kind.to_owned(),
        source,
    })?;
    let mut document = Map::new();
    document.insert("apiVersion".to_owned(), API_VERSION.into());
    document.insert("kind".to_owned(), kind.into());
    match body {
        Value::Object(fields) => document.extend(fields),
        other => {
            document.insert("value".to_owned(), other);
        }
    }
    Ok(Value::Object(document))
}

/// `document` as indented JSON with a final newline.
pub fn json(document: &Value) -> String {
    format!("{document:#}\n")
}

/// `document` as block-style YAML.
pub fn yaml(document: &Value) -> String {
    crate::yaml::to_yaml(document)
}

/// `7` and `component` as `7 components`, `1` and `component` as `1 component`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// The first characters of a digest such as `sha256:0123456789ab…`, for people.
pub fn short_digest(digest: &str) -> &str {
    let start = digest.find(':').map_or(0, |colon| colon + 1);
    digest.get(..start + 12).unwrap_or(digest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn documents_name_their_version_and_kind_first() {
        #[derive(Serialize)]
        struct Report {
            environments: Vec<&'static str>,
        }
        let report = Report {
            environments: vec!["dev"],
        };
        let document = document("StatusReport", &report).unwrap();
        assert_eq!(
            document.to_string(),
            r#"{"apiVersion":"kubectl-gitops/v1alpha1","kind":"StatusReport","environments":["dev"]}"#
        );
    }

    #[test]
    fn a_list_becomes_a_field_of_its_document() {
        let document = document("List", &["a"]).unwrap();
        assert_eq!(document["value"][0], "a");
    }

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(count(0, "component"), "0 components");
        assert_eq!(count(1, "component"), "1 component");
        assert_eq!(count(2, "policy"), "2 policies");
        assert_eq!(count(2, "day"), "2 days");
    }

    #[test]
    fn digests_are_short_for_people() {
        assert_eq!(
            short_digest("sha256:0123456789abcdef0123456789abcdef"),
            "sha256:0123456789ab"
        );
        assert_eq!(short_digest("sha256:ab"), "sha256:ab");
    }
}
