//! Repositories of plain resources and Helm values: their images are listed, bumped
//! and promoted where they stand.

use super::bump_image::says;
use super::support::Fixture;
use super::support::registry::{Auth, TestRegistry};

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: plain}
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: prod, branch: env/prod, promoteFrom: dev}
";

fn deployment(host: &str) -> String {
    format!(
        "\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: {host}/shop/web:v1.0.0   # the window
        - name: mail
          image: '{host}/shop/mail:v1.0.0'
"
    )
}

fn values(host: &str) -> String {
    format!(
        "# what the chart gets\ncart:\n  image:\n    registry: {host}\n    repository: shop/cart\n    tag: v1.0.0\n  replicas: 2\n"
    )
}

fn plain(host: &str) -> Fixture {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]);
    let (deployment, values) = (deployment(host), values(host));
    let files = [
        ("web/deployment.yaml", Some(deployment.as_str())),
        ("cart/values.yaml", Some(values.as_str())),
        (
            "cart/templates/x.yaml",
            Some("image: {{ .Values.cart.image }}\n"),
        ),
    ];
    fixture.commit_from("env/dev", None, "begin", &files);
    fixture.commit_from(
        "env/prod",
        Some("env/dev~0"),
        "begin",
        &[("note", Some("prod\n"))],
    );
    fixture
}

#[test]
fn plain_resources_and_values_are_bumped_and_promoted_where_they_stand() {
    let registry = TestRegistry::start(Auth::None);
    for name in ["cart", "mail", "web"] {
        registry.push(&format!("shop/{name}"), "v1.0.0");
        registry.push(&format!("shop/{name}"), "v1.2.0");
    }
    let host = registry.host();
    let fixture = plain(&host);
    let listed = fixture.run(&["pins", "--env", "dev"]).code(0);
    says(
        &listed,
        &[
            "cart",
            "cart/values.yaml:6:10",
            "web/deployment.yaml:11:18",
            "resource",
            "helm-values",
        ],
    );
    let words = [
        "bump-image",
        "web=v1.2.0",
        "cart=v1.2.0",
        "--env",
        "dev",
        "--yes",
    ];
    fixture.run(&words).code(0);
    let at = |branch: &str, path: &str| fixture.file_at(branch, path).unwrap();
    assert_eq!(
        at("env/dev", "web/deployment.yaml"),
        deployment(&host).replace("web:v1.0.0", "web:v1.2.0")
    );
    assert_eq!(
        at("env/dev", "cart/values.yaml"),
        values(&host).replace("tag: v1.0.0", "tag: v1.2.0")
    );
    let all = ["bump-image", "--env", "dev", "--semver", "^1", "--yes"];
    fixture.run(&all).code(0);
    assert!(at("env/dev", "web/deployment.yaml").contains("mail:v1.2.0'"));
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    for path in ["web/deployment.yaml", "cart/values.yaml"] {
        assert_eq!(at("env/prod", path), at("env/dev", path), "{path}");
    }
    assert_eq!(at("env/prod", "note"), "prod\n");
    fixture.fsck();
}

#[test]
fn the_ref_of_a_remote_base_is_set_by_name_and_promoted() {
    let base = |version: &str| {
        format!(
            "resources:\n  - https://git.example.com/org/config//base?ref={version}&timeout=90s  # ours\n"
        )
    };
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]);
    let (file, old) = ("kustomization.yaml", base("v1.0.6"));
    fixture.commit_from("env/dev", None, "begin", &[(file, Some(&old))]);
    fixture.commit_from("env/prod", Some("env/dev~0"), "begin", &[]);
    let listed = fixture.run(&["pins", "--env", "dev"]).code(0);
    says(&listed, &["config-base", "v1.0.6", "kustomize-base"]);
    let bump = |version: &str| {
        let wish = format!("config-base={version}");
        fixture.run(&["bump-image", &wish, "--env", "dev", "--yes"])
    };
    bump("v1.1.0").code(0);
    assert_eq!(fixture.file_at("env/dev", file).unwrap(), base("v1.1.0"));
    bump("v1.0.9").code(3);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(fixture.file_at("env/prod", file).unwrap(), base("v1.1.0"));
    fixture.fsck();
}
