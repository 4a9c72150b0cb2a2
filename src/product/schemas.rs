//! The published JSON Schemas of the kinds, for editors. They say what the
//! decoder accepts, field by field; whether things fit together is checked by
//! the decoder alone.

/// A kind of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `gitops.yaml`
    Repository,
    /// `product.yaml`
    Product,
    /// A file that the product manifest includes.
    Component,
    /// `environment.yaml`
    Environment,
    /// `templates/NAME/template.yaml`
    Template,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Repository,
        Self::Product,
        Self::Component,
        Self::Environment,
        Self::Template,
    ];

    /// The kind as it stands in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Repository => "Repository",
            Self::Product => "Product",
            Self::Component => "Component",
            Self::Environment => "Environment",
            Self::Template => "Template",
        }
    }

    /// Its JSON Schema, draft 7, as JSON.
    pub fn json_schema(self) -> &'static str {
        match self {
            Self::Repository => include_str!("../../schemas/repository.json"),
            Self::Product => include_str!("../../schemas/product.json"),
            Self::Component => include_str!("../../schemas/component.json"),
            Self::Environment => include_str!("../../schemas/environment.json"),
            Self::Template => include_str!("../../schemas/template.json"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::product::{ModelError, ProductTree, Repository};
    use crate::repo::{RepoPath, Snapshot};
    use serde_json::{Value, json};

    /// Every field that the kind has.
    fn full(kind: Kind) -> Value {
        let policy = json!({
            "semver": "^1.0", "filter": {"pattern": "^v", "extract": "$0"}, "ignore": ["*-rc*"],
            "platforms": ["linux/amd64"], "minAge": "3d"
        });
        let component = json!({
            "image": "registry.example.com/cart:1.0.0", "template": "web", "values": {"port": 1},
            "environments": ["dev"], "hold": "why", "renamedFrom": "basket",
            "update": policy
        });
        let spec = match kind {
            Kind::Repository => json!({
                "requires": ">=0.1",
                "environments": [
                    {"name": "dev", "branch": "main", "path": "dev", "write": "push"},
                    {"name": "qa", "branch": "main", "path": "qa", "files": "{env}.yaml", "promoteFrom": "dev",
                     "kubernetes": "1.36", "cluster": {"context": "c", "uid": "u", "namespace": "shop"}}
                ],
                "promotion": {"files": ["product.yaml"], "environmentOwned": ["spec.replicas"], "checkImages": true},
                "pullRequests": "gitlab",
                "rendered": "manifests",
                "layers": [{"name": "data", "owners": ["@example/data"], "resources": ["Secret"], "components": ["redis"]}],
                "rules": {"require-limits": "warn"},
                "registries": {"registry.example.com": {"layout": "registry"}, "127.0.0.1:5000": {"plainHTTP": true}},
                "pins": [{"image": "registry.example.com/team/api", "component": "api", "policy": policy, "hold": "the audit",
                    "sites": [{"file": "crs/*.yaml", "key": "spec.image", "holds": "tag"},
                              {"file": "/deploy/{env}.env", "regex": "^API=(?<tag>.+)$"}]}],
                "commit": {"subject": "{{ subject }}", "body": "{{ body }}", "compareLinks": true,
                    "bumpImage": {"subject": "s", "body": "b"}, "promote": {"subject": "s", "body": "b"},
                    "rollback": {"subject": "s", "body": "b"}, "backport": {"subject": "s", "body": "b"},
                    "render": {"subject": "s", "body": "b"}}
            }),
            Kind::Product => json!({
                "version": "1.0.0", "defaults": {"template": "web", "values": {"port": 1}}, "include": ["components/*.yaml"],
                "components": {"cart": component, "billing": {"version": "4.2.1"}}
            }),
            Kind::Component => component,
            Kind::Environment => json!({
                "registry": {"registry.example.com": "mirror.example.com"}, "registryReachable": false,
                "values": {"port": 1}, "components": {"cart": {"values": {"port": 2}}}
            }),
            Kind::Template => json!({
                "extends": "base", "owner": "@example/platform", "schema": {"properties": {"port": {}}},
                "environmentMay": ["port"], "output": "kubernetes"
            }),
        };
        let name = if kind == Kind::Environment {
            "dev"
        } else {
            "web"
        };
        json!({"apiVersion": "kubectl-gitops/v1alpha1", "kind": kind.as_str(), "metadata": {"name": name}, "spec": spec})
    }

    fn path(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    /// What the decoder says about one file among good ones.
    fn decode(kind: Kind, document: &Value) -> Result<(), Vec<ModelError>> {
        let text = |kind: Kind| {
            if kind == document_kind(document) {
                document.to_string()
            } else {
                full(kind).to_string()
            }
        };
        if kind == Kind::Repository {
            return Repository::decode(&path("gitops.yaml"), &text(kind)).map(drop);
        }
        let base = json!({"apiVersion": "kubectl-gitops/v1alpha1", "kind": "Template", "metadata": {"name": "base"}});
        let web = text(Kind::Template);
        let files = [
            ("product.yaml", text(Kind::Product)),
            ("components/a.yaml", text(Kind::Component)),
            ("environment.yaml", text(Kind::Environment)),
            ("templates/web/template.yaml", web),
            ("templates/base/template.yaml", base.to_string()),
        ];
        let files = files
            .into_iter()
            .map(|(name, text)| (path(name), text.into_bytes()));
        let snapshot = Snapshot::from_files(None, files.collect::<Vec<_>>());
        let mut entry =
            Repository::decode(&path("gitops.yaml"), &full(Kind::Repository).to_string())
                .unwrap()
                .environments[0]
                .clone();
        entry.path = RepoPath::root();
        ProductTree::load(&snapshot, &entry).map(drop)
    }

    fn document_kind(document: &Value) -> Kind {
        let name = document["kind"].as_str().unwrap();
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .unwrap()
    }

    fn validator(kind: Kind) -> jsonschema::Validator {
        jsonschema::validator_for(&serde_json::from_str(kind.json_schema()).unwrap()).unwrap()
    }

    /// The places of all keys that belong to the kind itself.
    fn keys(value: &Value, at: &str, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    found.push((at.to_owned(), key.clone()));
                    // Below these anything may stand, or names of people's own.
                    let free = ["values", "schema", "rules", "registry"];
                    if !free.contains(&key.as_str()) {
                        keys(value, &format!("{at}/{}", key.replace('/', "~1")), found);
                    }
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    keys(value, &format!("{at}/{index}"), found);
                }
            }
            _ => {}
        }
    }

    /// Keys that are names of people's own.
    fn is_free(parent: &str) -> bool {
        parent.ends_with("/components") || parent.ends_with("/registries")
    }

    #[test]
    fn schemas_and_decoder_accept_the_same_fields() {
        for kind in Kind::ALL {
            let good = full(kind);
            let validator = validator(kind);
            assert!(
                validator.is_valid(&good),
                "{kind:?} {:?}",
                validator
                    .iter_errors(&good)
                    .map(|it| it.to_string())
                    .collect::<Vec<_>>()
            );
            assert_eq!(decode(kind, &good), Ok(()), "{kind:?}");
            let mut all = Vec::new();
            keys(&good, "", &mut all);
            for (parent, key) in all.iter().filter(|(parent, _)| !is_free(parent)) {
                let mut bad = good.clone();
                let map = bad.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                map.insert(format!("{key}x"), json!("text"));
                assert!(
                    !validator.is_valid(&bad),
                    "{kind:?}: the schema takes {parent}/{key}x"
                );
                assert!(
                    decode(kind, &bad).is_err(),
                    "{kind:?}: the decoder takes {parent}/{key}x"
                );
            }
        }
    }

    /// The paths of all properties of a schema, definitions followed.
    fn properties(root: &Value, schema: &Value, at: &str, found: &mut Vec<String>) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = root.pointer(&name[1..]).unwrap();
            return properties(root, target, at, found);
        }
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{at}/{key}");
            found.push(path.clone());
            properties(root, property, &path, found);
        }
        for keyword in ["items", "additionalProperties"] {
            if schema[keyword].is_object() {
                properties(root, &schema[keyword], &format!("{at}/*"), found);
            }
        }
        for option in schema["oneOf"].as_array().into_iter().flatten() {
            properties(root, option, at, found);
        }
    }

    fn stands(value: &Value, path: &[&str]) -> bool {
        match path {
            [] => true,
            ["*", rest @ ..] => match value {
                Value::Array(items) => items.iter().any(|item| stands(item, rest)),
                Value::Object(map) => map.values().any(|item| stands(item, rest)),
                _ => false,
            },
            [key, rest @ ..] => value.get(key).is_some_and(|item| stands(item, rest)),
        }
    }

    #[test]
    fn every_field_of_a_schema_was_tried_on_the_decoder() {
        // One policy cannot have two orders.
        let others = ["numeric", "alphabetical", "newest", "digest", "from"];
        for kind in Kind::ALL {
            let schema: Value = serde_json::from_str(kind.json_schema()).unwrap();
            let mut all = Vec::new();
            properties(&schema, &schema, "", &mut all);
            for path in all {
                let steps: Vec<&str> = path.split('/').skip(1).collect();
                if others.contains(steps.last().unwrap()) {
                    continue;
                }
                let version_beside_image = kind == Kind::Component && path == "/spec/version";
                assert!(
                    version_beside_image || stands(&full(kind), &steps),
                    "{kind:?} {path}"
                );
            }
        }
        for (order, value) in [
            ("numeric", json!("asc")),
            ("alphabetical", json!("desc")),
            ("newest", json!(true)),
            ("digest", json!("stable")),
            ("from", json!("flux-system:api")),
        ] {
            let mut document = full(Kind::Component);
            document["spec"]["update"] = json!({order: value});
            assert!(validator(Kind::Component).is_valid(&document), "{order}");
            assert_eq!(decode(Kind::Component, &document), Ok(()), "{order}");
        }
    }
}
