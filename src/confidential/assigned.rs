//! Names of secrets inside of longer texts, with what they are set to: `DB_PASSWORD=x`,
//! `--token x`, `"password": "x"`. The value may go on over several lines.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::commands::secret_arguments;
use super::embedded::{NEAR, secret_values_below};
use super::names::is_secret_name;
use super::pairs::{elements, pairs};
use super::shapes::{groups, is_placeholder, pattern};

/// A name and a sign of assignment: `a=`, `a: `, `"a": `, `a => `, `x["a"] = `. What is
/// assigned may hold another name: `url=x?token=y`.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"([A-Za-z_.][\w.-]*)(\\?["'])?[\]%]{0,2}[ \t]*(==|:=|=>|->|[?+%.\\]=|=|:)([ \t]*)"#)
});

/// The value behind the sign.
static ASSIGNED_VALUE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\A(?:\\?"([^"\\]*)|\\?'([^'\\]*)|(&?[^\s"'\\,;&)}\]]+))"#));

/// The beginning of a document of its own, up to a line with its name.
static HEREDOC: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\A<<[-~]?["']?([A-Za-z_]\w*)["']?[^\n]*\n"#));

/// `--name value`, as one text and as items of a list.
static FLAG: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?:^|[\s"'\[,])--?([A-Za-z][\w.-]+)(?:["'\s]|,[\s"'])(?:[\s"',]|\\\n)*([^\s"',\]=\\-][^\s"',\]]*)"#,
    )
});

/// `curl -u user:password`, netrc.
static PROGRAMS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?x)
        (?:\s|^)(?:-u|--user)[\s=]+["']?[^\s:"'/]+:([^\s"']+)
        | \b(?:login|user|username)\s+\S+\s+(?:account\s+\S+\s+)?password\s+(\S+)"#,
    )
});

/// Where a text has the value of something that is called a secret.
pub(super) fn by_name(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    if text.contains(['=', ':', '>']) {
        parts.extend(all_assigned(text));
    }
    if text.contains('-') {
        parts.extend(groups(&FLAG, text, |found, at| {
            let (name, value) = (&found[1], &found[2]);
            let path = name.contains("kubeconfig") && value.starts_with(['/', '.', '~']);
            (is_secret_name(name) && !path && !is_placeholder(value)).then(|| at(2))
        }));
    }
    parts.extend(groups(&PROGRAMS, text, |found, at| {
        let group = (1..=2).find(|group| found.get(*group).is_some())?;
        let value = &found[group];
        let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
        let is_id = group == 1 && is_number;
        (!is_id && !is_placeholder(value)).then(|| at(group))
    }));
    parts.extend(secret_arguments(text));
    parts.extend(pairs(text));
    if text.contains('<') {
        parts.extend(elements(text));
    }
    parts
}

/// The values of all assignments to secret names. Only behind such a name a value is
/// read, and then the search goes on behind it: no part of the text is read twice.
fn all_assigned(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    // Behind a bracket that is not closed, none is read for as long as it was looked for.
    let (mut at, mut unread) = (0, 0);
    while let Some(found) = ASSIGNED.captures_at(text, at) {
        at = found.get_match().end();
        if !says_secret(text, &found) {
            continue;
        }
        if at >= unread && text[at..].starts_with(['{', '[']) {
            if let Some((end, values)) = secret_values_below(name_of(text, &found), text, at) {
                parts.extend(values);
                at = end;
                continue;
            }
            unread = at + NEAR;
        }
        let blank = !found[4].is_empty();
        let (value, end) = value_at(text, at, blank, &found[3]);
        parts.extend(value.filter(|part| !part.is_empty()));
        at = end.max(at);
    }
    parts
}

/// Whether an assignment is one, and to a secret name.
fn says_secret(text: &str, found: &Captures<'_>) -> bool {
    let (start, sign, end) = (
        found.get_match().start(),
        &found[3],
        found.get_match().end(),
    );
    let rest = text[end..].trim_start_matches('\\');
    let quoted = rest.starts_with(['"', '\'']);
    // `registry/auth:1.2` is an image, `auth: 1.2` and `"auth":"1.2"` say something.
    let says = match sign {
        "==" => false,
        ":" => {
            let says_more = !found[4].is_empty() || quoted || found.get(2).is_some();
            says_more
                || (says_password(&found[1]) && !rest.starts_with(|c: char| c.is_ascii_digit()))
        }
        _ => true,
    };
    let in_path = sign == ":" && text[..start].ends_with('/');
    says && !in_path && is_secret_name(name_of(text, found))
}

/// Whether a name is that of a password, which images and their tags are not called.
fn says_password(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "api_key",
        "apikey",
    ]
    .iter()
    .any(|end| name.ends_with(end))
}

/// The name that is set to something. `-Dpassword=x` defines one for Java, and in a quoted
/// text it may be behind `\\n`.
fn name_of<'t>(text: &str, found: &'t Captures<'_>) -> &'t str {
    let (name, before) = (&found[1], &text[..found.get_match().start()]);
    let prefix = match before.as_bytes() {
        [.., b'-', b'-'] => return name,
        [.., b'-'] => ['D', 'D'],
        [.., b'\\'] => ['n', 't'],
        _ => return name,
    };
    name.strip_prefix(prefix).unwrap_or(name)
}

/// The value of an assignment that begins at `start`, behind a blank or not, and where to
/// go on behind it.
pub(super) fn value_at(
    text: &str,
    start: usize,
    blank: bool,
    sign: &str,
) -> (Option<Range<usize>>, usize) {
    let rest = &text[start..];
    for quotes in ["'''", "\"\"\""] {
        if let Some(inner) = rest.strip_prefix(quotes) {
            let end = inner.find(quotes).map_or(text.len(), |end| start + 3 + end);
            return (Some(start + 3..end), end);
        }
    }
    if let Some(found) = HEREDOC.captures(rest) {
        let from = start + found.get_match().end();
        let end = end_of_heredoc(text, from, &found[1]);
        return (Some(from..end), end);
    }
    if sign != ":" && rest.starts_with(['\n', '\r']) {
        let end = end_of_indented(text, start);
        return (Some(start..end), end);
    }
    if rest.starts_with("\\\n") {
        let end = end_of_continued(text, start);
        return (Some(start..end), end);
    }
    let Some(value) = ASSIGNED_VALUE.captures(rest) else {
        return (None, start);
    };
    let end = start + value.get_match().end();
    match assigned(text, start, blank, &value) {
        Some(part) if text[part.end..].starts_with("\\\n") || text[..part.end].ends_with('\\') => {
            let continued = end_of_continued(text, part.end.saturating_sub(1).max(part.start));
            (Some(part.start..continued), continued)
        }
        Some(part) => {
            let end = end.max(part.end);
            (Some(part), end)
        }
        None => (None, end),
    }
}

/// The value of an assignment to a secret name; it begins at `start`, behind a blank or
/// not.
fn assigned(text: &str, start: usize, blank: bool, found: &Captures<'_>) -> Option<Range<usize>> {
    let value = (1..=3).find_map(|group| found.get(group))?;
    let quoted = found.get(3).is_none();
    let (start, stop) = (start + value.start(), start + value.end());
    let first = value.as_str();
    let is_nothing = is_placeholder(first);
    if is_nothing && (quoted || !blank || !may_have_more(first)) {
        return None;
    }
    // The rest of the line belongs to it where blanks may be a part of the value.
    let end = match (quoted, blank) {
        (false, true) => text[stop..].find('\n').map_or(text.len(), |at| stop + at),
        _ => stop,
    };
    let whole = text[start..end].trim_end();
    if is_nothing && (is_placeholder(whole) || !has_more(whole, first)) {
        return None;
    }
    Some(start..start + whole.len())
}

/// Whether a value may be behind this word.
fn may_have_more(first: &str) -> bool {
    first.starts_with(['{', '[', '&', '!', '*'])
}

/// Whether something else than a comment follows the first word of a value.
fn has_more(whole: &str, first: &str) -> bool {
    let rest = whole.strip_prefix(first).unwrap_or_default().trim_start();
    let rest = rest.trim_start_matches([',', '}', ')', ']', '"', '\'', ';']);
    !rest.is_empty() && !rest.starts_with('#')
}

/// Where the line with a name alone ends a document.
fn end_of_heredoc(text: &str, from: usize, name: &str) -> usize {
    let mut at = from;
    for line in text[from..].split_inclusive('\n') {
        if line.trim() == name {
            return at;
        }
        at += line.len();
    }
    at
}

/// Where the indented lines behind an empty value end.
fn end_of_indented(text: &str, start: usize) -> usize {
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let own = indent(&text[line_start..start]);
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        let is_own = line.trim().is_empty() || at == start;
        if !is_own && indent(line) <= own {
            break;
        }
        at += line.len();
    }
    start + text[start..at].trim_end().len()
}

/// Where a value ends that goes on behind a backslash at the end of its line.
fn end_of_continued(text: &str, start: usize) -> usize {
    let mut at = start;
    for line in text[start..].split_inclusive('\n') {
        at += line.len();
        if !line.trim_end_matches(['\n', '\r']).ends_with('\\') {
            break;
        }
    }
    start + text[start..at].trim_end().len()
}

#[cfg(test)]
mod tests;
