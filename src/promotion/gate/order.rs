//! The guard `order`: an environment gets what the one before it has had.

use super::{Guard, Overrides};
use crate::promotion::{Facts, Refusal};

/// Refuses another source than the one that `gitops.yaml` names, and a commit that the
/// source's branch does not have.
pub(in crate::promotion) fn judge(facts: &Facts, overrides: &Overrides) -> Option<Refusal> {
    let source = &facts.source.state;
    let expected = &facts.target.state.entry.promote_from;
    let in_order = expected.as_ref() == Some(&source.entry.name);
    let refusal = match (in_order, facts.is_off_branch) {
        (true, false) => return None,
        (true, true) => Refusal::OffBranch {
            commit: source.commit.clone(),
        },
        (false, _) => Refusal::Order {
            expected: expected.clone(),
        },
    };
    Guard::Order.unless_skipped(overrides, refusal)
}
