//! Bringing values of one side's manifests into the texts of another's: entries and
//! blocks with their comments, and components that stand in files of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::UnitId;
use super::aliases::{self, Follows};
use super::bytes::{How, Move, manifests, place, relative};
use super::file_bytes::{with_documents, without_documents};
use super::{PlanError, Side, listed};
use serde_json::Value;

use crate::product::NodeRef;
use crate::repo::RepoPath;
use crate::yaml::{EditError, Editor, Path, Step, Stream, value_at};

/// New texts of `base`'s manifests by relative path, empty for one that goes, and the
/// manifests that are taken whole from `other`.
type Spliced = (BTreeMap<String, String>, BTreeSet<String>);
/// One place in a text, and the place in another that it takes its value
/// from; `None`: it goes away.
struct Splice {
    to: NodeRef,
    from: Option<NodeRef>,
    how: How,
}

/// What becomes of one manifest.
#[derive(Default)]
struct Changes {
    splices: Vec<Splice>,
    /// Documents with a component each that go.
    gone: Vec<usize>,
    /// Documents of the other side's file that come.
    new: Vec<usize>,
}

/// Brings the moved values of `other` into the texts of `base`.
pub(super) fn splice(base: &Side, other: &Side, moves: &[Move]) -> Result<Spliced, PlanError> {
    let mut per_file: BTreeMap<String, Changes> = BTreeMap::new();
    let mut copies = BTreeSet::new();
    let known = manifests(base);
    for change in moves {
        let exists = other
            .units
            .get(&change.unit)
            .is_some_and(|unit| has(unit, &change.path));
        let from = place(other, &change.unit, &change.path).filter(|_| exists);
        let to = place(base, &change.unit, &change.path);
        if change.path.is_root() {
            let own = (
                to.as_ref()
                    .and_then(|node| own_file(base, &change.unit, node)),
                from.as_ref()
                    .and_then(|node| own_file(other, &change.unit, node)),
            );
            match own {
                (Some((name, document, _)), None) if from.is_none() => {
                    per_file.entry(name).or_default().gone.push(document);
                    continue;
                }
                (None, Some((name, document, _))) if to.is_none() => {
                    per_file.entry(name).or_default().new.push(document);
                    continue;
                }
                (Some((name, _, 1)), Some((same, _, 1))) if name == same => {
                    copies.insert(name);
                    continue;
                }
                _ => {}
            }
        }
        let to = to.or_else(|| {
            from.clone().map(|mut node| {
                let name = relative(other, &node.file);
                node.file = base.path(&name).unwrap_or(node.file);
                node
            })
        });
        let Some(to) = to else { continue };
        let name = relative(base, &to.file);
        if !known.contains(&name) || to.path.is_root() {
            copies.insert(name);
        } else {
            let how = change.how;
            let splice = Splice { to, from, how };
            per_file.entry(name).or_default().splices.push(splice);
        }
    }
    let mut texts = BTreeMap::new();
    for (name, changes) in per_file {
        let theirs = other.path(&name).and_then(|file| stream(other, &file));
        let all = theirs.map_or(0, |stream| stream.documents().len());
        if !known.contains(&name) && changes.new.len() == all {
            copies.insert(name);
        } else if let Some(text) = changed(base, other, &name, &changes)? {
            texts.insert(name, text);
        }
    }
    Ok((texts, copies))
}

/// Whether a unit has a value at a path, or a list whose order is meant.
fn has(unit: &Value, path: &Path) -> bool {
    let list = listed::list_of(path);
    value_at(unit, list.as_ref().unwrap_or(path)).is_some()
}

/// The file in which a component stands beside the product's manifest, its document,
/// and how many there are.
fn own_file(side: &Side, unit: &UnitId, node: &NodeRef) -> Option<(String, usize, usize)> {
    let tree = side.state.product.as_ref()?;
    let own = matches!(unit, UnitId::Component(_)) && node.file != tree.product.file;
    let documents = tree.files.get(&node.file)?.documents().len();
    own.then(|| (relative(side, &node.file), node.document, documents))
}

/// A manifest's text after these changes.
fn changed(
    base: &Side,
    other: &Side,
    name: &str,
    changes: &Changes,
) -> Result<Option<String>, PlanError> {
    let Some(file) = base.path(name) else {
        return Ok(None);
    };
    let failed = |source| PlanError::Edit {
        path: file.clone(),
        source,
    };
    let old = stream(base, &file).map_or("", Stream::text);
    let spliced = splice_file(base, other, name, &changes.splices)?;
    let text = spliced.unwrap_or_else(|| old.to_owned());
    let text = without_documents(&text, &changes.gone).map_err(failed)?;
    let Some(theirs) = other.path(name).and_then(|file| stream(other, &file)) else {
        return Ok(Some(text));
    };
    with_documents(&text, theirs, &changes.new)
        .map(Some)
        .map_err(failed)
}

fn stream<'a>(side: &'a Side, file: &RepoPath) -> Option<&'a Stream> {
    side.state.product.as_ref()?.files.get(file)
}

fn splice_file(
    base: &Side,
    other: &Side,
    name: &str,
    changes: &[Splice],
) -> Result<Option<String>, PlanError> {
    let Some(file) = base.path(name) else {
        return Ok(None);
    };
    let Some(text) = stream(base, &file) else {
        return Ok(None);
    };
    let failed = |source| PlanError::Edit {
        path: file.clone(),
        source,
    };
    let sources = sources(other, changes).map_err(failed)?;
    let others: Vec<&str> = sources.values().map(|source| source.text()).collect();
    let edited = aliases::edited(text, &others, &|text, follows| {
        bring(text, &sources, changes, follows)
    });
    edited.map(Some).map_err(failed)
}

/// The texts that values come from, by file, without aliases.
fn sources(other: &Side, changes: &[Splice]) -> Result<BTreeMap<RepoPath, Stream>, EditError> {
    let mut sources = BTreeMap::new();
    let files = changes.iter().filter_map(|change| change.from.as_ref());
    for file in files.map(|from| &from.file) {
        if let (false, Some(source)) = (sources.contains_key(file), stream(other, file)) {
            let apart = aliases::written_out(source)?;
            sources.insert(file.clone(), apart.unwrap_or_else(|| source.clone()));
        }
    }
    Ok(sources)
}

/// The text with the values of these changes in it.
fn bring(
    text: &Stream,
    sources: &BTreeMap<RepoPath, Stream>,
    changes: &[Splice],
    follows: Follows<'_>,
) -> Result<String, EditError> {
    let mut editor = Editor::new(text)?;
    for Splice { to, from, how } in changes {
        if follows(to.document, &to.path) {
            continue;
        }
        let Some(from) = from else {
            editor.remove(to.document, &to.path)?;
            continue;
        };
        let Some(source) = sources.get(&from.file) else {
            continue;
        };
        let is_item = matches!(to.path.last(), Some(Step::Item(_)));
        let (at, document) = (&to.path, to.document);
        if *how == How::Order {
            order(&mut editor, source, (to, from))?;
        } else if from.path != to.path {
            // It stands in a file of its own on one side only.
            if let Some(value) = value(source, from) {
                editor.set_written(document, at, &value, None)?;
            }
        } else if *how == How::Scalar && is_scalar(text, to) && is_scalar(source, from) {
            editor.copy_scalar(document, at, source, from.document)?;
        } else if is_item {
            editor.copy_item(document, at, source, from.document)?;
        } else {
            editor.copy_entry(document, at, source, from.document)?;
        }
    }
    editor.finish()
}

/// Brings a list in the order that it has in the source.
fn order(
    editor: &mut Editor<'_>,
    source: &Stream,
    (to, from): (&NodeRef, &NodeRef),
) -> Result<(), EditError> {
    let lists = listed::list_of(&to.path).zip(listed::list_of(&from.path));
    let document = source.documents().get(from.document);
    let value = document.and_then(|document| document.written().ok());
    let (Some((to_list, from_list)), Some(value)) = (lists, value) else {
        return Ok(());
    };
    match listed::items_at(&value, &from_list) {
        Some(names) => editor.order_items(to.document, &to_list, &names),
        None => Ok(()),
    }
}

/// Whether a scalar stands at a place.
fn is_scalar(stream: &Stream, place: &NodeRef) -> bool {
    let root = stream
        .documents()
        .get(place.document)
        .and_then(|it| it.root());
    let node = root.and_then(|root| root.at(&place.path));
    node.is_some_and(|node| node.scalar().is_some())
}

fn value(stream: &Stream, node: &NodeRef) -> Option<Value> {
    let document = stream.documents().get(node.document)?;
    document.written_of(document.root()?.at(&node.path)?).ok()
}
