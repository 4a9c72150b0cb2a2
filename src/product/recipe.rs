//! The kind `Template`: what a template's `template.yaml` says, and the files
//! beside it. Rendering them is the business of [`crate::template`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::repo::{Location, RepoPath};
use crate::yaml;

use super::{Located, NodeRef, TemplateName};

/// The ending of a template's files.
pub const SOURCE_SUFFIX: &str = ".j2";

/// A recipe that turns a component into resources or files.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name; also that of its folder.
    pub name: TemplateName,
    /// The template whose files and schema it includes.
    pub extends: Option<Located<TemplateName>>,
    /// Who decides about it.
    pub owner: Option<String>,
    /// The JSON Schema of the values; empty where it declares none.
    pub schema: Map<String, Value>,
    /// Where the schema stands, where there is one.
    pub schema_node: Option<NodeRef>,
    /// Key paths of values that an environment may override, besides those
    /// that the template that it extends allows.
    pub environment_may: Vec<Located<yaml::Path>>,
    /// What its files become.
    pub output: Option<Output>,
    /// Its folder.
    pub folder: RepoPath,
    /// Whether it lies at the branch's root, outside the environment's path:
    /// several environments then share it, and promotion never moves it.
    pub shared: bool,
    /// Its own `*.j2` files, by their path below the folder.
    pub sources: BTreeMap<String, TemplateSource>,
    /// Where its name stands.
    pub location: Location,
}

/// One file of a template.
#[derive(Debug, Clone)]
pub struct TemplateSource {
    /// The file.
    pub path: RepoPath,
    /// Its text.
    pub text: Arc<str>,
}

/// What a template's files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Kubernetes objects, one per file, below the rendered folder.
    #[default]
    Kubernetes,
    /// Files as they are, below `files/<component>/`.
    Files,
}
