//! Commit messages from templates: the language and the bounds of the other templates,
//! for one short text that includes no file. A line that holds nothing but a statement
//! leaves no line behind, and what is known to be absent (`none`) is written as nothing.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use super::context::from_json;
use super::filters;

/// Steps of one text.
const FUEL: u64 = 100_000;

/// The most that one text may come to, in bytes.
const OUTPUT: usize = 64 << 10;

/// Why a text cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct MessageError {
    /// The byte of the template that it is about.
    pub offset: usize,
    /// Why, in the engine's words.
    pub reason: String,
}

/// Writes a text from its template and what it may speak of.
///
/// # Errors
/// The template does not compile, speaks of something that there is not, or goes beyond
/// its bounds.
pub fn write_message(template: &str, facts: &serde_json::Value) -> Result<String, MessageError> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    engine.set_debug(true);
    let mut syntax = SyntaxConfig::builder();
    if let Ok(syntax) = syntax.trim_blocks(true).lstrip_blocks(true).build() {
        engine.set_syntax(syntax);
    }
    engine.set_formatter(|out, state, value| match value.kind() {
        ValueKind::None => Ok(()),
        _ => minijinja::escape_formatter(out, state, value),
    });
    filters::install(&mut engine);
    let written = engine.render_str(template, from_json(facts));
    let too_much = |what: &str| MessageError {
        offset: 0,
        reason: format!("it comes to more than {what}"),
    };
    match written {
        Ok(text) if text.len() > OUTPUT => Err(too_much("64 KiB")),
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::OutOfFuel => Err(too_much("100,000 steps")),
        Err(error) => Err(MessageError {
            offset: place(template, &error),
            reason: reason(template, facts, &error),
        }),
    }
}

/// The byte where the engine stopped; at least its line.
fn place(template: &str, error: &minijinja::Error) -> usize {
    let line = || {
        let before = error.line().unwrap_or(1).saturating_sub(1);
        template
            .split_inclusive('\n')
            .take(before)
            .map(str::len)
            .sum()
    };
    error.range().map_or_else(line, |range| range.start)
}

fn reason(template: &str, facts: &serde_json::Value, error: &minijinja::Error) -> String {
    let mut reason = error.kind().to_string();
    if let Some(detail) = error.detail() {
        reason = format!("{reason}: {detail}");
    }
    if error.kind() != ErrorKind::UndefinedError {
        return reason;
    }
    let words = error.range().and_then(|range| template.get(range));
    let words = words
        .map(str::trim)
        .filter(|it| !it.contains('\n') && it.len() < 80);
    let Some(words) = words else { return reason };
    let reason = match reason.contains(words) {
        true => reason,
        false => format!("{reason}: {words}"),
    };
    let name = words.split(['.', '[', ' ', '|']).next().unwrap_or_default();
    let known = || facts.as_object().into_iter().flat_map(|map| map.keys());
    let meant = match known().any(|it| it == name) {
        true => None,
        false => crate::product::nearest(name, known().map(String::as_str)),
    };
    match meant {
        Some(meant) => format!("{reason}; did you mean {meant}?"),
        None => reason,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(template: &str) -> Result<String, MessageError> {
        let facts = json!({
            "action": "bump-image", "reason": null,
            "components": [{"name": "cart", "to": "v2"}, {"name": "web", "to": "v3"}],
        });
        write_message(template, &facts)
    }

    #[test]
    fn statements_leave_no_lines_and_nothing_is_written_as_nothing() {
        let text = "{{ action }}{{ reason }}:\n  {% for it in components %}\n- {{ it.name }} {{ it.to }}\n  {% endfor %}\n";
        assert_eq!(write(text).unwrap(), "bump-image:\n- cart v2\n- web v3\n");
        assert_eq!(write("{% if reason %}x{% endif %}").unwrap(), "");
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let at = |text: &str| {
            let error = write(text).unwrap_err();
            (error.offset, error.reason)
        };
        let (offset, reason) = at("a\n  {{ component }}");
        assert_eq!(offset, 7, "{reason}");
        assert!(reason.ends_with("did you mean components?"), "{reason}");
        let (offset, reason) = at("a\n{{ components[0].nam }}");
        assert_eq!(offset, 5, "{reason}");
        assert!(reason.contains("components[0].nam"), "{reason}");
        let (offset, reason) = at("a\n{% if %}");
        assert!(
            offset >= 2 && reason.contains("syntax error"),
            "{offset} {reason}"
        );
        let (_, reason) = at("{% include 'x' %}");
        assert!(reason.contains("template not found"), "{reason}");
        let (_, reason) =
            at("{% for i in range(90000) %}{% for j in range(90000) %}x{% endfor %}{% endfor %}");
        assert!(reason.contains("steps"), "{reason}");
        let (_, reason) = at("{{ 'x' * 70000 }}");
        assert!(
            reason.contains("64 KiB") || reason.contains("steps"),
            "{reason}"
        );
    }
}
