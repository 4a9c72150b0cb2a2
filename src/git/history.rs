//! Walking along first parents: a branch's own story. Objects only; where a
//! shallow clone's history ends is told apart from its beginning.

use git2::Oid;

use super::open::commit_id;
use super::read::{blob_id_of, kind_of, object_id};
use super::{Git, GitError};
use crate::repo::{BlobId, CommitId, CommitInfo, CommitMessage, RepoPath, Signature};

/// A commit that gave a path another content than its first parent has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    /// The commit.
    pub commit: CommitInfo,
    /// The content since then; `None`: the commit removed the path.
    pub blob: Option<BlobId>,
    /// A shallow clone ends here: the content may be older than this commit.
    pub at_boundary: bool,
}

impl Git {
    /// What one commit says about itself.
    pub fn commit(&self, id: &CommitId) -> Result<CommitInfo, GitError> {
        info(&self.find_commit(id)?)
    }

    /// The commits from here along first parents, newest first.
    pub fn log(&self, from: &CommitId, limit: Option<usize>) -> Result<Vec<CommitInfo>, GitError> {
        let mut commits = Vec::new();
        let mut next = Some(self.find_commit(from)?);
        while let Some(commit) = next {
            if limit.is_some_and(|limit| commits.len() >= limit) {
                break;
            }
            commits.push(info(&commit)?);
            next = self.first_parent(&commit)?;
        }
        Ok(commits)
    }

    /// Whether this commit has parents that are not in this clone, because
    /// the clone is shallow.
    pub fn is_boundary(&self, commit: &CommitInfo) -> bool {
        !commit.parents.is_empty()
            && self
                .find_commit(&commit.id)
                .and_then(|found| self.first_parent(&found).map(|parent| parent.is_none()))
                .unwrap_or(false)
    }

    /// The commits, newest first, that changed this path (a file or a folder)
    /// against their first parent.
    pub fn file_history(
        &self,
        from: &CommitId,
        path: &RepoPath,
        limit: Option<usize>,
    ) -> Result<Vec<FileVersion>, GitError> {
        let mut versions = Vec::new();
        if limit != Some(0) {
            self.visit_history(from, path, &mut |version| {
                versions.push(version);
                limit.is_none_or(|limit| versions.len() < limit)
            })?;
        }
        Ok(versions)
    }

    /// Hands over, newest first, the commits that changed this path (a file
    /// or a folder) against their first parent, until told to stop.
    pub fn visit_history(
        &self,
        from: &CommitId,
        path: &RepoPath,
        visit: &mut dyn FnMut(FileVersion) -> bool,
    ) -> Result<(), GitError> {
        let mut commit = self.find_commit(from)?;
        let mut chain = self.chain(commit.tree_id(), path, &[])?;
        loop {
            let parent = self.first_parent(&commit)?;
            let below = match &parent {
                Some(parent) => self.chain(parent.tree_id(), path, &chain)?,
                None => Vec::new(),
            };
            let (ours, theirs) = (leaf(&chain, path), leaf(&below, path));
            if ours != theirs {
                let commit = info(&commit)?;
                let version = FileVersion {
                    at_boundary: parent.is_none() && !commit.parents.is_empty(),
                    blob: ours.map(blob_id_of).transpose()?,
                    commit,
                };
                if !visit(version) {
                    return Ok(());
                }
            }
            match parent {
                Some(parent) => (commit, chain) = (parent, below),
                None => return Ok(()),
            }
        }
    }

    /// The first parent; `None` at the beginning and at a shallow boundary.
    fn first_parent<'a>(
        &self,
        commit: &git2::Commit<'a>,
    ) -> Result<Option<git2::Commit<'a>>, GitError> {
        if commit.parent_count() == 0 {
            return Ok(None);
        }
        match commit.parent(0) {
            // The library may know the boundary as it was before a fetch.
            Err(error) if error.code() == git2::ErrorCode::NotFound && self.is_shallow() => {
                Ok(None)
            }
            parent => Ok(Some(parent?)),
        }
    }

    /// The ids from the root tree down to the path, as far as they exist. Ids
    /// that `newer` has at the same depth lead to the same things, and are
    /// not looked up again.
    fn chain(&self, tree: Oid, path: &RepoPath, newer: &[Oid]) -> Result<Vec<Oid>, GitError> {
        let mut chain = vec![tree];
        if newer.first() == Some(&tree) {
            return Ok(newer.to_vec());
        }
        let mut current = self.libgit2().find_tree(tree)?;
        let segments: Vec<&str> = path.segments().collect();
        for (depth, segment) in segments.iter().enumerate() {
            let Some((id, kind)) = current
                .get_name(segment)
                .map(|entry| (entry.id(), kind_of(entry.filemode())))
            else {
                break;
            };
            let is_last = depth + 1 == segments.len();
            if kind.is_none() && newer.get(depth + 1) == Some(&id) {
                return Ok(chain
                    .into_iter()
                    .chain(newer[depth + 1..].iter().copied())
                    .collect());
            }
            chain.push(id);
            if is_last || kind.is_some() {
                break;
            }
            current = self.libgit2().find_tree(id)?;
        }
        Ok(chain)
    }

    /// The commit that two histories have in common, if they have one.
    /// [`GitError::HistoryCut`] when a shallow clone cannot tell.
    pub fn merge_base(
        &self,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<Option<CommitId>, GitError> {
        let (one, other) = (object_id(one.as_str())?, object_id(other.as_str())?);
        match self.fresh()?.merge_base(one, other) {
            Ok(base) => commit_id(base).map(Some),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                if self.is_shallow() {
                    Err(GitError::HistoryCut)
                } else {
                    Ok(None)
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The repository opened anew. The library reads a shallow clone's boundary
    /// once, and a fetch may have moved it since.
    fn fresh(&self) -> Result<git2::Repository, GitError> {
        Ok(git2::Repository::open(self.git_dir())?)
    }

    /// Whether `old` is `new` or one of its ancestors. `false` as well where
    /// a shallow clone cannot tell.
    pub fn contains(&self, new: &CommitId, old: &CommitId) -> Result<bool, GitError> {
        if new == old {
            return Ok(true);
        }
        let (new, old) = (object_id(new.as_str())?, object_id(old.as_str())?);
        match self.fresh()?.graph_descendant_of(new, old) {
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(false),
            result => Ok(result?),
        }
    }
}

fn leaf(chain: &[Oid], path: &RepoPath) -> Option<Oid> {
    chain.get(path.segments().count()).copied()
}

fn info(commit: &git2::Commit<'_>) -> Result<CommitInfo, GitError> {
    // At the boundary of a shallow clone the library hides the parents; the
    // commit's own text still names them.
    let header = String::from_utf8_lossy(commit.raw_header_bytes()).into_owned();
    let parents = header
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("parent "))
        .filter_map(|id| id.parse().ok())
        .collect();
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    Ok(CommitInfo {
        id: commit_id(commit.id())?,
        parents,
        author: signature(&commit.author()),
        committer: signature(&commit.committer()),
        message: CommitMessage::parse(&message),
    })
}

fn signature(found: &git2::Signature<'_>) -> Signature {
    Signature {
        name: String::from_utf8_lossy(found.name_bytes()).into_owned(),
        email: String::from_utf8_lossy(found.email_bytes()).into_owned(),
        seconds: found.when().seconds(),
        offset_minutes: found.when().offset_minutes(),
    }
}
