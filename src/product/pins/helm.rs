//! Helm values, at any depth and in lists: under every key that ends in `image` one string
//! or a mapping of `registry`, `repository`, `tag` or `version`, and `digest`; the same
//! mapping under any key when it has a tag; and `image` with `tag` or `imageTag` beside it.

use crate::image::{Digest, Reference, Tag};
use crate::yaml::{self, Path};

use super::scan::Finder;
use super::{Shape, SiteKind, nested};

/// The way to a value. It is written down only where something is found there.
#[derive(Clone, Copy)]
enum Trail<'a> {
    Top(&'a Path),
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> Path {
        match self {
            Trail::Top(path) => (*path).clone(),
            Trail::Key(above, name) => above.path().key(*name),
            Trail::Index(above, index) => above.path().index(*index),
        }
    }
}

/// The sites in some values.
pub(super) fn values(finder: &mut Finder<'_>, kind: SiteKind, node: &yaml::Node, path: &Path) {
    below(finder, kind, node, &Trail::Top(path));
}

fn below(finder: &mut Finder<'_>, kind: SiteKind, node: &yaml::Node, trail: &Trail<'_>) {
    for entry in node.entries() {
        let Some(name) = entry.name() else {
            continue;
        };
        let value = &entry.value;
        let trail = Trail::Key(trail, name.as_ref());
        if is_image(&name) {
            if value.is_mapping() && value.get("repository").is_some() {
                let tag = match (value.get("tag"), value.get("version")) {
                    (None, Some(_)) => "version",
                    _ => "tag",
                };
                parts(finder, kind, value, (&trail.path(), "repository", tag));
                continue;
            }
            // A bare name is none of its own; its tag may stand beside it.
            finder.reference(kind, "", value, &trail.path());
        }
        below(finder, kind, value, &trail);
    }
    let has = |key: &str| {
        node.get(key)
            .is_some_and(|value| value.as_str() != Some(""))
    };
    if has("repository") && has("tag") {
        parts(finder, kind, node, (&trail.path(), "repository", "tag"));
    } else if let Some(tag) = tag_beside(node) {
        parts(finder, kind, node, (&trail.path(), "image", tag));
    }
    for (index, item) in node.items().iter().enumerate() {
        below(finder, kind, item, &Trail::Index(trail, index));
    }
}

/// The values files that a ConfigMap brings to a release, such as `values.yaml: |`.
pub(super) fn config_map(finder: &mut Finder<'_>, root: &yaml::Node, path: &Path) {
    let data = root.get("data").map(yaml::Node::entries);
    for entry in data.unwrap_or_default() {
        let Some(name) = entry.name() else { continue };
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if is_yaml && name.contains("values") {
            let path = path.key("data").key(name.as_ref());
            nested::values(finder, SiteKind::HelmValues, &entry.value, &path);
        }
    }
}

/// The key beside `image` that holds its tag, where that is a bare name.
fn tag_beside(node: &yaml::Node) -> Option<&'static str> {
    let image: Reference = node.get("image")?.as_str()?.parse().ok()?;
    if image.tag().is_some() || image.digest().is_some() {
        return None;
    }
    let says = |key: &&str| {
        let text = node.get(key).and_then(yaml::Node::as_str);
        text.is_some_and(|text| !text.is_empty())
    };
    ["tag", "imageTag"].into_iter().find(says)
}

/// Whether a key ends in `image`, in any case.
fn is_image(key: &str) -> bool {
    const WORD: &[u8] = b"image";
    let tail = key
        .len()
        .checked_sub(WORD.len())
        .map(|at| &key.as_bytes()[at..]);
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(WORD))
}

/// An image whose parts have keys of their own.
fn parts(
    finder: &mut Finder<'_>,
    kind: SiteKind,
    node: &yaml::Node,
    (path, named, tag): (&Path, &str, &'static str),
) {
    let text = |key: &str| {
        let text = node.get(key).and_then(yaml::Node::as_str);
        text.filter(|text| !text.is_empty())
    };
    let Some(repository) = text(named) else {
        return;
    };
    let name = match text("registry") {
        Some(registry) => format!("{registry}/{repository}"),
        None => repository.to_owned(),
    };
    let Ok(image) = name.parse::<Reference>() else {
        return;
    };
    if image.tag().is_some() || image.digest().is_some() {
        let place = finder.place(node);
        finder.warn(format!(
            "{place}: the repository carries a tag or digest of its own"
        ));
        return;
    }
    apart(finder, kind, node, path, (&image, tag));
}

/// An image whose tag and digest are keys of one mapping; the tag's key is given.
pub(super) fn apart(
    finder: &mut Finder<'_>,
    kind: SiteKind,
    node: &yaml::Node,
    path: &Path,
    (image, key): (&Reference, &'static str),
) {
    for key in [key, "digest"] {
        let odd = node.get(key);
        if let Some(odd) = odd.filter(|node| node.as_str().is_none() && !node.is_null()) {
            let place = finder.place(odd);
            finder.warn(format!("{place}: {key} is no text; put it in quotes"));
            return;
        }
    }
    let field = |key: &str| node.get(key).filter(|node| node.as_str() != Some(""));
    let (tag, digest) = (field(key), field("digest"));
    let at = tag.or(digest).unwrap_or(node);
    let text = tag.and_then(yaml::Node::as_str);
    let (said, behind) = match text.and_then(|text| text.split_once('@')) {
        Some((tag, digest)) => (Some(tag), Some(digest)),
        None => (text, None),
    };
    let apart = digest.and_then(yaml::Node::as_str);
    let read_tag = said.map(str::parse::<Tag>).transpose();
    let read_digest = apart.or(behind).map(str::parse::<Digest>).transpose();
    let (Ok(tag), Ok(digest)) = (read_tag, read_digest) else {
        let place = finder.place(at);
        finder.warn(format!("{place}: is no tag or digest of {}", image.name()));
        return;
    };
    // A source without either follows a branch of its own; values leave it to the chart.
    if tag.is_none() && digest.is_none() && kind == SiteKind::OciRepository {
        return;
    }
    let shape = Shape::Values {
        kind,
        tag: key,
        has_tag: tag.is_some(),
        joined: behind.is_some(),
        digest: apart.is_some(),
    };
    finder.image(at, path, image.with(tag, digest), shape);
}
