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
        collect(root, &owned, &mut values);
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

/// The values that are masked, in the order of the text.
fn collect<'n>(node: &'n Node, whole: &[&Node], found: &mut Vec<&'n Node>) {
    if whole.iter().any(|other| std::ptr::eq(*other, node)) {
        found.push(node);
        return;
    }
    match &node.kind {
        NodeKind::Scalar(_) => found.push(node),
        NodeKind::Sequence(items) => items.iter().for_each(|item| collect(item, whole, found)),
        NodeKind::Mapping(entries) => {
            let values = entries.iter().filter(|entry| !Entry::is_merge(entry));
            values.for_each(|entry| collect(&entry.value, whole, found));
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

/// The bytes of an entry with the comments that are its own.
pub fn entry_span(document: &Document, path: &Path) -> Option<Span> {
    let above = document.root()?.at(&path.parent()?)?;
    let node = document.root()?.at(path)?;
    let mut entries = above.entries().iter();
    let index = entries.position(|entry| std::ptr::eq(&raw const entry.value, node))?;
    Some(entry_extent(document, above, index))
}
