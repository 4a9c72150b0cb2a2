//! Reads every environment and compares each with its source, exactly as a
//! promotion would. What cannot be read is a fact about that environment, not
//! the end of the report.

use crate::promotion;
use std::collections::BTreeMap;

use super::promoted::last_promotion;
use super::{
    Comparison, ComponentFacts, EnvironmentFacts, EnvironmentStatus, Standing, StatusReport,
    UnitStatus, plan,
};
use crate::git::GitError;
use crate::ops::comparison::{GatherError, gather};
use crate::ops::estate::{Estate, EstateError};
use crate::product::EnvironmentState;
use crate::product::pins::{PinError, environment_pins};
use crate::product::{EnvironmentEntry, EnvironmentName, shown_path};
use crate::promotion::Facts;
use crate::promotion::UnitId;
use crate::repo::CommitId;

/// How many commits are looked through for the oldest change that was not promoted.
const FURTHEST: usize = 1000;

/// Why there is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// There is no such environment, or the repository cannot be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// An environment could not be compared with its source.
    #[error(transparent)]
    Compare(#[from] GatherError),
}

/// The status of these environments, or of all when none is named.
pub fn status(estate: &Estate, wanted: &[EnvironmentName]) -> Result<StatusReport, StatusError> {
    for name in wanted {
        estate.environment(name)?;
    }
    let mut tips = Vec::new();
    for entry in &estate.repository().environments {
        if let Ok(tip) = estate.tip(&entry.name) {
            tips.push((&entry.name, tip));
        }
    }
    estate.fetch_ahead(&tips)?;
    let mut facts = Vec::new();
    for entry in &estate.repository().environments {
        if wanted.is_empty() || wanted.contains(&entry.name) {
            facts.push(environment(estate, entry)?);
        }
    }
    Ok(plan(facts))
}

fn environment(estate: &Estate, entry: &EnvironmentEntry) -> Result<EnvironmentFacts, StatusError> {
    let mut facts = EnvironmentFacts {
        status: EnvironmentStatus {
            name: entry.name.to_string(),
            branch: entry.branch.to_string(),
            promote_from: entry.promote_from.as_ref().map(ToString::to_string),
            ..EnvironmentStatus::default()
        },
        ..EnvironmentFacts::default()
    };
    let state = match estate.load(&entry.name) {
        Ok(state) => state,
        Err(error @ (EstateError::Unborn { .. } | EstateError::Model(_))) => {
            facts.status.problem = Some(error.to_string());
            return Ok(facts);
        }
        Err(error) => return Err(error.into()),
    };
    describe(&mut facts, &state);
    if state.product.is_none()
        && let Err(error) = pinned(&mut facts, estate, &state)
    {
        facts.status.problem = Some(error.to_string());
        return Ok(facts);
    }
    facts.status.last_promotion = last_promotion(&estate.git, &state)?;
    if entry.promote_from.is_some() {
        match gather(estate, &entry.name, None, None) {
            Ok(compared) => facts.status.comparison = Some(comparison(estate, &compared)?),
            // Said once already, in the source's own line.
            Err(GatherError::Estate(EstateError::Unborn { .. } | EstateError::Model(_))) => {}
            Err(GatherError::NothingPromoted(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(facts)
}

fn describe(facts: &mut EnvironmentFacts, state: &EnvironmentState) {
    facts.status.commit = Some(state.commit.to_string());
    let Some(tree) = &state.product else {
        return;
    };
    facts.product = Some(tree.product.name.to_string());
    facts.status.version = tree
        .product
        .version
        .as_ref()
        .map(|version| version.value.clone());
    facts.components = tree
        .components
        .iter()
        .map(|(name, node)| {
            let component = ComponentFacts {
                version: node.component.version_label(),
                exists: node.component.exists_in(&state.entry.name),
            };
            (name.to_string(), component)
        })
        .collect();
}

/// The components of an environment without a product manifest: what its
/// files pin. Sites that disagree are all named.
fn pinned(
    facts: &mut EnvironmentFacts,
    estate: &Estate,
    state: &EnvironmentState,
) -> Result<(), PinError> {
    let found = environment_pins(&state.snapshot, &state.entry, estate.repository())?;
    for pin in found.pins {
        let versions = pin.versions().join(" and ");
        let component = ComponentFacts {
            version: (!versions.is_empty()).then_some(versions),
            exists: true,
        };
        facts
            .components
            .insert(pin.component.to_string(), component);
    }
    Ok(())
}

fn comparison(estate: &Estate, facts: &Facts) -> Result<Comparison, StatusError> {
    let mut units: BTreeMap<(&UnitId, Standing), Vec<String>> = BTreeMap::new();
    let items = promotion::decided(facts).map_err(GatherError::from)?;
    for item in &items {
        let record = facts.records.get(&item.unit);
        let is_unknown = || {
            let base = record.is_none_or(|record| record.is_partial());
            base && facts.merge_base.is_none()
        };
        let standing = match Standing::of(item) {
            None => continue,
            Some(Standing::Conflict) if is_unknown() => Standing::Differs,
            Some(standing) => standing,
        };
        let keys = units.entry((&item.unit, standing)).or_default();
        let path = &item.difference.path;
        if !path.is_root() {
            keys.push(shown_path(path));
        }
    }
    let mut comparison = Comparison {
        left_out: facts.left_out.clone(),
        edited_files: facts
            .stale
            .iter()
            .filter(|file| file.edited)
            .map(|file| file.path.to_string())
            .collect(),
        ..Comparison::default()
    };
    let mut behind = Vec::new();
    for ((unit, standing), keys) in units {
        let status = UnitStatus {
            unit: unit.to_string(),
            component: matches!(unit, UnitId::Component(_)),
            standing,
            keys,
        };
        match standing {
            Standing::Behind => {
                behind.push(unit);
                comparison.behind.push(status);
            }
            Standing::Differs => comparison.differs.push(status),
            Standing::HeldBack => comparison.held_back.push(status),
            Standing::Kept => comparison.kept.push(status),
            Standing::Hotfix | Standing::Conflict => comparison.changed_here.push(status),
        }
    }
    if !behind.is_empty() {
        comparison.behind_since = behind_since(estate, facts, &behind)?;
    }
    Ok(comparison)
}

/// When the oldest commit was made that the source has and the target has not,
/// of those that came after what the target has of these units. `None` where
/// the source's history does not tell.
fn behind_since(
    estate: &Estate,
    facts: &Facts,
    behind: &[&UnitId],
) -> Result<Option<i64>, StatusError> {
    let log = estate.git.log(&facts.source.state.commit, Some(FURTHEST))?;
    let has = |unit: &&UnitId| -> Option<&CommitId> {
        match facts.records.get(*unit) {
            Some(record) => record.from.as_ref().map(|(_, commit)| commit),
            None => facts.merge_base.as_ref().map(|(commit, _)| commit),
        }
    };
    let since = |commit: &CommitId| {
        let place = log.iter().position(|it| it.id == *commit)?;
        Some(log.get(place.checked_sub(1)?)?.committer.seconds)
    };
    Ok(behind.iter().filter_map(has).filter_map(since).min())
}
