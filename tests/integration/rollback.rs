//! `rollback`: the state before the last promotion, as a new commit, and what
//! the next promotion makes of it.

use serde_json::Value;

use crate::support::Fixture;
use crate::support::env::Outcome;

const CONFIG: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: prod, branch: env/prod, promoteFrom: dev}
  promotion: {files: [product.yaml, templates/**]}
  rendered: manifests
";

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: app}
spec:
  schema:
    type: object
    properties: {size: {type: integer}, domain: {type: string}}
  environmentMay: [size, domain]
";

const SOURCE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ name }}
data:
  version: {{ version | quote }}
  size: {{ values.size | string | quote }}
";

fn product(version: &str, cart: &str, web: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {{name: shop}}
spec:
  version: {version}
  defaults:
    template: app
    values: {{size: 1}}
  components:
    cart:
      version: {cart}
      values: {{size: 2}}
    web:
      version: {web}
      values: {{size: 3}}
"
    )
}

fn environment(name: &str) -> String {
    format!("apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\n")
}

/// dev and prod at 1.0, then dev at 1.1 with both components changed, and
/// that promoted to prod.
fn promoted() -> Fixture {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", CONFIG)])]);
    let base = [
        ("product.yaml", product("1.0.0", "1.0.0", "5.0.0")),
        ("templates/app/template.yaml", TEMPLATE.to_owned()),
        ("templates/app/config.yaml.j2", SOURCE.to_owned()),
    ];
    for name in ["dev", "prod"] {
        let own = environment(name);
        let mut files: Vec<(&str, Option<&str>)> = base
            .iter()
            .map(|(path, text)| (*path, Some(text.as_str())))
            .collect();
        files.push(("environment.yaml", Some(&own)));
        files.push(("manifests/foreign.yaml", Some("kind: Foreign\n")));
        fixture.commit_from(&format!("env/{name}"), None, "begin", &files);
    }
    fixture.pull();
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    release(&fixture, "1.1.0", "1.1.0", "5.1.0");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    fixture
}

fn release(fixture: &Fixture, version: &str, cart: &str, web: &str) {
    let text = product(version, cart, web);
    fixture.commit("env/dev", version, &[("product.yaml", Some(&text))]);
}

fn prod(fixture: &Fixture, path: &str) -> String {
    fixture.file_at("env/prod", path).unwrap()
}

fn versions(fixture: &Fixture) -> (String, String) {
    let product = prod(fixture, "product.yaml");
    let find = |name: &str| {
        let (_, rest) = product.split_once(&format!("    {name}:\n")).unwrap();
        let (_, rest) = rest.split_once("version: ").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    (find("cart"), find("web"))
}

fn rollback(fixture: &Fixture, args: &[&str]) -> Outcome {
    let all = [&["rollback", "prod", "--yes"], args].concat();
    fixture.run(&all)
}

/// The tree of prod without the records.
fn tree(fixture: &Fixture, rev: &str) -> String {
    let list = fixture.env.git(&fixture.origin, &["ls-tree", "-r", rev]);
    let lines: Vec<&str> = list
        .lines()
        .filter(|line| !line.contains(".gitops/"))
        .collect();
    lines.join("\n")
}

#[test]
fn the_state_before_the_last_promotion_comes_back_verbatim() {
    let fixture = promoted();
    let tip = fixture.remote_tip("env/prod").unwrap();
    assert_eq!(versions(&fixture), ("1.1.0".into(), "5.1.0".into()));
    let done = rollback(&fixture, &["--reason", "checkout fails"]).code(0);
    assert!(
        done.stdout.contains("shop 1.1.0 → 1.0.0"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("undoes"), "{}", done.stdout);
    assert!(done.stderr.contains("--release"), "{}", done.stderr);
    assert_eq!(
        tree(&fixture, "env/prod"),
        tree(&fixture, &format!("{tip}~1"))
    );
    assert!(prod(&fixture, "manifests/app/configmap-cart.yaml").contains("1.0.0"));
    assert_eq!(
        fixture
            .file_at("env/prod", "manifests/foreign.yaml")
            .unwrap(),
        "kind: Foreign\n"
    );
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    assert_eq!(git(&["rev-parse", "env/prod~1"]), tip, "a forward commit");
    let message = fixture.message_at("env/prod");
    assert!(message.starts_with("roll back prod to 1.0.0"), "{message}");
    for trailer in [
        "Gitops-Action: rollback",
        "Gitops-Product: shop@1.0.0",
        "Gitops-To: prod",
        "Gitops-Components: cart web",
        "Gitops-Reason: checkout fails",
    ] {
        assert!(message.contains(trailer), "{message}");
    }
    let history = fixture.run(&["history", "prod", "--limit", "1"]).code(0);
    assert!(
        history.stdout.contains("rollback  shop 1.0.0 as of prod"),
        "{}",
        history.stdout
    );

    // Once more is nothing.
    let again = rollback(&fixture, &[]).code(0);
    assert!(again.stdout.contains("is as it was"), "{}", again.stdout);
    assert_eq!(fixture.message_at("env/prod"), message);
    fixture.fsck();
}

#[test]
fn what_was_rolled_back_stays_away_until_it_changes() {
    let fixture = promoted();
    rollback(&fixture, &[]).code(0);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(versions(&fixture), ("1.0.0".into(), "5.0.0".into()));
    // A fix of one component goes through, the other stays refused.
    release(&fixture, "1.1.1", "1.1.1", "5.1.0");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(versions(&fixture), ("1.1.1".into(), "5.0.0".into()));
    fixture
        .run(&["promote", "prod", "--yes", "--release", "web"])
        .code(0);
    assert_eq!(versions(&fixture), ("1.1.1".into(), "5.1.0".into()));
    fixture.fsck();
}

#[test]
fn one_component_goes_back_alone() {
    let fixture = promoted();
    let done = rollback(&fixture, &["--only", "web"]).code(0);
    assert_eq!(
        versions(&fixture),
        ("1.1.0".into(), "5.0.0".into()),
        "{}",
        done.stdout
    );
    assert!(prod(&fixture, "product.yaml").contains("version: 1.1.0\n  defaults"));
    assert!(prod(&fixture, "manifests/app/configmap-web.yaml").contains("5.0.0"));
    assert!(prod(&fixture, "manifests/app/configmap-cart.yaml").contains("1.1.0"));
    let wrong = rollback(&fixture, &["--only", "wbe"]).code(2);
    assert!(wrong.stderr.contains("web"), "{}", wrong.stderr);
}

#[test]
fn a_version_or_a_commit_names_the_state() {
    let fixture = promoted();
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let first = git(&["rev-parse", "env/prod~1"]);
    release(&fixture, "1.2.0", "1.2.0", "5.2.0");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    rollback(&fixture, &["--to", "1.1.0"]).code(0);
    assert_eq!(versions(&fixture), ("1.1.0".into(), "5.1.0".into()));
    rollback(&fixture, &["--to", &first]).code(0);
    assert_eq!(versions(&fixture), ("1.0.0".into(), "5.0.0".into()));
    let unknown = rollback(&fixture, &["--to", "9.9.9"]).code(2);
    assert!(unknown.stderr.contains("9.9.9"), "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("gitops history prod"),
        "{}",
        unknown.stderr
    );
    let foreign = rollback(&fixture, &["--to", "origin/env/dev"]).code(2);
    assert!(
        foreign.stderr.contains("never a state of prod"),
        "{}",
        foreign.stderr
    );
}

#[test]
fn a_version_with_several_states_lists_them() {
    let fixture = promoted();
    // A hotfix keeps the version and makes another state of it.
    let text = product("1.1.0", "1.1.9", "5.1.0");
    fixture.commit("env/prod", "hotfix cart", &[("product.yaml", Some(&text))]);
    let before = fixture.remote_tip("env/prod");
    let asked = rollback(&fixture, &["--to", "1.1.0"]).code(2);
    assert!(asked.stderr.contains("hotfix cart"), "{}", asked.stderr);
    assert!(
        asked.stderr.contains("promote shop 1.1.0"),
        "{}",
        asked.stderr
    );
    assert_eq!(fixture.remote_tip("env/prod"), before);
}

#[test]
fn a_hotfix_since_the_promotion_is_not_lost_silently() {
    let fixture = promoted();
    let text = product("1.1.0", "1.1.9", "5.1.0");
    fixture.commit("env/prod", "hotfix cart", &[("product.yaml", Some(&text))]);
    let before = fixture.remote_tip("env/prod");
    let refused = rollback(&fixture, &[]).code(3);
    assert!(refused.stderr.contains("cart"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--to"), "{}", refused.stderr);
    assert_eq!(fixture.remote_tip("env/prod"), before);
    // The other component is free to go.
    rollback(&fixture, &["--only", "web"]).code(0);
    assert_eq!(versions(&fixture), ("1.1.9".into(), "5.0.0".into()));
}

#[test]
fn another_environment_file_is_rendered_with() {
    let fixture = promoted();
    let own = format!(
        "{}spec:\n  components:\n    cart: {{values: {{size: 7}}}}\n",
        environment("prod")
    );
    fixture.commit(
        "env/prod",
        "more carts",
        &[("environment.yaml", Some(&own))],
    );
    fixture.run(&["rollback", "prod", "--yes"]).code(0);
    assert_eq!(prod(&fixture, "environment.yaml"), own);
    let cart = prod(&fixture, "manifests/app/configmap-cart.yaml");
    assert!(
        cart.contains("1.0.0") && cart.contains("size: \"7\""),
        "{cart}"
    );
}

#[test]
fn a_state_that_is_no_product_can_be_left() {
    let fixture = promoted();
    let good = fixture.remote_tip("env/prod").unwrap();
    fixture.commit("env/prod", "oops", &[("product.yaml", Some("kind: [\n"))]);
    let done = rollback(&fixture, &["--to", &good]).code(0);
    assert!(done.stdout.contains("no valid product"), "{}", done.stdout);
    assert_eq!(tree(&fixture, "env/prod"), tree(&fixture, &good));
    fixture.fsck();
}

#[test]
fn a_plan_alone_writes_nothing_and_speaks_json() {
    let fixture = promoted();
    let before = fixture.remote_tip("env/prod");
    let shown = fixture
        .run(&["rollback", "prod", "--dry-run", "-o", "json"])
        .code(0);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["kind"], "RollbackReport");
    assert_eq!(document["undone"][0]["action"], "promote");
    assert_eq!(
        document["refused"],
        serde_json::json!(["product", "cart", "web"])
    );
    assert_eq!(fixture.remote_tip("env/prod"), before);
    let asked = fixture.run(&["rollback", "prod"]).code(2);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
}

#[test]
fn without_a_promotion_there_is_nothing_to_undo() {
    let fixture = promoted();
    let none = fixture.run(&["rollback", "dev", "--yes"]).code(2);
    assert!(none.stderr.contains("no promotion"), "{}", none.stderr);
    assert!(none.stderr.contains("--to"), "{}", none.stderr);
}

#[test]
fn a_repository_without_products_goes_back_file_by_file() {
    let config = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    \
         - {name: prod, branch: main, path: overlays/prod}\n";
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", config),
            ("base/a.yaml", "a: 1\n"),
            ("overlays/prod/kustomization.yaml", "newTag: v1\n"),
        ],
    )]);
    let bump = "bump cart\n\nGitops-Action: bump-image\nGitops-To: prod\n";
    fixture.commit(
        "main",
        bump,
        &[
            ("overlays/prod/kustomization.yaml", Some("newTag: v2\n")),
            ("overlays/prod/new.yaml", Some("n\n")),
        ],
    );
    fixture.commit("main", "base", &[("base/a.yaml", Some("a: 2\n"))]);
    let done = fixture.run(&["rollback", "prod", "--yes"]).code(0);
    assert!(done.stdout.contains("2 files"), "{}", done.stdout);
    assert_eq!(
        fixture.files_at("main"),
        [
            "base/a.yaml",
            "gitops.yaml",
            "overlays/prod/kustomization.yaml"
        ]
    );
    assert_eq!(
        fixture
            .file_at("main", "overlays/prod/kustomization.yaml")
            .unwrap(),
        "newTag: v1\n"
    );
    assert_eq!(fixture.file_at("main", "base/a.yaml").unwrap(), "a: 2\n");
    fixture.fsck();
}
