//! Text with its scalar values masked: what is left is how a file is written.

use super::edit::entry_extent;
use super::node::{Entry, Node, NodeKind, Span};
use super::path::Path;
use super::stream::{Document, Stream};

/// What stands for every scalar value.
const MASK: &str = "_";

/// A part of a text with every scalar value, tags included, as `_`; what is at the paths
/// of `whole` is one value, whatever it is. Keys, anchors and aliases stay.
pub fn masked(stream: &Stream, part: Span, whole: &[Path]) -> String {
    let mut values = Vec::new();
    for document in stream.documents() {
        let Some(root) = document.root() else {
            continue;
        };
        let owned: Vec<&Node> = whole.iter().filter_map(|path| root.at(path)).collect();
        collect(root, (part, &owned), &mut values);
    }
    let text = stream.text();
    let (mut out, mut at) = (String::new(), part.start);
    for node in values {
        let (start, end) = (node.start(), node.end());
        if start < at || end > part.end {
            continue;
        }
        out.push_str(&text[at..start]);
        // A value that is not written is masked like any other.
        if !out.ends_with([' ', '\n']) && start == end {
            out.push(' ');
        }
        if let Some(anchor) = node.anchor() {
            out.push_str(&format!("&{anchor} "));
        }
        out.push_str(MASK);
        at = end;
    }
    out.push_str(text.get(at..part.end).unwrap_or_default());
    out
}

/// The values of a part that are masked, in the order of the text.
fn collect<'n>(node: &'n Node, (part, whole): (Span, &[&Node]), found: &mut Vec<&'n Node>) {
    if whole.iter().any(|other| std::ptr::eq(*other, node)) {
        found.push(node);
        return;
    }
    match &node.kind {
        NodeKind::Scalar(_) => found.push(node),
        NodeKind::Sequence(items) => {
            let first = items.partition_point(|item| item.end() < part.start);
            let items = items[first..].iter();
            let items = items.take_while(|item| item.start() <= part.end);
            items.for_each(|item| collect(item, (part, whole), found));
        }
        NodeKind::Mapping(entries) => {
            // One of many entries is asked about often: those before it are skipped.
            let first = entries.partition_point(|entry| entry.value.end() < part.start);
            let entries = entries[first..].iter();
            let entries = entries.take_while(|entry| entry.key.start() <= part.end);
            let values = entries.filter(|entry| !Entry::is_merge(entry));
            values.for_each(|entry| collect(&entry.value, (part, whole), found));
        }
        NodeKind::Alias { .. } => {}
    }
}

/// Where the key of an entry is written.
pub fn entry_key(document: &Document, path: &Path) -> Option<Span> {
    let above = document.root()?.at(&path.parent()?)?;
    let node = document.root()?.at(path)?;
    let mut entries = above.entries().iter();
    let entry = entries.find(|entry| std::ptr::eq(&raw const entry.value, node))?;
    Some(Span {
        start: entry.key.start(),
        end: entry.key.end(),
    })
}

/// The entries of the map at a path, by name, each with its bytes and the comments that
/// are its own.
pub fn entry_spans(document: &Document, map: &Path) -> Vec<(String, Span)> {
    let Some(above) = document.root().and_then(|root| root.at(map)) else {
        return Vec::new();
    };
    let entries = above.entries().iter().enumerate();
    let spans = entries.filter_map(|(index, entry)| {
        Some((
            entry.name()?.into_owned(),
            entry_extent(document, above, index),
        ))
    });
    spans.collect()
}

/// The bytes of an entry with the comments that are its own.
pub fn entry_span(document: &Document, path: &Path) -> Option<Span> {
    let above = document.root()?.at(&path.parent()?)?;
    let node = document.root()?.at(path)?;
    let mut entries = above.entries().iter();
    let index = entries.position(|entry| std::ptr::eq(&raw const entry.value, node))?;
    Some(entry_extent(document, above, index))
}
