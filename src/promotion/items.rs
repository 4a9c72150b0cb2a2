//! Every difference between source and target, unit by unit and key path by key path.

use std::collections::BTreeSet;

use super::{Decision, Facts, Item, Line, Pasts, Unit, UnitId, confidential, is_place, judge};
use crate::yaml::Path;

/// Fewer units than this are not worth a thread.
const FEW: usize = 128;

/// Compares every chosen unit, key path by key path.
pub(super) fn items(facts: &Facts, chosen: Option<&BTreeSet<UnitId>>) -> Vec<Item> {
    let all = facts.all_units();
    // Many units are many hands' work.
    let (some, others) = all.split_at(all.len() / 2);
    if some.len() < FEW {
        return items_of(facts, chosen, &all);
    }
    let (mut items, others) = rayon::join(
        || items_of(facts, chosen, some),
        || items_of(facts, chosen, others),
    );
    items.extend(others);
    items
}

fn items_of(facts: &Facts, chosen: Option<&BTreeSet<UnitId>>, units: &[&UnitId]) -> Vec<Item> {
    let none = Pasts::default();
    let mut items = Vec::new();
    for &unit in units {
        if chosen.is_some_and(|chosen| !chosen.contains(unit)) {
            continue;
        }
        let lines = judge(&judged(facts, unit, &none)).into_iter();
        items.extend(lines.map(|Line { difference, marks }| Item {
            unit: unit.clone(),
            secrecy: confidential::of(facts, unit, &difference),
            difference,
            marks,
            decision: Decision::Ask,
            changed_by: None,
        }));
    }
    items
}

/// Whether it is about nothing but which image, or version, of a component that both
/// sides have.
pub(super) fn is_of_image(item: &Item) -> bool {
    let difference = &item.difference;
    let path = &difference.path;
    matches!(item.unit, UnitId::Component(_))
        && (*path == Path::of(["image"]) || *path == Path::of(["version"]) || is_place(path))
        && difference.ours.is_some()
        && difference.theirs.is_some()
}

/// All that a unit is judged by; `none` where nothing has to be known of its past.
pub(super) fn judged<'a>(facts: &'a Facts, unit: &UnitId, none: &'a Pasts) -> Unit<'a> {
    Unit {
        source: &facts.source.state.entry.name,
        record: facts.records.get(unit),
        ours: facts.target.units.get(unit),
        theirs: facts.source.units.get(unit),
        pasts: facts.pasts.get(unit).unwrap_or(none),
    }
}

/// Every difference between source and target, undecided.
pub fn compared(facts: &Facts) -> Vec<Item> {
    items(facts, None)
}

/// The items of these units, every one of them taken: what a choice would
/// come to if nothing had to be decided.
pub(super) fn taking_all(facts: &Facts, chosen: &BTreeSet<UnitId>) -> Vec<Item> {
    let mut items = items(facts, Some(chosen));
    for item in &mut items {
        item.decision = Decision::Take;
    }
    items
}
