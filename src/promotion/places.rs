//! The places of one pin, one by one: where they do not all have the same version, each
//! is compared and written alone, and no place gets the version of another.
//!
//! The value of such a pin is a map from a place, as `FILE KEYPATH`, to its version.
//! Records and merge bases may have either form, and get that of the two sides.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::content::{by_items, identity};
use super::promoted_files::shared_name;
use super::{Record, UnitId, Units};
use crate::image::Reference;
use crate::product::pins::{Deployed, Pin, Site};
use crate::product::{EnvironmentEntry, Repository};
use crate::repo::{RepoPath, Snapshot};
use crate::yaml::{Path, Step, parse_values};

/// The key of a pin's value: `TAG`, `TAG@DIGEST` or `@DIGEST`.
pub(super) const VERSION: &str = "version";

/// Whether a key path of a component is one place of its pin. No field of a manifest has a
/// space in its name.
pub fn is_place(path: &Path) -> bool {
    matches!(path.steps(), [Step::Key(key)] if key.contains(' '))
}

/// The files in which the places of an environment's pins are.
#[derive(Clone, Copy)]
pub(super) struct Where<'a> {
    pub(super) repository: &'a Repository,
    pub(super) snapshot: &'a Snapshot,
    pub(super) entry: &'a EnvironmentEntry,
}

impl Where<'_> {
    /// The places of a pin, by names that are the same in all environments.
    pub(super) fn places<'p>(&self, pin: &'p Pin) -> BTreeMap<String, &'p Site> {
        let mut found = BTreeMap::new();
        for site in &pin.sites {
            let name = self.name(site);
            let mut unique = name.clone();
            let mut number = 1;
            while found.contains_key(&unique) {
                number += 1;
                unique = format!("{name} {number}");
            }
            found.insert(unique, site);
        }
        found
    }

    fn name(&self, site: &Site) -> String {
        let text = self.snapshot.text(site.file()).ok().flatten();
        let documents = text.and_then(|text| parse_values(text).ok());
        let documents = documents.unwrap_or_default();
        let document = documents.get(site.document());
        let (path, part) = site.path_and_part();
        let path = document.map_or_else(|| path.clone(), |root| by_items(root, path));
        let object = match documents.len() > 1 {
            true => Some(
                document
                    .and_then(identity)
                    .unwrap_or_else(|| format!("document {}", site.document() + 1)),
            ),
            false => None,
        };
        let path = (!path.is_root()).then(|| path.to_string());
        let words = [Some(self.file(site.file())), object, path, part];
        let mut words: Vec<String> = words.into_iter().flatten().collect();
        if words.len() == 1 {
            words.push("text".to_owned());
        }
        words.join(" ")
    }

    /// A file's path, with `{env}` where each environment has a file of its own name.
    fn file(&self, file: &RepoPath) -> String {
        let entry = self.entry;
        let declared = self.repository.pins.iter().flat_map(|pin| &pin.sites);
        let named = declared.filter(|site| site.file.contains("{env}"));
        let mut patterns = named.filter_map(|site| site.pattern(&entry.name));
        let has_name =
            entry.files.is_some() || patterns.any(|pattern| pattern.matches(&entry.path, file));
        let path = match file.strip_prefix(&entry.path) {
            Some(relative) => relative.to_string(),
            None => format!("/{file}"),
        };
        shared_name(&path, has_name.then_some(entry.name.as_str()))
    }

    /// A pin's unit: one version, or one for each place where they differ.
    pub(super) fn value(&self, pin: &Pin) -> (UnitId, Value) {
        let unit = UnitId::Component(pin.component.clone());
        let value = match disagrees(pin) {
            true => by_place(&self.places(pin), |_| true),
            false => json!({ VERSION: said_of(pin) }),
        };
        (unit, value)
    }
}

/// The values of a pin on both sides, compared place by place; `None`: the sides have no
/// place in common.
pub(super) fn on_both_sides(
    (source, ours): (Where<'_>, &Pin),
    (target, theirs): (Where<'_>, &Pin),
) -> Option<(Value, Value)> {
    let (one, other) = (source.places(ours), target.places(theirs));
    let values = (
        by_place(&one, |place| other.contains_key(place)),
        by_place(&other, |place| one.contains_key(place)),
    );
    let is_empty = |value: &Value| value.as_object().is_none_or(Map::is_empty);
    (!is_empty(&values.0)).then_some(values)
}

fn by_place(places: &BTreeMap<String, &Site>, wanted: impl Fn(&str) -> bool) -> Value {
    let chosen = places.iter().filter(|(name, _)| wanted(name));
    let values = chosen.map(|(name, site)| (name.clone(), Value::String(said(site))));
    Value::Object(values.collect())
}

/// Whether the places of a pin do not all say the same.
pub(super) fn disagrees(pin: &Pin) -> bool {
    let images = || pin.sites.iter().filter_map(Site::image);
    let digests: BTreeSet<_> = images().filter_map(Reference::digest).collect();
    pin.tags().len() > 1 || pin.versions().len() > 1 || digests.len() > 1
}

/// Whether a record has different versions for the places of a pin.
pub(super) fn is_divided(record: &Record) -> bool {
    let content = record.content.as_ref().and_then(Value::as_object);
    let values = content.into_iter().flatten();
    let versions: BTreeSet<_> = values
        .filter(|(key, _)| key.contains(' '))
        .map(|(_, value)| value.as_str())
        .collect();
    versions.len() > 1
}

/// What a pin says whose places agree: `TAG`, `TAG@DIGEST` or `@DIGEST`, or a version.
pub(super) fn said_of(pin: &Pin) -> String {
    match pin.deployed() {
        Some(image) => version_of(&image),
        None => pin.sites.first().map(said).unwrap_or_default(),
    }
}

fn said(site: &Site) -> String {
    match &site.deployed {
        Deployed::Image(image) => version_of(image),
        Deployed::Version(version) => version.clone(),
    }
}

fn version_of(image: &Reference) -> String {
    let tag = image.tag().map(ToString::to_string).unwrap_or_default();
    let digest = image.digest().map(|digest| format!("@{digest}"));
    tag + &digest.unwrap_or_default()
}

/// Gives records and a merge base the form that the two sides have: one version, or one
/// for each place.
pub(super) fn align(
    source: &Units,
    target: &Units,
    records: &mut BTreeMap<UnitId, Record>,
    base: Option<&mut Units>,
) {
    let mut base = base;
    let sides: BTreeMap<&UnitId, &Value> = target.iter().chain(source).collect();
    for (unit, side) in sides {
        if !matches!(unit, UnitId::Component(_)) {
            continue;
        }
        let content = records.get_mut(unit).and_then(|it| it.content.as_mut());
        let then = base.as_mut().and_then(|base| base.get_mut(unit));
        for value in [content, then].into_iter().flatten() {
            if let Some(other) = in_form_of(side, value) {
                *value = other;
            }
        }
    }
}

/// A pin's value in the form of another; `None`: it has that form.
fn in_form_of(form: &Value, value: &Value) -> Option<Value> {
    let places = |value: &Value| -> Vec<String> {
        let keys = value.as_object().into_iter().flat_map(Map::keys);
        keys.filter(|key| key.contains(' ')).cloned().collect()
    };
    let (wanted, known) = (places(form), places(value));
    if !wanted.is_empty() && known.is_empty() {
        let version = value.get(VERSION)?;
        let all = wanted.into_iter().map(|place| (place, version.clone()));
        return Some(Value::Object(all.collect()));
    }
    if wanted.is_empty() && !known.is_empty() {
        let versions: BTreeSet<&str> = known
            .iter()
            .filter_map(|place| value[place.as_str()].as_str())
            .collect();
        let only = (versions.len() == 1).then(|| versions.first()).flatten();
        return Some(only.map_or_else(|| json!({}), |version| json!({ VERSION: version })));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_pin_get_the_form_of_the_sides() {
        let (one, places) = (json!({"version": "1"}), json!({"a x": "1", "b x": "2"}));
        let same = json!({"a x": "1", "b x": "1"});
        assert_eq!(in_form_of(&places, &one), Some(same.clone()));
        assert_eq!(in_form_of(&one, &same), Some(one.clone()));
        assert_eq!(in_form_of(&one, &places), Some(json!({})));
        assert_eq!(in_form_of(&places, &same), None);
        assert_eq!(in_form_of(&one, &json!({"version": "2"})), None);
        // A component of a product has neither form.
        let component = json!({"image": "example.com/a:1"});
        assert_eq!(in_form_of(&component, &json!({"image": "b"})), None);
    }
}
