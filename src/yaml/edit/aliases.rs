//! Texts without their aliases, so that they can be edited like any other.
//!
//! Each alias either becomes a name of its own, which stays where it is and is an alias
//! again in the end, or is written out as the value that it has. What merges (`<<`)
//! bring into a mapping is one alias in this sense.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::node::{Entry, Node, NodeKind, Span};
use super::super::path::{Path, Step};
use super::super::stream::{Document, Stream};
use super::expected::Tree;
use super::proof;
use super::reading::reuses_anchors;
use super::walk::collect_aliases;
use super::{EditError, Editor};

/// The aliases of a text.
#[derive(Debug)]
pub struct Aliases<'s> {
    stream: &'s Stream,
    places: Vec<Place>,
    /// What is named in their stead, in the order of the text.
    tokens: Vec<Span>,
    /// What the names begin with: nothing else in the text has it.
    prefix: String,
}

/// Where an alias, or all merges of a mapping, stand.
#[derive(Debug)]
struct Place {
    document: usize,
    path: Path,
    /// For a mapping with merges: what they bring.
    merged: Option<Vec<(String, Value)>>,
    /// The names of the merges' keys.
    keys: Vec<usize>,
    value: Value,
}

impl<'s> Aliases<'s> {
    /// The aliases of a text; `None` where it has none. No name in their stead is part of
    /// one of the `others`.
    ///
    /// # Errors
    /// [`EditError::Yaml`] for an alias whose value cannot be read.
    pub fn of(stream: &'s Stream, others: &[&str]) -> Result<Option<Aliases<'s>>, EditError> {
        let mut prefix = "alias".to_owned();
        while stream.text().contains(&prefix) || others.iter().any(|text| text.contains(&prefix)) {
            prefix.push('x');
        }
        let mut aliases = Aliases {
            stream,
            places: Vec::new(),
            tokens: Vec::new(),
            prefix,
        };
        for (number, document) in stream.documents().iter().enumerate() {
            if let (true, Some(root)) = (document.has_anchors(), document.root()) {
                aliases.find((number, document), &Path::root(), root)?;
            }
        }
        Ok((!aliases.places.is_empty()).then_some(aliases))
    }

    fn find(
        &mut self,
        (number, document): (usize, &Document),
        path: &Path,
        node: &Node,
    ) -> Result<(), EditError> {
        let here = (number, document);
        match &node.kind {
            NodeKind::Alias { .. } => {
                self.tokens.push(node.span);
                self.places.push(Place {
                    document: number,
                    path: path.clone(),
                    merged: None,
                    keys: Vec::new(),
                    value: document.written_of(node)?,
                });
            }
            NodeKind::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.find(here, &path.index(at), item)?;
                }
            }
            NodeKind::Mapping(entries) => {
                let mut keys = Vec::new();
                for entry in entries {
                    if entry.is_merge() {
                        keys.push(self.tokens.len());
                        self.tokens.push(entry.key.span);
                        let mut below = Vec::new();
                        collect_aliases(&entry.value, &mut below);
                        self.tokens.extend(below.iter().map(|alias| alias.span));
                    } else if let Some(name) = entry.name() {
                        self.find(here, &path.key(name), &entry.value)?;
                    }
                }
                if !keys.is_empty() {
                    self.places.push(Place {
                        document: number,
                        path: path.clone(),
                        merged: Some(merged(document, node)?),
                        keys,
                        value: document.written_of(node)?,
                    });
                }
            }
            NodeKind::Scalar(_) => {}
        }
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Where one of them stands: its document, and the path of its value or of the mapping
    /// that merges.
    pub fn place(&self, at: usize) -> (usize, &Path) {
        let place = &self.places[at];
        (place.document, &place.path)
    }

    /// Whether a value is that of an alias, or a part of it.
    pub fn reaches(&self, at: usize, document: usize, path: &Path) -> bool {
        let place = &self.places[at];
        let Some(below) = path.strip_prefix(&place.path) else {
            return false;
        };
        let inherits = |names: &Vec<(String, Value)>| match below.steps().first() {
            Some(Step::Key(key)) => names.iter().any(|(name, _)| name == key),
            _ => false,
        };
        place.document == document && place.merged.as_ref().is_none_or(inherits)
    }

    /// The text without aliases: those of `own` are written out.
    ///
    /// # Errors
    /// Every [`EditError`] of writing them out.
    pub fn without(&self, own: &BTreeSet<usize>) -> Result<String, EditError> {
        let text = self.stream.text();
        let mut tokens: Vec<(usize, &Span)> = self.tokens.iter().enumerate().collect();
        tokens.sort_by_key(|(_, span)| span.start);
        let (mut named, mut end) = (String::with_capacity(text.len()), 0);
        for (number, span) in tokens {
            named.push_str(&text[end..span.start]);
            named.push_str(&self.name(number));
            end = span.end;
        }
        named.push_str(&text[end..]);
        if own.is_empty() {
            return Ok(named);
        }
        let stream = Stream::parse(&named)?;
        let mut editor = Editor::new(&stream)?;
        for place in own.iter().map(|at| &self.places[*at]) {
            self.write_out(place, &mut editor)?;
        }
        editor.finish()
    }

    fn write_out(&self, place: &Place, editor: &mut Editor<'_>) -> Result<(), EditError> {
        let (document, path) = (place.document, &place.path);
        let Some(merged) = &place.merged else {
            return editor.set_written(document, path, &place.value, None);
        };
        for (number, key) in place.keys.iter().map(|key| self.name(*key)).enumerate() {
            // Each new one stands in front of those that were written before.
            for (name, value) in merged.iter().rev().filter(|_| number == 0) {
                editor.set_written(document, &path.key(name.as_str()), value, Some(&key))?;
            }
            editor.remove(document, &path.key(key))?;
        }
        Ok(())
    }

    /// An edited text with the aliases that are still named in it.
    pub fn restored(&self, text: &str) -> String {
        let mut parts = text.split(self.prefix.as_str());
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let number = part.strip_prefix('-').and_then(|rest| rest.split_once('-'));
            let token = number.and_then(|(number, rest)| {
                let span = self.tokens.get(number.parse::<usize>().ok()?)?;
                Some((&self.stream.text()[span.range()], rest))
            });
            let (token, rest) = token.unwrap_or((&self.prefix, part));
            out.push_str(token);
            out.push_str(rest);
        }
        out
    }

    fn name(&self, number: usize) -> String {
        format!("{}-{number}-", self.prefix)
    }
}

/// What the merges of a mapping bring into it.
fn merged(document: &Document, map: &Node) -> Result<Vec<(String, Value)>, EditError> {
    let own: Vec<_> = map.entries().iter().filter_map(Entry::name).collect();
    let effective = document.effective(map)?;
    let inherited = effective.iter().filter(|entry| !own.contains(&entry.name));
    inherited
        .map(|entry| Ok((entry.name.to_string(), document.written_of(entry.value)?)))
        .collect()
}

/// Whether two texts have the same values, with their scalars as written, and whether the
/// other parser agrees about each. Where a name is defined twice it is not asked: it does
/// not know which one counts.
pub fn same_values(one: &str, other: &str) -> bool {
    let (Ok(first), Ok(second)) = (Stream::parse(one), Stream::parse(other)) else {
        return false;
    };
    let values = |stream: &Stream| {
        let documents = stream.documents().iter();
        documents
            .map(|it| it.written().ok())
            .collect::<Option<Vec<_>>>()
    };
    let (ours, theirs) = (values(&first), values(&second));
    if ours.is_none() || ours != theirs {
        return false;
    }
    let agreed = |stream: &Stream| {
        let documents = stream.documents().iter();
        let trees: Result<Vec<Tree<'_>>, _> = documents.map(Tree::of_document).collect();
        reuses_anchors(stream)
            || trees.is_ok_and(|trees| proof::prove(stream.text(), &trees).is_ok())
    };
    agreed(&first) && agreed(&second)
}
