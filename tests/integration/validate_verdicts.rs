//! The offline verdict on single objects beside that of a real API server.

use crate::support::Env;
use crate::support::apiserver::ApiServer;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

/// What a real server's strict dry run of a server-side apply says.
fn server_refuses(value: &Value) -> Option<String> {
    let mut kubectl = ApiServer::shared()
        .kubectl()
        .args([
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "-f",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    kubectl
        .stdin
        .take()
        .unwrap()
        .write_all(value.to_string().as_bytes())
        .unwrap();
    let output = kubectl.wait_with_output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What `validate` says about the same object.
fn we_refuse(value: &Value) -> Option<String> {
    let env = Env::new();
    std::fs::write(env.join("object.json"), value.to_string()).unwrap();
    let outcome = env.gitops(env.path(), &["validate", "object.json"]);
    match outcome.status {
        0 => None,
        1 => Some(outcome.stdout),
        other => panic!("exit code {other}: {}", outcome.stderr),
    }
}

fn deployment(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "cart"}},
            "template": {
                "metadata": {"labels": {"app": "cart"}},
                "spec": {"containers": [{"name": "server", "image": "registry.example.com/cart:1"}]},
            },
        },
    });
    change(&mut value);
    value
}

fn container(change: impl FnOnce(&mut Value)) -> Value {
    deployment(|value| change(&mut value["spec"]["template"]["spec"]["containers"][0]))
}

fn core(kind: &str, fields: Value) -> Value {
    let mut value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "x", "namespace": "default"}});
    if let (Some(value), Some(fields)) = (value.as_object_mut(), fields.as_object()) {
        value.extend(fields.clone());
    }
    value
}

fn table() -> Vec<(&'static str, bool, Value)> {
    vec![
        ("a good deployment", true, deployment(|_| {})),
        (
            "null fields",
            true,
            container(|c| c["command"] = Value::Null),
        ),
        (
            "a number without fraction",
            true,
            deployment(|d| d["spec"]["replicas"] = json!(2.0)),
        ),
        (
            "an empty enum",
            true,
            container(|c| c["imagePullPolicy"] = json!("")),
        ),
        (
            "a port in two protocols",
            true,
            container(|c| {
                c["ports"] =
                    json!([{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}])
            }),
        ),
        (
            "quantities as numbers",
            true,
            container(|c| c["resources"] = json!({"limits": {"cpu": 0.5, "memory": "1e9"}})),
        ),
        (
            "a numeric target port",
            true,
            core(
                "Service",
                json!({"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}),
            ),
        ),
        (
            "an unused label",
            true,
            deployment(|d| d["metadata"]["labels"] = json!({"a.example.com/b": ""})),
        ),
        (
            "a role with an odd name",
            true,
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a:B", "namespace": "default"}, "rules": []}),
        ),
        (
            "a role without rules",
            true,
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a", "namespace": "default"}}),
        ),
        (
            "a policy for all pods",
            true,
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a", "namespace": "default"}, "spec": {"policyTypes": ["Ingress"]}}),
        ),
        (
            "an unknown field",
            false,
            container(|c| c["portss"] = json!([])),
        ),
        (
            "an unknown field at the top",
            false,
            deployment(|d| d["sepc"] = json!({})),
        ),
        (
            "an unknown field in metadata",
            false,
            deployment(|d| d["metadata"]["lables"] = json!({})),
        ),
        (
            "a text for a number",
            false,
            deployment(|d| d["spec"]["replicas"] = json!("2")),
        ),
        (
            "a number for a text",
            false,
            container(|c| c["env"] = json!([{"name": "A", "value": 1}])),
        ),
        (
            "a map for a list",
            false,
            container(|c| c["args"] = json!({"a": "b"})),
        ),
        (
            "a text for a map",
            false,
            deployment(|d| d["spec"]["template"]["spec"]["securityContext"] = json!("root")),
        ),
        (
            "no selector",
            false,
            deployment(|d| {
                d["spec"].as_object_mut().unwrap().remove("selector");
            }),
        ),
        (
            "no container name",
            false,
            container(|c| {
                c.as_object_mut().unwrap().remove("name");
            }),
        ),
        (
            "no port",
            false,
            core("Service", json!({"spec": {"ports": [{"name": "a"}]}})),
        ),
        (
            "one port twice",
            false,
            container(|c| {
                c["ports"] =
                    json!([{"containerPort": 53}, {"containerPort": 53, "protocol": "TCP"}])
            }),
        ),
        (
            "one variable twice",
            false,
            container(|c| c["env"] = json!([{"name": "A"}, {"name": "A"}])),
        ),
        (
            "a wrong enum",
            false,
            container(|c| c["imagePullPolicy"] = json!("Sometimes")),
        ),
        (
            "a wrong service type",
            false,
            core(
                "Service",
                json!({"spec": {"type": "clusterIP", "ports": [{"port": 80}]}}),
            ),
        ),
        (
            "a wrong restart policy",
            false,
            deployment(|d| d["spec"]["template"]["spec"]["restartPolicy"] = json!("Often")),
        ),
        (
            "a wrong quantity",
            false,
            container(|c| c["resources"] = json!({"limits": {"memory": "64MB"}})),
        ),
        (
            "a number too large",
            false,
            deployment(|d| d["spec"]["replicas"] = json!(3_000_000_000_u64)),
        ),
        (
            "a port too large",
            false,
            container(|c| c["ports"] = json!([{"containerPort": 70_000}])),
        ),
        (
            "no base64",
            false,
            core("Secret", json!({"data": {"a": "not base64"}})),
        ),
        (
            "a number in a config map",
            false,
            core("ConfigMap", json!({"data": {"a": 1}})),
        ),
        (
            "a bad name",
            false,
            core(
                "ConfigMap",
                json!({"metadata": {"name": "Bad_Name", "namespace": "default"}}),
            ),
        ),
        (
            "a bad service name",
            false,
            core(
                "Service",
                json!({"metadata": {"name": "a.b", "namespace": "default"}, "spec": {"ports": [{"port": 80}]}}),
            ),
        ),
        (
            "a bad role name",
            false,
            json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "a/b", "namespace": "default"}}),
        ),
        (
            "a bad label key",
            false,
            deployment(|d| d["metadata"]["labels"] = json!({"a b": "c"})),
        ),
        (
            "a bad label value",
            false,
            deployment(|d| {
                d["spec"]["template"]["metadata"]["labels"] = json!({"app": "cart", "b": "c d"})
            }),
        ),
        (
            "a bad annotation key",
            false,
            deployment(|d| d["metadata"]["annotations"] = json!({"a/b/c": "d"})),
        ),
        (
            "a removed version",
            false,
            json!({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "a", "namespace": "default"}}),
        ),
        (
            "a misspelt kind",
            false,
            json!({"apiVersion": "apps/v1", "kind": "Deploymnet", "metadata": {"name": "a", "namespace": "default"}}),
        ),
        (
            "a date that is none",
            false,
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "a", "namespace": "default"}, "spec": {"renewTime": "yesterday"}}),
        ),
    ]
}

#[test]
fn single_objects_are_judged_as_a_real_server_judges_them() {
    let mut wrong = Vec::new();
    for (name, accepted, value) in table() {
        let server = server_refuses(&value);
        let ours = we_refuse(&value);
        if server.is_none() != accepted || ours.is_none() != accepted {
            wrong.push(format!(
                "{name}: should be accepted: {accepted}\nserver: {server:?}\nours: {ours:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
