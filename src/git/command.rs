//! The only place that starts the `git` program. It runs on this repository
//! whatever `GIT_DIR` says, never waits for a password unless a person is
//! there, and hands back cleaned text.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::url::Login;
use super::{Git, GitError};
use crate::confidential::presentable;

/// Variables that would point the program at another repository than ours,
/// set when we are called from a hook.
const FOREIGN: [&str; 9] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
];

/// The variable in which a login is handed over.
const LOGIN: &str = "KUBECTL_GITOPS_LOGIN";

/// What the program left behind.
#[derive(Debug)]
pub(super) struct Output {
    /// The exit code; `None` when a signal ended it.
    pub(super) code: Option<i32>,
    /// Its answer, as it came.
    pub(super) stdout: String,
    /// Its messages, cleaned and masked.
    pub(super) stderr: String,
}

impl Output {
    pub(super) fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// One call of the program.
pub(super) struct Call {
    command: Command,
    name: String,
    input: Option<Vec<u8>>,
}

/// A call that was started.
pub(super) struct Running(Child);

impl Running {
    /// Waits for its end, whatever the end is.
    pub(super) fn finish(self) -> Result<Output, GitError> {
        let output = self.0.wait_with_output().map_err(GitError::NoProgram)?;
        Ok(Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: presentable(&String::from_utf8_lossy(&output.stderr)),
        })
    }
}

impl Call {
    pub(super) fn args<I>(mut self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.command.args(args);
        self
    }

    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(super) fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Runs it to its end, whatever the end is.
    pub(super) fn run(self) -> Result<Output, GitError> {
        self.start()?.finish()
    }

    /// Starts it; it runs beside what is done next.
    pub(super) fn start(mut self) -> Result<Running, GitError> {
        let stdin = match self.input {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(GitError::NoProgram)?;
        if let (Some(bytes), Some(mut pipe)) = (self.input.take(), child.stdin.take()) {
            // A program that ends early closes the pipe; its exit code tells.
            let _ = pipe.write_all(&bytes);
        }
        Ok(Running(child))
    }

    /// Runs it; anything but success is an error with its messages.
    pub(super) fn success(self) -> Result<String, GitError> {
        let command = self.name.clone();
        let output = self.run()?;
        if output.ok() {
            Ok(output.stdout)
        } else {
            Err(GitError::Program {
                command,
                message: output.stderr,
            })
        }
    }
}

impl Git {
    /// Hands over the login that came with a copy's address: in the program's
    /// environment, for that host only, and nowhere else.
    fn log_in_with(&self, command: &mut Command) {
        let Some(url) = self.copy_of() else { return };
        let host = url.host();
        let (setting, value) = match url.login() {
            Some(Login::Header(header)) => (format!("http.{host}.extraHeader"), header),
            Some(Login::User(user)) => (format!("credential.{host}.username"), user),
            None => return,
        };
        command.env(LOGIN, value);
        command.arg(format!("--config-env={setting}={LOGIN}"));
    }

    /// A call of `git <name>` on this repository.
    pub(super) fn call(&self, name: &str) -> Call {
        self.call_with(&[], name)
    }

    /// A call of `git -c … <name>` on this repository.
    pub(super) fn call_with(&self, settings: &[&str], name: &str) -> Call {
        self.call_at(self.git_dir(), self.work_tree(), settings, name)
    }

    /// A call as a person in the work tree makes it: hooks that it runs see no more of
    /// Git's variables than they usually do.
    pub(super) fn call_in_place(&self, name: &str) -> Call {
        match self.work_tree() {
            Some(folder) if folder.join(".git").exists() => self.started(folder, &[], name),
            _ => self.call(name),
        }
    }

    /// A call on one of this repository's work trees.
    pub(super) fn call_at(
        &self,
        git_dir: &Path,
        work_tree: Option<&Path>,
        settings: &[&str],
        name: &str,
    ) -> Call {
        let mut options = vec![OsStr::new("--git-dir"), git_dir.as_os_str()];
        if let Some(work_tree) = work_tree {
            options.extend([OsStr::new("--work-tree"), work_tree.as_os_str()]);
        }
        for setting in settings {
            options.extend([OsStr::new("-c"), OsStr::new(setting)]);
        }
        self.started(work_tree.unwrap_or(git_dir), &options, name)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the git program is started"
    )]
    fn started(&self, folder: &Path, options: &[&OsStr], name: &str) -> Call {
        let mut command = Command::new("git");
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        // Only the language of messages: their text is shown, never parsed.
        command.env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE");
        if !self.interactive() {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        command.current_dir(folder).args(options);
        self.log_in_with(&mut command);
        command.arg(name);
        Call {
            command,
            name: name.to_owned(),
            input: None,
        }
    }
}
