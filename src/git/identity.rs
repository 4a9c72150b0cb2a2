//! Who makes a commit, as the `git` program sees it: configuration, includes
//! and `GIT_AUTHOR_*`/`GIT_COMMITTER_*`, dates included. libgit2 ignores half
//! of these, so it is not asked.

use super::{Git, GitError};
use crate::repo::Signature;

impl Git {
    /// The author and the committer of a commit made now.
    pub fn identity(&self) -> Result<(Signature, Signature), GitError> {
        Ok((
            self.ident("GIT_AUTHOR_IDENT")?,
            self.ident("GIT_COMMITTER_IDENT")?,
        ))
    }

    fn ident(&self, name: &str) -> Result<Signature, GitError> {
        let output = self.call("var").args([name]).run()?;
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

    /// A setting of the user's that is on or off, as the program reads it.
    pub(super) fn setting(&self, name: &str) -> Result<bool, GitError> {
        let answer = self
            .call("config")
            .args(["--type=bool", "--get", name])
            .run()?;
        match answer.code {
            Some(0) => Ok(answer.stdout.trim() == "true"),
            Some(1) => Ok(false),
            _ => Err(GitError::Program {
                command: format!("config {name}"),
                message: answer.stderr,
            }),
        }
    }
}
