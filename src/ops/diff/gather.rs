//! Reads the two points of a comparison. Words are environments, commits, or
//! an environment at a commit.

use std::collections::BTreeMap;

use super::{DiffReport, Side, plan, point, wanted};
use crate::git::{DEFAULT_MAX_BYTES, GitError};
use crate::ops::estate::{Estate, EstateError};
use crate::product::EnvironmentState;
use crate::product::{EnvironmentEntry, EnvironmentName, UnitError, nearest};
use crate::repo::{BlobId, CommitId};

/// What to compare.
#[derive(Clone, Debug)]
pub struct DiffRequest {
    /// The first point: an environment, a commit, or `ENVIRONMENT@COMMIT`.
    pub from: String,
    /// The second point, named alike.
    pub to: String,
    /// Compare what belongs to one environment alone as well. Two states of
    /// the same environment are always compared so.
    pub all: bool,
}

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// An environment cannot be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A part of the product manifest has no value.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// A word names neither an environment nor a commit.
    #[error(
        "{word:?} is neither an environment nor a commit{}; there are {}",
        meant(.nearest), .known.join(", ")
    )]
    Unknown {
        /// The word.
        word: String,
        /// The environment that was most likely meant.
        nearest: Option<String>,
        /// The environments that exist.
        known: Vec<String>,
    },
}

fn meant(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!(", did you mean {name:?}?"))
        .unwrap_or_default()
}

/// Compares two points of a repository.
pub fn diff(estate: &Estate, request: &DiffRequest) -> Result<DiffReport, DiffError> {
    let (one, other) = (place(estate, &request.from)?, place(estate, &request.to)?);
    // A commit that no environment has is read as a state of the other point's.
    let fallback = one.environment.clone().or(other.environment.clone());
    if let (Some(one_of), Some(other_of)) = (
        one.environment.as_ref().or(fallback.as_ref()),
        other.environment.as_ref().or(fallback.as_ref()),
    ) {
        let both = [
            (one_of, one.commit.clone()),
            (other_of, other.commit.clone()),
        ];
        estate.fetch_ahead(&both)?;
    }
    let (one, other) = (
        read(estate, one, fallback.as_ref())?,
        read(estate, other, fallback.as_ref())?,
    );
    let (from, to) = (side(&one), side(&other));
    let rendered = estate.repository().rendered.as_ref();
    let mut texts: BTreeMap<BlobId, String> = BTreeMap::new();
    let ids: Vec<BlobId> = wanted(&from, &to, rendered).into_iter().collect();
    estate.git.fetch_files(&ids)?;
    for id in ids {
        match estate.git.read(&id, DEFAULT_MAX_BYTES) {
            Ok(bytes) => {
                if let Ok(text) = String::from_utf8(bytes) {
                    texts.insert(id, text);
                }
            }
            // Compared whole: their ids are known to differ.
            Err(GitError::TooLarge { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let found = plan(&from, &to, rendered, &texts)?;
    let compared_own = request.all || one.entry.name == other.entry.name;
    let own = found.environment.is_some() || !found.rendered.is_empty();
    Ok(DiffReport {
        from: point(&request.from, &one.commit, &from),
        to: point(&request.to, &other.commit, &to),
        different: !found.units.is_empty() || (compared_own && own),
        compared_own,
        units: found.units,
        environment: found.environment,
        rendered: found.rendered,
    })
}

fn side(state: &EnvironmentState) -> Side<'_> {
    Side {
        entry: &state.entry,
        snapshot: &state.snapshot,
        product: state.product.as_ref(),
    }
}

/// A commit, and the environment that it is a state of, where that is known.
struct Place {
    environment: Option<EnvironmentName>,
    commit: CommitId,
}

fn place(estate: &Estate, word: &str) -> Result<Place, DiffError> {
    let environments = &estate.repository().environments;
    let named = |name: &str| {
        environments
            .iter()
            .find(|entry| entry.name.as_str() == name)
    };
    if let Some(entry) = named(word) {
        return Ok(Place {
            commit: estate.tip(&entry.name)?,
            environment: Some(entry.name.clone()),
        });
    }
    if let Some((name, revision)) = word.split_once('@')
        && let Some(entry) = named(name)
    {
        return Ok(Place {
            commit: revision_of(estate, entry, revision)?,
            environment: Some(entry.name.clone()),
        });
    }
    let commit = match estate.git.find(word) {
        Err(GitError::UnknownRevision { .. }) => {
            let known = || environments.iter().map(|entry| entry.name.as_str());
            return Err(DiffError::Unknown {
                word: word.to_owned(),
                nearest: nearest(word, known()),
                known: known().map(str::to_owned).collect(),
            });
        }
        resolved => resolved?,
    };
    Ok(Place {
        environment: environment_with(estate, &commit)?,
        commit,
    })
}

/// The commit that a revision means for an environment: `HEAD`, `~1` and `{yesterday}` are
/// counted from its own branch, whatever is checked out.
fn revision_of(
    estate: &Estate,
    entry: &EnvironmentEntry,
    revision: &str,
) -> Result<CommitId, DiffError> {
    let from_head = revision.strip_prefix("HEAD").or(revision.strip_prefix('@'));
    let step = from_head.unwrap_or(revision);
    let is_step = step.starts_with(['~', '^']) || (step.is_empty() && from_head.is_some());
    if is_step {
        let tip = estate.tip(&entry.name)?;
        return Ok(estate.git.find(&format!("{tip}{step}"))?);
    }
    let past = step.strip_prefix('@').unwrap_or(step);
    if past.starts_with('{') {
        return Ok(estate.past(entry, past)?);
    }
    Ok(estate.git.find(revision)?)
}

/// The one environment whose branch has this commit; `None` when none has it
/// or several do.
fn environment_with(
    estate: &Estate,
    commit: &CommitId,
) -> Result<Option<EnvironmentName>, DiffError> {
    let mut found = None;
    for entry in &estate.repository().environments {
        let tip = match estate.tip(&entry.name) {
            Err(EstateError::Unborn { .. }) => continue,
            tip => tip?,
        };
        if estate.git.contains(&tip, commit)? {
            if found.is_some() {
                return Ok(None);
            }
            found = Some(entry.name.clone());
        }
    }
    Ok(found)
}

fn read(
    estate: &Estate,
    place: Place,
    fallback: Option<&EnvironmentName>,
) -> Result<EnvironmentState, DiffError> {
    let first = || {
        estate
            .repository()
            .environments
            .first()
            .map(|entry| &entry.name)
    };
    let name = place.environment.as_ref().or(fallback).or_else(first);
    match name {
        Some(name) => Ok(estate.load_at(name, &place.commit)?),
        // A configuration without environments is refused when it is read.
        None => Err(DiffError::Unknown {
            word: place.commit.to_string(),
            nearest: None,
            known: Vec::new(),
        }),
    }
}
