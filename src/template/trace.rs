//! From rendered text back to the template: which place of which file wrote a
//! byte. The engine records the places while it writes, so the map needs no
//! second rendering and no marks in the text.

use std::ops::Range;
use std::sync::Arc;

use crate::repo::{Location, RepoPath};

/// A stretch of rendered text and what wrote it.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// The bytes of the rendered text.
    pub(super) output: Range<usize>,
    /// The bytes of the template's file.
    pub(super) source: Range<usize>,
    /// Whether both are the same text, byte for byte.
    pub(super) verbatim: bool,
    /// The template's file, by its index; `None` where it is not known.
    pub(super) file: Option<usize>,
}

/// The files that spans point into, and their texts.
pub(super) type SpanFiles = Arc<[(Arc<RepoPath>, Arc<str>)]>;

/// The origin of a place in rendered text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The place in the template.
    pub location: Location,
    /// The expression that wrote it, such as `values.port`; `None` for the
    /// template's own text.
    pub expression: Option<String>,
}

/// Where the text of one rendered file comes from.
#[derive(Debug, Clone)]
pub struct Trace {
    spans: Vec<Span>,
    files: SpanFiles,
}

impl Trace {
    /// The part of a rendering that became one file: `range` of the rendered
    /// text, which stands at the file's start.
    pub(super) fn part(spans: &[Span], files: &SpanFiles, range: &Range<usize>) -> Self {
        let first = spans.partition_point(|span| span.output.end <= range.start);
        let spans = spans[first..]
            .iter()
            .take_while(|span| span.output.start < range.end)
            .map(|span| clipped(span, range))
            .collect();
        Self {
            spans,
            files: Arc::clone(files),
        }
    }

    /// What wrote the byte at an offset of the file.
    pub fn origin(&self, offset: usize) -> Option<Origin> {
        let at = self.spans.partition_point(|span| span.output.end <= offset);
        // Text between spans was written by nothing; what follows is nearest.
        let span = self.spans.get(at).or_else(|| self.spans.last())?;
        let (path, text) = self.files.get(span.file?)?;
        if span.verbatim {
            let inside = offset.clamp(span.output.start, span.output.end) - span.output.start;
            return Some(Origin {
                location: locate(path, text, span.source.start + inside),
                expression: None,
            });
        }
        Some(Origin {
            location: locate(path, text, span.source.start),
            expression: text.get(span.source.clone()).map(|it| it.trim().to_owned()),
        })
    }
}

fn clipped(span: &Span, range: &Range<usize>) -> Span {
    let before = range.start.saturating_sub(span.output.start);
    let after = span.output.end.saturating_sub(range.end);
    let source = if span.verbatim {
        span.source.start + before..span.source.end.saturating_sub(after)
    } else {
        span.source.clone()
    };
    Span {
        output: span.output.start + before - range.start..span.output.end - after - range.start,
        source,
        verbatim: span.verbatim,
        file: span.file,
    }
}

/// The line and column of a byte in a file.
pub(super) fn locate(path: &RepoPath, text: &str, offset: usize) -> Location {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    Location::new(
        path.clone(),
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}
