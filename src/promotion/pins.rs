//! Repositories without a product manifest: there a component is a pin, and
//! only its tag and digest are promoted, never the image's name. A pin that
//! one side lacks is left alone, because nothing says where it would have to be
//! written. One whose places have different versions is compared place by place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::content::take_out;
use super::files::FileRules;
use super::places::{Where, disagrees, is_divided, is_place, on_both_sides};
use super::{Facts, Item, PlanError, Side};
use super::{Record, UnitId, Units};
use crate::product::pins::{Deployed, Pin, PinError, Site, Target, environment_pins, write};
use crate::product::{EnvironmentEntry, Repository};
use crate::repo::{Edit, RepoPath, Snapshot};
use crate::yaml::value_at;
use crate::yaml::{Path, Step, parse_values};

/// A pin that the target gets with the files in which it stands.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// Its unit and value.
    pub(super) unit: (UnitId, Value),
    /// The units of those files.
    pub(super) files: BTreeSet<RepoPath>,
}

/// Finds the pins of both sides.
pub(super) fn read(
    repository: &Repository,
    sides: [&mut Side; 2],
    rules: &FileRules,
) -> Result<(), PinError> {
    if sides.iter().any(|side| side.state.product.is_some()) {
        return Ok(());
    }
    for side in sides {
        let state = &side.state;
        let found = environment_pins(&state.snapshot, &state.entry, repository)?;
        side.pins = found.pins;
        // A file that is promoted as a whole takes what is pinned in it along, and a text
        // in one what is pinned in that.
        let of = |path: &RepoPath| side.path(path.as_str());
        let files = |whole: bool| -> BTreeSet<RepoPath> {
            let units = side.units.keys().filter_map(|unit| match unit {
                UnitId::File(path) if !whole || rules.whole.contains(path) => of(path),
                _ => None,
            });
            units.collect()
        };
        let (whole, all) = (files(true), files(false));
        let owned = &repository.promotion.environment_owned;
        let snapshot = &side.state.snapshot;
        for pin in &mut side.pins {
            let is_free = |site: &Site| {
                let taken =
                    whole.contains(site.file()) || (site.is_in_text() && all.contains(site.file()));
                let is_owned = || !owned.is_empty() && is_owned(snapshot, site, owned);
                !taken && !is_owned()
            };
            pin.sites.retain(is_free);
        }
        side.pins.retain(|pin| !pin.sites.is_empty());
    }
    Ok(())
}

/// Whether a place is one that belongs to the environment.
fn is_owned(snapshot: &Snapshot, site: &Site, owned: &[Path]) -> bool {
    let text = snapshot.text(site.file()).ok().flatten();
    let documents = text.and_then(|text| parse_values(text).ok());
    let document = documents.and_then(|documents| documents.into_iter().nth(site.document()));
    let Some(document) = document else {
        return false;
    };
    let mut rest = document.clone();
    for path in owned {
        take_out(&mut rest, path);
    }
    let mut paths = site.paths().into_iter();
    paths.any(|path| {
        let there = value_at(&document, &path);
        there.is_some() && value_at(&rest, &path) != there
    })
}

/// Adds the pins that both sides have to their units, and those of the target that
/// came by promotion and that the source no longer has. Says which come with files.
pub(super) fn add(
    repository: &Repository,
    source: &mut Side,
    target: &mut Side,
    records: &BTreeMap<UnitId, Record>,
) -> Vec<Arriving> {
    let names = |side: &Side| -> BTreeSet<_> {
        side.pins.iter().map(|pin| pin.component.clone()).collect()
    };
    let shared = &names(source) & &names(target);
    let is_shared = |pin: &Pin| shared.contains(&pin.component);
    let arriving = source.pins.iter().filter(|pin| !is_shared(pin));
    let arriving = arriving.filter_map(|pin| {
        Some(Arriving {
            files: files(source, pin)?,
            unit: place_of(repository, source).value(pin),
        })
    });
    let arriving = arriving.collect();
    let left = target.pins.iter().filter(|pin| {
        let unit = UnitId::Component(pin.component.clone());
        !is_shared(pin) && records.contains_key(&unit) && files(target, pin).is_some()
    });
    let left: Vec<_> = left
        .map(|pin| place_of(repository, target).value(pin))
        .collect();
    for side in [&mut *source, &mut *target] {
        side.pins.retain(is_shared);
    }
    for (unit, values) in compared(repository, source, target, records) {
        if let Some((theirs, ours)) = values {
            source.units.insert(unit.clone(), theirs);
            target.units.insert(unit, ours);
        }
    }
    target.units.extend(left);
    arriving
}

/// The units of the promoted files in which all of a pin stands.
fn files(side: &Side, pin: &Pin) -> Option<BTreeSet<RepoPath>> {
    let of = |file: &RepoPath| {
        let mut units = side.files.keys();
        units.find(|unit| side.path(unit.as_str()).as_ref() == Some(file))
    };
    let sites = pin.sites.iter();
    sites.map(|site| of(site.file()).cloned()).collect()
}

fn place_of<'a>(repository: &'a Repository, side: &'a Side) -> Where<'a> {
    Where {
        repository,
        snapshot: &side.state.snapshot,
        entry: &side.state.entry,
    }
}

/// The units of the pins that both sides have, with the source's value and the target's;
/// without values where they disagree and have no place in common.
fn compared(
    repository: &Repository,
    source: &Side,
    target: &Side,
    records: &BTreeMap<UnitId, Record>,
) -> Vec<(UnitId, Option<(Value, Value)>)> {
    let (from, to) = (place_of(repository, source), place_of(repository, target));
    let mut found = Vec::new();
    for theirs in &source.pins {
        let mut pins = target.pins.iter();
        let Some(ours) = pins.find(|pin| pin.component == theirs.component) else {
            continue;
        };
        let (unit, value) = from.value(theirs);
        let divided = records.get(&unit).is_some_and(is_divided);
        let values = match divided || disagrees(theirs) || disagrees(ours) {
            true => on_both_sides((from, theirs), (to, ours)),
            false => Some((value, to.value(ours).1)),
        };
        found.push((unit, values));
    }
    found
}

/// The pins of any state of an environment, as units.
///
/// # Errors
/// The first file or site that cannot be understood.
pub(crate) fn units(
    repository: &Repository,
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
) -> Result<Units, PinError> {
    let place = Where {
        repository,
        snapshot,
        entry,
    };
    let found = environment_pins(snapshot, entry, repository)?;
    Ok(found.pins.iter().map(|pin| place.value(pin)).collect())
}

/// The edits that give pins of `to` the versions that `from` has.
pub(super) fn edits(
    repository: &Repository,
    (from, to): (&Side, &Side),
    items: &[&Item],
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let mut changes = Vec::new();
    for item in items {
        let pin = |side: &Side| -> Option<Pin> {
            let mut pins = side.pins.iter();
            let pin = pins.find(|pin| UnitId::Component(pin.component.clone()) == item.unit)?;
            match is_place(&item.difference.path) {
                true => at_place(repository, side, pin, &item.difference.path),
                false => Some(pin.clone()),
            }
        };
        if let Some((new, old)) = pin(from).zip(pin(to)) {
            changes.extend(target_of(&new).map(|target| (old, target)));
        }
    }
    let changes: Vec<(&Pin, Target)> = changes
        .iter()
        .map(|(pin, target)| (pin, target.clone()))
        .collect();
    Ok(write(&to.state.snapshot, &changes)?)
}

/// A pin with one of its places alone.
fn at_place(repository: &Repository, side: &Side, pin: &Pin, path: &Path) -> Option<Pin> {
    let Some(Step::Key(name)) = path.last() else {
        return None;
    };
    let site = *place_of(repository, side).places(pin).get(name)?;
    Some(Pin {
        sites: vec![site.clone()],
        ..pin.clone()
    })
}

/// The files of the target in which the pin of a difference is written; with one place
/// alone, that of this place.
pub(crate) fn files_of(facts: &Facts, item: &Item) -> BTreeSet<RepoPath> {
    let target = &facts.target;
    let mut pins = target.pins.iter();
    let pin = pins.find(|pin| UnitId::Component(pin.component.clone()) == item.unit);
    let path = &item.difference.path;
    let pin = match is_place(path) {
        true => pin.and_then(|pin| at_place(&facts.repository, target, pin, path)),
        false => pin.cloned(),
    };
    let sites = pin.into_iter().flat_map(|pin| pin.sites);
    sites.map(|site| site.file().clone()).collect()
}

/// What a pin says, to be written elsewhere.
fn target_of(pin: &Pin) -> Option<Target> {
    match pin.deployed() {
        Some(image) => Some(Target::Image {
            tag: image.tag().cloned(),
            digest: image.digest().cloned(),
            pinned: image.digest().is_some(),
        }),
        None => pin.sites.iter().find_map(|site| match &site.deployed {
            Deployed::Version(version) => Some(Target::Version(version.clone())),
            Deployed::Image(_) => None,
        }),
    }
}
