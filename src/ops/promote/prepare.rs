//! A promotion's plan with everything that it says.

use super::PromoteError;
use super::validation::validate;
use crate::ops::comparison::blame;
use crate::ops::estate::Estate;
use crate::promotion::{Facts, Plan, Request, plan};

/// Makes the plan for `request`, with the commits that made its hotfixes and conflicts, and
/// refuses it for errors that it would bring.
///
/// # Errors
/// No plan can be made, its history can't be read, or its result can't be checked.
pub fn prepare(estate: &Estate, request: &Request, facts: &Facts) -> Result<Plan, PromoteError> {
    let mut plan = plan(request, facts)?;
    blame(estate, facts, &mut plan)?;
    validate(request, facts, &mut plan)?;
    Ok(plan)
}
