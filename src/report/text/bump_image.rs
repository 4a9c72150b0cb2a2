//! What a person reads of a bump before it is written, and the same as data.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::image::Why;
use crate::ops::bump_image::{Decision, Plan, Refusal, Row};
use crate::product::Repository;
use crate::report::{Cell, Style, Table, Tone, ago, clean, count, rfc3339};

/// Each component that has something to tell, then what the rest has in common.
pub fn plan(plan: &Plan, style: &Style) -> String {
    let mut table = Table::new(0);
    let mut quiet = 0;
    for row in &plan.rows {
        if is_quiet(row, plan) {
            quiet += 1;
            continue;
        }
        table.row([
            Cell::from(row.component.to_string()),
            Cell::from(versions(row)),
            reason(row, style),
        ]);
    }
    let mut text = table.render(style);
    if quiet > 0 {
        let more = if quiet == plan.rows.len() {
            ""
        } else {
            " more"
        };
        let _ = writeln!(text, "{quiet}{more}, already newest");
    }
    text.push_str(&links(plan, style));
    for warning in &plan.warnings {
        let label = style.paint(Tone::Warning, "warning:");
        let _ = writeln!(text, "{label} {}", clean(warning));
    }
    text
}

/// Where to see what lies between the old and the new images.
fn links(plan: &Plan, style: &Style) -> String {
    let mut table = Table::new(0);
    for row in plan.changes() {
        if let Some(link) = row.link() {
            table.row([
                Cell::from(row.component.to_string()),
                Cell::new(Tone::Faint, link),
            ]);
        }
    }
    table.render(style)
}

/// How much is written: components, files, and the layers that are touched.
pub fn summary(plan: &Plan, repository: &Repository) -> String {
    let components = count(plan.changes().count(), "component");
    let files = count(plan.edits.len(), "file");
    let mut layers: Vec<String> = Vec::new();
    for change in &plan.rendered {
        let Some(name) = &change.layer else { continue };
        let owners = repository
            .layers
            .iter()
            .find(|layer| layer.name == *name)
            .map(|layer| layer.owners.join(" "))
            .filter(|owners| !owners.is_empty());
        let layer = match owners {
            Some(owners) => format!("{name} ({owners})"),
            None => name.to_string(),
        };
        if !layers.contains(&layer) {
            layers.push(layer);
        }
    }
    if layers.is_empty() {
        return format!("{components}, {files}");
    }
    format!("{components}, {files}; rendered in {}", layers.join(", "))
}

/// What each policy says about every tag.
pub fn explanation(plan: &Plan, style: &Style) -> String {
    let mut text = String::new();
    for row in plan.rows.iter().filter(|row| !row.verdicts.is_empty()) {
        let policy = row.policy.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "{} ({})",
            style.paint(Tone::Strong, row.component.as_str()),
            clean(policy)
        );
        let mut table = Table::new(2);
        for verdict in &row.verdicts {
            let tone = match verdict.why {
                Why::Chosen => Tone::Good,
                _ => Tone::Faint,
            };
            let why = clean(&verdict.why.to_string()).into_owned();
            table.row([Cell::from(verdict.tag.to_string()), Cell::new(tone, why)]);
        }
        text.push_str(&table.render(style));
    }
    text
}

/// The reasons why nothing may be written, one line each.
pub fn refusals(plan: &Plan) -> String {
    let mut lines = vec![match plan.refusals.len() {
        1 => format!("{} may not be changed like this", plan.environment.0),
        many => format!(
            "{} may not be changed like this, for {many} reasons",
            plan.environment.0
        ),
    }];
    for refusal in &plan.refusals {
        lines.push(refusal_line(refusal));
    }
    lines.join("\n")
}

fn refusal_line(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Downgrade {
            component,
            from,
            to,
        } => {
            format!("{component} {from} → {to} is a step back")
        }
        Refusal::Vanished {
            component,
            tag,
            newest,
        } => {
            format!(
                "{component} runs {tag}, which its registry no longer lists; the newest that is allowed is {newest}"
            )
        }
        Refusal::MutableTag {
            component,
            tag,
            recorded,
            found,
        } => {
            let (recorded, found) = (recorded.short(), found.short());
            format!("{component} {tag} is another image now: {found} instead of {recorded}")
        }
        Refusal::Platforms {
            component,
            tag,
            missing,
        } => {
            let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
            format!("{component} {tag} is not built for {}", missing.join(", "))
        }
        Refusal::Held { component, reason } => {
            format!("{component} is held: {}", clean(reason))
        }
        Refusal::Tie { component, source } => format!("{component}: {source}"),
        Refusal::Validation { errors } => {
            let lines: Vec<String> = errors
                .iter()
                .map(|error| format!("\n  {}", clean(error)))
                .collect();
            format!(
                "the result has errors that are not there now:{}",
                lines.concat()
            )
        }
        Refusal::RenderedEdited { paths } => {
            let paths: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
            format!(
                "rendered files were edited by hand, and that would be lost: {}",
                paths.join(", ")
            )
        }
    }
}

/// Whether a row says no more than that everything is as it should be.
fn is_quiet(row: &Row, plan: &Plan) -> bool {
    let named_alone = plan.rows.len() <= 3;
    matches!(row.decision, Decision::Newest) && row.beyond.is_none() && !named_alone
}

fn versions(row: &Row) -> String {
    let from = match row.from.as_slice() {
        [] => "(no tag)".to_owned(),
        versions => versions.join(", "),
    };
    match (&row.decision, &row.to) {
        (Decision::Bump | Decision::Refused, Some(to)) if row.from != [to.as_str()] => {
            format!("{from} → {to}")
        }
        _ => from,
    }
}

fn reason(row: &Row, style: &Style) -> Cell {
    let policy = row.policy.as_deref().unwrap_or_default();
    let beyond = row
        .beyond
        .as_ref()
        .map(|tag| format!(" ({tag} exists)"))
        .unwrap_or_default();
    let (tone, text) = match &row.decision {
        Decision::Bump | Decision::Refresh => {
            return Cell::from(details(row, style));
        }
        Decision::Newest => (Tone::Faint, format!("newest in {policy}{beyond}")),
        Decision::Same => (Tone::Faint, "already there".to_owned()),
        Decision::Ahead { allowed } => (
            Tone::Warning,
            format!("newer than {policy} allows ({allowed}){beyond}"),
        ),
        Decision::Held(reason) => (Tone::Warning, format!("held: {reason}")),
        Decision::NoMatch => (Tone::Warning, format!("no tag in {policy}{beyond}")),
        Decision::OtherImage { recorded, found } => (
            Tone::Warning,
            format!(
                "the tag is another image now: {} instead of {}",
                found.short(),
                recorded.short()
            ),
        ),
        Decision::Unknown(error) => (Tone::Bad, format!("not known: {error}")),
        Decision::Refused => (Tone::Bad, "refused".to_owned()),
    };
    Cell::new(tone, text)
}

/// Why this version: the policy, its age, and where it is written.
fn details(row: &Row, style: &Style) -> String {
    let mut parts = Vec::new();
    if row.decision == Decision::Refresh {
        let digest = row.digest.as_ref().map(|digest| digest.short());
        parts.push(format!("digest {}", digest.unwrap_or_default()));
    }
    match (&row.policy, row.verdicts.is_empty()) {
        (Some(policy), false) => parts.push(policy.clone()),
        _ => parts.push("as asked".to_owned()),
    }
    if let Some(created) = row.created {
        let age = ago(created.as_second(), style.now);
        parts.push(match age.strip_suffix(" ago") {
            Some(age) => format!("{age} old"),
            None => age,
        });
    }
    if let Some(beyond) = &row.beyond {
        parts.push(format!("{beyond} exists"));
    }
    if row.sites.len() > 1 {
        parts.push(count(row.sites.len(), "site"));
    }
    parts.join(", ")
}

/// The plan as data; `explained` adds what the policies say about every tag.
pub fn plan_data(plan: &Plan, explained: bool) -> Value {
    let components: Vec<Value> = plan
        .rows
        .iter()
        .map(|row| row_data(row, explained))
        .collect();
    let rendered: Vec<Value> = plan
        .rendered
        .iter()
        .map(|change| json!({"path": change.path.as_str(), "change": change.kind, "layer": change.layer.as_ref().map(|layer| layer.as_str())}))
        .collect();
    json!({
        "environment": plan.environment.0.as_str(),
        "commit": plan.environment.1.to_string(),
        "product": plan.product.as_ref().map(|(name, version)| json!({"name": name, "version": version})),
        "plan": plan.digest,
        "components": components,
        "rendered": rendered,
        "warnings": plan.warnings,
        "refusals": plan.refusals.iter().map(refusal_data).collect::<Vec<_>>(),
    })
}

fn row_data(row: &Row, explained: bool) -> Value {
    let (decision, detail) = match &row.decision {
        Decision::Bump => ("bump", None),
        Decision::Refresh => ("refresh", None),
        Decision::Newest => ("newest", None),
        Decision::Same => ("same", None),
        Decision::Ahead { allowed } => ("ahead", Some(allowed.to_string())),
        Decision::Held(reason) => ("held", Some(reason.clone())),
        Decision::NoMatch => ("noMatch", None),
        Decision::OtherImage { found, .. } => ("otherImage", Some(found.to_string())),
        Decision::Unknown(error) => ("unknown", Some(error.to_string())),
        Decision::Refused => ("refused", None),
    };
    let mut value = json!({
        "component": row.component.as_str(),
        "image": row.image,
        "from": row.from,
        "to": row.to,
        "fromDigest": row.from_digest,
        "digest": row.digest,
        "source": row.origin.source,
        "fromRevision": row.from_origin.revision,
        "revision": row.origin.revision,
        "compare": row.compare(),
        "decision": decision,
        "detail": detail,
        "policy": row.policy,
        "beyond": row.beyond,
        "created": row.created.map(|created| rfc3339(created.as_second(), 0)),
        "sites": row.sites.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if explained {
        let verdicts = row.verdicts.iter();
        value["tags"] = verdicts
            .map(|verdict| json!({"tag": verdict.tag, "why": verdict.why.code(), "says": verdict.why.to_string()}))
            .collect();
    }
    value
}

fn refusal_data(refusal: &Refusal) -> Value {
    let (guard, component) = match refusal {
        Refusal::Downgrade { component, .. } => ("downgrade", Some(component)),
        Refusal::Vanished { component, .. } => ("vanished", Some(component)),
        Refusal::MutableTag { component, .. } => ("mutableTag", Some(component)),
        Refusal::Platforms { component, .. } => ("platforms", Some(component)),
        Refusal::Held { component, .. } => ("held", Some(component)),
        Refusal::Tie { component, .. } => ("tie", Some(component)),
        Refusal::Validation { .. } => ("validation", None),
        Refusal::RenderedEdited { .. } => ("renderedEdited", None),
    };
    json!({
        "guard": guard,
        "component": component.map(|name| name.as_str()),
        "message": refusal_line(refusal),
    })
}
