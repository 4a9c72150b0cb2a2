//! One opened repository, and where its `HEAD` is. Refuses repositories that libgit2
//! would misread.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::copy::Copied;
use super::deepen::Reach;
use super::login::LoginDesk;
use super::loose::Loose;
use super::{GitError, Notice};
use crate::confidential::{Sent, presentable};
use crate::repo::{BranchName, CommitId, ObjectFormat};

/// One repository.
pub struct Git {
    repo: git2::Repository,
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
    interactive: bool,
    request_timeout: Option<Duration>,
    /// libgit2 would find another repository here, or refuse this one, so it is opened by
    /// the folders that Git named.
    as_git_says: bool,
    login: Option<Arc<LoginDesk>>,
    /// Where its loose objects are, once one was read.
    pub(super) loose: OnceCell<Loose>,
    /// The secrets of its configuration, once they were asked for.
    pub(super) configured: OnceCell<Arc<Sent>>,
    /// It was when it was opened, or may have become so since.
    was_shallow: bool,
    pub(super) copied: Option<Arc<Copied>>,
    pub(super) reach: Option<Arc<Reach>>,
    /// Whether the user's commits are signed, once that was asked.
    pub(super) signs: OnceCell<bool>,
    listener: Listener,
    /// What is done once, while the remote answers.
    pub(super) meanwhile: Cell<Option<fn()>>,
}

type Hear = dyn Fn(&Notice) + Send + Sync;

/// Hears what Git does that takes its time or was not asked for.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<Hear>>);

impl Listener {
    /// Calls this with every notice, on whatever thread it comes up.
    pub fn new(hear: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl std::fmt::Debug for Git {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Git")
            .field("git_dir", &self.git_dir)
            .finish_non_exhaustive()
    }
}

/// Where `HEAD` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On a branch.
    Branch {
        /// The branch.
        name: BranchName,
        /// Its tip.
        commit: CommitId,
    },
    /// On a branch that has no commit yet.
    Unborn(BranchName),
    /// On a commit, not on a branch.
    Detached(CommitId),
}

impl Git {
    /// Opens the repository that this folder is.
    pub(super) fn at(dir: &Path) -> Result<Self, GitError> {
        git2::opts::strict_hash_verification(false);
        git2::Repository::open(dir)
            .map_err(|error| refusal(dir, &error))
            .map(Self::new)
    }

    /// The repository with this Git folder and work tree, whatever libgit2 thinks of them.
    pub(super) fn as_git_says(git_dir: &Path, work_tree: Option<&Path>) -> Result<Self, GitError> {
        git2::opts::strict_hash_verification(false);
        let repo =
            open_as_git_says(git_dir, work_tree).map_err(|error| refusal(git_dir, &error))?;
        let storage = repo
            .config()
            .and_then(|config| config.get_string("extensions.refstorage"));
        if storage.is_ok_and(|storage| storage != "files") {
            let dir = git_dir.to_owned();
            return Err(GitError::Reftable { dir });
        }
        let mut git = Self::new(repo);
        git.as_git_says = true;
        Ok(git)
    }

    pub(super) fn new(repo: git2::Repository) -> Self {
        // A trailing slash would show up in every message.
        let tidy = |path: &Path| path.components().collect::<PathBuf>();
        Self {
            git_dir: tidy(repo.path()),
            work_tree: repo.workdir().map(tidy),
            was_shallow: repo.is_shallow(),
            repo,
            interactive: false,
            request_timeout: None,
            as_git_says: false,
            login: None,
            loose: OnceCell::new(),
            configured: OnceCell::new(),
            copied: None,
            reach: None,
            signs: OnceCell::new(),
            listener: Listener::default(),
            meanwhile: Cell::default(),
        }
    }

    /// The same repository opened once more, for another thread.
    pub fn beside(&self) -> Result<Self, GitError> {
        let place = self.work_tree.as_ref().unwrap_or(&self.git_dir);
        let repo = match self.as_git_says {
            true => open_as_git_says(&self.git_dir, self.work_tree()),
            false => git2::Repository::open(place),
        };
        Ok(Self {
            repo: repo.map_err(|error| refusal(place, &error))?,
            as_git_says: self.as_git_says,
            login: self.login.clone(),
            loose: self.loose.clone(),
            configured: self.configured.clone(),
            git_dir: self.git_dir.clone(),
            work_tree: self.work_tree.clone(),
            interactive: self.interactive,
            request_timeout: self.request_timeout,
            was_shallow: self.was_shallow,
            copied: self.copied.clone(),
            reach: self.reach.clone(),
            signs: self.signs.clone(),
            listener: self.listener.clone(),
            meanwhile: Cell::default(),
        })
    }

    pub(super) fn be_copy(&mut self, copied: Arc<Copied>) {
        self.was_shallow = true;
        self.copied = Some(copied);
    }

    /// Says who hears what goes on.
    pub fn set_listener(&mut self, listener: Listener) {
        self.listener = listener;
    }

    /// Says what is done while the remote answers for the first time.
    pub fn set_meanwhile(&mut self, work: Option<fn()>) {
        self.meanwhile.set(work);
    }

    pub(super) fn tell(&self, notice: &Notice) {
        if let Some(hear) = &self.listener.0 {
            hear(notice);
        }
    }

    /// The repository opened anew, where a fetch may have moved the end of history.
    pub(super) fn renewed(&self) -> Result<Option<git2::Repository>, GitError> {
        self.was_shallow.then(|| self.fresh()).transpose()
    }

    /// The repository opened anew. The library reads the
    /// boundary once, and a fetch may have moved it since.
    pub(super) fn fresh(&self) -> Result<git2::Repository, GitError> {
        Ok(match self.as_git_says {
            true => open_as_git_says(&self.git_dir, self.work_tree())?,
            false => git2::Repository::open(self.git_dir())?,
        })
    }

    /// Says whether a person is there to answer Git's questions for
    /// credentials; by default there is none.
    pub fn set_interactive(&mut self, interactive: bool) {
        self.interactive = interactive;
    }

    /// Whether `.git` in the work tree, if there is one, is another repository's.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.as_git_says
    }

    pub(super) fn be_logged_in(&mut self, desk: LoginDesk) {
        self.login = Some(Arc::new(desk));
    }

    /// Who answers for the login of the address, if it has one.
    pub(super) fn login_desk(&self) -> Option<&Arc<LoginDesk>> {
        self.login.as_ref()
    }

    pub(super) fn interactive(&self) -> bool {
        self.interactive
    }

    /// Says how long a remote may be silent, instead of the usual time; zero: for ever.
    pub fn set_request_timeout(&mut self, timeout: Option<Duration>) {
        self.request_timeout = timeout;
    }

    pub(super) fn request_timeout(&self) -> Option<Duration> {
        self.request_timeout
    }

    pub(super) fn libgit2(&self) -> &git2::Repository {
        &self.repo
    }

    /// The folder with the files; `None` in a bare repository.
    pub fn work_tree(&self) -> Option<&Path> {
        self.work_tree.as_deref()
    }

    /// The repository's own folder.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Whether history ends at a boundary that is not its beginning.
    pub fn is_shallow(&self) -> bool {
        self.repo.is_shallow()
    }

    /// The hash function of this repository's ids.
    pub fn object_format(&self) -> ObjectFormat {
        match self.repo.object_format() {
            git2::ObjectFormat::Sha1 => ObjectFormat::Sha1,
            git2::ObjectFormat::Sha256 => ObjectFormat::Sha256,
        }
    }

    /// Where `HEAD` is.
    pub fn head(&self) -> Result<Head, GitError> {
        let head = self.repo.find_reference("HEAD")?;
        let Some(target) = head.symbolic_target()? else {
            self.check_target(&head)?;
            let commit = head.peel_to_commit()?;
            return Ok(Head::Detached(commit_id(commit.id())?));
        };
        let short = target.strip_prefix("refs/heads/").unwrap_or(target);
        let name = branch_name(short)?;
        match self.repo.find_reference(target) {
            Ok(branch) => {
                self.check_target(&branch)?;
                let commit = commit_id(branch.peel_to_commit()?.id())?;
                Ok(Head::Branch { name, commit })
            }
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(Head::Unborn(name)),
            Err(error) => Err(error.into()),
        }
    }
}

fn open_as_git_says(
    git_dir: &Path,
    work_tree: Option<&Path>,
) -> Result<git2::Repository, git2::Error> {
    // Asks nobody whose it is: Git has judged that.
    let repo = git2::Repository::open_bare(git_dir)?;
    if let Some(work_tree) = work_tree {
        repo.set_workdir(work_tree, false)?;
    }
    Ok(repo)
}

pub(super) fn refusal(dir: &Path, error: &git2::Error) -> GitError {
    let dir = dir.to_owned();
    let message = presentable(error.message());
    match (error.class(), error.code()) {
        (_, git2::ErrorCode::Owner) => GitError::ForeignOwner { dir, message },
        _ if message.to_ascii_lowercase().contains("refstorage") => GitError::Reftable { dir },
        (_, git2::ErrorCode::NotFound) => GitError::NotARepository { dir },
        _ if message.contains("unsupported") => GitError::Unsupported { dir, message },
        _ => GitError::Damaged { dir, message },
    }
}

pub(super) fn commit_id(id: git2::Oid) -> Result<CommitId, GitError> {
    id.to_string().parse().map_err(|error| GitError::Library {
        message: format!("{error}"),
    })
}

pub(super) fn branch_name(name: &str) -> Result<BranchName, GitError> {
    name.parse().map_err(|error| GitError::Library {
        message: format!("{error}"),
    })
}
