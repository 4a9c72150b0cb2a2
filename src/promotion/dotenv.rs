//! Files of `KEY=VALUE` lines (`.env`, `.properties`) by their keys. Pure.
//!
//! A value is what stands behind the sign, quotes included. Refused, so that the file is
//! one value as a whole: values of several lines, keys that are there twice, lines of
//! any other kind, and secrets, which no record and no plan repeats.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::confidential::{is_secret_name, is_secret_text};
use crate::repo::RepoPath;
use crate::yaml::{Path, Step};

/// Whether a file is named like one of this kind.
pub(crate) fn is_named(path: &RepoPath) -> bool {
    let name = path.file_name().unwrap_or_default();
    let endings = [".env", ".properties"];
    name.starts_with(".env.") || endings.iter().any(|ending| name.ends_with(ending))
}

/// The values of a file by their keys; `None` where it is compared as a whole.
pub(crate) fn values(text: &str) -> Option<Value> {
    let map = entries(text)?;
    let is_secret = |(key, _): (&String, &Value)| is_secret_name(key);
    (!map.is_empty() && !map.iter().any(is_secret) && !is_secret_text(text))
        .then_some(Value::Object(map))
}

/// The keys of a file, whatever they are about; `None` where they cannot be told.
pub(super) fn keys(text: &str) -> Option<Vec<String>> {
    Some(entries(text)?.into_iter().map(|(key, _)| key).collect())
}

fn entries(text: &str) -> Option<Map<String, Value>> {
    let mut map = Map::new();
    for line in text.lines() {
        let Some((key, value)) = entry(line)? else {
            continue;
        };
        if map.insert(key.to_owned(), value.into()).is_some() {
            return None;
        }
    }
    Some(map)
}

/// The key and value of a line; `Some(None)` for a blank line or a comment, `None` for a
/// line of another kind.
fn entry(line: &str) -> Option<Option<(&str, &str)>> {
    let content = line.trim();
    if content.is_empty() || content.starts_with(['#', ';', '!']) {
        return Some(None);
    }
    let (key, value) = line.split_once('=')?;
    let key = key.trim();
    let key = key.strip_prefix("export ").unwrap_or(key).trim_start();
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let value = value.strip_suffix('\r').unwrap_or(value);
    let is_key = !key.is_empty() && key.chars().all(fits);
    (is_key && is_of_one_line(value)).then_some(Some((key, value)))
}

fn is_of_one_line(value: &str) -> bool {
    let value = value.trim();
    let closed = |quote: char| match value.strip_prefix(quote) {
        Some(rest) => rest.contains(quote),
        None => true,
    };
    !value.ends_with('\\') && closed('"') && closed('\'') && closed('`')
}

/// The key that a path names: `spring.profiles` is one key here.
pub(super) fn key_of(path: &Path) -> Option<String> {
    let key = |step: &Step| match step {
        Step::Key(key) => Some(key.clone()),
        _ => None,
    };
    let keys: Option<Vec<String>> = path.steps().iter().map(key).collect();
    keys.map(|keys| keys.join("."))
}

/// The lines of a text, each with its line break.
struct Lines<'t>(Vec<&'t str>);

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self(text.split_inclusive('\n').collect())
    }

    fn key(&self, at: usize) -> Option<&'t str> {
        let line = self.0[at].strip_suffix('\n').unwrap_or(self.0[at]);
        Some(entry(line)??.0)
    }

    fn find(&self, key: &str) -> Option<usize> {
        (0..self.0.len()).find(|at| self.key(*at) == Some(key))
    }

    /// The first of the comment lines right above a line, but for those at the head of the
    /// file, which are about all of it.
    fn with_comments(&self, at: usize) -> usize {
        let is_comment = |line: &str| line.trim_start().starts_with(['#', ';', '!']);
        let above = self.0[..at].iter().rev();
        let first = at - above.take_while(|line| is_comment(line)).count();
        if first == 0 { at } else { first }
    }
}

/// The target's text with the values of some keys as the source has them.
pub(super) fn spliced(target: &str, source: &str, taken: &HashSet<String>) -> String {
    let from = Lines::of(source);
    let known: HashSet<&str> = (0..from.0.len()).filter_map(|at| from.key(at)).collect();
    let gone: HashSet<String> = taken
        .iter()
        .filter(|key| !known.contains(key.as_str()))
        .cloned()
        .collect();
    let mut text = without(target, &gone);
    for (at, key) in (0..from.0.len()).filter_map(|at| Some((at, from.key(at)?))) {
        if taken.contains(key) {
            text = with(&text, (&from, at), key);
        }
    }
    text
}

/// The text without some keys and the comments right above them.
pub(super) fn without(text: &str, gone: &HashSet<String>) -> String {
    let lines = Lines::of(text);
    let mut stays = vec![true; lines.0.len()];
    for at in 0..lines.0.len() {
        if lines.key(at).is_some_and(|key| gone.contains(key)) {
            stays[lines.with_comments(at)..=at].fill(false);
        }
    }
    let kept = lines.0.iter().zip(stays).filter(|(_, stays)| *stays);
    kept.map(|(line, _)| *line).collect()
}

/// The text with one key as the source has it: its value where the key is there, else its
/// line with the comments above it, behind the nearest key before it there.
fn with(text: &str, (from, at): (&Lines<'_>, usize), key: &str) -> String {
    let lines = Lines::of(text);
    let value = |line: &str| line.find('=').map_or(line.len(), |sign| sign + 1);
    if let Some(here) = lines.find(key) {
        let (old, new) = (lines.0[here], from.0[at].trim_end_matches(['\r', '\n']));
        let end = &old[old.trim_end_matches(['\r', '\n']).len()..];
        let line = format!("{}{}{end}", &old[..value(old)], &new[value(new)..]);
        return [&lines.0[..here], &[line.as_str()], &lines.0[here + 1..]]
            .concat()
            .concat();
    }
    let place = |at: usize| from.key(at).and_then(|key| lines.find(key));
    let behind = (0..at).rev().find_map(place).map(|at| at + 1);
    let before = || {
        let next = (at + 1..from.0.len()).find_map(place);
        next.map(|at| lines.with_comments(at))
    };
    let to = behind.or_else(before).unwrap_or(lines.0.len());
    let mut new = from.0[from.with_comments(at)..=at].concat();
    if !new.ends_with('\n') {
        new.push('\n');
    }
    let mut head = lines.0[..to].concat();
    if !head.is_empty() && !head.ends_with('\n') {
        head.push('\n');
    }
    head + &new + &lines.0[to..].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn keys(keys: &[&str]) -> HashSet<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn lines_are_read_by_their_keys() {
        let text = "# all\nA=1\nexport B=\"x y\" # why\n\nc.d = e=f\r\nE=\n";
        assert_eq!(
            values(text).unwrap(),
            json!({"A": "1", "B": "\"x y\" # why", "c.d": " e=f", "E": ""})
        );
        for whole in [
            "A=1\nA=2\n",
            "A=\"x\ny\"\n",
            "A=x\\\n  y\n",
            "just text\n",
            "API_TOKEN=x\n",
            "# nothing\n",
        ] {
            assert_eq!(values(whole), None, "{whole}");
        }
        let owned: Path = "spring.profiles".parse().unwrap();
        assert_eq!(key_of(&owned).as_deref(), Some("spring.profiles"));
    }

    #[test]
    fn values_move_and_every_other_byte_stays() {
        let source = "A=2\n# about n\nN=new\nB='x'\n";
        let target = "# mine\nA=1\n# gone with it\nG=1\nexport B = y  \r\nHOST=here";
        assert_eq!(
            spliced(target, source, &keys(&["A", "N", "B", "G"])),
            "# mine\nA=2\n# about n\nN=new\nexport B ='x'\r\nHOST=here"
        );
        assert_eq!(
            spliced("HOST=here", "Z=1\n", &keys(&["Z"])),
            "HOST=here\nZ=1\n"
        );
        assert_eq!(without("A=1\n# b\nB=1\n", &keys(&["B"])), "A=1\n");
    }

    proptest! {
        #[test]
        fn what_is_taken_is_the_sources_and_the_rest_the_targets(
            one in prop::collection::btree_map("[A-E]", "[a-z ]{0,3}", 1..5),
            other in prop::collection::btree_map("[A-E]", "[a-z ]{0,3}", 1..5),
            taken in prop::collection::hash_set("[A-E]", 0..5),
        ) {
            let text = |values: &std::collections::BTreeMap<String, String>| -> String {
                values.iter().map(|(key, value)| format!("# {key}\n{key}={value}\n")).collect()
            };
            let found = entries(&spliced(&text(&one), &text(&other), &taken)).unwrap();
            for key in ["A", "B", "C", "D", "E"] {
                let wanted = if taken.contains(key) { &other } else { &one };
                let wanted = wanted.get(key).cloned().map(Value::from);
                prop_assert_eq!(found.get(key).cloned(), wanted, "{}", key);
            }
        }
    }
}
