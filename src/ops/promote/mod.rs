//! Promotion: the units of one environment written into another as one commit.
//!
//! [`gather`] reads, [`plan`] decides and makes the bytes, the caller shows
//! the plan, and `ops::publish` writes it. State is copied by unit and key
//! path; branches are never merged and commits never replayed.

mod blame;
mod bytes;
mod confidential;
pub(crate) mod facts;
mod file_bytes;
pub(crate) mod files;
mod images;
mod message;
mod only;
mod pins;
mod plan;
mod promoted;
mod read;
mod records;
mod rename;
mod reverted;
mod reviewed;
mod select;
mod splice;
mod warnings;

pub use crate::ops::edited::StaleFile;
pub use blame::blame;
pub(crate) use bytes::result as edits;
pub(crate) use bytes::{Scope, backported};
pub(crate) use confidential::of as secrecy_of;
pub use facts::{Facts, Side, gather};
pub use files::Shares;
pub use images::look_for_images;
pub(crate) use message::{changed_components, component_changes, product_change};
pub use message::{planned, planned_together};
pub use pins::Arriving;
pub use plan::{compared, plan};
pub(crate) use plan::{digest, templates, version, versions};
pub use promoted::PromotedFiles;
pub use reviewed::{PLAN_SCHEMA, Reviewed, ReviewedError};
pub use select::{SelectError, UnitSelector};

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::registries::failures;
use super::rerender::{KnownRendering, RenderedChange, RerenderError};
use super::validate::{Change, ValidateError, one_line};
use crate::confidential::Secrecy;
use crate::image::Reference;
use crate::product::{ComponentName, Difference, EnvironmentName, UnitId, shown_path};
use crate::registry::RegistryError;
use crate::repo::{CommitId, CommitInfo, Edit, RepoPath};
use crate::template::Rendering;
use crate::yaml::EditError;

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

/// What becomes of one difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The source's value is written.
    Take,
    /// Both sides have the same value; only the record follows.
    AlreadyThere,
    /// The target's value stays, as asked now.
    Keep,
    /// The target's value stays, as decided in an earlier promotion.
    Kept,
    /// The target's value is dropped, as asked now.
    Overwrite,
    /// The source's content was rolled back here and stays away.
    Refused,
    /// Not decided: nothing may be written.
    Ask,
}

impl Decision {
    /// Whether the source's value ends up on the target.
    pub fn takes(self) -> bool {
        matches!(self, Decision::Take | Decision::Overwrite)
    }

    /// Whether the target's value is put back into the source's text.
    pub fn keeps(self) -> bool {
        matches!(
            self,
            Decision::Keep | Decision::Kept | Decision::Refused | Decision::Ask
        )
    }
}

/// One difference between source and target, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The unit it is in.
    pub unit: UnitId,
    /// What differs.
    pub difference: Difference,
    /// What becomes of it.
    pub decision: Decision,
    /// The commit on the target that made a hotfix or conflict, where it could be found.
    pub changed_by: Option<CommitInfo>,
    /// Whether its values may be shown.
    pub secrecy: Secrecy,
}

impl Item {
    /// One of its values as it may be shown.
    pub fn shown(&self, value: &Value) -> Value {
        let difference = &self.difference;
        let states = [&difference.base, &difference.ours, &difference.theirs];
        let states: Vec<&Value> = states.into_iter().flatten().collect();
        self.secrecy.shown_beside(value, &states)
    }

    /// Whether something of one of its values is not shown.
    pub fn hides(&self) -> bool {
        let difference = &self.difference;
        let values = [&difference.base, &difference.ours, &difference.theirs];
        let values: Vec<&Value> = values.into_iter().flatten().collect();
        let hides = |value: &&Value| self.secrecy.hides_of(value, &values);
        values.iter().any(hides)
    }

    /// [`Item::label`] for people: without what must not be shown of the key path.
    pub fn shown_label(&self) -> String {
        match self.difference.path.is_root() {
            true => self.unit.to_string(),
            false => format!("{} {}", self.unit, shown_path(&self.difference.path)),
        }
    }

    /// `unit` or `unit key.path`, as people write it after `--keep` with a dot.
    pub fn label(&self) -> String {
        if self.difference.path.is_root() {
            self.unit.to_string()
        } else {
            format!("{} {}", self.unit, self.difference.path)
        }
    }
}

/// The version of one component before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionChange {
    /// The component.
    pub component: ComponentName,
    /// Its version on the target now.
    pub from: Option<String>,
    /// Its version afterwards.
    pub to: Option<String>,
}

/// Why a plan may not be written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Hotfixes or conflicts are undecided; see the items with [`Decision::Ask`].
    Diverged {
        /// How many.
        count: usize,
    },
    /// Rendered files on the target were edited by hand.
    RenderedHotfix {
        /// Which.
        paths: Vec<RepoPath>,
    },
    /// The chosen units would come out differently without these.
    Incomplete {
        /// The units that have to come along.
        missing: Vec<String>,
        /// Every other component that those would change.
        also_changes: Vec<ComponentName>,
    },
    /// The source is not what the target is promoted from.
    Order {
        /// What it is promoted from.
        expected: Option<EnvironmentName>,
    },
    /// The result has errors that the target does not have yet.
    Validation {
        /// The new errors, one line each.
        errors: Vec<String>,
    },
    /// Images are not in the registry that the target pulls them from.
    MissingImages {
        /// Which, by component.
        images: Vec<(ComponentName, Reference)>,
    },
}

/// Everything a promotion would do, and nothing done yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The product's name, where there is a product manifest.
    pub product: Option<String>,
    /// The product's version on the target and in the source.
    pub version: (Option<String>, Option<String>),
    /// Source environment and commit.
    pub source: (EnvironmentName, CommitId),
    /// Target environment and the tip the plan was made on.
    pub target: (EnvironmentName, CommitId),
    /// Every difference with its decision, by unit.
    pub items: Vec<Item>,
    /// Components whose version changes.
    pub versions: Vec<VersionChange>,
    /// Images that the target does not run now, by component, as it pulls them.
    pub images: Vec<(ComponentName, Reference)>,
    /// Templates that change, with the number of components that use each.
    pub templates: Vec<(String, usize)>,
    /// Rendered files that change.
    pub rendered: Vec<RenderedChange>,
    /// What was rendered for that: all files of the components concerned.
    pub rendering: Rendering,
    /// What the target renders to afterwards, to be remembered.
    pub known: Option<KnownRendering>,
    /// The digest that the commit proves its rendering with.
    pub proof: Option<String>,
    /// Rendered files on the target that are not what they should be.
    pub stale: Vec<StaleFile>,
    /// What deserves a look but stops nothing.
    pub warnings: Vec<String>,
    /// Why nothing may be written; empty: it may.
    pub refusals: Vec<Refusal>,
    /// The file changes, records included.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// SHA-256 over the changes and the rendered files, `sha256:<hex>`.
    pub digest: String,
}

impl Plan {
    /// What is promoted, in a word: the product's name where there is one.
    pub fn noun(&self) -> &str {
        let files = self.files().next().is_some();
        match &self.product {
            Some(product) => product,
            None if !files => "images",
            None if self.versions.is_empty() => "files",
            None => "images and files",
        }
    }

    /// Promoted files beside manifests and templates that change.
    pub fn files(&self) -> impl Iterator<Item = &RepoPath> {
        let taken = self.items.iter().filter(|item| item.decision.takes());
        let files: BTreeSet<&RepoPath> = taken
            .filter_map(|item| match &item.unit {
                UnitId::File(path) => Some(path),
                _ => None,
            })
            .collect();
        files.into_iter()
    }

    /// The units that came to the same on both sides, where that is all there is to write
    /// down: their records follow, and nothing else changes.
    pub fn only_recorded(&self) -> Vec<String> {
        let same = |item: &&Item| item.decision == Decision::AlreadyThere;
        let other = |item: &Item| {
            !matches!(
                item.decision,
                Decision::AlreadyThere | Decision::Kept | Decision::Refused
            )
        };
        if self.is_empty() || !self.rendered.is_empty() || self.items.iter().any(other) {
            return Vec::new();
        }
        let same = self.items.iter().filter(same);
        let units: BTreeSet<String> = same.map(|item| item.unit.to_string()).collect();
        units.into_iter().collect()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The items that still need a decision.
    pub fn undecided(&self) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(|item| item.decision == Decision::Ask)
    }
}

/// Checks the result offline and refuses the plan for errors that the target
/// does not have already, unless that guard was set aside.
///
/// # Errors
/// The result can't be checked.
pub fn validate(request: &Request, facts: &Facts, plan: &mut Plan) -> Result<(), PlanError> {
    if plan.is_empty() || request.overrides.contains_key("validation") {
        return Ok(());
    }
    let target = &facts.target.state;
    let errors = Change {
        repository: &facts.repository,
        entry: &target.entry,
        before: (&target.snapshot, target.product.as_ref()),
        rendering: &plan.rendering,
        elsewhere: Some(&facts.source.state.snapshot),
        edits: &plan.edits,
    }
    .new_errors()?;
    let errors: Vec<String> = errors.iter().map(one_line).collect();
    if !errors.is_empty() {
        plan.refusals.push(Refusal::Validation { errors });
    }
    Ok(())
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The environment is not promoted from anywhere and no source was named.
    #[error("environment {0} is not promoted from another one")]
    NoSource(EnvironmentName),
    /// Source and target are the same environment.
    #[error("environment {0} can't be promoted into itself")]
    SameEnvironment(EnvironmentName),
    /// Neither side has anything that can be promoted.
    #[error("environment {0} has no product manifest and no promoted files")]
    NothingPromoted(EnvironmentName),
    /// A word after --only, --keep, --overwrite or --release names nothing.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// A record under `.gitops/promoted/` can't be read.
    #[error(transparent)]
    Record(#[from] crate::product::RecordError),
    /// A manifest's value can't be read.
    #[error(transparent)]
    Unit(#[from] crate::product::UnitError),
    /// An image reference in a repository without a product manifest can't be
    /// read or written.
    #[error(transparent)]
    Pin(#[from] crate::product::pins::PinError),
    /// A file can't be read.
    #[error(transparent)]
    Snapshot(#[from] crate::repo::SnapshotError),
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
    /// The result can't be checked.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// A registry could not say whether the images are there.
    #[error("{}", failures(.failed))]
    Registry {
        /// The components, and why nothing is known of their images.
        failed: Vec<(ComponentName, RegistryError)>,
    },
    /// The registry client could not be set up.
    #[error(transparent)]
    Client(#[from] RegistryError),
    /// The commit's message can't be written.
    #[error(transparent)]
    Message(#[from] crate::ops::commit::TemplateError),
    /// Git can't be read.
    #[error(transparent)]
    Git(#[from] crate::git::GitError),
    /// The repository or an environment can't be read.
    #[error(transparent)]
    Estate(#[from] crate::ops::estate::EstateError),
}
