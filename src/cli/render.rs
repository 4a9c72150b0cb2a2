//! `render ENV`: what an environment comes to, printed or written.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::edge::args::{OutputArgs, WriteArgs};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::Hint;
use super::opening::{environment, estate_failure, git_failure, open, open_to_write};
use super::writing::{self, Again};
use crate::ops::estate::Estate;
use crate::ops::render::{RenderPlan, RenderPlanError, plan, plan_work_tree};
use crate::product::ComponentName;
use crate::report::Format;
use crate::report::text::render as text;

/// Show what an environment's product and templates come to, or commit it
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops render dev                             all resources of dev, as YAML
  kubectl gitops render dev --only cart                 those of one component
  kubectl gitops render dev --write                     commit what an edit by hand left behind
  kubectl gitops render dev --work-tree --write         the same in the work tree, before the edit is committed")]
pub(super) struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Render these components only
    #[arg(
        long,
        value_name = "COMPONENT,…",
        value_delimiter = ',',
        conflicts_with = "write"
    )]
    only: Vec<String>,
    /// Render the files of the work tree instead of the branch's tip
    #[arg(long)]
    work_tree: bool,
    /// Bring the rendered files up to date
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    writing: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let name = environment(&args.environment)?;
    let only = only(args)?;
    if args.work_tree {
        context.require_clone("--work-tree")?;
        let estate = open(context)?;
        let plan = plan_work_tree(&estate, &name, &only).map_err(failure)?;
        return match args.write {
            true => write_work_tree(args, context, &estate, &plan),
            false => show(args, context, &plan),
        };
    }
    if !args.write {
        let estate = open(context)?;
        let plan = plan(&estate, &name, &only).map_err(failure)?;
        return show(args, context, &plan);
    }
    let estate = open_to_write(context)?;
    let first = plan(&estate, &name, &only).map_err(failure)?;
    write(args, context, &estate, &first)
}

fn only(args: &Args) -> Result<BTreeSet<ComponentName>, Failure> {
    let names = args.only.iter().map(|word| word.parse::<ComponentName>());
    names
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(FailureKind::Usage, anyhow::Error::new(error)))
}

fn show(args: &Args, context: &Context, plan: &RenderPlan) -> Result<Exit, Failure> {
    let report = plan.report();
    context
        .ui
        .report(args.output.format, "RenderReport", &report, |_, _| {
            text::documents(plan)
        })?;
    if args.output.format == Format::Text
        && let Some(words) = text::remark(plan)
    {
        let render = context.ui.again().flag("--write");
        context.ui.hint(Hint::command(words, render));
    }
    Ok(Exit::Ok)
}

/// Says what would be written; `false` when nothing is to be.
fn announce(
    args: &Args,
    context: &Context,
    estate: &Estate,
    plan: &RenderPlan,
) -> Result<bool, Failure> {
    if !plan.is_committed {
        return Err(
            Failure::usage("gitops.yaml has no rendered files committed")
                .hint("say where in gitops.yaml, as rendered: manifests"),
        );
    }
    let done = args.writing.dry_run || plan.edits.is_empty();
    if args.output.format == Format::Text {
        let listing = text::changes(plan, estate.repository());
        if done {
            context.ui.answer(&listing);
        } else {
            context.ui.note(&listing);
        }
    } else if done {
        data(args, context, plan, None)?;
    }
    Ok(!done)
}

/// The answer of a run that writes, for programs.
fn data(
    args: &Args,
    context: &Context,
    plan: &RenderPlan,
    published: Option<Value>,
) -> Result<(), Failure> {
    if args.output.format == Format::Text {
        return Ok(());
    }
    let report = json!({
        "environment": plan.entry.name,
        "rendered": plan.changes,
        "foreign": plan.foreign,
        "digest": plan.digest(),
        "published": published,
    });
    let format = args.output.format;
    context
        .ui
        .report(format, "RenderReport", &report, |_, _| String::new())
}

fn write_work_tree(
    args: &Args,
    context: &Context,
    estate: &Estate,
    plan: &RenderPlan,
) -> Result<Exit, Failure> {
    if !announce(args, context, estate, plan)? {
        return Ok(Exit::Ok);
    }
    plan.write_work_tree(estate).map_err(failure)?;
    context
        .ui
        .note("written to the work tree; commit it together with the change that caused it");
    data(args, context, plan, None).map(|()| Exit::Ok)
}

fn write(
    args: &Args,
    context: &Context,
    estate: &Estate,
    first: &RenderPlan,
) -> Result<Exit, Failure> {
    let message = args.writing.message.as_deref();
    let planned = first
        .planned(estate, message)
        .map_err(|error| failure(error.into()))?;
    if !announce(args, context, estate, first)? {
        if args.writing.dry_run && !first.edits.is_empty() {
            writing::dry_run(context, &args.writing, estate, &planned)?;
        }
        return Ok(Exit::Ok);
    }
    writing::preview(context, &planned);
    let name = &first.entry.name;
    let mut replan = || Ok(plan(estate, name, &BTreeSet::new())?.planned(estate, message)?);
    let again = Again {
        plan: &mut replan,
        failure: &failure,
    };
    let Some(published) = writing::write(context, &args.writing, estate, planned, again)? else {
        return Ok(Exit::Ok);
    };
    if args.output.format == Format::Text {
        writing::announce(context, &published);
    }
    let published = writing::published_data(&published);
    data(args, context, first, Some(published)).map(|()| Exit::Ok)
}

fn failure(error: RenderPlanError) -> Failure {
    match error {
        RenderPlanError::Estate(error) => estate_failure(error),
        RenderPlanError::Git(error) => git_failure(error),
        RenderPlanError::OtherBranch { ref branch, .. } => {
            let hint = format!("git switch {branch}, or leave out --work-tree");
            Failure::new(FailureKind::Usage, error).hint(hint)
        }
        RenderPlanError::Link { .. } => Failure::new(FailureKind::Refused, error)
            .hint("nothing was written; remove the link first"),
        RenderPlanError::Message(error) => writing::message_failure(error),
        RenderPlanError::Unwritable { .. } => Failure::new(FailureKind::Unreachable, error)
            .hint("free some space or change its rights, then run it again"),
        RenderPlanError::NoProduct(_)
        | RenderPlanError::NoComponent { .. }
        | RenderPlanError::Render(_)
        | RenderPlanError::Rerender(_)
        | RenderPlanError::NoWorkTree(_) => Failure::new(FailureKind::Usage, error),
    }
}
