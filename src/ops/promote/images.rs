//! Whether the target can pull the images that a promotion brings: a mirror that lags
//! behind is found out before the pods are that wait for it.

use super::PromoteError;
use crate::image::Reference;
use crate::product::ComponentName;
use crate::promotion::Plan;
use crate::promotion::gate::{self, Overrides};
use crate::registry::{Fault, ManifestQuery, Registries};

/// Asks whether the images that a plan brings are there, and refuses for those that are
/// not.
///
/// # Errors
/// [`PromoteError::Registry`]: a registry could not say.
pub fn look_for_images(
    plan: &mut Plan,
    overrides: &Overrides,
    registries: &Registries,
) -> Result<(), PromoteError> {
    let query = |(_, image): &(ComponentName, Reference)| ManifestQuery {
        reference: image.clone(),
        platforms: false,
    };
    let queries: Vec<ManifestQuery> = plan.images.iter().map(query).collect();
    let (mut missing, mut failed) = (Vec::new(), Vec::new());
    for ((component, image), answer) in plan.images.iter().zip(registries.manifests(&queries)) {
        match answer {
            Ok(_) => {}
            Err(error) if error.fault() == Fault::NotFound => {
                missing.push((component.clone(), image.clone()));
            }
            Err(error) => failed.push((component.clone(), error)),
        }
    }
    if !failed.is_empty() {
        return Err(PromoteError::Registry { failed });
    }
    plan.refusals.extend(gate::images(missing, overrides));
    Ok(())
}
