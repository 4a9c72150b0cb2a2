//! Wishes → splices: setting and inserting values, in block and in flow style.

use serde_json::Value;

use super::super::emit::{self, Scalars};
use super::super::node::{Entry, Node, NodeKind, Span, Style};
use super::super::path::{Path, Step};
use super::super::stream::Stream;
use super::super::written::Written;
use super::layout::{self, Block, column, extent, line_end, line_start};
use super::literal;
use super::walk::{Slot, Way};
use super::{EditError, Planned, Splice, cut, joined, key_of};

/// Where a new entry goes among its siblings.
#[derive(Debug, Clone)]
pub(super) enum Place {
    End,
    /// Behind the first of `before` that is there, else in front of the first of `after`, else at the end.
    Near {
        before: Vec<String>,
        after: Vec<String>,
    },
}

impl Place {
    /// The number of entries that stand before the new one.
    fn among(&self, map: &Node) -> usize {
        let entries = map.entries();
        let find = |name: &String| {
            entries
                .iter()
                .position(|entry| entry.name().is_some_and(|found| found == name.as_str()))
        };
        match self {
            Place::End => entries.len(),
            Place::Near { before, after } => before
                .iter()
                .find_map(find)
                .map(|at| at + 1)
                .or_else(|| after.iter().find_map(find))
                .unwrap_or(entries.len()),
        }
    }
}

/// A value in the shapes that its place may ask for.
#[derive(Debug, Clone)]
pub(super) struct Fresh<'v> {
    pub(super) value: &'v Value,
    pub(super) scalars: Scalars,
}

/// A value that is about to be written.
#[derive(Debug, Clone)]
pub(super) struct Body {
    /// On one line, fit for flow style.
    pub(super) inline: String,
    /// As lines of their own, where block style may be used.
    pub(super) block: Option<Block>,
    /// The lines are a list.
    pub(super) list: bool,
}

/// A whole entry that is about to be written.
#[derive(Debug, Clone)]
pub(super) struct NewEntry {
    pub(super) name: String,
    /// `key: value` on one line, fit for flow style.
    pub(super) inline: String,
    /// As lines.
    pub(super) block: Block,
    /// The entry's mapping may be made in block style when it is empty so far.
    pub(super) opens_block: bool,
    /// Blank lines before it.
    pub(super) gap: usize,
    /// Blank lines behind it, when it is to be the first.
    pub(super) gap_behind: usize,
}

impl Fresh<'_> {
    /// Whether it is a string and nothing but that.
    fn is_text(&self) -> bool {
        self.scalars == Scalars::Json || Written::of(self.value).is_none()
    }

    fn body(&self) -> Body {
        let mut inline = String::new();
        emit::flow(&mut inline, self.value, self.scalars);
        let block = match self.value {
            Value::Object(map) if !map.is_empty() => true,
            Value::Array(items) => !items.is_empty(),
            _ => false,
        };
        let block = block.then(|| {
            let mut text = String::new();
            emit::block(&mut text, self.value, 0, self.scalars);
            Block::of_text(&text)
        });
        Body {
            inline,
            block,
            list: self.value.is_array(),
        }
    }
}

/// A value with the mappings and lists around it that some steps ask for.
fn wrapped(steps: &[Step], value: &Value) -> Value {
    let step = |value, step: &Step| match step {
        Step::Key(key) => Value::Object([(key.clone(), value)].into_iter().collect()),
        Step::Index(_) | Step::Item(_) => Value::Array(vec![value]),
    };
    steps.iter().rev().fold(value.clone(), step)
}

/// The entry `name`, with the steps beyond it made as mappings and lists around the value.
fn new_entry(name: &str, beyond: &[Step], fresh: &Fresh<'_>) -> NewEntry {
    let value = wrapped(beyond, fresh.value);
    let mut text = String::new();
    emit::entry(&mut text, (name, &value), 0, fresh.scalars);
    let mut inline = emit::styled(name, Style::Plain, true);
    inline.push_str(": ");
    emit::flow(&mut inline, &value, fresh.scalars);
    NewEntry {
        name: name.to_owned(),
        inline,
        block: Block::of_text(&text),
        opens_block: true,
        gap: 0,
        gap_behind: 0,
    }
}

/// Sets what stands at a path.
pub(super) fn set(
    stream: &Stream,
    document: usize,
    path: &Path,
    (fresh, place): (&Fresh<'_>, &Place),
) -> Result<Planned, EditError> {
    let way = Way::find(stream, document, path)?;
    let node = way.last();
    if matches!(node.kind, NodeKind::Alias { .. }) {
        return Err(way.alias());
    }
    if way.is_whole() {
        let span = Span {
            start: node.start(),
            end: node.end(),
        };
        way.not_shared(Some(span))?;
        let splices = match fresh.value {
            Value::String(text)
                if fresh.is_text() && node.scalar().is_some() && !node.span.is_empty() =>
            {
                vec![
                    literal::relined(&way, node, text)
                        .unwrap_or_else(|| restyled(&way, node, text)),
                ]
            }
            _ => replace(&way, way.last_slot(), node, &fresh.body())?,
        };
        return Ok(Planned {
            splices: joined(splices),
            ..Planned::default()
        });
    }
    way.not_shared(None)?;
    match way.missing() {
        Some(Step::Index(_)) => append(&way, way.beyond(), fresh),
        step => {
            let mut entry = new_entry(&key_of(step), way.beyond(), fresh);
            if wrapped(way.beyond(), fresh.value).is_array() {
                entry.block = entry.block.below(layout::list_step(way.document));
            }
            insert(&way, &entry, place)
        }
    }
}

/// A scalar with new text in its old style.
fn restyled(way: &Way<'_>, node: &Node, text: &str) -> Splice {
    let whole = way.document.text();
    let flow = way.nodes.iter().rev().skip(1).any(|above| above.flow);
    let style = node.scalar().map_or(Style::Plain, |scalar| scalar.style);
    // The tag was the old value's; an anchor is kept.
    let (start, before) = match (node.tag(), node.anchor()) {
        (Some(_), Some(anchor)) => (node.start(), format!("&{anchor} ")),
        (Some(_), None) => (node.start(), String::new()),
        (None, _) => (node.span.start, String::new()),
    };
    let line = &whole[line_start(whole, node.start())..];
    let indent =
        line.len() - line.trim_start_matches([' ', '-']).len() + layout::step(way.document);
    let new = match style {
        Style::Literal | Style::Folded if !flow => emit::literal(text, indent)
            // A text that ends in line breaks of its own needs them kept, whatever follows.
            .filter(|literal| !literal.starts_with("|+"))
            .map(|literal| {
                literal
                    .trim_end_matches('\n')
                    .replace('\n', layout::newline(whole))
            }),
        _ => None,
    };
    let new = new.unwrap_or_else(|| {
        let style = match style {
            Style::Literal | Style::Folded => Style::Plain,
            other => other,
        };
        emit::styled(text, style, flow)
    });
    cut(whole, start, node.span.end, before + &new)
}

/// Replaces the value that stands in a slot.
pub(super) fn replace(
    way: &Way<'_>,
    slot: Slot<'_>,
    old: &Node,
    new: &Body,
) -> Result<Vec<Splice>, EditError> {
    let text = way.document.text();
    match slot {
        Slot::Entry { map, index } if map.flow => {
            Ok(vec![in_flow_mapping(way, &map.entries()[index], new)])
        }
        Slot::Item { list, .. } if list.flow => {
            Ok(vec![cut(text, old.start(), old.end(), new.inline.as_str())])
        }
        Slot::Entry { map, index } => in_block_mapping(way, &map.entries()[index], new),
        Slot::Item { .. } => Ok(vec![in_block_list(way, old, new)]),
        Slot::Root if old.span.is_empty() => Err(way.unsupported(old.start(), "an empty document")),
        Slot::Root => {
            let body = match &new.block {
                Some(block) => {
                    block.inline_at(column(way.document, old.start()), layout::newline(text))
                }
                None => new.inline.clone(),
            };
            let end = if has_lines(old) {
                line_end(text, old.end())
            } else {
                old.end()
            };
            Ok(vec![cut(text, old.start(), end, body)])
        }
    }
}

/// True for a collection in block style, which has lines of its own.
fn has_lines(node: &Node) -> bool {
    !node.flow && matches!(node.kind, NodeKind::Sequence(_) | NodeKind::Mapping(_))
}

/// True for a value of which nothing is written, not even an anchor.
fn is_unwritten(node: &Node) -> bool {
    node.span.is_empty() && node.properties.is_none()
}

fn in_flow_mapping(way: &Way<'_>, entry: &Entry, new: &Body) -> Splice {
    let text = way.document.text();
    let old = &entry.value;
    if !is_unwritten(old) {
        return cut(text, old.start(), old.end(), new.inline.as_str());
    }
    match layout::colon_end(way.document, entry) {
        Some(at) => {
            // Of `{a: , b: 1}` the blank is taken along.
            let blank = text[at..].starts_with(" ,") || text[at..].starts_with(" }");
            cut(
                text,
                at,
                at + usize::from(blank),
                format!(" {}", new.inline),
            )
        }
        None => cut(
            text,
            entry.key.end(),
            entry.key.end(),
            format!(": {}", new.inline),
        ),
    }
}

fn in_block_mapping(way: &Way<'_>, entry: &Entry, new: &Body) -> Result<Vec<Splice>, EditError> {
    let text = way.document.text();
    let newline = layout::newline(text);
    let old = &entry.value;
    let colon = layout::colon_end(way.document, entry)
        .ok_or_else(|| way.unsupported(entry.key.start(), "an explicit `?` key"))?;
    let key_column = column(way.document, entry.key.start());
    let inner = key_column
        + if new.list {
            layout::list_step(way.document)
        } else {
            layout::step(way.document)
        };
    let key_line = line_end(text, colon);
    let later = old.start() > key_line;
    let lines = new
        .block
        .as_ref()
        .map(|block| format!("{newline}{}", block.at(inner, newline)));
    Ok(match lines {
        Some(lines) if is_unwritten(old) => vec![cut(text, key_line, key_line, lines)],
        Some(lines) if later => vec![cut(text, key_line, line_end(text, old.end()), lines)],
        Some(lines) => {
            let end = line_end(text, old.end());
            vec![cut(text, colon, old.end(), ""), cut(text, end, end, lines)]
        }
        None if is_unwritten(old) => vec![cut(text, colon, colon, format!(" {}", new.inline))],
        None if later && has_lines(old) => vec![
            cut(text, colon, colon, format!(" {}", new.inline)),
            cut(text, key_line, line_end(text, old.end()), ""),
        ],
        None => vec![cut(text, old.start(), old.end(), new.inline.as_str())],
    })
}

fn in_block_list(way: &Way<'_>, old: &Node, new: &Body) -> Splice {
    let text = way.document.text();
    let unwritten = is_unwritten(old);
    let inner = column(way.document, old.start()) + usize::from(unwritten);
    let (lead, end) = match (&new.block, unwritten) {
        (_, true) => (" ", old.end()),
        (None, false) if !has_lines(old) => ("", old.end()),
        _ => ("", line_end(text, old.end())),
    };
    let body = match &new.block {
        Some(block) => block.inline_at(inner, layout::newline(text)),
        None => new.inline.clone(),
    };
    cut(text, old.start(), end, format!("{lead}{body}"))
}

/// Adds an entry to the last mapping of a way.
pub(super) fn insert(way: &Way<'_>, new: &NewEntry, place: &Place) -> Result<Planned, EditError> {
    let map = way.last();
    let text = way.document.text();
    let newline = layout::newline(text);
    let adds = Some((map.span.start, new.name.clone()));
    let entries = map.entries();
    let at = place.among(map);
    if entries.is_empty() {
        // `{}`, null, or nothing at all.
        let body = Body {
            inline: format!("{{{}}}", new.inline),
            block: (new.opens_block && !inside_flow(way)).then(|| new.block.clone()),
            list: false,
        };
        let splices = joined(replace(way, way.last_slot(), map, &body)?);
        return Ok(Planned {
            splices,
            adds,
            takes: None,
        });
    }
    let splice = if map.flow {
        match at.checked_sub(1) {
            Some(before) => {
                let end = layout::content_end(&entries[before]);
                cut(text, end, end, format!(", {}", new.inline))
            }
            None => {
                let start = entries[0].key.start();
                cut(text, start, start, format!("{}, ", new.inline))
            }
        }
    } else {
        let first = extent(way.document, map, 0);
        match at.checked_sub(1) {
            Some(before) => {
                let end = extent(way.document, map, before).end;
                let gap = newline.repeat(new.gap + 1);
                cut(
                    text,
                    end,
                    end,
                    format!("{gap}{}", new.block.at(first.column, newline)),
                )
            }
            None if first.inline => {
                let lines = new.block.inline_at(first.column, newline);
                let pad = " ".repeat(first.column);
                cut(
                    text,
                    first.start,
                    first.start,
                    format!("{lines}{newline}{pad}"),
                )
            }
            None => {
                let gap = newline.repeat(new.gap_behind + 1);
                cut(
                    text,
                    first.start,
                    first.start,
                    format!("{}{gap}", new.block.at(first.column, newline)),
                )
            }
        }
    };
    Ok(Planned {
        splices: vec![splice],
        adds,
        takes: None,
    })
}

/// True when a node stands inside a flow collection, where only flow style may be written.
fn inside_flow(way: &Way<'_>) -> bool {
    way.nodes.iter().rev().skip(1).any(|node| node.flow)
}

/// Adds an item to the last list of a way.
fn append(way: &Way<'_>, beyond: &[Step], fresh: &Fresh<'_>) -> Result<Planned, EditError> {
    let list = way.last();
    let text = way.document.text();
    let newline = layout::newline(text);
    let value = wrapped(beyond, fresh.value);
    let mut item = String::new();
    emit::flow(&mut item, &value, fresh.scalars);
    let mut lines = String::new();
    emit::block(&mut lines, &Value::Array(vec![value]), 0, fresh.scalars);
    let block = Block::of_text(&lines);
    let adds = Some((list.span.start, list.items().len().to_string()));
    let splices = match list.items().last() {
        None => {
            let body = Body {
                inline: format!("[{item}]"),
                block: (!inside_flow(way)).then_some(block),
                list: true,
            };
            joined(replace(way, way.last_slot(), list, &body)?)
        }
        Some(last) if list.flow => vec![cut(text, last.end(), last.end(), format!(", {item}"))],
        Some(last) => {
            let dash = column(way.document, dash(text, last));
            let end = line_end(text, last.end());
            vec![cut(
                text,
                end,
                end,
                format!("{newline}{}", block.at(dash, newline)),
            )]
        }
    };
    Ok(Planned {
        splices,
        adds,
        takes: None,
    })
}

/// The dash of an item of a block list.
pub(super) fn dash(text: &str, item: &Node) -> usize {
    text[..item.start()].rfind('-').unwrap_or(item.start())
}
