//! Image references, tags, digests, tag policies and version ranges. Pure.
//!
//! Owns what a reference means and which tag a policy chooses. Refuses to ask
//! anybody: the tags, digests and dates that a policy looks at are handed in.

mod reference;
mod tag;

pub use reference::{Reference, ReferenceError, Repository};
pub use tag::{Digest, DigestError, Tag, TagError};
