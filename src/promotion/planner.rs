//! The plan: what differs, what becomes of it, and the bytes that follow.
//!
//! Pure: the same request and facts give the same plan, digest included.

use std::collections::BTreeSet;

use super::bytes::Scope;
use super::decisions::decide;
use super::digest::digest;
use super::items::{is_of_image, items};
use super::records::record_edits;
use super::selection::UnitSelector;
use super::versions::{product_name, templates, version, versions};
use super::{
    Decision, Facts, Item, Plan, PlanError, Refusal, Request, SelectError, UnitId, bytes, images,
    only, rename, warnings,
};
use crate::template::Rerendered;

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
    let ((records, warnings), outcome) = rayon::join(
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
