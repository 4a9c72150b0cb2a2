//! Making repositories: a bare one, and a clone of one on this machine. For
//! playgrounds; cloning over a network is left to the user's own `git clone`.

use std::path::Path;

use super::{Git, GitError};
use crate::repo::BranchName;

impl Git {
    /// Makes a bare repository without any commit, whose `HEAD` names a branch,
    /// with these settings (name, value).
    pub fn create_bare(
        dir: &Path,
        head: &BranchName,
        settings: &[(&str, &str)],
    ) -> Result<Self, GitError> {
        let mut options = git2::RepositoryInitOptions::new();
        options
            .bare(true)
            .no_reinit(true)
            .external_template(false)
            .initial_head(head.as_str());
        configure(&git2::Repository::init_opts(dir, &options)?, settings)?;
        Self::discover(dir)
    }

    /// Clones a repository of this machine and checks out its default branch.
    /// The settings (name, value) hold in the clone alone.
    pub fn clone_local(
        from: &Path,
        dir: &Path,
        settings: &[(&str, &str)],
    ) -> Result<Self, GitError> {
        let from = from.to_str().ok_or_else(|| GitError::Unsupported {
            dir: from.to_owned(),
            message: "its path is not UTF-8".to_owned(),
        })?;
        configure(&git2::Repository::clone(from, dir)?, settings)?;
        Self::discover(dir)
    }
}

pub(super) fn configure(
    repo: &git2::Repository,
    settings: &[(&str, &str)],
) -> Result<(), GitError> {
    let mut config = repo.config()?.open_level(git2::ConfigLevel::Local)?;
    for (name, value) in settings {
        config.set_str(name, value)?;
    }
    Ok(())
}
