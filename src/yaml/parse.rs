//! Text → documents, through granit-parser's events.
//!
//! Its spans are exact but for three habits that are put right here: a value that
//! is not written stands before its colon, a block scalar starts at its content
//! instead of its `|`, and block collections have no extent at all.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{
    ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StrInput, StructureStyle, Tag,
};

use super::error::{YamlError, YamlErrorKind};
use super::node::{Entry, Node, NodeKind, Properties, Scalar, Span, Style};
use super::stream::{Document, Source, skip_blank};

/// Deeper nesting is refused. The proof of an edit allows 128, Kubernetes itself far more than anyone writes.
/// See `docs/limits.md`.
const DEPTH: usize = 100;

/// The most documents of one text. The largest bundles of manifests have some thousand;
/// each takes half a kilobyte of memory before anything is in it.
/// See `docs/limits.md`.
const DOCUMENTS: usize = 50_000;

/// The most nodes (scalars, keys, lists and mappings) of one text. Each takes up to 200
/// bytes as a node and as a value; a manifest of 16 MiB, the largest that is read, has
/// fewer.
/// See `docs/limits.md`.
pub(super) const NODES: usize = 1_000_000;

/// The most anchors of one document, each of which keeps its place from the root.
/// See `docs/limits.md`.
const ANCHORS: usize = 10_000;

/// How much one text may hold.
#[derive(Debug, Clone, Copy)]
struct Limits {
    documents: usize,
    nodes: usize,
    anchors: usize,
}

const LIMITS: Limits = Limits {
    documents: DOCUMENTS,
    nodes: NODES,
    anchors: ANCHORS,
};

/// Reads all documents of a text.
pub(super) fn documents(source: &Arc<Source>) -> Result<Vec<Document>, YamlError> {
    within(source, LIMITS)
}

fn within(source: &Arc<Source>, limits: Limits) -> Result<Vec<Document>, YamlError> {
    let mut builder = Builder::new(source, limits);
    builder.run()?;
    Ok(builder.documents)
}

/// A collection that is still open.
struct Frame {
    flow: bool,
    start: usize,
    properties: Option<Box<Properties>>,
    kind: Open,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>, Option<Node>),
}

struct Builder<'t> {
    source: &'t Arc<Source>,
    parser: Parser<'t, StrInput<'t>>,
    documents: Vec<Document>,
    frames: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Vec<usize>>,
    names: HashMap<usize, String>,
    document_start: usize,
    limits: Limits,
    nodes: usize,
    /// End of the token before the next node.
    last: usize,
}

type Found = Result<(), YamlError>;

impl<'t> Builder<'t> {
    fn new(source: &'t Arc<Source>, limits: Limits) -> Builder<'t> {
        let mut options = Options::default();
        options.emit_anchor_events = true;
        options.set_emit_comments(false);
        options.block_scalar_eof_without_line_feed = true;
        options.flow_nesting_limit = DEPTH;
        options.block_nesting_limit = DEPTH;
        Builder {
            source,
            parser: Parser::new_from_str_with_options(&source.text, options),
            documents: Vec::new(),
            frames: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            names: HashMap::new(),
            document_start: 0,
            limits,
            nodes: 0,
            last: 0,
        }
    }

    fn error(&self, offset: usize, kind: YamlErrorKind) -> YamlError {
        YamlError {
            position: self.source.position(offset),
            kind,
        }
    }

    fn scan_error(&self, error: &ScanError) -> YamlError {
        let offset = error.marker().byte_offset().unwrap_or(self.last);
        let position = self.source.position(offset);
        let kind = match error.kind() {
            ErrorKind::UnknownAnchor => {
                let rest = self.source.text.get(offset..).unwrap_or_default();
                let name: String = rest
                    .trim_start_matches('*')
                    .chars()
                    .take_while(|c| !c.is_whitespace() && !",[]{}".contains(*c))
                    .collect();
                YamlErrorKind::UnknownAnchor(name)
            }
            ErrorKind::RecursionLimitExceeded => YamlErrorKind::TooDeep { limit: DEPTH },
            _ => match template_action(&self.source.text, offset) {
                Some(at) => return self.error(at, YamlErrorKind::Template),
                None => YamlErrorKind::Syntax(error.info().to_owned()),
            },
        };
        YamlError { position, kind }
    }

    fn next(&mut self) -> Result<Option<(Event<'t>, granit_parser::Span)>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => Err(self.scan_error(&error)),
        }
    }

    fn run(&mut self) -> Found {
        while let Some((event, span)) = self.next()? {
            let range = range(&span);
            self.count(&event, range)?;
            match event {
                Event::DocumentStart(explicit, ..) => self.start_document(explicit, range),
                Event::DocumentEnd => self.end_document(range),
                Event::Scalar(text, style, anchor, tag) => {
                    let node = self.scalar(text, style, range);
                    self.place(anchor)?;
                    let properties = self.properties(anchor, tag.as_deref(), &span)?;
                    let node = moved_behind(node, properties);
                    // What is not written next stands behind this, too.
                    self.last = self.last.max(node.span.end);
                    self.push(node);
                }
                Event::Alias(target) => {
                    let name = self.names.get(&target).cloned().unwrap_or_default();
                    self.last = range.end;
                    self.push(Node {
                        kind: NodeKind::Alias { name, target },
                        span: range,
                        flow: false,
                        properties: None,
                    });
                }
                Event::SequenceStart(style, anchor, tag) => {
                    self.open(
                        Open::Sequence(Vec::new()),
                        style,
                        anchor,
                        (tag.as_deref(), &span),
                    )?;
                }
                Event::MappingStart(style, anchor, tag) => {
                    self.open(
                        Open::Mapping(Vec::new(), None),
                        style,
                        anchor,
                        (tag.as_deref(), &span),
                    )?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(range),
                _ => {}
            }
        }
        Ok(())
    }

    fn start_document(&mut self, explicit: bool, range: Span) {
        if explicit {
            self.document_start = range.start;
            self.last = range.end;
            return;
        }
        // The place reported is that of the first token, which for a block scalar is its content.
        let text = &self.source.text;
        if self.last == 0 && text.starts_with('\u{feff}') {
            self.last = '\u{feff}'.len_utf8();
        }
        self.document_start = skip_blank(text.as_bytes(), self.last).min(range.start);
    }

    fn count(&mut self, event: &Event<'_>, range: Span) -> Found {
        let (what, limit) = match event {
            Event::Scalar(..)
            | Event::Alias(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..) => {
                self.nodes += 1;
                ("values", self.limits.nodes)
            }
            Event::DocumentStart(..) => ("documents", self.limits.documents),
            _ => return Ok(()),
        };
        let found = match event {
            Event::DocumentStart(..) => self.documents.len() + 1,
            _ => self.nodes,
        };
        match found > limit {
            true => Err(self.error(range.start, YamlErrorKind::TooMany { what, limit })),
            false => Ok(()),
        }
    }

    fn end_document(&mut self, range: Span) {
        self.documents.push(Document {
            source: Arc::clone(self.source),
            root: self.root.take(),
            anchors: std::mem::take(&mut self.anchors),
            span: Span {
                start: self.document_start,
                end: range.end,
            },
        });
        self.names.clear();
        self.last = range.end;
    }

    fn open(
        &mut self,
        kind: Open,
        style: StructureStyle,
        anchor: usize,
        (tag, span): (Option<&Tag>, &granit_parser::Span),
    ) -> Found {
        let range = range(span);
        if self.frames.len() >= DEPTH {
            return Err(self.error(range.start, YamlErrorKind::TooDeep { limit: DEPTH }));
        }
        self.place(anchor)?;
        let properties = self.properties(anchor, tag, span)?;
        let flow = style == StructureStyle::Flow;
        if flow {
            self.last = range.end;
        } else if self.source.text.as_bytes().get(range.start) == Some(&b'-') {
            // The dash of an item that begins with this list is not the list's own.
            self.last = self.last.max(range.start);
        } else if let Some(colon) = self.sign(b':', false) {
            self.last = self.last.max(colon + 1);
        }
        self.frames.push(Frame {
            flow,
            start: range.start,
            properties,
            kind,
        });
        Ok(())
    }

    fn close(&mut self, range: Span) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let kind = match frame.kind {
            Open::Sequence(mut items) => {
                items.shrink_to_fit();
                NodeKind::Sequence(items)
            }
            Open::Mapping(mut entries, _) => {
                entries.shrink_to_fit();
                NodeKind::Mapping(entries)
            }
        };
        let mut span = Span {
            start: frame.start,
            end: range.end,
        };
        if frame.flow {
            self.last = range.end;
        } else {
            let (first, last) = match &kind {
                NodeKind::Sequence(items) => (items.first(), items.last()),
                NodeKind::Mapping(entries) => (
                    entries.first().map(|entry| &entry.key),
                    entries.last().map(|entry| &entry.value),
                ),
                _ => (None, None),
            };
            match (&kind, first) {
                (NodeKind::Mapping(_), Some(first)) => span.start = first.start(),
                // A first item that is not written may be reported behind its blanks.
                (_, Some(first)) => span.start = span.start.min(first.start()),
                _ => {}
            }
            span.end = last.map_or(span.start, Node::end);
        }
        self.push(Node {
            kind,
            span,
            flow: frame.flow,
            properties: frame.properties,
        });
    }

    fn push(&mut self, node: Node) {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut frame.kind {
            Open::Sequence(items) => items.push(node),
            Open::Mapping(entries, pending) => match pending.take() {
                None => *pending = Some(node),
                Some(key) => entries.push(Entry { key, value: node }),
            },
        }
    }

    /// Remembers where the node that comes next stands, when it has an anchor.
    fn place(&mut self, anchor: usize) -> Found {
        if anchor == 0 {
            return Ok(());
        }
        let path = self
            .frames
            .iter()
            .map(|frame| match &frame.kind {
                Open::Sequence(items) => items.len(),
                Open::Mapping(entries, pending) => {
                    entries.len() * 2 + usize::from(pending.is_some())
                }
            })
            .collect();
        self.anchors.insert(anchor, path);
        match self.anchors.len() > self.limits.anchors {
            true => Err(self.error(
                self.last,
                YamlErrorKind::TooMany {
                    what: "anchors",
                    limit: self.limits.anchors,
                },
            )),
            false => Ok(()),
        }
    }

    fn properties(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        span: &granit_parser::Span,
    ) -> Result<Option<Box<Properties>>, YamlError> {
        if anchor == 0 && tag.is_none() {
            return Ok(None);
        }
        let mut whole = span.tag_span().as_ref().map(range);
        let mut name = None;
        // The anchor's own event follows its node at once.
        if anchor != 0
            && let Some((Event::Anchor(_, found), span)) = self.next()?
        {
            let span = range(&span);
            whole = Some(whole.map_or(span, |tag| Span {
                start: tag.start.min(span.start),
                end: tag.end.max(span.end),
            }));
            self.names.insert(anchor, found.to_string());
            name = Some(found.into_owned());
        }
        let at = range(span).start;
        Ok(Some(Box::new(Properties {
            tag: tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix())),
            anchor: name,
            span: whole.unwrap_or(Span { start: at, end: at }),
        })))
    }

    fn scalar(&mut self, text: Cow<'t, str>, style: ScalarStyle, range: Span) -> Node {
        let (span, style, text) = match style {
            ScalarStyle::Plain if range.is_empty() => {
                let at = self.unwritten(range.start);
                self.last = self.last.max(at);
                let span = Span { start: at, end: at };
                (span, Style::Plain, String::new())
            }
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let span = block_scalar(&self.source.text, self.last, range);
                self.last = range.end.max(span.end);
                let style = match style {
                    ScalarStyle::Folded => Style::Folded,
                    _ => Style::Literal,
                };
                (span, style, text.into_owned())
            }
            _ => {
                self.last = range.end;
                let style = match style {
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    _ => Style::Plain,
                };
                (range, style, text.into_owned())
            }
        };
        Node {
            kind: NodeKind::Scalar(Scalar { text, style }),
            span,
            flow: false,
            properties: None,
        }
    }

    /// The place of a value that is not written: behind its colon or dash.
    fn unwritten(&self, reported: usize) -> usize {
        let Some(frame) = self.frames.last() else {
            return reported;
        };
        let sign = match &frame.kind {
            Open::Mapping(_, Some(_)) => b':',
            Open::Sequence(_) if !frame.flow => b'-',
            _ => return reported,
        };
        match self.sign(sign, frame.flow) {
            Some(at) => at + 1,
            // `{key}`: right behind the key, wherever its line ends.
            None if sign == b':' => self.last,
            None => reported.max(self.last),
        }
    }

    /// Where a colon or dash stands, when that is what comes next. A key may begin with the
    /// same character.
    fn sign(&self, sign: u8, flow: bool) -> Option<usize> {
        let bytes = self.source.text.as_bytes();
        let at = skip_blank(bytes, self.last);
        let alone = bytes
            .get(at + 1)
            .is_none_or(|next| next.is_ascii_whitespace() || (flow && b",[]{}".contains(next)));
        (bytes.get(at) == Some(&sign) && alone).then_some(at)
    }
}

/// An unwritten value with an anchor or tag stands behind them.
fn moved_behind(mut node: Node, properties: Option<Box<Properties>>) -> Node {
    if let Some(properties) = &properties
        && node.span.is_empty()
        && node.span.start < properties.span.end
    {
        node.span = Span {
            start: properties.span.end,
            end: properties.span.end,
        };
    }
    node.properties = properties;
    node
}

fn range(span: &granit_parser::Span) -> Span {
    let range = span.byte_range().unwrap_or_default();
    Span {
        start: range.start,
        end: range.end,
    }
}

/// From the indicator of a block scalar to the end of its last line, without its line break.
fn block_scalar(text: &str, last: usize, content: Span) -> Span {
    let bytes = text.as_bytes();
    let mut start = last;
    loop {
        start = skip_blank(bytes, start);
        match bytes.get(start) {
            Some(b'|' | b'>') => break,
            Some(b'&' | b'!') => {
                while bytes.get(start).is_some_and(|b| !b.is_ascii_whitespace()) {
                    start += 1;
                }
            }
            Some(_) if start < content.start => start += 1,
            _ => return content,
        }
    }
    let mut header = start + 1;
    while bytes
        .get(header)
        .is_some_and(|b| matches!(b, b'0'..=b'9' | b'+' | b'-'))
    {
        header += 1;
    }
    let keep = text[start..header].contains('+');
    let raw = text.get(header..content.end).unwrap_or_default();
    let end = if content.is_empty() {
        header
    } else if keep {
        let body = raw.strip_suffix('\n').unwrap_or(raw);
        header + body.strip_suffix('\r').unwrap_or(body).len()
    } else {
        // Blanks behind the last word are content, and so are lines of more of them than
        // all lines are indented by.
        let indent = content.start - text[..content.start].rfind('\n').map_or(0, |at| at + 1);
        let body = raw.trim_end_matches([' ', '\t', '\n', '\r']).len();
        let mut at = body;
        let mut end = body;
        for (number, line) in raw[body..].split_inclusive('\n').enumerate() {
            let blanks = line.trim_end_matches(['\n', '\r']).len();
            if number == 0 || blanks > indent {
                end = at + blanks;
            }
            at += line.len();
        }
        header + end
    };
    Span { start, end }
}

/// The first `{{` outside of comments, up to the end of the line of an error.
fn template_action(text: &str, offset: usize) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if start > offset {
            return None;
        }
        if !line.trim_start().starts_with('#')
            && let Some(at) = line.find("{{")
        {
            return Some(start + at);
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_too_many_parts_are_refused_where_they_go_on() {
        let limits = Limits {
            documents: 3,
            nodes: 20,
            anchors: 2,
        };
        let said = |text: &str| {
            let error = within(&Arc::new(Source::new(text)), limits).err();
            error.map(|error| error.to_string())
        };
        assert_eq!(said("--- 1\n--- 2\n--- 3\n"), None);
        assert_eq!(
            said("--- 1\n--- 2\n--- 3\n--- 4\n").unwrap(),
            "line 4, column 1: more than 3 documents in one file"
        );
        assert_eq!(said(&"- 1\n".repeat(19)), None);
        assert_eq!(
            said(&"- 1\n".repeat(20)).unwrap(),
            "line 20, column 3: more than 20 values in one file"
        );
        let flow = said(&format!("[{}1]", "{a: b}, ".repeat(7))).unwrap();
        assert!(flow.ends_with("more than 20 values in one file"), "{flow}");
        let deep = said(&"[".repeat(9000)).unwrap();
        assert!(deep.ends_with("nested deeper than 100 levels"), "{deep}");
        assert_eq!(said("[&a 1, &b 2, *a]"), None);
        let anchors = said("[&a 1, &b 2, &c 3]").unwrap();
        assert!(
            anchors.ends_with("more than 2 anchors in one file"),
            "{anchors}"
        );
    }
}
