//! Which repository a folder belongs to: the one that the `git` program finds there, and
//! none where it refuses. Git is asked before anything of a repository's configuration is
//! read, because only Git knows all that `safe.directory`, `safe.bareRepository`,
//! `GIT_DIR`, `GIT_CEILING_DIRECTORIES` and the settings in `GIT_CONFIG_*` say. That
//! costs one short call.

use std::path::{Path, PathBuf};

use super::command::{Call, call_in};
use super::open::refusal;
use super::{Git, GitError};

/// The folders that bound libgit2's own search. Git bounds it.
const NONE: [&std::ffi::OsStr; 0] = [];

impl Git {
    /// Opens the repository that this folder is in: a work tree, a linked work tree, or a
    /// bare repository. `GIT_DIR` does not count: the folder does.
    pub fn discover(dir: &Path) -> Result<Self, GitError> {
        find(dir, false)
    }

    /// Opens the repository that Git works on in this folder, which is the one that
    /// `GIT_DIR` names, if it is set.
    pub fn discover_here(dir: &Path) -> Result<Self, GitError> {
        find(dir, true)
    }
}

fn find(dir: &Path, follows: bool) -> Result<Git, GitError> {
    if !dir.is_dir() {
        let dir = dir.to_owned();
        return Err(GitError::NotARepository { dir });
    }
    let ask = |word: &str| -> Call { call_in(dir, follows, "rev-parse").args([word]) };
    let found = match ask("--absolute-git-dir").run() {
        // Without the program, plain files can be worked with all the same.
        Err(GitError::NoProgram(_)) if git2::Repository::discover_path(dir, NONE).is_err() => {
            let dir = dir.to_owned();
            return Err(GitError::NotARepository { dir });
        }
        found => found?,
    };
    if !found.ok() {
        let error = judge(dir, &found.stderr);
        return Err(match (error, remains(dir)) {
            (GitError::NotARepository { .. }, Some(git)) if !works(&git, follows) => {
                let message = found.stderr.trim_start_matches("fatal: ").to_owned();
                GitError::Damaged { dir: git, message }
            }
            (error, _) => error,
        });
    }
    let git_dir = Path::new(found.stdout.trim_end_matches('\n'));
    // As Git itself does: objects are checked when they arrive, not at each reading.
    git2::opts::strict_hash_verification(false);
    let usual = git2::Repository::discover_path(dir, NONE);
    // A path that is not UTF-8 does not come back as it was.
    let odd = found.stdout.contains(char::REPLACEMENT_CHARACTER);
    if usual.is_ok_and(|usual| odd || same(&usual, git_dir)) {
        let flags = git2::RepositoryOpenFlags::empty();
        match git2::Repository::open_ext(dir, flags, NONE) {
            // Git has judged whose it is.
            Err(error) if error.code() == git2::ErrorCode::Owner => {}
            opened => {
                return opened
                    .map(Git::new)
                    .map_err(|error| unreadable(dir, &error));
            }
        }
    }
    let top = ask("--show-toplevel").run()?;
    let top = top
        .ok()
        .then(|| PathBuf::from(top.stdout.trim_end_matches('\n')));
    Git::as_git_says(git_dir, top.as_deref())
}

fn same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    real(one) == real(other)
}

/// Why libgit2 cannot open what Git found.
fn unreadable(dir: &Path, error: &git2::Error) -> GitError {
    match refusal(dir, error) {
        GitError::NotARepository { dir } => GitError::Damaged {
            dir,
            message: error.message().to_owned(),
        },
        other => other,
    }
}

/// Why Git found nothing that it would use, from its words. They are those of Git's own
/// language, which the call asks for.
fn judge(dir: &Path, said: &str) -> GitError {
    let message = said.trim_start_matches("fatal: ").to_owned();
    let has = |words: &str| said.contains(words);
    let dir = dir.to_owned();
    if has("dubious ownership") || has("unsafe repository") {
        GitError::ForeignOwner { dir, message }
    } else if has("bare repository") && has("safe.bareRepository") {
        GitError::BareNotAllowed { dir, message }
    } else if has("refstorage") {
        // A Git before 2.45.
        GitError::Reftable { dir }
    } else if has("not a git repository: '") {
        // GIT_DIR names nothing.
        GitError::Unsupported { dir, message }
    } else if has("not a git repository") {
        GitError::NotARepository { dir }
    } else if has("repo version") || has("repository extension") || has("repository format") {
        GitError::Unsupported { dir, message }
    } else {
        GitError::Damaged { dir, message }
    }
}

/// What is left of a repository that Git does not take for one any more.
fn remains(dir: &Path) -> Option<PathBuf> {
    let left =
        |git: &Path| git.is_file() || git.join("objects").is_dir() || git.join("HEAD").is_file();
    dir.ancestors()
        .map(|folder| folder.join(".git"))
        .find(|git| left(git))
}

/// Whether Git finds a repository here after all: the search from further below was
/// bounded, by `GIT_CEILING_DIRECTORIES` or a file system's end.
fn works(git: &Path, follows: bool) -> bool {
    let folder = git.parent().unwrap_or(git);
    let found = call_in(folder, follows, "rev-parse")
        .args(["--git-dir"])
        .run();
    found.is_ok_and(|found| found.ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn gits_words_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let judged = |said: &str| judge(folder.path(), said);
        for (said, kind) in [
            (
                "fatal: detected dubious ownership in repository at '/x'\nTo add",
                "ForeignOwner",
            ),
            (
                "fatal: unsafe repository ('/x' is owned by someone else)",
                "ForeignOwner",
            ),
            (
                "fatal: cannot use bare repository '/x' (safe.bareRepository is 'explicit')",
                "BareNotAllowed",
            ),
            (
                "fatal: not a git repository (or any of the parent directories): .git",
                "NotARepository",
            ),
            ("fatal: not a git repository: '/x'", "Unsupported"),
            (
                "fatal: Expected git repo version <= 1, found 9",
                "Unsupported",
            ),
            (
                "fatal: unknown repository extension found:\n\tx",
                "Unsupported",
            ),
            ("fatal: bad config line 1 in file .git/config", "Damaged"),
        ] {
            let shown = format!("{:?}", judged(said));
            assert!(shown.starts_with(kind), "{said}: {shown}");
        }
        assert_eq!(remains(&folder.path().join("a/b")), None);
        std::fs::create_dir_all(folder.path().join(".git/objects")).unwrap();
        let left = folder.path().join(".git");
        assert_eq!(remains(&folder.path().join("a/b")), Some(left));
    }
}
