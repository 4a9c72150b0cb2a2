//! Mappings → the fields of our own kinds, with all errors at once.
//!
//! A [`Decoder`] collects; [`Fields`] hand out one mapping's fields and, when
//! finished, report each key that nobody asked for with the nearest one that exists.
//! Nothing is converted: a number where a string belongs is an error, because
//! `1.10` has already lost its zero when it is a number.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::str::FromStr;

use serde_json::Value;

use super::error::YamlError;
use super::node::{Node, Position, Span};
use super::path::{Path, Step};
use super::scalar::Resolved;
use super::stream::Document;
use super::value::Effective;

/// One thing that is wrong with a file of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// Where.
    pub position: Position,
    /// What, naming the field.
    pub message: String,
}

impl From<YamlError> for DecodeError {
    fn from(error: YamlError) -> DecodeError {
        DecodeError {
            position: error.position,
            message: error.kind.to_string(),
        }
    }
}

/// Reads one document and collects what is wrong with it.
#[derive(Debug)]
pub struct Decoder<'d> {
    document: &'d Document,
    errors: RefCell<Vec<DecodeError>>,
}

/// The fields of one mapping.
#[derive(Debug)]
pub struct Fields<'c> {
    decoder: &'c Decoder<'c>,
    node: &'c Node,
    trail: Trail<'c>,
    entries: Vec<Effective<'c>>,
    asked: Vec<&'static str>,
}

/// One value with its way there.
#[derive(Debug, Clone)]
pub struct Field<'c> {
    decoder: &'c Decoder<'c>,
    node: &'c Node,
    key: Option<&'c Node>,
    trail: Trail<'c>,
}

/// The way to a value. Its text is made when somebody asks, which is when something is wrong.
#[derive(Debug, Clone)]
enum Trail<'c> {
    /// The path that a decoder was given to start with.
    Start(Rc<Path>),
    Key(Rc<Trail<'c>>, Cow<'c, str>),
    Index(Rc<Trail<'c>>, usize),
}

impl<'c> Trail<'c> {
    fn path(&self) -> Path {
        match self {
            Trail::Start(path) => path.as_ref().clone(),
            Trail::Key(above, name) => above.path().key(name.as_ref()),
            Trail::Index(above, index) => above.path().step(Step::Index(*index)),
        }
    }
}

impl<'d> Decoder<'d> {
    /// A decoder of one document.
    pub fn new(document: &'d Document) -> Decoder<'d> {
        Decoder {
            document,
            errors: RefCell::default(),
        }
    }

    /// The document.
    pub fn document(&self) -> &'d Document {
        self.document
    }

    /// The document's root.
    pub fn root(&'d self) -> Option<Field<'d>> {
        let node = self.document.root()?;
        Some(self.field(node, Path::root()))
    }

    /// A field for any node of the document; `path` is what messages name.
    pub fn field(&'d self, node: &'d Node, path: Path) -> Field<'d> {
        self.reach(node, Trail::Start(Rc::new(path)))
    }

    fn reach(&'d self, node: &'d Node, trail: Trail<'d>) -> Field<'d> {
        Field {
            decoder: self,
            node: self.document.resolve(node),
            key: None,
            trail,
        }
    }

    /// Adds an error at a byte of the text.
    pub fn fail(&self, offset: usize, message: impl Into<String>) {
        self.errors.borrow_mut().push(DecodeError {
            position: self.document.position(offset),
            message: shortened(message.into()),
        });
    }

    /// Adds an error of the YAML itself.
    pub fn fail_with(&self, error: impl Into<DecodeError>) {
        self.errors.borrow_mut().push(error.into());
    }

    /// True when something was wrong so far.
    pub fn failed(&self) -> bool {
        !self.errors.borrow().is_empty()
    }

    /// The errors in the order of the text, each once; empty when nothing is wrong.
    pub fn into_errors(self) -> Vec<DecodeError> {
        let mut errors = self.errors.into_inner();
        errors.sort_by(|a, b| (a.position, &a.message).cmp(&(b.position, &b.message)));
        errors.dedup();
        errors
    }
}

impl<'c> Fields<'c> {
    /// A field that must be there; a missing or null one is an error.
    pub fn required(&mut self, name: &'static str) -> Option<Field<'c>> {
        let found = self.optional(name);
        if found.is_none() {
            let path = self.path().key(name);
            match self.entries.iter().find(|entry| entry.name == name) {
                Some(entry) => self
                    .decoder
                    .fail(entry.key.start(), format!("{path} has no value")),
                None => self
                    .decoder
                    .fail(self.place(), format!("{path} is missing")),
            }
        }
        found
    }

    /// A field that may be left out; null is the same.
    pub fn optional(&mut self, name: &'static str) -> Option<Field<'c>> {
        self.nullable(name).filter(|field| !field.node.is_null())
    }

    /// A field that may be left out, null being a value of its own.
    pub fn nullable(&mut self, name: &'static str) -> Option<Field<'c>> {
        self.asked.push(name);
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(Field {
            decoder: self.decoder,
            node: self.decoder.document.resolve(entry.value),
            key: Some(entry.key),
            trail: Trail::Key(Rc::new(self.trail.clone()), Cow::Borrowed(name)),
        })
    }

    /// True when a key is there, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.name == name)
    }

    /// The mapping itself.
    pub fn node(&self) -> &'c Node {
        self.node
    }

    /// The mapping's path.
    pub fn path(&self) -> Path {
        self.trail.path()
    }

    fn place(&self) -> usize {
        self.entries
            .first()
            .map_or(self.node.start(), |entry| entry.key.start())
    }

    /// Reports every field that nobody asked for.
    pub fn finish(self) {
        for entry in &self.entries {
            if self.asked.contains(&entry.name.as_ref()) {
                continue;
            }
            let path = self.path().key(entry.name.as_ref());
            let message = match nearest(&entry.name, self.asked.iter().copied()) {
                Some(name) => format!("unknown field {path}; did you mean {name}?"),
                None => format!("unknown field {path}"),
            };
            self.decoder.fail(entry.key.start(), message);
        }
    }
}

impl<'c> Field<'c> {
    /// The node, behind an alias if there was one.
    pub fn node(&self) -> &'c Node {
        self.node
    }

    /// The way there from the root.
    pub fn path(&self) -> Path {
        self.trail.path()
    }

    /// Its place in the text.
    pub fn position(&self) -> Position {
        self.decoder.document.position(self.node.start())
    }

    /// The place of its key; of the value where it has none.
    pub fn key_position(&self) -> Position {
        let at = self.key.map_or(self.node.start(), Node::start);
        self.decoder.document.position(at)
    }

    /// Its bytes in the text.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// Adds an error at this value, starting with its path.
    pub fn fail(&self, message: impl AsRef<str>) {
        self.decoder.fail(
            self.node.start(),
            format!("{} {}", self.path(), message.as_ref()).trim_start(),
        );
    }

    /// A string.
    pub fn string(&self) -> Option<String> {
        if let Some(text) = self.node.as_str() {
            return Some(text.to_owned());
        }
        match (self.node.scalar(), self.node.resolved()) {
            (
                Some(scalar),
                Some(
                    Resolved::Bool(_)
                    | Resolved::Integer(_)
                    | Resolved::Unsigned(_)
                    | Resolved::Float(_),
                ),
            ) => {
                let what = self.what();
                self.fail(format!(
                    "must be a string, and {0} is {what} without quotes: \"{0}\"",
                    scalar.text
                ));
            }
            _ => self.mismatch("a string"),
        }
        None
    }

    /// A string that parses; the error is the parser's own.
    pub fn parse<T>(&self) -> Option<T>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        match self.string()?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.decoder
                    .fail(self.node.start(), format!("{}: {error}", self.path()));
                None
            }
        }
    }

    /// A boolean.
    pub fn bool(&self) -> Option<bool> {
        if let Some(Resolved::Bool(value)) = self.node.resolved() {
            return Some(value);
        }
        self.mismatch("true or false");
        None
    }

    /// A whole number.
    pub fn integer(&self) -> Option<i64> {
        if let Some(Resolved::Integer(value)) = self.node.resolved() {
            return Some(value);
        }
        self.mismatch("a whole number");
        None
    }

    /// The items of a list; one error and no items for anything else.
    pub fn list(&self) -> Vec<Field<'c>> {
        if !self.node.is_sequence() {
            self.mismatch("a list");
        }
        let above = Rc::new(self.trail.clone());
        let items = self.node.items().iter().enumerate();
        items
            .map(|(at, item)| {
                self.decoder
                    .reach(item, Trail::Index(Rc::clone(&above), at))
            })
            .collect()
    }

    /// A list of strings.
    pub fn strings(&self) -> Vec<String> {
        self.list().iter().filter_map(Field::string).collect()
    }

    /// The entries of a mapping whose keys are names, merges applied, in order; one error and
    /// no entries for anything else.
    pub fn map(&self) -> Vec<(String, Field<'c>)> {
        let entries = self.effective().unwrap_or_default();
        let above = Rc::new(self.trail.clone());
        let fields = entries.into_iter().map(|entry| {
            let trail = Trail::Key(Rc::clone(&above), entry.name.clone());
            let mut field = self.decoder.reach(entry.value, trail);
            field.key = Some(entry.key);
            (entry.name.into_owned(), field)
        });
        fields.collect()
    }

    /// The fields of a mapping.
    pub fn fields(&self) -> Option<Fields<'c>> {
        let entries = self.effective()?;
        Some(Fields {
            decoder: self.decoder,
            node: self.node,
            trail: self.trail.clone(),
            entries,
            asked: Vec::new(),
        })
    }

    /// Its value, as Kubernetes reads it.
    pub fn value(&self) -> Option<Value> {
        match self.decoder.document.value_of(self.node) {
            Ok(value) => Some(value),
            Err(error) => {
                self.decoder.fail_with(error);
                None
            }
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.string()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.fail(format!("must be {}, not {text}", names.join(" or ")));
        None
    }

    fn effective(&self) -> Option<Vec<Effective<'c>>> {
        if !self.node.is_mapping() {
            self.mismatch("a mapping");
            return None;
        }
        match self.decoder.document.effective(self.node) {
            Ok(entries) => Some(entries),
            Err(error) => {
                self.decoder.fail_with(error);
                None
            }
        }
    }

    fn mismatch(&self, expected: &str) {
        self.fail(format!("must be {expected}, not {}", self.what()));
    }

    fn what(&self) -> &'static str {
        if self.node.is_mapping() {
            return "a mapping";
        }
        if self.node.is_sequence() {
            return "a list";
        }
        match self.node.resolved() {
            Some(Resolved::Null) => "null",
            Some(Resolved::Bool(_)) => "a boolean",
            Some(Resolved::Integer(_) | Resolved::Unsigned(_) | Resolved::Float(_)) => "a number",
            Some(Resolved::String) => "a string",
            None => "something else",
        }
    }
}

/// The known name that a person most likely meant.
/// The longest message about a value, in bytes: it quotes what is in the file, however
/// long that is.
const MESSAGE: usize = 1000;

/// A message without its middle, when it is too long to be read.
fn shortened(message: String) -> String {
    if message.len() <= MESSAGE {
        return message;
    }
    let (front, back) = (MESSAGE / 2, message.len() - MESSAGE / 4);
    let front = message.floor_char_boundary(front);
    let back = message.ceil_char_boundary(back);
    format!("{} … {}", &message[..front], &message[back..])
}

fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    known
        .map(|candidate| {
            (
                strsim::jaro_winkler(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::Stream;
    use super::*;

    fn decode<T>(text: &str, read: impl FnOnce(&Decoder<'_>) -> T) -> (T, Vec<String>) {
        let stream = Stream::parse(text).unwrap();
        let decoder = Decoder::new(&stream.documents()[0]);
        let value = read(&decoder);
        let errors = decoder
            .into_errors()
            .into_iter()
            .map(|e| format!("{}:{} {e}", e.position.line, e.position.column))
            .collect();
        (value, errors)
    }

    #[test]
    fn all_errors_are_found_in_one_run() {
        let text = "kind: 3\nspec:\n  environment: []\n  count: many\n  list: {a: 1}\n  words: [a, 1.10]\n  mode: later\n  nothing:\n";
        let ((), errors) = decode(text, |decoder| {
            let mut root = decoder.root().unwrap().fields().unwrap();
            root.required("apiVersion");
            root.required("kind").unwrap().string();
            let mut spec = root.required("spec").unwrap().fields().unwrap();
            spec.optional("environments");
            spec.optional("count").unwrap().integer();
            spec.optional("list").unwrap().list();
            spec.optional("words").unwrap().strings();
            spec.optional("mode")
                .unwrap()
                .one_of(&[("now", 1), ("never", 2)]);
            spec.required("nothing");
            spec.finish();
            root.finish();
        });
        assert_eq!(
            errors,
            [
                "1:1 apiVersion is missing",
                "1:7 kind must be a string, and 3 is a number without quotes: \"3\"",
                "3:3 unknown field spec.environment; did you mean environments?",
                "4:10 spec.count must be a whole number, not a string",
                "5:9 spec.list must be a list, not a mapping",
                "6:14 spec.words[1] must be a string, and 1.10 is a number without quotes: \"1.10\"",
                "7:9 spec.mode must be now or never, not later",
                "8:3 spec.nothing has no value",
            ]
        );
    }

    #[test]
    fn aliases_and_merges_are_followed() {
        let text = "base: &b {x: one, w: two}\nuse:\n  <<: *b\n  w: three\nref: *b\n";
        let (found, errors) = decode(text, |decoder| {
            let mut root = decoder.root().unwrap().fields().unwrap();
            let used = root.required("use").unwrap().map();
            let mut words: Vec<String> = used
                .iter()
                .map(|(k, f)| format!("{k}={}", f.string().unwrap()))
                .collect();
            let mut fields = root.required("ref").unwrap().fields().unwrap();
            words.push(fields.required("x").unwrap().string().unwrap());
            words
        });
        assert_eq!(found, ["w=three", "x=one", "one"]);
        assert_eq!(errors, Vec::<String>::new());
    }

    #[test]
    fn duplicate_keys_are_reported_with_their_place() {
        let ((), errors) = decode("a:\n  x: 1\n  x: 2\n", |decoder| {
            let mut root = decoder.root().unwrap().fields().unwrap();
            assert!(root.required("a").unwrap().fields().is_none());
        });
        assert_eq!(errors, ["3:3 duplicate key x, first at line 2"]);
    }
}
