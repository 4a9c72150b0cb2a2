//! Pins of kustomizations: the entries of `images:` with their `name`, `newName`,
//! `newTag` and `digest`. A component is the last segment of the image's name.

use crate::image::{Reference, Tag};
use crate::product::{ComponentName, PinEntry};
use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::{self, Document, Path, Stream};

use super::{Deployed, Node, PinError, Shape, Site, component_of};

/// The names under which kustomize looks for its file.
pub(super) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The sites in all kustomizations below a folder, under the names that `gitops.yaml`
/// gives to images.
///
/// # Errors
/// The first file or entry that cannot be understood.
pub(super) fn kustomize_sites(
    snapshot: &Snapshot,
    folder: &RepoPath,
    declared: &[PinEntry],
) -> Result<Vec<(ComponentName, Site)>, PinError> {
    let mut found = Vec::new();
    for (file, _) in snapshot.under(folder) {
        if !file.file_name().is_some_and(|name| NAMES.contains(&name)) {
            continue;
        }
        if let Some(text) = snapshot.text(file)? {
            found.extend(sites(file, text, declared)?);
        }
    }
    Ok(found)
}

fn sites(
    file: &RepoPath,
    text: &str,
    declared: &[PinEntry],
) -> Result<Vec<(ComponentName, Site)>, PinError> {
    let stream = Stream::parse(text).map_err(|source| PinError::Yaml {
        file: file.clone(),
        source,
    })?;
    let mut sites = Vec::new();
    for (number, document) in stream.documents().iter().enumerate() {
        let Some(images) = document.root().and_then(|root| root.get("images")) else {
            continue;
        };
        let images = document.resolve(images);
        if !images.is_sequence() && !images.is_null() {
            let location = place(file, document, images.start());
            let reason = "images is no list".to_owned();
            return Err(PinError::Shape { location, reason });
        }
        for (index, entry) in images.items().iter().enumerate() {
            let entry = document.resolve(entry);
            let node = Node {
                file: file.clone(),
                document: number,
                path: Path::root().key("images").index(index),
            };
            sites.extend(site(document, entry, node, declared)?);
        }
    }
    Ok(sites)
}

/// An entry as a site; `None` for one that pins nothing, and names no image either.
pub(super) fn site(
    document: &Document,
    entry: &yaml::Node,
    node: Node,
    declared: &[PinEntry],
) -> Result<Option<(ComponentName, Site)>, PinError> {
    let location = |at: usize| place(&node.file, document, at);
    let wrong = |at: usize, reason: &str| PinError::Shape {
        location: location(at),
        reason: reason.to_owned(),
    };
    let text = |field: &str| match entry.get(field).map(|found| document.resolve(found)) {
        None => Ok(None),
        Some(found) if found.is_null() => Ok(None),
        Some(found) => match found.as_str() {
            Some("") => Ok(None),
            Some(text) => Ok(Some((text, found.start()))),
            None => Err(wrong(found.start(), &format!("{field} is no text"))),
        },
    };
    if !entry.is_mapping() {
        return Err(wrong(entry.start(), "an entry of images is no mapping"));
    }
    let Some(name) = text("newName")?.or(text("name")?) else {
        return Err(wrong(entry.start(), "an entry of images has no name"));
    };
    let (tag, digest) = (text("newTag")?, text("digest")?);
    let at = tag.or(digest).map_or(name.1, |(_, at)| at);
    let parsed: Reference = match name.0.parse() {
        Ok(parsed) => parsed,
        // A placeholder that some script fills in; nothing is deployed by it yet.
        Err(_) if tag.is_none() && digest.is_none() => return Ok(None),
        Err(source) => {
            return Err(PinError::Image {
                location: location(name.1),
                text: name.0.to_owned(),
                source,
            });
        }
    };
    let parse_tag = |(text, at): (&str, usize)| {
        text.parse::<Tag>()
            .map_err(|error| wrong(at, &format!("newTag {text:?}: {error}")))
    };
    let parse_digest = |(text, at): (&str, usize)| {
        text.parse()
            .map_err(|error| wrong(at, &format!("digest {text:?}: {error}")))
    };
    let shape = Shape::Kustomize {
        tag: tag.is_some(),
        digest: digest.is_some(),
    };
    let image = parsed.with(
        tag.map(parse_tag).transpose()?,
        digest.map(parse_digest).transpose()?,
    );
    let component = component_of(&image, declared).map_err(|source| PinError::Name {
        location: location(name.1),
        source,
    })?;
    let site = Site {
        location: location(at),
        deployed: Deployed::Image(image),
        node,
        shape,
    };
    Ok(Some((component, site)))
}

fn place(file: &RepoPath, document: &Document, at: usize) -> Location {
    let position = document.position(at);
    Location::new(file.clone(), position.line, position.column)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::{FoundPins, environment_pins, kustomize_pins};
    use super::*;
    use crate::product::Repository;

    fn pins(files: &[(&str, &str)]) -> Result<FoundPins, PinError> {
        let files = files
            .iter()
            .map(|(p, t)| (p.parse().unwrap(), t.as_bytes().to_vec()));
        kustomize_pins(
            &Snapshot::from_files(None, files),
            &"overlays/dev".parse().unwrap(),
        )
    }

    #[test]
    fn entries_are_pins_named_by_the_last_segment() {
        let found = pins(&[
            (
                "overlays/dev/kustomization.yaml",
                "images:\n- name: web\n  newName: registry.example.com/team/web\n  newTag: \"1.9\"\n- {name: registry.example.com/team/api, newTag: 2.4.0}\n",
            ),
            ("overlays/dev/sub/Kustomization", "images: [{name: registry.example.com/team/api, newTag: 2.3.9}]\n"),
            ("overlays/prod/kustomization.yaml", "images: [{name: other, newTag: 1.0.0}]\n"),
            ("overlays/dev/later/kustomization.yaml", "images: [{name: job, newName: REGISTRY/job}]\n"),
            ("overlays/dev/web.yaml", "images: 3\n"),
        ])
        .unwrap()
        .pins;
        let names: Vec<&str> = found.iter().map(|pin| pin.component.as_str()).collect();
        assert_eq!(names, ["api", "web"]);
        assert_eq!(found[0].versions(), ["2.3.9", "2.4.0"]);
        assert_eq!(
            found[1].image().unwrap().to_string(),
            "registry.example.com/team/web:1.9"
        );
        assert_eq!(
            found[1].sites[0].location.to_string(),
            "overlays/dev/kustomization.yaml:4:11"
        );
    }

    #[test]
    fn what_cannot_be_understood_names_its_place() {
        let error = |text: &str| {
            pins(&[("overlays/dev/kustomization.yaml", text)])
                .unwrap_err()
                .to_string()
        };
        let at = "overlays/dev/kustomization.yaml";
        assert_eq!(
            error("images:\n- newTag: 1\n"),
            format!("{at}:2:3: an entry of images has no name")
        );
        assert_eq!(
            error("images: {}\n"),
            format!("{at}:1:9: images is no list")
        );
        assert!(
            error("images: [{name: A/b, newTag: v1}]\n")
                .starts_with(&format!("{at}:1:17: \"A/b\" is no image"))
        );
        assert!(
            error("images: [{name: a, newTag: a b}]\n")
                .starts_with(&format!("{at}:1:28: newTag \"a b\""))
        );
    }

    #[test]
    fn a_name_that_two_images_would_bear_is_nobodys() {
        let text = "images: [{name: x/a, newTag: '1'}, {name: y/a, newTag: '1'}, {name: x/b}]\n";
        let found = pins(&[("overlays/dev/kustomization.yaml", text)]).unwrap();
        let names: Vec<&str> = found
            .pins
            .iter()
            .map(|pin| pin.component.as_str())
            .collect();
        assert_eq!(names, ["b"]);
        let collision = found.collisions["a"].to_string();
        let file = "kustomization.yaml".parse().unwrap();
        let snapshot = Snapshot::from_files(None, [(file, text.as_bytes().to_vec())]);
        let gitops = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments: [{name: dev, branch: main}]\n  pins: [{image: y/a, component: a-of-y}]\n";
        let repository = Repository::decode(&"gitops.yaml".parse().unwrap(), gitops).unwrap();
        let named = environment_pins(&snapshot, &repository.environments[0], &repository).unwrap();
        let names: Vec<&str> = named
            .pins
            .iter()
            .map(|pin| pin.component.as_str())
            .collect();
        assert_eq!(names, ["a", "a-of-y", "b"]);
        let wanted = "component a would be x/a (overlays/dev/kustomization.yaml:1:30) and y/a (overlays/dev/kustomization.yaml:1:56)";
        assert_eq!(collision, wanted);
    }
}
