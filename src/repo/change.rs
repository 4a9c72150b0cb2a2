//! A change as data: what one commit writes, on which branch, over which tip.
//! Nothing here is applied; the one writer is `ops::publish`.

use std::collections::BTreeMap;

use super::{BlobId, BranchName, CommitId, CommitMessage, EntryKind, RepoPath, Signature, TagName};

/// What happens to one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The file gets these bytes.
    Write {
        /// The whole content.
        bytes: Vec<u8>,
        /// Whether the file may be executed.
        executable: bool,
    },
    /// The file gets content that the repository already holds.
    Reuse {
        /// The content's id.
        id: BlobId,
        /// What the file is; the content of a link is its text.
        kind: EntryKind,
    },
    /// The file goes away; folders that become empty go with it.
    Delete,
}

impl Edit {
    /// Writes an ordinary file.
    pub fn write(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Write {
            bytes: bytes.into(),
            executable: false,
        }
    }
}

/// One commit on one branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// The branch that moves.
    pub branch: BranchName,
    /// The branch's tip when the change was planned; `None`: it must not exist.
    pub expected: Option<CommitId>,
    /// The commit that the new one stands on; `None` begins a history.
    /// Differs from `expected` where the branch is new.
    pub parent: Option<CommitId>,
    /// The changes against the parent's files, by path.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// The message.
    pub message: CommitMessage,
    /// Who made the change.
    pub author: Signature,
    /// Who makes the commit.
    pub committer: Signature,
}

/// An annotated tag on a commit that is made by the same change set. It must
/// not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagUpdate {
    /// The tag.
    pub name: TagName,
    /// The branch whose new commit it names.
    pub branch: BranchName,
    /// Its message, which is that of the commit.
    pub message: CommitMessage,
    /// Who makes it.
    pub tagger: Signature,
}

/// Commits and tags that are published together: all or none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    /// In their order; those of one branch stand on each other.
    pub updates: Vec<RefUpdate>,
    /// Tags on those commits.
    pub tags: Vec<TagUpdate>,
}

impl ChangeSet {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }
}

impl From<RefUpdate> for ChangeSet {
    fn from(update: RefUpdate) -> Self {
        Self {
            updates: vec![update],
            tags: Vec::new(),
        }
    }
}
