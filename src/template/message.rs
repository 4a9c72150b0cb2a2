//! Commit messages from templates: the language and the bounds of the other templates,
//! for one short text that includes no file. A line that holds nothing but a statement
//! leaves no line behind, and what is known to be absent (`none`) is written as nothing.

use std::ops::Range;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use super::bounds::{self, Bench, PATIENCE, Stuck, guarded};
use super::context::from_json;
use super::filters;

/// Steps of one text.
/// See `docs/limits.md`.
const FUEL: u64 = 100_000;

/// The longest text that a message's template writes, in bytes. Forges cut what is longer.
/// See `docs/limits.md`.
const OUTPUT: usize = 64 << 10;

/// The longest template of a message, in bytes: as long as what it may write.
const TEMPLATE: usize = 64 << 10;

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
    let syntax = syntax();
    let text = template.to_owned();
    let context = from_json(facts);
    let work = move |context: Value| written(&text, syntax.clone(), context);
    let gave_up = |stuck: Stuck| MessageError {
        offset: 0,
        reason: match stuck {
            Stuck::Time => format!("it takes longer than {} seconds", PATIENCE.as_secs()),
            Stuck::NoThread(reason) => format!("no thread can be started to write it: {reason}"),
        },
    };
    let mut bench = Bench::new(work).map_err(gave_up)?;
    bench.give(context);
    let failed = match bench.take().map_err(gave_up)? {
        Ok(text) => return Ok(text),
        Err(failed) => failed,
    };
    let Failed {
        range,
        line,
        kind,
        reason,
    } = failed;
    let offset = match &range {
        Some(range) => range.start,
        None => start_of_line(template, line),
    };
    let reason = match kind {
        ErrorKind::UndefinedError => undefined(template, facts, range, reason),
        _ => reason,
    };
    Err(MessageError { offset, reason })
}

fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    syntax.build().unwrap_or_default()
}

/// Why a text was not written, in the places of its template.
struct Failed {
    range: Option<Range<usize>>,
    line: usize,
    kind: ErrorKind,
    reason: String,
}

impl Failed {
    fn whole(reason: String) -> Self {
        Self {
            range: Some(0..0),
            line: 1,
            kind: ErrorKind::InvalidOperation,
            reason,
        }
    }
}

fn written(template: &str, syntax: SyntaxConfig, context: Value) -> Result<String, Failed> {
    if template.len() > TEMPLATE {
        return Err(Failed::whole(format!(
            "it is longer than {} KiB",
            TEMPLATE >> 10
        )));
    }
    let guarded = guarded(template, &syntax).map_err(|fault| Failed {
        range: Some(fault.offset..fault.offset),
        ..Failed::whole(fault.reason)
    })?;
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    engine.set_fuel(Some(FUEL));
    engine.set_debug(true);
    engine.set_syntax(syntax);
    engine.set_formatter(|out, state, value| match value.kind() {
        ValueKind::None => Ok(()),
        _ => minijinja::escape_formatter(out, state, value),
    });
    filters::install(&mut engine);
    bounds::install(&mut engine);
    match engine.render_str(&guarded.text, context) {
        Ok(text) if text.len() > OUTPUT => Err(Failed::whole(format!(
            "it writes more than {} KiB",
            OUTPUT >> 10
        ))),
        Ok(text) => Ok(text),
        Err(error) => Err(Failed {
            range: error
                .range()
                .map(|range| guarded.written(range.start)..guarded.written(range.end)),
            line: error.line().unwrap_or(1),
            kind: error.kind(),
            reason: match error.detail() {
                _ if error.kind() == ErrorKind::OutOfFuel => {
                    "it takes more than 100,000 steps".to_owned()
                }
                Some(detail) => format!("{}: {detail}", error.kind()),
                None => error.kind().to_string(),
            },
        }),
    }
}

fn start_of_line(template: &str, line: usize) -> usize {
    let before = line.saturating_sub(1);
    template
        .split_inclusive('\n')
        .take(before)
        .map(str::len)
        .sum()
}

/// The reason with the words that are not defined, and what was meant by them.
fn undefined(
    template: &str,
    facts: &serde_json::Value,
    range: Option<Range<usize>>,
    reason: String,
) -> String {
    let words = range.and_then(|range| template.get(range));
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
