//! What a plan says of versions: those of components, of pins and of the product.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Facts, Item, UnitId, VersionChange, is_place, places};
use crate::product::{ComponentName, ProductTree};
use crate::yaml::Path;

pub(crate) fn versions(
    facts: &Facts,
    items: &[Item],
    result: Option<&ProductTree>,
) -> Vec<VersionChange> {
    let of = |tree: Option<&ProductTree>, name: &ComponentName| {
        tree.and_then(|tree| tree.components.get(name))
            .and_then(|node| node.component.version_label())
    };
    let target = facts.target.state.product.as_ref();
    let mut names: BTreeSet<&ComponentName> = BTreeSet::new();
    for tree in [target, result].into_iter().flatten() {
        names.extend(tree.components.keys());
    }
    let written = names.into_iter().map(|name| VersionChange {
        component: name.clone(),
        from: of(target, name),
        to: of(result, name),
    });
    written
        .filter(|change| change.from != change.to)
        .chain(items.iter().filter_map(pinned))
        .collect()
}

/// Returns the version change of a pin outside of a product manifest.
pub(super) fn pinned(item: &Item) -> Option<VersionChange> {
    let UnitId::Component(component) = &item.unit else {
        return None;
    };
    let path = &item.difference.path;
    if !item.decision.takes() || !(*path == Path::of([places::VERSION]) || is_place(path)) {
        return None;
    }
    let (ours, theirs) = (&item.difference.ours, &item.difference.theirs);
    let text = |value: &Option<Value>| Some(value.as_ref()?.as_str()?.to_owned());
    let tag = |value: &Option<Value>| {
        let text = text(value)?;
        let tag = text.split('@').next().filter(|tag| !tag.is_empty());
        Some(tag.unwrap_or(&text).to_owned())
    };
    // Where only the digests differ, they are the versions.
    let (from, to) = match tag(ours) == tag(theirs) {
        true => (text(ours), text(theirs)),
        false => (tag(ours), tag(theirs)),
    };
    Some(VersionChange {
        component: component.clone(),
        from,
        to,
    })
}

pub(crate) fn templates(items: &[Item], result: Option<&ProductTree>) -> Vec<(String, usize)> {
    let changed: BTreeSet<_> = items
        .iter()
        .filter(|item| item.decision.takes())
        .filter_map(|item| match &item.unit {
            UnitId::Template(name) => Some(name),
            _ => None,
        })
        .collect();
    changed
        .into_iter()
        .map(|name| {
            let users = result.map_or(0, |tree| {
                tree.components
                    .keys()
                    .filter(|component| tree.template_chain(component).contains(&name))
                    .count()
            });
            (name.to_string(), users)
        })
        .collect()
}

pub(super) fn product_name(facts: &Facts) -> Option<String> {
    let tree = facts
        .source
        .state
        .product
        .as_ref()
        .or(facts.target.state.product.as_ref())?;
    Some(tree.product.name.to_string())
}

pub(crate) fn version(tree: Option<&ProductTree>) -> Option<String> {
    tree.and_then(|tree| {
        tree.product
            .version
            .as_ref()
            .map(|version| version.value.clone())
    })
}
