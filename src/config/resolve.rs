//! Which `gitops.yaml` counts: the one that was named, else the default
//! branch's; commands that only read prefer the one that somebody is editing.

use std::fmt;
use std::path::PathBuf;

use crate::product::{ModelError, Repository};
use crate::repo::{BranchName, CommitId, RepoPath};

use super::{CONFIG_FILE, ConfigPlace};

/// Where a configuration was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The place that was named.
    Named(ConfigPlace),
    /// The work tree.
    WorkTree(PathBuf),
    /// The default branch.
    DefaultBranch {
        /// Its name.
        branch: BranchName,
        /// Its tip.
        commit: CommitId,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(place) => write!(f, "{place}"),
            Self::WorkTree(_) => write!(f, "{CONFIG_FILE} of the work tree"),
            Self::DefaultBranch { branch, commit } => {
                write!(f, "{CONFIG_FILE} of {branch} ({})", commit.short())
            }
        }
    }
}

/// A candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it was read.
    pub origin: Origin,
    /// Its text.
    pub text: String,
}

/// All candidates; what is absent was looked for and is not there.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The place that was named, if one was. Whoever names one that cannot be
    /// read has an error of their own.
    pub named: Option<Found>,
    /// The work tree's.
    pub work_tree: Option<Found>,
    /// The default branch's.
    pub default_branch: Option<Found>,
}

/// The configuration that counts.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// What it says.
    pub repository: Repository,
    /// Where it was read.
    pub origin: Origin,
    /// Another candidate that says something else and does not count.
    pub differs_from: Option<Origin>,
}

/// Why no configuration counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is none.
    #[error("there is no {CONFIG_FILE}, neither on the default branch nor in the work tree")]
    Absent,
    /// There is one in the work tree only, which a writing command does not take.
    #[error("{CONFIG_FILE} stands in the work tree, but not on the default branch")]
    OnlyInWorkTree,
    /// It says something wrong.
    #[error("{}", listing(.errors))]
    Wrong {
        /// Where it was read.
        origin: Origin,
        /// What is wrong; at least one.
        errors: Vec<ModelError>,
    },
}

fn listing(errors: &[ModelError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Chooses a candidate and reads it.
///
/// # Errors
/// When there is none, or when the one that counts is wrong.
pub fn resolve(sources: Sources, writing: bool) -> Result<Resolved, ConfigError> {
    let Sources {
        named,
        work_tree,
        default_branch,
    } = sources;
    let (chosen, other) = match (named, work_tree, default_branch) {
        (Some(named), _, _) => (named, None),
        (None, None, None) => return Err(ConfigError::Absent),
        (None, Some(_), None) if writing => return Err(ConfigError::OnlyInWorkTree),
        (None, Some(work_tree), None) => (work_tree, None),
        (None, None, Some(branch)) => (branch, None),
        (None, Some(work_tree), Some(branch)) if writing => (branch, Some(work_tree)),
        (None, Some(work_tree), Some(branch)) => {
            if work_tree.text == branch.text {
                (branch, None)
            } else {
                (work_tree, Some(branch))
            }
        }
    };
    let differs_from = other
        .filter(|other| other.text != chosen.text)
        .map(|other| other.origin);
    let path = file_of(&chosen.origin);
    match Repository::decode(&path, &chosen.text) {
        Ok(repository) => Ok(Resolved {
            repository,
            origin: chosen.origin,
            differs_from,
        }),
        Err(errors) => Err(ConfigError::Wrong {
            origin: chosen.origin,
            errors,
        }),
    }
}

/// The name that messages give to the file.
fn file_of(origin: &Origin) -> RepoPath {
    let named = match origin {
        Origin::Named(ConfigPlace::Revision { path, .. }) => Some(path.clone()),
        Origin::Named(ConfigPlace::File(file)) => file.to_str().and_then(|text| text.parse().ok()),
        Origin::WorkTree(_) | Origin::DefaultBranch { .. } => None,
    };
    named
        .or_else(|| CONFIG_FILE.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    - {{name: {name}, branch: main}}\n"
        )
    }

    fn work_tree(name: &str) -> Option<Found> {
        Some(Found {
            origin: Origin::WorkTree("/w/gitops.yaml".into()),
            text: text(name),
        })
    }

    fn branch(name: &str) -> Option<Found> {
        let origin = Origin::DefaultBranch {
            branch: "main".parse().unwrap(),
            commit: "0123456789012345678901234567890123456789".parse().unwrap(),
        };
        Some(Found {
            origin,
            text: text(name),
        })
    }

    fn name(sources: Sources, writing: bool) -> (String, bool) {
        let resolved = resolve(sources, writing).unwrap();
        (
            resolved.repository.environments[0].name.to_string(),
            resolved.differs_from.is_some(),
        )
    }

    #[test]
    fn reading_prefers_what_somebody_edits_and_writing_what_is_published() {
        let sources = || Sources {
            named: None,
            work_tree: work_tree("edited"),
            default_branch: branch("published"),
        };
        assert_eq!(name(sources(), false), ("edited".into(), true));
        assert_eq!(name(sources(), true), ("published".into(), true));
        let same = Sources {
            named: None,
            work_tree: work_tree("a"),
            default_branch: branch("a"),
        };
        assert_eq!(name(same, false), ("a".into(), false));
    }

    #[test]
    fn a_file_that_is_nowhere_published_is_not_written_by() {
        let sources = Sources {
            work_tree: work_tree("a"),
            ..Sources::default()
        };
        assert_eq!(
            resolve(sources.clone(), true).unwrap_err(),
            ConfigError::OnlyInWorkTree
        );
        assert_eq!(name(sources, false), ("a".into(), false));
        assert_eq!(
            resolve(Sources::default(), false).unwrap_err(),
            ConfigError::Absent
        );
    }

    #[test]
    fn mistakes_name_their_place() {
        let mut found = branch("a").unwrap();
        found.text = found.text.replace("branch:", "brnch:");
        let sources = Sources {
            default_branch: Some(found),
            ..Sources::default()
        };
        let message = resolve(sources, true).unwrap_err().to_string();
        assert!(
            message.contains("gitops.yaml:5:17: unknown field spec.environments[0].brnch"),
            "{message}"
        );
    }
}
