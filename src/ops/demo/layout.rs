//! An OCI image layout folder that plays a registry: real manifests, configs
//! and layers, each under its digest. What the images hold is nothing; what
//! they are called, and when they were built, is what a bump reads.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::image::Digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The name of an image in `index.json`: `repository:tag`.
const REFERENCE: &str = "org.opencontainers.image.ref.name";

/// An image layout in the making.
#[derive(Debug, Default)]
pub struct Layout {
    blobs: BTreeMap<Digest, Vec<u8>>,
    images: Vec<Value>,
}

impl Layout {
    /// Adds an image of one platform and returns its digest. `created` is an
    /// RFC 3339 time.
    pub fn add(&mut self, repository: &str, tag: &str, created: &str) -> Digest {
        // An archive without entries: two zeroed records.
        let layer = self.blob(vec![0; 1024]);
        let config = self.json(&json!({
            "architecture": "amd64",
            "config": {"Labels": {
                "org.opencontainers.image.title": repository,
                "org.opencontainers.image.version": tag,
            }},
            "created": created,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.0.as_str()]},
        }));
        let manifest = self.json(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": [descriptor(LAYER, &layer)],
        }));
        let mut entry = descriptor(MANIFEST, &manifest);
        entry["annotations"] = json!({REFERENCE: format!("{repository}:{tag}")});
        self.images.push(entry);
        manifest.0
    }

    fn json(&mut self, value: &Value) -> (Digest, usize) {
        self.blob(value.to_string().into_bytes())
    }

    fn blob(&mut self, bytes: Vec<u8>) -> (Digest, usize) {
        let digest = Digest::sha256(&bytes);
        let size = bytes.len();
        self.blobs.insert(digest.clone(), bytes);
        (digest, size)
    }

    /// Writes the layout into a folder, which is made where it is missing.
    /// Images that it already holds stay on the disk, without a name.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        let blobs = folder.join("blobs").join("sha256");
        std::fs::create_dir_all(&blobs)?;
        for (digest, bytes) in &self.blobs {
            std::fs::write(blobs.join(digest.hex()), bytes)?;
        }
        std::fs::write(
            folder.join("oci-layout"),
            "{\"imageLayoutVersion\":\"1.0.0\"}\n",
        )?;
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.images});
        std::fs::write(folder.join("index.json"), format!("{index:#}\n"))
    }
}

fn descriptor(media_type: &str, (digest, size): &(Digest, usize)) -> Value {
    json!({"mediaType": media_type, "digest": digest.as_str(), "size": size})
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn every_digest_and_size_is_true() {
        let mut layout = Layout::default();
        let first = layout.add("shop/cart", "v1.0.0", "2025-01-01T00:00:00Z");
        let second = layout.add("shop/cart", "v1.0.1", "2025-02-01T00:00:00Z");
        assert_ne!(first, second);

        let folder = tempfile::tempdir().unwrap();
        layout.write(folder.path()).unwrap();
        let index = read(&folder.path().join("index.json"));
        let images = index["manifests"].as_array().unwrap();
        assert_eq!(images[1]["annotations"][REFERENCE], "shop/cart:v1.0.1");
        assert_eq!(images[1]["digest"], second.as_str());

        let check = |descriptor: &Value| {
            let digest: Digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
            let bytes =
                std::fs::read(folder.path().join("blobs/sha256").join(digest.hex())).unwrap();
            assert_eq!(Digest::sha256(&bytes), digest);
            assert_eq!(descriptor["size"], bytes.len());
            bytes
        };
        for image in images {
            let manifest: Value = serde_json::from_slice(&check(image)).unwrap();
            check(&manifest["config"]);
            check(&manifest["layers"][0]);
        }
    }

    #[test]
    fn equal_images_have_equal_digests() {
        let add = || Layout::default().add("shop/cart", "v1.0.0", "2025-01-01T00:00:00Z");
        assert_eq!(add(), add());
    }
}
