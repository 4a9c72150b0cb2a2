//! The guard `validation`: a promotion brings no errors of its own.

use super::{Guard, Overrides};
use crate::promotion::Refusal;

/// Refuses a result with these errors, which the target does not have yet.
pub fn judge(errors: Vec<String>, overrides: &Overrides) -> Option<Refusal> {
    if errors.is_empty() {
        return None;
    }
    Guard::Validation.unless_skipped(overrides, Refusal::Validation { errors })
}
