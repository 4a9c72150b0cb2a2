//! Names, labels and annotations: what `metadata` may hold beyond its types.

use serde_json::{Map, Value};

use super::finding::RuleId;
use super::walk::{Target, Violation, Walker};
use crate::yaml::{Path, Step};

/// Labels and annotations, wherever a `metadata` stands.
pub(super) fn check_marks(walker: &mut Walker<'_>, metadata: &Map<String, Value>) {
    for (field, values_too) in [("labels", true), ("annotations", false)] {
        let Some(marks) = metadata.get(field).and_then(Value::as_object) else {
            continue;
        };
        for (key, value) in marks {
            let reason = qualified_name_refusal(&if values_too {
                key.clone()
            } else {
                key.to_lowercase()
            });
            mark(walker, (field, key, Target::Key), reason);
            if let Some(text) = value.as_str().filter(|_| values_too) {
                mark(
                    walker,
                    (field, key, Target::Value),
                    label_value_refusal(text),
                );
            }
        }
    }
}

fn mark(
    walker: &mut Walker<'_>,
    (field, key, target): (&str, &str, Target),
    reason: Option<String>,
) {
    let Some(reason) = reason else { return };
    walker.inside(Step::Key(field.to_owned()), |walker| {
        walker.inside(Step::Key(key.to_owned()), |walker| {
            let what = if target == Target::Key {
                "key"
            } else {
                "value"
            };
            let message = format!("the {what} of {} {reason}", walker.here());
            walker.report(RuleId::METADATA, target, message, None);
        });
    });
}

/// The name and namespace of a resource.
pub fn check_names(kind: &str, group: &str, value: &Value) -> Vec<Violation> {
    let mut out = Vec::new();
    let mut report = |path: &[&str], target, message: String| {
        let path = Path::new(
            path.iter()
                .map(|key| Step::Key((*key).to_owned()))
                .collect(),
        );
        out.push(Violation {
            rule: RuleId::METADATA,
            path,
            target,
            message,
            label: None,
        });
    };
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let generated = metadata
        .get("generateName")
        .and_then(Value::as_str)
        .is_some_and(|name| !name.is_empty());
    match metadata.get("name") {
        Some(Value::String(name)) if !name.is_empty() => {
            if let Some(reason) = name_rule(kind, group)(name) {
                report(
                    &["metadata", "name"],
                    Target::Value,
                    format!("metadata.name {reason}"),
                );
            }
        }
        None | Some(Value::Null | Value::String(_)) if !generated => {
            report(
                &["metadata"],
                Target::Key,
                "metadata.name is missing".to_owned(),
            );
        }
        _ => {}
    }
    if let Some(namespace) = metadata.get("namespace").and_then(Value::as_str)
        && !namespace.is_empty()
        && let Some(reason) = dns_label_refusal(namespace)
    {
        report(
            &["metadata", "namespace"],
            Target::Value,
            format!("metadata.namespace {reason}"),
        );
    }
    out
}

fn name_rule(kind: &str, group: &str) -> fn(&str) -> Option<String> {
    match (group, kind) {
        ("", "Namespace") => dns_label_refusal,
        ("", "Service") => service_name_refusal,
        ("rbac.authorization.k8s.io", _) => path_segment_refusal,
        // Kinds with a rule of their own, or none.
        ("certificates.k8s.io" | "flowcontrol.apiserver.k8s.io", _) | ("", "Event") => {
            path_segment_refusal
        }
        _ => dns_subdomain_refusal,
    }
}

fn dns_label_refusal(text: &str) -> Option<String> {
    if text.len() > 63 {
        return Some(format!(
            "must have at most 63 characters, and has {}",
            text.len()
        ));
    }
    (!is_dns_label(text)).then(|| {
        "must be lower case letters, digits and '-', with a letter or digit at both ends".to_owned()
    })
}

fn service_name_refusal(text: &str) -> Option<String> {
    let refusal = dns_label_refusal(text);
    let first = text.starts_with(|c: char| c.is_ascii_lowercase());
    refusal.or_else(|| (!first).then(|| "must start with a letter".to_owned()))
}

fn dns_subdomain_refusal(text: &str) -> Option<String> {
    if text.len() > 253 {
        return Some(format!(
            "must have at most 253 characters, and has {}",
            text.len()
        ));
    }
    (!text.split('.').all(is_dns_label)).then(|| {
        "must be lower case letters, digits, '-' and '.', with a letter or digit at both ends of every part".to_owned()
    })
}

fn path_segment_refusal(text: &str) -> Option<String> {
    let refused = matches!(text, "." | "..") || text.contains(['/', '%']);
    refused.then(|| "must not be '.' or '..' and must not contain '/' or '%'".to_owned())
}

fn is_dns_label(text: &str) -> bool {
    let inner = text
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    !text.is_empty() && inner && !text.starts_with('-') && !text.ends_with('-')
}

fn qualified_name_refusal(key: &str) -> Option<String> {
    let (prefix, name) = key
        .split_once('/')
        .map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if let Some(prefix) = prefix
        && (prefix.is_empty() || dns_subdomain_refusal(prefix).is_some())
    {
        return Some(format!(
            "has the prefix {prefix:?}, which is not a DNS name"
        ));
    }
    if name.is_empty() || name.len() > 63 || !is_name_part(name) {
        return Some(
            "must be 1 to 63 letters, digits, '-', '_' and '.' after an optional prefix and '/', with a letter or digit at both ends"
                .to_owned(),
        );
    }
    None
}

fn label_value_refusal(text: &str) -> Option<String> {
    if text.len() > 63 {
        return Some(format!(
            "must have at most 63 characters, and has {}",
            text.len()
        ));
    }
    (!text.is_empty() && !is_name_part(text)).then(|| {
        "must be letters, digits, '-', '_' and '.', with a letter or digit at both ends".to_owned()
    })
}

fn is_name_part(text: &str) -> bool {
    let inner = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    inner && end(text.as_bytes().first()) && end(text.as_bytes().last())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        let named = |name: &str| json!({"metadata": {"name": name}});
        let verdict =
            |kind: &str, group: &str, name: &str| check_names(kind, group, &named(name)).is_empty();
        assert!(verdict("ConfigMap", "", "a.b-c.1"));
        assert!(!verdict("ConfigMap", "", "A"));
        assert!(!verdict("ConfigMap", "", "a..b"));
        assert!(!verdict("Service", "", "a.b"));
        assert!(!verdict("Service", "", "1a"));
        assert!(verdict("Namespace", "", "1a"));
        assert!(verdict(
            "Role",
            "rbac.authorization.k8s.io",
            "system:Reader"
        ));
        assert!(!verdict("Role", "rbac.authorization.k8s.io", "a/b"));
        assert!(!verdict("Deployment", "apps", &"a".repeat(254)));
    }

    #[test]
    fn a_resource_without_a_name_is_refused_unless_the_server_makes_one() {
        assert_eq!(
            check_names("Job", "batch", &json!({}))[0].message,
            "metadata.name is missing"
        );
        assert!(
            check_names("Job", "batch", &json!({"metadata": {"generateName": "a-"}})).is_empty()
        );
    }
}
