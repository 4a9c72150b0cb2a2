//! Text from outside, made fit for a person's terminal: credentials in addresses
//! masked, control characters removed.

use std::sync::LazyLock;

use regex::{Captures, Regex};

#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
static USER_INFO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\b([a-z][a-z0-9+.-]*://)([^/\s'\x22]+)@").unwrap());

#[expect(
    clippy::unwrap_used,
    reason = "a literal pattern that the tests compile"
)]
static QUERY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)([?&](?:[a-z_-]*token|password|secret|key)=)[^&\s'\x22]+").unwrap()
});

/// Hides what stands before the `@` of a URL, and tokens in its query. An SSH
/// user without a password is no secret and stays.
pub fn mask(text: &str) -> String {
    if !text.contains(['@', '=']) {
        return text.to_owned();
    }
    let text = USER_INFO.replace_all(text, |found: &Captures<'_>| {
        let (scheme, user) = (&found[1], &found[2]);
        if scheme.to_ascii_lowercase().contains("ssh") && !user.contains(':') {
            found[0].to_owned()
        } else {
            format!("{scheme}***@")
        }
    });
    QUERY.replace_all(&text, "$1***").into_owned()
}

/// Removes terminal escapes, other control characters and the marks that turn
/// the reading direction. Line breaks stay.
pub fn clean(text: &str) -> String {
    let text = console::strip_ansi_codes(text);
    text.replace('\r', "\n")
        .chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .filter(|c| *c == '\n' || !c.is_control())
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .collect()
}

/// Cleaned, masked, and without blank lines.
pub fn presentable(text: &str) -> String {
    let text = mask(&clean(text));
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_masked() {
        for (given, wanted) in [
            (
                "fatal: unable to access 'https://ada:s3cr3t@git.example.com/x.git/': 403",
                "fatal: unable to access 'https://***@git.example.com/x.git/': 403",
            ),
            (
                "https://ghp_token@example.com/x",
                "https://***@example.com/x",
            ),
            ("https://a:p@ss@example.com/x", "https://***@example.com/x"),
            ("ssh://git@example.com/x", "ssh://git@example.com/x"),
            ("ssh://git:pw@example.com/x", "ssh://***@example.com/x"),
            (
                "https://example.com/x?private_token=abc&y=1",
                "https://example.com/x?private_token=***&y=1",
            ),
            ("git@example.com:x.git", "git@example.com:x.git"),
            ("see https://example.com/a@b", "see https://example.com/a@b"),
        ] {
            assert_eq!(mask(given), wanted);
        }
    }

    #[test]
    fn a_server_cannot_drive_the_terminal() {
        let evil = "remote: \u{1b}[31mred\u{1b}]0;title\u{7} \u{202e}txt\r\n\n\u{9b}2Jx";
        let shown = presentable(evil);
        assert!(shown.starts_with("remote: red"), "{shown:?}");
        assert!(
            shown.chars().all(|c| c == '\n' || !c.is_control()),
            "{shown:?}"
        );
        assert!(!shown.contains('\u{202e}'));
    }
}
