//! The images that a promotion brings.

use super::versions::pinned as pinned_version;
use super::{Facts, Item, Side};
use crate::image::Reference;
use crate::product::{ComponentName, ProductTree};
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

/// Returns the image of a pin outside of a product manifest, with its new version.
fn pinned(facts: &Facts, item: &Item) -> Option<(ComponentName, Reference)> {
    let component = pinned_version(item)?.component;
    let of = |side: &'_ Side| {
        let mut pins = side.pins.iter();
        pins.position(|pin| pin.component == component)
    };
    let new = facts.source.pins[of(&facts.source)?].deployed()?;
    let image = facts.target.pins[of(&facts.target)?].image()?;
    let image = image.with(new.tag().cloned(), new.digest().cloned());
    Some((component, image))
}
