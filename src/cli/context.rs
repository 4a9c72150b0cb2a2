//! Facts about this run that only the edge may ask for: global options, the
//! environment, the folder, the clock. Everything below is handed what it
//! needs from here.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::args::GlobalArgs;
use super::ui::Ui;

/// One run of one command.
pub(super) struct Context {
    /// The options that stand after any command.
    pub(super) global: GlobalArgs,
    /// Standard output, standard error and the person at the terminal.
    pub(super) ui: Ui,
    name: OsString,
    started: Instant,
}

impl Context {
    /// `name` is the first word of the command line.
    pub(super) fn new(global: GlobalArgs, ui: Ui, name: OsString) -> Self {
        ui.set_verbosity(global.verbosity);
        Self {
            global,
            ui,
            name,
            started: instant(),
        }
    }

    /// The folder to work in: `-C`, or the current one.
    pub(super) fn directory(&self) -> io::Result<PathBuf> {
        let current = current_directory();
        match (&self.global.repo, current) {
            (Some(folder), Ok(current)) => Ok(current.join(folder)),
            (Some(folder), Err(_)) if folder.is_absolute() => Ok(folder.clone()),
            (_, current) => current,
        }
    }

    /// An environment variable that is set to something.
    pub(super) fn variable(&self, name: &str) -> Option<OsString> {
        variable(name)
    }

    /// The present, in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        now()
    }

    /// The file by which this executable was called. Package managers keep the
    /// executable elsewhere and put a link into `PATH`; this is the link.
    pub(super) fn called_as(&self) -> io::Result<PathBuf> {
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
    pub(super) fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }
}

/// An environment variable that is set to something.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the environment is read"
)]
pub(super) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The present, in seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the clock is read"
)]
pub(super) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// Where this executable stands.
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
pub(super) fn current_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the clock is read"
)]
fn instant() -> Instant {
    Instant::now()
}
