//! Manifests, indexes and image configurations: what their bytes say, wherever
//! they come from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciManifest,
};

use crate::image::{Digest, Platform};

/// All the media types that a manifest may have.
pub(super) static ACCEPT: LazyLock<String> = LazyLock::new(|| {
    [
        OCI_IMAGE_INDEX_MEDIA_TYPE,
        IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE,
        IMAGE_MANIFEST_MEDIA_TYPE,
    ]
    .join(", ")
});

/// Largest manifest that is read; registries refuse larger ones themselves.
/// See `docs/limits.md`.
pub(super) const MANIFEST_BYTES: usize = 4 << 20;

/// Largest image configuration that is read.
/// See `docs/limits.md`.
pub(super) const CONFIG_BYTES: usize = 8 << 20;

/// What a registry has under a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The digest of the manifest, or of the index where there is one.
    pub digest: Digest,
    /// The platforms it serves, when they were asked for.
    pub platforms: Option<Vec<Platform>>,
}

/// What an image's configuration says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFacts {
    /// When it was made; `None` when nothing or the zero date is written.
    pub created: Option<Timestamp>,
    /// The platform it was made for.
    pub platform: Option<Platform>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// The two shapes of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Index(Vec<(Digest, Option<Platform>)>),
    Image { config: Digest },
}

/// Reads a manifest. The error is a sentence.
pub(super) fn content(bytes: &[u8]) -> Result<Content, String> {
    let parsed: OciManifest =
        serde_json::from_slice(bytes).map_err(|_| "neither an image nor an index".to_owned())?;
    let digest = |text: &str| {
        text.parse::<Digest>()
            .map_err(|error| format!("digest {text:?}: {error}"))
    };
    match parsed {
        OciManifest::Image(image) => Ok(Content::Image {
            config: digest(&image.config.digest)?,
        }),
        OciManifest::ImageIndex(index) => {
            let entry = |entry: ImageIndexEntry| {
                let platform = entry.platform.map(|platform| Platform {
                    os: platform.os.to_string(),
                    architecture: platform.architecture.to_string(),
                    variant: platform.variant,
                });
                Ok((digest(&entry.digest)?, platform.filter(is_real)))
            };
            let entries: Result<_, String> = index.manifests.into_iter().map(entry).collect();
            Ok(Content::Index(entries?))
        }
    }
}

/// Attestations are in indexes as images for `unknown/unknown`.
fn is_real(platform: &Platform) -> bool {
    platform.os != "unknown" && platform.architecture != "unknown"
}

/// The entry of an index to look into: the platform that was asked for, else the most
/// common one, else the first that is an image at all.
pub(super) fn pick<'a>(
    entries: &'a [(Digest, Option<Platform>)],
    wanted: Option<&Platform>,
) -> Option<&'a Digest> {
    let serving = |wish: &Platform| {
        let serves = |(_, offered): &&(Digest, Option<Platform>)| {
            offered
                .as_ref()
                .is_some_and(|offered| wish.is_served_by(offered))
        };
        entries.iter().find(serves)
    };
    let common = Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
    };
    let found = match wanted {
        Some(wish) => serving(wish),
        None => serving(&common).or_else(|| entries.iter().find(|(_, p)| p.is_some())),
    };
    found.map(|(digest, _)| digest)
}

/// Reads an image configuration. Configurations of other things than images have
/// no facts. The error is a sentence.
pub(super) fn facts(bytes: &[u8]) -> Result<ImageFacts, String> {
    #[derive(serde::Deserialize)]
    struct Config {
        created: Option<String>,
        os: Option<String>,
        architecture: Option<String>,
        variant: Option<String>,
        config: Option<Inner>,
    }
    #[derive(serde::Deserialize)]
    struct Inner {
        #[serde(rename = "Labels")]
        labels: Option<BTreeMap<String, String>>,
    }
    // Without the words of the error, which quote the text.
    let config: Config = serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("not an image configuration at line {line}, column {column}")
    })?;
    let created = config
        .created
        .and_then(|text| text.parse::<Timestamp>().ok());
    let platform = match (config.os, config.architecture) {
        (Some(os), Some(architecture)) if !os.is_empty() => Some(Platform {
            os,
            architecture,
            variant: config.variant.filter(|text| !text.is_empty()),
        }),
        _ => None,
    };
    Ok(ImageFacts {
        // Year 1 is how Go writes "no date".
        created: created.filter(|date| date.as_second() > -60_000_000_000),
        platform,
        labels: config
            .config
            .and_then(|inner| inner.labels)
            .unwrap_or_default(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::sha256(&[byte])
    }

    #[test]
    fn indexes_and_images_are_told_apart() {
        let image = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":1}},"layers":[]}}"#,
            digest(1)
        );
        assert_eq!(
            content(image.as_bytes()).unwrap(),
            Content::Image { config: digest(1) }
        );
        let entry = |d: Digest, os: &str, arch: &str| {
            format!(
                r#"{{"mediaType":"m","digest":"{d}","size":1,"platform":{{"os":"{os}","architecture":"{arch}"}}}}"#
            )
        };
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{},{},{}]}}"#,
            entry(digest(1), "unknown", "unknown"),
            entry(digest(2), "linux", "arm64"),
            entry(digest(3), "linux", "amd64"),
        );
        let Content::Index(entries) = content(index.as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].1, None);
        assert_eq!(pick(&entries, None), Some(&digest(3)));
        assert_eq!(
            pick(&entries, Some(&"linux/arm64".parse().unwrap())),
            Some(&digest(2))
        );
        assert_eq!(
            pick(&entries, Some(&"windows/amd64".parse().unwrap())),
            None
        );
        for bad in ["{}", "[]", "", r#"{"schemaVersion":1,"fsLayers":[]}"#] {
            assert!(content(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn configurations_give_dates_and_labels() {
        let text = r#"{"created":"2026-01-02T03:04:05.6Z","os":"linux","architecture":"arm","variant":"v7","config":{"Labels":{"a":"b"}}}"#;
        let found = facts(text.as_bytes()).unwrap();
        assert_eq!(found.created.unwrap().as_second(), 1_767_323_045);
        assert_eq!(found.platform.unwrap().to_string(), "linux/arm/v7");
        assert_eq!(found.labels["a"], "b");
        let zero =
            facts(br#"{"created":"0001-01-01T00:00:00Z","config":{"Labels":null}}"#).unwrap();
        assert_eq!(zero, ImageFacts::default());
        assert!(facts(b"[]").is_err());
    }
}
