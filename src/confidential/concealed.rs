//! The hidden values of one document, for taking them out of texts about it: messages
//! that quote a value, lines of its file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lines::Lines;
use super::needles::Needles;
use super::shapes::secret_parts;
use super::values::Secrecy;

/// The values of a document that must not be shown, in every spelling of them.
#[derive(Clone, Default)]
pub struct Concealed(Needles);

impl std::fmt::Debug for Concealed {
    /// It holds secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Concealed({} values)", self.0.len())
    }
}

impl Concealed {
    /// The hidden values of a document.
    pub fn of(document: &Value) -> Self {
        let mut found = Vec::new();
        Secrecy::default().collect(document, &mut found);
        let mut values = Vec::new();
        for (value, by_place) in found {
            match value {
                Value::String(text) if by_place => add(text, &mut values),
                Value::String(text) => add_parts(text, &mut values),
                other => values.push(other.to_string()),
            }
        }
        Self(Needles::of(values))
    }

    /// The text with `***` in the place of each of the values.
    pub fn mask(&self, text: &str) -> String {
        self.0.mask(text)
    }

    /// Whether one of the values is in the text.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_in(text)
    }
}

/// A text as it is, decoded from base64, and each in its spellings.
fn add(text: &str, values: &mut Vec<String>) {
    let joined: String = text.split_whitespace().collect();
    if let Ok(bytes) = STANDARD.decode(joined)
        && let Ok(clear) = String::from_utf8(bytes)
    {
        spellings(&clear, values);
    }
    spellings(text, values);
}

/// A text that holds a secret somewhere: as a whole, and the lines that do.
fn add_parts(text: &str, values: &mut Vec<String>) {
    let quoted = Value::from(text).to_string();
    values.push(quoted[1..quoted.len() - 1].to_owned());
    values.push(text.to_owned());
    let lines = Lines::of(text);
    values.extend(lines.hidden(text).map(|line| line.trim().to_owned()));
    let parts = secret_parts(text).into_iter();
    values.extend(parts.map(|part| text[part].to_owned()));
}

/// A text as it is, as a quoted string has it, and each of its lines.
fn spellings(text: &str, values: &mut Vec<String>) {
    let quoted = Value::from(text).to_string();
    values.push(quoted[1..quoted.len() - 1].to_owned());
    values.extend(text.lines().map(|line| line.trim().to_owned()));
    values.push(text.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hidden_values_never_stay_in_a_message() {
        let secret = json!({
            "kind": "Secret",
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "old-applied"}},
            "data": {"password": "aHVudGVyMg==", "pin": 5},
            "stringData": {"multi": "line one\nline two", "short": "ab"},
        });
        let concealed = Concealed::of(&secret);
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
            assert_eq!(concealed.mask(said), shown);
            assert!(
                concealed.is_in(said) && !concealed.is_in("cabin 15"),
                "{said}"
            );
        }
        assert!(!format!("{concealed:?}").contains("hunter2"));
    }

    #[test]
    fn values_that_are_called_secrets_are_hidden_in_every_kind() {
        let pod = json!({"kind": "Pod", "spec": {"containers": [
            {"name": "a", "image": "nginx:1", "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
        ]}});
        assert_eq!(Concealed::of(&pod).mask("nginx:1 hunter2"), "nginx:1 ***");
        let text = "level: info\nport: 80\npassword: hunter2\n";
        let config = json!({"kind": "ConfigMap", "data": {"app.yaml": text}});
        let concealed = Concealed::of(&config);
        assert_eq!(concealed.mask("port: 80 is info"), "port: 80 is info");
        assert_eq!(concealed.mask("got password: hunter2"), "got ***");
        assert_eq!(concealed.mask("got hunter2"), "got ***");
        let map = json!({"kind": "ConfigMap", "data": {"a": "hunter2"}});
        assert_eq!(Concealed::of(&map).mask("hunter2"), "hunter2");
    }
}
