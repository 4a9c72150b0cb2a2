//! Plain resources: the containers, init containers, ephemeral containers and image
//! volumes of every pod template.

use crate::yaml::{self, Path};

use super::SiteKind;
use super::scan::Finder;

/// The sites of a resource; none where its kind runs no pods.
pub(super) fn read<'a>(finder: &mut Finder<'a>, kind: &str, root: &'a yaml::Node, path: &Path) {
    let below: &[&str] = match kind {
        "Pod" => &["spec"],
        "PodTemplate" => &["template", "spec"],
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => &["spec", "template", "spec"],
        "CronJob" => &["spec", "jobTemplate", "spec", "template", "spec"],
        "List" => return list(finder, root, path),
        _ => return,
    };
    let below = Path::of(below.iter().copied());
    if let Some(pod) = root.at(&below) {
        containers(finder, pod, &path.join(&below));
    }
}

fn list<'a>(finder: &mut Finder<'a>, root: &'a yaml::Node, path: &Path) {
    let items = root.get("items").map(yaml::Node::items).unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        let text = |key: &str| item.get(key).and_then(yaml::Node::as_str);
        if let Some(kind) = text("kind") {
            finder.object(kind, item, &path.key("items").index(index));
        }
    }
}

fn containers(finder: &mut Finder<'_>, pod: &yaml::Node, path: &Path) {
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        let found = pod.get(field).map(yaml::Node::items).unwrap_or_default();
        for (index, container) in found.iter().enumerate() {
            if let Some(image) = container.get("image") {
                let path = path.key(field).index(index).key("image");
                finder.reference(SiteKind::Resource, "", image, &path);
            }
        }
    }
    let volumes = pod
        .get("volumes")
        .map(yaml::Node::items)
        .unwrap_or_default();
    let below = Path::of(["image", "reference"]);
    for (index, volume) in volumes.iter().enumerate() {
        if let Some(image) = volume.at(&below) {
            let path = path.key("volumes").index(index).join(&below);
            finder.reference(SiteKind::Resource, "", image, &path);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::{Pin, Target, write};
    use crate::image::Digest;
    use crate::product::Repository;
    use crate::repo::{Edit, Snapshot};

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
        let kustomization = "resources: [base.yaml]\nimages:\n- {name: shop/a, newName: mirror.example.com/a, newTag: v1}\n";
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
        assert_eq!(pins[0].sites[0].kind().name(), "kustomize");
    }
}
