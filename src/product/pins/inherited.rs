//! Images that an environment takes from bases outside of it. A base is shared: who
//! wants another version in one environment writes an entry into the `images` of that
//! environment's own kustomization, and the base stays as it is for all others.
//!
//! Refuses to guess where a patch that only kustomize can follow sets images.

use std::collections::BTreeSet;

use crate::image::Reference;
use crate::product::{ComponentName, EnvironmentEntry, PinEntry};
use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::Path;

use super::overlay::{Kustomization, Overlays, Renamed};
use super::scan::images_in;
use super::{Deployed, Node, Shape, Site, component_of};

/// What was found, and what cannot be told.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    pub(super) sites: Vec<(ComponentName, Site)>,
    pub(super) warnings: BTreeSet<String>,
}

/// An image as it comes out of a base, and where its version stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Built {
    image: Reference,
    location: Location,
}

/// The images of bases that an environment's kustomizations build upon and leave as
/// they are.
pub(super) fn inherited_sites(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    declared: &[PinEntry],
    others: &[(ComponentName, Site)],
) -> Inherited {
    let mut inherited = Inherited::default();
    if entry.path.is_root() {
        return inherited;
    }
    let overlays = Overlays::read(snapshot, &entry.path);
    let own = |it: &&Kustomization| it.file.starts_with(&entry.path) && entry.holds(&it.file);
    let heirs: Vec<&Kustomization> = overlays.iter().filter(own).collect();
    for heir in &heirs {
        let beyond = heir.builds.iter();
        let beyond = beyond.filter(|path| !path.starts_with(&entry.path));
        let base = Base {
            snapshot,
            overlays: &overlays,
        };
        let built: Vec<Built> = beyond
            .flat_map(|path| base.images(path, &mut Vec::new()))
            .collect();
        if built.is_empty() {
            continue;
        }
        let above = heirs
            .iter()
            .filter(|it| it.file == heir.file || overlays.reached(it).contains(&heir.folder));
        let above: Vec<&&Kustomization> = above.collect();
        let below = overlays.reached(heir);
        let below = below.iter().filter_map(|path| overlays.of(path));
        let mut all = above.iter().map(|it| **it).chain(below);
        if let Some(opaque) = all.find(|it| it.patches_images(snapshot)) {
            inherited.warnings.insert(format!(
                "{}: has a patch that sets an image, so what it takes from a base is not pinned there; \
                set it with an entry of images",
                opaque.file
            ));
            continue;
        }
        let mut seen = BTreeSet::new();
        for one in built {
            let name = one.image.name();
            if !seen.insert(name.to_owned()) || above.iter().any(|it| it.sets(name)) {
                continue;
            }
            // Under a name that the base does not know it is what a patch makes of it.
            if let Ok(component) = component_of(&one.image, declared)
                && !others
                    .iter()
                    .any(|(name, site)| *name == component && is_instead(site, &one.image, &above))
            {
                inherited.sites.push((component, site(heir, one)));
            }
        }
    }
    inherited
}

/// Whether a site says what the environment has instead of a base's image.
fn is_instead(site: &Site, image: &Reference, above: &[&&Kustomization]) -> bool {
    let patches = above.iter().any(|it| it.patches.contains(site.file()));
    patches || !site.image().is_some_and(|it| it.same_repository(image))
}

fn site(heir: &Kustomization, built: Built) -> Site {
    let start = || Location::new(heir.file.clone(), 1, 1);
    Site {
        location: heir.list.clone().unwrap_or_else(start),
        deployed: Deployed::Image(built.image),
        node: Node {
            file: heir.file.clone(),
            document: 0,
            path: Path::root().key("images"),
        },
        shape: Shape::Inherited {
            from: built.location,
        },
    }
}

/// Reads what bases come to.
struct Base<'a> {
    snapshot: &'a Snapshot,
    overlays: &'a Overlays,
}

impl Base<'_> {
    /// The images of a resource file or a kustomization's folder.
    fn images(&self, path: &RepoPath, under_way: &mut Vec<RepoPath>) -> Vec<Built> {
        let Some(kustomization) = self.overlays.of(path) else {
            let text = self.snapshot.text(path).ok().flatten();
            let found = text.map(|text| images_in(path, text)).unwrap_or_default();
            let built = |(image, location)| Built { image, location };
            return found.into_iter().map(built).collect();
        };
        // Kustomize refuses circles; here they add nothing.
        if under_way.contains(path) {
            return Vec::new();
        }
        under_way.push(path.clone());
        let mut built: Vec<Built> = kustomization
            .builds
            .iter()
            .flat_map(|path| self.images(path, under_way))
            .collect();
        under_way.pop();
        for one in &mut built {
            let name = one.image.name().to_owned();
            let entry = kustomization.images.iter().find(|it| it.name == name);
            if let Some(renamed) = entry.and_then(|entry| renamed(entry, one)) {
                *one = renamed;
            }
        }
        built
    }
}

/// An image after an entry of `images`; `None` where the entry makes no sense.
fn renamed(entry: &Renamed, built: &Built) -> Option<Built> {
    let name: Reference = match &entry.new_name {
        Some(name) => name.parse().ok()?,
        None => built.image.with(None, None),
    };
    let says = entry.tag.is_some() || entry.digest.is_some();
    let (tag, digest) = match says {
        true => (
            entry.tag.as_ref().and_then(|tag| tag.parse().ok()),
            entry.digest.as_ref().and_then(|digest| digest.parse().ok()),
        ),
        false => (built.image.tag().cloned(), built.image.digest().cloned()),
    };
    Some(Built {
        image: name.with(tag, digest),
        location: match says {
            true => entry.location.clone(),
            false => built.location.clone(),
        },
    })
}
