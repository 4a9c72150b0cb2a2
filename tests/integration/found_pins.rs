//! Repositories of plain resources and Helm values: their images are listed, bumped
//! and promoted where they stand.

use kubectl_gitops::ops::demo::Layout;

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

const OPEN: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: dev, branch: main, path: dev}]
  registries:
    registry.example.com: {layout: ../registry}
";

/// An environment of one values file, and the digest of web:v2.
fn values_of(gitops: &str, values: &str) -> (Fixture, String) {
    let files = [("gitops.yaml", gitops), ("dev/values.yaml", values)];
    let fixture = Fixture::new(&[("main", &files)]);
    let mut registry = Layout::default();
    let digest = registry.add("web", "v2", "2026-01-02T00:00:00Z");
    registry.write(&fixture.env.join("registry")).unwrap();
    (fixture, digest.to_string())
}

#[test]
fn a_tag_that_is_missing_or_empty_is_set_for_who_names_the_component() {
    let name = "registry.example.com/web";
    for (before, after) in [
        (
            format!(
                "web:\r\n    image:   # ours\r\n        repository: {name}\r\n        pullPolicy: Always\r\n    port: 1\r\n"
            ),
            format!(
                "web:\r\n    image:   # ours\r\n        repository: {name}\r\n        tag: v2\r\n        pullPolicy: Always\r\n    port: 1\r\n"
            ),
        ),
        (
            format!("image:\n  repository: {name} # ours\n  tag: ''   # the chart's\n"),
            format!("image:\n  repository: {name} # ours\n  tag: 'v2'   # the chart's\n"),
        ),
        (
            format!("image: {{repository: {name}, pullPolicy: Always}}"),
            format!("image: {{repository: {name}, tag: v2, pullPolicy: Always}}"),
        ),
        (
            format!("image:\n  tag:\n  repository: {name}\n  digest: \"\"\n"),
            format!("image:\n  tag: v2\n  repository: {name}\n  digest: \"\"\n"),
        ),
        (
            format!("kind: Pod\napiVersion: v1\nspec: {{containers: [{{image: {name}}}]}}\n"),
            format!("kind: Pod\napiVersion: v1\nspec: {{containers: [{{image: {name}:v2}}]}}\n"),
        ),
    ] {
        let (fixture, _) = values_of(OPEN, &before);
        // Nobody asked for it: the chart says which version it means.
        let listed = fixture.run(&["pins"]).code(0);
        says(&listed, &["dev  0 pins"]);
        let all = ["bump-image", "--env", "dev", "--semver", "*", "--yes"];
        let outcome = fixture.run(&all);
        assert_eq!(outcome.status, 2, "{}", outcome.stdout);
        let outcome = fixture
            .run(&["bump-image", "web=v2", "--env", "dev", "--yes"])
            .code(0);
        says(&outcome, &["web", "v2"]);
        assert_eq!(fixture.file_at("main", "dev/values.yaml").unwrap(), after);
        fixture.fsck();
    }
}

#[test]
fn a_declared_image_without_a_version_follows_its_policy() {
    let name = "registry.example.com/web";
    let gitops = format!("{OPEN}  pins: [{{image: {name}, policy: {{digest: v2}}}}]\n");
    let before = format!("image:\n  repository: {name}\n  pullPolicy: Always\n\nport: 1\n");
    let (fixture, digest) = values_of(&gitops, &before);
    let listed = fixture.run(&["pins"]).code(0);
    says(&listed, &["web", "no version", "digest of v2"]);
    let check = fixture.run(&["bump-image", "--env", "dev", "--check"]);
    assert_eq!(check.status, 1, "{}", check.stdout);
    fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    let after = before.replace(
        "  pullPolicy",
        &format!("  tag: v2\n  digest: {digest}\n  pullPolicy"),
    );
    assert_eq!(fixture.file_at("main", "dev/values.yaml").unwrap(), after);
    let tip = fixture.remote_tip("main");
    fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(fixture.remote_tip("main"), tip);
}
