//! The bytes that a promotion leaves on the target.
//!
//! A whole promotion starts from the source's files and puts back what the
//! target keeps: with nothing kept, the target's files become the source's,
//! blob for blob. A partial one starts from the target's files and splices in
//! the chosen units; every other byte stays.

use std::collections::{BTreeMap, BTreeSet};

use super::file_bytes::{Extent, Rules, moved};
use super::promoted_files::shared_name;
use super::splice::splice;
use super::{Facts, Item, PlanError, Side, pins, texts};
use super::{UnitId, listed};
use crate::product::NodeRef;
use crate::repo::{Edit, RepoPath};
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
    /// A scalar with its tag and style, where one is there.
    Scalar,
    /// The order of a list.
    Order,
}

impl Move {
    /// A value without the comments around it.
    fn value(unit: &UnitId, path: &Path) -> Self {
        let entry = Self::entry(unit, path);
        match entry.how {
            How::Entry => Self {
                how: How::Scalar,
                ..entry
            },
            _ => entry,
        }
    }

    fn entry(unit: &UnitId, path: &Path) -> Self {
        Self {
            unit: unit.clone(),
            path: path.clone(),
            how: match listed::list_of(path) {
                Some(_) => How::Order,
                None => How::Entry,
            },
        }
    }
}

fn rules<'a>(facts: &'a Facts, edited: &'a BTreeSet<UnitId>) -> Rules<'a> {
    let owned = facts.repository.promotion.environment_owned.as_slice();
    Rules { owned, edited }
}

/// The edits of the promoted files, by path in the repository. Units in `edited` keep
/// their text around the values.
pub(crate) fn result(
    facts: &Facts,
    items: &[Item],
    scope: Scope<'_>,
    edited: &BTreeSet<UnitId>,
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let (from, to) = (&facts.source, &facts.target);
    let mut edits = BTreeMap::new();
    for item in items.iter().filter(|item| item.decision.takes()) {
        files(from, to, item, &mut edits)?;
    }
    let without_product = to.state.product.is_none() && from.state.product.is_none();
    if without_product {
        let taken: Vec<_> = items.iter().filter(|item| item.decision.takes()).collect();
        edits.extend(pins::edits(&facts.repository, (from, to), &taken)?);
    }
    let both = (from, to, rules(facts, edited));
    match scope {
        Scope::Everything => moved(both, items, None, Extent::File, &mut edits)?,
        Scope::Units(chosen) => moved(both, items, Some(chosen), Extent::File, &mut edits)?,
        Scope::Images => {}
    }
    if without_product {
        return Ok(edits);
    }
    match scope {
        Scope::Everything if edited.iter().any(is_manifest_unit) => {
            partial(from, to, &beside_edits(facts, items, edited), &mut edits)?;
        }
        Scope::Everything => {
            let mut moves = kept(items);
            moves.extend(orders(from, to, items));
            whole(from, to, &moves, &mut edits)?;
        }
        Scope::Units(chosen) => {
            let mut moves = taken(facts, items, edited);
            moves.extend(texts_of(facts, items, edited, &|unit| {
                chosen.contains(unit)
            }));
            partial(from, to, &moves, &mut edits)?;
        }
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
        let items: Vec<_> = items.iter().collect();
        edits.extend(pins::edits(&facts.repository, (from, to), &items)?);
    }
    let edited = texts::edited(facts, &[]);
    let both = (from, to, rules(facts, &edited));
    moved(both, items, None, Extent::Values, &mut edits)?;
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

/// The orders of the target's lists that stay though the source has others: only the
/// target changed them, or nothing is known of that.
fn orders(from: &Side, to: &Side, items: &[Item]) -> Vec<Move> {
    let mut moves = Vec::new();
    let units = to.units.iter().filter(|(unit, _)| is_manifest_unit(unit));
    for (unit, ours) in units {
        let Some(theirs) = from.units.get(unit).filter(|theirs| *theirs != ours) else {
            continue;
        };
        let decided = |path: &Path| {
            let mut items = items.iter().filter(|item| item.unit == *unit);
            items.any(|item| path.starts_with(&item.difference.path))
        };
        let stay = listed::reordered(ours, theirs).into_iter();
        let stay = stay.filter(|path| !decided(path));
        moves.extend(stay.map(|path| Move::entry(unit, &path)));
    }
    moves
}

/// What a partial promotion brings into the target's manifests: whole blocks,
/// with their comments, where nothing in them is kept.
fn taken(facts: &Facts, items: &[Item], edited: &BTreeSet<UnitId>) -> Vec<Move> {
    let from = &facts.source;
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
        let edited = edited.contains(unit) && facts.target.units.contains_key(unit);
        let block = matches!(unit, UnitId::Component(_))
            && !edited
            && from.units.contains_key(unit)
            && !of_unit().any(|item| item.decision.keeps());
        if block {
            moves.push(Move::entry(unit, &Path::root()));
        } else {
            let paths = of_unit()
                .filter(|item| item.decision.takes())
                .map(|item| &item.difference.path);
            let entry = |path| match edited {
                true => Move::value(unit, path),
                false => Move::entry(unit, path),
            };
            moves.extend(paths.map(entry));
        }
    }
    moves
}

/// What a whole promotion brings where the text of some unit was edited on the target:
/// values there, and blocks of components everywhere else.
fn beside_edits(facts: &Facts, items: &[Item], edited: &BTreeSet<UnitId>) -> Vec<Move> {
    let mut moves = taken(facts, items, edited);
    moves.extend(texts_of(facts, items, edited, &|_| true));
    moves
}

/// The blocks of components of which nothing but the text changes.
fn texts_of(
    facts: &Facts,
    items: &[Item],
    edited: &BTreeSet<UnitId>,
    chosen: &dyn Fn(&UnitId) -> bool,
) -> Vec<Move> {
    let (from, to) = (&facts.source, &facts.target);
    let follows = |unit: &&UnitId| {
        let mut own = items.iter().filter(|item| item.unit == **unit);
        matches!(unit, UnitId::Component(_))
            && chosen(unit)
            && to.units.contains_key(*unit)
            && !edited.contains(*unit)
            && own.all(|item| item.decision == super::Decision::AlreadyThere)
            && listed::reordered(&to.units[*unit], &from.units[*unit]).is_empty()
    };
    let blocks = from.units.keys().filter(follows);
    blocks
        .map(|unit| Move::entry(unit, &Path::root()))
        .collect()
}

/// What a promotion of images brings: the texts alone.
fn images(items: &[Item]) -> Vec<Move> {
    let taken = items.iter().filter(|item| item.decision.takes());
    taken
        .map(|item| Move {
            how: How::Scalar,
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
    match (new, old) {
        (Some(new), old) if old.is_none_or(|old| old.id != new.id || old.kind != new.kind) => {
            let (id, kind) = (new.id.clone(), new.kind);
            edits.insert(to_path, Edit::Reuse { id, kind });
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

/// The path of a file below its environment, as units have it.
pub(super) fn relative(side: &Side, file: &RepoPath) -> String {
    let path = file.strip_prefix(&side.state.entry.path);
    shared_name(path.as_ref().unwrap_or(file).as_str(), None)
}

#[cfg(test)]
mod tests;
