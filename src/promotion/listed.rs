//! Lists whose items have names: by what Kubernetes tells the items of a list apart.
//!
//! Owns the table of keys. A list is compared as a whole where an item has no such
//! key, where two have the same, and where the items that lists have in common stand
//! in another order: order may mean something.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::yaml::{Step, said_of};

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
    let candidates = known.map_or(NAMED, |(_, keys)| keys);
    let fits = |keys: &&Keys| {
        let mut all = Vec::new();
        for list in lists {
            match names(list, keys) {
                Some(names) => all.push(names),
                None => return false,
            }
        }
        same_order(&all)
    };
    candidates.iter().copied().find(|keys| fits(&keys))
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

/// Whether what lists have in common stands in the same order in all of them.
fn same_order(lists: &[Vec<Name<'_>>]) -> bool {
    let agree = |one: &Vec<Name<'_>>, other: &Vec<Name<'_>>| {
        let (first, second): (BTreeSet<_>, BTreeSet<_>) =
            (one.iter().collect(), other.iter().collect());
        let of_one = one.iter().filter(|name| second.contains(name));
        let of_other = other.iter().filter(|name| first.contains(name));
        of_one.eq(of_other)
    };
    let pairs = lists
        .iter()
        .enumerate()
        .flat_map(|(at, one)| lists[at + 1..].iter().map(move |other| (one, other)));
    pairs.into_iter().all(|(one, other)| agree(one, other))
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
