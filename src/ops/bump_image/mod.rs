//! Bumping images: the newest allowed tag of each component, or the one that a
//! person names, written to every site as one commit.
//!
//! [`read`] finds the pins, [`ask`] asks the registries, [`plan`] decides and makes
//! the bytes, and `ops::publish` writes them. Refuses to move anything backwards, to
//! take another image under an old tag, and to take silence for "nothing newer".

mod answer;
mod decide;
mod error;
mod listing;
mod message;
mod origins;
mod pick;
mod plan;
mod proof;
mod release;
mod scene;
mod taken_back;

pub use answer::{Answer, Answers, Selected, ask};
pub use error::BumpError;
pub use message::planned;
pub use pick::{Absence, Choice, Choices, Offer, Remark, choices};
pub use plan::plan;
pub use release::ProductVersion;
pub use scene::{Scene, read};
pub use taken_back::TakenBack;

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;

use crate::image::{Digest, Origin, Platform, SelectError, Tag, TagPolicy, Verdict};
use crate::product::{ComponentName, EnvironmentName};
use crate::registry::RegistryError;
use crate::repo::{CommitId, Edit, Location, RepoPath};
use crate::template::{KnownRendering, RenderedChange};

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
