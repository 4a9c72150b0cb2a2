//! What can keep a plan from being published, as facts; what helps is said in
//! `cli`.

use super::super::estate::EstateError;
use crate::git::GitError;
use crate::product::EnvironmentName;
use crate::repo::{BranchName, CommitId, CommitInfo, RefName, TagName};

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A branch moved, and the plan is no longer the same.
    #[error("{branch} moved while this was prepared")]
    Moved {
        /// The branch.
        branch: BranchName,
        /// Where it stood when the plan was made.
        was: Option<CommitId>,
        /// Where it stands now; `None`: it is gone.
        now: Option<Box<CommitInfo>>,
        /// It was planned again, and the plan is another one.
        differs: bool,
    },
    /// The address that is pushed to has commits that the one that is fetched from does not
    /// show.
    #[error(
        "{remote} has commits on {branch} at its push address that its fetch address does not show"
    )]
    Lagging {
        /// The remote.
        remote: String,
        /// The branch.
        branch: BranchName,
    },
    /// The remote refused.
    #[error("{remote} rejected the push to {name}: {reason}{}", quoted(.said))]
    Rejected {
        /// The remote.
        remote: String,
        /// The reference that it refused.
        name: RefName,
        /// The branch that the commit was proposed for, where it was.
        proposed_to: Option<BranchName>,
        /// Git's reason.
        reason: String,
        /// The server's own words.
        said: String,
    },
    /// Without a push the commit would go to a local branch that has commits
    /// of its own.
    #[error("the local branch {branch} has commits that its remote does not have")]
    LocalAhead {
        /// The branch.
        branch: BranchName,
    },
    /// A tag of that name exists.
    #[error("there is a tag {tag} {} already, on {at}; nothing was written", .place)]
    TagTaken {
        /// The tag.
        tag: TagName,
        /// Where: on a remote, or in this clone.
        place: String,
        /// What it names.
        at: String,
    },
    /// The commit of a proposal is not the one that the environment will get.
    #[error(
        "{environment} is written by pull request, so there is no commit yet that {tag} could name"
    )]
    TagOnProposal {
        /// The tag.
        tag: TagName,
        /// The environment.
        environment: EnvironmentName,
    },
    /// One push opens one pull request.
    #[error("a push opens one pull request, and this is about {}", joined(.environments))]
    OneAtATime {
        /// The environments.
        environments: Vec<EnvironmentName>,
    },
    /// The remote does not read what is pushed for review as a pull request.
    #[error("{remote} does not open pull requests by refs/for/: {why}")]
    NoReview {
        /// The remote.
        remote: String,
        /// What tells.
        why: &'static str,
    },
    /// The remote's state could not be learned again.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// Git failed; also a remote that cannot be reached.
    #[error(transparent)]
    Git(#[from] GitError),
}

fn quoted(said: &str) -> String {
    said.lines().map(|line| format!("\n{line}")).collect()
}

/// Why planning and publishing in turns came to nothing.
#[derive(Debug)]
pub enum Replanned<E> {
    /// Publishing failed, or another plan came out.
    Publish(PublishError),
    /// Planning again failed.
    Plan(E),
}

impl<E> From<PublishError> for Replanned<E> {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

fn joined(environments: &[EnvironmentName]) -> String {
    let names: Vec<&str> = environments.iter().map(EnvironmentName::as_str).collect();
    names.join(" and ")
}
