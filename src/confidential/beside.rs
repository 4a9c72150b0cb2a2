//! What is beside a key and says what its value is: the name of a variable, the operator of
//! a selector, the fields of a volume.

use serde_json::{Map, Value};

use super::names::{is_secret_header, is_secret_name, is_vague_alone};
use super::settings::{
    is_naming_key, is_naming_variable, is_nearly_value_key, is_setting, is_value_key,
};

pub(super) fn is_kind(map: &Map<String, Value>, kind: &str) -> bool {
    map.get("kind").and_then(Value::as_str) == Some(kind)
}

pub(super) fn is_text(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::String(_) | Value::Number(_)))
}

/// Whether an item of this name has a value that is a secret.
pub(super) fn names_value(name: &str) -> bool {
    is_secret_name(name) || is_secret_header(name) || name.starts_with("/stringData")
}

/// How many keys a map has that is a name and a value, with something about them.
const PAIR: usize = 4;

/// Whether a key and what it says name a secret, and nothing else that may be called so.
pub(super) fn names_secret(key: &str, name: &str) -> bool {
    let is_path = name.starts_with(['/', '.', '~']);
    is_naming_variable(key) && is_secret_name(name) && !is_vague_alone(name) && !is_path
}

/// Whether the item of a key is called like a secret by what it says beside that key, and
/// the key is that of its value.
pub(super) fn is_value_of_secret(map: &Map<String, Value>, key: &str) -> bool {
    let is_value = is_value_key(key);
    if !is_value && (is_naming_key(key) || is_setting(key) || !is_text(map.get(key))) {
        return false;
    }
    let mut names = map.iter().filter(|(other, _)| *other != key);
    let mut is_named = |names_it: &dyn Fn(&str, &str) -> bool| {
        names.any(|(other, name)| name.as_str().is_some_and(|name| names_it(other, name)))
    };
    let is_near = is_value || (is_nearly_value_key(key) && map.len() <= PAIR);
    match is_near {
        true => {
            is_named(&|key, name| is_naming_key(key) && names_value(name)) && !is_requirement(map)
        }
        // What is called like a part of a program makes no secret of what is beside it.
        false => map.len() <= PAIR && is_named(&names_secret),
    }
}

/// The requirement of a selector, a toleration: `{key: auth, operator: In, values: [a]}`.
pub(super) fn is_requirement(map: &Map<String, Value>) -> bool {
    const OPERATORS: [&str; 8] = [
        "In",
        "NotIn",
        "Exists",
        "DoesNotExist",
        "Gt",
        "Lt",
        "Equal",
        "Equals",
    ];
    let operator = map.get("operator").and_then(Value::as_str);
    map.contains_key("key") && operator.is_some_and(|it| OPERATORS.contains(&it))
}

/// `{name: db, key: password}` says where a secret is.
pub(super) fn is_selector<'m>(
    mut maps: impl Iterator<Item = &'m Map<String, Value>>,
    key: &str,
) -> bool {
    const FIELDS: [&str; 6] = ["name", "key", "namespace", "optional", "kind", "apiVersion"];
    let selects = |value: &Value| {
        value.as_object().is_some_and(|map| {
            map.contains_key("name")
                && map.contains_key("key")
                && map.keys().all(|field| FIELDS.contains(&field.as_str()))
        })
    };
    let mut any = false;
    let all = maps.all(|map| match map.get(key) {
        Some(value) => {
            any = true;
            selects(value)
        }
        None => true,
    });
    any && all
}

/// The `key` below `tls` that names a file, or a key in another object.
pub(super) fn is_key_elsewhere(map: &Map<String, Value>) -> bool {
    let key = map.get("key").and_then(Value::as_str).unwrap_or_default();
    let is_file = key.starts_with(['/', '.', '~'])
        || [".key", ".pem", ".crt", ".p12", ".jks"]
            .iter()
            .any(|end| key.ends_with(end));
    is_file || map.contains_key("name") || map.contains_key("secretName") || is_requirement(map)
}

/// The `secretKey` of an ExternalSecret names a key in the Secret that it makes.
pub(super) fn is_key_of_external<'m>(
    mut maps: impl Iterator<Item = &'m Map<String, Value>>,
    key: &str,
) -> bool {
    let is_external =
        |map: &Map<String, Value>| map.contains_key("remoteRef") || map.contains_key("sourceRef");
    key == "secretKey" && maps.next().is_some_and(is_external) && maps.all(is_external)
}

/// The patch of a kustomization that is aimed at Secrets.
pub(super) fn is_patch_of_secret(map: &Map<String, Value>, key: &str) -> bool {
    key == "patch"
        && map
            .get("target")
            .and_then(|target| target.get("kind"))
            .and_then(Value::as_str)
            == Some("Secret")
}

/// `authorization: Token x`: two words, the second of which is the secret. And what a
/// `cookie` is when it is more than the name of one.
pub(super) fn is_header(map: &Map<String, Value>, key: &str) -> bool {
    is_secret_header(key)
        && map
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|value| value.trim().contains([' ', '=']))
}

/// A volume of a pod: `secret: {secretName: x, defaultMode: 420}`, or a part of one.
pub(super) fn is_volume<'m>(
    mut maps: impl Iterator<Item = &'m Map<String, Value>>,
    key: &str,
) -> bool {
    const FIELDS: [&str; 5] = ["secretName", "name", "defaultMode", "optional", "items"];
    key == "secret"
        && maps.all(|map| match map.get(key) {
            Some(Value::Object(volume)) => {
                (volume.contains_key("secretName") || volume.contains_key("name"))
                    && volume.keys().all(|field| FIELDS.contains(&field.as_str()))
            }
            Some(_) => false,
            None => true,
        })
}

/// `{kind: Secret, name: db, valuesKey: x}` names a Secret and holds nothing of it.
pub(super) fn refers_to_object(map: &Map<String, Value>) -> bool {
    const FIELDS: &[&str] = &[
        "kind",
        "name",
        "namespace",
        "apiVersion",
        "group",
        "key",
        "valuesKey",
        "targetPath",
        "optional",
    ];
    map.contains_key("name") && map.keys().all(|key| FIELDS.contains(&key.as_str()))
}

/// The `secrets` of a service account: names of objects, and nothing else.
pub(super) fn lists_names<'m>(
    mut maps: impl Iterator<Item = &'m Map<String, Value>>,
    key: &str,
) -> bool {
    let is_name = |item: &Value| {
        let map = item.as_object();
        map.is_some_and(|map| map.len() == 1 && map.contains_key("name"))
    };
    key == "secrets"
        && maps.all(|map| match map.get(key) {
            Some(Value::Array(items)) => items.iter().all(is_name),
            Some(_) => false,
            None => true,
        })
}
