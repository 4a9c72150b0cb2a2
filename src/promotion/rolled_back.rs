//! The record of a unit after a rollback. Pure.
//!
//! A rollback gives the target the base that the undone promotion had, never the restored
//! values as base: what had to be asked then has to be asked again.

use serde_json::Value;

use super::judge::Unit;
use super::next_record::{Tip, enter, held, restore, stamp};
use super::record::{Refused, Writer};
use super::{Base, Difference, Record, compare, same};
use crate::repo::CommitId;
use crate::yaml::value_at;

/// A rollback of one unit.
#[derive(Debug)]
pub struct RolledBack<'a> {
    /// The unit as it is, with its present record, against the source's tip; the past of
    /// the target begins at its tip.
    pub unit: Unit<'a>,
    /// The source's tip, and every line against it.
    pub tip: Tip<'a>,
    /// The place of the restored state in the target's past.
    pub restored: usize,
    /// The target's commit that the plan was made on.
    pub onto: &'a CommitId,
    /// Why, in a person's words.
    pub reason: Option<&'a str>,
}

impl RolledBack<'_> {
    /// Returns the record after the rollback: the base is the one that the undone
    /// promotion had, and every value that goes is refused. `None`: nothing goes.
    pub fn record(&self) -> Option<Record> {
        let state = self.unit.pasts.target.states.get(self.restored)?;
        let then = state.value.as_deref();
        let gone = differences(self.unit.ours, then);
        if gone.is_empty() {
            return None;
        }
        let mut next = match &state.record {
            Some(record) => (**record).clone(),
            None => self.without_record(then),
        };
        let present = self.unit.record.iter();
        for it in present.flat_map(|record| &record.refused) {
            enter(&mut next.refused, it.clone());
        }
        let taken_back = self
            .tip
            .lines
            .iter()
            .filter(|line| line.marks.is_taken_back);
        for line in taken_back {
            enter(&mut next.refused, held(line));
        }
        for it in gone.into_iter().chain(self.brought_since(then)) {
            // An earlier doubt about it ends here: it was there, and it is taken back.
            next.refused
                .retain(|known| known.path != it.path || known.value != it.ours);
            next.refused.push(Refused {
                path: it.path,
                value: it.ours,
                reason: self.reason.map(str::to_owned),
                // The commit that does it is not made yet.
                commit: None,
                is_doubtful: false,
            });
        }
        next.by = Writer::Rollback;
        stamp(&mut next, &self.unit, self.onto);
        Some(next)
    }

    /// Returns what the undone promotions brought, also where it was changed by hand since.
    fn brought_since(&self, then: Option<&Value>) -> Vec<Difference> {
        let newer = self.unit.pasts.target.states.iter().take(self.restored);
        let brought = newer.flat_map(|state| {
            let content = state
                .record
                .as_ref()
                .and_then(|record| record.content.as_ref());
            let mut all = differences(state.value.as_deref(), then);
            all.retain(|it| {
                let promoted = content.and_then(|content| value_at(content, &it.path));
                same(promoted, it.ours.as_ref())
            });
            all
        });
        brought.collect()
    }

    /// Makes a record of what both sides agreed on when the restored state was there.
    fn without_record(&self, then: Option<&Value>) -> Record {
        let mut pasts = self.unit.pasts.clone();
        pasts.target.states.drain(..self.restored);
        let unit = Unit {
            record: None,
            ours: then,
            pasts: &pasts,
            ..self.unit
        };
        let mut next = Record {
            from: Some((unit.source.clone(), self.tip.commit.clone())),
            content: self.tip.theirs.cloned(),
            ..Record::default()
        };
        for it in compare(Base::Unknown, then, self.tip.theirs) {
            restore(&mut next, &unit, &it.path);
        }
        next
    }
}

/// Returns where two states differ.
fn differences(ours: Option<&Value>, theirs: Option<&Value>) -> Vec<Difference> {
    let mut all = compare(Base::Unknown, ours, theirs);
    all.retain(|it| !same(it.ours.as_ref(), it.theirs.as_ref()));
    all
}
