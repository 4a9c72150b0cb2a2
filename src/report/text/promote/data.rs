//! Promotions and backports as data, for programs.

use serde_json::{Value, json};

use super::marks::lowers;
use crate::ops::backport;
use crate::product::shown_path;
use crate::promotion::{Author, Item, Marks, Plan, Refusal};
use crate::repo::CommitInfo;
use crate::template::RenderedChange;
use crate::yaml::shown;

/// The plan as data.
pub fn plan_data(plan: &Plan) -> Value {
    json!({
        "product": plan.product,
        "version": {"from": plan.version.0, "to": plan.version.1},
        "source": {"environment": plan.source.0.as_str(), "commit": plan.source.1.to_string()},
        "target": {"environment": plan.target.0.as_str(), "commit": plan.target.1.to_string()},
        "changes": plan.items.iter().map(item_data).collect::<Vec<_>>(),
        "versions": plan.versions.iter().map(|change| json!({
            "component": change.component.as_str(), "from": change.from, "to": change.to,
        })).collect::<Vec<_>>(),
        "rendered": plan.rendered.iter().map(rendered_data).collect::<Vec<_>>(),
        "edited": plan.edited.iter().map(|(path, decision)| json!({
            "path": path.as_str(), "decision": decision,
        })).collect::<Vec<_>>(),
        "texts": plan.texts.iter().map(|line| json!({
            "unit": line.unit.to_string(), "follows": line.follows,
        })).collect::<Vec<_>>(),
        "warnings": plan.warnings,
        "refusals": plan.refusals.iter().map(refusal_data).collect::<Vec<_>>(),
        "digest": plan.digest,
    })
}

/// The plan of a backport as data.
pub fn backport_data(plan: &backport::Plan) -> Value {
    json!({
        "source": {"environment": plan.hotfixed.0.as_str(), "commit": plan.hotfixed.1.to_string()},
        "target": {"environment": plan.into.0.as_str(), "commit": plan.into.1.to_string()},
        "changes": plan.items.iter().map(item_data).collect::<Vec<_>>(),
        "left": plan.left.iter().map(item_data).collect::<Vec<_>>(),
        "conflicts": plan.conflicts.iter().map(item_data).collect::<Vec<_>>(),
        "rendered": plan.rendered.iter().map(rendered_data).collect::<Vec<_>>(),
        "digest": plan.digest,
    })
}

fn rendered_data(change: &RenderedChange) -> Value {
    json!({
        "path": change.path.as_str(),
        "change": change.kind,
        "layer": change.layer.as_ref().map(ToString::to_string),
        "component": change.component.as_str(),
    })
}

fn item_data(item: &Item) -> Value {
    let difference = &item.difference;
    let value = |value: &Option<Value>| value.as_ref().map(|it| shown(&item.shown(it)));
    let mut data = json!({
        "unit": item.unit.to_string(),
        "path": shown_path(&difference.path),
        "class": difference.class,
        "decision": item.decision,
        "base": value(&difference.base),
        "target": value(&difference.ours),
        "source": value(&difference.theirs),
        "changedBy": item.changed_by.as_ref().and_then(Author::commit).map(commit_data),
    });
    if let Some(Author::OlderThan(commit)) = &item.changed_by {
        data["changedBefore"] = commit.id.to_string().into();
    }
    explain(&mut data, &item.marks);
    if lowers(item) {
        data["lowersVersion"] = true.into();
    }
    // Hidden values look alike though they differ.
    if item.hides() {
        data["hidden"] = true.into();
    }
    data
}

/// What explains the class; what does not apply is left out.
fn explain(data: &mut Value, marks: &Marks) {
    if marks.is_base_unknown {
        data["baseUnknown"] = true.into();
    }
    if let Some(commit) = &marks.behind {
        data["sourceHadItUntil"] = commit.to_string().into();
    }
    if marks.is_back {
        data["back"] = true.into();
    }
    if marks.is_taken_back {
        data["takenBack"] = true.into();
    }
    if let Some(commit) = &marks.taken_back {
        data["takenBackBy"] = commit.to_string().into();
    }
    if let Some(name) = &marks.ahead_of {
        data["cameFrom"] = name.as_str().into();
    }
    if let Some(seconds) = marks.searched_to {
        data["searchedTo"] = crate::report::rfc3339(seconds, 0).into();
    }
}

fn commit_data(commit: &CommitInfo) -> Value {
    json!({
        "commit": commit.id.to_string(),
        "email": commit.author.email,
        "time": crate::report::rfc3339(commit.author.seconds, commit.author.offset_minutes),
        "subject": commit.message.subject,
    })
}

fn refusal_data(refusal: &Refusal) -> Value {
    match refusal {
        Refusal::Diverged { count } => json!({"guard": "diverged", "count": count}),
        Refusal::RenderedHotfix { paths } => {
            json!({"guard": "rendered-hotfix", "paths": paths.iter().map(|path| path.as_str()).collect::<Vec<_>>()})
        }
        Refusal::Incomplete {
            missing,
            also_changes,
        } => json!({
            "guard": "incomplete", "missing": missing,
            "alsoChanges": also_changes.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        }),
        Refusal::OffBranch { commit } => {
            json!({"guard": "order", "offBranch": commit.to_string()})
        }
        Refusal::Order { expected } => {
            json!({"guard": "order", "expected": expected.as_ref().map(ToString::to_string)})
        }
        Refusal::Validation { errors } => json!({"guard": "validation", "errors": errors}),
        Refusal::MissingImages { images } => json!({
            "guard": "images",
            "missing": images.iter().map(|(component, image)| json!({
                "component": component.as_str(), "image": image.to_string(),
            })).collect::<Vec<_>>(),
        }),
    }
}
