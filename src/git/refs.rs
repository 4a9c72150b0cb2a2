//! Remotes, branches and revisions: what names point at. Reads only; moving a
//! reference is `push` and `local`.

use git2::{ErrorClass, ErrorCode};

use super::open::{branch_name, commit_id};
use super::{Git, GitError, Head};
use crate::confidential::mask;
use crate::repo::{BranchName, CommitId, SHOWN_OF_A_NAME, WebAddress, shortened};

/// A repository elsewhere that this one fetches from and pushes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    name: String,
    url: String,
    shown: String,
    web: Option<WebAddress>,
    may_ask: bool,
    is_web: bool,
}

impl Remote {
    /// The name in the repository's configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What people call it: its name, or the address by which they named it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its address, credentials masked: for people only.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where people look at what is pushed there, as far as its address tells.
    pub fn web(&self) -> Option<&WebAddress> {
        self.web.as_ref()
    }

    /// Whether Git may have to ask a person for a password on the way there.
    pub(super) fn may_ask(&self) -> bool {
        self.may_ask
    }

    /// Whether it is reached by HTTP.
    pub(super) fn is_web(&self) -> bool {
        self.is_web
    }

    /// The tracking reference of one of its branches.
    pub(super) fn tracking(&self, branch: &BranchName) -> String {
        format!("refs/remotes/{}/{branch}", self.name)
    }
}

impl Git {
    /// The remote to work with: the named one, else `origin`, else the only
    /// one; `None` when there is none and none was named.
    pub fn remote(&self, wanted: Option<&str>) -> Result<Option<Remote>, GitError> {
        let names = self.libgit2().remotes()?;
        let mut existing = Vec::new();
        // One whose name is not UTF-8 cannot be asked for by its name.
        for name in names.iter().flatten().flatten() {
            existing.push(name.to_owned());
        }
        let name = match wanted {
            Some(name) if existing.iter().any(|known| known == name) => name.to_owned(),
            Some(name) => {
                return Err(GitError::NoSuchRemote {
                    name: shortened(name, SHOWN_OF_A_NAME).into_owned(),
                    existing,
                });
            }
            None => match existing.as_slice() {
                [] => return Ok(None),
                [only] => only.clone(),
                several if several.iter().any(|name| name == "origin") => "origin".to_owned(),
                _ => return Err(GitError::SeveralRemotes { existing }),
            },
        };
        let found = self.libgit2().find_remote(&name)?;
        let url = found.url().unwrap_or_default();
        let pushed = found.pushurl().ok().flatten().unwrap_or(url);
        let begins = |with: &[&str]| {
            let is = |url: &str| with.iter().any(|it| url.starts_with(it));
            is(url) && is(pushed)
        };
        let shown = match self.copy_of() {
            Some(url) => url.shown().to_owned(),
            None => name.clone(),
        };
        Ok(Some(Remote {
            web: self.web_address(&name, pushed),
            // Neither a folder nor Git's own protocol knows logins.
            may_ask: !begins(&["file://", "git://", "/", "./", "../"]),
            is_web: begins(&["http://", "https://"]),
            url: mask(url),
            name,
            shown,
        }))
    }

    /// Where a remote's pages are: what is pushed to may be a mirror that
    /// `url.….insteadOf` put in the place of the address that was written down.
    fn web_address(&self, name: &str, pushed: &str) -> Option<WebAddress> {
        let config = self.libgit2().config().ok()?;
        let written = |key: &str| config.get_string(&format!("remote.{name}.{key}")).ok();
        let written = written("pushurl").or_else(|| written("url"));
        let all: Vec<WebAddress> = [Some(pushed.to_owned()), written]
            .into_iter()
            .flatten()
            .filter_map(|url| WebAddress::of(&url))
            .collect();
        let known = all.iter().find(|address| address.kind().is_some());
        known.or(all.first()).cloned()
    }

    /// The branch that the remote's `HEAD` names, asked of the remote when it
    /// is not known here; without a remote the branch of this `HEAD`.
    pub fn default_branch(&self, remote: Option<&Remote>) -> Result<BranchName, GitError> {
        let Some(remote) = remote else {
            return match self.head()? {
                Head::Branch { name, .. } | Head::Unborn(name) => Ok(name),
                Head::Detached(_) => self.only_main().ok_or(GitError::NoDefaultBranch {
                    remote: "this repository".to_owned(),
                }),
            };
        };
        if let Some(known) = self.known_default_branch(remote)? {
            return Ok(known);
        }
        if self.copied().is_some() {
            return Err(GitError::NoDefaultBranch {
                remote: remote.shown().to_owned(),
            });
        }
        self.ask_default_branch(remote)
    }

    /// The branch that `refs/remotes/<remote>/HEAD` names, if it is there.
    pub fn known_default_branch(&self, remote: &Remote) -> Result<Option<BranchName>, GitError> {
        if self.copied().is_some() {
            return self.default_branch_of_copy(remote);
        }
        let prefix = format!("refs/remotes/{}/", remote.name);
        match self.libgit2().find_reference(&format!("{prefix}HEAD")) {
            Ok(head) => match head
                .symbolic_target()?
                .and_then(|to| to.strip_prefix(&prefix))
            {
                Some(name) => branch_name(name).map(Some),
                None => Ok(None),
            },
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A copy fetches what the remote's `HEAD` points at, every time, and not its
    /// name: that is the branch which stands at the same commit.
    fn default_branch_of_copy(&self, remote: &Remote) -> Result<Option<BranchName>, GitError> {
        let Some(head) = self.remote_head()? else {
            return Ok(None);
        };
        let mut branches = self.branches(Some(remote))?;
        branches.sort_by_key(|branch| !matches!(branch.as_str(), "main" | "master"));
        for branch in branches {
            if self.tip(Some(remote), &branch)?.as_ref() == Some(&head) {
                return Ok(Some(branch));
            }
        }
        "default-branch"
            .parse()
            .map(Some)
            .map_err(|error| GitError::Library {
                message: format!("{error}"),
            })
    }

    /// What the remote's `HEAD` pointed at when this copy was last fetched into.
    pub fn remote_head(&self) -> Result<Option<CommitId>, GitError> {
        match self.libgit2().find_reference(super::fetch::REMOTE_HEAD) {
            Ok(reference) => {
                self.check_target(&reference)?;
                commit_id(reference.peel_to_commit()?.id()).map(Some)
            }
            Err(error) if error.code() == ErrorCode::NotFound => self.check_copy().map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    fn only_main(&self) -> Option<BranchName> {
        ["main", "master"]
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .find(|name| matches!(self.tip(None, name), Ok(Some(_))))
    }

    /// The tip of a branch: of the remote's as last fetched, or of the local
    /// one without a remote. `None` when there is no such branch.
    pub fn tip(
        &self,
        remote: Option<&Remote>,
        branch: &BranchName,
    ) -> Result<Option<CommitId>, GitError> {
        let name = match remote {
            Some(remote) => remote.tracking(branch),
            None => branch.reference(),
        };
        match self.libgit2().find_reference(&name) {
            Ok(reference) => {
                self.check_target(&reference)?;
                commit_id(reference.peel_to_commit()?.id()).map(Some)
            }
            Err(error) if error.code() == ErrorCode::NotFound => self.check_copy().map(|()| None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the commit that a branch was at, as in `{1}` or `{yesterday}~2`: of the
    /// remote's branch as it was fetched, else of the local one.
    pub fn find_past(
        &self,
        remote: Option<&Remote>,
        branch: &BranchName,
        past: &str,
    ) -> Result<CommitId, GitError> {
        let at = |name: String| resolve_in(self.libgit2(), &format!("{name}@{past}"));
        let tracked = remote.and_then(|remote| at(remote.tracking(branch)).ok());
        let found = tracked.or_else(|| at(branch.reference()).ok());
        found.ok_or_else(|| unknown(&format!("{branch}@{past}")))
    }

    /// The names of the remote's branches as last fetched, or of the local
    /// ones without a remote, sorted. Names that Git itself would refuse
    /// today are left out.
    pub fn branches(&self, remote: Option<&Remote>) -> Result<Vec<BranchName>, GitError> {
        let prefix = match remote {
            Some(remote) => format!("refs/remotes/{}/", remote.name),
            None => "refs/heads/".to_owned(),
        };
        let mut branches = Vec::new();
        for reference in self.libgit2().references_glob(&format!("{prefix}*"))? {
            let reference = reference?;
            let Ok(name) = reference.name() else { continue };
            if let Some(Ok(name)) = name.strip_prefix(&prefix).map(str::parse) {
                branches.push(name);
            }
        }
        self.check_copy()?;
        branches.sort();
        Ok(branches)
    }

    /// The commit that a revision names: an id, an abbreviation, a branch, a
    /// tag, `HEAD~2`.
    pub fn resolve(&self, rev: &str) -> Result<CommitId, GitError> {
        if let Ok(named) = self.libgit2().resolve_reference_from_short_name(rev) {
            self.check_target(&named)?;
        }
        match resolve_in(self.libgit2(), rev) {
            // A copy has no branches but those of the remote.
            Err(GitError::UnknownRevision { .. }) if self.copied().is_some() => {
                resolve_in(self.libgit2(), &format!("refs/remotes/origin/{rev}"))
                    .map_err(|_| unknown(rev))
            }
            result => result,
        }
    }
}

/// The longest revision that is looked up, in bytes: more than any name of a branch, and
/// little enough for a program's arguments.
/// See `docs/limits.md`.
pub(super) const LONGEST_REVISION: usize = 4096;

fn unknown(rev: &str) -> GitError {
    GitError::UnknownRevision { rev: said(rev) }
}

fn said(rev: &str) -> String {
    let rev = crate::confidential::presentable(rev);
    shortened(&rev, SHOWN_OF_A_NAME).into_owned()
}

/// Whether a revision is an object's id, or the beginning of one.
fn is_id(rev: &str) -> bool {
    let end = rev.find(['~', '^', ':', '@']).unwrap_or(rev.len());
    end > 0 && rev[..end].bytes().all(|byte| byte.is_ascii_hexdigit())
}

pub(super) fn resolve_in(repo: &git2::Repository, rev: &str) -> Result<CommitId, GitError> {
    {
        let unknown = || unknown(rev);
        if rev.len() > LONGEST_REVISION {
            return Err(unknown());
        }
        match repo.revparse_single(rev) {
            Ok(object) => match object.peel_to_commit() {
                Ok(commit) => commit_id(commit.id()),
                Err(error) if error.class() == ErrorClass::Odb => Err(error.into()),
                Err(_) => Err(unknown()),
            },
            Err(error) => match error.code() {
                // A name that is here, for an object that is not.
                ErrorCode::NotFound if error.class() == ErrorClass::Odb && !is_id(rev) => {
                    Err(error.into())
                }
                ErrorCode::NotFound | ErrorCode::InvalidSpec => Err(unknown()),
                ErrorCode::Ambiguous => Err(GitError::AmbiguousRevision { rev: said(rev) }),
                _ => Err(error.into()),
            },
        }
    }
}
