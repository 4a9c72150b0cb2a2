//! Pull requests as a forge shows them to Git: `refs/pull/<number>/head`.
//! Read only, but for a reference that a remote made of what was meant as one.
//! And whether what a commit proposed has arrived, by whatever way.

use super::fetch::{NARROW, unreachable};
use super::{Git, GitError, Remote};
use crate::repo::{CommitId, ObjectId, RefName};

impl Git {
    /// The pull requests of a remote, closed and merged ones among them, with
    /// the commit that each offers; newest first.
    pub fn ask_pull_requests(&self, remote: &Remote) -> Result<Vec<(u64, CommitId)>, GitError> {
        let answer = self.ls_remote(remote, &[], &["refs/pull/*/head".to_owned()])?;
        let mut found: Vec<(u64, CommitId)> = answer
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(id, name)| {
                let number = name.strip_prefix("refs/pull/")?.strip_suffix("/head")?;
                Some((number.parse().ok()?, id.parse().ok()?))
            })
            .collect();
        found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        Ok(found)
    }

    /// Brings the commits of these pull requests here; no reference is kept.
    pub fn fetch_pull_requests(&self, remote: &Remote, numbers: &[u64]) -> Result<(), GitError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let depth = self.is_shallow().then_some("--depth=1");
        let names = numbers
            .iter()
            .map(|number| format!("refs/pull/{number}/head"));
        let output = self
            .call_to(remote, &[], "fetch")
            .args(&NARROW[..5])
            .args(depth)
            .args(["--", remote.name()])
            .args(names)
            .run()?;
        match output.ok() {
            true => Ok(()),
            false => Err(self.not_fetched(remote, output.stderr)),
        }
    }

    /// Whether one of these commits has every file that a commit changed as
    /// that one has it: a squash or a rebase leaves the files, if not the commit.
    pub fn arrived(&self, proposed: &CommitId, among: &[CommitId]) -> Result<bool, GitError> {
        let commit = self.find_commit(proposed)?;
        let tree = commit.tree()?;
        let before = match commit.parent_count() {
            0 => None,
            _ => Some(commit.parent(0)?.tree()?),
        };
        let repo = self.libgit2();
        let diff = repo.diff_tree_to_tree(before.as_ref(), Some(&tree), None)?;
        let changed: Vec<_> = diff
            .deltas()
            .filter_map(|delta| {
                let path = delta
                    .new_file()
                    .path()
                    .or_else(|| delta.old_file().path())?;
                let id = tree.get_path(path).ok().map(|entry| entry.id());
                Some((path.to_owned(), id))
            })
            .collect();
        for other in among {
            let tree = self.find_commit(other)?.tree()?;
            let same = |(path, id): &(std::path::PathBuf, Option<git2::Oid>)| {
                tree.get_path(path).ok().map(|entry| entry.id()) == *id
            };
            if changed.iter().all(same) {
                return Ok(!changed.is_empty());
            }
        }
        Ok(false)
    }

    /// Whether a commit is here.
    pub fn has(&self, id: &CommitId) -> bool {
        self.commit(id).is_ok()
    }

    /// Takes a reference away from the remote again, if it stands where this
    /// run put it.
    pub fn withdraw(&self, remote: &Remote, name: &RefName, at: &ObjectId) -> Result<(), GitError> {
        let name = name.reference();
        let output = self
            .call_push(remote)
            .args(["--porcelain", "--no-follow-tags"])
            .args([format!("--force-with-lease={name}:{at}")])
            .args(["--", remote.name(), &format!(":{name}")])
            .run()?;
        match output.ok() {
            true => Ok(()),
            false => Err(unreachable(remote, output.stderr)),
        }
    }
}
