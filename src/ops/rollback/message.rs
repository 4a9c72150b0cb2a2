//! The commit of a rollback: subject, what goes away, trailers.

use std::collections::BTreeSet;

use super::{Plan, Request};
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
    let tip = plan.change.target.1.clone();
    let update = RefUpdate {
        branch: entry.branch.clone(),
        expected: Some(tip.clone()),
        parent: Some(tip),
        edits: plan.change.edits.clone(),
        message: message(plan, request),
        author: estate.author.clone(),
        committer: estate.committer.clone(),
    };
    Planned {
        digest: plan.change.digest.clone(),
        changes: ChangeSet::from(update),
        known: plan.change.known.iter().cloned().collect(),
    }
}

fn message(plan: &Plan, request: &Request) -> CommitMessage {
    let environment = &plan.change.target.0;
    let restored = plan.restored.id.short();
    let what = match (&plan.change.version.1, request.only.is_empty()) {
        (_, false) => format!("{} on {environment} to {restored}", request.only.join(", ")),
        (Some(version), true) => format!("{environment} to {version} ({restored})"),
        (None, true) => format!("{environment} to {restored}"),
    };
    let made = format!("roll back {what}");
    let (subject, written) = match &request.message {
        None => (made, String::new()),
        Some(message) => match message.split_once('\n') {
            Some((subject, body)) => (subject.to_owned(), format!("{}\n\n", body.trim())),
            None => (message.clone(), String::new()),
        },
    };
    CommitMessage {
        subject,
        body: format!("{written}{}", body(plan)),
        trailers: trailers(plan, request),
    }
}

fn body(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan
        .change
        .versions
        .iter()
        .map(|change| match (&change.from, &change.to) {
            (Some(from), Some(to)) => format!("{} {from} -> {to}", change.component),
            (None, Some(to)) => format!("{} {to} (back)", change.component),
            (_, None) => format!("{} (removed)", change.component),
        })
        .collect();
    for entry in &plan.undone {
        let commit = entry.commit.get(..7).unwrap_or_default();
        lines.push(format!("undoes {commit} {}", entry.subject));
    }
    lines.join("\n")
}

fn trailers(plan: &Plan, request: &Request) -> Vec<(String, String)> {
    let change = &plan.change;
    let trailer = |name: &str, value: String| (name.to_owned(), value);
    let mut trailers = vec![trailer("Gitops-Action", "rollback".to_owned())];
    if let Some(product) = &change.product {
        let version = change.version.1.as_deref();
        let version = version.map_or_else(String::new, |version| format!("@{version}"));
        trailers.push(trailer("Gitops-Product", format!("{product}{version}")));
    }
    trailers.push(trailer(
        "Gitops-From",
        format!("{} {}", change.source.0, change.source.1),
    ));
    trailers.push(trailer("Gitops-To", change.target.0.to_string()));
    trailers.push(trailer("Gitops-Plan", change.digest.clone()));
    let components: BTreeSet<String> = change
        .versions
        .iter()
        .map(|change| change.component.to_string())
        .collect();
    if !components.is_empty() {
        let list = components.into_iter().collect::<Vec<_>>().join(" ");
        trailers.push(trailer("Gitops-Components", list));
    }
    if let Some(reason) = &request.reason {
        trailers.push(trailer("Gitops-Reason", reason.clone()));
    }
    trailers
}
