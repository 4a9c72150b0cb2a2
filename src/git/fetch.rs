//! Asking the remote: fetching branches, single objects of a partial clone,
//! and where its references stand. Everything runs through the `git` program;
//! it writes remote-tracking references and objects and nothing else.

use std::time::Duration;

use super::copy::Access;
use super::open::branch_name;
use super::{Git, GitError, Notice, Remote, pause};
use crate::repo::{BranchName, ObjectFormat, ObjectId, RefName};

/// The narrow fetch: no tags, no `FETCH_HEAD`, no submodules, and no maintenance that
/// would make the user wait. It says how far it is, which tells a long one from one that
/// stands still.
pub(super) const NARROW: [&str; 6] = [
    "--progress",
    "--no-tags",
    "--no-write-fetch-head",
    "--recurse-submodules=no",
    "--no-auto-maintenance",
    "--prune",
];

/// The branches that hold environments and `gitops.yaml` where people name them
/// as `init` does: tried before the names are known.
const LIKELY: [&str; 4] = [
    "+HEA*D:refs/kubectl-gitops/HEA*D",
    "+refs/heads/mai*n:refs/remotes/origin/mai*n",
    "+refs/heads/maste*r:refs/remotes/origin/maste*r",
    "+refs/heads/env/*:refs/remotes/origin/env/*",
];

/// Where a copy keeps what the remote's `HEAD` points at.
pub(super) const REMOTE_HEAD: &str = "refs/kubectl-gitops/HEAD";

/// How often a fetch is tried that meets locks of Git's own, and the pause between.
const TRIES: u32 = 12;
const PAUSE: Duration = Duration::from_millis(120);

impl Git {
    /// Brings the remote-tracking references of these branches up to date, in
    /// one round trip. A branch that the remote does not have is no error: its
    /// tracking reference goes away. In a shallow clone a branch that was
    /// never fetched comes with its newest commit only.
    pub fn fetch(&self, remote: &Remote, branches: &[BranchName]) -> Result<(), GitError> {
        let (mut known, mut new) = self.refspecs(remote, branches)?;
        if self.copied().is_some() {
            let first = self.cuts() && self.remote_head()?.is_none();
            let list = if first { &mut new } else { &mut known };
            list.push(LIKELY[0].to_owned());
        }
        self.fetch_both(remote, &known, &new)
    }

    /// The same for branches that turn out to be needed as well, right after.
    pub fn fetch_also(&self, remote: &Remote, branches: &[BranchName]) -> Result<(), GitError> {
        let (known, new) = self.refspecs(remote, branches)?;
        self.fetch_both(remote, &known, &new)
    }

    /// Those of the branches that come with what happened since, and those that
    /// come with their newest commit only.
    fn refspecs(
        &self,
        remote: &Remote,
        branches: &[BranchName],
    ) -> Result<(Vec<String>, Vec<String>), GitError> {
        let (mut known, mut new) = (Vec::new(), Vec::new());
        for branch in branches {
            let cut = self.cuts() && self.tip(Some(remote), branch)?.is_none();
            let list = if cut { &mut new } else { &mut known };
            list.push(refspec(remote, branch));
        }
        Ok((known, new))
    }

    /// The first fetch into a copy: what is likely to be needed, in one round trip.
    pub fn fetch_likely(&self, remote: &Remote) -> Result<(), GitError> {
        self.fetch_both(remote, &[], &LIKELY.map(str::to_owned))
    }

    /// Whether branches come with their newest commit only.
    fn cuts(&self) -> bool {
        self.is_shallow() || self.copied().is_some() && !self.is_whole()
    }

    fn fetch_both(
        &self,
        remote: &Remote,
        known: &[String],
        new: &[String],
    ) -> Result<(), GitError> {
        let wanted = [known, new].concat();
        let access = self.turn(&wanted)?;
        if matches!(access, Access::Done) {
            return Ok(());
        }
        // «--depth» also cuts what is already here, so it is given only for
        // branches of which nothing is here.
        if !known.is_empty() {
            self.fetch_refs(remote, &[], known)?;
        }
        if !new.is_empty() {
            self.fetch_new(remote, new)?;
        }
        if let Access::Turn(turn) = access {
            turn.finish(&wanted);
        }
        // Only for saying how old the last known state is; a repository that
        // may not be written to is asked all the same.
        let _ = std::fs::write(self.stamp(remote), "");
        Ok(())
    }

    /// The newest commits of these; from a remote that knows no shallow
    /// repositories, all that led to them.
    fn fetch_new(&self, remote: &Remote, refspecs: &[String]) -> Result<(), GitError> {
        if self.is_whole() {
            return self.fetch_refs(remote, &[], refspecs);
        }
        match self.fetch_refs(remote, &["--depth=1"], refspecs) {
            Err(GitError::Unreachable { message, .. })
                if message.contains("shallow") && !is_held_up(&message) =>
            {
                self.tell(&Notice::WholeHistory {
                    remote: remote.shown().to_owned(),
                });
                self.fetch_refs(remote, &[], refspecs)?;
                self.note_whole();
                Ok(())
            }
            result => result,
        }
    }

    /// A file whose time says when this remote was last asked.
    fn stamp(&self, remote: &Remote) -> std::path::PathBuf {
        let name = remote.name().replace('/', "-");
        let folder = self.libgit2().commondir();
        folder.join(format!("kubectl-gitops-fetched-{name}"))
    }

    /// When the remote was last asked, in seconds since 1970; `None` when
    /// nothing tells.
    pub fn last_fetched(&self, remote: &Remote) -> Option<i64> {
        let seconds = |path: std::path::PathBuf| {
            let changed = std::fs::metadata(path).ok()?.modified().ok()?;
            let since = changed.duration_since(std::time::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_secs()).ok()
        };
        let common = self.libgit2().commondir();
        [self.stamp(remote), common.join("FETCH_HEAD")]
            .into_iter()
            .filter_map(seconds)
            .max()
    }

    pub(super) fn fetch_refs(
        &self,
        remote: &Remote,
        options: &[&str],
        refspecs: &[String],
    ) -> Result<(), GitError> {
        for turn in 1.. {
            let running = self
                .call_to(remote, &[], "fetch")
                .args(NARROW)
                .args(options)
                .args(["--", remote.name()])
                .args(refspecs)
                .start()?;
            if let Some(work) = self.meanwhile.take() {
                work();
            }
            let output = running.finish()?;
            // With a depth, Git ends like this where none of the names is there.
            let nothing = output.code == Some(1) && output.stderr.is_empty();
            if output.ok() || nothing && !options.is_empty() {
                break;
            }
            if self.follow(remote, &output.stderr)? {
                continue;
            }
            // Another run may be pushing from here.
            if turn >= TRIES || !is_held_up(&output.stderr) {
                return Err(self.not_fetched(remote, output.stderr));
            }
            pause(PAUSE);
        }
        Ok(())
    }

    /// Brings objects that a partial clone left out, in one round trip.
    pub(super) fn fetch_objects(&self, ids: &[String]) -> Result<(), GitError> {
        let missing = || GitError::MissingObject {
            id: ids.first().cloned().unwrap_or_default(),
        };
        let Some(remote) = self.promisor()? else {
            return Err(missing());
        };
        let output = self
            .call_to(&remote, &["fetch.negotiationAlgorithm=noop"], "fetch")
            .args(&NARROW[..5])
            .args(["--filter=blob:none", "--stdin", "--", remote.name()])
            .input(ids.join("\n") + "\n")
            .run()?;
        if output.ok() {
            Ok(())
        } else {
            Err(self.not_fetched(&remote, output.stderr))
        }
    }

    /// Why a fetch failed: it is the remote's fault, or the way there, unless this
    /// machine could not store what came.
    pub(super) fn not_fetched(&self, remote: &Remote, message: String) -> GitError {
        if let Err(lost) = self.check_copy() {
            return lost;
        }
        match cannot_store(&message) {
            true => GitError::NotStored {
                remote: remote.shown().to_owned(),
                dir: self.git_dir().to_owned(),
                message,
            },
            false => unreachable(remote, message),
        }
    }

    /// Whether objects may be missing that a remote has promised.
    pub fn is_partial(&self) -> bool {
        matches!(self.promisor(), Ok(Some(_)))
    }

    /// The remote that promised the objects which are not here.
    fn promisor(&self) -> Result<Option<Remote>, GitError> {
        let config = self.libgit2().config()?;
        let names = self.libgit2().remotes()?;
        for name in names.iter().flatten().flatten() {
            if config
                .get_bool(&format!("remote.{name}.promisor"))
                .unwrap_or(false)
            {
                return self.remote(Some(name));
            }
        }
        Ok(None)
    }

    /// The hash function of the remote's ids; `None` while it has no commit.
    pub(super) fn ask_format(&self, remote: &Remote) -> Result<Option<ObjectFormat>, GitError> {
        let answer = self.ls_remote(remote, &[], &[])?;
        let id = answer.split('\t').next().map(str::trim);
        Ok(match id.map(str::len) {
            Some(64) => Some(ObjectFormat::Sha256),
            Some(40) => Some(ObjectFormat::Sha1),
            _ => None,
        })
    }

    pub(super) fn ask_default_branch(&self, remote: &Remote) -> Result<BranchName, GitError> {
        let answer = self.ls_remote(remote, &["--symref"], &["HEAD".to_owned()])?;
        answer
            .lines()
            .filter_map(|line| line.strip_prefix("ref: refs/heads/"))
            .find_map(|line| line.strip_suffix("\tHEAD"))
            .ok_or_else(|| GitError::NoDefaultBranch {
                remote: remote.shown().to_owned(),
            })
            .and_then(branch_name)
            .inspect(|branch| {
                // What newer versions of Git do at every fetch; saves asking
                // again. A repository that may not be written to goes without.
                let name = format!("refs/remotes/{}/HEAD", remote.name());
                let target = remote.tracking(branch);
                let _ = self
                    .libgit2()
                    .reference_symbolic(&name, &target, false, "kubectl-gitops");
            })
    }

    /// The remote's branches whose names start like this, now.
    pub fn ask_branches(&self, remote: &Remote, prefix: &str) -> Result<Vec<BranchName>, GitError> {
        let pattern = format!("refs/heads/{prefix}*");
        let answer = self.ls_remote(remote, &[], &[pattern])?;
        Ok(answer
            .lines()
            .filter_map(|line| line.split_once("\trefs/heads/"))
            .filter(|(_, name)| name.starts_with(prefix))
            .filter_map(|(_, name)| name.parse().ok())
            .collect())
    }

    /// Where these references stand on the remote itself, now.
    pub(super) fn ask_tips(
        &self,
        remote: &Remote,
        names: &[RefName],
    ) -> Result<Vec<Option<ObjectId>>, GitError> {
        let names: Vec<String> = names.iter().map(RefName::reference).collect();
        let answer = self.ls_remote(remote, &[], &names)?;
        let find = |wanted: &String| {
            answer
                .lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(_, name)| name == wanted)
                .and_then(|(id, _)| id.parse().ok())
        };
        Ok(names.iter().map(find).collect())
    }

    pub(super) fn ls_remote(
        &self,
        remote: &Remote,
        options: &[&str],
        patterns: &[String],
    ) -> Result<String, GitError> {
        loop {
            let output = self
                .call_to(remote, &[], "ls-remote")
                .args(options)
                .args(["--", remote.name()])
                .args(patterns)
                .run()?;
            if output.ok() {
                return Ok(output.stdout);
            }
            if !self.follow(remote, &output.stderr)? {
                self.check_copy()?;
                return Err(unreachable(remote, output.stderr));
            }
        }
    }
}

pub(super) fn unreachable(remote: &Remote, message: String) -> GitError {
    GitError::Unreachable {
        remote: remote.shown().to_owned(),
        message,
    }
}

/// Whether Git met another run of itself in the same repository.
fn is_held_up(message: &str) -> bool {
    [
        "cannot lock ref",
        ".lock': File exists",
        "shallow file has changed",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// Whether Git says that this machine's disk takes nothing: it is full, may not be
/// written to, or is broken. What the remote says of its own disk counts for nothing.
fn cannot_store(message: &str) -> bool {
    let own = message.lines().filter(|line| !line.starts_with("remote:"));
    own.flat_map(|line| {
        [
            "No space left on device",
            "Disk quota exceeded",
            "Read-only file system",
            "Input/output error",
            "File too large",
            "insufficient permission for adding an object",
            "unable to create temporary file",
            "unable to create temporary object",
        ]
        .map(|sign| line.contains(sign))
    })
    .any(|found| found)
}

/// Whether Git's message leaves no doubt that it is the remote, or the way to
/// it, that refuses. Only saves asking it again.
pub(super) fn is_refusal(message: &str) -> bool {
    [
        "unable to access",
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Could not read from remote repository",
        "does not appear to be a git repository",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

/// A refspec with a pattern that only this branch fits in practice: a pattern
/// that fits nothing is no error, while a plain name that is missing on the
/// remote fails the whole fetch.
fn refspec(remote: &Remote, branch: &BranchName) -> String {
    let name = branch.as_str();
    let last = name.char_indices().next_back().map_or(0, |(at, _)| at);
    let (head, tail) = name.split_at(last);
    format!(
        "+refs/heads/{head}*{tail}:refs/remotes/{}/{head}*{tail}",
        remote.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_of_this_machine_is_told_from_that_of_the_remote() {
        for (message, own) in [
            ("error: unable to write file: No space left on device", true),
            (
                "fatal: cannot open 'shallow.lock': Read-only file system",
                true,
            ),
            (
                "remote: fatal: write error: No space left on device\nfatal: early EOF",
                false,
            ),
            ("fatal: could not read from remote repository", false),
        ] {
            assert_eq!(cannot_store(message), own, "{message}");
        }
    }
}
