//! Lines of a text that must not be shown. The text need not be well-formed: that is
//! when its lines are shown most. What belongs together is told by indentation, as YAML
//! and indented JSON have it.

use std::ops::Range;

use super::beside::names_secret;
use super::commands::{is_program, is_secret_flag};
use super::names::is_secret_name;
use super::settings::{is_naming_key, is_nearly_value_key, is_setting, is_structure, is_value_key};
use super::shapes::{has_secret_object, has_secret_part, is_placeholder, secret_parts};
use super::values::State;

/// How many lines around the name of a secret its value may be in, whatever their
/// indentation is.
const NEAR: usize = 3;

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
        let mut lines = Self::by_lines(text);
        lines.hide_parts(secret_parts(text));
        lines
    }

    /// The same by each line and those around it, without reading the text as a whole.
    pub(super) fn by_lines(text: &str) -> Self {
        let mut reading = Reading::of(text);
        reading.hide_nested();
        reading.hide_beside_names();
        reading.hide_near_names();
        reading.hide_keys();
        for at in 0..reading.lines.len() {
            reading.hidden[at] = reading.hidden[at] || is_secret_line(reading.line(at));
        }
        Self {
            lines: reading.lines,
            hidden: reading.hidden,
        }
    }

    /// Hides the lines that parts of the text are in.
    fn hide_parts(&mut self, parts: Vec<Range<usize>>) {
        for part in parts {
            let first = self.lines.partition_point(|line| line.end < part.start);
            let lines = self.lines[first..].iter().zip(&mut self.hidden[first..]);
            for (_, hidden) in lines.take_while(|(line, _)| line.start < part.end) {
                *hidden = true;
            }
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
    /// What one of them names.
    named: Named,
    /// Whether one of them is the operator of a selector.
    is_requirement: bool,
}

/// What the lines of a map name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Named {
    /// No secret.
    Other,
    /// Something that is called `auth`, which may be a secret or a part of a program.
    Vague,
    /// A secret.
    Secret,
}

/// A key, or an item of a list, with what is known of what is below it.
struct Above {
    indent: usize,
    state: State,
    is_item: bool,
}

impl Above {
    /// Whether a line is below it.
    fn has(&self, line: &Parsed<'_>) -> bool {
        let beside = !self.is_item && line.is_item && self.indent == line.start;
        self.indent < line.start || beside
    }
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
        let mut above: Vec<Above> = Vec::new();
        let mut arguments = Arguments::default();
        for at in 0..self.lines.len() {
            let line = self.line(at);
            if line.starts_with("---") {
                above.clear();
                continue;
            }
            let Some(parsed) = Parsed::of(line) else {
                continue;
            };
            while above.last().is_some_and(|last| !last.has(&parsed)) {
                above.pop();
            }
            let mut state = above.last().map_or(State::Open, |last| last.state);
            if parsed.is_item {
                state = state.below_list();
                above.push(Above {
                    indent: parsed.start,
                    state,
                    is_item: true,
                });
            }
            self.hidden[at] = parsed.is_hidden_in(state) || arguments.hide(&parsed);
            if let Some(key) = parsed.key {
                above.push(Above {
                    indent: parsed.indent,
                    state: parsed.state_below(state, key),
                    is_item: false,
                });
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
                    named: Named::Other,
                    is_requirement: false,
                });
            }
            if let Some(scope) = open.last_mut() {
                scope.named = scope.named.max(line.names());
                scope.is_requirement |= line.is_operator();
            }
        }
        for scope in open {
            self.hide_values(&scope, self.lines.len());
        }
    }

    /// Hides the values of a map up to a line, if it names a secret, and what is below
    /// them. A key that nothing else is called may be one with a slip in it.
    fn hide_values(&mut self, scope: &Scope, end: usize) {
        if scope.named == Named::Other || scope.is_requirement {
            return;
        }
        let mut below = true;
        for at in scope.start..end {
            let Some(line) = Parsed::of(self.line(at)) else {
                continue;
            };
            if line.indent <= scope.indent {
                below = line.is_value_of(scope.named);
            }
            self.hidden[at] = self.hidden[at] || below;
        }
    }

    /// `value: x` near `name: DB_PASSWORD`, though its indentation says that it belongs to
    /// another map.
    fn hide_near_names(&mut self) {
        for at in 0..self.lines.len() {
            let Some(line) = Parsed::of(self.line(at)).filter(|it| it.names() != Named::Other)
            else {
                continue;
            };
            let behind = (at + 1..self.lines.len()).take(NEAR);
            let before = (0..at).rev().take(if line.is_item { 0 } else { NEAR });
            let near = self.values_near(behind, false);
            let near = near.into_iter().chain(self.values_near(before, true));
            for at in near.collect::<Vec<_>>() {
                self.hidden[at] = true;
            }
        }
    }

    /// The lines of values up to the next item or name.
    fn values_near(&self, lines: impl Iterator<Item = usize>, backwards: bool) -> Vec<usize> {
        let mut found = Vec::new();
        for at in lines {
            let Some(line) = Parsed::of(self.line(at)) else {
                continue;
            };
            let names = line
                .key
                .is_some_and(|key| is_naming_key(key) && !is_value_key(key));
            if names || (line.is_item && !backwards) || line.key == Some("---") {
                break;
            }
            if line.is_operator() {
                return Vec::new();
            }
            if line.key.is_some_and(is_nearly_value_key) && !line.value.is_empty() {
                found.push(at);
            }
            if line.is_item {
                break;
            }
        }
        found
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

/// `{name: DB_PASSWORD, value: x}` on one line, also where a slip is in `value`.
fn names_secret_beside_value(line: &str) -> bool {
    let words: Vec<&str> = line
        .split(|c: char| !(c.is_alphanumeric() || "_-./".contains(c)))
        .filter(|word| !word.is_empty())
        .collect();
    let names = |pair: &[&str]| is_naming_key(pair[0]) && is_secret_name(pair[1]);
    words.iter().any(|word| is_nearly_value_key(word))
        && words.windows(2).any(names)
        && !words.contains(&"operator")
}

/// The arguments of a program, one an item.
#[derive(Default)]
struct Arguments {
    /// Whether the item before is a flag whose value is a secret.
    flag: bool,
    /// Whether one of the items is a program with such flags.
    program: bool,
}

impl Arguments {
    /// Whether an item is a secret, by those before it.
    fn hide(&mut self, line: &Parsed<'_>) -> bool {
        if !line.is_item {
            *self = Self::default();
            return false;
        }
        let item = line.content.trim_matches(['"', '\'', ',']);
        let hides = self.flag && !is_placeholder(item);
        let short = ["-p", "-a", "-w", "-P", "-k", "-u", "-U", "--user"];
        self.program |= is_program(item);
        self.flag = is_secret_flag(item) || (self.program && short.contains(&item));
        hides || (self.program && item.starts_with("-p") && item.len() > 2)
    }
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

    /// What the line names.
    fn names(&self) -> Named {
        let (key, name) = (self.key.unwrap_or_default(), self.bare());
        let is_name = !name.contains(['{', '[', ':', ',']);
        match is_name && is_naming_key(key) && is_secret_name(name) {
            false => Named::Other,
            true if names_secret(key, name) => Named::Secret,
            true => Named::Vague,
        }
    }

    /// Whether it is the operator of a selector or a toleration.
    fn is_operator(&self) -> bool {
        self.key == Some("operator")
    }

    /// Whether it has the value of what another line of the map names.
    fn is_value_of(&self, named: Named) -> bool {
        let Some(key) = self.key else {
            return named == Named::Secret;
        };
        let is_known = is_naming_key(key) || is_setting(key) || is_structure(key);
        match named {
            Named::Secret => is_value_key(key) || !is_known,
            _ => is_nearly_value_key(key),
        }
    }

    /// What its key and those above it say of what is below it.
    fn state_below(&self, state: State, key: &str) -> State {
        let own = match key {
            "secretGenerator" => State::Hidden,
            _ => state.below_name(key),
        };
        match own.is_hidden() && !state.is_hidden() && is_placeholder_value(self.value) {
            true => State::Open,
            false => own,
        }
    }

    /// Whether it must not be shown below a place in this state.
    fn is_hidden_in(&self, state: State) -> bool {
        if matches!(self.content, "}" | "]" | "}," | "],") {
            return false;
        }
        let Some(key) = self.key else {
            return state.is_hidden();
        };
        let own = state.below_name(key);
        let is_switch = is_placeholder_value(self.value);
        if state == State::Hidden || state.hides_key(key) {
            return true;
        }
        // What is said by a name on this line alone is judged with its value.
        own.is_hidden() && state != State::Open && !is_switch && !self.is_head()
    }

    /// Whether it has a key alone.
    fn is_head(&self) -> bool {
        matches!(self.value, "" | "{" | "[" | "|" | ">" | "|-" | ">-")
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
mod tests;
