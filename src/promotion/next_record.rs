//! The record of a unit after a promotion or an adoption. Pure.
//!
//! Whoever writes a record first begins a new window, so everything that was held against
//! the source's tip is written down with it.

use serde_json::Value;

use super::base::{Knowledge, Known, Since, leaves, put};
use super::judge::{Line, Unit};
use super::record::{Kept, Origin, Refused, Sighting, Writer};
use super::window::all_taken_back;
use super::{Class, Decision, Difference, Pasts, Record};
use crate::product::EnvironmentName;
use crate::repo::CommitId;
use crate::yaml::{Path, value_at};

/// How much of a unit a promotion looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it, at the source's tip.
    Whole,
    /// Some of its key paths, or an older revision of the source.
    Part,
}

/// A promotion of one unit, decided.
#[derive(Debug)]
pub struct Promoted<'a> {
    /// The unit at the commit that is promoted.
    pub unit: Unit<'a>,
    /// That commit.
    pub commit: &'a CommitId,
    /// The lines of the plan with what becomes of each.
    pub lines: &'a [(&'a Line, Decision)],
    /// How much of the unit they are.
    pub extent: Extent,
    /// The source's tip, the unit there, and every line against it.
    pub tip: Tip<'a>,
    /// The target's commit that the plan was made on.
    pub onto: &'a CommitId,
    /// Why something is kept, in a person's words.
    pub reason: Option<&'a str>,
}

/// The whole unit against the source's tip.
#[derive(Debug, Clone, Copy)]
pub struct Tip<'a> {
    /// The tip.
    pub commit: &'a CommitId,
    /// The unit there.
    pub theirs: Option<&'a Value>,
    /// Every line against it.
    pub lines: &'a [Line],
}

impl Record {
    /// Returns where the content at a path came from.
    pub(super) fn origin(&self, path: &Path) -> Option<(&EnvironmentName, &CommitId)> {
        let covers = self.at.iter().filter(|it| path.starts_with(&it.path));
        let deepest = covers.max_by_key(|it| it.path.steps().len());
        match deepest {
            Some(origin) => Some((&origin.environment, &origin.commit)),
            None => self.from.as_ref().map(|(name, commit)| (name, commit)),
        }
    }

    fn content_at(&self, path: &Path) -> Option<&Value> {
        self.content.as_ref().and_then(|it| value_at(it, path))
    }
}

impl Promoted<'_> {
    /// Returns the record after the promotion; `None`: nothing was decided, so the record
    /// stays as it is.
    pub fn record(&self) -> Option<Record> {
        if !self.lines.iter().any(|(_, decision)| settles(*decision)) {
            return None;
        }
        let mut next = match (self.extent, self.unit.record) {
            (Extent::Part, Some(old)) => {
                let mut next = old.clone();
                for (line, decision) in self.lines {
                    if settles(*decision) {
                        self.see(&mut next, line);
                    }
                }
                next
            }
            _ => self.anew(),
        };
        next.refused = self.refused();
        if self.lines.iter().any(|(_, decision)| decision.takes()) {
            next.refused_contents.clear();
        }
        next.kept = self.kept();
        next.by = Writer::Promote;
        stamp(&mut next, &self.unit, self.onto);
        Some(next)
    }

    /// Writes down at one path of an older record what the source has there now.
    fn see(&self, next: &mut Record, line: &Line) {
        let path = &line.difference.path;
        let theirs = line.difference.theirs.as_ref();
        let elsewhere = next
            .origin(path)
            .filter(|(name, _)| *name != self.unit.source);
        if let Some((name, commit)) = elsewhere {
            let seen = Sighting {
                environment: name.clone(),
                path: path.clone(),
                commit: commit.clone(),
                value: next.content_at(path).cloned(),
            };
            next.others.push(seen);
        }
        let source = self.unit.source;
        let is_below = |it: &Path| it.starts_with(path);
        next.at.retain(|it| !is_below(&it.path));
        next.unknown.retain(|it| !is_below(it));
        next.others
            .retain(|it| it.environment != *source || !is_below(&it.path));
        if put(&mut next.content, path.steps(), theirs) {
            next.at.push(self.origin_here(path));
        } else {
            next.unknown.push(path.clone());
        }
    }

    fn origin_here(&self, path: &Path) -> Origin {
        Origin {
            path: path.clone(),
            environment: self.unit.source.clone(),
            commit: self.commit.clone(),
        }
    }

    /// Makes a record of the source's whole unit, and of what other sources had.
    fn anew(&self) -> Record {
        let old = self.unit.record;
        let tip = self.tip;
        let mut next = Record {
            from: Some((self.unit.source.clone(), tip.commit.clone())),
            content: tip.theirs.cloned(),
            others: old.map_or_else(Vec::new, |old| seen_elsewhere(old, self.unit.source)),
            refused_contents: old
                .map(|it| it.refused_contents.clone())
                .unwrap_or_default(),
            unknown_fields: old.map(|it| it.unknown_fields.clone()).unwrap_or_default(),
            unit: old.and_then(|it| it.unit.clone()),
            was: old.and_then(|it| it.was.clone()),
            ..Record::default()
        };
        let (decided, open): (Vec<_>, Vec<_>) = tip.lines.iter().partition(|line| {
            self.decision(line).is_some_and(|decision| {
                settles(decision) || matches!(decision, Decision::Kept | Decision::AlreadyThere)
            })
        });
        for line in open {
            leave(&mut next, &self.unit, line, tip.commit);
        }
        if self.extent == Extent::Part {
            for line in decided {
                let of = |it: &&(&Line, Decision)| it.0.difference.path == line.difference.path;
                if let Some((line, _)) = self.lines.iter().find(of) {
                    self.see(&mut next, line);
                }
            }
        }
        next
    }

    /// Returns what becomes of a line against the tip, where the plan decides it.
    fn decision(&self, line: &Line) -> Option<Decision> {
        let path = &line.difference.path;
        let covers = |it: &&(&Line, Decision)| path.starts_with(&it.0.difference.path);
        self.lines
            .iter()
            .find(covers)
            .map(|(_, decision)| *decision)
    }

    /// Returns what is refused afterwards: an entry ends when a value is taken at its
    /// path, and everything of the unit that is held against the source's tip is entered.
    fn refused(&self) -> Vec<Refused> {
        let old = self.unit.record;
        let ends = |it: &Refused| {
            self.lines.iter().any(|(line, decision)| {
                let settled = decision.takes()
                    || (*decision == Decision::AlreadyThere && self.extent == Extent::Whole);
                settled && changes_at(&line.difference, &it.path, *decision)
            })
        };
        let before = old.iter().flat_map(|old| &old.refused);
        let mut refused: Vec<Refused> = before.filter(|it| !ends(it)).cloned().collect();
        let open = self.tip.lines.iter().filter(|line| {
            let decision = self.decision(line);
            line.marks.is_taken_back && !decision.is_some_and(settles)
        });
        for line in open {
            enter(&mut refused, held(line));
        }
        // The source may have left it by now; who asks for an older revision is asked.
        for (path, value, commit) in all_taken_back(self.unit.pasts) {
            let is_taken = |(line, decision): &(&Line, Decision)| {
                decision.takes() && changes_at(&line.difference, &path, *decision)
            };
            if !self.lines.iter().any(is_taken) {
                let one = Refused {
                    path,
                    value,
                    reason: None,
                    commit: Some(commit),
                    is_doubtful: true,
                };
                enter(&mut refused, one);
            }
        }
        refused
    }

    /// Returns what was kept and stays kept, and what is kept now.
    fn kept(&self) -> Vec<Kept> {
        let old = self.unit.record;
        let looks_at_all = self.extent == Extent::Whole
            && old
                .and_then(|old| old.from.as_ref())
                .is_none_or(|(name, _)| name == self.unit.source);
        let stays = |kept: &&Kept| match self
            .lines
            .iter()
            .find(|(line, _)| kept.path.starts_with(&line.difference.path))
        {
            Some((_, decision)) => !settles(*decision) && *decision != Decision::AlreadyThere,
            None => !looks_at_all,
        };
        let before = old.iter().flat_map(|old| &old.kept);
        let mut kept: Vec<Kept> = before.filter(stays).cloned().collect();
        let now = self.lines.iter().filter(|(_, it)| *it == Decision::Keep);
        kept.extend(now.map(|(line, _)| keep(line, self.reason)));
        kept
    }
}

/// Whether a decision is one that the record remembers.
fn settles(decision: Decision) -> bool {
    decision.takes() || decision == Decision::Keep
}

/// Whether a line puts another value, or the same on both sides, at a path below it.
fn changes_at(it: &Difference, path: &Path, decision: Decision) -> bool {
    let Some(below) = path.strip_prefix(&it.path) else {
        return false;
    };
    let at = |value: &Option<Value>| value.as_ref().and_then(|it| value_at(it, &below)).cloned();
    decision == Decision::AlreadyThere || at(&it.ours) != at(&it.theirs)
}

fn keep(line: &Line, reason: Option<&str>) -> Kept {
    Kept {
        path: line.difference.path.clone(),
        reason: reason.map(str::to_owned),
        source: line.difference.theirs.clone(),
    }
}

/// Returns the entry that holds a line's value of the source.
pub(super) fn held(line: &Line) -> Refused {
    Refused {
        path: line.difference.path.clone(),
        value: line.difference.theirs.clone(),
        reason: None,
        commit: line.marks.taken_back.clone(),
        is_doubtful: line.difference.class == Class::Conflict,
    }
}

pub(super) fn enter(refused: &mut Vec<Refused>, one: Refused) {
    let known = |it: &Refused| it.path == one.path && it.value == one.value;
    if !refused.iter().any(known) {
        refused.push(one);
    }
}

pub(super) fn stamp(next: &mut Record, unit: &Unit<'_>, onto: &CommitId) {
    let before = unit.record.map_or(0, |record| record.serial);
    next.serial = 1 + before.max(unit.pasts.target.highest_serial());
    next.onto = Some(onto.clone());
    next.seal = super::seal::Seal::Fits;
}

/// Returns what other sources had when the target last saw them.
fn seen_elsewhere(old: &Record, source: &EnvironmentName) -> Vec<Sighting> {
    let mut seen = Vec::new();
    let mut see =
        |name: &EnvironmentName, path: &Path, commit: &CommitId, value: Option<&Value>| {
            if name != source {
                seen.push(Sighting {
                    environment: name.clone(),
                    path: path.clone(),
                    commit: commit.clone(),
                    value: value.cloned(),
                });
            }
        };
    if let Some((name, commit)) = old.from.as_ref() {
        match (&old.content, old.is_partial()) {
            (content, false) => see(name, &Path::root(), commit, content.as_ref()),
            (Some(content), true) => {
                for (path, leaf) in leaves(content) {
                    see(name, &path, commit, Some(leaf));
                }
            }
            (None, true) => {}
        }
    }
    for origin in &old.at {
        let value = old.content_at(&origin.path);
        see(&origin.environment, &origin.path, &origin.commit, value);
    }
    for it in &old.others {
        see(&it.environment, &it.path, &it.commit, it.value.as_ref());
    }
    seen
}

/// Leaves at the path of an undecided line what was known there before.
fn leave(next: &mut Record, unit: &Unit<'_>, line: &Line, commit: &CommitId) {
    let path = &line.difference.path;
    if line.difference.class == Class::Ahead
        && let Some(old) = unit.record
        && let Some((name, at)) = old.origin(path)
        && put(
            &mut next.content,
            path.steps(),
            line.difference.ours.as_ref(),
        )
    {
        next.at.push(Origin {
            path: path.clone(),
            environment: name.clone(),
            commit: at.clone(),
        });
        next.others.push(Sighting {
            environment: unit.source.clone(),
            path: path.clone(),
            commit: commit.clone(),
            value: line.difference.theirs.clone(),
        });
        return;
    }
    restore(next, unit, path);
}

/// Writes down at a path what is known of the common past there, which may be nothing.
pub(super) fn restore(next: &mut Record, unit: &Unit<'_>, path: &Path) {
    let known = Known::new(unit.record, unit.source, unit.pasts).at(path);
    let (value, commit) = match known {
        Knowledge::Known { value, since } => (value, commit_of(&since, unit.pasts)),
        Knowledge::Unknown => {
            put(&mut next.content, path.steps(), None);
            next.unknown.push(path.clone());
            return;
        }
    };
    if !put(&mut next.content, path.steps(), value.as_ref()) {
        next.unknown.push(path.clone());
        return;
    }
    next.at.extend(commit.map(|commit| Origin {
        path: path.clone(),
        environment: unit.source.clone(),
        commit,
    }));
}

fn commit_of(since: &Since, pasts: &Pasts) -> Option<CommitId> {
    match since {
        Since::Commit(commit) => Some(commit.clone()),
        Since::Agreement { source, .. } => {
            let state = pasts.source.states.get(*source);
            state.map(|state| state.commit.clone())
        }
        Since::Somewhere => None,
    }
}

/// Returns the record of a unit that is adopted as it is: what the source has left since
/// becomes the base, so that it arrives with the next promotion; the rest is kept.
/// `None`: there is nothing to write down.
pub fn adopted(
    unit: &Unit<'_>,
    tip: Tip<'_>,
    onto: &CommitId,
    reason: Option<&str>,
) -> Option<Record> {
    let asked = |line: &&Line| line.difference.class.is_diverged() || line.marks.behind.is_some();
    if !tip.lines.iter().any(|line| asked(&line)) {
        return None;
    }
    let decisions: Vec<(&Line, Decision)> = tip
        .lines
        .iter()
        .map(|line| {
            let decision = match line.difference.class {
                Class::Change | Class::Removal | Class::Held => Decision::Refused,
                Class::Ahead => Decision::Leave,
                Class::AlreadyThere => Decision::AlreadyThere,
                Class::Hotfix | Class::Conflict => Decision::Keep,
            };
            (line, decision)
        })
        .collect();
    let promoted = Promoted {
        unit: *unit,
        commit: tip.commit,
        lines: &decisions,
        extent: Extent::Whole,
        tip,
        onto,
        reason,
    };
    let mut next = promoted.anew();
    next.refused = promoted.refused();
    next.kept = promoted.kept();
    for line in tip.lines.iter().filter(|line| line.marks.behind.is_some()) {
        let path = &line.difference.path;
        if matches!(line.difference.class, Class::Change | Class::Removal) {
            next.unknown.retain(|it| it != path);
            put(
                &mut next.content,
                path.steps(),
                line.difference.ours.as_ref(),
            );
        }
    }
    next.by = Writer::Adopt;
    stamp(&mut next, unit, onto);
    Some(next)
}
