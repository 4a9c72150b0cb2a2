//! Edits of large texts: part by part, so that neither time nor memory goes into trees
//! of what is not touched. Each part, touched or not, is proven by the other parser.

use std::collections::HashMap;

use serde_json::Value;

use super::super::parts::Parts;
use super::super::path::{Path, Step};
use super::super::stream::Stream;
use super::{EditError, Editor};

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
pub(super) fn in_parts(mut parts: Parts<'_>, wishes: &[Wish]) -> Option<String> {
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
    let mut edited = String::with_capacity(parts.text().len());
    while let Some(part) = parts.next() {
        let part = part?;
        let mut editor = Editor::new(part.stream()).ok()?;
        for entry in part.document().root()?.entries() {
            let Some((wishes, seen)) = by_key.get_mut(entry.name()?.as_ref()) else {
                continue;
            };
            if std::mem::replace(seen, true) {
                return None;
            }
            for wish in wishes {
                wish.write(&mut editor).ok()?;
            }
        }
        edited.push_str(&editor.finish_part(parts.key_behind(&part)).ok()?);
    }
    by_key.values().all(|(_, seen)| *seen).then_some(edited)
}
