//! Custom resources: the schemas that a CustomResourceDefinition carries.

use serde_json::Value;
use thiserror::Error;

use crate::check::{Dialect, Kind, Schema, SchemaError, SchemaSet, Scope};

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
