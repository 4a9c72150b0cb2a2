//! The parsed tree: nodes with byte spans, as the author wrote them.
//!
//! Nothing is resolved here: aliases stay aliases, `<<` stays a key, and scalars
//! keep their text. Keys are *compared* as Kubernetes reads them.

use std::borrow::Cow;

use super::path::{Path, Step, implied};
use super::scalar::{self, Resolved};

/// A range of bytes in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes as a range.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start..self.end
    }
    /// True for a value that has no text, such as the one of `key:`.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A place for people: both 1-based, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// One node of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its own text: without anchor and tag, quotes included. A block scalar's span starts at
    /// `|` or `>` and ends before its last line break; a block collection's spans its children.
    pub span: Span,
    /// Written in flow style (`{}`, `[]`).
    pub flow: bool,
    /// Its tag and anchor, when it has any.
    pub properties: Option<Box<Properties>>,
}

/// The tag and anchor in front of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// The tag, resolved: `tag:yaml.org,2002:str` for `!!str`, `!name` for local ones.
    pub tag: Option<String>,
    /// The anchor's name without `&`.
    pub anchor: Option<String>,
    /// From the first to past the last of them in the text.
    pub span: Span,
}

/// The kinds of nodes.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in source order, duplicates and `<<` included.
    Mapping(Vec<Entry>),
    /// `*name`.
    Alias {
        /// The name without `*`.
        name: String,
        /// Which anchor of the document it means: names may be used again.
        target: usize,
    },
}

/// One `key: value` of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Node,
    /// The value; a null scalar with an empty span when nothing is written.
    pub value: Node,
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Its content: without quotes, escapes resolved. Empty for a value that is not written.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'`
    SingleQuoted,
    /// `"…"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

impl Entry {
    /// The key as Kubernetes reads it (`0644` is `420`, `on` is `true`); none for
    /// keys that are collections, aliases or null.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.key.key_name()
    }

    /// True for `<<` without quotes.
    pub fn is_merge(&self) -> bool {
        matches!(&self.key.kind, NodeKind::Scalar(s) if s.style == Style::Plain && s.text == "<<")
    }
}

impl Node {
    /// Where the node starts with its tag and anchor.
    pub fn start(&self) -> usize {
        self.properties
            .as_ref()
            .map_or(self.span.start, |p| p.span.start.min(self.span.start))
    }

    /// Where the node ends: past its text, or past its tag and anchor when it has no text.
    pub fn end(&self) -> usize {
        self.properties
            .as_ref()
            .map_or(self.span.end, |p| p.span.end.max(self.span.end))
    }

    /// The resolved tag.
    pub fn tag(&self) -> Option<&str> {
        self.properties.as_ref()?.tag.as_deref()
    }

    /// The anchor's name without `&`.
    pub fn anchor(&self) -> Option<&str> {
        self.properties.as_ref()?.anchor.as_deref()
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            NodeKind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a scalar that is read as a string; none for numbers, booleans, null and collections.
    pub fn as_str(&self) -> Option<&str> {
        let scalar = self.scalar()?;
        match self.resolved() {
            Some(Resolved::String) => Some(&scalar.text),
            _ => None,
        }
    }

    /// What a scalar is for Kubernetes; none for collections, aliases and tags that do not fit.
    pub fn resolved(&self) -> Option<Resolved> {
        scalar::resolve_node(self.scalar()?, self.tag()).ok()
    }

    /// True for null, written or not.
    pub fn is_null(&self) -> bool {
        self.resolved() == Some(Resolved::Null)
    }

    /// The entries of a mapping, as written; empty for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            NodeKind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; empty for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// True for a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.kind, NodeKind::Mapping(_))
    }

    /// True for a sequence.
    pub fn is_sequence(&self) -> bool {
        matches!(self.kind, NodeKind::Sequence(_))
    }

    /// The entry of a mapping whose key Kubernetes reads as `name`; the first of several.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.is_named(name))
    }

    /// The value of a mapping's key, as written: merges and aliases are not followed.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// The node at a path below this one, as written: merges and aliases are not followed.
    pub fn at(&self, path: &Path) -> Option<&Node> {
        let mut node = self;
        for step in path.steps() {
            node = match step {
                Step::Key(name) => node.get(name)?,
                Step::Index(index) => node.items().get(*index)?,
                Step::Item(keys) => node.items().get(node.item_with(keys)?)?,
            };
        }
        Some(node)
    }

    /// The number of the item of a sequence that says these things.
    pub(super) fn item_with(&self, keys: &[(String, String)]) -> Option<usize> {
        let says = |item: &Node, (key, wanted): &(String, String)| match item.get(key) {
            Some(value) => value.scalar().is_some_and(|scalar| scalar.text == *wanted),
            None => implied(key) == Some(wanted),
        };
        self.items()
            .iter()
            .position(|item| keys.iter().all(|one| says(item, one)))
    }

    /// Whether this is a key that Kubernetes reads as `name`. Only numbers and booleans
    /// have several spellings, so most keys are told apart by their bytes.
    fn is_named(&self, name: &str) -> bool {
        let respelt = || {
            matches!(name, "true" | "false" | "NaN" | "inf")
                || name.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        };
        match self.scalar() {
            Some(scalar) if scalar.text != name && !respelt() => false,
            _ => self.key_name().is_some_and(|found| found == name),
        }
    }

    pub(super) fn key_name(&self) -> Option<Cow<'_, str>> {
        let scalar = self.scalar()?;
        match scalar::resolve_node(scalar, self.tag()).ok()? {
            Resolved::String => Some(Cow::Borrowed(&scalar.text)),
            Resolved::Null => None,
            Resolved::Bool(true) => Some(Cow::Borrowed("true")),
            Resolved::Bool(false) => Some(Cow::Borrowed("false")),
            Resolved::Integer(number) => Some(Cow::Owned(number.to_string())),
            Resolved::Unsigned(number) => Some(Cow::Owned(number.to_string())),
            // Written with 32 bits by sigs.k8s.io/yaml, of all things.
            #[allow(clippy::cast_possible_truncation)]
            Resolved::Float(number) => Some(Cow::Owned((number as f32).to_string())),
        }
    }
}
