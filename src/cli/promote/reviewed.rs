//! `--plan-out` and `--apply`: a plan that somebody looks at in between.

use std::path::Path;

use serde_json::Value;

use super::{Asked, Prepared};
use crate::cli::edge::context::Context;
use crate::cli::edge::failure::{Failure, FailureKind, not_written};
use crate::cli::edge::hint::{CommandLine, Hint};
use crate::files;
use crate::ops::promote::Reviewed;
use crate::report::text::promote as text;

/// What a plan file asks for.
pub(super) fn asked(file: &Path) -> Result<Asked, Failure> {
    let shown = file.display();
    let failed = |error: anyhow::Error| Failure::new(FailureKind::Usage, error);
    let read = files::read_named(file, files::NAMED).and_then(files::text);
    let text = read.map_err(|error| {
        failed(anyhow::Error::new(error).context(format!("can't read {shown}")))
    })?;
    let reviewed = Reviewed::parse(&text).map_err(|error| {
        failed(anyhow::Error::new(error).context(shown.to_string()))
            .fact("nothing was written")
            .hint("make one with promote TARGET --plan-out FILE")
    })?;
    Ok(Asked {
        targets: vec![reviewed.target.clone()],
        source: Some(reviewed.source.0.clone()),
        revision: Some(reviewed.source.1.to_string()),
        request: reviewed.request.clone(),
        reviewed: Some(reviewed.clone()),
    })
}

/// Refuses to write another plan than the one that was looked at.
pub(super) fn same(prepared: &Prepared, reviewed: &Reviewed, file: &Path) -> Result<(), Failure> {
    let plan = &prepared.plan;
    let differs = reviewed
        .differences(plan, &prepared.request, text::plan_data(plan))
        .map_err(|error| Failure::new(FailureKind::Bug, error))?;
    if differs.is_empty() {
        return Ok(());
    }
    let target = &plan.target.0;
    let message = format!(
        "{target} or the configuration changed since this plan was made: it would be another plan now\n  {} differ{}",
        differs.join(", "),
        if differs.len() == 1 { "s" } else { "" }
    );
    Err(
        Failure::new(FailureKind::Refused, anyhow::Error::msg(message))
            .fact("nothing was written")
            .hint(Hint::command(
                "look at the new plan",
                CommandLine::gitops(["promote", target.as_str()])
                    .option("--from", [plan.source.0.as_str()])
                    .option("--rev", [plan.source.1.short()])
                    .option("--plan-out", [file.display().to_string()]),
            )),
    )
}

/// Writes the plan file.
pub(super) fn write(context: &Context, prepared: &Prepared, file: &Path) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| {
        let error = error.context(format!("can't write {}", file.display()));
        Failure::new(FailureKind::Bug, error)
    };
    let shown: Value = text::plan_data(&prepared.plan);
    let document = Reviewed::document(&prepared.plan, &prepared.request, shown)
        .map_err(|error| failed(error.into()))?;
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|error| failed(error.into()))?;
    bytes.push(b'\n');
    files::write_whole(file, &bytes).map_err(|error| not_written(file, error))?;
    context.ui.note(&format!(
        "the plan is in {} and nothing else was written",
        file.display()
    ));
    let apply = CommandLine::gitops(["promote"]);
    let apply = apply.option("--apply", [file.display().to_string()]);
    context.ui.hint(Hint::command("apply it", apply));
    Ok(())
}
