//! A hotfix that is carried on until it is where development goes on.

use serde_json::Value;

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const PAYMENT: &str = "shop/payment:v1.0.0";
const PAYMENT_FIXED: &str = "shop/payment:v1.0.1";
const WEB: &str = "shop/web:v1.0.0";

/// Everything was promoted up to prod; then prod had a hotfix, and staging another one.
fn hotfixed() -> Fixture {
    let fixture = shop::branches();
    for target in ["staging", "prod"] {
        fixture.run(&["promote", target, "--yes"]).code(0);
    }
    edit_and_render(&fixture, "prod", "fix payment", PAYMENT, PAYMENT_FIXED);
    edit_and_render(&fixture, "staging", "try web", WEB, "shop/web:v1.0.5");
    fixture
}

fn product(fixture: &Fixture, environment: &str) -> String {
    let branch = format!("env/{environment}");
    fixture.file_at(&branch, "product.yaml").unwrap()
}

#[test]
fn a_hotfix_goes_all_the_way_and_takes_nothing_else_along() {
    let fixture = hotfixed();
    let shown = fixture
        .run(&["backport", "prod", "--through", "dev", "--dry-run"])
        .code(0);
    assert!(
        shown.stderr.contains("what goes on from staging"),
        "{}",
        shown.stderr
    );
    let outcome = fixture
        .run(&[
            "backport",
            "prod",
            "--through",
            "dev",
            "--yes",
            "-o",
            "json",
        ])
        .code(0);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["steps"].as_array().unwrap().len(), 2, "{report}");
    for environment in ["staging", "dev"] {
        let text = product(&fixture, environment);
        assert!(text.contains(PAYMENT_FIXED), "{environment}: {text}");
    }
    // The other hotfix is staging's own.
    assert!(product(&fixture, "dev").contains(WEB));
    let left = fixture.run(&["backport", "staging", "--dry-run"]).code(0);
    assert!(
        left.stdout.contains("web") && !left.stdout.contains("payment"),
        "{}",
        left.stdout
    );
    fixture.fsck();
}

#[test]
fn the_way_must_lead_there_and_no_version_is_lowered_on_it() {
    let fixture = hotfixed();
    for through in ["prod", "nowhere"] {
        fixture
            .run(&["backport", "prod", "--through", through, "--yes"])
            .code(2);
    }
    let wrong = fixture
        .run(&["backport", "staging", "--through", "prod", "--yes"])
        .code(2);
    assert!(
        wrong.stderr.contains("is not promoted from prod"),
        "{}",
        wrong.stderr
    );
    // Dev is ahead already: staging gets the fix, dev keeps what it has, and that is said.
    edit_and_render(
        &fixture,
        "dev",
        "newer payment",
        PAYMENT,
        "shop/payment:v1.2.0",
    );
    let refused = fixture
        .run(&["backport", "prod", "--through", "dev", "--yes"])
        .code(3);
    assert!(refused.stderr.contains("payment"), "{}", refused.stderr);
    assert!(product(&fixture, "staging").contains(PAYMENT_FIXED));
    assert!(product(&fixture, "dev").contains("shop/payment:v1.2.0"));
}

#[test]
fn what_is_only_proposed_is_carried_on_when_it_is_merged() {
    let fixture = hotfixed();
    let gitops = shop::GITOPS.replace(
        "      promoteFrom: dev\n",
        "      promoteFrom: dev\n      write: branch\n",
    );
    fixture.commit(
        "main",
        "staging is protected",
        &[("gitops.yaml", Some(&gitops))],
    );
    let dev = fixture.remote_tip("env/dev");
    let words = ["backport", "prod", "--through", "dev", "--yes"];
    let outcome = fixture.run(&words).code(0);
    let next = "kubectl-gitops backport staging --through dev --only payment";
    assert!(outcome.stderr.contains(next), "{}", outcome.stderr);
    assert!(
        !outcome.stderr.contains("already there"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/dev"), dev);
    // Somebody merges it.
    let refs = [
        "for-each-ref",
        "--format=%(objectname)",
        "refs/heads/gitops/",
    ];
    let proposed = fixture.env.git(&fixture.origin, &refs);
    let merge = ["update-ref", "refs/heads/env/staging", proposed.as_str()];
    fixture.env.git(&fixture.origin, &merge);
    let words = [
        "backport",
        "staging",
        "--through",
        "dev",
        "--only",
        "payment",
        "--yes",
    ];
    fixture.run(&words).code(0);
    let text = product(&fixture, "dev");
    assert!(text.contains(PAYMENT_FIXED) && text.contains(WEB), "{text}");
}
