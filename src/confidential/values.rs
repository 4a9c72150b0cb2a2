//! Values, walked down from the root of a document: which of them must not be shown, by
//! the names above and beside them, by the kind of the object that they are in, and by
//! their looks.

use serde_json::{Map, Value};

use super::lines::Lines;
use super::names::{is_reference, is_secret_name};
use super::shapes::{has_secret_object, has_secret_part};

/// What is put in the place of a value that is not shown.
pub const HIDDEN: &str = "(hidden)";

/// One step down in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into the value of a key.
    Key(&'a str),
    /// Into an item of a list, from 0.
    Index(usize),
    /// Into the item of a list that says these things under these keys.
    Item(&'a [(String, String)]),
}

/// What is known of a place by the way that leads to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secrecy(State);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing: what is there is shown unless it looks like a secret.
    #[default]
    Open,
    /// A Kubernetes Secret, as the list around it says.
    Object,
    /// The items of a list of Secrets.
    Objects,
    /// The item of a kustomization's `secretGenerator`.
    Generator,
    /// An item whose name is that of a secret: its value is one.
    Variable,
    /// Below `auth`, which names settings as often as passwords.
    Vague,
    /// Below the name of a secret.
    Named,
    /// Hidden, whatever it is.
    Hidden,
}

impl Secrecy {
    /// Of a value that is hidden as a whole.
    pub const HIDDEN: Secrecy = Secrecy(State::Hidden);

    /// Whether everything here is hidden, whatever it is.
    pub fn is_hidden(self) -> bool {
        matches!(self.0, State::Hidden | State::Named | State::Vague)
    }

    /// One step further down from `parents`: the same place in one state or in several.
    /// What one of them says of it holds for all of them.
    #[must_use]
    pub fn below(self, parents: &[&Value], step: Step<'_>) -> Secrecy {
        Secrecy(match step {
            Step::Key(key) => self.below_key(parents, key),
            Step::Index(index) => self.below_item(parents, Some(index)),
            Step::Item(says) => match self.below_item(parents, None) {
                State::Open if says.iter().any(|(_, name)| is_secret_name(name)) => State::Variable,
                state => state,
            },
        })
    }

    fn below_item(self, parents: &[&Value], index: Option<usize>) -> State {
        let behind_flag = |list: &Value| {
            let before = index.and_then(|index| list.get(index.checked_sub(1)?)?.as_str());
            before.is_some_and(is_flag)
        };
        match self.0 {
            State::Objects => State::Object,
            State::Open if parents.iter().any(|list| behind_flag(list)) => State::Hidden,
            state => state,
        }
    }

    fn below_key(self, parents: &[&Value], key: &str) -> State {
        let maps = || parents.iter().filter_map(|parent| parent.as_object());
        match self.0 {
            State::Hidden => return State::Hidden,
            State::Named if is_reference(key) => return State::Open,
            State::Named => return State::Named,
            State::Vague if is_ordinary(key) => return State::Open,
            State::Vague if !is_secret_name(key) => return State::Vague,
            State::Generator => {
                return match key {
                    "name" | "namespace" | "type" | "behavior" | "options" => State::Open,
                    _ => State::Hidden,
                };
            }
            State::Variable if is_value_key(key) => return State::Named,
            _ => {}
        }
        if key.ends_with("last-applied-configuration") {
            return State::Hidden;
        }
        if self.0 == State::Object || maps().any(|map| is_kind(map, "Secret")) {
            return match key {
                "apiVersion" | "kind" | "type" | "immutable" | "metadata" => State::Open,
                _ => State::Hidden,
            };
        }
        if key == "items" && maps().any(|map| is_kind(map, "SecretList")) {
            return State::Objects;
        }
        if key == "secretGenerator" {
            return State::Generator;
        }
        let by_sibling = |map: &Map<String, Value>| {
            (is_value_key(key) && names_secret(map)) || is_patch_of_secret(map, key)
        };
        if maps().any(by_sibling) || maps().any(|map| is_header(map, key)) {
            return State::Named;
        }
        // The token that a volume asks for is described there, not written.
        let described = key == "serviceAccountToken" && maps().all(|map| !is_text(map.get(key)));
        if !is_secret_name(key) || described || is_volume(maps(), key) {
            return State::Open;
        }
        match key.to_ascii_lowercase().as_str() {
            "auth" => State::Vague,
            _ => State::Named,
        }
    }

    /// A value as it may be shown at this place.
    pub fn shown(self, value: &Value) -> Value {
        self.shown_beside(value, &[])
    }

    /// The same where other states of the place are shown or known, too: what is secret
    /// in one of them is secret in all.
    pub fn shown_beside(self, value: &Value, others: &[&Value]) -> Value {
        let mut shown = value.clone();
        let states: Vec<&Value> = std::iter::once(value)
            .chain(others.iter().copied())
            .collect();
        hide(&mut shown, &states, self);
        shown
    }

    /// Whether something of a value is not shown at this place, beside its other states.
    pub fn hides_of(self, value: &Value, others: &[&Value]) -> bool {
        let states: Vec<&Value> = std::iter::once(value)
            .chain(others.iter().copied())
            .collect();
        self.hides_any(value, &states)
    }

    fn hides_any(self, value: &Value, states: &[&Value]) -> bool {
        match value {
            Value::Object(map) => map.iter().any(|(key, child)| {
                let below = self.below(states, Step::Key(key));
                let states: Vec<&Value> = states.iter().filter_map(|it| it.get(key)).collect();
                below.hides_any(child, &states)
            }),
            Value::Array(items) => items.iter().enumerate().any(|(index, item)| {
                let below = self.below(states, Step::Index(index));
                let states: Vec<&Value> = states.iter().filter_map(|it| it.get(index)).collect();
                below.hides_any(item, &states)
            }),
            _ => self.hides(value),
        }
    }

    /// Every text and number below that is hidden, in the order of the document, and
    /// whether that is because of its place.
    pub(super) fn collect<'v>(self, value: &'v Value, found: &mut Vec<(&'v Value, bool)>) {
        match value {
            Value::Object(map) => {
                for (key, child) in map {
                    self.below(&[value], Step::Key(key)).collect(child, found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(&[value], Step::Index(index))
                        .collect(item, found);
                }
            }
            _ if self.hides(value) => found.push((value, self.is_hidden())),
            _ => {}
        }
    }

    /// Whether a scalar is hidden here. A switch says nothing about a secret.
    fn hides(self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_hidden() || is_secret_text(text),
            Value::Number(_) => self.is_hidden(),
            _ => false,
        }
    }
}

/// Hides what must not be shown of `value`; `states` are its unchanged copy and others of
/// the same place. Returns whether anything of it is still shown.
fn hide(value: &mut Value, states: &[&Value], secrecy: Secrecy) -> bool {
    let mut any_shown = false;
    let is_empty = match value {
        Value::Object(map) => {
            for (key, child) in map.iter_mut() {
                let below = secrecy.below(states, Step::Key(key));
                let states: Vec<&Value> = states.iter().filter_map(|it| it.get(key)).collect();
                any_shown |= hide(child, &states, below);
            }
            map.is_empty()
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                let below = secrecy.below(states, Step::Index(index));
                let states: Vec<&Value> = states.iter().filter_map(|it| it.get(index)).collect();
                any_shown |= hide(item, &states, below);
            }
            items.is_empty()
        }
        _ if secrecy.hides(value) => {
            *value = HIDDEN.into();
            false
        }
        _ => return true,
    };
    // Keys and the number of items say something, too.
    if secrecy.is_hidden() && !any_shown && !is_empty {
        *value = HIDDEN.into();
    }
    any_shown || is_empty
}

/// Whether a text must not be shown, whatever it is called.
pub fn is_secret_text(text: &str) -> bool {
    has_secret_part(text)
        || has_secret_object(text)
        || (text.contains('\n') && Lines::without_objects(text).any_hidden())
}

fn is_kind(map: &Map<String, Value>, kind: &str) -> bool {
    map.get("kind").and_then(Value::as_str) == Some(kind)
}

fn is_text(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::String(_) | Value::Number(_)))
}

/// Keys under which an item says what it is.
pub(super) fn is_naming_key(key: &str) -> bool {
    [
        "name",
        "key",
        "id",
        "field",
        "property",
        "parameter",
        "option",
        "variable",
        "header",
        "path",
        "Name",
        "Key",
    ]
    .contains(&key)
}

/// Keys under which an item that is named by another key has its value.
pub(super) fn is_value_key(key: &str) -> bool {
    [
        "value",
        "values",
        "val",
        "default",
        "defaultValue",
        "stringValue",
        "string",
        "content",
        "contents",
        "text",
        "data",
        "Value",
    ]
    .contains(&key)
}

/// Whether an item is called like a secret by what it says beside its value.
fn names_secret(map: &Map<String, Value>) -> bool {
    map.iter().any(|(key, name)| {
        let name = name.as_str().filter(|_| is_naming_key(key));
        name.is_some_and(|name| is_secret_name(name) || name.starts_with("/stringData"))
    })
}

/// The patch of a kustomization that is aimed at Secrets.
fn is_patch_of_secret(map: &Map<String, Value>, key: &str) -> bool {
    key == "patch"
        && map
            .get("target")
            .and_then(|target| target.get("kind"))
            .and_then(Value::as_str)
            == Some("Secret")
}

/// `authorization: Token x`: two words, the second of which is the secret.
fn is_header(map: &Map<String, Value>, key: &str) -> bool {
    let is = |name: &str| key.eq_ignore_ascii_case(name);
    (is("authorization") || is("proxy-authorization"))
        && map
            .get(key)
            .and_then(Value::as_str)
            .is_some_and(|value| value.trim().contains(' '))
}

/// A volume of a pod: `secret: {secretName: x, defaultMode: 420}`.
fn is_volume<'m>(mut maps: impl Iterator<Item = &'m Map<String, Value>>, key: &str) -> bool {
    const FIELDS: [&str; 4] = ["secretName", "defaultMode", "optional", "items"];
    key == "secret"
        && maps.all(|map| match map.get(key) {
            Some(Value::Object(volume)) => {
                volume.contains_key("secretName")
                    && volume.keys().all(|field| FIELDS.contains(&field.as_str()))
            }
            Some(_) => false,
            None => true,
        })
}

/// What a part of a program that is called `auth` is configured with.
fn is_ordinary(key: &str) -> bool {
    [
        "image",
        "repository",
        "registry",
        "tag",
        "digest",
        "newTag",
        "newName",
        "pullPolicy",
        "imagePullPolicy",
        "replicas",
        "replicaCount",
        "enabled",
        "port",
        "containerPort",
        "targetPort",
        "version",
        "cpu",
        "memory",
        "resources",
        "requests",
        "limits",
        "type",
        "kind",
        "apiVersion",
    ]
    .contains(&key)
}

/// `--password`, whose value is the next item.
fn is_flag(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    text.starts_with('-')
        && !text.contains(['=', ' '])
        && is_secret_name(name)
        && !name.contains("kubeconfig")
}

#[cfg(test)]
mod tests;
