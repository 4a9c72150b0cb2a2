//! Rendered text into documents, and what a document says it is.

use std::ops::Range;

use crate::resource::ResourceId;
use crate::yaml::{Node, Stream};

/// Why a document is no Kubernetes object.
pub(super) enum NoObject {
    /// It is no YAML; the line counts from the document's start.
    NotYaml { line: u32, reason: String },
    /// It lacks a field.
    Lacks(&'static str),
}

/// The documents of a rendered text that hold more than comments: the bytes
/// from the first line with something on it to the last.
pub(super) fn documents(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some(after) = marker(line) {
            keep(text, start..at, &mut found);
            start = at + after;
        }
        at += line.len();
    }
    keep(text, start..text.len(), &mut found);
    found
}

/// A document marker stands at the start of a line, inside scalars too; gives
/// the length of the marker and the blanks behind it.
fn marker(line: &str) -> Option<usize> {
    let rest = line
        .strip_prefix("---")
        .or_else(|| line.strip_prefix("..."))?;
    if !rest.is_empty() && !rest.starts_with([' ', '\t', '\r', '\n']) {
        return None;
    }
    Some(line.len() - rest.trim_start_matches([' ', '\t']).len())
}

fn keep(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let document = &text[range.clone()];
    let says_something = document
        .lines()
        .any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    if !says_something {
        return;
    }
    // Blank lines at the start go, the indentation of the first line stays.
    let mut start = range.start;
    for line in document.split_inclusive('\n') {
        if !line.trim().is_empty() {
            break;
        }
        start += line.len();
    }
    let end = range.start + document.trim_end().len();
    found.push(start..end);
}

/// What the one document of this text says it is.
pub(super) fn identity(text: &str) -> Result<ResourceId, NoObject> {
    let stream = Stream::parse(text).map_err(|error| NoObject::NotYaml {
        line: error.position.line,
        reason: error.kind.to_string(),
    })?;
    let root = stream
        .documents()
        .first()
        .and_then(|document| document.root())
        .ok_or(NoObject::Lacks("content"))?;
    let metadata = root.get("metadata");
    Ok(ResourceId {
        api_version: field(Some(root), "apiVersion").ok_or(NoObject::Lacks("apiVersion"))?,
        kind: field(Some(root), "kind").ok_or(NoObject::Lacks("kind"))?,
        namespace: field(metadata, "namespace"),
        name: field(metadata, "name").ok_or(NoObject::Lacks("metadata.name"))?,
    })
}

fn field(node: Option<&Node>, key: &str) -> Option<String> {
    let text = node?.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The first private-use character of a text: nothing of the model holds one.
pub(super) fn private_use(text: &str) -> Option<char> {
    crate::product::private_use(text).map(|(_, c)| c)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        documents(text)
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn documents_are_told_apart_by_their_markers() {
        assert_eq!(
            split(
                "\n\n---\n# note\na: 1\n--- # next\nb: |\n  ---\n  x\n---x: 1\n...\n---\n# only a comment\n---\n\n  c: 1\n\n"
            ),
            [
                "# note\na: 1",
                "# next\nb: |\n  ---\n  x\n---x: 1",
                "  c: 1"
            ]
        );
        assert!(split("").is_empty());
        assert!(split("\n---\n---\n").is_empty());
        assert_eq!(split("--- {a: 1}\n"), ["{a: 1}"]);
        assert_eq!(split("a: 1\r\n---\r\nb: 2\r\n"), ["a: 1", "b: 2"]);
    }
}
