//! An environment at a commit: its files and the product in them.

use super::{EnvironmentEntry, EnvironmentName, Known, ModelError, ProductTree};
use crate::repo::{CommitId, Snapshot};

/// One environment at one commit.
#[derive(Debug, Clone)]
pub struct EnvironmentState {
    /// Its entry in the configuration.
    pub entry: EnvironmentEntry,
    /// The commit.
    pub commit: CommitId,
    /// Its files.
    pub snapshot: Snapshot,
    /// Its product; `None` without a product manifest.
    pub product: Option<ProductTree>,
}

impl EnvironmentState {
    /// The state that these files are, read from this commit.
    ///
    /// # Errors
    /// Its files are not a valid product.
    pub fn understand(
        entry: EnvironmentEntry,
        commit: &CommitId,
        snapshot: Snapshot,
    ) -> Result<Self, StateError> {
        Self::understand_like(entry, commit, snapshot, Known::default())
    }

    /// The same, where much of it was read already.
    ///
    /// # Errors
    /// Its files are not a valid product.
    pub fn understand_like(
        entry: EnvironmentEntry,
        commit: &CommitId,
        snapshot: Snapshot,
        known: Known<'_>,
    ) -> Result<Self, StateError> {
        let product = ProductTree::load_like(&snapshot, &entry, known);
        let product = product.map_err(|errors| StateError {
            environment: entry.name.clone(),
            commit: commit.clone(),
            errors,
        })?;
        Ok(Self {
            entry,
            commit: commit.clone(),
            snapshot,
            product,
        })
    }
}

/// The files of an environment are wrong.
#[derive(Debug, thiserror::Error)]
#[error("{}", listing(.errors))]
pub struct StateError {
    /// The environment.
    pub environment: EnvironmentName,
    /// The commit.
    pub commit: CommitId,
    /// What is wrong; at least one.
    pub errors: Vec<ModelError>,
}

fn listing(errors: &[ModelError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
