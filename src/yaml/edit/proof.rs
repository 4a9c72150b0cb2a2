//! The proof of an edit: the new text, read by libyaml's port (which had no part in
//! making it), must be the tree that was asked for, document by document, text by text.

use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::super::node::{Node, NodeKind};
use super::super::stream::Document;
use super::super::written::{is_null, text_of};
use super::EditError;
use super::expected::{Field, Tree, content};

/// Reads a text and compares it with what it is meant to be.
pub(super) fn prove(text: &str, expected: &[Tree<'_>]) -> Result<(), EditError> {
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

/// A part of a text and the key that stands behind it.
pub(super) fn with_key(part: &str, key_behind: Option<&str>) -> String {
    match key_behind {
        Some(key) => format!("{part}{key}:\n"),
        None => part.to_owned(),
    }
}

/// What a key says that is written without escapes.
pub(super) fn key_text(written: &str) -> &str {
    written.trim_matches([' ', '"', '\''])
}

/// The keys of a part, which must be a mapping that goes on with the key behind it.
pub(super) fn names_of_part(
    part: &str,
    key_behind: Option<&str>,
) -> Result<Vec<String>, EditError> {
    let unproven = |detail: String| EditError::Unproven { detail };
    let text = with_key(part, key_behind);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let (Some(document), None) = (documents.next(), documents.next()) else {
        return Err(unproven("a part is no document".to_owned()));
    };
    let mut names = document
        .deserialize_map(Names)
        .map_err(|error| unproven(error.to_string()))?;
    match key_behind.map(key_text) {
        Some(key) if names.pop().as_deref() != Some(key) => {
            Err(unproven(format!("{key} does not follow a part")))
        }
        _ => Ok(names),
    }
}

/// Collects the keys of a mapping, and reads its values.
struct Names;

impl<'de> Visitor<'de> for Names {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Vec<String>, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = access.next_key::<Name>()? {
            access.next_value::<serde::de::IgnoredAny>()?;
            names.push(name.0);
        }
        Ok(names)
    }
}

struct Check<'t, 's>(&'t Tree<'s>);

impl<'de> DeserializeSeed<'de> for Check<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        match self.0 {
            Tree::Source(document, node) => Untouched(document, node).deserialize(reader),
            Tree::List(items) if items.is_empty() => exactly(&Value::Array(Vec::new()), reader),
            Tree::Map(fields) if fields.is_empty() => exactly(&Value::Object(Map::new()), reader),
            Tree::Value(Value::Array(items)) | Tree::Written(Value::Array(items))
                if !items.is_empty() =>
            {
                reader.deserialize_seq(self)
            }
            Tree::Value(Value::Object(map)) | Tree::Written(Value::Object(map))
                if !map.is_empty() =>
            {
                reader.deserialize_map(self)
            }
            Tree::Written(value @ (Value::Array(_) | Value::Object(_))) => exactly(value, reader),
            Tree::Written(_) => reader.deserialize_str(self),
            Tree::List(_) => reader.deserialize_seq(self),
            Tree::Map(_) => reader.deserialize_map(self),
            Tree::Value(value) => exactly(value, reader),
        }
    }
}

/// For scalars, and for empty collections: who asks for one of those gets it from null, too.
fn exactly<'de, D: Deserializer<'de>>(value: &Value, reader: D) -> Result<(), D::Error> {
    let found = Value::deserialize(reader)?;
    if found == *value {
        return Ok(());
    }
    Err(D::Error::custom(format!("{found} instead of {value}")))
}

impl<'de> Visitor<'de> for Check<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Tree::List(_) | Tree::Value(Value::Array(_)) => "a list",
            Tree::Written(Value::Array(_)) => "a list",
            Tree::Written(value) if !value.is_object() => "a scalar",
            _ => "a mapping",
        })
    }

    fn visit_str<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        let same = match self.0 {
            Tree::Written(value) if is_null(value) => {
                matches!(found, "" | "~" | "null" | "Null" | "NULL")
            }
            Tree::Written(value) => text_of(value).as_deref() == Some(found),
            _ => false,
        };
        match same {
            true => Ok(()),
            false => Err(E::custom("another text")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        match self.0 {
            Tree::List(items) => check_items(items.iter().map(Check), access),
            Tree::Value(Value::Array(items)) => {
                let written = |item: &Value| Written(Tree::Value(item.clone()));
                check_items(items.iter().map(written), access)
            }
            Tree::Written(Value::Array(items)) => {
                let written = |item: &Value| Written(Tree::Written(item.clone()));
                check_items(items.iter().map(written), access)
            }
            _ => Err(A::Error::custom("a list")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        match self.0 {
            Tree::Map(fields) => check_fields(fields, access),
            Tree::Value(Value::Object(map)) => check_object(map, Tree::Value, access),
            Tree::Written(Value::Object(map)) => check_object(map, Tree::Written, access),
            _ => Err(A::Error::custom("a mapping")),
        }
    }
}

/// A value that an edit wrote.
struct Written(Tree<'static>);

impl<'de> DeserializeSeed<'de> for Written {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        Check(&self.0).deserialize(reader)
    }
}

/// A node that must read as it stands in its document.
struct Untouched<'s>(&'s Document, &'s Node);

impl<'de> DeserializeSeed<'de> for Untouched<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        match &self.1.kind {
            NodeKind::Scalar(_) => reader.deserialize_str(self),
            // With a tag of its own, such a collection is no value that can be compared.
            NodeKind::Sequence(items) if items.is_empty() && self.1.tag().is_none() => {
                exactly(&Value::Array(Vec::new()), reader)
            }
            NodeKind::Mapping(entries) if entries.is_empty() && self.1.tag().is_none() => {
                exactly(&Value::Object(Map::new()), reader)
            }
            NodeKind::Sequence(_) => reader.deserialize_seq(self),
            NodeKind::Mapping(_) => reader.deserialize_map(self),
            NodeKind::Alias { .. } => {
                let found = self.0.resolve(self.1);
                if matches!(found.kind, NodeKind::Alias { .. }) {
                    return Err(D::Error::custom("an alias of nothing"));
                }
                Untouched(self.0, found).deserialize(reader)
            }
        }
    }
}

impl<'de> Visitor<'de> for Untouched<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.1.kind {
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
            _ => "a scalar",
        })
    }

    fn visit_str<E: serde::de::Error>(self, found: &str) -> Result<(), E> {
        let text = self.1.scalar().map(|scalar| scalar.text.as_str());
        // A value that is not written may be written as null.
        if text == Some(found) || (text == Some("") && found == "null") {
            return Ok(());
        }
        Err(E::custom("another text"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<(), A::Error> {
        let items = self.1.items().iter();
        check_items(items.map(|item| Untouched(self.0, item)), access)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        for entry in self.1.entries() {
            let text = content(entry);
            if access.next_key_seed(Key(text))?.is_none() {
                return Err(A::Error::custom(format!("the key {text} is gone")));
            }
            access.next_value_seed(Untouched(self.0, &entry.value))?;
        }
        match access.next_key::<Name>()? {
            Some(key) => Err(A::Error::custom(format!("an unexpected key {}", key.0))),
            None => Ok(()),
        }
    }
}

fn check_items<'de, A: SeqAccess<'de>, S: DeserializeSeed<'de>>(
    items: impl ExactSizeIterator<Item = S>,
    mut access: A,
) -> Result<(), A::Error> {
    let expected = items.len();
    let mut count = 0;
    for item in items {
        if access.next_element_seed(item)?.is_none() {
            break;
        }
        count += 1;
    }
    while access.next_element::<serde::de::IgnoredAny>()?.is_some() {
        count += 1;
    }
    if count == expected {
        return Ok(());
    }
    Err(A::Error::custom(format!(
        "{count} items instead of {expected}"
    )))
}

fn check_fields<'de, A: MapAccess<'de>>(
    fields: &[Field<'_>],
    mut access: A,
) -> Result<(), A::Error> {
    let mut seen = vec![false; fields.len()];
    let mut next = 0;
    while let Some(key) = access.next_key::<Name>()? {
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
    tree: fn(Value) -> Tree<'static>,
    mut access: A,
) -> Result<(), A::Error> {
    let mut count = 0;
    while let Some(key) = access.next_key::<Name>()? {
        let Some(value) = map.get(&key.0) else {
            return Err(A::Error::custom(format!("an unexpected key {}", key.0)));
        };
        count += 1;
        access.next_value_seed(Written(tree(value.clone())))?;
    }
    if count == map.len() {
        return Ok(());
    }
    Err(A::Error::custom(format!(
        "{count} keys instead of {}",
        map.len()
    )))
}

/// A key that must have this content, whatever it resolves to.
struct Key<'t>(&'t str);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text == self.0 {
            return Ok(());
        }
        Err(E::custom(format!("the key {text} instead of {}", self.0)))
    }
}

/// The content of a key, whatever it resolves to.
struct Name(String);

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Name, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a scalar key")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
                Ok(Name(text.to_owned()))
            }
        }
        reader.deserialize_str(Text)
    }
}
