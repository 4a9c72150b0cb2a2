//! The cluster's word about an environment's objects: the right cluster first, every object judged or listed.

use crate::support::apiserver::ApiServer;
use kubectl_gitops::check::{RuleId, Severity, Subject};
use kubectl_gitops::cluster::{ClusterError, ConnectError, ConnectOptions};
use kubectl_gitops::ops::{self, Fidelity, LiveError, LiveReport, LiveRequest, validate_live};
use kubectl_gitops::resource::ResourceId;
use kubectl_gitops::yaml::parse_values;
use serde_json::Value;

fn request(context: &str) -> LiveRequest {
    LiveRequest {
        environment: "prod".to_owned(),
        context: Some(context.to_owned()),
        uid: Some(ApiServer::shared().uid().to_owned()),
        namespace: None,
        connect: ConnectOptions {
            kubeconfig: Some(ApiServer::shared().kubeconfig().to_path_buf()),
            ..ConnectOptions::default()
        },
    }
}

fn ask(request: &LiveRequest, manifests: &str) -> Result<LiveReport, LiveError> {
    let values: Vec<Value> = parse_values(manifests).unwrap();
    let ids: Vec<ResourceId> = values
        .iter()
        .map(|value| ResourceId::of(value).unwrap())
        .collect();
    let subjects: Vec<Subject<'_>> = values
        .iter()
        .zip(&ids)
        .map(|(value, id)| Subject {
            id,
            value,
            namespace: id.namespace.as_deref(),
            cluster_scoped: false,
        })
        .collect();
    validate_live(request, &subjects)
}

fn remarks(report: &LiveReport) -> Vec<(RuleId, Severity, String)> {
    report
        .remarks
        .iter()
        .map(|remark| {
            (
                remark.violation.rule,
                remark.severity,
                remark.violation.message.clone(),
            )
        })
        .collect()
}

fn deployment(namespace: &str, extra: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cart, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: cart}}}}
  template:
    metadata: {{labels: {{app: cart}}}}
    spec:
      containers:
        - name: server
          image: registry.example.com/cart:1
          {extra}
"
    )
}

#[test]
fn good_objects_pass_and_nothing_is_stored() {
    let server = ApiServer::shared();
    let namespace = server.namespace("live");
    server.apply(&deployment(&namespace, ""));
    let versions = || {
        server
            .ask(&[
                "get",
                "deployments,namespaces",
                "-A",
                "-o",
                "jsonpath={range .items[*]}{.metadata.uid}={.metadata.resourceVersion} {end}",
            ])
            .split(' ')
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let own = server.ask(&[
        "get",
        "deployment",
        "cart",
        "-n",
        &namespace,
        "-o",
        "jsonpath={.metadata.uid}={.metadata.resourceVersion}",
    ]);
    // What the deploying client owns is not contested: it will write this itself.
    let changed = deployment(&namespace, "env: [{name: A, value: b}]").replace("cart:1", "cart:2");
    let new = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: new, namespace: {namespace}}}\n"
    );
    let report = ask(&request("test"), &format!("{changed}---\n{new}")).unwrap();
    assert_eq!(remarks(&report), []);
    assert_eq!(report.fidelity, [Fidelity::Server, Fidelity::Server]);
    assert!(report.proven && report.unjudged.is_empty());
    assert!(versions().contains(&own), "the Deployment was written");
    assert_eq!(
        server.ask(&[
            "get",
            "configmap",
            "new",
            "-n",
            &namespace,
            "--ignore-not-found"
        ]),
        ""
    );
}

#[test]
fn refusals_are_findings_with_their_places() {
    let server = ApiServer::shared();
    let namespace = server.namespace("live");
    server.apply(&format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {namespace}}}
spec:
  matchConstraints:
    resourceRules: [{{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [services]}}]
  validations: [{{expression: 'has(object.metadata.labels) && \"team\" in object.metadata.labels', message: a team label is needed}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {namespace}}}
spec:
  policyName: {namespace}
  validationActions: [Deny]
  matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {namespace}}}}}}}
"
    ));
    let service = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: cart, namespace: {namespace}}}\nspec: {{ports: [{{port: 80}}]}}\n"
    );
    let misspelt = deployment(&namespace, "portss: []");
    let unknown = "apiVersion: apps/v9\nkind: Deployment\nmetadata: {name: x}\n";
    let text = format!("{misspelt}---\n{service}---\n{unknown}");
    // The server takes a moment to know a new policy.
    let found = (0..100)
        .find_map(|_| {
            let report = ask(&request("test"), &text).unwrap();
            if report.remarks.len() == 3 {
                return Some(report);
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
            None
        })
        .expect("three findings");
    let all = remarks(&found);
    let container = "spec.template.spec.containers[server]";
    assert_eq!(
        all[0],
        (
            RuleId::UNKNOWN_FIELD,
            Severity::Error,
            format!("unknown field \"portss\" in {container}")
        )
    );
    assert_eq!(
        found.remarks[0].violation.path.to_string(),
        "spec.template.spec.containers[0].portss"
    );
    assert_eq!(all[1].0, ops::ADMISSION);
    assert!(all[1].2.contains("a team label is needed"), "{all:?}");
    assert_eq!(all[2].0, ops::UNKNOWN_KIND);
    assert_eq!(
        found.remarks[2].violation.label.as_deref(),
        Some("it has apps/v1")
    );
}

#[test]
fn what_comes_with_the_same_files_is_judged_as_far_as_possible() {
    let text = format!(
        "apiVersion: v1
kind: Namespace
metadata: {{name: brought}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: caches.live.example.com}}
spec:
  group: live.example.com
  names: {{kind: Cache, plural: caches}}
  scope: Namespaced
  versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]
---
apiVersion: live.example.com/v1
kind: Cache
metadata: {{name: one, namespace: brought}}
---
{}",
        deployment("brought", "portss: []")
    );
    let report = ask(&request("test"), &text).unwrap();
    let fidelity = [
        Fidelity::Server,
        Fidelity::Server,
        Fidelity::Local,
        Fidelity::Server,
    ];
    assert_eq!(report.fidelity, fidelity);
    assert_eq!(remarks(&report).len(), 1, "{report:?}");

    let good = text.replace("portss: []", "");
    let report = ask(&request("test"), &good).unwrap();
    assert_eq!(report.fidelity[3], Fidelity::Shadow);
    assert_eq!(remarks(&report), []);

    // A port that only the server's validation refuses is seen in the shadow too.
    let bad = text.replace("portss: []", "ports: [{containerPort: 70000}]");
    let report = ask(&request("test"), &bad).unwrap();
    assert_eq!(remarks(&report)[0].0, ops::REFUSED);
}

#[test]
fn what_no_apply_can_take_is_judged_otherwise_or_left() {
    let namespace = ApiServer::shared().namespace("live");
    let hook = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{generateName: hook-, namespace: {namespace}}}\n"
    );
    let encrypted = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: {namespace}}}\ndata: {{a: 'ENC[AES256_GCM,data:x]'}}\nsops: {{mac: x}}\n"
    );
    let report = ask(&request("test"), &format!("{hook}---\n{encrypted}")).unwrap();
    assert_eq!(remarks(&report), []);
    assert_eq!(report.fidelity, [Fidelity::Server, Fidelity::Local]);
}

#[test]
fn a_namespace_that_nobody_brings_is_one_finding() {
    let two = format!(
        "{}---\n{}",
        deployment("nowhere", ""),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}\n"
    );
    let report = ask(&request("test"), &two).unwrap();
    let [(rule, severity, message)] = &remarks(&report)[..] else {
        panic!("{report:?}");
    };
    assert_eq!((*rule, *severity), (ops::NO_NAMESPACE, Severity::Error));
    assert!(
        message.contains("\"nowhere\"") && message.contains("2 objects"),
        "{message}"
    );
}

#[test]
fn a_field_that_somebody_set_by_hand_is_named_with_its_owner() {
    let server = ApiServer::shared();
    let namespace = server.namespace("live");
    let manifest =
        deployment(&namespace, "").replace("spec:\n  selector", "spec:\n  replicas: 1\n  selector");
    // First as a client would that deploys, then by hand.
    server.apply(&manifest);
    server.ask(&["scale", "deployment/cart", "-n", &namespace, "--replicas=3"]);
    let report = ask(&request("test"), &manifest).unwrap();
    let all = remarks(&report);
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!((all[0].0, all[0].1), (ops::CONFLICT, Severity::Warning));
    assert_eq!(
        all[0].2,
        "spec.replicas was set to another value by \"kubectl\""
    );
}

#[test]
fn the_flags_of_kubectl_choose_namespace_and_user() {
    let server = ApiServer::shared();
    let namespace = server.namespace("live");
    let homeless = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let mut asked = request("test");
    asked.namespace = Some("nowhere".to_owned());
    assert_eq!(remarks(&ask(&asked, homeless).unwrap()).len(), 1);
    asked.connect.namespace = Some(namespace.clone());
    assert_eq!(remarks(&ask(&asked, homeless).unwrap()), []);

    // Without the right to ask, nothing is found and nothing is fine.
    let mut limited = request("test");
    limited.uid = None;
    limited.connect.impersonate = Some("nobody".to_owned());
    let report = ask(&limited, &deployment(&namespace, "portss: []")).unwrap();
    assert_eq!(remarks(&report), []);
    assert_eq!(report.unjudged.len(), 1);
    assert!(
        report.unjudged[0].reason.contains("cannot patch"),
        "{report:?}"
    );
    assert!(!report.proven && report.uid.is_none());
}

#[test]
fn any_other_cluster_is_refused() {
    let server = ApiServer::shared();
    let mut wrong = request("test");
    wrong.uid = Some("00000000-0000-0000-0000-000000000000".to_owned());
    let error = ask(&wrong, "").unwrap_err();
    assert!(matches!(error, LiveError::WrongCluster { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(server.uid()) && text.contains("00000000-"),
        "{text}"
    );

    let mut other = request("prod-eu");
    other.uid = None;
    other.connect.context = Some("test".to_owned());
    let error = ask(&other, "").unwrap_err();
    assert!(matches!(error, LiveError::OtherContext { .. }), "{error}");
    // With the right UID the context's name does not matter.
    other.uid = Some(server.uid().to_owned());
    assert!(ask(&other, "").unwrap().proven);
}

#[test]
fn no_cluster_is_not_an_answer() {
    let missing = ask(&request("no-such-context"), "").unwrap_err();
    match missing {
        LiveError::Connect(ConnectError::Unknown { name, known, .. }) => {
            assert_eq!(name, "no-such-context");
            assert_eq!(known, ["test", "limited", "unreachable"]);
        }
        other => panic!("{other}"),
    }
    let dead = ask(&request("unreachable"), "").unwrap_err();
    let lost = matches!(&dead, LiveError::Cluster(ClusterError::Unreachable { .. }));
    assert!(lost, "{dead}");
}
