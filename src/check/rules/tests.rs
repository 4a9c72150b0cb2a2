//! Every rule on objects that break it and on neighbours that do not.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::{Value, json};

use super::*;

/// The remarks on objects given as YAML-like values, as `rule severity kind message`.
fn remarks(objects: &[Value], levels: &Levels) -> Vec<String> {
    let ids: Vec<ResourceId> = objects
        .iter()
        .map(|value| ResourceId::of(value).unwrap())
        .collect();
    let subjects: Vec<Subject<'_>> = objects
        .iter()
        .zip(&ids)
        .map(|(value, id)| {
            let cluster_scoped = id.kind == "Namespace";
            let namespace = (!cluster_scoped).then(|| id.namespace.as_deref().unwrap_or("shop"));
            Subject {
                id,
                value,
                namespace,
                cluster_scoped,
            }
        })
        .collect();
    let out = run_rules(
        &Scene {
            subjects: &subjects,
            whole: true,
        },
        levels,
    );
    out.iter()
        .map(|remark| {
            let label = remark
                .violation
                .label
                .as_ref()
                .map(|label| format!(" ({label})"))
                .unwrap_or_default();
            let id = subjects[remark.subject].id;
            format!(
                "{} {} {id}: {}{label}",
                remark.severity.as_str(),
                remark.violation.rule,
                remark.violation.message
            )
        })
        .collect()
}

fn quiet(objects: &[Value]) -> Vec<String> {
    remarks(objects, &Levels::default())
}

fn deployment(spec: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
        "spec": {"template": {"metadata": {"labels": {"app": "cart"}}, "spec": spec}},
    })
}

fn named(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
}

const NONE: [&str; 0] = [];

#[test]
fn one_object_twice() {
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "other"}});
    assert_eq!(
        quiet(&[named("ConfigMap", "a"), other, named("Secret", "a")]),
        NONE
    );
    let explicit = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
    assert_eq!(
        quiet(&[named("ConfigMap", "a"), explicit]),
        ["error duplicate-object ConfigMap shop/a: the same object stands in another place, too"]
    );
}

#[test]
fn a_namespace_in_a_namespace() {
    let odd = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "namespace": "shop"}});
    assert_eq!(quiet(&[odd]).len(), 1);
}

#[test]
fn references_of_pods() {
    let pods = deployment(&json!({
        "serviceAccountName": "carts",
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [
            {"name": "a", "configMap": {"name": "settings", "items": [{"key": "a.txt", "path": "a"}, {"key": "b.txt", "path": "b"}]}},
            {"name": "b", "secret": {"secretName": "maybe", "optional": true}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "disk"}},
            {"name": "d", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {"name": "sealed"}}]}},
        ],
        "containers": [{
            "name": "server",
            "envFrom": [{"configMapRef": {"name": "settigns"}}],
            "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "passwort"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "x"}}},
                {"name": "C", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "y"}}},
            ],
        }],
    }));
    let mut settings = named("ConfigMap", "settings");
    settings["data"] = json!({"a.txt": ""});
    let mut login = named("Secret", "login");
    login["stringData"] = json!({"password": "x", "user": "y"});
    let sealed = json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": "sealed"}});
    assert_eq!(
        quiet(&[
            pods,
            settings,
            login,
            sealed,
            named("ServiceAccount", "cart")
        ]),
        [
            "warning dangling-reference Deployment cart: there is no ServiceAccount carts (did you mean \"cart\"?)",
            "warning dangling-reference Deployment cart: there is no Secret pull",
            "error dangling-reference Deployment cart: ConfigMap settings has no key \"b.txt\" (did you mean \"a.txt\"?)",
            "warning dangling-reference Deployment cart: there is no PersistentVolumeClaim disk",
            "warning dangling-reference Deployment cart: there is no ConfigMap settigns (did you mean \"settings\"?)",
            "error dangling-reference Deployment cart: Secret login has no key \"passwort\" (did you mean \"password\"?)",
            "warning dangling-reference Deployment cart: there is no Secret absent",
        ]
    );
}

#[test]
fn services_and_their_pods() {
    let pods = deployment(
        &json!({"containers": [{"name": "s", "ports": [{"name": "grpc", "containerPort": 7070}]}]}),
    );
    let service = |selector: Value, target: Value| {
        let mut service = named("Service", "cart");
        service["spec"] =
            json!({"selector": selector, "ports": [{"port": 7070, "targetPort": target}]});
        service
    };
    assert_eq!(
        quiet(&[pods.clone(), service(json!({"app": "cart"}), json!("grpc"))]),
        NONE
    );
    assert_eq!(
        quiet(&[pods.clone(), service(json!({"app": "cart"}), json!(9999))]),
        NONE
    );
    assert_eq!(
        quiet(&[pods.clone(), service(json!({}), json!("grpc"))]),
        NONE
    );
    assert_eq!(
        quiet(&[pods.clone(), service(json!({"app": "card"}), json!("grpc"))]),
        ["warning service-selector Service cart: no pods have these labels"]
    );
    assert_eq!(
        quiet(&[pods, service(json!({"app": "cart"}), json!("http"))]),
        [
            "error service-selector Service cart: the selected pods have no port named \"http\" (they have grpc)"
        ]
    );
}

#[test]
fn ingresses_and_routes() {
    let mut service = named("Service", "web");
    service["spec"] = json!({"ports": [{"port": 80, "name": "http"}]});
    let ingress = |backend: Value| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"},
               "spec": {"rules": [{"http": {"paths": [{"path": "/", "backend": {"service": backend}}]}}]}})
    };
    assert_eq!(
        quiet(&[
            service.clone(),
            ingress(json!({"name": "web", "port": {"number": 80}}))
        ]),
        NONE
    );
    assert_eq!(
        quiet(&[
            service.clone(),
            ingress(json!({"name": "web", "port": {"number": 8080}}))
        ]),
        ["error service-backend Ingress web: Service web has no port 8080 (it has 80)"]
    );
    assert_eq!(
        quiet(&[
            service.clone(),
            ingress(json!({"name": "wbe", "port": {"name": "http"}}))
        ]),
        ["warning service-backend Ingress web: there is no Service wbe (did you mean \"web\"?)"]
    );
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 81}, {"kind": "Cache", "group": "example.com", "name": "x"}]}]}});
    assert_eq!(
        quiet(&[service, route]),
        ["error service-backend HTTPRoute web: Service web has no port 81"]
    );
}

#[test]
fn autoscalers_and_budgets() {
    let pods = deployment(&json!({"containers": []}));
    let scaler = |name: &str| {
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "cart"},
               "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}}})
    };
    let budget = |app: &str| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "cart"},
               "spec": {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [app, "x"]}]}}})
    };
    assert_eq!(quiet(&[pods.clone(), scaler("cart"), budget("cart")]), NONE);
    assert_eq!(
        quiet(&[pods, scaler("carts"), budget("card")]),
        [
            "warning scale-target HorizontalPodAutoscaler cart: there is no Deployment carts (did you mean \"cart\"?)",
            "warning scale-target PodDisruptionBudget cart: no pods have these labels",
        ]
    );
}

#[test]
fn rules_that_are_off_until_they_are_asked_for() {
    let pods = deployment(&json!({
        "containers": [
            {"name": "a", "image": "registry.example.com:5000/a", "ports": [{"containerPort": 70_000}]},
            {"name": "b", "image": "b:1@sha256:aa", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}},
        ],
    }));
    let port = "error port-range Deployment cart: containerPort must be between 1 and 65535";
    assert_eq!(quiet(std::slice::from_ref(&pods)), [port]);
    let mut levels = Levels::default();
    levels.set("require-limits", Level::Enforce).unwrap();
    levels.set("no-mutable-tags", Level::Warn).unwrap();
    levels.set("port-range", Level::Off).unwrap();
    assert_eq!(
        remarks(&[pods], &levels),
        [
            "error require-limits Deployment cart: container \"a\" has no resources.requests.cpu, no resources.requests.memory, no resources.limits.memory",
            "warning no-mutable-tags Deployment cart: image \"registry.example.com:5000/a\" has no tag, which means latest",
        ]
    );
}

#[test]
fn a_rule_that_does_not_exist_is_refused() {
    let error = Levels::default()
        .set("require-limit", Level::Warn)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no rule \"require-limit\", did you mean \"require-limits\"?"
    );
    assert!("warning".parse::<Level>().is_err());
}
