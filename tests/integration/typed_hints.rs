//! A hint is typed as it is: it repeats what was typed, and the first one loses nothing.

use crate::support::Fixture;
use crate::support::env::Outcome;
use crate::support::shop::{self, edit};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

/// The command of the first hint.
#[track_caller]
fn first(outcome: &Outcome) -> String {
    let hints = outcome
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("hint: "));
    let mut commands = hints.filter_map(|hint| hint.split_once(": kubectl-gitops "));
    let (_, command) = commands
        .next()
        .unwrap_or_else(|| panic!("{}", outcome.stderr));
    command.to_owned()
}

/// Staging has two fixes of its own, and dev a newer cart and one that was not tested.
fn with_fixes() -> (Fixture, String) {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let tested = edit(&fixture, "env/dev", "cart", CART, CART_NEW);
    edit(
        &fixture,
        "env/dev",
        "untested",
        CART_NEW,
        "shop/cart:v2.0.0",
    );
    let branch = "env/staging";
    edit(
        &fixture,
        branch,
        "slow bank",
        "env:\n          TIMEOUT: \"2s\"",
        "env:\n          TIMEOUT: \"9s\"",
    );
    edit(
        &fixture,
        branch,
        "web",
        "shop/web:v1.0.0",
        "shop/web:v1.0.1",
    );
    (fixture, tested)
}

#[test]
fn a_hint_repeats_all_that_was_typed() {
    let (fixture, tested) = with_fixes();
    let clone = fixture.clone.display().to_string();
    let args = [
        "-C",
        &clone,
        "promote",
        "staging",
        "--rev",
        &tested,
        "--only",
        "cart,payment,web",
        "--reason",
        "it's late",
        "-m",
        "subject",
        "--dry-run",
    ];
    let refused = fixture.env.gitops(fixture.env.path(), &args).code(3);
    assert_eq!(
        first(&refused),
        format!(
            "-C {clone} promote staging --rev {tested} --only cart,payment,web \
             --reason 'it'\\''s late' --message subject --keep all"
        )
    );
}

#[test]
fn the_first_hint_keeps_every_fix_and_what_drops_one_names_it_alone() {
    let (fixture, tested) = with_fixes();
    let refused = fixture
        .run(&["promote", "staging", "--rev", &tested, "--yes"])
        .code(3);
    let words: Vec<String> = first(&refused).split(' ').map(str::to_owned).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).chain(["--yes"]).collect();
    fixture.run(&words).code(0);
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    for kept in [CART_NEW, "shop/web:v1.0.1", "\"9s\""] {
        assert!(product.contains(kept), "{kept}: {product}");
    }
    let drops: Vec<&str> = refused
        .stderr
        .lines()
        .filter(|line| line.contains("--overwrite"))
        .collect();
    assert_eq!(drops.len(), 2, "{}", refused.stderr);
    assert!(
        drops.iter().all(|line| !line.contains("payment,web")),
        "{drops:?}"
    );
}

#[test]
fn hints_of_a_refused_plan_are_in_its_data() {
    let (fixture, _) = with_fixes();
    let refused = fixture
        .run(&["promote", "staging", "--yes", "-o", "json"])
        .code(3);
    let report: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(
        report["hints"][0]["command"],
        serde_json::json!(["kubectl-gitops", "promote", "staging", "--keep", "all"])
    );
}

#[test]
fn a_branch_that_does_not_exist_can_begin_from_another_environment() {
    let fixture = shop::branches();
    fixture
        .env
        .git(&fixture.origin, &["branch", "-D", "env/prod"]);
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(2);
    let wanted = "git push origin origin/env/staging:refs/heads/env/prod";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
}
