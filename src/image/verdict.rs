//! What is said about one tag: why it was or was not chosen.

use std::time::Duration;

use super::platform::Platform;
use super::policy::Dropped;
use super::tag::{Digest, Tag};

/// One tag and what the policy says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The tag.
    pub tag: Tag,
    /// Why it was or was not chosen.
    pub why: Why,
}

/// Why a tag was or was not chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It is the newest.
    Chosen,
    /// The newest, and the component is held, or somebody took the tag back; why.
    Held(String),
    /// The newest, and its image lacks these platforms.
    Platforms(Vec<Platform>),
    /// The newest that is allowed; a newer one is deployed.
    Behind,
    /// The newest, and the registry no longer lists this one, which is deployed.
    Vanished(Tag),
    /// The newest, and it names another image than this one, which is recorded.
    OtherImage(Digest),
    /// As new as other tags, but another image: this one; nothing can be chosen.
    Tied(Digest),
    /// Another tag is newer.
    Older,
    /// Another name of the chosen image.
    SameImage,
    /// Younger than the policy takes; its age.
    TooYoung(Duration),
    /// A version outside of the range.
    OutOfRange,
    /// A pre-release, which the range does not ask for.
    PreRelease,
    /// Does not match the filter.
    Filtered,
    /// Matches this pattern of `ignore`.
    Ignored(String),
    /// Not a version.
    NoVersion,
    /// Not a decimal number.
    NoNumber,
    /// A signature or another thing that hangs on an image.
    Attachment,
    /// The policy follows another tag.
    AnotherTag,
}

impl Why {
    /// Whether the policy lets the tag compete, chosen or not.
    pub fn is_in_the_running(&self) -> bool {
        matches!(
            self,
            Why::Chosen | Why::Older | Why::SameImage | Why::Tied(_)
        )
    }

    /// One word for programs; it stays the same when the sentence for people changes.
    pub fn code(&self) -> &'static str {
        match self {
            Why::Chosen => "chosen",
            Why::Held(_) => "held",
            Why::Platforms(_) => "platforms",
            Why::Behind => "behind",
            Why::Vanished(_) => "vanished",
            Why::OtherImage(_) => "otherImage",
            Why::Tied(_) => "tied",
            Why::Older => "older",
            Why::SameImage => "sameImage",
            Why::TooYoung(_) => "tooYoung",
            Why::OutOfRange => "outOfRange",
            Why::PreRelease => "preRelease",
            Why::Filtered => "filtered",
            Why::Ignored(_) => "ignored",
            Why::NoVersion => "noVersion",
            Why::NoNumber => "noNumber",
            Why::Attachment => "attachment",
            Why::AnotherTag => "anotherTag",
        }
    }
}

impl From<Dropped> for Why {
    fn from(reason: Dropped) -> Self {
        match reason {
            Dropped::Attachment => Why::Attachment,
            Dropped::Ignored(pattern) => Why::Ignored(pattern),
            Dropped::Filtered => Why::Filtered,
            Dropped::NoVersion => Why::NoVersion,
            Dropped::NoNumber => Why::NoNumber,
            Dropped::OutOfRange(_) => Why::OutOfRange,
            Dropped::PreRelease => Why::PreRelease,
            Dropped::AnotherTag => Why::AnotherTag,
        }
    }
}

impl std::fmt::Display for Why {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Why::Chosen => "chosen",
            Why::Held(reason) => return write!(formatter, "newest, but held: {reason}"),
            Why::Platforms(missing) => {
                let names: Vec<String> = missing.iter().map(ToString::to_string).collect();
                return write!(formatter, "newest, but not for {}", names.join(", "));
            }
            Why::Behind => "newest that is allowed, but older than the deployed one",
            Why::Vanished(tag) => {
                return write!(
                    formatter,
                    "newest, but the deployed {tag} is no longer listed"
                );
            }
            Why::OtherImage(recorded) => {
                let recorded = recorded.short();
                return write!(
                    formatter,
                    "newest, but another image than the recorded {recorded}"
                );
            }
            Why::Tied(digest) => {
                let digest = digest.short();
                return write!(
                    formatter,
                    "as new as another tag, but another image ({digest})"
                );
            }
            Why::Older => "older",
            Why::SameImage => "another name of the chosen image",
            Why::TooYoung(age) => {
                return write!(formatter, "too young ({} h)", age.as_secs() / 3600);
            }
            Why::OutOfRange => "outside of the range",
            Why::PreRelease => "a pre-release",
            Why::Filtered => "does not match the filter",
            Why::Ignored(pattern) => return write!(formatter, "ignored by {pattern:?}"),
            Why::NoVersion => "no version",
            Why::NoNumber => "no number",
            Why::Attachment => "a signature or attestation",
            Why::AnotherTag => "not the tag that is followed",
        };
        formatter.write_str(text)
    }
}
