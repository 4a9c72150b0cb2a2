//! The only place that starts the `git` program. It runs on this repository
//! whatever `GIT_DIR` says, never waits for a password unless a person is
//! there, and hands back cleaned text, without the secrets that were sent.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::login::{AskGit, LOGIN_VARIABLE, LoginDesk};
use super::secrets::Secrets;
use super::version::{OLDEST_GIT, USAGE, version};
use super::{Git, GitError};

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

/// The commands that meet the remote, and may be asked for a login there.
const REMOTE: [&str; 3] = ["fetch", "ls-remote", "push"];

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
    secrets: Secrets,
}

/// A call that was started.
pub(super) struct Running {
    child: Child,
    name: String,
    secrets: Secrets,
}

impl Running {
    /// Waits for its end, whatever the end is.
    pub(super) fn finish(self) -> Result<Output, GitError> {
        let output = self.child.wait_with_output().map_err(GitError::NoProgram)?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        let output = Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: self.secrets.presentable(&stderr),
        };
        refuse_old_git(&self.name, &output)?;
        Ok(output)
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
        Ok(Running {
            child,
            name: self.name,
            secrets: self.secrets,
        })
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

/// A call of `git <name>` in a folder, on whatever repository Git finds there. With
/// `follows` as the variables around us say, else by the folder alone.
pub(super) fn call_in(folder: &Path, follows: bool, name: &str) -> Call {
    let mut command = program(folder, false);
    if !follows {
        without_foreign(&mut command);
    }
    command.arg(name);
    Call {
        command,
        name: name.to_owned(),
        input: None,
        secrets: Secrets::default(),
    }
}

/// `git credential VERB` with none of our settings: asks the person's own helpers and,
/// where one is there, the person.
pub(super) fn ask_git(git_dir: &Path, interactive: bool) -> Box<AskGit> {
    let git_dir = git_dir.to_owned();
    Box::new(move |verb, request| {
        let mut command = program(&git_dir, interactive);
        without_foreign(&mut command);
        command.arg("--git-dir").arg(&git_dir);
        command.args(["credential", verb]);
        let call = Call {
            command,
            name: "credential".to_owned(),
            input: Some(request.to_vec()),
            secrets: Secrets::default(),
        };
        match call.run() {
            Ok(output) if output.ok() => output.stdout.into_bytes(),
            // Git says itself what it does not know.
            Ok(_) | Err(_) => Vec::new(),
        }
    })
}

/// Refuses what an old Git answers to an option that it does not know. A newer Git that
/// ends like this has another reason, which is the caller's to judge.
fn refuse_old_git(command: &str, output: &Output) -> Result<(), GitError> {
    if output.code != Some(USAGE) {
        return Ok(());
    }
    let said = call_in(Path::new("."), false, "version").run()?.stdout;
    match version(&said) {
        Some(found) if found < OLDEST_GIT => Err(GitError::OldGit {
            command: command.to_owned(),
            found: said.trim().to_owned(),
        }),
        Some(_) | None => Ok(()),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place where the git program is started"
)]
fn program(folder: &Path, interactive: bool) -> Command {
    let mut command = Command::new("git");
    // Only the language of messages: their text is shown, and some are recognised.
    command.env("LC_ALL", "C.UTF-8").env_remove("LANGUAGE");
    if !interactive {
        command.env("GIT_TERMINAL_PROMPT", "0");
    }
    command.current_dir(folder);
    command
}

fn without_foreign(command: &mut Command) {
    for variable in FOREIGN {
        command.env_remove(variable);
    }
}

/// Tells the program whom to ask for the login of an address. It asks nobody else: the
/// desk itself asks Git's other helpers, or the person, where it has to.
fn log_in_through(desk: &LoginDesk, moved: Option<(&str, String)>, command: &mut Command) {
    command
        .env(LOGIN_VARIABLE, desk.variable())
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "");
    for setting in desk.settings() {
        command.args(["-c", &setting]);
    }
    if let Some((from, to)) = moved {
        command.args(["-c", &format!("url.{to}.insteadOf={from}")]);
    }
}

impl Git {
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
            Some(folder) if folder.join(".git").exists() && !self.is_elsewhere() => {
                self.started(folder, &[], name)
            }
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

    fn started(&self, folder: &Path, options: &[&OsStr], name: &str) -> Call {
        let mut command = program(folder, self.interactive());
        without_foreign(&mut command);
        command.args(options);
        if let Some(desk) = self.login_desk().filter(|_| REMOTE.contains(&name)) {
            let from = self.copy_of().map(|url| url.shown());
            log_in_through(desk, from.zip(desk.moved()), &mut command);
        }
        command.arg(name);
        Call {
            command,
            name: name.to_owned(),
            input: None,
            secrets: self.secrets(),
        }
    }
}
