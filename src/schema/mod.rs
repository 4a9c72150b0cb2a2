//! Where schemas come from: the embedded Kubernetes versions, the CRDs of a
//! repository, files that a person names. Everything becomes a
//! [`SchemaSet`](crate::check::SchemaSet); nothing is downloaded.

mod crd;
mod embedded;
mod files;

pub use crd::{CrdError, add_crd, forbidden_words, is_crd};
pub use embedded::{EmbeddedError, embedded, embedded_versions, newest_embedded_version};
pub use files::{SchemaFileError, add_schema_files};
