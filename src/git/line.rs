//! The first-parent line of a branch, limited to some paths: the commits that changed one
//! of them, newest first. One walk serves all paths.

use std::collections::BTreeSet;

use super::open::commit_id;
use super::read::object_id;
use super::{Git, GitError};
use crate::repo::{CommitId, CommitInfo, RepoPath};

/// What a walk along a line looks at.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The newest commit.
    pub from: &'a CommitId,
    /// A folder that holds all the paths: where it did not change, none of them did.
    pub folder: &'a RepoPath,
    /// Files and folders.
    pub paths: &'a [RepoPath],
    /// Commits that are handed over whatever they changed.
    pub stops: &'a BTreeSet<CommitId>,
    /// How many commits are walked along at most.
    pub commits: usize,
    /// How many places in trees are looked up at most; a hundred thousand take about a
    /// second.
    pub lookups: usize,
}

/// A commit on a line.
#[derive(Debug, Clone)]
pub struct Step {
    /// The commit.
    pub commit: CommitInfo,
    /// How many commits of the line are newer.
    pub depth: usize,
}

/// Where a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnd {
    /// At the first commit.
    Root,
    /// Whoever looks at the commits had seen enough.
    Stopped,
    /// At one of the bounds; when the last commit was made, in seconds since 1970.
    Bound(i64),
    /// At the edge of a shallow clone that cannot be deepened; likewise.
    Shallow(i64),
}

impl Git {
    /// Hands over the commits of a line that changed one of the paths against their first
    /// parent, newest first, until told to stop. The first commit of a line, and the last
    /// one before the edge of a shallow clone, are handed over as they are.
    ///
    /// # Errors
    /// A commit or a tree can't be read.
    pub fn visit_line(
        &self,
        line: Line<'_>,
        visit: &mut dyn FnMut(Step) -> Result<bool, GitError>,
    ) -> Result<LineEnd, GitError> {
        let mut lookups = 0;
        let mut at = line.from.clone();
        let mut depth = 0;
        loop {
            let fresh = self.renewed()?;
            let repo = fresh.as_ref().unwrap_or(self.libgit2());
            self.check_loose(object_id(at.as_str())?)?;
            let mut commit = repo.find_commit(object_id(at.as_str())?)?;
            let mut chains = Chains::of(self, &commit, &line, None)?;
            let cut_at = loop {
                let parent = self.first_parent(&commit)?;
                let cut = parent.is_none() && !super::history::named_parents(&commit).is_empty();
                if cut && self.is_shallow() && self.deepen(&[line.from])? {
                    break commit_id(commit.id())?;
                }
                let below = match &parent {
                    Some(parent) => Some(Chains::of(self, parent, &line, Some(&chains))?),
                    None => None,
                };
                let id = commit_id(commit.id())?;
                let changed = below
                    .as_ref()
                    .is_none_or(|below| !below.same(&chains, &line));
                if changed || line.stops.contains(&id) {
                    let commit = self.commit(&id)?;
                    if !visit(Step { commit, depth })? {
                        return Ok(LineEnd::Stopped);
                    }
                }
                let seconds = commit.committer().when().seconds();
                let (Some(parent), Some(below)) = (parent, below) else {
                    return Ok(match cut {
                        true => LineEnd::Shallow(seconds),
                        false => LineEnd::Root,
                    });
                };
                depth += 1;
                lookups += below.lookups;
                if depth >= line.commits || lookups > line.lookups {
                    return Ok(LineEnd::Bound(seconds));
                }
                (commit, chains) = (parent, below);
            };
            at = cut_at;
        }
    }
}

/// The ids on the way to the folder and to each path, at one commit.
struct Chains {
    /// How many places were looked up for it.
    lookups: usize,
    folder: Vec<git2::Oid>,
    paths: Vec<Vec<git2::Oid>>,
}

impl Chains {
    fn of(
        git: &Git,
        commit: &git2::Commit<'_>,
        line: &Line<'_>,
        newer: Option<&Self>,
    ) -> Result<Self, GitError> {
        let known = newer.map_or(&[][..], |newer| &newer.folder);
        let folder = git.chain(commit, line.folder, known)?;
        if let Some(newer) = newer
            && super::history::leaf(&folder, line.folder)
                == super::history::leaf(&newer.folder, line.folder)
        {
            return Ok(Self {
                lookups: 1,
                folder,
                paths: newer.paths.clone(),
            });
        }
        let paths = line.paths.iter().enumerate().map(|(index, path)| {
            let known = newer.map_or(&[][..], |newer| &newer.paths[index]);
            git.chain(commit, path, known)
        });
        let paths: Vec<_> = paths.collect::<Result<_, GitError>>()?;
        Ok(Self {
            lookups: 1 + paths.len(),
            folder,
            paths,
        })
    }

    /// Whether every path leads to the same at both commits.
    fn same(&self, other: &Self, line: &Line<'_>) -> bool {
        let mut all = line.paths.iter().zip(self.paths.iter().zip(&other.paths));
        all.all(|(path, (one, other))| {
            super::history::leaf(one, path) == super::history::leaf(other, path)
        })
    }
}
