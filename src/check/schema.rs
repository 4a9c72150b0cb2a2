//! What a value may be: one schema, read from a CRD's `openAPIV3Schema`, from
//! a JSON Schema or from an embedded definition.
//!
//! Reads the keywords that the API server enforces on structure and values.
//! CEL rules (`x-kubernetes-validations`) are not read here.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value;
use thiserror::Error;

/// How a schema's text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Kubernetes' structural schemas: an object admits the fields that it declares.
    Structural,
    /// JSON Schema: an object admits every field unless it says otherwise.
    JsonSchema,
}

/// A set of JSON types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Types(u8);

impl Types {
    /// `null`.
    pub const NULL: Types = Types(1);
    /// `true` and `false`.
    pub const BOOLEAN: Types = Types(2);
    /// Whole numbers.
    pub const INTEGER: Types = Types(4);
    /// Any number.
    pub const NUMBER: Types = Types(8);
    /// Text.
    pub const STRING: Types = Types(16);
    /// Lists.
    pub const ARRAY: Types = Types(32);
    /// Maps.
    pub const OBJECT: Types = Types(64);

    const NAMES: [(Types, &'static str, &'static str); 7] = [
        (Types::NULL, "null", "null"),
        (Types::BOOLEAN, "boolean", "true or false"),
        (Types::INTEGER, "integer", "an integer"),
        (Types::NUMBER, "number", "a number"),
        (Types::STRING, "string", "a string"),
        (Types::ARRAY, "array", "a list"),
        (Types::OBJECT, "object", "a map"),
    ];

    /// Whether nothing was said, so that every type is allowed.
    pub fn is_any(self) -> bool {
        self.0 == 0
    }

    /// Whether one of `other`'s types is in this set.
    pub fn has(self, other: Types) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    fn parse(name: &str) -> Option<Types> {
        let found = Self::NAMES.iter().find(|entry| entry.1 == name)?;
        Some(found.0)
    }

    /// For people: "an integer or a string".
    pub fn describe(self) -> String {
        let mut names = Self::NAMES
            .iter()
            .filter(|entry| self.has(entry.0) && entry.1 != "null")
            .map(|entry| entry.2);
        let mut out = names.next().unwrap_or("null").to_owned();
        for name in names {
            out.push_str(" or ");
            out.push_str(name);
        }
        out
    }
}

/// How the elements of a list are told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ListType {
    /// By position only.
    #[default]
    Atomic,
    /// By value; no value may stand twice.
    Set,
    /// By these fields; no combination may stand twice.
    Map(Vec<Box<str>>),
}

/// What an object may hold beside its declared fields.
#[derive(Debug)]
pub enum Additional {
    /// Nothing.
    No,
    /// Anything.
    Any,
    /// Values of this schema.
    Schema(Box<Schema>),
}

/// One schema.
#[derive(Debug)]
pub struct Schema {
    /// The name of the definition that stands for this schema.
    pub reference: Option<Box<str>>,
    /// The allowed types; `int-or-string` is both.
    pub types: Types,
    /// `int32`, `date-time`, `byte`, `quantity`, …
    pub format: Option<Box<str>>,
    /// The allowed values; empty when every value is.
    pub one_of_values: Vec<Value>,
    /// Declared fields.
    pub properties: HashMap<Box<str>, Schema>,
    /// What else an object may hold.
    pub additional: Additional,
    /// Fields that must be there.
    pub required: Vec<Box<str>>,
    /// What the elements of a list may be.
    pub items: Option<Box<Schema>>,
    /// How the elements of a list are told apart.
    pub list: ListType,
    /// The text that stands for a missing field.
    pub default: Option<Value>,
    /// Whether the value is a whole resource with `apiVersion`, `kind` and `metadata`.
    pub embedded_resource: bool,
    /// Bounds and combinations, which few schemas have.
    pub limits: Option<Box<Limits>>,
}

/// Bounds and combinations of a schema.
#[derive(Debug, Default)]
pub struct Limits {
    /// Smallest number, and whether it is excluded.
    pub minimum: Option<(f64, bool)>,
    /// Largest number, and whether it is excluded.
    pub maximum: Option<(f64, bool)>,
    /// The number is a multiple of this.
    pub multiple_of: Option<f64>,
    /// Bounds of a text's length in characters.
    pub length: (Option<u64>, Option<u64>),
    /// Bounds of a list's length.
    pub items: (Option<u64>, Option<u64>),
    /// Bounds of the number of fields.
    pub fields: (Option<u64>, Option<u64>),
    /// No two elements are equal.
    pub unique: bool,
    /// What a text matches somewhere.
    pub pattern: Option<Regex>,
    /// All of these hold.
    pub all: Vec<Schema>,
    /// At least one of these holds.
    pub any: Vec<Schema>,
    /// Exactly one of these holds.
    pub one: Vec<Schema>,
    /// This does not hold.
    pub not: Option<Box<Schema>>,
}

/// A schema that cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{at}: {reason}")]
pub struct SchemaError {
    /// The place within the schema, as a path of keywords.
    pub at: String,
    /// What is wrong there.
    pub reason: String,
}

impl Default for Schema {
    /// The schema that admits everything.
    fn default() -> Self {
        Schema {
            reference: None,
            types: Types::default(),
            format: None,
            one_of_values: Vec::new(),
            properties: HashMap::new(),
            additional: Additional::Any,
            required: Vec::new(),
            items: None,
            list: ListType::Atomic,
            default: None,
            embedded_resource: false,
            limits: None,
        }
    }
}

impl Schema {
    /// The schema that is this definition.
    pub fn reference(name: &str) -> Self {
        Schema {
            reference: Some(name.into()),
            ..Schema::default()
        }
    }

    /// Reads a schema.
    pub fn parse(value: &Value, dialect: Dialect) -> Result<Schema, SchemaError> {
        Reader {
            dialect,
            at: Vec::new(),
        }
        .schema(value)
    }

    /// Whether an integer and a string are both fine.
    pub fn is_int_or_string(&self) -> bool {
        self.types == Types::INTEGER.with(Types::STRING)
    }
}

struct Reader {
    dialect: Dialect,
    at: Vec<String>,
}

impl Reader {
    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, SchemaError> {
        let at = if self.at.is_empty() {
            "schema".to_owned()
        } else {
            self.at.join(".")
        };
        Err(SchemaError {
            at,
            reason: reason.into(),
        })
    }

    fn inside<T>(
        &mut self,
        step: &str,
        read: impl FnOnce(&mut Self) -> Result<T, SchemaError>,
    ) -> Result<T, SchemaError> {
        self.at.push(step.to_owned());
        let out = read(self);
        self.at.pop();
        out
    }

    fn schema(&mut self, value: &Value) -> Result<Schema, SchemaError> {
        let map = match value {
            Value::Object(map) => map,
            Value::Bool(true) => return Ok(Schema::default()),
            _ => return self.fail("is not a schema (a map)"),
        };
        if let Some(name) = map.get("$ref").and_then(Value::as_str) {
            let name = name.rsplit('/').next().unwrap_or(name);
            return Ok(Schema {
                default: map.get("default").cloned(),
                ..Schema::reference(name)
            });
        }
        let mut out = Schema {
            types: self.types(map)?,
            ..Schema::default()
        };
        out.format = text(map.get("format"));
        out.default = map.get("default").cloned();
        out.embedded_resource = is_true(map.get("x-kubernetes-embedded-resource"));
        out.one_of_values = map
            .get("enum")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        if let Some(constant) = map.get("const") {
            out.one_of_values = vec![constant.clone()];
        }
        out.required = texts(map.get("required"));
        if let Some(items) = map.get("items").filter(|items| items.is_object()) {
            out.items = Some(Box::new(
                self.inside("items", |reader| reader.schema(items))?,
            ));
        }
        out.list = match map.get("x-kubernetes-list-type").and_then(Value::as_str) {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(texts(map.get("x-kubernetes-list-map-keys"))),
            _ => ListType::Atomic,
        };
        self.fields(map, &mut out)?;
        out.limits = self.limits(map)?.map(Box::new);
        if self.dialect == Dialect::JsonSchema {
            int_or_string_of_alternatives(&mut out);
        }
        Ok(out)
    }

    fn types(&self, map: &serde_json::Map<String, Value>) -> Result<Types, SchemaError> {
        let mut types = match map.get("type") {
            None => Types::default(),
            Some(Value::String(name)) => self.type_named(name)?,
            Some(Value::Array(names)) => {
                let mut types = Types::default();
                for name in names {
                    types = types.with(self.type_named(name.as_str().unwrap_or_default())?);
                }
                types
            }
            Some(_) => return self.fail("type is neither a name nor a list of names"),
        };
        let format = map.get("format").and_then(Value::as_str);
        if is_true(map.get("x-kubernetes-int-or-string")) || format == Some("int-or-string") {
            types = Types::INTEGER.with(Types::STRING);
        }
        if is_true(map.get("nullable")) && !types.is_any() {
            types = types.with(Types::NULL);
        }
        Ok(types)
    }

    fn type_named(&self, name: &str) -> Result<Types, SchemaError> {
        match Types::parse(name) {
            Some(found) => Ok(found),
            None => self.fail(format!("unknown type {name:?}")),
        }
    }

    fn fields(
        &mut self,
        map: &serde_json::Map<String, Value>,
        out: &mut Schema,
    ) -> Result<(), SchemaError> {
        if let Some(properties) = map.get("properties").and_then(Value::as_object) {
            for (name, value) in properties {
                let schema = self.inside(name, |reader| reader.schema(value))?;
                out.properties.insert(name.as_str().into(), schema);
            }
        }
        let open = is_true(map.get("x-kubernetes-preserve-unknown-fields"));
        out.additional = match map.get("additionalProperties") {
            _ if open => Additional::Any,
            Some(Value::Bool(false)) => Additional::No,
            Some(value @ Value::Object(_)) => Additional::Schema(Box::new(
                self.inside("additionalProperties", |reader| reader.schema(value))?,
            )),
            Some(_) => Additional::Any,
            None if self.dialect == Dialect::JsonSchema
                || map.contains_key("patternProperties") =>
            {
                Additional::Any
            }
            None if out.types.has(Types::OBJECT) || !out.properties.is_empty() => Additional::No,
            None => Additional::Any,
        };
        Ok(())
    }

    fn limits(
        &mut self,
        map: &serde_json::Map<String, Value>,
    ) -> Result<Option<Limits>, SchemaError> {
        const KEYWORDS: [&str; 17] = [
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "uniqueItems",
            "pattern",
            "allOf",
            "anyOf",
            "oneOf",
            "not",
        ];
        if !KEYWORDS.iter().any(|keyword| map.contains_key(*keyword)) {
            return Ok(None);
        }
        let count = |keyword: &str| map.get(keyword).and_then(Value::as_u64);
        let mut limits = Limits {
            minimum: bound(map, "minimum", "exclusiveMinimum"),
            maximum: bound(map, "maximum", "exclusiveMaximum"),
            multiple_of: map.get("multipleOf").and_then(Value::as_f64),
            length: (count("minLength"), count("maxLength")),
            items: (count("minItems"), count("maxItems")),
            fields: (count("minProperties"), count("maxProperties")),
            unique: is_true(map.get("uniqueItems")),
            ..Limits::default()
        };
        if let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
            limits.pattern = match Regex::new(pattern) {
                Ok(regex) => Some(regex),
                Err(_) => {
                    return self.fail(format!("pattern {pattern:?} is not a regular expression"));
                }
            };
        }
        limits.all = self.alternatives(map, "allOf")?;
        limits.any = self.alternatives(map, "anyOf")?;
        limits.one = self.alternatives(map, "oneOf")?;
        if let Some(not) = map.get("not") {
            limits.not = Some(Box::new(
                self.inside("not", |reader| reader.alternative(not))?,
            ));
        }
        Ok(Some(limits))
    }

    fn alternatives(
        &mut self,
        map: &serde_json::Map<String, Value>,
        keyword: &str,
    ) -> Result<Vec<Schema>, SchemaError> {
        let Some(values) = map.get(keyword).and_then(Value::as_array) else {
            return Ok(Vec::new());
        };
        self.inside(keyword, |reader| {
            values
                .iter()
                .map(|value| reader.alternative(value))
                .collect()
        })
    }

    /// In combinations, structure is said by the schema around them: what they
    /// do not mention is not refused.
    fn alternative(&mut self, value: &Value) -> Result<Schema, SchemaError> {
        let outer = std::mem::replace(&mut self.dialect, Dialect::JsonSchema);
        let out = self.schema(value);
        self.dialect = outer;
        out
    }
}

/// `oneOf: [{type: integer}, {type: string}]`, as converted CRD catalogues write int-or-string.
fn int_or_string_of_alternatives(schema: &mut Schema) {
    let Some(limits) = &mut schema.limits else {
        return;
    };
    for alternatives in [&mut limits.one, &mut limits.any] {
        let plain = alternatives.len() == 2
            && alternatives
                .iter()
                .all(|one| one.limits.is_none() && one.properties.is_empty());
        if plain
            && alternatives[0].types.with(alternatives[1].types)
                == Types::INTEGER.with(Types::STRING)
        {
            schema.types = Types::INTEGER.with(Types::STRING);
            alternatives.clear();
        }
    }
}

fn bound(
    map: &serde_json::Map<String, Value>,
    plain: &str,
    exclusive: &str,
) -> Option<(f64, bool)> {
    match (map.get(plain).and_then(Value::as_f64), map.get(exclusive)) {
        (Some(limit), flag) => Some((limit, is_true(flag))),
        (None, Some(value)) => value.as_f64().map(|limit| (limit, true)),
        (None, None) => None,
    }
}

fn is_true(value: Option<&Value>) -> bool {
    value.and_then(Value::as_bool) == Some(true)
}

fn text(value: Option<&Value>) -> Option<Box<str>> {
    value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(Into::into)
}

fn texts(value: Option<&Value>) -> Vec<Box<str>> {
    let Some(values) = value.and_then(Value::as_array) else {
        return Vec::new();
    };
    values
        .iter()
        .filter_map(Value::as_str)
        .map(Into::into)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_structural_object_admits_only_what_it_declares() {
        let value = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        let structural = Schema::parse(&value, Dialect::Structural).unwrap();
        assert!(matches!(structural.additional, Additional::No));
        let plain = Schema::parse(&value, Dialect::JsonSchema).unwrap();
        assert!(matches!(plain.additional, Additional::Any));
    }

    #[test]
    fn int_or_string_is_read_in_its_three_spellings() {
        for (value, dialect) in [
            (
                json!({"x-kubernetes-int-or-string": true}),
                Dialect::Structural,
            ),
            (
                json!({"format": "int-or-string", "type": "string"}),
                Dialect::JsonSchema,
            ),
            (
                json!({"oneOf": [{"type": "string"}, {"type": "integer"}]}),
                Dialect::JsonSchema,
            ),
        ] {
            assert!(
                Schema::parse(&value, dialect).unwrap().is_int_or_string(),
                "{value}"
            );
        }
    }

    #[test]
    fn a_schema_that_is_none_is_refused_with_its_place() {
        let value = json!({"type": "object", "properties": {"a": {"items": {"type": "strng"}}}});
        let error = Schema::parse(&value, Dialect::Structural).unwrap_err();
        assert_eq!(error.to_string(), "a.items: unknown type \"strng\"");
    }
}
