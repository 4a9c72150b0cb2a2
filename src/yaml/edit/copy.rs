//! Copying an entry's own bytes from one text into another.

use serde_json::Value;

use super::super::emit;
use super::super::node::{Entry, Node, NodeKind, Scalar, Span, Style};
use super::super::path::{Path, Step};
use super::super::stream::{Document, Stream};
use super::expected::content;
use super::layout::{self, Block, extent};
use super::plan::{self, Body, NewEntry, Place};
use super::walk::{Slot, Way, collect_aliases};
use super::{EditError, Planned, cut, joined, key_of};

/// The entry to be copied, where it stands.
#[derive(Debug)]
pub(super) struct Source<'a> {
    way: Way<'a>,
    map: &'a Node,
    index: usize,
}

impl<'a> Source<'a> {
    pub(super) fn find(
        stream: &'a Stream,
        document: usize,
        path: &'a Path,
    ) -> Result<Source<'a>, EditError> {
        let way = Way::find(stream, document, path)?;
        if !way.is_whole() {
            return Err(EditError::NotFound { path: path.clone() });
        }
        match way.last_slot() {
            Slot::Entry { map, index } => Ok(Source { map, index, way }),
            _ => Err(way.unsupported(way.last().start(), "an item of a list, or a whole document")),
        }
    }

    /// The contents of the keys on the way, by the steps of the path; empty for items.
    pub(super) fn key_texts(&self) -> Vec<String> {
        let depths = 1..self.way.nodes.len();
        let text = |depth| match self.way.slot(depth) {
            Slot::Entry { map, index } => content(&map.entries()[index]).to_owned(),
            _ => String::new(),
        };
        depths.map(text).collect()
    }

    fn entry(&self) -> &'a Entry {
        &self.map.entries()[self.index]
    }

    fn document(&self) -> &'a Document {
        self.way.document
    }

    /// Whether the entry's bytes can stand elsewhere: not when they hold aliases, or have to
    /// change style and have tags or anchors.
    pub(super) fn is_movable(&self) -> bool {
        let entry = self.entry();
        let mut aliases = Vec::new();
        collect_aliases(&entry.value, &mut aliases);
        aliases.is_empty() && flow_entry(self.document(), entry).is_some()
    }

    /// The entry's value and its place, for a target where its bytes cannot stand.
    pub(super) fn by_value(&self) -> Result<(Value, Place), EditError> {
        let value = self.document().written_of(&self.entry().value)?;
        Ok((value, place(self.map, self.index)))
    }

    /// The splices that bring the entry into another text, at the same path but for the
    /// numbers of items.
    pub(super) fn plan(
        &self,
        stream: &Stream,
        document: usize,
        path: &Path,
    ) -> Result<Planned, EditError> {
        let way = Way::find(stream, document, path)?;
        if way.is_whole() {
            return self.replace(&way);
        }
        if matches!(way.last().kind, NodeKind::Alias { .. }) {
            return Err(way.alias());
        }
        if let Some(Step::Index(_)) = way.missing() {
            return Err(EditError::NotFound { path: path.clone() });
        }
        way.not_shared(None)?;
        let depth = way.nodes.len() - 1;
        let (map, index) = self.at(depth);
        let new = self.new_entry(depth, &key_of(way.missing()))?;
        plan::insert(&way, &new, &place(map, index))
    }

    fn replace(&self, way: &Way<'_>) -> Result<Planned, EditError> {
        let text = way.document.text();
        let newline = layout::newline(if text.contains('\n') {
            text
        } else {
            self.document().text()
        });
        let Slot::Entry { map, index } = way.last_slot() else {
            return Err(way.unsupported(way.last().start(), "an item of a list"));
        };
        let old = way.last();
        let splices = if map.flow || self.map.flow {
            way.not_shared(Some(Span {
                start: old.start(),
                end: old.end(),
            }))?;
            let inline = flow_value(self.document(), &self.entry().value).unwrap_or_default();
            let body = Body {
                inline,
                block: None,
                list: false,
            };
            plan::replace(way, way.last_slot(), old, &body)?
        } else {
            let there = extent(way.document, map, index);
            way.not_shared(Some(Span {
                start: there.start,
                end: there.end,
            }))?;
            let block = self.block(there.inline);
            vec![if there.inline {
                cut(
                    text,
                    there.start,
                    there.end,
                    block.inline_at(there.column, newline),
                )
            } else {
                cut(
                    text,
                    there.start,
                    there.end,
                    block.at(there.column, newline),
                )
            }]
        };
        // Equal bytes are no edit.
        let splices = splices
            .into_iter()
            .filter(|splice| text[splice.span.range()] != splice.text);
        Ok(Planned {
            splices: joined(splices.collect()),
            ..Planned::default()
        })
    }

    /// The entry's lines, with the comments above it unless they have no place.
    fn block(&self, bare: bool) -> Block {
        let from = extent(self.document(), self.map, self.index);
        let start = if bare { from.bare } else { from.start };
        Block::of_source(self.document().text(), (start, from.end), from.column)
    }

    /// The mapping at a depth of the way and the number of the entry that leads on.
    fn at(&self, depth: usize) -> (&'a Node, usize) {
        match self.way.slot(depth + 1) {
            Slot::Entry { map, index } => (map, index),
            _ => (self.map, self.index),
        }
    }

    /// The entry as a new one of a mapping at a depth, with the mappings between them.
    fn new_entry(&self, depth: usize, name: &str) -> Result<NewEntry, EditError> {
        let (map, index) = self.at(depth);
        let (block, gap, gap_behind) = if map.flow {
            (Block::of_lines(vec![self.inline_chain(depth)]), 0, 0)
        } else {
            let gap_of = |index: usize| match index {
                0 => 0,
                _ if index < map.entries().len() => {
                    let at = extent(self.document(), map, index);
                    blank_lines(&self.document().text()[at.gap..at.start])
                }
                _ => 0,
            };
            (self.block_chain(depth)?, gap_of(index), gap_of(index + 1))
        };
        Ok(NewEntry {
            name: name.to_owned(),
            inline: self.inline_chain(depth),
            block,
            opens_block: !map.flow,
            gap,
            gap_behind,
        })
    }

    fn is_last(&self, map: &Node) -> bool {
        std::ptr::eq(map, self.map)
    }

    fn inline_chain(&self, depth: usize) -> String {
        let (map, index) = self.at(depth);
        let entry = &map.entries()[index];
        if self.is_last(map) {
            return flow_entry(self.document(), entry).unwrap_or_default();
        }
        let key = flow_value(self.document(), &entry.key).unwrap_or_default();
        format!("{key}: {{{}}}", self.inline_chain(depth + 1))
    }

    fn block_chain(&self, depth: usize) -> Result<Block, EditError> {
        let (map, index) = self.at(depth);
        if self.is_last(map) {
            return Ok(self.block(false));
        }
        let entry = &map.entries()[index];
        let text = self.document().text();
        let key = &text[entry.key.start()..entry.key.end()];
        let (inner, first) = self.at(depth + 1);
        if entry.value.is_sequence() {
            return Err(self
                .way
                .unsupported(entry.value.start(), "a list that the target does not have"));
        }
        if inner.flow {
            return Ok(Block::of_lines(vec![format!(
                "{key}: {{{}}}",
                self.inline_chain(depth + 1)
            )]));
        }
        let outer_column = layout::column(self.document(), entry.key.start());
        let inner_column = layout::column(self.document(), inner.entries()[first].key.start());
        let mut lines = vec![format!("{key}:")];
        let below = self.block_chain(depth + 1)?;
        lines.extend(below.indented(inner_column.saturating_sub(outer_column).max(1)));
        Ok(Block::of_lines(lines))
    }
}

/// Where an entry stands among its siblings, nearest first.
fn place(map: &Node, index: usize) -> Place {
    let names = |entries: &mut dyn Iterator<Item = &Entry>| {
        entries
            .filter_map(|entry| entry.name().map(std::borrow::Cow::into_owned))
            .collect()
    };
    let entries = map.entries();
    Place::Near {
        before: names(&mut entries[..index].iter().rev()),
        after: names(&mut entries[index + 1..].iter()),
    }
}

fn blank_lines(gap: &str) -> usize {
    gap.matches('\n').count().saturating_sub(1)
}

/// `key: value` on one line.
fn flow_entry(document: &Document, entry: &Entry) -> Option<String> {
    let key = flow_value(document, &entry.key)?;
    Some(format!("{key}: {}", flow_value(document, &entry.value)?))
}

/// A node on one line, scalars as they are written; none when it has an alias, an anchor, or
/// a tag that can't be repeated there.
fn flow_value(document: &Document, node: &Node) -> Option<String> {
    if node.properties.is_some() {
        return tagged_scalar(document, node);
    }
    match &node.kind {
        NodeKind::Alias { .. } => None,
        NodeKind::Scalar(scalar) => Some(flow_scalar(document, node, scalar)),
        NodeKind::Sequence(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| flow_value(document, item))
                .collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        NodeKind::Mapping(entries) => {
            let entries: Option<Vec<String>> = entries
                .iter()
                .map(|entry| flow_entry(document, entry))
                .collect();
            Some(format!("{{{}}}", entries?.join(", ")))
        }
    }
}

/// A scalar with its tag, where the tag means the same in every document and nothing else
/// is in front of the scalar.
fn tagged_scalar(document: &Document, node: &Node) -> Option<String> {
    let scalar = node.scalar().filter(|_| !node.span.is_empty())?;
    let tag = document.text()[node.start()..node.span.start].trim();
    let name = tag.strip_prefix("!!").or_else(|| tag.strip_prefix('!'))?;
    let is_simple = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/');
    let is_repeatable = !name.is_empty() && name.chars().all(is_simple);
    is_repeatable.then(|| format!("{tag} {}", flow_scalar(document, node, scalar)))
}

/// A scalar on one line without its tag and anchor, as it is written where that can stand
/// in flow style.
pub(super) fn flow_scalar(document: &Document, node: &Node, scalar: &Scalar) -> String {
    if node.span.is_empty() {
        return "null".to_owned();
    }
    let raw = &document.text()[node.span.range()];
    let one_line = !raw.contains(['\n', '\r']);
    match scalar.style {
        Style::SingleQuoted | Style::DoubleQuoted if one_line => raw.to_owned(),
        Style::Plain
            if one_line
                && !raw.contains([',', '[', ']', '{', '}'])
                && !raw.contains(":?")
                && !raw.starts_with('?') =>
        {
            raw.to_owned()
        }
        Style::Plain if node.as_str().is_none() => raw.to_owned(),
        _ => emit::styled(&scalar.text, Style::DoubleQuoted, true),
    }
}
