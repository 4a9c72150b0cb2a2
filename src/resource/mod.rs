//! Kubernetes objects as they stand in files: their identity, and finding them.

mod id;

pub use id::ResourceId;
