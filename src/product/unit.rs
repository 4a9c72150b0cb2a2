//! Units: what promotion moves and remembers one by one, as comparable values.
//!
//! Owns the splitting of an environment's tree into units and where each
//! unit's record lives. Refuses nothing: what is not promoted is no unit.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ComponentName, ComponentNode, ProductTree, TemplateName};
use crate::repo::{EntryKind, Location, RepoPath, Snapshot};
use crate::yaml::{Entry, Node, NodeKind, Path, YamlError, YamlErrorKind};

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
/// A component's value is what the manifest says of it, a template's is the
/// object ids of its files by relative path, another file's is its object id until
/// somebody reads it.
pub type Units = BTreeMap<UnitId, Value>;

/// A product manifest without its components, and those.
type Split = (Value, Map<String, Value>);

/// A unit whose value can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{location}: {source}")]
pub struct UnitError {
    /// Where.
    pub location: Location,
    /// What is wrong.
    pub source: YamlErrorKind,
}

impl ProductTree {
    /// The files that the product manifest consists of: itself and what it includes.
    pub fn manifests(&self) -> BTreeSet<&RepoPath> {
        let included = self.components.values().map(|node| &node.file);
        included.chain([&self.product.file]).collect()
    }

    /// The templates that a component is rendered with: its own, and what that extends.
    pub fn template_chain(&self, component: &ComponentName) -> Vec<&TemplateName> {
        let mut chain = Vec::new();
        let mut next = self
            .components
            .get(component)
            .map(|node| &node.component.template);
        while let Some(name) = next.filter(|name| !chain.contains(&&name.value)) {
            chain.push(&name.value);
            next = self
                .templates
                .get(&name.value)
                .and_then(|template| template.extends.as_ref());
        }
        chain
    }

    /// The components whose blocks are written otherwise in `other`, whose
    /// manifests are a changed copy of these; `None`: something else than
    /// components changed too, so that every component may come out otherwise.
    pub fn components_changed_in(&self, other: &ProductTree) -> Option<BTreeSet<ComponentName>> {
        if !self.same_rest(other)? {
            return None;
        }
        let blocks = LazyCell::new(|| (self.blocks(), other.blocks()));
        let same = |name: &ComponentName, one: &Arc<ComponentNode>, two: &Arc<ComponentNode>| {
            if Arc::ptr_eq(one, two) {
                return true;
            }
            let [one, two] = [one, two].map(|node| &node.component.template.value);
            let (ours, theirs) = &*blocks;
            one == two
                && match (ours.get(name.as_str()), theirs.get(name.as_str())) {
                    // What an alias stands for may have changed elsewhere.
                    (Some(one), Some(two)) => one == two && !one.contains('*'),
                    _ => false,
                }
        };
        let gone = self
            .components
            .keys()
            .filter(|name| !other.components.contains_key(*name));
        let changed = other.components.iter().filter_map(|(name, two)| {
            let one = self.components.get(name);
            (!one.is_some_and(|one| same(name, one, two))).then_some(name)
        });
        Some(gone.chain(changed).cloned().collect())
    }

    /// The text of each component's block, by its name.
    fn blocks(&self) -> HashMap<Cow<'_, str>, &str> {
        let node = |file: &RepoPath, document: usize, path: &Path| {
            let stream = self.files.get(file)?;
            let root = stream.documents().get(document)?.root()?;
            Some((stream.text(), root.at(path)?))
        };
        let mut blocks = HashMap::with_capacity(self.components.len());
        let own = Path::of(["spec", "components"]);
        if let Some((text, components)) = node(&self.product.file, 0, &own) {
            for entry in components.entries() {
                let block = &text[entry.value.span.range()];
                blocks.extend(entry.name().map(|name| (name, block)));
            }
        }
        let included = self.components.values();
        for component in included.filter(|node| node.file != self.product.file) {
            let name = Cow::Borrowed(component.component.name.as_str());
            let block = node(&component.file, component.document, &component.path);
            blocks.extend(block.map(|(text, node)| (name, &text[node.span.range()])));
        }
        blocks
    }

    /// The product manifest without its components, as written.
    fn rest(&self) -> Result<Value, UnitError> {
        self.split().map(|(rest, _)| rest)
    }

    /// The product manifest as written: what is left without its components, and those.
    fn split(&self) -> Result<Split, UnitError> {
        let mut value = self.value(&self.product.file, 0, &Path::root())?;
        let components = value
            .get_mut("spec")
            .and_then(Value::as_object_mut)
            .and_then(|spec| spec.shift_remove("components"));
        match components {
            Some(Value::Object(components)) => Ok((value, components)),
            _ => Ok((value, Map::new())),
        }
    }

    /// The same without the components that are `known`; `None`: a part may stand for
    /// another, so all of it has to be read.
    fn split_unknown(&self, known: &dyn Fn(&str) -> bool) -> Result<Option<Split>, UnitError> {
        let manifest = self.files.get(&self.product.file);
        let document = manifest.and_then(|it| it.documents().first());
        let Some(document) = document.filter(|it| !it.has_anchors()) else {
            return Ok(None);
        };
        let top = document.root().and_then(fields);
        let spec = top.as_deref().and_then(|top| fields(field(top, "spec")?));
        let own = spec
            .as_deref()
            .and_then(|spec| fields(field(spec, "components")?));
        let (Some(top), Some(spec), Some(mut own)) = (top, spec, own) else {
            return Ok(None);
        };
        let read = |fields: Vec<(Cow<'_, str>, &Node)>, later: &str| {
            let value = |(name, node): (Cow<'_, str>, &Node)| {
                let value = match name == later {
                    true => Ok(Value::Null),
                    false => document.value_of(node),
                };
                let value = value.map_err(|error| unit_error(&self.product.file, error))?;
                Ok((name.into_owned(), value))
            };
            fields
                .into_iter()
                .map(value)
                .collect::<Result<Map<_, _>, UnitError>>()
        };
        own.retain(|(name, _)| !known(name));
        let components = read(own, "")?;
        let mut spec = read(spec, "components")?;
        spec.shift_remove("components");
        let mut rest = read(top, "spec")?;
        rest.insert("spec".to_owned(), Value::Object(spec));
        Ok(Some((Value::Object(rest), components)))
    }

    /// Whether both manifests say the same apart from their components.
    fn same_rest(&self, other: &ProductTree) -> Option<bool> {
        fn around(tree: &ProductTree) -> Option<(&str, &str)> {
            let stream = tree.files.get(&tree.product.file)?;
            let document = stream.documents().first()?;
            let components = Path::of(["spec", "components"]);
            let block = document.root()?.at(&components)?;
            let text = stream.text();
            // What an alias stands for may be written among the components.
            if text.contains(['*', '&']) {
                return None;
            }
            Some((text.get(..block.start())?, text.get(block.end()..)?))
        }
        if let (Some(one), Some(two)) = (around(self), around(other))
            && one == two
        {
            return Some(true);
        }
        Some(self.rest().ok()? == other.rest().ok()?)
    }

    fn value(&self, file: &RepoPath, document: usize, path: &Path) -> Result<Value, UnitError> {
        let document = self
            .files
            .get(file)
            .and_then(|stream| stream.documents().get(document));
        let Some((document, root)) = document.and_then(|it| Some((it, it.root()?))) else {
            return Ok(Value::Null);
        };
        let Some(node) = root.at(path) else {
            return Ok(Value::Null);
        };
        let value = document.value_of(node);
        value.map_err(|error| unit_error(file, error))
    }
}

fn unit_error(file: &RepoPath, error: YamlError) -> UnitError {
    UnitError {
        location: Location::new(file.clone(), error.position.line, error.position.column),
        source: error.kind,
    }
}

/// The fields of a mapping that has each key once; `None` for anything else.
fn fields(node: &Node) -> Option<Vec<(Cow<'_, str>, &Node)>> {
    let NodeKind::Mapping(entries) = &node.kind else {
        return None;
    };
    let mut names = HashSet::with_capacity(entries.len());
    let field = |entry| {
        let name = Entry::name(entry).filter(|_| !entry.is_merge())?;
        names.insert(name.clone()).then_some((name, &entry.value))
    };
    entries.iter().map(field).collect()
}

fn field<'n>(fields: &[(Cow<'_, str>, &'n Node)], name: &str) -> Option<&'n Node> {
    let found = fields.iter().find(|(it, _)| it == name);
    found.map(|(_, node)| *node)
}

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
        let id = Value::String(entry.id.to_string());
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
