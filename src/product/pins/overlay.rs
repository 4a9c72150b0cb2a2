//! How kustomizations build upon each other: the files and folders that each of them
//! reads, and the images that it sets. Paths that lead out of the repository, and
//! bases that are fetched from elsewhere, lead nowhere here.

use std::collections::{BTreeMap, BTreeSet};

use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::{self, Document, Stream};

use super::kustomize::NAMES;

/// The kustomizations of an environment and those that they build upon, by folder.
#[derive(Debug, Default)]
pub(super) struct Overlays(BTreeMap<RepoPath, Kustomization>);

/// One kustomization.
#[derive(Debug)]
pub(super) struct Kustomization {
    pub(super) file: RepoPath,
    pub(super) folder: RepoPath,
    /// The entries of its `images`.
    pub(super) images: Vec<Renamed>,
    /// Where the list of `images` stands; `None`: there is none.
    pub(super) list: Option<Location>,
    /// Resources, bases and components.
    pub(super) builds: Vec<RepoPath>,
    /// Files with patches.
    pub(super) patches: Vec<RepoPath>,
    /// Patches written into it, as text.
    inline: Vec<String>,
}

/// What a kustomization makes of an image.
#[derive(Debug)]
pub(super) struct Renamed {
    /// The name, as it is written.
    pub(super) name: String,
    pub(super) new_name: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) digest: Option<String>,
    pub(super) location: Location,
}

impl Overlays {
    /// Reads the kustomizations below a folder, and all that they build upon as far as
    /// the snapshot holds it.
    pub(super) fn read(snapshot: &Snapshot, folder: &RepoPath) -> Self {
        let mut found = Self::default();
        let mut open: Vec<RepoPath> = snapshot
            .under(folder)
            .filter(|(file, _)| file.file_name().is_some_and(|name| NAMES.contains(&name)))
            .map(|(file, _)| file.parent().unwrap_or_default())
            .collect();
        while let Some(folder) = open.pop() {
            if found.0.contains_key(&folder) {
                continue;
            }
            if let Some(read) = Kustomization::find(snapshot, &folder) {
                open.extend(read.builds.iter().cloned());
                found.0.insert(folder, read);
            }
        }
        found
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Kustomization> {
        self.0.values()
    }

    /// The one of a folder.
    pub(super) fn of(&self, folder: &RepoPath) -> Option<&Kustomization> {
        self.0.get(folder)
    }

    /// Whether a kustomization that reads this file or folder sets the image of this
    /// name. Like kustomize, it goes by the name as it is written.
    pub(super) fn hold(&self, path: &RepoPath, image: &str) -> bool {
        self.iter()
            .filter(|kustomization| kustomization.sets(image))
            .any(|kustomization| self.reached(kustomization).contains(path))
    }

    /// The files and folders that a kustomization reads, itself or through others.
    pub(super) fn reached(&self, from: &Kustomization) -> BTreeSet<RepoPath> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&RepoPath> = from.builds.iter().chain(&from.patches).collect();
        while let Some(path) = open.pop() {
            if reached.insert(path.clone())
                && let Some(below) = self.of(path)
            {
                open.extend(below.builds.iter().chain(&below.patches));
            }
        }
        reached
    }
}

/// What the kustomizations below a folder build upon outside of it. A folder whose
/// files the snapshot does not list is named, and what that one builds upon is not known.
pub fn bases_beyond(snapshot: &Snapshot, folder: &RepoPath) -> BTreeSet<RepoPath> {
    if folder.is_root() {
        return BTreeSet::new();
    }
    let overlays = Overlays::read(snapshot, folder);
    let all = overlays.iter().flat_map(|it| it.builds.iter());
    all.filter(|path| !path.starts_with(folder))
        .cloned()
        .collect()
}

impl Kustomization {
    /// The kustomization of a folder; one that cannot be parsed sets and reads nothing.
    fn find(snapshot: &Snapshot, folder: &RepoPath) -> Option<Self> {
        NAMES.iter().find_map(|name| {
            let file = folder.join(name).ok()?;
            let text = snapshot.text(&file).ok()??;
            let stream = Stream::parse(text).ok()?;
            let document = stream.documents().first()?;
            Some(Self::read(file, folder, document, document.root()?))
        })
    }

    fn read(file: RepoPath, folder: &RepoPath, document: &Document, root: &yaml::Node) -> Self {
        let items = |key: &str| root.get(key).map(yaml::Node::items).unwrap_or_default();
        let place = |node: &yaml::Node| {
            let position = document.position(node.start());
            Location::new(file.clone(), position.line, position.column)
        };
        let images = items("images").iter().filter_map(|image| {
            let text = |key: &str| {
                let text = image.get(key).and_then(yaml::Node::as_str);
                text.filter(|text| !text.is_empty()).map(str::to_owned)
            };
            let mut said = ["newTag", "digest", "newName"].into_iter();
            let said = said.find_map(|key| image.get(key)).unwrap_or(image);
            Some(Renamed {
                name: text("name")?,
                new_name: text("newName"),
                tag: text("newTag"),
                digest: text("digest"),
                location: place(said),
            })
        });
        let inside = |node: &yaml::Node| resolved(folder, node.as_str()?);
        let builds = ["resources", "bases", "components"];
        let all = ["patches", "patchesJson6902"].into_iter().flat_map(items);
        let merged = items("patchesStrategicMerge");
        let patches = all.clone().filter_map(|it| it.get("path")).chain(merged);
        let inline = all.filter_map(|it| it.get("patch")).chain(merged);
        Self {
            images: images.collect(),
            list: root.get("images").map(place),
            builds: builds
                .into_iter()
                .flat_map(items)
                .filter_map(inside)
                .collect(),
            patches: patches.filter_map(inside).collect(),
            inline: inline
                .filter_map(yaml::Node::as_str)
                .filter(|text| text.contains('\n'))
                .map(str::to_owned)
                .collect(),
            folder: folder.clone(),
            file,
        }
    }

    /// Whether it sets the image of this name.
    pub(super) fn sets(&self, image: &str) -> bool {
        self.images.iter().any(|entry| entry.name == image)
    }

    /// Whether it patches images in a way that only kustomize can follow: by a patch
    /// within its own text, or by an operation on a path.
    pub(super) fn patches_images(&self, snapshot: &Snapshot) -> bool {
        let names_image = |text: &str| {
            text.match_indices("image").any(|(at, word)| {
                let before = text[..at].chars().next_back();
                let after = text[at + word.len()..].trim_start_matches(['"', '\'']);
                match before {
                    // Of an operation: `/spec/…/image`.
                    Some('/') => !after.starts_with(|c: char| c.is_alphanumeric()),
                    _ => after.starts_with(':'),
                }
            })
        };
        let operation = |file: &RepoPath| {
            let text = snapshot.text(file).ok().flatten().unwrap_or_default();
            text.contains("path") && text.contains("/image") && names_image(text)
        };
        self.inline.iter().any(|text| names_image(text)) || self.patches.iter().any(operation)
    }
}

/// A relative path with `..` in it, as far as it stays inside.
fn resolved(folder: &RepoPath, relative: &str) -> Option<RepoPath> {
    let mut segments: Vec<&str> = folder.segments().collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            other => segments.push(other),
        }
    }
    segments.join("/").parse().ok()
}
