//! The commit of a bump: subject, one line per component, trailers.

use super::{Decision, Plan, Request, Row};
use crate::ops::estate::Estate;
use crate::ops::publish::Planned;
use crate::product::EnvironmentEntry;
use crate::repo::{ChangeSet, CommitMessage, RefUpdate};

/// The plan as a change set on the environment's branch.
pub fn planned(
    plan: &Plan,
    request: &Request,
    estate: &Estate,
    entry: &EnvironmentEntry,
) -> Planned {
    let update = RefUpdate {
        branch: entry.branch.clone(),
        expected: Some(plan.environment.1.clone()),
        parent: Some(plan.environment.1.clone()),
        edits: plan.edits.clone(),
        message: message(plan, request),
        author: estate.author.clone(),
        committer: estate.committer.clone(),
    };
    Planned {
        digest: plan.digest.clone(),
        changes: ChangeSet::from(update),
        known: plan.known.iter().cloned().collect(),
    }
}

fn message(plan: &Plan, request: &Request) -> CommitMessage {
    let rows: Vec<&Row> = plan.changes().collect();
    let (written, body) = match request.message.as_deref().map(|text| text.split_once('\n')) {
        Some(Some((subject, body))) => (Some(subject), format!("{}\n\n", body.trim())),
        Some(None) => (request.message.as_deref(), String::new()),
        None => (None, String::new()),
    };
    let lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
    CommitMessage {
        subject: written.map_or_else(|| subject(plan, request, &rows), str::to_owned),
        body: format!("{body}{}", lines.join("\n")),
        trailers: trailers(plan, request, &rows),
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

fn line(row: &Row) -> String {
    let to = row.to.as_deref().unwrap_or_default();
    let digest = row
        .digest
        .as_ref()
        .map(|digest| format!(" ({})", digest.short()));
    let from = row.from.join(", ");
    format!(
        "{} {from} -> {to}{}",
        row.component,
        digest.unwrap_or_default()
    )
}

fn trailers(plan: &Plan, request: &Request, rows: &[&Row]) -> Vec<(String, String)> {
    let mut trailers = vec![("Gitops-Action", "bump-image".to_owned())];
    if let Some((name, version)) = &plan.product {
        let version = version.as_ref().map(|version| format!("@{version}"));
        trailers.push((
            "Gitops-Product",
            format!("{name}{}", version.unwrap_or_default()),
        ));
    }
    trailers.push(("Gitops-To", plan.environment.0.to_string()));
    trailers.push(("Gitops-Plan", plan.digest.clone()));
    let names: Vec<&str> = rows.iter().map(|row| row.component.as_str()).collect();
    trailers.push(("Gitops-Components", names.join(" ")));
    if let Some(reason) = &request.hotfix {
        let reason: Vec<&str> = reason.split_whitespace().collect();
        trailers.push(("Gitops-Override", format!("hotfix {}", reason.join(" "))));
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    trailers.into_iter().map(owned).collect()
}
