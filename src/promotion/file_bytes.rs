//! The bytes of promoted files that are compared by key path.
//!
//! Where nothing of a file belongs to the environment, was kept or is asked, it becomes
//! the source's, blob for blob. Else the moved values are spliced into the target's own
//! text, with its comments; every other byte of it stays.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::UnitId;
use super::bytes::copy_file;
use super::content::{beyond, identity, is_sealed, is_together, take_out};
use super::{Item, PlanError, Shares, Side};
use crate::repo::{Edit, EntryKind, RepoPath};
use crate::yaml::value_at;
use crate::yaml::{EditError, Editor, Path, Step, Stream, parse_values};

/// How much of a file moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it, format and comments too, where nothing is in the way.
    File,
    /// The values that were taken, and nothing else.
    Values,
}

/// The edits of the files among `chosen` (`None`: all) that are compared by key path.
/// `edits` are those that were made already: places of pins among them are kept.
pub(super) fn moved(
    (from, to, owned): (&Side, &Side, &[Path]),
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
            owned,
            unit,
            items,
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
                    edits.insert(to_path, Edit::write(text));
                    Ok(())
                }
                _ => copy_file(self.from, self.to, name, edits),
            };
        };
        let shares = self.shares();
        let keeps = self.items.iter().any(|item| !settles(item));
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
        if whole && same_values(&text, source) {
            edits.remove(&to_path);
            return copy_file(self.from, self.to, name, edits);
        }
        if text != old {
            let entry = self.to.state.snapshot.entry(&to_path);
            let executable = entry.is_some_and(|entry| entry.kind == EntryKind::Executable);
            let bytes = text.into_bytes();
            edits.insert(to_path, Edit::Write { bytes, executable });
        }
        Ok(())
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
        let (Ok(stream), Some(rest)) = (Stream::parse(text), self.value(self.from)) else {
            return Ok(text.to_owned());
        };
        let places = Places::of(&stream, rest, self.owned);
        let mut editor = Editor::new(&stream)?;
        let mut sealed = Vec::new();
        for (document, whole) in places.values.iter().enumerate() {
            if is_sealed(whole) {
                sealed.push(document);
                continue;
            }
            let owned = beyond(whole, &places.moving[document]);
            for path in owned.into_iter().rev().filter(|path| !path.is_root()) {
                editor.remove(document, &path)?;
            }
        }
        let text = editor.finish()?;
        without_documents(&text, &sealed)
    }

    /// The target's text with the taken values in it.
    fn spliced(&self, base: &str, source: &str) -> Result<String, EditError> {
        let (to, from) = (Stream::parse(base)?, Stream::parse(source)?);
        let nothing = Value::Null;
        let (ours, theirs) = (
            self.value(self.to).unwrap_or(&nothing),
            self.value(self.from).unwrap_or(&nothing),
        );
        let there = Places::of(&from, theirs, self.owned);
        let here = Places::of(&to, ours, self.owned);
        let mut splicer = Splicer {
            editor: Editor::new(&to)?,
            to: &here,
            source: &from,
            from: &there,
        };
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for item in self.items.iter().filter(|item| item.decision.takes()) {
            let path = &item.difference.path;
            match (here.find(path), there.find(path)) {
                (Some((document, below)), Some((from_document, _))) => {
                    splicer.take((document, from_document), &below, (ours, theirs), path)?;
                }
                // A document of its own comes or goes.
                (None, Some(_)) => new.push(path),
                (Some((document, below)), None) if below.is_root() => gone.push(document),
                (Some(_) | None, None) => {}
            }
        }
        let text = splicer.editor.finish()?;
        let text = without_documents(&text, &gone)?;
        if new.is_empty() {
            return Ok(text);
        }
        let from = Stream::parse(&self.without_owned(source)?)?;
        let there = Places::of(&from, theirs, self.owned);
        let new: Vec<usize> = new
            .iter()
            .filter_map(|path| Some(there.find(path)?.0))
            .collect();
        with_documents(&text, &from, &new)
    }
}

/// Whether nothing of the target's has to stay for this difference.
fn settles(item: &Item) -> bool {
    item.decision.takes() || item.decision == super::Decision::AlreadyThere
}

fn same_values(one: &str, other: &str) -> bool {
    matches!((parse_values(one), parse_values(other)), (Ok(one), Ok(other)) if one == other)
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
    fn of(stream: &Stream, value: &'v Value, owned: &[Path]) -> Self {
        let documents = stream.documents().iter();
        let values: Vec<Value> = documents
            .map(|document| document.value().unwrap_or(Value::Null))
            .collect();
        let mut moving = values.clone();
        for document in &mut moving {
            for path in owned {
                take_out(document, path);
            }
        }
        let together = is_together(value);
        let compared = values.iter().map(|document| {
            if together {
                let name = identity(document)?;
                let part = value.get(name.as_str())?;
                return Some((Some(name), part));
            }
            let alone = !document.is_null() && !is_sealed(document);
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

/// Brings values of one text into another.
struct Splicer<'s> {
    editor: Editor<'s>,
    to: &'s Places<'s>,
    source: &'s Stream,
    from: &'s Places<'s>,
}

impl Splicer<'_> {
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
            (Some(Value::String(_)), Some(Value::String(text))) => {
                self.editor.set_string(document, path, text)
            }
            (Some(there), Some(new)) if !is_collection(there) && !is_collection(new) => {
                self.editor.set_value(document, path, new)
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
                    _ => return self.editor.set_value(document, path, new),
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
