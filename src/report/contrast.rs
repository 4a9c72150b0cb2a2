//! Two values that differ, each on one line: cut around the place where they differ, and
//! never printed as the same text, unless what makes the difference must not be shown.

use serde_json::Value;

use super::clean;

/// How many characters of a value fit on a line.
const LONGEST: usize = 60;
/// How many characters of what both have in common are shown before the difference.
const BEFORE: usize = 16;
/// How many characters are shown from the difference on, at least.
const AFTER: usize = 16;

/// Returns one value on one line, cut at its end: texts as they are, maps and lists as JSON.
pub fn one_line(value: &Value) -> String {
    cut(&clean(&plain(value)), 0)
}

/// Returns one value on one line beside `word`, which says that the other side has none:
/// a text that reads like that word is quoted.
pub fn one_line_beside(value: &Value, word: &str) -> String {
    let text = one_line(value);
    if text == word { quoted(value) } else { text }
}

/// Returns two values, each on one line. The texts are the same only where the values are,
/// or where what differs is masked.
pub fn contrast(one: &Value, other: &Value) -> (String, String) {
    let is_shown = |value: &Value| !is_masked(value);
    let forms: &[fn(&Value) -> String] = match one != other && is_shown(one) && is_shown(other) {
        true => &[plain, quoted, escaped],
        false => &[plain],
    };
    for form in forms {
        let (one, other) = (form(one), form(other));
        let (one, other) = (clean(&one), clean(&other));
        if one != other {
            return cut_both(&one, &other);
        }
    }
    (one_line(one), one_line(other))
}

/// Whether something of the text is masked. Another form of it could show that.
fn is_masked(value: &Value) -> bool {
    let text = plain(value);
    matches!(crate::confidential::redact_shapes(&text), std::borrow::Cow::Owned(shown) if shown != text)
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.trim_end_matches('\n').to_owned(),
        other => other.to_string(),
    }
}

/// As JSON: that tells a number from the text of it, and shows line breaks.
fn quoted(value: &Value) -> String {
    value.to_string()
}

/// As JSON in ASCII: that shows what a terminal does not.
fn escaped(value: &Value) -> String {
    let is_plain = |c: char| c.is_ascii() && !c.is_ascii_control();
    let escape = |c: char| match is_plain(c) {
        true => c.to_string(),
        false => c.escape_unicode().to_string(),
    };
    quoted(value).chars().map(escape).collect()
}

/// Cuts two different texts so that both show where they begin to differ.
fn cut_both(one: &str, other: &str) -> (String, String) {
    let is_long = |text: &str| text.chars().nth(LONGEST).is_some();
    if !is_long(one) && !is_long(other) {
        return (one.to_owned(), other.to_owned());
    }
    let pairs = one.chars().zip(other.chars());
    let same = pairs.take_while(|(a, b)| a == b).count();
    let start = match same + AFTER <= LONGEST {
        true => 0,
        false => same - BEFORE,
    };
    (cut(one, start), cut(other, start))
}

/// A line's worth of a text from the character `start` on, with dots where something is missing.
fn cut(text: &str, start: usize) -> String {
    let mut rest = text.chars().skip(start);
    let shown: String = rest.by_ref().take(LONGEST).collect();
    let before = if start > 0 { "…" } else { "" };
    let behind = if rest.next().is_some() { "…" } else { "" };
    format!("{before}{shown}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Texts that are told apart badly: alike to the eye, long, or different at one place.
    fn awkward() -> Vec<Value> {
        let long = |length: usize| "abcdefghij".repeat(length / 10);
        let mut all = vec![
            json!(null),
            json!("null"),
            json!(1),
            json!("1"),
            json!(""),
            json!("\"\""),
            json!("a"),
            json!("a\n"),
            json!("a\nb"),
            json!("a b"),
            json!("a\tb"),
            json!("a\u{1b}[31mb"),
            json!("ab"),
            json!("a\u{202e}b"),
            json!("a\u{9b}b"),
            json!([1, 2]),
            json!("[1,2]"),
            json!({"a": 1}),
            json!("{\"a\":1}"),
            json!("…"),
            json!("ä"),
        ];
        for length in [40, 50, 60, 70, 200] {
            for place in [0, 30, 45, 59, 60, 61, length - 1] {
                let mut text = long(length);
                if place < length {
                    text.replace_range(place..=place, "X");
                }
                all.push(json!({"list": ["x", text.clone()]}));
                all.push(Value::String(format!("{text}…")));
                all.push(Value::String(text));
            }
        }
        all.dedup();
        all
    }

    #[test]
    fn different_values_are_never_the_same_text() {
        let all = awkward();
        for one in &all {
            for other in &all {
                let (left, right) = contrast(one, other);
                assert_eq!(left == right, one == other, "{one} {other}: {left}");
                assert_eq!(clean(&left), left);
                let longest = LONGEST + 2;
                assert!(left.chars().count() <= longest, "{left}");
                assert!(right.chars().count() <= longest, "{right}");
            }
        }
    }

    #[test]
    fn long_texts_are_cut_around_the_difference() {
        let text = |end: &str| Value::String(format!("{}/{end}", "path/".repeat(30)));
        let (one, other) = contrast(&text("dev/one"), &text("prod/one"));
        assert_eq!(one, "…path/path/path//dev/one");
        assert_eq!(other, "…path/path/path//prod/one");
    }

    #[test]
    fn what_is_masked_stays_masked() {
        let text =
            |password: &str| Value::String(format!("https://ann:{password}@example.com/a\n"));
        let (one, other) = contrast(&text("hunter2"), &text("swordfish"));
        assert!(
            !one.contains("hunter2") && !other.contains("swordfish"),
            "{one} {other}"
        );
    }

    #[test]
    fn a_value_that_reads_like_an_absent_one_is_quoted() {
        assert_eq!(one_line_beside(&json!("absent"), "absent"), "\"absent\"");
        assert_eq!(one_line_beside(&json!("present"), "absent"), "present");
    }
}
