//! Two values, compared by key path. Lists whose items bear names are matched
//! by name, so that one changed item is one line. What a Secret holds is told
//! to differ, never shown.

use serde::Serialize;
use serde_json::{Map, Value};

/// What stands in the place of a value that must not be shown.
const HIDDEN: &str = "(hidden)";

/// Keys by which the items of a list are told apart, the first that fits.
const ITEM_KEYS: [&str; 3] = ["name", "key", "mountPath"];

/// One place where two values differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyChange {
    /// The key path, such as `spec.env.TIMEOUT` or `images[name=cart].newTag`;
    /// empty: the value as a whole.
    pub path: String,
    /// The first value; `None`: nothing is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The second value; `None`: nothing is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// Every place at which `from` and `to` differ, in the order of `from`, then
/// what only `to` has.
pub fn changes(from: Option<&Value>, to: Option<&Value>) -> Vec<KeyChange> {
    let mut found = Vec::new();
    let secret = [from, to].into_iter().flatten().any(is_secret);
    descend(&mut String::new(), from, to, &mut found);
    if secret {
        for change in &mut found {
            hide(change);
        }
    }
    found
}

/// Whether it is a Kubernetes Secret, whose contents are nobody's business.
fn is_secret(value: &Value) -> bool {
    value.get("kind").and_then(Value::as_str) == Some("Secret")
}

fn hide(change: &mut KeyChange) {
    let first = change.path.split(['.', '[']).next().unwrap_or_default();
    let reveals = matches!(first, "data" | "stringData" | "")
        || change.path.contains("last-applied-configuration")
        || change.path == "metadata"
        || change.path == "metadata.annotations";
    if reveals {
        for value in [&mut change.from, &mut change.to].into_iter().flatten() {
            *value = HIDDEN.into();
        }
    }
}

fn descend(
    path: &mut String,
    from: Option<&Value>,
    to: Option<&Value>,
    found: &mut Vec<KeyChange>,
) {
    if from == to {
        return;
    }
    match (from, to) {
        (Some(Value::Object(from)), Some(Value::Object(to))) => maps(path, from, to, found),
        (Some(Value::Array(from)), Some(Value::Array(to))) if lists(path, from, to, found) => {}
        _ => found.push(KeyChange {
            path: path.clone(),
            from: from.cloned(),
            to: to.cloned(),
        }),
    }
}

fn maps(
    path: &mut String,
    from: &Map<String, Value>,
    to: &Map<String, Value>,
    found: &mut Vec<KeyChange>,
) {
    let only_to = to.keys().filter(|key| !from.contains_key(*key));
    for key in from.keys().chain(only_to) {
        below(path, &segment(key), from.get(key), to.get(key), found);
    }
}

/// Compares lists item by item where items can be told apart; `false` where
/// they cannot, and the lists are one value each.
fn lists(path: &mut String, from: &[Value], to: &[Value], found: &mut Vec<KeyChange>) -> bool {
    let Some(key) = ITEM_KEYS
        .into_iter()
        .find(|key| bears(from, key) && bears(to, key))
    else {
        return false;
    };
    let name = |item: &Value| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let named = |items: &[Value], wanted: &str| {
        items
            .iter()
            .find(|item| item.get(key).and_then(Value::as_str) == Some(wanted))
            .cloned()
    };
    let mut names: Vec<String> = from.iter().filter_map(name).collect();
    names.extend(
        to.iter()
            .filter_map(name)
            .filter(|name| named(from, name).is_none()),
    );
    let before = found.len();
    for name in &names {
        let (from, to) = (named(from, name), named(to, name));
        below(
            path,
            &format!("[{key}={name}]"),
            from.as_ref(),
            to.as_ref(),
            found,
        );
    }
    // Only the order differs: that is a change of the list as a whole.
    found.len() > before
}

/// Whether every item is a map that has a text of its own under `key`.
fn bears(items: &[Value], key: &str) -> bool {
    let names: Vec<&str> = items
        .iter()
        .filter_map(|item| item.get(key).and_then(Value::as_str))
        .collect();
    let distinct: std::collections::BTreeSet<&&str> = names.iter().collect();
    names.len() == items.len() && distinct.len() == names.len()
}

fn below(
    path: &mut String,
    segment: &str,
    from: Option<&Value>,
    to: Option<&Value>,
    found: &mut Vec<KeyChange>,
) {
    let length = path.len();
    if !path.is_empty() && !segment.starts_with('[') {
        path.push('.');
    }
    path.push_str(segment);
    descend(path, from, to, found);
    path.truncate(length);
}

/// A key as it stands in a path: quoted where it could be misread.
fn segment(key: &str) -> String {
    let plain = !key.is_empty() && !key.contains(['.', '[', ']', '"', ' ', '=']);
    if plain {
        key.to_owned()
    } else {
        format!("[{}]", Value::from(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lines(from: Value, to: Value) -> Vec<String> {
        changes(Some(&from), Some(&to))
            .into_iter()
            .map(|change| {
                let text = |value: Option<Value>| value.map_or("-".to_owned(), |it| it.to_string());
                format!("{} {} {}", change.path, text(change.from), text(change.to))
            })
            .collect()
    }

    #[test]
    fn maps_differ_key_by_key() {
        assert_eq!(
            lines(
                json!({"a": {"b": 1, "c": 2}, "d.e": "x"}),
                json!({"a": {"b": 1, "c": 3, "f": null}, "d.e": "y"}),
            ),
            ["a.c 2 3", "a.f - null", "[\"d.e\"] \"x\" \"y\""]
        );
    }

    #[test]
    fn items_with_names_are_matched_by_name() {
        assert_eq!(
            lines(
                json!({"images": [{"name": "cart", "newTag": "1"}, {"name": "web", "newTag": "1"}]}),
                json!({"images": [{"name": "web", "newTag": "2"}, {"name": "cart", "newTag": "1"}, {"name": "ad"}]}),
            ),
            [
                "images[name=web].newTag \"1\" \"2\"",
                "images[name=ad] - {\"name\":\"ad\"}"
            ]
        );
    }

    #[test]
    fn other_lists_and_mere_order_are_one_change() {
        assert_eq!(lines(json!([1, 2]), json!([2, 1])), [" [1,2] [2,1]"]);
        let from = json!([{"name": "a"}, {"name": "b"}]);
        let to = json!([{"name": "b"}, {"name": "a"}]);
        assert_eq!(lines(from, to).len(), 1);
        let twice = json!([{"name": "a", "x": 1}, {"name": "a", "x": 2}]);
        assert_eq!(lines(twice, json!([{"name": "a"}])).len(), 1);
    }

    #[test]
    fn what_a_secret_holds_is_never_shown() {
        let secret = |value: &str| {
            json!({"kind": "Secret", "metadata": {"name": "x", "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": format!("{{{value}}}"),
            }}, "data": {"password": value}, "stringData": {"a": value}, "type": value})
        };
        let shown = lines(secret("b25l"), secret("dHdv"));
        assert_eq!(shown.len(), 4);
        assert!(
            shown[..3]
                .iter()
                .all(|line| line.ends_with(" \"(hidden)\" \"(hidden)\"")),
            "{shown:?}"
        );
        assert_eq!(shown[3], "type \"b25l\" \"dHdv\"");
        let whole = changes(None, Some(&secret("b25l")));
        assert!(!format!("{whole:?}").contains("b25l"));
    }
}
