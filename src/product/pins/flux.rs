//! Flux's markers, `# {"$imagepolicy": "namespace:name:tag"}`: a comment behind a
//! value, or above it, that says which image policy decides about it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::image::{Reference, TagPolicy};
use crate::product::{ComponentName, EnvironmentEntry, PinEntry};
use crate::repo::{Location, RepoPath, Snapshot};
use crate::yaml::{self, Document, Path, Stream};

use super::flux_policy::{FluxPolicies, FluxPolicy, yaml_text};
use super::text::Holds;
use super::{Deployed, Node, Pin, PinError, Shape, Site, component_of};

/// What a marker must hold.
const KEY: &str = "\"$imagepolicy\"";

/// The marked sites of an environment.
#[derive(Debug, Default)]
pub(super) struct Marked {
    pub(super) sites: Vec<(ComponentName, Site)>,
    policies: BTreeMap<ComponentName, (Option<TagPolicy>, bool)>,
    pub(super) warnings: BTreeSet<String>,
    /// Some marker names a policy that these files do not hold.
    pub(super) unresolved: bool,
}

/// A marker and the value that it belongs to.
struct Marker {
    namespace: String,
    policy: String,
    /// `None`: the image's name, which no update changes.
    holds: Option<Holds>,
    node: Node,
    location: Location,
    said: String,
}

/// All marked values of an environment that no other site covers.
pub(super) fn marked_sites(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
    declared: &[PinEntry],
    policies: &FluxPolicies,
    others: &[(ComponentName, Site)],
) -> Result<Marked, PinError> {
    let mut marked = Marked::default();
    for (file, _) in snapshot.under(&entry.path) {
        let Some(text) = yaml_text(snapshot, file, KEY).filter(|_| entry.holds(file)) else {
            continue;
        };
        // Flux passes over what it cannot parse, such as a chart's templates.
        let Ok(stream) = Stream::parse(text) else {
            continue;
        };
        for marker in markers(file, &stream) {
            let Some(policy) = policies.policy(&marker.namespace, &marker.policy) else {
                marked.unresolved = true;
                marked.warnings.insert(format!(
                    "{}: names the image policy {}:{}, of which these files hold none, or several that differ",
                    marker.location, marker.namespace, marker.policy
                ));
                continue;
            };
            let covered = others.iter().find(|(_, site)| covers(site, &marker.node));
            match covered {
                Some((component, _)) => marked.follow(component, &policy),
                None => marked.add(marker, &policy, policies.image(&policy), declared)?,
            }
        }
    }
    Ok(marked)
}

/// Whether a site is the marked value, or a kustomization's entry that it is a field of.
fn covers(site: &Site, marked: &Node) -> bool {
    let there = match site.shape {
        Shape::Text { .. } => false,
        Shape::Kustomize { .. } => marked.path.parent().as_ref() == Some(&site.node.path),
        _ => site.node.path == marked.path,
    };
    there && site.node.file == marked.file && site.node.document == marked.document
}

impl Marked {
    /// A marker says which policy decides about a component.
    fn follow(&mut self, component: &ComponentName, policy: &FluxPolicy) {
        self.warnings.extend(policy.warnings.iter().cloned());
        let known = (policy.policy.clone(), policy.suspended);
        self.policies.insert(component.clone(), known);
    }

    fn add(
        &mut self,
        marker: Marker,
        policy: &FluxPolicy,
        image: Option<&Reference>,
        declared: &[PinEntry],
    ) -> Result<(), PinError> {
        let Some(holds) = marker.holds else {
            return Ok(());
        };
        let Some(deployed) = deployed(&marker, holds, image)? else {
            self.unresolved = true;
            self.warnings.insert(format!(
                "{}: of which image this is a {} is not known: the ImageRepository of {}:{} is not among these files",
                marker.location,
                holds.word(),
                marker.namespace,
                marker.policy
            ));
            return Ok(());
        };
        let component = component_of(&deployed, declared).map_err(|source| PinError::Name {
            location: marker.location.clone(),
            source,
        })?;
        self.follow(&component, policy);
        let shape = Shape::Flux {
            holds,
            digests: policy.digests,
        };
        let site = Site {
            location: marker.location,
            deployed: Deployed::Image(deployed),
            node: marker.node,
            shape,
        };
        self.sites.push((component, site));
        Ok(())
    }

    /// Gives pins the policies that their markers name.
    pub(super) fn apply(&self, pins: &mut [Pin]) {
        for pin in pins {
            if let Some((policy, suspended)) = self.policies.get(&pin.component) {
                pin.policy = pin.policy.take().or_else(|| policy.clone());
                if *suspended {
                    let reason = || "its image policy is suspended in Flux".to_owned();
                    pin.hold.get_or_insert_with(reason);
                }
            }
        }
    }
}

/// What is deployed at a marked value; `None` where its image is not known.
fn deployed(
    marker: &Marker,
    holds: Holds,
    image: Option<&Reference>,
) -> Result<Option<Reference>, PinError> {
    let wrong = |error: &dyn std::fmt::Display| PinError::Shape {
        location: marker.location.clone(),
        reason: format!("{} {:?}: {error}", holds.word(), marker.said),
    };
    let said = marker.said.as_str();
    if holds == Holds::Image {
        let read = said.parse().map_err(|source| PinError::Image {
            location: marker.location.clone(),
            text: said.to_owned(),
            source,
        })?;
        return Ok(Some(read));
    }
    let Some(image) = image else {
        return Ok(None);
    };
    if holds == Holds::Digest {
        // Empty under a policy that reflects no digest.
        let digest = (!said.is_empty())
            .then(|| said.parse().map_err(|error| wrong(&error)))
            .transpose()?;
        return Ok(Some(image.with(None, digest)));
    }
    let (tag, digest) = match said.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (said, None),
    };
    let tag = tag.parse().map_err(|error| wrong(&error))?;
    let digest = digest
        .map(|digest| digest.parse().map_err(|error| wrong(&error)))
        .transpose()?;
    Ok(Some(image.with(Some(tag), digest)))
}

/// A scalar value, and where it stands.
struct ScalarValue<'a> {
    node: &'a yaml::Node,
    document: usize,
    path: Path,
}

fn markers(file: &RepoPath, stream: &Stream) -> Vec<Marker> {
    let text = stream.text();
    let mut values = Vec::new();
    for (number, document) in stream.documents().iter().enumerate() {
        if let Some(root) = document.root() {
            collect(root, number, &Path::root(), &mut values);
        }
    }
    let mut found = Vec::new();
    for (at, _) in text.match_indices(KEY) {
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let Some(hash) = text[line..at].rfind('#').map(|hash| line + hash) else {
            continue;
        };
        let Some((namespace, policy, holds)) = meaning(text[hash + 1..end].trim()) else {
            continue;
        };
        let value = if text[line..hash].trim().is_empty() {
            above(text, end, &values)
        } else {
            behind(text, line, hash, &values)
        };
        let Some(value) = value else { continue };
        let Some(scalar) = value.node.scalar() else {
            continue;
        };
        let document: &Document = &stream.documents()[value.document];
        let position = document.position(value.node.start());
        found.push(Marker {
            namespace,
            policy,
            holds,
            node: Node {
                file: file.clone(),
                document: value.document,
                path: value.path.clone(),
            },
            location: Location::new(file.clone(), position.line, position.column),
            said: scalar.text.to_string(),
        });
    }
    found
}

fn collect<'a>(
    node: &'a yaml::Node,
    document: usize,
    path: &Path,
    into: &mut Vec<ScalarValue<'a>>,
) {
    if node.scalar().is_some() {
        into.push(ScalarValue {
            node,
            document,
            path: path.clone(),
        });
    }
    for entry in node.entries() {
        if let Some(name) = entry.name() {
            collect(&entry.value, document, &path.key(name), into);
        }
    }
    for (index, item) in node.items().iter().enumerate() {
        collect(item, document, &path.index(index), into);
    }
}

/// The last value before a comment, on its line.
fn behind<'a, 'n>(
    text: &str,
    line: usize,
    hash: usize,
    values: &'a [ScalarValue<'n>],
) -> Option<&'a ScalarValue<'n>> {
    let value = values
        .iter()
        .filter(|value| value.node.end() <= hash && value.node.end() > line)
        .max_by_key(|value| value.node.end())?;
    let between = text.get(value.node.end()..hash)?;
    between
        .chars()
        .all(|c| c.is_whitespace() || "}],".contains(c))
        .then_some(value)
}

/// The only value on the line below a comment.
fn above<'a, 'n>(
    text: &str,
    end: usize,
    values: &'a [ScalarValue<'n>],
) -> Option<&'a ScalarValue<'n>> {
    let start = end + 1;
    let stop = text
        .get(start..)?
        .find('\n')
        .map_or(text.len(), |end| start + end);
    let mut on_line = values
        .iter()
        .filter(|value| (start..stop).contains(&value.node.start()));
    let value = on_line.next()?;
    on_line.next().is_none().then_some(value)
}

/// The policy that a marker names, and what it says is there. Flux passes over what is
/// no marker, and so do we.
fn meaning(comment: &str) -> Option<(String, String, Option<Holds>)> {
    let marker: Value = serde_json::from_str(comment).ok()?;
    let setter = marker.get("$imagepolicy")?.as_str()?;
    let mut parts = setter.split(':');
    let (namespace, policy) = (parts.next()?, parts.next()?);
    let holds = match (parts.next(), parts.next()) {
        (None, _) => Some(Holds::Image),
        (Some("tag"), None) => Some(Holds::Tag),
        (Some("digest"), None) => Some(Holds::Digest),
        (Some("name"), None) => None,
        _ => return None,
    };
    Some((namespace.to_owned(), policy.to_owned(), holds))
}
