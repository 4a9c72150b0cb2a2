//! Gathering: which older state is meant, and both states read whole.

use std::collections::{BTreeMap, BTreeSet};

use super::{Candidate, Request, RollbackError};
use crate::git::{FileVersion, GitError, Selection};
use crate::ops::comparison::gather_also;
use crate::ops::estate::{Estate, EstateError};
use crate::ops::history::{self, HistoryEntry, watched};
use crate::ops::records::records;
use crate::product::EnvironmentState;
use crate::product::{EnvironmentEntry, EnvironmentName, PRODUCT_FILE, ProductTree};
use crate::promotion::{
    self, LeftOut, Record, Renames, Side, UnitId, align, pin_units, understand,
};
use crate::repo::{CommitId, CommitInfo, RepoPath};
use crate::template::RenderedIndex;
use crate::yaml::{Path, Stream};

/// All that a rollback plan is made from.
#[derive(Debug)]
pub struct Facts {
    /// The older state as the source and the present one as the target.
    pub change: promotion::Facts,
    /// The commit whose state is restored.
    pub restored: CommitInfo,
    /// The records in the older state's tree.
    pub records: BTreeMap<UnitId, Record>,
    /// The environment against what it is promoted from, with the past of what goes back;
    /// `None`: it is promoted from nothing that can be read.
    pub against: Option<promotion::Facts>,
    /// What the older state renders to, where it commits that.
    pub rendering: Option<RenderedIndex>,
    /// The state right after the last promotion, when that is what is undone.
    pub promoted: Option<Side>,
    /// The commits since the older state, newest first.
    pub undone: Vec<HistoryEntry>,
    /// What is wrong with the present state, if it cannot be read as a product.
    pub broken: Option<String>,
}

/// Reads an environment's present state and the older one that is meant.
pub fn gather(
    estate: &Estate,
    name: &EnvironmentName,
    request: &Request,
) -> Result<Facts, RollbackError> {
    let entry = estate.environment(name)?;
    let tip = estate.tip(name)?;
    let (restored, last) = match &request.to {
        Some(word) => (named(estate, entry, &tip, word)?, None),
        None => {
            let (before, last) = before_last(estate, entry, &tip)?;
            (before, Some(last))
        }
    };
    let repository = estate.repository().clone();
    let side =
        |state: EnvironmentState| Side::new(state, &repository).map_err(promotion::PlanError::from);
    let mut then = side(estate.load_at(name, &restored)?)?;
    let (state, broken) = present(estate, entry, &tip)?;
    let mut now = side(state)?;
    let mut promoted = match &last {
        Some(last) => estate.load_at(name, last).ok().map(side).transpose()?,
        None => None,
    };
    let mut kept = records(&now.state.snapshot, entry)?;
    let (rules, _) = understand(&repository, &mut then, &mut now, &mut kept)?;
    if let Some(promoted) = &mut promoted {
        rules.apply(promoted);
        let state = &promoted.state;
        if state.product.is_none() {
            let pins = pin_units(&repository, &state.snapshot, &state.entry);
            let known = pins.unwrap_or_default().into_iter();
            promoted
                .units
                .extend(known.filter(|(unit, _)| now.units.contains_key(unit)));
        }
    }
    let after = promoted.as_mut().map(|side| &mut side.units);
    align(&mut then.units, &mut now.units, &mut kept, after);
    let (rendering, unrenderable) = match estate.rendered_before(&now.state) {
        Ok(rendering) => (rendering, None),
        Err(error) => (None, Some(error.to_string())),
    };
    let left_out = LeftOut::between(&then.left_out(&repository), &now.left_out(&repository));
    let goes: BTreeSet<UnitId> = then
        .units
        .keys()
        .chain(now.units.keys())
        .filter(|unit| then.units.get(*unit) != now.units.get(*unit))
        .cloned()
        .collect();
    let also = Some((&goes, &restored));
    let against = match entry.promote_from.is_some() {
        true => gather_also(estate, name, (None, None), also).ok(),
        false => None,
    };
    let facts = Facts {
        against,
        restored: estate.git.commit(&restored)?,
        records: records(&then.state.snapshot, entry)?,
        rendering: estate.rendered(&then.state).ok().flatten(),
        undone: undone(estate, entry, &tip, &restored)?,
        promoted,
        broken,
        change: promotion::Facts {
            records: kept,
            repository,
            source: then,
            target: now,
            pasts: BTreeMap::new(),
            at_tip: None,
            merge_base: None,
            history_cut: false,
            is_off_branch: false,
            rendering,
            unrenderable,
            stale: Vec::new(),
            left: Vec::new(),
            left_out,
            texts: BTreeMap::new(),
            renames: Renames::default(),
            arriving: Vec::new(),
        },
    };
    Ok(facts)
}

/// The environment as it is. Files that are no product are no obstacle: they
/// may be the very thing that is to be rolled back.
fn present(
    estate: &Estate,
    entry: &EnvironmentEntry,
    tip: &CommitId,
) -> Result<(EnvironmentState, Option<String>), RollbackError> {
    match estate.load_at(&entry.name, tip) {
        Ok(state) => Ok((state, None)),
        Err(EstateError::Model(wrong)) => {
            let selection = Selection::under(vec![entry.path.clone()], |path| {
                path.as_str().contains(".gitops/")
            });
            let state = EnvironmentState {
                entry: entry.clone(),
                commit: tip.clone(),
                snapshot: estate.git.snapshot(tip, &selection)?,
                product: None,
            };
            Ok((state, wrong.errors.first().map(ToString::to_string)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The state before the last promotion, and the promotion. Where nothing is
/// promoted to, bumping images is what a release is.
fn before_last(
    estate: &Estate,
    entry: &EnvironmentEntry,
    tip: &CommitId,
) -> Result<(CommitId, CommitId), RollbackError> {
    let wanted = match entry.promote_from {
        Some(_) => ["promote", "bump-image"],
        None => ["bump-image", "promote"],
    };
    let mut found: [Option<FileVersion>; 2] = [None, None];
    let mut shallow = false;
    let mut failure = None;
    let mut visit = |version: FileVersion| {
        shallow |= version.at_boundary;
        match history::read(&estate.git, &version.commit, &entry.name) {
            Ok(said) => {
                let place = wanted
                    .iter()
                    .position(|action| said.by_tool && said.action == *action);
                if let Some(place) = place {
                    found[place].get_or_insert(version);
                }
            }
            Err(error) => failure = Some(error),
        }
        found[0].is_none() && failure.is_none()
    };
    estate.git.visit_history(tip, &watched(entry), &mut visit)?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    let [first, second] = found;
    let last = first
        .or(second)
        .ok_or_else(|| RollbackError::NothingPromoted {
            environment: entry.name.clone(),
            shallow,
        })?;
    if last.at_boundary {
        return Err(GitError::HistoryCut.into());
    }
    let id = last.commit.id;
    match last.commit.parents.into_iter().next() {
        Some(before) => Ok((before, id)),
        None => Err(RollbackError::NoEarlierState {
            environment: entry.name.clone(),
            first: id,
        }),
    }
}

/// The state that a word means: a revision on the environment's branch, else
/// a version of the product.
fn named(
    estate: &Estate,
    entry: &EnvironmentEntry,
    tip: &CommitId,
    word: &str,
) -> Result<CommitId, RollbackError> {
    let revision = match estate.git.find(word) {
        Ok(commit) => Some(commit),
        Err(GitError::UnknownRevision { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if let Some(commit) = &revision
        && estate.git.reaches(tip, commit)?
    {
        return Ok(commit.clone());
    }
    let mut candidates = with_version(estate, entry, tip, word)?;
    match (candidates.len(), revision) {
        (1, _) => Ok(candidates.remove(0).commit.id),
        (0, Some(commit)) => Err(RollbackError::NotOnBranch {
            environment: entry.name.clone(),
            commit,
        }),
        (0, None) => Err(RollbackError::UnknownState {
            environment: entry.name.clone(),
            word: word.to_owned(),
        }),
        _ => Err(RollbackError::SeveralStates {
            environment: entry.name.clone(),
            version: word.to_owned(),
            candidates,
        }),
    }
}

/// The states of the environment that had this version: of those with the
/// same units, the newest.
fn with_version(
    estate: &Estate,
    entry: &EnvironmentEntry,
    tip: &CommitId,
    version: &str,
) -> Result<Vec<Candidate>, RollbackError> {
    let Ok(manifest) = entry.path.join(PRODUCT_FILE) else {
        return Ok(Vec::new());
    };
    let mut versions = Vec::new();
    let mut visit = |version: FileVersion| {
        versions.push(version.commit);
        true
    };
    estate.git.visit_history(tip, &watched(entry), &mut visit)?;
    let mut seen = Vec::new();
    let mut candidates = Vec::new();
    for commit in versions {
        if version_at(estate, &commit.id, &manifest)?.as_deref() != Some(version) {
            continue;
        }
        // A state that cannot be read cannot be restored.
        let Ok(state) = estate.load_at(&entry.name, &commit.id) else {
            continue;
        };
        let side = Side::new(state, estate.repository()).map_err(promotion::PlanError::from)?;
        if !seen.contains(&side.units) {
            seen.push(side.units);
            candidates.push(Candidate { commit });
        }
    }
    Ok(candidates)
}

fn version_at(
    estate: &Estate,
    commit: &CommitId,
    manifest: &RepoPath,
) -> Result<Option<String>, RollbackError> {
    let selection = Selection::under(vec![manifest.clone()], |_| true);
    let snapshot = estate.git.snapshot(commit, &selection)?;
    let Ok(Some(text)) = snapshot.text(manifest) else {
        return Ok(None);
    };
    let Ok(stream) = Stream::parse(text) else {
        return Ok(None);
    };
    let path = Path::root().key("spec").key("version");
    let node = stream
        .documents()
        .first()
        .and_then(|document| document.root()?.at(&path));
    Ok(node.and_then(|node| node.as_str()).map(str::to_owned))
}

/// What happened to the environment since a state.
fn undone(
    estate: &Estate,
    entry: &EnvironmentEntry,
    tip: &CommitId,
    restored: &CommitId,
) -> Result<Vec<HistoryEntry>, RollbackError> {
    let git = &estate.git;
    let mut entries = Vec::new();
    let mut failure = None;
    let mut visit = |version: FileVersion| {
        let step = git.contains(restored, &version.commit.id).and_then(|old| {
            if old {
                return Ok(false);
            }
            entries.push(history::read(git, &version.commit, &entry.name)?);
            Ok(true)
        });
        match step {
            Ok(go_on) => go_on,
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    };
    git.visit_history(tip, &watched(entry), &mut visit)?;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(entries),
    }
}

impl Facts {
    /// The product on both sides; without them files are restored as files.
    pub(super) fn products(&self) -> Option<(&ProductTree, &ProductTree)> {
        let source = self.change.source.state.product.as_ref()?;
        Some((source, self.change.target.state.product.as_ref()?))
    }
}
