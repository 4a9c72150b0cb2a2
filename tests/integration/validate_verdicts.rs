//! The offline verdict on single objects beside that of a real API server.

use crate::support::Env;
use crate::support::apiserver::ApiServer;
use kubectl_gitops::check::{Severity, Subject};
use kubectl_gitops::cluster::ConnectOptions;
use kubectl_gitops::ops::{LiveRequest, validate_live};
use kubectl_gitops::resource::ResourceId;
use serde_json::{Value, json};

/// What a real server's strict dry run of a server-side apply says to each object.
fn server_refuses(values: &[Value]) -> Vec<Option<String>> {
    let ids: Vec<ResourceId> = values
        .iter()
        .map(|value| ResourceId::of(value).unwrap())
        .collect();
    let subject = |(value, id)| Subject {
        id,
        value,
        namespace: Some("default"),
        cluster_scoped: false,
    };
    let subjects: Vec<Subject<'_>> = values.iter().zip(&ids).map(subject).collect();
    let request = LiveRequest {
        environment: "test".to_owned(),
        context: Some("test".to_owned()),
        connect: ConnectOptions {
            kubeconfig: Some(ApiServer::shared().kubeconfig().to_path_buf()),
            ..ConnectOptions::default()
        },
        ..LiveRequest::default()
    };
    let report = validate_live(&request, &subjects).unwrap();
    let refusal = |index: usize| {
        let said = report
            .remarks
            .iter()
            .filter(|remark| remark.subject == index && remark.severity == Severity::Error);
        // A name that fits into no address has no place on the server.
        let unjudged = report
            .unjudged
            .iter()
            .filter(|one| one.subject == index)
            .map(|one| one.reason.as_str());
        let said: Vec<&str> = said
            .map(|remark| remark.violation.message.as_str())
            .chain(unjudged)
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    };
    (0..values.len()).map(refusal).collect()
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

#[expect(clippy::too_many_lines, reason = "one table")]
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
            "a header without a value",
            true,
            container(|c| {
                c["livenessProbe"] =
                    json!({"httpGet": {"port": 80, "httpHeaders": [{"name": "A"}]}})
            }),
        ),
        (
            "an empty status",
            true,
            deployment(|d| d["status"] = json!({"conditions": [{"type": "Available"}]})),
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
    let values: Vec<Value> = table().into_iter().map(|(_, _, value)| value).collect();
    let server = server_refuses(&values);
    for ((name, accepted, value), server) in table().into_iter().zip(server) {
        let ours = we_refuse(&value);
        if server.is_none() != accepted || ours.is_none() != accepted {
            wrong.push(format!(
                "{name}: should be accepted: {accepted}\nserver: {server:?}\nours: {ours:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
