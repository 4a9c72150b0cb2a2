//! Gathering: everything a plan needs, read once.

use std::collections::BTreeMap;

use super::GatherError;
use super::read;
use super::reverted::reverted;
use crate::git::GitError;
use crate::ops::edited::stale_files;
use crate::ops::estate::Estate;
use crate::product::{ENVIRONMENT_FILE, EnvironmentName, ProductTree};
use crate::promotion::{
    Facts, FileRules, PromotedFiles, Side, Units, align, own_path, pin_units, understand,
};
use crate::repo::{CommitId, Edit};
use crate::template::Before;

/// Reads both environments at their tips (the source at `revision` when one
/// is given), the target's records, the merge base where a record is missing,
/// and the rendered files that are not what they should be.
pub fn gather(
    estate: &Estate,
    target: &EnvironmentName,
    source: Option<&EnvironmentName>,
    revision: Option<&CommitId>,
) -> Result<Facts, GatherError> {
    let repository = estate.repository().clone();
    let entry = estate.environment(target)?;
    let source = match source {
        Some(source) => source.clone(),
        None => entry
            .promote_from
            .clone()
            .ok_or_else(|| GatherError::NoSource(target.clone()))?,
    };
    if source == *target {
        return Err(GatherError::SameEnvironment(source));
    }
    let (mut source, mut target, mut records) = read::both(estate, (&source, revision), target)?;
    let (rules, arriving) = understand(&repository, &mut source, &mut target, &mut records)?;
    if source.units.is_empty() {
        return Err(GatherError::NothingPromoted(
            source.state.entry.name.clone(),
        ));
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

/// The units at the merge base of the two branches. Folders of one branch
/// have the same tip, so they have no past in common that says anything. Also
/// says whether a shallow clone's history ended before a merge base was found.
fn merge_base(
    estate: &Estate,
    source: &Side,
    target: &Side,
    rules: &FileRules,
) -> Result<(Option<(CommitId, Units)>, bool), GatherError> {
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
        units.extend(pin_units(estate.repository(), &snapshot, entry));
    }
    Ok(((!units.is_empty()).then_some((base, units)), false))
}
