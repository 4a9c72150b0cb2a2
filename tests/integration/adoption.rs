//! `promote --adopt`: a target that nothing is known of is taken as it is.

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_1: &str = "shop/cart:v1.1.0";
const PAYMENT: &str = "shop/payment:v1.0.0";
const WEB: &str = "shop/web:v1.0.0";

/// Prod was begun by itself: it is behind with cart, has a payment of its own, and a port.
fn apart() -> Fixture {
    let fixture = shop::branches();
    let lines = |branch: &str| fixture.file_at(branch, "product.yaml").unwrap();
    for (name, change) in [
        ("staging", (CART, CART_1)),
        ("prod", (CART, "shop/cart:v0.9.0")),
        ("prod", ("shop/cart:v0.9.0", CART)),
        ("prod", (PAYMENT, "shop/payment:v1.0.9")),
        ("prod", ("port: 8080", "port: 8081")),
    ] {
        edit_and_render(&fixture, name, "as it came", change.0, change.1);
    }
    // Without a past in common.
    let git = |words: &[&str]| fixture.env.git(&fixture.origin, words);
    let root = git(&["commit-tree", "-m", "moved here", "env/prod^{tree}"]);
    git(&["update-ref", "refs/heads/env/prod", &root]);
    assert!(lines("env/prod").contains("port: 8081"));
    fixture
}

#[test]
fn a_target_of_which_nothing_is_known_is_adopted_and_asked_about_no_more() {
    let fixture = apart();
    let promote = ["promote", "prod", "--yes"];
    let refused = fixture.run(&promote).code(3);
    assert!(
        refused.stderr.contains("promote prod --adopt"),
        "{}",
        refused.stderr
    );
    let before = fixture.file_at("env/prod", "product.yaml");
    let dry = fixture
        .run(&["promote", "prod", "--adopt", "--dry-run"])
        .code(0);
    for line in [
        "kept  cart image",
        "kept  payment image",
        "kept  web values.port",
    ] {
        assert!(dry.stdout.contains(line), "{line}: {}", dry.stdout);
    }
    let words = [
        "promote",
        "prod",
        "--adopt",
        "--reason",
        "as it came",
        "--yes",
    ];
    fixture.run(&words).code(0);
    assert_eq!(fixture.file_at("env/prod", "product.yaml"), before);
    let git = |words: &[&str]| fixture.env.git(&fixture.origin, words);
    let changed = git(&["diff", "--name-only", "env/prod~1", "env/prod"]);
    assert!(
        changed
            .lines()
            .all(|path| path.starts_with(".gitops/promoted/")),
        "{changed}"
    );
    let subject = git(&["log", "-1", "--format=%s", "env/prod"]);
    assert_eq!(subject, "adopt prod as it is, beside staging");
    let record = fixture
        .file_at("env/prod", ".gitops/promoted/component/payment.yaml")
        .unwrap();
    assert!(
        record.contains("by: adopt") && record.contains("as it came"),
        "{record}"
    );
    // Nothing is asked, what was kept stays, and what moves from here on comes.
    fixture.run(&promote).code(0);
    assert_eq!(fixture.file_at("env/prod", "product.yaml"), before);
    edit_and_render(&fixture, "staging", "bump web", WEB, "shop/web:v1.1.0");
    fixture.run(&promote).code(0);
    let after = fixture.file_at("env/prod", "product.yaml").unwrap();
    for part in ["shop/web:v1.1.0", "port: 8081", "shop/payment:v1.0.9", CART] {
        assert!(after.contains(part), "{part}: {after}");
    }
    let again = fixture.run(&words).code(0);
    assert!(
        again.stdout.contains("nothing to adopt"),
        "{}",
        again.stdout
    );
    fixture.fsck();
}

#[test]
fn what_an_adopted_target_is_behind_with_comes_with_the_next_promotion() {
    let fixture = shop::branches();
    // Staging and prod had the same two versions, in that order; then staging went on.
    for (old, new) in [(CART, CART_1), (CART_1, "shop/cart:v1.2.0")] {
        edit_and_render(&fixture, "staging", "bump", old, new);
        edit_and_render(&fixture, "prod", "bump", old, new);
    }
    edit_and_render(&fixture, "staging", "next", "cart:v1.2.0", "cart:v1.3.0");
    edit_and_render(&fixture, "prod", "own", PAYMENT, "shop/payment:v1.0.9");
    let git = |words: &[&str]| fixture.env.git(&fixture.origin, words);
    // The same commits on another root.
    let old = git(&["rev-list", "--reverse", "env/prod"]);
    let mut parent = String::new();
    for commit in old.lines() {
        let tree = format!("{commit}^{{tree}}");
        let mut words = vec!["commit-tree", "-m", "moved", &tree];
        if !parent.is_empty() {
            words.extend(["-p", &parent]);
        }
        parent = git(&words);
    }
    git(&["update-ref", "refs/heads/env/prod", &parent]);
    let adopted = fixture
        .run(&["promote", "prod", "--adopt", "--yes"])
        .code(0)
        .stdout;
    assert!(adopted.contains("kept  payment image"), "{adopted}");
    assert!(!adopted.contains("kept  cart"), "{adopted}");
    let plan = fixture.run(&["promote", "prod", "--yes"]).code(0).stdout;
    assert!(plan.contains("cart  v1.2.0 → v1.3.0"), "{plan}");
    let after = fixture.file_at("env/prod", "product.yaml").unwrap();
    assert!(after.contains("shop/payment:v1.0.9"), "{after}");
    fixture.fsck();
}
