//! A text as blocks of whole lines: documents, entries of block mappings, items of block
//! lists, each with the comments above it.
//!
//! Owns which lines belong to what. A value in another style is one block whatever it
//! holds. Refused: texts whose documents do not begin and end with lines of their own.

use crate::yaml::{Document, Entry, Node, Stream};

/// A value and the document that its aliases mean something in.
pub(super) type At<'a> = (&'a Document, &'a Node);

/// A text that is not merged by key path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Odd;

/// Some lines that come and go together. All are without the columns left of it.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// What it holds; `None` for a document without content.
    pub(super) value: Option<At<'a>>,
    /// The comments and blank lines above it.
    pub(super) lead: Vec<&'a str>,
    /// All of its other lines.
    pub(super) content: Vec<&'a str>,
    /// What it is made of.
    pub(super) body: Body<'a>,
}

/// What a block is made of.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// A value; the number of bytes of its first line up to the value's end.
    Leaf(usize),
    /// Other blocks.
    Blocks(Blocks<'a>),
}

/// The blocks of a mapping or a list.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    /// Whether they are items.
    pub(super) is_list: bool,
    /// The key's line, and how many bytes of it are the key with its colon.
    pub(super) head: Option<(&'a str, usize)>,
    pub(super) children: Vec<Block<'a>>,
    /// How many columns the children are further in.
    pub(super) offset: usize,
    /// Comments below the last child.
    pub(super) foot: Vec<&'a str>,
    /// Whether the first child is on the line of a dash.
    pub(super) is_dashed: bool,
}

impl Block<'_> {
    pub(super) fn has_text_of(&self, other: &Block<'_>) -> bool {
        self.content == other.content && self.lead == other.lead
    }
}

/// The documents of a text.
pub(super) fn documents(stream: &Stream) -> Result<Vec<Block<'_>>, Odd> {
    let outline = Outline::of(stream);
    let documents = stream.documents();
    if documents.is_empty() && !stream.text().trim().is_empty() {
        return Err(Odd);
    }
    let mut starts = vec![0];
    for document in documents.iter().skip(1) {
        let line = outline.line_of(document.span().start);
        if !outline.lines[line].starts_with("---") {
            return Err(Odd);
        }
        starts.push(line);
    }
    // Directives and the ends of documents have rules of their own.
    let is_odd = |line: &&str| line.starts_with('%') || line.starts_with("...");
    if outline.lines.iter().any(is_odd) {
        return Err(Odd);
    }
    starts.push(outline.lines.len());
    let ranges = starts.windows(2).map(|pair| (pair[0], pair[1]));
    let blocks = documents.iter().zip(ranges);
    Ok(blocks
        .map(|(document, range)| outline.document(document, range))
        .collect())
}

/// The lines of a text.
struct Outline<'a> {
    text: &'a str,
    lines: Vec<&'a str>,
    starts: Vec<usize>,
}

/// The lines of a block: its first, the one behind its last, and its column.
#[derive(Clone, Copy)]
struct Region {
    first: usize,
    end: usize,
    column: usize,
}

impl<'a> Outline<'a> {
    fn of(stream: &'a Stream) -> Self {
        let text = stream.text();
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        let mut at = 0;
        let begin = |line: &&str| {
            let start = at;
            at += line.len() + 1;
            start
        };
        let starts = lines.iter().map(begin).collect();
        Self {
            text,
            lines,
            starts,
        }
    }

    fn line_of(&self, at: usize) -> usize {
        let line = self.starts.partition_point(|start| *start <= at);
        line.saturating_sub(1)
    }

    fn column_of(&self, at: usize) -> usize {
        at - self.starts[self.line_of(at)]
    }

    /// Lines without what is left of a column. A dash there is an item's own.
    fn cut(&self, first: usize, end: usize, column: usize, dashed: bool) -> Vec<&'a str> {
        let lines = self.lines[first..end].iter().enumerate();
        lines
            .map(|(at, line)| strip(line, column, dashed && at == 0))
            .collect()
    }

    fn document(&self, document: &'a Document, (first, end): (usize, usize)) -> Block<'a> {
        let value = document.root().map(|root| (document, root));
        let region = Region {
            first,
            end,
            column: 0,
        };
        let is_block = |root: &&Node| root.is_mapping() && !root.flow && root.properties.is_none();
        let inner = document.root().filter(is_block).and_then(|root| {
            let (mut children, foot) = self.entries((document, root), region, false)?;
            // Comments above the first entry speak about the document.
            let lead = std::mem::take(&mut children.first_mut()?.lead);
            Some((lead, Blocks::new(false, None, children, 0, foot)))
        });
        let (lead, body) = match inner {
            Some((lead, blocks)) => (lead, Body::Blocks(blocks)),
            None => (Vec::new(), Body::Leaf(0)),
        };
        Block {
            value,
            content: self.cut(first + lead.len(), end, 0, false),
            lead,
            body,
        }
    }

    /// The entries of a block mapping, and the comments below the last one. `None`
    /// where an entry shares a line with something else.
    fn entries(
        &self,
        (document, map): At<'a>,
        region: Region,
        dashed: bool,
    ) -> Option<(Vec<Block<'a>>, Vec<&'a str>)> {
        let (mut blocks, mut cursor) = (Vec::new(), region.first);
        let entries = map.entries();
        for (index, entry) in entries.iter().enumerate() {
            let key = entry.key.start();
            let line = self.line_of(key);
            let dashed = dashed && index == 0;
            if line < cursor || !self.is_first(key, region.column, dashed) {
                return None;
            }
            let next = entries.get(index + 1);
            let limit = next.map_or(region.end, |next| self.line_of(next.key.start()));
            let end = self.end_of(entry.value.end().max(entry.key.end()), key, limit);
            let own = Region {
                first: line,
                end: self.with_deeper_comments(end, limit, region.column),
                column: region.column,
            };
            let colon = self.colon(entry, line)?;
            entry.name()?;
            blocks.push(Block {
                value: Some((document, &entry.value)),
                lead: self.cut(cursor, line, region.column, false),
                content: self.cut(line, own.end, region.column, dashed),
                body: self.body((document, &entry.value), own, colon),
            });
            cursor = own.end;
        }
        let foot = self.cut(cursor, region.end, region.column, false);
        Some((blocks, foot))
    }

    /// Whether only blanks, or an item's dash, are left of a place.
    fn is_first(&self, at: usize, column: usize, dashed: bool) -> bool {
        let line = self.starts[self.line_of(at)];
        let before = &self.text[line..at];
        let dashes = before.bytes().filter(|byte| *byte == b'-').count();
        before.len() == column
            && dashes == usize::from(dashed)
            && before.bytes().all(|byte| matches!(byte, b' ' | b'-'))
    }

    /// The line behind the one that ends at a byte.
    fn end_of(&self, end: usize, start: usize, limit: usize) -> usize {
        let last = self.line_of(end.saturating_sub(1).max(start));
        (last + 1).min(limit)
    }

    /// The same with the comments that are further in than a column.
    fn with_deeper_comments(&self, end: usize, limit: usize, column: usize) -> usize {
        let mut last = end;
        for at in end..limit {
            let line = self.lines[at].trim_start_matches(' ');
            if line.starts_with('#') && self.lines[at].len() - line.len() > column {
                last = at + 1;
            } else if !line.trim().is_empty() {
                break;
            }
        }
        last
    }

    /// Past the colon of an entry; `None` for explicit keys.
    fn colon(&self, entry: &Entry, line: usize) -> Option<usize> {
        let end = self.starts[line] + self.lines[line].len();
        let rest = self.text.get(entry.key.end()..end)?;
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let at = entry.key.end() + blanks;
        (self.text.as_bytes().get(at) == Some(&b':')).then_some(at + 1)
    }

    fn body(&self, value: At<'a>, own: Region, colon: usize) -> Body<'a> {
        let start = self.starts[own.first] + own.column;
        let blocks = self.blocks(value, own, colon - start);
        blocks.map_or_else(
            || {
                let written = value.1.end().max(colon);
                let line_end = self.starts[own.first] + self.lines[own.first].len();
                Body::Leaf(written.min(line_end) - start)
            },
            Body::Blocks,
        )
    }

    fn blocks(&self, value: At<'a>, own: Region, colon: usize) -> Option<Blocks<'a>> {
        let node = value.1;
        let first = node.entries().first().map(|entry| entry.key.start());
        let first = first.or_else(|| node.items().first().map(Node::start))?;
        if node.flow || self.line_of(first) <= own.first || self.line_of(node.start()) < own.first {
            return None;
        }
        let properties = node.properties.as_ref();
        if properties.is_some_and(|it| self.line_of(it.span.start) != own.first) {
            return None;
        }
        let line = self.line_of(first);
        let text = self.lines[line];
        let column = text.len() - text.trim_start_matches(' ').len();
        let inner = Region {
            first: own.first + 1,
            end: own.end,
            column,
        };
        let (children, foot) = match node.is_sequence() {
            true => self.items(value, inner)?,
            false => self.entries(value, inner, false)?,
        };
        let head = strip(self.lines[own.first], own.column, true);
        let offset = column.checked_sub(own.column)?;
        let head = Some((head, colon));
        Some(Blocks::new(
            node.is_sequence(),
            head,
            children,
            offset,
            foot,
        ))
    }

    /// The items of a block list; `None` where a dash is alone on its line.
    fn items(
        &self,
        (document, list): At<'a>,
        region: Region,
    ) -> Option<(Vec<Block<'a>>, Vec<&'a str>)> {
        let (mut blocks, mut cursor) = (Vec::new(), region.first);
        for (index, item) in list.items().iter().enumerate() {
            let line = self.line_of(item.start());
            let text = self.lines[line];
            let blanks = text.len() - text.trim_start_matches(' ').len();
            let after = text[blanks..].strip_prefix('-')?;
            if line < cursor || blanks != region.column || !after.starts_with(' ') {
                return None;
            }
            let next = list.items().get(index + 1);
            let limit = next.map_or(region.end, |next| self.line_of(next.start()));
            let end = self.end_of(item.end(), item.start(), limit);
            let own = Region {
                first: line,
                end: self.with_deeper_comments(end, limit, region.column),
                column: region.column,
            };
            blocks.push(Block {
                value: Some((document, item)),
                lead: self.cut(cursor, line, region.column, false),
                content: self.cut(line, own.end, region.column, false),
                body: self.item((document, item), own),
            });
            cursor = own.end;
        }
        let foot = self.cut(cursor, region.end, region.column, false);
        Some((blocks, foot))
    }

    fn item(&self, value: At<'a>, own: Region) -> Body<'a> {
        let node = value.1;
        let line_end = self.starts[own.first] + self.lines[own.first].len();
        let start = self.starts[own.first] + own.column;
        let leaf = Body::Leaf(node.end().clamp(start, line_end) - start);
        let Some(first) = node.entries().first().filter(|_| !node.flow) else {
            return leaf;
        };
        let key = first.key.start();
        if node.properties.is_some() || self.line_of(key) != own.first {
            return leaf;
        }
        let column = self.column_of(key);
        let inner = Region { column, ..own };
        let entries = self.entries(value, inner, true);
        entries.map_or(leaf, |(children, foot)| {
            let offset = column - own.column;
            let blocks = Blocks::new(false, None, children, offset, foot);
            Body::Blocks(Blocks {
                is_dashed: true,
                ..blocks
            })
        })
    }
}

impl<'a> Blocks<'a> {
    fn new(
        is_list: bool,
        head: Option<(&'a str, usize)>,
        children: Vec<Block<'a>>,
        offset: usize,
        foot: Vec<&'a str>,
    ) -> Self {
        Self {
            is_list,
            head,
            children,
            offset,
            foot,
            is_dashed: false,
        }
    }
}

fn strip(line: &str, column: usize, dashed: bool) -> &str {
    let bytes = line.bytes().take(column);
    let left = bytes.take_while(|byte| *byte == b' ' || (dashed && *byte == b'-'));
    &line[left.count()..]
}
