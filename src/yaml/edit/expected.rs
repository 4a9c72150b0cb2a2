//! What an edited text is meant to read as: the tree of the text before, and each edit done
//! to it, without a look at any bytes.

use std::borrow::Cow;

use serde_json::Value;

use super::super::error::{YamlError, YamlErrorKind};
use super::super::node::{Entry, Node, NodeKind};
use super::super::path::{Path, Step};
use super::super::stream::Document;
use super::super::written::is_null;
use super::EditError;

/// What a text is meant to read as.
#[derive(Debug, Clone)]
pub(super) enum Tree<'s> {
    /// What stands in a document and was not touched: scalars by their content,
    /// whatever it resolves to.
    Source(&'s Document, &'s Node),
    /// A list that an edit reached into.
    List(Vec<Tree<'s>>),
    /// A mapping that an edit reached into.
    Map(Vec<Field<'s>>),
    /// A value that an edit wrote.
    Value(Value),
    /// A value that an edit wrote with its scalars as written.
    Written(Value),
}

#[derive(Debug, Clone)]
pub(super) struct Field<'s> {
    /// As Kubernetes reads it.
    pub(super) name: Cow<'s, str>,
    /// The content of the key.
    pub(super) text: Cow<'s, str>,
    pub(super) value: Tree<'s>,
}

impl<'s> Tree<'s> {
    pub(super) fn of_document(document: &'s Document) -> Result<Tree<'s>, EditError> {
        match document.root() {
            Some(root) => Tree::of_node(document, root),
            None => Ok(Tree::Value(Value::Null)),
        }
    }

    pub(super) fn of_node(document: &'s Document, node: &'s Node) -> Result<Tree<'s>, EditError> {
        check(document, node)?;
        Ok(Tree::Source(document, node))
    }

    /// Adds an entry without a value at the end of a mapping.
    pub(super) fn push_key(&mut self, name: &str) {
        self.open(&Step::Key(String::new()));
        if let Tree::Map(fields) = self {
            fields.push(Field {
                name: Cow::Owned(name.to_owned()),
                text: Cow::Owned(name.to_owned()),
                value: Tree::Value(Value::Null),
            });
        }
    }

    /// Puts a tree at a path, with mappings on the way where nothing is.
    pub(super) fn set(&mut self, path: &Path, tree: Tree<'s>) {
        self.set_as(path, &[], tree);
    }

    /// The same with the contents of keys that are new, where they are not their names:
    /// `y` is `true` for Kubernetes.
    pub(super) fn set_as(&mut self, path: &Path, texts: &[String], tree: Tree<'s>) {
        let mut here = self;
        for (depth, step) in path.steps().iter().enumerate() {
            here.open(step);
            here = match (here, step) {
                (Tree::Map(fields), Step::Key(name)) => {
                    let at = fields
                        .iter()
                        .position(|field| field.name == *name)
                        .unwrap_or(fields.len());
                    if at == fields.len() {
                        let text = texts.get(depth).cloned().map(Cow::Owned);
                        fields.push(Field {
                            name: Cow::Owned(name.clone()),
                            text: text.unwrap_or_else(|| Cow::Owned(name.clone())),
                            value: Tree::Value(Value::Null),
                        });
                    }
                    &mut fields[at].value
                }
                (Tree::List(items), Step::Index(index)) => {
                    let at = (*index).min(items.len());
                    if at == items.len() {
                        items.push(Tree::Value(Value::Null));
                    }
                    &mut items[at]
                }
                _ => return,
            };
        }
        *here = tree;
    }

    /// Puts a tree among the items of a list, the later ones behind it.
    pub(super) fn insert(&mut self, list: &Path, at: usize, tree: Tree<'s>) {
        // Setting the item behind the last one makes room, whatever the list is made of.
        self.set(&list.index(usize::MAX), tree);
        let mut here = Some(self);
        for step in list.steps() {
            here = here.and_then(|here| here.below(step));
        }
        if let Some(Tree::List(items)) = here
            && at < items.len()
        {
            items[at..].rotate_right(1);
        }
    }

    /// Puts the items of a list in another order: which of them comes to each place.
    pub(super) fn order(&mut self, list: &Path, order: &[usize]) {
        let mut here = self;
        for step in list.steps() {
            here.open(step);
            match here.below(step) {
                Some(next) => here = next,
                None => return,
            }
        }
        here.open(&Step::Index(0));
        if let Tree::List(items) = here {
            *items = order
                .iter()
                .filter_map(|at| items.get(*at).cloned())
                .collect();
        }
    }

    /// Takes away what stands at a path.
    pub(super) fn remove(&mut self, path: &Path) {
        let Some((last, way)) = path.steps().split_last() else {
            return;
        };
        let mut here = self;
        for step in way {
            here.open(step);
            match here.below(step) {
                Some(next) => here = next,
                None => return,
            }
        }
        here.open(last);
        match (here, last) {
            (Tree::Map(fields), Step::Key(name)) => fields.retain(|field| field.name != *name),
            (Tree::List(items), Step::Index(index)) if *index < items.len() => {
                items.remove(*index);
            }
            _ => {}
        }
    }

    /// What stands below, of a collection that was opened.
    fn below(&mut self, step: &Step) -> Option<&mut Tree<'s>> {
        match (self, step) {
            (Tree::Map(fields), Step::Key(name)) => fields
                .iter_mut()
                .find(|field| field.name == *name)
                .map(|field| &mut field.value),
            (Tree::List(items), Step::Index(index)) => items.get_mut(*index),
            _ => None,
        }
    }

    /// Makes a collection, or nothing, one that can be stepped into.
    fn open(&mut self, step: &Step) {
        let empty = || match step {
            Step::Key(_) => Tree::Map(Vec::new()),
            Step::Index(_) | Step::Item(_) => Tree::List(Vec::new()),
        };
        *self = match std::mem::replace(self, Tree::List(Vec::new())) {
            Tree::Source(document, node) => match &node.kind {
                NodeKind::Mapping(entries) => {
                    Tree::Map(entries.iter().map(|it| field(document, it)).collect())
                }
                NodeKind::Sequence(items) => {
                    let items = items.iter();
                    Tree::List(items.map(|item| Tree::Source(document, item)).collect())
                }
                NodeKind::Scalar(scalar)
                    if matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL") =>
                {
                    empty()
                }
                _ => Tree::Source(document, node),
            },
            Tree::Value(value) => opened(value, Tree::Value).unwrap_or_else(empty),
            Tree::Written(value) => opened(value, Tree::Written).unwrap_or_else(empty),
            other => other,
        };
    }
}

/// A collection that an edit wrote, and that can be stepped into; `None` for null.
fn opened<'s>(value: Value, tree: fn(Value) -> Tree<'s>) -> Option<Tree<'s>> {
    let field = |(name, value): (String, Value)| Field {
        text: Cow::Owned(name.clone()),
        name: Cow::Owned(name),
        value: tree(value),
    };
    match value {
        value if is_null(&value) => None,
        Value::Array(items) => Some(Tree::List(items.into_iter().map(tree).collect())),
        Value::Object(map) => Some(Tree::Map(map.into_iter().map(field).collect())),
        other => Some(tree(other)),
    }
}

fn field<'s>(document: &'s Document, entry: &'s Entry) -> Field<'s> {
    Field {
        name: entry.name().unwrap_or_default(),
        text: Cow::Borrowed(content(entry)),
        value: Tree::Source(document, &entry.value),
    }
}

/// The content of a key; keys that are no scalars were refused before.
pub(super) fn content(entry: &Entry) -> &str {
    entry.key.scalar().map_or("", |scalar| &scalar.text)
}

/// Refuses what has no tree: keys that are no scalars, aliases within what they name.
fn check(document: &Document, node: &Node) -> Result<(), YamlError> {
    match &node.kind {
        NodeKind::Scalar(_) => Ok(()),
        NodeKind::Sequence(items) => items.iter().try_for_each(|item| check(document, item)),
        NodeKind::Mapping(entries) => entries.iter().try_for_each(|entry| {
            if entry.key.scalar().is_none() {
                return Err(document.odd_key(&entry.key));
            }
            check(document, &entry.value)
        }),
        NodeKind::Alias { name, .. } => {
            let found = document.resolve(node);
            if found.span.start <= node.span.start && node.span.end <= found.span.end {
                let kind = YamlErrorKind::Recursive(name.clone());
                return Err(document.error(node.start(), kind));
            }
            Ok(())
        }
    }
}
