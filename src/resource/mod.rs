//! Kubernetes objects as they stand in files: their identity, and finding them.

mod file;
mod id;
mod kustomize;

pub use file::{Place, Problem, ProblemKind, Reading, Resource, read_resources};
pub use id::ResourceId;
pub use kustomize::{is_client_side, patch_paths};
