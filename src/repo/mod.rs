//! What a Git repository is made of, as plain values: ids, branch names,
//! paths, the files of one commit, and the changes that a commit makes.
//!
//! Nothing here reads or writes anything and no Git library is known; the
//! adapter that does both is [`crate::git`]. Names that Git or a file system
//! could misread are refused when they are parsed, so that every other room
//! may trust them.

mod branch;
mod change;
mod id;
mod message;
mod path;
mod signature;
mod snapshot;

pub use branch::{BranchName, BranchNameError};
pub use change::{ChangeSet, Edit, RefUpdate};
pub use id::{BlobId, CommitId, IdError, ObjectFormat, blob_id, blob_id_in};
pub use message::{CommitInfo, CommitMessage};
pub use path::{Location, RepoPath, RepoPathError};
pub use signature::{Signature, SignatureError};
pub use snapshot::{Content, Entry, EntryKind, Snapshot, SnapshotBuilder, SnapshotError};
