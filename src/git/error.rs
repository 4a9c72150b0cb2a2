//! What can go wrong between this tool and a repository. Facts only; messages
//! from outside are cleaned and masked before they get in here.

use std::path::PathBuf;
use std::time::Duration;

use super::version::OLDEST_GIT;
use crate::repo::{BranchName, RefName, RepoPath};

/// Why Git could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// There is no repository at or above this folder.
    #[error("{} is not inside a Git repository", .dir.display())]
    NotARepository {
        /// Where the search began.
        dir: PathBuf,
    },
    /// The repository belongs to another user and is not marked as safe.
    #[error("the repository at {} belongs to another user: {message}", .dir.display())]
    ForeignOwner {
        /// Where the search began.
        dir: PathBuf,
        /// What Git said.
        message: String,
    },
    /// A bare repository was found, and `safe.bareRepository` allows none that is not named.
    #[error("Git does not use the bare repository at {}: {message}", .dir.display())]
    BareNotAllowed {
        /// Where the search began.
        dir: PathBuf,
        /// What Git said.
        message: String,
    },
    /// Something of the repository cannot be read.
    #[error("the repository at {} is damaged: {message}", .dir.display())]
    Damaged {
        /// The repository.
        dir: PathBuf,
        /// What Git said.
        message: String,
    },
    /// The repository keeps its references in a format that cannot be read.
    #[error(
        "the repository at {} stores its references as reftable, which cannot be read; \
         `git refs migrate --ref-format=files` converts it", .dir.display()
    )]
    Reftable {
        /// The repository.
        dir: PathBuf,
    },
    /// The repository uses a feature that is not known here.
    #[error("the repository at {} cannot be opened: {message}", .dir.display())]
    Unsupported {
        /// The repository.
        dir: PathBuf,
        /// What the library said.
        message: String,
    },
    /// A remote was named that does not exist.
    #[error("there is no remote {name:?}{}", existing_remotes(.existing))]
    NoSuchRemote {
        /// The name.
        name: String,
        /// The remotes that exist.
        existing: Vec<String>,
    },
    /// There are several remotes, none is called origin and none was named.
    #[error("there are several remotes ({}) and none is called origin", .existing.join(", "))]
    SeveralRemotes {
        /// The remotes that exist.
        existing: Vec<String>,
    },
    /// The remote does not say which branch is its default one.
    #[error("{remote} has no default branch")]
    NoDefaultBranch {
        /// The remote.
        remote: String,
    },
    /// A revision names nothing.
    #[error("{rev:?} names no commit in this repository")]
    UnknownRevision {
        /// What was asked for.
        rev: String,
    },
    /// A revision fits several objects.
    #[error("{rev:?} is ambiguous: it fits several objects")]
    AmbiguousRevision {
        /// What was asked for.
        rev: String,
    },
    /// A commit holds more files than are listed.
    #[error("{commit} has more than {limit} files and folders; it is not read")]
    TooManyFiles {
        /// The commit.
        commit: String,
        /// How many are listed.
        limit: usize,
    },
    /// An entry of a tree is not what the tree says it is.
    #[error("the tree of {commit} holds the name {path:?}: {reason}")]
    HostilePath {
        /// The commit.
        commit: String,
        /// The path.
        path: String,
        /// Why it is refused.
        reason: String,
    },
    /// A file is larger than what is read.
    #[error("{what} has {size} bytes; more than {limit} are not read")]
    TooLarge {
        /// The object.
        what: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// An object is not here: a damaged repository, or a partial or shallow clone.
    #[error("object {id} is missing from this clone")]
    MissingObject {
        /// The object.
        id: String,
    },
    /// History ends at a shallow clone's boundary before the answer was found.
    #[error("this clone is shallow: its history ends before the answer")]
    HistoryCut,
    /// A path is written where a file, link or submodule stands.
    #[error("{path} cannot be written: {reason}")]
    Blocked {
        /// The path.
        path: RepoPath,
        /// What stands there.
        reason: String,
    },
    /// This needs a work tree and the repository is bare.
    #[error("the repository at {} has no work tree", .dir.display())]
    Bare {
        /// The repository.
        dir: PathBuf,
    },
    /// The `git` program could not be started.
    #[error("the git program could not be started")]
    NoProgram(#[source] std::io::Error),
    /// The `git` program does not know an option that is needed.
    #[error(
        "git {command} does not know an option that is needed: this is {found}, and Git \
         {}.{} or newer is required", OLDEST_GIT.0, OLDEST_GIT.1
    )]
    OldGit {
        /// The subcommand.
        command: String,
        /// What the program says it is.
        found: String,
    },
    /// The login of an address could not be made ready for the `git` program.
    #[error("the login of the repository's address could not be handed to git")]
    Login(#[source] std::io::Error),
    /// Git does not know who the user is.
    #[error("Git does not know who you are: {message}")]
    NoIdentity {
        /// What the program said.
        message: String,
    },
    /// The commit or tag should be signed and could not be.
    #[error("the {what} could not be signed: {message}")]
    Signing {
        /// What: commit or tag.
        what: &'static str,
        /// What the program said.
        message: String,
    },
    /// The `pre-push` hook of this repository stopped a push.
    #[error("the pre-push hook refused the push to {remote}{}", below(.said))]
    HookRefused {
        /// The remote.
        remote: String,
        /// What the hook said.
        said: String,
    },
    /// The remote could not be reached, or refused the credentials.
    #[error("{remote} could not be reached: {message}")]
    Unreachable {
        /// The remote.
        remote: String,
        /// What the program said.
        message: String,
    },
    /// The program said nothing for too long and was ended.
    #[error("{}{}", stalled(.command, .of.as_deref(), *.waited), below(.said))]
    Stalled {
        /// The subcommand.
        command: String,
        /// The remote that it waited for; `None`: for this machine.
        of: Option<String>,
        /// How long it was silent.
        waited: Duration,
        /// What it had said before.
        said: String,
    },
    /// The program was answered, or answers, more than is kept, and was ended.
    #[error("git {command} got more than {} MiB of answer and was ended", .limit >> 20)]
    TooMuch {
        /// The subcommand.
        command: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A push was ended because nothing was heard of it, and nothing has moved so far.
    #[error(
        "{remote} did not answer a push for {}; nothing has moved there so far{}",
        seconds(*.waited), below(.said)
    )]
    PushStalled {
        /// The remote.
        remote: String,
        /// How long it was silent.
        waited: Duration,
        /// What it had said before.
        said: String,
    },
    /// The remote took a push and could not store it.
    #[error("{remote} could not store what was pushed to {name}: {reason}{}", below(.said))]
    RemoteFailed {
        /// The remote.
        remote: String,
        /// The first reference that it could not move.
        name: RefName,
        /// Its reason, as Git reports it.
        reason: String,
        /// What the server printed.
        said: String,
    },
    /// What a remote sent could not be stored on this machine.
    #[error("what {remote} sent could not be stored in {}: {message}", .dir.display())]
    NotStored {
        /// The remote.
        remote: String,
        /// The repository on this machine.
        dir: PathBuf,
        /// What the program said.
        message: String,
    },
    /// The copy of a repository that was named by its URL cannot be kept.
    #[error("no copy of {url} can be kept in {}", .path.display())]
    NoPlaceForCopy {
        /// The repository.
        url: String,
        /// The folder or file that cannot be written.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The copy of a repository that was named by its URL was deleted meanwhile.
    #[error("the local copy of {url} was deleted while it was in use")]
    LostCopy {
        /// The repository.
        url: String,
    },
    /// The address has a login, and redirects to where that must not go.
    #[error("{remote} redirects to {to}, and a login is not sent to another host")]
    Redirected {
        /// The remote.
        remote: String,
        /// Where it redirects to.
        to: String,
    },
    /// The copy of a repository that was named by its URL was never fetched.
    #[error("nothing of {url} was fetched yet")]
    NeverFetched {
        /// The repository.
        url: String,
    },
    /// Something of the copy of a repository that was named by its URL cannot be read.
    #[error("the local copy of {url} is damaged: {message}")]
    DamagedCopy {
        /// The repository.
        url: String,
        /// What cannot be read.
        message: String,
    },
    /// The connection was lost during a push and the remote does not answer.
    #[error(
        "the push to {remote} ended without a verdict and {remote} does not answer; \
         whether it arrived is not known: {message}"
    )]
    OutcomeUnknown {
        /// The remote.
        remote: String,
        /// What the program said.
        message: String,
    },
    /// The remote can't move several references at once.
    #[error("{remote} does not support atomic pushes, and this is about {references} references")]
    NotAtomic {
        /// The remote.
        remote: String,
        /// How many.
        references: usize,
    },
    /// A push failed without a verdict, and the remote says that nothing moved.
    #[error("the push to {remote} failed, and nothing moved there: {message}")]
    PushFailed {
        /// The remote.
        remote: String,
        /// What the program said.
        message: String,
    },
    /// A branch is checked out with changes that are not committed.
    #[error("{branch} is checked out in {} with uncommitted changes", .work_tree.display())]
    DirtyWorkTree {
        /// The branch.
        branch: BranchName,
        /// The work tree.
        work_tree: PathBuf,
    },
    /// The `git` program failed.
    #[error("git {command} failed: {message}")]
    Program {
        /// The subcommand.
        command: String,
        /// What it said.
        message: String,
    },
    /// libgit2 failed.
    #[error("the repository could not be read or written: {message}")]
    Library {
        /// What it said.
        message: String,
    },
    /// A file of the work tree could not be read.
    #[error("{} could not be read", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn existing_remotes(existing: &[String]) -> String {
    if existing.is_empty() {
        "; this repository has none".to_owned()
    } else {
        format!("; there is {}", existing.join(", "))
    }
}

impl From<git2::Error> for GitError {
    fn from(error: git2::Error) -> Self {
        let message = crate::confidential::presentable(error.message());
        if error.class() == git2::ErrorClass::Odb && error.code() == git2::ErrorCode::NotFound {
            let id = message
                .split(|c: char| !c.is_ascii_hexdigit())
                .find(|word| word.len() >= 40);
            if let Some(id) = id {
                return Self::MissingObject { id: id.to_owned() };
            }
        }
        Self::Library { message }
    }
}

fn stalled(command: &str, of: Option<&str>, waited: Duration) -> String {
    let waited = seconds(waited);
    match of {
        Some(remote) => format!("{remote} did not answer git {command} for {waited}"),
        None => format!("git {command} did not end and said nothing for {waited}"),
    }
}

/// A time for people: `60 s`, `0.5 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

fn below(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!("\n{said}"),
    }
}
