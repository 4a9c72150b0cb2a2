//! The commit of a promotion: subject, one line per component, trailers.

use std::collections::BTreeSet;

use super::{Decision, Plan, Request};
use crate::image::Digest;
use crate::ops::estate::Estate;
use crate::ops::publish::Planned;
use crate::product::EnvironmentEntry;
use crate::repo::{ChangeSet, CommitMessage, RefUpdate};

/// The plan as a change set on the target's branch.
pub fn planned(
    plan: &Plan,
    request: &Request,
    estate: &Estate,
    entry: &EnvironmentEntry,
) -> Planned {
    let update = RefUpdate {
        branch: entry.branch.clone(),
        expected: Some(plan.target.1.clone()),
        parent: Some(plan.target.1.clone()),
        edits: plan.edits.clone(),
        message: message(plan, request),
        author: estate.author.clone(),
        committer: estate.committer.clone(),
    };
    Planned {
        digest: plan.digest.clone(),
        changes: ChangeSet {
            updates: vec![update],
        },
        known: plan.known.iter().cloned().collect(),
    }
}

/// Several plans as one change set, written to all branches or to none.
pub fn planned_together(plans: &[(Plan, Request, EnvironmentEntry)], estate: &Estate) -> Planned {
    let mut all = plans
        .iter()
        .map(|(plan, request, entry)| planned(plan, request, estate, entry));
    let Some(mut together) = all.next() else {
        return Planned::default();
    };
    let mut others = all.peekable();
    if others.peek().is_none() {
        return together;
    }
    for other in others {
        together.digest.push_str(&other.digest);
        together.changes.updates.extend(other.changes.updates);
        together.known.extend(other.known);
    }
    together.digest = Digest::sha256(together.digest.as_bytes()).to_string();
    together
}

/// The commit message.
fn message(plan: &Plan, request: &Request) -> CommitMessage {
    let product = plan.product.as_deref().unwrap_or("images");
    let version = plan
        .version
        .1
        .as_deref()
        .filter(|_| request.only.is_empty());
    let name = version.map_or_else(
        || product.to_owned(),
        |version| format!("{product} {version}"),
    );
    let what = if request.only.is_empty() {
        name
    } else {
        request.only.join(", ")
    };
    let made = format!("promote {what} from {} to {}", plan.source.0, plan.target.0);
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
    let mut lines = Vec::new();
    for change in &plan.versions {
        lines.push(match (&change.from, &change.to) {
            (Some(from), Some(to)) => format!("{} {from} -> {to}", change.component),
            (None, Some(to)) => format!("{} {to} (new)", change.component),
            (_, None) => format!("{} (removed)", change.component),
        });
    }
    for (template, _) in &plan.templates {
        lines.push(format!("templates/{template} changed"));
    }
    for item in &plan.items {
        let word = match item.decision {
            Decision::Keep => "kept on the target",
            Decision::Overwrite => "overwritten on the target",
            _ => continue,
        };
        lines.push(format!("{} {word}", item.label()));
    }
    lines.join("\n")
}

fn trailers(plan: &Plan, request: &Request) -> Vec<(String, String)> {
    let mut trailers = vec![("Gitops-Action".to_owned(), "promote".to_owned())];
    if let Some(product) = &plan.product {
        let version = plan
            .version
            .1
            .as_deref()
            .map_or_else(String::new, |version| format!("@{version}"));
        trailers.push(("Gitops-Product".to_owned(), format!("{product}{version}")));
    }
    trailers.push((
        "Gitops-From".to_owned(),
        format!("{} {}", plan.source.0, plan.source.1),
    ));
    trailers.push(("Gitops-To".to_owned(), plan.target.0.to_string()));
    trailers.push(("Gitops-Plan".to_owned(), plan.digest.clone()));
    let components: BTreeSet<_> = plan
        .versions
        .iter()
        .map(|change| change.component.to_string())
        .collect();
    if !components.is_empty() {
        trailers.push((
            "Gitops-Components".to_owned(),
            components.into_iter().collect::<Vec<_>>().join(" "),
        ));
    }
    if let Some(reason) = &request.reason {
        trailers.push(("Gitops-Reason".to_owned(), one_line(reason)));
    }
    for (guard, reason) in &request.overrides {
        trailers.push((
            "Gitops-Override".to_owned(),
            format!("{guard} {}", one_line(reason)),
        ));
    }
    trailers
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
