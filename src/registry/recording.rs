//! What registries said, as a document (`kind: RegistryTags`) that is saved with one
//! run and asked in the place of all registries by another: for runs that must be
//! repeatable, and for sites without a registry. Simple enough to write by hand;
//! whatever it does not say is an error that names it, never an absence.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::de::Deserializer;

use super::error::RegistryError;
use super::facade::ManifestQuery;
use super::manifest::{ImageFacts, Manifest};
use super::spelling::{Name, Table, Text, Words, said};
use crate::image::{Digest, Origin, Platform, Reference, Repository, Tag};

const API_VERSION: &str = "kubectl-gitops/v1alpha1";
const KIND: &str = "RegistryTags";

/// The JSON Schema of the document, draft 7, as JSON.
pub const RECORDING_SCHEMA: &str = include_str!("../../schemas/registry-tags.json");

/// What registries said in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// When they were asked: ages count from here.
    pub as_of: Option<Timestamp>,
    repositories: BTreeMap<Repository, Record>,
}

/// Why a text is no such document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RecordingError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    reason: String,
}

/// The whole text.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    #[serde(deserialize_with = "api_version")]
    api_version: String,
    #[serde(deserialize_with = "kind")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    as_of: Option<Text<Timestamp>>,
    repositories: Table<Name, Record>,
}

/// One repository.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Record {
    /// Whether these are all tags that it has.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    complete: bool,
    tags: Table<Tag, Tagged>,
    /// Manifests that were asked for by their digest.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    digests: Table<Digest, Image>,
}

/// What is known about a tag; all of it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tagged {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Text<Digest>>,
    /// `null`: the image does not say.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "said"
    )]
    created: Option<Option<Text<Timestamp>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platforms: Option<Vec<Text<Platform>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
}

/// What is known about an image that was asked for by its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Image {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "said"
    )]
    created: Option<Option<Text<Timestamp>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platforms: Option<Vec<Text<Platform>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
}

/// The same about either.
struct Known<'a> {
    digest: Option<&'a Digest>,
    created: Option<Option<Timestamp>>,
    platforms: Option<Vec<Platform>>,
    labels: Option<&'a BTreeMap<String, String>>,
}

impl Recording {
    /// Reads the document.
    ///
    /// # Errors
    /// It is not JSON, or not this document; with the place.
    pub fn parse(text: &str) -> Result<Recording, RecordingError> {
        let document: Document = serde_json::from_str(text).map_err(|error| {
            let place = format!(" at line {} column {}", error.line(), error.column());
            let reason = error.to_string();
            RecordingError {
                line: error.line().max(1),
                column: error.column().max(1),
                reason: reason.strip_suffix(&place).unwrap_or(&reason).to_owned(),
            }
        })?;
        let named = |(Name(repository), record)| (repository, record);
        Ok(Recording {
            as_of: document.as_of.map(|Text(at)| at),
            repositories: document.repositories.0.into_iter().map(named).collect(),
        })
    }

    /// The document, indented, with a final newline.
    pub fn to_json(&self) -> String {
        let named = |(repository, record): (&Repository, &Record)| {
            (Name(repository.clone()), record.clone())
        };
        let document = Document {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            as_of: self.as_of.map(Text),
            repositories: Table(self.repositories.iter().map(named).collect()),
        };
        // Maps with text as keys and no floats: nothing here can fail.
        let text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text + "\n"
    }

    /// How many repositories it knows.
    pub fn len(&self) -> usize {
        self.repositories.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.repositories.is_empty()
    }

    fn record(&mut self, repository: &Repository) -> &mut Record {
        let only_some = || Record {
            complete: false,
            tags: Table::default(),
            digests: Table::default(),
        };
        let records = &mut self.repositories;
        records.entry(repository.clone()).or_insert_with(only_some)
    }

    /// Remembers all tags of a repository.
    pub(super) fn note_tags(&mut self, repository: &Repository, tags: &[Tag]) {
        let record = self.record(repository);
        record.complete = true;
        for tag in tags {
            record.tags.0.entry(tag.clone()).or_default();
        }
    }

    /// Remembers the manifest of an image.
    pub(super) fn note_manifest(&mut self, reference: &Reference, manifest: &Manifest) {
        let platforms = manifest
            .platforms
            .as_ref()
            .map(|platforms| platforms.iter().cloned().map(Text).collect());
        let record = self.record(&reference.repository());
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => {
                let image = record.digests.0.entry(digest.clone()).or_default();
                image.platforms = platforms.or(image.platforms.take());
            }
            (None, Some(tag)) => {
                let tagged = record.tags.0.entry(tag.clone()).or_default();
                tagged.digest = Some(Text(manifest.digest.clone()));
                tagged.platforms = platforms.or(tagged.platforms.take());
            }
            (None, None) => {}
        }
    }

    /// Remembers what the configuration of an image says.
    pub(super) fn note_facts(&mut self, reference: &Reference, facts: &ImageFacts) {
        let created = Some(facts.created.map(Text));
        let labels = Some(without_logins(&facts.labels)).filter(|labels| !labels.is_empty());
        let record = self.record(&reference.repository());
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => {
                let image = record.digests.0.entry(digest.clone()).or_default();
                (image.created, image.labels) = (created, labels);
            }
            (None, Some(tag)) => {
                let tagged = record.tags.0.entry(tag.clone()).or_default();
                (tagged.created, tagged.labels) = (created, labels);
            }
            (None, None) => {}
        }
    }
}

/// Labels with the address of the source as it may be passed on.
fn without_logins(labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let source = Origin::from_labels(labels).source;
    let known = |(name, text): (&String, &String)| match name == Origin::SOURCE {
        true => Some((name.clone(), source.clone()?)),
        false => Some((name.clone(), text.clone())),
    };
    labels.iter().filter_map(known).collect()
}

/// A recording in the place of all registries.
pub(super) struct Replay {
    pub(super) recording: Recording,
    /// What it was read from, for messages.
    pub(super) file: String,
}

impl Replay {
    pub(super) fn new(recording: Recording, file: &Path) -> Replay {
        Replay {
            recording,
            file: file.display().to_string(),
        }
    }

    /// All tags of a repository.
    pub(super) fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, RegistryError> {
        let record = self.record(repository)?;
        if !record.complete {
            return Err(self.lacks(repository, format!("the list of all tags of {repository}")));
        }
        Ok(record.tags.0.keys().cloned().collect())
    }

    /// The manifest of an image.
    pub(super) fn manifest(&self, query: &ManifestQuery) -> Result<Manifest, RegistryError> {
        let repository = query.reference.repository();
        let known = self.image(&query.reference)?;
        let lacks = |what: &str| {
            self.lacks(
                &repository,
                format!("{what} of {}", named(&query.reference)),
            )
        };
        let platforms = match query.platforms {
            true => Some(known.platforms.ok_or_else(|| lacks("the platforms"))?),
            false => None,
        };
        Ok(Manifest {
            digest: known.digest.cloned().ok_or_else(|| lacks("the digest"))?,
            platforms,
        })
    }

    /// What the configuration of an image says.
    pub(super) fn facts(&self, reference: &Reference) -> Result<ImageFacts, RegistryError> {
        let known = self.image(reference)?;
        if known.created.is_none() && known.labels.is_none() {
            let what = format!("the date of {}", named(reference));
            return Err(self.lacks(&reference.repository(), what));
        }
        Ok(ImageFacts {
            created: known.created.flatten(),
            platform: None,
            labels: known.labels.cloned().unwrap_or_default(),
        })
    }

    fn image(&self, reference: &Reference) -> Result<Known<'_>, RegistryError> {
        let repository = reference.repository();
        let record = self.record(&repository)?;
        let tagged = |tagged: &'_ Tagged| tagged.digest.as_ref().map(|Text(digest)| digest.clone());
        let found = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => match record.digests.0.get_key_value(digest) {
                Some((digest, image)) => Some(image.known(digest)),
                None => record
                    .tags
                    .0
                    .values()
                    .find(|one| tagged(one).as_ref() == Some(digest))
                    .map(Tagged::known),
            },
            (None, Some(tag)) => record.tags.0.get(tag).map(Tagged::known),
            (None, None) => None,
        };
        found.ok_or_else(|| RegistryError::NotRecorded {
            registry: repository.host().to_owned(),
            file: self.file.clone(),
            what: named(reference),
            // Who has all tags knows that there is no other.
            absent: record.complete && reference.digest().is_none(),
        })
    }

    fn record(&self, repository: &Repository) -> Result<&Record, RegistryError> {
        let record = self.recording.repositories.get(repository);
        record.ok_or_else(|| self.lacks(repository, repository.to_string()))
    }

    fn lacks(&self, repository: &Repository, what: String) -> RegistryError {
        RegistryError::NotRecorded {
            registry: repository.host().to_owned(),
            file: self.file.clone(),
            what,
            absent: false,
        }
    }
}

/// An image as the document names it: its repository with the tag or the digest.
fn named(reference: &Reference) -> String {
    let tag = match reference.digest() {
        Some(_) => None,
        None => reference.tag().cloned(),
    };
    reference
        .with(tag, reference.digest().cloned())
        .normalised()
        .to_string()
}

impl Tagged {
    fn known(&self) -> Known<'_> {
        Known {
            digest: self.digest.as_ref().map(|Text(digest)| digest),
            created: self.created.as_ref().map(moment),
            platforms: self.platforms.as_deref().map(platforms),
            labels: self.labels.as_ref(),
        }
    }
}

impl Image {
    fn known<'a>(&'a self, digest: &'a Digest) -> Known<'a> {
        Known {
            digest: Some(digest),
            created: self.created.as_ref().map(moment),
            platforms: self.platforms.as_deref().map(platforms),
            labels: self.labels.as_ref(),
        }
    }
}

fn moment(text: &Option<Text<Timestamp>>) -> Option<Timestamp> {
    text.as_ref().map(|Text(at)| *at)
}

fn platforms(texts: &[Text<Platform>]) -> Vec<Platform> {
    texts
        .iter()
        .map(|Text(platform)| platform.clone())
        .collect()
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference over"
)]
fn is_yes(complete: &bool) -> bool {
    *complete
}

fn api_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Words(constant(API_VERSION)))
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_str(Words(constant(KIND)))
}

fn constant(wanted: &'static str) -> impl Fn(&str) -> Result<String, String> {
    move |text| match text == wanted {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} stands where {wanted:?} is read")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const BY_HAND: &str = r#"{
  "apiVersion": "kubectl-gitops/v1alpha1",
  "kind": "RegistryTags",
  "repositories": {
    "registry.example.com/shop/cart": {
      "tags": {
        "v1.0.0": {},
        "v1.1.0": {
          "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "created": "2026-03-01T10:00:00Z"
        }
      }
    },
    "docker.io/library/nginx": {
      "complete": false,
      "tags": {
        "1.27": {
          "created": null
        }
      }
    }
  }
}
"#;

    fn replay() -> Replay {
        let recording = Recording::parse(BY_HAND).unwrap();
        Replay::new(recording, Path::new("tags.json"))
    }

    fn reference(text: &str) -> Reference {
        text.parse().unwrap()
    }

    fn query(text: &str, platforms: bool) -> ManifestQuery {
        ManifestQuery {
            reference: reference(text),
            platforms,
        }
    }

    #[test]
    fn what_stands_there_is_answered() {
        let replay = replay();
        let tags = replay.tags(&reference("registry.example.com/shop/cart").repository());
        let tags: Vec<String> = tags.unwrap().iter().map(Tag::to_string).collect();
        assert_eq!(tags, ["v1.0.0", "v1.1.0"]);
        let cart = "registry.example.com/shop/cart:v1.1.0";
        let manifest = replay.manifest(&query(cart, false)).unwrap();
        let by_digest = format!("registry.example.com/shop/cart@{}", manifest.digest);
        assert_eq!(
            replay.manifest(&query(&by_digest, false)).unwrap(),
            manifest
        );
        let facts = replay.facts(&reference(cart)).unwrap();
        assert_eq!(facts.created.unwrap().to_string(), "2026-03-01T10:00:00Z");
        // That an image does not say it is known, too.
        assert_eq!(
            replay.facts(&reference("nginx:1.27")).unwrap().created,
            None
        );
    }

    #[test]
    fn what_does_not_stand_there_is_named() {
        let replay = replay();
        let lacking = |error: RegistryError| {
            let text = error.to_string();
            (
                text.strip_prefix("tags.json lacks ").unwrap().to_owned(),
                error.fault(),
            )
        };
        let unknown = super::super::Fault::NotRecorded;
        let cart = "registry.example.com/shop/cart";
        for (question, platforms, what, fault) in [
            (
                format!("{cart}:v1.0.0"),
                false,
                format!("the digest of {cart}:v1.0.0"),
                unknown,
            ),
            (
                format!("{cart}:v1.1.0"),
                true,
                format!("the platforms of {cart}:v1.1.0"),
                unknown,
            ),
            (
                format!("{cart}:v9"),
                false,
                format!("{cart}:v9"),
                super::super::Fault::NotFound,
            ),
            (
                "nginx:1.28".into(),
                false,
                "docker.io/library/nginx:1.28".into(),
                unknown,
            ),
            ("quay.io/a/b:1".into(), false, "quay.io/a/b".into(), unknown),
        ] {
            let error = replay.manifest(&query(&question, platforms)).unwrap_err();
            assert_eq!(lacking(error), (what, fault));
        }
        let error = replay.tags(&reference("nginx").repository()).unwrap_err();
        assert_eq!(
            lacking(error).0,
            "the list of all tags of docker.io/library/nginx"
        );
        let error = replay
            .facts(&reference(&format!("{cart}:v1.0.0")))
            .unwrap_err();
        assert_eq!(lacking(error).0, format!("the date of {cart}:v1.0.0"));
    }

    #[test]
    fn the_text_is_the_same_again() {
        let recording = Recording::parse(BY_HAND).unwrap();
        assert_eq!(Recording::parse(&recording.to_json()).unwrap(), recording);
        // Sorted by name, whoever wrote it.
        let text = recording.to_json();
        assert!(
            text.find("docker.io") < text.find("registry.example.com"),
            "{text}"
        );
        assert!(text.contains("\"v1.0.0\": {}"), "{text}");
    }

    #[test]
    fn what_is_noted_is_answered_alike() {
        let mut recording = Recording {
            as_of: Some("2026-03-02T00:00:00Z".parse().unwrap()),
            ..Recording::default()
        };
        let image = reference("registry.example.com/shop/cart:v1.1.0");
        let by_digest = image.with(None, Some(Digest::sha256(b"other")));
        let manifest = Manifest {
            digest: Digest::sha256(b"one"),
            platforms: Some(vec!["linux/arm64".parse().unwrap()]),
        };
        let facts = ImageFacts {
            created: Some("2026-03-01T10:00:00Z".parse().unwrap()),
            platform: None,
            labels: [("a".to_owned(), "b".to_owned())].into(),
        };
        recording.note_manifest(&image, &manifest);
        recording.note_facts(&image, &facts);
        recording.note_manifest(
            &by_digest,
            &Manifest {
                digest: Digest::sha256(b"other"),
                platforms: None,
            },
        );
        let again = Recording::parse(&recording.to_json()).unwrap();
        assert_eq!(again, recording);
        let replay = Replay::new(again, Path::new("t"));
        assert!(replay.tags(&image.repository()).is_err());
        assert_eq!(
            replay.manifest(&query(&image.to_string(), true)).unwrap(),
            manifest
        );
        assert_eq!(replay.facts(&image).unwrap(), facts);
        assert!(
            replay
                .manifest(&query(&by_digest.to_string(), false))
                .is_ok()
        );
        recording.note_tags(&image.repository(), &["v1.0.0".parse().unwrap()]);
        let replay = Replay::new(recording, Path::new("t"));
        assert_eq!(replay.tags(&image.repository()).unwrap().len(), 2);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (old, new, line, reason) in [
            (
                "RegistryTags",
                "Tags",
                3,
                "\"Tags\" stands where \"RegistryTags\" is read",
            ),
            ("v1alpha1", "v9", 2, "\"kubectl-gitops/v9\" stands where"),
            (
                "\"v1.0.0\"",
                "\"v1.1.0\"",
                8,
                "\"v1.1.0\" stands there twice",
            ),
            (
                "\"created\": \"2026-03-01T10",
                "\"made\": \"2026-03-01T10",
                10,
                "unknown field `made`",
            ),
            ("2026-03-01T10", "yesterday", 10, "\"yesterday:00:00Z\": "),
            ("sha256:aa", "sha256:a", 9, "hexadecimal digits"),
            (
                "library/nginx\"",
                "library/nginx:1\"",
                14,
                "tags stand below it",
            ),
            ("\"v1.0.0\"", "\"-v\"", 7, "does not belong in a tag"),
            ("repositories", "repos", 4, "unknown field `repos`"),
        ] {
            let text = BY_HAND.replacen(old, new, 1);
            let error = Recording::parse(&text).unwrap_err();
            assert!(error.to_string().contains(reason), "{new}: {error}");
            assert_eq!(error.line, line, "{new}: {error}");
            assert!(!error.to_string().contains(" at line "), "{error}");
        }
        assert!(Recording::parse("").is_err());
    }

    #[test]
    fn the_schema_takes_what_is_read() {
        let schema = serde_json::from_str(RECORDING_SCHEMA).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let valid = |text: &str| validator.is_valid(&serde_json::from_str(text).unwrap());
        assert!(valid(BY_HAND));
        let printed = Recording::parse(BY_HAND).unwrap().to_json();
        assert!(valid(&printed), "{printed}");
        for (old, new) in [
            ("\"tags\"", "\"tag\""),
            ("\"complete\"", "\"whole\""),
            ("\"created\"", "\"made\""),
            ("\"digest\": \"sha256:", "\"digest\": \"sha256-"),
            ("\"v1.0.0\"", "\"-v\""),
            ("RegistryTags", "Tags"),
            ("\"kind\"", "\"type\""),
        ] {
            let text = BY_HAND.replacen(old, new, 1);
            assert!(!valid(&text), "{new}");
            assert!(Recording::parse(&text).is_err(), "{new}");
        }
    }
}
