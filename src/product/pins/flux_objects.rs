//! Flux's `HelmRelease` (its values and its chart's version) and `OCIRepository`.

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
    let spec = Path::of(["spec", "chart", "spec"]);
    let Some(node) = root.at(&spec) else {
        return;
    };
    if let Some(chart) = node.get("chart").and_then(yaml::Node::as_str) {
        let version = path.join(&spec).key("version");
        finder.chart(SiteKind::HelmRelease, chart, node.get("version"), &version);
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
