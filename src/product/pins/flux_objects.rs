//! Flux's `HelmRelease` (its values, its chart's version and the images that it sets
//! afterwards), `Kustomization` (the images that it sets) and `OCIRepository`.

use crate::image::Reference;
use crate::yaml::{self, Path};

use super::scan::Finder;
use super::{SiteKind, helm};

/// The sites of a release.
pub(super) fn helm_release(finder: &mut Finder<'_>, root: &yaml::Node, path: &Path) {
    let values = Path::of(["spec", "values"]);
    if let Some(node) = root.at(&values) {
        helm::values(finder, SiteKind::HelmRelease, node, &path.join(&values));
    }
    let renderers = Path::of(["spec", "postRenderers"]);
    let found = root.at(&renderers).map(yaml::Node::items);
    for (index, renderer) in found.unwrap_or_default().iter().enumerate() {
        let below = Path::of(["kustomize", "images"]);
        let path = path.join(&renderers).index(index).join(&below);
        images(finder, renderer.at(&below), &path);
    }
    let spec = Path::of(["spec", "chart", "spec"]);
    let Some(node) = root.at(&spec) else {
        return;
    };
    if let Some(chart) = node.get("chart").and_then(yaml::Node::as_str) {
        let version = path.join(&spec).key("version");
        finder.chart(SiteKind::HelmRelease, chart, node.get("version"), &version);
    }
}

/// The images that Flux sets when it applies a kustomization.
pub(super) fn kustomization(finder: &mut Finder<'_>, root: &yaml::Node, path: &Path) {
    let below = Path::of(["spec", "images"]);
    images(finder, root.at(&below), &path.join(&below));
}

fn images(finder: &mut Finder<'_>, list: Option<&yaml::Node>, path: &Path) {
    let entries = list.map(yaml::Node::items).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        finder.entry(entry, path.index(index));
    }
}

/// The artifact that a source follows, by tag or digest; a range is Flux's own affair.
pub(super) fn oci_repository(finder: &mut Finder<'_>, root: &yaml::Node, path: &Path) {
    let below = Path::of(["spec", "ref"]);
    let url = root.at(&Path::of(["spec", "url"]));
    let url = url.and_then(yaml::Node::as_str).unwrap_or_default();
    let (Some(name), Some(node)) = (url.strip_prefix("oci://"), root.at(&below)) else {
        return;
    };
    let pinned = ["tag", "digest"].iter().any(|key| node.get(key).is_some());
    if !pinned || node.get("semver").is_some() {
        return;
    }
    if let Ok(image) = name.parse::<Reference>() {
        let path = path.join(&below);
        helm::apart(
            finder,
            SiteKind::OciRepository,
            node,
            &path,
            (&image, "tag"),
        );
    }
}
