//! Is there such a kind? A misspelt or removed one is told from one that
//! nobody described.

use super::finding::{RuleId, Severity};
use super::schema_set::{Kind, SchemaSet};
use super::suggest::{listed, suggestion};
use super::walk::{Target, Violation};
use crate::resource::ResourceId;
use crate::yaml::Path;

/// Groups without a dot, and those of this domain, belong to Kubernetes itself,
/// apart from the ones named in [`EXTENSIONS`].
const OWN_DOMAIN: &str = ".k8s.io";

/// Projects beside Kubernetes that use its domain.
const EXTENSIONS: [&str; 5] = [
    "x-k8s.io",
    "gateway.networking.k8s.io",
    "metrics.k8s.io",
    "snapshot.storage.k8s.io",
    "autoscaling.k8s.io",
];

/// The kind of an object, or what is to be said about its absence.
pub fn identify<'a>(
    set: &'a SchemaSet,
    id: &ResourceId,
) -> Result<&'a Kind, (Severity, Violation)> {
    if let Some(kind) = set.kind(&id.api_version, &id.kind) {
        return Ok(kind);
    }
    let violation = |rule, field: &str, message, label| Violation {
        rule,
        path: Path::of([field]),
        target: Target::Value,
        message,
        label,
    };
    let kubernetes = set.version().map_or_else(
        || "this cluster".to_owned(),
        |version| format!("Kubernetes {}", minor(version)),
    );
    let same_group = |kind: &&Kind| {
        kind.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
            == id.group()
    };
    let siblings = set.kinds_in(&id.api_version);
    let elsewhere = set.versions_of(&id.kind);
    if !siblings.is_empty() && elsewhere.is_empty() {
        let near = suggestion(&id.kind, siblings.iter().map(|kind| &*kind.kind));
        let message = format!("{} has no kind {:?}", id.api_version, id.kind);
        let label = near.map(|near| format!("did you mean {near:?}?"));
        return Err((
            Severity::Error,
            violation(RuleId::UNKNOWN_KIND, "kind", message, label),
        ));
    }
    let builtin = is_builtin_group(id.group())
        && (id.group() == "extensions" || knows_group(set, id.group()));
    let mut versions: Vec<&str> = elsewhere.iter().map(|kind| &*kind.api_version).collect();
    versions.sort_unstable();
    versions.dedup();
    let in_group = elsewhere.iter().any(same_group);
    if !elsewhere.is_empty() && (builtin || in_group) {
        let message = format!(
            "{kubernetes} does not serve {} as {}",
            id.kind, id.api_version
        );
        let label = Some(format!("it serves {}", listed(&versions)));
        return Err((
            Severity::Error,
            violation(RuleId::UNKNOWN_VERSION, "apiVersion", message, label),
        ));
    }
    if builtin {
        let message = format!("{kubernetes} has no {} in {}", id.kind, id.api_version);
        return Err((
            Severity::Error,
            violation(RuleId::UNKNOWN_VERSION, "apiVersion", message, None),
        ));
    }
    let message = format!("no schema describes {} of {}", id.kind, id.api_version);
    Err((
        Severity::Warning,
        violation(
            RuleId::UNKNOWN_SCHEMA,
            "kind",
            message,
            Some("not checked".to_owned()),
        ),
    ))
}

fn knows_group(set: &SchemaSet, group: &str) -> bool {
    set.kinds()
        .iter()
        .any(|kind| kind.api_version.split_once('/').map_or("", |(own, _)| own) == group)
}

fn is_builtin_group(group: &str) -> bool {
    let extension = EXTENSIONS
        .iter()
        .any(|known| group == *known || group.ends_with(&format!(".{known}")));
    !extension && (!group.contains('.') || group.ends_with(OWN_DOMAIN))
}

fn minor(version: &str) -> &str {
    let mut dots = version.match_indices('.').map(|(at, _)| at);
    dots.nth(1).map_or(version, |at| &version[..at])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::schema::embedded;

    fn verdict(api_version: &str, kind: &str) -> String {
        let set = embedded(Some("1.36")).unwrap();
        let id = ResourceId {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: None,
            name: "x".into(),
        };
        match identify(&set, &id) {
            Ok(kind) => format!("{}", kind.definition),
            Err((severity, violation)) => {
                let label = violation
                    .label
                    .map(|label| format!(" ({label})"))
                    .unwrap_or_default();
                format!(
                    "{} {}: {}{label}",
                    severity.as_str(),
                    violation.rule,
                    violation.message
                )
            }
        }
    }

    #[test]
    fn absent_kinds_are_told_apart() {
        assert_eq!(
            verdict("apps/v1", "Deployment"),
            "io.k8s.api.apps.v1.Deployment"
        );
        assert_eq!(
            verdict("apps/v1", "Deploymnet"),
            "error unknown-kind: apps/v1 has no kind \"Deploymnet\" (did you mean \"Deployment\"?)"
        );
        assert_eq!(
            verdict("extensions/v1beta1", "Ingress"),
            "error unknown-version: Kubernetes 1.36 does not serve Ingress as extensions/v1beta1 (it serves networking.k8s.io/v1)"
        );
        assert_eq!(
            verdict("policy/v1beta1", "PodSecurityPolicy"),
            "error unknown-version: Kubernetes 1.36 has no PodSecurityPolicy in policy/v1beta1"
        );
        assert_eq!(
            verdict("v1", "Deployment"),
            "error unknown-version: Kubernetes 1.36 does not serve Deployment as v1 (it serves apps/v1)"
        );
        assert_eq!(
            verdict("gateway.networking.k8s.io/v1", "HTTPRoute"),
            "warning unknown-schema: no schema describes HTTPRoute of gateway.networking.k8s.io/v1 (not checked)"
        );
        assert_eq!(
            verdict("serving.knative.dev/v1", "Service"),
            "warning unknown-schema: no schema describes Service of serving.knative.dev/v1 (not checked)"
        );
    }
}
