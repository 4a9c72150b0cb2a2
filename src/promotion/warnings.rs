//! What deserves a look in a promotion, and stops nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use super::UnitId;
use super::left_out::sentence;
use super::places::{VERSION, is_place};
use super::{Facts, Item, dotenv};
use crate::confidential::{Secrecy, Step};
use crate::product::{ComponentName, shown_path};
use crate::template::{RenderedIndex, render_components, stale as stale_files};
use crate::yaml::{Path, text_of};

/// How many components a warning names.
const NAMED: usize = 6;

/// What deserves a look; `all`: everything is promoted.
pub(super) fn of(facts: &Facts, items: &[Item], all: bool) -> Vec<String> {
    let source = facts.source.state.entry.name.as_str();
    let mut warnings = Vec::new();
    let behind = behind(facts, items);
    if !behind.is_empty() {
        let names = names(&behind);
        warnings.push(format!(
            "{source} may not run this: what it has rendered is behind its sources for {names}"
        ));
    }
    let unpinned = unpinned(items);
    if !unpinned.is_empty() {
        let (target, names) = (&facts.target.state.entry.name, names(&unpinned));
        warnings.push(format!("{target} has digests for {names} and gets tags alone, which may come to name other images"));
    }
    if let Some(why) = &facts.unrenderable {
        let target = &facts.target.state.entry.name;
        warnings.push(format!("{target} as it is can't be rendered, so edits of its rendered files are not told apart: {why}"));
    }
    for path in facts.left.iter().filter(|_| all) {
        let unit = UnitId::File(path.clone());
        warnings.push(format!("{unit} is encrypted and stays in {source}"));
    }
    for (unit, record) in &facts.records {
        if let Some(damage) = &record.damage {
            let target = &facts.target.state.entry.name;
            warnings.push(format!(
                "the record of {unit} in {target} can't be read, so its values are asked about: {damage}; the next promotion of {unit} writes it anew"
            ));
        }
    }
    if all {
        warnings.extend(sentence(&facts.left_out, "promoted"));
    }
    warnings.extend(owned_in_whole_files(facts, items));
    for item in items.iter().filter(|item| item.decision.takes()) {
        let Some(value) = &item.difference.theirs else {
            continue;
        };
        if matches!(item.unit, UnitId::Template(_)) {
            continue;
        }
        if let UnitId::File(path) = &item.unit
            && item.difference.ours.is_none()
            && item.difference.path.is_root()
            && facts
                .source
                .files
                .get(path)
                .is_some_and(|file| file.environment)
        {
            warnings.push(format!("{path} is new, without what belongs to the environment: that has to be written there by hand"));
        }
        let at = (&item.difference.path, item.secrecy);
        each_string(value, at, &mut |path, secrecy, text| {
            let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
            if words.any(|word| word == source) {
                let text = secrecy.shown(&Value::from(text));
                let text = text.as_str().unwrap_or_default();
                let path = shown_path(path);
                warnings.push(format!("{} {path} names {source}: {text}", item.unit));
            }
        });
    }
    warnings
}

fn each_string(
    value: &Value,
    (path, secrecy): (&Path, Secrecy),
    found: &mut dyn FnMut(&Path, Secrecy, &str),
) {
    match value {
        Value::String(_) => {
            if let Some(text) = text_of(value) {
                found(path, secrecy, &text);
            }
        }
        Value::Object(map) => map.iter().for_each(|(key, child)| {
            let below = secrecy.below(&[value], Step::Key(key));
            each_string(child, (&path.key(key), below), found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, child)| {
            let below = secrecy.below(&[value], Step::Index(index));
            each_string(child, (&path.index(index), below), found);
        }),
        _ => {}
    }
}

/// What belongs to the environment in files that move as a whole, and so moves with them.
fn owned_in_whole_files(facts: &Facts, items: &[Item]) -> Vec<String> {
    let owned = &facts.repository.promotion.environment_owned;
    let mut warnings = Vec::new();
    for item in items.iter().filter(|item| item.decision.takes()) {
        let UnitId::File(path) = &item.unit else {
            continue;
        };
        let side = &facts.target;
        if !dotenv::is_named(path) || side.files.contains_key(path) {
            continue;
        }
        let file = side.path(path.as_str());
        let text = file.and_then(|file| side.state.snapshot.text(&file).ok().flatten());
        let keys = text.and_then(dotenv::keys).unwrap_or_default();
        let named = owned.iter().filter_map(dotenv::key_of);
        let named: Vec<String> = named.filter(|key| keys.contains(key)).collect();
        if !named.is_empty() {
            let names = named.join(", ");
            warnings.push(format!("{path} is promoted as a whole because it holds secrets, so environmentOwned does not keep {names} there"));
        }
    }
    warnings
}

/// The first few of some components.
fn names(components: &BTreeSet<&ComponentName>) -> String {
    let first: Vec<&str> = components
        .iter()
        .take(NAMED)
        .map(|it| it.as_str())
        .collect();
    match components.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Promoted components whose committed rendering in the source is not what its sources
/// say: what is promoted was not tried there.
fn behind<'a>(facts: &Facts, items: &'a [Item]) -> BTreeSet<&'a ComponentName> {
    let state = &facts.source.state;
    let promoted = items.iter().filter(|item| item.decision.takes());
    let promoted: BTreeSet<&ComponentName> = promoted
        .filter_map(|item| match &item.unit {
            UnitId::Component(name) => Some(name),
            _ => None,
        })
        .collect();
    let (Some(tree), Some(folder)) = (&state.product, &facts.repository.rendered) else {
        return BTreeSet::new();
    };
    // Who never rendered there has something else that does.
    let folder = state.entry.path.join_path(folder);
    if promoted.is_empty() || state.snapshot.under(&folder).next().is_none() {
        return BTreeSet::new();
    }
    let wanted = promoted.iter().map(|name| (*name).clone()).collect();
    let Ok(rendering) = render_components(tree, &facts.repository, &state.entry, &wanted) else {
        return BTreeSet::new();
    };
    let index = RenderedIndex::of(&rendering, state.snapshot.object_format());
    let stale = stale_files(state, &index);
    let is_stale = |name: &&ComponentName| stale.iter().any(|file| file.component == **name);
    promoted.into_iter().filter(is_stale).collect()
}

/// Components that lose the digest of their image.
fn unpinned(items: &[Item]) -> BTreeSet<&ComponentName> {
    let image = Path::of(["image"]);
    let has_digest = |value: &Option<Value>| {
        let text = value.as_ref().and_then(Value::as_str);
        text.is_some_and(|text| text.contains('@'))
    };
    let lose = items
        .iter()
        .filter(|item| item.decision.takes())
        .filter(|item| {
            let difference = &item.difference;
            let is_image = difference.path == image
                || difference.path == Path::of([VERSION])
                || is_place(&difference.path);
            is_image
                && difference.theirs.is_some()
                && has_digest(&difference.ours)
                && !has_digest(&difference.theirs)
        });
    lose.filter_map(|item| match &item.unit {
        UnitId::Component(name) => Some(name),
        _ => None,
    })
    .collect()
}
