//! How values of several levels become one: maps merge deeply, lists and
//! scalars replace, `null` removes. And which values a schema gives by itself.

use serde_json::{Map, Value};

/// Puts one level over another.
pub(crate) fn merge(under: &mut Map<String, Value>, over: &Map<String, Value>) {
    for (key, value) in over {
        match value {
            Value::Null => {
                under.shift_remove(key);
            }
            Value::Object(map) => {
                if let Some(Value::Object(below)) = under.get_mut(key) {
                    merge(below, map);
                } else {
                    under.insert(key.clone(), Value::Object(without_nulls(map)));
                }
            }
            other => {
                under.insert(key.clone(), other.clone());
            }
        }
    }
}

fn without_nulls(map: &Map<String, Value>) -> Map<String, Value> {
    let mut result = Map::new();
    merge(&mut result, map);
    result
}

/// Puts a template's schema over the one of the template that it extends:
/// mappings merge, so that a declared key may get another default alone,
/// required keys add up, everything else replaces.
pub(crate) fn extend_schema(base: &mut Map<String, Value>, own: &Map<String, Value>) {
    for (keyword, value) in own {
        match (keyword.as_str(), base.get_mut(keyword), value) {
            // What is given as data is taken whole.
            ("default" | "const" | "examples" | "enum", _, _) => {
                base.insert(keyword.clone(), value.clone());
            }
            ("required", Some(Value::Array(under)), Value::Array(over)) => {
                for name in over {
                    if !under.contains(name) {
                        under.push(name.clone());
                    }
                }
            }
            (_, Some(Value::Object(under)), Value::Object(over)) => extend_schema(under, over),
            _ => {
                base.insert(keyword.clone(), value.clone());
            }
        }
    }
}

/// How far definitions are followed; deeper ones refer to themselves.
const DEPTH: usize = 32;

/// The values that a schema's `default` keywords give.
pub(crate) fn schema_defaults(schema: &Map<String, Value>) -> Map<String, Value> {
    match defaults_of(schema, schema, DEPTH) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}

fn defaults_of(
    root: &Map<String, Value>,
    schema: &Map<String, Value>,
    depth: usize,
) -> Option<Value> {
    if depth == 0 {
        return None;
    }
    let mut found = schema.get("default").cloned();
    if found.is_none() {
        found = referenced(root, schema).and_then(|target| defaults_of(root, target, depth - 1));
    }
    let Some(Value::Object(properties)) = schema.get("properties") else {
        return found;
    };
    let mut inner = Map::new();
    for (name, property) in properties {
        if let Some(value) = property
            .as_object()
            .and_then(|it| defaults_of(root, it, depth - 1))
        {
            inner.insert(name.clone(), value);
        }
    }
    match found {
        None if inner.is_empty() => None,
        None => Some(Value::Object(inner)),
        // An object's own default stands over those of its properties.
        Some(Value::Object(own)) => {
            for (key, value) in own {
                inner.insert(key, value);
            }
            Some(Value::Object(inner))
        }
        Some(other) => Some(other),
    }
}

fn referenced<'a>(
    root: &'a Map<String, Value>,
    schema: &Map<String, Value>,
) -> Option<&'a Map<String, Value>> {
    let pointer = schema.get("$ref")?.as_str()?.strip_prefix("#/")?;
    let mut segments = pointer
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"));
    let first = segments.next()?;
    let mut node = root.get(&first)?;
    for segment in segments {
        node = node.get(&segment)?;
    }
    node.as_object()
}

/// Whether a schema declares a key at its top.
pub(crate) fn declares(schema: &Map<String, Value>, key: &str) -> bool {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .is_some_and(|properties| properties.contains_key(key))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn maps_merge_lists_replace_and_null_removes() {
        let mut under = map(json!({"a": {"x": 1, "y": 2}, "list": [1, 2], "gone": 1, "s": "old"}));
        merge(
            &mut under,
            &map(
                json!({"a": {"y": null, "z": {"deep": null, "kept": 1}}, "list": [3], "gone": null, "s": {"now": "map"}}),
            ),
        );
        assert_eq!(
            Value::Object(under),
            json!({"a": {"x": 1, "z": {"kept": 1}}, "list": [3], "s": {"now": "map"}})
        );
    }

    #[test]
    fn null_removes_a_whole_map() {
        let mut under = map(json!({"resources": {"limits": {"cpu": 1}}}));
        merge(&mut under, &map(json!({"resources": {"limits": null}})));
        assert_eq!(Value::Object(under), json!({"resources": {}}));
    }

    #[test]
    fn defaults_are_found_at_any_depth() {
        let schema = map(json!({
            "properties": {
                "replicas": {"type": "integer", "default": 1},
                "port": {"type": "integer"},
                "probe": {"$ref": "#/$defs/probe"},
                "resources": {"properties": {"cpu": {"default": "100m"}}, "default": {"memory": "64Mi"}},
                "tree": {"$ref": "#/$defs/tree"}
            },
            "$defs": {
                "probe": {"properties": {"path": {"default": "/healthz"}}},
                "tree": {"properties": {"child": {"$ref": "#/$defs/tree"}}}
            }
        }));
        assert_eq!(
            Value::Object(schema_defaults(&schema)),
            json!({"replicas": 1, "probe": {"path": "/healthz"}, "resources": {"cpu": "100m", "memory": "64Mi"}})
        );
    }

    #[test]
    fn an_extending_schema_adds_keys() {
        let mut base = map(
            json!({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"], "title": "base"}),
        );
        extend_schema(
            &mut base,
            &map(
                json!({"properties": {"a": {"type": "integer"}, "c": {}}, "required": ["a", "c"]}),
            ),
        );
        assert_eq!(
            Value::Object(base),
            json!({"properties": {"a": {"type": "integer"}, "b": {}, "c": {}}, "required": ["a", "c"], "title": "base"})
        );
    }

    #[test]
    fn an_extending_schema_may_change_a_default_alone() {
        let mut base = map(json!({"properties": {"port": {"type": "integer", "default": 80}}}));
        extend_schema(
            &mut base,
            &map(json!({"properties": {"port": {"default": 8080}}})),
        );
        assert_eq!(
            Value::Object(base),
            json!({"properties": {"port": {"type": "integer", "default": 8080}}})
        );
    }
}
