//! Pins where people write them without any tool of their own: the containers and
//! image volumes of plain resources, and the `image:` keys of Helm values, in files
//! of their own or inside a HelmRelease or an Application.
//!
//! Passes over what it cannot read, such as a chart's templates, and over files that
//! SOPS encrypted: nobody asked for these places by name.

use std::collections::BTreeSet;

use crate::image::{Digest, Reference};
use crate::product::{ComponentName, EnvironmentEntry, PinEntry};
use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::{self, Document, Path, Stream};

use super::flux_policy::yaml_text;
use super::kustomize::overridden;
use super::text::Holds;
use super::{Deployed, Node, Shape, Site};

/// Where the pod specification of each kind stands.
const PODS: [(&str, &[&str]); 8] = [
    ("Pod", &["spec"]),
    ("Deployment", &["spec", "template", "spec"]),
    ("StatefulSet", &["spec", "template", "spec"]),
    ("DaemonSet", &["spec", "template", "spec"]),
    ("ReplicaSet", &["spec", "template", "spec"]),
    ("ReplicationController", &["spec", "template", "spec"]),
    ("Job", &["spec", "template", "spec"]),
    (
        "CronJob",
        &["spec", "jobTemplate", "spec", "template", "spec"],
    ),
];

/// The lists of containers of a pod.
const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Files of kustomize, whose `images:` are sites of another kind.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The sites in plain resources and Helm values of an environment that no other site
/// covers, and that no kustomization of it overrides.
pub(super) fn found_sites(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    declared: &[PinEntry],
    others: &[(ComponentName, Site)],
) -> Vec<(ComponentName, Site)> {
    let overridden = overridden(snapshot, &entry.path);
    let mut finder = Finder {
        declared,
        found: Vec::new(),
    };
    for (file, _) in snapshot.under(&entry.path) {
        let name = file.file_name().unwrap_or_default();
        let hidden = file.segments().any(|segment| segment.starts_with('.'));
        if hidden || KUSTOMIZATIONS.contains(&name) || !entry.holds(file) {
            continue;
        }
        // `image` and what ends in `Image`.
        let Some(text) = yaml_text(snapshot, file, "mage") else {
            continue;
        };
        let Ok(stream) = Stream::parse(text) else {
            continue;
        };
        for (number, document) in stream.documents().iter().enumerate() {
            finder.document(file, number, document);
        }
    }
    let covered: BTreeSet<(&RepoPath, usize, &Path)> = others
        .iter()
        .map(|(_, site)| (&site.node.file, site.node.document, &site.node.path))
        .collect();
    finder.found.retain(|(_, site)| {
        let node = &site.node;
        let known = site.image().is_some_and(|image| {
            let mut names = overridden.iter();
            names.any(|name| name.same_repository(image))
        });
        !known && !covered.contains(&(&node.file, node.document, &node.path))
    });
    finder.found
}

struct Finder<'a> {
    declared: &'a [PinEntry],
    found: Vec<(ComponentName, Site)>,
}

/// Where the finder is.
#[derive(Clone, Copy)]
struct At<'a> {
    file: &'a RepoPath,
    number: usize,
    document: &'a Document,
    kind: &'static str,
}

impl Finder<'_> {
    fn document(&mut self, file: &RepoPath, number: usize, document: &Document) {
        let Some(root) = document.root().filter(|root| root.get("sops").is_none()) else {
            return;
        };
        let at = |kind| At {
            file,
            number,
            document,
            kind,
        };
        let text = |name: &str| root.get(name).and_then(yaml::Node::as_str);
        let (version, kind) = (text("apiVersion"), text("kind"));
        let Some(kind) = kind else {
            if version.is_none() {
                self.values(at("helm values"), root, &mut Path::root());
            }
            return;
        };
        match kind {
            "List" => {
                let items = root.get("items").map_or(&[][..], yaml::Node::items);
                for (index, item) in items.iter().enumerate() {
                    let kind = item.get("kind").and_then(yaml::Node::as_str);
                    let path = Path::root().key("items").index(index);
                    self.resource(at("resource"), item, kind.unwrap_or_default(), &path);
                }
            }
            "HelmRelease" => self.inside(at("helm release"), root, &["spec", "values"]),
            "Application" => {
                let path = ["spec", "source", "helm", "valuesObject"];
                self.inside(at("application"), root, &path);
            }
            kind => self.resource(at("resource"), root, kind, &Path::root()),
        }
    }

    /// The Helm values at a path of a document.
    fn inside(&mut self, at: At<'_>, root: &yaml::Node, path: &[&str]) {
        let mut path = Path::of(path.iter().copied());
        if let Some(values) = root.at(&path) {
            self.values(at, values, &mut path);
        }
    }

    fn resource(&mut self, at: At<'_>, object: &yaml::Node, kind: &str, above: &Path) {
        let Some((_, way)) = PODS.iter().find(|(known, _)| *known == kind) else {
            return;
        };
        let way = Path::of(way.iter().copied());
        let Some(pod) = object.at(&way) else { return };
        let pod_path = above.join(&way);
        for list in CONTAINERS {
            let items = pod.get(list).map_or(&[][..], yaml::Node::items);
            for (index, container) in items.iter().enumerate() {
                let path = pod_path.key(list).index(index).key("image");
                self.reference(at, container.get("image"), path);
            }
        }
        let volumes = pod.get("volumes").map_or(&[][..], yaml::Node::items);
        for (index, volume) in volumes.iter().enumerate() {
            let reference = volume.get("image").and_then(|image| image.get("reference"));
            let path = pod_path.key("volumes").index(index);
            self.reference(at, reference, path.key("image").key("reference"));
        }
    }

    /// Values at any depth: a key that ends in `image`, with a reference or with its parts.
    fn values(&mut self, at: At<'_>, node: &yaml::Node, path: &mut Path) {
        for (index, item) in node.items().iter().enumerate() {
            self.values(at, item, &mut path.index(index));
        }
        for entry in node.entries() {
            let Some(name) = entry.name() else { continue };
            let mut below = path.key(name.as_ref());
            if name.to_lowercase().ends_with("image") && !entry.is_merge() {
                if entry.value.is_mapping() {
                    self.parts(at, &entry.value, &below);
                } else {
                    self.reference(at, Some(&entry.value), below.clone());
                }
            }
            self.values(at, &entry.value, &mut below);
        }
    }

    /// `{registry, repository, tag or version, digest}`.
    fn parts(&mut self, at: At<'_>, node: &yaml::Node, path: &Path) {
        let text = |name: &str| {
            let text = node.get(name).and_then(yaml::Node::as_str);
            text.filter(|text| !text.is_empty())
        };
        let Some(repository) = text("repository") else {
            return;
        };
        let name = match text("registry") {
            Some(registry) => format!("{registry}/{repository}"),
            None => repository.to_owned(),
        };
        let Ok(image) = name.parse::<Reference>() else {
            return;
        };
        for key in ["tag", "version"] {
            let tag = text(key).and_then(|tag| tag.parse().ok());
            if let (Some(tag), Some(value)) = (tag, node.get(key)) {
                let image = image.with(Some(tag), None);
                self.add(at, value, (path.key(key), Holds::Tag), image);
                break;
            }
        }
        let digest = text("digest").and_then(|digest| digest.parse::<Digest>().ok());
        if let (Some(digest), Some(value)) = (digest, node.get("digest")) {
            let image = image.with(None, Some(digest));
            self.add(at, value, (path.key("digest"), Holds::Digest), image);
        }
    }

    /// A whole reference with a tag or digest; without one it pins nothing.
    fn reference(&mut self, at: At<'_>, node: Option<&yaml::Node>, path: Path) {
        let Some(node) = node else { return };
        let image = node
            .as_str()
            .and_then(|text| text.parse::<Reference>().ok());
        let image = image.filter(|image| image.tag().is_some() || image.digest().is_some());
        if let Some(image) = image {
            self.add(at, node, (path, Holds::Image), image);
        }
    }

    fn add(
        &mut self,
        at: At<'_>,
        node: &yaml::Node,
        (path, holds): (Path, Holds),
        image: Reference,
    ) {
        let named = self.declared.iter().find(|entry| {
            let declared = entry.image.as_ref();
            declared.is_some_and(|declared| declared.same_repository(&image))
        });
        let component = named
            .and_then(|entry| entry.component.clone())
            .or_else(|| image.last_segment().parse().ok());
        let Some(component) = component else { return };
        let position = at.document.position(node.start());
        let site = Site {
            location: Location::new(at.file.clone(), position.line, position.column),
            deployed: Deployed::Image(image),
            node: Node {
                file: at.file.clone(),
                document: at.number,
                path,
            },
            shape: Shape::Found {
                kind: at.kind,
                holds,
            },
        };
        self.found.push((component, site));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::{Pin, Target, write};
    use super::*;
    use crate::product::Repository;
    use crate::repo::Edit;

    const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    - {name: dev, branch: env/dev}\n";

    fn pins(files: &[(&str, &str)]) -> (Snapshot, Vec<Pin>) {
        let files = files
            .iter()
            .map(|(path, text)| (path.parse().unwrap(), text.as_bytes().to_vec()));
        let snapshot = Snapshot::from_files(None, files);
        let repository = Repository::decode(&"gitops.yaml".parse().unwrap(), GITOPS).unwrap();
        let entry = &repository.environments[0];
        let found = super::super::environment_pins(&snapshot, entry, &repository).unwrap();
        (snapshot, found.pins)
    }

    /// The text after every pin got v2 with this digest known.
    fn bumped(text: &str) -> String {
        let (snapshot, pins) = pins(&[("x.yaml", text)]);
        let target = Target::Image {
            tag: Some("v2".parse().unwrap()),
            digest: Some(Digest::sha256(b"new")),
            pinned: false,
        };
        let changes: Vec<(&Pin, Target)> = pins.iter().map(|pin| (pin, target.clone())).collect();
        match write(&snapshot, &changes).unwrap().into_values().next() {
            Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes).unwrap(),
            _ => text.to_owned(),
        }
    }

    #[test]
    fn containers_of_every_kind_are_sites_and_only_their_tags_change() {
        let pod = "containers:\n@- name: a\n@  image: shop/a:v1 # why\n@initContainers: [{name: b, image: \"shop/b:v1\"}]\n@volumes:\n@- name: c\n@  image: {reference: shop/c:v1}\n";
        for (kind, above, depth) in [
            ("Pod", "spec:\n", 2),
            ("Deployment", "spec:\n  template:\n    spec:\n", 6),
            (
                "CronJob",
                "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n",
                10,
            ),
        ] {
            let indent = " ".repeat(depth);
            let pod = format!("{indent}{}", pod.replace('@', &indent));
            let text = format!("apiVersion: x/v1\nkind: {kind}\n{above}{pod}");
            assert_eq!(
                bumped(&text),
                text.replace(":v1", ":v2").replace("x/v2", "x/v1")
            );
        }
    }

    #[test]
    fn a_digest_follows_only_where_one_stands() {
        let old = Digest::sha256(b"old");
        let new = Digest::sha256(b"new");
        let text = format!("image: shop/a:v1@{old}\n");
        assert_eq!(bumped(&text), format!("image: shop/a:v2@{new}\n"));
        let text = format!("image:\n  repository: shop/a\n  tag: v1\n  digest: {old}\n");
        assert_eq!(
            bumped(&text),
            format!("image:\n  repository: shop/a\n  tag: v2\n  digest: {new}\n")
        );
    }

    #[test]
    fn values_at_any_depth_are_sites() {
        let text = "web:\n  image: {registry: registry.example.com, repository: shop/web, tag: \"v1\"}\nlist:\n- sidecarImage: shop/side:v1\n- image:\n    repository: shop/deep\n    version: v1\nimage:\n  repository: shop/none\n";
        let (_, pins) = pins(&[("values.yaml", text)]);
        let names: Vec<&str> = pins.iter().map(|pin| pin.component.as_str()).collect();
        assert_eq!(names, ["deep", "side", "web"]);
        assert_eq!(bumped(text), text.replace("v1", "v2"));
        let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values:\n    image: {repository: shop/a, tag: v1}\n";
        assert_eq!(bumped(release), release.replace("v1}", "v2}"));
    }

    #[test]
    fn what_a_kustomization_overrides_or_sops_encrypted_is_left_alone() {
        let resource =
            "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: a, image: shop/a:v0}]}\n";
        let kustomization =
            "images:\n- {name: shop/a, newName: mirror.example.com/a, newTag: v1}\n";
        let (_, pins) = pins(&[
            ("base.yaml", resource),
            ("kustomization.yaml", kustomization),
            ("secret.yaml", "image: shop/b:v1\nsops: {mac: x}\n"),
            ("templates/x.yaml", "image: {{ .Values.image }}:v1\n"),
            ("odd.yaml", "image: Not An Image\nkind: 5\n"),
        ]);
        let all: Vec<(&str, usize)> = pins
            .iter()
            .map(|pin| (pin.component.as_str(), pin.sites.len()))
            .collect();
        assert_eq!(all, [("a", 1)]);
        assert_eq!(pins[0].sites[0].kind(), "kustomize");
    }
}
