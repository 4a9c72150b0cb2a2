//! Text from outside, made safe for a terminal and for those who read its log. Nothing
//! else is changed: texts are neither shortened nor wrapped here.

use std::borrow::Cow;

use crate::confidential::redact_shapes;

/// One line without anything that a terminal would obey: escape sequences,
/// control characters and bidirectional overrides vanish, line breaks and tabs
/// become one space. What looks like a secret is masked: the last net, for texts that
/// quote one by accident.
pub fn clean(text: &str) -> Cow<'_, str> {
    masked(scrub(text, false))
}

/// Like [`clean`], but line breaks stay and tabs become four spaces.
pub fn clean_lines(text: &str) -> Cow<'_, str> {
    masked(scrub(text, true))
}

fn masked(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => redact_shapes(text),
        Cow::Owned(text) => Cow::Owned(redact_shapes(&text).into_owned()),
    }
}

fn scrub(text: &str, keep_lines: bool) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe)
        || (keep_lines && !text.chars().any(|c| c != '\n' && is_unsafe(c)))
    {
        return Cow::Borrowed(text);
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_escape(&mut rest),
            // The eight-bit spelling of ESC [.
            '\u{9b}' => skip_parameters(&mut rest),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\n' if keep_lines => result.push('\n'),
            '\t' if keep_lines => result.push_str("    "),
            '\n' | '\r' | '\t' => result.push(' '),
            c if is_unsafe(c) => {}
            c => result.push(c),
        }
    }
    Cow::Owned(result)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Leaves out the rest of an escape sequence (ECMA-48) whose ESC was just read.
fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_parameters(rest);
        }
        // OSC, DCS, SOS, PM and APC carry a string that ends with BEL or ESC \.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            while let Some(c) = rest.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' {
                    rest.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some(' '..='/') => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
        Some('0'..='~') => {
            rest.next();
        }
        _ => {}
    }
}

fn skip_parameters(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(clean("v1.4.2 — grün"), Cow::Borrowed(_)));
        assert!(matches!(clean_lines("a\nb"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_looks_like_a_secret_is_masked() {
        assert_eq!(
            clean("push to https://ann:hush@git.example.com failed: Bearer hush-0"),
            "push to https://***@git.example.com failed: Bearer ***"
        );
        assert_eq!(clean_lines("a\nghp_0123456789\n"), "a\n***\n");
    }

    #[test]
    fn colours_titles_and_links_vanish_whole() {
        assert_eq!(clean("\u{1b}[31;1mred\u{1b}[0m"), "red");
        assert_eq!(clean("\u{1b}]0;title\u{7}text"), "text");
        assert_eq!(clean("\u{1b}]8;;https://example.com\u{1b}\\link"), "link");
        assert_eq!(clean("\u{9b}2Jcleared"), "cleared");
        assert_eq!(clean("\u{1b}(0line\u{1b}c"), "line");
    }

    #[test]
    fn nothing_that_moves_the_cursor_is_left() {
        assert_eq!(clean("good\rbad\u{8}\u{8}\u{7f}"), "good bad");
        assert_eq!(clean("a\r\nb\tc"), "a b c");
        assert_eq!(clean_lines("a\r\n\tb\u{0}"), "a\n    b");
        assert_eq!(clean("\u{1b}"), "");
        assert_eq!(clean("\u{1b}]never ended"), "");
    }

    #[test]
    fn text_cannot_be_turned_around() {
        assert_eq!(clean("tag\u{202e}gnp.exe"), "taggnp.exe");
        assert_eq!(clean("a\u{2066}b\u{2069}"), "ab");
    }
}
