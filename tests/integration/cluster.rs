//! The cluster adapter against a real API server: every kind of answer is told apart, and nothing is stored.

use crate::support::apiserver::ApiServer;
use crate::support::faults::{Fault, FaultProxy};
use kubectl_gitops::cluster::{
    Cluster, ClusterError, ConnectOptions, DryRun, DryRunOptions, Mode, Proposal, Refusal, Verdict,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

fn connect(context: &str) -> Cluster {
    Cluster::connect(&ConnectOptions {
        kubeconfig: Some(ApiServer::shared().kubeconfig().to_path_buf()),
        context: Some(context.to_owned()),
        ..ConnectOptions::default()
    })
    .unwrap()
}

/// A connection to any address, with little patience.
fn connect_to(server: &str, more: &str) -> Cluster {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kubeconfig");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: c, cluster: {{server: '{server}'{more}}}}}]\n\
         users: [{{name: u, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n"
    );
    std::fs::write(&path, text).unwrap();
    Cluster::connect(&ConnectOptions {
        kubeconfig: Some(path),
        request_timeout: Some(Duration::from_secs(3)),
        ..ConnectOptions::default()
    })
    .unwrap()
}

fn judge(context: &str, namespace: &str, mode: Mode, objects: Vec<Value>) -> Vec<DryRun> {
    judge_with(&connect(context), namespace, mode, objects)
}

fn judge_with(cluster: &Cluster, namespace: &str, mode: Mode, objects: Vec<Value>) -> Vec<DryRun> {
    let needed = BTreeSet::from(["v1", "apps/v1"]);
    let catalog = connect("test").discover(&needed).unwrap();
    let proposals = objects
        .into_iter()
        .map(|object| Proposal {
            kind: catalog
                .find(
                    object["apiVersion"].as_str().unwrap(),
                    object["kind"].as_str().unwrap(),
                )
                .unwrap()
                .clone(),
            namespace: namespace.to_owned(),
            object,
            mode,
        })
        .collect();
    let options = DryRunOptions {
        field_manager: "kubectl-gitops".to_owned(),
        parallel: 16,
    };
    cluster.dry_run_all(proposals, &options)
}

fn deployment(container: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "cart"}}, "template": {
            "metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [container]},
        }},
    })
}

fn objections(run: &DryRun) -> Vec<(Refusal, String, String)> {
    match &run.verdict {
        Verdict::Refused(objections) => objections
            .iter()
            .map(|one| (one.refusal, one.field.to_string(), one.message.clone()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_unknown_field_is_named_with_its_place() {
    let namespace = ApiServer::shared().namespace("cluster");
    let object = deployment(&json!({"name": "c", "image": "i", "portss": [], "foo": 1}));
    let runs = judge("test", &namespace, Mode::Apply, vec![object]);
    let mut places: Vec<String> = objections(&runs[0]).into_iter().map(|one| one.1).collect();
    places.sort();
    let container = "spec.template.spec.containers[0]";
    assert_eq!(
        places,
        [format!("{container}.foo"), format!("{container}.portss")]
    );
    assert_eq!(objections(&runs[0])[0].0, Refusal::UnknownField);
}

#[test]
fn validation_names_its_fields_and_nothing_is_stored() {
    let server = ApiServer::shared();
    let namespace = server.namespace("cluster");
    let ports = json!([{"containerPort": 70000}]);
    let runs = judge(
        "test",
        &namespace,
        Mode::Apply,
        vec![
            deployment(&json!({"name": "c", "image": "i", "ports": ports})),
            deployment(&json!({"name": "c", "image": "i"})),
        ],
    );
    let [(refusal, field, message)] = &objections(&runs[0])[..] else {
        panic!("{runs:?}");
    };
    assert_eq!(*refusal, Refusal::Invalid);
    assert_eq!(
        field,
        "spec.template.spec.containers[0].ports[0].containerPort"
    );
    assert!(message.contains("between 1 and 65535"), "{message}");
    assert!(matches!(runs[1].verdict, Verdict::Accepted));
    assert_eq!(
        server.ask(&["get", "deployments", "-n", &namespace, "-o", "name"]),
        ""
    );
}

#[test]
fn a_wrong_type_is_said_without_go_types_and_without_secret_values() {
    let namespace = ApiServer::shared().namespace("cluster");
    let secret = |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data});
    let runs = judge(
        "test",
        &namespace,
        Mode::Apply,
        vec![
            secret(json!({"pin": 271828})),
            secret(json!({"token": "hunter2 is no base64"})),
        ],
    );
    for run in &runs {
        let text = format!("{run:?}");
        assert!(matches!(&run.verdict, Verdict::Refused(_)), "{text}");
        assert!(
            !text.contains("271828") && !text.contains("hunter2"),
            "{text}"
        );
    }
    let expected = (
        Refusal::Schema,
        "data.pin".to_owned(),
        "expected string, got ***".to_owned(),
    );
    assert_eq!(objections(&runs[0]), [expected]);
}

#[test]
fn conflicts_name_field_and_manager_and_admission_still_speaks() {
    let server = ApiServer::shared();
    let namespace = server.namespace("cluster");
    server.apply(&format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: cart, namespace: {namespace}}}, spec: {{
          replicas: 1, selector: {{matchLabels: {{app: cart}}}}, template: {{metadata: {{labels: {{app: cart}}}},
          spec: {{containers: [{{name: c, image: i}}]}}}}}}}}"
    ));
    server.ask(&["scale", "deployment/cart", "-n", &namespace, "--replicas=3"]);
    let mut object = deployment(&json!({"name": "c", "image": "i"}));
    object["spec"]["template"]["spec"]["containers"][0]["ports"] =
        json!([{"containerPort": 70000}]);
    let runs = judge("test", &namespace, Mode::Apply, vec![object]);
    let conflict = &runs[0].conflicts[0];
    assert_eq!(conflict.field.to_string(), "spec.replicas");
    assert_eq!(conflict.manager.as_deref(), Some("kubectl"));
    assert_eq!(objections(&runs[0])[0].0, Refusal::Invalid);
}

#[test]
fn a_missing_namespace_is_told_apart_and_a_shadow_looks_further() {
    let good = deployment(&json!({"name": "c", "image": "i"}));
    let bad = deployment(&json!({"name": "c", "image": "i", "portss": []}));
    let runs = judge("test", "no-such-namespace", Mode::Apply, vec![good.clone()]);
    assert!(matches!(runs[0].verdict, Verdict::NoNamespace), "{runs:?}");
    let runs = judge("test", "default", Mode::Shadow, vec![good, bad]);
    assert!(matches!(runs[0].verdict, Verdict::Accepted), "{runs:?}");
    assert_eq!(
        objections(&runs[1])[0].1,
        "spec.template.spec.containers[0].portss"
    );
}

#[test]
fn what_could_not_be_asked_is_never_an_objection() {
    let namespace = ApiServer::shared().namespace("cluster");
    let object = deployment(&json!({"name": "c", "image": "i"}));
    let runs = judge("limited", &namespace, Mode::Apply, vec![object.clone()]);
    let forbidden = matches!(
        &runs[0].verdict,
        Verdict::Unknown(ClusterError::Forbidden { .. })
    );
    assert!(forbidden, "{runs:?}");
    let runs = judge("unreachable", &namespace, Mode::Apply, vec![object; 40]);
    assert_eq!(runs.len(), 40);
    for run in runs {
        let lost = matches!(
            &run.verdict,
            Verdict::Unknown(ClusterError::Unreachable { .. })
        );
        assert!(lost, "{run:?}");
    }
}

#[test]
fn warnings_of_the_server_are_kept() {
    let namespace = ApiServer::shared().namespace("cluster");
    let object = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "e"}});
    let runs = judge("test", &namespace, Mode::Apply, vec![object]);
    assert!(
        runs[0].warnings[0].contains("Endpoints is deprecated"),
        "{runs:?}"
    );
}

#[test]
fn the_identity_of_a_cluster_is_the_uid_of_kube_system() {
    let server = ApiServer::shared();
    assert_eq!(connect("test").uid().unwrap(), server.uid());
    assert!(matches!(
        connect("limited").uid(),
        Err(ClusterError::Forbidden { .. })
    ));
    let lost = connect("unreachable").uid().unwrap_err();
    assert!(matches!(&lost, ClusterError::Unreachable { .. }), "{lost}");
    assert!(lost.to_string().contains("refused"), "{lost}");
}

#[test]
fn impersonation_reaches_the_server() {
    let server = ApiServer::shared();
    let role = ["create", "role", "reader", "-n", "kube-system"];
    server.ask(&[&role[..], &["--verb=get", "--resource=namespaces"]].concat());
    let binding = ["create", "rolebinding", "readers", "-n", "kube-system"];
    server.ask(&[&binding[..], &["--role=reader", "--group=cluster-readers"]].concat());
    let as_member_of = |groups: &[&str]| {
        Cluster::connect(&ConnectOptions {
            kubeconfig: Some(server.kubeconfig().to_path_buf()),
            impersonate: Some("jo".to_owned()),
            impersonate_groups: groups.iter().map(|&group| group.to_owned()).collect(),
            ..ConnectOptions::default()
        })
        .unwrap()
    };
    let error = as_member_of(&["others"]).uid().unwrap_err().to_string();
    assert!(error.contains("User \"jo\""), "{error}");
    // Every group counts, not only the first or the last.
    for groups in [["others", "cluster-readers"], ["cluster-readers", "others"]] {
        assert_eq!(as_member_of(&groups).uid().unwrap(), server.uid());
    }
}

#[test]
fn a_credential_plugin_is_run_and_its_failure_is_told() {
    let server = ApiServer::shared();
    let dir = tempfile::tempdir().unwrap();
    let write = |script: &str| {
        let text = std::fs::read_to_string(server.kubeconfig()).unwrap();
        let exec = format!(
            "user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: [-c, '{script}'], interactiveMode: Never}}}}"
        );
        let path = dir.path().join("kubeconfig");
        std::fs::write(&path, text.replace("user: {token: test-admin}", &exec)).unwrap();
        ConnectOptions {
            kubeconfig: Some(path),
            ..ConnectOptions::default()
        }
    };
    let token = r#"echo "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"test-admin\"}}""#;
    let cluster = Cluster::connect(&write(token)).unwrap();
    assert_eq!(cluster.uid().unwrap(), server.uid());
    let failing = write("echo secret-token; echo log in first >&2; exit 7");
    let error = Cluster::connect(&failing).err().unwrap().to_string();
    assert!(error.contains("log in first"), "{error}");
    assert!(!error.contains("secret-token"), "{error}");
}

#[test]
fn a_busy_server_is_asked_again_and_a_broken_one_is_not_a_finding() {
    let server = ApiServer::shared();
    let namespace = server.namespace("cluster");
    let (_proxy, address) = server.plain();
    let mut busy = 3;
    let faults = FaultProxy::start(address, move |method, target| {
        if target.contains("broken") {
            return Fault::status(503);
        }
        busy -= i32::from(method == "PATCH");
        match (method, busy) {
            ("PATCH", 0..) => {
                Fault::Answer(429, vec![("Retry-After".into(), "0".into())], String::new())
            }
            _ => Fault::Pass,
        }
    });
    let cluster = connect_to(&format!("http://{}", faults.address()), "");
    assert_eq!(cluster.uid().unwrap(), server.uid());
    let good = deployment(&json!({"name": "c", "image": "i"}));
    let mut broken = good.clone();
    broken["metadata"]["name"] = json!("broken");
    let runs = judge_with(&cluster, &namespace, Mode::Apply, vec![good, broken]);
    assert!(matches!(runs[0].verdict, Verdict::Accepted), "{runs:?}");
    let failed = matches!(
        &runs[1].verdict,
        Verdict::Unknown(ClusterError::Failed { status: 503, .. })
    );
    assert!(failed, "{runs:?}");
}

#[test]
fn a_server_that_dies_on_the_way_is_left_in_peace() {
    let server = ApiServer::shared();
    let namespace = server.namespace("cluster");
    let (_proxy, address) = server.plain();
    let faults = FaultProxy::start(address, |method, _| match method {
        "PATCH" => Fault::Cut,
        _ => Fault::Pass,
    });
    let cluster = connect_to(&format!("http://{}", faults.address()), "");
    let object = deployment(&json!({"name": "c", "image": "i"}));
    let runs = judge_with(&cluster, &namespace, Mode::Apply, vec![object; 200]);
    for run in &runs {
        assert!(
            matches!(
                run.verdict,
                Verdict::Unknown(ClusterError::Unreachable { .. })
            ),
            "{run:?}"
        );
    }
    let tried = faults
        .seen()
        .iter()
        .filter(|line| line.starts_with("PATCH"))
        .count();
    assert!((1..=32).contains(&tried), "{tried} of 200 were tried");
}

#[test]
fn a_webhook_that_is_down_keeps_the_verdict_open() {
    let server = ApiServer::shared();
    let namespace = server.namespace("cluster");
    server.apply(&format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: {namespace}}}
webhooks:
  - name: guard.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: 1
    clientConfig: {{url: 'https://127.0.0.1:1/'}}
    rules: [{{apiGroups: [''], apiVersions: [v1], operations: ['*'], resources: [configmaps]}}]
    namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}
"
    ));
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}});
    let began = Instant::now();
    loop {
        let runs = judge("test", &namespace, Mode::Apply, vec![object.clone()]);
        match &runs[0].verdict {
            Verdict::Unknown(error) => {
                assert!(error.to_string().contains("guard.example.com"), "{error}");
                break;
            }
            // The server takes a moment to know a new webhook.
            Verdict::Accepted if began.elapsed() < Duration::from_secs(30) => {}
            other => panic!("{other:?}"),
        }
    }
    server.ask(&["delete", "validatingwebhookconfiguration", &namespace]);
}

#[test]
fn a_server_that_says_nothing_or_nonsense_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let began = Instant::now();
    for scheme in ["http", "https"] {
        let cluster = connect_to(&format!("{scheme}://{address}"), "");
        let error = cluster.uid().unwrap_err();
        let known = matches!(
            error,
            ClusterError::Timeout { .. } | ClusterError::Unreachable { .. }
        );
        assert!(known, "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(30));

    let page = |_: &str, _: &str| Fault::Answer(200, Vec::new(), "<html>sign in</html>".into());
    let portal = FaultProxy::start(address, page);
    let error = connect_to(&format!("http://{}", portal.address()), "")
        .uid()
        .unwrap_err();
    assert!(matches!(error, ClusterError::Malformed { .. }), "{error}");

    // The real server behind a certificate that nobody vouches for.
    let error = connect_to(ApiServer::shared().url(), "").uid().unwrap_err();
    assert!(matches!(error, ClusterError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("certificate"), "{error}");
    let trusting = connect_to(
        ApiServer::shared().url(),
        ", insecure-skip-tls-verify: true",
    );
    let error = trusting.uid().unwrap_err();
    assert!(
        matches!(
            error,
            ClusterError::Forbidden { .. } | ClusterError::Unauthorized { .. }
        ),
        "{error}"
    );
}
