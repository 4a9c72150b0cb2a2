//! Repositories without a product manifest: there a component is a pin, and
//! only its tag and digest are promoted, never the image's name. A pin that
//! stands on one side only is left alone, because nothing says where it would
//! have to be written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Item, PlanError, Side};
use crate::product::pins::{Deployed, Pin, PinError, Target, environment_pins, write};
use crate::product::{EnvironmentEntry, Repository, UnitId, Units};
use crate::repo::{Edit, RepoPath, Snapshot};

/// The key of a pin's value: `TAG`, `TAG@DIGEST` or `@DIGEST`.
pub(super) const VERSION: &str = "version";

/// Adds the pins that both sides have to their units.
pub(super) fn add(
    repository: &Repository,
    source: &mut Side,
    target: &mut Side,
) -> Result<(), PinError> {
    if source.state.product.is_some() || target.state.product.is_some() {
        return Ok(());
    }
    for side in [&mut *source, &mut *target] {
        let state = &side.state;
        let found = environment_pins(&state.snapshot, &state.entry, repository)?;
        side.pins = found.pins;
    }
    let names = |side: &Side| -> BTreeSet<_> {
        side.pins.iter().map(|pin| pin.component.clone()).collect()
    };
    let shared = &names(source) & &names(target);
    for side in [source, target] {
        side.pins.retain(|pin| shared.contains(&pin.component));
        side.units.extend(values(&side.pins));
    }
    Ok(())
}

/// The pins of any state of an environment, as units.
pub(super) fn units(
    repository: &Repository,
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
) -> Units {
    environment_pins(snapshot, entry, repository)
        .map(|found| values(&found.pins).collect())
        .unwrap_or_default()
}

fn values(pins: &[Pin]) -> impl Iterator<Item = (UnitId, Value)> {
    pins.iter().map(|pin| {
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
    })
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
