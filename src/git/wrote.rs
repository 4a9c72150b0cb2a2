//! The trailer by which a commit proves that it still is what this tool wrote.
//!
//! It is a digest over everything in which the commit differs from its first parent. It
//! survives a rebase and a merge queue, and does not fit a commit that was amended, squashed
//! with others, or merged with edits. Specification: "Text and our commit".

use std::fmt::Write as _;

use git2::{Delta, FileMode, Tree};
use sha2::{Digest as _, Sha256};

use super::{Git, GitError};
use crate::repo::CommitInfo;

/// The trailer's name.
pub(super) const WROTE: &str = "Gitops-Wrote";

impl Git {
    /// Whether a commit is exactly what this tool wrote: its last paragraph has the trailer
    /// once, and what differs from the commit's first parent is what the trailer says.
    ///
    /// # Errors
    /// The trees of the commit or of its parent can't be read.
    pub fn is_untouched(&self, commit: &CommitInfo) -> Result<bool, GitError> {
        let mut said = commit.message.trailers_named(WROTE);
        let (Some(said), None) = (said.next(), said.next()) else {
            return Ok(false);
        };
        let parent = match commit.parents.first() {
            Some(parent) => Some(self.find_commit(parent)?.tree()?),
            None => None,
        };
        let tree = self.find_commit(&commit.id)?.tree()?;
        Ok(self.wrote(parent.as_ref(), &tree)? == said)
    }

    /// Returns the digest of what differs between two trees, `sha256:<hex>`: for each path,
    /// in the order of its bytes, its mode, its blob and the path.
    pub(super) fn wrote(
        &self,
        parent: Option<&Tree<'_>>,
        tree: &Tree<'_>,
    ) -> Result<String, GitError> {
        let mut options = git2::DiffOptions::new();
        options.include_typechange(true).ignore_submodules(false);
        let repo = self.libgit2();
        let diff = repo.diff_tree_to_tree(parent, Some(tree), Some(&mut options))?;
        let mut lines: Vec<(Vec<u8>, String)> = Vec::new();
        for delta in diff.deltas() {
            let new = delta.new_file();
            let path = new.path_bytes().or(delta.old_file().path_bytes());
            let what = match delta.status() {
                Delta::Deleted => "- -".to_owned(),
                _ => format!("{:o} {}", i32::from(mode(new.mode())), new.id()),
            };
            lines.push((path.unwrap_or_default().to_vec(), what));
        }
        lines.sort();
        let mut digest = Sha256::new();
        digest.update("gitops-wrote 1\n");
        for (path, what) in &lines {
            digest.update(what);
            digest.update(" ");
            digest.update(path);
            digest.update("\0");
        }
        let mut text = "sha256:".to_owned();
        for byte in digest.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(text)
    }
}

/// Old trees have modes such as 100664, which Git reads as 100644.
fn mode(mode: FileMode) -> FileMode {
    match mode {
        FileMode::BlobGroupWritable => FileMode::Blob,
        other => other,
    }
}
