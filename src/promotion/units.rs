//! Units: what promotion moves and remembers one by one, as comparable values.
//!
//! Owns the splitting of an environment's tree into units and where each
//! unit's record lives. Refuses nothing: what is not promoted is no unit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::mode::file_value;
use crate::product::{ComponentName, ProductTree, TemplateName, UnitError};
use crate::repo::{EntryKind, RepoPath, Snapshot};

/// The identity of a unit, the same in every environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitId {
    /// The product manifest without its components: version, defaults, includes.
    Product,
    /// One component.
    Component(ComponentName),
    /// One template with all its files.
    Template(TemplateName),
    /// Any other promoted file, relative to the environment's path.
    File(RepoPath),
}

impl UnitId {
    /// Where the record of this unit lives, in the folder of its environment's records.
    pub fn record_path(&self) -> String {
        match self {
            UnitId::Product => "product.yaml".to_owned(),
            UnitId::Component(name) => format!("component/{name}.yaml"),
            UnitId::Template(name) => format!("template/{name}.yaml"),
            UnitId::File(path) => format!("file/{path}.yaml"),
        }
    }

    /// Its kind and name, as records have them: `component/cart`, `product`.
    pub fn kind_and_name(&self) -> String {
        self.record_path().trim_end_matches(".yaml").to_owned()
    }

    /// The unit whose record is at `path` in the folder of its environment's records.
    pub fn of_record(path: &str) -> Option<Self> {
        let rest = path.strip_suffix(".yaml")?;
        match rest.split_once('/') {
            None => (rest == "product").then_some(UnitId::Product),
            Some(("component", name)) => name.parse().ok().map(UnitId::Component),
            Some(("template", name)) => name.parse().ok().map(UnitId::Template),
            Some(("file", path)) => path.parse().ok().map(UnitId::File),
            Some(_) => None,
        }
    }
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnitId::Product => f.write_str("product"),
            UnitId::Component(name) => write!(f, "{name}"),
            UnitId::Template(name) => write!(f, "templates/{name}"),
            UnitId::File(path) => write!(f, "{}", path.as_str().trim_start_matches("{root}")),
        }
    }
}

/// The units of one tree, with their values.
///
/// A component's value is what the manifest says of it, with its scalars as written
/// ([`crate::yaml::Written`]); a template's is the object ids and modes of its files by
/// relative path, another file's is its object id and mode until it is read.
pub type Units = BTreeMap<UnitId, Value>;

/// Puts the components there that two products share, from the units of `other`.
pub fn share_units(units: &mut Units, tree: &ProductTree, other: (&ProductTree, &Units)) {
    for (name, node) in &tree.components {
        let shared = other
            .0
            .components
            .get(name)
            .is_some_and(|it| Arc::ptr_eq(node, it));
        let unit = UnitId::Component(name.clone());
        if let Some(value) = other.1.get(&unit).filter(|_| shared) {
            units.insert(unit, value.clone());
        }
    }
}

/// Splits what `promotes` lets through into units, without components that the product
/// shares with `other`: [`share_units`] adds them.
///
/// `promotes` is asked with paths relative to the environment's path `at`, and says by
/// which path other environments know the file; `None`: it is not promoted.
///
/// # Errors
/// A value in a manifest that can't be resolved, such as an alias bomb.
pub fn units(
    tree: Option<&ProductTree>,
    other: Option<&ProductTree>,
    snapshot: &Snapshot,
    at: &RepoPath,
    promotes: &dyn Fn(&RepoPath) -> Option<RepoPath>,
) -> Result<Units, UnitError> {
    let mut found = Units::new();
    let mut manifests = BTreeSet::new();
    if let Some(tree) = tree {
        let shared = |name: &str| {
            let both = other.and_then(|it| it.components.get(name).zip(tree.components.get(name)));
            both.is_some_and(|(one, other)| Arc::ptr_eq(one, other))
        };
        let unknown = match other {
            Some(_) => tree.split_unknown(&shared)?,
            None => None,
        };
        let (rest, mut own) = match unknown {
            Some(both) => both,
            None => tree.split()?,
        };
        found.insert(UnitId::Product, rest);
        for (name, node) in &tree.components {
            if shared(name.as_str()) {
                continue;
            }
            let written = (node.file == tree.product.file)
                .then(|| own.get_mut(name.as_str()).map(Value::take))
                .flatten();
            let value = match written {
                Some(value) => value,
                None => tree.value(&node.file, node.document, &node.path)?,
            };
            found.insert(UnitId::Component(name.clone()), value);
        }
        manifests = tree.manifests();
    }
    for (path, entry) in snapshot.under(at) {
        let Some(relative) = path.strip_prefix(at) else {
            continue;
        };
        if manifests.contains(path) || entry.kind == EntryKind::Submodule {
            continue;
        }
        let Some(relative) = promotes(&relative) else {
            continue;
        };
        let id = file_value(entry);
        match template_of(&relative) {
            Some((name, file)) => {
                let unit = found
                    .entry(UnitId::Template(name))
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(files) = unit {
                    files.insert(file, id);
                }
            }
            None => {
                found.insert(UnitId::File(relative), id);
            }
        }
    }
    Ok(found)
}

fn template_of(path: &RepoPath) -> Option<(TemplateName, String)> {
    let rest = path.as_str().strip_prefix("templates/")?;
    let (name, file) = rest.split_once('/')?;
    Some((TemplateName::from_str(name).ok()?, file.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_find_back_to_their_units() {
        for id in [
            UnitId::Product,
            UnitId::Component("cart".parse().unwrap()),
            UnitId::Template("grpc-service".parse().unwrap()),
            UnitId::File("config/limits.json".parse().unwrap()),
        ] {
            assert_eq!(UnitId::of_record(&id.record_path()), Some(id));
        }
        assert_eq!(UnitId::of_record("gitops.yaml"), None);
        assert_eq!(UnitId::of_record("other/a.yaml"), None);
    }
}
