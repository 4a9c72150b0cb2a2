//! Gathering: everything a plan needs, read once.

use std::collections::BTreeMap;

use super::PlanError;
use super::files::{FileRules, Shares, align};
pub(crate) use super::pins::units as pin_units;
use super::pins::{self, Arriving};
use super::promoted::{PromotedFiles, is_at_root, own_path};
use super::read;
pub(crate) use super::read::records;
use super::reverted::reverted;
use crate::git::GitError;
use crate::ops::edited::{StaleFile, stale_files};
use crate::ops::estate::{EnvironmentState, Estate};
use crate::ops::left_out::LeftOut;
use crate::ops::rerender::{Before, Rerendered, rerender};
use crate::product::pins::Pin;
use crate::product::{
    ENVIRONMENT_FILE, EnvironmentName, ProductTree, Record, Refused, Repository, UnitError, UnitId,
    Units,
};
use crate::repo::{CommitId, Edit, RepoPath};

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
    /// Contents that came by a promotion and were reverted on the target since.
    pub reverted: BTreeMap<UnitId, Refused>,
    /// The units at the merge base, for those without a record; `None`: no merge base.
    pub merge_base: Option<(CommitId, Units)>,
    /// Whether there may be one beyond the end of a shallow clone's history.
    pub history_cut: bool,
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
    /// Pins that the target does not have yet, and that come with promoted files.
    pub arriving: Vec<Arriving>,
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
        let (target, source) = (&self.target.state, &self.source.state);
        let before = self.rendering.as_ref();
        rerender(&self.repository, target, before, edits, Some(source)).map_err(PlanError::Result)
    }
}

impl Side {
    /// A state, split into its units.
    pub(crate) fn new(state: EnvironmentState, repository: &Repository) -> Result<Self, UnitError> {
        let units = Self::split(&state, None, repository)?;
        Ok(Self::of(state, units))
    }

    /// A state and its units.
    pub(super) fn of(state: EnvironmentState, units: Units) -> Self {
        Self {
            state,
            units,
            pins: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// Splits a state into its units, without components that it shares with another
    /// product; the value of a file is its id so far.
    pub(super) fn split(
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

/// Reads both environments at their tips (the source at `revision` when one
/// is given), the target's records, the merge base where a record is missing,
/// and the rendered files that are not what they should be.
pub fn gather(
    estate: &Estate,
    target: &EnvironmentName,
    source: Option<&EnvironmentName>,
    revision: Option<&CommitId>,
) -> Result<Facts, PlanError> {
    let repository = estate.repository().clone();
    let entry = estate.environment(target)?;
    let source = match source {
        Some(source) => source.clone(),
        None => entry
            .promote_from
            .clone()
            .ok_or_else(|| PlanError::NoSource(target.clone()))?,
    };
    if source == *target {
        return Err(PlanError::SameEnvironment(source));
    }
    let (mut source, mut target, mut records) = read::both(estate, (&source, revision), target)?;
    let (rules, arriving) = understand(&repository, &mut source, &mut target, &mut records)?;
    if source.units.is_empty() {
        return Err(PlanError::NothingPromoted(source.state.entry.name.clone()));
    }
    let reverted = reverted(estate, &target.state)?;
    let unrecorded = source
        .units
        .keys()
        .chain(target.units.keys())
        .any(|unit| !records.contains_key(unit));
    let (mut merge_base, history_cut) = match unrecorded {
        true => merge_base(estate, &source, &target, &rules)?,
        false => (None, false),
    };
    let base = merge_base.as_mut().map(|(_, units)| units);
    align(&mut source.units, &mut target.units, &mut records, base);
    let (rendering, unrenderable) = match estate.rendered_before(&target.state) {
        Ok(rendering) => (rendering, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let stale = match &rendering {
        Some(Before::Index(index)) => stale_files(estate, &target.state, index, &records)?,
        Some(Before::Committed) | None => Vec::new(),
    };
    let left_out = source.left_out(&repository);
    let left_out = left_out.not_as_in(&target.left_out(&repository));
    Ok(Facts {
        repository,
        source,
        target,
        records,
        reverted,
        merge_base,
        history_cut,
        rendering,
        unrenderable,
        stale,
        left: rules.left,
        left_out,
        arriving,
    })
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
    let arriving = pins::add(source, target, records);
    Ok((rules, arriving))
}

/// The units at the merge base of the two branches. Folders of one branch
/// have the same tip, so they have no past in common that says anything. And
/// whether a shallow clone's history ended before it told.
fn merge_base(
    estate: &Estate,
    source: &Side,
    target: &Side,
    rules: &FileRules,
) -> Result<(Option<(CommitId, Units)>, bool), PlanError> {
    if source.state.entry.branch == target.state.entry.branch
        || source.state.entry.path != target.state.entry.path
    {
        return Ok((None, false));
    }
    let base = match estate
        .git
        .merge_base(&source.state.commit, &target.state.commit)
    {
        Ok(base) => base,
        Err(GitError::HistoryCut) => return Ok((None, true)),
        Err(error) => return Err(error.into()),
    };
    let Some(base) = base else {
        return Ok((None, false));
    };
    let entry = &target.state.entry;
    let snapshot = estate.files_at(entry, &base)?;
    // What the common past says of its own environment is of no interest here.
    let own: BTreeMap<_, _> = entry
        .path
        .join(ENVIRONMENT_FILE)
        .into_iter()
        .map(|path| (path, Edit::Delete))
        .collect();
    let snapshot = snapshot.with_edits(&own, None);
    let Ok(product) = ProductTree::load(&snapshot, entry) else {
        return Ok((None, false));
    };
    let promoted = PromotedFiles::of(estate.repository(), entry, product.is_some());
    let mut units = promoted.units(product.as_ref(), None, &snapshot)?;
    rules.apply_to(&mut units, &snapshot, &|path| own_path(path, entry));
    if product.is_none() {
        units.extend(pins::units(estate.repository(), &snapshot, entry));
    }
    Ok(((!units.is_empty()).then_some((base, units)), false))
}
