//! A sealed environment: nothing of the machine's user, configuration or
//! clock reaches a program that a test starts. Dates advance by a minute with
//! every program, so that histories have an order and ids repeat.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};

use tempfile::TempDir;

use super::hints;

/// 2026-01-01 00:00 UTC, when every test begins.
pub const BEGINNING: i64 = 1_767_225_600;

/// A folder of its own, with a home, and the programs' environment.
pub struct Env {
    top: TempDir,
    minutes: AtomicI64,
}

/// What a program left behind.
#[derive(Debug)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Fails the test unless the program ended with this code.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert_eq!(
            self.status, wanted,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

impl Env {
    pub fn new() -> Self {
        let top = TempDir::with_prefix("gitops-test-").expect("a temporary folder");
        std::fs::create_dir(top.path().join("home")).expect("a home");
        Self {
            top,
            minutes: AtomicI64::new(0),
        }
    }

    /// The folder that holds everything of this test.
    pub fn path(&self) -> &Path {
        self.top.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// The time that the next program will be told, one minute after the last.
    pub fn tick(&self) -> i64 {
        BEGINNING + 60 * self.minutes.fetch_add(1, Ordering::SeqCst)
    }

    /// A program in this environment.
    pub fn command(&self, program: impl AsRef<OsStr>, dir: &Path) -> Command {
        let home = self.join("home");
        let date = format!("{} +0000", self.tick());
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join(".config"))
            .env("XDG_CACHE_HOME", home.join(".cache"))
            .env("TMPDIR", self.path())
            .env("TZ", "UTC")
            .env("LC_ALL", "C.UTF-8")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .current_dir(dir)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn finish(command: &mut Command) -> Outcome {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Outcome {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs `git`, which must succeed, and returns its trimmed answer.
    #[track_caller]
    pub fn git<A: AsRef<OsStr>>(&self, dir: &Path, args: &[A]) -> String {
        let mut command = self.command("git", dir);
        let outcome = Self::finish(command.args(args)).code(0);
        outcome.stdout.trim_end().to_owned()
    }

    /// Runs our executable, and what it offers.
    #[track_caller]
    pub fn gitops<A: AsRef<OsStr>>(&self, dir: &Path, args: &[A]) -> Outcome {
        let outcome = Self::finish(self.gitops_command(dir).args(args));
        hints::follow(self, dir, &outcome);
        outcome
    }

    /// Our executable, to be changed before it runs.
    pub fn gitops_command(&self, dir: &Path) -> Command {
        self.command(env!("CARGO_BIN_EXE_kubectl-gitops"), dir)
    }
}
