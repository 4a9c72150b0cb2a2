//! Backport: an environment's hotfixes, carried to the environment that it is
//! promoted from. Exactly those values move; everything else of the source
//! stays, and its next promotion finds them already there.

use std::collections::{BTreeMap, BTreeSet};

use super::commit::{ComponentChange, Draft, ProductChange, TemplateError};
use super::estate::Estate;
use super::publish::Planned;
use crate::image::{Reference, coerce, steps_back};
use crate::product::{CommitAction, ComponentName, EnvironmentName};
use crate::promotion::gate::Overrides;
use crate::promotion::{
    self, Approved, Class, Decision, Facts, Item, PlanError, SelectError, UnitId, UnitSelector,
};
use crate::repo::{CommitId, Edit, RepoPath};
use crate::template::{Before, KnownRendering, RenderedChange, rendered_product, rerender};
use crate::template::{RenderedIndex, render};

/// What a person asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Units whose hotfixes are carried; empty: all hotfixes that were not kept on purpose.
    pub only: Vec<String>,
    /// Whether an image may move to an older version.
    pub allow_downgrade: bool,
    /// The commit message, instead of the one made here.
    pub message: Option<String>,
}

/// A hotfix that would lower a version of the source.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Downgrade {
    /// The component.
    pub component: ComponentName,
    /// The source's version.
    pub from: String,
    /// The hotfix's version.
    pub to: String,
}

/// Everything a backport would do, and nothing done yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The environment that has the hotfixes, and its tip.
    pub hotfixed: (EnvironmentName, CommitId),
    /// The environment that gets them, and the tip the plan was made on.
    pub into: (EnvironmentName, CommitId),
    /// The hotfixes that are carried.
    pub items: Vec<Item>,
    /// What diverged and is left: hotfixes that were kept on purpose, and what was not chosen.
    pub left: Vec<Item>,
    /// What both sides changed, among what was asked for; not empty: nothing may be written.
    pub conflicts: Vec<Item>,
    /// Rendered files of the source that change.
    pub rendered: Vec<RenderedChange>,
    /// Hotfixes that would lower a version; not empty: nothing may be written.
    pub downgrades: Vec<Downgrade>,
    /// The file changes.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// SHA-256 of the changes, `sha256:<hex>`.
    pub digest: String,
    /// What the environment renders to afterwards, to be remembered.
    pub known: Option<KnownRendering>,
    /// The digest that the commit proves its rendering with.
    pub proof: Option<String>,
}

/// Makes the plan from the facts of a promotion of the hotfixed environment.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan, PlanError> {
    let chosen = chosen(request, facts)?;
    let (mut items, mut left, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
    for item in promotion::compared(facts) {
        let record = facts.records.get(&item.unit);
        let kept = record.is_some_and(|record| {
            record.keeps(&item.difference.path, item.difference.theirs.as_ref())
        });
        let wanted = match &chosen {
            Some(chosen) => chosen.contains(&item.unit),
            None => !kept,
        };
        match item.difference.class {
            Class::Hotfix if wanted => items.push(Item {
                decision: Decision::Take,
                ..item
            }),
            Class::Conflict if wanted && !kept => conflicts.push(item),
            Class::Hotfix | Class::Conflict => left.push(item),
            Class::Change | Class::Removal | Class::AlreadyThere | Class::Ahead | Class::Held => {}
        }
    }
    let mut edits = promotion::backported(facts, &items)?;
    let into = &facts.source.state;
    let before = rendered_product(&facts.repository, into)
        .and_then(|product| render(product, &facts.repository, &into.entry).ok())
        .map(|rendering| RenderedIndex::of(&rendering, into.snapshot.object_format()))
        .map(Before::Index);
    let outcome = rerender(
        &facts.repository,
        &facts.source.state,
        before.as_ref(),
        &edits,
        Some(&facts.target.state),
    )
    .map_err(PlanError::Result)?;
    edits.extend(outcome.edits.clone());
    let digest = Approved {
        action: CommitAction::Backport,
        facts,
        request: request
            .only
            .iter()
            .map(|unit| ("only", unit.clone()))
            .collect(),
        overrides: &Overrides::default(),
        items: &items,
        texts: &[],
        sources: &edits,
        rendered: &outcome.edits,
    }
    .digest();
    let (hotfixed, into) = (&facts.target.state, &facts.source.state);
    Ok(Plan {
        hotfixed: (hotfixed.entry.name.clone(), hotfixed.commit.clone()),
        into: (into.entry.name.clone(), into.commit.clone()),
        downgrades: if request.allow_downgrade {
            Vec::new()
        } else {
            downgrades(&items)
        },
        items,
        left,
        conflicts,
        rendered: outcome.changes,
        known: outcome.known,
        proof: outcome.proof,
        edits,
        digest,
    })
}

fn chosen(request: &Request, facts: &Facts) -> Result<Option<BTreeSet<UnitId>>, SelectError> {
    if request.only.is_empty() {
        return Ok(None);
    }
    let find = |word: &String| UnitSelector::new(word).find("--only", facts.target.units.keys());
    request
        .only
        .iter()
        .map(find)
        .collect::<Result<_, _>>()
        .map(Some)
}

/// The components that get another version, with the source's and the hotfix's.
fn versions(items: &[Item]) -> impl Iterator<Item = (&ComponentName, String, String)> {
    items.iter().filter_map(|item| {
        let UnitId::Component(component) = &item.unit else {
            return None;
        };
        let read = |value: &Option<serde_json::Value>| {
            version_of(&item.difference.path.to_string(), value.as_ref()?.as_str()?)
        };
        let (from, to) = (read(&item.difference.theirs)?, read(&item.difference.ours)?);
        Some((component, from, to))
    })
}

fn downgrades(items: &[Item]) -> Vec<Downgrade> {
    let lower = |(component, from, to): (&ComponentName, String, String)| {
        let (old, new) = (coerce(&from)?, coerce(&to)?);
        steps_back(&old, &new).then(|| Downgrade {
            component: component.clone(),
            from,
            to,
        })
    };
    versions(items).filter_map(lower).collect()
}

/// The version that a component's value says: the tag of its `image`, or its `version`,
/// which for a pin without a product has its digest behind it.
fn version_of(key: &str, text: &str) -> Option<String> {
    match key {
        "image" => {
            let reference: Reference = text.parse().ok()?;
            Some(reference.tag()?.to_string())
        }
        // A pin's, at all its places or at one.
        key if key == "version" || key.contains(' ') => {
            Some(text.split('@').next().unwrap_or(text).to_owned())
        }
        _ => None,
    }
}

/// The plan as a change set on the source's branch.
///
/// # Errors
/// A template of the message is wrong.
pub fn planned(
    plan: &Plan,
    request: &Request,
    estate: &Estate,
    facts: &Facts,
) -> Result<Planned, TemplateError> {
    let templates = &estate.repository().commit;
    let message = draft(plan, request, facts).message(request.message.as_deref(), templates)?;
    let at = (&facts.source.state.entry.branch, Some(&plan.into.1));
    Ok(Planned {
        digest: plan.digest.clone(),
        known: plan.known.iter().cloned().collect(),
        ..Planned::commit(estate, at, message, &plan.edits)
    })
}

fn draft<'a>(plan: &'a Plan, request: &'a Request, facts: &'a Facts) -> Draft<'a> {
    let product = facts.source.state.product.as_ref().map(|tree| {
        let version = tree.product.version.as_ref().map(|it| it.value.as_str());
        ProductChange {
            name: tree.product.name.as_str(),
            from: version,
            version,
        }
    });
    Draft {
        action: CommitAction::Backport,
        environment: &plan.into.0,
        product,
        source: Some((&plan.hotfixed.0, &plan.hotfixed.1)),
        plan: &plan.digest,
        proof: plan.proof.as_deref(),
        components: versions(&plan.items)
            .map(|(component, from, to)| ComponentChange {
                name: component.to_string(),
                from: Some(from),
                to: Some(to),
                ..ComponentChange::default()
            })
            .collect(),
        units: plan.items.iter().map(|it| it.unit.to_string()).collect(),
        only: &request.only,
        reason: None,
        overrides: Vec::new(),
        subject: format!("backport {} to {}", plan.hotfixed.0, plan.into.0),
        lines: plan.items.iter().map(Item::label).collect(),
    }
}
