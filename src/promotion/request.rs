//! What a person asked for.

use serde::{Deserialize, Serialize};

use super::gate::Overrides;

/// What a person asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Request {
    /// Units to promote; empty: all of them.
    pub only: Vec<String>,
    /// Whether the source is taken at a commit that was named, and not at its tip.
    pub rev: bool,
    /// Whether only images and versions of components move, of whatever is promoted.
    pub images_only: bool,
    /// Diverged units or key paths whose value on the target stays.
    pub keep: Vec<String>,
    /// Diverged units or key paths whose value on the target is dropped.
    pub overwrite: Vec<String>,
    /// Whether the target is adopted as it is: only records are written.
    pub adopt: bool,
    /// Why something is kept or overwritten.
    pub reason: Option<String>,
    /// Guards that a person skips, each with the reason.
    pub overrides: Overrides,
    /// Content that a rollback refused and that may come back now.
    pub release: Vec<String>,
    /// The first lines of the commit message, instead of the ones made here.
    pub message: Option<String>,
}

impl Request {
    /// What of it decides about the plan, as flags and values.
    pub(super) fn approved(&self) -> Vec<(&'static str, String)> {
        let several = [
            ("only", &self.only),
            ("keep", &self.keep),
            ("overwrite", &self.overwrite),
            ("release", &self.release),
        ];
        let mut fields: Vec<(&'static str, String)> = several
            .into_iter()
            .flat_map(|(flag, values)| values.iter().map(move |value| (flag, value.clone())))
            .collect();
        let yes = |flag: &'static str| (flag, "yes".to_owned());
        fields.extend(self.images_only.then(|| yes("images-only")));
        fields.extend(self.rev.then(|| yes("rev")));
        fields.extend(self.adopt.then(|| yes("adopt")));
        fields.extend(self.reason.clone().map(|reason| ("reason", reason)));
        fields
    }
}
