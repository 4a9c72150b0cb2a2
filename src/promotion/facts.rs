//! All that a plan is made from.

use std::collections::BTreeMap;

use super::files::{FileRules, Shares};
use super::left_out::LeftOut;
use super::pins::{self, Arriving};
use super::promoted_files::{PromotedFiles, is_at_root, own_path};
use super::{Pasts, PlanError, Record, Renames, Text, UnitId, Units};
use crate::product::pins::Pin;
use crate::product::{ComponentName, EnvironmentState, ProductTree, Repository, UnitError};
use crate::repo::{CommitId, CommitInfo, Edit, RepoPath};
use crate::template::{Before, Rerendered, rerender};

/// One environment as the plan sees it.
#[derive(Debug)]
pub struct Side {
    /// Its entry in `gitops.yaml`, commit, files and product.
    pub state: EnvironmentState,
    /// Its units.
    pub units: Units,
    /// Where the units of an environment without a product manifest are written.
    pub pins: Vec<Pin>,
    /// The promoted files that are compared by key path, by unit.
    pub files: BTreeMap<RepoPath, Shares>,
}

/// A rendered file that is not what its sources render to.
#[derive(Debug, Clone, PartialEq)]
pub struct StaleFile {
    /// Its path in the repository.
    pub path: RepoPath,
    /// The component it belongs to.
    pub component: ComponentName,
    /// The commit that touched it last.
    pub changed_by: Option<CommitInfo>,
    /// Whether a person edited it; else its sources, `gitops.yaml` or this
    /// tool changed since it was rendered.
    pub edited: bool,
}

/// All that a promotion plan is made from.
#[derive(Debug)]
pub struct Facts {
    /// What `gitops.yaml` says.
    pub repository: Repository,
    /// The environment that units come from.
    pub source: Side,
    /// The environment that is written.
    pub target: Side,
    /// The records in the target's tree.
    pub records: BTreeMap<UnitId, Record>,
    /// The past of the units that differ, on both sides.
    pub pasts: BTreeMap<UnitId, Pasts>,
    /// The source at its tip, where an older revision of it is promoted.
    pub at_tip: Option<AtTip>,
    /// The units at the merge base, for those without a record; `None`: no merge base.
    pub merge_base: Option<(CommitId, Units)>,
    /// Whether there may be one beyond the end of a shallow clone's history.
    pub history_cut: bool,
    /// The source was asked for at a commit that its branch does not have.
    pub is_off_branch: bool,
    /// What the target as it is renders to, where it commits that.
    pub rendering: Option<Before>,
    /// Why the target as it is can't be rendered.
    pub unrenderable: Option<String>,
    /// Rendered files of the target that are not what its sources render to.
    pub stale: Vec<StaleFile>,
    /// Encrypted files that only the source has, and that stay there.
    pub left: Vec<RepoPath>,
    /// Files that the patterns mean, that the target has not as they are, and that
    /// cannot be promoted: with the reason.
    pub left_out: Vec<String>,
    /// Units whose text around the values is not the same on both sides.
    pub texts: BTreeMap<UnitId, Text>,
    /// Components that the source renamed.
    pub renames: Renames,
    /// Pins that the target does not have yet, and that come with promoted files.
    pub arriving: Vec<Arriving>,
}

/// A source at its tip, beside an older revision that is promoted.
#[derive(Debug)]
pub struct AtTip {
    /// The tip.
    pub commit: CommitId,
    /// The units there.
    pub units: Units,
    /// The past of the units that differ from the target there.
    pub pasts: BTreeMap<UnitId, Pasts>,
}

impl Facts {
    /// Every unit that one of the sides has, or had, in order.
    pub(super) fn all_units(&self) -> Vec<&UnitId> {
        let sides = self.source.units.keys().chain(self.target.units.keys());
        let mut all: Vec<&UnitId> = sides.chain(self.records.keys()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The target with these edits, rendered.
    pub(super) fn rerender(
        &self,
        edits: &BTreeMap<RepoPath, Edit>,
    ) -> Result<Rerendered, PlanError> {
        let target = self.renames.original().unwrap_or(&self.target.state);
        let (edits, before) = (self.renames.over(edits), self.rendering.as_ref());
        let source = Some(&self.source.state);
        rerender(&self.repository, target, before, &edits, source).map_err(PlanError::Result)
    }
}

impl Side {
    /// A state, split into its units.
    pub(crate) fn new(state: EnvironmentState, repository: &Repository) -> Result<Self, UnitError> {
        let units = Self::split(&state, None, repository)?;
        Ok(Self::of(state, units))
    }

    /// A state and its units.
    pub(crate) fn of(state: EnvironmentState, units: Units) -> Self {
        Self {
            state,
            units,
            pins: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Splits a state into its units, without components that it shares with another
    /// product; the value of a file is its id so far.
    pub(crate) fn split(
        state: &EnvironmentState,
        other: Option<&ProductTree>,
        repository: &Repository,
    ) -> Result<Units, UnitError> {
        let product = state.product.as_ref();
        let promoted = PromotedFiles::of(repository, &state.entry, product.is_some());
        promoted.units(product, other, &state.snapshot)
    }

    /// The promoted files of this state that cannot be promoted.
    pub(crate) fn left_out(&self, repository: &Repository) -> LeftOut {
        let is_product = self.state.product.is_some();
        let promoted = PromotedFiles::of(repository, &self.state.entry, is_product);
        promoted.left_out(&self.state.snapshot)
    }

    /// The path in the repository of a file of this environment, by its path below it.
    pub fn path(&self, relative: &str) -> Option<RepoPath> {
        own_path(relative, &self.state.entry)
    }

    /// Where the record of a unit is.
    pub fn record_path(&self, unit: &UnitId) -> Option<RepoPath> {
        self.state.entry.records().join(&unit.record_path()).ok()
    }
}

/// Gives two sides the units that only a look at both tells: pins, and promoted files
/// by key path.
pub(crate) fn understand(
    repository: &Repository,
    source: &mut Side,
    target: &mut Side,
    records: &mut BTreeMap<UnitId, Record>,
) -> Result<(FileRules, Vec<Arriving>), PlanError> {
    let (one, other) = (&source.state.entry, &target.state.entry);
    if one.branch == other.branch && one.name != other.name {
        // What both see is nobody's to promote.
        source.units.retain(|unit, _| !is_at_root(unit));
        target.units.retain(|unit, _| !is_at_root(unit));
    }
    let mut rules = FileRules::read(repository, [source, target]);
    rules.forget_encrypted(records);
    pins::read(repository, [source, target], &rules)?;
    rules.leave_pins([source, target]);
    rules.apply(source);
    rules.apply(target);
    let arriving = pins::add(repository, source, target, records);
    Ok((rules, arriving))
}
