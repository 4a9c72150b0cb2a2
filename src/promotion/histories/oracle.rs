//! Who meant what: finds every decision that loses, returns or misunderstands something.
//!
//! It goes by intentions, which the rules never see, so what it finds is more than any
//! rule on values can tell; the test says how much of each class is left.

use std::collections::BTreeMap;

use super::promotion::{Choice, keys};
use super::world::{KEYS, Layout, World};
use crate::promotion::{Class, Decision, Line, Unit};
use crate::yaml::Path;

/// A property that a decision broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Broken {
    /// A value that only the target's people meant is replaced without a question.
    Loss,
    /// Likewise, by another environment's promotion and without a question: the source was
    /// skipped before.
    LossBySkipping,
    /// Likewise, where an older revision of the source was asked for by name.
    LossByStepBack,
    /// Likewise, where the source had the same value by chance: no rule on values can
    /// tell. If it had left it, the line says until when.
    LossByCoincidence,
    /// A value that was taken back comes again.
    Return,
    /// A person is asked about a value that the source had since the base and left.
    FalseQuestion,
    /// Likewise, after an environment was skipped.
    FalseQuestionBySkipping,
    /// A value is held that nobody took back.
    FalseHold,
    /// Promoting everything a second time has something to do.
    NotIdempotent,
    /// A three-way merge of each leaf by itself comes to another class.
    NotThreeWay,
}

/// How many histories break each property, and which were the first.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// What this history broke.
    pub(super) broken: BTreeMap<Broken, String>,
    pub(super) decisions: BTreeMap<&'static str, usize>,
}

impl Oracle {
    pub(super) fn breaks(&mut self, what: Broken, how: impl FnOnce() -> String) {
        self.broken.entry(what).or_insert_with(how);
    }

    fn count(&mut self, decision: Decision) {
        let name = match decision {
            Decision::Wait => "wait",
            Decision::Take => "take",
            Decision::AlreadyThere => "already there",
            Decision::Keep => "keep",
            Decision::Kept => "kept",
            Decision::Overwrite => "overwrite",
            Decision::Refused => "held",
            Decision::Leave => "ahead",
            Decision::Ask => "ask",
        };
        *self.decisions.entry(name).or_default() += 1;
    }

    /// Watches what is decided about one unit.
    pub(super) fn decided(
        &mut self,
        world: &World,
        at: usize,
        choice: &Choice,
        from: usize,
        lines: &[(&Line, Decision)],
    ) {
        for (line, decision) in lines {
            self.count(*decision);
            for key in keys(&line.difference.path) {
                match decision {
                    Decision::Take => self.takes(world, (at, key), choice, from, line),
                    Decision::Ask if !line.difference.path.is_root() => {
                        self.asks(world, (at, key), choice, from, line);
                    }
                    Decision::Refused => self.holds(world, (at, key), choice, from, line),
                    _ => {}
                }
            }
        }
    }

    fn takes(
        &mut self,
        world: &World,
        (at, key): (usize, usize),
        choice: &Choice,
        from: usize,
        line: &Line,
    ) {
        let environments = &world.environments;
        let (source, target) = (&environments[choice.source], &environments[choice.target]);
        let ours = target.tip().units[at].cells[key];
        let theirs = source.line[from].units[at].cells[key];
        if ours.value == theirs.value || (choice.answer.release && line.marks.is_taken_back) {
            return;
        }
        let how = || format!("{at}.{} {ours:?} <- {theirs:?}: {line:?}", KEYS[key]);
        if target.taken_back.contains(&(at, key, theirs.intent)) {
            self.breaks(Broken::Return, how);
        }
        if source.has_had((at, key), ours.intent, 0) {
            return;
        }
        let third = &environments[3 - choice.source - choice.target];
        let had = |it: &super::world::Commit| it.units[at].cells[key].value == ours.value;
        let what = if line.marks.behind.is_some() || source.line.iter().any(had) {
            Broken::LossByCoincidence
        } else if third.has_had((at, key), ours.intent, 0) {
            Broken::LossBySkipping
        } else if choice.back > 0 {
            Broken::LossByStepBack
        } else {
            Broken::Loss
        };
        self.breaks(what, how);
    }

    fn asks(
        &mut self,
        world: &World,
        (at, key): (usize, usize),
        choice: &Choice,
        from: usize,
        line: &Line,
    ) {
        let environments = &world.environments;
        let (source, target) = (&environments[choice.source], &environments[choice.target]);
        let ours = target.tip().units[at].cells[key];
        let theirs = source.line[from].units[at].cells[key];
        let forked = (world.layout == Layout::Branches).then_some(world.fork);
        let Some(base) = target.seen[at][choice.source].or(forked) else {
            return;
        };
        let moved_on = source.has_had((at, key), ours.intent, base)
            && ours.value.is_some()
            && theirs.intent > ours.intent
            && !target.has_had((at, key), theirs.intent, 0)
            // A source that is where it was is not told from a withdrawn backport (C11).
            && source.line[base].units[at].cells[key].value != theirs.value;
        if !moved_on || line.marks.is_taken_back || line.marks.is_base_unknown {
            return;
        }
        let skipped = target.seen[at].iter().flatten().count() > 1;
        let what = match skipped {
            true => Broken::FalseQuestionBySkipping,
            false => Broken::FalseQuestion,
        };
        self.breaks(what, || {
            format!("{at}.{} {ours:?} <- {theirs:?}: {line:?}", KEYS[key])
        });
    }

    fn holds(
        &mut self,
        world: &World,
        (at, key): (usize, usize),
        choice: &Choice,
        from: usize,
        line: &Line,
    ) {
        let environments = &world.environments;
        let target = &environments[choice.target];
        let ours = target.tip().units[at].cells[key];
        let theirs = environments[choice.source].line[from].units[at].cells[key];
        let same_value = |it: &(usize, usize, u32)| {
            (it.0, it.1) == (at, key) && world.values[it.2 as usize] == theirs.value
        };
        if ours.value == theirs.value || target.taken_back.iter().any(same_value) {
            return;
        }
        self.breaks(Broken::FalseHold, || {
            format!("{at}.{} {ours:?} <- {theirs:?}: {line:?}", KEYS[key])
        });
    }

    /// Compares the classes with those of a three-way merge of each leaf by itself, where
    /// the record alone says what the base is.
    pub(super) fn compare(
        &mut self,
        world: &World,
        at: usize,
        choice: &Choice,
        unit: &Unit<'_>,
        lines: &[Line],
    ) {
        let Some(record) = unit.record else {
            return;
        };
        let is_plain = record.at.is_empty() && record.others.is_empty() && !record.is_partial();
        let is_from = record.from.iter().any(|(name, _)| name == unit.source);
        let (Some(ours), Some(theirs)) = (unit.ours, unit.theirs) else {
            return;
        };
        if !is_plain || !is_from {
            return;
        }
        for key in KEYS {
            let base = record.content.as_ref().and_then(|it| it.get(key));
            let (ours, theirs) = (ours.get(key), theirs.get(key));
            let path = Path::of([key]);
            let line = lines.iter().find(|line| line.difference.path == path);
            let marks = line.map(|line| &line.marks);
            let decided = marks.is_some_and(|it| it.behind.is_some() || it.is_taken_back);
            let expected = match (ours == theirs, ours == base, theirs == base) {
                (true, true, _) => None,
                (true, false, _) => Some(Class::AlreadyThere),
                (false, _, true) => Some(Class::Hotfix),
                (false, true, false) if theirs.is_none() => Some(Class::Removal),
                (false, true, false) => Some(Class::Change),
                (false, false, false) => Some(Class::Conflict),
            };
            let class = line.map(|line| line.difference.class);
            if class != expected && !decided {
                let _ = (world, choice);
                self.breaks(Broken::NotThreeWay, || {
                    format!("{at}.{key} {base:?} {ours:?} {theirs:?}: {class:?}")
                });
            }
        }
    }
}
