//! `promotion.checkImages`: asking the target's registries before anything is written.

use super::{Args, Prepared, failure};
use crate::cli::edge::context::Context;
use crate::cli::edge::failure::Failure;
use crate::cli::edge::hint::{CommandLine, Hint};
use crate::ops::estate::Estate;
use crate::ops::promote::{PromoteError, look_for_images};
use crate::promotion::Guard;
use crate::registry::Registries;

/// Refuses plans whose images their targets could not pull, where `gitops.yaml` wants that
/// to be found out.
pub(super) fn check(
    args: &Args,
    context: &Context,
    estate: &Estate,
    all: &mut [Prepared],
) -> Result<(), Failure> {
    if !estate.repository().promotion.check_images {
        return Ok(());
    }
    for one in all {
        let set_aside = one.request.overrides.contains_key(&Guard::Images);
        if one.plan.images.is_empty() || set_aside || one.plan.is_empty() {
            continue;
        }
        let state = &one.facts.target.state;
        let product = state.product.as_ref();
        if !product.is_none_or(|tree| tree.environment.registry_reachable) {
            context.ui.note(&format!(
                "images are not checked: {} says registryReachable: false",
                state.entry.name
            ));
            continue;
        }
        let images = one.plan.images.iter().map(|(_, image)| image);
        let settings = args.registries.settings(context, (estate, state), images)?;
        let registries = Registries::new(settings).map_err(|error| failure(error.into()))?;
        let waiting = context.ui.waiting("asking the registries");
        let looked = look_for_images(&mut one.plan, &one.request.overrides, &registries);
        drop(waiting);
        looked.map_err(|error| unknown(error, context.ui.again()))?;
    }
    Ok(())
}

/// What helps when a registry does not say.
fn unknown(error: PromoteError, again: CommandLine) -> Failure {
    failure(error).hint(Hint::command(
        "promote without knowing",
        again.words("--override", [Guard::Images.name(), "REASON"]),
    ))
}
