//! The only place that starts the `git` program. It runs on this repository
//! whatever `GIT_DIR` says, never waits for a password unless a person is
//! there, and hands back cleaned text, without the secrets that were sent.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::family;
use super::login::{AskGit, LOGIN_VARIABLE, LoginDesk};
use super::running::{self, Answer, End, Heard};
use super::secrets::Secrets;
use super::version::{OLDEST_GIT, USAGE, version};
use super::{Git, GitError, Remote};

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
    answer: Answer,
    /// The remote whose answer is waited for.
    of: Option<String>,
    /// How long it may be silent.
    patience: Option<Duration>,
    secrets: Secrets,
}

/// A call that was started.
pub(super) struct Running {
    running: running::Running,
    name: String,
    of: Option<String>,
    secrets: Secrets,
}

impl Running {
    /// Waits for its end, whatever the end is.
    pub(super) fn finish(self) -> Result<Output, GitError> {
        self.heard().map(|(output, _)| output)
    }

    /// What was heard, for those who read it, and the answer as it came.
    fn heard(self) -> Result<(Output, Vec<u8>), GitError> {
        let heard = self.running.finish().map_err(GitError::NoProgram)?;
        heard_out(heard, self.name, self.of, &self.secrets)
    }
}

fn heard_out(
    heard: Heard,
    command: String,
    of: Option<String>,
    secrets: &Secrets,
) -> Result<(Output, Vec<u8>), GitError> {
    let stderr = secrets.presentable(&String::from_utf8_lossy(&heard.messages));
    match heard.end {
        End::Silent(waited) => Err(GitError::Stalled {
            command,
            of,
            waited,
            said: stderr,
        }),
        End::TooMuch => Err(GitError::TooMuch {
            command,
            limit: running::LONGEST_ANSWER as u64,
        }),
        End::Unheard => Err(GitError::TooMuch {
            command,
            limit: running::MOST_UNHEARD,
        }),
        End::Own => {
            running::let_signals_pass(heard.code);
            let output = Output {
                code: heard.code,
                stdout: String::from_utf8_lossy(&heard.answer).into_owned(),
                stderr,
            };
            refuse_old_git(&command, &output)?;
            Ok((output, heard.answer))
        }
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

    /// Of an answer that is too long, the beginning and the end are as good as all of it.
    pub(super) fn ends_are_enough(mut self) -> Self {
        self.answer = Answer::Ends;
        self
    }

    /// It waits for this remote, which may be silent for so long.
    fn waits_for(mut self, remote: &Remote, patience: Option<Duration>) -> Self {
        self.of = Some(remote.shown().to_owned());
        self.patience = patience;
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
        self.command
            .env(family::MARK, family::mark())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = running::start(|| {
            let child = self.command.spawn()?;
            let id = child.id();
            Ok((child, id))
        });
        let how = (self.patience, self.answer);
        let running = started.and_then(|child| running::Running::new(child, self.input, how));
        match running {
            Ok(running) => Ok(Running {
                running,
                name: self.name,
                of: self.of,
                secrets: self.secrets,
            }),
            Err(source) => Err(not_started(self.command.get_current_dir(), source)),
        }
    }

    /// Runs it; anything but success is an error with its messages.
    pub(super) fn success(self) -> Result<String, GitError> {
        let bytes = self.answer()?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The same with the answer as it came.
    pub(super) fn answer(self) -> Result<Vec<u8>, GitError> {
        let command = self.name.clone();
        let (output, answer) = self.start()?.heard()?;
        match output.ok() {
            true => Ok(answer),
            false => Err(GitError::Program {
                command,
                message: output.stderr,
            }),
        }
    }
}

/// Why the program could not be started: the folder that it would work in is gone, say.
fn not_started(folder: Option<&Path>, source: std::io::Error) -> GitError {
    match folder {
        Some(folder) if !folder.is_dir() => GitError::Io {
            path: folder.to_owned(),
            source,
        },
        _ => GitError::NoProgram(source),
    }
}

/// The processes of this machine, each with the one that started it.
#[cfg(all(unix, not(target_os = "linux")))]
#[expect(
    clippy::disallowed_methods,
    reason = "only a program of the system tells; it is asked when another one is ended"
)]
pub(super) fn parents() -> Vec<(u32, u32)> {
    let asked = Command::new("ps").args(["-A", "-o", "pid=,ppid="]).output();
    let list = asked.map(|output| output.stdout).unwrap_or_default();
    let pair = |line: &str| {
        let mut fields = line.split_ascii_whitespace();
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    String::from_utf8_lossy(&list)
        .lines()
        .filter_map(pair)
        .collect()
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
        answer: Answer::Whole,
        of: None,
        patience: Some(running::LONGEST_SILENCE_HERE),
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
            answer: Answer::Whole,
            of: None,
            // A person who is there types a password.
            patience: (!interactive).then_some(running::LONGEST_SILENCE_HERE),
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

    /// A call that asks a remote what it has.
    pub(super) fn call_to(&self, remote: &Remote, settings: &[&str], name: &str) -> Call {
        let patience = self.patience_with(remote, running::LONGEST_SILENCE);
        let speed = self.least_speed(remote, running::LONGEST_SILENCE);
        let settings: Vec<&str> = settings
            .iter()
            .copied()
            .chain(speed.iter().map(String::as_str))
            .collect();
        self.call_with(&settings, name).waits_for(remote, patience)
    }

    /// A push as a person in the work tree makes it: hooks that it runs see no more of
    /// Git's variables than they usually do.
    pub(super) fn call_push(&self, remote: &Remote) -> Call {
        let patience = self.patience_with(remote, running::LONGEST_SILENCE_OF_A_PUSH);
        let speed = self.least_speed(remote, running::LONGEST_SILENCE_OF_A_PUSH);
        // What is pushed is named; Git refuses that for a mirror.
        let mirror = format!("remote.{}.mirror=false", remote.name());
        let mut speed: Vec<&str> = speed.iter().map(String::as_str).collect();
        speed.push(&mirror);
        let call = match self.work_tree() {
            Some(folder) if folder.join(".git").exists() && !self.is_elsewhere() => {
                self.started(folder, &in_options(&speed), "push")
            }
            _ => self.call_with(&speed, "push"),
        };
        call.waits_for(remote, patience)
    }

    /// How long a remote may be silent. Git may be waiting for the person, whom it asks
    /// for a password past us, so nobody is hurried who is there.
    fn patience_with(&self, remote: &Remote, usual: Duration) -> Option<Duration> {
        match self.request_timeout() {
            Some(given) => Some(given).filter(|it| !it.is_zero()),
            None if self.interactive() && remote.may_ask() => None,
            None => Some(usual),
        }
    }

    /// Lets Git itself give up a web server that sends nothing, where we wait for the
    /// person. What the user's settings say counts instead.
    fn least_speed(&self, remote: &Remote, usual: Duration) -> Vec<String> {
        let waits = self.patience_with(remote, usual).is_none() && self.request_timeout().is_none();
        let config = self
            .libgit2()
            .config()
            .ok()
            .filter(|_| waits && remote.is_web());
        let own = |config: &git2::Config| {
            ["http.lowspeedlimit", "http.lowspeedtime"]
                .iter()
                .any(|name| config.get_entry(name).is_ok())
        };
        match config {
            Some(config) if !own(&config) => vec![
                "http.lowSpeedLimit=1".to_owned(),
                format!("http.lowSpeedTime={}", usual.as_secs()),
            ],
            _ => Vec::new(),
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
        options.extend(in_options(settings));
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
            answer: Answer::Whole,
            of: None,
            // A person who is there touches keys and answers questions.
            patience: (!self.interactive()).then_some(running::LONGEST_SILENCE_HERE),
            secrets: self.secrets(),
        }
    }
}

/// Settings as options of the program.
fn in_options<'s>(settings: &[&'s str]) -> Vec<&'s OsStr> {
    let pair = |setting: &&'s str| [OsStr::new("-c"), OsStr::new(*setting)];
    settings.iter().flat_map(pair).collect()
}
