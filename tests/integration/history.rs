//! `history`: what commits and their trailers say, and nothing else.

use crate::support::Fixture;

const CONFIG: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  \
    environments:\n    - {name: dev, branch: env/dev}\n    \
    - {name: prod, branch: env/prod, promoteFrom: dev}\n    \
    - {name: edge, branch: shared, path: edge}\n    \
    - {name: core, branch: shared, path: core}\n";

const PROMOTED: &str = "promote shop 1.2 from dev to prod\n\ncart 1 -> 2\n\n\
    Gitops-Action: promote\nGitops-Product: shop@1.2\n\
    Gitops-From: dev 5f2c1e05f2c1e05f2c1e05f2c1e05f2c1e05f2c1\nGitops-To: prod\n\
    Gitops-Plan: sha256:00\nGitops-Components: cart\n";

fn fixture() -> Fixture {
    let fixture = Fixture::new(&[
        ("main", &[("gitops.yaml", CONFIG)]),
        ("env/dev", &[("a", "1\n")]),
        ("env/prod", &[("a", "1\n")]),
        ("shared", &[("core/a", "1\n"), ("edge/a", "1\n")]),
    ]);
    fixture.commit("env/prod", PROMOTED, &[("a", Some("2\n"))]);
    fixture.commit("env/prod", "slow \u{1b}[2Jbank", &[("a", Some("3\n"))]);
    fixture
}

fn columns(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|word| !word.is_empty())
                .collect()
        })
        .collect()
}

#[test]
fn a_line_per_commit_newest_first() {
    let fixture = fixture();
    let tip = fixture.remote_tip("env/prod").unwrap();
    let shown = fixture.run(&["history", "prod"]).code(0);
    let lines = columns(&shown.stdout);
    assert_eq!(lines.len(), 3, "{}", shown.stdout);
    assert_eq!(lines[0][0], &tip[..7]);
    assert_eq!(&lines[0][2..], ["edit", "slow bank", "Grace"]);
    assert_eq!(
        &lines[1][2..],
        ["promote", "shop 1.2 from dev 5f2c1e0 (cart)", "Grace"]
    );
    assert_eq!(&lines[2][2..], ["edit", "begin env/prod", "Grace"]);
    assert!(!shown.stdout.contains('\u{1b}'));
}

#[test]
fn the_same_as_data_for_every_environment() {
    let fixture = fixture();
    let shown = fixture.run(&["history", "-o", "json"]).code(0);
    let document: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["kind"], "HistoryReport");
    let environments = document["environments"].as_array().unwrap();
    assert_eq!(environments.len(), 4);
    let promotion = &environments[1]["entries"][1];
    assert_eq!(promotion["action"], "promote");
    assert_eq!(promotion["byTool"], true);
    assert_eq!(promotion["from"]["environment"], "dev");
    assert_eq!(promotion["components"][0], "cart");
    assert!(
        promotion["time"]
            .as_str()
            .unwrap()
            .starts_with("2026-01-01T")
    );
    assert_eq!(environments[1]["end"], "beginning");
}

#[test]
fn environments_in_folders_have_only_their_own_commits() {
    let fixture = fixture();
    fixture.commit("shared", "touch core", &[("core/a", Some("2\n"))]);
    fixture.commit("shared", "touch edge", &[("edge/a", Some("2\n"))]);
    let shown = fixture.run(&["history", "core"]).code(0).stdout;
    assert!(
        shown.contains("touch core") && !shown.contains("touch edge"),
        "{shown}"
    );
}

#[test]
fn a_merged_pull_request_speaks_for_what_it_brought() {
    let fixture = fixture();
    let base = fixture.remote_tip("env/prod").unwrap();
    let message = PROMOTED.replace("1.2", "1.3");
    fixture.commit_from("proposal", Some(&base), &message, &[("a", Some("4\n"))]);
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let tree = git(&["rev-parse", "proposal^{tree}"]);
    let merge = git(&[
        "commit-tree",
        "-p",
        "env/prod",
        "-p",
        "proposal",
        "-m",
        "Merge pull request #7",
        &tree,
    ]);
    git(&["update-ref", "refs/heads/env/prod", &merge]);
    let shown = fixture.run(&["history", "prod", "--limit", "1"]).code(0);
    assert!(shown.stdout.starts_with(&merge[..7]), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("promote  shop 1.3 from dev"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("--limit"), "{}", shown.stdout);
}

#[test]
fn a_shallow_clone_asks_for_more_or_says_that_it_knows_no_more() {
    let fixture = fixture();
    let clone = fixture.clone_again("shallow", &["--depth=1", "--no-single-branch"]);
    let offline = ["history", "prod", "--offline"];
    let shown = fixture.env.gitops(&clone, &offline).code(0);
    assert!(shown.stdout.contains("shallow"), "{}", shown.stdout);
    assert_eq!(shown.stdout.lines().count(), 1, "{}", shown.stdout);
    let whole = fixture.run(&["history", "prod"]).code(0);
    let asked = fixture.env.gitops(&clone, &["history", "prod"]).code(0);
    assert_eq!(asked.stdout, whole.stdout);
    assert!(asked.stderr.contains("fetching"), "{}", asked.stderr);
}

#[test]
fn without_the_remote_it_is_what_was_last_fetched() {
    let fixture = fixture();
    fixture.run(&["history"]).code(0);
    std::fs::rename(&fixture.origin, fixture.env.join("gone")).unwrap();
    let shown = fixture.run(&["history", "prod"]).code(0);
    assert!(shown.stdout.contains("promote"), "{}", shown.stdout);
    assert!(shown.stderr.contains("last fetched"), "{}", shown.stderr);
    fixture.run(&["history", "prod", "--offline"]).code(0);
}

#[test]
fn an_environment_that_is_not_there_is_named() {
    let fixture = fixture();
    let shown = fixture.run(&["history", "pord"]).code(2);
    assert!(
        shown.stderr.contains("did you mean \"prod\"?"),
        "{}",
        shown.stderr
    );
}

#[test]
fn the_oldest_commit_of_a_shallow_clone_is_no_edit_of_what_it_may_not_have_touched() {
    let fixture = fixture();
    let id = fixture.commit("shared", "notes", &[("notes.txt", Some("2\n"))]);
    let clone = fixture.clone_again("shallow", &["--depth=1", "--no-single-branch"]);
    let run = |words: &[&str]| fixture.env.gitops(&clone, words).code(0).stdout;
    let text = run(&["history", "core", "--offline"]);
    let wanted = format!(
        "this shallow clone ends at {}; older changes are not in it\n",
        &id[..7]
    );
    assert_eq!(text, wanted);
    let report = run(&["history", "core", "--offline", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let core = &report["environments"][0];
    assert_eq!(core["entries"], serde_json::json!([]));
    assert_eq!(core["end"], "shallow");
    assert_eq!(core["boundary"], *id);
}
