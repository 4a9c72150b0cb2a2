//! The commit of a bump: what it says beyond what all commits say.

use super::{Decision, Plan, Request, Row};
use crate::image::Digest;
use crate::ops::commit::{ComponentChange, Draft, ProductChange, TemplateError};
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
    let at = (&entry.branch, Some(&plan.environment.1));
    Ok(Planned {
        digest: plan.digest.clone(),
        known: plan.known.iter().cloned().collect(),
        ..Planned::commit(estate, at, message, &plan.edits)
    })
}

fn draft<'a>(plan: &'a Plan, request: &'a Request) -> Draft<'a> {
    let rows: Vec<&Row> = plan.changes().collect();
    let product = plan.product.as_ref().map(|(name, version)| ProductChange {
        name,
        from: plan.version_before.as_deref(),
        version: version.as_deref(),
    });
    let hotfix = request.hotfix.iter();
    Draft {
        action: CommitAction::BumpImage,
        environment: &plan.environment.0,
        product,
        source: None,
        plan: &plan.digest,
        proof: plan.proof.as_deref(),
        components: rows.iter().map(|row| component(row)).collect(),
        units: rows.iter().map(|row| row.component.to_string()).collect(),
        only: &[],
        reason: None,
        overrides: hotfix.map(|reason| ("hotfix", reason.as_str())).collect(),
        subject: subject(plan, request, &rows),
        lines: rows.iter().flat_map(|row| lines(row)).collect(),
    }
}

fn component(row: &Row) -> ComponentChange {
    ComponentChange {
        name: row.component.to_string(),
        image: row.image.clone(),
        from: (!row.from.is_empty()).then(|| row.from.join(", ")),
        to: row.to.clone(),
        from_digest: row.from_digest.clone(),
        digest: row.digest.clone(),
        source: row.origin.source.clone(),
        from_revision: row.from_origin.revision.clone(),
        revision: row.origin.revision.clone(),
        compare: row.compare(),
        commit: row.origin.page(),
    }
}

fn subject(plan: &Plan, request: &Request, rows: &[&Row]) -> String {
    let environment = &plan.environment.0;
    let verb = match request.hotfix {
        Some(_) => "hotfix",
        None => "bump",
    };
    match rows {
        [row] if row.decision == Decision::Refresh => {
            format!("refresh the digest of {} in {environment}", row.component)
        }
        [row] => {
            let to = row.to.as_deref().unwrap_or_default();
            format!("{verb} {} to {to} in {environment}", row.component)
        }
        rows => format!("{verb} {} components in {environment}", rows.len()),
    }
}

/// What a component had and gets, and where to see what that means.
fn lines(row: &Row) -> Vec<String> {
    let known = |digest: &Option<Digest>| match digest {
        Some(digest) => format!(" ({})", digest.short()),
        None => String::new(),
    };
    let (from, to) = (row.from.join(", "), row.to.as_deref().unwrap_or_default());
    let (old, new) = (known(&row.from_digest), known(&row.digest));
    let mut lines = vec![format!("{} {from}{old} -> {to}{new}", row.component)];
    lines.extend(row.link().map(|link| format!("  {link}")));
    lines
}
