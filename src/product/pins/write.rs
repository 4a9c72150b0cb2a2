//! Writing pins: every site of a pin gets the same version, each in its own shape,
//! and no other byte of its file changes.

use std::collections::BTreeMap;

use crate::repo::{Edit, EntryKind, RepoPath, Snapshot};
use crate::yaml::{Editor, Stream};

use super::{Deployed, Pin, PinError, Shape, Site, Target};

/// The edits that make all sites of these pins say what they shall.
///
/// # Errors
/// A file cannot be read, or a site cannot be edited on its own (an alias, a value
/// inherited through a merge key): nothing is edited then.
pub fn write(
    snapshot: &Snapshot,
    changes: &[(&Pin, Target)],
) -> Result<BTreeMap<RepoPath, Edit>, PinError> {
    let mut by_file: BTreeMap<&RepoPath, Vec<(&Site, &Target)>> = BTreeMap::new();
    for (pin, target) in changes {
        for site in &pin.sites {
            by_file.entry(site.file()).or_default().push((site, target));
        }
    }
    let mut edits = BTreeMap::new();
    for (file, sites) in by_file {
        let Some(text) = snapshot.text(file)? else {
            continue;
        };
        let edited = edited(file, text, &sites)?;
        if edited != text {
            let executable = snapshot
                .entry(file)
                .is_some_and(|entry| entry.kind == EntryKind::Executable);
            let bytes = edited.into_bytes();
            edits.insert(file.clone(), Edit::Write { bytes, executable });
        }
    }
    Ok(edits)
}

fn edited(file: &RepoPath, text: &str, sites: &[(&Site, &Target)]) -> Result<String, PinError> {
    let stream = Stream::parse(text).map_err(|source| PinError::Yaml {
        file: file.clone(),
        source,
    })?;
    let Some((first, _)) = sites.first() else {
        return Ok(text.to_owned());
    };
    let wrong = |site: &Site, source| PinError::Edit {
        location: site.location.clone(),
        source: Box::new(source),
    };
    let mut editor = Editor::new(&stream).map_err(|source| wrong(first, source))?;
    for (site, target) in sites {
        for (path, text) in fields(site, target) {
            editor
                .set_string(site.node.document, &path, &text)
                .map_err(|source| wrong(site, source))?;
        }
    }
    editor.finish().map_err(|source| wrong(first, source))
}

/// The fields of a site that change, and what they shall say.
fn fields(site: &Site, target: &Target) -> Vec<(crate::yaml::Path, String)> {
    let path = &site.node.path;
    match (target, &site.deployed, site.shape) {
        (Target::Version(version), _, Shape::Version) => {
            vec![(path.clone(), version.clone())]
        }
        (Target::Image { tag, digest, .. }, Deployed::Image(image), Shape::Reference) => {
            let wanted = image.with(tag.clone(), digest.clone());
            vec![(path.clone(), wanted.to_string())]
        }
        (
            Target::Image {
                tag,
                digest,
                pinned,
            },
            Deployed::Image(image),
            Shape::Kustomize {
                tag: has_tag,
                digest: has_digest,
            },
        ) => {
            let mut fields = Vec::new();
            // A digest beats a tag in kustomize, so one that stands there follows; where
            // none stands, none is forced on the author.
            let writes_tag = has_tag || !has_digest;
            if let Some(tag) = tag
                .as_ref()
                .filter(|tag| writes_tag && image.tag() != Some(tag))
            {
                fields.push((path.key("newTag"), tag.to_string()));
            }
            let writes_digest = has_digest || *pinned || tag.is_none();
            if let Some(digest) = digest
                .as_ref()
                .filter(|digest| writes_digest && image.digest() != Some(digest))
            {
                fields.push((path.key("digest"), digest.to_string()));
            }
            fields
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::kustomize_pins;
    use super::*;
    use crate::image::Digest;

    const FILE: &str = "kustomization.yaml";

    fn rewritten(
        text: &str,
        tag: Option<&str>,
        digest: Option<&Digest>,
    ) -> Result<String, PinError> {
        let snapshot =
            Snapshot::from_files(None, [(FILE.parse().unwrap(), text.as_bytes().to_vec())]);
        let pins = kustomize_pins(&snapshot, &RepoPath::root())?.pins;
        let target = Target::Image {
            tag: tag.map(|tag| tag.parse().unwrap()),
            digest: digest.cloned(),
            pinned: false,
        };
        let changes: Vec<(&Pin, Target)> = pins.iter().map(|pin| (pin, target.clone())).collect();
        let edits = write(&snapshot, &changes)?;
        Ok(match edits.values().next() {
            Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes.clone()).unwrap(),
            _ => text.to_owned(),
        })
    }

    #[test]
    fn only_the_pinned_bytes_change() {
        let text = "# head\nimages:\n  - name: a/web   # the window\n    newTag: \"1.9.1\"  # why\n\nreplicas: []";
        assert_eq!(
            rewritten(text, Some("1.10"), Some(&Digest::sha256(b"x"))).unwrap(),
            text.replace("1.9.1", "1.10")
        );
        assert_eq!(rewritten(text, Some("1.9.1"), None).unwrap(), text);
    }

    #[test]
    fn tags_that_yaml_would_read_as_numbers_are_quoted() {
        let text = "images:\n- {name: web, newTag: v1}\n";
        assert_eq!(
            rewritten(text, Some("1.10"), None).unwrap(),
            "images:\n- {name: web, newTag: \"1.10\"}\n"
        );
    }

    #[test]
    fn digests_follow_where_they_stand_and_tags_are_added_where_nothing_does() {
        let (old, new) = (Digest::sha256(b"old"), Digest::sha256(b"new"));
        let both = format!("images:\n- name: web\n  newTag: v1\n  digest: {old}\n");
        assert_eq!(
            rewritten(&both, Some("v2"), Some(&new)).unwrap(),
            both.replace("v1", "v2").replace(old.as_str(), new.as_str())
        );
        let digest = format!("images:\n- name: web\n  digest: {old}\n");
        assert_eq!(
            rewritten(&digest, Some("v2"), Some(&new)).unwrap(),
            digest.replace(old.as_str(), new.as_str())
        );
        let bare = "images:\n- name: web\n  newName: registry.example.com/web\n";
        assert_eq!(
            rewritten(bare, Some("v2"), Some(&new)).unwrap(),
            format!("{bare}  newTag: v2\n")
        );
    }

    #[test]
    fn values_that_stand_elsewhere_are_refused() {
        let text = "x: &tag v1\nimages:\n- {name: web, newTag: *tag}\n";
        let error = rewritten(text, Some("v2"), None).unwrap_err().to_string();
        assert!(error.starts_with("kustomization.yaml:1:"), "{error}");
    }
}
