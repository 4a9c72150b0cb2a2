//! Reading a product from an environment's files: each file once, and every
//! mistake with its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::repo::{Location, RepoPath, Snapshot, SnapshotError};
use crate::yaml::{Field, Node, Stream};

use super::decode::{self, At};
use super::error::{ModelError, ModelWarning, Problem, Remark, nearest};
use super::manifest_decode::{self, Draft};
use super::repository::FilePattern;
use super::same::Same;
use super::tree::{ComponentNode, ENVIRONMENT_FILE, PRODUCT_FILE, ProductTree};
use super::{ComponentName, Environment, EnvironmentEntry, Located, Product, TemplateName};

/// What was read already.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Other products, or the same one in other states.
    pub trees: &'a [&'a ProductTree],
    /// Single files.
    pub streams: &'a [Stream],
}

impl ProductTree {
    /// Reads an environment of a snapshot; `None` when it has no product manifest.
    ///
    /// # Errors
    /// Everything that is wrong with its files, in the order of their places.
    pub fn load(
        snapshot: &Snapshot,
        entry: &EnvironmentEntry,
    ) -> Result<Option<Self>, Vec<ModelError>> {
        Self::load_like(snapshot, entry, Known::default())
    }

    /// Reads an environment that shares much with what was read already: what says the
    /// same is not read again.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_like(
        snapshot: &Snapshot,
        entry: &EnvironmentEntry,
        known: Known<'_>,
    ) -> Result<Option<Self>, Vec<ModelError>> {
        if entry.files.is_some() {
            return Ok(None);
        }
        let mut loader = Loader {
            snapshot,
            entry,
            known,
            files: BTreeMap::new(),
            errors: Vec::new(),
        };
        let manifest = loader.fixed(PRODUCT_FILE);
        let mut components: BTreeMap<ComponentName, Arc<ComponentNode>> = BTreeMap::new();
        let product = match loader.same_product(&manifest) {
            Some(other) => {
                let own = other.components.iter();
                components.extend(
                    own.filter(|(_, node)| node.file == manifest)
                        .map(|(name, node)| (name.clone(), node.clone())),
                );
                other.product.clone()
            }
            None => {
                let Some((product, drafts)) = loader.product(&manifest, &mut components) else {
                    return loader.failed().map_or(Ok(None), Err);
                };
                loader.place(drafts, &manifest, &mut components);
                product
            }
        };
        for file in loader.included(&product) {
            let drafts = loader.included_drafts(&file, product.default_template.as_ref());
            loader.place(drafts, &file, &mut components);
        }
        let environment = loader.environment();
        let templates = loader.templates();
        loader.check_templates(&product, &components, &templates);
        if let Some(errors) = loader.failed() {
            return Err(errors);
        }
        let warnings = warnings(&environment, &components, entry);
        Ok(Some(Self {
            product,
            components,
            templates,
            environment,
            files: loader.files,
            warnings,
        }))
    }
}

pub(super) struct Loader<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) entry: &'a EnvironmentEntry,
    pub(super) known: Known<'a>,
    files: BTreeMap<RepoPath, Stream>,
    pub(super) errors: Vec<ModelError>,
}

impl<'a> Loader<'a> {
    fn failed(&mut self) -> Option<Vec<ModelError>> {
        let mut errors = std::mem::take(&mut self.errors);
        errors.sort_by(|a, b| a.location.cmp(&b.location));
        (!errors.is_empty()).then_some(errors)
    }

    /// A file or folder with a fixed name below the environment's path.
    pub(super) fn fixed(&self, name: &str) -> RepoPath {
        self.entry.path.join(name).unwrap_or_default()
    }

    pub(super) fn fail(&mut self, location: Location, problem: Problem) {
        self.errors.push(ModelError { location, problem });
    }

    /// The text of a file that may be absent.
    pub(super) fn text(&mut self, file: &RepoPath) -> Option<String> {
        match self.snapshot.text(file) {
            Ok(text) => text.map(str::to_owned),
            Err(error) => {
                let location = match &error {
                    SnapshotError::NotUtf8 { path, line, column } => {
                        Location::new(path.clone(), *line, *column)
                    }
                    _ => Location::new(file.clone(), 1, 1),
                };
                let message = match &error {
                    SnapshotError::NotUtf8 { .. } => "not UTF-8 text".to_owned(),
                    _ => error.to_string(),
                };
                self.fail(location, Problem::Unreadable(message));
                None
            }
        }
    }

    /// The product that was read from the same manifest with the same text.
    fn same_product(&mut self, manifest: &RepoPath) -> Option<&'a ProductTree> {
        let text = self.snapshot.text(manifest).ok()??;
        let same = |other: &&&'a ProductTree| {
            let stream = other.files.get(manifest);
            other.product.file == *manifest && stream.is_some_and(|it| it.text() == text)
        };
        let other = self.known.trees.iter().find(same)?;
        let stream = other.files.get(manifest)?.clone();
        self.files.insert(manifest.clone(), stream);
        Some(other)
    }

    /// A file as YAML; remembered for finding places in it.
    fn stream(&mut self, file: &RepoPath) -> Option<Stream> {
        let text = self.text(file)?;
        let manifest = *file == self.fixed(PRODUCT_FILE);
        let trees = self.known.trees.iter().filter_map(|other| {
            let same = other.files.get(file);
            same.or_else(|| other.files.get(&other.product.file).filter(|_| manifest))
        });
        let mut known = trees.chain(self.known.streams);
        if let Some(stream) = known.find(|stream| stream.text() == text) {
            self.files.insert(file.clone(), stream.clone());
            return Some(stream.clone());
        }
        match decode::stream(file, &text) {
            Ok(stream) => {
                self.files.insert(file.clone(), stream.clone());
                Some(stream)
            }
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    pub(super) fn single(&mut self, file: &RepoPath) -> Option<Stream> {
        let stream = self.stream(file)?;
        match decode::single(file, &stream) {
            Ok(()) => Some(stream),
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    pub(super) fn taken<T>(&mut self, result: Result<T, Vec<ModelError>>) -> Option<T> {
        result.map_err(|errors| self.errors.extend(errors)).ok()
    }

    /// The manifest; components that another product has just so go to `components`.
    fn product(
        &mut self,
        manifest: &RepoPath,
        components: &mut BTreeMap<ComponentName, Arc<ComponentNode>>,
    ) -> Option<(Product, Vec<Draft>)> {
        let stream = self.single(manifest)?;
        let same = Same::of(self.known.trees, manifest);
        let mut known = |default: Option<&Located<TemplateName>>, name: &str, field: &Field<'_>| {
            let same = same
                .as_ref()
                .and_then(|it| it.component(&stream, default, name, field));
            // A key that stands there twice is told by whoever reads it.
            same.is_some_and(|node| {
                let name = node.component.name.clone();
                components.insert(name, Arc::clone(node)).is_none()
            })
        };
        let product = manifest_decode::product(&stream, manifest, &mut known);
        self.taken(product)
    }

    /// The files that the manifest includes, in the order of their paths.
    fn included(&mut self, product: &Product) -> Vec<RepoPath> {
        let mut found = Vec::new();
        for pattern in &product.include {
            let Ok(glob) = FilePattern::parse(&pattern.value) else {
                continue;
            };
            let before = found.len();
            for (path, _) in self.snapshot.under(&self.entry.path) {
                if *path != product.file && glob.matches(&self.entry.path, path) {
                    found.push(path.clone());
                }
            }
            if found.len() == before {
                let pattern = pattern.clone();
                self.fail(
                    pattern.location,
                    Problem::NoFile {
                        pattern: pattern.value,
                    },
                );
            }
        }
        found.sort();
        found.dedup();
        found
    }

    fn included_drafts(
        &mut self,
        file: &RepoPath,
        default: Option<&Located<TemplateName>>,
    ) -> Vec<Draft> {
        let Some(stream) = self.stream(file) else {
            return Vec::new();
        };
        let mut drafts = Vec::new();
        for document in 0..stream.documents().len().max(1) {
            // `---` with nothing behind it is no mistake between documents.
            let empty = stream
                .documents()
                .get(document)
                .is_some_and(|it| it.root().is_none_or(Node::is_null));
            if empty && stream.documents().len() > 1 {
                continue;
            }
            drafts.extend(self.taken(manifest_decode::included(
                &stream,
                At { file, document },
                default,
            )));
        }
        drafts
    }

    fn place(
        &mut self,
        drafts: Vec<Draft>,
        file: &RepoPath,
        components: &mut BTreeMap<ComponentName, Arc<ComponentNode>>,
    ) {
        for draft in drafts {
            let location = draft.component.location.clone();
            let name = draft.component.name.clone();
            if !draft.has_template {
                self.fail(
                    location.clone(),
                    Problem::NoTemplate {
                        component: name.to_string(),
                    },
                );
            }
            if let Some(first) = components.get(&name) {
                let first = first.location.clone();
                self.fail(
                    location,
                    Problem::Duplicate {
                        what: "component",
                        name: name.to_string(),
                        first,
                    },
                );
                continue;
            }
            let node = ComponentNode {
                component: draft.component,
                file: file.clone(),
                document: draft.document,
                path: draft.path,
                location,
            };
            components.insert(name, Arc::new(node));
        }
    }

    fn environment(&mut self) -> Environment {
        let file = self.fixed(ENVIRONMENT_FILE);
        let name = self.entry.name.clone();
        let Some(stream) = self.single(&file) else {
            return Environment::unchanged(name);
        };
        match self.taken(manifest_decode::environment(&stream, &file)) {
            Some((environment, location)) => {
                if environment.name != name {
                    let (found, wanted) = (environment.name.to_string(), name.to_string());
                    self.fail(location, Problem::Misplaced { found, wanted });
                }
                environment
            }
            None => Environment::unchanged(name),
        }
    }
}

fn warnings(
    environment: &Environment,
    components: &BTreeMap<ComponentName, Arc<ComponentNode>>,
    entry: &EnvironmentEntry,
) -> Vec<ModelWarning> {
    let remark = |(name, over): (&ComponentName, &super::Override)| {
        let remark = match components.get(name) {
            None => Remark::NoSuchComponent {
                component: name.to_string(),
                suggestion: nearest(name.as_str(), components.keys().map(ComponentName::as_str)),
            },
            Some(node) if !node.component.exists_in(&entry.name) => Remark::ComponentElsewhere {
                component: name.to_string(),
            },
            Some(_) => return None,
        };
        Some(ModelWarning {
            location: over.location.clone(),
            remark,
        })
    };
    environment.components.iter().filter_map(remark).collect()
}
