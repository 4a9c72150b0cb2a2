//! The plan: what differs, what becomes of it, and the bytes that follow.
//!
//! Pure: the same request and facts give the same plan, digest included.

use std::collections::{BTreeMap, BTreeSet};

use super::bytes::Scope;
use super::decisions::decide;
use super::digest::Approved;
use super::items::{is_of_image, items};
use super::records::record_edits;
use super::selection::UnitSelector;
use super::versions::{product_name, templates, version, versions};
use super::{
    Decision, Facts, Item, Plan, PlanError, Refusal, Request, SelectError, UnitId, bytes, gate,
    images, only, rename, warnings,
};
use crate::product::CommitAction;
use crate::repo::RepoPath;
use crate::template::Rerendered;

/// Makes the plan for `request` from `facts`.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan, PlanError> {
    let chosen = chosen(request, facts)?;
    let mut items = items(facts, chosen.as_ref());
    if request.images_only {
        items.retain(is_of_image);
    }
    let unreached = decide(request, facts, &mut items)?;
    let scope = match (&chosen, request.images_only) {
        (_, true) => Scope::Images,
        (Some(chosen), false) => Scope::Units(chosen),
        (None, false) => Scope::Everything,
    };
    let mut result = bytes::result(facts, &items, scope)?;
    result.extend(rename::overrides(facts, &items)?);
    let ((records, mut warnings), outcome) = rayon::join(
        || {
            let everything = matches!(scope, Scope::Everything);
            let records = record_edits(request, facts, &items, chosen.as_ref());
            (records, warnings::of(facts, &items, everything))
        },
        || facts.rerender(&result),
    );
    warnings.extend(unreached.iter().map(ToString::to_string));
    let outcome = match (outcome, &chosen) {
        (Err(PlanError::Result(error)), Some(chosen)) if !request.images_only => {
            let Some(refusal) = only::incomplete(facts, &items, chosen)? else {
                return Err(PlanError::Result(error));
            };
            return unfinished(request, facts, items, refusal);
        }
        (outcome, _) => outcome?,
    };
    let mut edits = result;
    let mut outcome = outcome;
    keep_edited(request, facts, &mut outcome);
    edits.extend(outcome.edits.clone());
    edits.extend(records);
    let refusals = refusals(request, facts, &items, chosen.as_ref(), &outcome)?;
    Ok(Plan {
        warnings,
        refusals,
        edits,
        ..finish(request, facts, items, outcome)
    })
}

/// Leaves rendered files alone that were edited by hand and are to be kept.
fn keep_edited(request: &Request, facts: &Facts, outcome: &mut Rerendered) {
    let kept = |path: &RepoPath| {
        let mut edited = facts.stale.iter().filter(|file| file.edited);
        let named = request
            .keep
            .iter()
            .any(|word| word == "all" || word == path.as_str());
        named && edited.any(|file| file.path == *path)
    };
    let before = outcome.edits.len();
    outcome.edits.retain(|path, _| !kept(path));
    outcome.changes.retain(|change| !kept(&change.path));
    if outcome.edits.len() < before {
        // What is committed then is not what the sources render to.
        outcome.proof = None;
    }
}

/// What a plan says of its items and of what they render to.
fn finish(request: &Request, facts: &Facts, items: Vec<Item>, outcome: Rerendered) -> Plan {
    let (source, target) = (&facts.source.state, &facts.target.state);
    let product = outcome.product.as_ref();
    let digest = Approved {
        action: CommitAction::Promote,
        facts,
        request: request.approved(),
        overrides: &request.overrides,
        items: &items,
        rendered: &outcome.edits,
    }
    .digest();
    Plan {
        product: product_name(facts),
        // What the written tree says, which a choice of units may leave as it is.
        version: (version(target.product.as_ref()), version(product)),
        source: (source.entry.name.clone(), source.commit.clone()),
        target: (target.entry.name.clone(), target.commit.clone()),
        versions: versions(facts, &items, product),
        images: images::brought(facts, &items, product),
        templates: templates(&items, product),
        warnings: Vec::new(),
        rendered: outcome.changes,
        rendering: outcome.rendering,
        known: outcome.known,
        proof: outcome.proof,
        stale: facts.stale.clone(),
        items,
        refusals: Vec::new(),
        edits: BTreeMap::new(),
        digest,
    }
}

/// The plan of a choice that is not a valid product by itself: it says what is missing.
fn unfinished(
    request: &Request,
    facts: &Facts,
    items: Vec<Item>,
    refusal: Refusal,
) -> Result<Plan, PlanError> {
    let nothing = facts.rerender(&BTreeMap::new())?;
    let mut plan = finish(request, facts, items, nothing);
    plan.refusals.push(refusal);
    Ok(plan)
}

/// Every difference between source and target, with what a promotion without any choice
/// would decide about it.
pub fn decided(facts: &Facts) -> Result<Vec<Item>, PlanError> {
    let mut items = items(facts, None);
    decide(&Request::default(), facts, &mut items)?;
    Ok(items)
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
    refusals.extend(gate::order(facts, &request.overrides));
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
