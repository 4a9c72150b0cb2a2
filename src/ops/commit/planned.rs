//! What a commit says of a promotion's plan, whichever operation made it.

use std::collections::BTreeSet;

use super::{ComponentChange, ProductChange};
use crate::promotion::{Plan, VersionChange};

/// Returns the product, as its version goes from the target's to the source's.
pub(crate) fn product_change(plan: &Plan) -> Option<ProductChange<'_>> {
    Some(ProductChange {
        name: plan.product.as_deref()?,
        from: plan.version.0.as_deref(),
        version: plan.version.1.as_deref(),
    })
}

/// Returns the components whose version changes.
pub(crate) fn component_changes(plan: &Plan) -> Vec<ComponentChange> {
    let change = |change: &VersionChange| ComponentChange {
        name: change.component.to_string(),
        from: change.from.clone(),
        to: change.to.clone(),
        ..ComponentChange::default()
    };
    plan.versions.iter().map(change).collect()
}

/// Returns the names of the components whose version changes.
pub(crate) fn changed_components(plan: &Plan) -> BTreeSet<String> {
    let versions = plan.versions.iter();
    versions
        .map(|change| change.component.to_string())
        .collect()
}
