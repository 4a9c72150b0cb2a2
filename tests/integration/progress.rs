//! What a person sees while registries are asked, and what a pipeline does not.

use std::time::Duration;

use super::bump_image::{registry, shop};
use super::support::Fixture;
use super::support::faults::{Fault, FaultProxy, dead_address};
use super::support::githttp::GitHttp;
use super::support::registry::TestRegistry;
use super::support::terminal::{CTRL_C, SHOW_CURSOR, Terminal};

/// A registry that takes its time to list the tags of `cart`.
fn slow(time: Duration) -> (TestRegistry, FaultProxy, Fixture) {
    let registry = registry();
    registry.push("shop/cart", "v1.1.0");
    let proxy = FaultProxy::start(registry.address(), move |_, target| {
        match target.contains("/cart/tags/") {
            true => Fault::Delay(time),
            false => Fault::Pass,
        }
    });
    let fixture = shop(&proxy.address().to_string());
    (registry, proxy, fixture)
}

const WORDS: &str = "bump-image --env dev --dry-run";

#[test]
fn a_bar_tells_how_many_answers_came_and_who_is_waited_for() {
    let (_registry, proxy, fixture) = slow(Duration::from_secs(2));
    let host = proxy.address().to_string();
    for (words, variables) in [
        (WORDS.to_owned(), [("NO_COLOR", "1")].as_slice()),
        (format!("{WORDS} -o json"), [].as_slice()),
    ] {
        let mut terminal = Terminal::run_with(&fixture.env, &fixture.clone, &words, variables);
        terminal
            .shows("tags [")
            .shows("1/2 waiting for ")
            .shows(&host);
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        let (_, after) = screen.rsplit_once("waiting for").unwrap();
        assert!(after.contains("\u{1b}[2K"), "the bar is gone: {screen:?}");
        assert!(after.contains("v1.1.0"), "{screen:?}");
    }
}

#[test]
fn pipelines_and_dumb_terminals_see_the_answer_only() {
    let (_registry, _proxy, fixture) = slow(Duration::ZERO);
    for variables in [("CI", "true"), ("TERM", "dumb")] {
        let terminal = Terminal::run_with(&fixture.env, &fixture.clone, WORDS, &[variables]);
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains("v1.1.0"), "{screen}");
        assert!(
            !screen.contains("waiting") && !screen.contains("asking"),
            "{screen:?}"
        );
        assert!(!screen.contains("\u{1b}[2K"), "{screen:?}");
    }
    let piped = fixture
        .run(&["bump-image", "--env", "dev", "--dry-run"])
        .code(0);
    assert_eq!(piped.stderr, "");
}

#[test]
fn ctrl_c_while_a_registry_is_slow_leaves_a_clean_line() {
    let (_registry, _proxy, fixture) = slow(Duration::from_secs(60));
    let before = fixture.remote_tip("env/dev");
    let mut terminal = Terminal::run(&fixture.env, &fixture.clone, "bump-image --env dev --yes");
    terminal.shows("1/2 waiting for ").press(CTRL_C);
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen:?}");
    let (_, after) = screen.rsplit_once("waiting for").unwrap();
    let cleared = after.find("\u{1b}[2K").expect("the bar is gone");
    assert!(after[cleared..].ends_with("interrupted\r\n"), "{screen:?}");
    assert!(screen.contains(SHOW_CURSOR), "{screen:?}");
    assert_eq!(fixture.remote_tip("env/dev"), before);
}

#[test]
fn git_asks_for_a_password_undisturbed_while_the_remote_is_waited_for() {
    let fixture = shop(&dead_address().to_string());
    let server = GitHttp::start(fixture.env.path(), "ada", "hunter2");
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["remote", "set-url", "origin", &server.url("origin.git")]);
    let asked = [("GIT_TERMINAL_PROMPT", "1")];
    let words = "bump-image vm=4.2.2 --env dev";
    let mut terminal = Terminal::run_with(&fixture.env, &fixture.clone, words, &asked);
    for (question, answer) in [("Username for ", "ada\r"), ("Password for ", "hunter2\r")] {
        terminal.shows(question).shows("': ");
        std::thread::sleep(Duration::from_millis(500));
        let screen = terminal.screen();
        assert!(
            screen.ends_with("': "),
            "drawn over the question: {screen:?}"
        );
        terminal.press(answer);
    }
    terminal.shows("write this to").press("n\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen:?}");
    assert!(!screen.contains("hunter2"), "{screen:?}");
}
