//! What becomes of each difference.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::selection::{UnitSelector, diverged};
use super::{Class, Difference, Facts, PlanError, Request, SelectError, UnitId, content_digest};
use crate::confidential::Secrecy;
use crate::product::shown_path;
use crate::repo::CommitInfo;

/// What becomes of one difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The source's value is written.
    Take,
    /// Both sides have the same value; only the record follows.
    AlreadyThere,
    /// The target's value stays, as asked now.
    Keep,
    /// The target's value stays, as decided in an earlier promotion.
    Kept,
    /// The target's value is dropped, as asked now.
    Overwrite,
    /// The source's content was rolled back here and stays away.
    Refused,
    /// Not decided: nothing may be written.
    Ask,
}

impl Decision {
    /// Whether the source's value ends up on the target.
    pub fn takes(self) -> bool {
        matches!(self, Decision::Take | Decision::Overwrite)
    }

    /// Whether the target's value is put back into the source's text.
    pub fn keeps(self) -> bool {
        matches!(
            self,
            Decision::Keep | Decision::Kept | Decision::Refused | Decision::Ask
        )
    }
}

/// One difference between source and target, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The unit it is in.
    pub unit: UnitId,
    /// What differs.
    pub difference: Difference,
    /// What becomes of it.
    pub decision: Decision,
    /// The commit on the target that made a hotfix or conflict, where it could be found.
    pub changed_by: Option<CommitInfo>,
    /// Whether its values may be shown.
    pub secrecy: Secrecy,
}

impl Item {
    /// One of its values as it may be shown.
    pub fn shown(&self, value: &Value) -> Value {
        let difference = &self.difference;
        let states = [&difference.base, &difference.ours, &difference.theirs];
        let states: Vec<&Value> = states.into_iter().flatten().collect();
        self.secrecy.shown_beside(value, &states)
    }

    /// Whether something of one of its values is not shown.
    pub fn hides(&self) -> bool {
        let difference = &self.difference;
        let values = [&difference.base, &difference.ours, &difference.theirs];
        let values: Vec<&Value> = values.into_iter().flatten().collect();
        let hides = |value: &&Value| self.secrecy.hides_of(value, &values);
        values.iter().any(hides)
    }

    /// [`Item::label`] for people: without what must not be shown of the key path.
    pub fn shown_label(&self) -> String {
        match self.difference.path.is_root() {
            true => self.unit.to_string(),
            false => format!("{} {}", self.unit, shown_path(&self.difference.path)),
        }
    }

    /// `unit` or `unit key.path`, as people write it after `--keep` with a dot.
    pub fn label(&self) -> String {
        if self.difference.path.is_root() {
            self.unit.to_string()
        } else {
            format!("{} {}", self.unit, self.difference.path)
        }
    }
}

pub(super) fn decide(
    request: &Request,
    facts: &Facts,
    items: &mut [Item],
) -> Result<(), PlanError> {
    let keep: BTreeSet<usize> = diverged("--keep", &request.keep, items)?
        .into_iter()
        .collect();
    let overwrite: BTreeSet<usize> = diverged("--overwrite", &overwritten(request, facts), items)?
        .into_iter()
        .collect();
    if let Some(both) = keep.intersection(&overwrite).next() {
        return Err(SelectError::Both(items[*both].label()).into());
    }
    let refused = refused_units(request, facts)?;
    for (index, item) in items.iter_mut().enumerate() {
        let record = facts.records.get(&item.unit);
        let kept_before = record.is_some_and(|record| {
            record.keeps(&item.difference.path, item.difference.theirs.as_ref())
        });
        item.decision = match item.difference.class {
            _ if refused.contains(&item.unit) => Decision::Refused,
            Class::Change | Class::Removal => Decision::Take,
            Class::AlreadyThere => Decision::AlreadyThere,
            Class::Hotfix | Class::Conflict if keep.contains(&index) => Decision::Keep,
            Class::Hotfix | Class::Conflict if overwrite.contains(&index) => Decision::Overwrite,
            Class::Hotfix | Class::Conflict if kept_before => Decision::Kept,
            Class::Hotfix | Class::Conflict => Decision::Ask,
        };
    }
    Ok(())
}

/// The words after `--overwrite` that are no rendered files.
fn overwritten(request: &Request, facts: &Facts) -> Vec<String> {
    let rendered = |word: &String| facts.stale.iter().any(|file| file.path.as_str() == word);
    let words = request.overwrite.iter();
    words.filter(|word| !rendered(word)).cloned().collect()
}

/// Units whose present content in the source was rolled back on the target.
fn refused_units(request: &Request, facts: &Facts) -> Result<BTreeSet<UnitId>, SelectError> {
    let mut released = BTreeSet::new();
    for word in &request.release {
        released.insert(UnitSelector::new(word).find("--release", facts.source.units.keys())?);
    }
    Ok(facts
        .source
        .units
        .iter()
        .filter(|(unit, _)| !released.contains(*unit))
        .filter(|(unit, value)| {
            let record = facts.records.get(*unit);
            let reverted = facts.reverted.get(*unit);
            record.is_some_and(|record| record.refuses(value).is_some())
                || reverted.is_some_and(|refused| refused.digest == content_digest(value))
        })
        .map(|(unit, _)| unit.clone())
        .collect())
}
