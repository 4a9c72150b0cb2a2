//! Why a repository or an environment cannot be worked with.

use crate::config::{CONFIG_FILE, ConfigError, ConfigPlaceError};
use crate::git::GitError;
use crate::product::{EnvironmentName, StateError};
use crate::repo::BranchName;

/// Why a repository or an environment cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum EstateError {
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// There is no usable configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The place that was named for the configuration is none.
    #[error("{text:?} names no {CONFIG_FILE}")]
    Place {
        /// What was named.
        text: String,
        /// Why.
        #[source]
        source: ConfigPlaceError,
    },
    /// The file that was named for the configuration cannot be read.
    #[error("{place} cannot be read")]
    Unreadable {
        /// The place.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The place that was named for the configuration is empty.
    #[error("{place} does not exist")]
    Nothing {
        /// The place.
        place: String,
    },
    /// There is no environment of that name.
    #[error(
        "there is no environment {name:?}{}; there are {}",
        meant(.nearest), .known.join(", ")
    )]
    UnknownEnvironment {
        /// The name.
        name: String,
        /// The one that was most likely meant.
        nearest: Option<String>,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The branch of an environment does not exist.
    #[error("{environment} has no commit yet: there is no branch {branch} {place}")]
    Unborn {
        /// The environment.
        environment: EnvironmentName,
        /// Its branch.
        branch: BranchName,
        /// The branch that it can begin from.
        begins_from: Option<BranchName>,
        /// The remote that is asked for branches; `None`: this clone.
        remote: Option<String>,
        /// «on origin», or «here».
        place: String,
    },
    /// The files of an environment are wrong.
    #[error(transparent)]
    Model(#[from] StateError),
}

fn meant(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!(", did you mean {name:?}?"))
        .unwrap_or_default()
}
