//! A text as it reads once its escapes are resolved, with the place of each byte: what was
//! sent may come back percent-encoded, in JSON, in HTML, or broken over lines.

use std::ops::Range;

/// Words that Git puts before each line of a server.
const PREFIX: &str = "remote:";

/// The bytes of a text without escapes and white space.
#[derive(Debug)]
pub(super) struct Folded {
    bytes: Vec<u8>,
    /// Where in the text each of them is written.
    places: Vec<(usize, usize)>,
}

impl Folded {
    pub(super) fn of(text: &str) -> Self {
        let mut folded = Self {
            bytes: Vec::with_capacity(text.len()),
            places: Vec::with_capacity(text.len()),
        };
        let mut at = 0;
        while let Some(&byte) = text.as_bytes().get(at) {
            if byte.is_ascii_whitespace() || byte == b'+' {
                at += 1;
                if byte == b'\n' {
                    at += prefix(&text[at..]);
                }
                continue;
            }
            let escape = match byte {
                b'%' => percent(&text.as_bytes()[at..]),
                b'\\' => backslash(&text[at..]),
                b'&' => entity(&text[at..]),
                _ => None,
            };
            match escape {
                Some((character, length)) => {
                    let mut buffer = [0; 4];
                    match character {
                        Read::Byte(byte) => folded.push(&[byte], at, length),
                        Read::Char(c) => {
                            folded.push(c.encode_utf8(&mut buffer).as_bytes(), at, length);
                        }
                    }
                    at += length;
                }
                None => {
                    folded.push(&[byte], at, 1);
                    at += 1;
                }
            }
        }
        folded
    }

    fn push(&mut self, bytes: &[u8], at: usize, length: usize) {
        for byte in bytes.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            self.bytes.push(*byte);
            self.places.push((at, at + length));
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The parts of the text that read like this.
    /// `text` is the one that was folded.
    pub(super) fn find(&self, needle: &[u8], text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let Some(first) = needle.first() else {
            return found;
        };
        let mut at = 0;
        while let Some(step) = self.bytes[at..].iter().position(|byte| byte == first) {
            let start = at + step;
            let end = start + needle.len();
            if self.bytes.get(start..end) == Some(needle) {
                // A secret may end with half a character.
                let from = text.floor_char_boundary(self.places[start].0);
                found.push(from..text.ceil_char_boundary(self.places[end - 1].1));
                at = end;
            } else {
                at = start + 1;
            }
        }
        found
    }
}

/// What an escape means.
enum Read {
    Byte(u8),
    Char(char),
}

/// How much of the beginning of a line Git has put there.
fn prefix(line: &str) -> usize {
    let rest = line.trim_start_matches([' ', '\t']);
    match rest.starts_with(PREFIX) {
        true => line.len() - rest.len() + PREFIX.len(),
        false => 0,
    }
}

fn percent(text: &[u8]) -> Option<(Read, usize)> {
    let digits = std::str::from_utf8(text.get(1..3)?).ok()?;
    is_hex(digits).then_some(())?;
    Some((Read::Byte(u8::from_str_radix(digits, 16).ok()?), 3))
}

/// JSON's, and those of most languages.
fn backslash(text: &str) -> Option<(Read, usize)> {
    let kind = text[1..].chars().next()?;
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|digits| is_hex(digits))?;
        Some((u32::from_str_radix(digits, 16).ok()?, to))
    };
    match kind {
        'u' => {
            let (code, length) = number(2, 6)?;
            Some((Read::Char(char::from_u32(code)?), length))
        }
        'x' => {
            let (code, length) = number(2, 4)?;
            Some((Read::Byte(u8::try_from(code).ok()?), length))
        }
        'n' | 'r' | 't' => Some((Read::Byte(b' '), 2)),
        '"' | '\'' | '/' | '\\' => Some((Read::Char(kind), 2)),
        _ => None,
    }
}

fn entity(text: &str) -> Option<(Read, usize)> {
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((Read::Char(character), end + 1))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        String::from_utf8(Folded::of(text).bytes).unwrap()
    }

    #[test]
    fn escapes_are_resolved() {
        for text in [
            "a/b<c&d\u{f6}",
            "a%2Fb%3cc%26d%C3%B6",
            "a\\/b\\u003cc\\u0026d\\u00f6",
            "a&#47;b&lt;c&amp;d&#xF6;",
            "a/b<\nremote: c&d\u{f6}",
            "a/ b<\r\n   c&\\x64\u{f6}",
        ] {
            assert_eq!(read(text), "a/b<c&d\u{f6}", "{text}");
        }
        for (text, same) in [
            ("%", "%"),
            ("%zz", "%zz"),
            ("\\", "\\"),
            ("&x", "&x"),
            ("%+1", "%1"),
        ] {
            assert_eq!(read(text), same, "{text}");
        }
    }

    #[test]
    fn what_is_found_is_where_it_is_written() {
        let text = "no pa%2fss\nremote: word, no";
        let found = Folded::of(text).find(b"pa/ssword", text);
        assert_eq!(found.len(), 1);
        assert_eq!(&text[found[0].clone()], "pa%2fss\nremote: word");
        assert!(Folded::of(text).find(b"", text).is_empty());
        let half = Folded::of("abc\u{f6}").find(b"abc\xc3", "abc\u{f6}");
        assert_eq!(half, vec![0..5]);
        assert!(Folded::of("aab").find(b"ab", "aab").len() == 1);
    }
}
