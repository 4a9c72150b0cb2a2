//! What repositories and remotes can be at their worst: each gets one message
//! with what, where and what to do, its own exit code, and loses nothing.

use crate::support::Fixture;
use crate::support::env::Outcome;
use crate::support::shop::{self, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

/// The shop with a change on dev that waits for staging.
fn waiting() -> Fixture {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture
}

fn references(fixture: &Fixture) -> String {
    fixture.env.git(&fixture.origin, &["for-each-ref"])
}

/// Runs a promotion that must end with this code, leave the remote alone and
/// say all of these words.
#[track_caller]
fn refused(fixture: &Fixture, code: i32, words: &[&str]) -> Outcome {
    let before = references(fixture);
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(code);
    for word in words {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
    assert_eq!(references(fixture), before, "the remote moved");
    let strange = |c: char| c.is_control() && c != '\n';
    assert!(!outcome.stderr.contains(strange), "{:?}", outcome.stderr);
    fixture.fsck();
    outcome
}

#[test]
fn outside_a_repository() {
    let fixture = waiting();
    let outcome = fixture
        .env
        .gitops(fixture.env.path(), &["promote", "staging", "--yes"])
        .code(2);
    assert!(outcome.stderr.contains("not inside a Git repository"));
    assert!(outcome.stderr.contains("-C DIR"), "{}", outcome.stderr);
}

#[test]
fn an_empty_repository() {
    let fixture = Fixture::empty("main", &[]);
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(2);
    assert!(outcome.stderr.contains("gitops.yaml"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("init"), "{}", outcome.stderr);
}

#[test]
fn an_environment_whose_branch_is_unborn() {
    let fixture = waiting();
    fixture
        .env
        .git(&fixture.origin, &["branch", "-D", "env/staging"]);
    refused(
        &fixture,
        2,
        &["staging has no commit yet", "env/staging on origin"],
    );
}

#[test]
fn a_detached_head_is_no_obstacle() {
    let fixture = waiting();
    fixture
        .env
        .git(&fixture.clone, &["checkout", "-q", "--detach"]);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(fixture.message_at("env/staging").starts_with("promote"));
    fixture.fsck();
}

#[test]
fn a_dirty_work_tree_is_left_alone_and_named() {
    let fixture = waiting();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "-q"]);
    git(&["checkout", "-q", "env/staging"]);
    let old = git(&["rev-parse", "env/staging"]);
    fixture.write("product.yaml", "mine\n");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(
        outcome.stderr.contains("uncommitted changes"),
        "{}",
        outcome.stderr
    );
    assert!(fixture.message_at("env/staging").starts_with("promote"));
    assert_eq!(git(&["rev-parse", "env/staging"]), old);
    let text = std::fs::read_to_string(fixture.clone.join("product.yaml")).unwrap();
    assert_eq!(text, "mine\n");
}

#[test]
fn commits_that_were_never_pushed_are_named_and_left_out() {
    let fixture = waiting();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "-q"]);
    git(&["checkout", "-q", "env/dev"]);
    fixture.write("templates/service/extra.txt", "mine\n");
    git(&["add", "."]);
    git(&["commit", "-qm", "mine"]);
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(0);
    assert!(
        outcome.stderr.contains("your local env/dev has commits"),
        "{}",
        outcome.stderr
    );
    let files = fixture.files_at("env/staging");
    assert!(!files.iter().any(|file| file.ends_with("extra.txt")));
}

#[test]
fn a_remote_that_is_not_there() {
    let fixture = waiting();
    let outcome = fixture
        .run(&["promote", "staging", "--yes", "--remote", "upstream"])
        .code(2);
    let said = outcome.stderr;
    assert!(
        said.contains("no remote \"upstream\"") && said.contains("origin"),
        "{said}"
    );
}

#[test]
fn a_remote_that_does_not_answer() {
    let fixture = waiting();
    let gone = fixture.env.join("gone.git");
    std::fs::rename(&fixture.origin, &gone).unwrap();
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(5);
    assert!(
        outcome.stderr.contains("origin could not be reached"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains("nothing was written"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_remote_that_rejects() {
    let fixture = waiting();
    fixture.hook(
        "pre-receive",
        "printf '\\033[31mfrozen\\033[0m until monday\\n' >&2; exit 1",
    );
    refused(
        &fixture,
        3,
        &[
            "rejected the push to env/staging",
            "frozen until monday",
            "write: branch",
        ],
    );
}

#[test]
fn a_branch_that_moves_to_another_plan_while_pushing() {
    let fixture = waiting();
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let old = git(&["rev-parse", "env/staging"]);
    shop::edit(
        &fixture,
        "env/staging",
        "someone else",
        CART,
        "shop/cart:v1.0.5",
    );
    let theirs = git(&["rev-parse", "env/staging"]);
    git(&["update-ref", "refs/heads/env/staging", &old]);
    git(&["update-ref", "refs/keep/theirs", &theirs]);
    // It moves when the push is already on its way.
    let hook = fixture.clone.join(".git/hooks/pre-push");
    let script = format!(
        "#!/bin/sh\nexec git --git-dir='{}' update-ref refs/heads/env/staging {theirs}\n",
        fixture.origin.display()
    );
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(4);
    for word in [
        "moved while this was prepared",
        &old[..7],
        &theirs[..7],
        "someone else",
        "--dry-run",
    ] {
        assert!(outcome.stderr.contains(word), "{word}: {}", outcome.stderr);
    }
    assert_eq!(git(&["rev-parse", "env/staging"]), theirs);
    fixture.fsck();
}

#[test]
fn a_manifest_that_is_not_text() {
    let fixture = waiting();
    let tip = fixture.remote_tip("env/dev").unwrap();
    let mut stream = format!(
        "commit refs/heads/env/dev\ncommitter G <g@example.com> 1 +0000\ndata 1\nx\nfrom {tip}\n\
         M 100644 inline product.yaml\ndata 9\nkind: "
    )
    .into_bytes();
    stream.extend_from_slice(b"\xff\xfe\n\n");
    fixture.fast_import(&stream);
    refused(&fixture, 2, &["product.yaml:1:7", "UTF-8"]);
}

#[test]
fn a_manifest_of_a_hundred_megabytes() {
    let fixture = waiting();
    let tip = fixture.remote_tip("env/dev").unwrap();
    let size = 100 << 20;
    let mut stream = format!(
        "commit refs/heads/env/dev\ncommitter G <g@example.com> 1 +0000\ndata 1\nx\nfrom {tip}\n\
         M 100644 inline product.yaml\ndata {size}\n"
    )
    .into_bytes();
    stream.resize(stream.len() + size, b'#');
    stream.push(b'\n');
    fixture.fast_import(&stream);
    refused(&fixture, 2, &["product.yaml", "104857600 bytes"]);
}

#[test]
fn a_manifest_that_is_a_link_out_of_the_tree() {
    let fixture = waiting();
    let tip = fixture.remote_tip("env/dev").unwrap();
    let stream = format!(
        "commit refs/heads/env/dev\ncommitter G <g@example.com> 1 +0000\ndata 1\nx\nfrom {tip}\n\
         M 120000 inline product.yaml\ndata 11\n/etc/passwd\n"
    );
    fixture.fast_import(stream.as_bytes());
    refused(
        &fixture,
        2,
        &["product.yaml is a symbolic link, which is not followed"],
    );
}

#[test]
fn a_path_that_leads_out_of_the_tree() {
    let fixture = waiting();
    let config = fixture.file_at("main", "gitops.yaml").unwrap().replace(
        "branch: env/staging",
        "branch: env/staging\n      path: ../x",
    );
    fixture.commit("main", "x", &[("gitops.yaml", Some(&config))]);
    refused(&fixture, 2, &["gitops.yaml:", "../x"]);
}

#[test]
fn somebody_without_a_name() {
    let fixture = waiting();
    let before = references(&fixture);
    let mut command = fixture.env.gitops_command(&fixture.clone);
    for name in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{name}_NAME"), " ");
    }
    let outcome =
        crate::support::Env::finish(command.args(["promote", "staging", "--yes"])).code(2);
    assert!(
        outcome.stderr.contains("Git does not know who you are"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("user.email"), "{}", outcome.stderr);
    assert_eq!(references(&fixture), before);
}
