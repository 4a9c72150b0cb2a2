//! What a person asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a person asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Request {
    /// Units to promote; empty: all of them.
    pub only: Vec<String>,
    /// Whether only images and versions of components move, of whatever is promoted.
    pub images_only: bool,
    /// Diverged units or key paths whose value on the target stays.
    pub keep: Vec<String>,
    /// Diverged units or key paths whose value on the target is dropped.
    pub overwrite: Vec<String>,
    /// Why something is kept or overwritten.
    pub reason: Option<String>,
    /// Guards that a person set aside, with the reason: `order`, `validation`.
    pub overrides: BTreeMap<String, String>,
    /// Content that a rollback refused and that may come back now.
    pub release: Vec<String>,
    /// The first lines of the commit message, instead of the ones made here.
    pub message: Option<String>,
}
