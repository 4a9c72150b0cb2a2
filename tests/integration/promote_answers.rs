//! Hotfixes and conflicts that a person decides at the terminal.

use crate::support::repo::Fixture;
use crate::support::shop::{self, edit_and_render};
use crate::support::terminal::{CTRL_C, DOWN, ESCAPE, Terminal};

/// Runs our executable on a terminal where a person types this.
fn typed(fixture: &Fixture, words: &str, keys: &str) -> (i32, String) {
    let mut terminal = Terminal::run(&fixture.env, &fixture.clone, words);
    terminal.press(keys);
    terminal.end()
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

#[test]
fn escape_at_a_question_is_as_good_as_ctrl_c() {
    let fixture = diverged();
    let before = fixture.remote_tip("env/staging");
    for key in [ESCAPE, CTRL_C] {
        let mut terminal = Terminal::run(&fixture.env, &fixture.clone, "promote staging");
        terminal.shows("> keep ").press(key);
        let (code, screen) = terminal.end();
        assert_eq!(code, 130, "{screen:?}");
        assert!(screen.trim_end().ends_with("interrupted"), "{screen:?}");
    }
    assert_eq!(fixture.remote_tip("env/staging"), before);
}
