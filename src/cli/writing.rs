//! What every writing command does once its plan was shown: ask, hand it to
//! the one writer, and say what became of it.

use serde_json::{Value, json};

use super::args::WriteArgs;
use super::context::Context;
use super::failure::{Failure, FailureKind};
use super::opening::{estate_failure, git_failure};
use crate::git::LocalRef;
use crate::ops::commit::TemplateError;
use crate::ops::estate::Estate;
use crate::ops::publish::{
    Planned, PublishError, PublishOptions, Published, PublishedRef, Replanned, publish_replanning,
};
use crate::report::ago;

/// What happens when the branch moved while the plan was looked at.
pub(super) struct Again<'a, E> {
    /// Makes the plan anew on the new tip; one that is another plan is not written.
    pub(super) plan: &'a mut dyn FnMut() -> Result<Planned, E>,
    /// The command that shows the new plan.
    pub(super) command: &'a str,
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
    let branches: Vec<String> = first
        .changes
        .updates
        .iter()
        .map(|update| update.branch.to_string())
        .collect();
    let push = !args.no_push;
    let question = match (&estate.remote, push) {
        (Some(remote), true) => format!(
            "write this to {} and push to {}?",
            branches.join(", "),
            remote.shown()
        ),
        _ => format!("write this to {}?", branches.join(", ")),
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
        Replanned::Publish(error) => publish_failure(error, again.command, context),
    })
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
        let proposal = update.proposal.as_ref();
        for older in proposal.iter().flat_map(|proposal| &proposal.supersedes) {
            context
                .ui
                .note(&format!("{older} is superseded by {}", update.branch));
        }
    }
}

fn line(update: &PublishedRef) -> String {
    let old = update.old.as_ref().map_or("new", |old| old.short());
    let pushed = update.pushed_to.as_ref().map_or_else(
        || "   not pushed".to_owned(),
        |remote| format!("   pushed to {remote}"),
    );
    let into = match &update.proposal {
        Some(proposal) if proposal.already => {
            format!(
                ", was there already; open a pull request into {}",
                proposal.into
            )
        }
        Some(proposal) => format!(", open a pull request into {}", proposal.into),
        None => String::new(),
    };
    format!(
        "{} {old} → {}{pushed}{into}",
        update.branch,
        update.new.short()
    )
}

/// The same as data.
pub(super) fn published_data(published: &Published) -> Value {
    let updates = published.updates.iter().map(|update| {
        json!({
            "branch": update.branch.as_str(),
            "old": update.old.as_ref().map(ToString::to_string),
            "new": update.new.to_string(),
            "pushedTo": update.pushed_to,
            "into": update.proposal.as_ref().map(|proposal| proposal.into.to_string()),
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
        .hint("nothing was written; what a template may speak of: kubectl gitops schema repository")
        .hint("or say it in your own words, without the template: -m 'SUBJECT'")
}

/// A failure of the writer.
pub(super) fn publish_failure(error: PublishError, again: &str, context: &Context) -> Failure {
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
                .hint(format!("was {short}, {now}{plan}"))
                .hint(format!("nothing was written; look again: {again}"))
        }
        PublishError::Rejected { ref branch, .. } => {
            let hint = format!(
                "nothing was written; if {branch} takes changes by pull request only, set write: branch for its environment in gitops.yaml"
            );
            Failure::new(FailureKind::Refused, error).hint(hint)
        }
        PublishError::LocalAhead { ref branch } => {
            let hint = format!("push or drop them first: git log origin/{branch}..{branch}");
            Failure::new(FailureKind::Refused, error).hint(hint)
        }
    }
}
