//! Who made a hotfix or conflict, as far as history tells.

use crate::repo::CommitInfo;

/// Who made a hotfix or conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The commit that gave the target its value.
    Commit(CommitInfo),
    /// A commit before this one, which is as far as the search went.
    OlderThan(CommitInfo),
}

impl Author {
    /// Returns the commit, where it was found.
    pub fn commit(&self) -> Option<&CommitInfo> {
        match self {
            Author::Commit(commit) => Some(commit),
            Author::OlderThan(_) => None,
        }
    }
}
