//! A text and its documents: where they stand, and what their aliases mean.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{YamlError, YamlErrorKind};
use super::node::{Node, NodeKind, Position, Span};
use super::{parse, quick};

/// All documents of one text. A copy shares them.
#[derive(Debug, Clone)]
pub struct Stream {
    source: Arc<Source>,
    documents: Arc<[Document]>,
}

/// One document.
#[derive(Debug, Clone)]
pub struct Document {
    pub(super) source: Arc<Source>,
    pub(super) root: Option<Node>,
    /// Where the node of each anchor stands: child numbers from the root.
    pub(super) anchors: HashMap<usize, Vec<usize>>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    /// First byte of every line.
    lines: Vec<usize>,
    /// Lines of the file that stand before this text.
    before: usize,
}

impl Source {
    pub(super) fn new(text: &str) -> Source {
        Source::behind(text, 0)
    }

    /// A part of a file, behind so many of its lines.
    pub(super) fn behind(text: &str, before: usize) -> Source {
        let mut lines = vec![0];
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => lines.push(at + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => lines.push(at + 1),
                _ => {}
            }
        }
        Source {
            text: text.to_owned(),
            lines,
            before,
        }
    }

    pub(super) fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count();
        Position {
            line: u32::try_from(self.before + line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }
}

impl Stream {
    /// Reads all documents of a text. Text without any content has none.
    ///
    /// # Errors
    /// [`YamlErrorKind::Syntax`], [`YamlErrorKind::Template`], [`YamlErrorKind::TooDeep`] and
    /// [`YamlErrorKind::UnknownAnchor`]; everything about values is found by [`Document::value`].
    pub fn parse(text: &str) -> Result<Stream, YamlError> {
        let source = Arc::new(Source::new(text));
        let documents = match quick::document(&source) {
            Some(document) => [document].into(),
            None => parse::documents(&source)?.into(),
        };
        Ok(Stream { source, documents })
    }

    /// One document as a stream of its own.
    pub(super) fn of_document(document: Document) -> Stream {
        Stream {
            source: Arc::clone(&document.source),
            documents: [document].into(),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The documents, in order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The only document of a text that must hold one; none for a text without content.
    ///
    /// # Errors
    /// [`YamlErrorKind::Documents`] at the second document.
    pub fn single(&self) -> Result<Option<&Document>, YamlError> {
        match &*self.documents {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [_, second, ..] => Err(second.error(
                second.span.start,
                YamlErrorKind::Documents(self.documents.len()),
            )),
        }
    }

    /// The place of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.source.position(offset)
    }
}

impl Document {
    /// The root node; none for a document without content.
    pub fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    /// The whole text that the document stands in.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// From the document's `---`, or its first byte, to its end.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The place of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.source.position(offset)
    }

    /// The node that an alias stands for; any other node is itself.
    pub fn resolve<'a>(&'a self, node: &'a Node) -> &'a Node {
        let mut node = node;
        // An alias may name another alias's parent, never an alias: one step is enough.
        if let NodeKind::Alias { target, .. } = &node.kind
            && let Some(found) = self.anchored(*target)
        {
            node = found;
        }
        node
    }

    /// Whether anything in it may stand for something else.
    pub fn has_anchors(&self) -> bool {
        !self.anchors.is_empty()
    }

    fn anchored(&self, target: usize) -> Option<&Node> {
        let mut node = self.root.as_ref()?;
        for child in self.anchors.get(&target)? {
            node = match &node.kind {
                NodeKind::Sequence(items) => items.get(*child)?,
                NodeKind::Mapping(entries) => {
                    let entry = entries.get(child / 2)?;
                    if child % 2 == 0 {
                        &entry.key
                    } else {
                        &entry.value
                    }
                }
                _ => return None,
            };
        }
        Some(node)
    }

    /// The error for a key that is no name.
    pub(super) fn odd_key(&self, key: &Node) -> YamlError {
        let mut at = key.start();
        let kind = match &key.kind {
            // `{{ .Values.x }}` is a mapping in a mapping for YAML.
            NodeKind::Mapping(_) if key.flow => {
                at -= usize::from(self.text()[..at].ends_with('{'));
                YamlErrorKind::Template
            }
            NodeKind::Mapping(_) => YamlErrorKind::Key("a mapping"),
            NodeKind::Sequence(_) => YamlErrorKind::Key("a list"),
            NodeKind::Alias { .. } => YamlErrorKind::Key("an alias"),
            NodeKind::Scalar(_) => YamlErrorKind::Key("null"),
        };
        self.error(at, kind)
    }

    pub(super) fn error(&self, offset: usize, kind: YamlErrorKind) -> YamlError {
        YamlError {
            position: self.position(offset),
            kind,
        }
    }
}

/// Past blanks, line breaks and comments.
pub(super) fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') if at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r') => {
                while bytes.get(at).is_some_and(|b| !matches!(b, b'\n' | b'\r')) {
                    at += 1;
                }
            }
            _ => return at,
        }
    }
}
