//! The places that an API server names in its errors, and where they are in an object.
//!
//! Servers write places in four dialects: `.spec.containers[name="c"].x`
//! (apply), `spec.containers[0].x` (validation), the same with map keys in
//! brackets (`metadata.labels[team]`), and Go's paths without any index.
//! Keys with dots are not marked in any of them; only the object itself tells.

use crate::yaml::{Path, Step};
use serde_json::Value;

/// A step as a server writes it.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Key(String),
    Bracket(String),
}

/// Finds what a server calls `text` in the object that it was sent.
///
/// A place that is not there (a required field that is missing) ends in
/// the key that was named, below the deepest place that exists.
pub(super) fn locate(text: &str, object: &Value) -> Path {
    let said = split(text);
    let mut steps = Vec::new();
    let mut here = Some(object);
    let mut at = 0;
    while at < said.len() {
        let Some(value) = here else { break };
        let (step, used) = match &said[at] {
            Said::Key(_) => key_step(&said[at..], value),
            Said::Bracket(inside) => (bracket_step(inside, value), 1),
        };
        let Some(step) = step else { break };
        here = step.down(value);
        steps.push(step);
        at += used;
    }
    Path::new(steps)
}

/// The longest run of said keys that, joined by dots, is a key here; else the first one as it stands.
fn key_step(said: &[Said], value: &Value) -> (Option<Step>, usize) {
    if value.is_array() {
        return (None, 1);
    }
    let keys: Vec<&str> = said
        .iter()
        .map_while(|step| match step {
            Said::Key(key) => Some(key.as_str()),
            Said::Bracket(_) => None,
        })
        .collect();
    for count in (1..=keys.len()).rev() {
        let joined = keys[..count].join(".");
        if value.get(&joined).is_some() {
            return (Some(Step::Key(joined)), count);
        }
    }
    (keys.first().map(|key| Step::Key((*key).to_owned())), 1)
}

fn bracket_step(inside: &str, value: &Value) -> Option<Step> {
    let Value::Array(items) = value else {
        let unquoted = serde_json::from_str::<String>(inside);
        return Some(Step::Key(unquoted.unwrap_or_else(|_| inside.to_owned())));
    };
    if let Ok(index) = inside.parse::<usize>() {
        return Some(Step::Index(index));
    }
    let pairs = pairs(inside)?;
    let found = items.iter().position(|item| {
        // Parts of a key that have a default (protocol: TCP) may be missing in the object.
        let known: Vec<bool> = pairs
            .iter()
            .filter_map(|(key, wanted)| match key.as_str() {
                "" => Some(item == wanted),
                key => item.get(key).map(|have| have == wanted),
            })
            .collect();
        !known.is_empty() && known.into_iter().all(|same| same)
    })?;
    Some(Step::Index(found))
}

/// `name="c"`, `containerPort=80,protocol="TCP"` or `="value"`.
fn pairs(inside: &str) -> Option<Vec<(String, Value)>> {
    let mut pairs = Vec::new();
    let mut rest = inside;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let value = values.next()?.ok()?;
        rest = after[values.byte_offset()..].trim_start_matches(',');
        pairs.push((key.to_owned(), value));
    }
    Some(pairs)
}

fn split(text: &str) -> Vec<Said> {
    let mut steps = Vec::new();
    let mut key = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let width = character.len_utf8();
        match character {
            '.' | '[' => {
                if !key.is_empty() {
                    steps.push(Said::Key(std::mem::take(&mut key)));
                }
                if character == '[' {
                    let end = bracket_end(rest);
                    steps.push(Said::Bracket(rest[1..end].to_owned()));
                    rest = rest.get(end + 1..).unwrap_or_default();
                    continue;
                }
            }
            other => key.push(other),
        }
        rest = &rest[width..];
    }
    if !key.is_empty() {
        steps.push(Said::Key(key));
    }
    steps
}

/// Where the bracket at the beginning of `text` closes, quoted brackets aside; the end when it does not.
fn bracket_end(text: &str) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

/// The length of the place at the beginning of `line`, up to the colon and blank that end it.
pub(super) fn place_length(line: &str) -> Option<usize> {
    let mut at = 0;
    while at < line.len() {
        let rest = &line[at..];
        if rest.starts_with('[') {
            at += bracket_end(rest) + 1;
        } else if rest.starts_with(": ") {
            return Some(at);
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn located(text: &str) -> String {
        let object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "x"}},
            "data": {"a.b": "c"},
            "spec": {"replicas": "three", "containers": [
                {"name": "a"},
                {"name": "c]d", "portss": 1, "ports": [{"containerPort": 80}]},
            ], "finalizers": ["one", "two"]},
        });
        locate(text, &object).to_string()
    }

    #[test]
    fn every_dialect_finds_its_place() {
        for (said, place) in [
            (
                r#".spec.containers[name="c]d"].portss"#,
                "spec.containers[1].portss",
            ),
            (
                r#".spec.containers[name="c]d"].ports[containerPort=80,protocol="TCP"].x"#,
                "spec.containers[1].ports[0].x",
            ),
            ("spec.containers[1].portss", "spec.containers[1].portss"),
            (
                "metadata.labels[app.kubernetes.io/name]",
                r#"metadata.labels["app.kubernetes.io/name"]"#,
            ),
            ("data.a.b", r#"data["a.b"]"#),
            (r#".spec.finalizers[="two"]"#, "spec.finalizers[1]"),
            ("spec.replicas", "spec.replicas"),
        ] {
            assert_eq!(located(said), place, "{said}");
        }
    }

    #[test]
    fn a_place_that_is_missing_ends_below_what_exists() {
        assert_eq!(located("spec.template.spec.containers"), "spec.template");
        assert_eq!(located("spec.containers.image"), "spec.containers");
        assert_eq!(located(""), "");
    }

    #[test]
    fn a_place_ends_at_the_colon_outside_brackets() {
        let line = r#".a[name="x: y"].b: expected string"#;
        assert_eq!(place_length(line), Some(17));
        assert_eq!(place_length("no place"), None);
    }
}
