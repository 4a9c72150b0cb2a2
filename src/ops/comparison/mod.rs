//! Two environments side by side: everything that a promotion, a backport or a report on
//! them is made from, read once.
//!
//! [`gather`] only reads. What the differences mean, and what becomes of them, is decided
//! in [`crate::promotion`].

mod blame;
mod error;
mod gather;
mod past;
mod read;

pub use blame::blame;
pub use error::GatherError;
pub use gather::gather;
pub(in crate::ops) use gather::gather_also;
