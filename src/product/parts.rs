//! A product manifest in parts: its components, and what is left without them.

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ComponentName, ComponentNode, ProductTree, TemplateName};
use crate::repo::{Location, RepoPath};
use crate::yaml::{Entry, Node, NodeKind, Path, YamlError, YamlErrorKind};

/// A product manifest without its components, and those.
pub(crate) type Split = (Value, Map<String, Value>);

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

    /// Returns the templates that a component is rendered with: its own, and what that
    /// extends.
    pub fn template_chain(&self, component: &ComponentName) -> Vec<&TemplateName> {
        let own = self.components.get(component);
        let own = own.map(|node| &node.component.template.value);
        own.map_or_else(Vec::new, |own| self.extended_by(own))
    }

    /// Returns a template and those that it extends, the nearest first.
    pub fn extended_by<'a>(&'a self, template: &'a TemplateName) -> Vec<&'a TemplateName> {
        let mut chain = Vec::new();
        let mut next = Some(template);
        while let Some(name) = next.filter(|name| !chain.contains(name)) {
            chain.push(name);
            next = self
                .templates
                .get(name)
                .and_then(|template| Some(&template.extends.as_ref()?.value));
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
    pub(crate) fn split(&self) -> Result<Split, UnitError> {
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
    pub(crate) fn split_unknown(
        &self,
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Option<Split>, UnitError> {
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
                    false => document.written_of(node),
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

    pub(crate) fn value(
        &self,
        file: &RepoPath,
        document: usize,
        path: &Path,
    ) -> Result<Value, UnitError> {
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
        let value = document.written_of(node);
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
