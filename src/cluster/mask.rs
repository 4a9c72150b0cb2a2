//! Secret values in what a server says.
//!
//! An API server quotes the values that it does not like. What belongs to a
//! Secret is taken out here, before a message leaves this room.

use base64::Engine as _;
use serde_json::Value;

const MASK: &str = "***";
const LAST_APPLIED: &str =
    "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";
/// Shorter values are masked where they stand alone: masking every `a` would make a text unreadable.
const SHORT: usize = 4;

/// Takes the secret values of `object` out of texts about it.
pub(super) struct Masker {
    values: Vec<String>,
}

impl Masker {
    pub(super) fn of(object: &Value) -> Self {
        let mut values = Vec::new();
        if object.get("kind").and_then(Value::as_str) == Some("Secret") {
            for field in ["data", "stringData"] {
                if let Some(field) = object.get(field) {
                    collect(field, &mut values);
                }
            }
            if let Some(applied) = object.pointer(LAST_APPLIED) {
                collect(applied, &mut values);
            }
        }
        values.retain(|value| !value.is_empty());
        // A value that contains another one goes first.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values }
    }

    pub(super) fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in &self.values {
            text = if value.len() >= SHORT {
                text.replace(value.as_str(), MASK)
            } else {
                replace_alone(&text, value)
            };
        }
        text
    }
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.values().for_each(|value| collect(value, into)),
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        Value::String(text) => {
            if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text)
                && let Ok(clear) = String::from_utf8(bytes)
            {
                spellings(&clear, into);
            }
            spellings(text, into);
        }
        Value::Number(number) => into.push(number.to_string()),
        // Neither says anything about a secret.
        Value::Bool(_) | Value::Null => {}
    }
}

/// A text as it is, as a quoted string has it, and each of its lines.
fn spellings(text: &str, into: &mut Vec<String>) {
    let quoted = Value::from(text).to_string();
    into.push(quoted[1..quoted.len() - 1].to_owned());
    into.extend(text.lines().map(|line| line.trim().to_owned()));
    into.push(text.to_owned());
}

fn replace_alone(text: &str, value: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(value) {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        let word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        if !word(before) && !word(after) {
            masked.push_str(&text[from..at]);
            masked.push_str(MASK);
            from = at + found.len();
        }
    }
    masked.push_str(&text[from..]);
    masked
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_secrets_never_stay_in_a_message() {
        let secret = json!({
            "kind": "Secret",
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "old-applied"}},
            "data": {"password": "aHVudGVyMg==", "pin": 5},
            "stringData": {"multi": "line one\nline two", "short": "ab"},
        });
        let masker = Masker::of(&secret);
        for (said, shown) in [
            ("got aHVudGVyMg== here", "got *** here"),
            ("invalid value \"hunter2\"", "invalid value \"***\""),
            (
                "expected string, got &value.valueUnstructured{Value:5}",
                "expected string, got &value.valueUnstructured{Value:***}",
            ),
            ("a \"line one\\nline two\" b", "a \"***\" b"),
            ("cabin with ab", "cabin with ***"),
            ("was old-applied", "was ***"),
        ] {
            assert_eq!(masker.mask(said), shown);
        }
    }

    #[test]
    fn other_kinds_are_quoted_as_they_are() {
        let map = json!({"kind": "ConfigMap", "data": {"a": "hunter2"}});
        assert_eq!(Masker::of(&map).mask("hunter2"), "hunter2");
    }
}
