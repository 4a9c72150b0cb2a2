//! The kinds `Product`, `Component` and `Environment`: what a product is made
//! of, and what one environment changes about it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::image::Reference;
use crate::repo::{Location, RepoPath};
use crate::yaml;

use super::{ComponentName, EnvironmentName, ProductName, TemplateName};

/// A value together with the place where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub location: Location,
}

/// A node of one of the model's files, by file, document and key path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRef {
    /// The file.
    pub file: RepoPath,
    /// The document in the file, from 0.
    pub document: usize,
    /// The key path in the document.
    pub path: yaml::Path,
}

/// A `values:` mapping and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The values.
    pub map: Map<String, Value>,
    /// The node that holds them.
    pub node: NodeRef,
    /// Where that node stands.
    pub location: Location,
}

/// What `product.yaml` says, without its components.
#[derive(Debug, Clone)]
pub struct Product {
    /// The product's name.
    pub name: ProductName,
    /// A label for people; nothing depends on it.
    pub version: Option<Located<String>>,
    /// The template of components that name none.
    pub default_template: Option<Located<TemplateName>>,
    /// Values for all components whose template declares them.
    pub default_values: Option<Values>,
    /// Globs of the files with more components, relative to `product.yaml`.
    pub include: Vec<Located<String>>,
    /// The manifest itself.
    pub file: RepoPath,
    /// Where the product's name stands.
    pub location: Location,
}

/// One deployable part of a product.
#[derive(Debug, Clone)]
pub struct Component {
    /// Its name.
    pub name: ComponentName,
    /// Its image, where it has one.
    pub image: Option<Located<Reference>>,
    /// Its version, where it has no image.
    pub version: Option<Located<String>>,
    /// Its template, or the product's default one.
    pub template: Located<TemplateName>,
    /// Its own values.
    pub values: Option<Values>,
    /// The environments that it exists in; `None`: all.
    pub environments: Option<Vec<EnvironmentName>>,
    /// Which tags may follow its image's.
    pub update: Option<Located<super::Update>>,
    /// Why nobody should update it, where that is so.
    pub hold: Option<Located<String>>,
    /// The name that it had before.
    pub renamed_from: Option<Located<ComponentName>>,
    /// Where its name stands.
    pub location: Location,
}

impl Component {
    /// Whether it exists in an environment.
    pub fn exists_in(&self, environment: &EnvironmentName) -> bool {
        match &self.environments {
            None => true,
            Some(names) => names.contains(environment),
        }
    }

    /// The version that people know it by: its image's tag, or its digest
    /// where it has no tag, or its own version.
    pub fn version_label(&self) -> Option<String> {
        match &self.image {
            Some(image) => match (image.value.tag(), image.value.digest()) {
                (Some(tag), _) => Some(tag.as_str().to_owned()),
                (None, Some(digest)) => Some(digest.as_str().to_owned()),
                (None, None) => None,
            },
            None => self.version.as_ref().map(|version| version.value.clone()),
        }
    }
}

/// What one environment changes about the product.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// Image prefixes and what takes their place here; empty: images stay as
    /// they are.
    pub registry: BTreeMap<String, Located<String>>,
    /// Whether that registry can be asked from here.
    pub registry_reachable: bool,
    /// Values for all components whose template declares them.
    pub values: Option<Values>,
    /// Values for one component.
    pub components: BTreeMap<ComponentName, Override>,
    /// The file; `None` where the environment has none.
    pub file: Option<RepoPath>,
}

/// What an environment changes about one component.
#[derive(Debug, Clone)]
pub struct Override {
    /// The values that it sets.
    pub values: Option<Values>,
    /// Where the component's name stands.
    pub location: Location,
}

impl Environment {
    /// An environment that changes nothing.
    pub fn unchanged(name: EnvironmentName) -> Self {
        Self {
            name,
            registry: BTreeMap::new(),
            registry_reachable: true,
            values: None,
            components: BTreeMap::new(),
            file: None,
        }
    }
}
