//! The guard that a promotion brings no errors of its own.

use super::PromoteError;
use crate::ops::validate::{Change, one_line};
use crate::promotion::{Facts, Guard, Plan, Request, gate};

/// Checks the result offline and refuses the plan for errors that the target
/// does not have already, unless that guard was set aside.
///
/// # Errors
/// The result can't be checked.
pub(super) fn validate(
    request: &Request,
    facts: &Facts,
    plan: &mut Plan,
) -> Result<(), PromoteError> {
    if plan.is_empty() || request.overrides.contains_key(&Guard::Validation) {
        return Ok(());
    }
    let target = &facts.target.state;
    let errors = Change {
        repository: &facts.repository,
        entry: &target.entry,
        before: (&target.snapshot, target.product.as_ref()),
        rendering: &plan.rendering,
        elsewhere: Some(&facts.source.state.snapshot),
        edits: &plan.edits,
    }
    .new_errors()?;
    let errors: Vec<String> = errors.iter().map(one_line).collect();
    plan.refusals
        .extend(gate::validation(errors, &request.overrides));
    Ok(())
}
