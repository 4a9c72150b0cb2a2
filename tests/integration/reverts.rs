//! Promotions that somebody takes back with plain `git revert`.

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";
const PAYMENT: &str = "shop/payment:v1.0.0";
const PAYMENT_NEW: &str = "shop/payment:v1.1.0";

/// Reverts the newest commit of staging, as a person with a clone does.
fn revert(fixture: &Fixture) {
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "--quiet"]);
    git(&["checkout", "--quiet", "-B", "back", "origin/env/staging"]);
    git(&["revert", "--no-edit", "HEAD"]);
    git(&["push", "--quiet", "origin", "back:env/staging"]);
    git(&["checkout", "--quiet", "main"]);
}

/// Cart was promoted to staging and reverted there.
fn reverted() -> Fixture {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    revert(&fixture);
    fixture
}

fn staging(fixture: &Fixture) -> String {
    fixture.file_at("env/staging", "product.yaml").unwrap()
}

#[test]
fn what_was_reverted_does_not_come_back_by_itself() {
    let fixture = reverted();
    let before = fixture.remote_tip("env/staging");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(
        outcome
            .stdout
            .contains("but for what was taken back there: cart"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("--release cart"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/staging"), before);
    // Another component goes on, and the revert is remembered with it.
    edit_and_render(&fixture, "dev", "bump payment", PAYMENT, PAYMENT_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let product = staging(&fixture);
    assert!(
        product.contains(CART) && product.contains(PAYMENT_NEW),
        "{product}"
    );
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(outcome.stdout.contains("cart"), "{}", outcome.stdout);
    assert!(staging(&fixture).contains(CART));
    // A newer version is another content.
    edit_and_render(&fixture, "dev", "fix cart", CART_NEW, "shop/cart:v1.1.1");
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(staging(&fixture).contains("shop/cart:v1.1.1"));
    fixture.fsck();
}

#[test]
fn a_person_may_let_it_back_by_name_or_by_reverting_the_revert() {
    let fixture = reverted();
    fixture
        .run(&["promote", "staging", "--release", "cart", "--yes"])
        .code(0);
    assert!(staging(&fixture).contains(CART_NEW));
    let fixture = reverted();
    revert(&fixture);
    assert!(staging(&fixture).contains(CART_NEW));
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(staging(&fixture).contains(CART_NEW));
}

#[test]
fn a_revert_of_something_else_refuses_nothing() {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    fixture.commit("env/staging", "a note", &[("note.txt", Some("x\n"))]);
    revert(&fixture);
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(staging(&fixture).contains(CART_NEW));
}
