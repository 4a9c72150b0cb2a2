//! Documents inside of texts: a file in a ConfigMap, JSON in a variable, a map on a line.
//! They are read by a parser and judged like any other document. What no parser can read
//! is left to [`super::lines`] and [`super::shapes`].

use std::cell::Cell;
use std::ops::Range;

use serde::Deserialize as _;
use serde_json::Value;

use super::needles::Needles;
use super::shapes::{is_placeholder, may_hold};
use super::values::{Secrecy, Step};

/// Longer texts are judged by their lines alone. In bytes.
/// See `docs/limits.md`.
const LONGEST: usize = 1 << 20;

/// How deep documents in texts in documents are read; what is deeper is taken for a secret.
/// See `docs/limits.md`.
const DEPTH: usize = 6;

/// How many brackets may be open at once; a text with more is taken for a secret. Parsers
/// need a multiple of it for each of them.
/// See `docs/limits.md`.
const BRACKETS: usize = 100;

/// How many parts in brackets are read as YAML. Each of them costs a parser.
/// See `docs/limits.md`.
const PARTS: usize = 2000;

/// How many brackets around a part are tried before its lines have to say enough.
const TRIES: usize = 8;

/// How long a map behind a name may be to be read by itself. In bytes.
pub(super) const NEAR: usize = 4 << 10;

thread_local! {
    /// How many texts are read at the moment, one inside the other.
    static READ: Cell<usize> = const { Cell::new(0) };
}

/// Whether a document in a text has a value that must not be shown.
pub(super) fn has_secret_value(text: &str) -> bool {
    documents(text, |_, document| {
        document.is_none_or(|it| !hidden(it, Secrecy::default()).is_empty())
    })
}

/// Where the values are that must not be shown.
pub(super) fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    documents(text, |part, document| {
        match document.map(|it| hidden(it, Secrecy::default())) {
            Some(values) => found.extend(places(text, part, &values)),
            None => found.push(part),
        }
        false
    });
    found
}

/// The values that must not be shown in the map or list that begins at a place of a text,
/// behind a name, and where it ends; `None` where it cannot be read.
pub(super) fn secret_values_below(
    name: &str,
    text: &str,
    at: usize,
) -> Option<(usize, Vec<Range<usize>>)> {
    let mut near = text.floor_char_boundary(at.saturating_add(NEAR));
    near = near.max(at);
    let deep = READ.get();
    if deep >= DEPTH || most_open(&text[at..near]) > BRACKETS {
        return None;
    }
    let part = brackets(&text[at..near])
        .into_iter()
        .find(|part| part.range.start == 0)?;
    let part = at..at + part.range.end;
    let document = whole(&text[part.clone()])?.pop()?;
    READ.set(deep + 1);
    let values = hidden(&document, Secrecy::default().below(&[], Step::Key(name)));
    READ.set(deep);
    Some((part.end, places(text, part, &values)))
}

/// The hidden texts and numbers of a document at a place. A switch or a variable says no
/// secret.
fn hidden(document: &Value, secrecy: Secrecy) -> Vec<&Value> {
    let mut found = Vec::new();
    secrecy.collect(document, &mut found);
    let is_secret = |value: &Value| value.as_str().is_none_or(|text| !is_placeholder(text));
    let found = found.into_iter().map(|(value, _)| value);
    found.filter(|value| is_secret(value)).collect()
}

/// Calls `visit` with each document of a text until it says that this is enough. Without a
/// document where there may be one that is too deep to be read.
fn documents(text: &str, mut visit: impl FnMut(Range<usize>, Option<&Value>) -> bool) -> bool {
    let may_be_one = text.contains(['{', '[', '\n']) || text.contains(": ");
    if text.len() > LONGEST || !may_be_one || !may_hold(text) {
        return false;
    }
    let deep = READ.get();
    if deep >= DEPTH || most_open(text) > BRACKETS {
        return visit(0..text.len(), None);
    }
    READ.set(deep + 1);
    let enough = match whole(text) {
        Some(found) => found.iter().any(|it| visit(0..text.len(), Some(it))),
        None => {
            let mut parts = brackets(text);
            visit_parts(text, &mut parts, &mut visit)
        }
    };
    READ.set(deep);
    enough
}

/// The documents of a text that is YAML or JSON as a whole.
fn whole(text: &str) -> Option<Vec<Value>> {
    json(text).or_else(|| yaml(text))
}

/// The same for one of many parts; `read` counts those that were read as YAML.
fn read_part(text: &str, read: &mut usize) -> Option<Vec<Value>> {
    json(text).or_else(|| {
        *read += 1;
        (*read <= PARTS).then(|| yaml(text)).flatten()
    })
}

fn json(text: &str) -> Option<Vec<Value>> {
    let value = serde_json::from_str::<Value>(text).ok()?;
    is_container(&value).then(|| vec![value])
}

fn yaml(text: &str) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Value::deserialize(document).ok()?;
        if is_container(&value) {
            found.push(value);
        } else if !value.is_null() {
            return None;
        }
    }
    (!found.is_empty()).then_some(found)
}

fn is_container(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn visit_parts(
    text: &str,
    parts: &mut Vec<Part>,
    visit: &mut impl FnMut(Range<usize>, Option<&Value>) -> bool,
) -> bool {
    parts.sort_by_key(|part| part.range.start);
    let (mut at, mut read) = (0, 0);
    for part in parts {
        if part.range.start < at || part.depth >= TRIES {
            continue;
        }
        let inner = &text[part.range.clone()];
        if !may_hold(inner) {
            continue;
        }
        let Some(found) = read_part(inner, &mut read) else {
            if read > PARTS && visit(part.range.clone(), None) {
                return true;
            }
            continue;
        };
        at = part.range.end;
        if found.iter().any(|it| visit(part.range.clone(), Some(it))) {
            return true;
        }
    }
    false
}

/// A part in brackets, and how many brackets are around it.
struct Part {
    range: Range<usize>,
    depth: usize,
}

/// All parts of a text in brackets that are closed, those in quotes left out: the quoted
/// text is read by itself.
fn brackets(text: &str) -> Vec<Part> {
    let mut open: Vec<(u8, usize)> = Vec::new();
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'"' | b'\'') if !open.is_empty() && begins_quote(bytes, at) => {
                at = end_of_quote(bytes, at, quote).unwrap_or(at);
            }
            bracket @ (b'{' | b'[') => open.push((bracket + 2, at)),
            bracket @ (b'}' | b']') => {
                if open.last().is_some_and(|(closes, _)| *closes == bracket) {
                    let (_, start) = open.pop().unwrap_or_default();
                    let range = start..at + 1;
                    let depth = open.len();
                    found.push(Part { range, depth });
                } else {
                    open.clear();
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// How many brackets of a text are open at once, those in quotes included.
fn most_open(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => open += 1,
            b'}' | b']' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Whether a quote is at the beginning of a value: `it's` has none.
fn begins_quote(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .is_none_or(|before| b" \t\n\r{[,:".contains(&bytes[before]))
}

/// Where a quoted text ends, on the next lines as well.
fn end_of_quote(bytes: &[u8], start: usize, quote: u8) -> Option<usize> {
    let mut at = start + 1;
    while at < bytes.len() && at - start < LONGEST {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\n') => return None,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Where values are written in a part of the text; the whole part, if one is written in a
/// way of its own.
fn places(text: &str, part: Range<usize>, values: &[&Value]) -> Vec<Range<usize>> {
    let mut written: Vec<String> = Vec::new();
    for value in values {
        match value {
            Value::String(text) => written.extend(text.lines().map(|line| line.trim().to_owned())),
            other => written.push(other.to_string()),
        }
    }
    let needles = Needles::of(written);
    let found = needles.find(&text[part.clone()]);
    if !found.has_all {
        return vec![part];
    }
    let at_part = |place: Range<usize>| part.start + place.start..part.start + place.end;
    found.places.into_iter().map(at_part).collect()
}

#[cfg(test)]
mod tests;
