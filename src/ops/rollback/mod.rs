//! Rolling an environment back: a forward commit that restores the promoted
//! and rendered files of an older state, and remembers what was rolled back so
//! that the next promotion does not bring it again.
//!
//! The environment's own file, and files that this tool does not write, stay
//! as they are. An incident does not wait: no gate is asked. What would be lost
//! without anybody having said so is refused all the same.

mod gather;
mod message;
mod plan;

pub use gather::{Facts, gather};
pub use message::planned;
pub use plan::plan;

use super::estate::EstateError;
use super::history::HistoryEntry;
use crate::git::GitError;
use crate::product::EnvironmentName;
use crate::promotion;
use crate::promotion::PlanError;
use crate::promotion::UnitId;
use crate::repo::{CommitId, CommitInfo};

/// What a person asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The state to restore: a revision or a version of the product; `None`:
    /// the one before the last promotion.
    pub to: Option<String>,
    /// Units to restore; empty: all of them.
    pub only: Vec<String>,
    /// Restore the environment's own file as well.
    pub environment_file: bool,
    /// Why; recorded with what was rolled back.
    pub reason: Option<String>,
    /// The first lines of the commit message, instead of the ones made here.
    pub message: Option<String>,
}

/// Everything a rollback would do, and nothing done yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The change, as a promotion of the older state into the newer one.
    pub change: promotion::Plan,
    /// The commit whose state is restored.
    pub restored: CommitInfo,
    /// The commits whose effect goes away, newest first.
    pub undone: Vec<HistoryEntry>,
    /// Units whose present content promotions skip from now on.
    pub refused: Vec<UnitId>,
    /// What was changed after the last promotion and would be lost with it;
    /// nothing may be written then.
    pub later: Vec<String>,
}

/// A state that a version may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The commit that made it.
    pub commit: CommitInfo,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Nothing was ever promoted here.
    #[error("{environment} has no promotion that could be rolled back{}", cut(.shallow))]
    NothingPromoted {
        /// The environment.
        environment: EnvironmentName,
        /// The clone is shallow: there may be one that is not here.
        shallow: bool,
    },
    /// The last promotion is the first thing that ever happened here.
    #[error("{environment} has no state before {}", .first.short())]
    NoEarlierState {
        /// The environment.
        environment: EnvironmentName,
        /// Its first commit.
        first: CommitId,
    },
    /// Neither a revision nor a version that the environment ever had.
    #[error("{word:?} is neither a revision nor a version of the product that {environment} had")]
    UnknownState {
        /// The environment.
        environment: EnvironmentName,
        /// What was asked for.
        word: String,
    },
    /// A commit that was never a state of the environment.
    #[error("{} was never a state of {environment}", .commit.short())]
    NotOnBranch {
        /// The environment.
        environment: EnvironmentName,
        /// The commit.
        commit: CommitId,
    },
    /// Several states had that version.
    #[error("{environment} had several states with version {version}")]
    SeveralStates {
        /// The environment.
        environment: EnvironmentName,
        /// The version.
        version: String,
        /// They, newest first.
        candidates: Vec<Candidate>,
    },
    /// Single units can only be restored where there is a product manifest on
    /// both sides.
    #[error(
        "{environment} has no product manifest that can be read, so it can only be rolled back as a whole"
    )]
    NoUnits {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The change can't be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The commit's message can't be written.
    #[error(transparent)]
    Message(#[from] super::commit::TemplateError),
    /// The repository can't be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// Git can't be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

fn cut(shallow: &bool) -> &'static str {
    if *shallow {
        " in this shallow clone"
    } else {
        ""
    }
}
