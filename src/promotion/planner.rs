//! The plan: what differs, what becomes of it, and the bytes that follow.
//!
//! Pure: the same request and facts give the same plan, digest included.

use std::collections::{BTreeMap, BTreeSet};

use super::adoption::adoption;
use super::bytes::Scope;
use super::decisions::decide;
use super::digest::Approved;
use super::items::{is_of_image, items};
use super::selection::UnitSelector;
use super::versions::{product_name, templates, version, versions};
use super::{
    Decision, Facts, Item, Plan, PlanError, Refusal, Request, SelectError, TextLine, UnitId,
    Unreached, bytes, gate, images, only, records, texts, warnings,
};
use crate::product::CommitAction;
use crate::repo::{Edit, RepoPath};
use crate::template::Rerendered;

/// Makes the plan for `request` from `facts`.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan, PlanError> {
    let request = &Request {
        only: facts.renames.translated(&request.only),
        keep: facts.renames.translated(&request.keep),
        overwrite: facts.renames.translated(&request.overwrite),
        release: facts.renames.translated(&request.release),
        ..request.clone()
    };
    let chosen = chosen(request, facts)?;
    if request.adopt {
        return adopt(request, facts, chosen.as_ref());
    }
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
    let edited = texts::edited(facts, &request.overwrite);
    let result = bytes::result(facts, &items, scope, &edited)?;
    let (target, images_only) = (&facts.target, request.images_only);
    let names = &facts.renames;
    let result = names.settled(target, chosen.as_ref(), images_only, result)?;
    let ((mut records, mut warnings), outcome) = rayon::join(
        || {
            let everything = matches!(scope, Scope::Everything);
            let records = records::changed(request, facts, &items, chosen.as_ref());
            (records, warnings::of(facts, &items, everything))
        },
        || facts.rerender(&result),
    );
    let is_text = |it: &&Unreached| it.flag == "--overwrite" && facts.texts.contains_key(&it.unit);
    let unreached = unreached.iter().filter(|it| !is_text(it));
    warnings.extend(unreached.map(ToString::to_string));
    let outcome = match (outcome, &chosen) {
        (Err(PlanError::Result(error)), Some(chosen)) if !request.images_only => {
            let Some(refusal) = only::incomplete(facts, &items, chosen)? else {
                return Err(PlanError::Result(error));
            };
            return unfinished(request, facts, items, refusal);
        }
        (outcome, _) => outcome?,
    };
    let mut outcome = outcome;
    let edited = settle_edited(request, facts, &mut outcome);
    let texts = texts::lines(request, facts, chosen.as_ref(), &outcome);
    if facts.at_tip.is_none() {
        records::add_texts(facts, &items, &texts, &mut records);
    }
    texts::remember(facts, &texts, &mut records);
    let refusals = refusals(request, facts, &items, chosen.as_ref(), &outcome)?;
    let plan = finish(request, facts, (items, texts), &result, outcome);
    let mut edits = names.written(result);
    edits.extend(plan.edits.clone());
    edits.extend(records::written(facts, &records));
    names.forget(target, &records, &mut edits);
    Ok(Plan {
        warnings,
        refusals,
        edits,
        edited,
        ..plan
    })
}

/// The plan of an adoption: records, and nothing else.
fn adopt(
    request: &Request,
    facts: &Facts,
    chosen: Option<&BTreeSet<UnitId>>,
) -> Result<Plan, PlanError> {
    let (items, records) = adoption(request, facts, chosen)?;
    let none = BTreeMap::new();
    let nothing = facts.rerender(&none)?;
    let mut plan = finish(request, facts, (items, Vec::new()), &none, nothing);
    plan.edits = records::written(facts, &records);
    plan.rendered.clear();
    plan.proof = None;
    plan.refusals.extend(gate::order(facts, &request.overrides));
    Ok(plan)
}

/// Decides about the rendered files that were edited by hand and that the plan would
/// change: those to be kept are left alone. Returns those with an answer.
fn settle_edited(
    request: &Request,
    facts: &Facts,
    outcome: &mut Rerendered,
) -> Vec<(RepoPath, Decision)> {
    let edited = facts.stale.iter().filter(|file| file.edited);
    let paths = edited.map(|file| &file.path);
    let mut settled = Vec::new();
    for path in paths.filter(|path| outcome.edits.contains_key(*path)) {
        if names_file(&request.keep, path) {
            settled.push((path.clone(), Decision::Keep));
        } else if names_file(&request.overwrite, path) {
            settled.push((path.clone(), Decision::Overwrite));
        }
    }
    let kept = |path: &RepoPath| {
        let mut settled = settled.iter();
        settled.any(|(it, decision)| it == path && *decision == Decision::Keep)
    };
    let before = outcome.edits.len();
    outcome.edits.retain(|path, _| !kept(path));
    outcome.changes.retain(|change| !kept(&change.path));
    if outcome.edits.len() < before {
        // What is committed then is not what the sources render to.
        outcome.proof = None;
    }
    settled
}

/// Whether an answer names a rendered file, or everything.
fn names_file(words: &[String], path: &RepoPath) -> bool {
    let mut words = words.iter();
    words.any(|word| word == "all" || word == path.as_str())
}

/// What a plan says of its items and of what they render to.
fn finish(
    request: &Request,
    facts: &Facts,
    (items, texts): (Vec<Item>, Vec<TextLine>),
    sources: &BTreeMap<RepoPath, Edit>,
    outcome: Rerendered,
) -> Plan {
    let (source, target) = (&facts.source.state, &facts.target.state);
    let product = outcome.product.as_ref();
    let digest = Approved {
        action: CommitAction::Promote,
        facts,
        request: request.approved(),
        overrides: &request.overrides,
        items: &items,
        texts: &texts,
        sources,
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
        edited: Vec::new(),
        items,
        texts,
        refusals: Vec::new(),
        edits: outcome.edits,
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
    let mut plan = finish(
        request,
        facts,
        (items, Vec::new()),
        &BTreeMap::new(),
        nothing,
    );
    plan.edits.clear();
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
        .filter(|file| !names_file(&request.overwrite, &file.path))
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
