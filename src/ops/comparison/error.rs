//! Why two environments can't be compared.

use crate::git::GitError;
use crate::ops::estate::EstateError;
use crate::product::{EnvironmentName, StateError, UnitError};
use crate::promotion::{PlanError, RecordError};
use crate::repo::SnapshotError;

/// Why two environments can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// The environment is not promoted from anywhere and no source was named.
    #[error("environment {0} is not promoted from another one")]
    NoSource(EnvironmentName),
    /// Source and target are the same environment.
    #[error("environment {0} can't be promoted into itself")]
    SameEnvironment(EnvironmentName),
    /// Neither side has anything that can be promoted.
    #[error("environment {0} has no product manifest and no promoted files")]
    NothingPromoted(EnvironmentName),
    /// What was read can't be compared.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Git can't be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The repository or an environment can't be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
}

impl From<UnitError> for GatherError {
    fn from(error: UnitError) -> Self {
        Self::Plan(error.into())
    }
}

impl From<RecordError> for GatherError {
    fn from(error: RecordError) -> Self {
        Self::Plan(error.into())
    }
}

impl From<SnapshotError> for GatherError {
    fn from(error: SnapshotError) -> Self {
        Self::Plan(error.into())
    }
}

impl From<StateError> for GatherError {
    fn from(error: StateError) -> Self {
        Self::Estate(error.into())
    }
}
