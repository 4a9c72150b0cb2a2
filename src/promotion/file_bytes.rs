//! The bytes of promoted files that are compared by key path.
//!
//! Where nothing of a file belongs to the environment, was kept or is asked, it becomes
//! the source's, blob for blob. Else the moved values are spliced into the target's own
//! text, with its comments; every other byte of it stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::UnitId;
use super::aliases::{self, Follows};
use super::bytes::copy_file;
use super::content::{beyond, identity, is_sealed, is_together, take_out};
use super::dotenv;
use super::listed;
use super::mode::MODE;
use super::{Item, PlanError, Shares, Side};
use crate::repo::{Edit, EntryKind, RepoPath};
use crate::yaml::{EditError, Editor, Path, Step, Stream, is_null, value_at, written_values};

/// How much of a file moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it, format and comments too, where nothing is in the way.
    File,
    /// The values that were taken, and nothing else.
    Values,
}

/// What of the target's files stays.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// What belongs to the environment.
    pub(super) owned: &'a [Path],
    /// Units whose text around the values was edited on the target.
    pub(super) edited: &'a BTreeSet<UnitId>,
}

/// The edits of the files among `chosen` (`None`: all) that are compared by key path.
/// `edits` are those that were made already: places of pins among them are kept.
pub(super) fn moved(
    (from, to, rules): (&Side, &Side, Rules<'_>),
    items: &[Item],
    chosen: Option<&BTreeSet<UnitId>>,
    extent: Extent,
    edits: &mut BTreeMap<RepoPath, Edit>,
) -> Result<(), PlanError> {
    let mut units: BTreeSet<&RepoPath> = from.files.keys().chain(to.files.keys()).collect();
    units.retain(|unit| chosen.is_none_or(|it| it.contains(&UnitId::File((*unit).clone()))));
    let mut by_unit: BTreeMap<&RepoPath, Vec<&Item>> = BTreeMap::new();
    for item in items {
        if let UnitId::File(path) = &item.unit {
            by_unit.entry(path).or_default().push(item);
        }
    }
    for unit in units {
        let items = by_unit.get(unit).map_or(&[][..], Vec::as_slice);
        if extent == Extent::Values && items.is_empty() {
            continue;
        }
        let file = File {
            from,
            to,
            owned: rules.owned,
            unit,
            items,
            is_edited: rules.edited.contains(&UnitId::File(unit.clone())),
        };
        file.edit(extent, edits)?;
    }
    Ok(())
}

/// One file and what becomes of it.
struct File<'a> {
    from: &'a Side,
    to: &'a Side,
    /// What belongs to the environment.
    owned: &'a [Path],
    unit: &'a RepoPath,
    items: &'a [&'a Item],
    /// Whether the target's text around the values was edited, and stays.
    is_edited: bool,
}

impl File<'_> {
    fn edit(&self, extent: Extent, edits: &mut BTreeMap<RepoPath, Edit>) -> Result<(), PlanError> {
        let name = self.unit.as_str();
        let (Some(from_path), Some(to_path)) = (self.from.path(name), self.to.path(name)) else {
            return Ok(());
        };
        let source = self.from.state.snapshot.text(&from_path)?;
        let target = self.to.state.snapshot.text(&to_path)?;
        let taken = || self.items.iter().filter(|item| item.decision.takes());
        let failed = |source| PlanError::Edit {
            path: to_path.clone(),
            source,
        };
        let (Some(source), Some(old)) = (source, target) else {
            if taken().next().is_none() {
                return Ok(());
            }
            return match source {
                Some(text) if self.shares().environment => {
                    let text = self.without_owned(text).map_err(failed)?;
                    let (bytes, executable) = (text.into(), self.is_executable(self.from));
                    edits.insert(to_path, Edit::Write { bytes, executable });
                    Ok(())
                }
                _ => copy_file(self.from, self.to, name, edits),
            };
        };
        let shares = self.shares();
        let keeps = self.items.iter().any(|item| !settles(item)) || self.keeps_order();
        let keeps = keeps || self.is_edited;
        let whole = extent == Extent::File && !keeps && !shares.environment;
        if whole && !shares.pins {
            return copy_file(self.from, self.to, name, edits);
        }
        let pinned = match edits.get(&to_path) {
            Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes.clone()).ok(),
            _ => None,
        };
        let base = pinned.unwrap_or_else(|| old.to_owned());
        let text = self.spliced(&base, source).map_err(failed)?;
        // Once all pins in it have moved as well, it is the source's file.
        if whole && self.same_values(&text, source) {
            edits.remove(&to_path);
            return copy_file(self.from, self.to, name, edits);
        }
        let was = self.is_executable(self.to);
        let executable = match self.taken().any(|path| *path == Path::of([MODE])) {
            true => self.is_executable(self.from),
            false => was,
        };
        if text != old || executable != was {
            let bytes = text.into_bytes();
            edits.insert(to_path, Edit::Write { bytes, executable });
        }
        Ok(())
    }

    fn same_values(&self, one: &str, other: &str) -> bool {
        if dotenv::is_named(self.unit) {
            return dotenv::values(one) == dotenv::values(other);
        }
        matches!((written_values(one), written_values(other)), (Ok(one), Ok(other)) if one == other)
    }

    fn is_executable(&self, side: &Side) -> bool {
        let path = side.path(self.unit.as_str());
        let entry = path.and_then(|path| side.state.snapshot.entry(&path));
        entry.is_some_and(|entry| entry.kind == EntryKind::Executable)
    }

    /// Whether some list of the target keeps its order though the source has another.
    fn keeps_order(&self) -> bool {
        let (ours, theirs) = (self.compared(self.to), self.compared(self.from));
        let taken = |path: &Path| self.taken().any(|taken| path.starts_with(taken));
        let orders = listed::reordered(ours, theirs);
        orders.iter().any(|path| !taken(path))
    }

    /// What either side's file shares with others.
    fn shares(&self) -> Shares {
        let of = |side: &Side| side.files.get(self.unit).copied().unwrap_or_default();
        let (one, other) = (of(self.from), of(self.to));
        Shares {
            environment: one.environment || other.environment,
            pins: one.pins || other.pins,
        }
    }

    fn value<'s>(&self, side: &'s Side) -> Option<&'s Value> {
        side.units.get(&UnitId::File(self.unit.clone()))
    }

    /// The source's text without what belongs to its environment.
    fn without_owned(&self, text: &str) -> Result<String, EditError> {
        if dotenv::is_named(self.unit) {
            let owned = self.owned.iter().filter_map(dotenv::key_of).collect();
            return Ok(dotenv::without(text, &owned));
        }
        let (Ok(stream), Some(rest)) = (Stream::parse(text), self.value(self.from)) else {
            return Ok(text.to_owned());
        };
        aliases::edited(&stream, &[], &|text, follows| {
            let places = Places::of((text, &stream), rest, self.owned);
            let mut editor = Editor::new(text)?;
            let mut sealed = Vec::new();
            for (document, whole) in places.values.iter().enumerate() {
                if is_sealed(whole) {
                    sealed.push(document);
                    continue;
                }
                let owned = beyond(whole, &places.moving[document]).into_iter().rev();
                for path in owned.filter(|path| !path.is_root() && !follows(document, path)) {
                    editor.remove(document, &path)?;
                }
            }
            without_documents(&editor.finish()?, &sealed)
        })
    }

    /// The target's text with the taken values in it.
    fn spliced(&self, base: &str, source: &str) -> Result<String, EditError> {
        if dotenv::is_named(self.unit) {
            let taken = self.taken().filter_map(dotenv::key_of).collect();
            return Ok(dotenv::spliced(base, source, &taken));
        }
        let (to, own) = (Stream::parse(base)?, Stream::parse(source)?);
        let apart = aliases::written_out(&own)?;
        let from = apart.as_ref().unwrap_or(&own);
        let there = Places::of((from, from), self.compared(self.from), self.owned);
        let text = aliases::edited(&to, &[from.text()], &|text, follows| {
            let here = Places::of((text, &to), self.compared(self.to), self.owned);
            self.bring((text, &here), (from, &there), follows)
        })?;
        let here = Places::of((&to, &to), self.compared(self.to), self.owned);
        let is_new = |path: &Path| here.find(path).is_none() && there.find(path).is_some();
        let taken = self.taken().filter(|path| **path != Path::of([MODE]));
        let new: Vec<&Path> = taken.filter(|path| is_new(path)).collect();
        if new.is_empty() {
            return Ok(text);
        }
        let from = Stream::parse(&self.without_owned(source)?)?;
        let there = Places::of((&from, &from), self.compared(self.from), self.owned);
        let new: Vec<usize> = new
            .iter()
            .filter_map(|path| Some(there.find(path)?.0))
            .collect();
        with_documents(&text, &from, &new)
    }

    /// Brings the taken values of documents that both have from one text into another.
    fn bring(
        &self,
        (text, here): (&Stream, &Places<'_>),
        (source, there): (&Stream, &Places<'_>),
        follows: Follows<'_>,
    ) -> Result<String, EditError> {
        let values = (self.compared(self.to), self.compared(self.from));
        let mut splicer = Splicer {
            editor: Editor::new(text)?,
            to: here,
            source,
            from: there,
        };
        let mut gone = Vec::new();
        for path in self.taken().filter(|path| **path != Path::of([MODE])) {
            match (here.find(path), there.find(path)) {
                (Some((document, below)), _) if follows(document, &below) => {}
                (Some((document, below)), Some(_)) if listed::list_of(&below).is_some() => {
                    splicer.order(document, &below, (values.1, path))?;
                }
                (Some((document, below)), Some((from_document, _))) => {
                    splicer.take((document, from_document), &below, values, path)?;
                }
                // A document of its own goes.
                (Some((document, below)), None) if below.is_root() => gone.push(document),
                _ => {}
            }
        }
        without_documents(&splicer.editor.finish()?, &gone)
    }

    /// The paths of what is taken.
    fn taken(&self) -> impl Iterator<Item = &Path> {
        let items = self.items.iter().filter(|item| item.decision.takes());
        items.map(|item| &item.difference.path)
    }

    /// What of a side's file is compared.
    fn compared<'s>(&self, side: &'s Side) -> &'s Value {
        self.value(side).unwrap_or(&Value::Null)
    }
}

/// Whether nothing of the target's has to stay for this difference.
fn settles(item: &Item) -> bool {
    item.decision.takes() || item.decision == super::Decision::AlreadyThere
}

/// Where the parts of a file's value stand in its text.
struct Places<'v> {
    /// The values of all documents.
    values: Vec<Value>,
    /// The same without what belongs to the environment.
    moving: Vec<Value>,
    /// By document: its name where several stand together, and the part that is compared.
    compared: Vec<Option<(Option<String>, &'v Value)>>,
}

impl<'v> Places<'v> {
    /// The places in a text; `named` is the same text with its aliases, which may stand for
    /// what a document is called.
    fn of((stream, named): (&Stream, &Stream), value: &'v Value, owned: &[Path]) -> Self {
        let values = written(stream);
        let mut moving = values.clone();
        for document in &mut moving {
            for path in owned {
                take_out(document, path);
            }
        }
        let together = is_together(value);
        let named = written(named);
        let compared = named.iter().map(|document| {
            if together {
                let name = identity(document)?;
                let part = value.get(name.as_str())?;
                return Some((Some(name), part));
            }
            let alone = !is_null(document) && !is_sealed(document);
            alone.then_some((None, value))
        });
        Self {
            compared: compared.collect(),
            moving,
            values,
        }
    }

    /// The document and the path in it that a path of the file's value means.
    fn find(&self, path: &Path) -> Option<(usize, Path)> {
        let (document, compared) = self
            .compared
            .iter()
            .enumerate()
            .filter_map(|(document, it)| Some((document, it.as_ref()?)))
            .find(|(_, (name, _))| match (name, path.steps().first()) {
                (None, _) => true,
                (Some(name), Some(Step::Key(key))) => key == name,
                _ => false,
            })?;
        let skipped = usize::from(compared.0.is_some());
        Some((document, Path::new(path.steps()[skipped..].to_vec())))
    }
}

fn written(stream: &Stream) -> Vec<Value> {
    let documents = stream.documents().iter();
    let values = documents.map(|document| document.written().unwrap_or(Value::Null));
    values.collect()
}

/// Brings values of one text into another.
struct Splicer<'s> {
    editor: Editor<'s>,
    to: &'s Places<'s>,
    source: &'s Stream,
    from: &'s Places<'s>,
}

impl Splicer<'_> {
    /// Brings a list in the order that it has in the source.
    fn order(
        &mut self,
        document: usize,
        path: &Path,
        (theirs, in_unit): (&Value, &Path),
    ) -> Result<(), EditError> {
        let lists = listed::list_of(path).zip(listed::list_of(in_unit));
        let names = lists.and_then(|(list, from)| Some((list, listed::items_at(theirs, &from)?)));
        match names {
            Some((list, names)) => self.editor.order_items(document, &list, &names),
            None => Ok(()),
        }
    }

    /// Makes what stands at a path of a document what the source has there, but for what
    /// belongs to the environment.
    fn take(
        &mut self,
        documents: (usize, usize),
        path: &Path,
        (ours, theirs): (&Value, &Value),
        in_unit: &Path,
    ) -> Result<(), EditError> {
        let (document, from_document) = documents;
        let (old, new) = (value_at(ours, in_unit), value_at(theirs, in_unit));
        let there = value_at(&self.to.values[document], path);
        match (there, new) {
            (None, None) => Ok(()),
            // What is left there belongs to the environment.
            (Some(Value::Object(there)), Some(Value::Object(new)))
                if !matches!(old, Some(Value::Object(_))) || path.is_root() =>
            {
                let old = old.and_then(Value::as_object);
                let goes = |key: &&String| {
                    !new.contains_key(*key) && old.is_some_and(|old| old.contains_key(*key))
                };
                let keys: Vec<String> = there
                    .keys()
                    .filter(goes)
                    .chain(new.keys())
                    .cloned()
                    .collect();
                for key in keys {
                    let (path, in_unit) = (path.key(key.as_str()), in_unit.key(key.as_str()));
                    self.take(documents, &path, (ours, theirs), &in_unit)?;
                }
                Ok(())
            }
            (Some(there), None) => {
                let moving = value_at(&self.to.moving[document], path);
                self.remove(document, path, there, moving)
            }
            (Some(there), Some(new)) if !is_collection(there) && !is_collection(new) => {
                let source = self.source;
                self.editor
                    .copy_scalar(document, path, source, from_document)
            }
            (_, Some(new)) => {
                match path.last() {
                    Some(Step::Item(_)) => {
                        self.editor
                            .copy_item(document, path, self.source, from_document)?;
                    }
                    Some(Step::Key(_)) => {
                        self.editor
                            .copy_entry(document, path, self.source, from_document)?;
                    }
                    _ => return self.editor.set_written(document, path, new, None),
                }
                let raw = value_at(&self.from.values[from_document], path);
                let moving = value_at(&self.from.moving[from_document], path);
                let owned = raw.zip(moving).map(|(raw, moving)| beyond(raw, moving));
                for below in owned.into_iter().flatten().rev() {
                    self.editor.remove(document, &path.join(&below))?;
                }
                Ok(())
            }
        }
    }

    /// Removes what the source no longer has; what belongs to the environment stays.
    fn remove(
        &mut self,
        document: usize,
        path: &Path,
        there: &Value,
        moving: Option<&Value>,
    ) -> Result<(), EditError> {
        let Some(moving) = moving else {
            return Ok(());
        };
        let (Value::Object(whole), Value::Object(rest)) = (there, moving) else {
            return self.editor.remove(document, path);
        };
        if whole == rest {
            return self.editor.remove(document, path);
        }
        for (key, value) in rest {
            if let Some(there) = whole.get(key) {
                self.remove(document, &path.key(key.as_str()), there, Some(value))?;
            }
        }
        Ok(())
    }
}

fn is_collection(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// The text without some of its documents.
pub(super) fn without_documents(text: &str, gone: &[usize]) -> Result<String, EditError> {
    if gone.is_empty() {
        return Ok(text.to_owned());
    }
    let stream = Stream::parse(text)?;
    let mut out = String::new();
    for (number, document) in stream.documents().iter().enumerate() {
        if !gone.contains(&number) {
            push_document(
                &mut out,
                &text[starts(&stream, number)..document.span().end],
            );
        }
    }
    Ok(out)
}

/// The text with some documents of another one behind its own.
pub(super) fn with_documents(
    text: &str,
    from: &Stream,
    new: &[usize],
) -> Result<String, EditError> {
    let mut out = text.to_owned();
    for number in new {
        if let Some(document) = from.documents().get(*number) {
            let range = starts(from, *number)..document.span().end;
            push_document(&mut out, &from.text()[range]);
        }
    }
    let known = Stream::parse(text)?.documents().len() + new.len();
    let found = Stream::parse(&out)?.documents().len();
    if known != found {
        return Err(EditError::Unproven {
            detail: format!("{found} documents instead of {known}"),
        });
    }
    Ok(out)
}

/// Where a document's own bytes begin: behind the one before it.
fn starts(stream: &Stream, number: usize) -> usize {
    let before = number
        .checked_sub(1)
        .and_then(|it| stream.documents().get(it));
    before.map_or(0, |document| document.span().end)
}

fn push_document(out: &mut String, document: &str) {
    if out.is_empty() {
        out.push_str(document.trim_start_matches('\n'));
        return;
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    let document = document.trim_start_matches(['\n', '\r']);
    let marked = document.lines().any(|line| line.starts_with("---"));
    if !marked {
        out.push_str("---\n");
    }
    out.push_str(document);
}

#[cfg(test)]
mod tests;
