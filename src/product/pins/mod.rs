//! Pins: the image references and versions that an environment deploys, and every
//! place (site) where each of them is written. Pure.
//!
//! One pin may have many sites; they change together. Owns how each kind of site is
//! read and which bytes of it are written. Refuses to guess between two images that
//! would both be called by one component's name.
//!
//! Each kind of site is found in a file of its own. `environment_pins` puts them
//! together: what is declared or marked by Flux comes before what `scan` recognises in
//! plain resources, Helm values and the objects of Flux and Argo CD.

mod argo;
mod declared;
mod flux;
mod flux_objects;
mod flux_policy;
mod found;
mod helm;
mod inherited;
mod kind;
mod kustomize;
mod manifest;
mod nested;
mod overlay;
mod remote;
mod resource;
mod scan;
mod text;
mod write;

#[cfg(test)]
mod tests;

pub use flux_policy::{FluxPolicies, Follow, SourceError};
pub use found::{
    FoundPins, environment_pins, environment_pins_by, kustomize_pins, with_declared_sites,
};
pub use kind::SiteKind;
pub use manifest::product_pins;
pub use overlay::bases_beyond;
pub use text::{Holds, TextPattern};
pub use write::write;

use crate::image::{Digest, Reference, ReferenceError, Tag, TagPolicy};
use crate::repo::{Location, RepoPath, SnapshotError};
use crate::yaml::{EditError, Path, YamlError};

use super::{ComponentName, NameError, PinEntry, PolicySource};

/// One thing that is deployed at a version, and all places that say so.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The component it belongs to.
    pub component: ComponentName,
    /// The image as it is really pulled, where that differs from what the sites say.
    pub served: Option<Reference>,
    /// Which tags may follow.
    pub policy: Option<TagPolicy>,
    /// The policy elsewhere that decides about it; with `policy` where it was found.
    pub source: Option<PolicySource>,
    /// Why it should stay as it is.
    pub hold: Option<String>,
    /// Where it is written; at least one.
    pub sites: Vec<Site>,
}

/// One place where a pin is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Where a person finds it.
    pub location: Location,
    /// What stands there.
    pub deployed: Deployed,
    node: Node,
    shape: Shape,
}

/// What a site says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deployed {
    /// An image, with whatever of tag and digest stands there.
    Image(Reference),
    /// The version of something that is no image.
    Version(String),
}

/// What all sites of a pin shall say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Tag and digest of the image; the name stays.
    Image {
        /// The tag; `None` where only a digest is wanted.
        tag: Option<Tag>,
        /// The digest, when it is known.
        digest: Option<Digest>,
        /// Whether the digest is written also where a tag alone would do.
        pinned: bool,
    },
    /// The version.
    Version(String),
}

/// A node in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    file: RepoPath,
    document: usize,
    path: Path,
}

/// How a site holds its image.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// One scalar with name, tag and digest.
    Reference,
    /// One scalar with a version.
    Version,
    /// An entry of a kustomization's `images`, and which fields it has.
    Kustomize { tag: bool, digest: bool },
    /// Nothing yet: an entry that a kustomization's `images` get for what a base says.
    Inherited { from: Location },
    /// A scalar at a declared key path.
    Key(Holds),
    /// A scalar that a Flux marker points at; whether its policy writes digests.
    Flux { holds: Holds, digests: bool },
    /// A scalar that was recognised, with what stands around the image in it.
    Found {
        kind: SiteKind,
        holds: Holds,
        before: String,
        after: String,
    },
    /// A mapping with tag and digest as keys; `joined` where the digest stands behind
    /// the tag.
    Values {
        kind: SiteKind,
        tag: &'static str,
        has_tag: bool,
        joined: bool,
        digest: bool,
    },
    /// A site in the text of values that its node holds.
    Within { inner: Path, shape: Box<Shape> },
    /// One match of a declared expression, counted from 0; its node is the file.
    Text { pattern: TextPattern, number: usize },
}

impl Site {
    /// The file that it is written in.
    pub fn file(&self) -> &RepoPath {
        &self.node.file
    }

    /// How it holds its image, wherever that stands.
    fn form(&self) -> &Shape {
        match &self.shape {
            Shape::Within { shape, .. } => shape.as_ref(),
            shape => shape,
        }
    }

    /// The document of the file that it is in, from 0.
    pub fn document(&self) -> usize {
        self.node.document
    }

    /// Whether it is a part of a text, so that no key path leads to it alone.
    pub fn is_in_text(&self) -> bool {
        matches!(self.shape, Shape::Text { .. } | Shape::Within { .. })
    }

    /// The key paths at which tag and digest stand, or may; none for a part of a text, and
    /// for what is not written yet.
    pub fn paths(&self) -> Vec<Path> {
        let below = |keys: [&str; 2]| keys.map(|key| self.node.path.key(key)).into();
        match &self.shape {
            Shape::Text { .. } | Shape::Within { .. } | Shape::Inherited { .. } => Vec::new(),
            Shape::Kustomize { .. } => below(["newTag", "digest"]),
            Shape::Values { tag, .. } => below([*tag, "digest"]),
            _ => vec![self.node.path.clone()],
        }
    }

    /// Returns the key path of its node, and what tells it from other places in that node.
    pub fn path_and_part(&self) -> (&Path, Option<String>) {
        let part = match &self.shape {
            Shape::Within { inner, .. } => Some(inner.to_string()),
            Shape::Text { number, .. } => Some(format!("match {}", number + 1)),
            _ => None,
        };
        (&self.node.path, part)
    }

    /// What kind of place it is.
    pub fn kind(&self) -> SiteKind {
        match self.form() {
            Shape::Reference | Shape::Version => SiteKind::Product,
            Shape::Kustomize { .. } | Shape::Inherited { .. } => SiteKind::Kustomize,
            Shape::Flux { .. } => SiteKind::Flux,
            Shape::Found { kind, .. } | Shape::Values { kind, .. } => *kind,
            Shape::Key(_) => SiteKind::KeyPath,
            Shape::Text { .. } | Shape::Within { .. } => SiteKind::Text,
        }
    }

    /// Whether a digest can be written there, if one is wanted.
    pub fn takes_digest(&self) -> bool {
        let has = self.image().is_some_and(|image| image.digest().is_some());
        let may = |holds: &Holds| matches!(holds, Holds::Image | Holds::Digest);
        match self.form() {
            Shape::Reference
            | Shape::Kustomize { .. }
            | Shape::Inherited { .. }
            | Shape::Values { .. } => true,
            Shape::Key(holds) | Shape::Found { holds, .. } => has || may(holds),
            Shape::Flux { digests, .. } => has || *digests,
            Shape::Text { pattern, .. } => has || pattern.holds().iter().any(may),
            Shape::Version | Shape::Within { .. } => false,
        }
    }

    /// The place outside of the environment that says what is deployed, as long as the
    /// environment itself says nothing.
    pub fn inherited_from(&self) -> Option<&Location> {
        match self.form() {
            Shape::Inherited { from } => Some(from),
            _ => None,
        }
    }

    /// Whether it names an image and leaves its version open: what is deployed there
    /// is decided elsewhere, or nowhere.
    pub(super) fn is_open(&self) -> bool {
        let leaves_open = matches!(
            self.form(),
            Shape::Inherited { .. } | Shape::Found { .. } | Shape::Values { .. }
        );
        let bare = |image: &Reference| image.tag().is_none() && image.digest().is_none();
        leaves_open && self.image().is_some_and(bare)
    }

    /// Whose version it holds, where that is known of something that is no image.
    fn origin(&self) -> Option<&str> {
        match self.form() {
            Shape::Found {
                kind: SiteKind::KustomizeBase,
                before,
                ..
            } => Some(remote::repository(before)),
            _ => None,
        }
    }

    /// Whether it holds nothing but the digest of a tag that stands elsewhere.
    fn is_digest_apart(&self) -> bool {
        match self.form() {
            Shape::Key(holds) | Shape::Flux { holds, .. } | Shape::Found { holds, .. } => {
                *holds == Holds::Digest
            }
            _ => false,
        }
    }

    /// The image, if it is one.
    pub fn image(&self) -> Option<&Reference> {
        match &self.deployed {
            Deployed::Image(image) => Some(image),
            Deployed::Version(_) => None,
        }
    }
}

impl Pin {
    /// The image to ask a registry for: as it is served, else as the first site says.
    pub fn image(&self) -> Option<&Reference> {
        self.served
            .as_ref()
            .or_else(|| self.sites.iter().find_map(Site::image))
    }

    /// The image as its first site writes it.
    pub fn written(&self) -> Option<&Reference> {
        self.sites.iter().find_map(Site::image)
    }

    /// What is deployed, put together from all sites: one may say the tag, another the
    /// digest that goes with it.
    pub fn deployed(&self) -> Option<Reference> {
        let images = || self.sites.iter().filter_map(Site::image);
        let tag = images().find_map(Reference::tag);
        let digest = images()
            .filter(|image| image.tag().is_none_or(|it| Some(it) == tag))
            .find_map(Reference::digest);
        Some(images().next()?.with(tag.cloned(), digest.cloned()))
    }

    /// Whether some site has room for a digest without being asked to make it.
    pub fn holds_digest(&self) -> bool {
        self.sites.iter().any(|site| match site.form() {
            Shape::Reference | Shape::Key(Holds::Image) => true,
            Shape::Kustomize { digest, .. } => *digest,
            Shape::Flux { digests: true, .. } => true,
            Shape::Values { digest, joined, .. } => *digest || *joined,
            Shape::Key(_)
            | Shape::Text { .. }
            | Shape::Flux { .. }
            | Shape::Found { .. }
            | Shape::Inherited { .. } => site.image().is_some_and(|image| image.digest().is_some()),
            Shape::Version | Shape::Within { .. } => false,
        })
    }

    /// The tags that stand at the sites: more than one is a disagreement.
    pub fn tags(&self) -> Vec<&Tag> {
        let mut tags: Vec<&Tag> = self
            .sites
            .iter()
            .filter_map(|site| site.image()?.tag())
            .collect();
        tags.sort();
        tags.dedup();
        tags
    }

    /// The versions that stand at the sites, as people know them.
    pub fn versions(&self) -> Vec<String> {
        // Beside a tag, a digest in a place of its own is no other version.
        let tagged = !self.tags().is_empty();
        let of = |site: &Site| match &site.deployed {
            Deployed::Image(image) => match (image.tag(), image.digest()) {
                (Some(tag), _) => Some(tag.to_string()),
                (None, Some(_)) if tagged && site.is_digest_apart() => None,
                (None, Some(digest)) => Some(digest.short()),
                (None, None) => None,
            },
            Deployed::Version(version) => Some(version.clone()),
        };
        let mut versions: Vec<String> = self.sites.iter().filter_map(of).collect();
        versions.sort();
        versions.dedup();
        versions
    }
}

/// The component that an image belongs to: as `gitops.yaml` calls it, else by the last
/// segment of its name.
fn component_of(image: &Reference, declared: &[PinEntry]) -> Result<ComponentName, NameError> {
    let named = declared.iter().find(|entry| {
        let declared = entry.image.as_ref();
        declared.is_some_and(|declared| declared.same_repository(image))
    });
    match named.and_then(|entry| entry.component.clone()) {
        Some(name) => Ok(name),
        None => image.last_segment().parse(),
    }
}

/// Why pins cannot be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PinError {
    /// A file cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A file is not YAML.
    #[error("{file}:{source}")]
    Yaml {
        /// The file.
        file: RepoPath,
        /// What is wrong with it.
        source: YamlError,
    },
    /// A field has another shape than its format says.
    #[error("{location}: {reason}")]
    Shape {
        /// Where it stands.
        location: Location,
        /// What is wrong with it.
        reason: String,
    },
    /// An image is none.
    #[error("{location}: {text:?} is no image: {source}")]
    Image {
        /// Where it stands.
        location: Location,
        /// What stands there.
        text: String,
        /// Why it is none.
        source: ReferenceError,
    },
    /// The name of an image gives no name for its component.
    #[error("{location}: {source}")]
    Name {
        /// Where it stands.
        location: Location,
        /// Why.
        source: NameError,
    },
    /// Two different images would be the same component.
    #[error("component {component} would be {first_image} ({first}) and {second_image} ({second})")]
    Collision {
        /// The component.
        component: ComponentName,
        /// One image.
        first_image: String,
        /// Where it stands.
        first: Location,
        /// The other image.
        second_image: String,
        /// Where that one stands.
        second: Location,
    },
    /// A site cannot be edited without changing something else.
    #[error("{location}: {source}")]
    Edit {
        /// The site.
        location: Location,
        /// Why.
        source: Box<EditError>,
    },
}
