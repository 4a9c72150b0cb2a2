//! Removing entries and items: what goes with them, and what the last one leaves.

use super::super::node::Span;
use super::super::path::Path;
use super::super::stream::Stream;
use super::layout::{self, extent, line_end, line_start};
use super::plan::{self, Body, dash};
use super::walk::{Slot, Way};
use super::{EditError, Planned, cut, joined};

/// Removes what stands at a path.
pub(super) fn remove(stream: &Stream, document: usize, path: &Path) -> Result<Planned, EditError> {
    let way = Way::find(stream, document, path)?;
    if !way.is_whole() {
        return Err(EditError::NotFound { path: path.clone() });
    }
    let text = way.document.text();
    let depth = way.nodes.len() - 1;
    let node = way.last();
    let (parent, size) = match way.last_slot() {
        Slot::Root => return Err(way.unsupported(node.start(), "the whole document")),
        Slot::Entry { map, .. } => (map, map.entries().len()),
        Slot::Item { list, .. } => (list, list.items().len()),
    };
    let takes = Some((parent.span.start, size));
    if size == 1 {
        let span = Span {
            start: node.start(),
            end: node.end(),
        };
        way.not_shared(Some(span))?;
        let empty = if parent.is_mapping() { "{}" } else { "[]" };
        let splices = if parent.flow {
            vec![cut(text, parent.span.start, parent.span.end, empty)]
        } else {
            let body = Body {
                inline: empty.to_owned(),
                block: None,
                list: false,
            };
            plan::replace(&way, way.slot(depth - 1), parent, &body)?
        };
        return Ok(Planned {
            splices: joined(splices),
            adds: None,
            takes,
        });
    }
    let (start, end) = part(&way, size);
    way.not_shared(Some(Span { start, end }))?;
    // A block scalar before it keeps its line break, which is part of its value.
    let start = if end == text.len() && start > 0 {
        layout::after_break(text, start)
    } else {
        start
    };
    Ok(Planned {
        splices: vec![cut(text, start, end, "")],
        adds: None,
        takes,
    })
}

/// The bytes that go with one of several entries or items.
fn part(way: &Way<'_>, size: usize) -> (usize, usize) {
    let text = way.document.text();
    let node = way.last();
    match way.last_slot() {
        Slot::Entry { map, index } if map.flow => {
            let ends = |at: usize| {
                (
                    map.entries()[at].key.start(),
                    layout::content_end(&map.entries()[at]),
                )
            };
            flow_part(index, size, ends)
        }
        Slot::Item { list, index } if list.flow => {
            let ends = |at: usize| (list.items()[at].start(), list.items()[at].end());
            flow_part(index, size, ends)
        }
        Slot::Entry { map, index } => {
            let here = extent(way.document, map, index);
            match index {
                0 => (
                    here.start,
                    extent(way.document, map, 1).start_behind(here.inline),
                ),
                _ => (here.gap, here.end),
            }
        }
        Slot::Item { list, index } => {
            let here = dash(text, node);
            let lines = text[line_start(text, here)..here]
                .bytes()
                .all(|b| b == b' ');
            match index {
                0 if lines => (
                    line_start(text, here),
                    line_start(text, dash(text, &list.items()[1])),
                ),
                0 => (here, dash(text, &list.items()[1])),
                _ => (
                    line_end(text, list.items()[index - 1].end()),
                    line_end(text, node.end()),
                ),
            }
        }
        Slot::Root => (0, 0),
    }
}

impl layout::Extent {
    /// Where the text goes on when everything before this entry is taken away.
    fn start_behind(self, inline: bool) -> usize {
        if inline {
            self.start + self.column
        } else {
            self.start
        }
    }
}

/// The part of a flow collection that goes with an item: it and one comma.
fn flow_part(index: usize, size: usize, ends: impl Fn(usize) -> (usize, usize)) -> (usize, usize) {
    if index + 1 < size {
        (ends(index).0, ends(index + 1).0)
    } else {
        (ends(index - 1).1, ends(index).1)
    }
}
