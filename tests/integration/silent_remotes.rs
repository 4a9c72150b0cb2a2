//! Remotes that say nothing, or too much: nothing is waited for without end, nothing is
//! kept without bound, and what was started ends with the run.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::env::{Env, Outcome};
use crate::support::githttp::GitHttp;
use crate::support::process::free_port;
use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};
use crate::support::terminal::{CTRL_C, HEARING, Terminal};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

/// Longer than any test takes.
const FOR_EVER: &str = "600";

fn waiting() -> Fixture {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture
}

/// A script below the test's folder.
fn script(fixture: &Fixture, name: &str, text: &str) -> PathBuf {
    let path = fixture.env.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    path
}

/// What begins a script that never ends, and tells who it is.
fn hang(fixture: &Fixture) -> String {
    let file = fixture.env.join("pid");
    let file = file.display();
    // It is deaf to everything but the last word.
    format!("trap '' TERM INT HUP; echo $$ >{file}.new; mv {file}.new {file}; sleep {FOR_EVER}")
}

/// Fails the test when that script lives on.
#[track_caller]
fn has_ended(fixture: &Fixture) {
    let file = fixture.env.join("pid");
    let id = std::fs::read_to_string(&file).expect("it was started");
    std::fs::remove_file(file).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let alive = || {
        let mut kill = fixture.env.command("kill", fixture.env.path());
        let kill = kill.args(["-0", id.trim()]).stderr(Stdio::null());
        kill.status().unwrap().success()
    };
    while alive() {
        assert!(Instant::now() < deadline, "{id} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn is_stalled(outcome: Outcome, command: &str) -> Outcome {
    let outcome = outcome.code(5);
    let said = &outcome.stderr;
    assert!(
        said.contains(&format!("did not answer {command}")),
        "{said}"
    );
    assert!(said.contains(" for 1 s"), "{said}");
    assert!(said.contains("--request-timeout"), "{said}");
    outcome
}

const SHORT: [&str; 2] = ["--request-timeout", "1s"];

fn promote(fixture: &Fixture, more: &[&str]) -> Outcome {
    fixture.run(&[&["promote", "staging", "--yes"], &SHORT[..], more].concat())
}

#[test]
fn a_server_that_accepts_and_never_answers_is_given_up() {
    let fixture = waiting();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for url in [
        format!("http://{address}/shop.git"),
        format!("git://{address}/shop.git"),
    ] {
        let status = ["status", "--repo", &url];
        is_stalled(fixture.run(&[&status[..], &SHORT].concat()), "git fetch");
        fixture
            .env
            .git(&fixture.clone, &["remote", "set-url", "origin", &url]);
        is_stalled(promote(&fixture, &[]), "git fetch");
        // Who only reads in a clone goes on with what is known, as where nothing listens.
        let read = fixture.run(&[&["status"], &SHORT[..]].concat()).code(0);
        assert!(
            read.stderr.contains("did not answer git fetch for 1 s"),
            "{}",
            read.stderr
        );
    }
    drop(listener);
}

#[test]
fn a_program_on_the_way_that_hangs_is_ended_with_its_children() {
    let fixture = waiting();
    let hang = script(&fixture, "hang", &hang(&fixture));
    let hang = hang.to_str().unwrap();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["config", "remote.origin.uploadpack", hang]);
    is_stalled(promote(&fixture, &[]), "git fetch");
    has_ended(&fixture);
    git(&["config", "--unset", "remote.origin.uploadpack"]);
    let url = "ssh://git@git.example.com/shop.git";
    let mut command = fixture.env.gitops_command(&fixture.clone);
    command
        .args(["status", "--repo", url])
        .args(SHORT)
        .env("GIT_SSH_COMMAND", hang);
    is_stalled(Env::finish(&mut command), "git fetch");
    has_ended(&fixture);
}

#[test]
fn a_credential_helper_that_hangs_is_ended() {
    let fixture = waiting();
    let server = GitHttp::start(fixture.env.path(), "ada", "secret");
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["remote", "set-url", "origin", &server.url("origin.git")]);
    git(&[
        "config",
        "credential.helper",
        &format!("!{}; true", hang(&fixture)),
    ]);
    is_stalled(promote(&fixture, &[]), "git fetch");
    has_ended(&fixture);
}

#[test]
fn a_hook_that_hangs_is_given_up_and_nothing_has_moved() {
    let fixture = waiting();
    let before = fixture.remote_tip("env/staging");
    fixture.hook("pre-receive", &hang(&fixture));
    let outcome = is_stalled(promote(&fixture, &[]), "a push");
    assert!(
        outcome.stderr.contains("nothing has moved there so far"),
        "{}",
        outcome.stderr
    );
    has_ended(&fixture);
    assert_eq!(fixture.remote_tip("env/staging"), before);
    // The hook of the clone is this machine's.
    std::fs::remove_file(fixture.origin.join("hooks/pre-receive")).unwrap();
    let hooks = fixture.clone.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let own = script(&fixture, "hang", &hang(&fixture));
    std::fs::rename(own, hooks.join("pre-push")).unwrap();
    let outcome = promote(&fixture, &[]).code(5);
    assert!(
        outcome.stderr.contains("pre-push hook"),
        "{}",
        outcome.stderr
    );
    has_ended(&fixture);
    assert_eq!(fixture.remote_tip("env/staging"), before);
}

#[test]
fn who_talks_is_waited_for() {
    let fixture = waiting();
    fixture.hook(
        "pre-receive",
        "for i in 1 2 3 4 5 6 7 8; do echo $i >&2; sleep 0.3; done",
    );
    // What is fetched comes in drops, and takes longer than anything may be silent.
    let noise: String = (0..4000_u64)
        .map(|at| {
            format!(
                "{:016x}\n",
                (at + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17)
            )
        })
        .collect();
    fixture.commit("env/dev", "noise", &[("noise", Some(&noise))]);
    let drops = "git-upload-pack \"$@\" | while dd bs=3000 count=1 of=\"$0.part\" 2>/dev/null \
         && [ -s \"$0.part\" ]; do cat \"$0.part\"; sleep 0.15; done";
    let slow = script(&fixture, "slow", drops);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["config", "remote.origin.uploadpack", slow.to_str().unwrap()]);
    let began = Instant::now();
    promote(&fixture, &[]).code(0);
    assert!(
        began.elapsed() > Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert!(fixture.message_at("env/staging").starts_with("promote"));
}

#[test]
fn no_more_than_some_lines_of_a_server_are_kept_and_printed() {
    let fixture = waiting();
    fixture.hook(
        "pre-receive",
        "echo FIRST >&2; yes 'words of the server' | head -c 5000000 >&2; echo LAST >&2; exit 1",
    );
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    let said = outcome.stderr;
    assert!(said.len() < 40_000, "{} bytes", said.len());
    assert!(said.contains("FIRST") && said.contains("LAST"), "{said}");
    assert!(said.contains(" lines left out …"), "{said}");
    assert!(said.contains("write: branch"), "{said}");
    // A hook of the clone has no bound of its own either, and says what it wants.
    let hooks = fixture.clone.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    let text = "echo FIRST; yes 'words of a hook' | head -c 5000000; echo LAST; exit 1";
    std::fs::rename(script(&fixture, "hook", text), hooks.join("pre-push")).unwrap();
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    let said = outcome.stderr;
    assert!(said.len() < 600_000, "{} bytes", said.len());
    assert!(said.contains("pre-push hook refused"), "{said}");
    assert!(said.contains("FIRST") && said.contains("LAST"), "{said}");
}

#[test]
fn a_remote_with_endless_references_is_given_up() {
    let fixture = waiting();
    // Protocol version 0: references until nobody listens any more.
    let line = |id: char, name: &str| {
        let text = format!("{} {name}\n", String::from(id).repeat(40));
        format!("{:04x}{text}", text.len() + 4)
    };
    let many: String = (0..2000)
        .map(|at| line('1', &format!("refs/pull/{at}/head")))
        .collect();
    let file = fixture.env.join("many");
    std::fs::write(&file, many).unwrap();
    let text = format!("while cat '{}'; do :; done", file.display());
    let endless = script(&fixture, "endless", &text);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&[
        "config",
        "remote.origin.uploadpack",
        endless.to_str().unwrap(),
    ]);
    // Git keeps every reference before it says one; the system tells us what it reads.
    let outcome = promote(&fixture, &[]).code(5);
    if cfg!(target_os = "linux") {
        assert!(
            outcome.stderr.contains("more than 128 MiB of answer"),
            "{}",
            outcome.stderr
        );
    }
}

#[cfg(unix)]
#[test]
fn what_was_started_ends_with_the_run() {
    let fixture = waiting();
    let hanging = script(&fixture, "hang", &hang(&fixture));
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&[
        "config",
        "remote.origin.uploadpack",
        hanging.to_str().unwrap(),
    ]);
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut hearing = HEARING.split(' ');
        let mut command = fixture.env.command(hearing.next().unwrap(), &fixture.clone);
        command
            .args(hearing)
            .arg(env!("CARGO_BIN_EXE_kubectl-gitops"));
        let child = command.args(["promote", "staging", "--yes"]);
        let child = child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        wait_for(&fixture.env.join("pid"));
        let mut kill = fixture.env.command("kill", fixture.env.path());
        let id = child.id().to_string();
        assert!(kill.args(["-s", signal, &id]).status().unwrap().success());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}: {said}");
        assert_eq!(said, "interrupted\n", "{signal}");
        has_ended(&fixture);
    }
    // The same for who sits at a terminal, and is never hurried there.
    let mut terminal = Terminal::run(&fixture.env, &fixture.clone, "promote staging --yes");
    wait_for(&fixture.env.join("pid"));
    terminal.press(CTRL_C);
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    assert!(
        screen.contains("interrupted") && !screen.contains("error"),
        "{screen}"
    );
    has_ended(&fixture);
}

fn wait_for(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} is not there", path.display());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nothing_listens_there_and_that_is_said_at_once() {
    let fixture = waiting();
    let url = format!("git://127.0.0.1:{}/shop.git", free_port());
    let outcome = fixture.run(&["status", "--repo", &url]).code(5);
    assert!(
        outcome.stderr.contains("could not be reached"),
        "{}",
        outcome.stderr
    );
}
