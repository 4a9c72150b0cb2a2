//! Picking versions at the terminal: which components, then which version of each. What
//! was picked is asked for as if `COMPONENT=TAG` had named it, guards included.

use super::{Args, Sources, failure};
use crate::cli::edge::context::Context;
use crate::cli::edge::failure::Failure;
use crate::cli::edge::hint::{CommandLine, Hint};
use crate::ops::bump_image::{
    self, Absence, Choice, Choices, Decision, Offer, Remark, Request, Scene,
};
use crate::report::{ago, count};

/// The request for what a person picked; `None`: nothing.
pub(super) fn pick(
    args: &Args,
    context: &Context,
    (scene, sources): (&Scene, &Sources),
    request: &Request,
) -> Result<Option<Request>, Failure> {
    let answers = sources.ask(args, context, scene, request)?;
    let choices = bump_image::choices(request, scene, &answers).map_err(failure)?;
    for (component, absence) in &choices.left_out {
        let why = absent(absence);
        context.ui.note(&format!("{component} is left out: {why}"));
    }
    if choices.components.is_empty() {
        context
            .ui
            .note("there is nothing to pick; nothing was written");
        return Ok(None);
    }
    let mut wishes = Vec::new();
    for place in components(context, &choices)? {
        if let Some(choice) = choices.components.get(place) {
            wishes.extend(version(context, choice)?.and_then(|offer| offer.wish.clone()));
        }
    }
    if wishes.is_empty() {
        context.ui.note("nothing was picked; nothing was written");
        return Ok(None);
    }
    Ok(Some(Request {
        wishes,
        pick: false,
        ..request.clone()
    }))
}

/// Fails where nobody can pick, and says what to do instead.
pub(super) fn require_person(context: &Context, environment: &str) -> Result<(), Failure> {
    if context.ui.is_interactive() {
        return Ok(());
    }
    let policies = CommandLine::gitops(["bump-image"]).option("--env", [environment]);
    let policies = Hint::command("let the policies choose", policies.flag("--yes"));
    Err(
        Failure::usage("--interactive: nobody can pick without a terminal")
            .hint("name versions as COMPONENT=TAG, with --yes")
            .hint(policies),
    )
}

/// Which components shall change; those with something newer are marked already.
fn components(context: &Context, choices: &Choices) -> Result<Vec<usize>, Failure> {
    let width = |text: fn(&Choice) -> String| {
        let lengths = choices.components.iter();
        lengths
            .map(|one| text(one).chars().count())
            .max()
            .unwrap_or(0)
    };
    let name = |choice: &Choice| choice.component.to_string();
    let (names, versions) = (width(name), width(now));
    let lines = choices.components.iter().map(|choice| {
        let line = format!(
            "{:names$}  {:versions$}  {}",
            name(choice),
            now(choice),
            standing(choice)
        );
        (line, choice.has_newer())
    });
    let question = "which components shall change? (space marks one, enter goes on)";
    context.ui.mark(question, &lines.collect::<Vec<_>>())
}

/// Which version one component gets; `None`: it stays as it is.
fn version<'a>(context: &Context, choice: &'a Choice) -> Result<Option<&'a Offer>, Failure> {
    let component = &choice.component;
    if let Some(gone) = &choice.gone {
        let note = format!("{component}: the registry no longer lists {gone}, which is deployed");
        context.ui.note(&note);
    }
    for verdict in &choice.left_out {
        let (tag, why) = (&verdict.tag, &verdict.why);
        context
            .ui
            .note(&format!("{component}: {tag} is left out: {why}"));
    }
    if let (Some(beyond), Some(policy)) = (&choice.beyond, &choice.policy) {
        let note = format!("{component}: {beyond} exists, outside of {policy}");
        context.ui.note(&note);
    }
    if !choice.older.is_empty() {
        let older = count(choice.older.len(), "older version");
        let note = format!("{component}: {older} left out; --allow-downgrade offers them");
        context.ui.note(&note);
    }
    let width = choice.offers.iter().map(|one| one.tag.as_str().len());
    let width = width.max().unwrap_or(0);
    let lines = choice.offers.iter().map(|offer| {
        let line = format!("{:width$}  {}", offer.tag.as_str(), details(offer, context));
        line.trim_end().to_owned()
    });
    let mut lines: Vec<String> = lines.collect();
    if !choice.offers.iter().any(|offer| offer.now) {
        lines.push(format!("leave it at {}", now(choice)));
    }
    let question = format!("{component}, now at {}", now(choice));
    let place = context.ui.choose(&question, &lines, choice.proposed)?;
    Ok(choice.offers.get(place))
}

fn now(choice: &Choice) -> String {
    match choice.now.as_slice() {
        [] => "(no tag)".to_owned(),
        versions => versions.join(", "),
    }
}

/// How a component stands with its policy.
fn standing(choice: &Choice) -> String {
    let policy = choice.policy.as_deref();
    let newest = || choice.offers.get(choice.proposed);
    match (&choice.decision, policy, newest()) {
        (Some(Decision::Bump), Some(policy), Some(newest)) => {
            format!("→ {} ({policy})", newest.tag)
        }
        (Some(Decision::Refresh), Some(policy), _) => format!("another image now ({policy})"),
        (Some(Decision::Held(reason)), _, _) => format!("held: {reason}"),
        (Some(Decision::Newest), Some(policy), _) => format!("newest in {policy}"),
        (Some(_), Some(policy), _) => policy.to_owned(),
        (None, Some(policy), _) => format!("{policy} cannot choose"),
        _ => format!("no policy, {}", count(choice.offers.len(), "tag")),
    }
}

fn details(offer: &Offer, context: &Context) -> String {
    let mut parts = Vec::new();
    if offer.now {
        parts.push("now".to_owned());
    }
    if let Some(created) = offer.created {
        let age = ago(created.as_second(), context.now());
        parts.push(match age.strip_suffix(" ago") {
            Some(age) => format!("{age} old"),
            None => age,
        });
    }
    parts.extend(offer.remark.as_ref().map(|remark| match remark {
        Remark::TakenBack(reason) => reason.clone(),
        Remark::OtherImage => "another image now; --refresh-digests takes it".to_owned(),
        Remark::Tied(digest) => format!("as new as the others, image {}", digest.short()),
        Remark::SameImage => "the same image as the newest".to_owned(),
    }));
    parts.join(", ")
}

fn absent(absence: &Absence) -> String {
    match absence {
        Absence::Held(reason) => format!("held: {reason}"),
        Absence::NotAsked => "its registry cannot be reached from here".to_owned(),
        Absence::Unknown(error) => format!("not known: {error}"),
        Absence::Nothing => "there is no version that it may get".to_owned(),
    }
}
