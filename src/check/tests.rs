//! The walk against the built-in kinds and against a custom one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use super::{Dialect, RuleId, Schema, Violation, WalkOptions, walk};
use crate::schema::embedded;

fn verdict(value: &Value) -> Vec<Violation> {
    let set = embedded(Some("1.36")).unwrap();
    let kind = set
        .kind(
            value["apiVersion"].as_str().unwrap(),
            value["kind"].as_str().unwrap(),
        )
        .unwrap();
    walk(
        &set,
        set.definition(&kind.definition).unwrap(),
        value,
        WalkOptions::default(),
    )
}

/// The verdict on a Deployment whose only container is given.
fn container(container: Value) -> Vec<Violation> {
    verdict(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
        "spec": {
            "selector": {"matchLabels": {"app": "cart"}},
            "template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [container]}},
        },
    }))
}

fn messages(found: &[Violation]) -> Vec<&str> {
    found
        .iter()
        .map(|violation| violation.message.as_str())
        .collect()
}

#[test]
fn a_good_deployment_passes() {
    let good = json!({
        "name": "server", "image": "a:1", "imagePullPolicy": "",
        "ports": [{"containerPort": 7070, "name": "grpc"}, {"containerPort": 7070, "protocol": "UDP"}],
        "env": [{"name": "A", "value": "1"}], "command": null,
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi", "example.com/gpu": 1}, "limits": {"cpu": 0.5}},
        "readinessProbe": {"grpc": {"port": 7070}, "periodSeconds": 5.0},
        "livenessProbe": {"httpGet": {"port": "grpc"}},
    });
    assert_eq!(messages(&container(good)), Vec::<&str>::new());
}

#[test]
fn an_unknown_field_names_its_place_and_its_neighbour() {
    let found = container(json!({"name": "server", "portss": []}));
    assert_eq!(
        messages(&found),
        ["unknown field \"portss\" in spec.template.spec.containers[server]"]
    );
    assert_eq!(found[0].label.as_deref(), Some("did you mean \"ports\"?"));
    assert_eq!(
        found[0].path.to_string().split('.').next_back(),
        Some("portss")
    );
}

#[test]
fn wrong_types_are_told_with_a_way_out() {
    let found = container(json!({"name": "server", "env": [{"name": "PORT", "value": 7070}]}));
    assert_eq!(
        messages(&found),
        ["spec.template.spec.containers[server].env[PORT].value must be a string, not a number"]
    );
    assert_eq!(found[0].label.as_deref(), Some("put it in quotes"));
    let found =
        container(json!({"name": "server", "ports": [{"containerPort": "7070"}], "args": "--a"}));
    assert_eq!(
        messages(&found),
        [
            "spec.template.spec.containers[server].ports[0].containerPort must be an integer, not a string",
            "spec.template.spec.containers[server].args must be a list, not a string",
        ]
    );
}

#[test]
fn missing_fields_count_null_as_missing() {
    let found = verdict(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
        "spec": {"selector": null, "template": {"spec": {"containers": []}}},
    }));
    assert_eq!(messages(&found), ["spec.selector is missing"]);
}

#[test]
fn a_part_of_a_resource_misses_nothing() {
    let set = embedded(None).unwrap();
    let schema = set
        .definition(&set.kind("apps/v1", "Deployment").unwrap().definition)
        .unwrap();
    let patch = json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 3}});
    assert_eq!(
        walk(&set, schema, &patch, WalkOptions { partial: true }),
        []
    );
    assert_eq!(
        walk(&set, schema, &patch, WalkOptions { partial: false }).len(),
        2
    );
}

#[test]
fn list_elements_with_one_key_twice_are_refused() {
    let found = container(json!({
        "name": "server",
        "ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}],
        "env": [{"name": "A"}, {"name": "A"}],
    }));
    let rules: Vec<RuleId> = found.iter().map(|violation| violation.rule).collect();
    assert_eq!(
        rules,
        [RuleId::DUPLICATE_ELEMENT, RuleId::DUPLICATE_ELEMENT]
    );
    assert!(
        found[0]
            .message
            .ends_with("ports has two elements with the same containerPort 80, protocol TCP"),
        "{found:?}"
    );
    assert!(
        found[1]
            .message
            .ends_with("env has two elements with the same name A"),
        "{found:?}"
    );
}

#[test]
fn enums_quantities_and_widths_are_checked() {
    let found = container(json!({
        "name": "server", "imagePullPolicy": "IfNotPresnt",
        "ports": [{"containerPort": 80_000_000_000_u64}],
        "resources": {"limits": {"memory": "64MB"}},
    }));
    let rules: Vec<RuleId> = found.iter().map(|violation| violation.rule).collect();
    assert_eq!(
        rules,
        [RuleId::ENUM, RuleId::FORMAT, RuleId::FORMAT],
        "{found:?}"
    );
    assert_eq!(
        found[0].label.as_deref(),
        Some("did you mean \"IfNotPresent\"?")
    );
}

#[test]
fn labels_are_checked_wherever_metadata_stands() {
    let found = verdict(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "cart", "labels": {"a b": "c"}, "annotations": {"UPPER.example.com/x": "fine y"}},
        "spec": {
            "selector": {}, "template": {"metadata": {"labels": {"app": "-cart"}}, "spec": {"containers": []}},
        },
    }));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0]
            .message
            .starts_with("the key of metadata.labels[\"a b\"]"),
        "{found:?}"
    );
    assert!(
        found[1]
            .message
            .starts_with("the value of spec.template.metadata.labels.app"),
        "{found:?}"
    );
}

#[test]
fn a_service_port_that_is_no_resource_is_a_wrong_type() {
    let found = verdict(
        &json!({"apiVersion": "v1", "kind": "Service", "metadata": [], "spec": {"ports": [80], "type": "Clusterip"}}),
    );
    let rules: Vec<RuleId> = found.iter().map(|violation| violation.rule).collect();
    assert_eq!(
        rules,
        [RuleId::WRONG_TYPE, RuleId::WRONG_TYPE, RuleId::ENUM],
        "{found:?}"
    );
}

#[test]
fn a_custom_kind_has_bounds_patterns_and_alternatives() {
    let set = embedded(None).unwrap();
    let schema = json!({
        "type": "object", "required": ["spec"],
        "properties": {"spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 5},
                "host": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 4},
                "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                "a": {"type": "string"}, "b": {"type": "string"},
                "at": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            },
            "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        }},
    });
    let schema = Schema::parse(&schema, Dialect::Structural).unwrap();
    let verdict = |spec: Value| {
        let value = json!({"apiVersion": "example.com/v1", "kind": "Cache", "metadata": {"name": "x"}, "spec": spec});
        walk(&set, &schema, &value, WalkOptions::default())
    };
    assert_eq!(
        verdict(
            json!({"a": "x", "size": 5, "host": "ab", "set": ["x", "y"], "free": {"x": [1]}, "at": 8080})
        ),
        []
    );
    let found = verdict(
        json!({"a": "x", "size": 6, "host": "ABCDE", "set": ["x", "x"], "unknown": 1, "at": true}),
    );
    let rules: Vec<RuleId> = found.iter().map(|violation| violation.rule).collect();
    assert_eq!(
        rules,
        [
            RuleId::LIMIT,
            RuleId::LIMIT,
            RuleId::LIMIT,
            RuleId::DUPLICATE_ELEMENT,
            RuleId::UNKNOWN_FIELD,
            RuleId::WRONG_TYPE
        ],
        "{found:?}"
    );
    assert_eq!(
        messages(&verdict(json!({"a": "x", "b": "y"}))),
        ["spec matches more than one of the shapes that exclude each other here"]
    );
    assert_eq!(
        messages(&verdict(json!({}))),
        ["spec matches none of the shapes that are allowed here"]
    );
}
