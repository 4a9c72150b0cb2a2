//! A plan says why a value is taken, held back or left, and what becomes of comments.

use serde_json::Value;

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_1: &str = "shop/cart:v1.1.0";
const CART_2: &str = "shop/cart:v1.2.0";

fn promote(fixture: &Fixture, more: &[&str]) -> String {
    let words = [&["promote", "staging", "--yes"], more].concat();
    fixture.run(&words).code(0).stdout
}

/// The first line of a plan as data.
fn first_change(fixture: &Fixture, words: &[&str]) -> Value {
    let words = [words, &["--dry-run", "-o", "json"]].concat();
    let outcome = fixture.run(&words);
    let plan: Value = serde_json::from_str(&outcome.stdout).unwrap();
    plan["changes"][0].clone()
}

#[test]
fn what_the_source_once_had_is_behind_and_the_commit_is_named() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", CART, "shop/cart:v1.0.1");
    promote(&fixture, &[]);
    // The same fix by hand in both, and then dev goes on.
    for name in ["staging", "dev"] {
        edit_and_render(&fixture, name, "fix", "shop/cart:v1.0.1", CART_1);
    }
    edit_and_render(&fixture, "dev", "next", CART_1, CART_2);
    let moved_on = fixture.env.git(
        &fixture.origin,
        &["log", "--format=%h", "--grep=^next$", "env/dev"],
    );
    let change = first_change(&fixture, &["promote", "staging"]);
    assert_eq!(change["class"], "change");
    let until = change["sourceHadItUntil"].as_str().unwrap();
    assert!(until.starts_with(moved_on.trim()), "{until} {moved_on}");
    // A person can say no all the same.
    let kept = promote(&fixture, &["--keep", "cart.image"]);
    assert!(kept.contains("kept  cart image"), "{kept}");
    edit_and_render(&fixture, "staging", "as dev", CART_1, CART);
    edit_and_render(&fixture, "staging", "as before", CART, CART_1);
    let refused = fixture.run(&["promote", "staging", "--dry-run"]);
    assert!(!refused.stdout.contains("until"), "{}", refused.stdout);
}

#[test]
fn a_version_that_the_source_takes_back_is_a_line_that_says_so() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", CART, CART_1);
    promote(&fixture, &[]);
    edit_and_render(&fixture, "dev", "no good", CART_1, CART);
    let plan = promote(&fixture, &["--dry-run"]);
    assert!(
        plan.contains("cart  v1.1.0 → v1.0.0  lower than before"),
        "{plan}"
    );
    assert_eq!(
        first_change(&fixture, &["promote", "staging"])["lowersVersion"],
        true
    );
}

#[test]
fn what_came_from_another_environment_is_ahead_until_the_source_has_it() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", CART, CART_1);
    promote(&fixture, &[]);
    let prod = ["promote", "prod", "--yes"];
    fixture.run(&prod).code(0);
    edit_and_render(&fixture, "dev", "urgent", CART_1, CART_2);
    let skip = ["--from", "dev", "--override", "order", "urgent"];
    fixture.run(&[&prod[..], &skip].concat()).code(0);
    let plan = fixture.run(&prod).code(0).stdout;
    assert!(
        plan.contains(
            "prod already has everything of staging, but for what came from elsewhere: cart"
        ),
        "{plan}"
    );
    let change = first_change(&fixture, &["promote", "prod"]);
    assert_eq!(
        (&change["class"], &change["cameFrom"]),
        (&"ahead".into(), &"dev".into())
    );
    edit_and_render(
        &fixture,
        "staging",
        "payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    let plan = fixture.run(&prod).code(0).stdout;
    let line = "ahead  cart image  stays v1.2.0, the source has v1.1.0  came from dev; staging has not got it yet";
    assert!(plan.contains(line), "{plan}");
    let text = fixture.file_at("env/prod", "product.yaml").unwrap();
    assert!(text.contains(CART_2), "{text}");
}

#[test]
fn what_was_rolled_back_is_held_and_the_commit_is_named() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", CART, CART_1);
    promote(&fixture, &[]);
    fixture.run(&["rollback", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "dev",
        "payment",
        "shop/payment:v1.0.0",
        "shop/payment:v1.1.0",
    );
    let plan = promote(&fixture, &[]);
    let line = "held back  cart image  stays v1.0.0, the source has v1.1.0";
    assert!(plan.contains(line), "{plan}");
    let change = first_change(&fixture, &["promote", "staging"]);
    assert_eq!(
        (&change["class"], &change["takenBack"]),
        (&"held".into(), &true.into())
    );
    // Reverted by hand, the commit is known.
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", CART, CART_1);
    promote(&fixture, &[]);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "--quiet"]);
    git(&["checkout", "--quiet", "-B", "back", "origin/env/staging"]);
    git(&["revert", "--no-edit", "HEAD"]);
    git(&["push", "--quiet", "origin", "back:env/staging"]);
    git(&["checkout", "--quiet", "main"]);
    let change = first_change(&fixture, &["promote", "staging"]);
    let by = change["takenBackBy"].as_str();
    let by = by.unwrap_or_else(|| panic!("{change:#}"));
    assert_eq!(by, fixture.remote_tip("env/staging").unwrap());
}

#[test]
fn comments_follow_until_somebody_edits_them_and_the_plan_says_which() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", CART, CART_1);
    promote(&fixture, &[]);
    let staging = || fixture.file_at("env/staging", "product.yaml").unwrap();
    let dev = || fixture.file_at("env/dev", "product.yaml").unwrap();
    // Twice: the record remembers what followed.
    for (old, new) in [("# the cart", "# the small cart"), ("small", "large")] {
        edit(&fixture, "env/dev", "say it better", old, new);
        let plan = promote(&fixture, &[]);
        assert!(
            plan.contains("text  cart  comments and layout follow dev"),
            "{plan}"
        );
        assert_eq!(staging(), dev());
        let again = promote(&fixture, &[]);
        assert_eq!(again.trim(), "staging already has everything of dev");
    }
    edit(
        &fixture,
        "env/staging",
        "a note",
        "large cart",
        "cart; never on a Friday",
    );
    edit(&fixture, "env/dev", "another", "large", "huge");
    let plan = promote(&fixture, &[]);
    assert!(plan.contains("but for comments and layout: cart"), "{plan}");
    edit_and_render(&fixture, "dev", "next", CART_1, CART_2);
    let plan = promote(&fixture, &[]);
    assert!(
        plan.contains("text  cart  comments and layout stay; dev has others"),
        "{plan}"
    );
    assert!(staging().contains(&format!("{CART_2}   # the cart; never on a Friday")));
    let outcome = fixture.run(&["promote", "staging", "--overwrite", "cart", "--yes"]);
    assert_eq!(outcome.code(0).stderr.matches("no such line").count(), 0);
    assert_eq!(staging(), dev());
    fixture.fsck();
}
