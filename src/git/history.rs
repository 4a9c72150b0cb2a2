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
        let fresh = self.renewed()?;
        let repo = fresh.as_ref().unwrap_or(self.libgit2());
        Ok(self.log_in(repo, from, limit)?.0)
    }

    /// The same; a shallow repository asks for more history until there are as
    /// many as wanted.
    pub fn log_far(&self, from: &CommitId, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        loop {
            let (commits, cut) = self.log_in(&self.fresh()?, from, Some(limit))?;
            if !cut || !self.deepen(&[from])? {
                return Ok(commits);
            }
        }
    }

    /// And whether there were fewer because a shallow repository ends there.
    fn log_in(
        &self,
        repo: &git2::Repository,
        from: &CommitId,
        limit: Option<usize>,
    ) -> Result<(Vec<CommitInfo>, bool), GitError> {
        let mut commits = Vec::new();
        self.check_loose(object_id(from.as_str())?)?;
        let mut commit = found_in(repo, from)?;
        while limit.is_none_or(|limit| commits.len() < limit) {
            commits.push(info(&commit)?);
            match self.first_parent(&commit)? {
                Some(parent) => commit = parent,
                None => return Ok((commits, !named_parents(&commit).is_empty())),
            }
        }
        Ok((commits, false))
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
    /// or a folder) against their first parent, until told to stop. Where a
    /// shallow repository's history ends, the remote is asked for more of it.
    pub fn visit_history(
        &self,
        from: &CommitId,
        path: &RepoPath,
        visit: &mut dyn FnMut(FileVersion) -> bool,
    ) -> Result<(), GitError> {
        let mut at = from.clone();
        let mut deeper = self.is_shallow();
        loop {
            let fresh = self.renewed()?;
            let repo = fresh.as_ref().unwrap_or(self.libgit2());
            match self.walk(repo, (&at, path), deeper, visit)? {
                None => return Ok(()),
                Some(end) => {
                    deeper = self.deepen(&[from])?;
                    at = end;
                }
            }
        }
    }

    /// Walks until told to stop, or to the beginning; or, when `deeper`, to the
    /// commit at which a shallow repository ends, which is not visited.
    fn walk(
        &self,
        repo: &git2::Repository,
        (from, path): (&CommitId, &RepoPath),
        deeper: bool,
        visit: &mut dyn FnMut(FileVersion) -> bool,
    ) -> Result<Option<CommitId>, GitError> {
        self.check_loose(object_id(from.as_str())?)?;
        let mut commit = found_in(repo, from)?;
        let mut chain = self.chain(&commit, path, &[])?;
        loop {
            let parent = self.first_parent(&commit)?;
            let cut = parent.is_none() && !named_parents(&commit).is_empty();
            if cut && deeper {
                return commit_id(commit.id()).map(Some);
            }
            let below = match &parent {
                Some(parent) => self.chain(parent, path, &chain)?,
                None => Vec::new(),
            };
            let (ours, theirs) = (leaf(&chain, path), leaf(&below, path));
            if ours != theirs {
                let version = FileVersion {
                    at_boundary: cut,
                    blob: ours.map(blob_id_of).transpose()?,
                    commit: info(&commit)?,
                };
                if !visit(version) {
                    return Ok(None);
                }
            }
            match parent {
                Some(parent) => (commit, chain) = (parent, below),
                None => return Ok(None),
            }
        }
    }

    /// The first parent; `None` at the beginning and at a shallow boundary.
    pub(super) fn first_parent<'a>(
        &self,
        commit: &git2::Commit<'a>,
    ) -> Result<Option<git2::Commit<'a>>, GitError> {
        if commit.parent_count() == 0 {
            return Ok(None);
        }
        self.check_loose(commit.parent_id(0)?)?;
        match commit.parent(0) {
            // The library may know the boundary as it was before a fetch.
            Err(error) if error.code() == git2::ErrorCode::NotFound && self.is_shallow() => {
                self.check_copy().map(|()| None)
            }
            parent => Ok(Some(parent?)),
        }
    }

    /// The ids from the root tree down to the path, as far as they exist. Ids
    /// that `newer` has at the same depth lead to the same things, and are
    /// not looked up again.
    pub(super) fn chain(
        &self,
        commit: &git2::Commit<'_>,
        path: &RepoPath,
        newer: &[Oid],
    ) -> Result<Vec<Oid>, GitError> {
        match self.chain_in(commit.tree_id(), path, newer) {
            Err(GitError::MissingObject { .. }) if self.is_partial() => {
                self.fetch_trees_from(commit)?;
                self.chain_in(commit.tree_id(), path, newer)
            }
            chain => chain,
        }
    }

    fn chain_in(&self, tree: Oid, path: &RepoPath, newer: &[Oid]) -> Result<Vec<Oid>, GitError> {
        let mut chain = vec![tree];
        if newer.first() == Some(&tree) {
            return Ok(newer.to_vec());
        }
        self.check_loose(tree)?;
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
            self.check_loose(id)?;
            current = self.libgit2().find_tree(id)?;
        }
        Ok(chain)
    }

    /// Whether `old` is `new` or one of its ancestors. `false` as well where
    /// a shallow clone cannot tell.
    pub fn contains(&self, new: &CommitId, old: &CommitId) -> Result<bool, GitError> {
        if new == old {
            return Ok(true);
        }
        let (new, old) = (object_id(new.as_str())?, object_id(old.as_str())?);
        match self.fresh()?.graph_descendant_of(new, old) {
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                self.check_copy().map(|()| false)
            }
            result => Ok(result?),
        }
    }
}

pub(super) fn leaf(chain: &[Oid], path: &RepoPath) -> Option<Oid> {
    chain.get(path.segments().count()).copied()
}

fn found_in<'a>(repo: &'a git2::Repository, id: &CommitId) -> Result<git2::Commit<'a>, GitError> {
    repo.find_commit(object_id(id.as_str())?)
        .map_err(|error| match error.code() {
            git2::ErrorCode::NotFound => GitError::MissingObject { id: id.to_string() },
            _ => error.into(),
        })
}

/// The parents that a commit's own text names. At the boundary of a shallow clone
/// the library hides them.
pub(super) fn named_parents(commit: &git2::Commit<'_>) -> Vec<CommitId> {
    let header = String::from_utf8_lossy(commit.raw_header_bytes()).into_owned();
    header
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("parent "))
        .filter_map(|id| id.parse().ok())
        .collect()
}

fn info(commit: &git2::Commit<'_>) -> Result<CommitInfo, GitError> {
    let parents = named_parents(commit);
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
