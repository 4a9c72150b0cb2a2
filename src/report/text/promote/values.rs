//! The two values of one difference in a few words: never the same words for different
//! values, unless a remark says that they differ.

use serde_json::Value;

use crate::image::Reference;
use crate::promotion::{Decision, Item, UnitId};
use crate::report::{contrast, one_line_beside};
use crate::yaml::Path;

/// What is written for a value that is not there.
const ABSENT: &str = "absent";

/// Returns the target's and the source's value of a difference, each in a few words.
pub fn values(item: &Item) -> (String, String) {
    let difference = &item.difference;
    if let (Some(ours), Some(theirs)) = (&difference.ours, &difference.theirs) {
        return match is_opaque(item) {
            true => ("this version".to_owned(), "that version".to_owned()),
            false => tags(item, ours, theirs)
                .unwrap_or_else(|| contrast(&item.shown(ours), &item.shown(theirs))),
        };
    }
    let text = |value: &Option<Value>| match value {
        None => ABSENT.to_owned(),
        Some(_) if is_opaque(item) => "present".to_owned(),
        Some(value) => one_line_beside(&item.shown(value), ABSENT),
    };
    (text(&difference.ours), text(&difference.theirs))
}

/// Returns `OLD → NEW` for values that the text names in that order.
pub(super) fn arrow(item: &Item, old: &str, new: &str) -> String {
    match is_replaced_file(item) {
        true => "changed".to_owned(),
        false => format!("{old} → {new}{}", remark(old, new)),
    }
}

/// Returns what a promotion that takes a difference does at its key path.
pub(super) fn taken(item: &Item) -> String {
    let difference = &item.difference;
    if is_opaque(item) {
        return whole(item).to_owned();
    }
    let (ours, theirs) = (&difference.ours, &difference.theirs);
    match (ours, theirs) {
        (None, Some(new)) => format!("+ {}", one_line_beside(&item.shown(new), ABSENT)),
        (Some(old), None) => format!("- {}", one_line_beside(&item.shown(old), ABSENT)),
        (Some(old), Some(new)) => {
            let (old, new) = contrast(&item.shown(old), &item.shown(new));
            arrow(item, &old, &new)
        }
        (None, None) => String::new(),
    }
}

/// Returns what becomes of a difference that was decided about.
pub(super) fn decided(item: &Item) -> String {
    let (ours, theirs) = values(item);
    match item.decision {
        Decision::Overwrite | Decision::Wait => arrow(item, &ours, &theirs),
        _ if item.difference.theirs.is_none() => "stays; the source does not have it".to_owned(),
        _ if is_replaced_file(item) => "stays; the source has another version".to_owned(),
        _ => format!(
            "stays {ours}, the source has {theirs}{}",
            remark(&ours, &theirs)
        ),
    }
}

/// Returns both sides' values of a conflict.
pub(super) fn both_sides(item: &Item, target: &str, source: &str) -> String {
    let (ours, theirs) = values(item);
    match is_replaced_file(item) {
        true => "differs".to_owned(),
        false => format!(
            "{target} {ours}, {source} {theirs}{}",
            remark(&ours, &theirs)
        ),
    }
}

/// Returns what becomes of a unit or file as a whole.
pub(super) fn whole(item: &Item) -> &'static str {
    match (&item.difference.ours, &item.difference.theirs) {
        (None, _) => "new",
        (_, None) => "removed",
        _ => "changed",
    }
}

/// Whether it says no more than the versions beside its component's name.
pub(super) fn is_version(item: &Item) -> bool {
    let difference = &item.difference;
    let both = difference.ours.as_ref().zip(difference.theirs.as_ref());
    difference.path == Path::of(["version"])
        || both.is_some_and(|(ours, theirs)| tags(item, ours, theirs).is_some())
}

/// Whether its values say nothing to a person: ids of files, and whole files.
fn is_opaque(item: &Item) -> bool {
    match item.unit {
        UnitId::Template(_) => true,
        UnitId::File(_) => item.difference.path.is_root(),
        UnitId::Product | UnitId::Component(_) => false,
    }
}

fn is_replaced_file(item: &Item) -> bool {
    let difference = &item.difference;
    is_opaque(item) && difference.ours.is_some() && difference.theirs.is_some()
}

/// What is said of values that look alike because what differs is hidden.
fn remark(one: &str, other: &str) -> &'static str {
    match one == other {
        true => " (the values differ)",
        false => "",
    }
}

/// The tags of two images, where they tell the two apart.
fn tags(item: &Item, ours: &Value, theirs: &Value) -> Option<(String, String)> {
    if item.difference.path != Path::of(["image"]) {
        return None;
    }
    let read = |value: &Value| value.as_str()?.parse::<Reference>().ok();
    let (ours, theirs) = (read(ours)?, read(theirs)?);
    let tag = |image: &Reference| image.tag().map(ToString::to_string);
    let tags = (tag(&ours)?, tag(&theirs)?);
    (ours.same_repository(&theirs) && tags.0 != tags.1).then_some(tags)
}
