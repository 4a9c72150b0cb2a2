//! Clones that lack history or objects: every command works, and what is missing
//! comes at once and not one by one.

use std::path::{Path, PathBuf};

use crate::support::env::Outcome;
use crate::support::shop::{self, edit, edit_and_render};
use crate::support::trace::{Started, traced};
use crate::support::{Env, Fixture};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";
/// The ways in which people make clones smaller.
const CLONES: [&[&str]; 4] = [
    &["--depth=1", "--no-single-branch"],
    &["--filter=blob:none"],
    &["--filter=tree:0"],
    &["--filter=tree:0", "--depth=1", "--no-checkout"],
];

fn served() -> Fixture {
    let fixture = shop::branches();
    for setting in ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"] {
        fixture
            .env
            .git(&fixture.origin, &["config", setting, "true"]);
    }
    fixture
}

fn clone(fixture: &Fixture, name: &str, options: &[&str]) -> PathBuf {
    fixture.clone_again(name, options)
}

fn run(fixture: &Fixture, clone: &Path, words: &[&str]) -> Outcome {
    fixture.env.gitops(clone, words)
}

fn counted(fixture: &Fixture, clone: &Path, words: &[&str]) -> (Outcome, Started) {
    let mut command = fixture.env.gitops_command(clone);
    traced(&fixture.env, command.args(words))
}

#[test]
fn every_command_works_in_a_clone_that_lacks_things() {
    for (at, options) in CLONES.iter().enumerate() {
        let fixture = served();
        edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
        let fresh = |name: &str| clone(&fixture, &format!("{name}-{at}"), options);
        let one = fresh("one");
        let run = |words: &[&str]| run(&fixture, &one, words);
        run(&["status"]).code(0);
        run(&["diff", "dev", "staging"]).code(1);
        run(&["validate", "dev"]).code(0);
        run(&["pins"]).code(0);
        run(&["history", "dev"]).code(0);
        run(&["promote", "staging", "--yes"]).code(0);
        assert_eq!(
            fixture.file_at("env/staging", "product.yaml"),
            fixture.file_at("env/dev", "product.yaml"),
            "{options:?}"
        );
        run(&["rollback", "staging", "--yes"]).code(0);
        edit(&fixture, "env/prod", "in a hurry", "8080", "8081");
        run(&["render", "prod", "--write", "--yes"]).code(0);
        let refused = run(&["promote", "prod", "--yes"]).code(3);
        assert!(refused.stderr.contains("in a hurry"), "{}", refused.stderr);
        run(&["backport", "prod", "--yes"]).code(0);
        fixture.fsck();
    }
}

#[test]
fn what_a_partial_clone_misses_comes_at_once() {
    // The tips, and then the past of what is going to change: files alone, or folders and
    // files, and of the past the folders of each branch.
    for (options, batches, past) in [(CLONES[1], 1, 1), (CLONES[2], 2, 3)] {
        let fixture = served();
        edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
        fixture.run(&["promote", "staging", "--yes"]).code(0);
        edit_and_render(&fixture, "dev", "bump cart", CART_NEW, "shop/cart:v1.2.0");
        // Checked out, so that `gitops.yaml` is there.
        let clone = clone(&fixture, "partial", options);
        let (outcome, started) = counted(&fixture, &clone, &["promote", "staging", "--yes"]);
        outcome.code(0);
        let objects = |started: &Started| {
            let fetches = started.named("fetch");
            let stdin = "--stdin".to_owned();
            fetches
                .iter()
                .filter(|words| words.contains(&stdin))
                .count()
        };
        assert_eq!(
            objects(&started),
            batches + past,
            "{options:?}: {started:#?}"
        );
        let (outcome, started) = counted(&fixture, &clone, &["promote", "staging", "--yes"]);
        outcome.code(0);
        assert_eq!(objects(&started), 0, "{started:#?}");
        // The rendered files differ in many places; their texts come together.
        let fresh = self::clone(&fixture, "fresh", options);
        let (outcome, started) = counted(&fixture, &fresh, &["diff", "dev", "prod"]);
        outcome.code(1);
        assert!(objects(&started) <= batches + 2, "{started:#?}");
        let (outcome, started) = counted(&fixture, &fresh, &["status"]);
        outcome.code(0);
        // The tips, and for two pairs of branches what they have in common and their past.
        assert!(
            objects(&started) <= batches + 2 * (1 + past),
            "{started:#?}"
        );
    }
}

#[test]
fn the_history_of_a_clone_without_trees_is_walked_in_few_steps() {
    let fixture = served();
    for n in 0..60 {
        let text = format!("{n}\n");
        fixture.commit("env/dev", "note", &[("note", Some(&text))]);
    }
    let clone = clone(&fixture, "treeless", CLONES[2]);
    let (outcome, started) = counted(&fixture, &clone, &["history", "dev", "--limit", "0"]);
    let outcome = outcome.code(0);
    assert!(outcome.stdout.contains("begin dev"), "{}", outcome.stdout);
    assert!(started.count("fetch") <= 3, "{started:#?}");
}

#[test]
fn a_shallow_clone_asks_for_the_history_that_an_answer_takes() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let shallow = clone(&fixture, "shallow", CLONES[0]);
    let first = run(&fixture, &shallow, &["promote", "staging", "--dry-run"]).code(0);
    assert!(
        first.stderr.contains("fetching 128 more commits"),
        "{}",
        first.stderr
    );
    // Where it may not ask, the values are asked about, and it says why.
    let other = clone(&fixture, "other", CLONES[0]);
    let words = ["promote", "staging", "--dry-run", "--offline"];
    let offline = run(&fixture, &other, &words).code(3);
    assert!(
        offline
            .stderr
            .contains("the history that is here ends before"),
        "{}",
        offline.stderr
    );
    assert!(
        offline.stderr.contains("older than the history"),
        "{}",
        offline.stderr
    );
}

#[test]
fn an_environment_without_a_branch_does_not_stop_a_shallow_clone() {
    let fixture = shop::branches();
    fixture
        .env
        .git(&fixture.origin, &["branch", "-D", "env/prod"]);
    let shallow = clone(&fixture, "shallow", CLONES[0]);
    run(&fixture, &shallow, &["validate", "dev"]).code(0);
    let unborn = run(&fixture, &shallow, &["validate", "prod"]).code(2);
    assert!(unborn.stderr.contains("no commit yet"), "{}", unborn.stderr);
}

#[test]
fn what_was_taken_back_is_known_in_a_shallow_clone_too() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let promotion = fixture.remote_tip("env/staging").unwrap();
    let work = fixture.clone_again("work", &["--branch=env/staging"]);
    fixture.env.git(&work, &["revert", "--no-edit", &promotion]);
    fixture.env.git(&work, &["push", "--quiet"]);
    let reverted = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(reverted.contains(CART));
    let shallow = clone(&fixture, "shallow", CLONES[0]);
    let again = run(&fixture, &shallow, &["promote", "staging", "--yes"]);
    let said = format!("{}{}", again.stdout, again.stderr);
    assert!(said.contains("taken back there: cart"), "{said}");
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml"),
        Some(reverted)
    );
}

#[test]
fn a_shallow_clone_of_a_remote_that_gives_no_more_goes_on_without() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let shallow = clone(&fixture, "shallow", CLONES[0]);
    // The branch that is here is gone there: nothing leads to its history any more.
    let begun = fixture.env.git(&fixture.origin, &["rev-parse", "env/dev"]);
    let git = |words: &[&str]| fixture.env.git(&fixture.origin, words);
    let anew = git(&["commit-tree", "-m", "anew", "env/dev^{tree}"]);
    git(&["update-ref", "refs/heads/env/dev", &anew]);
    let words = ["promote", "staging", "--rev", &begun, "--dry-run"];
    let outcome = run(&fixture, &shallow, &words);
    assert!([0, 3].contains(&outcome.status), "{}", outcome.stderr);
    Env::finish(fixture.env.command("git", &shallow).arg("fsck")).code(0);
}
