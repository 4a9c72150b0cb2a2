//! The images that a promotion brings, and whether the target can pull them: a mirror
//! that lags behind is found out before the pods are that wait for it.

use super::{Facts, Item, Plan, PlanError, Refusal, Side, plan};
use crate::image::Reference;
use crate::product::{ComponentName, ProductTree};
use crate::registry::{Fault, ManifestQuery, Registries};
use crate::template::served_image;

/// The images of the result that the target does not run now, as it pulls them.
pub(super) fn brought(
    facts: &Facts,
    items: &[Item],
    result: Option<&ProductTree>,
) -> Vec<(ComponentName, Reference)> {
    let Some(result) = result else {
        return items
            .iter()
            .filter_map(|item| pinned(facts, item))
            .collect();
    };
    let before = facts.target.state.product.as_ref();
    let environment = &facts.target.state.entry.name;
    let there = result
        .components
        .iter()
        .filter(|(_, node)| node.component.exists_in(environment));
    let images = there.filter_map(|(name, _)| {
        let image = served_image(result, name)?;
        let same = before.and_then(|tree| served_image(tree, name)) == Some(image.clone());
        (!same).then(|| (name.clone(), image))
    });
    images.collect()
}

/// The image of a pin that is no part of a product manifest, with its new version.
fn pinned(facts: &Facts, item: &Item) -> Option<(ComponentName, Reference)> {
    let component = plan::pinned(item)?.component;
    let of = |side: &'_ Side| {
        let mut pins = side.pins.iter();
        pins.position(|pin| pin.component == component)
    };
    let new = facts.source.pins[of(&facts.source)?].deployed()?;
    let image = facts.target.pins[of(&facts.target)?].image()?;
    let image = image.with(new.tag().cloned(), new.digest().cloned());
    Some((component, image))
}

/// Asks whether the images that a plan brings are there, and refuses for those that are
/// not.
///
/// # Errors
/// [`PlanError::Registry`]: a registry could not say.
pub fn look_for_images(plan: &mut Plan, registries: &Registries) -> Result<(), PlanError> {
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
        return Err(PlanError::Registry { failed });
    }
    if !missing.is_empty() {
        plan.refusals
            .push(Refusal::MissingImages { images: missing });
    }
    Ok(())
}
