//! Key paths: `spec.components.cart.values.env["a.b"][0]`, `containers[name=web].image`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::written::text_of;

/// A way down from a document's root.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(Vec<Step>);

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into the value of a mapping's key.
    Key(String),
    /// Into an item of a sequence, from 0.
    Index(usize),
    /// Into the item of a sequence that has these scalars under these keys, wherever
    /// it stands: `[name=web]`, `[port=53+protocol=UDP]`.
    Item(Vec<(String, String)>),
}

/// What an item that says nothing under a key is taken to say: Kubernetes counts a
/// port without a protocol among those of TCP.
pub(super) fn implied(key: &str) -> Option<&'static str> {
    (key == "protocol").then_some("TCP")
}

impl Step {
    /// What this step leads to in a value.
    pub fn down<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        match self {
            Step::Key(key) => value.get(key.as_str()),
            Step::Index(index) => value.get(*index),
            Step::Item(keys) => {
                let says = |item: &Value| {
                    keys.iter()
                        .all(|(key, wanted)| said_of(item, key).as_deref() == Some(wanted))
                };
                value.as_array()?.iter().find(|item| says(item))
            }
        }
    }
}

/// The value at a key path below `root`.
pub fn value_at<'a>(root: &'a Value, path: &Path) -> Option<&'a Value> {
    path.steps()
        .iter()
        .try_fold(root, |value, step| step.down(value))
}

/// What an item says under a key, as text; `None` for what is not a scalar.
pub fn said_of<'v>(item: &'v Value, key: &str) -> Option<Cow<'v, str>> {
    match item.as_object()?.get(key) {
        Some(value) => text_of(value),
        None => implied(key).map(Cow::Borrowed),
    }
}

/// Text that is not a key path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a key path: {reason} at character {at}")]
pub struct PathError {
    /// The text.
    pub text: String,
    /// What is wrong.
    pub reason: &'static str,
    /// Where, from 1.
    pub at: usize,
}

impl Path {
    /// The root itself.
    pub fn root() -> Path {
        Path::default()
    }
    /// A path of steps.
    pub fn new(steps: Vec<Step>) -> Path {
        Path(steps)
    }
    /// A path of keys only.
    pub fn of<I, S>(keys: I) -> Path
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Path(keys.into_iter().map(|key| Step::Key(key.into())).collect())
    }
    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
    /// True for the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
    /// This path and one key more.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Path {
        self.step(Step::Key(key.into()))
    }
    /// This path and one index more.
    #[must_use]
    pub fn index(&self, index: usize) -> Path {
        self.step(Step::Index(index))
    }
    /// This path and one step more.
    #[must_use]
    pub fn step(&self, step: Step) -> Path {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Path(steps)
    }
    /// This path followed by another.
    #[must_use]
    pub fn join(&self, below: &Path) -> Path {
        Path(self.0.iter().chain(&below.0).cloned().collect())
    }
    /// The path one level up; none for the root.
    pub fn parent(&self) -> Option<Path> {
        let (_, up) = self.0.split_last()?;
        Some(Path(up.to_vec()))
    }
    /// The last step; none for the root.
    pub fn last(&self) -> Option<&Step> {
        self.0.last()
    }
    /// True when `above` is this path or one above it.
    pub fn starts_with(&self, above: &Path) -> bool {
        self.0.starts_with(&above.0)
    }
    /// The steps below `above`.
    pub fn strip_prefix(&self, above: &Path) -> Option<Path> {
        self.0
            .strip_prefix(above.0.as_slice())
            .map(|steps| Path(steps.to_vec()))
    }
}

/// What is said of a list or of a file beside its values has a key that begins with NUL,
/// and is written in parentheses: `containers.(order)`.
const BESIDE: char = '\u{0}';

/// The word of a key that is said beside values.
fn word_beside(key: &str) -> Option<&str> {
    let word = key.strip_prefix(BESIDE)?;
    (!word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())).then_some(word)
}

/// The key that a word in parentheses means.
fn key_beside(word: &str) -> Option<String> {
    let word = word.strip_prefix('(')?.strip_suffix(')')?;
    let key = format!("{BESIDE}{word}");
    word_beside(&key).is_some().then_some(key)
}

fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with('(')
        && key
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && !"./[]\"'\\".contains(c))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Item(keys) => {
                    for (at, (key, value)) in keys.iter().enumerate() {
                        f.write_str(if at == 0 { "[" } else { "+" })?;
                        if is_word(key) {
                            f.write_str(key)?;
                        } else {
                            write_quoted(f, key)?;
                        }
                        f.write_str("=")?;
                        if is_word(value) {
                            f.write_str(value)?;
                        } else {
                            write_quoted(f, value)?;
                        }
                    }
                    f.write_str("]")?;
                }
                Step::Key(key) if is_bare(key) => {
                    write!(f, "{}{key}", if at == 0 { "" } else { "." })?;
                }
                Step::Key(key) if word_beside(key).is_some() => {
                    let word = word_beside(key).unwrap_or_default();
                    write!(f, "{}({word})", if at == 0 { "" } else { "." })?;
                }
                Step::Key(key) => {
                    f.write_str("[")?;
                    write_quoted(f, key)?;
                    f.write_str("]")?;
                }
            }
        }
        Ok(())
    }
}

/// A part of `[key=value]` that is read again as it stands.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && !"[]\"'\\=+,".contains(c))
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{{{:x}}}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        let chars: Vec<char> = text.chars().collect();
        let error = |reason, at: usize| PathError {
            text: text.to_owned(),
            reason,
            at: at + 1,
        };
        let mut steps = Vec::new();
        let mut at = 0;
        while at < chars.len() {
            match chars[at] {
                '[' if selects(&chars, at + 1) => {
                    let (keys, next) =
                        item(&chars, at + 1).map_err(|(reason, at)| error(reason, at))?;
                    steps.push(Step::Item(keys));
                    at = next;
                }
                '[' if chars.get(at + 1) == Some(&'"') => {
                    let (key, next) =
                        quoted(&chars, at + 2).map_err(|at| error("an open quote", at))?;
                    if chars.get(next) != Some(&']') {
                        return Err(error("`]` is missing", next));
                    }
                    steps.push(Step::Key(key));
                    at = next + 1;
                }
                '[' => {
                    let digits: String = chars[at + 1..]
                        .iter()
                        .take_while(|c| c.is_ascii_digit())
                        .collect();
                    let next = at + 1 + digits.len();
                    let index = digits
                        .parse()
                        .map_err(|_| error("a number or a quoted key is missing", at + 1))?;
                    if chars.get(next) != Some(&']') {
                        return Err(error("`]` is missing", next));
                    }
                    steps.push(Step::Index(index));
                    at = next + 1;
                }
                c => {
                    if c == '.' {
                        if steps.is_empty() {
                            return Err(error("a key is missing", at));
                        }
                        at += 1;
                    } else if !steps.is_empty() {
                        return Err(error("`.` is missing", at));
                    }
                    let key: String = chars[at..]
                        .iter()
                        .take_while(|c| !matches!(c, '.' | '['))
                        .collect();
                    if key.is_empty() {
                        return Err(error("a key is missing", at));
                    }
                    at += key.chars().count();
                    let beside = key_beside(&key);
                    steps.push(Step::Key(beside.unwrap_or(key)));
                }
            }
        }
        Ok(Path(steps))
    }
}

/// A part of `[key=value]`, in quotes or not, and the place behind it.
fn part(chars: &[char], from: usize) -> Result<(String, usize), usize> {
    if chars.get(from) == Some(&'"') {
        return quoted(chars, from + 1);
    }
    let text: String = chars[from.min(chars.len())..]
        .iter()
        .take_while(|c| !matches!(c, '=' | '+' | '[' | ']' | '"'))
        .collect();
    let next = from + text.chars().count();
    if text.is_empty() {
        return Err(from);
    }
    Ok((text, next))
}

/// Whether what follows a `[` selects an item by what it says.
fn selects(chars: &[char], from: usize) -> bool {
    part(chars, from).is_ok_and(|(_, next)| chars.get(next) == Some(&'='))
}

type ItemKeys = Vec<(String, String)>;

/// Reads `key=value+key=value]`; gives the place behind it.
fn item(chars: &[char], from: usize) -> Result<(ItemKeys, usize), (&'static str, usize)> {
    let mut keys = Vec::new();
    let mut at = from;
    loop {
        let missing = |at| ("a key or value is missing", at);
        let (key, next) = part(chars, at).map_err(missing)?;
        if chars.get(next) != Some(&'=') {
            return Err(("`=` is missing", next));
        }
        let (value, next) = part(chars, next + 1).map_err(missing)?;
        keys.push((key, value));
        match chars.get(next) {
            Some('+') => at = next + 1,
            Some(']') => return Ok((keys, next + 1)),
            _ => return Err(("`]` is missing", next)),
        }
    }
}

/// Reads to the closing quote; gives the key and the place past the quote.
fn quoted(chars: &[char], from: usize) -> Result<(String, usize), usize> {
    let mut key = String::new();
    let mut at = from;
    loop {
        match chars.get(at) {
            None => return Err(at),
            Some('"') => return Ok((key, at + 1)),
            Some('\\') if chars.get(at + 1) == Some(&'u') => {
                let code: String = chars[at + 2..]
                    .iter()
                    .skip(1)
                    .take_while(|c| c.is_ascii_hexdigit())
                    .collect();
                let c = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                key.push(c.ok_or(at)?);
                at += code.len() + 4;
            }
            Some('\\') => {
                key.push(*chars.get(at + 1).ok_or(at)?);
                at += 2;
            }
            Some(c) => {
                key.push(*c);
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn paths_are_written_as_they_are_read() {
        for text in [
            "",
            "spec",
            "spec.components.cart.image",
            "spec.list[0].name",
            "spec.env[\"a.b\"][2]",
            "[\"\"]",
            "[0][1]",
            "a[\"say \\\"hi\\\"\"].b",
            "containers[name=web].env[name=A].value",
            "ports[port=53+protocol=UDP]",
            "mounts[mountPath=/var/run/a.b]",
            "x[name=\"a b=]\"].y",
        ] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        let odd = Path::of(["a b", "tab\there", "x]"]);
        assert_eq!(odd.to_string().parse::<Path>().unwrap(), odd);
    }

    #[test]
    fn text_that_is_no_path_is_refused_with_its_place() {
        for (text, at) in [
            (".a", 1),
            ("a..b", 3),
            ("a[", 3),
            ("a[x]", 3),
            ("a[1", 4),
            ("a[\"b", 5),
            ("[0]b", 4),
            ("a.", 3),
            ("a[b=]", 5),
            ("a[b=c", 6),
            ("a[b=c+d]", 8),
        ] {
            let error = text.parse::<Path>().unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
        }
    }
}
