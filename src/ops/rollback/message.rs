//! The commit of a rollback: what it says beyond what all commits say.

use super::{Plan, Request};
use crate::ops::commit::{
    Draft, TemplateError, changed, changed_components, component_changes, product_change,
};
use crate::ops::estate::Estate;
use crate::ops::publish::Planned;
use crate::product::{CommitAction, EnvironmentEntry};

/// The plan as a change set on the environment's branch.
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
    let at = (&entry.branch, Some(&plan.change.target.1));
    Ok(Planned {
        digest: plan.change.digest.clone(),
        known: plan.change.known.iter().cloned().collect(),
        ..Planned::commit(estate, at, message, &plan.change.edits)
    })
}

fn draft<'a>(plan: &'a Plan, request: &'a Request) -> Draft<'a> {
    let change = &plan.change;
    Draft {
        action: CommitAction::Rollback,
        environment: &change.target.0,
        product: product_change(change),
        source: Some((&change.source.0, &change.source.1)),
        plan: &change.digest,
        proof: change.proof.as_deref(),
        components: component_changes(change),
        units: changed_components(change),
        only: &request.only,
        reason: request.reason.as_deref(),
        overrides: Vec::new(),
        subject: subject(plan, request),
        lines: lines(plan),
    }
}

fn subject(plan: &Plan, request: &Request) -> String {
    let environment = &plan.change.target.0;
    let restored = plan.restored.id.short();
    let what = match (&plan.change.version.1, request.only.is_empty()) {
        (_, false) => format!("{} on {environment} to {restored}", request.only.join(", ")),
        (Some(version), true) => format!("{environment} to {version} ({restored})"),
        (None, true) => format!("{environment} to {restored}"),
    };
    format!("roll back {what}")
}

fn lines(plan: &Plan) -> Vec<String> {
    let versions = plan.change.versions.iter().map(|change| {
        let (from, to) = (change.from.as_deref(), change.to.as_deref());
        changed(change.component.as_str(), from, to, "back")
    });
    let undone = plan.undone.iter().map(|entry| {
        let commit = entry.commit.get(..7).unwrap_or_default();
        format!("undoes {commit} {}", entry.subject)
    });
    versions.chain(undone).collect()
}
