//! Why no plan can be made from some facts.

use super::{RecordError, SelectError};
use crate::product::UnitError;
use crate::product::pins::PinError;
use crate::repo::{RepoPath, SnapshotError};
use crate::template::RerenderError;
use crate::yaml::EditError;

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A word after --only, --keep, --overwrite or --release names nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A record under `.gitops/promoted/` can't be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A manifest's value can't be read.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// An image reference in a repository without a product manifest can't be
    /// read or written.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A file can't be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The text of a manifest can't be edited safely.
    #[error("{path}: {source}")]
    Edit {
        /// The manifest.
        path: RepoPath,
        /// Why.
        source: EditError,
    },
    /// The result is not valid, or can't be rendered.
    #[error("the result would not be valid: {0}")]
    Result(#[source] RerenderError),
}
