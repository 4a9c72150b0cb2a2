//! `--plan-out` and `--apply`: a plan that somebody looks at in between.

use std::path::Path;

use serde_json::Value;

use super::{Asked, Prepared};
use crate::cli::edge::context::Context;
use crate::cli::edge::failure::{Failure, FailureKind, not_written};
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
            .hint("make one with: kubectl gitops promote TARGET --plan-out FILE")
    })?;
    Ok(Asked {
        targets: vec![reviewed.target],
        source: Some(reviewed.source.0),
        revision: Some(reviewed.source.1.to_string()),
        request: reviewed.request,
        digest: Some(reviewed.digest),
    })
}

/// Refuses to write another plan than the one that was looked at.
pub(super) fn same(prepared: &Prepared, digest: &str, file: &Path) -> Result<(), Failure> {
    let plan = &prepared.plan;
    if plan.digest == digest {
        return Ok(());
    }
    let target = &plan.target.0;
    let message = format!(
        "{target} or the configuration changed since this plan was made: it would be another plan now\n  then {digest}\n  now  {}",
        plan.digest
    );
    Err(
        Failure::new(FailureKind::Refused, anyhow::Error::msg(message))
            .hint("nothing was written; look at the new plan:")
            .hint(format!(
                "  kubectl gitops promote {target} --from {} --rev {} --plan-out {}",
                plan.source.0,
                plan.source.1.short(),
                file.display()
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
    context.ui.hint(&format!(
        "write it with: kubectl gitops promote --apply {}",
        file.display()
    ));
    Ok(())
}
