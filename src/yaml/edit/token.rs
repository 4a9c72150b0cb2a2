//! Copying a scalar's own token from one text into another: its tag and its style come
//! along, the key and the comments around it stay as they are.

use super::super::emit;
use super::super::node::{Entry, Node, NodeKind, Scalar, Span, Style};
use super::super::path::Path;
use super::super::stream::{Document, Stream};
use super::super::written;
use super::copy::flow_scalar;
use super::layout::{self, Block, column, line_end, line_start};
use super::plan::{self, Body, dash};
use super::walk::{Slot, Way};
use super::{EditError, Planned, Splice, cut, joined};

/// The scalar to be copied, where it stands.
pub(super) struct Token<'a> {
    pub(super) document: &'a Document,
    pub(super) node: &'a Node,
    scalar: &'a Scalar,
    /// The column of its key or dash; `None` for a whole document.
    column: Option<usize>,
}

impl<'a> Token<'a> {
    pub(super) fn find(
        stream: &'a Stream,
        document: usize,
        path: &Path,
    ) -> Result<Token<'a>, EditError> {
        let missing = || EditError::NotFound { path: path.clone() };
        let document = stream
            .documents()
            .get(document)
            .ok_or(EditError::NoDocument { index: document })?;
        let root = document.root().ok_or_else(missing)?;
        let node = root.at(path).ok_or_else(missing)?;
        let above = path.parent().and_then(|above| root.at(&above));
        Ok(Token {
            document,
            node,
            scalar: node.scalar().ok_or_else(missing)?,
            column: above.map(|above| parent_column(document, above, node)),
        })
    }

    /// The splices that put the token in the place of the scalar at a path.
    pub(super) fn plan(
        &self,
        stream: &Stream,
        document: usize,
        path: &Path,
    ) -> Result<Planned, EditError> {
        let way = Way::find(stream, document, path)?;
        let old = way.last();
        if matches!(old.kind, NodeKind::Alias { .. }) {
            return Err(way.alias());
        }
        if !way.is_whole() || old.scalar().is_none() {
            return Err(EditError::NotFound { path: path.clone() });
        }
        let (start, end) = (old.start(), old.end());
        way.not_shared(Some(Span { start, end }))?;
        let anchor = old.anchor().map(|name| format!("&{name}"));
        let parts = [anchor, self.tag(), self.text(&way)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let splices = match parts.is_empty() {
            true => unwritten(&way),
            false => {
                let body = Body {
                    inline: parts.join(" "),
                    block: None,
                    list: false,
                };
                plan::replace(&way, way.last_slot(), old, &body)?
            }
        };
        Ok(Planned {
            splices: joined(splices),
            ..Planned::default()
        })
    }

    /// The tag as it can be written in any document.
    fn tag(&self) -> Option<String> {
        let (tag, properties) = (self.node.tag()?, self.node.properties.as_ref()?);
        let raw = self.document.text().get(properties.span.range())?;
        let raw = raw.split_whitespace().find(|part| part.starts_with('!'));
        let by_handle = |raw: &str| !raw.starts_with("!!") && raw.matches('!').count() > 1;
        match raw {
            // What a handle stands for is said at the head of its own document.
            Some(raw) if !by_handle(raw) => Some(raw.to_owned()),
            _ => Some(written::short_tag(tag)),
        }
    }

    /// The text; `None` where nothing is written.
    fn text(&self, way: &Way<'_>) -> Option<String> {
        let raw = &self.document.text()[self.node.span.range()];
        let in_flow = way.nodes.iter().rev().skip(1).any(|above| above.flow);
        if self.node.span.is_empty() {
            return (in_flow && matches!(way.last_slot(), Slot::Item { .. }))
                .then(|| "null".to_owned());
        }
        let quoted = || emit::styled(&self.scalar.text, Style::DoubleQuoted, in_flow);
        Some(match self.scalar.style {
            _ if in_flow => flow_scalar(self.document, self.node, self.scalar),
            Style::Literal | Style::Folded => self.lines(way).unwrap_or_else(quoted),
            _ if raw.contains(['\n', '\r']) => quoted(),
            _ => raw.to_owned(),
        })
    }

    /// A block scalar with its lines indented for their new place; `None` where it would
    /// read as something else there.
    fn lines(&self, way: &Way<'_>) -> Option<String> {
        let (old, text) = (way.last(), way.document.text());
        let parent = way.nodes.iter().rev().nth(1)?;
        let to = parent_column(way.document, parent, old);
        let behind = &text[old.end()..line_end(text, old.end())];
        if !layout::is_blank(behind) {
            return None;
        }
        let own = self.document.text();
        let header = &own[self.node.span.start..line_end(own, self.node.span.start)];
        let keeps = header.contains('+');
        let next = layout::after_break(text, line_end(text, old.end()));
        let blank_next = next < text.len() && layout::is_blank(&text[next..line_end(text, next)]);
        if keeps && blank_next {
            // Blank lines that stand there would become part of it.
            return None;
        }
        let (start, end) = (line_start(own, self.node.start()), self.node.span.end);
        let block = Block::of_source(own, (start, end), self.column?);
        let mut lines = block.indented(to).into_iter();
        lines.next();
        let newline = layout::newline(text);
        let mut out = header.trim_end().to_owned();
        for line in lines {
            out.push_str(newline);
            out.push_str(&line);
        }
        Some(out)
    }
}

/// The column that the lines of a block scalar must stand behind.
fn parent_column(document: &Document, parent: &Node, node: &Node) -> usize {
    let is_value = |entry: &&Entry| std::ptr::eq(&raw const entry.value, node);
    match parent.entries().iter().find(is_value) {
        Some(entry) => column(document, entry.key.start()),
        None => column(document, dash(document.text(), node)),
    }
}

/// Takes a scalar away and leaves its key or dash.
fn unwritten(way: &Way<'_>) -> Vec<Splice> {
    let (old, text) = (way.last(), way.document.text());
    let before = text[..old.start()].trim_end_matches(' ').len();
    // A comment behind it stays one, and so does an entry in braces.
    let inside = matches!(way.last_slot(), Slot::Entry { map, .. } if map.flow);
    let start = if inside { old.start() } else { before };
    vec![cut(text, start, old.end(), "")]
}
