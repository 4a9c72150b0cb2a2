//! `render ENV`: what an environment comes to, printed or committed.

use std::fmt::Write as _;

use serde_json::json;

use super::args::{OutputArgs, WriteArgs};
use super::context::Context;
use super::failure::{Exit, Failure, FailureKind};
use super::opening::{environment, estate_failure, open, open_to_write};
use super::writing::{self, Again};
use crate::ops::estate::Estate;
use crate::ops::render::{self, RenderFailure, Rendered};
use crate::product::EnvironmentName;
use crate::report::Format;
use crate::report::text::promote::rendered as layers;

/// Print what an environment renders to, or bring its committed files up to date
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  kubectl gitops render dev                      every resource, as YAML
  kubectl gitops render dev --write              commit what is not up to date
  kubectl gitops render dev | kubectl diff -f -")]
pub(super) struct Args {
    /// The environment
    #[arg(value_name = "ENV")]
    environment: String,
    /// Commit the files that are not up to date
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    writing: WriteArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let name = environment(&args.environment)?;
    if !args.write {
        let estate = open(context)?;
        let rendered = render::rendered(&estate, &name).map_err(failure)?;
        return print(args, context, &rendered);
    }
    let estate = open_to_write(context)?;
    write(args, context, &estate, &name)
}

/// Every file: Kubernetes' as one stream of documents, others behind a heading.
fn print(args: &Args, context: &Context, rendered: &Rendered) -> Result<Exit, Failure> {
    if args.output.format != Format::Text {
        let files: Vec<_> = rendered
            .rendering
            .files
            .iter()
            .map(|(path, file)| {
                json!({
                    "path": path.as_str(),
                    "component": file.component.as_str(),
                    "layer": file.layer.as_ref().map(ToString::to_string),
                    "text": file.text,
                })
            })
            .collect();
        let report = json!({
            "environment": rendered.state.entry.name.as_str(),
            "commit": rendered.state.commit.to_string(),
            "files": files,
        });
        let format = args.output.format;
        context
            .ui
            .report(format, "RenderReport", &report, |_, _| String::new())?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    for (path, file) in &rendered.rendering.files {
        if file.resource.is_some() {
            text.push_str("---\n");
        }
        let _ = write!(text, "# {path}\n{}", file.text);
    }
    context.ui.answer(&text);
    Ok(Exit::Ok)
}

fn write(
    args: &Args,
    context: &Context,
    estate: &Estate,
    name: &EnvironmentName,
) -> Result<Exit, Failure> {
    let make = || {
        let rendered = render::rendered(estate, name)?;
        let plan = render::plan(estate.repository(), &rendered)?;
        Ok::<_, RenderFailure>((rendered, plan))
    };
    let message = args.writing.message.as_deref();
    let (rendered, plan) = make().map_err(failure)?;
    let text = args.output.format == Format::Text;
    let answer = |published: Option<serde_json::Value>| {
        if text {
            return Ok(());
        }
        let report = json!({
            "environment": name.as_str(),
            "rendered": plan.changes,
            "digest": plan.digest,
            "published": published,
        });
        let format = args.output.format;
        context
            .ui
            .report(format, "RenderReport", &report, |_, _| String::new())
    };
    if plan.edits.is_empty() {
        if text {
            context.ui.answer(&format!("{name} is up to date"));
        }
        return answer(None).map(|()| Exit::Ok);
    }
    if text {
        let mut lines = String::new();
        for change in &plan.changes {
            let _ = writeln!(lines, "{}", change.path);
        }
        context.ui.answer(&lines);
        context
            .ui
            .answer(&layers(&plan.changes, estate.repository()));
    }
    if args.writing.dry_run {
        return answer(None).map(|()| Exit::Ok);
    }
    let first = render::planned(&plan, message, &rendered.state, estate);
    let mut replan = || {
        let (rendered, plan) = make()?;
        Ok(render::planned(&plan, message, &rendered.state, estate))
    };
    let again = Again {
        plan: &mut replan,
        command: &format!("kubectl gitops render {name} --write --dry-run"),
        failure: &failure,
    };
    let Some(published) = writing::write(context, &args.writing, estate, first, again)? else {
        return Ok(Exit::Ok);
    };
    if text {
        writing::announce(context, &published);
    }
    answer(Some(writing::published_data(&published))).map(|()| Exit::Ok)
}

fn failure(error: RenderFailure) -> Failure {
    match error {
        RenderFailure::Estate(error) => estate_failure(error),
        other => Failure::new(FailureKind::Usage, other),
    }
}
