//! Moving local branches by compare-and-swap. A branch that is checked out is
//! fast-forwarded together with its files when its work tree is clean, and
//! left alone when it is not.

use std::path::PathBuf;

use super::{Git, GitError, Head, PushOutcome, RefMove};
use crate::repo::{BranchName, CommitId, ObjectFormat, ObjectId, RefName};

/// What became of the local branch of a commit that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalRef {
    /// It stands at the new commit, with its files when it is checked out.
    Moved,
    /// It is checked out with uncommitted changes and was left alone.
    LeftDirty,
    /// It has commits of its own and was left alone.
    LeftAhead,
    /// There is no local branch of that name.
    Absent,
}

/// A work tree that has the branch checked out.
struct CheckedOut {
    branch: BranchName,
    work_tree: PathBuf,
    git_dir: PathBuf,
}

impl CheckedOut {
    fn dirty(&self) -> GitError {
        GitError::DirtyWorkTree {
            branch: self.branch.clone(),
            work_tree: self.work_tree.clone(),
        }
    }
}

impl Git {
    /// Brings the local branch of this name to a published commit, when that
    /// loses nothing.
    pub fn move_local(&self, branch: &BranchName, new: &CommitId) -> Result<LocalRef, GitError> {
        if self.copied().is_some() {
            return Ok(LocalRef::Absent);
        }
        let old = self.tip(None, branch)?;
        match &old {
            None if self.head()? != Head::Unborn(branch.clone()) => return Ok(LocalRef::Absent),
            Some(old) if old == new => return Ok(LocalRef::Moved),
            Some(old) if !self.contains(new, old)? => return Ok(LocalRef::LeftAhead),
            _ => {}
        }
        let step = RefMove {
            name: branch.clone().into(),
            expected: old.map(ObjectId::from),
            new: new.clone().into(),
        };
        match self.move_refs(std::slice::from_ref(&step)) {
            Ok(PushOutcome::Pushed) => Ok(LocalRef::Moved),
            Ok(_) => Ok(LocalRef::LeftAhead),
            Err(GitError::DirtyWorkTree { .. }) => Ok(LocalRef::LeftDirty),
            Err(error) => Err(error),
        }
    }

    /// Moves local branches and tags, all or none, with the files of clean work trees
    /// that have them checked out. [`GitError::DirtyWorkTree`] when one is not
    /// clean; nothing has moved then.
    pub fn move_refs(&self, moves: &[RefMove]) -> Result<PushOutcome, GitError> {
        let stale = self.stale(moves)?;
        if !stale.is_empty() {
            return Ok(PushOutcome::Stale(stale));
        }
        let mut places = Vec::new();
        for step in moves {
            let RefName::Branch(branch) = &step.name else {
                continue;
            };
            if let Some(place) = self.checked_out(branch)? {
                if self.is_dirty_at(&place.git_dir, &place.work_tree)? {
                    return Err(place.dirty());
                }
                places.push((place, step));
            }
        }
        // Files first: a run that is killed in between leaves the new files
        // staged on the old commit, and repeating it completes the move.
        for (done, (place, step)) in places.iter().enumerate() {
            if self.read_tree(place, step.expected.as_ref(), &step.new)? {
                continue;
            }
            self.put_back(&places[..done]);
            return Err(place.dirty());
        }
        let orders: String = moves
            .iter()
            .map(|step| match &step.expected {
                Some(old) => format!("update {} {} {old}\n", step.name.reference(), step.new),
                None => format!("create {} {}\n", step.name.reference(), step.new),
            })
            .collect();
        let output = self
            .call("update-ref")
            .args(["-m", "kubectl-gitops", "--stdin"])
            .input(orders)
            .run()?;
        if output.ok() {
            return Ok(PushOutcome::Pushed);
        }
        self.put_back(&places);
        let stale = self.stale(moves)?;
        if stale.is_empty() {
            return Err(GitError::Program {
                command: "update-ref".to_owned(),
                message: output.stderr,
            });
        }
        Ok(PushOutcome::Stale(stale))
    }

    fn stale(&self, moves: &[RefMove]) -> Result<Vec<RefName>, GitError> {
        let mut stale = Vec::new();
        for step in moves {
            let stands = match &step.name {
                RefName::Branch(branch) => self.tip(None, branch)?.map(ObjectId::from),
                // A tag moves nowhere: it is made, or it is in the way.
                RefName::Tag(name) => self.tag(name)?.map(ObjectId::from),
                RefName::Review(_) => None,
            };
            if stands != step.expected {
                stale.push(step.name.clone());
            }
        }
        Ok(stale)
    }

    fn put_back(&self, places: &[(CheckedOut, &RefMove)]) {
        for (place, step) in places {
            // Nothing more can be done about a second failure, and the first
            // one is what gets reported.
            let _ = match &step.expected {
                Some(old) => self.read_tree(place, Some(&step.new), old),
                None => Ok(true),
            };
        }
    }

    /// Brings index and files from one commit to another, keeping files that
    /// do not differ between the two. `false` when something is in the way.
    fn read_tree(
        &self,
        place: &CheckedOut,
        old: Option<&ObjectId>,
        new: &ObjectId,
    ) -> Result<bool, GitError> {
        let empty = match self.object_format() {
            ObjectFormat::Sha1 => "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
            ObjectFormat::Sha256 => {
                "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
            }
        };
        let old = old.map_or(empty, ObjectId::as_str);
        let output = self
            .call_at(&place.git_dir, Some(&place.work_tree), &[], "read-tree")
            .args(["-m", "-u", old, new.as_str()])
            .run()?;
        Ok(output.ok())
    }

    /// What `git worktree list` says, and what ends its lines: `-z` came with Git 2.36.
    fn list_work_trees(&self) -> Result<(Vec<u8>, u8), GitError> {
        let list = || self.call("worktree").args(["list", "--porcelain"]);
        match list().args(["-z"]).answer() {
            Ok(fields) => Ok((fields, 0)),
            Err(GitError::Program { .. }) => Ok((list().answer()?, b'\n')),
            Err(error) => Err(error),
        }
    }

    /// The work tree, this one or a linked one, that has the branch checked out.
    fn checked_out(&self, branch: &BranchName) -> Result<Option<CheckedOut>, GitError> {
        let (list, end) = self.list_work_trees()?;
        let wanted = format!("branch {}", branch.reference());
        // Each work tree is a few fields; its path may hold any byte but NUL.
        let mut path = None;
        for field in list.split(|byte| *byte == end) {
            if let Some(found) = field.strip_prefix(b"worktree ") {
                path = Some(found);
            }
            let Some(path) = path.filter(|_| field == wanted.as_bytes()) else {
                continue;
            };
            // A work tree that was deleted by hand is still listed.
            let Ok(place) = git2::Repository::open(as_path(path)) else {
                continue;
            };
            if let Some(work_tree) = place.workdir() {
                return Ok(Some(CheckedOut {
                    branch: branch.clone(),
                    work_tree: work_tree.to_owned(),
                    git_dir: place.path().to_owned(),
                }));
            }
        }
        Ok(None)
    }
}

#[cfg(unix)]
fn as_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt as _;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}
