//! The commit of a promotion: what it says beyond what all commits say.

use crate::image::Digest;
use crate::ops::commit::{
    Draft, TemplateError, changed, changed_components, component_changes, product_change,
};
use crate::ops::estate::Estate;
use crate::ops::publish::Planned;
use crate::product::{CommitAction, EnvironmentEntry};
use crate::promotion::{Decision, Plan, Request, VersionChange};

/// The plan as a change set on the target's branch.
///
/// # Errors
/// A template of the message is wrong.
pub fn planned(
    plan: &Plan,
    request: &Request,
    estate: &Estate,
    entry: &EnvironmentEntry,
) -> Result<Planned, TemplateError> {
    let templates = &estate.repository().commit;
    let message = draft(plan, request).message(request.message.as_deref(), templates)?;
    let at = (&entry.branch, Some(&plan.target.1));
    Ok(Planned {
        digest: plan.digest.clone(),
        known: plan.known.iter().cloned().collect(),
        ..Planned::commit(estate, at, message, &plan.edits)
    })
}

/// Several plans as one change set, written to all branches or to none.
///
/// # Errors
/// A template of a message is wrong.
pub fn planned_together(
    plans: &[(Plan, Request, EnvironmentEntry)],
    estate: &Estate,
) -> Result<Planned, TemplateError> {
    let all: Result<Vec<Planned>, TemplateError> = plans
        .iter()
        .map(|(plan, request, entry)| planned(plan, request, estate, entry))
        .collect();
    let mut all = all?.into_iter();
    let Some(mut together) = all.next() else {
        return Ok(Planned::default());
    };
    if all.len() == 0 {
        return Ok(together);
    }
    for other in all {
        together.digest.push_str(&other.digest);
        together.changes.updates.extend(other.changes.updates);
        together.known.extend(other.known);
    }
    together.digest = Digest::sha256(together.digest.as_bytes()).to_string();
    Ok(together)
}

fn draft<'a>(plan: &'a Plan, request: &'a Request) -> Draft<'a> {
    let overrides = request.overrides.iter();
    Draft {
        action: CommitAction::Promote,
        environment: &plan.target.0,
        product: product_change(plan),
        source: Some((&plan.source.0, &plan.source.1)),
        plan: &plan.digest,
        proof: plan.proof.as_deref(),
        components: component_changes(plan),
        units: changed_components(plan),
        only: &request.only,
        reason: request.reason.as_deref(),
        overrides: overrides
            .map(|(guard, reason)| (guard.name(), reason.as_str()))
            .collect(),
        subject: subject(plan, request),
        lines: lines(plan),
    }
}

fn subject(plan: &Plan, request: &Request) -> String {
    if request.adopt {
        let (source, target) = (&plan.source.0, &plan.target.0);
        return format!("adopt {target} as it is, beside {source}");
    }
    let product = plan.noun();
    let name = match &plan.version.1 {
        Some(version) => format!("{product} {version}"),
        None => product.to_owned(),
    };
    let what = match (request.only.is_empty(), request.images_only) {
        (true, false) => name,
        (true, true) => match &plan.product {
            Some(product) => format!("images of {product}"),
            None => "images".to_owned(),
        },
        (false, false) => request.only.join(", "),
        (false, true) => format!("images of {}", request.only.join(", ")),
    };
    format!("promote {what} from {} to {}", plan.source.0, plan.target.0)
}

fn lines(plan: &Plan) -> Vec<String> {
    let line = |change: &VersionChange| {
        let (from, to) = (change.from.as_deref(), change.to.as_deref());
        changed(change.component.as_str(), from, to, "new")
    };
    let mut lines: Vec<String> = plan.versions.iter().map(line).collect();
    for (template, _) in &plan.templates {
        lines.push(format!("templates/{template} changed"));
    }
    lines.extend(plan.files().map(|file| format!("{file} changed")));
    for item in &plan.items {
        let word = match item.decision {
            Decision::Keep => "kept on the target",
            Decision::Overwrite => "overwritten on the target",
            _ => continue,
        };
        lines.push(format!("{} {word}", item.shown_label()));
    }
    let recorded = plan.only_recorded().into_iter();
    lines.extend(recorded.map(|unit| format!("{unit} was already there")));
    lines
}
