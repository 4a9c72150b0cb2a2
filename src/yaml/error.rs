//! What can be wrong with YAML text, and where.

use super::node::Position;

/// A fact about YAML text that stops its reading, with its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {kind}", position.line, position.column)]
pub struct YamlError {
    /// Where in the text.
    pub position: Position,
    /// What is wrong. Its `Display` leaves the place out.
    pub kind: YamlErrorKind,
}

/// What is wrong with YAML text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlErrorKind {
    /// The text is not YAML.
    #[error("not valid YAML: {0}")]
    Syntax(String),
    /// The text is a Go template (Helm): only its rendered form is YAML.
    #[error("a Go template, not YAML: `{{{{` opens a template action here")]
    Template,
    /// Collections are nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The text has more values or documents than the limit.
    #[error("more than {limit} {what} in one file")]
    TooMany {
        /// What of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// One mapping holds the same key twice, as Kubernetes reads keys.
    #[error("the key {key} stands twice in one mapping, first at line {}", first.line)]
    DuplicateKey {
        /// The key, as Kubernetes reads it.
        key: String,
        /// Where it stands first.
        first: Position,
    },
    /// A mapping key is a collection, an alias or null.
    #[error("this key is {0}; keys must be plain values")]
    Key(&'static str),
    /// An alias names no anchor before it.
    #[error("the alias *{0} names no anchor before it")]
    UnknownAnchor(String),
    /// An alias stands inside the node it names.
    #[error("the alias *{0} stands inside the value it names")]
    Recursive(String),
    /// Aliases expand to more than the limit.
    #[error("aliases expand this document to more than {limit} bytes")]
    AliasBomb {
        /// The limit in bytes.
        limit: usize,
    },
    /// `<<` holds something that is not a mapping.
    #[error("<< takes a mapping or a list of mappings")]
    Merge,
    /// A tag and the text behind it do not agree, or the tag is not supported.
    #[error("the tag {tag} does not fit `{text}`")]
    Tag {
        /// The tag as written.
        tag: String,
        /// The scalar's text.
        text: String,
    },
    /// A number that JSON, and so the Kubernetes API, cannot hold.
    #[error("{0} is a number that the Kubernetes API cannot hold")]
    Number(String),
    /// The text has another number of documents than the caller can take.
    #[error("holds {0} documents where one is expected")]
    Documents(usize),
}
