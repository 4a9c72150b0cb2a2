//! Key paths: `spec.components.cart.values.env["a.b"][0]`.

use std::fmt;
use std::str::FromStr;

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
}

/// Text that is no key path.
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

fn is_bare(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && !"./[]\"'\\".contains(c))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_bare(key) => {
                    write!(f, "{}{key}", if at == 0 { "" } else { "." })?;
                }
                Step::Key(key) => {
                    f.write_str("[\"")?;
                    for c in key.chars() {
                        match c {
                            '"' | '\\' => write!(f, "\\{c}")?,
                            c if c.is_control() => write!(f, "\\u{{{:x}}}", c as u32)?,
                            c => write!(f, "{c}")?,
                        }
                    }
                    f.write_str("\"]")?;
                }
            }
        }
        Ok(())
    }
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
                    steps.push(Step::Key(key));
                }
            }
        }
        Ok(Path(steps))
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
        ] {
            let error = text.parse::<Path>().unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
        }
    }
}
