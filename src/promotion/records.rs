//! The records that a promotion leaves on the target: what was promoted of each
//! unit, what was kept there, and what stays away.

use std::collections::{BTreeMap, BTreeSet};

use super::items::judged;
use super::next_record::stamp;
use super::{
    Decision, Extent, Facts, Item, Line, Pasts, Promoted, Record, Request, TextLine, Tip, Unit,
    UnitId, judge, same, unit_shape,
};
use crate::repo::{Edit, RepoPath};

/// The records of units whose content, decisions or text change.
pub(super) fn changed(
    request: &Request,
    facts: &Facts,
    items: &[Item],
    chosen: Option<&BTreeSet<UnitId>>,
) -> BTreeMap<UnitId, Record> {
    let mut by_unit: BTreeMap<&UnitId, Vec<&Item>> = BTreeMap::new();
    for item in items {
        by_unit.entry(&item.unit).or_default().push(item);
    }
    let mut records = BTreeMap::new();
    for (unit, items) in &by_unit {
        let record = next_record(request, facts, unit, items);
        if let Some(new) = record.filter(|new| facts.records.get(*unit) != Some(new)) {
            records.insert((*unit).clone(), new);
        }
    }
    if !request.images_only {
        records.extend(level(facts, &by_unit, chosen));
        records.extend(arriving(facts, &by_unit, chosen));
    }
    records
}

/// Adds the records of units of which nothing but the text follows.
pub(super) fn add_texts(
    facts: &Facts,
    items: &[Item],
    lines: &[TextLine],
    records: &mut BTreeMap<UnitId, Record>,
) {
    let none = Pasts::default();
    for line in lines.iter().filter(|line| line.follows) {
        let unit = &line.unit;
        let (None, Some(value)) = (records.get(unit), facts.source.units.get(unit)) else {
            continue;
        };
        let record = match facts.records.get(unit) {
            Some(old) => {
                let mut next = old.clone();
                stamp(
                    &mut next,
                    &judged(facts, unit, &none),
                    &facts.target.state.commit,
                );
                next
            }
            None if items.iter().any(|item| item.unit == *unit) => continue,
            None => first(facts, unit, value),
        };
        records.insert(unit.clone(), record);
    }
}

/// The records as files of the target.
pub(super) fn written(
    facts: &Facts,
    records: &BTreeMap<UnitId, Record>,
) -> BTreeMap<RepoPath, Edit> {
    let files = records.iter().filter_map(|(unit, record)| {
        let path = facts.target.record_path(unit)?;
        Some((path, Edit::write(record.to_text())))
    });
    files.collect()
}

/// The records of units that two branches without a common past have alike: nothing else
/// would ever say what they had in common.
fn level(
    facts: &Facts,
    by_unit: &BTreeMap<&UnitId, Vec<&Item>>,
    chosen: Option<&BTreeSet<UnitId>>,
) -> Vec<(UnitId, Record)> {
    let (source, target) = (&facts.source, &facts.target);
    // Once something was promoted, records that are missing come with the next change.
    let is_first = facts.records.is_empty();
    if !is_first
        || facts.merge_base.is_some()
        || source.state.entry.branch == target.state.entry.branch
    {
        return Vec::new();
    }
    let owned = facts.repository.promotion.environment_owned.as_slice();
    let is_level = |unit: &UnitId, value: &serde_json::Value| {
        let ours = target.units.get(unit);
        chosen.is_none_or(|chosen| chosen.contains(unit))
            && !facts.records.contains_key(unit)
            && !by_unit.contains_key(unit)
            && same(ours, Some(value))
    };
    let level = source
        .units
        .iter()
        .filter(|(unit, value)| is_level(unit, value));
    level
        .map(|(unit, value)| {
            let record = Record {
                shape: unit_shape(source, unit, owned),
                ..first(facts, unit, value)
            };
            (unit.clone(), record)
        })
        .collect()
}

/// The first record of a unit that comes as the source has it.
fn first(facts: &Facts, unit: &UnitId, value: &serde_json::Value) -> Record {
    let source = &facts.source.state;
    Record {
        unit: Some(unit.kind_and_name()),
        serial: 1,
        from: Some((source.entry.name.clone(), source.commit.clone())),
        onto: Some(facts.target.state.commit.clone()),
        content: Some(value.clone()),
        ..Record::default()
    }
}

/// The record of a unit after this promotion; `None`: nothing of it was decided.
fn next_record(request: &Request, facts: &Facts, unit: &UnitId, items: &[&Item]) -> Option<Record> {
    let none = Pasts::default();
    let present = judged(facts, unit, &none);
    let lines: Vec<Line> = items.iter().map(|item| item.line()).collect();
    let decided: Vec<(&Line, Decision)> = lines
        .iter()
        .zip(items.iter().map(|item| item.decision))
        .collect();
    let source = &facts.source.state.commit;
    let (commit, theirs, pasts) = match &facts.at_tip {
        Some(tip) => (&tip.commit, tip.units.get(unit), tip.pasts.get(unit)),
        None => (source, present.theirs, facts.pasts.get(unit)),
    };
    // What else the unit holds is held against the source's tip, too.
    let against_tip = judge(&Unit {
        theirs,
        pasts: pasts.unwrap_or(&none),
        ..present
    });
    let is_whole = facts.at_tip.is_none() && !request.images_only;
    let promoted = Promoted {
        unit: present,
        commit: source,
        lines: &decided,
        extent: match is_whole {
            true => Extent::Whole,
            false => Extent::Part,
        },
        tip: Tip {
            commit,
            theirs,
            lines: &against_tip,
        },
        onto: &facts.target.state.commit,
        reason: request.reason.as_deref(),
    };
    let owned = facts.repository.promotion.environment_owned.as_slice();
    let mut record = promoted.record()?;
    record.unit = Some(unit.kind_and_name());
    if is_whole {
        record.shape = unit_shape(&facts.source, unit, owned);
    }
    Some(record)
}

/// The records of pins that come with files.
fn arriving(
    facts: &Facts,
    by_unit: &BTreeMap<&UnitId, Vec<&Item>>,
    chosen: Option<&BTreeSet<UnitId>>,
) -> Vec<(UnitId, Record)> {
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
    all.map(|pin| {
        let (unit, content) = &pin.unit;
        (unit.clone(), first(facts, unit, content))
    })
    .collect()
}
