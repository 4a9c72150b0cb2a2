//! What a scalar is: as Kubernetes reads it (YAML 1.1 through sigs.k8s.io/yaml),
//! and whether any YAML version would read a text as something else than a string.

use super::node::{Scalar, Style};

/// A scalar as Kubernetes reads it. The text of strings stays in the node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resolved {
    /// Null, written or not.
    Null,
    /// `true`, but also `yes`, `on` and `y`.
    Bool(bool),
    /// A whole number; `0644` is 420 and `1_000` is 1000.
    Integer(i64),
    /// A whole number beyond `i64`.
    Unsigned(u64),
    /// Any other number, infinities and not-a-number included.
    Float(f64),
    /// A string.
    String,
}

/// The tag does not fit the text, or is not one we can read.
pub(super) struct BadTag;

pub(super) const CORE: &str = "tag:yaml.org,2002:";

/// Resolves a scalar with its tag.
pub(super) fn resolve_node(scalar: &Scalar, tag: Option<&str>) -> Result<Resolved, BadTag> {
    let Some(tag) = tag else {
        return Ok(match scalar.style {
            Style::Plain => resolve(&scalar.text),
            _ => Resolved::String,
        });
    };
    let Some(core) = tag.strip_prefix(CORE) else {
        return Ok(Resolved::String);
    };
    let read = resolve(&scalar.text);
    match (core, read) {
        ("str" | "timestamp", _) => Ok(Resolved::String),
        ("int", Resolved::Integer(_) | Resolved::Unsigned(_))
        | ("float", Resolved::Integer(_) | Resolved::Unsigned(_) | Resolved::Float(_))
        | ("bool", Resolved::Bool(_))
        | ("null", Resolved::Null) => Ok(read),
        _ => Err(BadTag),
    }
}

/// Resolves a plain scalar without a tag.
pub(super) fn resolve(text: &str) -> Resolved {
    let Some(first) = text.bytes().next() else {
        return Resolved::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => special(text)
            .or_else(|| float(text))
            .map_or(Resolved::String, Resolved::Float),
        b'+' | b'-' | b'0'..=b'9' => number(text),
        _ => Resolved::String,
    }
}

fn word(text: &str) -> Resolved {
    match text {
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        _ => Resolved::String,
    }
}

fn special(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

fn number(text: &str) -> Resolved {
    // Most text that starts with a digit is a version, a date or an address.
    if text.bytes().any(|b| !matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' | b'+' | b'-' | b'.' | b'_' | b'x' | b'X' | b'o' | b'O' | b'i' | b'I' | b'n' | b'N')) {
        return Resolved::String;
    }
    if let Some(number) = special(text) {
        return Resolved::Float(number);
    }
    if is_date(text) {
        return Resolved::String;
    }
    let owned;
    let plain = if text.contains('_') {
        owned = text.replace('_', "");
        &owned
    } else {
        text
    };
    if let Some(integer) = integer(plain) {
        return integer;
    }
    float(plain).map_or(Resolved::String, Resolved::Float)
}

/// Go's `ParseInt(text, 0, 64)` and `ParseUint(text, 0, 64)`.
fn integer(text: &str) -> Option<Resolved> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(size).map(Resolved::Integer);
    }
    match i64::try_from(size) {
        Ok(number) => Some(Resolved::Integer(number)),
        Err(_) if !signed => Some(Resolved::Unsigned(size)),
        Err(_) => None,
    }
}

fn float(text: &str) -> Option<f64> {
    if !has_float_shape(text) {
        return None;
    }
    // Go reports a number out of range as an error, and the text stays a string.
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn has_float_shape(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some((whole, part)) => {
            digits(whole) && digits(part) && !(whole.is_empty() && part.is_empty())
        }
        None => !mantissa.is_empty() && digits(mantissa),
    };
    mantissa_fits
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        })
}

/// `YYYY-M-D`, alone or followed by a time.
fn is_date(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let number = |part: &str, longest: usize| {
        !part.is_empty() && part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit())
    };
    let day = rest.split(['T', 't', ' ', '\t']).next().unwrap_or(rest);
    year.len() == 4 && number(year, 4) && number(month, 2) && number(day, 2)
}

/// `1:20:30`, a number to base 60 for YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = rest.split(':');
    let first = parts.next().unwrap_or_default();
    let mut more = 0;
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && parts.all(|part| {
            more += 1;
            part.starts_with(|c: char| c.is_ascii_digit())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_'))
        })
        && more > 0
}

/// True when YAML 1.1 or 1.2 would read the text, written without quotes, as
/// something else than a string.
pub(super) fn reads_as_other(text: &str) -> bool {
    if resolve(text) != Resolved::String || matches!(text, "=" | "<<") {
        return true;
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return false;
    }
    let plain = text.replace('_', "");
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let based = |prefixes: [&str; 2], fits: fn(&u8) -> bool| {
        prefixes.iter().any(|prefix| {
            unsigned
                .strip_prefix(prefix)
                .is_some_and(|digits| digits.as_bytes().iter().all(fits))
        })
    };
    has_float_shape(&plain)
        || is_date(text)
        || is_sexagesimal(text)
        || based(["0x", "0X"], u8::is_ascii_hexdigit)
        || based(["0o", "0O"], u8::is_ascii_digit)
        || based(["0b", "0B"], u8::is_ascii_digit)
        || special(&plain.to_ascii_lowercase()).is_some()
        || plain.eq_ignore_ascii_case("+.nan")
        || plain.eq_ignore_ascii_case("-.nan")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn plain_scalars_are_read_as_kubernetes_reads_them() {
        use Resolved::{Bool, Float, Integer, Null, String, Unsigned};
        // Each line was checked against sigs.k8s.io/yaml 1.6.
        for (text, expected) in [
            ("0644", Integer(420)),
            ("0o17", Integer(15)),
            ("0x1F", Integer(31)),
            ("0b101", Integer(5)),
            ("-0b11", Integer(-3)),
            ("1_000", Integer(1000)),
            ("+5", Integer(5)),
            ("-0", Integer(0)),
            ("08", Float(8.0)),
            ("1.10", Float(1.1)),
            ("1e5", Float(100_000.0)),
            ("1234e56", Float(1234e56)),
            (".5", Float(0.5)),
            ("5.", Float(5.0)),
            ("-.inf", Float(f64::NEG_INFINITY)),
            ("9223372036854775808", Unsigned(9_223_372_036_854_775_808)),
            ("-9223372036854775808", Integer(i64::MIN)),
            ("18446744073709551616", Float(18_446_744_073_709_551_616.0)),
            ("yes", Bool(true)),
            ("On", Bool(true)),
            ("y", Bool(true)),
            ("N", Bool(false)),
            ("off", Bool(false)),
            ("yEs", String),
            ("~", Null),
            ("", Null),
            ("null", Null),
            ("NULL", Null),
            ("1:20:30", String),
            ("2001-12-14", String),
            ("1.2.3", String),
            ("1e999", String),
            ("0x", String),
            ("-", String),
            ("+", String),
            ("--5", String),
            ("0x-5", String),
            ("_1", String),
            ("12Mi", String),
            ("infinity", String),
            ("nan", String),
            ("1inf", String),
            (".", String),
            ("..", String),
        ] {
            assert_eq!(resolve(text), expected, "{text}");
        }
    }

    #[test]
    fn tags_decide_before_the_text_does() {
        let scalar = |text: &str, style| Scalar {
            text: text.into(),
            style,
        };
        let read = |text, style, tag: &str| {
            resolve_node(&scalar(text, style), Some(&format!("{CORE}{tag}"))).ok()
        };
        assert_eq!(read("3", Style::Plain, "str"), Some(Resolved::String));
        assert_eq!(
            read("3", Style::DoubleQuoted, "int"),
            Some(Resolved::Integer(3))
        );
        assert_eq!(read("three", Style::Plain, "int"), None);
        assert_eq!(read("", Style::Plain, "null"), Some(Resolved::Null));
        assert!(matches!(
            resolve_node(&scalar("3", Style::Plain), Some("!mine")),
            Ok(Resolved::String)
        ));
    }

    #[test]
    fn text_that_some_yaml_reads_as_no_string_is_known() {
        for text in [
            "on",
            "y",
            "1_000",
            "0x1f",
            "0o17",
            "1e5",
            "1234e56",
            "2024-01-02",
            "1:20:30",
            "~",
            "1.10",
            "",
            "null",
            "1e999",
            ".5_0",
            "0b2",
            "190:20:30.15",
            "2001-12-14t21:59:43.10-05:00",
            "<<",
            "=",
            "-.INF",
            "0x_1",
            "123456789012345678901234567890",
        ] {
            assert!(reads_as_other(text), "{text}");
        }
        for text in [
            "1.4.2",
            "v1.10",
            "1.10-alpine",
            "2024.01.02",
            "sha256:12",
            "10.0.0.1",
            "a",
            "nginx:1.2",
            "1.2.3+4",
            "12abc",
            "-x",
            "1:x",
            ".env",
            "2024-1",
        ] {
            assert!(!reads_as_other(text), "{text}");
        }
    }
}
