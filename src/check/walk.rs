//! The strict structural walk: does a value have the shape of its kind?
//!
//! Works on plain values and answers with key paths; where those stand in a
//! file is found afterwards, for the few values that have a violation.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::finding::RuleId;
use super::format;
use super::limits;
use super::metadata;
use super::schema::{Additional, ListType, Schema, Types};
use super::schema_set::{OBJECT_META, SchemaSet};
use super::suggest::{listed, suggestion};
use crate::yaml::{Path, Step};

/// What a violation is about at its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The name of the field.
    Key,
    /// What the field holds.
    Value,
}

/// One thing that is wrong with a value, without its place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule that it breaks.
    pub rule: RuleId,
    /// Where, from the resource's root.
    pub path: Path,
    /// Whether the field's name or its value is meant.
    pub target: Target,
    /// The sentence for people; starts with the place in lower case, names no object.
    pub message: String,
    /// What stands beside the underlined text.
    pub label: Option<String>,
}

/// How a resource is walked.
#[derive(Clone, Copy, Debug, Default)]
pub struct WalkOptions {
    /// Only a part of a resource, such as a Kustomize patch: nothing is missing.
    pub partial: bool,
}

/// Everything that is wrong with a resource's shape.
pub fn walk(
    set: &SchemaSet,
    schema: &Schema,
    value: &Value,
    options: WalkOptions,
) -> Vec<Violation> {
    let mut walker = Walker {
        set,
        root: value,
        path: Vec::new(),
        found: Vec::new(),
        options,
    };
    walker.resource(schema, value);
    walker.found
}

pub(super) struct Walker<'a> {
    set: &'a SchemaSet,
    root: &'a Value,
    pub(super) path: Vec<Step>,
    found: Vec<Violation>,
    options: WalkOptions,
}

impl<'a> Walker<'a> {
    pub(super) fn report(
        &mut self,
        rule: RuleId,
        target: Target,
        message: String,
        label: Option<String>,
    ) {
        self.found.push(Violation {
            rule,
            path: Path::new(self.path.clone()),
            target,
            message,
            label,
        });
    }

    /// The place of the walk, for people: list elements by their name.
    pub(super) fn here(&self) -> String {
        describe(self.root, &self.path)
    }

    pub(super) fn inside(&mut self, step: Step, go: impl FnOnce(&mut Self)) {
        self.path.push(step);
        go(self);
        self.path.pop();
    }

    /// A whole resource: `apiVersion`, `kind` and `metadata` are there whatever the schema says.
    fn resource(&mut self, schema: &'a Schema, value: &'a Value) {
        let schema = self.set.resolve(schema);
        let Some(map) = value.as_object() else {
            return self.wrong_type(Types::OBJECT, value);
        };
        self.limits(schema, value);
        self.known_fields(schema, map, true);
        self.missing_fields(schema, map);
    }

    fn value(&mut self, schema: &'a Schema, value: &'a Value) {
        let is_metadata = schema.reference.as_deref() == Some(OBJECT_META);
        let schema = self.set.resolve(schema);
        if value.is_null() {
            return self.null(schema, value);
        }
        if !schema.types.is_any() && !schema.types.has(types_of(value)) {
            return self.wrong_type(schema.types, value);
        }
        if let Some(reason) = schema
            .format
            .as_deref()
            .and_then(|format| format::refusal(format, value))
        {
            let message = format!("{} {reason}", self.here());
            self.report(RuleId::FORMAT, Target::Value, message, None);
        }
        self.enumeration(schema, value);
        self.limits(schema, value);
        match value {
            Value::Object(map) if schema.embedded_resource => {
                self.known_fields(schema, map, true);
                self.missing_fields(schema, map);
            }
            Value::Object(map) => {
                self.known_fields(schema, map, false);
                self.missing_fields(schema, map);
                if is_metadata {
                    metadata::check_marks(self, map);
                }
            }
            Value::Array(items) => self.list(schema, items),
            _ => {}
        }
    }

    /// Built-in kinds read `null` as "not there"; whether that is fine is said
    /// by the `required` of the map around it.
    fn null(&mut self, schema: &'a Schema, value: &'a Value) {
        let combined = schema
            .limits
            .as_ref()
            .is_some_and(|limits| !limits.all.is_empty());
        if combined {
            self.limits(schema, value);
        }
    }

    fn known_fields(&mut self, schema: &'a Schema, map: &'a Map<String, Value>, resource: bool) {
        for (name, value) in map {
            let step = Step::Key(name.clone());
            if let Some(field) = schema.properties.get(name.as_str()) {
                if resource && name == "metadata" {
                    self.inside(step, |walker| walker.metadata(value));
                } else {
                    self.inside(step, |walker| walker.value(field, value));
                }
                continue;
            }
            if resource && name == "metadata" {
                self.inside(step, |walker| walker.metadata(value));
                continue;
            }
            if resource && matches!(name.as_str(), "apiVersion" | "kind") {
                continue;
            }
            match &schema.additional {
                Additional::Any => {}
                Additional::Schema(inner) => self.inside(step, |walker| walker.value(inner, value)),
                Additional::No => self.unknown_field(schema, name, resource),
            }
        }
    }

    fn metadata(&mut self, value: &'a Value) {
        let Some(schema) = self.set.definition(OBJECT_META) else {
            return;
        };
        if value.is_null() {
            return;
        }
        let Some(map) = value.as_object() else {
            return self.wrong_type(Types::OBJECT, value);
        };
        self.known_fields(schema, map, false);
        metadata::check_marks(self, map);
    }

    fn unknown_field(&mut self, schema: &Schema, name: &str, resource: bool) {
        let place = self.here();
        let place = if place.is_empty() {
            String::new()
        } else {
            format!(" in {place}")
        };
        let message = format!("unknown field {name:?}{place}");
        let mut known: Vec<&str> = schema.properties.keys().map(|key| &**key).collect();
        if resource {
            known.extend(["apiVersion", "kind", "metadata"]);
        }
        let label = match suggestion(name, known.iter().copied()) {
            Some(near) => Some(format!("did you mean {near:?}?")),
            None if known.is_empty() || known.len() > 12 => None,
            None => {
                known.sort_unstable();
                Some(format!("the fields here are {}", listed(&known)))
            }
        };
        self.inside(Step::Key(name.to_owned()), |walker| {
            walker.report(RuleId::UNKNOWN_FIELD, Target::Key, message, label);
        });
    }

    fn missing_fields(&mut self, schema: &Schema, map: &Map<String, Value>) {
        if self.options.partial {
            return;
        }
        for name in &schema.required {
            if map.get(&**name).is_none_or(Value::is_null) {
                let place = self.here();
                let dot = if place.is_empty() { "" } else { "." };
                let message = format!("{place}{dot}{name} is missing");
                self.report(
                    RuleId::MISSING_FIELD,
                    Target::Key,
                    message,
                    Some(format!("needs {name:?}")),
                );
            }
        }
    }

    fn wrong_type(&mut self, wanted: Types, value: &Value) {
        let label = match value {
            Value::Number(_) | Value::Bool(_) if wanted.has(Types::STRING) => {
                Some("put it in quotes".to_owned())
            }
            Value::String(text) if wanted.has(Types::INTEGER) && text.parse::<i64>().is_ok() => {
                Some("leave the quotes out".to_owned())
            }
            _ => None,
        };
        let place = self.here();
        let place = if place.is_empty() {
            "a resource"
        } else {
            &place
        };
        let message = format!(
            "{place} must be {}, not {}",
            wanted.describe(),
            types_of(value).name()
        );
        self.report(RuleId::WRONG_TYPE, Target::Value, message, label);
    }

    fn enumeration(&mut self, schema: &Schema, value: &Value) {
        // The server fills an empty text with the default before it looks at the values.
        if schema.one_of_values.is_empty() || value == "" || schema.one_of_values.contains(value) {
            return;
        }
        let known: Vec<String> = schema.one_of_values.iter().map(plain).collect();
        let near = value
            .as_str()
            .and_then(|text| suggestion(text, known.iter().map(String::as_str)));
        let label = near.map(|near| format!("did you mean {near:?}?"));
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("{} must be one of {}", self.here(), listed(&names));
        self.report(RuleId::ENUM, Target::Value, message, label);
    }

    fn list(&mut self, schema: &'a Schema, items: &'a [Value]) {
        if let Some(item) = &schema.items {
            for (index, value) in items.iter().enumerate() {
                self.inside(Step::Index(index), |walker| walker.value(item, value));
            }
        }
        match &schema.list {
            ListType::Atomic => {}
            ListType::Set => self.duplicates(items, |value| Some(value.to_string()), "value"),
            ListType::Map(keys) => self.keyed_list(schema, keys, items),
        }
    }

    fn keyed_list(&mut self, schema: &'a Schema, keys: &[Box<str>], items: &'a [Value]) {
        let item = schema.items.as_deref().map(|item| self.set.resolve(item));
        let default = |key: &str| {
            item.and_then(|item| item.properties.get(key))
                .and_then(|field| field.default.as_ref())
        };
        let key_of = |value: &Value| -> Option<String> {
            let map = value.as_object()?;
            let parts = keys.iter().map(|key| {
                let part = map
                    .get(&**key)
                    .filter(|part| !part.is_null())
                    .or_else(|| default(key));
                part.map(|part| format!("{key} {}", plain(part)))
            });
            parts
                .collect::<Option<Vec<_>>>()
                .map(|parts| parts.join(", "))
        };
        self.duplicates(items, key_of, "");
        if self.options.partial {
            return;
        }
        for (index, value) in items.iter().enumerate() {
            let Some(map) = value.as_object() else {
                continue;
            };
            for key in keys {
                let required = item.is_some_and(|item| item.required.contains(key));
                if map.get(&**key).is_none_or(Value::is_null) && default(key).is_none() && !required
                {
                    self.inside(Step::Index(index), |walker| {
                        let message = format!(
                            "{}.{key} is missing; it tells the elements apart",
                            walker.here()
                        );
                        walker.report(RuleId::MISSING_FIELD, Target::Value, message, None);
                    });
                }
            }
        }
    }

    fn duplicates(
        &mut self,
        items: &[Value],
        key_of: impl Fn(&Value) -> Option<String>,
        what: &str,
    ) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (index, value) in items.iter().enumerate() {
            let Some(key) = key_of(value) else { continue };
            let Some(first) = seen.insert(key.clone(), index) else {
                continue;
            };
            let what = if what.is_empty() {
                key
            } else {
                what.to_owned()
            };
            let message = format!("{} has two elements with the same {what}", self.here());
            let label = Some(format!("the same as element {first}"));
            self.inside(Step::Index(index), |walker| {
                walker.report(RuleId::DUPLICATE_ELEMENT, Target::Value, message, label);
            });
        }
    }

    fn limits(&mut self, schema: &'a Schema, value: &'a Value) {
        let Some(limits) = &schema.limits else { return };
        if !value.is_null() {
            for reason in limits::refusals(limits, value) {
                let message = format!("{} {reason}", self.here());
                self.report(RuleId::LIMIT, Target::Value, message, None);
            }
        }
        for all in &limits.all {
            self.value(all, value);
        }
        let matching = |alternatives: &'a [Schema]| {
            alternatives
                .iter()
                .filter(|one| self.admits(one, value))
                .count()
        };
        let (any, one) = (matching(&limits.any), matching(&limits.one));
        let refused = match () {
            () if !limits.any.is_empty() && any == 0 => {
                "matches none of the shapes that are allowed here"
            }
            () if !limits.one.is_empty() && one == 0 => {
                "matches none of the shapes that are allowed here"
            }
            () if one > 1 => "matches more than one of the shapes that exclude each other here",
            () if limits
                .not
                .as_deref()
                .is_some_and(|not| self.admits(not, value)) =>
            {
                "has a shape that is not allowed here"
            }
            () => return,
        };
        let message = format!("{} {refused}", self.here());
        self.report(RuleId::LIMIT, Target::Value, message, None);
    }

    fn admits(&self, schema: &'a Schema, value: &'a Value) -> bool {
        let mut walker = Walker {
            set: self.set,
            root: self.root,
            path: self.path.clone(),
            found: Vec::new(),
            options: self.options,
        };
        walker.value(schema, value);
        walker.found.is_empty()
    }
}

fn types_of(value: &Value) -> Types {
    match value {
        Value::Null => Types::NULL,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(number) => {
            let whole = number.is_i64()
                || number.is_u64()
                || number.as_f64().is_some_and(|float| float.fract() == 0.0);
            if whole {
                Types::INTEGER.with(Types::NUMBER)
            } else {
                Types::NUMBER
            }
        }
        Value::String(_) => Types::STRING,
        Value::Array(_) => Types::ARRAY,
        Value::Object(_) => Types::OBJECT,
    }
}

impl Types {
    fn name(self) -> String {
        if self.has(Types::INTEGER) {
            "a number".to_owned()
        } else {
            self.describe()
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A path for people: `spec.containers[server].ports[0]`.
pub fn describe(root: &Value, path: &[Step]) -> String {
    let mut out = String::new();
    let mut at = Some(root);
    for step in path {
        match step {
            Step::Key(key) => {
                let simple = key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$'));
                match (simple, out.is_empty()) {
                    (true, true) => out.push_str(key),
                    (true, false) => {
                        out.push('.');
                        out.push_str(key);
                    }
                    (false, _) => out.push_str(&format!("[{key:?}]")),
                }
                at = at.and_then(|value| value.get(key));
            }
            Step::Item(_) => {
                out.push_str(&Path::new(vec![step.clone()]).to_string());
                at = at.and_then(|value| step.down(value));
            }
            Step::Index(index) => {
                at = at.and_then(|value| value.get(index));
                match at
                    .and_then(|value| value.get("name"))
                    .and_then(Value::as_str)
                {
                    Some(name) => out.push_str(&format!("[{name}]")),
                    None => out.push_str(&format!("[{index}]")),
                }
            }
        }
    }
    out
}
