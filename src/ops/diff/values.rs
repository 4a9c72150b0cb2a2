//! Two values, compared by key path. Lists whose items bear names are matched
//! by name, so that one changed item is one line. Of what must not be shown it is said
//! that it differs, and nothing else.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::confidential::{HIDDEN, Secrecy, Step, redact_shapes};

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
    /// Whether something of the values is not shown: they differ, even where they look
    /// alike.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
}

/// Where a comparison is, and how secret that place is.
struct At {
    path: String,
    secrecy: Secrecy,
}

/// Every place at which `from` and `to` differ, in the order of `from`, then
/// what only `to` has.
pub fn changes(from: Option<&Value>, to: Option<&Value>) -> Vec<KeyChange> {
    let mut found = Vec::new();
    let mut at = At {
        path: String::new(),
        secrecy: Secrecy::default(),
    };
    descend(&mut at, from, to, &mut found);
    found
}

fn descend(at: &mut At, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<KeyChange>) {
    if from == to {
        return;
    }
    match (from, to) {
        (Some(one @ Value::Object(from)), Some(other @ Value::Object(to))) => {
            maps(at, [one, other], (from, to), found);
        }
        (Some(one @ Value::Array(from)), Some(other @ Value::Array(to)))
            if lists(at, [one, other], (from, to), found) => {}
        _ => found.push(change(at, from, to)),
    }
}

/// A place, with its values as they may be shown.
fn change(at: &At, from: Option<&Value>, to: Option<&Value>) -> KeyChange {
    let both: Vec<&Value> = [from, to].into_iter().flatten().collect();
    let shown = |value: Option<&Value>| value.map(|value| at.secrecy.shown_beside(value, &both));
    let (one, other) = (shown(from), shown(to));
    KeyChange {
        path: redact_shapes(&at.path).into_owned(),
        hidden: one.as_ref() != from || other.as_ref() != to,
        from: one,
        to: other,
    }
}

fn maps(
    at: &mut At,
    both: [&Value; 2],
    (from, to): (&Map<String, Value>, &Map<String, Value>),
    found: &mut Vec<KeyChange>,
) {
    let only_to = to.keys().filter(|key| !from.contains_key(*key));
    for key in from.keys().chain(only_to) {
        let secrecy = at.secrecy.below(&both, Step::Key(key));
        // A key may be a secret, too: `tokens: {x: ann}`.
        let shown = if at.secrecy.hides_key(key) {
            HIDDEN
        } else {
            key
        };
        let step = (segment(shown), secrecy);
        below(at, step, (from.get(key), to.get(key)), found);
    }
}

/// Compares lists item by item where items can be told apart; `false` where
/// they cannot, and the lists are one value each.
fn lists(
    at: &mut At,
    both: [&Value; 2],
    (from, to): (&[Value], &[Value]),
    found: &mut Vec<KeyChange>,
) -> bool {
    let Some(key) = ITEM_KEYS
        .into_iter()
        .find(|key| bears(from, key) && bears(to, key))
    else {
        return false;
    };
    let (from, to) = (by_name(from, key), by_name(to, key));
    let known: HashMap<&str, &Value> = from.iter().copied().collect();
    let other: HashMap<&str, &Value> = to.iter().copied().collect();
    let only_to = to.iter().filter(|(name, _)| !known.contains_key(name));
    let before = found.len();
    for &(name, _) in from.iter().chain(only_to) {
        let states = (known.get(name).copied(), other.get(name).copied());
        let says = [(key.to_owned(), name.to_owned())];
        let secrecy = at.secrecy.below(&both, Step::Item(&says));
        // The name of a credential is a part of it.
        let name = if at.secrecy.is_hidden() { HIDDEN } else { name };
        let step = (format!("[{key}={name}]"), secrecy);
        below(at, step, states, found);
    }
    // Only the order differs: that is a change of the list as a whole.
    found.len() > before
}

/// The items of a list, each with its text under `key`.
fn by_name<'v>(items: &'v [Value], key: &str) -> Vec<(&'v str, &'v Value)> {
    let named = |item: &'v Value| Some((item.get(key)?.as_str()?, item));
    items.iter().filter_map(named).collect()
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
    at: &mut At,
    (segment, secrecy): (String, Secrecy),
    (from, to): (Option<&Value>, Option<&Value>),
    found: &mut Vec<KeyChange>,
) {
    let length = at.path.len();
    let above = std::mem::replace(&mut at.secrecy, secrecy);
    if !at.path.is_empty() && !segment.starts_with('[') {
        at.path.push('.');
    }
    at.path.push_str(&segment);
    descend(at, from, to, found);
    at.path.truncate(length);
    at.secrecy = above;
}

/// A key as a path has it: quoted where it could be misread.
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
            }}, "data": {"password": value}, "stringData": {"a": value}, "type": value.to_uppercase()})
        };
        let shown = lines(secret("b25l"), secret("dHdv"));
        assert_eq!(shown.len(), 4);
        assert!(
            shown[..3]
                .iter()
                .all(|line| line.ends_with(" \"(hidden)\" \"(hidden)\"")),
            "{shown:?}"
        );
        assert_eq!(shown[3], "type \"B25L\" \"DHDV\"");
        let whole = changes(None, Some(&secret("b25l")));
        assert!(!format!("{whole:?}").contains("b25l"));
        let list = |value: &str| json!({"kind": "List", "items": [secret(value)]});
        let lists = changes(Some(&list("b25l")), Some(&list("dHdv")));
        assert!(!format!("{lists:?}").contains("b25l"), "{lists:?}");
    }

    #[test]
    fn a_secret_that_became_something_else_is_hidden() {
        let of_kind = |kind: &str| json!({"kind": kind, "data": {"a": kind}});
        assert_eq!(
            lines(of_kind("Secret"), of_kind("ConfigMap")),
            [
                "kind \"Secret\" \"ConfigMap\"",
                "data.a \"(hidden)\" \"(hidden)\"",
            ]
        );
    }

    #[test]
    fn hidden_values_are_marked_and_others_are_not() {
        let from =
            json!({"db": {"password": "a", "host": "b"}, "users": [{"name": "x", "password": 1}]});
        let to =
            json!({"db": {"password": "c", "host": "d"}, "users": [{"name": "x", "password": 2}]});
        let found = changes(Some(&from), Some(&to));
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.path.as_str(), it.hidden))
            .collect();
        assert_eq!(
            found,
            [
                ("db.password", true),
                ("db.host", false),
                ("users[name=x].password", true),
            ]
        );
        let credentials = |password: &str| json!({"credentials": [{"name": "ann", "x": password}]});
        let found = changes(Some(&credentials("a")), Some(&credentials("b")));
        assert_eq!(found[0].path, "credentials[name=(hidden)].(hidden)");
        let tokens = |name: &str| json!({"tokens": {"hush": name}});
        let found = changes(Some(&tokens("a")), Some(&tokens("b")));
        assert_eq!(found[0].path, "tokens.(hidden)");
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that it takes is tested"
    )]
    fn long_lists_are_compared_in_time() {
        let items = |x: u32| -> Value {
            let item = |at: u32| json!({"name": format!("item-{at}"), "x": x});
            (0..10_000).map(item).collect()
        };
        let (from, to) = (items(1), items(2));
        let begun = std::time::Instant::now();
        assert_eq!(changes(Some(&from), Some(&to)).len(), 10_000);
        assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    }
}
