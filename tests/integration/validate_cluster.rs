//! `kubectl gitops validate ENV --live`, through the real kubectl, against a real API server.

use crate::support::apiserver::ApiServer;
use crate::support::env::Outcome;
use crate::support::process::program;
use crate::support::{Env, Fixture};
use std::path::Path;

const PRODUCT: &str = "apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {name: shop}
spec:
  defaults: {template: service}
  components:
    cart:
      image: registry.example.com/shop/cart:1.0.0
";
const ENVIRONMENT: &str = "apiVersion: kubectl-gitops/v1alpha1
kind: Environment
metadata: {name: prod}
";
const TEMPLATE: &str = "apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec: {owner: '@example/platform'}
";
const DEPLOYMENT: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ name }}
spec:
  selector:
    matchLabels: {app: {{ name }}}
  template:
    metadata:
      labels: {app: {{ name }}}
    spec:
      containers:
        - name: server
          image: {{ image.ref }}
          resources:
            requests: {cpu: 10m, memory: 8Mi}
            limits: {cpu: 10m, memory: 8Mi}
";

/// A repository whose environment prod runs in the API server of the tests, in a namespace of its own.
struct Estate {
    fixture: Fixture,
    namespace: String,
}

impl Estate {
    /// `cluster` is the entry's cluster; UID and namespace of the test take the places of `UID` and `NS`.
    fn new(cluster: &str, deployment: &str) -> Self {
        let server = ApiServer::shared();
        let namespace = server.namespace("plugin");
        let cluster = cluster
            .replace("UID", server.uid())
            .replace("NS", &namespace);
        let config = format!(
            "apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {{name: shop}}
spec:
  environments:
    - name: prod
      branch: env/prod
      cluster: {cluster}
"
        );
        let fixture = Fixture::new(&[
            ("main", &[("gitops.yaml", &config)]),
            (
                "env/prod",
                &[
                    ("product.yaml", PRODUCT),
                    ("environment.yaml", ENVIRONMENT),
                    ("templates/service/template.yaml", TEMPLATE),
                    ("templates/service/deployment.yaml.j2", deployment),
                ],
            ),
        ]);
        Self { fixture, namespace }
    }

    /// Runs `kubectl gitops validate prod --live` and more words.
    fn validate(&self, more: &[&str]) -> Outcome {
        let env = &self.fixture.env;
        let plugins = env.join("plugins");
        if !plugins.is_dir() {
            std::fs::create_dir(&plugins).unwrap();
            let binary = Path::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
            std::os::unix::fs::symlink(binary, plugins.join("kubectl-gitops")).unwrap();
        }
        let mut search = plugins.into_os_string();
        search.push(":");
        search.push(std::env::var_os("PATH").unwrap());
        let mut command = env.command(program("kubectl"), &self.fixture.clone);
        command
            .args(["gitops", "validate", "prod", "--live"])
            .args(more)
            .env("PATH", search)
            .env("KUBECONFIG", ApiServer::shared().kubeconfig());
        Env::finish(&mut command)
    }
}

const PROVEN: &str = "{context: test, uid: UID, namespace: NS}";

#[test]
fn a_good_environment_passes_and_nothing_is_stored() {
    let estate = Estate::new(PROVEN, DEPLOYMENT);
    let outcome = estate.validate(&[]).code(0);
    assert!(outcome.stdout.contains("judged by test"), "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    let server = ApiServer::shared();
    let stored = server.ask(&["get", "deployments", "-n", &estate.namespace, "-o", "name"]);
    assert_eq!(stored, "");
    let document = estate.validate(&["-o", "json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    let live = &document["sections"][0]["live"];
    assert_eq!(live["uid"], server.uid());
    assert_eq!(live["proven"], true);
}

#[test]
fn what_only_the_cluster_knows_is_a_finding_in_the_template() {
    let estate = Estate::new(PROVEN, DEPLOYMENT);
    // It runs already, with a selector that cannot change.
    ApiServer::shared().apply(&format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: cart, namespace: {}}}
spec:
  selector: {{matchLabels: {{app: old}}}}
  template:
    metadata: {{labels: {{app: old}}}}
    spec: {{containers: [{{name: server, image: i}}]}}
",
        estate.namespace
    ));
    let outcome = estate.validate(&[]).code(1);
    let said = &outcome.stdout;
    assert!(said.contains("cluster-validation"), "{outcome:?}");
    assert!(said.contains("field is immutable"), "{outcome:?}");
    assert!(
        said.contains("templates/service/deployment.yaml.j2:6:"),
        "{outcome:?}"
    );
}

#[test]
fn a_mistake_that_both_see_is_said_once() {
    let misspelt = DEPLOYMENT.replace(
        "          resources:",
        "          portss: []\n          resources:",
    );
    let outcome = Estate::new(PROVEN, &misspelt).validate(&[]).code(1);
    assert_eq!(
        outcome.stdout.matches("portss").count(),
        2,
        "the message and its line: {outcome:?}"
    );
    assert!(outcome.stdout.contains("1 error"), "{outcome:?}");
}

#[test]
fn the_wrong_cluster_is_refused_before_anything_is_asked() {
    let estate = Estate::new(
        "{context: test, uid: 11111111-1111-1111-1111-111111111111, namespace: NS}",
        DEPLOYMENT,
    );
    let outcome = estate.validate(&[]).code(3);
    for part in ["test", ApiServer::shared().uid(), "11111111-1111"] {
        assert!(outcome.stderr.contains(part), "{outcome:?}");
    }
    assert_eq!(outcome.stdout, "");

    let unproven = Estate::new("{context: prod-eu, namespace: NS}", DEPLOYMENT);
    let outcome = unproven.validate(&["--context", "test"]).code(3);
    assert!(outcome.stderr.contains("prod-eu"), "{outcome:?}");
}

#[test]
fn flags_choose_context_namespace_and_user_as_in_kubectl() {
    let estate = Estate::new("{uid: UID, namespace: nowhere}", DEPLOYMENT);
    let outcome = estate.validate(&[]).code(1);
    assert!(outcome.stdout.contains("\"nowhere\""), "{outcome:?}");
    estate.validate(&["-n", &estate.namespace]).code(0);
    estate
        .validate(&["--namespace", &estate.namespace, "--context", "test"])
        .code(0);
    let outcome = estate
        .validate(&["--as", "jo", "--as-group", "nobody"])
        .code(5);
    assert!(outcome.stderr.contains("User \"jo\""), "{outcome:?}");

    let outcome = estate.validate(&["--context", "prod-eu"]).code(2);
    assert!(outcome.stderr.contains("\"prod-eu\""), "{outcome:?}");
    assert!(
        outcome
            .stderr
            .contains("there are test, limited, unreachable"),
        "{outcome:?}"
    );
    let outcome = estate
        .validate(&["--kubeconfig", "/nowhere/kubeconfig"])
        .code(2);
    assert!(
        outcome.stderr.contains("/nowhere/kubeconfig"),
        "{outcome:?}"
    );
}

#[test]
fn could_not_find_out_is_neither_yes_nor_no() {
    let estate = Estate::new(
        "{context: unreachable, uid: UID, namespace: NS}",
        DEPLOYMENT,
    );
    let outcome = estate.validate(&[]).code(5);
    assert!(
        outcome.stderr.contains("cannot reach the API server"),
        "{outcome:?}"
    );
    assert_eq!(outcome.stdout, "");

    // A user without rights, on a cluster that nobody described: every object is listed.
    let estate = Estate::new("{context: limited, namespace: NS}", DEPLOYMENT);
    let outcome = estate.validate(&[]).code(5);
    assert!(outcome.stderr.contains("Deployment cart"), "{outcome:?}");
    assert!(
        outcome.stderr.contains("cannot patch resource"),
        "{outcome:?}"
    );
}
