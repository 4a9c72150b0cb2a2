//! Writing pins: every site of a pin gets the same version, each in its own shape,
//! and no other byte of its file changes.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::image::Reference;
use crate::repo::{Edit, EntryKind, RepoPath, Snapshot};
use crate::yaml::{Document, EditError, Editor, Path, Stream, Wish, parse_values, set_strings};

use super::{Deployed, Holds, Node, Pin, PinError, Shape, Site, Target};

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
    let (in_text, in_yaml): (Vec<_>, Vec<_>) = sites
        .iter()
        .partition(|(site, _)| matches!(site.shape, Shape::Text { .. }));
    let mut edited = match in_yaml.first() {
        Some((first, _)) => edited_yaml(file, text, first, &in_yaml)?,
        None => text.to_owned(),
    };
    for (site, target) in &in_text {
        edited = edited_text(&edited, site, target)?;
    }
    Ok(edited)
}

fn edited_yaml(
    file: &RepoPath,
    text: &str,
    first: &Site,
    sites: &[(&Site, &Target)],
) -> Result<String, PinError> {
    let in_one = |site: &Site| matches!(site.shape, Shape::Within { .. } | Shape::Inherited { .. });
    if sites.iter().any(|(site, _)| in_one(site)) {
        return edited_at_once(file, text, first, sites);
    }
    let mut wishes = Vec::new();
    let mut owners = Vec::new();
    for (site, target) in sites {
        for field in fields(site, target)? {
            wishes.push(Wish {
                document: site.node.document,
                path: field.path(&site.node.path),
                text: field.text,
                behind: field.behind,
            });
            owners.push(*site);
        }
    }
    set_strings(text, &wishes).map_err(|(number, source)| match (number, source) {
        (None, EditError::Yaml(source)) => PinError::Yaml {
            file: file.clone(),
            source,
        },
        (number, source) => {
            let owner = number.and_then(|at| owners.get(at)).copied();
            PinError::Edit {
                location: owner.unwrap_or(first).location.clone(),
                source: Box::new(source),
            }
        }
    })
}

/// As [`edited_yaml`], where the file has to be looked at as a whole: entries are added
/// to its lists, or texts in it are files of their own.
fn edited_at_once(
    file: &RepoPath,
    text: &str,
    first: &Site,
    sites: &[(&Site, &Target)],
) -> Result<String, PinError> {
    let stream = Stream::parse(text).map_err(|source| PinError::Yaml {
        file: file.clone(),
        source,
    })?;
    let wrong = |site: &Site, source| PinError::Edit {
        location: site.location.clone(),
        source: Box::new(source),
    };
    let mut editor = Editor::new(&stream).map_err(|source| wrong(first, source))?;
    let mut added = Added::default();
    let mut texts: Vec<(&Site, Vec<(Site, &Target)>)> = Vec::new();
    for (site, target) in sites {
        if let Shape::Within { inner, shape } = &site.shape {
            let inner = within(site, inner, shape);
            match texts.iter_mut().find(|(other, _)| other.node == site.node) {
                Some((_, sites)) => sites.push((inner, target)),
                None => texts.push((site, vec![(inner, target)])),
            }
            continue;
        }
        let base = match site.shape {
            Shape::Inherited { .. } => added.next(&stream, site),
            _ => site.node.path.clone(),
        };
        for field in fields(site, target)? {
            let path = field.path(&base);
            let value = Value::String(field.text);
            let document = site.node.document;
            match field.behind {
                Some(sibling) => editor.set_value_after(document, &path, &value, sibling),
                None => editor.set_value(document, &path, &value),
            }
            .map_err(|source| wrong(site, source))?;
        }
    }
    for (outer, sites) in texts {
        let Node { document, path, .. } = &outer.node;
        let root = stream.documents().get(*document).and_then(Document::root);
        let text = root.and_then(|root| root.at(path)?.as_str());
        let sites: Vec<(&Site, &Target)> = sites.iter().map(|(site, it)| (site, *it)).collect();
        let text = edited_yaml(file, text.unwrap_or_default(), outer, &sites)?;
        editor
            .set_string(*document, path, &text)
            .map_err(|source| wrong(outer, source))?;
    }
    editor.finish().map_err(|source| wrong(first, source))
}

/// A site of a text, as if that text were a file of its own.
fn within(site: &Site, inner: &Path, shape: &Shape) -> Site {
    Site {
        node: Node {
            file: site.node.file.clone(),
            document: 0,
            path: inner.clone(),
        },
        shape: shape.clone(),
        ..site.clone()
    }
}

/// A scalar of a site, and what it shall say.
#[derive(Debug)]
struct Field {
    /// The key below the site's node; `None`: the node itself.
    key: Option<&'static str>,
    text: String,
    /// Where it belongs when it is not there yet: behind the sibling of this key.
    behind: Option<&'static str>,
}

impl Field {
    /// Where it stands, below the node of its site.
    fn path(&self, node: &Path) -> Path {
        self.key.map_or_else(|| node.clone(), |key| node.key(key))
    }

    fn whole(text: String) -> Self {
        Self {
            key: None,
            text,
            behind: None,
        }
    }

    fn of(key: &'static str, text: impl ToString, behind: &'static str) -> Self {
        Self {
            key: Some(key),
            text: text.to_string(),
            behind: Some(behind),
        }
    }
}

/// How many entries each list of a file got.
#[derive(Debug, Default)]
struct Added(BTreeMap<usize, usize>);

impl Added {
    /// The path of an entry that is not there yet, behind all others.
    fn next(&mut self, stream: &Stream, site: &Site) -> Path {
        let list = stream.documents().get(site.node.document);
        let list = list.and_then(|document| document.root()?.at(&site.node.path));
        let there = list.map_or(0, |list| list.items().len());
        let count = self.0.entry(site.node.document).or_default();
        *count += 1;
        site.node.path.index(there + *count - 1)
    }
}

/// The text with what one match of an expression captured said anew.
fn edited_text(text: &str, site: &Site, target: &Target) -> Result<String, PinError> {
    let Shape::Text { pattern, number } = &site.shape else {
        return Ok(text.to_owned());
    };
    let mut wanted = Vec::new();
    for holds in pattern.holds() {
        if let Some(text) = said(site, *holds, target, pattern.holds().len() > 1)? {
            wanted.push((*holds, text));
        }
    }
    let edited = pattern
        .replaced(text, *number, &wanted)
        .map_err(|reason| unwritable(site, reason))?;
    if edited != text && is_yaml(&site.node.file) && !keeps_types(text, &edited) {
        let reason = "YAML would read what is written there as something else than text; \
            put it in quotes, or declare its key";
        return Err(unwritable(site, reason));
    }
    Ok(edited)
}

fn unwritable(site: &Site, reason: &str) -> PinError {
    PinError::Shape {
        location: site.location.clone(),
        reason: reason.to_owned(),
    }
}

fn is_yaml(file: &RepoPath) -> bool {
    let name = file.file_name().unwrap_or_default();
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Whether every value that differs was text and is text. A file that was no YAML
/// before, such as a Go template, has no types to lose.
fn keeps_types(before: &str, after: &str) -> bool {
    let Ok(before) = parse_values(before) else {
        return true;
    };
    parse_values(after).is_ok_and(|after| {
        before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| same_types(a, b))
    })
}

fn same_types(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same_types(value, other)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_types(a, b))
        }
        (Value::String(_), Value::String(_)) => true,
        _ => before == after,
    }
}

/// What a place that holds a part of an image shall say; `None` where it stays.
/// `apart`: the digest has a place of its own beside it.
fn said(
    site: &Site,
    holds: Holds,
    target: &Target,
    apart: bool,
) -> Result<Option<String>, PinError> {
    let (tag, digest, image) = match (target, &site.deployed) {
        (Target::Version(version), Deployed::Version(_)) => return Ok(Some(version.clone())),
        (Target::Image { tag, digest, .. }, Deployed::Image(image)) => (tag, digest, image),
        _ => return Ok(None),
    };
    let text = match (holds, tag, digest) {
        (Holds::Image, _, _) => image.with(tag.clone(), digest.clone()).to_string(),
        // Who reads a tag alone may not understand another thing behind it.
        (Holds::Tag, Some(tag), Some(digest)) if !apart && image.digest().is_some() => {
            format!("{tag}@{digest}")
        }
        (Holds::Tag, Some(tag), _) => tag.to_string(),
        (Holds::Digest, _, Some(digest)) => digest.to_string(),
        (Holds::Tag, None, _) => {
            return Err(unwritable(site, "holds a tag, and only a digest is wanted"));
        }
        (Holds::Digest, _, None) => {
            let reason = "holds a digest, and none is known for what is wanted";
            return Err(unwritable(site, reason));
        }
        (Holds::Version, _, _) => return Ok(None),
    };
    Ok(Some(text))
}

/// A tag alone, for a site that has no digest and is not asked to hold one.
fn bare(site: &Site, target: &Target) -> Option<Target> {
    let Target::Image {
        tag: Some(tag),
        pinned: false,
        ..
    } = target
    else {
        return None;
    };
    let digest = site.image()?.digest();
    (digest.is_none() && !site.is_digest_apart()).then(|| Target::Image {
        tag: Some(tag.clone()),
        digest: None,
        pinned: false,
    })
}

/// What changes where tag and digest are keys of one mapping. What has no key gets one
/// only if it must.
fn values_fields(site: &Site, image: &Reference, target: &Target) -> Result<Vec<Field>, PinError> {
    let (
        Shape::Values {
            tag: key,
            has_tag,
            joined,
            digest: has_digest,
            ..
        },
        Target::Image {
            tag,
            digest,
            pinned,
        },
    ) = (&site.shape, target)
    else {
        return Ok(Vec::new());
    };
    if digest.is_none() && image.digest().is_some() && tag.as_ref() != image.tag() {
        let reason = "holds a digest, and none is known for what is wanted";
        return Err(unwritable(site, reason));
    }
    let mut fields = Vec::new();
    if let Some(tag) = tag.as_ref().filter(|_| *has_tag || !has_digest) {
        let text = match digest.as_ref().filter(|_| *joined) {
            Some(digest) => format!("{tag}@{digest}"),
            None => tag.to_string(),
        };
        fields.push(Field::of(key, text, "repository"));
    }
    let apart = *has_digest || (!joined && (*pinned || tag.is_none()));
    if let Some(digest) = digest.as_ref().filter(|_| apart) {
        let behind = if tag.is_some() { key } else { "repository" };
        fields.push(Field::of("digest", digest, behind));
    }
    Ok(fields)
}

/// What changes in an entry of a kustomization's `images`. A digest beats a tag in
/// kustomize, so one that stands there follows; where none stands, none is forced on
/// the author.
fn kustomize_fields(site: &Site, image: &Reference, target: &Target) -> Vec<Field> {
    let (
        Shape::Kustomize {
            tag: has_tag,
            digest: has_digest,
        },
        Target::Image {
            tag,
            digest,
            pinned,
        },
    ) = (&site.shape, target)
    else {
        return Vec::new();
    };
    let mut fields = Vec::new();
    let writes_tag = *has_tag || !has_digest;
    if let Some(tag) = tag
        .as_ref()
        .filter(|tag| writes_tag && image.tag() != Some(tag))
    {
        fields.push(Field::of("newTag", tag, "newName"));
    }
    let writes_digest = *has_digest || *pinned || tag.is_none();
    if let Some(digest) = digest
        .as_ref()
        .filter(|digest| writes_digest && image.digest() != Some(digest))
    {
        fields.push(Field::of("digest", digest, "newTag"));
    }
    fields
}

/// A new entry for what a base says: like `kustomize edit set image` it takes the place
/// of tag and digest together, so a digest that stands in the base is not lost.
fn inherited_fields(image: &Reference, target: &Target) -> Vec<Field> {
    let Target::Image {
        tag,
        digest,
        pinned,
    } = target
    else {
        return Vec::new();
    };
    let mut fields = vec![Field::of("name", image.name(), "")];
    fields.extend(tag.as_ref().map(|tag| Field::of("newTag", tag, "name")));
    let pins = *pinned || tag.is_none() || image.digest().is_some();
    let digest = digest.as_ref().filter(|_| pins);
    fields.extend(digest.map(|digest| Field::of("digest", digest, "newTag")));
    fields
}

/// The fields of a site that change, and what they shall say.
fn fields(site: &Site, target: &Target) -> Result<Vec<Field>, PinError> {
    let one = |text: Option<String>| text.map(Field::whole).into_iter().collect();
    Ok(match (target, &site.deployed, &site.shape) {
        // Without digests Flux takes them away again.
        (
            Target::Image { tag, pinned, .. },
            Deployed::Image(image),
            Shape::Flux {
                holds,
                digests: false,
            },
        ) if *holds != Holds::Digest && !pinned && image.digest().is_none() => {
            let bare = Target::Image {
                tag: tag.clone(),
                digest: None,
                pinned: false,
            };
            one(said(site, *holds, &bare, false)?)
        }
        (
            _,
            _,
            Shape::Found {
                holds,
                before,
                after,
                ..
            },
        ) => {
            let bare = bare(site, target);
            let text = said(site, *holds, bare.as_ref().unwrap_or(target), false)?;
            one(text.map(|text| format!("{before}{text}{after}")))
        }
        (Target::Image { .. }, Deployed::Image(image), Shape::Values { .. }) => {
            values_fields(site, image, target)?
        }
        (_, _, Shape::Key(holds) | Shape::Flux { holds, .. }) => {
            one(said(site, *holds, target, false)?)
        }
        (Target::Version(version), _, Shape::Version) => one(Some(version.clone())),
        (Target::Image { tag, digest, .. }, Deployed::Image(image), Shape::Reference) => {
            one(Some(image.with(tag.clone(), digest.clone()).to_string()))
        }
        (Target::Image { .. }, Deployed::Image(image), Shape::Kustomize { .. }) => {
            kustomize_fields(site, image, target)
        }
        (Target::Image { .. }, Deployed::Image(image), Shape::Inherited { .. }) => {
            inherited_fields(image, target)
        }
        _ => Vec::new(),
    })
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
