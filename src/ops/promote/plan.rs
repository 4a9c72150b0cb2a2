//! The plan: what differs, what becomes of it, and the bytes that follow.
//!
//! Pure: the same request and facts give the same plan, digest included.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::bytes::Scope;
use super::records::record_edits;
use super::select::{UnitSelector, diverged};
use super::{
    Decision, Facts, Item, Plan, PlanError, Refusal, Request, SelectError, VersionChange, bytes,
    confidential, images, only, pins, rename, warnings,
};
use crate::image::Digest;
use crate::ops::rerender::{Rerendered, describe};
use crate::ops::together;
use crate::product::{
    Base, Class, ComponentName, ProductTree, UnitId, canonical, compare, content_digest,
};
use crate::repo::{Edit, RepoPath};
use crate::yaml::Path;

/// Fewer units than this are not worth a thread.
const FEW: usize = 128;

/// Makes the plan for `request` from `facts`.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan, PlanError> {
    let chosen = chosen(request, facts)?;
    let mut items = items(facts, chosen.as_ref());
    if request.images_only {
        items.retain(is_of_image);
    }
    decide(request, facts, &mut items)?;
    let scope = match (&chosen, request.images_only) {
        (_, true) => Scope::Images,
        (Some(chosen), false) => Scope::Units(chosen),
        (None, false) => Scope::Everything,
    };
    let mut result = bytes::result(facts, &items, scope)?;
    result.extend(rename::overrides(facts, &items)?);
    let ((records, warnings), outcome) = together::both(
        || {
            let everything = matches!(scope, Scope::Everything);
            let records = record_edits(request, facts, &items, chosen.as_ref());
            (records, warnings::of(facts, &items, everything))
        },
        || facts.rerender(&result),
    );
    let outcome = outcome?;
    let records = records?;
    let mut edits = result;
    edits.extend(outcome.edits.clone());
    // That something was reverted is written down with the next change, not for its own sake.
    let refused = items.iter().any(|item| item.decision == Decision::Refused);
    let settles = items.iter().any(|item| item.decision != Decision::Refused);
    if !refused || settles || !edits.is_empty() {
        edits.extend(records);
    }
    let refusals = refusals(request, facts, &items, chosen.as_ref(), &outcome)?;
    let digest = digest(facts, &items, &outcome.edits);
    Ok(Plan {
        product: product_name(facts),
        version: (
            version(facts.target.state.product.as_ref()),
            version(match request.images_only {
                true => facts.target.state.product.as_ref(),
                false => facts.source.state.product.as_ref(),
            }),
        ),
        source: (
            facts.source.state.entry.name.clone(),
            facts.source.state.commit.clone(),
        ),
        target: (
            facts.target.state.entry.name.clone(),
            facts.target.state.commit.clone(),
        ),
        versions: versions(facts, &items, outcome.product.as_ref()),
        images: images::brought(facts, &items, outcome.product.as_ref()),
        templates: templates(&items, outcome.product.as_ref()),
        warnings,
        rendered: outcome.changes,
        rendering: outcome.rendering,
        known: outcome.known,
        proof: outcome.proof,
        stale: facts.stale.clone(),
        items,
        refusals,
        edits,
        digest,
    })
}

/// The units named by `--only`; `None`: all of them.
fn chosen(request: &Request, facts: &Facts) -> Result<Option<BTreeSet<UnitId>>, SelectError> {
    if request.only.is_empty() {
        return Ok(None);
    }
    let known: BTreeSet<&UnitId> = facts
        .source
        .units
        .keys()
        .chain(facts.target.units.keys())
        .collect();
    request
        .only
        .iter()
        .map(|word| UnitSelector::new(word).find("--only", known.iter().copied()))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// Compares every chosen unit, key path by key path.
fn items(facts: &Facts, chosen: Option<&BTreeSet<UnitId>>) -> Vec<Item> {
    let all = facts.all_units();
    // Many units are many hands' work.
    let (some, others) = all.split_at(all.len() / 2);
    if some.len() < FEW {
        return items_of(facts, chosen, &all);
    }
    let (mut items, others) = together::both(
        || items_of(facts, chosen, some),
        || items_of(facts, chosen, others),
    );
    items.extend(others);
    items
}

fn items_of(facts: &Facts, chosen: Option<&BTreeSet<UnitId>>, units: &[&UnitId]) -> Vec<Item> {
    let mut items = Vec::new();
    for &unit in units {
        if chosen.is_some_and(|chosen| !chosen.contains(unit)) {
            continue;
        }
        let differences = compare(
            base_of(facts, unit),
            facts.target.units.get(unit),
            facts.source.units.get(unit),
        );
        items.extend(differences.into_iter().map(|difference| Item {
            unit: unit.clone(),
            secrecy: confidential::of(facts, unit, &difference),
            difference,
            decision: Decision::Ask,
            changed_by: None,
        }));
    }
    items
}

/// Whether it is about nothing but which image, or version, of a component that both
/// sides have.
fn is_of_image(item: &Item) -> bool {
    let difference = &item.difference;
    let path = &difference.path;
    matches!(item.unit, UnitId::Component(_))
        && (*path == Path::of(["image"]) || *path == Path::of(["version"]))
        && difference.ours.is_some()
        && difference.theirs.is_some()
}

/// What was last promoted of a unit: its record, else the merge base, else nothing known.
pub(super) fn base_of<'a>(facts: &'a Facts, unit: &UnitId) -> Base<'a> {
    match (facts.records.get(unit), &facts.merge_base) {
        (Some(record), _) => record.base(),
        (None, Some((_, units))) => Base::Known(units.get(unit)),
        (None, None) => Base::Unknown,
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

fn decide(request: &Request, facts: &Facts, items: &mut [Item]) -> Result<(), PlanError> {
    let keep: BTreeSet<usize> = diverged("--keep", &request.keep, items)?
        .into_iter()
        .collect();
    let overwrite: BTreeSet<usize> = diverged("--overwrite", &overwritten(request, facts), items)?
        .into_iter()
        .collect();
    if let Some(both) = keep.intersection(&overwrite).next() {
        return Err(SelectError::Both(items[*both].label()).into());
    }
    let refused = refused_units(request, facts)?;
    for (index, item) in items.iter_mut().enumerate() {
        let record = facts.records.get(&item.unit);
        let kept_before = record.is_some_and(|record| {
            record.keeps(&item.difference.path, item.difference.theirs.as_ref())
        });
        item.decision = match item.difference.class {
            _ if refused.contains(&item.unit) => Decision::Refused,
            Class::Change | Class::Removal => Decision::Take,
            Class::AlreadyThere => Decision::AlreadyThere,
            Class::Hotfix | Class::Conflict if keep.contains(&index) => Decision::Keep,
            Class::Hotfix | Class::Conflict if overwrite.contains(&index) => Decision::Overwrite,
            Class::Hotfix | Class::Conflict if kept_before => Decision::Kept,
            Class::Hotfix | Class::Conflict => Decision::Ask,
        };
    }
    Ok(())
}

/// The words after `--overwrite` that are no rendered files.
fn overwritten(request: &Request, facts: &Facts) -> Vec<String> {
    let rendered = |word: &String| facts.stale.iter().any(|file| file.path.as_str() == word);
    let words = request.overwrite.iter();
    words.filter(|word| !rendered(word)).cloned().collect()
}

/// Units whose present content in the source was rolled back on the target.
fn refused_units(request: &Request, facts: &Facts) -> Result<BTreeSet<UnitId>, SelectError> {
    let mut released = BTreeSet::new();
    for word in &request.release {
        released.insert(UnitSelector::new(word).find("--release", facts.source.units.keys())?);
    }
    Ok(facts
        .source
        .units
        .iter()
        .filter(|(unit, _)| !released.contains(*unit))
        .filter(|(unit, value)| {
            let record = facts.records.get(*unit);
            let reverted = facts.reverted.get(*unit);
            record.is_some_and(|record| record.refuses(value).is_some())
                || reverted.is_some_and(|refused| refused.digest == content_digest(value))
        })
        .map(|(unit, _)| unit.clone())
        .collect())
}

fn refusals(
    request: &Request,
    facts: &Facts,
    items: &[Item],
    chosen: Option<&BTreeSet<UnitId>>,
    outcome: &Rerendered,
) -> Result<Vec<Refusal>, PlanError> {
    let mut refusals = Vec::new();
    let expected = &facts.target.state.entry.promote_from;
    if expected.as_ref() != Some(&facts.source.state.entry.name)
        && !request.overrides.contains_key("order")
    {
        refusals.push(Refusal::Order {
            expected: expected.clone(),
        });
    }
    let count = items
        .iter()
        .filter(|item| item.decision == Decision::Ask)
        .count();
    if count > 0 {
        refusals.push(Refusal::Diverged { count });
    }
    let lost: Vec<_> = facts
        .stale
        .iter()
        .filter(|file| file.edited && outcome.edits.contains_key(&file.path))
        .filter(|file| {
            !request
                .overwrite
                .iter()
                .any(|word| word == file.path.as_str())
        })
        .map(|file| file.path.clone())
        .collect();
    if !lost.is_empty() {
        refusals.push(Refusal::RenderedHotfix { paths: lost });
    }
    // Images by themselves take no template along, and are not meant to.
    if let Some(chosen) = chosen.filter(|_| !request.images_only) {
        refusals.extend(only::incomplete(facts, items, chosen)?);
    }
    Ok(refusals)
}

pub(crate) fn versions(
    facts: &Facts,
    items: &[Item],
    result: Option<&ProductTree>,
) -> Vec<VersionChange> {
    let of = |tree: Option<&ProductTree>, name: &ComponentName| {
        tree.and_then(|tree| tree.components.get(name))
            .and_then(|node| node.component.version_label())
    };
    let target = facts.target.state.product.as_ref();
    let mut names: BTreeSet<&ComponentName> = BTreeSet::new();
    for tree in [target, result].into_iter().flatten() {
        names.extend(tree.components.keys());
    }
    let written = names.into_iter().map(|name| VersionChange {
        component: name.clone(),
        from: of(target, name),
        to: of(result, name),
    });
    written
        .filter(|change| change.from != change.to)
        .chain(items.iter().filter_map(pinned))
        .collect()
}

/// The version change of a pin that is no part of a product manifest.
pub(super) fn pinned(item: &Item) -> Option<VersionChange> {
    let UnitId::Component(component) = &item.unit else {
        return None;
    };
    if !item.decision.takes() || item.difference.path != Path::of([pins::VERSION]) {
        return None;
    }
    let tag = |value: &Option<Value>| {
        let text = value.as_ref()?.as_str()?;
        let tag = text.split('@').next().filter(|tag| !tag.is_empty());
        Some(tag.unwrap_or(text).to_owned())
    };
    Some(VersionChange {
        component: component.clone(),
        from: tag(&item.difference.ours),
        to: tag(&item.difference.theirs),
    })
}

pub(crate) fn templates(items: &[Item], result: Option<&ProductTree>) -> Vec<(String, usize)> {
    let changed: BTreeSet<_> = items
        .iter()
        .filter(|item| item.decision.takes())
        .filter_map(|item| match &item.unit {
            UnitId::Template(name) => Some(name),
            _ => None,
        })
        .collect();
    changed
        .into_iter()
        .map(|name| {
            let users = result.map_or(0, |tree| {
                tree.components
                    .keys()
                    .filter(|component| tree.template_chain(component).contains(&name))
                    .count()
            });
            (name.to_string(), users)
        })
        .collect()
}

fn product_name(facts: &Facts) -> Option<String> {
    let tree = facts
        .source
        .state
        .product
        .as_ref()
        .or(facts.target.state.product.as_ref())?;
    Some(tree.product.name.to_string())
}

pub(crate) fn version(tree: Option<&ProductTree>) -> Option<String> {
    tree.and_then(|tree| {
        tree.product
            .version
            .as_ref()
            .map(|version| version.value.clone())
    })
}

/// SHA-256 over every change that is taken and every rendered file that
/// changes: the same plan on a target that moved elsewhere keeps its digest.
///
/// It is over the real values, hidden ones as well, and it is shown. A digest of a short
/// secret alone could be guessed, so a unit that hides something counts with all that it
/// holds on both sides.
pub(crate) fn digest(facts: &Facts, items: &[Item], rendered: &BTreeMap<RepoPath, Edit>) -> String {
    let mut text = String::new();
    let hiding = items.iter().filter(|item| item.hides());
    let hiding: BTreeSet<&UnitId> = hiding.map(|item| &item.unit).collect();
    for unit in hiding {
        for side in [&facts.source, &facts.target] {
            if let Some(value) = side.units.get(unit) {
                canonical(value, &mut text);
            }
            text.push('\0');
        }
    }
    for item in items
        .iter()
        .filter(|item| item.decision != Decision::AlreadyThere)
    {
        let difference = &item.difference;
        let _ = write!(
            text,
            "{:?} {} {}\0",
            item.decision, item.unit, difference.path
        );
        for value in [&difference.ours, &difference.theirs] {
            match value {
                Some(value) => canonical(value, &mut text),
                None => text.push('-'),
            }
            text.push('\0');
        }
    }
    describe(rendered, &mut text);
    Digest::sha256(text.as_bytes()).to_string()
}
