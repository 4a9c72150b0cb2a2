//! The formats of text and numbers that the API server checks while decoding.

use serde_json::Value;

/// Why a value is not of a format; `None` when it is, or when the format is
/// one that the server does not enforce.
pub(super) fn refusal(format: &str, value: &Value) -> Option<String> {
    match (format, value) {
        ("int32", Value::Number(number)) => {
            let fits = whole(number).is_some_and(|whole| i32::try_from(whole).is_ok());
            (!fits).then(|| format!("is {number}, which does not fit into 32 bits"))
        }
        ("int64", Value::Number(number)) => whole(number)
            .is_none()
            .then(|| format!("is {number}, which does not fit into 64 bits")),
        ("quantity", value) => quantity_refusal(value),
        ("date-time", Value::String(text)) => (!is_date_time(text)).then(|| {
            "is not a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z".to_owned()
        }),
        ("byte", Value::String(text)) => {
            use base64::Engine as _;
            let plain: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            let refused = base64::engine::general_purpose::STANDARD
                .decode(plain)
                .is_err();
            refused.then(|| "is not base64".to_owned())
        }
        _ => None,
    }
}

/// A number that is whole in JSON, where 5.0 is written 5.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number
        .as_i64()
        .or_else(|| format!("{number}").strip_suffix(".0")?.parse().ok())
}

fn quantity_refusal(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    (!is_quantity(&text)).then(|| "is not a quantity, such as 500m, 2 or 64Mi".to_owned())
}

/// Whether a text is a Kubernetes quantity: a signed number and a suffix.
pub fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(digits);
    let plain_number = number.bytes().filter(|byte| *byte == b'.').count() <= 1
        && number.bytes().any(|byte| byte.is_ascii_digit());
    plain_number && is_suffix(suffix)
}

fn is_suffix(suffix: &str) -> bool {
    if matches!(
        suffix,
        "" | "n"
            | "u"
            | "m"
            | "k"
            | "M"
            | "G"
            | "T"
            | "P"
            | "E"
            | "Ki"
            | "Mi"
            | "Gi"
            | "Ti"
            | "Pi"
            | "Ei"
    ) {
        return true;
    }
    let Some(exponent) = suffix.strip_prefix(['e', 'E']) else {
        return false;
    };
    exponent
        .strip_prefix(['+', '-'])
        .unwrap_or(exponent)
        .parse::<u16>()
        .is_ok()
}

fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let at =
        |index: usize, wanted: &[u8]| bytes.get(index).is_some_and(|byte| wanted.contains(byte));
    let date = digits(0..4) && at(4, b"-") && digits(5..7) && at(7, b"-") && digits(8..10);
    let time = at(10, b"T")
        && digits(11..13)
        && at(13, b":")
        && digits(14..16)
        && at(16, b":")
        && digits(17..19);
    if !date || !time {
        return false;
    }
    let rest = &text[19..];
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().unwrap_or(u32::MAX);
    let in_range = (1..=12).contains(&number(5..7))
        && (1..=31).contains(&number(8..10))
        && number(11..13) < 24
        && number(14..16) < 60
        && number(17..19) < 60;
    let zone = zone == "Z"
        || (zone.len() == 6 && zone.starts_with(['+', '-']) && zone.as_bytes()[3] == b':');
    in_range && zone
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn quantities() {
        for good in [
            "0", "500m", "1.5Gi", ".5", "1.", "-1k", "+2", "1e3", "12E-2", "100u", "3n", "2E",
            "64Mi",
        ] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in [
            "", "abc", "1 Gi", "64MB", "64mi", "1.2.3", "1e", "0x10", "64Mib", "--1", ".", "1K",
        ] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }

    #[test]
    fn formats_refuse_what_the_server_refuses() {
        assert_eq!(refusal("int32", &json!(80)), None);
        assert!(refusal("int32", &json!(3_000_000_000_u64)).is_some());
        assert_eq!(refusal("byte", &json!("aGk=")), None);
        assert_eq!(refusal("byte", &json!("aGk\n=")), None);
        assert!(refusal("byte", &json!("not base64")).is_some());
        assert_eq!(
            refusal("date-time", &json!("2026-01-31T12:00:00.5+01:00")),
            None
        );
        assert!(refusal("date-time", &json!("2026-01-31")).is_some());
        assert!(refusal("date-time", &json!("2026-13-31T12:00:00Z")).is_some());
        assert_eq!(refusal("hostname", &json!("anything")), None);
    }
}
