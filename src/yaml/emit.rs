//! Values → YAML text, and quotes where a reader of YAML 1.1 or 1.2 would
//! otherwise see something else than the string.

use serde_json::Value;

use super::node::Style;
use super::scalar;
use super::written::Written;

/// What strings of the form of [`Written`] mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalars {
    /// Strings like any other.
    Json,
    /// Scalars as they were written.
    Written,
}

/// A value as block YAML, as kubectl prints it: two blanks per level, lists not indented,
/// keys in the value's own order, a line break at the end.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => block(&mut out, value, 0, Scalars::Json),
        Value::Array(items) if !items.is_empty() => block(&mut out, value, 0, Scalars::Json),
        other => {
            scalar_text(&mut out, other, 0, Scalars::Json);
            out.push('\n');
        }
    }
    out
}

/// A map as block YAML, with scalars as they were written ([`Written`]).
pub fn to_yaml_as_written(value: &Value) -> String {
    let mut out = String::new();
    block(&mut out, value, 0, Scalars::Written);
    out
}

/// True when a string must be quoted to stay this string, in block style, for every reader.
pub fn needs_quotes(text: &str) -> bool {
    !is_plain(text, false)
}

/// The text as a YAML scalar of one line: without quotes when it can be, else in double quotes.
pub fn quote(text: &str) -> String {
    styled(text, Style::Plain, false)
}

/// A whole block collection at an indentation, each line ended.
pub(super) fn block(out: &mut String, value: &Value, indent: usize, scalars: Scalars) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                pad(out, indent);
                entry(out, (key, value), indent, scalars);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(out, indent);
                out.push_str("- ");
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        for (at, (key, value)) in map.iter().enumerate() {
                            if at > 0 {
                                pad(out, indent + 2);
                            }
                            entry(out, (key, value), indent + 2, scalars);
                        }
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        let mut nested = String::new();
                        block(&mut nested, item, indent + 2, scalars);
                        out.push_str(nested.trim_start_matches(' '));
                    }
                    other => {
                        scalar_text(out, other, indent + 2, scalars);
                        end_line(out);
                    }
                }
            }
        }
        other => {
            pad(out, indent);
            scalar_text(out, other, indent, scalars);
            end_line(out);
        }
    }
}

/// `key: value` from the key on, each line ended.
pub(super) fn entry(
    out: &mut String,
    (key, value): (&str, &Value),
    indent: usize,
    scalars: Scalars,
) {
    out.push_str(&styled(key, Style::Plain, false));
    out.push(':');
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(out, value, indent + 2, scalars);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(out, value, indent, scalars);
        }
        other => {
            out.push(' ');
            scalar_text(out, other, indent + 2, scalars);
            end_line(out);
        }
    }
}

fn end_line(out: &mut String) {
    // A scalar that is not written leaves the blank that was to stand before it.
    if out.ends_with(' ') {
        out.pop();
    }
    // A literal ends its own lines.
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// A scalar, or an empty collection; strings of several lines as a literal with its lines at `indent`.
pub(super) fn scalar_text(out: &mut String, value: &Value, indent: usize, scalars: Scalars) {
    match value {
        Value::String(_) if is_written(value, scalars) => written_text(out, value, indent),
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => string_text(out, text, indent),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

fn is_written(value: &Value, scalars: Scalars) -> bool {
    scalars == Scalars::Written && Written::of(value).is_some()
}

/// A scalar as it was written, but for the style of strings; lines of a literal at `indent`.
fn written_text(out: &mut String, value: &Value, indent: usize) {
    let Some(written) = Written::of(value) else {
        return;
    };
    if !written.tag.is_empty() {
        out.push_str(&written.short_tag());
        out.push(' ');
    }
    match written.is_string {
        true => string_text(out, written.text, indent),
        false => out.push_str(written.text),
    }
}

fn string_text(out: &mut String, text: &str, indent: usize) {
    match literal(text, indent) {
        Some(literal) => out.push_str(&literal),
        None => out.push_str(&styled(text, Style::Plain, false)),
    }
}

/// A string of several lines as `|`, when that keeps every byte for every reader.
pub(super) fn literal(text: &str, indent: usize) -> Option<String> {
    let body = text.trim_end_matches('\n');
    let fits = body.contains('\n') || (text.ends_with('\n') && !body.is_empty());
    let odd = |line: &str| {
        line.ends_with([' ', '\t'])
            || line.starts_with('\t')
            || line.chars().any(|c| c != '\t' && must_escape(c))
    };
    if !fits || body.starts_with([' ', '\n']) || body.lines().any(odd) || body.contains('\r') {
        return None;
    }
    let mut out = String::from(match text.len() - body.len() {
        0 => "|-\n",
        1 => "|\n",
        _ => "|+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(&mut out, indent.max(1));
            out.push_str(line);
        }
        out.push('\n');
    }
    for _ in 2..=(text.len() - body.len()) {
        out.push('\n');
    }
    Some(out)
}

/// A scalar of one line in a wanted style, or in double quotes where that style cannot hold it.
pub(super) fn styled(text: &str, style: Style, flow: bool) -> String {
    let printable = !text.chars().any(must_escape);
    match style {
        Style::SingleQuoted if printable => format!("'{}'", text.replace('\'', "''")),
        Style::Plain if is_plain(text, flow) => text.to_owned(),
        _ => double_quoted(text),
    }
}

/// A value on one line, as it stands inside `{}` and `[]`.
pub(super) fn flow(out: &mut String, value: &Value, scalars: Scalars) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                flow(out, item, scalars);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                out.push_str(&styled(key, Style::Plain, true));
                out.push_str(": ");
                flow(out, value, scalars);
            }
            out.push('}');
        }
        Value::String(_) if is_written(value, scalars) => {
            if let Some(written) = Written::of(value) {
                written_flow(out, written);
            }
        }
        Value::String(text) => out.push_str(&styled(text, Style::Plain, true)),
        other => scalar_text(out, other, 0, scalars),
    }
}

fn written_flow(out: &mut String, written: Written<'_>) {
    let text = match written.is_string {
        true => styled(written.text, Style::Plain, true),
        false => written.text.to_owned(),
    };
    match (written.tag, text.as_str()) {
        // A list cannot have an item of which nothing is written.
        ("", "") => out.push_str("null"),
        ("", text) => out.push_str(text),
        _ => out.push_str(format!("{} {text}", written.short_tag()).trim_end()),
    }
}

/// True when the text may stand without quotes on one line.
pub(super) fn is_plain(text: &str, flow: bool) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return false;
    };
    let second = chars.next();
    let starts = match first {
        '-' => {
            second.is_some_and(|c| c != ' ' && !(flow && is_flow_sign(c)))
                && !text.starts_with("---")
        }
        c => !c.is_whitespace() && !"?:,[]{}#&*!|>'\"%@`".contains(c),
    };
    starts
        && !text.starts_with("...")
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.chars().any(must_escape)
        && !(flow && (text.contains(is_flow_sign) || text.contains(":?")))
        && !scalar::reads_as_other(text)
}

fn is_flow_sign(c: char) -> bool {
    matches!(c, ',' | '[' | ']' | '{' | '}')
}

/// Characters that only double quotes can hold for every reader.
fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn double_quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if must_escape(c) => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::parse_values;
    use super::*;
    use serde_json::json;

    #[test]
    fn values_look_as_kubectl_prints_them() {
        let value = json!({
            "apiVersion": "v1", "data": {"a": "x\ny\n", "b": "1.10", "c": "yes", "d": "v1.2.3", "e": "", "f": "# no", "g": "a: b"},
            "list": [{"name": "x", "args": ["-v", "--k=1"]}, "plain", [1, [2]], {}], "empty": {}, "none": null, "n": 3, "f": 0.5, "t": true
        });
        assert_eq!(
            to_yaml(&value),
            "apiVersion: v1\ndata:\n  a: |\n    x\n    y\n  b: \"1.10\"\n  c: \"yes\"\n  d: v1.2.3\n  e: \"\"\n  f: \"# no\"\n  g: \"a: b\"\nlist:\n- name: x\n  args:\n  - -v\n  - --k=1\n- plain\n- - 1\n  - - 2\n- {}\nempty: {}\nnone: null\n\"n\": 3\nf: 0.5\nt: true\n"
        );
        assert_eq!(to_yaml(&json!([])), "[]\n");
        assert_eq!(to_yaml(&json!("on")), "\"on\"\n");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]
        #[test]
        fn any_string_comes_back_for_both_readers(text in "(\\PC|[ \\n\\t:#'\"\\-\u{85}\u{2028}\u{7}]){0,12}", key in "\\PC{0,6}") {
            let value = json!({"k": text, "l": [text, {key.clone(): text}], key: {"x": [text]}});
            let written = to_yaml(&value);
            assert_eq!(parse_values(&written).unwrap(), std::slice::from_ref(&value), "{written}");
            let other: Value = serde_yaml::from_str(&written).expect(&written);
            assert_eq!(other, value, "{written}");
            let mut line = String::new();
            flow(&mut line, &value, Scalars::Json);
            assert_eq!(parse_values(&line).unwrap(), std::slice::from_ref(&value), "{line}");
            assert_eq!(serde_yaml::from_str::<Value>(&line).expect(&line), value, "{line}");
            let quoted = format!("a: {}", styled(&text, Style::SingleQuoted, false));
            assert_eq!(serde_yaml::from_str::<Value>(&quoted).expect(&quoted)["a"], text);
        }

        #[test]
        fn short_words_come_back_for_both_readers(text in "[0-9xobeEyYnN_.:+~<=T-]{1,7}") {
            let value = json!({"k": text});
            let written = to_yaml(&value);
            assert_eq!(parse_values(&written).unwrap(), std::slice::from_ref(&value), "{written}");
            assert_eq!(serde_yaml::from_str::<Value>(&written).expect(&written), value, "{written}");
        }
    }
}
