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
    #[error("duplicate key {key}, first at line {}", first.line)]
    DuplicateKey {
        /// The key, as Kubernetes reads it.
        key: String,
        /// Its first place.
        first: Position,
    },
    /// A mapping key is a collection, an alias or null.
    #[error("this key is {0}; keys must be plain values")]
    Key(&'static str),
    /// An alias names no anchor before it.
    // Not the name: a password may begin with `*`, too.
    #[error("this alias refers to an anchor that is not defined before it")]
    UnknownAnchor(String),
    /// An alias is inside the node it refers to.
    #[error("this alias is inside the value that it refers to")]
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
    // Not the text: it may be a secret. Nor a tag of one's own: a password may begin with `!`.
    #[error("{} does not fit the text behind it", tag_name(tag))]
    Tag {
        /// The tag as written.
        tag: String,
        /// The scalar's text.
        text: String,
    },
    /// A number that JSON, and so the Kubernetes API, cannot hold.
    #[error("the Kubernetes API cannot hold this number")]
    Number(String),
    /// The text has another number of documents than the caller can take.
    #[error("holds {0} documents where one is expected")]
    Documents(usize),
}

fn tag_name(tag: &str) -> String {
    match tag.starts_with("!!") {
        true => format!("the tag {tag}"),
        false => "this tag".to_owned(),
    }
}
