//! Who makes a commit, as the `git` program sees it: configuration, includes
//! and `GIT_AUTHOR_*`/`GIT_COMMITTER_*`, dates included. libgit2 ignores half
//! of these, so it is not asked.

use std::thread::JoinHandle;

use super::command::{Call, Running};
use super::{Git, GitError};
use crate::repo::Signature;

/// What makes a commit this user's, being asked for while something else is done.
pub struct AskedIdentity(JoinHandle<[Result<Running, GitError>; 3]>);

impl Git {
    /// The author and the committer of a commit made now.
    pub fn identity(&self) -> Result<(Signature, Signature), GitError> {
        self.ask_identity().answer(self)
    }

    /// Begins to ask for them, and whether commits are signed.
    pub fn ask_identity(&self) -> AskedIdentity {
        let calls = [
            self.call("var").args(["GIT_AUTHOR_IDENT"]),
            self.call("var").args(["GIT_COMMITTER_IDENT"]),
            self.setting("commit.gpgsign"),
        ];
        // Starting a program takes its time, too.
        AskedIdentity(std::thread::spawn(|| calls.map(Call::start)))
    }

    /// Whether commits are signed, as the program reads the user's settings.
    pub(super) fn signs_commits(&self) -> Result<bool, GitError> {
        match self.signs.get() {
            Some(known) => Ok(*known),
            None => is_on(self.setting("commit.gpgsign").start()?),
        }
    }

    /// Whether annotated tags are signed.
    pub(super) fn signs_tags(&self) -> Result<bool, GitError> {
        let on = |name| is_on(self.setting(name).start()?);
        Ok(on("tag.gpgsign")? || on("tag.forceSignAnnotated")?)
    }

    /// A setting of the user's that is on or off.
    fn setting(&self, name: &str) -> Call {
        self.call("config").args(["--type=bool", "--get", name])
    }
}

impl AskedIdentity {
    /// The author and the committer.
    ///
    /// # Errors
    /// Git does not know who the user is.
    pub fn answer(self, git: &Git) -> Result<(Signature, Signature), GitError> {
        let [author, committer, signs] = match self.0.join() {
            Ok(asked) => asked,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // What is wrong with the setting is said when a commit is made.
        if let Ok(signs) = signs.and_then(is_on) {
            let _ = git.signs.set(signs);
        }
        Ok((ident(author?)?, ident(committer?)?))
    }
}

fn ident(asked: Running) -> Result<Signature, GitError> {
    let output = asked.finish()?;
    if !output.ok() {
        return Err(GitError::NoIdentity {
            message: output.stderr,
        });
    }
    output
        .stdout
        .trim_end()
        .parse()
        .map_err(|error| GitError::NoIdentity {
            message: format!("{error}"),
        })
}

fn is_on(asked: Running) -> Result<bool, GitError> {
    let answer = asked.finish()?;
    match answer.code {
        Some(0) => Ok(answer.stdout.trim() == "true"),
        Some(1) => Ok(false),
        _ => Err(GitError::Program {
            command: "config".to_owned(),
            message: answer.stderr,
        }),
    }
}
