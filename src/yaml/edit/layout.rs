//! Lines, columns and the extent of entries: which comments and blank lines go with what.
//!
//! An entry owns the comment lines right above it that stand in its column, and the
//! deeper ones right behind it. A document's first entry does not own the comments
//! above it: they speak about the file. Extents end before their line break, so that
//! neighbours never touch and a text without a last line break needs no care.

use super::super::node::{Entry, Node};
use super::super::stream::{Document, skip_blank};

/// What an entry of a block mapping covers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// First byte: of the first comment line above, else of the key's line; of the key itself when
    /// the line holds something else before it (`- key: value`).
    pub(super) start: usize,
    /// First byte of the key's line, or of the key when it is not the line's first.
    pub(super) bare: usize,
    /// End of the last line, before its line break.
    pub(super) end: usize,
    /// The key's column, from 0.
    pub(super) column: usize,
    /// The key is not the first on its line.
    pub(super) inline: bool,
    /// End of the last line with content before `start`.
    pub(super) gap: usize,
}

pub(super) fn line_start(text: &str, at: usize) -> usize {
    match text[..at].rfind(['\n', '\r']) {
        Some(found) => found + 1,
        None if text.starts_with('\u{feff}') => '\u{feff}'.len_utf8().min(at),
        None => 0,
    }
}

/// The end of a line, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    text[at..]
        .find(['\n', '\r'])
        .map_or(text.len(), |found| at + found)
}

/// Past the line break that stands at `at`.
pub(super) fn after_break(text: &str, at: usize) -> usize {
    match text.as_bytes().get(at..) {
        Some([b'\r', b'\n', ..]) => at + 2,
        Some([_, ..]) => at + 1,
        _ => at,
    }
}

/// The end of the line above one that starts at `start`, before its line break.
fn line_above(text: &str, start: usize) -> Option<usize> {
    let before = text.get(..start)?;
    before
        .strip_suffix("\r\n")
        .or_else(|| before.strip_suffix(['\n', '\r']))
        .map(str::len)
}

/// The line break that the text uses.
pub(super) fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

pub(super) fn is_blank(line: &str) -> bool {
    line.bytes().all(|b| matches!(b, b' ' | b'\t'))
}

fn comment_column(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches([' ', '\t']);
    rest.starts_with('#').then(|| line.len() - rest.len())
}

/// A node's column, from 0.
pub(super) fn column(document: &Document, at: usize) -> usize {
    document.position(at).column as usize - 1
}

/// Where the written part of an entry ends.
pub(super) fn content_end(entry: &Entry) -> usize {
    entry.value.end().max(entry.key.end())
}

/// Past the colon of an entry; none for `? key` and for `{key}`.
pub(super) fn colon_end(document: &Document, entry: &Entry) -> Option<usize> {
    let text = document.text();
    let before = text[..entry.key.start()].trim_end_matches(' ');
    if before.ends_with('?') {
        return None;
    }
    let at = skip_blank(text.as_bytes(), entry.key.end());
    (text.as_bytes().get(at) == Some(&b':')).then_some(at + 1)
}

/// What an entry of a block mapping covers.
pub(super) fn extent(document: &Document, map: &Node, index: usize) -> Extent {
    let text = document.text();
    let entries = map.entries();
    let key = entries[index].key.start();
    let line = line_start(text, key);
    let inline = !text[line..key].bytes().all(|b| b == b' ');
    let column = column(document, key);
    let bare = if inline { key } else { line };
    // The last line of the entry before may be blank: `|+` keeps those.
    let floor = index
        .checked_sub(1)
        .map(|before| line_end(text, content_end(&entries[before])));
    let above = |start: usize| {
        let end = line_above(text, start)?;
        let start = line_start(text, end);
        let free = floor.is_none_or(|floor| start > floor);
        free.then(|| (start, &text[start..end]))
    };
    let first_of_all = index == 0 && document.root().is_some_and(|root| std::ptr::eq(root, map));
    let mut start = bare;
    if !inline && !first_of_all {
        while let Some((line, content)) = above(start)
            && comment_column(content) == Some(column)
        {
            start = line;
        }
    }
    let mut blank = start;
    while !inline
        && let Some((line, content)) = above(blank)
        && is_blank(content)
    {
        blank = line;
    }
    Extent {
        start,
        bare,
        end: trailing(text, line_end(text, content_end(&entries[index])), column),
        column,
        inline,
        gap: line_above(text, blank).filter(|_| !inline).unwrap_or(blank),
    }
}

/// Where the comment lines begin that stand in `column` right above the line at `start`.
pub(super) fn with_comments_above(text: &str, start: usize, column: usize) -> usize {
    let mut first = start;
    while let Some(end) = line_above(text, first) {
        let line = line_start(text, end);
        if comment_column(&text[line..end]) != Some(column) {
            break;
        }
        first = line;
    }
    first
}

/// The end of the last line of comments deeper than `column` that follows the line ending at `end`.
pub(super) fn trailing(text: &str, end: usize, column: usize) -> usize {
    let mut last = end;
    let mut at = end;
    while at < text.len() {
        let start = after_break(text, at);
        let stop = line_end(text, start);
        let line = &text[start..stop];
        match comment_column(line) {
            Some(deeper) if deeper > column => last = stop,
            None if is_blank(line) => {}
            _ => break,
        }
        if stop == at {
            break;
        }
        at = stop;
    }
    last
}

/// How many columns nested mappings of a document are indented by; 2 when it has none.
pub(super) fn step(document: &Document) -> usize {
    fn find(document: &Document, node: &Node) -> Option<usize> {
        for entry in node.entries() {
            if entry.value.is_mapping() && !entry.value.flow {
                let outer = column(document, entry.key.start());
                let inner = column(document, entry.value.entries().first()?.key.start());
                return inner.checked_sub(outer).filter(|step| *step > 0);
            }
        }
        let nodes = node.entries().iter().map(|entry| &entry.value);
        nodes
            .chain(node.items())
            .find_map(|node| find(document, node))
    }
    document
        .root()
        .and_then(|root| find(document, root))
        .unwrap_or(2)
}

/// How many columns the lists of a document stand behind the keys that they belong to; 0
/// when it has none.
pub(super) fn list_step(document: &Document) -> usize {
    fn find(document: &Document, node: &Node) -> Option<usize> {
        for entry in node.entries().iter().filter(|entry| !entry.value.flow) {
            if let Some(first) = entry.value.items().first() {
                let dash = document.text()[..first.start()].rfind('-')?;
                let outer = column(document, entry.key.start());
                return column(document, dash).checked_sub(outer);
            }
        }
        let nodes = node.entries().iter().map(|entry| &entry.value);
        nodes
            .chain(node.items())
            .find_map(|node| find(document, node))
    }
    document
        .root()
        .and_then(|root| find(document, root))
        .unwrap_or(0)
}

/// Lines that can stand in any column.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// Without their common indentation and without line breaks.
    lines: Vec<String>,
    /// The bytes as they stand in another text, with the column.
    exact: Option<(usize, String)>,
}

impl Block {
    pub(super) fn of_lines(lines: Vec<String>) -> Block {
        Block { lines, exact: None }
    }

    /// Lines of emitted text.
    pub(super) fn of_text(text: &str) -> Block {
        let text = text.strip_suffix('\n').unwrap_or(text);
        Block::of_lines(text.split('\n').map(str::to_owned).collect())
    }

    /// The bytes from `start`, a line's first byte or a key's, to `end` with their first
    /// line's content in `column`.
    pub(super) fn of_source(text: &str, (start, end): (usize, usize), column: usize) -> Block {
        let slice = &text[start..end];
        let starts_line = line_start(text, start) == start;
        let lines = slice
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .enumerate()
            .map(|(at, line)| {
                let blanks = line.len() - line.trim_start_matches(' ').len();
                let cut = match (at, is_blank(line)) {
                    (0, _) if !starts_line => 0,
                    (_, true) if line.len() <= column => line.len(),
                    _ => blanks.min(column),
                };
                line[cut..].to_owned()
            })
            .collect();
        Block {
            lines,
            exact: starts_line.then(|| (column, slice.to_owned())),
        }
    }

    /// The same lines with all but the first deeper by some columns.
    pub(super) fn below(&self, by: usize) -> Block {
        let mut lines = self.indented(by);
        if let (Some(first), Some(old)) = (lines.first_mut(), self.lines.first()) {
            first.clone_from(old);
        }
        Block::of_lines(lines)
    }

    /// The lines, deeper by some columns.
    pub(super) fn indented(&self, by: usize) -> Vec<String> {
        let pad = " ".repeat(by);
        let lines = self.lines.iter();
        lines
            .map(|line| {
                if line.is_empty() {
                    String::new()
                } else {
                    format!("{pad}{line}")
                }
            })
            .collect()
    }

    /// The text in a column, indented from its first line on, without a last line break.
    pub(super) fn at(&self, column: usize, newline: &str) -> String {
        if let Some((from, text)) = &self.exact
            && *from == column
            && (!text.contains('\n') || self::newline(text) == newline)
        {
            return text.clone();
        }
        self.indented(column).join(newline)
    }

    /// The text in a column, its first line starting at once.
    pub(super) fn inline_at(&self, column: usize, newline: &str) -> String {
        let text = self.at(column, newline);
        let blanks = text.len() - text.trim_start_matches(' ').len();
        text[blanks.min(column)..].to_owned()
    }
}
