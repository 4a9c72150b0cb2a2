//! Edits of YAML text by splicing bytes, each proven by a parser that had no part in it.
//!
//! An [`Editor`] turns each wish into splices of the text and, independently, into a
//! change of the tree that the text stands for. At the end the spliced text is read by
//! libyaml, and once more by this crate, and must give exactly that tree both times. Everything outside of the splices keeps its
//! bytes: comments, quotes, indentation, blank lines, anchors, CRLF, a byte order mark,
//! a missing last line break.
//!
//! Refused: a target behind an alias or inherited through `<<`, a value whose anchor is
//! used elsewhere, a key that stands twice, explicit `?` keys, Go templates.

mod aliases;
mod copy;
mod error;
mod expected;
mod items;
mod layout;
mod literal;
mod order;
mod parts;
mod plan;
mod proof;
mod reading;
mod remove;
mod token;
mod walk;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::emit::Scalars;
use super::node::{Node, Span};
use super::path::{Path, Step};
use super::stream::{Document, Stream};
pub use aliases::{Aliases, same_values};
pub use error::EditError;
use expected::Tree;
use items::ItemPlan;
use order::OrderPlan;
pub use parts::{Wish, set_strings};
use plan::{Fresh, Place};

/// Texts from this size on are read by two threads.
const SHARED: usize = 32 << 10;

/// Edits of one text. Paths name the text as it is after the edits before.
#[derive(Debug)]
pub struct Editor<'s> {
    original: &'s Stream,
    /// The text with the edits so far, when an edit needed to see them.
    current: Option<Stream>,
    /// Splices of the current text by their first byte; none touch each other.
    pending: BTreeMap<usize, Splice>,
    /// Names that were added to a mapping since it was read, by the mapping's first byte.
    added: HashSet<(usize, String)>,
    /// How many entries a collection lost since it was read, by its first byte.
    lost: HashMap<usize, usize>,
    expected: Vec<Tree<'s>>,
}

/// Bytes to be replaced by a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Splice {
    span: Span,
    text: String,
}

/// What one edit comes to.
#[derive(Debug, Default)]
struct Planned {
    splices: Vec<Splice>,
    /// The mapping that gets a new key.
    adds: Option<(usize, String)>,
    /// The collection that loses an entry, and how many it has.
    takes: Option<(usize, usize)>,
}

impl<'s> Editor<'s> {
    /// An editor of a text.
    ///
    /// # Errors
    /// [`EditError::Yaml`] for text with keys that are no scalars, Go templates above all.
    pub fn new(stream: &'s Stream) -> Result<Editor<'s>, EditError> {
        let expected = stream
            .documents()
            .iter()
            .map(Tree::of_document)
            .collect::<Result<_, _>>()?;
        Ok(Editor {
            original: stream,
            current: None,
            pending: BTreeMap::new(),
            added: HashSet::new(),
            lost: HashMap::new(),
            expected,
        })
    }

    /// Writes a string: in the style of the scalar that is there, with quotes where a reader
    /// of YAML 1.1 or 1.2 would otherwise see something else. A missing key is added at the
    /// end of its mapping, with the mappings above it where they are missing too.
    ///
    /// # Errors
    /// Every [`EditError`]; the text is as before.
    pub fn set_string(
        &mut self,
        document: usize,
        path: &Path,
        text: &str,
    ) -> Result<(), EditError> {
        let value = Value::String(text.to_owned());
        self.set(document, path, (&value, Scalars::Json), &Place::End)
    }

    /// Writes any value: replaces what is there, or adds it as [`Editor::set_string`] does.
    /// The index behind a list's last item appends.
    ///
    /// # Errors
    /// Every [`EditError`]; the text is as before.
    pub fn set_value(
        &mut self,
        document: usize,
        path: &Path,
        value: &Value,
    ) -> Result<(), EditError> {
        self.set(document, path, (value, Scalars::Json), &Place::End)
    }

    /// As [`Editor::set_value`], of a value with its scalars as written
    /// ([`super::Written`]), a new key standing right behind `sibling` when that is there.
    ///
    /// # Errors
    /// Every [`EditError`]; the text is as before.
    pub fn set_written(
        &mut self,
        document: usize,
        path: &Path,
        value: &Value,
        sibling: Option<&str>,
    ) -> Result<(), EditError> {
        let place = self.behind(sibling)?;
        self.set(document, path, (value, Scalars::Written), &place)
    }

    /// As [`Editor::set_value`], a new key standing right behind `sibling` when that is there.
    ///
    /// # Errors
    /// Every [`EditError`]; the text is as before.
    pub fn set_value_after(
        &mut self,
        document: usize,
        path: &Path,
        value: &Value,
        sibling: &str,
    ) -> Result<(), EditError> {
        let place = self.behind(Some(sibling))?;
        self.set(document, path, (value, Scalars::Json), &place)
    }

    /// The place behind a sibling.
    fn behind(&mut self, sibling: Option<&str>) -> Result<Place, EditError> {
        let Some(sibling) = sibling else {
            return Ok(Place::End);
        };
        // One that was added just now is found in the text as it is with it.
        if self.added.iter().any(|(_, name)| name == sibling) {
            self.flush()?;
        }
        Ok(Place::Near {
            before: vec![sibling.to_owned()],
            after: Vec::new(),
        })
    }

    /// Removes an entry with the comments that stand right above it, or a list's item. The last entry
    /// leaves `{}`, the last item `[]`.
    ///
    /// # Errors
    /// Every [`EditError`]; the text is as before.
    pub fn remove(&mut self, document: usize, path: &Path) -> Result<(), EditError> {
        self.settle(path)?;
        let path = &*items::numbered(self.stream(), document, path)?;
        self.apply(document, |stream| remove::remove(stream, document, path))?;
        self.expected[document].remove(path);
        Ok(())
    }

    /// Makes an entry what it is in another text: its bytes with comments and style, indented as its
    /// new place asks. A new entry stands behind the nearest entry that stands before it there too,
    /// else before the nearest that stands behind it, else at the end; missing mappings
    /// above it are made. Source text with aliases is written out by value.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when the source has no such entry; else every [`EditError`].
    pub fn copy_entry(
        &mut self,
        document: usize,
        path: &Path,
        from: &'s Stream,
        from_document: usize,
    ) -> Result<(), EditError> {
        let there = items::numbered(from, from_document, path)?;
        let source = copy::Source::find(from, from_document, &there)?;
        let copied = from.documents().get(from_document).and_then(|document| {
            let node = document.root()?.at(&there)?;
            source.is_movable().then_some((document, node))
        });
        let Some((from, node)) = copied else {
            let (value, place) = source.by_value()?;
            return self.set(document, path, (&value, Scalars::Written), &place);
        };
        let tree = Tree::of_node(from, node)?;
        self.settle(path)?;
        let path = &*items::numbered(self.stream(), document, path)?;
        self.apply(document, |stream| source.plan(stream, document, path))?;
        self.expected[document].set_as(path, &source.key_texts(), tree);
        Ok(())
    }

    /// Puts a scalar in the place of another one as it is written in another text: with its
    /// tag and its style. Comments around it stay, and so does an anchor that was there.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when one of the two is not a scalar; else every [`EditError`].
    pub fn copy_scalar(
        &mut self,
        document: usize,
        path: &Path,
        from: &'s Stream,
        from_document: usize,
    ) -> Result<(), EditError> {
        let there = items::numbered(from, from_document, path)?;
        let token = token::Token::find(from, from_document, &there)?;
        self.settle(path)?;
        let path = &*items::numbered(self.stream(), document, path)?;
        self.apply(document, |stream| token.plan(stream, document, path))?;
        self.expected[document].set(path, Tree::of_node(token.document, token.node)?);
        Ok(())
    }

    /// Makes a list's item what it is in another text, its bytes with the comments above it.
    /// The path's last step says which item is meant. One that is not there yet stands
    /// behind the nearest that stands before it there too. Where either list is in flow
    /// style, or the item has aliases or anchors, it is written out by value.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when the source has no such item, or the target no such
    /// list; else every [`EditError`].
    pub fn copy_item(
        &mut self,
        document: usize,
        path: &Path,
        from: &'s Stream,
        from_document: usize,
    ) -> Result<(), EditError> {
        let source = items::Source::find(from, from_document, path)?;
        // Where an item goes is told by the items that are there by now.
        self.flush()?;
        let list = path.parent().unwrap_or_default();
        let list = items::numbered(self.stream(), document, &list)?;
        match source.plan(self.stream(), document, &list)? {
            ItemPlan::First(value) => {
                let value = (&value, Scalars::Written);
                self.set(document, &list.index(0), value, &Place::End)?;
            }
            ItemPlan::Replace(at, planned, tree) => {
                self.take(planned);
                self.expected[document].set(&list.index(at), tree);
            }
            ItemPlan::Insert(at, planned, tree) => {
                self.take(planned);
                self.expected[document].insert(&list, at, tree);
            }
        }
        self.flush()
    }

    /// Brings the named items of a list in this order, each with the comments above it;
    /// all other items stay where they are.
    ///
    /// # Errors
    /// [`EditError::NotFound`] when there is no such list; else every [`EditError`].
    pub fn order_items(
        &mut self,
        document: usize,
        list: &Path,
        names: &[Step],
    ) -> Result<(), EditError> {
        self.flush()?;
        let list = &*items::numbered(self.stream(), document, list)?;
        match order::plan(self.stream(), document, list, names)? {
            OrderPlan::Moved(planned, order) => {
                self.take(planned);
                self.expected[document].order(list, &order);
            }
            OrderPlan::Anew(value) => {
                self.set(document, list, (&value, Scalars::Written), &Place::End)?;
            }
        }
        self.flush()
    }

    /// True when no edit was made yet.
    pub fn is_empty(&self) -> bool {
        self.current.is_none() && self.pending.is_empty()
    }

    /// The edited text.
    ///
    /// # Errors
    /// [`EditError::Unproven`] when it cannot be read, or another parser reads it differently
    /// from what was asked for.
    pub fn finish(mut self) -> Result<String, EditError> {
        if self.is_empty() {
            return Ok(self.original.text().to_owned());
        }
        let text = self.spliced()?;
        let written = || {
            let stream = readable(&text)?;
            reading::prove(&stream, &self.expected)?;
            match reading::reuses_anchors(&stream) {
                true => Ok(()),
                false => proof::prove(&text, &self.expected),
            }
        };
        if text.len() < SHARED {
            self.agreed()?;
            written()?;
            return Ok(text);
        }
        // Reading takes nearly all of the time, and the two texts are two.
        std::thread::scope(|scope| {
            let agreed = scope.spawn(|| self.agreed());
            let written = written();
            let agreed = agreed.join();
            agreed.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            written
        })?;
        Ok(text)
    }

    /// The edited text of a part of a file, which goes on with this key. The key is part of
    /// what is proven.
    fn finish_part(mut self, key_behind: Option<&str>) -> Result<String, EditError> {
        self.agreed()?;
        let text = self.spliced()?;
        readable(&text)?;
        if let (Some(key), Some(tree)) = (key_behind, self.expected.first_mut()) {
            tree.push_key(proof::key_text(key));
        }
        proof::prove(&proof::with_key(&text, key_behind), &self.expected)?;
        Ok(text)
    }

    fn set(
        &mut self,
        document: usize,
        path: &Path,
        (value, scalars): (&Value, Scalars),
        place: &Place,
    ) -> Result<(), EditError> {
        self.settle(path)?;
        let path = &*items::numbered(self.stream(), document, path)?;
        let fresh = Fresh { value, scalars };
        self.apply(document, |stream| {
            plan::set(stream, document, path, (&fresh, place))
        })?;
        let tree = match scalars {
            Scalars::Json => Tree::Value(value.clone()),
            Scalars::Written => Tree::Written(value.clone()),
        };
        self.expected[document].set(path, tree);
        Ok(())
    }

    /// Refuses a text that the two parsers read differently before anything is edited: what
    /// one of them sees at a place is something else for the other.
    fn agreed(&self) -> Result<(), EditError> {
        if reading::reuses_anchors(self.original) {
            return Ok(());
        }
        let documents = self.original.documents().iter();
        let read: Vec<Tree<'_>> = documents.map(Tree::of_document).collect::<Result<_, _>>()?;
        proof::prove(self.original.text(), &read).map_err(|error| match error {
            EditError::Unproven { detail } => EditError::Unproven {
                detail: format!("parsers differ about the text as it is ({detail})"),
            },
            other => other,
        })
    }

    fn stream(&self) -> &Stream {
        self.current.as_ref().unwrap_or(self.original)
    }

    /// Plans an edit on the text as it is known, and once more on the text itself
    /// when the edits since then reach into it.
    fn apply(
        &mut self,
        document: usize,
        plan: impl Fn(&Stream) -> Result<Planned, EditError>,
    ) -> Result<(), EditError> {
        if document >= self.expected.len() {
            return Err(EditError::NoDocument { index: document });
        }
        let mut planned = match plan(self.stream()) {
            Err(_) if !self.pending.is_empty() => None,
            other => Some(other?),
        };
        if !planned.as_ref().is_some_and(|planned| self.fits(planned)) {
            self.flush()?;
            planned = Some(plan(self.stream())?);
        }
        self.take(planned.unwrap_or_default());
        Ok(())
    }

    fn take(&mut self, planned: Planned) {
        self.added.extend(planned.adds);
        if let Some((collection, _)) = planned.takes {
            *self.lost.entry(collection).or_default() += 1;
        }
        for splice in planned.splices {
            self.pending.insert(splice.span.start, splice);
        }
    }

    /// Numbers of items, and what they say, mean the list as it is now.
    fn settle(&mut self, path: &Path) -> Result<(), EditError> {
        let steps = path.steps();
        let counted = steps.iter().any(|step| matches!(step, Step::Index(_)));
        let named = steps.iter().any(|step| matches!(step, Step::Item(_)));
        if named || (counted && !self.lost.is_empty()) {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn fits(&self, planned: &Planned) -> bool {
        let clash = planned.splices.iter().any(|splice| {
            let before = self.pending.range(..=splice.span.end).next_back();
            before.is_some_and(|(_, other)| other.span.end >= splice.span.start)
        });
        // What the last entry is, and where, changes with every entry that came or went.
        let emptied = planned.takes.is_some_and(|(collection, size)| {
            let lost = self.lost.get(&collection).copied().unwrap_or(0);
            (lost > 0 && lost + 1 >= size)
                || self.added.iter().any(|(start, _)| *start == collection)
        });
        let again = planned
            .adds
            .as_ref()
            .is_some_and(|added| self.added.contains(added) || self.lost.contains_key(&added.0));
        !clash && !emptied && !again
    }

    /// The text with the edits so far. Values behind keys that end without a colon have no
    /// reliable place; what would be cut wrongly is refused.
    fn spliced(&mut self) -> Result<String, EditError> {
        let text = self.stream().text();
        let grown: usize = self.pending.values().map(|splice| splice.text.len()).sum();
        let mut out = String::with_capacity(text.len() + grown);
        let mut at = 0;
        for splice in self.pending.values() {
            let Span { start, end } = splice.span;
            match text.get(at..start) {
                Some(kept) if start <= end => out.push_str(kept),
                _ => return Err(nowhere()),
            }
            out.push_str(&splice.text);
            at = end;
        }
        out.push_str(text.get(at..).ok_or_else(nowhere)?);
        self.pending.clear();
        self.added.clear();
        self.lost.clear();
        Ok(out)
    }

    fn flush(&mut self) -> Result<(), EditError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let text = self.spliced()?;
        let stream = readable(&text)?;
        if stream.documents().len() != self.expected.len() {
            return Err(EditError::Unproven {
                detail: format!("{} documents", stream.documents().len()),
            });
        }
        self.current = Some(stream);
        Ok(())
    }
}

fn nowhere() -> EditError {
    EditError::Unproven {
        detail: "the place of the value is not known".to_owned(),
    }
}

/// The edited text as this crate reads it. The other parser alone does not tell: it takes
/// some texts that are no YAML.
fn readable(text: &str) -> Result<Stream, EditError> {
    Stream::parse(text).map_err(|error| EditError::Unproven {
        detail: error.to_string(),
    })
}

/// Orders splices and joins those that touch.
fn joined(mut splices: Vec<Splice>) -> Vec<Splice> {
    splices.sort_by_key(|splice| (splice.span.start, splice.span.end));
    let mut out: Vec<Splice> = Vec::with_capacity(splices.len());
    for splice in splices {
        match out.last_mut() {
            Some(last) if last.span.end == splice.span.start => {
                last.span.end = splice.span.end;
                last.text.push_str(&splice.text);
            }
            _ => out.push(splice),
        }
    }
    out
}

/// How far the lines of a literal block scalar are indented, when each stands on a line
/// of its own below the header; none for any other node.
pub fn literal_indent(document: &Document, node: &Node) -> Option<usize> {
    literal::Lines::of(document.text(), node).map(|lines| lines.indent)
}

/// What an entry of a block mapping covers: its lines, and the comments that are its own.
pub(super) fn entry_extent(document: &Document, map: &Node, index: usize) -> Span {
    if map.flow {
        let entry = &map.entries()[index];
        let end = layout::content_end(entry);
        let start = entry.key.start();
        return Span { start, end };
    }
    let extent = layout::extent(document, map, index);
    Span {
        start: extent.start,
        end: extent.end,
    }
}

fn cut(text: &str, start: usize, end: usize, new: impl Into<String>) -> Splice {
    // What is not a part of the text stands nowhere; `spliced` refuses it.
    debug_assert!(start <= text.len());
    Splice {
        span: Span { start, end },
        text: new.into(),
    }
}

/// The name that a step of a mapping stands for.
fn key_of(step: Option<&Step>) -> Cow<'_, str> {
    match step {
        Some(Step::Key(key)) => Cow::Borrowed(key),
        Some(Step::Index(index)) => Cow::Owned(index.to_string()),
        Some(Step::Item(_)) | None => Cow::Borrowed(""),
    }
}
