//! Repositories without a product manifest: there a component is a pin, and
//! only its tag and digest are promoted, never the image's name. A pin that
//! stands on one side only is left alone, because nothing says where it would
//! have to be written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::content::take_out;
use super::files::FileRules;
use super::{Item, PlanError, Side};
use super::{Record, UnitId, Units};
use crate::product::pins::{Deployed, Pin, PinError, Site, Target, environment_pins, write};
use crate::product::{EnvironmentEntry, Repository};
use crate::repo::{Edit, RepoPath, Snapshot};
use crate::yaml::value_at;
use crate::yaml::{Path, parse_values};

/// The key of a pin's value: `TAG`, `TAG@DIGEST` or `@DIGEST`.
pub(super) const VERSION: &str = "version";

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
            unit: value(pin),
        })
    });
    let arriving = arriving.collect();
    let left = target.pins.iter().filter(|pin| {
        let unit = UnitId::Component(pin.component.clone());
        !is_shared(pin) && records.contains_key(&unit) && files(target, pin).is_some()
    });
    let left: Vec<_> = left.map(value).collect();
    for side in [source, &mut *target] {
        side.pins.retain(is_shared);
        side.units.extend(side.pins.iter().map(value));
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

/// The pins of any state of an environment, as units.
pub(crate) fn units(
    repository: &Repository,
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
) -> Units {
    environment_pins(snapshot, entry, repository)
        .map(|found| found.pins.iter().map(value).collect())
        .unwrap_or_default()
}

fn value(pin: &Pin) -> (UnitId, Value) {
    let text = match pin.deployed() {
        Some(image) => {
            let tag = image.tag().map(ToString::to_string).unwrap_or_default();
            let digest = image.digest().map(|digest| format!("@{digest}"));
            tag + &digest.unwrap_or_default()
        }
        None => version(pin).unwrap_or_default(),
    };
    let unit = UnitId::Component(pin.component.clone());
    (unit, json!({ VERSION: text }))
}

/// The version of something that is no image.
fn version(pin: &Pin) -> Option<String> {
    pin.sites.iter().find_map(|site| match &site.deployed {
        Deployed::Version(version) => Some(version.clone()),
        Deployed::Image(_) => None,
    })
}

/// The edits that give pins of `to` the versions that `from` has.
pub(super) fn edits(
    from: &Side,
    to: &Side,
    items: &[&Item],
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let of = |side: &'_ Side, unit: &UnitId| {
        let name = |pin: &&Pin| UnitId::Component(pin.component.clone()) == *unit;
        side.pins.iter().position(|pin| name(&pin))
    };
    let mut changes = Vec::new();
    for item in items {
        let (Some(new), Some(old)) = (of(from, &item.unit), of(to, &item.unit)) else {
            continue;
        };
        let target = match from.pins[new].deployed() {
            Some(image) => Some(Target::Image {
                tag: image.tag().cloned(),
                digest: image.digest().cloned(),
                pinned: image.digest().is_some(),
            }),
            None => version(&from.pins[new]).map(Target::Version),
        };
        if let Some(target) = target {
            changes.push((&to.pins[old], target));
        }
    }
    Ok(write(&to.state.snapshot, &changes)?)
}
