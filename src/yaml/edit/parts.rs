//! Edits of large texts: part by part, so that neither time nor memory goes into trees
//! of what is not touched. Each part, touched or not, is read by the other parser, and with
//! it the key that follows: so it is known that the part ends where it was cut.

use std::collections::HashMap;

use serde_json::Value;

use super::super::parts::{Parts, Place};
use super::super::path::{Path, Step};
use super::super::stream::Stream;
use super::{EditError, Editor, proof};

/// A string to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The document, from 0.
    pub document: usize,
    /// The scalar's path.
    pub path: Path,
    /// What it shall say.
    pub text: String,
    /// Where it belongs when it is not there yet: behind the sibling of this key, else
    /// behind all.
    pub behind: Option<&'static str>,
}

impl Wish {
    fn write(&self, editor: &mut Editor<'_>) -> Result<(), EditError> {
        match self.behind {
            Some(sibling) => {
                let value = Value::String(self.text.clone());
                editor.set_value_after(self.document, &self.path, &value, sibling)
            }
            None => editor.set_string(self.document, &self.path, &self.text),
        }
    }
}

/// Writes several strings into a text, all of them or none; see [`Editor::set_string`].
///
/// # Errors
/// The first wish that is refused, by its number; no number where the text as a whole is.
pub fn set_strings(text: &str, wishes: &[Wish]) -> Result<String, (Option<usize>, EditError)> {
    if let Some(edited) = Parts::of(text).and_then(|parts| in_parts(parts, wishes)) {
        return Ok(edited);
    }
    let whole = |error| (None, error);
    let stream = Stream::parse(text).map_err(|error| whole(error.into()))?;
    let mut editor = Editor::new(&stream).map_err(whole)?;
    for (number, wish) in wishes.iter().enumerate() {
        wish.write(&mut editor)
            .map_err(|error| (Some(number), error))?;
    }
    editor.finish().map_err(whole)
}

/// The edited text; none where the whole has to be looked at: some part is not plain, a
/// wish names no key of the root or one that stands twice, or something is refused.
pub(super) fn in_parts(parts: Parts<'_>, wishes: &[Wish]) -> Option<String> {
    // The wishes below each key, and whether it was seen.
    let mut by_key: HashMap<&str, (Vec<&Wish>, bool)> = HashMap::new();
    for wish in wishes {
        match wish.path.steps().first() {
            Some(Step::Key(name)) if wish.document == 0 => {
                by_key.entry(name).or_default().0.push(wish);
            }
            _ => return None,
        }
    }
    // Templates, and keys that have several spellings, are told apart by the whole parser.
    if parts.text().contains("{{") || by_key.keys().any(|name| has_spellings(name)) {
        return None;
    }
    let mut edited = String::with_capacity(parts.text().len());
    for (place, names) in named_parts(&parts) {
        let names = names?;
        let text = &parts.text()[place.span.range()];
        let key_behind = parts.key_behind(place);
        if !names.iter().any(|name| by_key.contains_key(name.as_str())) {
            // Not one byte of it changes, and it was read to where it was cut.
            edited.push_str(text);
            continue;
        }
        let part = parts.read(place)?;
        let mut editor = Editor::new(part.stream()).ok()?;
        for name in &names {
            let Some((wishes, seen)) = by_key.get_mut(name.as_str()) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                return None;
            }
            for wish in wishes {
                wish.write(&mut editor).ok()?;
            }
        }
        edited.push_str(&editor.finish_part(key_behind).ok()?);
    }
    by_key.values().all(|(_, seen)| *seen).then_some(edited)
}

/// The parts with their keys, read by the other parser, which is nearly all of the work and
/// is shared by all processors; no keys for a part that is not plain.
fn named_parts(parts: &Parts<'_>) -> Vec<(Place, Option<Vec<String>>)> {
    let names = |place: Place| {
        let text = &parts.text()[place.span.range()];
        proof::names_of_part(text, parts.key_behind(place)).ok()
    };
    std::thread::scope(|scope| {
        let shares = parts.clone().shares().into_iter();
        let running: Vec<_> = shares
            .map(|mut share| {
                scope.spawn(move || {
                    let places = std::iter::from_fn(|| share.next_place());
                    places
                        .map(|place| (place, names(place)))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        let done = running.into_iter();
        done.flat_map(|running| {
            let named = running.join();
            named.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .collect()
    })
}

/// Whether a name is what Kubernetes makes of several texts: `on` is `true`, `0x1` is `1`.
fn has_spellings(name: &str) -> bool {
    matches!(name, "true" | "false" | "NaN" | "inf")
        || name.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}
