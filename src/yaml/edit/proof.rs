//! The proof of an edit: the new text, read by libyaml's port (which had no part in
//! making it), must be the tree that was asked for, document by document, text by text.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::super::node::{Node, NodeKind};
use super::super::path::{Path, Step};
use super::super::stream::Document;
use super::EditError;

/// What a text is meant to read as.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    /// A scalar whose bytes were not touched: its content, whatever it resolves to.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// A mapping: name as Kubernetes reads it, content of the key, value.
    Map(Vec<Field>),
    /// What an alias stands for.
    Alias(Rc<Tree>),
    /// A value that an edit wrote.
    Value(Value),
}

#[derive(Debug, Clone)]
pub(super) struct Field {
    name: String,
    text: String,
    value: Tree,
}

impl Tree {
    pub(super) fn of_document(document: &Document) -> Result<Tree, EditError> {
        match document.root() {
            Some(root) => Tree::of_node(document, root),
            None => Ok(Tree::Text(String::new())),
        }
    }

    pub(super) fn of_node(document: &Document, node: &Node) -> Result<Tree, EditError> {
        Builder {
            document,
            aliased: HashMap::new(),
            depth: 0,
        }
        .tree(node)
    }

    /// Puts a tree at a path, with mappings on the way where nothing is.
    pub(super) fn set(&mut self, path: &Path, tree: Tree) {
        let mut here = self;
        for step in path.steps() {
            here.open(step);
            here = match (here, step) {
                (Tree::Map(fields), Step::Key(name)) => {
                    let at = fields
                        .iter()
                        .position(|field| field.name == *name)
                        .unwrap_or(fields.len());
                    if at == fields.len() {
                        fields.push(Field {
                            name: name.clone(),
                            text: name.clone(),
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

    /// Takes away what stands at a path.
    pub(super) fn remove(&mut self, path: &Path) {
        let Some((last, way)) = path.steps().split_last() else {
            return;
        };
        let mut here = self;
        for step in way {
            here.open(step);
            let next = match (here, step) {
                (Tree::Map(fields), Step::Key(name)) => fields
                    .iter_mut()
                    .find(|field| field.name == *name)
                    .map(|field| &mut field.value),
                (Tree::List(items), Step::Index(index)) => items.get_mut(*index),
                _ => None,
            };
            match next {
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

    /// Makes a written value, or nothing, a collection that can be stepped into.
    fn open(&mut self, step: &Step) {
        let null = match self {
            Tree::Text(text) => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            Tree::Value(Value::Null) => true,
            _ => false,
        };
        if null {
            *self = match step {
                Step::Key(_) => Tree::Map(Vec::new()),
                Step::Index(_) => Tree::List(Vec::new()),
            };
        }
        *self = match std::mem::replace(self, Tree::List(Vec::new())) {
            Tree::Value(Value::Array(items)) => {
                Tree::List(items.into_iter().map(Tree::Value).collect())
            }
            Tree::Value(Value::Object(map)) => Tree::Map(
                map.into_iter()
                    .map(|(name, value)| Field {
                        text: name.clone(),
                        name,
                        value: Tree::Value(value),
                    })
                    .collect(),
            ),
            other => other,
        };
    }
}

struct Builder<'a> {
    document: &'a Document,
    aliased: HashMap<usize, Rc<Tree>>,
    depth: usize,
}

impl Builder<'_> {
    fn tree(&mut self, node: &Node) -> Result<Tree, EditError> {
        Ok(match &node.kind {
            NodeKind::Scalar(scalar) => Tree::Text(scalar.text.clone()),
            NodeKind::Sequence(items) => Tree::List(
                items
                    .iter()
                    .map(|item| self.tree(item))
                    .collect::<Result<_, _>>()?,
            ),
            NodeKind::Mapping(entries) => {
                let mut fields = Vec::with_capacity(entries.len());
                for entry in entries {
                    let Some(key) = entry.key.scalar() else {
                        return Err(self.document.odd_key(&entry.key).into());
                    };
                    fields.push(Field {
                        name: entry
                            .name()
                            .map(std::borrow::Cow::into_owned)
                            .unwrap_or_default(),
                        text: key.text.clone(),
                        value: self.tree(&entry.value)?,
                    });
                }
                Tree::Map(fields)
            }
            NodeKind::Alias { target, .. } => Tree::Alias(self.alias(node, *target)?),
        })
    }

    fn alias(&mut self, node: &Node, target: usize) -> Result<Rc<Tree>, EditError> {
        if let Some(tree) = self.aliased.get(&target) {
            return Ok(Rc::clone(tree));
        }
        let found = self.document.resolve(node);
        // The value itself finds and names aliases that never end.
        if self.depth > 50 || matches!(found.kind, NodeKind::Alias { .. }) {
            self.document.value_of(node)?;
        }
        self.depth += 1;
        let tree = if self.depth > 100 {
            Tree::Text(String::new())
        } else {
            self.tree(found)?
        };
        self.depth -= 1;
        let tree = Rc::new(tree);
        self.aliased.insert(target, Rc::clone(&tree));
        Ok(tree)
    }
}

/// Reads a text and compares it with what it is meant to be.
pub(super) fn prove(text: &str, expected: &[Tree]) -> Result<(), EditError> {
    let unproven = |detail: String| EditError::Unproven { detail };
    // libyaml gives the first line of a text with a byte order mark a column too many.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = serde_yaml::Deserializer::from_str(text);
    for tree in expected {
        let Some(document) = documents.next() else {
            return Err(unproven("a document is missing".to_owned()));
        };
        Check(tree)
            .deserialize(document)
            .map_err(|error| unproven(error.to_string()))?;
    }
    match documents.next() {
        Some(_) => Err(unproven("there is a document too many".to_owned())),
        None => Ok(()),
    }
}

struct Check<'t>(&'t Tree);

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        match self.0 {
            Tree::Text(_) => reader.deserialize_str(self),
            Tree::List(_) => reader.deserialize_seq(self),
            Tree::Map(_) => reader.deserialize_map(self),
            Tree::Alias(tree) => Check(tree).deserialize(reader),
            Tree::Value(Value::Array(_)) => reader.deserialize_seq(self),
            Tree::Value(Value::Object(_)) => reader.deserialize_map(self),
            Tree::Value(value) => {
                let found = Value::deserialize(reader)?;
                if found == *value {
                    return Ok(());
                }
                Err(D::Error::custom(format!("{found} instead of {value}")))
            }
        }
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Tree::List(_) | Tree::Value(Value::Array(_)) => "a list",
            Tree::Map(_) | Tree::Value(Value::Object(_)) => "a mapping",
            _ => "a scalar",
        })
    }

    fn visit_str<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        let same = match self.0 {
            // A value that is not written may be written as null.
            Tree::Text(text) => text == found || (text.is_empty() && found == "null"),
            _ => false,
        };
        if same {
            Ok(())
        } else {
            Err(E::custom("another text"))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let mut count = 0;
        loop {
            let next = match self.0 {
                Tree::List(items) => match items.get(count) {
                    Some(item) => access.next_element_seed(Check(item))?,
                    None => access.next_element::<serde::de::IgnoredAny>()?.map(|_| ()),
                },
                Tree::Value(Value::Array(items)) => match items.get(count) {
                    Some(item) => access.next_element_seed(Check(&Tree::Value(item.clone())))?,
                    None => access.next_element::<serde::de::IgnoredAny>()?.map(|_| ()),
                },
                _ => None,
            };
            if next.is_none() {
                break;
            }
            count += 1;
        }
        let expected = match self.0 {
            Tree::List(items) => items.len(),
            Tree::Value(Value::Array(items)) => items.len(),
            _ => 0,
        };
        if count == expected {
            return Ok(());
        }
        Err(A::Error::custom(format!(
            "{count} items instead of {expected}"
        )))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        match self.0 {
            Tree::Map(fields) => check_fields(fields, access),
            Tree::Value(Value::Object(map)) => check_object(map, access),
            _ => Err(A::Error::custom("a mapping")),
        }
    }
}

fn check_fields<'de, A: MapAccess<'de>>(fields: &[Field], mut access: A) -> Result<(), A::Error> {
    let mut seen = vec![false; fields.len()];
    let mut next = 0;
    while let Some(key) = access.next_key::<Key>()? {
        let open = |at: usize| !seen[at] && fields[at].text == key.0;
        // New entries stand where their neighbours are, the tree has them at its end.
        let found = if next < fields.len() && open(next) {
            Some(next)
        } else {
            (0..fields.len()).find(|at| open(*at))
        };
        let Some(at) = found else {
            return Err(A::Error::custom(format!("an unexpected key {}", key.0)));
        };
        seen[at] = true;
        next = at + 1;
        access.next_value_seed(Check(&fields[at].value))?;
    }
    match seen.iter().position(|seen| !seen) {
        None => Ok(()),
        Some(at) => Err(A::Error::custom(format!(
            "the key {} is gone",
            fields[at].text
        ))),
    }
}

fn check_object<'de, A: MapAccess<'de>>(
    map: &Map<String, Value>,
    mut access: A,
) -> Result<(), A::Error> {
    let mut count = 0;
    while let Some(key) = access.next_key::<Key>()? {
        let Some(value) = map.get(&key.0) else {
            return Err(A::Error::custom(format!("an unexpected key {}", key.0)));
        };
        count += 1;
        access.next_value_seed(Check(&Tree::Value(value.clone())))?;
    }
    if count == map.len() {
        return Ok(());
    }
    Err(A::Error::custom(format!(
        "{count} keys instead of {}",
        map.len()
    )))
}

/// The content of a key, whatever it resolves to.
struct Key(String);

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Key, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a scalar key")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key, E> {
                Ok(Key(text.to_owned()))
            }
        }
        reader.deserialize_str(Text)
    }
}
