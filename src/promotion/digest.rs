//! The digest of a plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Decision, Facts, Item, UnitId, canonical};
use crate::image::Digest;
use crate::repo::{Edit, RepoPath};
use crate::template::describe;

/// SHA-256 over every change that is taken and every rendered file that
/// changes: the same plan on a target that moved elsewhere keeps its digest.
///
/// It is over the real values, hidden ones as well, and it is shown. A digest of a short
/// secret alone could be guessed, so a unit that hides something counts with all that it
/// holds on both sides.
pub(crate) fn digest(facts: &Facts, items: &[Item], rendered: &BTreeMap<RepoPath, Edit>) -> String {
    let mut text = String::new();
    let hiding = items.iter().filter(|item| item.hides());
    let hiding: BTreeSet<&UnitId> = hiding.map(|item| &item.unit).collect();
    for unit in hiding {
        for side in [&facts.source, &facts.target] {
            if let Some(value) = side.units.get(unit) {
                canonical(value, &mut text);
            }
            text.push('\0');
        }
    }
    for item in items
        .iter()
        .filter(|item| item.decision != Decision::AlreadyThere)
    {
        let difference = &item.difference;
        let _ = write!(
            text,
            "{:?} {} {}\0",
            item.decision, item.unit, difference.path
        );
        for value in [&difference.ours, &difference.theirs] {
            match value {
                Some(value) => canonical(value, &mut text),
                None => text.push('-'),
            }
            text.push('\0');
        }
    }
    describe(rendered, &mut text);
    Digest::sha256(text.as_bytes()).to_string()
}
