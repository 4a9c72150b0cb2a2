//! `bump-image` against a real registry and a real remote: what is written, what is
//! refused, and what is said when a registry fails.

use std::path::Path;

use super::pins::agreed;
use super::support::env::Outcome;
use super::support::faults::{Fault, FaultProxy, dead_address};
use super::support::registry::{Auth, ImageFacts, PASSWORD, TestRegistry, USER};
use super::support::{Env, Fixture};

pub(super) const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: prod, branch: env/prod, promoteFrom: dev}
  rendered: manifests
";

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec:
  schema: {type: object}
";

pub(super) const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ name }}}
spec:
  selector: {matchLabels: {app: {{ name }}}}
  template:
    metadata: {labels: {app: {{ name }}}}
    spec:
      containers:
        - name: {{ name }}
          image: {{ image.ref if image is defined else version }}
";

/// A product of three images on `host`, each at v1.0.0, and one thing without an image.
pub(super) fn product(host: &str) -> String {
    format!(
        "\
# the shop
apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {{name: shop}}
spec:
  version: 1.0.0
  defaults: {{template: service}}
  components:
    cart:
      image: {host}/shop/cart:v1.0.0   # the cart
      update: {{semver: ^1}}
    mail:
      image: \"{host}/shop/mail:v1.0.0\"
      update: {{semver: ^1}}
    vm:
      version: 4.2.1
    web:
      image: {host}/shop/web:v1.0.0
"
    )
}

/// The shop on dev and prod; `change` rewrites the product first.
pub(super) fn shop_with(host: &str, change: impl Fn(String) -> String) -> Fixture {
    let product = change(product(host));
    let environment = |name: &str| {
        format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\n"
        )
    };
    let (dev, prod) = (environment("dev"), environment("prod"));
    let files = |environment| {
        [
            ("product.yaml", product.as_str()),
            ("environment.yaml", environment),
            ("templates/service/template.yaml", TEMPLATE),
            ("templates/service/deployment.yaml.j2", DEPLOYMENT),
        ]
    };
    Fixture::new(&[
        ("main", &[("gitops.yaml", GITOPS)]),
        ("env/dev", &files(dev.as_str())),
        ("env/prod", &files(prod.as_str())),
    ])
}

pub(super) fn shop(host: &str) -> Fixture {
    shop_with(host, |product| product)
}

pub(super) fn registry() -> TestRegistry {
    let registry = TestRegistry::start(Auth::None);
    seed(&registry);
    registry
}

pub(super) fn seed(registry: &TestRegistry) {
    for name in ["cart", "mail", "web"] {
        registry.push(&format!("shop/{name}"), "v1.0.0");
    }
}

pub(super) fn bump(fixture: &Fixture, words: &[&str]) -> Outcome {
    fixture.run(&[&["bump-image", "--env", "dev", "--yes"], words].concat())
}

/// Runs and fails the test unless it ends with `code` and the remote stays as it was.
#[track_caller]
pub(super) fn nothing_written(fixture: &Fixture, words: &[&str], code: i32) -> Outcome {
    let before = [
        fixture.remote_tip("env/dev"),
        fixture.remote_tip("env/prod"),
    ];
    let outcome = fixture.run(&[&["bump-image"], words].concat()).code(code);
    let after = [
        fixture.remote_tip("env/dev"),
        fixture.remote_tip("env/prod"),
    ];
    assert_eq!(before, after, "{}", outcome.stderr);
    fixture.fsck();
    outcome
}

#[track_caller]
pub(super) fn says(outcome: &Outcome, texts: &[&str]) {
    for text in texts {
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains(text), "{text:?} is not in:\n{said}");
    }
}

#[test]
fn policies_bump_what_is_newer_in_one_commit_and_then_rest() {
    let registry = registry();
    let digest = registry.push("shop/cart", "v1.2.0");
    registry.push("shop/cart", "v1.10.0-rc.1");
    registry.push("shop/cart", "v2.0.0");
    let host = registry.host();
    let fixture = shop(&host);
    let commits = fixture.commits_on("env/dev");

    let shown = nothing_written(&fixture, &["--env", "dev", "--dry-run"], 0);
    says(
        &shown,
        &[
            "cart  v1.0.0 → v1.2.0  ^1, v2.0.0 exists",
            "1 component, 2 files",
        ],
    );
    let asked = nothing_written(&fixture, &["--env", "dev"], 2);
    says(&asked, &["--yes"]);

    let done = bump(&fixture, &[]).code(0);
    says(&done, &["pushed to origin", "promote prod"]);
    assert_eq!(fixture.commits_on("env/dev"), commits + 1);
    assert_eq!(
        fixture.file_at("env/dev", "product.yaml").unwrap(),
        product(&host).replace("cart:v1.0.0", &format!("cart:v1.2.0@{digest}")),
        "only the one image changes, comment and all"
    );
    let rendered = fixture
        .file_at("env/dev", "manifests/app/deployment-cart.yaml")
        .unwrap();
    assert!(
        rendered.contains(&format!("cart:v1.2.0@{digest}")),
        "{rendered}"
    );
    let message = fixture.message_at("env/dev");
    assert!(message.starts_with("bump cart to v1.2.0 in dev\n\ncart v1.0.0 -> v1.2.0 (sha256:"));
    for trailer in [
        "Gitops-Action: bump-image",
        "Gitops-Product: shop@1.0.0",
        "Gitops-To: dev",
        "Gitops-Components: cart",
        "Gitops-Plan: sha256:",
    ] {
        assert!(message.contains(trailer), "{message}");
    }
    fixture.fsck();

    let again = nothing_written(&fixture, &["--env", "dev", "--yes"], 0);
    says(&again, &["cart  v1.2.0  newest in ^1 (v2.0.0 exists)"]);
}

#[test]
fn named_versions_are_written_with_their_digests() {
    let registry = registry();
    let web = registry.push("shop/web", "v3");
    let host = registry.host();
    let fixture = shop(&host);
    let done = bump(&fixture, &["web=v3", "vm=4.2.2", "-m", "ship it"]).code(0);
    says(
        &done,
        &["vm   4.2.1 → 4.2.2", "web  v1.0.0 → v3    as asked"],
    );
    let wanted = product(&host)
        .replace("4.2.1", "4.2.2")
        .replace("web:v1.0.0", &format!("web:v3@{web}"));
    assert_eq!(fixture.file_at("env/dev", "product.yaml").unwrap(), wanted);
    assert!(
        fixture
            .message_at("env/dev")
            .starts_with("ship it\n\nvm 4.2.1 -> 4.2.2\nweb v1.0.0 -> v3 (")
    );
    nothing_written(&fixture, &["web=v3", "--env", "dev", "--yes"], 0);
    let digest = format!("web=v3@sha256:{}", "0".repeat(64));
    let other = nothing_written(&fixture, &[&digest, "--env", "dev", "--yes"], 3);
    says(&other, &["web v3 is another image now"]);
}

#[test]
fn a_kustomization_is_bumped_without_a_product() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let host = registry.host();
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  environments:
    - {name: dev, branch: main, path: overlays/dev}
";
    let kustomization = format!(
        "resources: [../../base]\nimages:\n- name: {host}/shop/cart   # carts\n  newTag: v1.0.0\n\n- {{name: web, newName: {host}/shop/web, newTag: v1.0.0}}\n"
    );
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops),
            (
                "base/kustomization.yaml",
                "images: [{name: other, newTag: x}]\n",
            ),
            ("overlays/dev/kustomization.yaml", &kustomization),
            ("overlays/prod/kustomization.yaml", &kustomization),
        ],
    )]);
    let without = fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(2);
    says(&without, &["no component of dev has a policy", "--semver"]);
    let done = fixture
        .run(&["bump-image", "--env", "dev", "--yes", "--semver", "^1"])
        .code(0);
    says(&done, &["cart  v1.0.0 → v1.1.0  ^1"]);
    let wanted = kustomization.replacen("v1.0.0", "v1.1.0", 1);
    assert_eq!(
        fixture
            .file_at("main", "overlays/dev/kustomization.yaml")
            .unwrap(),
        wanted
    );
    assert_eq!(
        fixture
            .file_at("main", "overlays/prod/kustomization.yaml")
            .unwrap(),
        kustomization
    );
    let policy = format!(
        "{gitops}  pins:\n    - {{image: {host}/shop/cart, component: carts, policy: {{semver: ~1.1}}}}\n"
    );
    fixture.commit("main", "follow carts", &[("gitops.yaml", Some(&policy))]);
    registry.push("shop/cart", "v1.1.3");
    registry.push("shop/cart", "v1.2.0");
    let done = fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    says(&done, &["carts  v1.1.0 → v1.1.3  ~1.1, v1.2.0 exists"]);

    registry.push("shop/web", "v2");
    fixture
        .run(&["bump-image", "web=v2", "--env", "dev", "--yes"])
        .code(0);
    let found = fixture
        .file_at("main", "overlays/dev/kustomization.yaml")
        .unwrap();
    assert!(
        found.contains(&format!("newName: {host}/shop/web, newTag: v2}}")),
        "{found}"
    );
    fixture.fsck();
}

#[test]
fn words_that_fit_nothing_are_told_before_anything_happens() {
    let registry = registry();
    let fixture = shop(&registry.host());
    let refused = |words: &[&str], texts: &[&str]| {
        let words = [words, &["--env", "dev", "--yes"]].concat();
        says(&nothing_written(&fixture, &words, 2), texts);
    };
    refused(
        &["cart=v9.9.9"],
        &[
            "/shop/cart has no tag v9.9.9; it has v1.0.0",
            "nothing was written",
        ],
    );
    refused(
        &["card"],
        &["dev has no component card, did you mean cart?"],
    );
    refused(&["cart:v1"], &["say cart=v1"]);
    refused(&["cart="], &["a version is one word"]);
    refused(&["cart=a/b"], &["\"a/b\" is no tag for component cart"]);
    refused(&["cart=v1@sha256:12"], &["is no digest for component cart"]);
    refused(&["web"], &["component web has no policy", "web=TAG"]);
    refused(&["cart=v1", "cart=v2"], &["cart stands twice"]);
    refused(
        &["cart=v1", "--hotfix", "why"],
        &["nothing is promoted into dev"],
    );
    refused(
        &["--semver", "fish"],
        &["\"fish\" is no comparison with a version"],
    );
    let unknown = nothing_written(&fixture, &["--env", "def", "--yes"], 2);
    says(&unknown, &["no environment \"def\", did you mean \"dev\"?"]);
}

#[test]
fn an_environment_that_is_promoted_into_takes_hotfixes_only() {
    let registry = registry();
    registry.push("shop/cart", "v1.0.1");
    let fixture = shop(&registry.host());
    for words in [
        &["cart=v1.0.1"][..],
        &[],
        &["cart", "--hotfix", "why"],
        &["--hotfix", "why"],
    ] {
        let words = [words, &["--env", "prod", "--yes"]].concat();
        let refused = nothing_written(&fixture, &words, 3);
        says(
            &refused,
            &[
                "images reach prod by promotion from dev",
                "bump-image --env dev",
                "--hotfix",
            ],
        );
    }
    let words = [
        "bump-image",
        "cart=v1.0.1",
        "--env",
        "prod",
        "--yes",
        "--hotfix",
        "carts\nare lost",
    ];
    let done = fixture.run(&words).code(0);
    says(&done, &["backport prod"]);
    let message = fixture.message_at("env/prod");
    assert!(
        message.starts_with("hotfix cart to v1.0.1 in prod\n"),
        "{message}"
    );
    assert!(
        message.contains("Gitops-Override: hotfix carts are lost"),
        "{message}"
    );
}

#[test]
fn nothing_moves_backwards_or_behind_anybodys_back() {
    let registry = registry();
    registry.push("shop/cart", "v0.9.0");
    let host = registry.host();
    let fixture = shop(&host);
    let back = nothing_written(&fixture, &["cart=v0.9.0", "--env", "dev", "--yes"], 3);
    says(
        &back,
        &["cart v1.0.0 → v0.9.0 is a step back", "--allow-downgrade"],
    );
    bump(&fixture, &["cart=v0.9.0", "--allow-downgrade"]).code(0);
    let vm = nothing_written(&fixture, &["vm=4.1", "--env", "dev", "--yes"], 3);
    says(&vm, &["vm 4.2.1 → 4.1 is a step back"]);

    let ahead = shop_with(&host, |product| {
        product.replace("cart:v1.0.0", "cart:v2.0.0")
    });
    registry.push("shop/cart", "v2.0.0");
    says(
        &nothing_written(&ahead, &["--env", "dev", "--yes"], 0),
        &["newer than ^1 allows (v1.0.0)"],
    );

    let vanished = shop_with(&host, |product| {
        product.replace("cart:v1.0.0", "cart:v0.8.0")
    });
    let stopped = nothing_written(&vanished, &["--env", "dev", "--yes"], 3);
    says(
        &stopped,
        &[
            "cart runs v0.8.0, which its registry no longer lists",
            "bump-image cart=v1.0.0 --env dev",
        ],
    );
    bump(&vanished, &["cart=v1.0.0"]).code(0);
}

#[test]
fn another_image_under_the_same_tag_is_told_and_taken_on_request_only() {
    let registry = registry();
    let fixture = shop(&registry.host());
    bump(&fixture, &["--refresh-digests"]).code(0);
    let facts = ImageFacts {
        created: Some("2026-01-01T00:00:00Z".into()),
        ..ImageFacts::default()
    };
    let other = registry.push_with("shop/cart", "v1.0.0", &facts);
    let told = nothing_written(&fixture, &["--env", "dev", "--yes"], 0);
    says(&told, &["the tag is another image now"]);
    let refused = nothing_written(&fixture, &["cart=v1.0.0", "--env", "dev", "--yes"], 3);
    says(
        &refused,
        &["cart v1.0.0 is another image now", "--refresh-digests"],
    );
    bump(&fixture, &["--refresh-digests"]).code(0);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(
        product.contains(&format!("cart:v1.0.0@{other}")),
        "{product}"
    );
    assert!(
        fixture
            .message_at("env/dev")
            .starts_with("refresh the digest of cart in dev")
    );
}

#[test]
fn holds_platforms_and_ties_stand_in_the_way() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let host = registry.host();
    let held = shop_with(&host, |product| {
        product.replacen("semver: ^1}", "semver: ^1}\n      hold: the audit", 1)
    });
    says(
        &nothing_written(&held, &["--env", "dev", "--yes"], 0),
        &["cart  v1.0.0  held: the audit"],
    );
    let explained = nothing_written(&held, &["--env", "dev", "--dry-run", "--explain"], 0);
    says(&explained, &["v1.1.0  newest, but held: the audit"]);
    let words = ["--env", "dev", "--check", "--explain", "-o", "json"];
    let data = nothing_written(&held, &words, 0);
    let report = agreed(&held, "bump-image-report", &data.stdout);
    assert_eq!(report["components"][0]["tags"][0]["why"], "held");
    let silent = shop_with(&dead_address().to_string(), |product| {
        product.replacen("semver: ^1}", "semver: ^1}\n      hold: the audit", 1)
    });
    nothing_written(
        &silent,
        &["cart", "--env", "dev", "--dry-run", "--explain"],
        0,
    );
    let named = nothing_written(&held, &["cart=v1.1.0", "--env", "dev", "--yes"], 3);
    says(&named, &["cart is held: the audit"]);

    let arm = shop_with(&host, |product| {
        product.replacen(
            "semver: ^1}",
            "semver: ^1, platforms: [linux/amd64, linux/arm64]}",
            1,
        )
    });
    let missing = nothing_written(&arm, &["--env", "dev", "--yes"], 3);
    says(&missing, &["cart v1.1.0 is not built for linux/arm64"]);

    registry.push("shop/cart", "1.1.0");
    let tie = nothing_written(&shop(&host), &["--env", "dev", "--yes"], 3);
    says(
        &tie,
        &[
            "1.1.0, v1.1.0 are equally new (^1) but different images",
            "cart=TAG",
        ],
    );
}

#[test]
fn edits_of_rendered_files_are_not_lost() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let fixture = shop(&registry.host());
    bump(&fixture, &["cart=v1.1.0"]).code(0);
    let path = "manifests/app/deployment-cart.yaml";
    let rendered = fixture.file_at("env/dev", path).unwrap();
    let edited = format!("{rendered}# by hand\n");
    fixture.commit("env/dev", "in a hurry", &[(path, Some(&edited))]);
    registry.push("shop/cart", "v1.2.0");
    registry.push("shop/mail", "v1.2.0");
    let refused = nothing_written(&fixture, &["--env", "dev", "--yes"], 3);
    says(&refused, &["rendered files were edited by hand", path]);
    bump(&fixture, &["mail"]).code(0);
    assert_eq!(
        fixture.file_at("env/dev", path).unwrap(),
        edited,
        "others are left alone"
    );
}

#[test]
fn a_rendering_that_is_only_behind_is_brought_along() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let fixture = shop(&registry.host());
    bump(&fixture, &["cart=v1.1.0"]).code(0);
    let template = "templates/service/deployment.yaml.j2";
    let slower = DEPLOYMENT.replace(
        "spec:\n  selector",
        "spec:\n  minReadySeconds: 9\n  selector",
    );
    fixture.commit("env/dev", "slower", &[(template, Some(&slower))]);
    registry.push("shop/cart", "v1.2.0");
    bump(&fixture, &["cart=v1.2.0"]).code(0);
    let path = "manifests/app/deployment-cart.yaml";
    let rendered = fixture.file_at("env/dev", path).unwrap();
    assert!(rendered.contains("minReadySeconds: 9"), "{rendered}");
    assert!(rendered.contains("cart:v1.2.0@"), "{rendered}");
}

#[test]
fn a_branch_that_moves_meanwhile_is_planned_on_again() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let fixture = std::sync::Arc::new(std::sync::OnceLock::<Fixture>::new());
    let theirs = fixture.clone();
    let mut once = true;
    let proxy = FaultProxy::start(registry.address(), move |method, target| {
        if method == "HEAD" && target.contains("/shop/cart/manifests/") && std::mem::take(&mut once)
        {
            let fixture = theirs.get().expect("the fixture");
            fixture.commit("env/dev", "somebody else", &[("NOTES.md", Some("hello\n"))]);
        }
        Fault::Pass
    });
    let host = proxy.address().to_string();
    let fixture = fixture.get_or_init(|| shop(&host));
    bump(fixture, &[]).code(0);
    assert_eq!(fixture.file_at("env/dev", "NOTES.md").unwrap(), "hello\n");
    assert!(
        fixture
            .file_at("env/dev", "product.yaml")
            .unwrap()
            .contains("cart:v1.1.0@")
    );
    fixture.fsck();
}

#[test]
fn silence_is_no_answer_and_keeping_going_lists_who_was_silent() {
    let registry = registry();
    registry.push("shop/mail", "v1.1.0");
    let dead = dead_address().to_string();
    let host = registry.host();
    let fixture = shop_with(&host, |product| product.replacen(&host, &dead, 1));
    let failed = nothing_written(&fixture, &["--env", "dev", "--yes"], 5);
    says(
        &failed,
        &[&format!("{dead} could not be asked for"), "--keep-going"],
    );
    let done = bump(&fixture, &["--keep-going"]).code(0);
    says(&done, &["mail  v1.0.0 → v1.1.0", "not known: ", &dead]);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(
        product.contains(&format!("{dead}/shop/cart:v1.0.0 ")),
        "{product}"
    );
    assert!(product.contains("mail:v1.1.0@"), "{product}");
}

pub(super) fn log_in(env: &Env, host: &str, password: &str) {
    use base64::Engine as _;
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{password}"));
    let folder = env.join("home/.docker");
    std::fs::create_dir_all(&folder).unwrap();
    let config = serde_json::json!({"auths": {host: {"auth": auth}}});
    std::fs::write(Path::new(&folder).join("config.json"), config.to_string()).unwrap();
}

#[test]
fn a_registry_with_passwords_is_read_with_dockers_login() {
    let registry = TestRegistry::start(Auth::Basic);
    seed(&registry);
    registry.push("shop/cart", "v1.1.0");
    let host = registry.host();
    let fixture = shop(&host);
    log_in(&fixture.env, &host, "hunter2");
    let failed = nothing_written(&fixture, &["--env", "dev", "--yes"], 5);
    says(
        &failed,
        &[
            "answered 401",
            "with the credentials of",
            ".docker/config.json",
            "(cart, mail)",
        ],
    );
    assert!(!format!("{failed:?}").contains("hunter2"));
    log_in(&fixture.env, &host, PASSWORD);
    bump(&fixture, &[]).code(0);
    assert!(
        fixture
            .file_at("env/dev", "product.yaml")
            .unwrap()
            .contains("cart:v1.1.0@")
    );
}

#[test]
fn data_says_the_same_and_explains_every_tag() {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    registry.push("shop/cart", "nightly");
    let fixture = shop(&registry.host());
    let shown = bump(&fixture, &["--dry-run", "--explain"]).code(0);
    says(&shown, &["v1.1.0   chosen", "nightly  no version"]);
    let answer = bump(&fixture, &["--explain", "-o", "json"]).code(0);
    let report = agreed(&fixture, "bump-image-report", &answer.stdout);
    assert_eq!(report["kind"], "BumpImageReport");
    let cart = &report["components"][0];
    assert_eq!(
        (&cart["component"], &cart["decision"], &cart["to"]),
        (&"cart".into(), &"bump".into(), &"v1.1.0".into())
    );
    assert_eq!(
        cart["tags"][0],
        serde_json::json!({"tag": "v1.1.0", "why": "chosen", "says": "chosen"})
    );
    assert_eq!(
        report["published"][0]["new"],
        fixture.remote_tip("env/dev").unwrap()
    );
    let nothing = bump(&fixture, &["-o", "json"]).code(0);
    let report = agreed(&fixture, "bump-image-report", &nothing.stdout);
    assert!(report["published"].is_null());
    assert_eq!(report["components"][0]["decision"], "newest");
    let refused = fixture.run(&["bump-image", "cart=v1.0.0", "--env", "dev", "-o", "json"]);
    let report = agreed(&fixture, "bump-image-report", &refused.code(3).stdout);
    assert_eq!(report["refusals"][0]["guard"], "downgrade");
}
