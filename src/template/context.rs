//! Values as templates see them. Mappings keep the order in which they were
//! written, so that what a template makes of them does too.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr, Value};

use super::bounds::Size;

/// Mappings with more keys than this are looked up through an index.
const SMALL: usize = 12;

/// A mapping in the order in which it was written.
#[derive(Debug)]
pub(super) struct Ordered {
    entries: Vec<(Arc<str>, Value)>,
    /// Positions in the order of the keys; empty for small mappings.
    index: Vec<u32>,
    size: Size,
}

impl Ordered {
    /// A mapping of these entries; keys are different from each other.
    pub(super) fn new(entries: Vec<(Arc<str>, Value)>) -> Self {
        let mut index = Vec::new();
        if entries.len() > SMALL {
            index = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
            index.sort_by(|a, b| entries[*a as usize].0.cmp(&entries[*b as usize].0));
        }
        let size = Size::around(entries.iter().map(|(_, value)| Size::of(value)));
        Self {
            entries,
            index,
            size,
        }
    }

    /// What it holds, counted once.
    pub(super) fn size(&self) -> Size {
        self.size
    }

    fn find(&self, key: &str) -> Option<&Value> {
        if self.index.is_empty() {
            return self
                .entries
                .iter()
                .find(|(name, _)| &**name == key)
                .map(|(_, value)| value);
        }
        let at = self
            .index
            .binary_search_by(|at| (*self.entries[*at as usize].0).cmp(key))
            .ok()?;
        Some(&self.entries[self.index[at] as usize].1)
    }
}

impl Object for Ordered {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.find(key.as_str()?).cloned()
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.find(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        // One by one: whoever looks at the first only does not pay for all.
        self.mapped_key_value_enumerator(|this| {
            let pair = |(key, value): &(Arc<str>, Value)| (Value::from(key), value.clone());
            Box::new(this.entries.iter().map(pair))
        })
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// A mapping made of names and values; names without a value are left out, so
/// that a template that reads them fails instead of writing nothing.
pub(super) fn mapping<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let present = entries
        .into_iter()
        .filter_map(|(name, value)| Some((Arc::from(name), value?)))
        .collect();
    Value::from_object(Ordered::new(present))
}

/// A JSON value as templates see it.
pub(super) fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::from(()),
        Json::Bool(yes) => Value::from(*yes),
        Json::Number(number) => from_number(number),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        Json::Object(map) => from_map(map),
    }
}

/// A JSON object as templates see it.
pub(super) fn from_map(map: &serde_json::Map<String, serde_json::Value>) -> Value {
    let entries = map
        .iter()
        .map(|(key, value)| (Arc::from(key.as_str()), from_json(value)))
        .collect();
    Value::from_object(Ordered::new(entries))
}

fn from_number(number: &serde_json::Number) -> Value {
    if let Some(whole) = number.as_i64() {
        Value::from(whole)
    } else if let Some(whole) = number.as_u64() {
        Value::from(whole)
    } else {
        Value::from(number.as_f64().unwrap_or(f64::NAN))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mappings_keep_their_order_and_find_their_keys() {
        let engine = minijinja::Environment::new();
        for size in [3, 40] {
            let mut map = serde_json::Map::new();
            for n in (0..size).rev() {
                map.insert(format!("k{n}"), json!(n));
            }
            let value = from_map(&map);
            let text = engine
                .render_str(
                    "{{ m | items | map('last') | join(' ') }} {{ m.k2 }} {{ m.none is defined }}",
                    minijinja::context! { m => value },
                )
                .unwrap();
            let expected: Vec<String> = (0..size).rev().map(|n: i32| n.to_string()).collect();
            assert_eq!(text, format!("{} 2 False", expected.join(" ")));
        }
    }
}
