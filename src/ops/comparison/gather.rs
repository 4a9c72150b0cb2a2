//! Gathering: everything a plan needs, read once.

use std::collections::{BTreeMap, BTreeSet};

use super::GatherError;
use super::past::Compared;
use super::read;
use crate::git::GitError;
use crate::ops::edited::stale_files;
use crate::ops::estate::Estate;
use crate::product::{ENVIRONMENT_FILE, EnvironmentName, EnvironmentState, ProductTree};
use crate::promotion::{
    AtTip, Facts, FileRules, PlanError, PromotedFiles, Record, Renames, Side, Text, UnitId, Units,
    align, other_shapes, pin_units, same, understand, unit_shape,
};
use crate::repo::{CommitId, Edit};
use crate::template::Before;
use crate::yaml::Path;

/// Reads both environments at their tips (the source at `revision` when one
/// is given), the target's records, the merge base where a record is missing,
/// and the rendered files that are not what they should be.
pub fn gather(
    estate: &Estate,
    target: &EnvironmentName,
    source: Option<&EnvironmentName>,
    revision: Option<&CommitId>,
) -> Result<Facts, GatherError> {
    gather_also(estate, target, (source, revision), None)
}

/// The same, with the past of further units, back to a commit of the target.
pub(in crate::ops) fn gather_also(
    estate: &Estate,
    target: &EnvironmentName,
    (source, revision): (Option<&EnvironmentName>, Option<&CommitId>),
    also: Option<(&BTreeSet<UnitId>, &CommitId)>,
) -> Result<Facts, GatherError> {
    let repository = estate.repository().clone();
    let source = source_of(estate, target, source)?;
    let is_off_branch = match revision {
        Some(revision) => !estate.git.reaches(&estate.tip(&source)?, revision)?,
        None => false,
    };
    let (mut source, mut target, mut records) = read::both(estate, (&source, revision), target)?;
    let renames = Renames::follow(&source, &mut target, &mut records, &repository)?;
    let (rules, arriving) = understand(&repository, &mut source, &mut target, &mut records)?;
    if source.units.is_empty() {
        return Err(GatherError::NothingPromoted(
            source.state.entry.name.clone(),
        ));
    }
    let owned = repository.promotion.environment_owned.as_slice();
    // A first promotion between branches without a common past says what both have alike.
    let is_first = records.is_empty() || also.is_some();
    let shapes = other_shapes(&source, &target, owned);
    let common = match is_first || is_past_needed((&source, &target), &records, &shapes) {
        true => merge_base(estate, &source, &target, &rules)?,
        false => (None, false),
    };
    let (common, history_cut) = common;
    let mut merge_base = common
        .as_ref()
        .map(|side| (side.state.commit.clone(), side.units.clone()));
    if let Some((_, units)) = &mut merge_base {
        renames.rename(units);
    }
    let base = merge_base.as_mut().map(|(_, units)| units);
    align(&mut source.units, &mut target.units, &mut records, base);
    let compared = Compared {
        estate,
        source: &source,
        target: &target,
        records: &records,
        rules: &rules,
        renames: &renames,
        merge_base: merge_base.as_ref(),
        also,
    };
    let pasts = compared.pasts()?;
    let at_tip = match revision {
        Some(_) => at_tip(&compared)?,
        None => None,
    };
    let as_it_is = renames.original().unwrap_or(&target.state);
    let (rendering, unrenderable) = match estate.rendered_before(as_it_is) {
        Ok(rendering) => (rendering, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let stale = match &rendering {
        Some(Before::Index(index)) => stale_files(estate, as_it_is, index, &records)?,
        Some(Before::Committed) | None => Vec::new(),
    };
    let texts = texts(shapes, common.as_ref(), &records, owned);
    let left_out = source.left_out(&repository);
    let left_out = left_out.not_as_in(&target.left_out(&repository));
    Ok(Facts {
        repository,
        source,
        target,
        records,
        pasts,
        at_tip,
        merge_base,
        history_cut,
        is_off_branch,
        rendering,
        unrenderable,
        stale,
        left: rules.left,
        left_out,
        texts,
        renames,
        arriving,
    })
}

/// The environment to promote from: the one that is named, or the target's own.
fn source_of(
    estate: &Estate,
    target: &EnvironmentName,
    named: Option<&EnvironmentName>,
) -> Result<EnvironmentName, GatherError> {
    let source = match named {
        Some(source) => source.clone(),
        None => estate
            .environment(target)?
            .promote_from
            .clone()
            .ok_or_else(|| GatherError::NoSource(target.clone()))?,
    };
    match source == *target {
        true => Err(GatherError::SameEnvironment(source)),
        false => Ok(source),
    }
}

/// The shapes of units that differ, the source's and the target's.
type Shapes = BTreeMap<UnitId, (String, String)>;

/// Whether some unit differs of which no record says what the source had of it before, so
/// that the branches' common past has to.
fn is_past_needed(
    (source, target): (&Side, &Side),
    records: &BTreeMap<UnitId, Record>,
    shapes: &Shapes,
) -> bool {
    let name = &source.state.entry.name;
    let from_here = |record: &Record| record.from.as_ref().is_some_and(|(from, _)| from == name);
    let recorded = |unit: &UnitId| records.get(unit).is_some_and(from_here);
    let units = source.units.keys().chain(target.units.keys());
    let mut unrecorded = units.filter(|unit| !recorded(unit));
    unrecorded.any(|unit| {
        !same(source.units.get(unit), target.units.get(unit)) || shapes.contains_key(unit)
    })
}

/// The source at its tip, beside the older revision that is promoted.
fn at_tip(compared: &Compared<'_>) -> Result<Option<AtTip>, GatherError> {
    let (estate, older) = (compared.estate, compared.source);
    let name = &older.state.entry.name;
    let commit = estate.tip(name)?;
    if commit == older.state.commit {
        return Ok(None);
    }
    let repository = estate.repository();
    let mut side = Side::new(estate.load_at(name, &commit)?, repository)?;
    compared.rules.apply(&mut side);
    if side.state.product.is_none() {
        let pins = pin_units(repository, &side.state.snapshot, &side.state.entry)
            .map_err(PlanError::from)?;
        let known = |unit: &UnitId| older.units.contains_key(unit);
        side.units
            .extend(pins.into_iter().filter(|(unit, _)| known(unit)));
    }
    let there = Compared {
        source: &side,
        ..*compared
    };
    let pasts = there.pasts()?;
    Ok(Some(AtTip {
        commit,
        units: side.units,
        pasts,
    }))
}

/// The units whose text around the values differs, with the source's as it was promoted,
/// or as both branches had it. Where neither is known, the target's text stays.
fn texts(
    shapes: Shapes,
    common: Option<&Side>,
    records: &BTreeMap<UnitId, Record>,
    owned: &[Path],
) -> BTreeMap<UnitId, Text> {
    let texts = shapes.into_iter().filter_map(|(unit, (theirs, ours))| {
        let record = records.get(&unit);
        // The first format remembers no text; there it follows the source.
        let is_first_format =
            record.is_some_and(|it| it.serial == 0 && it.shape.is_none() && it.damage.is_none());
        let promoted = match is_first_format {
            true => Some(ours.clone()),
            false => record.and_then(|record| record.shape.clone()),
        };
        let known = promoted.or_else(|| common.and_then(|side| unit_shape(side, &unit, owned)));
        let text = Text::judged(theirs, &ours, known)?;
        Some((unit, text))
    });
    texts.collect()
}

/// The units at the merge base of the two branches. Folders of one branch
/// have the same tip, so they have no past in common that says anything. Also
/// says whether a shallow clone's history ended before a merge base was found.
fn merge_base(
    estate: &Estate,
    source: &Side,
    target: &Side,
    rules: &FileRules,
) -> Result<(Option<Side>, bool), GatherError> {
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
    let units = promoted.units(product.as_ref(), None, &snapshot)?;
    // A past that cannot be read says nothing.
    let pins = match product {
        None => pin_units(estate.repository(), &snapshot, entry).unwrap_or_default(),
        Some(_) => Units::new(),
    };
    let state = EnvironmentState {
        entry: entry.clone(),
        commit: base,
        snapshot,
        product,
    };
    let mut side = Side::of(state, units);
    rules.apply(&mut side);
    side.units.extend(pins);
    Ok(((!side.units.is_empty()).then_some(side), false))
}
