//! Lists whose items have names: by what Kubernetes tells the items of a list apart.
//!
//! Owns the table of keys, and what the order of such a list is: order may mean
//! something, so it is compared beside the items. A list is compared as a whole where an
//! item has no such key, or where two have the same.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::yaml::{Path, Step, said_of, value_at};

/// Keys of the items of a list, several where one alone may stand twice.
type Keys = &'static [&'static str];

/// By what the items of a field's list are told apart, the first that fits. The names
/// are those of Kubernetes' own schemas (`x-kubernetes-list-map-keys`).
const KEYS: [(&str, &[Keys]); 7] = [
    (
        "ports",
        &[
            &["containerPort"],
            &["containerPort", "protocol"],
            &["port"],
            &["port", "protocol"],
        ],
    ),
    ("volumeMounts", &[&["mountPath"]]),
    ("volumeDevices", &[&["devicePath"]]),
    ("hostAliases", &[&["ip"]]),
    (
        "topologySpreadConstraints",
        &[&["topologyKey"], &["topologyKey", "whenUnsatisfiable"]],
    ),
    ("ownerReferences", &[&["uid"]]),
    ("x-kubernetes-validations", &[&["rule"]]),
];

/// What the items of every other list are told apart by.
const NAMED: &[Keys] = &[&["name"]];

/// By what the items of these lists, the same field in several states, are told apart.
pub(super) fn keys(field: Option<&str>, lists: &[&[Value]]) -> Option<Keys> {
    let known = KEYS.iter().find(|(name, _)| Some(*name) == field);
    let own = known.map_or(&[][..], |(_, keys)| keys);
    let fits = |keys: &Keys| lists.iter().all(|list| names(list, keys).is_some());
    own.iter().chain(NAMED).copied().find(fits)
}

/// The step to an item.
pub(super) fn step(item: &Value, keys: Keys) -> Step {
    let said = |key: &&str| Some(((*key).to_owned(), said_of(item, key)?.into_owned()));
    Step::Item(keys.iter().filter_map(said).collect())
}

type Name<'v> = Vec<Cow<'v, str>>;

/// What the items say under the keys; `None` where one says nothing, or two the same.
fn names<'v>(list: &'v [Value], keys: Keys) -> Option<Vec<Name<'v>>> {
    let name = |item: &'v Value| keys.iter().map(|key| said_of(item, key)).collect();
    let names: Vec<Name<'v>> = list.iter().map(name).collect::<Option<_>>()?;
    let distinct: BTreeSet<&Name<'v>> = names.iter().collect();
    (distinct.len() == names.len()).then_some(names)
}

/// What the order of a list is called among the paths of its values.
pub(super) const ORDER: &str = "\u{0}order";

/// The order of a list as a value: what its items are called.
pub(super) fn order_of(steps: &[Step]) -> Value {
    steps.iter().map(name_of).collect()
}

fn name_of(step: &Step) -> Value {
    let Step::Item(keys) = step else {
        return Value::Null;
    };
    let names: Vec<&str> = keys.iter().map(|(_, name)| name.as_str()).collect();
    Value::String(names.join("+"))
}

/// The steps to the items of `list` that all of `others` have too, in its order.
pub(super) fn in_all(list: &[Step], others: &[&[Step]]) -> Vec<Step> {
    let sets: Vec<HashSet<&Step>> = others.iter().map(|it| it.iter().collect()).collect();
    let shared = |step: &&Step| sets.iter().all(|set| set.contains(step));
    list.iter().filter(shared).cloned().collect()
}

/// The list that the order at a path is about.
pub(super) fn list_of(path: &Path) -> Option<Path> {
    let (last, list) = path.steps().split_last()?;
    (*last == Step::Key(ORDER.to_owned())).then(|| Path::new(list.to_vec()))
}

/// The items of the list at a path of a state, in their order.
pub(super) fn items_at(state: &Value, list: &Path) -> Option<Vec<Step>> {
    let items = value_at(state, list)?.as_array()?;
    let keys = keys(field(list.steps()), &[items])?;
    Some(items.iter().map(|item| step(item, keys)).collect())
}

/// The field that a list stands in.
pub(super) fn field(steps: &[Step]) -> Option<&str> {
    steps.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        _ => None,
    })
}

/// The paths of the orders in which two states differ.
pub(super) fn reordered(one: &Value, other: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    descend(&mut Vec::new(), (one, other), &mut found);
    found
}

fn descend(steps: &mut Vec<Step>, (one, other): (&Value, &Value), found: &mut Vec<Path>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, one) in one {
                if let Some(other) = other.get(key) {
                    steps.push(Step::Key(key.clone()));
                    descend(steps, (one, other), found);
                    steps.pop();
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            let Some(keys) = keys(field(steps), &[one, other]) else {
                return;
            };
            let named = |list: &[Value]| -> Vec<Step> {
                list.iter().map(|item| step(item, keys)).collect()
            };
            let (here, there) = (named(one), named(other));
            if in_all(&here, &[&there]) != in_all(&there, &[&here]) {
                found.push(Path::new(steps.clone()).key(ORDER));
            }
            let places: HashMap<&Step, usize> = there.iter().zip(0..).collect();
            for (at, step) in here.iter().enumerate() {
                if let Some(place) = places.get(step) {
                    steps.push(step.clone());
                    descend(steps, (&one[at], &other[*place]), found);
                    steps.pop();
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::check::ListType;
    use crate::schema::{embedded, embedded_versions};

    /// What only a cluster writes, into the status of an object.
    const STATUS: [&str; 11] = [
        "addresses",
        "conditions",
        "devices",
        "healthConditions",
        "hostIPs",
        "nodeAllocatableResourceClaimStatuses",
        "podIPs",
        "reservedFor",
        "resources",
        "storageVersions",
        "resourceClaimStatuses",
    ];

    #[test]
    fn items_are_told_apart_as_kubernetes_does() {
        let mut unknown = BTreeSet::new();
        let mut needed = BTreeSet::new();
        for version in embedded_versions() {
            let set = embedded(Some(version)).unwrap();
            let names: Vec<&str> = set.definition_names().collect();
            let schemas = names.into_iter().filter_map(|name| set.definition(name));
            for (field, schema) in schemas.flat_map(|schema| &schema.properties) {
                let ListType::Map(keys) = &schema.list else {
                    continue;
                };
                let known = KEYS.iter().find(|(known, _)| *known == &**field);
                let candidates = known.map_or(NAMED, |(_, keys)| keys);
                let says = |it: &Keys| it.iter().copied().eq(keys.iter().map(|key| &**key));
                needed.extend(known.map(|(field, _)| *field));
                if !candidates.iter().any(says) && !STATUS.contains(&&**field) {
                    unknown.insert(format!("{field} {keys:?}"));
                }
            }
        }
        assert_eq!(unknown, BTreeSet::new());
        let table: BTreeSet<&str> = KEYS.iter().map(|(field, _)| *field).collect();
        assert_eq!(table, needed);
    }
}
