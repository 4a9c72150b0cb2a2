//! What a template may speak of. Every name is always there; what is not known, or does
//! not apply, is `none`, and lists may be empty.

use serde_json::{Value, json};

use super::{ComponentChange, Draft};

/// The variables of a commit's templates.
pub(super) fn of(draft: &Draft<'_>) -> Value {
    let product = draft.product.map(|product| {
        json!({
            "name": product.name,
            "version": product.version,
            "fromVersion": product.from,
        })
    });
    let source = draft.source.map(
        |(environment, commit)| json!({"environment": environment, "commit": commit.to_string()}),
    );
    let overrides = draft
        .overrides
        .iter()
        .map(|(guard, reason)| json!({"guard": guard, "reason": reason}));
    let first = draft.overrides.first().map(|(_, reason)| *reason);
    json!({
        "action": draft.action.as_str(),
        "environment": draft.environment,
        "product": product,
        "source": source,
        "components": draft.components.iter().map(component).collect::<Vec<_>>(),
        "units": draft.units,
        "only": draft.only,
        "reason": draft.reason.or(first),
        "overrides": overrides.collect::<Vec<_>>(),
        "plan": draft.plan,
        "subject": draft.subject,
        "body": draft.lines.join("\n"),
    })
}

fn component(change: &ComponentChange) -> Value {
    json!({
        "name": change.name,
        "image": change.image,
        "from": change.from,
        "to": change.to,
        "fromDigest": change.from_digest,
        "digest": change.digest,
        "source": change.source,
        "fromRevision": change.from_revision,
        "revision": change.revision,
        "compare": change.compare,
        "commit": change.commit,
    })
}
