//! Image references, tags, digests, tag policies and version ranges. Pure.
//!
//! Owns what a reference means and which tag a policy chooses. Refuses to ask
//! anybody: the tags, digests and dates that a policy looks at are handed in.

mod origin;
mod platform;
mod policy;
mod reference;
mod selection;
mod tag;
mod verdict;
mod version;

pub use origin::Origin;
pub use platform::{Platform, PlatformError};
pub use policy::{Direction, FilterSpec, Order, PolicyError, PolicySpec, TagPolicy};
pub use reference::{Reference, ReferenceError, Repository};
pub use selection::{Candidate, SelectError, Selection, Step, select};
pub use tag::{Digest, DigestError, Tag, TagError};
pub use verdict::{Verdict, Why};
pub use version::{RangeError, VersionRange, coerce, steps_back};
