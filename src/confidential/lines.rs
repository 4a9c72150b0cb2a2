//! Lines of a text that must not be shown. The text need not be well-formed: that is
//! when its lines are shown most. What belongs together is told by indentation, as YAML
//! and indented JSON have it.

use std::ops::Range;

use super::names::is_secret_name;
use super::shapes::{has_secret_object, has_secret_part, is_placeholder};
use super::values::{is_naming_key, is_value_key};

/// Where the lines of a text are, and which of them may be shown.
#[derive(Debug)]
pub struct Lines {
    lines: Vec<Range<usize>>,
    hidden: Vec<bool>,
}

impl Lines {
    /// Reads a text once. Of a document with a Kubernetes Secret in it no line is shown.
    pub fn of(text: &str) -> Self {
        let mut lines = Self::without_objects(text);
        let mut from = 0;
        for to in 0..=lines.lines.len() {
            let ends = lines
                .lines
                .get(to)
                .is_none_or(|line| text[line.clone()].starts_with("---"));
            if ends && to > from {
                let document = lines.lines[from].start..lines.lines[to - 1].end;
                if has_secret_object(&text[document]) {
                    lines.hidden[from..to].fill(true);
                }
                from = to;
            }
        }
        lines
    }

    /// The same where objects are judged elsewhere: by names and shapes alone.
    pub fn without_objects(text: &str) -> Self {
        let mut reading = Reading::of(text);
        reading.hide_nested();
        reading.hide_beside_names();
        reading.hide_keys();
        for at in 0..reading.lines.len() {
            reading.hidden[at] = reading.hidden[at] || is_secret_line(reading.line(at));
        }
        Self {
            lines: reading.lines,
            hidden: reading.hidden,
        }
    }

    /// A line of that text by its number, from 1, without blanks at its end; `None`: there
    /// is no such line, or it must not be shown.
    pub fn shown<'t>(&self, text: &'t str, number: u32) -> Option<&'t str> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        let hidden = *self.hidden.get(at)?;
        let line = text.get(self.lines[at].clone()).filter(|_| !hidden)?;
        Some(line.trim_end())
    }

    /// The lines that must not be shown.
    pub(super) fn hidden<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let lines = self.lines.iter().zip(&self.hidden);
        let hidden = lines.filter(|(_, hidden)| **hidden);
        hidden.filter_map(|(line, _)| text.get(line.clone()))
    }

    /// Whether a line must not be shown.
    pub(super) fn any_hidden(&self) -> bool {
        self.hidden.contains(&true)
    }
}

/// The lines of one map.
struct Scope {
    indent: usize,
    start: usize,
    /// Whether one of them names a secret.
    named: bool,
}

/// A text while it is read.
struct Reading<'t> {
    text: &'t str,
    lines: Vec<Range<usize>>,
    hidden: Vec<bool>,
}

impl<'t> Reading<'t> {
    fn of(text: &'t str) -> Self {
        let lines = ranges(text);
        Self {
            text,
            hidden: vec![false; lines.len()],
            lines,
        }
    }

    fn line(&self, at: usize) -> &'t str {
        &self.text[self.lines[at].clone()]
    }

    /// What is below the key of a secret, or behind a flag in a list.
    fn hide_nested(&mut self) {
        // Indentation of a key, and whether what is below it is hidden.
        let mut above: Vec<(usize, bool)> = Vec::new();
        let mut flag = false;
        for at in 0..self.lines.len() {
            let line = self.line(at);
            if line.starts_with("---") {
                above.clear();
                continue;
            }
            let Some(parsed) = Parsed::of(line) else {
                continue;
            };
            let belongs = |&(indent, _): &(usize, bool)| {
                indent < parsed.start || (indent == parsed.start && parsed.is_item)
            };
            while above.last().is_some_and(|last| !belongs(last)) {
                above.pop();
            }
            let below = above.last().is_some_and(|(_, hidden)| *hidden);
            let closes = matches!(parsed.content, "}" | "]" | "}," | "],");
            self.hidden[at] = (below && !closes) || (flag && parsed.is_item);
            flag = parsed.is_item && is_flag(parsed.content);
            if let Some(key) = parsed.key {
                let secret = key == "secretGenerator"
                    || (is_secret_name(key) && !is_placeholder_value(parsed.value));
                above.push((parsed.indent, below || secret));
            }
        }
    }

    /// `value: x` beside `name: DB_PASSWORD`. One pass: a line is looked at again only
    /// for the maps that it is in, and every one of them costs it a blank.
    fn hide_beside_names(&mut self) {
        let mut open: Vec<Scope> = Vec::new();
        for at in 0..self.lines.len() {
            let Some(line) = Parsed::of(self.line(at)) else {
                continue;
            };
            // Deeper lines before the first key of a map belong to it, too.
            let mut start = at;
            while let Some(scope) = open.pop_if(|scope| {
                scope.indent > line.indent || (line.is_item && scope.indent == line.indent)
            }) {
                self.hide_values(&scope, at);
                start = scope.start;
            }
            if open.last().is_none_or(|scope| scope.indent < line.indent) {
                open.push(Scope {
                    indent: line.indent,
                    start: if line.is_item { at } else { start },
                    named: false,
                });
            }
            let names = line.key.is_some_and(is_naming_key) && is_secret_name(line.bare());
            if let Some(scope) = open.last_mut() {
                scope.named |= names;
            }
        }
        for scope in open {
            self.hide_values(&scope, self.lines.len());
        }
    }

    /// Hides the values of a map up to a line, if it names a secret.
    fn hide_values(&mut self, scope: &Scope, end: usize) {
        if !scope.named {
            return;
        }
        for at in scope.start..end {
            let is_value = Parsed::of(self.line(at)).is_some_and(|line| {
                line.indent > scope.indent || line.key.is_some_and(is_value_key)
            });
            self.hidden[at] = self.hidden[at] || is_value;
        }
    }

    /// The lines of private keys.
    fn hide_keys(&mut self) {
        let mut inside = false;
        for at in 0..self.lines.len() {
            let line = self.line(at);
            let begins = line.contains("BEGIN") && line.contains("PRIVATE KEY");
            inside = inside || begins;
            self.hidden[at] = self.hidden[at] || inside;
            if line.contains("END") && line.contains("PRIVATE KEY") && inside {
                inside = false;
            }
        }
    }
}

/// Whether a line by itself must not be shown.
fn is_secret_line(line: &str) -> bool {
    has_secret_part(line) || is_secret_object(line) || names_secret_beside_value(line)
}

/// A Secret on one line; the line `kind: Secret` alone holds nothing.
fn is_secret_object(line: &str) -> bool {
    (line.contains("data") || line.contains("stringData") || line.contains("last-applied"))
        && has_secret_object(line)
}

/// `{name: DB_PASSWORD, value: x}` on one line.
fn names_secret_beside_value(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    let names = |pair: &[&str]| is_naming_key(pair[0]) && is_secret_name(pair[1]);
    words.iter().any(|word| is_value_key(word)) && words.windows(2).any(names)
}

/// `--password` as an item by itself: its value is the next item.
fn is_flag(content: &str) -> bool {
    let flag = content.trim_matches(['"', '\'', ',']);
    flag.starts_with('-')
        && !flag.contains(['=', ' '])
        && is_secret_name(flag.trim_start_matches('-'))
}

/// A switch holds no secret, and nothing is below it.
fn is_placeholder_value(value: &str) -> bool {
    let value = value.trim_end_matches(',');
    matches!(value, "true" | "false" | "null" | "~")
        || value.starts_with("{{") && is_placeholder(value) && !value.contains(['"', '\''])
}

/// A line as a part of YAML or indented JSON.
struct Parsed<'l> {
    /// Where its content begins, dashes included.
    start: usize,
    /// Where its key begins.
    indent: usize,
    is_item: bool,
    content: &'l str,
    key: Option<&'l str>,
    value: &'l str,
}

impl<'l> Parsed<'l> {
    /// `None` for a blank line.
    fn of(line: &'l str) -> Option<Self> {
        let content = line.trim_start();
        let start = line.len() - content.len();
        let mut rest = content.trim_end();
        if rest.is_empty() {
            return None;
        }
        let mut indent = start;
        let is_item = rest.starts_with("- ") || rest == "-";
        while let Some(inner) = rest.strip_prefix("- ") {
            let inner = inner.trim_start();
            indent += rest.len() - inner.len();
            rest = inner;
        }
        let (key, value) = match key_of(rest) {
            Some((key, value)) => (Some(key), value),
            None => (None, rest),
        };
        Some(Self {
            start,
            indent,
            is_item,
            content: rest,
            key,
            value,
        })
    }

    /// Its value without quotes.
    fn bare(&self) -> &'l str {
        self.value.trim_end_matches(',').trim_matches(['"', '\''])
    }
}

/// A key and what follows it.
fn key_of(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches(['{', '[', ' ']);
    let (key, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let (key, rest) = text[1..].split_once(quote)?;
            (key, rest.trim_start().strip_prefix(':')?)
        }
        _ => {
            let at = text
                .find(": ")
                .or_else(|| text.strip_suffix(':').map(str::len))?;
            (&text[..at], &text[at + 1..])
        }
    };
    let plain = !key.is_empty() && !key.contains(['{', '}', '[', ']', ',', '#', ' ']);
    plain.then(|| (key, rest.trim()))
}

fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut at = 0;
    text.split_inclusive('\n')
        .map(|line| {
            let start = at;
            at += line.len();
            start..start + line.trim_end_matches('\n').len()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that are shown.
    fn shown(text: &str) -> Vec<&str> {
        let lines = Lines::of(text);
        (1..=99)
            .filter_map(|number| lines.shown(text, number))
            .collect()
    }

    #[test]
    fn no_line_below_the_key_of_a_secret_is_shown() {
        for text in [
            "a: 1\ncredentials:\n  ann: hush\n  more:\n    - hush\nb: 2\n",
            "a: 1\npassword: |\n  hush\n\n  hush\nb: 2\n",
            "a: 1\ntokens:\n- hush\n- hush\nb: 2\n",
            "a: 1\n\"secret\": {\n  \"x\": \"hush\"\n}\nb: 2\n",
            "a: 1\nkey: |\n  -----BEGIN PRIVATE KEY-----\n  hush\n  -----END PRIVATE KEY-----\nb: 2\n",
            "a: 1\nenv:\n- name: DB_PASSWORD\n  value: hush\nb: 2\n",
            "a: 1\nenv:\n- value: hush\n  name: DB_PASSWORD\nb: 2\n",
            "a: 1\nenv:\n  - name: DB_PASSWORD\n    value: |\n      hush\nb: 2\n",
            "a: 1\nargs:\n- --password\n- hush\nb: 2\n",
            "a: 1\nenv: [{name: DB_TOKEN, value: hush, valu: x}]\nb: 2\n",
            "a: 1\nDB_PASSWORD=hush\nb: 2\n",
            "a: 1\nx: postgres://u:hush@h/d\nb: 2\n",
            "a: 1\n{\"kind\":\"Secret\",\"data\":{\"x\":\"hush\"}}\nb: 2\n",
        ] {
            let shown = shown(text);
            let text = shown.join("\n");
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn other_lines_are_shown() {
        let text = "a: 1\ncredentials:\n  ann: hush\nb: 2\nenv:\n- name: DB_PASSWORD\n  value: hush\n- name: LEVEL\n  value: debug\n";
        assert_eq!(
            shown(text),
            [
                "a: 1",
                "credentials:",
                "b: 2",
                "env:",
                "- name: DB_PASSWORD",
                "- name: LEVEL",
                "  value: debug",
            ]
        );
        let text = "containers:\n- name: web\n  image: r.example.com/auth:1\n  args: [--port, '80']\nserviceAccountToken: true\nnext: 1\n";
        assert_eq!(shown(text).len(), 6);
    }

    #[test]
    fn a_document_with_a_secret_is_not_shown() {
        let text = "kind: ConfigMap\na: 1\n---\nkind: Secret\ndata:\n  x: hush\n---\nb: 2\n";
        assert_eq!(shown(text), ["kind: ConfigMap", "a: 1", "---", "b: 2"]);
        let lines = Lines::without_objects(text);
        assert_eq!(lines.shown(text, 4), Some("kind: Secret"));
        assert_eq!(lines.shown(text, 99), None);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that it takes is tested"
    )]
    fn many_names_of_secrets_are_read_in_time() {
        let text = "a:\n".to_owned() + &"  name: password\n".repeat(20_000) + "  value: hush\n";
        let begun = std::time::Instant::now();
        let mut reading = Reading::of(&text);
        reading.hide_beside_names();
        assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
        assert_eq!(reading.hidden.iter().position(|it| *it), Some(20_001));
    }

    #[test]
    fn deeper_lines_before_a_name_are_its_own() {
        let text = "a: 1\nenv:\n    x: hush\n  value: hush\n  name: DB_PASSWORD\nvalue: 2\n";
        let expected = ["a: 1", "env:", "  name: DB_PASSWORD", "value: 2"];
        assert_eq!(shown(text), expected);
    }
}
