//! What a GitOps repository says: products, components, environments, templates, pins. Pure.
//!
//! Owns the kinds of the model, how their files are read, and what is wrong
//! with them; knows nothing of Git or rendering. Unknown fields are refused: a
//! setting that is silently ignored would be worse than an error.

mod commit;
mod confidential;
mod decode;
mod error;
mod load;
mod load_templates;
mod manifest;
mod manifest_decode;
mod name;
mod parts;
mod pin_decode;
pub mod pins;
mod recipe;
mod repository;
mod repository_decode;
mod same;
mod schemas;
mod state;
mod tree;
mod update;

pub use commit::{CommitAction, CommitEntry, CommitText};
pub use confidential::{secrecy, shown_path, step_of};
pub use decode::API_VERSION;
pub(crate) use decode::private_use;
pub(crate) use error::nearest;
pub use error::{ModelError, ModelWarning, Problem, Remark};
pub use load::Known;
pub use manifest::{Component, Environment, Located, NodeRef, Override, Product, Values};
pub use name::{ComponentName, EnvironmentName, LayerName, NameError, ProductName, TemplateName};
pub use parts::UnitError;
pub use recipe::{Output, SOURCE_SUFFIX, Template, TemplateSource};
pub use repository::{
    ClusterEntry, DeclaredPlace, DeclaredSite, EnvironmentEntry, FilePattern, Layer, PinEntry,
    Promotion, PullRequests, RegistryEntry, Repository, RuleEntry, RuleLevel, WriteMode,
};
pub use schemas::Kind;
pub use state::{EnvironmentState, StateError};
pub use tree::{
    ComponentNode, ENVIRONMENT_FILE, PRODUCT_FILE, ProductTree, TEMPLATE_FILE, TEMPLATES_FOLDER,
};
pub use update::{PolicyName, PolicyNameError, PolicySource, Update};

#[cfg(test)]
mod tests;
