//! The bytes that a promotion leaves on the target.
//!
//! A whole promotion starts from the source's files and puts back what the
//! target keeps: with nothing kept, the target's files become the source's,
//! blob for blob. A partial one starts from the target's files and splices in
//! the chosen units; every other byte stays.

use std::collections::{BTreeMap, BTreeSet};

use super::UnitId;
use super::file_bytes::{Extent, moved};
use super::splice::splice;
use super::{Facts, Item, PlanError, Side, pins};
use crate::product::NodeRef;
use crate::repo::{Edit, EntryKind, RepoPath, SnapshotError};
use crate::yaml::{Path, Step};

/// How much a promotion moves.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// All units.
    Everything,
    /// Some units.
    Units(&'a BTreeSet<UnitId>),
    /// Images and versions of components.
    Images,
}

/// One value to bring from one side's text into the other's.
pub(super) struct Move {
    pub(super) unit: UnitId,
    pub(super) path: Path,
    pub(super) how: How,
}

/// What of a value's place is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Its entry, with style and comments.
    Entry,
    /// A text, in the style that is there.
    Text,
}

impl Move {
    fn entry(unit: &UnitId, path: &Path) -> Self {
        Self {
            unit: unit.clone(),
            path: path.clone(),
            how: How::Entry,
        }
    }
}

/// The edits of the promoted files, by path in the repository.
pub(crate) fn result(
    facts: &Facts,
    items: &[Item],
    scope: Scope<'_>,
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let (from, to) = (&facts.source, &facts.target);
    let mut edits = BTreeMap::new();
    for item in items.iter().filter(|item| item.decision.takes()) {
        files(from, to, item, &mut edits)?;
    }
    let without_product = to.state.product.is_none() && from.state.product.is_none();
    if without_product {
        let taken: Vec<_> = items.iter().filter(|item| item.decision.takes()).collect();
        edits.extend(pins::edits(from, to, &taken)?);
    }
    let owned = facts.repository.promotion.environment_owned.as_slice();
    let both = (from, to, owned);
    match scope {
        Scope::Everything => moved(both, items, None, Extent::File, &mut edits)?,
        Scope::Units(chosen) => moved(both, items, Some(chosen), Extent::File, &mut edits)?,
        Scope::Images => {}
    }
    if without_product {
        return Ok(edits);
    }
    match scope {
        Scope::Everything => whole(from, to, &kept(items), &mut edits)?,
        Scope::Units(_) => partial(from, to, &taken(from, items), &mut edits)?,
        Scope::Images => partial(from, to, &images(items), &mut edits)?,
    }
    Ok(edits)
}

/// The edits that bring exactly these values of the target to the source.
pub(crate) fn backported(
    facts: &Facts,
    items: &[Item],
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let (from, to) = (&facts.target, &facts.source);
    let mut edits = BTreeMap::new();
    for item in items {
        files(from, to, item, &mut edits)?;
    }
    let without_product = to.state.product.is_none() && from.state.product.is_none();
    if without_product {
        edits.extend(pins::edits(from, to, &items.iter().collect::<Vec<_>>())?);
    }
    let owned = facts.repository.promotion.environment_owned.as_slice();
    moved((from, to, owned), items, None, Extent::Values, &mut edits)?;
    if without_product {
        return Ok(edits);
    }
    let moves: Vec<_> = items
        .iter()
        .filter(|item| is_manifest_unit(&item.unit))
        .map(|item| Move::entry(&item.unit, &item.difference.path))
        .collect();
    partial(from, to, &moves, &mut edits)?;
    Ok(edits)
}

fn is_manifest_unit(unit: &UnitId) -> bool {
    matches!(unit, UnitId::Product | UnitId::Component(_))
}

/// What a whole promotion puts back into the source's manifests.
fn kept(items: &[Item]) -> Vec<Move> {
    items
        .iter()
        .filter(|item| is_manifest_unit(&item.unit) && item.decision.keeps())
        .map(|item| Move::entry(&item.unit, &item.difference.path))
        .collect()
}

/// What a partial promotion brings into the target's manifests: whole blocks,
/// with their comments, where nothing in them is kept.
fn taken(from: &Side, items: &[Item]) -> Vec<Move> {
    let mut moves: Vec<Move> = Vec::new();
    let units: BTreeSet<&UnitId> = items
        .iter()
        .map(|item| &item.unit)
        .filter(|unit| is_manifest_unit(unit))
        .collect();
    for unit in units {
        let of_unit = || items.iter().filter(|item| item.unit == *unit);
        if !of_unit().any(|item| item.decision.takes()) {
            continue;
        }
        let block = matches!(unit, UnitId::Component(_))
            && from.units.contains_key(unit)
            && !of_unit().any(|item| item.decision.keeps());
        if block {
            moves.push(Move::entry(unit, &Path::root()));
        } else {
            let paths = of_unit()
                .filter(|item| item.decision.takes())
                .map(|item| &item.difference.path);
            moves.extend(paths.map(|path| Move::entry(unit, path)));
        }
    }
    moves
}

/// What a promotion of images brings: the texts alone.
fn images(items: &[Item]) -> Vec<Move> {
    let taken = items.iter().filter(|item| item.decision.takes());
    taken
        .map(|item| Move {
            how: How::Text,
            ..Move::entry(&item.unit, &item.difference.path)
        })
        .collect()
}

/// Templates and other files: compared and copied whole.
fn files(
    from: &Side,
    to: &Side,
    item: &Item,
    edits: &mut BTreeMap<RepoPath, Edit>,
) -> Result<(), PlanError> {
    let difference = &item.difference;
    let mut names: BTreeSet<String> = BTreeSet::new();
    match &item.unit {
        UnitId::File(path) if from.files.contains_key(path) || to.files.contains_key(path) => {}
        UnitId::File(path) => {
            names.insert(path.to_string());
        }
        UnitId::Template(name) if difference.path.is_root() => {
            for value in [&difference.ours, &difference.theirs].into_iter().flatten() {
                let files = value.as_object().into_iter().flat_map(|files| files.keys());
                names.extend(files.map(|file| format!("templates/{name}/{file}")));
            }
        }
        UnitId::Template(name) => {
            if let Some(Step::Key(file)) = difference.path.last() {
                names.insert(format!("templates/{name}/{file}"));
            }
        }
        UnitId::Product | UnitId::Component(_) => {}
    }
    names
        .iter()
        .try_for_each(|name| copy_file(from, to, name, edits))
}

/// Makes the file at `to` the one at `from`, or removes it where there is none.
pub(super) fn copy_file(
    from: &Side,
    to: &Side,
    name: &str,
    edits: &mut BTreeMap<RepoPath, Edit>,
) -> Result<(), PlanError> {
    let (Some(from_path), Some(to_path)) = (from.path(name), to.path(name)) else {
        return Ok(());
    };
    let new = from.state.snapshot.entry(&from_path);
    let old = to.state.snapshot.entry(&to_path);
    for (path, entry) in [(&from_path, new), (&to_path, old)] {
        if entry.is_some_and(|entry| entry.kind == EntryKind::Symlink) {
            return Err(SnapshotError::Symlink { path: path.clone() }.into());
        }
    }
    match (new, old) {
        (Some(new), old) if old.is_none_or(|old| old.id != new.id || old.kind != new.kind) => {
            let executable = new.kind == EntryKind::Executable;
            edits.insert(
                to_path,
                Edit::Reuse {
                    id: new.id.clone(),
                    executable,
                },
            );
        }
        (None, Some(_)) => {
            edits.insert(to_path, Edit::Delete);
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn manifests(side: &Side) -> BTreeSet<String> {
    let tree = side.state.product.as_ref();
    tree.into_iter()
        .flat_map(|tree| tree.manifests())
        .map(|path| relative(side, path))
        .collect()
}

fn whole(
    from: &Side,
    to: &Side,
    moves: &[Move],
    edits: &mut BTreeMap<RepoPath, Edit>,
) -> Result<(), PlanError> {
    let (texts, copies) = splice(from, to, moves)?;
    for name in manifests(from).union(&manifests(to)) {
        match texts.get(name) {
            Some(text) => write_if_changed(to, name, text, edits),
            None if copies.contains(name) => {}
            None => copy_file(from, to, name, edits)?,
        }
    }
    Ok(())
}

fn partial(
    from: &Side,
    to: &Side,
    moves: &[Move],
    edits: &mut BTreeMap<RepoPath, Edit>,
) -> Result<(), PlanError> {
    let (texts, copies) = splice(to, from, moves)?;
    for (name, text) in &texts {
        write_if_changed(to, name, text, edits);
    }
    copies
        .iter()
        .try_for_each(|name| copy_file(from, to, name, edits))
}

fn write_if_changed(to: &Side, name: &str, text: &str, edits: &mut BTreeMap<RepoPath, Edit>) {
    let Some(path) = to.path(name) else { return };
    if text.is_empty() {
        if to.state.snapshot.entry(&path).is_some() {
            edits.insert(path, Edit::Delete);
        }
        return;
    }
    if !matches!(to.state.snapshot.text(&path), Ok(Some(old)) if old == text) {
        edits.insert(path, Edit::write(text.as_bytes()));
    }
}

/// Where a value of a unit stands in one side's manifests.
pub(super) fn place(side: &Side, unit: &UnitId, path: &Path) -> Option<NodeRef> {
    let tree = side.state.product.as_ref()?;
    match unit {
        UnitId::Product => Some(NodeRef {
            file: tree.product.file.clone(),
            document: 0,
            path: path.clone(),
        }),
        UnitId::Component(name) => {
            let node = tree.components.get(name)?;
            Some(NodeRef {
                file: node.file.clone(),
                document: node.document,
                path: node.path.join(path),
            })
        }
        UnitId::Template(_) | UnitId::File(_) => None,
    }
}

pub(super) fn relative(side: &Side, file: &RepoPath) -> String {
    file.strip_prefix(&side.state.entry.path)
        .map_or_else(|| file.to_string(), |path| path.to_string())
}
