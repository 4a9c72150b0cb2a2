//! Promoted files as units: which of them are compared by key path, what in them
//! belongs to the environment or to a pin, and one form for all sides of a comparison.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::content::{Content, by_items, is_sealed, is_together, take_out, together};
use super::{Record, UnitId, Units};
use super::{Side, dotenv, mode, places};
use crate::product::Repository;
use crate::repo::{Entry, RepoPath, Snapshot};
use crate::yaml::Path;

/// How a promoted file that is compared by key path stands on one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// It has key paths that belong to the environment.
    pub environment: bool,
    /// It has places of pins, which are units of their own.
    pub pins: bool,
}

/// What a side's files hold, by unit.
type Contents = BTreeMap<RepoPath, Content>;

/// How the promoted files of two sides are compared.
#[derive(Debug, Default)]
pub(crate) struct FileRules {
    environment: Vec<Path>,
    /// Files that are one value.
    pub(super) whole: BTreeSet<RepoPath>,
    encrypted: BTreeSet<RepoPath>,
    /// Those of them that only the first side has.
    pub(crate) left: Vec<RepoPath>,
    pins: BTreeMap<RepoPath, BTreeSet<Path>>,
}

impl FileRules {
    /// Reads the files of both sides. What is encrypted on either is no unit.
    pub(crate) fn read(repository: &Repository, sides: [&Side; 2]) -> Self {
        let mut rules = Self {
            environment: repository.promotion.environment_owned.clone(),
            ..Self::default()
        };
        for side in sides {
            for (unit, content) in contents(side) {
                match content {
                    Content::Encrypted => {
                        if !sides[1].units.contains_key(&UnitId::File(unit.clone())) {
                            rules.left.push(unit.clone());
                        }
                        rules.encrypted.insert(unit);
                    }
                    Content::Whole => {
                        rules.whole.insert(unit);
                    }
                    Content::Documents(documents) => {
                        let open = open(&documents);
                        let mut value = match open.as_slice() {
                            [only] => Some(only.clone()),
                            several => together(several),
                        };
                        let entry = entry(side, &unit);
                        if !value.as_mut().is_some_and(|value| mode::add(value, entry)) {
                            rules.whole.insert(unit);
                        }
                    }
                }
            }
        }
        rules
    }

    /// Leaves the places of the pins that both sides have to those pins.
    pub(super) fn leave_pins(&mut self, sides: [&Side; 2]) {
        for side in sides {
            let paths = unit_paths(&side.units);
            let by_file: BTreeMap<RepoPath, &RepoPath> = paths
                .iter()
                .filter_map(|unit| Some((side.path(unit.as_str())?, unit)))
                .collect();
            for site in side.pins.iter().flat_map(|pin| &pin.sites) {
                let Some(unit) = by_file.get(site.file()) else {
                    continue;
                };
                let Content::Documents(documents) = content(side, unit) else {
                    continue;
                };
                let Some(document) = documents.get(site.document()) else {
                    continue;
                };
                let owned = self.pins.entry((*unit).clone()).or_default();
                owned.extend(site.paths().iter().map(|path| by_items(document, path)));
            }
        }
    }

    /// Gives a side's files the values that are compared.
    pub(crate) fn apply(&self, side: &mut Side) {
        for unit in unit_paths(&side.units) {
            let id = UnitId::File(unit.clone());
            if self.encrypted.contains(&unit) {
                side.units.remove(&id);
                continue;
            }
            let content = content(side, &unit);
            if let Some((mut value, shares)) = self.value(&unit, content) {
                mode::add(&mut value, entry(side, &unit));
                side.units.insert(id, value);
                side.files.insert(unit, shares);
            }
        }
    }

    /// The same for the units of a state that is no side.
    pub(crate) fn apply_to(
        &self,
        units: &mut Units,
        snapshot: &Snapshot,
        path: &dyn Fn(&str) -> Option<RepoPath>,
    ) {
        for unit in unit_paths(units) {
            let id = UnitId::File(unit.clone());
            if self.encrypted.contains(&unit) {
                units.remove(&id);
                continue;
            }
            let path = path(unit.as_str());
            let content = path.as_ref().map(|path| read(snapshot, &unit, path));
            let value = content.and_then(|content| self.value(&unit, content));
            if let Some((mut value, _)) = value {
                mode::add(&mut value, path.and_then(|path| snapshot.entry(&path)));
                units.insert(id, value);
            }
        }
    }

    /// Encrypted files have no record either.
    pub(crate) fn forget_encrypted(&self, records: &mut BTreeMap<UnitId, Record>) {
        records.retain(|unit, _| match unit {
            UnitId::File(path) => !self.encrypted.contains(path),
            _ => true,
        });
    }

    /// The value of a file that is compared by key path; `None`: its id is its value.
    fn value(&self, unit: &RepoPath, content: Content) -> Option<(Value, Shares)> {
        let Content::Documents(documents) = content else {
            return None;
        };
        if self.whole.contains(unit) {
            return None;
        }
        let mut open = open(&documents);
        let mut shares = Shares {
            environment: open.len() < documents.len(),
            pins: false,
        };
        for document in &mut open {
            for owned in self.pins.get(unit).into_iter().flatten() {
                shares.pins |= take_out(document, owned);
            }
            for owned in &self.environment {
                let owned = owned_in(unit, owned);
                shares.environment |= take_out(document, &owned);
            }
        }
        let value = match open.as_slice() {
            [only] => only.clone(),
            several => together(several)?,
        };
        Some((value, shares))
    }
}

/// A path that belongs to the environment, as the values of a file have it: in files of
/// `KEY=VALUE` lines a path of several keys is one key with dots.
fn owned_in<'p>(unit: &RepoPath, owned: &'p Path) -> Cow<'p, Path> {
    match dotenv::key_of(owned).filter(|_| dotenv::is_named(unit)) {
        Some(key) => Cow::Owned(Path::of([key])),
        None => Cow::Borrowed(owned),
    }
}

/// The documents that are not encrypted.
fn open(documents: &[Value]) -> Vec<Value> {
    let open = documents.iter().filter(|document| !is_sealed(document));
    open.cloned().collect()
}

fn unit_paths(units: &Units) -> Vec<RepoPath> {
    let files = units.keys().filter_map(|unit| match unit {
        UnitId::File(path) => Some(path.clone()),
        _ => None,
    });
    files.collect()
}

fn contents(side: &Side) -> Contents {
    let paths = unit_paths(&side.units).into_iter();
    paths
        .map(|unit| {
            let content = content(side, &unit);
            (unit, content)
        })
        .collect()
}

fn content(side: &Side, unit: &RepoPath) -> Content {
    match side.path(unit.as_str()) {
        Some(path) => read(&side.state.snapshot, unit, &path),
        None => Content::Whole,
    }
}

fn entry<'s>(side: &'s Side, unit: &RepoPath) -> Option<&'s Entry> {
    side.state.snapshot.entry(&side.path(unit.as_str())?)
}

/// A link, and a file that is too large to be read, are one value.
fn read(snapshot: &Snapshot, unit: &RepoPath, path: &RepoPath) -> Content {
    match snapshot.bytes(path) {
        Ok(Some(bytes)) => Content::of(unit, bytes),
        _ => Content::Whole,
    }
}

/// Makes one form of all values of a file: where it has several objects on one side,
/// a single one on another is compared with the object of its name. The same for the
/// values of a pin.
pub(crate) fn align(
    source: &mut Units,
    target: &mut Units,
    records: &mut BTreeMap<UnitId, Record>,
    base: Option<&mut Units>,
) {
    let mut base = base;
    places::align(source, target, records, base.as_deref_mut());
    let all = source.keys().chain(target.keys());
    let files = all.filter(|unit| matches!(unit, UnitId::File(_)));
    let files: BTreeSet<UnitId> = files.cloned().collect();
    for unit in files {
        let content = records.get_mut(&unit).and_then(|it| it.content.as_mut());
        let then = base.as_mut().and_then(|base| base.get_mut(&unit));
        let mut all: Vec<&mut Value> =
            [source.get_mut(&unit), target.get_mut(&unit), content, then]
                .into_iter()
                .flatten()
                .collect();
        if !all.iter().any(|value| is_together(value)) {
            continue;
        }
        for value in all.iter_mut().filter(|value| !is_together(value)) {
            let mode = mode::take(value);
            if let Some(alone) = together(std::slice::from_ref(&**value)) {
                **value = alone;
            }
            if let (Some(mode), Value::Object(map)) = (mode, &mut **value) {
                map.insert(mode::MODE.to_owned(), mode);
            }
        }
    }
}
