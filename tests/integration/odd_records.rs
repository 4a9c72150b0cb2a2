//! Records and histories as people and tools leave them: damaged, from a newer version, of
//! units that nobody knows, cut short, collected, with clocks that disagree.

use serde_json::Value;

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_1: &str = "shop/cart:v1.1.0";
const CART_2: &str = "shop/cart:v1.2.0";
const PAYMENT: &str = "shop/payment:v1.0.0";
const PAYMENT_1: &str = "shop/payment:v1.1.0";
const PAYMENT_2: &str = "shop/payment:v1.2.0";
const RECORD: &str = ".gitops/promoted/component/cart.yaml";

/// Cart and payment were promoted to staging, and dev is one ahead with both.
fn promoted() -> Fixture {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "cart", CART, CART_1);
    edit_and_render(&fixture, "dev", "payment", PAYMENT, PAYMENT_1);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(&fixture, "dev", "cart again", CART_1, CART_2);
    edit_and_render(&fixture, "dev", "payment again", PAYMENT_1, PAYMENT_2);
    fixture
}

fn record(fixture: &Fixture) -> String {
    fixture.file_at("env/staging", RECORD).unwrap()
}

fn staging(fixture: &Fixture) -> String {
    fixture.file_at("env/staging", "product.yaml").unwrap()
}

/// The lines of the plan, without who made them.
fn changes(fixture: &Fixture, clone: &std::path::Path) -> Value {
    let words = ["promote", "staging", "--dry-run", "-o", "json"];
    let outcome = fixture.env.gitops(clone, &words);
    let mut plan: Value = serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", outcome.stdout, outcome.stderr));
    let mut changes = plan["changes"].take();
    for change in changes.as_array_mut().unwrap() {
        let map = change.as_object_mut().unwrap();
        map.retain(|key, _| !["changedBy", "changedBefore", "searchedTo"].contains(&key.as_str()));
    }
    changes
}

#[test]
fn a_damaged_record_damages_its_own_unit_and_is_named_with_its_cure() {
    for damage in [
        "<<<<<<< one\nserial: 3\n=======\nserial: 4\n>>>>>>> other\n",
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Promot\n",
        "{{ no yaml",
        "",
    ] {
        let fixture = promoted();
        let files = [(RECORD, Some(damage))];
        fixture.commit("env/staging", "merged badly", &files);
        let before = fixture.remote_tip("env/staging");
        let outcome = fixture.run(&["promote", "staging", "--yes"]);
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(said.contains(RECORD), "{damage}: {said}");
        assert!([0, 3].contains(&outcome.status), "{damage}: {said}");
        if outcome.status == 3 {
            assert!(outcome.stderr.contains("cart image"), "{said}");
            assert!(!outcome.stderr.contains("payment"), "{said}");
            assert_eq!(fixture.remote_tip("env/staging"), before);
            let only = ["promote", "staging", "--only", "payment", "--yes"];
            fixture.run(&only).code(0);
            assert!(staging(&fixture).contains(PAYMENT_2));
            let overwrite = ["promote", "staging", "--overwrite", "cart", "--yes"];
            fixture.run(&overwrite).code(0);
        }
        assert!(staging(&fixture).contains(CART_2), "{damage}");
        assert!(record(&fixture).contains("seal: sha256:"), "{damage}");
        fixture.fsck();
    }
}

#[test]
fn what_a_newer_version_says_in_a_record_stays_there() {
    let fixture = promoted();
    let text = record(&fixture);
    let newer = text.replace("by: promote\n", "by: promote\nmood: {good: 1.10}\n");
    assert_ne!(newer, text);
    fixture.commit("env/staging", "a newer version", &[(RECORD, Some(&newer))]);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(staging(&fixture).contains(CART_2));
    let after = record(&fixture);
    assert!(after.contains("mood:") && after.contains("1.10"), "{after}");
    fixture.fsck();
}

#[test]
fn records_of_units_that_nobody_knows_stop_nothing_and_stay() {
    let fixture = promoted();
    let other = record(&fixture).replace("component/cart", "component/ghost");
    let files = [
        (
            ".gitops/promoted/component/ghost.yaml",
            Some(other.as_str()),
        ),
        (".gitops/promoted/moon/landing.yaml", Some("what: ever\n")),
        (".gitops/promoted/notes.txt", Some("by hand\n")),
    ];
    fixture.commit("env/staging", "strange", &files);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(staging(&fixture).contains(CART_2));
    for (path, text) in files {
        assert_eq!(
            fixture.file_at("env/staging", path).as_deref(),
            text,
            "{path}"
        );
    }
    fixture.fsck();
}

#[test]
fn a_source_commit_that_was_collected_is_not_needed() {
    let fixture = promoted();
    // Dev was written anew, as one commit, and the old ones are gone everywhere.
    let git = |words: &[&str]| fixture.env.git(&fixture.origin, words);
    let anew = git(&["commit-tree", "-m", "anew", "env/dev^{tree}"]);
    git(&["update-ref", "refs/heads/env/dev", &anew]);
    let from = record(&fixture);
    let from = from.split("commit: ").nth(1).unwrap()[..40].to_owned();
    // What staging was begun from stays reachable; what was promoted is not.
    git(&["reflog", "expire", "--expire=now", "--all"]);
    git(&["gc", "--quiet", "--prune=now"]);
    let fresh = fixture.clone_again("fresh", &[]);
    let gone = fixture
        .env
        .command("git", &fresh)
        .args(["cat-file", "-e", &from])
        .status();
    assert!(!gone.unwrap().success(), "{from} is still there");
    let promote = ["promote", "staging", "--yes"];
    fixture.env.gitops(&fresh, &promote).code(0);
    let text = staging(&fixture);
    assert!(text.contains(CART_2) && text.contains(PAYMENT_2), "{text}");
    fixture.fsck();
}

#[test]
fn a_shallow_clone_plans_what_a_whole_one_does_wherever_it_is_cut() {
    let fixture = promoted();
    // Something to be told apart: a hotfix, one that was carried back, and a revert.
    edit_and_render(
        &fixture,
        "staging",
        "fix",
        "shop/web:v1.0.0",
        "shop/web:v1.0.1",
    );
    edit_and_render(&fixture, "dev", "fix", "shop/web:v1.0.0", "shop/web:v1.0.1");
    edit_and_render(&fixture, "dev", "web", "shop/web:v1.0.1", "shop/web:v1.2.0");
    let whole = changes(&fixture, &fixture.clone);
    assert!(whole.as_array().unwrap().len() >= 3, "{whole}");
    let longest = fixture
        .commits_on("env/dev")
        .max(fixture.commits_on("env/staging"));
    for depth in 1..=longest {
        let depth = format!("--depth={depth}");
        let shallow = fixture.clone_again(&depth[2..], &[&depth, "--no-single-branch"]);
        assert_eq!(changes(&fixture, &shallow), whole, "{depth}");
    }
}

#[test]
fn clocks_that_disagree_bring_nothing_back_that_was_taken_back() {
    // The revert was committed by a machine whose clock is years behind, or ahead.
    for date in ["2001-01-01T00:00:00Z", "2039-01-01T00:00:00Z"] {
        let fixture = promoted();
        fixture
            .run(&["promote", "staging", "--only", "cart", "--yes"])
            .code(0);
        let clone = fixture.clone_again("skewed", &["--branch", "env/staging"]);
        let mut revert = fixture.env.command("git", &clone);
        revert.args(["revert", "--no-edit", "HEAD"]);
        revert
            .env("GIT_COMMITTER_DATE", date)
            .env("GIT_AUTHOR_DATE", date);
        assert!(revert.status().unwrap().success());
        fixture.env.git(&clone, &["push", "--quiet"]);
        fixture.pull();
        let outcome = fixture.run(&["promote", "staging", "--yes"]);
        assert!(
            [0, 3].contains(&outcome.status),
            "{date}: {}",
            outcome.stderr
        );
        let text = staging(&fixture);
        assert!(
            text.contains(CART_1) && !text.contains(CART_2),
            "{date}: {text}"
        );
        // What is new comes.
        edit_and_render(&fixture, "dev", "cart", CART_2, "shop/cart:v1.3.0");
        let all = ["promote", "staging", "--overwrite", "all", "--yes"];
        fixture.run(&all).code(0);
        assert!(staging(&fixture).contains("shop/cart:v1.3.0"), "{date}");
        fixture.fsck();
    }
}
