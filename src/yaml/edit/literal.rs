//! New text for a literal block scalar (`|`): only the lines that differ are written,
//! with the indentation that the others have. Refuses what its header would have to
//! say otherwise; then the scalar is written as a whole.

use super::super::node::{Node, Span, Style};
use super::layout::{after_break, line_end, newline};
use super::walk::Way;
use super::{Splice, cut};

/// The lines of a literal block scalar, and where each stands in the text.
pub(super) struct Lines<'a> {
    lines: Vec<(&'a str, Span)>,
    /// The blanks before each line with content.
    pub(super) indent: usize,
}

impl<'a> Lines<'a> {
    /// The lines of a node; `None` where it is no such scalar, or has none.
    pub(super) fn of(text: &str, node: &'a Node) -> Option<Self> {
        let scalar = node
            .scalar()
            .filter(|scalar| scalar.style == Style::Literal)?;
        let content = scalar.text.trim_end_matches('\n');
        let mut at = after_break(text, line_end(text, node.span.start));
        let mut lines = Vec::new();
        let mut indent = None;
        for line in content.split('\n') {
            let span = Span {
                start: at,
                end: line_end(text, at),
            };
            let raw = text.get(span.start..span.end)?;
            let blanks = raw.strip_suffix(line)?;
            if !line.is_empty() {
                let wide = *indent.get_or_insert(blanks.len());
                if wide != blanks.len() || blanks.bytes().any(|b| b != b' ') {
                    return None;
                }
            }
            lines.push((line, span));
            at = after_break(text, span.end);
        }
        Some(Self {
            lines,
            indent: indent?,
        })
    }
}

/// The splice that makes a literal block scalar say something else.
pub(super) fn relined(way: &Way<'_>, node: &Node, new: &str) -> Option<Splice> {
    let text = way.document.text();
    let old = &node.scalar()?.text;
    let ends = |text: &str| text.len() - text.trim_end_matches('\n').len();
    // A tag was the old value's, and goes with it.
    if ends(old) != ends(new) || node.tag().is_some() {
        return None;
    }
    let Lines { lines, indent } = Lines::of(text, node)?;
    let fresh: Vec<&str> = new.trim_end_matches('\n').split('\n').collect();
    // What becomes a single line needs no block any more.
    if lines.len() > 1 && fresh.len() == 1 {
        return None;
    }
    let before = lines.iter().zip(&fresh);
    let before = before.take_while(|((old, _), new)| old == *new).count();
    let left = lines.len().min(fresh.len()) - before;
    let behind = lines.iter().rev().zip(fresh.iter().rev());
    let behind = behind.take_while(|((old, _), new)| old == *new);
    let behind = behind.take(left).count();
    let middle = &fresh[before..fresh.len() - behind];
    // The first line says how far all are indented, and lines that vanish leave more
    // than themselves behind.
    if before == 0
        && middle
            .first()
            .is_none_or(|line| line.starts_with(' ') || line.is_empty())
    {
        return None;
    }
    let written = |line: &&str| match line.is_empty() {
        true => String::new(),
        false => format!("{}{line}", " ".repeat(indent)),
    };
    let written: Vec<String> = middle.iter().map(written).collect();
    let written = written.join(newline(text));
    let gone = &lines[before..lines.len() - behind];
    match (gone.first(), gone.last()) {
        (Some((_, first)), Some((_, last))) if !middle.is_empty() => {
            Some(cut(text, first.start, last.end, written))
        }
        (None, None) if middle.is_empty() => {
            let start = node.span.start;
            Some(cut(text, start, start, ""))
        }
        (None, None) => {
            let end = lines.get(before.checked_sub(1)?)?.1.end;
            Some(cut(text, end, end, format!("{}{written}", newline(text))))
        }
        _ => None,
    }
}
