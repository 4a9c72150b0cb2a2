//! How values stand in a JSON document: as text that is parsed where it is read, so
//! that a mistake is told with its line and column, and in mappings without doubles.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::image::{Reference, Repository};

/// Reads text by a function. What is wrong is said while the text is read: only then
/// does the error carry its place and not the next one's.
pub(super) struct Words<F>(pub(super) F);

impl<T, F: Fn(&str) -> Result<T, String>> Visitor<'_> for Words<F> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

impl<'de, T, F: Fn(&str) -> Result<T, String>> DeserializeSeed<'de> for Words<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

/// A field that stands there, be it `null`.
pub(super) fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A value that stands in the document as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<T>(pub(super) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Words(parsed)).map(Text)
    }
}

/// A repository as the document names it: an image without tag and digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name(pub(super) Repository);

impl Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let reference: Reference = text.parse().map_err(|error| format!("{error}"))?;
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err("a repository has neither tag nor digest; tags stand below it".to_owned());
        }
        Ok(Name(reference.repository()))
    }
}

/// A mapping in which no key stands twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table<K, V>(pub(super) BTreeMap<K, V>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table(BTreeMap::new())
    }
}

impl<K, V> Table<K, V> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<K: Display, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key.to_string(), value)))
    }
}

impl<'de, K: FromStr<Err: Display> + Ord, V: Deserialize<'de>> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Once(PhantomData))
    }
}

/// Takes each key once.
struct Once<K, V>(PhantomData<(K, V)>);

impl<'de, K: FromStr<Err: Display> + Ord, V: Deserialize<'de>> Visitor<'de> for Once<K, V> {
    type Value = Table<K, V>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        loop {
            let new = |text: &str| match parsed(text) {
                Ok(key) if found.contains_key(&key) => Err(format!("{text:?} stands there twice")),
                parsed => parsed,
            };
            let Some(key) = map.next_key_seed(Words(new))? else {
                break;
            };
            found.insert(key, map.next_value()?);
        }
        Ok(Table(found))
    }
}
