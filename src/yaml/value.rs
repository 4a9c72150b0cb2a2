//! Nodes → values: aliases and merges resolved, scalars as Kubernetes reads them.
//!
//! An explicit key wins over a merged one wherever it stands. Duplicate keys,
//! keys that JSON cannot hold and numbers beyond it are errors with their place.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::{Map, Number, Value};

use super::error::{YamlError, YamlErrorKind};
use super::node::{Entry, Node, NodeKind};
use super::scalar;
use super::stream::{Document, Stream};
use super::written;

/// What aliases and merges may add to a document, in bytes of text plus a few per node.
/// See `docs/limits.md`.
const ALIASES: usize = 8 << 20;

/// Reads a text into one value per document; documents without content are left out.
///
/// # Errors
/// Everything that [`Stream::parse`] and [`Document::value`] refuse.
pub fn parse_values(text: &str) -> Result<Vec<Value>, YamlError> {
    Stream::parse(text)?
        .documents()
        .iter()
        .map(Document::value)
        .collect()
}

/// The same with scalars as written; see [`super::Written`].
///
/// # Errors
/// Everything that [`Stream::parse`] and [`Document::written`] refuse.
pub fn written_values(text: &str) -> Result<Vec<Value>, YamlError> {
    Stream::parse(text)?
        .documents()
        .iter()
        .map(Document::written)
        .collect()
}

/// An entry of a mapping with merges applied.
#[derive(Debug, Clone)]
pub(super) struct Effective<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) key: &'a Node,
    pub(super) value: &'a Node,
}

impl Document {
    /// The document's value; null without content.
    ///
    /// # Errors
    /// See [`Document::value_of`].
    pub fn value(&self) -> Result<Value, YamlError> {
        match self.root() {
            None => Ok(Value::Null),
            Some(root) => self.value_of(root),
        }
    }

    /// The value of one node of this document.
    ///
    /// # Errors
    /// Duplicate keys, keys that are no scalars, `<<` without a mapping, tags that do not fit,
    /// numbers that JSON cannot hold, aliases that never end or expand to more than 8 MiB.
    pub fn value_of(&self, node: &Node) -> Result<Value, YamlError> {
        Reader::new(self, Scalars::Json).value(node)
    }

    /// The document's value with its scalars as written; see [`super::Written`].
    ///
    /// # Errors
    /// See [`Document::written_of`].
    pub fn written(&self) -> Result<Value, YamlError> {
        match self.root() {
            None => Ok(Value::Null),
            Some(root) => self.written_of(root),
        }
    }

    /// The value of one node with its scalars as written; see [`super::Written`].
    ///
    /// # Errors
    /// Those of [`Document::value_of`] that are not about scalars.
    pub fn written_of(&self, node: &Node) -> Result<Value, YamlError> {
        Reader::new(self, Scalars::Written).value(node)
    }

    /// The entries of a mapping, merges applied; aliases as values are left as they are.
    pub(super) fn effective<'a>(&'a self, node: &'a Node) -> Result<Vec<Effective<'a>>, YamlError> {
        Reader::new(self, Scalars::Json).entries(node)
    }
}

/// What becomes of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scalars {
    /// What Kubernetes reads.
    Json,
    /// What is written.
    Written,
}

struct Reader<'a> {
    document: &'a Document,
    scalars: Scalars,
    /// Anchors that are being expanded.
    open: Vec<usize>,
    spent: usize,
}

impl<'a> Reader<'a> {
    fn new(document: &'a Document, scalars: Scalars) -> Reader<'a> {
        Reader {
            document,
            scalars,
            open: Vec::new(),
            spent: 0,
        }
    }

    fn fail<T>(&self, node: &Node, kind: YamlErrorKind) -> Result<T, YamlError> {
        Err(self.document.error(node.start(), kind))
    }

    fn spend(&mut self, node: &Node, bytes: usize) -> Result<(), YamlError> {
        if self.open.is_empty() {
            return Ok(());
        }
        self.spent += bytes + 16;
        if self.spent > ALIASES {
            return self.fail(node, YamlErrorKind::AliasBomb { limit: ALIASES });
        }
        Ok(())
    }

    fn value(&mut self, node: &'a Node) -> Result<Value, YamlError> {
        match &node.kind {
            NodeKind::Scalar(_) => self.scalar(node),
            NodeKind::Sequence(items) => {
                self.spend(node, 0)?;
                items
                    .iter()
                    .map(|item| self.value(item))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array)
            }
            NodeKind::Mapping(entries) if entries.iter().any(Entry::is_merge) => {
                let mut map = Map::new();
                for entry in self.entries(node)? {
                    let value = self.value(entry.value)?;
                    map.insert(entry.name.into_owned(), value);
                }
                Ok(Value::Object(map))
            }
            NodeKind::Mapping(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for entry in entries {
                    let name = self.name(&entry.key)?;
                    self.spend(node, name.len())?;
                    let value = self.value(&entry.value)?;
                    match map.entry(name) {
                        serde_json::map::Entry::Vacant(place) => place.insert(value),
                        serde_json::map::Entry::Occupied(place) => {
                            return self.duplicate(entries, entry, place.key());
                        }
                    };
                }
                Ok(Value::Object(map))
            }
            NodeKind::Alias { .. } => self.aliased(node, Reader::value),
        }
    }

    /// Does something with the node that an alias names.
    fn aliased<T>(
        &mut self,
        node: &'a Node,
        then: impl FnOnce(&mut Reader<'a>, &'a Node) -> Result<T, YamlError>,
    ) -> Result<T, YamlError> {
        let NodeKind::Alias { name, target } = &node.kind else {
            return then(self, node);
        };
        if self.open.contains(target) {
            return self.fail(node, YamlErrorKind::Recursive(name.clone()));
        }
        let found = self.document.resolve(node);
        if matches!(found.kind, NodeKind::Alias { .. }) {
            return self.fail(node, YamlErrorKind::UnknownAnchor(name.clone()));
        }
        // A node that is open without an alias having led to it.
        let inside = found.span.start <= node.span.start && node.span.end <= found.span.end;
        if inside {
            return self.fail(node, YamlErrorKind::Recursive(name.clone()));
        }
        self.open.push(*target);
        // What an alias leads to may be empty, or lead on to others, any number of times.
        self.spend(node, 0)?;
        let result = then(self, found);
        self.open.pop();
        result
    }

    fn scalar(&mut self, node: &Node) -> Result<Value, YamlError> {
        let Some(scalar) = node.scalar() else {
            return Ok(Value::Null);
        };
        self.spend(node, scalar.text.len())?;
        if self.scalars == Scalars::Written {
            return Ok(written::of_scalar(scalar, node.tag()));
        }
        let Ok(resolved) = scalar::resolve_node(scalar, node.tag()) else {
            let tag = node.tag().unwrap_or_default();
            return self.fail(
                node,
                YamlErrorKind::Tag {
                    tag: tag.replace("tag:yaml.org,2002:", "!!"),
                    text: scalar.text.chars().take(40).collect(),
                },
            );
        };
        match written::json(resolved, &scalar.text) {
            Some(value) => Ok(value),
            None => self.fail(node, YamlErrorKind::Number(scalar.text.clone())),
        }
    }

    fn name(&self, key: &'a Node) -> Result<Cow<'a, str>, YamlError> {
        if let Some(name) = key.key_name() {
            return Ok(name);
        }
        Err(self.document.odd_key(key))
    }

    fn duplicate<T>(&self, entries: &[Entry], entry: &Entry, name: &str) -> Result<T, YamlError> {
        let first = entries
            .iter()
            .find(|other| other.name().is_some_and(|found| found == name))
            .map_or(entry.key.start(), |other| other.key.start());
        self.fail(
            &entry.key,
            YamlErrorKind::DuplicateKey {
                key: name.to_owned(),
                first: self.document.position(first),
            },
        )
    }

    fn entries(&mut self, node: &'a Node) -> Result<Vec<Effective<'a>>, YamlError> {
        let entries = node.entries();
        let mut found: Vec<Effective<'a>> = Vec::with_capacity(entries.len());
        let mut names = Names::new(entries.len());
        for entry in entries.iter().filter(|entry| !entry.is_merge()) {
            let name = self.name(&entry.key)?;
            if !names.insert(name.clone(), &found) {
                return self.duplicate(entries, entry, &name);
            }
            found.push(Effective {
                name,
                key: &entry.key,
                value: &entry.value,
            });
        }
        for merge in entries.iter().filter(|entry| entry.is_merge()) {
            for entry in self.merged(&merge.value)? {
                self.spend(entry.key, entry.name.len())?;
                if names.insert(entry.name.clone(), &found) {
                    found.push(entry);
                }
            }
        }
        Ok(found)
    }

    /// The entries that a `<<` brings, the first of several mappings winning.
    fn merged(&mut self, node: &'a Node) -> Result<Vec<Effective<'a>>, YamlError> {
        self.aliased(node, |reader, found| match &found.kind {
            NodeKind::Mapping(_) => reader.entries(found),
            NodeKind::Sequence(items) => {
                let mut all = Vec::new();
                for item in items {
                    let entries = reader.aliased(item, |reader, found| {
                        if found.is_mapping() {
                            reader.entries(found)
                        } else {
                            reader.fail(item, YamlErrorKind::Merge)
                        }
                    })?;
                    all.extend(entries);
                }
                Ok(all)
            }
            _ => reader.fail(node, YamlErrorKind::Merge),
        })
    }
}

/// The names of a mapping that were seen: most mappings are small enough to look through.
struct Names<'a>(Option<HashSet<Cow<'a, str>>>);

impl<'a> Names<'a> {
    fn new(size: usize) -> Names<'a> {
        Names((size > 12).then(|| HashSet::with_capacity(size)))
    }

    /// False for a name that is there already.
    fn insert(&mut self, name: Cow<'a, str>, found: &[Effective<'a>]) -> bool {
        if self.0.is_none() && found.len() > 12 {
            self.0 = Some(found.iter().map(|entry| entry.name.clone()).collect());
        }
        match &mut self.0 {
            Some(names) => names.insert(name),
            None => found.iter().all(|entry| entry.name != name),
        }
    }
}

/// A number as Go's JSON writes it: without a fraction when there is none.
pub(super) fn json_number(number: f64) -> Option<Number> {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        #[allow(clippy::cast_possible_truncation)]
        return Some(Number::from(number as i64));
    }
    Number::from_f64(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use serde_json::json;

    fn value(text: &str) -> Value {
        parse_values(text).unwrap().remove(0)
    }

    fn error(text: &str) -> (u32, u32, String) {
        let error = parse_values(text).unwrap_err();
        (
            error.position.line,
            error.position.column,
            error.kind.to_string(),
        )
    }

    #[test]
    fn values_are_what_the_api_server_sees() {
        assert_eq!(
            value(
                "mode: 0644\nflag: yes\nver: 1.10\nwhole: 2.0\nnone:\nq: \"yes\"\non: 1\ntext: |\n  a\n  b\nfold: >-\n  a\n  b\n"
            ),
            json!({"mode": 420, "flag": true, "ver": 1.1, "whole": 2, "none": null, "q": "yes", "true": 1, "text": "a\nb\n", "fold": "a b"})
        );
        assert_eq!(parse_values("").unwrap(), Vec::<Value>::new());
        assert_eq!(parse_values("# nothing\n").unwrap(), Vec::<Value>::new());
        assert_eq!(
            parse_values("a: 1\n---\n---\nb: 2\n").unwrap(),
            [json!({"a": 1}), json!(null), json!({"b": 2})]
        );
    }

    #[test]
    fn chains_of_merges_that_add_nothing_are_refused() {
        let mut text = "a0: &a0 {}\n".to_owned();
        for n in 1..40 {
            let all = format!("*a{}, ", n - 1).repeat(10);
            text.push_str(&format!("a{n}: &a{n} {{<<: [{all}]}}\n"));
        }
        let reason = error(&text).2;
        assert!(reason.contains("expand"), "{reason}");
    }

    #[test]
    fn merges_and_aliases_are_resolved() {
        assert_eq!(
            value(
                "base: &b {x: 1, w: 2}\nother: &o\n  w: 3\n  z: 4\nnew:\n  z: 9\n  <<: [*b, *o]\nlist: [*b]\n"
            ),
            json!({"base": {"x": 1, "w": 2}, "other": {"w": 3, "z": 4}, "new": {"z": 9, "x": 1, "w": 2}, "list": [{"x": 1, "w": 2}]})
        );
        // One name twice is legal: an alias means the nearest before it.
        assert_eq!(
            value("a: &n 1\nb: *n\nc: &n 2\nd: *n\n"),
            json!({"a": 1, "b": 1, "c": 2, "d": 2})
        );
        assert_eq!(
            error("a: 1\nb: {<<: 3}\n"),
            (2, 9, "<< takes a mapping or a list of mappings".into())
        );
    }

    #[test]
    fn what_is_refused_names_its_place() {
        assert_eq!(
            error("a:\n  b: 1\n  c: 2\n  \"b\": 3\n"),
            (4, 3, "duplicate key b, first at line 2".into())
        );
        // One key for Kubernetes, written in two ways.
        assert_eq!(error("on: 1\ntrue: 2\n").0, 2);
        assert_eq!(
            error("? [a]\n: 1\n").2,
            "this key is a list; keys must be plain values"
        );
        assert_eq!(
            error("a: *x\n"),
            (
                1,
                4,
                "this alias refers to an anchor that is not defined before it".into()
            )
        );
        assert_eq!(
            error("a: &x [1, *x]\n").2,
            "this alias is inside the value that it refers to"
        );
        assert_eq!(
            error("a: !!int three\n").2,
            "the tag !!int does not fit the text behind it"
        );
        assert_eq!(
            error("a: .inf\n").2,
            "the Kubernetes API cannot hold this number"
        );
        assert_eq!(error("ü: {a: 1\nb: ]").0, 2);
    }

    #[test]
    fn go_templates_are_told_from_broken_yaml() {
        assert_eq!(error("image: {{ .Values.image }}\n").1, 8);
        assert!(
            error("image: {{ .Values.image }}\n")
                .2
                .contains("Go template")
        );
        assert!(
            error("a: 1\n{{- if .Values.b }}\nb: 2\n{{- end }}\n")
                .2
                .contains("Go template")
        );
        assert_eq!(
            value("a: \"{{ kept }}\"\nb: |\n  {{ kept }}\n")["a"],
            "{{ kept }}"
        );
    }

    #[test]
    fn bombs_end_at_the_limit() {
        let mut text = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
        for (name, below) in ["b", "c", "d", "e", "f", "g", "h", "i"]
            .iter()
            .zip(["a", "b", "c", "d", "e", "f", "g", "h"])
        {
            let items = vec![format!("*{below}"); 9].join(",");
            text.push_str(&format!("{name}: &{name} [{items}]\n"));
        }
        assert!(error(&text).2.contains("expand this document"));
        let mut merges = String::from("a: &a {k: 1}\n");
        for at in 1..40 {
            let (this, below) = (
                format!("m{at}"),
                if at == 1 {
                    "a".into()
                } else {
                    format!("m{}", at - 1)
                },
            );
            merges.push_str(&format!("{this}: &{this} {{<<: [*{below}, *{below}]}}\n"));
        }
        assert!(error(&merges).2.contains("expand this document"));
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert!(parse_values(&deep).is_err());
        let deep: String = (0..400)
            .map(|at| format!("{}a:\n", " ".repeat(at)))
            .collect();
        assert!(parse_values(&deep).is_err());
        assert!(parse_values(&format!("{}{}", "[{a: ".repeat(60), "}]".repeat(60))).is_err());
    }

    #[test]
    fn what_is_not_written_stands_behind_what_is() {
        let text = "? - a: &b\n# note\n? - c\n: d\n";
        let stream = Stream::parse(text).unwrap();
        let root = stream.documents()[0].root().unwrap();
        let first = &root.entries()[0];
        assert_eq!(first.key.end(), text.find('\n').unwrap());
        assert_eq!(first.value.start(), first.key.end(), "{first:?}");
    }
}
