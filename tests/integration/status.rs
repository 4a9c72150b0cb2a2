//! `status`: what runs where, how far behind it is, and what is next.

use crate::support::Fixture;
use serde_json::Value;

pub const REPOSITORY: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: staging, branch: env/staging, promoteFrom: dev}
    - {name: prod, branch: env/prod, promoteFrom: staging}
";

const TEMPLATE: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Template
metadata: {name: service}
spec:
  schema: {properties: {timeout: {type: string, default: 2s}}}
";

const RECIPE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ name }}
data:
  image: {{ image.ref }}
  timeout: {{ values.timeout }}
";

/// The product manifest of the shop, at a version, with the tags of cart and web.
pub fn product(version: &str, cart: &str, web: &str) -> String {
    format!(
        "\
apiVersion: kubectl-gitops/v1alpha1
kind: Product
metadata: {{name: shop}}
spec:
  version: {version}
  defaults: {{template: service}}
  components:
    ads:
      image: registry.example.com/shop/ads:v1.0.0
    cart:
      image: registry.example.com/shop/cart:{cart}
      values: {{timeout: 2s}}
    web:
      image: registry.example.com/shop/web:{web}
    trace:
      image: registry.example.com/shop/trace:v1.0.0
      environments: [dev]
"
    )
}

fn environment(name: &str) -> String {
    format!("apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\n")
}

/// Three environments that are the same but for their own file: each branch
/// began at the one before it.
pub fn shop() -> Fixture {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", REPOSITORY)])]);
    let first = [
        ("product.yaml", Some(product("0.1.0", "v1.0.0", "v2.0.0"))),
        ("environment.yaml", Some(environment("dev"))),
        ("templates/service/template.yaml", Some(TEMPLATE.to_owned())),
        ("templates/service/config.yaml.j2", Some(RECIPE.to_owned())),
    ];
    let first: Vec<(&str, Option<&str>)> = first
        .iter()
        .map(|(path, text)| (*path, text.as_deref()))
        .collect();
    fixture.commit_from("env/dev", None, "begin dev", &first);
    for (name, parent) in [("staging", "env/dev"), ("prod", "env/staging")] {
        fixture.commit_from(
            &format!("env/{name}"),
            Some(parent),
            &format!("begin {name}"),
            &[("environment.yaml", Some(&environment(name)))],
        );
    }
    fixture
}

/// Somebody writes another product manifest on a branch.
pub fn edit(fixture: &Fixture, branch: &str, message: &str, product: &str) {
    fixture.commit(branch, message, &[("product.yaml", Some(product))]);
}

fn status(fixture: &Fixture, line: &[&str]) -> String {
    let words = [&["status"], line].concat();
    fixture.run(&words).code(0).stdout
}

fn data(fixture: &Fixture) -> Value {
    serde_json::from_str(&status(fixture, &["-o", "json"])).unwrap()
}

#[test]
fn environments_that_are_the_same_take_few_lines() {
    let fixture = shop();
    assert_eq!(
        status(&fixture, &[]),
        "shop     dev    staging  prod\n\
         version  0.1.0  0.1.0    0.1.0\n\
         4 components, same everywhere\n\n\
         staging  level with dev; never promoted\n\
         prod     level with staging; never promoted\n"
    );
    let all = status(&fixture, &["--all"]);
    assert!(all.contains("\ntrace    v1.0.0  -        -\n"), "{all}");
    assert!(!all.contains("same everywhere"), "{all}");
}

#[test]
fn what_the_source_changed_is_behind_until_it_is_promoted() {
    let fixture = shop();
    edit(
        &fixture,
        "env/dev",
        "bump cart",
        &product("0.1.1", "v1.1.0", "v2.0.0"),
    );
    let behind = status(&fixture, &[]);
    assert!(
        behind.contains("\ncart     v1.1.0  v1.0.0   v1.0.0\n"),
        "{behind}"
    );
    assert!(behind.contains("\n3 more, same everywhere\n"), "{behind}");
    assert!(
        behind.contains("\nstaging  1 component behind dev for "),
        "{behind}"
    );
    assert!(
        behind.ends_with("\nnext:  kubectl-gitops promote staging\n"),
        "{behind}"
    );

    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let promoted = status(&fixture, &[]);
    assert!(
        promoted.contains("\nstaging  level with dev; last promotion "),
        "{promoted}"
    );
    assert!(
        promoted.contains("\nprod     1 component behind staging for "),
        "{promoted}"
    );
    assert!(
        promoted.ends_with("\nnext:  kubectl-gitops promote prod\n"),
        "{promoted}"
    );

    let report = data(&fixture);
    assert_eq!(report["kind"], "StatusReport");
    assert_eq!(
        report["next"],
        serde_json::json!({"action": "promote", "environment": "prod"})
    );
    let staging = &report["environments"][1];
    assert_eq!(
        staging["commit"],
        fixture.remote_tip("env/staging").unwrap()
    );
    assert_eq!(staging["lastPromotion"]["commit"], staging["commit"]);
    assert_eq!(staging["lastPromotion"]["from"], "dev");
    let time = staging["lastPromotion"]["time"].as_str().unwrap();
    assert!(
        time.starts_with("2026-01-01T") && time.ends_with('Z'),
        "{time}"
    );
    let prod = &report["environments"][2];
    assert_eq!(prod["comparison"]["behind"][1]["unit"], "cart");
    assert_eq!(
        prod["comparison"]["behind"][1]["keys"],
        serde_json::json!(["image"])
    );
}

#[test]
fn what_was_changed_in_an_environment_is_told_apart_from_what_it_lacks() {
    let fixture = shop();
    let hotfix = product("0.1.0", "v1.0.0", "v2.0.0").replace("timeout: 2s", "timeout: 10s");
    edit(&fixture, "env/prod", "slow bank", &hotfix);
    let text = status(&fixture, &[]);
    assert!(
        text.contains("\ncart     v1.0.0  v1.0.0   v1.0.0  hotfix in prod\n"),
        "{text}"
    );
    assert!(
        text.contains("\nprod     not behind staging; changed in prod: cart; never promoted\n"),
        "{text}"
    );
    assert!(
        text.ends_with("\nnext:  kubectl-gitops backport prod\n"),
        "{text}"
    );

    let other = product("0.1.0", "v1.0.0", "v2.0.0").replace("timeout: 2s", "timeout: 3s");
    edit(&fixture, "env/dev", "be patient", &other);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let text = status(&fixture, &[]);
    assert!(text.contains("  conflict in prod\n"), "{text}");
    let report = data(&fixture);
    let changed = &report["environments"][2]["comparison"]["changedHere"][0];
    assert_eq!(changed["standing"], "conflict");
    assert_eq!(changed["keys"], serde_json::json!(["values.timeout"]));
}

#[test]
fn an_environment_that_cannot_be_read_does_not_hide_the_others() {
    let fixture = shop();
    fixture.commit(
        "env/staging",
        "oops",
        &[("product.yaml", Some("kind: Product\n"))],
    );
    let outcome = fixture.run(&["status"]).code(2);
    assert!(
        outcome.stdout.starts_with("shop     dev    prod\n"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("staging  cannot be read: product.yaml:1:1: "),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stderr
            .contains("error: not everything could be read: staging"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("kubectl-gitops validate staging"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn one_environment_may_be_asked_for() {
    let fixture = shop();
    let prod = status(&fixture, &["prod"]);
    assert!(prod.starts_with("shop     prod\n"), "{prod}");
    assert!(prod.contains("\nweb      v2.0.0\n"), "{prod}");
    let unknown = fixture.run(&["status", "pord"]).code(2);
    assert!(
        unknown.stderr.contains("did you mean \"prod\"?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn without_the_remote_the_last_known_state_is_shown_and_said_to_be_that() {
    let fixture = shop();
    status(&fixture, &[]);
    std::fs::rename(&fixture.origin, fixture.env.join("away.git")).unwrap();
    let outcome = fixture.run(&["status"]).code(0);
    assert!(
        outcome.stdout.contains("same everywhere"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stderr
            .contains("warning: origin could not be reached"),
        "{}",
        outcome.stderr
    );
    let offline = fixture.run(&["status", "--offline"]).code(0);
    assert_eq!(offline.stderr, "");
}

#[test]
fn status_writes_nothing() {
    let fixture = shop();
    let tips = || ["env/dev", "env/staging", "env/prod"].map(|branch| fixture.remote_tip(branch));
    let before = tips();
    status(&fixture, &[]);
    assert_eq!(tips(), before);
    fixture.fsck();
}

#[test]
fn a_folder_that_is_no_repository_is_a_usage_error() {
    let fixture = shop();
    let outcome = fixture.env.gitops(fixture.env.path(), &["status"]).code(2);
    assert!(
        outcome.stderr.contains("is not inside a Git repository"),
        "{}",
        outcome.stderr
    );
    let there = fixture
        .env
        .gitops(fixture.env.path(), &["status", "-C", "clone"]);
    there.code(0);
}

#[test]
fn a_repository_without_a_product_shows_what_its_kustomizations_pin() {
    let overlay = |web: &str| {
        format!(
            "kind: Kustomization\nimages:\n  - name: registry.example.com/team/api\n    newTag: v1\n  \
             - name: registry.example.com/team/web\n    newTag: {web}\n"
        )
    };
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: overlays/dev}
    - {name: prod, branch: main, path: overlays/prod, promoteFrom: dev}
";
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops),
            ("overlays/dev/kustomization.yaml", &overlay("v9")),
            ("overlays/prod/kustomization.yaml", &overlay("v8")),
        ],
    )]);
    assert_eq!(
        status(&fixture, &[]),
        "component  dev  prod\nweb        v9   v8\n1 more, same everywhere\n\n\
         prod  1 component not as in dev; never promoted\nnext:  kubectl-gitops promote prod\n"
    );
}

/// Puts a commit of these parents and with the tree of `tree` on a branch, as a forge does.
fn arrive(fixture: &Fixture, branch: &str, parents: &[&str], tree: &str, message: &str) {
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let tree = git(&["rev-parse", &format!("{tree}^{{tree}}")]);
    let mut words = vec!["commit-tree", "-m", message, &tree];
    for parent in parents {
        words.extend(["-p", parent]);
    }
    let commit = git(&words);
    git(&["update-ref", &format!("refs/heads/{branch}"), &commit]);
}

#[test]
fn a_promotion_counts_however_it_was_merged() {
    let fixture = shop();
    let before = fixture.remote_tip("env/staging").unwrap();
    let new = product("0.1.1", "v1.1.0", "v2.0.0");
    edit(&fixture, "env/dev", "bump cart", &new);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let proposed = fixture.remote_tip("env/staging").unwrap();
    let merge = [before.as_str(), proposed.as_str()];
    for parents in [&merge[..], &merge[..1]] {
        arrive(&fixture, "env/staging", parents, &proposed, "Cart 1.1 (#7)");
        let text = status(&fixture, &[]);
        let line = "\nstaging  level with dev; last promotion ";
        assert!(text.contains(line), "{parents:?}: {text}");
        let last = &data(&fixture)["environments"][1]["lastPromotion"];
        let tip = fixture.remote_tip("env/staging").unwrap();
        assert_eq!(last["commit"], tip);
        assert_eq!(last["from"], "dev");
        assert_eq!(last["sourceCommit"], fixture.remote_tip("env/dev").unwrap());
    }
}

#[test]
fn what_only_takes_something_back_is_no_promotion() {
    let fixture = shop();
    let mut tips = Vec::new();
    for (version, cart) in [("0.1.1", "v1.1.0"), ("0.1.2", "v1.2.0")] {
        edit(
            &fixture,
            "env/dev",
            "bump cart",
            &product(version, cart, "v2.0.0"),
        );
        fixture.run(&["promote", "staging", "--yes"]).code(0);
        tips.push(fixture.remote_tip("env/staging").unwrap());
    }
    // A squashed revert says nothing about itself.
    arrive(
        &fixture,
        "env/staging",
        &[&tips[1]],
        &tips[0],
        "Back to 1.1 (#8)",
    );
    let last = &data(&fixture)["environments"][1]["lastPromotion"];
    assert_eq!(last["commit"], tips[1], "{last}");
}

#[test]
fn a_promotion_is_known_after_any_number_of_commits() {
    let fixture = shop();
    edit(
        &fixture,
        "env/dev",
        "bump cart",
        &product("0.1.1", "v1.1.0", "v2.0.0"),
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let promoted = fixture.remote_tip("env/staging").unwrap();
    let mut stream = String::new();
    for number in 0..1100 {
        let from = if number == 0 {
            format!("from {promoted}\n")
        } else {
            String::new()
        };
        stream.push_str(&format!(
            "commit refs/heads/env/staging\ncommitter Bob <bob@example.com> {} +0000\n\
             data 1\nx\n{from}M 644 inline notes.txt\ndata <<END\n{number}\nEND\n",
            1_767_300_000 + number
        ));
    }
    fixture.fast_import(stream.as_bytes());
    let last = &data(&fixture)["environments"][1]["lastPromotion"];
    assert_eq!(last["commit"], promoted, "{last}");

    // A shallow clone knows that there was one, and says what it does not know.
    let shallow = fixture.clone_again("shallow", &["--depth=1", "--no-single-branch"]);
    let run = |words: &[&str]| fixture.env.gitops(&shallow, words).code(0).stdout;
    let text = run(&["status", "--offline"]);
    let line = "last promotion older than the history in this clone";
    assert!(text.contains(line), "{text}");
    let report: Value = serde_json::from_str(&run(&["status", "--offline", "-o", "json"])).unwrap();
    let last = &report["environments"][1]["lastPromotion"];
    assert_eq!(last["from"], "dev", "{last}");
    assert!(
        last.get("commit").is_none() && last.get("time").is_none(),
        "{last}"
    );
    let prod = &report["environments"][2];
    assert!(prod.get("lastPromotion").is_none(), "{prod}");
}

#[test]
fn what_was_taken_back_or_kept_is_named_and_not_level() {
    let taken_back: [fn(&Fixture); 2] = [
        |fixture| {
            fixture.run(&["rollback", "staging", "--yes"]).code(0);
        },
        |fixture| {
            let tip = fixture.remote_tip("env/staging").unwrap();
            let message = format!("Revert it\n\nThis reverts commit {tip}.");
            let parent = format!("{tip}^");
            arrive(fixture, "env/staging", &[&tip], &parent, &message);
        },
    ];
    for take_back in taken_back {
        let fixture = shop();
        edit(
            &fixture,
            "env/dev",
            "bump cart",
            &product("0.1.0", "v1.1.0", "v2.0.0"),
        );
        fixture.run(&["promote", "staging", "--yes"]).code(0);
        take_back(&fixture);
        let text = status(&fixture, &[]);
        assert!(text.contains("  held back in staging\n"), "{text}");
        assert!(
            text.contains("\nstaging  not behind dev; held back: cart; "),
            "{text}"
        );
        assert!(!text.contains("next:"), "{text}");
        let report = data(&fixture);
        let held = &report["environments"][1]["comparison"]["heldBack"][0];
        assert_eq!(held["unit"], "cart", "{report}");
        assert_eq!(held["standing"], "held-back");
        assert_eq!(held["keys"], serde_json::json!(["image"]));
    }

    let fixture = shop();
    let slow = product("0.1.0", "v1.0.0", "v2.0.0").replace("timeout: 2s", "timeout: 10s");
    edit(&fixture, "env/staging", "slow bank", &slow);
    let fast = product("0.1.0", "v1.0.0", "v2.0.0").replace("timeout: 2s", "timeout: 1s");
    edit(&fixture, "env/dev", "be quick", &fast);
    fixture
        .run(&[
            "promote",
            "staging",
            "--yes",
            "--keep",
            "cart.values.timeout",
        ])
        .code(0);
    let text = status(&fixture, &[]);
    assert!(
        text.contains("\nstaging  not behind dev; kept: cart; "),
        "{text}"
    );
    let kept = &data(&fixture)["environments"][1]["comparison"]["kept"][0];
    assert_eq!(kept["standing"], "kept");
    assert_eq!(kept["keys"], serde_json::json!(["values.timeout"]));
}

#[test]
fn values_are_compared_with_those_of_the_source() {
    let overlay = |web: &str| {
        format!(
            "kind: Kustomization\nimages:\n  - {{name: registry.example.com/web, newTag: {web}}}\n"
        )
    };
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: qa, branch: main, path: qa}
    - {name: eu, branch: main, path: eu, promoteFrom: qa}
    - {name: us, branch: main, path: us, promoteFrom: qa}
";
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops),
            ("qa/kustomization.yaml", &overlay("v1")),
            ("eu/kustomization.yaml", &overlay("v2")),
            ("us/kustomization.yaml", &overlay("v2")),
        ],
    )]);
    let text = status(&fixture, &[]);
    assert!(text.contains("\nweb        v1  v2  v2\n"), "{text}");

    let shop = shop();
    let slow = product("0.1.0", "v1.0.0", "v2.0.0").replace("timeout: 2s", "timeout: 10s");
    edit(&shop, "env/dev", "slow bank", &slow);
    let text = status(&shop, &[]);
    assert!(
        text.contains("v1.0.0   v1.0.0  other values in staging\n"),
        "{text}"
    );
}
