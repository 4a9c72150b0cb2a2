//! What an environment renders to, file by file, without the texts: enough to
//! tell which committed files are as rendered, and small enough to be kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::render::{RENDERER_VERSION, Rendering};
use crate::product::{ComponentName, EnvironmentEntry, LayerName, ProductTree, Repository};
use crate::repo::{BlobId, ObjectFormat, RepoPath, Snapshot, blob_id_in};

/// The first line of an index as text.
const HEAD: &str = "rendering 1";

/// What an environment renders to, without the texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RenderedIndex {
    /// The files by their path from the repository's root.
    pub files: BTreeMap<RepoPath, IndexedFile>,
}

/// One file of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedFile {
    /// The id of its text.
    pub id: BlobId,
    /// The component that it is rendered for.
    pub component: ComponentName,
    /// The layer that it belongs to; `None` for what is not for Kubernetes.
    pub layer: Option<LayerName>,
}

impl RenderedIndex {
    /// The index of a rendering in a repository of this format.
    pub fn of(rendering: &Rendering, format: ObjectFormat) -> Self {
        let file = |(path, file): (&RepoPath, &super::RenderedFile)| {
            let indexed = IndexedFile {
                id: blob_id_in(format, file.text.as_bytes()),
                component: file.component.clone(),
                layer: file.layer.clone(),
            };
            (path.clone(), indexed)
        };
        Self {
            files: rendering.files.iter().map(file).collect(),
        }
    }

    /// The index as text, for keeping.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for (path, file) in &self.files {
            let layer = file.layer.as_ref().map_or("-", LayerName::as_str);
            let _ = writeln!(text, "{} {} {layer} {path}", file.id, file.component);
        }
        let _ = writeln!(text, "end {}", self.files.len());
        text
    }

    /// An index that was kept; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let mut files = Vec::new();
        for line in lines {
            if let Some(count) = line.strip_prefix("end ") {
                let whole = count.parse() == Ok(files.len());
                return whole.then(|| Self {
                    files: files.into_iter().collect(),
                });
            }
            let mut words = line.splitn(4, ' ');
            let id = words.next()?.parse().ok()?;
            let component = words.next()?.parse().ok()?;
            let layer = match words.next()? {
                "-" => None,
                name => Some(name.parse().ok()?),
            };
            let path = words.next()?.parse().ok()?;
            let file = IndexedFile {
                id,
                component,
                layer,
            };
            files.push((path, file));
        }
        None
    }
}

/// SHA-256 over everything that a rendering depends on, in hexadecimal digits:
/// equal digests are equal renderings. `None` where a source is not in the snapshot.
pub fn sources_digest(
    tree: &ProductTree,
    repository: &Repository,
    entry: &EnvironmentEntry,
    snapshot: &Snapshot,
) -> Option<String> {
    let mut text = format!(
        "{} {RENDERER_VERSION}\0{}\0{}\0",
        env!("CARGO_PKG_VERSION"),
        repository.text,
        entry.name
    );
    let sources = tree
        .templates
        .values()
        .flat_map(|template| template.sources.values().map(|source| &source.path));
    for path in tree.files.keys().chain(sources) {
        let id = &snapshot.entry(path)?.id;
        let _ = write!(text, "{path}\0{id}\0");
    }
    let hex = Sha256::digest(text.as_bytes());
    Some(hex.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::repo::blob_id;

    #[test]
    fn an_index_reads_back_and_a_piece_of_one_does_not() {
        let file = |layer: Option<&str>| IndexedFile {
            id: blob_id(b"x"),
            component: "cart".parse().unwrap(),
            layer: layer.map(|layer| layer.parse().unwrap()),
        };
        let index = RenderedIndex {
            files: [
                ("files/cart/a b.ini".parse().unwrap(), file(None)),
                ("manifests/app/x.yaml".parse().unwrap(), file(Some("app"))),
            ]
            .into(),
        };
        let text = index.to_text();
        assert_eq!(RenderedIndex::parse(&text), Some(index));
        for at in 0..text.len() - 1 {
            assert_eq!(RenderedIndex::parse(&text[..at]), None, "{at}");
        }
    }
}
