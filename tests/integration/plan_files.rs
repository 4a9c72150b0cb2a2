//! Plans that are looked at before they are written, and promotions to several
//! environments at once.

use serde_json::Value;

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";
const PAYMENT: &str = "shop/payment:v1.0.0";
const PAYMENT_NEW: &str = "shop/payment:v1.1.0";

fn plan_file(fixture: &Fixture) -> Value {
    let text = std::fs::read_to_string(fixture.clone.join("plan.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn planned() -> Fixture {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = fixture.remote_tip("env/staging");
    fixture
        .run(&["promote", "staging", "--plan-out", "plan.json"])
        .code(0);
    assert_eq!(fixture.remote_tip("env/staging"), before);
    fixture
}

#[test]
fn the_plan_that_was_looked_at_is_written_whatever_the_source_has_by_then() {
    let fixture = planned();
    let plan = plan_file(&fixture);
    let schema = fixture.run(&["schema", "promotion-plan"]).code(0).stdout;
    let schema = serde_json::from_str(&schema).unwrap();
    jsonschema::draft7::new(&schema)
        .unwrap()
        .validate(&plan)
        .unwrap();
    edit_and_render(&fixture, "dev", "bump payment", PAYMENT, PAYMENT_NEW);
    fixture
        .run(&["promote", "--apply", "plan.json", "--yes"])
        .code(0);
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(product.contains(CART_NEW), "{product}");
    assert!(!product.contains(PAYMENT_NEW), "{product}");
    let message = fixture.message_at("env/staging");
    let digest = plan["digest"].as_str().unwrap();
    assert!(
        message.contains(&format!("Gitops-Plan: {digest}")),
        "{message}"
    );
    // Once more, nothing is left to do.
    let again = fixture
        .run(&["promote", "--apply", "plan.json", "--yes"])
        .code(0);
    assert!(again.stdout.contains("already has everything"));
}

#[test]
fn a_target_that_moved_elsewhere_keeps_the_plan_and_another_plan_is_refused() {
    let fixture = planned();
    fixture.commit("env/staging", "a note", &[("notes.txt", Some("note\n"))]);
    fixture
        .run(&["promote", "--apply", "plan.json", "--dry-run"])
        .code(0);
    // A hotfix of another component stops any promotion; one of the same value is another plan.
    edit_and_render(&fixture, "staging", "hotfix", CART, "shop/cart:v1.0.1");
    let before = fixture.remote_tip("env/staging");
    fixture
        .run(&["promote", "--apply", "plan.json", "--yes"])
        .code(3);
    edit_and_render(
        &fixture,
        "staging",
        "all the same",
        "shop/cart:v1.0.1",
        CART,
    );
    let environment = shop::environment("staging").replace("replicas: 1", "replicas: 2");
    let environment =
        environment.replace("    web:", "    cart: {values: {replicas: 2}}\n    web:");
    fixture.commit(
        "env/staging",
        "more of it",
        &[("environment.yaml", Some(&environment))],
    );
    fixture
        .run(&["render", "staging", "--write", "--yes"])
        .code(0);
    let outcome = fixture
        .run(&["promote", "--apply", "plan.json", "--yes"])
        .code(3);
    for part in ["changed since this plan was made", "--plan-out plan.json"] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    assert_ne!(fixture.remote_tip("env/staging"), before);
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(product.contains(CART), "{product}");
}

#[test]
fn what_is_no_plan_is_said_so_and_a_refused_plan_is_no_file() {
    let fixture = planned();
    let mut plan = plan_file(&fixture);
    let file = fixture.clone.join("plan.json");
    plan["request"]["onyl"] = "cart".into();
    for (text, part) in [
        ("", "EOF"),
        ("{}", "apiVersion"),
        (
            "{\"apiVersion\": \"v1\", \"kind\": \"Secret\"}",
            "a Secret of v1",
        ),
        (&plan.to_string(), "onyl"),
    ] {
        std::fs::write(&file, text).unwrap();
        let outcome = fixture
            .run(&["promote", "--apply", "plan.json", "--yes"])
            .code(2);
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    std::fs::remove_file(&file).unwrap();
    fixture.run(&["promote", "--apply", "plan.json"]).code(2);
    fixture
        .run(&["promote", "prod", "--apply", "plan.json"])
        .code(2);
    fixture.run(&["promote", "--yes"]).code(2);
    edit_and_render(&fixture, "staging", "hotfix", CART, "shop/cart:v1.0.1");
    fixture
        .run(&["promote", "staging", "--plan-out", "plan.json"])
        .code(3);
    assert!(!file.exists());
}

/// The shop with two productions.
fn two_productions() -> Fixture {
    let fixture = shop::branches();
    let mut gitops = shop::GITOPS.to_owned();
    let prod = "    - name: prod\n      branch: env/prod\n      promoteFrom: staging\n";
    assert!(gitops.contains(prod));
    let of = |name: &str| prod.replace("prod\n", &format!("prod-{name}\n"));
    gitops = gitops.replace(prod, &format!("{}{}", of("eu"), of("us")));
    for name in ["eu", "us"] {
        let environment = shop::environment("prod").replace("prod", &format!("prod-{name}"));
        fixture.commit_from(
            &format!("env/prod-{name}"),
            Some("env/prod~0"),
            "begin",
            &[("environment.yaml", Some(&environment))],
        );
    }
    fixture.commit("main", "two productions", &[("gitops.yaml", Some(&gitops))]);
    edit_and_render(&fixture, "staging", "bump cart", CART, CART_NEW);
    fixture
}

#[test]
fn several_environments_are_written_together() {
    let fixture = two_productions();
    let outcome = fixture
        .run(&["promote", "prod-eu,prod-us", "--yes", "-o", "json"])
        .code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["plans"].as_array().unwrap().len(), 2);
    assert_eq!(report["published"].as_array().unwrap().len(), 2);
    for name in ["eu", "us"] {
        let branch = format!("env/prod-{name}");
        let product = fixture.file_at(&branch, "product.yaml").unwrap();
        assert!(product.contains(CART_NEW), "{product}");
        let message = fixture.message_at(&branch);
        assert!(
            message.contains(&format!("Gitops-To: prod-{name}")),
            "{message}"
        );
    }
}

#[test]
fn where_one_environment_refuses_none_is_written() {
    let fixture = two_productions();
    edit_and_render(
        &fixture,
        "prod-us",
        "hotfix",
        PAYMENT,
        "shop/payment:v1.0.9",
    );
    let tips = || ["eu", "us"].map(|name| fixture.remote_tip(&format!("env/prod-{name}")));
    let before = tips();
    let outcome = fixture
        .run(&["promote", "prod-eu,prod-us", "--yes"])
        .code(3);
    assert!(
        outcome
            .stderr
            .contains("promote prod-eu,prod-us --keep all"),
        "{}",
        outcome.stderr
    );
    assert_eq!(tips(), before);
    // A remote that takes one branch only takes neither.
    fixture.hook(
        "update",
        "#!/bin/sh\ncase $1 in *prod-eu) echo frozen >&2; exit 1;; esac\n",
    );
    let outcome = fixture
        .run(&["promote", "prod-us,prod-eu", "--keep", "payment", "--yes"])
        .code(3);
    assert!(outcome.stderr.contains("frozen"), "{}", outcome.stderr);
    fixture.run(&["backport", "prod-us", "--yes"]).code(0);
    let outcome = fixture
        .run(&["promote", "prod-us,prod-eu", "--yes"])
        .code(3);
    assert!(outcome.stderr.contains("frozen"), "{}", outcome.stderr);
    assert_eq!(tips(), before);
}

/// Dev, staging and qa as folders of `main`, where both are promoted from dev.
fn two_folders() -> Fixture {
    let fixture = shop::folders();
    let staging =
        "    - {name: staging, branch: main, path: environments/staging, promoteFrom: dev}\n";
    let qa = staging.replace("staging", "qa");
    let gitops = shop::GITOPS_FOLDERS.replace(staging, &format!("{staging}{qa}"));
    let files: Vec<_> = shop::files("qa")
        .into_iter()
        .map(|(path, text)| (format!("environments/qa/{path}"), text))
        .chain([("gitops.yaml".to_owned(), gitops)])
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    fixture.commit("main", "one more", &files);
    fixture.run(&["render", "qa", "--write", "--yes"]).code(0);
    fixture.run(&["promote", "staging,qa", "--yes"]).code(0);
    fixture
}

#[test]
fn folders_of_one_branch_are_written_in_one_push_and_a_commit_each() {
    let fixture = two_folders();
    let path = |name: &str| format!("environments/{name}/product.yaml");
    shop::edit_file(
        &fixture,
        "main",
        &path("dev"),
        "bump cart",
        (CART, CART_NEW),
    );
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    let before = fixture.remote_tip("main").unwrap();
    // A remote that counts: one push, with both commits in it.
    fixture.hook("post-receive", "cat >> pushes");
    let outcome = fixture.run(&["promote", "staging,qa", "--yes"]).code(0);
    let pushes = std::fs::read_to_string(fixture.origin.join("pushes")).unwrap();
    assert_eq!(pushes.lines().count(), 1, "{pushes}");
    assert_eq!(
        outcome.stdout.matches("pushed to origin").count(),
        2,
        "{}",
        outcome.stdout
    );
    let log = fixture.env.git(
        &fixture.origin,
        &["log", "--format=%P %s", &format!("{before}..main")],
    );
    let subjects: Vec<&str> = log.lines().map(|line| &line[41..]).collect();
    assert_eq!(
        subjects,
        [
            "promote shop 1.0.0 from dev to qa",
            "promote shop 1.0.0 from dev to staging"
        ]
    );
    assert!(log.ends_with(&format!("{before} {}", subjects[1])), "{log}");
    for name in ["staging", "qa"] {
        assert_eq!(
            fixture.file_at("main", &path(name)),
            fixture.file_at("main", &path("dev"))
        );
        let record = format!("environments/{name}/.gitops/promoted/component/cart.yaml");
        let record = fixture.file_at("main", &record).unwrap();
        assert!(record.contains(CART_NEW), "{record}");
    }
    // Each commit holds its own environment's files, and is told apart in history.
    let files = fixture
        .env
        .git(&fixture.origin, &["diff", "--name-only", "main~1", "main"]);
    assert!(
        files
            .lines()
            .all(|file| file.starts_with("environments/qa/")),
        "{files}"
    );
    let again = fixture.run(&["promote", "staging,qa", "--yes"]).code(0);
    assert_eq!(
        again.stdout.matches("already has everything").count(),
        2,
        "{}",
        again.stdout
    );
    fixture.run(&["rollback", "staging", "--yes"]).code(0);
    let staging = fixture.file_at("main", &path("staging")).unwrap();
    assert!(staging.contains(CART), "{staging}");
    let qa = fixture.file_at("main", &path("qa")).unwrap();
    assert!(qa.contains(CART_NEW), "{qa}");
    fixture.fsck();
}

#[test]
fn where_one_folder_refuses_neither_is_written() {
    let fixture = two_folders();
    let path = "environments/qa/product.yaml";
    shop::edit_file(
        &fixture,
        "main",
        path,
        "hotfix",
        (PAYMENT, "shop/payment:v1.0.9"),
    );
    let dev = "environments/dev/product.yaml";
    shop::edit_file(&fixture, "main", dev, "bump cart", (CART, CART_NEW));
    let before = fixture.remote_tip("main");
    let outcome = fixture.run(&["promote", "staging,qa", "--yes"]).code(3);
    assert!(outcome.stderr.contains("--keep all"), "{}", outcome.stderr);
    let twice = fixture
        .run(&["promote", "staging,staging", "--yes"])
        .code(2);
    assert!(twice.stderr.contains("twice"), "{}", twice.stderr);
    assert_eq!(fixture.remote_tip("main"), before);
}

#[test]
fn an_environment_and_its_source_are_not_written_at_once() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let outcome = fixture.run(&["promote", "staging,prod", "--yes"]).code(2);
    for part in [
        "prod is promoted from staging",
        "write the first: kubectl-gitops promote staging",
        "then the second: kubectl-gitops promote prod",
    ] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn regions_follow_with_the_state_that_the_first_one_got() {
    let fixture = two_productions();
    let first = fixture.remote_tip("env/staging").unwrap();
    fixture.run(&["promote", "prod-eu", "--yes"]).code(0);
    // Staging goes on before the second region follows.
    edit_and_render(
        &fixture,
        "staging",
        "bump payment",
        PAYMENT,
        "shop/payment:v1.1.0",
    );
    fixture
        .run(&["promote", "prod-us", "--rev", &first, "--yes"])
        .code(0);
    let product = |name: &str| fixture.file_at(&format!("env/prod-{name}"), "product.yaml");
    assert_eq!(product("us"), product("eu"));
    let message = fixture.message_at("env/prod-us");
    assert!(
        message.contains(&format!("Gitops-From: staging {first}")),
        "{message}"
    );
    // What came since is a change for both, and nobody's hotfix.
    fixture
        .run(&["promote", "prod-eu,prod-us", "--yes"])
        .code(0);
    assert_eq!(
        product("us"),
        fixture.file_at("env/staging", "product.yaml")
    );
    assert_eq!(product("us"), product("eu"));
}

/// The plan file with one field changed by this.
fn edited(fixture: &Fixture, change: impl Fn(&mut Value)) {
    let mut plan = plan_file(fixture);
    change(&mut plan);
    let text = serde_json::to_string_pretty(&plan).unwrap();
    std::fs::write(fixture.clone.join("plan.json"), text).unwrap();
}

#[test]
fn a_plan_file_that_was_edited_is_refused_whatever_the_field() {
    type Change = (&'static str, fn(&mut Value));
    let changes: [Change; 9] = [
        ("changes", |plan| plan["changes"] = Value::Array(Vec::new())),
        ("a decision", |plan| {
            plan["changes"][0]["decision"] = "keep".into()
        }),
        ("warnings", |plan| {
            plan["warnings"] = serde_json::json!(["all is well"])
        }),
        ("the target", |plan| {
            plan["target"]["environment"] = "prod".into()
        }),
        ("the source", |plan| {
            plan["source"]["environment"] = "prod".into()
        }),
        ("the reason", |plan| {
            plan["request"]["reason"] = "approved".into()
        }),
        ("the message", |plan| {
            plan["request"]["message"] = "harmless".into()
        }),
        ("a guard", |plan| {
            plan["request"]["overrides"] = serde_json::json!({"moon": "it is full"});
        }),
        ("the digest", |plan| {
            plan["digest"] = format!("sha256:{}", "0".repeat(64)).into();
        }),
    ];
    let fixture = planned();
    let before = ["env/staging", "env/prod"].map(|branch| fixture.remote_tip(branch));
    let whole = std::fs::read(fixture.clone.join("plan.json")).unwrap();
    for (what, change) in changes {
        std::fs::write(fixture.clone.join("plan.json"), &whole).unwrap();
        edited(&fixture, change);
        let refused = fixture.run(&["promote", "--apply", "plan.json", "--yes"]);
        assert!(matches!(refused.status, 2 | 3), "{what}: {refused:?}");
        let after = ["env/staging", "env/prod"].map(|branch| fixture.remote_tip(branch));
        assert_eq!(after, before, "{what}");
    }
}

#[test]
fn a_guard_that_does_not_exist_is_named_with_those_that_do() {
    let fixture = shop::branches();
    let refused = fixture
        .run(&["promote", "staging", "--override", "moon", "full", "--yes"])
        .code(2);
    let said = "there is no guard \"moon\"; the guards are order, validation, images";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
}

#[test]
fn a_revision_that_the_source_never_had_is_refused_by_the_guard_order() {
    let fixture = shop::branches();
    fixture.commit_from("stray", Some("env/dev"), "begin elsewhere", &[]);
    let foreign = shop::edit(&fixture, "stray", "stray", CART, "shop/cart:v9.9.9");
    fixture.pull();
    let run = ["promote", "staging", "--rev", &foreign, "--yes"];
    let refused = fixture.run(&run).code(3);
    assert!(
        refused.stderr.contains("dev never had"),
        "{}",
        refused.stderr
    );
    let run = [&run[..], &["--override", "order", "a fire"]].concat();
    let done = fixture.run(&run);
    assert_ne!(done.status, 2, "{done:?}");
}
