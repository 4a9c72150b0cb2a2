//! What a Git repository is made of, as plain values: ids, branch names,
//! paths, the files of one commit, and the changes that a commit makes.
//!
//! Nothing here reads or writes anything and no Git library is known; the
//! adapter that does both is [`crate::git`]. Names that Git or a file system
//! could misread are refused when they are parsed, so that every other room
//! may trust them.

mod branch;
mod change;
mod forge;
mod id;
mod message;
mod odd;
mod path;
mod reference;
mod shortened;
mod signature;
mod snapshot;

pub use branch::{BranchName, BranchNameError};
pub use change::{ChangeSet, Edit, RefUpdate, TagUpdate};
pub use forge::{ForgeKind, PullRequestPage, WebAddress, page_in};
pub use id::{BlobId, CommitId, IdError, ObjectFormat, ObjectId, blob_id, blob_id_in};
pub use message::{CommitInfo, CommitMessage};
pub use odd::OddEntry;
pub use path::{DEEPEST_PATH, Location, RepoPath, RepoPathError};
pub use reference::{RefName, TagName, TagNameError};
pub use shortened::{SHOWN_OF_A_NAME, shortened};
pub use signature::{Signature, SignatureError};
pub use snapshot::{Content, Entry, EntryKind, Snapshot, SnapshotBuilder, SnapshotError};
