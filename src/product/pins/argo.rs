//! Argo CD's `Application`, and the template of an `ApplicationSet`: Helm parameters and
//! values, `kustomize.images`, and the versions of charts.

use crate::image::Reference;
use crate::yaml::{self, Path};

use super::scan::Finder;
use super::{Holds, Shape, SiteKind, helm, nested};

const KIND: SiteKind = SiteKind::ArgoApplication;

/// The sites of all sources of an application.
pub(super) fn read(finder: &mut Finder<'_>, kind: &str, root: &yaml::Node, path: &Path) {
    let below = match kind {
        "ApplicationSet" => Path::of(["spec", "template", "spec"]),
        _ => Path::of(["spec"]),
    };
    let Some(spec) = root.at(&below) else {
        return;
    };
    let path = path.join(&below);
    if let Some(node) = spec.get("source") {
        source(finder, node, &path.key("source"));
    }
    let sources = spec
        .get("sources")
        .map(yaml::Node::items)
        .unwrap_or_default();
    for (index, node) in sources.iter().enumerate() {
        source(finder, node, &path.key("sources").index(index));
    }
}

fn source(finder: &mut Finder<'_>, source: &yaml::Node, path: &Path) {
    if let Some(chart) = source.get("chart").and_then(yaml::Node::as_str) {
        let version = source.get("targetRevision");
        finder.chart(KIND, chart, version, &path.key("targetRevision"));
    }
    let images = Path::of(["kustomize", "images"]);
    let found = source
        .at(&images)
        .map(yaml::Node::items)
        .unwrap_or_default();
    for (index, image) in found.iter().enumerate() {
        // `OLD=NEW:TAG` renames as it pins.
        let text = image.as_str().unwrap_or_default();
        let before = text.find('=').map_or("", |at| &text[..=at]);
        finder.reference(KIND, before, image, &path.join(&images).index(index));
    }
    let Some(release) = source.get("helm") else {
        return;
    };
    let path = path.key("helm");
    if let Some(values) = release.get("valuesObject") {
        helm::values(finder, KIND, values, &path.key("valuesObject"));
    }
    if let Some(text) = release.get("values") {
        nested::values(finder, KIND, text, &path.key("values"));
    }
    let list = release.get("parameters").map(yaml::Node::items);
    parameters(finder, list.unwrap_or_default(), &path.key("parameters"));
}

/// `image.repository`, `image.tag` and `image.digest` as parameters of one list, or a
/// whole image as one.
fn parameters(finder: &mut Finder<'_>, list: &[yaml::Node], path: &Path) {
    let value = |wanted: &str| {
        let named =
            |node: &&yaml::Node| node.get("name").and_then(yaml::Node::as_str) == Some(wanted);
        list.iter().find(named)?.get("value")?.as_str()
    };
    for (index, node) in list.iter().enumerate() {
        let name = node.get("name").and_then(yaml::Node::as_str);
        let (Some(name), Some(said)) = (name, node.get("value")) else {
            continue;
        };
        let path = path.index(index).key("value");
        if name.to_ascii_lowercase().ends_with("image") {
            finder.reference(KIND, "", said, &path);
            continue;
        }
        let Some((prefix, "tag" | "digest")) = name.rsplit_once('.') else {
            continue;
        };
        let Some(repository) = value(&format!("{prefix}.repository")) else {
            continue;
        };
        let full = match value(&format!("{prefix}.registry")) {
            Some(registry) => format!("{registry}/{repository}"),
            None => repository.to_owned(),
        };
        let Some(text) = said.as_str() else {
            let place = finder.place(said);
            finder.warn(format!("{place}: {name} is no text; put it in quotes"));
            continue;
        };
        let (holds, sign) = match name.ends_with(".tag") {
            true => (Holds::Tag, ':'),
            false => (Holds::Digest, '@'),
        };
        if let Ok(image) = format!("{full}{sign}{text}").parse::<Reference>() {
            let shape = Shape::Found {
                kind: KIND,
                holds,
                before: String::new(),
                after: String::new(),
            };
            finder.image(said, &path, image, shape);
        }
    }
}
