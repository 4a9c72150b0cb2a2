//! The images that a promotion brings.

use super::versions::pinned as pinned_version;
use super::{Facts, Item};
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
    let version = item.difference.theirs.as_ref()?.as_str()?;
    let (tag, digest) = match version.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest.parse().ok()?)),
        None => (version, None),
    };
    let mut pins = facts.target.pins.iter();
    let image = pins.find(|pin| pin.component == component)?.image()?;
    let image = image.with(tag.parse().ok(), digest);
    Some((component, image))
}
