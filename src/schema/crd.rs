//! Custom resources: the schemas that a CustomResourceDefinition carries.

use serde_json::Value;
use thiserror::Error;

use crate::check::{
    Dialect, Kind, RuleId, Schema, SchemaError, SchemaSet, Scope, Target, Violation,
};
use crate::yaml::{Path, Step};

/// A CustomResourceDefinition whose schemas cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CrdError {
    /// A field that names the custom resource is missing.
    #[error("spec.{0} is missing")]
    Missing(&'static str),
    /// A version's schema is not one.
    #[error("the schema of version {version} cannot be read: {error}")]
    Schema {
        /// The version's name.
        version: String,
        /// What is wrong with its schema.
        error: SchemaError,
    },
}

/// Whether a value is a CustomResourceDefinition.
pub fn is_crd(value: &Value) -> bool {
    let group = value
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    value.get("kind").and_then(Value::as_str) == Some("CustomResourceDefinition")
        && group.starts_with("apiextensions.k8s.io/")
}

/// Adds the served versions of a CustomResourceDefinition to a set.
pub fn add_crd(set: &mut SchemaSet, crd: &Value) -> Result<(), CrdError> {
    let spec = &crd["spec"];
    let group = text(&spec["group"]).ok_or(CrdError::Missing("group"))?;
    let kind = text(&spec["names"]["kind"]).ok_or(CrdError::Missing("names.kind"))?;
    let plural = text(&spec["names"]["plural"]).ok_or(CrdError::Missing("names.plural"))?;
    let scope = match text(&spec["scope"]).ok_or(CrdError::Missing("scope"))? {
        "Cluster" => Scope::Cluster,
        _ => Scope::Namespaced,
    };
    let versions = spec["versions"]
        .as_array()
        .ok_or(CrdError::Missing("versions"))?;
    for version in versions
        .iter()
        .filter(|version| version["served"] != Value::Bool(false))
    {
        let name = text(&version["name"]).ok_or(CrdError::Missing("versions[].name"))?;
        let definition = format!("{group}/{name}/{kind}");
        let schema = match version["schema"].get("openAPIV3Schema") {
            Some(schema) => {
                Schema::parse(schema, Dialect::Structural).map_err(|error| CrdError::Schema {
                    version: name.to_owned(),
                    error,
                })?
            }
            None => Schema::default(),
        };
        set.define(&definition, schema);
        set.add_kind(Kind {
            api_version: format!("{group}/{name}").into(),
            kind: kind.into(),
            scope: Some(scope),
            plural: plural.into(),
            definition: definition.into(),
        });
    }
    Ok(())
}

/// What a server refuses in the schemas of a CustomResourceDefinition, and what to write.
const FORBIDDEN: [(&str, &str); 6] = [
    ("$ref", "write the schema out at this place"),
    ("definitions", "write the schemas out where they are used"),
    ("dependencies", "write x-kubernetes-validations"),
    ("patternProperties", "write additionalProperties"),
    ("additionalItems", "write items"),
    ("id", "leave it out"),
];

/// The words in a CustomResourceDefinition's schemas that no server accepts.
pub fn forbidden_words(crd: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    let versions = crd["spec"]["versions"].as_array().into_iter().flatten();
    for (index, version) in versions.enumerate() {
        let mut steps = vec![
            Step::Key("spec".to_owned()),
            Step::Key("versions".to_owned()),
            Step::Index(index),
            Step::Key("schema".to_owned()),
            Step::Key("openAPIV3Schema".to_owned()),
        ];
        let schema = &version["schema"]["openAPIV3Schema"];
        words(schema, &mut steps, &mut found);
    }
    found
}

fn words(schema: &Value, steps: &mut Vec<Step>, found: &mut Vec<Violation>) {
    let Some(map) = schema.as_object() else {
        return;
    };
    let mut refuse = |word: &str, message: String| {
        let mut path = steps.clone();
        path.push(Step::Key(word.to_owned()));
        found.push(Violation {
            rule: RuleId::CUSTOM_KIND,
            path: Path::new(path),
            target: Target::Key,
            message,
            label: None,
        });
    };
    for (word, advice) in FORBIDDEN {
        if map.get(word).is_some_and(|value| !value.is_null()) {
            refuse(
                word,
                format!("{word} is not allowed in the schema of a custom resource: {advice}"),
            );
        }
    }
    if map.get("uniqueItems") == Some(&Value::Bool(true)) {
        let message = "uniqueItems may not be true in the schema of a custom resource: write x-kubernetes-list-type: set";
        refuse("uniqueItems", message.to_owned());
    }
    for (word, value) in map {
        let mut inside = |step: Option<Step>, schema: &Value| {
            let before = steps.len();
            steps.push(Step::Key(word.clone()));
            steps.extend(step);
            words(schema, steps, found);
            steps.truncate(before);
        };
        match (word.as_str(), value) {
            ("properties", Value::Object(fields)) => {
                for (name, schema) in fields {
                    inside(Some(Step::Key(name.clone())), schema);
                }
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                for (index, schema) in schemas.iter().enumerate() {
                    inside(Some(Step::Index(index)), schema);
                }
            }
            ("items" | "additionalProperties" | "not", schema) => inside(None, schema),
            _ => {}
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cache() -> Value {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "caches.example.com"},
            "spec": {
                "group": "example.com", "scope": "Cluster", "names": {"kind": "Cache", "plural": "caches"},
                "versions": [
                    {"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                        "type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
                    }}},
                    {"name": "v1alpha1", "served": false, "storage": false},
                ],
            },
        })
    }

    #[test]
    fn served_versions_become_kinds() {
        let mut set = SchemaSet::new();
        assert!(is_crd(&cache()));
        add_crd(&mut set, &cache()).unwrap();
        let kind = set.kind("example.com/v1", "Cache").unwrap();
        assert_eq!(kind.scope, Some(Scope::Cluster));
        assert!(
            set.definition(&kind.definition)
                .unwrap()
                .properties
                .contains_key("spec")
        );
        assert!(set.kind("example.com/v1alpha1", "Cache").is_none());
    }

    #[test]
    fn words_that_no_server_accepts_are_found_at_their_places() {
        assert!(forbidden_words(&cache()).is_empty());
        let mut crd = cache();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = json!({
            "definitions": {"a": {"type": "string"}},
            "properties": {
                // A field may have any name.
                "id": {"$ref": "#/definitions/a"},
                "list": {"items": {"uniqueItems": true}, "uniqueItems": false},
                "$ref": {"additionalProperties": {"anyOf": [{"not": {"patternProperties": {}}}]}},
            },
        });
        let found: Vec<String> = forbidden_words(&crd)
            .iter()
            .map(|it| it.path.to_string())
            .collect();
        let base = "spec.versions[0].schema.openAPIV3Schema";
        assert_eq!(found.len(), 4, "{found:?}");
        for place in [
            "definitions",
            "properties.id.$ref",
            "properties.list.items.uniqueItems",
            "anyOf[0].not.patternProperties",
        ] {
            let found = found
                .iter()
                .any(|it| it.starts_with(base) && it.ends_with(place));
            assert!(found, "{place}");
        }
    }

    #[test]
    fn a_broken_definition_says_what_is_missing() {
        let mut crd = cache();
        crd["spec"]["names"]["plural"] = Value::Null;
        assert_eq!(
            add_crd(&mut SchemaSet::new(), &crd)
                .unwrap_err()
                .to_string(),
            "spec.names.plural is missing"
        );
        let mut crd = cache();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["type"] = json!("map");
        let error = add_crd(&mut SchemaSet::new(), &crd)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "the schema of version v1 cannot be read: schema: unknown type \"map\""
        );
    }
}
