//! Values that nobody but their reader should see: what is called a password, a token
//! or a key is told to differ, never shown. Names are all there is to go by, so this is
//! a courtesy to those who keep such things in the clear, not a protection.

use serde_json::Value;

use crate::yaml::{Path, Step};

/// What stands in the place of a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// How names of such values end, without case and dashes.
const ENDINGS: [&str; 9] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "secretkey",
    "privatekey",
    "apikey",
    "accesskey",
];

/// A value as it may be shown at a path.
pub fn shown(path: &Path, value: &Value) -> Value {
    let named = |step: &Step| match step {
        Step::Key(key) => is_named_so(key),
        Step::Item(keys) => keys.iter().any(|(_, value)| is_named_so(value)),
        Step::Index(_) => false,
    };
    let mut value = value.clone();
    hide(&mut value, path.steps().iter().any(named));
    value
}

fn is_named_so(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let plain = plain.strip_suffix('s').unwrap_or(&plain);
    ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// Whether it is not shown: texts under such a name, and all below it.
fn hide(value: &mut Value, hidden: bool) {
    match value {
        Value::String(text) if hidden => HIDDEN.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, hidden)),
        Value::Object(map) => {
            // A variable of a container has its name beside its value.
            let named = map.get("name").and_then(Value::as_str);
            let variable = named.is_some_and(is_named_so);
            for (key, value) in map {
                let own = is_named_so(key) || (variable && key == "value");
                hide(value, hidden || own);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_called_a_secret_is_hidden_wherever_it_stands() {
        let path = |text: &str| -> Path { text.parse().unwrap() };
        for hidden in [
            "databasePassword",
            "db.api_key",
            "env[name=GITHUB_TOKEN].value",
            "passwords.db",
        ] {
            assert_eq!(shown(&path(hidden), &json!("x")), json!(HIDDEN), "{hidden}");
        }
        for open in ["secretName", "image", "env[name=LEVEL].value"] {
            assert_eq!(shown(&path(open), &json!("x")), json!("x"), "{open}");
        }
        let token = path("automountServiceAccountToken");
        assert_eq!(shown(&token, &json!(true)), json!(true));
        let whole = json!({"a": 1, "db": {"password": "x", "user": "y"}, "env": [
            {"name": "API_KEY", "value": "x"}, {"name": "B", "value": "y"},
        ]});
        assert_eq!(
            shown(&Path::root(), &whole),
            json!({"a": 1, "db": {"password": HIDDEN, "user": "y"}, "env": [
                {"name": "API_KEY", "value": HIDDEN}, {"name": "B", "value": "y"},
            ]})
        );
    }
}
