//! The copy that `--repo` keeps: it may be deleted at any moment, its disk may be full, and
//! a remote's disk as well. None of that is the caller's fault, and all of it is said.

use std::path::PathBuf;

use crate::support::env::{Env, Outcome};
use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

fn waiting() -> Fixture {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture
}

/// A `git` that does something first, as often as it is called.
fn instead_of_git(fixture: &Fixture, text: &str) -> PathBuf {
    let bin = fixture.env.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|file| file.is_file())
        .unwrap();
    let script = format!("#!/bin/sh\n{text}\nexec {} \"$@\"\n", real.display());
    let file = bin.join("git");
    std::fs::write(&file, script).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    bin
}

fn run_with(fixture: &Fixture, bin: &std::path::Path, words: &[&str]) -> Outcome {
    let folder = fixture.env.join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let path =
        std::env::join_paths(std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path)));
    let mut command = fixture.env.gitops_command(&folder);
    let url = fixture.url();
    Env::finish(
        command
            .env("PATH", path.unwrap())
            .args(["--repo", &url])
            .args(words),
    )
}

/// Counts the calls in a folder, and does something before one of them.
fn at_call(fixture: &Fixture, number: usize, what: &str) -> PathBuf {
    let calls = fixture.env.join("calls");
    let _ = std::fs::remove_dir_all(&calls);
    std::fs::create_dir_all(&calls).unwrap();
    let calls = calls.display();
    instead_of_git(
        fixture,
        &format!(
            "n=1; until mkdir {calls}/$n 2>/dev/null; do n=$((n + 1)); done\n\
             if [ $n = {number} ]; then {what}; fi"
        ),
    )
}

fn cache(fixture: &Fixture) -> PathBuf {
    fixture.env.join("home/.cache/kubectl-gitops")
}

#[test]
fn a_copy_that_is_deleted_between_two_steps_costs_a_run_at_most() {
    let fixture = waiting();
    let delete = format!("rm -rf '{}'", cache(&fixture).display());
    // Deleted, and made by somebody else before this run looks again.
    let program = env!("CARGO_BIN_EXE_kubectl-gitops");
    let replace = format!(
        "{delete}; env PATH=\"${{PATH#*:}}\" '{program}' --repo '{}' status >/dev/null 2>&1",
        fixture.url()
    );
    let status = ["status"];
    let plan = ["promote", "staging", "--dry-run"];
    for (words, what) in [
        (&status[..], &delete),
        (&plan, &delete),
        (&status, &replace),
    ] {
        for number in 1..=5 {
            for fresh in [true, false] {
                if fresh {
                    let _ = std::fs::remove_dir_all(cache(&fixture));
                } else {
                    run_with(&fixture, &at_call(&fixture, 0, ":"), words).code(0);
                }
                let bin = at_call(&fixture, number, what);
                let outcome = run_with(&fixture, &bin, words);
                let said = format!("{words:?} {number} {fresh}: {}", outcome.stderr);
                assert!([0, 5].contains(&outcome.status), "{said}");
                if outcome.status == 5 {
                    assert!(said.contains("was deleted while it was in use"), "{said}");
                    assert!(said.contains("run it again"), "{said}");
                }
                assert!(!said.contains("fatal:"), "{said}");
            }
        }
    }
}

#[test]
fn a_push_from_a_copy_that_is_gone_moves_nothing_or_all() {
    let fixture = waiting();
    let before = fixture.remote_tip("env/staging");
    let words = ["promote", "staging", "--yes"];
    let count = at_call(&fixture, 0, ":");
    run_with(&fixture, &count, &["promote", "staging", "--dry-run"]).code(0);
    let delete = format!(
        "case \"$*\" in *' push '*) rm -rf '{}';; esac",
        cache(&fixture).display()
    );
    let outcome = run_with(&fixture, &instead_of_git(&fixture, &delete), &words);
    assert_eq!(outcome.status, 5, "{}", outcome.stderr);
    assert_eq!(fixture.remote_tip("env/staging"), before);
    run_with(&fixture, &at_call(&fixture, 0, ":"), &words).code(0);
    assert_ne!(fixture.remote_tip("env/staging"), before);
}

#[test]
fn a_copy_without_a_place_is_a_failure_of_this_machine() {
    let fixture = waiting();
    let folder = fixture.env.join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    let run = |cache: &str| {
        let mut command = fixture.env.gitops_command(&folder);
        let command = command.env("KUBECTL_GITOPS_CACHE_DIR", cache);
        Env::finish(command.args(["--repo", &fixture.url(), "status"]))
    };
    if cfg!(target_os = "linux") {
        // Nobody can make a folder there.
        let outcome = run("/proc/none").code(5);
        assert!(
            outcome.stderr.contains("no copy of file://"),
            "{}",
            outcome.stderr
        );
        assert!(
            outcome.stderr.contains("KUBECTL_GITOPS_CACHE_DIR"),
            "{}",
            outcome.stderr
        );
    }
    // A disk on which nothing can be written any more.
    let full = "trap '' XFSZ; ulimit -f 0";
    let bin = instead_of_git(&fixture, full);
    let outcome = run_with(&fixture, &bin, &["status"]).code(5);
    let said = outcome.stderr;
    assert!(said.contains("could not be stored in"), "{said}");
    assert!(said.contains("make room"), "{said}");
}

#[test]
fn a_remote_that_cannot_store_a_push_has_failed_and_does_not_refuse() {
    let fixture = waiting();
    let before = fixture.remote_tip("env/staging");
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    let full = fixture.env.join("full");
    std::fs::write(
        &full,
        "#!/bin/sh\ntrap '' XFSZ\nulimit -f 0\nexec git-receive-pack \"$@\"\n",
    )
    .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&full, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    git(&[
        "config",
        "remote.origin.receivepack",
        full.to_str().unwrap(),
    ]);
    let promote = || fixture.run(&["promote", "staging", "--yes"]);
    let outcome = promote().code(5);
    let said = outcome.stderr;
    assert!(said.starts_with("error: origin could not store"), "{said}");
    assert!(
        said.contains("unpack") && !said.contains("write: branch"),
        "{said}"
    );
    git(&["config", "--unset", "remote.origin.receivepack"]);
    // A lock that somebody left behind.
    let lock = fixture.origin.join("refs/heads/env/staging.lock");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "").unwrap();
    let outcome = promote().code(5);
    let said = outcome.stderr;
    assert!(
        said.contains("could not store what was pushed to env/staging"),
        "{said}"
    );
    assert!(!said.contains("write: branch"), "{said}");
    std::fs::remove_file(&lock).unwrap();
    assert_eq!(fixture.remote_tip("env/staging"), before);
    // What the server's rules forbid stays a refusal.
    let origin = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    origin(&["config", "receive.maxInputSize", "10"]);
    promote().code(3);
    origin(&["config", "--unset", "receive.maxInputSize"]);
    fixture.hook("reference-transaction", "[ \"$1\" != prepared ]");
    promote().code(3);
    std::fs::remove_file(fixture.origin.join("hooks/reference-transaction")).unwrap();
    promote().code(0);
}

/// libgit2 looks for packs only where their folder was when it opened the repository, and
/// Git makes packs of what is fetched when that is many objects.
#[test]
fn a_new_copy_finds_what_came_in_packs() {
    let fixture = waiting();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    // A first promotion asks for what two histories have in common.
    for at in 0..60 {
        let text = format!("{at}\n");
        fixture.commit("env/staging", "note", &[("note", Some(&text))]);
    }
    let folder = fixture.env.join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    let words = ["--repo", &fixture.url(), "promote", "prod", "--dry-run"];
    fixture.env.gitops(&folder, &words).code(0);
    let copies = fixture.env.join("home/.cache/kubectl-gitops/repositories");
    let packs = std::fs::read_dir(copies)
        .unwrap()
        .flat_map(|copy| std::fs::read_dir(copy.unwrap().path()).unwrap())
        .filter_map(|copy| std::fs::read_dir(copy.unwrap().path().join("objects/pack")).ok())
        .flatten();
    assert!(packs.count() > 0, "nothing came in a pack");
}
