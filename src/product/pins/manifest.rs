//! Pins of a product manifest: `image:` and `version:` of its components, in the
//! manifest itself and in the files that it includes.

use crate::product::{ComponentNode, ProductTree, Update};

use super::{Deployed, Node, Pin, Shape, Site};

/// The pins of a product in its environment: one for each component that exists
/// there and has an image or a version.
pub fn product_pins(tree: &ProductTree) -> Vec<Pin> {
    let pin = |node: &ComponentNode| {
        let update = node.component.update.as_ref().map(|update| &update.value);
        Some(Pin {
            component: node.component.name.clone(),
            served: None,
            policy: update.and_then(Update::own).cloned(),
            source: update.and_then(Update::source).cloned(),
            hold: node.component.hold.as_ref().map(|hold| hold.value.clone()),
            sites: vec![site(node)?],
        })
    };
    tree.enabled().filter_map(|(_, node)| pin(node)).collect()
}

fn site(node: &ComponentNode) -> Option<Site> {
    let component = &node.component;
    let (location, deployed, key, shape) = match (&component.image, &component.version) {
        (Some(image), _) => (
            &image.location,
            Deployed::Image(image.value.clone()),
            "image",
            Shape::Reference,
        ),
        (None, Some(version)) => (
            &version.location,
            Deployed::Version(version.value.clone()),
            "version",
            Shape::Version,
        ),
        (None, None) => return None,
    };
    Some(Site {
        location: location.clone(),
        deployed,
        node: Node {
            file: node.file.clone(),
            document: node.document,
            path: node.path.key(key),
        },
        shape,
    })
}
