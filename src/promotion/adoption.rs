//! Adopting a target as it is: its records, and nothing else.
//!
//! What the target is merely behind with becomes the base, so it arrives with the next
//! promotion; what differs otherwise is kept. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::items::{items, judged};
use super::{
    Answer, Class, Decision, Facts, Item, Line, Pasts, PlanError, Record, Request, Tip, UnitId,
    adopted, settle, unit_shape,
};

/// The records of units of which something would be asked, and the lines of these units
/// with what becomes of each.
pub(super) fn adoption(
    request: &Request,
    facts: &Facts,
    chosen: Option<&BTreeSet<UnitId>>,
) -> Result<(Vec<Item>, BTreeMap<UnitId, Record>), PlanError> {
    let none = Pasts::default();
    let mut by_unit: BTreeMap<UnitId, Vec<Item>> = BTreeMap::new();
    for item in items(facts, chosen) {
        by_unit.entry(item.unit.clone()).or_default().push(item);
    }
    let owned = facts.repository.promotion.environment_owned.as_slice();
    let (mut lines, mut records) = (Vec::new(), BTreeMap::new());
    for (unit, mut items) in by_unit {
        let present = judged(facts, &unit, &none);
        let judged: Vec<Line> = items.iter().map(Item::line).collect();
        let tip = Tip {
            commit: &facts.source.state.commit,
            theirs: present.theirs,
            lines: &judged,
        };
        let asked = |line: &Line| {
            settle(line, present.record, Answer::default()) == Decision::Ask
                || line.marks.behind.is_some() && line.marks.is_base_unknown
        };
        if !judged.iter().any(asked) {
            continue;
        }
        let onto = &facts.target.state.commit;
        let Some(mut record) = adopted(&present, tip, onto, request.reason.as_deref()) else {
            continue;
        };
        record.unit = Some(unit.kind_and_name());
        record.shape = match facts.texts.get(&unit) {
            Some(text) => text.promoted.clone().or_else(|| Some(text.theirs.clone())),
            None => unit_shape(&facts.source, &unit, owned),
        };
        for item in &mut items {
            item.decision = match item.difference.class {
                Class::Change | Class::Removal => Decision::Wait,
                Class::Held => Decision::Refused,
                Class::Ahead => Decision::Leave,
                Class::AlreadyThere => Decision::AlreadyThere,
                Class::Hotfix | Class::Conflict => Decision::Keep,
            };
        }
        records.insert(unit, record);
        lines.extend(items);
    }
    Ok((lines, records))
}
