//! What every writing command does once its plan was shown: ask, hand it to
//! the one writer, and say what became of it.

use serde_json::{Value, json};

use super::edge::args::WriteArgs;
use super::edge::context::Context;
use super::edge::failure::{Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::opening::{estate_failure, git_failure};
use crate::git::LocalRef;
use crate::ops::commit::TemplateError;
use crate::ops::estate::Estate;
use crate::ops::publish::{
    Foreseen, Opening, Planned, Proposal, PublishError, PublishOptions, Published, PublishedRef,
    Replanned, Superseded, TagTemplate, TagTemplateError, check, foresee, is_proposed,
    publish_replanning,
};
use crate::product::{EnvironmentEntry, EnvironmentName};
use crate::repo::{BranchName, RefName};
use crate::report::ago;

/// What happens when the branch moved while the plan was looked at.
pub(super) struct Again<'a, E> {
    /// Makes the plan anew on the new tip; one that is another plan is not written.
    pub(super) plan: &'a mut dyn FnMut() -> Result<Planned, E>,
    /// The words for a plan that can't be made.
    pub(super) failure: &'a dyn Fn(E) -> Failure,
}

/// Asks, then publishes; `None`: the person said no.
pub(super) fn write<E>(
    context: &Context,
    args: &WriteArgs,
    estate: &Estate,
    first: Planned,
    again: Again<'_, E>,
) -> Result<Option<Published>, Failure> {
    if args.no_push {
        context.require_clone("--no-push")?;
    }
    ready(context, args, estate, &first)?;
    let mut places: Vec<String> = first
        .changes
        .updates
        .iter()
        .map(|update| match is_proposed(estate, update) {
            true => format!("a branch for a pull request into {}", update.branch),
            false => update.branch.to_string(),
        })
        .collect();
    let tags = &first.changes.tags;
    places.extend(tags.iter().map(|tag| format!("the tag {}", tag.name)));
    let push = !args.no_push;
    let question = match (&estate.remote, push) {
        (Some(remote), true) => format!(
            "write this to {} and push to {}?",
            places.join(", "),
            remote.shown()
        ),
        _ => format!("write this to {}?", places.join(", ")),
    };
    if !args.go_ahead(&context.ui, &question)? {
        context.ui.note("nothing was written");
        return Ok(None);
    }
    let waiting = context.ui.waiting("writing");
    let result = publish_replanning(estate, PublishOptions { push }, first, again.plan);
    drop(waiting);
    result.map(Some).map_err(|error| match error {
        Replanned::Plan(error) => (again.failure)(error),
        Replanned::Publish(error) => publish_failure(error, context),
    })
}

/// Refuses what can be known to fail before anybody is asked; also said of a
/// plan that is only shown.
pub(super) fn ready(
    context: &Context,
    args: &WriteArgs,
    estate: &Estate,
    planned: &Planned,
) -> Result<(), Failure> {
    let options = PublishOptions {
        push: !args.no_push,
    };
    check(estate, &planned.changes, options).map_err(|error| publish_failure(error, context))
}

/// The end of a dry run: what would fail all the same, and where the plan would be
/// proposed.
pub(super) fn dry_run(
    context: &Context,
    args: &WriteArgs,
    estate: &Estate,
    planned: &Planned,
) -> Result<(), Failure> {
    ready(context, args, estate, planned)?;
    let options = PublishOptions {
        push: !args.no_push,
    };
    let foreseen = foresee(estate, &planned.changes, options)
        .map_err(|error| publish_failure(error, context))?;
    for it in foreseen {
        let Foreseen { name, into, .. } = &it;
        let mut said = match (&it.changed_by, it.already) {
            (Some(commit), _) => format!(
                "{name} has a commit of {}: {}; it stays as it is",
                commit.author.email, commit.message.subject
            ),
            (None, true) => format!("it is proposed for {into} already, on {name}"),
            (None, false) => format!("it would be proposed for {into} on {name}"),
        };
        if !it.older.is_empty() && !it.already {
            let older: Vec<&str> = it.older.iter().map(BranchName::as_str).collect();
            said.push_str(&format!(", in the place of {}", older.join(", ")));
        }
        context.ui.note(&said);
    }
    Ok(())
}

/// What `--tag` asks for.
pub(super) fn tag_template(text: Option<&str>) -> Result<Option<TagTemplate>, Failure> {
    let read = |text: &str| match text {
        "" => Ok(TagTemplate::default()),
        text => text.parse(),
    };
    text.map(read).transpose().map_err(tag_failure)
}

/// Puts the wanted tag on the commit of the environment's branch.
pub(super) fn tag(
    planned: &mut Planned,
    template: Option<&TagTemplate>,
    environment: &EnvironmentName,
    branch: &BranchName,
    (product, version): (Option<&str>, Option<&str>),
) -> Result<(), Failure> {
    let update = planned
        .changes
        .updates
        .iter()
        .find(|update| {
            let named = update.message.trailer("Gitops-To");
            update.branch == *branch && named == Some(environment.as_str())
        })
        .cloned();
    let (Some(template), Some(update)) = (template, update) else {
        return Ok(());
    };
    let name = template
        .name(environment, product, version)
        .map_err(tag_failure)?;
    if planned.changes.tags.iter().any(|tag| tag.name == name) {
        return Err(Failure::usage(format!(
            "several environments would get the same tag {name}"
        ))
        .hint("put {environment} into its name: --tag '{environment}/{product}-{version}'"));
    }
    planned.tag(&update, name);
    Ok(())
}

fn tag_failure(error: TagTemplateError) -> Failure {
    let absent = matches!(error, TagTemplateError::Absent { .. });
    let failure = Failure::new(FailureKind::Usage, error);
    match absent {
        true => failure.hint("name it: --tag NAME"),
        false => failure,
    }
}

/// What is said about a tag that was asked for when there is nothing to write:
/// nothing else would tell a run that is repeated from one that forgot it.
pub(super) fn no_tag(
    context: &Context,
    estate: &Estate,
    template: Option<&TagTemplate>,
    entry: &EnvironmentEntry,
    (product, version): (Option<&str>, Option<&str>),
) -> Result<(), Failure> {
    let Some(template) = template else {
        return Ok(());
    };
    let name = template
        .name(&entry.name, product, version)
        .map_err(tag_failure)?;
    let at = match &estate.remote {
        Some(remote) => estate.git.ask_tag(remote, &name),
        None => estate.git.tag(&name),
    };
    let tip = estate.git.tip(estate.remote.as_ref(), &entry.branch);
    let branch = &entry.branch;
    context.ui.note(&match (at, tip) {
        (Ok(Some(at)), Ok(Some(tip))) if at == tip => format!("{branch} has the tag {name}"),
        (Ok(Some(at)), _) => format!("the tag {name} exists and names {}", at.short()),
        _ => {
            let at = format!("origin/{branch}");
            let tag = CommandLine::git(["tag", "-a", name.as_str(), &at]);
            context.ui.hint(Hint::command(
                "nothing was written, so no tag was made; to tag what is there",
                tag,
            ));
            return Ok(());
        }
    });
    Ok(())
}

/// One line per branch: what stands there now, and where it was pushed.
pub(super) fn announce(context: &Context, published: &Published) {
    for update in &published.updates {
        context.ui.answer(&line(update));
        match update.local {
            LocalRef::LeftDirty => context.ui.note(&format!(
                "your work tree of {} has uncommitted changes and was left as it is; git pull when it is clean",
                update.branch
            )),
            LocalRef::LeftAhead => context.ui.note(&format!(
                "your local branch {} has commits of its own and was left as it is",
                update.branch
            )),
            LocalRef::Moved | LocalRef::Absent => {}
        }
        if let Some(proposal) = &update.proposal {
            announce_proposal(context, update, proposal);
        }
    }
    for tag in &published.tags {
        let pushed = match &tag.pushed_to {
            Some(remote) => format!("   pushed to {remote}"),
            None => "   not pushed".to_owned(),
        };
        let (name, commit) = (&tag.name, tag.commit.short());
        context.ui.answer(&format!("tag {name} → {commit}{pushed}"));
        if !tag.kept {
            context.ui.note(&format!(
                "this clone has another tag {name}, which was left as it is"
            ));
        }
    }
}

fn announce_proposal(context: &Context, update: &PublishedRef, proposal: &Proposal) {
    if let Some(page) = &proposal.page {
        context.ui.answer(&format!("  {}", page.url));
    }
    if proposal.opening == Opening::Unheard {
        let remote = update.pushed_to.as_deref().unwrap_or("the remote");
        context.ui.note(&format!(
            "{remote} takes no push options, so the pull request is yours to open; pullRequests: none in gitops.yaml says so"
        ));
    }
    if let Some(commit) = &proposal.changed_by {
        context.ui.note(&format!(
            "{} was changed by {} ({} {}) and was left as it is",
            update.branch,
            commit.author.email,
            commit.id.short(),
            commit.message.subject
        ));
    }
    for older in &proposal.supersedes {
        context.ui.note(&match older {
            Superseded::Branch(older) => format!("{older} is superseded by {}", update.branch),
            Superseded::PullRequest(number) => format!(
                "pull request {number} is superseded by this one; close it if it is still open"
            ),
        });
    }
}

fn line(update: &PublishedRef) -> String {
    let old = update.old.as_ref().map_or("new", |old| old.short());
    let pushed = update.pushed_to.as_ref().map_or_else(
        || "   not pushed".to_owned(),
        |remote| format!("   pushed to {remote}"),
    );
    let into = update.proposal.as_ref().map_or_else(String::new, |one| {
        let there = match one.already {
            true => ", was there already",
            false => "",
        };
        let into = &one.into;
        match (one.opening, one.already) {
            (Opening::Open, _) => format!("{there}, in a pull request into {into}"),
            (Opening::Asked, false) => format!(", a pull request into {into} was asked for"),
            (Opening::Asked, true) => {
                format!("{there}, and its pull request into {into} was asked for then")
            }
            (Opening::ByHand | Opening::Unheard, true) => {
                format!("{there}; open a pull request into {into}")
            }
            (Opening::ByHand | Opening::Unheard, false) => {
                format!(", open a pull request into {into}")
            }
        }
    });
    format!(
        "{} {old} → {}{pushed}{into}",
        update.branch,
        update.new.short()
    )
}

/// The same as data.
pub(super) fn published_data(published: &Published) -> Value {
    let updates = published.updates.iter().map(|update| {
        let tags = published.tags.iter().filter(|tag| tag.commit == update.new);
        let tag = tags.map(|tag| tag.name.to_string()).next();
        json!({
            "branch": update.branch.as_str(),
            "old": update.old.as_ref().map(ToString::to_string),
            "new": update.new.to_string(),
            "pushedTo": update.pushed_to,
            "into": update.proposal.as_ref().map(|proposal| proposal.into.to_string()),
            "pullRequest": update.proposal.as_ref().map(proposal_data),
            "tag": tag,
        })
    });
    updates.collect()
}

/// With `-v1`: what the commits will say, as far as it is known before they are made.
pub(super) fn preview(context: &Context, planned: &Planned) {
    for update in &planned.changes.updates {
        let head = || format!("the commit on {} says:", update.branch);
        context.ui.detail(1, head);
        for line in update.message.to_string().lines() {
            context
                .ui
                .detail(1, || format!("  {line}").trim_end().to_owned());
        }
    }
}

/// A template in `gitops.yaml` that gives no message, with what helps.
pub(super) fn message_failure(error: TemplateError) -> Failure {
    Failure::new(FailureKind::Usage, error)
        .fact("nothing was written")
        .hint(Hint::command(
            "see what a template may use",
            CommandLine::gitops(["schema", "repository"]),
        ))
        .hint("or say it in your own words, without the template: -m 'SUBJECT'")
}

fn proposal_data(proposal: &Proposal) -> Value {
    let supersedes: Vec<String> = proposal
        .supersedes
        .iter()
        .map(|older| match older {
            Superseded::Branch(branch) => branch.to_string(),
            Superseded::PullRequest(number) => format!("#{number}"),
        })
        .collect();
    json!({
        "state": match proposal.opening {
            Opening::ByHand | Opening::Unheard => "to be opened",
            Opening::Asked => "asked for",
            Opening::Open => "open",
        },
        "already": proposal.already,
        "changedBy": proposal.changed_by.as_ref().map(|commit| json!({
            "commit": commit.id.to_string(),
            "author": commit.author.email,
            "subject": commit.message.subject,
        })),
        "url": proposal.page.as_ref().map(|page| page.url.clone()),
        "supersedes": supersedes,
    })
}

/// A failure of the writer.
pub(super) fn publish_failure(error: PublishError, context: &Context) -> Failure {
    match error {
        PublishError::Estate(error) => estate_failure(error),
        PublishError::Git(error) => git_failure(error),
        PublishError::Moved {
            ref was,
            ref now,
            differs,
            ..
        } => {
            let short = was.as_ref().map_or("absent", |was| was.short()).to_owned();
            let now = now.as_ref().map_or_else(
                || "now gone".to_owned(),
                |now| {
                    let when = ago(now.committer.seconds, context.now());
                    format!("now {} ({}, {when})", now.id.short(), now.message.subject)
                },
            );
            let plan = match differs {
                true => ", and the plan is no longer the same",
                false => "",
            };
            Failure::new(FailureKind::Moved, error)
                .fact(format!("was {short}, {now}{plan}"))
                .fact("nothing was written")
                .hint(Hint::command(
                    "look again",
                    context.ui.again().flag("--dry-run"),
                ))
        }
        PublishError::Rejected {
            ref name,
            ref proposed_to,
            ..
        } => {
            let hint = match (name, proposed_to) {
                (_, Some(into)) => Some(format!(
                    "the pull request into {into} needs the right to push {name}"
                )),
                (RefName::Branch(branch), None) => Some(format!(
                    "if {branch} takes changes by pull request only, set write: branch for its environment in gitops.yaml"
                )),
                _ => None,
            };
            let failure = Failure::new(FailureKind::Refused, error).fact("nothing was written");
            hint.into_iter().fold(failure, Failure::hint)
        }
        PublishError::Lagging { .. } => Failure::new(FailureKind::Unreachable, error)
            .fact("nothing was written")
            .hint("wait until the replica has caught up, or fetch from the address that is pushed to (git remote -v)"),
        PublishError::TagTaken { .. } => Failure::new(FailureKind::Refused, error)
            .hint("a tag is never moved; take another name: --tag NAME"),
        PublishError::TagOnProposal {
            ref environment, ..
        } => {
            let hint =
                format!("leave --tag out, and tag {environment} once the pull request is merged");
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        PublishError::OneAtATime { ref environments } => {
            let names: Vec<&str> = environments.iter().map(EnvironmentName::as_str).collect();
            let hint = format!(
                "one after the other: {}; or pullRequests: none in gitops.yaml, and open them yourself",
                names.join(", then ")
            );
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        PublishError::NoReview { .. } => Failure::new(FailureKind::Usage, error)
            .fact("nothing was written")
            .hint("set pullRequests in gitops.yaml to none, or to gitlab for a GitLab"),
        PublishError::LocalAhead { ref branch } => {
            let range = format!("origin/{branch}..{branch}");
            let look = CommandLine::git(["log", &range]);
            Failure::new(FailureKind::Refused, error)
                .hint(Hint::command("push or drop them first; see them", look))
        }
    }
}
