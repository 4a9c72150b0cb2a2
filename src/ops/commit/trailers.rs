//! The trailers, in the order in which all commits of this tool have them. Those who
//! read history read nothing else.

use super::{Draft, wording};
use crate::template::PROOF;

/// The trailers of a commit.
pub(super) fn of(draft: &Draft<'_>) -> Vec<(String, String)> {
    let mut found = vec![("Gitops-Action", draft.action.as_str().to_owned())];
    if let Some(product) = &draft.product {
        let version = product.version.map(|version| format!("@{version}"));
        let product = format!("{}{}", product.name, version.unwrap_or_default());
        found.push(("Gitops-Product", product));
    }
    if let Some((environment, commit)) = draft.source {
        found.push(("Gitops-From", format!("{environment} {commit}")));
    }
    found.push(("Gitops-To", draft.environment.to_string()));
    found.push(("Gitops-Plan", draft.plan.to_owned()));
    if !draft.units.is_empty() {
        let units: Vec<&str> = draft.units.iter().map(String::as_str).collect();
        found.push(("Gitops-Components", units.join(" ")));
    }
    if let Some(proof) = draft.proof {
        found.push((PROOF, proof.to_owned()));
    }
    if let Some(reason) = draft.reason {
        found.push(("Gitops-Reason", reason.to_owned()));
    }
    for (guard, reason) in &draft.overrides {
        found.push(("Gitops-Override", format!("{guard} {reason}")));
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), wording::line(&value));
    found.into_iter().map(owned).collect()
}
