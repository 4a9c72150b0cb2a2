//! A component that the source renamed is the same component on the target: its hotfixes,
//! its record and its overrides go with the name.

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit, edit_and_render};

const PAYMENT: &str = "shop/payment:v1.0.0";
const PAYMENT_1: &str = "shop/payment:v1.1.0";
const OVERRIDE: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {name: staging}\nspec:\n  components:\n    # three of them\n    payment: {values: {replicas: 3}}\n";

/// Payment was promoted and has an override in staging; dev calls it bank now.
fn renamed() -> Fixture {
    let fixture = shop::branches();
    let plain = "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {name: dev}\n";
    let own = [("environment.yaml", Some(plain))];
    fixture.commit("env/dev", "no overrides", &own);
    edit_and_render(&fixture, "dev", "bump", PAYMENT, PAYMENT_1);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let own = [("environment.yaml", Some(OVERRIDE))];
    fixture.commit("env/staging", "three of them", &own);
    fixture
        .run(&["render", "staging", "--write", "--yes"])
        .code(0);
    let (old, new) = ("    payment:\n", "    bank:\n      renamedFrom: payment\n");
    edit_and_render(&fixture, "dev", "a better name", old, new);
    fixture
}

fn staging(fixture: &Fixture, path: &str) -> String {
    fixture.file_at("env/staging", path).unwrap_or_default()
}

/// The one deployment that payment has become has three replicas.
fn has_three(fixture: &Fixture, name: &str) {
    let gone = ["bank", "payment"]
        .into_iter()
        .find(|other| *other != name)
        .unwrap();
    let path = |name: &str| format!("manifests/app/deployment-{name}.yaml");
    let rendered = staging(fixture, &path(name));
    assert!(rendered.contains("replicas: 3"), "{name}: {rendered}");
    assert_eq!(fixture.file_at("env/staging", &path(gone)), None);
    let own = staging(fixture, "environment.yaml");
    assert!(own.contains(&format!("    {name}:")), "{own}");
    assert!(own.contains("# three of them"), "{own}");
}

#[test]
fn a_new_name_comes_with_the_record_and_the_overrides() {
    let fixture = renamed();
    let plan = fixture.run(&["promote", "staging", "--yes"]).code(0).stdout;
    assert!(!plan.contains("removed"), "{plan}");
    has_three(&fixture, "bank");
    assert_eq!(
        staging(&fixture, "product.yaml"),
        fixture.file_at("env/dev", "product.yaml").unwrap()
    );
    let record = staging(&fixture, ".gitops/promoted/component/bank.yaml");
    for line in [
        "unit: component/bank",
        "was: component/payment",
        "serial: 2",
    ] {
        assert!(record.contains(line), "{line}: {record}");
    }
    let old = ".gitops/promoted/component/payment.yaml";
    assert_eq!(fixture.file_at("env/staging", old), None);
    let again = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert_eq!(again.stdout.trim(), "staging already has everything of dev");
    fixture.fsck();
}

#[test]
fn a_hotfix_of_the_old_name_is_one_of_the_new_name() {
    let fixture = renamed();
    let fix = edit(
        &fixture,
        "env/staging",
        "slow bank",
        PAYMENT_1,
        "shop/payment:v1.1.1",
    );
    fixture
        .run(&["render", "staging", "--write", "--yes"])
        .code(0);
    let refused = fixture.run(&["promote", "staging", "--yes"]).code(3);
    for part in ["hotfix  bank image", "slow bank", &fix[..7]] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    // By either name, and kept for good.
    for keep in ["payment.image", "bank.image"] {
        let dry = ["promote", "staging", "--keep", keep, "--dry-run"];
        let plan = fixture.run(&dry).code(0).stdout;
        assert!(plan.contains("kept  bank image"), "{plan}");
    }
    fixture
        .run(&["promote", "staging", "--keep", "all", "--yes"])
        .code(0);
    has_three(&fixture, "bank");
    assert!(staging(&fixture, "product.yaml").contains("shop/payment:v1.1.1"));
    edit_and_render(
        &fixture,
        "dev",
        "cart",
        "shop/cart:v1.0.0",
        "shop/cart:v1.1.0",
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let text = staging(&fixture, "product.yaml");
    assert!(
        text.contains("shop/payment:v1.1.1") && text.contains("shop/cart:v1.1.0"),
        "{text}"
    );
    fixture.fsck();
}

#[test]
fn what_leaves_the_new_name_out_leaves_the_old_one_alone() {
    let fixture = renamed();
    edit_and_render(
        &fixture,
        "dev",
        "cart",
        "shop/cart:v1.0.0",
        "shop/cart:v1.1.0",
    );
    let own = staging(&fixture, "environment.yaml");
    for words in [&["--only", "cart"][..], &["--images-only"]] {
        let words = [&["promote", "staging", "--yes"], words].concat();
        fixture.run(&words).code(0);
        has_three(&fixture, "payment");
        assert_eq!(staging(&fixture, "environment.yaml"), own);
        let text = staging(&fixture, "product.yaml");
        assert!(
            text.contains("    payment:\n") && text.contains("cart:v1.1.0"),
            "{text}"
        );
    }
    fixture
        .run(&["promote", "staging", "--only", "payment", "--yes"])
        .code(0);
    has_three(&fixture, "bank");
    fixture.fsck();
}

#[test]
fn a_value_that_moved_to_the_defaults_does_not_come_without_them() {
    let fixture = shop::branches();
    edit_and_render(
        &fixture,
        "dev",
        "bump",
        "shop/web:v1.0.0",
        "shop/web:v1.1.0",
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let (old, new) = (
        "    template: service\n",
        "    template: service\n    values: {port: 8080}\n",
    );
    edit(&fixture, "env/dev", "ports", old, new);
    edit_and_render(
        &fixture,
        "dev",
        "of all",
        "      values: {port: 8080}\n",
        "",
    );
    let refused = fixture
        .run(&["promote", "staging", "--only", "web", "--yes"])
        .code(3);
    assert!(refused.stderr.contains("defaults"), "{}", refused.stderr);
    let fuller = ["promote", "staging", "--only", "web,defaults", "--yes"];
    fixture.run(&fuller).code(0);
    fixture.fsck();
}

#[test]
fn what_was_taken_back_under_the_old_name_stays_back() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump", PAYMENT, PAYMENT_1);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    fixture.run(&["rollback", "staging", "--yes"]).code(0);
    let (old, new) = ("    payment:\n", "    bank:\n      renamedFrom: payment\n");
    edit_and_render(&fixture, "dev", "a better name", old, new);
    let plan = fixture.run(&["promote", "staging", "--yes"]).code(0).stdout;
    assert!(plan.contains("held back  bank image"), "{plan}");
    let text = staging(&fixture, "product.yaml");
    assert!(
        text.contains("    bank:\n") && text.contains(PAYMENT),
        "{text}"
    );
    fixture.fsck();
}
