//! Hotfixes and conflicts that a person decides at the terminal. `script` gives the
//! program one.

use std::io::Write as _;
use std::process::Stdio;

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};

const DOWN: &str = "\u{1b}[B";

/// Runs our executable on a terminal where a person types this.
fn typed(fixture: &Fixture, words: &str, keys: &str) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_kubectl-gitops");
    let line = format!("{program} {words}");
    let mut command = fixture.env.command("script", &fixture.clone);
    let mut child = command
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("script, of util-linux");
    let mut terminal = child.stdin.take().unwrap();
    terminal.write_all(keys.as_bytes()).unwrap();
    terminal.flush().unwrap();
    let output = child.wait_with_output().unwrap();
    drop(terminal);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), text)
}

/// Staging has a hotfix of one component and a conflict in another.
fn diverged() -> Fixture {
    let fixture = shop::branches();
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "staging",
        "slow bank",
        "TIMEOUT: \"2s\"\n    web",
        "TIMEOUT: \"9s\"\n    web",
    );
    edit_and_render(&fixture, "staging", "hotfix", "cart:v1.0.0", "cart:v1.0.1");
    edit_and_render(&fixture, "dev", "bump cart", "cart:v1.0.0", "cart:v1.1.0");
    fixture
}

#[test]
fn each_hotfix_and_conflict_is_answered_there_and_then() {
    let fixture = diverged();
    // cart: the source's; payment: the target's; why; and yes, write it.
    let keys = format!("{DOWN}\r\rslow bank\ry\r");
    let (code, screen) = typed(&fixture, "promote staging", &keys);
    assert_eq!(code, 0, "{screen}");
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(product.contains("cart:v1.1.0"), "{product}\n{screen}");
    assert!(product.contains("TIMEOUT: \"9s\""), "{product}\n{screen}");
    let message = fixture.message_at("env/staging");
    assert!(message.contains("Gitops-Reason: slow bank"), "{message}");
    // It is remembered as if a flag had said it.
    fixture.run(&["promote", "staging", "--yes"]).code(0);
}

#[test]
fn a_person_who_stops_has_written_nothing() {
    let fixture = diverged();
    let before = fixture.remote_tip("env/staging");
    let keys = format!("{DOWN}{DOWN}\r");
    let (code, screen) = typed(&fixture, "promote staging", &keys);
    assert_eq!(code, 3, "{screen}");
    assert!(screen.contains("nothing was written"), "{screen}");
    assert_eq!(fixture.remote_tip("env/staging"), before);
}
