//! `--only` must not give a component another result than the source's
//! template and defaults do: what has to come along, and whom else it changes.

use std::collections::{BTreeMap, BTreeSet};

use super::UnitId;
use super::bytes::Scope;
use super::{Facts, Item, PlanError, Refusal, bytes, items, texts};
use crate::product::{ComponentName, TemplateName};
use crate::repo::{Edit, RepoPath};
use crate::template::Rerendered;

/// The refusal for a choice that would come out differently, if it would.
pub(super) fn incomplete(
    facts: &Facts,
    items: &[Item],
    chosen: &BTreeSet<UnitId>,
) -> Result<Option<Refusal>, PlanError> {
    let mut missing = differing_inputs(facts, chosen);
    if missing.is_empty() {
        return Ok(None);
    }
    let partial = match render(facts, items, chosen) {
        Ok(partial) => Some(partial),
        // By themselves the chosen units are not a valid product.
        Err(PlanError::Result(_)) => None,
        Err(error) => return Err(error),
    };
    let complete = match along(facts, items, chosen, &missing) {
        // The source's manifest may include files of components that are not chosen.
        Err(PlanError::Result(_)) => {
            missing.extend(newcomers(facts, chosen));
            along(facts, items, chosen, &missing)?
        }
        complete => complete?,
    };
    let of_chosen =
        |component: &ComponentName| chosen.contains(&UnitId::Component(component.clone()));
    let differs = match &partial {
        Some(partial) => {
            let differs = differing_components(facts, partial, &complete);
            if !differs.iter().any(of_chosen) {
                return Ok(None);
            }
            differs
        }
        None => complete
            .changes
            .iter()
            .map(|it| it.component.clone())
            .collect(),
    };
    let also_changes = differs
        .into_iter()
        .filter(|component| !of_chosen(component))
        .collect();
    let word = |unit: &UnitId| match unit {
        UnitId::Product => "defaults".to_owned(),
        UnitId::Template(name) => format!("template/{name}"),
        other => other.to_string(),
    };
    Ok(Some(Refusal::Incomplete {
        missing: missing.iter().map(word).collect(),
        also_changes,
    }))
}

/// Templates of the chosen components, and the defaults, that differ between
/// source and target and were not chosen.
fn differing_inputs(facts: &Facts, chosen: &BTreeSet<UnitId>) -> BTreeSet<UnitId> {
    let mut inputs = BTreeSet::new();
    let Some(tree) = &facts.source.state.product else {
        return inputs;
    };
    let templates = |names: Vec<&TemplateName>| -> Vec<UnitId> {
        let units = names.into_iter().cloned().map(UnitId::Template);
        units.collect()
    };
    for unit in chosen {
        match unit {
            UnitId::Component(name) => {
                inputs.insert(UnitId::Product);
                inputs.extend(templates(tree.template_chain(name)));
            }
            UnitId::Template(name) => inputs.extend(templates(tree.extended_by(name))),
            UnitId::Product | UnitId::File(_) => {}
        }
    }
    inputs.retain(|unit| {
        !chosen.contains(unit) && facts.source.units.get(unit) != facts.target.units.get(unit)
    });
    inputs
}

/// The components that only the source has, besides the chosen ones.
fn newcomers(facts: &Facts, chosen: &BTreeSet<UnitId>) -> impl Iterator<Item = UnitId> {
    let new = |unit: &&UnitId| {
        matches!(unit, UnitId::Component(_))
            && !facts.target.units.contains_key(*unit)
            && !chosen.contains(*unit)
    };
    facts.source.units.keys().filter(new).cloned()
}

/// What comes out when the missing units are taken along. What is kept of the chosen
/// ones is kept either way.
fn along(
    facts: &Facts,
    items: &[Item],
    chosen: &BTreeSet<UnitId>,
    missing: &BTreeSet<UnitId>,
) -> Result<Rerendered, PlanError> {
    let mut all = items.to_vec();
    all.extend(items::taking_all(facts, missing));
    let fuller = chosen.union(missing).cloned().collect();
    render(facts, &all, &fuller)
}

fn render(
    facts: &Facts,
    items: &[Item],
    chosen: &BTreeSet<UnitId>,
) -> Result<Rerendered, PlanError> {
    let edits = bytes::result(
        facts,
        items,
        Scope::Units(chosen),
        &texts::edited(facts, &[]),
    )?;
    facts.rerender(&edits)
}

/// Components with a rendered file that differs between two renderings.
fn differing_components(facts: &Facts, a: &Rerendered, b: &Rerendered) -> BTreeSet<ComponentName> {
    let owner: BTreeMap<&RepoPath, &ComponentName> = a
        .changes
        .iter()
        .chain(&b.changes)
        .map(|change| (&change.path, &change.component))
        .collect();
    let now = |outcome: &Rerendered, path: &RepoPath| match outcome.edits.get(path) {
        Some(Edit::Write { bytes, .. }) => Some(crate::repo::blob_id(bytes)),
        Some(Edit::Reuse { id, .. }) => Some(id.clone()),
        Some(Edit::Delete) => None,
        None => facts
            .target
            .state
            .snapshot
            .entry(path)
            .map(|entry| entry.id.clone()),
    };
    owner
        .into_iter()
        .filter(|(path, _)| now(a, path) != now(b, path))
        .map(|(_, component)| component.clone())
        .collect()
}
