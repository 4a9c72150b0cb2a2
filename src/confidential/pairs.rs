//! Names of secrets and their values where no sign of assignment is between them: blanks,
//! quotes, commas, attributes of XML, words of SQL, lines of well-known files.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::assigned::value_at;
use super::names::{is_about, is_secret_name};
use super::settings::{is_naming_key, is_setting, is_value_key};
use super::shapes::{groups, is_placeholder, pattern};

/// `password "x"`, also behind other words.
static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?:^|[\s;{(])([A-Za-z_][\w.-]*)[ \t]+\\?(?:"([^"\\\n]+)|'([^'\\\n]+))"#)
});

/// `define('DB_PASSWORD', 'x')`, `set("password", "x")`.
static CALLED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\(\s*\\?["']([A-Za-z_][\w.-]*)\\?["']\s*,\s*\\?(?:"([^"\\\n]+)|'([^'\\\n]+))\\?["']"#,
    )
});

/// `password("x")`.
static CALL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z_]\w*)\(\s*\\?(?:"([^"\\\n]+)|'([^'\\\n]+))\\?["']\s*\)"#));

/// A line of a name and a value, and the words that may be before it.
static LINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?mx)^[\ \t]*
        (?:(?:set|setenv|SetEnv|ENV|env|export|option|stats|proxy_set_header|set-header|add_header
            |http-request[\ \t]+set-header|RequestHeader[\ \t]+set|user[\ \t]+\S+|username[\ \t]+\S+
            |login[\ \t]+\S+|uid[\ \t]+\S+|CONFIG[\ \t]+SET|config[\ \t]+set)[\ \t]+)?
        ([A-Za-z_.][\w.-]*)[\ \t]+([^\s=:{\[(|<>][^\s]*?)[\ \t]*;?[\ \t]*(?:\#[^\n]*)?\r?$",
    )
});

/// Words that follow the name of a secret in a sentence.
#[rustfmt::skip]
const PROSE: &[&str] = &[
    "reset", "rotation", "required", "expired", "expires", "missing", "invalid", "is", "was",
    "are", "were", "has", "have", "not", "and", "or", "for", "of", "in", "to", "from", "with",
    "must", "may", "can", "will", "exchange", "management", "generator", "proxy", "sauce",
    "based", "protected", "authentication", "authorization", "login", "flow", "check",
    "valid", "change", "changed", "recovery", "storage", "here", "below", "above", "hash",
    "hashing", "encryption", "lookup", "grant", "introspection", "endpoint", "forgotten",
    "strength", "gateway", "basic", "none",
];

/// `env[0].name=DB_PASSWORD,env[0].value=x`.
static SETS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"([A-Za-z]\w*)\\?=\\?["']?([A-Za-z_][\w.-]*)\\?["']?(?:[,;&]|\s+)(?:--set(?:-string)?[ =])?[\w.\[\]-]*?([A-Za-z]\w*)=\\?["']?([^\s,;&"'\\]+)"#,
    )
});

/// The passwords of SQL, the values of `--from-literal`, a line of a `.pgpass`, what is
/// written to `chpasswd` or `--password-stdin`, passwords of Redis and its Sentinel.
static STATEMENTS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?mx)
        (?i:\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+|values\s+)?)[\\"'`]*([^\s"'`;\\]+)
        | (?i:\bset\s+password\s+(?:for\s+\S+\s*)?=\s*(?:password\()?)[\\"']*([^\s"';\\)]+)
        | --from-literal[=\s]+["']?[\w.-]+=["']?([^\s"']+)
        | ^[^\s:\#/]+:(?:\d{1,5}|\*):[^\s:]+:[^\s:/]+:([^\s:]+)$
        | \b(?:echo|printf)\s+(?:-n\s+)?["']?[^\s"'|:]+:([^\s"'|]+)["']?\s*\|\s*(?:sudo\s+)?chpasswd
        | \b(?:echo|printf)\s+(?:-n\s+)?["']?([^\s"'|]+)["']?\s*\|[^\n|]*--password-stdin
        | \bauth-pass\s+\S+\s+(\S+)
        | ^[\ \t]*user[\ \t]+\S+[\ \t][^\n]*?[>\#]([^\s]+)"#,
    )
});

/// YAML's `? password` and its value on the next line.
static LONG_KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)^[ \t-]*\?[ \t]+["']?([\w.-]+)["']?[ \t]*\r?\n[ \t]*:[ \t]+([^\n]+)"#)
});

/// How far a block of Terraform is read. In bytes.
const LONGEST_BLOCK: usize = 4 << 10;

/// The head of a block of Terraform.
static BLOCK: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"\b(?:variable|parameter|output)\s+"([\w.-]+)"\s*\{"#));

static BLOCK_VALUE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^[ \t]*(?:default|value)[ \t]*=[ \t]*"));

/// `<name>value</name>`.
static ELEMENT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"<([A-Za-z_][\w.:-]*)(?:\s[^<>]*)?>([^<]+)</"));

/// `<property name="password" value="x"/>`, `<entry key="password">x</entry>`.
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"<[A-Za-z_][\w.:-]*(\s[^<>]*)>([^<\n]*)"));

static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z_][\w.:-]*)\s*=\s*\\?(?:"([^"\\]*)|'([^'\\]*))"#));

/// Where a text has the value of a name that is before it without a sign.
pub(super) fn pairs(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    for (pattern, judge) in [
        (&QUOTED, names_before_quote as fn(&str) -> bool),
        (&CALLED, is_secret_name),
        (&CALL, names_call),
    ] {
        parts.extend(groups(pattern, text, |found, at| {
            let group = if found.get(2).is_some() { 2 } else { 3 };
            (judge(&found[1]) && is_value(&found[group])).then(|| at(group))
        }));
    }
    parts.extend(groups(&LINE, text, |found, at| {
        let (name, value) = (&found[1], &found[2]);
        (is_lower_or_upper(name) && is_secret_name(name) && is_word_of_secret(value)).then(|| at(2))
    }));
    parts.extend(groups(&SETS, text, |found, at| {
        let names = is_naming_key(&found[1]) && is_secret_name(&found[2]);
        (names && is_value_key(&found[3]) && !is_placeholder(&found[4])).then(|| at(4))
    }));
    parts.extend(groups(&STATEMENTS, text, |found, at| {
        let group = (1..found.len()).find(|group| found.get(*group).is_some())?;
        (!is_placeholder(&found[group])).then(|| at(group))
    }));
    parts.extend(groups(&LONG_KEY, text, |found, at| {
        (is_secret_name(&found[1]) && !is_placeholder(&found[2])).then(|| at(2))
    }));
    parts.extend(blocks(text));
    parts
}

/// The values of XML's elements and attributes that are called secrets.
pub(super) fn elements(text: &str) -> Vec<Range<usize>> {
    let mut parts = groups(&ELEMENT, text, |found, at| {
        let value = found[2].trim();
        (is_secret_name(&found[1]) && !is_placeholder(value)).then(|| at(2))
    });
    for tag in TAG.captures_iter(text) {
        let (Some(inside), Some(content)) = (tag.get(1), tag.get(2)) else {
            continue;
        };
        let attributes = || ATTRIBUTE.captures_iter(inside.as_str());
        let is_named =
            attributes().any(|it| is_naming_key(&it[1]) && is_secret_name(text_of(&it).as_str()));
        if !is_named {
            continue;
        }
        for attribute in attributes().filter(|it| is_value_key(&it[1])) {
            let value = text_of(&attribute);
            let at = inside.start();
            parts.extend((is_value(value.as_str())).then(|| at + value.start()..at + value.end()));
        }
        parts.extend(is_value(content.as_str().trim()).then(|| content.range()));
    }
    parts
}

/// The value of an attribute.
fn text_of<'t>(found: &regex::Captures<'t>) -> regex::Match<'t> {
    found
        .get(2)
        .or_else(|| found.get(3))
        .unwrap_or_else(|| found.get_match())
}

/// `variable "db_password" { default = "x" }`.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(head) = BLOCK.captures_at(text, at) {
        at = head.get_match().end();
        if !is_secret_name(&head[1]) {
            continue;
        }
        let near = text.floor_char_boundary(at + LONGEST_BLOCK);
        let end = text[at..near].find("\n}").map_or(near, |end| at + end);
        for sign in BLOCK_VALUE.find_iter(&text[at..end]) {
            let (value, _) = value_at(text, at + sign.end(), true, "=");
            parts.extend(value);
        }
        at = end;
    }
    parts
}

/// `secret "db"` names an object.
fn names_before_quote(name: &str) -> bool {
    is_secret_name(name) && !matches!(name, "secret" | "secrets" | "Secret" | "Secrets")
}

/// `getPassword("db")` asks for one.
fn names_call(name: &str) -> bool {
    let asks = [
        "get", "read", "find", "lookup", "fetch", "load", "is", "has", "resolve",
    ];
    is_secret_name(name) && !asks.iter().any(|verb| name.starts_with(verb))
}

fn is_value(text: &str) -> bool {
    !text.is_empty() && !is_placeholder(text) && !is_setting(text) && !is_secret_name(text)
}

/// Whether a word behind a name is a value, and not the next word of a sentence.
fn is_word_of_secret(word: &str) -> bool {
    let word = word.trim_end_matches(['.', ',', '!', '?', ';']);
    let lower = word.to_ascii_lowercase();
    is_value(word) && !PROSE.contains(&lower.as_str()) && !is_about(word) && !word.ends_with(':')
}

/// Sentences and titles begin with one upper letter, names in files do not.
fn is_lower_or_upper(name: &str) -> bool {
    let mut letters = name.chars();
    let first = letters.next().is_some_and(char::is_uppercase);
    let is_title = first && letters.all(|c| c.is_lowercase());
    !is_title || matches!(name, "Authorization" | "Cookie")
}

#[cfg(test)]
mod tests;
