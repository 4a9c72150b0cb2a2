//! Scalars as written: the explicit tag, whether it is a string, and the text.
//!
//! JSON has no place for most of that: `1.10` would become 1.1, `0600` 384 and `!Ref a`
//! the string `a`. A scalar that JSON would not give back is a string of a form that no
//! other string has: it begins with NUL, which YAML allows in escapes only, and such a
//! string is put into the same form. So scalars stay scalars for whoever compares,
//! counts or hides values. This form is for comparing and recording; it is never
//! rendered, and people see the source's text ([`shown`]).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::node::{Scalar, Style};
use super::scalar::{self, Resolved};

/// What the texts of this form begin with.
const MARK: char = '\u{0}';
/// The sign of a string behind the mark, and that of anything else.
const STRING: char = 's';
const OTHER: char = 'p';

/// A scalar as written that JSON would not give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written<'v> {
    /// The explicit tag, resolved as [`super::Node::tag`] has it; empty without one.
    pub tag: &'v str,
    /// Whether it is a string.
    pub is_string: bool,
    /// The decoded text of a string, the source's text of anything else.
    pub text: &'v str,
}

impl<'v> Written<'v> {
    /// Reads a value; `None` for values that are what JSON says they are.
    pub fn of(value: &'v Value) -> Option<Written<'v>> {
        let rest = value.as_str()?.strip_prefix(MARK)?;
        let (tag, text) = rest.get(1..)?.split_once(MARK)?;
        let is_string = match rest.chars().next()? {
            STRING => true,
            OTHER => false,
            _ => return None,
        };
        Some(Written {
            tag,
            is_string,
            text,
        })
    }

    /// The value in the form that is compared.
    pub fn value(self) -> Value {
        let sign = if self.is_string { STRING } else { OTHER };
        Value::String(format!("{MARK}{sign}{}{MARK}{}", self.tag, self.text))
    }

    /// The tag as people write it, such as `!!str`; empty without one.
    pub fn short_tag(self) -> String {
        short_tag(self.tag)
    }

    /// What a person sees: the tag and the text.
    fn shown(self) -> String {
        match self.tag {
            "" => self.text.to_owned(),
            _ => format!("{} {}", self.short_tag(), self.text)
                .trim_end()
                .to_owned(),
        }
    }

    /// What Kubernetes makes of it, where JSON can hold that.
    fn plain(self) -> Value {
        let style = match self.is_string {
            true => Style::DoubleQuoted,
            false => Style::Plain,
        };
        let scalar = Scalar {
            text: self.text.to_owned(),
            style,
        };
        let tag = (!self.tag.is_empty()).then_some(self.tag);
        let read = scalar::resolve_node(&scalar, tag).ok();
        let json = read.and_then(|read| json(read, self.text));
        json.unwrap_or_else(|| Value::String(self.text.to_owned()))
    }
}

/// A tag as it can be written in any document.
pub(super) fn short_tag(tag: &str) -> String {
    match tag.strip_prefix(scalar::CORE) {
        Some(core) => format!("!!{core}"),
        None if tag.is_empty() || tag.starts_with('!') => tag.to_owned(),
        None => format!("!<{tag}>"),
    }
}

/// The value of a scalar as written. `plain` is what JSON makes of it, where it can.
pub(super) fn of_scalar(scalar: &Scalar, tag: Option<&str>) -> Value {
    let is_string = is_string(scalar, tag);
    let text = scalar.text.as_str();
    let plain = match (tag, is_string) {
        (Some(_), _) => None,
        (None, true) if text.starts_with(MARK) => None,
        (None, true) => Some(Value::String(text.to_owned())),
        (None, false) => json(scalar::resolve(text), text).filter(|it| is_printed(it, text)),
    };
    plain.unwrap_or_else(|| {
        let tag = tag.unwrap_or_default();
        Written {
            tag,
            is_string,
            text,
        }
        .value()
    })
}

/// Whether JSON writes a value as just this text.
fn is_printed(value: &Value, text: &str) -> bool {
    let printed = value.to_string();
    printed == text
}

/// Whether a scalar is a string. A tag that does not fit its text says nothing about that.
fn is_string(scalar: &Scalar, tag: Option<&str>) -> bool {
    match scalar::resolve_node(scalar, tag) {
        Ok(read) => read == Resolved::String,
        Err(_) => scalar.style != Style::Plain || scalar::resolve(&scalar.text) == Resolved::String,
    }
}

/// A scalar as Kubernetes reads it, where JSON can hold that.
pub(super) fn json(read: Resolved, text: &str) -> Option<Value> {
    Some(match read {
        Resolved::Null => Value::Null,
        Resolved::Bool(value) => Value::Bool(value),
        Resolved::Integer(number) => number.into(),
        Resolved::Unsigned(number) => number.into(),
        Resolved::Float(number) => Value::Number(super::value::json_number(number)?),
        Resolved::String => Value::String(text.to_owned()),
    })
}

/// The value with its scalars as people see them.
pub fn shown(value: &Value) -> Value {
    mapped(value, &|written| Value::String(written.shown()))
}

/// The value as Kubernetes reads it.
pub fn plain(value: &Value) -> Value {
    mapped(value, &|written| written.plain())
}

fn mapped(value: &Value, scalar: &dyn Fn(Written<'_>) -> Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, value)| (key.clone(), mapped(value, scalar)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => items.iter().map(|item| mapped(item, scalar)).collect(),
        other => Written::of(other).map_or_else(|| other.clone(), scalar),
    }
}

/// The text of a string without a tag; `None` for any other value.
pub fn str_of(value: &Value) -> Option<&str> {
    match Written::of(value) {
        Some(written) => (written.is_string && written.tag.is_empty()).then_some(written.text),
        None => value.as_str(),
    }
}

/// The text of any scalar but null; `None` for collections.
pub fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    if let Some(written) = Written::of(value) {
        return (!is_null(value)).then_some(Cow::Borrowed(written.text));
    }
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(_) | Value::Bool(_) => Some(Cow::Owned(value.to_string())),
        _ => None,
    }
}

/// Whether a value is null, however that is written.
pub fn is_null(value: &Value) -> bool {
    match Written::of(value) {
        Some(written) => written.plain().is_null(),
        None => value.is_null(),
    }
}

/// The keys of a scalar in a record: its tag and its text.
const TAG: &str = "t";
const TEXT: &str = "v";
/// What stands for the tag of a map that has just these keys itself. No tag is written so.
const MAP: &str = "map";
/// What stands before the tag of a string.
const QUOTED: char = '"';

/// The value for a record: scalars that JSON would not give back as `{t: tag, v: text}`.
/// `t` begins with a quotation mark for strings, and is `map` for a map that looks like
/// such a scalar.
pub fn to_record(value: &Value) -> Value {
    let pair = |tag: String, text: Value| {
        let entries = [(TAG.to_owned(), tag.into()), (TEXT.to_owned(), text)];
        Value::Object(Map::from_iter(entries))
    };
    match value {
        Value::Object(map) => {
            let entries = map.iter();
            let entries = entries.map(|(key, value)| (key.clone(), to_record(value)));
            let map = Value::Object(entries.collect());
            match is_pair(&map) {
                true => pair(MAP.to_owned(), map),
                false => map,
            }
        }
        Value::Array(items) => items.iter().map(to_record).collect(),
        other => match Written::of(other) {
            Some(written) => {
                let sign = if written.is_string { "\"" } else { "" };
                pair(format!("{sign}{}", written.tag), written.text.into())
            }
            None => other.clone(),
        },
    }
}

/// Reads what [`to_record`] wrote. What it never wrote is left as it is.
pub fn from_record(value: &Value) -> Value {
    if is_pair(value) {
        let (tag, inner) = (&value[TAG], &value[TEXT]);
        match (tag.as_str(), inner) {
            (Some(MAP), Value::Object(map)) => return below(map),
            (Some(tag), Value::String(text)) => {
                let (is_string, tag) = match tag.strip_prefix(QUOTED) {
                    Some(tag) => (true, tag),
                    None => (false, tag),
                };
                return Written {
                    tag,
                    is_string,
                    text,
                }
                .value();
            }
            _ => {}
        }
    }
    match value {
        Value::Object(map) => below(map),
        Value::Array(items) => items.iter().map(from_record).collect(),
        other => other.clone(),
    }
}

fn below(map: &Map<String, Value>) -> Value {
    let entries = map.iter();
    let entries = entries.map(|(key, value)| (key.clone(), from_record(value)));
    Value::Object(entries.collect())
}

/// Whether a map has the two keys of a recorded scalar and no other.
fn is_pair(value: &Value) -> bool {
    let map = value.as_object().filter(|map| map.len() == 2);
    map.is_some_and(|map| map.contains_key(TAG) && map.contains_key(TEXT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Stream;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn written(text: &str) -> Value {
        let stream = Stream::parse(text).unwrap();
        stream.documents()[0].written().unwrap()
    }

    #[test]
    fn scalars_are_told_apart_as_they_are_written() {
        for (one, other, same) in [
            ("1.10", "1.1", false),
            ("0600", "384", false),
            ("!Ref a", "!Sub a", false),
            ("!Ref a", "a", false),
            ("!!str 1", "\"1\"", false),
            ("~", "null", false),
            ("yes", "true", false),
            ("1", "\"1\"", false),
            ("1_000", "1000", false),
            (".inf", ".Inf", false),
            (
                "100000000000000000000000000001",
                "100000000000000000000000000002",
                false,
            ),
            ("'a'", "\"a\"", true),
            ("a", "\"a\"", true),
            ("|-\n  a\n  b", "\"a\\nb\"", true),
            ("!Sub a", "!Sub \"a\"", true),
            ("\"\\0p\\01\"", "1", false),
        ] {
            assert_eq!(written(one) == written(other), same, "{one} {other}");
        }
    }

    #[test]
    fn what_json_gives_back_is_plain_json() {
        assert_eq!(
            written("{a: 1, b: 1.5, c: true, d: null, e: x, f: \"1\", g: [-3]}"),
            json!({"a": 1, "b": 1.5, "c": true, "d": null, "e": "x", "f": "1", "g": [-3]})
        );
    }

    #[test]
    fn people_see_the_text_of_the_source() {
        let value = written("{a: 1.10, b: !Sub x, c: !!int 3, d: ~, e: [0600], f: \"\\0\"}");
        assert_eq!(
            shown(&value),
            json!({"a": "1.10", "b": "!Sub x", "c": "!!int 3", "d": "~", "e": ["0600"], "f": "\u{0}"})
        );
        assert_eq!(
            plain(&value),
            json!({"a": 1.1, "b": "x", "c": 3, "d": null, "e": [384], "f": "\u{0}"})
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

        #[test]
        fn scalars_differ_exactly_where_their_texts_do(
            one in "[-+0-9._eExobnuly~]{1,6}",
            other in "[-+0-9._eExobnuly~]{1,6}",
        ) {
            // Neither text is changed by reading it as a scalar.
            let read = |text: &str| {
                let stream = Stream::parse(text).ok()?;
                let root = stream.documents().first()?.root()?.clone();
                (root.scalar()?.text == text).then(|| stream.documents()[0].written().ok())?
            };
            if let (Some(first), Some(second)) = (read(&one), read(&other)) {
                prop_assert_eq!(first == second, one == other);
            }
        }

        #[test]
        fn records_give_back_every_value(value in values()) {
            prop_assert_eq!(from_record(&to_record(&value)), value.clone());
            let text = super::super::to_yaml(&to_record(&value));
            let read = super::super::parse_values(&text).unwrap().remove(0);
            prop_assert_eq!(from_record(&read), value);
        }
    }

    /// Values with odd scalars, and maps that look like recorded ones.
    fn values() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::from),
            "[a-z\\x00]{0,3}".prop_map(|text| of_scalar(
                &Scalar {
                    text,
                    style: Style::DoubleQuoted
                },
                None
            )),
            ("[0-9.]{1,4}", "(|!Sub|!!str)").prop_map(|(text, tag)| {
                let tag = (!tag.is_empty()).then_some(tag);
                of_scalar(
                    &Scalar {
                        text,
                        style: Style::Plain,
                    },
                    tag.as_deref(),
                )
            }),
        ];
        scalar.prop_recursive(3, 24, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec(("[tvx]|map", inner), 0..3)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }
}
