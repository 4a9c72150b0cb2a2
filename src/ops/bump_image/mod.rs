//! Bumping images: the newest allowed tag of each component, or the one that a
//! person names, written to every site as one commit.
//!
//! [`read`] finds the pins, [`ask`] asks the registries, [`plan`] decides and makes
//! the bytes, and `ops::publish` writes them. Refuses to move anything backwards, to
//! take another image under an old tag, and to take silence for "nothing newer".

mod answer;
mod decide;
mod listing;
mod message;
mod origins;
mod pick;
mod plan;
mod release;
mod scene;
mod taken_back;

pub use answer::{Answer, Answers, Selected, ask};
pub use message::planned;
pub use pick::{Absence, Choice, Choices, Offer, Remark, choices};
pub use plan::plan;
pub use release::ProductVersion;
pub use scene::{Scene, read};
pub use taken_back::TakenBack;

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;

use super::estate::EstateError;
use super::registries::failures;
use super::rerender::{KnownRendering, RenderedChange, RerenderError};
use crate::image::{
    Digest, DigestError, Origin, Platform, SelectError, Tag, TagError, TagPolicy, Verdict,
};
use crate::product::pins::{PinError, SourceError};
use crate::product::{ComponentName, EnvironmentName};
use crate::registry::RegistryError;
use crate::repo::{CommitId, Edit, Location, RepoPath};

/// The JSON Schema of a plan as data, with what came of it.
pub const REPORT_SCHEMA: &str = include_str!("../../../schemas/bump-image-report.json");

/// What a person asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The environment.
    pub environment: EnvironmentName,
    /// Components, with the version each shall get; empty: all that have a policy.
    pub wishes: Vec<Wish>,
    /// The policy of components that have none of their own.
    pub fallback: Option<TagPolicy>,
    /// Guards that a person set aside.
    pub allow: Allowed,
    /// Go on without the components whose registry could not be asked.
    pub keep_going: bool,
    /// Why an environment that images reach by promotion is changed directly.
    pub hotfix: Option<String>,
    /// What the product's own version becomes in the same commit.
    pub product_version: Option<ProductVersion>,
    /// What the commit says in a person's own words, subject first.
    pub message: Option<String>,
    /// Also ask about components that are held, to say what they would get.
    pub explain: bool,
    /// Only ask what there is: a person will pick from it. Every image is looked at, also
    /// those without a policy.
    pub pick: bool,
}

/// Guards that a person set aside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Older versions may be taken.
    pub downgrade: bool,
    /// Another image under the same tag may be taken.
    pub refresh_digests: bool,
}

/// A component and perhaps the version that it shall get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The component.
    pub component: ComponentName,
    /// Its new version; without one its policy chooses.
    pub version: Option<Wanted>,
}

/// A version as a person names it: a tag, a tag with a digest, or the version of
/// something that is no image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    text: String,
}

impl FromStr for Wanted {
    type Err = WantedError;

    fn from_str(text: &str) -> Result<Self, WantedError> {
        match text.trim() {
            "" => Err(WantedError),
            trimmed if trimmed.contains(char::is_whitespace) => Err(WantedError),
            trimmed => Ok(Wanted {
                text: trimmed.to_owned(),
            }),
        }
    }
}

impl From<&Tag> for Wanted {
    fn from(tag: &Tag) -> Self {
        Wanted {
            text: tag.to_string(),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// No version stands where one is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a version is one word, such as v1.4.2 or v1.4.2@sha256:<digest>")]
pub struct WantedError;

/// What becomes of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It gets another version.
    Bump,
    /// It keeps its tag and gets the digest that the tag has now.
    Refresh,
    /// It has the newest version that its policy allows.
    Newest,
    /// It has what was asked for.
    Same,
    /// It is newer than anything that its policy allows, and stays.
    Ahead {
        /// The newest version that the policy allows.
        allowed: Tag,
    },
    /// It is held, for this reason.
    Held(String),
    /// The registry has no tag that its policy allows.
    NoMatch,
    /// The registry has another image under the same tag; the recorded one stays.
    OtherImage {
        /// The digest that is recorded.
        recorded: Digest,
        /// The digest that the tag has now.
        found: Digest,
    },
    /// Its registry could not be asked.
    Unknown(RegistryError),
    /// A guard stands in the way; see the refusals.
    Refused,
}

impl Decision {
    /// Whether something is written for it.
    pub fn is_change(&self) -> bool {
        matches!(self, Decision::Bump | Decision::Refresh)
    }
}

/// One component in a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The component.
    pub component: ComponentName,
    /// Its image's name; `None` where it is no image.
    pub image: Option<String>,
    /// The versions that stand at its sites; several are a disagreement.
    pub from: Vec<String>,
    /// The version that it gets.
    pub to: Option<String>,
    /// The digest that goes with it.
    pub digest: Option<Digest>,
    /// What becomes of it.
    pub decision: Decision,
    /// Its policy in a few words.
    pub policy: Option<String>,
    /// A newer release that its policy does not allow.
    pub beyond: Option<Tag>,
    /// The digest that its sites have now, where they have one.
    pub from_digest: Option<Digest>,
    /// When the image that it gets was made, where that is known.
    pub created: Option<Timestamp>,
    /// Where the image that it has was built from, as far as its labels were read.
    pub from_origin: Origin,
    /// Where the image that it gets was built from, as far as its labels were read.
    pub origin: Origin,
    /// Where it is written.
    pub sites: Vec<Location>,
    /// What its policy says about every tag.
    pub verdicts: Vec<Verdict>,
}

impl Row {
    /// The page that compares the commits of the old and the new image.
    pub fn compare(&self) -> Option<String> {
        self.origin.since(&self.from_origin)
    }

    /// What a person may look at: what lies between the two images, else the new one's
    /// commit, else at least its name.
    pub fn link(&self) -> Option<String> {
        let name = || Some(format!("revision {}", self.origin.revision.as_ref()?));
        self.compare().or_else(|| self.origin.page()).or_else(name)
    }
}

/// Why a plan may not be written as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The version is older.
    Downgrade {
        /// The component.
        component: ComponentName,
        /// Its version now.
        from: String,
        /// The version that it would get.
        to: String,
    },
    /// The registry no longer lists the tag that is deployed.
    Vanished {
        /// The component.
        component: ComponentName,
        /// The tag.
        tag: Tag,
        /// The newest tag that its policy allows.
        newest: Tag,
    },
    /// The tag names another image than the one that is recorded.
    MutableTag {
        /// The component.
        component: ComponentName,
        /// The tag.
        tag: Tag,
        /// The digest that is recorded, or was asked for.
        recorded: Digest,
        /// The digest that the tag has now.
        found: Digest,
    },
    /// The image lacks platforms that the policy asks for.
    Platforms {
        /// The component.
        component: ComponentName,
        /// The tag.
        tag: Tag,
        /// What it lacks.
        missing: Vec<Platform>,
    },
    /// The component is held.
    Held {
        /// The component.
        component: ComponentName,
        /// Why.
        reason: String,
    },
    /// Two tags are equally new but different images.
    Tie {
        /// The component.
        component: ComponentName,
        /// Which.
        source: SelectError,
    },
    /// The result has errors that the environment does not have yet.
    Validation {
        /// The new errors, one line each.
        errors: Vec<String>,
    },
    /// Rendered files that the change reaches were edited by hand.
    RenderedEdited {
        /// Which.
        paths: Vec<RepoPath>,
    },
}

/// Everything a bump would do, and nothing done yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The product's name and version, where there is a product manifest.
    pub product: Option<(String, Option<String>)>,
    /// The product's version before.
    pub version_before: Option<String>,
    /// The environment and the tip the plan was made on.
    pub environment: (EnvironmentName, CommitId),
    /// Every component that was looked at, by name.
    pub rows: Vec<Row>,
    /// Rendered files that change.
    pub rendered: Vec<RenderedChange>,
    /// What the environment renders to afterwards, to be remembered.
    pub known: Option<KnownRendering>,
    /// The digest that the commit proves its rendering with.
    pub proof: Option<String>,
    /// What deserves a look but stops nothing.
    pub warnings: Vec<String>,
    /// Why nothing may be written; empty: it may.
    pub refusals: Vec<Refusal>,
    /// The file changes, rendered files included.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// SHA-256 over the changes and the rendered files, `sha256:<hex>`.
    pub digest: String,
}

impl Plan {
    /// The components that change.
    pub fn changes(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.decision.is_change())
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum BumpError {
    /// The repository or the environment cannot be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// The result cannot be checked.
    #[error(transparent)]
    Validate(#[from] crate::ops::validate::ValidateError),
    /// A pin cannot be read or written.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A name that no component bears.
    #[error("{environment} has no component {component}{}", meant(.nearest.as_deref()))]
    UnknownComponent {
        /// The environment.
        environment: EnvironmentName,
        /// The name.
        component: ComponentName,
        /// A name that exists and looks alike.
        nearest: Option<String>,
    },
    /// A component with neither image nor version in this environment.
    #[error("component {component} has neither image nor version in {environment}")]
    NothingPinned {
        /// The environment.
        environment: EnvironmentName,
        /// The component.
        component: ComponentName,
    },
    /// A component without a policy was named without a version.
    #[error("component {component} has no policy, so its version must be named")]
    NoPolicy {
        /// The component.
        component: ComponentName,
    },
    /// The policy that a component names cannot be followed.
    #[error("component {component} has no policy to choose by: {source}")]
    Source {
        /// The component.
        component: ComponentName,
        /// Why.
        source: SourceError,
    },
    /// The environment pulls its images from elsewhere, and this one from nowhere.
    #[error("{image} of component {component} is not in the registry map of {environment}")]
    Unmapped {
        /// The environment.
        environment: EnvironmentName,
        /// The component.
        component: ComponentName,
        /// The image's name.
        image: String,
    },
    /// There is no image whose versions could be listed.
    #[error("{environment} has no image whose versions could be listed")]
    NoImages {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Something that is no image, so no registry lists its versions.
    #[error("component {component} is no image, so no registry lists its versions")]
    NotListed {
        /// The component.
        component: ComponentName,
    },
    /// No component has a policy.
    #[error("no component of {environment} has a policy that could choose a version")]
    NoPolicies {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The version that was asked for is no tag.
    #[error("{text:?} is no tag for component {component}: {source}")]
    Tag {
        /// The component.
        component: ComponentName,
        /// What was asked for.
        text: String,
        /// Why it is none.
        source: TagError,
    },
    /// The digest that was asked for is none.
    #[error("{text:?} is no digest for component {component}: {source}")]
    Digest {
        /// The component.
        component: ComponentName,
        /// What was asked for.
        text: String,
        /// Why it is none.
        source: DigestError,
    },
    /// The registry does not have the tag.
    #[error("{image} has no tag {tag}{}", newest(.nearest))]
    UnknownTag {
        /// The component.
        component: ComponentName,
        /// The image.
        image: String,
        /// The tag.
        tag: String,
        /// Tags that exist: the most alike first.
        nearest: Vec<Tag>,
    },
    /// Images reach the environment by promotion.
    #[error("images reach {environment} by promotion from {source_environment}")]
    Promoted {
        /// The environment.
        environment: EnvironmentName,
        /// What it is promoted from.
        source_environment: EnvironmentName,
        /// Where the chain of promotions begins.
        first: EnvironmentName,
    },
    /// A hotfix of an environment that nothing is promoted into.
    #[error("nothing is promoted into {environment}, so no change of it is a hotfix")]
    NoHotfix {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Registries that could not be asked: nothing is known about these components.
    #[error("{}", failures(.failed))]
    Registry {
        /// The components, by name.
        failed: Vec<(ComponentName, RegistryError)>,
    },
    /// There is no product manifest whose version could be set.
    #[error("{environment} has no product manifest, so there is no product version to set")]
    NoProduct {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The product's version is none that has a next one.
    #[error("{}", no_next(.version.as_deref()))]
    NoNextVersion {
        /// The version; `None`: there is none.
        version: Option<String>,
    },
    /// The version asked for is lower than the product's.
    #[error("the product's version is {from}, and {to} is lower")]
    LowerVersion {
        /// The version now.
        from: String,
        /// The version asked for.
        to: String,
    },
    /// The commit's message cannot be written.
    #[error(transparent)]
    Message(#[from] crate::ops::commit::TemplateError),
    /// The registry client could not be set up.
    #[error(transparent)]
    Client(RegistryError),
    /// The result is not valid, or cannot be rendered.
    #[error("the result would not be valid: {0}")]
    Result(#[source] RerenderError),
}

fn meant(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(", did you mean {name}?"))
        .unwrap_or_default()
}

fn no_next(version: Option<&str>) -> String {
    match version {
        Some(version) => format!(
            "the product's version {version} is none such as 1.4.2, so there is no next one"
        ),
        None => "the product has no version, so there is no next one".to_owned(),
    }
}

fn newest(tags: &[Tag]) -> String {
    if tags.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    format!("; it has {}", names.join(", "))
}
