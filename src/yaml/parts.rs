//! Large texts, read a part at a time: what is held in memory is then no more than a
//! part's tree, whatever the size of the file.
//!
//! Only texts of one document are cut, and only in front of keys of a root mapping in
//! block style: there, each part read alone is what it is within the whole. A text that
//! cannot be cut, or of which some part is nothing alone (an open quote, an alias whose
//! anchor stands in another part), is read at once.

use std::sync::Arc;

use super::node::Span;
use super::stream::{Document, Source, Stream};
use super::{parse, quick};

/// Texts up to this size are read at once.
const SMALL: usize = 256 << 10;

/// What a part has at least, but for the last.
const PART: usize = 64 << 10;

/// A large text in parts, each some entries of the root mapping.
#[derive(Debug, Clone)]
pub struct Parts<'t> {
    text: &'t str,
    cuts: Arc<[Cut]>,
    next: usize,
    /// The first part that is no longer meant.
    end: usize,
}

/// One part.
#[derive(Debug)]
pub struct Part {
    stream: Stream,
}

/// Where a part stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) span: Span,
    /// How many lines stand before it.
    lines: usize,
}

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// First byte of a line.
    at: usize,
    /// How many lines stand before it.
    lines: usize,
}

impl<'t> Parts<'t> {
    /// The parts of a text; none where it is small or has no place to be cut.
    pub fn of(text: &'t str) -> Option<Parts<'t>> {
        Parts::cut(text, SMALL, PART)
    }

    pub(super) fn cut(text: &'t str, small: usize, part: usize) -> Option<Parts<'t>> {
        if text.len() <= small {
            return None;
        }
        if !is_one_document(text) {
            return None;
        }
        let (first, indent) = first_line(text)?;
        let bytes = text.as_bytes();
        let mut cuts = vec![Cut { at: 0, lines: 0 }];
        let (mut from, mut lines) = (0, 0);
        while let Some(length) = bytes[from..].iter().position(|byte| *byte == b'\n') {
            from += length + 1;
            lines += 1;
            let last = cuts.last().map_or(0, |cut| cut.at);
            if from > first && from - last >= part && begins_entry(&bytes[from..], indent) {
                cuts.push(Cut { at: from, lines });
            }
        }
        (cuts.len() > 1).then(|| Parts {
            text,
            next: 0,
            end: cuts.len(),
            cuts: cuts.into(),
        })
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The parts that are still to come, in order, as shares for each processor of this
    /// machine.
    pub fn shares(self) -> Vec<Parts<'t>> {
        let hands = std::thread::available_parallelism().map_or(1, usize::from);
        let share = (self.end - self.next).div_ceil(hands).max(1);
        let starts = (self.next..self.end).step_by(share);
        let shares = starts.map(|next| Parts {
            next,
            end: self.end.min(next + share),
            ..self.clone()
        });
        shares.collect()
    }

    /// The key that the text goes on with behind a part, as it is written, with the blanks
    /// before it.
    pub(super) fn key_behind(&self, place: Place) -> Option<&'t str> {
        let line = self.text[place.span.end..].lines().next()?;
        let blanks = line.len() - line.trim_start_matches(' ').len();
        let key = &line[blanks..];
        let quote = key.chars().next().filter(|c| matches!(c, '"' | '\''));
        let length = match quote {
            Some(quote) => key[1..].find(quote)? + 2,
            None => key.find(':')?,
        };
        Some(&line[..blanks + length])
    }
}

impl<'t> Parts<'t> {
    /// Where the next part stands, unread.
    pub(super) fn next_place(&mut self) -> Option<Place> {
        let cut = *self.cuts[..self.end].get(self.next)?;
        self.next += 1;
        let next = self.cuts.get(self.next);
        let end = next.map_or(self.text.len(), |cut| cut.at);
        let span = Span { start: cut.at, end };
        let lines = cut.lines;
        Some(Place { span, lines })
    }

    /// Reads a part; `None` where it is nothing alone.
    pub(super) fn read(&self, place: Place) -> Option<Part> {
        let text = &self.text[place.span.range()];
        let source = Arc::new(Source::behind(text, place.lines));
        let document = quick::document(&source).or_else(|| only_document(&source));
        let stream = Stream::of_document(document.filter(is_block_mapping)?);
        Some(Part { stream })
    }
}

impl Iterator for Parts<'_> {
    /// `None` within: this part is nothing alone, and the whole has to be read at once.
    type Item = Option<Part>;

    fn next(&mut self) -> Option<Option<Part>> {
        let place = self.next_place()?;
        Some(self.read(place))
    }
}

impl Part {
    /// The part as a text of its own, whose places are those in the whole.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The part as a document, with some entries of the root mapping.
    pub fn document(&self) -> &Document {
        &self.stream.documents()[0]
    }
}

fn only_document(source: &Arc<Source>) -> Option<Document> {
    let mut documents = parse::documents(source).ok()?;
    documents.pop().filter(|_| documents.is_empty())
}

fn is_block_mapping(document: &Document) -> bool {
    let root = document.root();
    root.is_some_and(|root| root.is_mapping() && !root.flow)
}

/// Whether nothing but perhaps a first `---` divides a text, and its lines end as lines are
/// counted here.
fn is_one_document(text: &str) -> bool {
    let ends = |at: usize| text.as_bytes().get(at + 1) == Some(&b'\n');
    let divides = |line: &str| line.starts_with('%') || line.starts_with("...");
    let mark = text.match_indices("\n---").next();
    let before = |at: usize| text[..at].lines().all(is_nothing);
    !divides(text)
        && !text.contains("\n%")
        && !text.contains("\n...")
        && mark.is_none_or(|(at, _)| before(at) && !text[at + 1..].contains("\n---"))
        && text.match_indices('\r').all(|(at, _)| ends(at))
}

/// Whether a line holds nothing but blanks or a comment.
fn is_nothing(line: &str) -> bool {
    let rest = line.trim_start_matches(['\u{feff}', ' ']).trim_end();
    rest.is_empty() || rest.starts_with('#')
}

/// Where the first line with something on it begins, and its indentation.
fn first_line(text: &str) -> Option<(usize, usize)> {
    let mut start = 0;
    let mut marked = false;
    for line in text.split_inclusive('\n') {
        let mark = line.strip_prefix("---").filter(|rest| is_nothing(rest));
        if mark.is_some() && !marked {
            marked = true;
        } else if !is_nothing(line) {
            let content = line.trim_start_matches('\u{feff}');
            let indent = content.len() - content.trim_start_matches(' ').len();
            return Some((start, indent));
        }
        start += line.len();
    }
    None
}

/// Whether a line begins an entry of a mapping with this indentation, when everything
/// before it is complete.
fn begins_entry(line: &[u8], indent: usize) -> bool {
    let blank = line.iter().take(indent).all(|byte| *byte == b' ');
    let key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"' | b'\'');
    blank && line.get(indent).is_some_and(key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
