//! Facts about this run that only the edge may ask for: global options, the
//! environment, the folder, the clock. Everything below is handed what it
//! needs from here.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::GlobalArgs;
use super::failure::{Failure, FailureKind};
use super::ui::Ui;
use crate::git::{CopyWatch, GitError, LoginHelper, RepositoryUrl};
use crate::ops::estate::CopyOf;

/// One run of one command.
pub(in crate::cli) struct Context {
    /// The options that stand after any command.
    pub(in crate::cli) global: GlobalArgs,
    /// Standard output, standard error and the person at the terminal.
    pub(in crate::cli) ui: Ui,
    name: OsString,
    started: Instant,
    /// The copy that this run works in, where `--repo` named an address.
    copy: RefCell<Option<CopyWatch>>,
}

impl Context {
    /// `name` is the first word of the command line.
    pub(in crate::cli) fn new(global: GlobalArgs, ui: Ui, name: OsString) -> Self {
        ui.set_verbosity(global.verbosity);
        Self {
            global,
            ui,
            name,
            started: instant(),
            copy: RefCell::default(),
        }
    }

    /// Remembers the copy that this run works in.
    pub(in crate::cli) fn watch_copy(&self, watch: Option<CopyWatch>) {
        *self.copy.borrow_mut() = watch;
    }

    /// The error that the copy which this run works in was deleted, if it was.
    pub(in crate::cli) fn lost_copy(&self) -> Option<GitError> {
        self.copy.borrow().as_ref().and_then(CopyWatch::loss)
    }

    /// The folder to work in: the one that `-C` names, or the current one.
    pub(in crate::cli) fn directory(&self) -> io::Result<PathBuf> {
        let current = current_directory();
        match (&self.global.repo, current) {
            (Some(repo), current) if is_address(repo) => current,
            (Some(folder), Ok(current)) => Ok(current.join(folder)),
            (Some(folder), Err(_)) if folder.is_absolute() => Ok(folder.clone()),
            (_, current) => current,
        }
    }

    /// The repository that `--repo` names by its address, if it does.
    pub(in crate::cli) fn copy_of(&self) -> Result<Option<CopyOf>, Failure> {
        let word = self.global.repo.as_deref().and_then(Path::to_str);
        let Some(url) = word.and_then(RepositoryUrl::read) else {
            return Ok(None);
        };
        let url = url.map_err(|error| Failure::new(FailureKind::Usage, error))?;
        if self.global.remote.is_some() {
            return Err(Failure::usage(
                "--remote names a remote of a clone, and --repo an address",
            )
            .hint("give one of the two"));
        }
        let cache = cache_folder().ok_or_else(|| {
            Failure::usage(format!("there is no folder for a copy of {url}"))
                .hint("name one: KUBECTL_GITOPS_CACHE_DIR=/path")
        })?;
        let login = match url.has_login() && !self.global.offline {
            true => Some(login_helper()?),
            false => None,
        };
        Ok(Some(CopyOf { url, cache, login }))
    }

    /// Refuses what only a clone of one's own can do.
    pub(in crate::cli) fn require_clone(&self, what: &str) -> Result<(), Failure> {
        match self.copy_of()? {
            None => Ok(()),
            Some(copy) => Err(Failure::usage(format!(
                "{what} needs a clone of your own, and {} is an address",
                copy.url
            ))
            .hint("git clone it, then go into the clone or name it with -C DIR")),
        }
    }

    /// An environment variable that is set to something.
    pub(in crate::cli) fn variable(&self, name: &str) -> Option<OsString> {
        variable(name)
    }

    /// The present, in seconds since 1970.
    pub(in crate::cli) fn now(&self) -> i64 {
        now()
    }

    /// The file by which this executable was called. Package managers keep the
    /// executable elsewhere and put a link into `PATH`; this is the link.
    pub(in crate::cli) fn called_as(&self) -> io::Result<PathBuf> {
        let name = Path::new(&self.name);
        if name.components().count() > 1 {
            return Ok(current_directory()?.join(name));
        }
        let search = variable("PATH").unwrap_or_default();
        std::env::split_paths(&search)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
            .map_or_else(executable, Ok)
    }

    /// How long this run has taken so far.
    pub(in crate::cli) fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }
}

/// Whether `--repo` names an address, right or wrong, and no folder.
pub(in crate::cli) fn is_address(repo: &Path) -> bool {
    repo.to_str().and_then(RepositoryUrl::read).is_some()
}

/// How Git asks this run for the login of an address.
fn login_helper() -> Result<LoginHelper, Failure> {
    let failed = |error: anyhow::Error| {
        let error = error.context("the login of the address cannot be handed to git");
        Failure::new(FailureKind::Unreachable, error)
    };
    let program = executable().map_err(|error| failed(error.into()))?;
    let mut bytes = [0; 32];
    let chance = rustls::crypto::ring::default_provider().secure_random;
    if chance.fill(&mut bytes).is_err() {
        return Err(failed(anyhow::Error::msg(
            "the system has no random numbers",
        )));
    }
    let home = variable("HOME").or_else(|| variable("USERPROFILE"));
    let has_netrc = home.map(PathBuf::from).is_some_and(|home| {
        [".netrc", "_netrc"]
            .iter()
            .any(|name| home.join(name).exists())
    });
    Ok(LoginHelper {
        program,
        key: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        has_netrc,
    })
}

/// Where this tool keeps what it can have again at any time.
pub(in crate::cli) fn cache_folder() -> Option<PathBuf> {
    let folder = |name: &str| {
        variable(name)
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute())
    };
    if let Some(own) = folder("KUBECTL_GITOPS_CACHE_DIR") {
        return Some(own);
    }
    let usual = folder("XDG_CACHE_HOME").or_else(|| {
        if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            folder("HOME").map(|home| home.join("Library/Caches"))
        } else {
            folder("HOME").map(|home| home.join(".cache"))
        }
    });
    usual.map(|folder| folder.join("kubectl-gitops"))
}

/// An environment variable that is set to something.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the environment is read"
)]
pub(in crate::cli) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The present, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the clock is read"
)]
pub(in crate::cli) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Where this executable is.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the process is asked about itself"
)]
fn executable() -> io::Result<PathBuf> {
    std::env::current_exe()
}

/// The folder in which this process was started.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the process is asked about itself"
)]
pub(in crate::cli) fn current_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

/// Makes another folder the current one of this process.
#[expect(
    clippy::disallowed_methods,
    reason = "the walk of the demo types its commands in the playground"
)]
pub(in crate::cli) fn enter(folder: &Path) -> io::Result<()> {
    std::env::set_current_dir(folder)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the clock is read"
)]
fn instant() -> Instant {
    Instant::now()
}
