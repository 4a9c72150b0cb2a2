//! `pre-push` hooks run as Git runs them: what they are told, what they may stop, and
//! where they are found.

use super::bump_image::shop;
use super::support::faults::dead_address;
use super::support::{Env, Fixture};

/// The shop; nothing here asks a registry.
fn fixture() -> Fixture {
    shop(&dead_address().to_string())
}

/// Makes a hook of the clone, in the folder where Git looks for it.
fn hook(fixture: &Fixture, folder: &str, script: &str) {
    let path = format!("{folder}/pre-push");
    fixture.write(&path, format!("#!/bin/sh\n{script}\n"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(fixture.clone.join(path), mode).unwrap();
    }
}

const USUAL: &str = ".git/hooks";
const BUMP: [&str; 5] = ["bump-image", "vm=4.2.2", "--env", "dev", "--yes"];

/// Every reference of both repositories.
fn references(fixture: &Fixture) -> String {
    let list = |dir| fixture.env.git(dir, &["for-each-ref"]);
    format!("{}\n{}", list(&fixture.origin), list(&fixture.clone))
}

#[test]
fn a_hook_that_refuses_stops_the_push_with_its_words() {
    let fixture = fixture();
    let runs = fixture.env.join("runs");
    let script = format!(
        "echo run >>'{}'\nprintf 'no pushes on \\033[31mfriday\\033[0m\\n' >&2\necho said aloud\nexit 3",
        runs.display()
    );
    hook(&fixture, USUAL, &script);
    let before = references(&fixture);
    for words in [
        &BUMP[..],
        &[
            "bump-image",
            "vm=9.0.0",
            "--env",
            "prod",
            "--hotfix",
            "now",
            "--yes",
        ],
    ] {
        let outcome = fixture.run(words).code(3);
        for text in [
            "refused: the pre-push hook refused the push to origin",
            "no pushes on friday",
            "nothing was written",
        ] {
            assert!(outcome.stderr.contains(text), "{text}: {}", outcome.stderr);
        }
        assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
        assert!(!outcome.stderr.contains("rejected"), "{}", outcome.stderr);
        assert_eq!(references(&fixture), before);
    }
    let runs = std::fs::read_to_string(runs).unwrap();
    assert_eq!(runs.lines().count(), 2, "once each: {runs}");
    // Without a push nobody is asked.
    fixture.run(&[&BUMP[..], &["--no-push"]].concat()).code(0);
    let left = fixture.clone.join(".git/kubectl-gitops");
    let traces = std::fs::read_dir(left).into_iter().flatten().flatten();
    let traces: Vec<_> = traces
        .map(|file| file.file_name())
        .filter(|name| name != "kept")
        .collect();
    assert!(traces.is_empty(), "{traces:?}");
    fixture.fsck();
}

#[test]
fn a_refusal_by_the_remote_is_told_apart_from_one_by_the_hook() {
    let fixture = fixture();
    hook(&fixture, USUAL, "exit 0");
    fixture.hook("pre-receive", "echo frozen >&2; exit 1");
    let outcome = fixture.run(&BUMP).code(3);
    assert!(
        outcome
            .stderr
            .contains("origin rejected the push to env/dev")
            && outcome.stderr.contains("frozen"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("pre-push"), "{}", outcome.stderr);
}

/// What a hook sees: its words, its folder, Git's variables and its standard input.
const RECORD: &str = "{ echo \"words $*\"; echo \"folder $(pwd)\"; env | grep '^GIT_\\(DIR\\|WORK_TREE\\|PREFIX\\|INDEX\\|COMMON\\|OBJECT\\)' | sort; \
     cat; } >\"$(git rev-parse --git-common-dir)/seen\"";

fn seen(fixture: &Fixture) -> String {
    std::fs::read_to_string(fixture.clone.join(".git/seen")).expect("the hook ran")
}

#[test]
fn a_hook_that_passes_sees_what_git_tells_it() {
    for folder in [USUAL, "hooks.d"] {
        let fixture = fixture();
        hook(&fixture, folder, RECORD);
        if folder != USUAL {
            let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
            git(&["config", "core.hooksPath", folder]);
        }
        let old = fixture.remote_tip("env/dev").unwrap();
        fixture.run(&BUMP).code(0);
        let new = fixture.remote_tip("env/dev").unwrap();
        let ours = seen(&fixture);
        let line = format!("{new} {new} refs/heads/env/dev {old}");
        assert_eq!(ours.lines().last(), Some(line.as_str()), "{ours}");
        let words = format!("words origin {}", fixture.url());
        assert_eq!(ours.lines().next(), Some(words.as_str()), "{ours}");
        // The same push by hand.
        let git = |dir, args: &[&str]| fixture.env.git(dir, args);
        git(&fixture.origin, &["update-ref", "refs/heads/env/dev", &old]);
        let refspec = format!("{new}:refs/heads/env/dev");
        git(&fixture.clone, &["push", "--quiet", "origin", &refspec]);
        assert_eq!(seen(&fixture), ours);
    }
}

#[test]
fn linked_work_trees_and_bare_repositories_push_with_their_hooks_too() {
    let fixture = fixture();
    hook(&fixture, USUAL, RECORD);
    let linked = fixture.env.join("linked");
    let path = linked.to_str().unwrap();
    let git = |dir, args: &[&str]| fixture.env.git(dir, args);
    git(
        &fixture.clone,
        &["worktree", "add", "--quiet", "--detach", path],
    );
    fixture.env.gitops(&linked, &BUMP).code(0);
    assert!(
        seen(&fixture).contains(&format!("folder {path}\n")),
        "{}",
        seen(&fixture)
    );
    let bare = fixture.env.join("bare.git");
    let url = fixture.url();
    let (bare_path, from) = (bare.to_str().unwrap(), fixture.env.path());
    git(from, &["clone", "--quiet", "--bare", &url, bare_path]);
    let refspec = "+refs/heads/*:refs/remotes/origin/*";
    git(&bare, &["config", "remote.origin.fetch", refspec]);
    std::fs::copy(
        fixture.clone.join(".git/hooks/pre-push"),
        bare.join("hooks/pre-push"),
    )
    .unwrap();
    let words = ["bump-image", "vm=4.2.3", "--env", "dev", "--yes"];
    let mut command = fixture.env.gitops_command(&bare);
    Env::finish(command.args(words)).code(0);
    let told = std::fs::read_to_string(bare.join("seen")).expect("the hook ran");
    assert!(told.contains("refs/heads/env/dev"), "{told}");
}
