//! Opening under way: which branch holds the configuration, which file of it
//! counts, and one round trip for all the branches that it names.

use std::cell::OnceCell;

use super::{EstateError, OpenOptions, Stale, branches_of};
use crate::config::{CONFIG_FILE, ConfigPlace, Found, Origin, Resolved, Sources};
use crate::files;
use crate::git::{Git, GitError, Head, Remote, Selection};
use crate::repo::{BranchName, CommitId, RepoPath, SnapshotError};

/// Opening under way.
pub(super) struct Opening<'a> {
    pub(super) options: &'a OpenOptions,
    pub(super) git: &'a Git,
    pub(super) remote: Option<&'a Remote>,
    pub(super) stale: Option<Stale>,
    /// What a configuration file held that may be a pipe: it is read once.
    pub(super) given: OnceCell<String>,
}

impl Opening<'_> {
    /// The configuration, with its environments' branches fetched. One round
    /// trip where the configuration names the branches that it named before.
    pub(super) fn config(&mut self) -> Result<Resolved, EstateError> {
        if let (Some(remote), true) = (self.remote, self.git.is_empty_copy()) {
            return self.config_of_new_copy(remote);
        }
        let mut default = self.default_branch()?;
        let before = self.read_config(default.as_ref());
        let mut wanted: Vec<BranchName> = match self.options.copy_of {
            // A copy follows the remote's HEAD, whatever branch that is.
            Some(_) => self.branch_of_config().into_iter().collect(),
            None => default.iter().cloned().collect(),
        };
        if let Ok(config) = &before {
            wanted.extend(branches_of(&config.repository));
        }
        wanted.sort();
        wanted.dedup();
        if self.remote.is_none() || self.options.offline {
            if let (Some(remote), true) = (self.remote, self.options.offline) {
                self.stale = Some(Stale {
                    problem: None,
                    since: self.git.last_fetched(remote),
                });
            }
            return before;
        }
        self.fetch(&wanted)?;
        if self.stale.is_some() {
            return before;
        }
        if self.options.copy_of.is_some() {
            default = self.default_branch()?;
        }
        let config = self.read_config(default.as_ref())?;
        let mut added = branches_of(&config.repository);
        added.retain(|branch| !wanted.contains(branch));
        if let (Some(remote), false) = (self.remote, added.is_empty()) {
            let fetched = self.git.fetch_also(remote, &added);
            fetched.or_else(|error| self.excuse(error))?;
        }
        Ok(config)
    }

    /// What is likely to be needed comes with the configuration that says what
    /// is needed; the rest, if any, after it.
    fn config_of_new_copy(&mut self, remote: &Remote) -> Result<Resolved, EstateError> {
        self.git.fetch_likely(remote)?;
        if let Some(branch) = self.branch_of_config() {
            self.git.fetch_also(remote, &[branch])?;
        }
        let default = self.default_branch()?;
        let config = self.read_config(default.as_ref())?;
        let mut missing = Vec::new();
        for branch in branches_of(&config.repository) {
            if self.git.tip(Some(remote), &branch)?.is_none() {
                missing.push(branch);
            }
        }
        if !missing.is_empty() {
            self.git.fetch_also(remote, &missing)?;
        }
        Ok(config)
    }

    /// The branch from which the configuration is to be read, if one was named.
    fn branch_of_config(&self) -> Option<BranchName> {
        match self.options.config.as_ref()?.parse().ok()? {
            ConfigPlace::Revision { revision, .. } => revision.parse().ok(),
            ConfigPlace::File(_) => None,
        }
    }

    fn fetch(&mut self, branches: &[BranchName]) -> Result<(), EstateError> {
        let Some(remote) = self.remote else {
            return Ok(());
        };
        self.git
            .fetch(remote, branches)
            .or_else(|error| self.excuse(error))
    }

    /// Who only reads goes on without the remote. Not who names an address: that
    /// means what is there, not what was once fetched.
    fn excuse(&mut self, error: GitError) -> Result<(), EstateError> {
        match error {
            GitError::Unreachable { message, .. }
                if !self.options.writing && self.options.copy_of.is_none() =>
            {
                self.be_stale(message);
                Ok(())
            }
            error @ GitError::Stalled { of: Some(_), .. }
                if !self.options.writing && self.options.copy_of.is_none() =>
            {
                self.be_stale(error.to_string());
                Ok(())
            }
            error => Err(error.into()),
        }
    }

    fn be_stale(&mut self, message: String) {
        self.stale = Some(Stale {
            problem: Some(message),
            since: self.remote.and_then(|remote| self.git.last_fetched(remote)),
        });
    }

    /// The branch that holds the configuration; `None` when there is no telling.
    fn default_branch(&mut self) -> Result<Option<BranchName>, EstateError> {
        if let Some(remote) = self.remote
            && self.git.known_default_branch(remote)?.is_none()
            && self.options.offline
        {
            return self.likely_default_branch(remote);
        }
        match self.git.default_branch(self.remote) {
            Ok(branch) => Ok(Some(branch)),
            Err(GitError::NoDefaultBranch { .. }) => Ok(None),
            Err(error @ (GitError::Unreachable { .. } | GitError::Stalled { .. }))
                if !self.options.writing =>
            {
                self.be_stale(match error {
                    GitError::Unreachable { message, .. } => message,
                    error => error.to_string(),
                });
                self.remote
                    .map_or(Ok(None), |remote| self.likely_default_branch(remote))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A clone that does not know its remote's default branch, and may not ask.
    fn likely_default_branch(&self, remote: &Remote) -> Result<Option<BranchName>, EstateError> {
        let mut names: Vec<BranchName> = ["main", "master"]
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        // A branch whose name cannot be said is nobody's default.
        if let Ok(Head::Branch { name, .. }) = self.git.head() {
            names.push(name);
        }
        for name in names {
            if self.git.tip(Some(remote), &name)?.is_some() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn read_config(&self, default: Option<&BranchName>) -> Result<Resolved, EstateError> {
        let sources = match &self.options.config {
            Some(text) => Sources {
                named: Some(self.named(text)?),
                ..Sources::default()
            },
            None => Sources {
                named: None,
                work_tree: self.work_tree()?,
                default_branch: match default {
                    Some(branch) => self.published(branch)?,
                    None => None,
                },
            },
        };
        Ok(crate::config::resolve(sources, self.options.writing)?)
    }

    fn named(&self, text: &str) -> Result<Found, EstateError> {
        let place: ConfigPlace = text.parse().map_err(|source| EstateError::Place {
            text: text.to_owned(),
            source,
        })?;
        let shown = place.to_string();
        let content = match &place {
            ConfigPlace::File(file) => {
                if let Some(text) = self.given.get() {
                    return Ok(Found {
                        origin: Origin::Named(place),
                        text: text.clone(),
                    });
                }
                let path = self.options.dir.join(file);
                let content = files::read_named(&path, files::MANIFEST).and_then(files::text);
                let text = content.map_err(|source| unreadable(&shown, source))?;
                Some(self.given.get_or_init(|| text).clone())
            }
            ConfigPlace::Revision { revision, path } => {
                let commit = self.git.resolve(revision)?;
                self.file(&commit, path)?
            }
        };
        match content {
            Some(text) => Ok(Found {
                origin: Origin::Named(place),
                text,
            }),
            None => Err(EstateError::Nothing { place: shown }),
        }
    }

    fn published(&self, branch: &BranchName) -> Result<Option<Found>, EstateError> {
        let tip = match self.options.copy_of {
            Some(_) => self.git.remote_head()?,
            None => self.git.tip(self.remote, branch)?,
        };
        let Some(commit) = tip else {
            return Ok(None);
        };
        let path = config_path();
        Ok(self.file(&commit, &path)?.map(|text| Found {
            origin: Origin::DefaultBranch {
                branch: branch.clone(),
                commit: commit.clone(),
            },
            text,
        }))
    }

    fn work_tree(&self) -> Result<Option<Found>, EstateError> {
        let Some(top) = self.git.work_tree() else {
            return Ok(None);
        };
        let path = config_path();
        let selection = Selection::under(vec![path.clone()], |_| true);
        let snapshot = self.git.work_tree_snapshot(&selection)?;
        let text = snapshot
            .text(&path)
            .map_err(|source| unreadable(CONFIG_FILE, source))?;
        Ok(text.map(|text| Found {
            origin: Origin::WorkTree(top.join(CONFIG_FILE)),
            text: text.to_owned(),
        }))
    }

    fn file(&self, commit: &CommitId, path: &RepoPath) -> Result<Option<String>, EstateError> {
        let selection = Selection::under(vec![path.clone()], |_| true);
        let snapshot = self.git.snapshot(commit, &selection)?;
        let text = snapshot.text(path).map_err(|source| match source {
            // These name the path themselves.
            SnapshotError::NotUtf8 { .. } => unreadable(CONFIG_FILE, source),
            other => unreadable(path.as_str(), other),
        })?;
        Ok(text.map(str::to_owned))
    }
}

fn config_path() -> RepoPath {
    CONFIG_FILE.parse().unwrap_or_default()
}

fn unreadable(
    place: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> EstateError {
    EstateError::Unreadable {
        place: place.to_owned(),
        source: source.into(),
    }
}
