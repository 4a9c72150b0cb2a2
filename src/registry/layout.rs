//! An OCI image layout directory in the place of a registry: for sites without a
//! network and for runs that must be repeatable. Names stand in `index.json` as
//! `org.opencontainers.image.ref.name: REPOSITORY:TAG`. Read once; blobs on demand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::RegistryError;
use crate::files;
use crate::image::{Digest, Reference, Tag};

const NAME: &str = "org.opencontainers.image.ref.name";

/// The largest `index.json` of a layout, in bytes: some 50,000 tags.
/// See `docs/limits.md`.
const INDEX_BYTES: u64 = 16 << 20;

/// The largest blob of a layout that is read, in bytes: a manifest or configuration, never
/// a layer. As large as the larger of what registries may answer.
const BLOB_BYTES: u64 = super::manifest::CONFIG_BYTES as u64;

/// A layout directory that answers for one host.
pub(super) struct Layout {
    host: String,
    dir: PathBuf,
    /// Tags and their manifests' digests, by repository path.
    repositories: BTreeMap<String, BTreeMap<Tag, Digest>>,
}

#[derive(serde::Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(serde::Deserialize)]
struct Entry {
    digest: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Layout {
    pub(super) fn open(host: &str, dir: &Path) -> Result<Layout, RegistryError> {
        let wrong = |reason: String| RegistryError::Layout {
            registry: host.to_owned(),
            dir: dir.to_owned(),
            reason,
        };
        let bytes = files::read_below(dir, Path::new("index.json"), INDEX_BYTES)
            .map_err(|error| wrong(format!("index.json: {error}")))?;
        let index: Index = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(format!("index.json: {error}")))?;
        let mut repositories: BTreeMap<String, BTreeMap<Tag, Digest>> = BTreeMap::new();
        for entry in index.manifests {
            let Some(name) = entry.annotations.get(NAME) else {
                continue;
            };
            let digest = entry
                .digest
                .parse()
                .map_err(|error| wrong(format!("index.json: {name}: {error}")))?;
            // Names without a repository are some other tool's.
            let parsed = name.parse::<Reference>().ok();
            let Some((path, tag)) = parsed
                .as_ref()
                .and_then(|r| Some((path(r, host), r.tag()?)))
            else {
                continue;
            };
            let tags = repositories.entry(path).or_default();
            if let Some(other) = tags.insert(tag.clone(), digest)
                && tags.get(tag) != Some(&other)
            {
                return Err(wrong(format!("index.json: {name} stands twice")));
            }
        }
        Ok(Layout {
            host: host.to_owned(),
            dir: dir.to_owned(),
            repositories,
        })
    }

    pub(super) fn tags(&self, path: &str) -> Result<Vec<Tag>, RegistryError> {
        match self.repositories.get(path) {
            Some(tags) => Ok(tags.keys().cloned().collect()),
            None => Err(self.absent(path.to_owned())),
        }
    }

    /// The digest under a tag.
    pub(super) fn digest(&self, path: &str, tag: &Tag) -> Result<Digest, RegistryError> {
        let tags = self.repositories.get(path);
        let digest = tags.and_then(|tags| tags.get(tag)).cloned();
        digest.ok_or_else(|| self.absent(format!("{path}:{tag}")))
    }

    /// The bytes of a blob, proven by its digest.
    pub(super) fn blob(&self, what: &str, digest: &Digest) -> Result<Vec<u8>, RegistryError> {
        let file = Path::new("blobs")
            .join(digest.algorithm())
            .join(digest.hex());
        let wrong = |reason: String| RegistryError::Layout {
            registry: self.host.clone(),
            dir: self.dir.clone(),
            reason: format!("{what}: {reason}"),
        };
        let bytes = match files::read_below(&self.dir, &file, BLOB_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(self.absent(format!("blob {} of {what}", digest.short())));
            }
            Err(error) => {
                let blob = digest.short();
                return Err(wrong(format!("blob {blob}: {error}")));
            }
        };
        match digest.check(&bytes) {
            Ok(()) => Ok(bytes),
            Err(found) => Err(RegistryError::Digest {
                registry: self.host.clone(),
                what: what.to_owned(),
                wanted: digest.clone(),
                found,
            }),
        }
    }

    pub(super) fn absent(&self, what: String) -> RegistryError {
        RegistryError::NotInLayout {
            registry: self.host.clone(),
            dir: self.dir.clone(),
            what,
        }
    }
}

/// The repository that a name means: a host in front is left away, if it is this one.
fn path(reference: &Reference, host: &str) -> String {
    match reference.host() {
        Some(written) if written == host => reference.path().to_owned(),
        _ => reference.name().to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn layout(entries: &[(&str, &[u8])]) -> (tempfile::TempDir, Result<Layout, RegistryError>) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = dir.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs).unwrap();
        let manifests: Vec<_> = entries
            .iter()
            .map(|(name, bytes)| {
                let digest = Digest::sha256(bytes);
                std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
                serde_json::json!({"digest": digest, "annotations": {NAME: name}})
            })
            .collect();
        let index = serde_json::json!({"schemaVersion": 2, "manifests": manifests});
        std::fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
        let layout = Layout::open("example.com", dir.path());
        (dir, layout)
    }

    #[test]
    fn repositories_are_found_by_the_names_in_the_index() {
        let (_dir, layout) = layout(&[
            ("shop/cart:v1", b"1"),
            ("example.com/shop/cart:v2", b"2"),
            ("latest", b"3"),
        ]);
        let layout = layout.unwrap();
        let tags = layout.tags("shop/cart").unwrap();
        assert_eq!(
            tags.iter().map(Tag::as_str).collect::<Vec<_>>(),
            ["v1", "v2"]
        );
        let digest = layout.digest("shop/cart", &tags[0]).unwrap();
        assert_eq!(layout.blob("x", &digest).unwrap(), b"1");
        let absent = layout.tags("shop/other").unwrap_err();
        assert_eq!(absent.fault(), super::super::Fault::NotFound);
        assert!(
            absent.to_string().ends_with("has no shop/other"),
            "{absent}"
        );
    }

    #[test]
    fn changed_blobs_and_contradictions_are_errors() {
        let (dir, found) = layout(&[("a/b:v1", b"1")]);
        let digest = Digest::sha256(b"1");
        std::fs::write(dir.path().join("blobs/sha256").join(digest.hex()), b"2").unwrap();
        let error = found.unwrap().blob("a/b:v1", &digest).unwrap_err();
        assert!(matches!(error, RegistryError::Digest { .. }));
        let (_dir, found) = layout(&[("a/b:v1", b"1"), ("a/b:v1", b"2")]);
        assert!(found.err().unwrap().to_string().contains("stands twice"));
    }
}
