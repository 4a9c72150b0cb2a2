//! Pull requests that a push opens: GitLab's push options, and `refs/for/…` as
//! Gitea and Forgejo read it. A remote that turns out not to understand is
//! left as it was.

use super::{Opening, PublishError, PublishOptions, Step};
use crate::git::{PushAnswer, PushOutcome, RefMove, Remote};
use crate::ops::estate::Estate;
use crate::product::PullRequests;
use crate::repo::{
    ChangeSet, CommitMessage, ForgeKind, PullRequestPage, RefName, RefUpdate, page_in,
};

/// An option travels in one line of at most 64 KiB.
const LONGEST: usize = 30_000;

/// One push opens one pull request: its options are about the whole of it.
pub(super) fn check(
    estate: &Estate,
    changes: &ChangeSet,
    options: PublishOptions,
) -> Result<(), PublishError> {
    let opens = estate.repository().pull_requests != PullRequests::None;
    let pushes = options.push && estate.remote.is_some();
    let proposed = |update: &RefUpdate| super::proposal::proposed_to(estate, update);
    if !opens || !pushes || !changes.updates.iter().any(|one| proposed(one).is_some()) {
        return Ok(());
    }
    if changes.updates.len() == 1 {
        return Ok(());
    }
    let known = &estate.repository().environments;
    let name = |update: &RefUpdate| {
        let named = update.message.trailer("Gitops-To");
        let mut here = known.iter().filter(|entry| entry.branch == update.branch);
        let first = here.clone().next();
        here.find(|entry| named == Some(entry.name.as_str()))
            .or(first)
            .map(|entry| entry.name.clone())
    };
    Err(PublishError::OneAtATime {
        environments: changes.updates.iter().filter_map(name).collect(),
    })
}

/// Pushes, and lets the push open the pull request where that is wanted.
pub(super) fn push(
    estate: &Estate,
    remote: &Remote,
    moves: &[RefMove],
    steps: &mut [Step],
) -> Result<PushAnswer, PublishError> {
    let way = estate.repository().pull_requests;
    let step = steps.iter_mut().find(|step| step.proposal.is_some());
    let Some((step, way)) = step.filter(|_| way != PullRequests::None).map(|s| (s, way)) else {
        return Ok(estate.git.push_with(remote, moves, &[])?);
    };
    if way == PullRequests::Agit {
        return for_review(estate, remote, moves, step);
    }
    let options = gitlab(&step.update.message, &step.proposal);
    let mut answer = estate.git.push_with(remote, moves, &options)?;
    let opening = match answer.outcome {
        PushOutcome::NoOptions => {
            answer = estate.git.push_with(remote, moves, &[])?;
            Opening::Unheard
        }
        _ => Opening::Asked,
    };
    if let Some(proposal) = &mut step.proposal {
        proposal.opening = opening;
    }
    Ok(answer)
}

fn for_review(
    estate: &Estate,
    remote: &Remote,
    moves: &[RefMove],
    step: &mut Step,
) -> Result<PushAnswer, PublishError> {
    let options = [
        format!("topic={}", step.update.branch),
        // The rest of the message becomes the description.
        format!("title={}", title(&step.update.message)),
        "force-push=true".to_owned(),
    ];
    let no_review = |why| PublishError::NoReview {
        remote: remote.shown().to_owned(),
        why,
    };
    let mut answer = estate.git.push_with(remote, moves, &options)?;
    match &answer.outcome {
        PushOutcome::NoOptions => return Err(no_review("it takes no push options")),
        PushOutcome::Pushed => {
            let taken = step.name.reference();
            if answer.landed.contains(&taken) {
                for one in moves {
                    estate.git.withdraw(remote, &one.name, &one.new)?;
                }
                return Err(no_review(
                    "it kept it as a plain reference, which was removed again",
                ));
            }
            // One that was closed is opened anew with the same commit.
            if let Some(proposal) = &mut step.proposal {
                proposal.already = false;
                proposal.page = None;
            }
        }
        // The forge's way to say that the pull request has this commit: from an
        // earlier run, or from this one, when its answer was lost and the HTTP
        // library sent the request again.
        PushOutcome::Rejected { reason, .. } if reason.contains("same") => {
            answer.outcome = PushOutcome::Pushed;
        }
        PushOutcome::Rejected { .. } | PushOutcome::Stale(_) => {}
    }
    if let Some(proposal) = &mut step.proposal {
        proposal.opening = Opening::Open;
    }
    let arrived = answer.outcome == PushOutcome::Pushed && answer.landed.is_empty();
    if arrived && let Ok(heads) = estate.git.ask_pull_requests(remote) {
        let ours = heads.iter().find(|(_, head)| *head == step.new);
        let named = |(number, _): &(u64, _)| format!("refs/pull/{number}/head");
        answer.landed.extend(ours.map(named));
    }
    Ok(answer)
}

/// GitLab's options. It turns `\n` in a description into line breaks, because
/// an option can't hold them.
fn gitlab(message: &CommitMessage, proposal: &Option<super::Proposal>) -> Vec<String> {
    let mut options = vec!["merge_request.create".to_owned()];
    if let Some(proposal) = proposal {
        options.push(format!("merge_request.target={}", proposal.into));
    }
    options.push(format!("merge_request.title={}", title(message)));
    let text = message.to_string();
    let description = text.split_once('\n').map_or("", |(_, rest)| rest.trim());
    if !description.is_empty() {
        let line = shortened(description).replace('\n', "\\n");
        options.push(format!("merge_request.description={line}"));
    }
    options
}

/// The first line of the message.
fn title(message: &CommitMessage) -> String {
    let text = message.to_string();
    shortened(text.lines().next().unwrap_or_default()).to_owned()
}

fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(LONGEST);
    &text[..end]
}

/// Where each proposal is looked at, from what the server said, else from the
/// remote's address.
pub(super) fn learn(remote: &Remote, answer: &PushAnswer, steps: &mut [Step]) {
    let alone = steps.len() == 1;
    for step in steps {
        let head = step.update.branch.clone();
        let Some(proposal) = &mut step.proposal else {
            continue;
        };
        // What is said about several branches can't be told apart.
        let said = page_in(&answer.said, &head, &proposal.into).filter(|_| alone);
        let numbered = answer.landed.iter().find_map(|name| {
            let number = name.strip_prefix("refs/pull/")?.strip_suffix("/head")?;
            let url = remote.web()?.pull_request(number.parse().ok()?);
            Some(PullRequestPage { url, opened: true })
        });
        proposal.page = said.or(numbered).or(proposal.page.take());
        if proposal.opening != Opening::Open && proposal.page.as_ref().is_some_and(|p| p.opened) {
            proposal.opening = Opening::Open;
        }
    }
}

/// The page on which a person opens the pull request of a branch.
pub(super) fn by_hand(estate: &Estate, remote: &Remote, step: &Step) -> Option<PullRequestPage> {
    let proposal = step.proposal.as_ref()?;
    if matches!(step.name, RefName::Review(_)) {
        return None;
    }
    let web = remote.web()?;
    let kind = web.kind().or(match estate.repository().pull_requests {
        PullRequests::None => None,
        PullRequests::Gitlab => Some(ForgeKind::Gitlab),
        PullRequests::Agit => Some(ForgeKind::Gitea),
    })?;
    Some(PullRequestPage {
        url: web.new_pull_request(kind, &step.update.branch, &proposal.into),
        opened: false,
    })
}
