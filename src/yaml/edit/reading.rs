//! The second proof of an edit: this crate's own reading of the new text must be the tree
//! that was asked for. It sees what the other parser's answers leave out, tags and
//! whether a scalar is a string, and it counts where an anchor's name is defined twice:
//! an alias means the nearest anchor before it (YAML 1.2.2, section 7.1), which libyaml's
//! port does not know.

use std::collections::HashSet;

use serde_json::Value;

use super::super::node::{Node, NodeKind};
use super::super::stream::{Document, Stream};
use super::super::written::{self, is_null};
use super::EditError;
use super::expected::{Field, Tree, content};

/// Compares a text as it was read with what it is meant to be.
pub(super) fn prove(stream: &Stream, expected: &[Tree<'_>]) -> Result<(), EditError> {
    let documents = stream.documents();
    if documents.len() != expected.len() {
        return differ(format!("{} documents", documents.len()));
    }
    for (document, tree) in documents.iter().zip(expected) {
        let mut check = Check {
            document,
            seen: HashSet::new(),
        };
        match document.root() {
            Some(root) => check.tree(tree, root)?,
            None if matches!(tree, Tree::Value(Value::Null)) => {}
            None => return differ("a document is empty".to_owned()),
        }
    }
    Ok(())
}

/// Whether some document defines the name of an anchor twice.
pub(super) fn reuses_anchors(stream: &Stream) -> bool {
    fn reuses<'n>(node: &'n Node, names: &mut HashSet<&'n str>) -> bool {
        let entries = node.entries().iter();
        let entries = entries.flat_map(|entry| [&entry.key, &entry.value]);
        node.anchor().is_some_and(|name| !names.insert(name))
            || entries
                .chain(node.items())
                .any(|below| reuses(below, names))
    }
    let mut documents = stream.documents().iter().filter(|it| it.has_anchors());
    documents.any(|document| {
        let root = document.root();
        root.is_some_and(|root| reuses(root, &mut HashSet::new()))
    })
}

fn differ<T>(detail: String) -> Result<T, EditError> {
    Err(EditError::Unproven { detail })
}

struct Check<'d> {
    document: &'d Document,
    /// What aliases of the two texts lead to, where that was compared already.
    seen: HashSet<(*const Node, *const Node)>,
}

impl Check<'_> {
    fn tree(&mut self, tree: &Tree<'_>, node: &Node) -> Result<(), EditError> {
        match tree {
            Tree::Source(document, old) => self.untouched((document, old), node),
            Tree::List(trees) => {
                let items = self.document.resolve(node).items();
                if items.len() != trees.len() {
                    return differ(format!("{} items instead of {}", items.len(), trees.len()));
                }
                let mut pairs = trees.iter().zip(items);
                pairs.try_for_each(|(tree, item)| self.tree(tree, item))
            }
            Tree::Map(fields) => self.fields(fields, node),
            Tree::Value(value) => match self.document.value_of(node) {
                Ok(found) if found == *value => Ok(()),
                _ => differ(format!("{value} is something else")),
            },
            Tree::Written(value) => match self.document.written_of(node) {
                Ok(found) if same_written(&found, value) => Ok(()),
                _ => differ(format!("{} is something else", written::shown(value))),
            },
        }
    }

    fn fields(&mut self, fields: &[Field<'_>], node: &Node) -> Result<(), EditError> {
        let entries = self.document.resolve(node).entries();
        if entries.len() != fields.len() {
            let (found, wanted) = (entries.len(), fields.len());
            return differ(format!("{found} keys instead of {wanted}"));
        }
        let mut open: Vec<&Field<'_>> = fields.iter().rev().collect();
        for entry in entries {
            let text = content(entry);
            // Nearly all stand in the same order.
            let Some(at) = open.iter().rposition(|field| field.text == text) else {
                return differ(format!("an unexpected key {text}"));
            };
            let field = open.remove(at);
            self.tree(&field.value, &entry.value)?;
        }
        Ok(())
    }

    fn untouched(&mut self, old: (&Document, &Node), node: &Node) -> Result<(), EditError> {
        let (was, is) = (old.0.resolve(old.1), self.document.resolve(node));
        let by_alias = |node: &Node| matches!(node.kind, NodeKind::Alias { .. });
        if by_alias(old.1) && by_alias(node) && !self.seen.insert((was, is)) {
            return Ok(());
        }
        match (&was.kind, &is.kind) {
            (NodeKind::Scalar(one), NodeKind::Scalar(other)) => {
                let values = [(one, was), (other, is)];
                let [one, other] = values.map(|(it, node)| written::of_scalar(it, node.tag()));
                match same_written(&one, &other) {
                    true => Ok(()),
                    false => differ("another scalar".to_owned()),
                }
            }
            (NodeKind::Sequence(one), NodeKind::Sequence(other)) if one.len() == other.len() => {
                let mut pairs = one.iter().zip(other);
                pairs.try_for_each(|(one, other)| self.untouched((old.0, one), other))
            }
            (NodeKind::Mapping(one), NodeKind::Mapping(other)) if one.len() == other.len() => {
                for (one, other) in one.iter().zip(other) {
                    if content(one) != content(other) {
                        return differ(format!("the key {} is gone", content(one)));
                    }
                    self.untouched((old.0, &one.value), &other.value)?;
                }
                Ok(())
            }
            _ => differ("a value of another kind".to_owned()),
        }
    }
}

/// Whether two values are the same; null is, however it is written.
fn same_written(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let same = |(key, value)| {
                other
                    .get(key)
                    .is_some_and(|other| same_written(value, other))
            };
            one.len() == other.len() && one.iter().all(same)
        }
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| same_written(one, other))
        }
        (one, other) => one == other || (is_null(one) && is_null(other)),
    }
}
