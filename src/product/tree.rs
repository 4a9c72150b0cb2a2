//! A product as it stands in one environment: its manifest with everything
//! that it includes, the environment's file, and the templates. `load` reads it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::repo::{Location, RepoPath};
use crate::yaml::{Node, Path, Step, Stream};

use super::error::{ModelWarning, Remark, nearest};
use super::{
    Component, ComponentName, Environment, NodeRef, Product, Repository, Template, TemplateName,
};

/// The product manifest, below an environment's path.
pub const PRODUCT_FILE: &str = "product.yaml";
/// The environment's own file, below its path.
pub const ENVIRONMENT_FILE: &str = "environment.yaml";
/// The folder of templates, below an environment's path or the branch's root.
pub const TEMPLATES_FOLDER: &str = "templates";
/// The file that makes a folder a template.
pub const TEMPLATE_FILE: &str = "template.yaml";

/// A product in one environment.
#[derive(Debug, Clone)]
pub struct ProductTree {
    /// The product, without its components.
    pub product: Product,
    /// All its components, whether or not they exist in this environment.
    pub components: BTreeMap<ComponentName, Arc<ComponentNode>>,
    /// The templates that the environment sees.
    pub templates: BTreeMap<TemplateName, Template>,
    /// What the environment changes.
    pub environment: Environment,
    /// The YAML files that all of this was read from: the manifest, what it
    /// includes, the environment's file and the templates' own.
    pub files: BTreeMap<RepoPath, Stream>,
    /// What is remarkable, but not wrong.
    pub warnings: Vec<ModelWarning>,
}

/// A component and where its block stands.
#[derive(Debug, Clone)]
pub struct ComponentNode {
    /// The component.
    pub component: Component,
    /// The file that it stands in.
    pub file: RepoPath,
    /// The document in that file, from 0.
    pub document: usize,
    /// The key path of its block in that document: `spec.components.NAME` in
    /// the product manifest, `spec` in a file of its own.
    pub path: Path,
    /// Where its name stands.
    pub location: Location,
}

impl ProductTree {
    /// Where a node of the model's files stands; of the nearest node above it
    /// when the path goes on beyond what is written.
    pub fn locate(&self, node: &NodeRef) -> Location {
        let place = || {
            let stream = self.files.get(&node.file)?;
            let document = stream.documents().get(node.document)?;
            let mut at = document.root()?;
            for step in node.path.steps() {
                let Some(next) = below(document.resolve(at), step) else {
                    break;
                };
                at = next;
            }
            let position = document.position(at.start());
            Some(Location::new(
                node.file.clone(),
                position.line,
                position.column,
            ))
        };
        place().unwrap_or_else(|| Location::new(node.file.clone(), 1, 1))
    }

    /// Where the part of a node at a JSON pointer stands.
    pub fn locate_pointer(&self, node: &NodeRef, pointer: &str) -> Location {
        let mut node = node.clone();
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            node.path = match part.parse() {
                Ok(index) => node.path.index(index),
                Err(_) => node.path.key(part),
            };
        }
        self.locate(&node)
    }

    /// Components that name environments which `gitops.yaml` does not have: a
    /// misspelt name would keep a component away without a word.
    pub fn unknown_environments(&self, repository: &Repository) -> Vec<ModelWarning> {
        let known = || {
            repository
                .environments
                .iter()
                .map(|entry| entry.name.as_str())
        };
        let mut warnings = Vec::new();
        for node in self.components.values() {
            for name in node.component.environments.iter().flatten() {
                if repository.environment(name.as_str()).is_none() {
                    warnings.push(ModelWarning {
                        location: node.location.clone(),
                        remark: Remark::NoSuchEnvironment {
                            component: node.component.name.to_string(),
                            environment: name.to_string(),
                            suggestion: nearest(name.as_str(), known()),
                        },
                    });
                }
            }
        }
        warnings
    }

    /// The components that exist in this environment.
    pub fn enabled(&self) -> impl Iterator<Item = (&ComponentName, &ComponentNode)> {
        let name = &self.environment.name;
        self.components
            .iter()
            .filter(move |(_, node)| node.component.exists_in(name))
            .map(|(name, node)| (name, &**node))
    }
}

/// A key may look like an index, in a pointer.
fn below<'n>(node: &'n Node, step: &Step) -> Option<&'n Node> {
    match step {
        Step::Key(key) => node.get(key),
        Step::Index(index) => node
            .items()
            .get(*index)
            .or_else(|| node.get(&index.to_string())),
        Step::Item(_) => node.at(&Path::new(vec![step.clone()])),
    }
}
