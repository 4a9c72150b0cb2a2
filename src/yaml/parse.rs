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
use super::node::{Entry, Node, NodeKind, Position, Properties, Scalar, Span, Style};

/// Deeper nesting is refused. The proof of an edit allows 128, Kubernetes itself far more than anyone writes.
const DEPTH: usize = 100;

/// All documents of one text.
#[derive(Debug, Clone)]
pub struct Stream {
    source: Arc<Source>,
    documents: Vec<Document>,
}

/// One document.
#[derive(Debug, Clone)]
pub struct Document {
    source: Arc<Source>,
    root: Option<Node>,
    /// Where the node of each anchor stands: child numbers from the root.
    anchors: HashMap<usize, Vec<usize>>,
    span: Span,
}

#[derive(Debug)]
struct Source {
    text: String,
    /// First byte of every line.
    lines: Vec<usize>,
}

impl Source {
    fn new(text: &str) -> Source {
        let mut lines = vec![0];
        let bytes = text.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => lines.push(at + 1),
                b'\r' if bytes.get(at + 1) != Some(&b'\n') => lines.push(at + 1),
                _ => {}
            }
        }
        Source {
            text: text.to_owned(),
            lines,
        }
    }

    fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let before = self.text.get(start..offset).unwrap_or_default();
        let column = before.trim_start_matches('\u{feff}').chars().count();
        Position {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
        }
    }
}

impl Stream {
    /// Reads all documents of a text. Text without any content has none.
    ///
    /// # Errors
    /// [`YamlErrorKind::Syntax`], [`YamlErrorKind::Template`], [`YamlErrorKind::TooDeep`] and
    /// [`YamlErrorKind::UnknownAnchor`]; everything about values is found by [`Document::value`].
    pub fn parse(text: &str) -> Result<Stream, YamlError> {
        let source = Arc::new(Source::new(text));
        let mut builder = Builder::new(&source);
        builder.run()?;
        let documents = builder.documents;
        Ok(Stream { source, documents })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// The documents, in order.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The only document of a text that must hold one; none for a text without content.
    ///
    /// # Errors
    /// [`YamlErrorKind::Documents`] at the second document.
    pub fn single(&self) -> Result<Option<&Document>, YamlError> {
        match self.documents.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [_, second, ..] => Err(second.error(
                second.span.start,
                YamlErrorKind::Documents(self.documents.len()),
            )),
        }
    }

    /// The place of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.source.position(offset)
    }
}

impl Document {
    /// The root node; none for a document without content.
    pub fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    /// The whole text that the document stands in.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// From the document's `---`, or its first byte, to its end.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The place of a byte.
    pub fn position(&self, offset: usize) -> Position {
        self.source.position(offset)
    }

    /// The node that an alias stands for; any other node is itself.
    pub fn resolve<'a>(&'a self, node: &'a Node) -> &'a Node {
        let mut node = node;
        // An alias may name another alias's parent, never an alias: one step is enough.
        if let NodeKind::Alias { target, .. } = &node.kind
            && let Some(found) = self.anchored(*target)
        {
            node = found;
        }
        node
    }

    pub(super) fn has_anchors(&self) -> bool {
        !self.anchors.is_empty()
    }

    fn anchored(&self, target: usize) -> Option<&Node> {
        let mut node = self.root.as_ref()?;
        for child in self.anchors.get(&target)? {
            node = match &node.kind {
                NodeKind::Sequence(items) => items.get(*child)?,
                NodeKind::Mapping(entries) => {
                    let entry = entries.get(child / 2)?;
                    if child % 2 == 0 {
                        &entry.key
                    } else {
                        &entry.value
                    }
                }
                _ => return None,
            };
        }
        Some(node)
    }

    pub(super) fn error(&self, offset: usize, kind: YamlErrorKind) -> YamlError {
        YamlError {
            position: self.position(offset),
            kind,
        }
    }
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
    /// End of the token before the next node.
    last: usize,
}

type Found = Result<(), YamlError>;

impl<'t> Builder<'t> {
    fn new(source: &'t Arc<Source>) -> Builder<'t> {
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
            match event {
                Event::DocumentStart(..) => {
                    self.document_start = range.start;
                    self.last = range.end;
                }
                Event::DocumentEnd => self.end_document(range),
                Event::Scalar(text, style, anchor, tag) => {
                    let node = self.scalar(text, style, range);
                    self.place(anchor);
                    let properties = self.properties(anchor, tag.as_deref(), &span)?;
                    self.push(moved_behind(node, properties));
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
        self.place(anchor);
        let properties = self.properties(anchor, tag, span)?;
        let flow = style == StructureStyle::Flow;
        if flow {
            self.last = range.end;
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
            Open::Sequence(items) => NodeKind::Sequence(items),
            Open::Mapping(entries, _) => NodeKind::Mapping(entries),
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
            if let NodeKind::Mapping(_) = &kind
                && let Some(first) = first
            {
                span.start = first.start();
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
    fn place(&mut self, anchor: usize) {
        if anchor == 0 {
            return;
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
        let at = skip_blank(self.source.text.as_bytes(), self.last);
        if self.source.text.as_bytes().get(at) == Some(&sign) {
            at + 1
        } else {
            reported.max(self.last)
        }
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

/// Past blanks, line breaks and comments.
pub(super) fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
            Some(b'#') if at == 0 || matches!(bytes[at - 1], b' ' | b'\t' | b'\n' | b'\r') => {
                while bytes.get(at).is_some_and(|b| !matches!(b, b'\n' | b'\r')) {
                    at += 1;
                }
            }
            _ => return at,
        }
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
        header + raw.trim_end_matches([' ', '\t', '\n', '\r']).len()
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
