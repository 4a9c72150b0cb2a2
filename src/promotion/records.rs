//! The records that a promotion leaves on the target: what was promoted of each
//! unit, what was kept there, and what stays away.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Base, Kept, Record, Refused, UnitId, same};
use super::{Decision, Facts, Item, PlanError, Request, items};
use crate::repo::{Edit, RepoPath};
use crate::yaml::Step;

/// The records of units whose content or decisions change.
pub(super) fn record_edits(
    request: &Request,
    facts: &Facts,
    items: &[Item],
    chosen: Option<&BTreeSet<UnitId>>,
) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
    let mut by_unit: BTreeMap<&UnitId, Vec<&Item>> = BTreeMap::new();
    for item in items {
        by_unit.entry(&item.unit).or_default().push(item);
    }
    let mut edits = BTreeMap::new();
    for unit in facts.all_units() {
        if chosen.is_some_and(|chosen| !chosen.contains(unit)) {
            continue;
        }
        let old = facts.records.get(unit);
        let items = by_unit.get(unit).map_or(&[][..], Vec::as_slice);
        // Most units are the same on both sides and in their record.
        let settled = |old: &Record| {
            let theirs = facts.source.units.get(unit);
            old.kept.is_empty() && theirs.is_some() && same(old.content.as_ref(), theirs)
        };
        if items.is_empty() && old.is_some_and(settled) {
            continue;
        }
        let Some(path) = facts.target.record_path(unit) else {
            continue;
        };
        let new = match request.images_only {
            true if items.is_empty() => continue,
            true => Some(image_record(request, facts, unit, items)),
            false => next_record(request, facts, unit, items),
        };
        match (old, new) {
            (Some(_), None) => {
                edits.insert(path, Edit::Delete);
            }
            (old, Some(new)) if old.is_none_or(|old| !same_record(old, &new)) => {
                edits.insert(
                    path,
                    Edit::Write {
                        bytes: new.to_text().into_bytes(),
                        executable: false,
                    },
                );
            }
            _ => {}
        }
    }
    if !request.images_only {
        edits.extend(arriving(facts, &by_unit, chosen));
    }
    Ok(edits)
}

/// The records of pins that come with files.
fn arriving(
    facts: &Facts,
    by_unit: &BTreeMap<&UnitId, Vec<&Item>>,
    chosen: Option<&BTreeSet<UnitId>>,
) -> Vec<(RepoPath, Edit)> {
    let source = &facts.source.state;
    let comes = |file: &RepoPath| {
        let unit = UnitId::File(file.clone());
        let mut items = by_unit.get(&unit).into_iter().flatten();
        chosen.is_none_or(|chosen| chosen.contains(&unit))
            && items.all(|item| item.decision.takes() || item.decision == Decision::AlreadyThere)
    };
    let all = facts
        .arriving
        .iter()
        .filter(|pin| pin.files.iter().all(comes));
    all.filter_map(|pin| {
        let (unit, content) = &pin.unit;
        let record = Record {
            from: Some((source.entry.name.clone(), source.commit.clone())),
            content: Some(content.clone()),
            ..Record::default()
        };
        let path = facts.target.record_path(unit)?;
        Some((path, Edit::write(record.to_text())))
    })
    .collect()
}

fn same_record(old: &Record, new: &Record) -> bool {
    old.content == new.content
        && old.partial == new.partial
        && old.kept == new.kept
        && old.refused == new.refused
}

/// What was kept and stays kept, and what is kept now.
fn kept(request: &Request, old: Option<&Record>, items: &[&Item]) -> Vec<Kept> {
    let mut kept = Vec::new();
    for item in items {
        let difference = &item.difference;
        match item.decision {
            Decision::Keep => kept.push(Kept {
                path: difference.path.clone(),
                reason: request.reason.clone(),
                source: difference.theirs.clone(),
            }),
            Decision::Kept | Decision::Ask => {
                let before =
                    old.and_then(|old| old.kept.iter().find(|kept| kept.path == difference.path));
                kept.extend(before.cloned());
            }
            _ => {}
        }
    }
    kept
}

/// The record of a unit of which only the image moved: what was known of the rest is
/// known still, and no more.
fn image_record(request: &Request, facts: &Facts, unit: &UnitId, items: &[&Item]) -> Record {
    let old = facts.records.get(unit);
    if let Some(record) = refused_record(facts, unit, items) {
        return record;
    }
    let base = items::base_of(facts, unit);
    let (known, partial) = match base {
        Base::Known(content) => (content.cloned(), false),
        Base::Partly(content) => (Some(content.clone()), true),
        Base::Unknown => (None, true),
    };
    let mut content = known.unwrap_or_else(|| Value::Object(Map::new()));
    for item in items {
        if let (Some(Step::Key(key)), Value::Object(content)) =
            (item.difference.path.last(), &mut content)
            && let Some(theirs) = &item.difference.theirs
        {
            content.insert(key.clone(), theirs.clone());
        }
    }
    let others = |kept: &&Kept| !items.iter().any(|item| item.difference.path == kept.path);
    let before = old.into_iter().flat_map(|old| &old.kept);
    let mut all: Vec<Kept> = before.filter(others).cloned().collect();
    all.extend(kept(request, old, items));
    let source = &facts.source.state;
    Record {
        from: Some((source.entry.name.clone(), source.commit.clone())),
        content: Some(content),
        partial,
        kept: all,
        refused: old.map(|old| old.refused.clone()).unwrap_or_default(),
    }
}

/// The record of a unit whose content was rolled back and stays away.
fn refused_record(facts: &Facts, unit: &UnitId, items: &[&Item]) -> Option<Record> {
    if !items.iter().any(|item| item.decision == Decision::Refused) {
        return None;
    }
    let mut record = facts.records.get(unit).cloned()?;
    let known = |refused: &&Refused| {
        let mut all = record.refused.iter();
        !all.any(|it| it.digest == refused.digest)
    };
    let reverted = facts.reverted.get(unit).filter(known).cloned();
    record.refused.extend(reverted);
    Some(record)
}

/// The record of a unit after this promotion; `None`: none is needed, it was never
/// promoted. Of a unit that went away it stays, without content: the branches' common
/// past may still have the unit, and would be the base when it comes again.
fn next_record(request: &Request, facts: &Facts, unit: &UnitId, items: &[&Item]) -> Option<Record> {
    let old = facts.records.get(unit);
    if items.iter().any(|item| item.decision == Decision::Refused) {
        return refused_record(facts, unit, items);
    }
    let content = facts.source.units.get(unit).cloned();
    let kept = kept(request, old, items);
    let here = facts.target.units.contains_key(unit);
    let goes = items
        .iter()
        .any(|item| item.decision.takes() && item.difference.path.is_root());
    let nowhere = content.is_none() && kept.is_empty() && !here;
    match old {
        // Nobody has it, and the record says so already.
        Some(old) if nowhere && old.content.is_none() => return Some(old.clone()),
        None if content.is_none() && kept.is_empty() && !(here && goes) => return None,
        _ => {}
    }
    let refused = old.map(|old| old.refused.clone()).unwrap_or_default();
    let source = &facts.source.state;
    Some(Record {
        from: Some((source.entry.name.clone(), source.commit.clone())),
        content,
        partial: false,
        kept,
        refused,
    })
}
