//! The rules of promotion: the class of every key path of one unit, from its values on
//! both sides, its record, and its past. Pure.
//!
//! Owns the table of classes and the marks that explain them. Decides nothing: what
//! becomes of a line is in `decisions`.

use serde_json::Value;

use super::base::{Knowledge, Known, Since, leaves};
use super::past::{Past, Pasts, Questions};
use super::window::{TakenBack, Where, taken_back};
use super::{Class, Difference, Record, compare, same};
use crate::product::EnvironmentName;
use crate::repo::CommitId;
use crate::yaml::{Path, value_at};

/// All that one unit is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// The environment that is promoted from.
    pub source: &'a EnvironmentName,
    /// The unit's record on the target.
    pub record: Option<&'a Record>,
    /// The unit on the target.
    pub ours: Option<&'a Value>,
    /// The unit in the source.
    pub theirs: Option<&'a Value>,
    /// Its past; empty where [`questions`] asks for none.
    pub pasts: &'a Pasts,
}

/// One key path at which the two sides differ, with its class and what explains it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What differs, with its class.
    pub difference: Difference,
    /// What explains the class.
    pub marks: Marks,
}

/// What explains the class of a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether nothing is known of the common past at this path.
    pub is_base_unknown: bool,
    /// The commit by which the source left the value that the target still has: the
    /// target is behind.
    pub behind: Option<CommitId>,
    /// Whether the source goes back to a value that it had before.
    pub is_back: bool,
    /// The commit on the target that took the source's value back, where it is known.
    pub taken_back: Option<CommitId>,
    /// Whether it was taken back, or a record says so.
    pub is_taken_back: bool,
    /// The environment whose promotion brought what the target has.
    pub ahead_of: Option<EnvironmentName>,
    /// The date beyond which history was not searched, where that may have changed the
    /// class; in seconds since 1970.
    pub searched_to: Option<i64>,
}

/// Returns what has to be known of the past of a unit; `None`: nothing.
pub fn questions(unit: &Unit<'_>) -> Option<Questions> {
    let known = Known::new(unit.record, unit.source, unit.pasts);
    let lines = compare(known.outline(), unit.ours, unit.theirs);
    let differs = |it: &Difference| it.class != Class::AlreadyThere;
    if !lines.iter().any(differs) {
        return None;
    }
    let mut questions = Questions::default();
    let Some(record) = unit.record else {
        return Some(questions);
    };
    questions.target.extend(record.onto.clone());
    let from = record.from.iter();
    let from = from.filter(|(name, _)| name == unit.source);
    questions
        .source
        .extend(from.map(|(_, commit)| commit.clone()));
    let at = record.at.iter().filter(|it| it.environment == *unit.source);
    questions.source.extend(at.map(|it| it.commit.clone()));
    let others = record.others.iter();
    let others = others.filter(|it| it.environment == *unit.source);
    questions.source.extend(others.map(|it| it.commit.clone()));
    Some(questions)
}

/// Judges every key path of a unit at which the two sides differ, or came to the same
/// value since the base. The order is the source's, then what only the target has.
pub fn judge(unit: &Unit<'_>) -> Vec<Line> {
    let judge = Judge {
        unit: *unit,
        known: Known::new(unit.record, unit.source, unit.pasts),
        is_refused_whole: match (unit.record, unit.theirs) {
            (Some(record), Some(theirs)) => record.refuses(theirs).is_some(),
            _ => false,
        },
    };
    let differences = compare(judge.known.outline(), unit.ours, unit.theirs);
    let lines = differences.into_iter();
    lines.filter_map(|it| judge.line(it)).collect()
}

struct Judge<'a> {
    unit: Unit<'a>,
    known: Known<'a>,
    is_refused_whole: bool,
}

impl Judge<'_> {
    fn line(&self, mut difference: Difference) -> Option<Line> {
        let known = self.knowledge(&difference.path);
        let base = match &known {
            Knowledge::Known { value, .. } => Some(value.as_ref()),
            Knowledge::Unknown => None,
        };
        if same(difference.ours.as_ref(), difference.theirs.as_ref()) {
            let moved = base.is_some_and(|base| !same(base, difference.ours.as_ref()));
            difference.class = Class::AlreadyThere;
            difference.base = base.flatten().cloned();
            return moved.then(|| Line {
                difference,
                marks: Marks::default(),
            });
        }
        let mut marks = Marks {
            is_base_unknown: base.is_none(),
            ..Marks::default()
        };
        difference.class = self.class(&difference, &known, &mut marks);
        self.mark_what_was_taken_back(&mut difference, base, &mut marks);
        difference.base = base.flatten().cloned();
        Some(Line { difference, marks })
    }

    /// Returns what is known at a path. Of a record that was merged by hand only that
    /// counts which the newest sealed one says as well.
    fn knowledge(&self, path: &Path) -> Knowledge {
        let known = self.known.at(path);
        if self.unit.record.is_none_or(Record::is_sealed) {
            return known;
        }
        let states = self.unit.pasts.target.states.iter();
        let mut records = states.filter_map(|state| state.record.as_deref());
        let sealed = records.find(|record| record.is_sealed());
        let before = Known::new(sealed, self.unit.source, self.unit.pasts).at(path);
        match (sealed, &known, &before) {
            (Some(_), Knowledge::Known { value: one, .. }, Knowledge::Known { value, .. })
                if one == value =>
            {
                known
            }
            _ => Knowledge::Unknown,
        }
    }

    /// Classifies a difference by the table, before asking what was taken back.
    fn class(&self, it: &Difference, known: &Knowledge, marks: &mut Marks) -> Class {
        let (ours, theirs) = (it.ours.as_ref(), it.theirs.as_ref());
        let taken = match theirs {
            Some(_) => Class::Change,
            None => Class::Removal,
        };
        let past = &self.unit.pasts.source;
        match known {
            Knowledge::Known { value, since } => {
                let base = value.as_ref();
                if same(base, theirs) {
                    marks.ahead_of = self.promoted_from_elsewhere(&it.path, ours);
                    return match marks.ahead_of {
                        Some(_) => Class::Ahead,
                        None => Class::Hotfix,
                    };
                }
                if same(base, ours) {
                    if self.was_lent(&it.path, since, ours, theirs) {
                        return Class::Conflict;
                    }
                    marks.is_back = goes_back(past, &it.path, ours, theirs);
                    return taken;
                }
                marks.behind = self.had_since(&it.path, since, ours);
            }
            Knowledge::Unknown => marks.behind = followed(self.unit.pasts, &it.path, ours),
        }
        if marks.behind.is_some() {
            marks.is_back = goes_back(past, &it.path, ours, theirs);
            return taken;
        }
        marks.searched_to = past.end.searched_to();
        Class::Conflict
    }

    /// Returns the environment that brought the target's value, if it is not the source.
    fn promoted_from_elsewhere(
        &self,
        path: &Path,
        ours: Option<&Value>,
    ) -> Option<EnvironmentName> {
        let record = self.unit.record?;
        let content = record.content.as_ref();
        let brought = content.and_then(|content| value_at(content, path));
        let (name, _) = record.origin(path)?;
        (same(brought, ours) && name != self.unit.source).then(|| name.clone())
    }

    /// Returns the commit by which the source left the value of the target, if the source
    /// has had it since the base. Absence is no value that a side can be behind with.
    fn had_since(&self, path: &Path, since: &Since, ours: Option<&Value>) -> Option<CommitId> {
        ours?;
        let past = &self.unit.pasts.source;
        let oldest = match since {
            Since::Commit(commit) => past.place(commit),
            Since::Agreement { source, .. } => Some(*source),
            Since::Somewhere => None,
        };
        let cut = past.end.searched_to().map(|_| past.states.len());
        let oldest = oldest.or_else(|| self.same_content()).or(cut)?;
        let mut states = past.read().take_while(|(place, _)| *place <= oldest);
        let (place, _) = states.find(|(_, state)| same(state.at(path), ours))?;
        past.after(place).map(|(_, newer)| newer.commit.clone())
    }

    /// Returns the newest state of the source that is what the record has: where the
    /// record's own commit is gone, because the source was written anew.
    fn same_content(&self) -> Option<usize> {
        let record = self.unit.record?;
        let is_from = |(name, _): &(EnvironmentName, CommitId)| name == self.unit.source;
        record.from.as_ref().filter(|from| is_from(from))?;
        let mut states = self.unit.pasts.source.read();
        let found = states.find(|(_, state)| same(state.value.as_deref(), record.content.as_ref()));
        found.map(|(place, _)| place)
    }

    /// Whether two folders agreed because the source took the target's value, and the
    /// source has gone back since to what it had before.
    fn was_lent(
        &self,
        path: &Path,
        since: &Since,
        ours: Option<&Value>,
        theirs: Option<&Value>,
    ) -> bool {
        let Since::Agreement { source, target } = since else {
            return false;
        };
        let pasts = self.unit.pasts;
        let first = |past: &Past, from: usize| {
            let states = past.read().skip_while(|(place, _)| *place < from);
            let stretch = states.take_while(|(_, state)| same(state.at(path), ours));
            stretch.last().map(|(place, state)| (place, state.depth))
        };
        let (one, other) = (first(&pasts.target, *target), first(&pasts.source, *source));
        let (Some((_, ours_at)), Some((place, theirs_at))) = (one, other) else {
            return false;
        };
        let mut older = pasts.source.read().filter(|(older, _)| *older > place);
        ours_at > theirs_at && older.any(|(_, state)| same(state.at(path), theirs))
    }

    fn mark_what_was_taken_back(
        &self,
        it: &mut Difference,
        base: Option<Option<&Value>>,
        marks: &mut Marks,
    ) {
        let theirs = it.theirs.as_ref();
        let record = self.unit.record;
        let refusal = record.and_then(|record| record.refusal(&it.path, theirs));
        if self.is_refused_whole || refusal.is_some() {
            let is_doubtful = refusal.is_some_and(|refusal| refusal.is_doubtful);
            let takes = matches!(it.class, Class::Change | Class::Removal);
            marks.is_taken_back = true;
            marks.taken_back = refusal.and_then(|refusal| refusal.commit.clone());
            it.class = match it.class {
                _ if !is_doubtful => Class::Held,
                _ if takes => Class::Conflict,
                // Nothing would be taken anyhow.
                class => class,
            };
            return;
        }
        if !matches!(it.class, Class::Change | Class::Removal) {
            return;
        }
        let Some(TakenBack { commit, to }) = taken_back(self.unit.pasts, &it.path, base, theirs)
        else {
            if self.brings_refused_part(it, marks) || self.removes_what_came_back(it, marks) {
                it.class = Class::Conflict;
            } else {
                marks.searched_to = self.unit.pasts.target.end.searched_to();
            }
            return;
        };
        marks.is_taken_back = true;
        marks.taken_back = Some(commit);
        it.class = match to {
            Where::Back => Class::Held,
            Where::On => Class::Hotfix,
            Where::BeforeTheSource => Class::Conflict,
        };
    }
}

impl Judge<'_> {
    /// Whether a part of it is refused, and now the whole comes.
    fn brings_refused_part(&self, it: &Difference, marks: &mut Marks) -> bool {
        let (None, Some(theirs), Some(record)) = (&it.ours, &it.theirs, self.unit.record) else {
            return false;
        };
        let mut parts = leaves(theirs).into_iter();
        let refusal =
            parts.find_map(|(below, leaf)| record.refusal(&it.path.join(&below), Some(leaf)));
        if let Some(refusal) = refusal {
            marks.is_taken_back = true;
            marks.taken_back.clone_from(&refusal.commit);
        }
        marks.is_taken_back
    }

    /// Whether the removal of a part of it was taken back, and now the whole goes.
    fn removes_what_came_back(&self, it: &Difference, marks: &mut Marks) -> bool {
        let Some(ours @ Value::Object(_)) = &it.ours else {
            return false;
        };
        if it.class != Class::Removal {
            return false;
        }
        for (below, _) in leaves(ours) {
            let path = it.path.join(&below);
            let refusal = self
                .unit
                .record
                .and_then(|record| record.refusal(&path, None));
            let left = || taken_back(self.unit.pasts, &path, None, None);
            if let Some(refusal) = refusal {
                marks.is_taken_back = true;
                marks.taken_back.clone_from(&refusal.commit);
            } else if let Some(left) = left() {
                marks.is_taken_back = true;
                marks.taken_back = Some(left.commit);
            }
        }
        marks.is_taken_back
    }
}

/// Returns the commit by which the source left the target's value, where nothing is known
/// of the past in common but the target's two newest values both were the source's, in
/// that order.
fn followed(pasts: &Pasts, path: &Path, ours: Option<&Value>) -> Option<CommitId> {
    ours?;
    let values = pasts.target.read().map(|(_, state)| state.at(path));
    let mut other = values.filter(|value| !same(*value, ours));
    let before = other.next().flatten()?;
    let source = &pasts.source;
    let mut has = source
        .read()
        .filter(|(_, state)| same(state.at(path), ours));
    let (place, _) = has.next()?;
    let mut older = source.read().filter(|(older, _)| *older > place);
    older.find(|(_, state)| same(state.at(path), Some(before)))?;
    source.after(place).map(|(_, newer)| newer.commit.clone())
}

/// Whether the source had `theirs` before it had `ours`, and came back to it.
fn goes_back(past: &Past, path: &Path, ours: Option<&Value>, theirs: Option<&Value>) -> bool {
    let mut states = past.read();
    let left = states.find(|(_, state)| same(state.at(path), ours));
    left.is_some() && states.any(|(_, state)| same(state.at(path), theirs))
}

#[cfg(test)]
mod tests;
