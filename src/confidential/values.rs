//! Values, walked down from the root of a document: which of them must not be shown, by
//! the names above and beside them, by the kind of the object that they are in, and by
//! their looks.

use serde_json::{Map, Value};

use super::beside::{
    is_header, is_key_elsewhere, is_key_of_external, is_kind, is_patch_of_secret, is_selector,
    is_text, is_value_of_secret, is_volume, lists_names, names_value, refers_to_object,
};
use super::commands::{is_second_of_pair, is_secret_argument};
use super::embedded::has_secret_value;
use super::lines::Lines;
use super::names::{
    Vagueness, holds_headers, holds_key, is_key_alone, is_reference, is_secret_header,
    is_secret_name, is_vague_alone, vagueness,
};
use super::settings::{is_naming_key, is_setting, is_structure, is_value_key};
use super::shapes::{has_secret_object, has_secret_part, is_variable, redact};

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
pub(super) enum State {
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
    /// Below `encryption`, whose `key` is a secret.
    Keyed,
    /// Below `headers`.
    Headers,
    /// The value of a setting below a vague name.
    Setting,
    /// Below `auth`, which names settings as often as passwords.
    Vague,
    /// Below `credentials`, where names of settings and of persons may be.
    VagueMany,
    /// Below the name of a secret.
    Named,
    /// Hidden, whatever it is.
    Hidden,
}

impl State {
    /// The state of what a name alone says.
    fn of_name(key: &str) -> State {
        if is_secret_name(key) {
            return match vagueness(key) {
                Vagueness::None => State::Named,
                Vagueness::Some => State::Vague,
                Vagueness::Many => State::VagueMany,
            };
        }
        match key {
            key if holds_key(key) => State::Keyed,
            key if holds_headers(key) => State::Headers,
            _ => State::Open,
        }
    }

    /// The state below a key, by the names on the way to it alone.
    pub(super) fn below_name(self, key: &str) -> State {
        match self {
            State::Hidden => State::Hidden,
            State::Named if is_reference(key) => State::Open,
            State::Named => State::Named,
            State::Vague | State::VagueMany | State::Setting => self.below_vague(key),
            State::Keyed if is_key_alone(key) => State::Named,
            State::Headers if is_secret_header(key) => State::Named,
            _ => State::of_name(key),
        }
    }

    fn below_vague(self, key: &str) -> State {
        match key {
            key if is_structure(key) || is_reference(key) => State::Open,
            key if is_secret_name(key) => State::of_name(key),
            key if is_setting(key) => State::Setting,
            _ if self == State::Setting => State::Vague,
            _ => self,
        }
    }

    /// The state of the items of a list.
    pub(super) fn below_list(self) -> State {
        match self {
            State::Objects => State::Object,
            State::Vague | State::VagueMany => State::Named,
            state => state,
        }
    }

    pub(super) fn is_hidden(self) -> bool {
        matches!(
            self,
            State::Hidden | State::Named | State::Vague | State::VagueMany
        )
    }

    /// Whether a key may be a secret itself: `tokens: {x: ann}`.
    pub(super) fn hides_key(self, key: &str) -> bool {
        let is_known = || {
            is_setting(key)
                || is_reference(key)
                || is_secret_name(key)
                || is_value_key(key)
                || is_naming_key(key)
        };
        match self {
            State::Named | State::VagueMany => !is_known(),
            State::Vague => !is_word(key) && !is_known(),
            _ => false,
        }
    }
}

/// Whether a key reads like the name of a setting.
fn is_word(key: &str) -> bool {
    key.len() <= 24 && key.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
}

impl Secrecy {
    /// Of a value that is hidden as a whole.
    pub const HIDDEN: Secrecy = Secrecy(State::Hidden);

    /// Whether everything here is hidden, whatever it is.
    pub fn is_hidden(self) -> bool {
        self.0.is_hidden()
    }

    /// Whether a key of the map here must not be shown: it may be a secret itself.
    pub fn hides_key(self, key: &str) -> bool {
        self.0.hides_key(key)
    }

    /// One step further down from `parents`: the same place in one state or in several.
    /// What one of them says of it holds for all of them.
    #[must_use]
    pub fn below(self, parents: &[&Value], step: Step<'_>) -> Secrecy {
        Secrecy(match step {
            Step::Key(key) => self.below_key(parents, key),
            Step::Index(index) => self.below_item(parents, Some(index)),
            Step::Item(says) => match self.below_item(parents, None) {
                State::Open | State::Keyed | State::Headers
                    if says.iter().any(|(_, name)| names_value(name)) =>
                {
                    State::Variable
                }
                state => state,
            },
        })
    }

    fn below_item(self, parents: &[&Value], index: Option<usize>) -> State {
        let is_argument = |list: &Value| {
            let (Some(items), Some(index)) = (list.as_array(), index) else {
                return false;
            };
            is_secret_argument(items, index) || is_second_of_pair(items, index)
        };
        match self.0.below_list() {
            State::Open if parents.iter().any(|list| is_argument(list)) => State::Hidden,
            state => state,
        }
    }

    fn below_key(self, parents: &[&Value], key: &str) -> State {
        let maps = || parents.iter().filter_map(|parent| parent.as_object());
        match self.0 {
            State::Hidden => return State::Hidden,
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
        if self.0 == State::Object
            || maps().any(|map| is_kind(map, "Secret") && !refers_to_object(map))
        {
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
        if maps().any(|map| is_patch_of_secret(map, key)) {
            return State::Named;
        }
        if maps().any(|map| is_value_of_secret(map, key)) {
            return state_of_value(maps(), key);
        }
        self.below_plain_key(parents, key)
    }

    /// The same where nothing beside the key says what it is.
    fn below_plain_key(self, parents: &[&Value], key: &str) -> State {
        let maps = || parents.iter().filter_map(|parent| parent.as_object());
        let is_open = matches!(self.0, State::Open | State::Keyed | State::Headers);
        if maps().any(|map| is_header(map, key)) {
            return State::Named;
        }
        if self.0 == State::Keyed && is_key_alone(key) && maps().any(is_key_elsewhere) {
            return State::Open;
        }
        // The token that a volume asks for is described there, not written.
        let described = key == "serviceAccountToken" && maps().all(|map| !is_text(map.get(key)));
        if is_open && (described || is_key_of_external(maps(), key)) {
            return State::Open;
        }
        let refers =
            || is_volume(maps(), key) || is_selector(maps(), key) || lists_names(maps(), key);
        if self.0 != State::Named && refers() {
            return State::Open;
        }
        self.0.below_name(key)
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
            // A variable says where the secret is.
            Value::String(text) if self.0 != State::Hidden && is_variable(text) => false,
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
            let is_empty = map.is_empty();
            hide_keys(map, secrecy);
            is_empty
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

/// Shows keys that look like secrets without them, and those that may be secrets by their
/// place as one that is hidden.
fn hide_keys(map: &mut Map<String, Value>, secrecy: Secrecy) {
    let hides = |key: &String| secrecy.hides_key(key);
    if !map.keys().any(|key| hides(key) || has_secret_part(key)) {
        return;
    }
    let shown = |(key, child): (String, Value)| match hides(&key) {
        true => (HIDDEN.to_owned(), HIDDEN.into()),
        false => (redact(&key), child),
    };
    *map = std::mem::take(map).into_iter().map(shown).collect();
}

/// Whether a text must not be shown, whatever it is called.
pub fn is_secret_text(text: &str) -> bool {
    has_secret_part(text)
        || has_secret_object(text)
        || has_secret_value(text)
        || (text.contains('\n') && Lines::by_lines(text).any_hidden())
}

/// The value of an item with the name of a secret. Below `name: auth` there may be the
/// settings of a part that is called so.
fn state_of_value<'m>(mut maps: impl Iterator<Item = &'m Map<String, Value>>, key: &str) -> State {
    let is_vague = |map: &Map<String, Value>| {
        let names = map.iter().filter(|(other, _)| is_naming_key(other));
        let mut names = names.filter_map(|(_, name)| name.as_str());
        map.get(key).is_some_and(Value::is_object)
            && names.all(|name| !names_value(name) || is_vague_alone(name))
    };
    match maps.all(is_vague) {
        true => State::Vague,
        false => State::Named,
    }
}

#[cfg(test)]
mod tests;
