//! Text → document for the plain part of YAML that nearly every GitOps file keeps
//! to, many times faster than the whole language takes.
//!
//! One document; block mappings and sequences; scalars and flow collections on one
//! line; no anchors, aliases, tags, escapes or block scalars. Anything else, and
//! everything that is wrong, is `None`: the whole parser reads it then. What is read
//! here is read exactly as it would be there; the tests compare the two.

use std::collections::HashMap;
use std::sync::Arc;

use super::node::{Entry, Node, NodeKind, Scalar, Span, Style};
use super::parse::NODES;
use super::stream::{Document, Source};

/// Deeper nesting is left to the whole parser, which has the limit.
const DEPTH: usize = 60;

/// Longer keys are left to the whole parser: at some length YAML forbids them.
const KEY: usize = 200;

/// The document of a text, where it is written plainly.
pub(super) fn document(source: &Arc<Source>) -> Option<Document> {
    let text = source.text.as_str();
    // Each node has a sign of its own. Where there may be too many, the whole parser counts.
    let is_sign = |byte: &u8| matches!(byte, b'\n' | b':' | b',' | b'-' | b'[' | b'{');
    if text.len() > NODES && text.as_bytes().iter().filter(|it| is_sign(it)).count() > NODES {
        return None;
    }
    if !text.chars().all(is_plain) {
        return None;
    }
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        depth: 0,
    };
    let first = reader.next_line()?;
    if reader.special(first) {
        return None;
    }
    let root = reader.block(first)?;
    if reader.next_line().is_some() {
        return None;
    }
    Some(Document {
        source: Arc::clone(source),
        root: Some(root),
        anchors: HashMap::new(),
        span: Span {
            start: first.at,
            end: text.len(),
        },
    })
}

fn is_plain(c: char) -> bool {
    match c {
        '\n' | ' '..='~' => true,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => c >= '\u{a0}',
    }
}

/// A line with something on it that is no comment.
#[derive(Clone, Copy)]
struct Line {
    /// Its first byte that is no blank.
    at: usize,
    /// The blanks before.
    indent: usize,
}

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    fn is_gap(&self, at: usize) -> bool {
        matches!(self.byte(at), b' ' | b'\n')
    }

    /// Past the blanks of a line.
    fn past_blanks(&self, mut at: usize) -> usize {
        while self.bytes.get(at) == Some(&b' ') {
            at += 1;
        }
        at
    }

    fn end_of_line(&self, from: usize) -> usize {
        self.bytes[from..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.bytes.len(), |length| from + length)
    }

    /// The next line with something on it. The reader stands at the end of a line,
    /// or at the beginning of one.
    fn next_line(&mut self) -> Option<Line> {
        loop {
            if self.bytes.get(self.at) == Some(&b'\n') {
                self.at += 1;
            }
            let start = self.at;
            let at = self.past_blanks(start);
            match self.bytes.get(at) {
                None => {
                    self.at = at;
                    return None;
                }
                Some(b'\n') => self.at = at,
                Some(b'#') => self.at = self.end_of_line(at),
                Some(_) => {
                    self.at = at;
                    let indent = at - start;
                    return Some(Line { at, indent });
                }
            }
        }
    }

    /// Looks at the next line without going there.
    fn peek_line(&mut self) -> Option<Line> {
        let here = self.at;
        let line = self.next_line();
        self.at = here;
        line
    }

    /// Whether a line ends a document or is a directive.
    fn special(&self, line: Line) -> bool {
        let rest = &self.bytes[line.at..];
        line.indent == 0
            && (rest.starts_with(b"---") || rest.starts_with(b"...") || rest.starts_with(b"%"))
    }

    /// The collection that begins at a line, or behind the dash of one.
    fn block(&mut self, line: Line) -> Option<Node> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let node = if self.is_dash(line.at) {
            self.sequence(line)
        } else {
            self.mapping(line)
        };
        self.depth -= 1;
        node
    }

    fn is_dash(&self, at: usize) -> bool {
        self.byte(at) == b'-' && self.is_gap(at + 1)
    }

    fn mapping(&mut self, first: Line) -> Option<Node> {
        let indent = first.indent;
        let mut entries: Vec<Entry> = Vec::new();
        self.at = first.at;
        loop {
            let key = self.key()?;
            let colon = self.at;
            let value = self.value(colon + 1, indent, true)?;
            entries.push(Entry { key, value });
            match self.peek_line() {
                Some(line) if line.indent == indent && !self.special(line) => {
                    self.next_line();
                }
                Some(line) if line.indent >= indent => return None,
                _ => break,
            }
        }
        let span = Span {
            start: entries.first()?.key.span.start,
            end: entries.last()?.value.span.end,
        };
        // Most collections have fewer entries than a vector makes room for.
        entries.shrink_to_fit();
        Some(collection(NodeKind::Mapping(entries), span, false))
    }

    fn sequence(&mut self, first: Line) -> Option<Node> {
        let indent = first.indent;
        let mut items: Vec<Node> = Vec::new();
        self.at = first.at;
        loop {
            let dash = self.at;
            items.push(self.value(dash + 1, indent, false)?);
            match self.peek_line() {
                Some(line) if line.indent == indent && self.is_dash(line.at) => {
                    self.next_line();
                }
                Some(line) if line.indent > indent || self.special(line) => return None,
                _ => break,
            }
        }
        let span = Span {
            start: first.at,
            end: items.last()?.span.end,
        };
        items.shrink_to_fit();
        Some(collection(NodeKind::Sequence(items), span, false))
    }

    /// The value behind a colon or dash, up to the end of its last line.
    fn value(&mut self, after: usize, indent: usize, of_key: bool) -> Option<Node> {
        let at = self.past_blanks(after);
        let nothing = self.byte(at) == b'\n' || (self.byte(at) == b'#' && at > after);
        if !nothing {
            if !of_key && (self.is_dash(at) || self.key_at(at)?) {
                let column = indent + (at - (after - 1));
                return self.block(Line { at, indent: column });
            }
            self.at = at;
            let node = self.inline(false)?;
            self.rest_of_line()?;
            // What is further in would go on with this value, or be wrong.
            return match self.peek_line() {
                Some(line) if line.indent > indent => None,
                _ => Some(node),
            };
        }
        // Nobody writes a lone dash, and its place is no matter of course.
        of_key.then_some(())?;
        self.at = self.end_of_line(at);
        match self.peek_line() {
            Some(line) if line.indent > indent => {
                let line = self.next_line()?;
                (self.is_dash(line.at) || self.key_at(line.at)?).then_some(())?;
                self.block(line)
            }
            Some(line) if line.indent == indent && self.is_dash(line.at) => {
                let line = self.next_line()?;
                let mut node = self.block(line)?;
                // No token of the whole parser begins such a sequence, only its first item.
                node.span.start = node.items().first()?.span.start;
                Some(node)
            }
            _ => {
                let span = Span {
                    start: after,
                    end: after,
                };
                Some(scalar(String::new(), Style::Plain, span))
            }
        }
    }

    /// Only a comment may follow a value on its line.
    fn rest_of_line(&mut self) -> Option<()> {
        let at = self.past_blanks(self.at);
        match self.byte(at) {
            b'\n' => self.at = at,
            b'#' if at > self.at => self.at = self.end_of_line(at),
            _ => return None,
        }
        Some(())
    }

    /// Whether a block mapping begins here; `None`: it may, in a way that is not
    /// read here.
    fn key_at(&self, at: usize) -> Option<bool> {
        match self.byte(at) {
            b'"' | b'\'' => {
                let end = self.end_of_quoted(at)?;
                Some(self.byte(end) == b':')
            }
            b'{' | b'[' => {
                // `{a: b}: c` has a mapping for a key; the rest of the line tells.
                let line = &self.bytes[at..self.end_of_line(at)];
                let as_key = line.windows(2).any(|pair| matches!(pair, b"}:" | b"]:"));
                (!as_key).then_some(false)
            }
            _ => {
                let end = self.end_of_plain(at);
                let text = &self.bytes[at..end];
                Some(text.ends_with(b":") || text.windows(2).any(|pair| pair == b": "))
            }
        }
    }

    /// A key and its colon, where the reader stops.
    fn key(&mut self) -> Option<Node> {
        let start = self.at;
        let key = match self.byte(start) {
            b'"' | b'\'' => self.quoted()?,
            first if is_key(first) && first != b'-' => {
                let rest = self.bytes[start..].iter();
                let length = rest.take_while(|byte| is_key(**byte)).count();
                self.at = start + length;
                self.plain(start)
            }
            _ => return None,
        };
        let fits = self.at - start < KEY && self.byte(self.at) == b':';
        (fits && self.is_gap(self.at + 1)).then_some(key)
    }

    /// A scalar or flow collection on one line.
    fn inline(&mut self, in_flow: bool) -> Option<Node> {
        let start = self.at;
        match self.byte(start) {
            b'{' | b'[' => {
                self.depth += 1;
                if self.depth > DEPTH {
                    return None;
                }
                let node = self.flow();
                self.depth -= 1;
                node
            }
            b'"' | b'\'' => self.quoted(),
            b'-' if self.is_gap(start + 1) => None,
            b'-' if in_flow && !is_key(self.byte(start + 1)) => None,
            b'\n' | b'?' | b':' | b',' | b']' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>'
            | b'%' | b'@' | b'`' => None,
            _ if in_flow => self.plain_in_flow(),
            _ => {
                self.at = self.end_of_plain(start);
                let text = &self.bytes[start..self.at];
                let is_key = text.ends_with(b":") || text.windows(2).any(|pair| pair == b": ");
                (!is_key).then(|| self.plain(start))
            }
        }
    }

    /// Where a plain scalar ends that goes on to a comment or the end of its line.
    fn end_of_plain(&self, start: usize) -> usize {
        let line = &self.bytes[start..self.end_of_line(start)];
        let comment = line.windows(2).position(|pair| pair == b" #");
        let text = &line[..comment.unwrap_or(line.len())];
        start + text.trim_ascii_end().len()
    }

    /// The plain scalar between a start and the place of the reader.
    fn plain(&self, start: usize) -> Node {
        let span = Span {
            start,
            end: self.at,
        };
        scalar(self.text[span.range()].to_owned(), Style::Plain, span)
    }

    fn plain_in_flow(&mut self) -> Option<Node> {
        let start = self.at;
        loop {
            match self.byte(self.at) {
                b',' | b'[' | b']' | b'{' | b'}' => break,
                b'\n' => return None,
                b'#' if self.byte(self.at - 1) == b' ' => return None,
                b':' if self.is_gap(self.at + 1) => break,
                b':' if matches!(self.byte(self.at + 1), b',' | b'[' | b']' | b'{' | b'}') => {
                    return None;
                }
                _ => self.at += 1,
            }
        }
        let end = self.at;
        self.at = start + self.bytes[start..end].trim_ascii_end().len();
        let node = self.plain(start);
        self.at = end;
        Some(node)
    }

    /// Past the closing quote; `None` where the text needs more than copying.
    fn end_of_quoted(&self, start: usize) -> Option<usize> {
        let quote = self.byte(start);
        let rest = self.bytes.get(start + 1..)?;
        let length = rest
            .iter()
            .position(|byte| *byte == quote || matches!(byte, b'\n' | b'\\'))?;
        let end = start + 1 + length;
        let escaped = quote == b'\'' && self.byte(end + 1) == quote;
        (self.byte(end) == quote && !escaped).then_some(end + 1)
    }

    fn quoted(&mut self) -> Option<Node> {
        let start = self.at;
        let end = self.end_of_quoted(start)?;
        let style = match self.byte(start) {
            b'"' => Style::DoubleQuoted,
            _ => Style::SingleQuoted,
        };
        self.at = end;
        let text = self.text[start + 1..end - 1].to_owned();
        Some(scalar(text, style, Span { start, end }))
    }

    /// A flow collection on one line.
    fn flow(&mut self) -> Option<Node> {
        let start = self.at;
        let (close, is_mapping) = match self.byte(start) {
            b'{' => (b'}', true),
            _ => (b']', false),
        };
        let (mut entries, mut items) = (Vec::new(), Vec::new());
        self.at = self.past_blanks(start + 1);
        let mut more = self.byte(self.at) != close;
        while more {
            let node = self.inline(true)?;
            if is_mapping {
                let simple = matches!(node.kind, NodeKind::Scalar(_))
                    && node.span.end - node.span.start < KEY
                    && self.byte(self.at) == b':'
                    && self.byte(self.at + 1) == b' ';
                if !simple {
                    return None;
                }
                self.at = self.past_blanks(self.at + 1);
                let value = self.inline(true)?;
                entries.push(Entry { key: node, value });
            } else {
                items.push(node);
            }
            self.at = self.past_blanks(self.at);
            match self.byte(self.at) {
                b',' => {
                    self.at = self.past_blanks(self.at + 1);
                    if self.byte(self.at) == close {
                        return None;
                    }
                }
                end if end == close => more = false,
                _ => return None,
            }
        }
        self.at += 1;
        entries.shrink_to_fit();
        items.shrink_to_fit();
        let kind = match is_mapping {
            true => NodeKind::Mapping(entries),
            false => NodeKind::Sequence(items),
        };
        let span = Span {
            start,
            end: self.at,
        };
        Some(collection(kind, span, true))
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'$' | b'+' | b'<' | b'~')
}

fn scalar(text: String, style: Style, span: Span) -> Node {
    Node {
        kind: NodeKind::Scalar(Scalar { text, style }),
        span,
        flow: false,
        properties: None,
    }
}

fn collection(kind: NodeKind, span: Span, flow: bool) -> Node {
    Node {
        kind,
        span,
        flow,
        properties: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
