//! The JSON Schemas of our own kinds, as they are printed, against the examples.

use crate::support::Env;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const KINDS: [&str; 5] = [
    "repository",
    "product",
    "component",
    "environment",
    "template",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema(kind: &str) -> Value {
    let env = Env::new();
    let printed = env.gitops(env.path(), &["schema", kind]).code(0).stdout;
    serde_json::from_str(&printed).unwrap()
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_kind_has_a_schema_of_its_own() {
    let env = Env::new();
    for kind in KINDS {
        let schema = schema(kind);
        jsonschema::meta::validate(&schema).unwrap();
        assert_eq!(schema["title"].as_str().unwrap().to_lowercase(), kind);
    }
    env.gitops(env.path(), &["schema", "deployment"]).code(2);
}

#[test]
fn the_examples_follow_the_schemas() {
    let mut files = Vec::new();
    yaml_files(&root().join("examples"), &mut files);
    let mut seen = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        if !text.contains("apiVersion: kubectl-gitops/") {
            continue;
        }
        let document: Value = serde_yaml::from_str(&text).unwrap();
        let Some(kind) = KINDS.into_iter().find(|kind| {
            document["kind"]
                .as_str()
                .is_some_and(|it| it.to_lowercase() == *kind)
        }) else {
            continue;
        };
        seen.insert(kind);
        let schema = schema(kind);
        let validator = jsonschema::validator_for(&schema).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", file.display());
    }
    for kind in ["repository", "product", "environment", "template"] {
        assert!(seen.contains(kind), "no example of {kind}");
    }
}

#[test]
fn a_field_that_does_not_exist_is_refused() {
    for kind in KINDS {
        let title = schema(kind)["title"].clone();
        let document = serde_json::json!({
            "apiVersion": "kubectl-gitops/v1alpha1",
            "kind": title,
            "metadata": {"name": "x"},
            "spec": {"gates": {}},
        });
        let schema = schema(kind);
        let errors = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = errors
            .iter_errors(&document)
            .map(|it| it.to_string())
            .collect();
        assert!(
            errors.iter().any(|error| error.contains("'gates'")),
            "{kind}: {errors:?}"
        );
    }
}
