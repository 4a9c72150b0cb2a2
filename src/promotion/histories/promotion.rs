//! Promotions, rollbacks and proposals in the small world, by the rules under test.

use std::sync::Arc;

use super::dice::Dice;
use super::oracle::Oracle;
use super::world::{Cells, Content, Did, KEYS, UNITS, World};
use crate::promotion::{Answer, Class, Decision, Extent, Line, Pasts, Promoted, Record};
use crate::promotion::{RolledBack, Tip, Unit, judge, questions, settle};
use crate::repo::CommitId;
use crate::yaml::{Path, Step};

/// What is promoted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    pub(super) source: usize,
    pub(super) target: usize,
    /// One unit alone.
    pub(super) only: Option<usize>,
    pub(super) images: bool,
    /// How many commits before the source's tip.
    pub(super) back: usize,
    /// What a person says where they are asked.
    pub(super) answer: Answer,
    /// Whether lines that nobody is asked about are kept as well, by name.
    pub(super) keeps_changes: bool,
}

/// What a promotion would write.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) target: usize,
    pub(super) onto: [Content; UNITS],
    pub(super) units: [Content; UNITS],
    /// The place on the source's line.
    seen: (usize, usize),
    only: Option<usize>,
    whole: bool,
}

/// The keys that a path covers.
pub(super) fn keys(path: &Path) -> std::ops::Range<usize> {
    match path.steps().first() {
        Some(Step::Key(key)) => {
            let at = KEYS.iter().position(|it| it == key).unwrap_or(0);
            at..at + 1
        }
        _ => 0..KEYS.len(),
    }
}

/// Everything about one unit that a judgement needs.
struct Gathered {
    pasts: Pasts,
    record: Option<Arc<Record>>,
}

fn gather(world: &World, unit: usize, (source, from): (usize, usize), target: usize) -> Gathered {
    let content = &world.environments[target].tip().units[unit];
    let theirs = &world.environments[source].line[from].units[unit];
    let bare = Unit {
        source: &world.environments[source].name,
        record: content.record.as_deref(),
        ours: content.value.as_deref(),
        theirs: theirs.value.as_deref(),
        pasts: &Pasts::default(),
    };
    let pasts = match questions(&bare) {
        Some(questions) => world.pasts(unit, (source, from), target, &questions),
        None => Pasts::default(),
    };
    Gathered {
        pasts,
        record: content.record.clone(),
    }
}

fn unit<'a>(
    world: &'a World,
    at: usize,
    (source, from): (usize, usize),
    target: usize,
    gathered: &'a Gathered,
) -> Unit<'a> {
    let environments = &world.environments;
    Unit {
        source: &environments[source].name,
        record: gathered.record.as_deref(),
        ours: environments[target].tip().units[at].value.as_deref(),
        theirs: environments[source].line[from].units[at].value.as_deref(),
        pasts: &gathered.pasts,
    }
}

/// Plans a promotion; `None`: a person is asked and does not answer, or nothing changes.
pub(super) fn plan(world: &World, choice: &Choice, oracle: &mut Oracle) -> Option<Outcome> {
    let Choice { source, target, .. } = *choice;
    let (environments, whole) = (&world.environments, choice.back == 0 && !choice.images);
    let tip = environments[source].line.len() - 1;
    let from = tip - choice.back.min(tip);
    let onto = environments[target].tip().id.clone();
    let mut outcome = Outcome {
        target,
        onto: environments[target].tip().units.clone(),
        units: environments[target].tip().units.clone(),
        seen: (source, from),
        only: choice.only,
        whole,
    };
    let (mut writes, mut waits) = (false, false);
    for at in 0..UNITS {
        if choice.only.is_some_and(|only| only != at) {
            continue;
        }
        let there = &environments[source];
        // A unit that can't be read there is not known to be absent.
        if !there.line[from].is_read || !there.tip().is_read || !environments[target].tip().is_read
        {
            return None;
        }
        let gathered = gather(world, at, (source, from), target);
        let unit_here = unit(world, at, (source, from), target, &gathered);
        let mut lines = judge(&unit_here);
        oracle.compare(world, at, choice, &unit_here, &lines);
        let at_tip = (from != tip).then(|| gather(world, at, (source, tip), target));
        let tip_lines = match &at_tip {
            Some(gathered) => judge(&unit(world, at, (source, tip), target, gathered)),
            None => lines.clone(),
        };
        if choice.images {
            let is_image = |line: &Line| line.difference.path == Path::of(["image"]);
            lines.retain(|line| is_image(line) && both_sides(line));
        }
        let decided: Vec<(&Line, Decision)> = lines
            .iter()
            .map(|line| (line, decide(line, gathered.record.as_deref(), choice)))
            .collect();
        waits |= decided.iter().any(|(_, it)| *it == Decision::Ask);
        oracle.decided(world, at, choice, from, &decided);
        let promoted = Promoted {
            unit: unit_here,
            commit: &environments[source].line[from].id,
            lines: &decided,
            extent: if whole { Extent::Whole } else { Extent::Part },
            tip: Tip {
                commit: &environments[source].tip().id,
                theirs: environments[source].tip().units[at].value.as_deref(),
                lines: &tip_lines,
            },
            onto: &onto,
            reason: None,
        };
        let Some(record) = promoted.record() else {
            continue;
        };
        writes = true;
        let cells = taken(
            &outcome.onto[at].cells,
            &environments[source].line[from].units[at].cells,
            &decided,
        );
        outcome.units[at] = Content::of(cells, Some(Arc::new(record)));
    }
    (writes && !waits).then_some(outcome)
}

fn both_sides(line: &Line) -> bool {
    line.difference.ours.is_some() && line.difference.theirs.is_some()
}

fn decide(line: &Line, record: Option<&Record>, choice: &Choice) -> Decision {
    let asked = settle(line, record, Answer::default()) == Decision::Ask;
    let changes = matches!(line.difference.class, Class::Change | Class::Removal);
    let answer = Answer {
        keep: (choice.answer.keep && asked) || (choice.keeps_changes && changes),
        overwrite: choice.answer.overwrite && asked,
        release: choice.answer.release,
    };
    settle(line, record, answer)
}

/// The cells after a promotion.
fn taken(ours: &Cells, theirs: &Cells, lines: &[(&Line, Decision)]) -> Cells {
    let mut cells = *ours;
    for (line, decision) in lines.iter().filter(|(_, decision)| decision.takes()) {
        let _ = decision;
        for key in keys(&line.difference.path) {
            // A value that is the same stays the target's own.
            if cells[key].value != theirs[key].value {
                cells[key] = theirs[key];
            }
        }
    }
    cells
}

/// Writes a promotion.
pub(super) fn apply(world: &mut World, outcome: &Outcome, dice: &mut Dice) {
    let target = outcome.target;
    for at in 0..UNITS {
        let environment = &mut world.environments[target];
        for key in 0..KEYS.len() {
            let (old, new) = (
                environment.tip().units[at].cells[key],
                outcome.units[at].cells[key],
            );
            if old != new {
                environment
                    .taken_back
                    .retain(|it| (it.0, it.1) != (at, key));
            }
        }
        let wrote = outcome.only.is_none_or(|only| only == at);
        if wrote && outcome.whole && outcome.units[at].record.is_some() {
            environment.seen[at][outcome.seen.0] = Some(outcome.seen.1);
        }
    }
    world.push(target, outcome.units.clone(), Did::Promote, dice);
}

/// Returns what is left to do when the same is promoted again.
pub(super) fn left_over(world: &World, choice: &Choice) -> Option<Line> {
    let again = Choice {
        answer: Answer::default(),
        keeps_changes: false,
        ..*choice
    };
    let tip = world.environments[choice.source].line.len() - 1;
    (0..UNITS).find_map(|at| {
        let gathered = gather(world, at, (choice.source, tip), choice.target);
        let unit = unit(world, at, (choice.source, tip), choice.target, &gathered);
        let is_left = |line: &Line| {
            let decision = decide(line, gathered.record.as_deref(), &again);
            // A unit of which every value was removed has no place in this world.
            let is_emptied = line.difference.path.is_root() && line.difference.ours.is_none();
            decision == Decision::Take || (decision == Decision::Ask && !is_emptied)
        };
        judge(&unit).into_iter().find(is_left)
    })
}

/// Rolls a target back to the state before its last promotion.
pub(super) fn roll_back(world: &mut World, source: usize, target: usize, dice: &mut Dice) {
    let line = &world.environments[target].line;
    let Some(promotion) = line.iter().rposition(|it| it.did == Did::Promote) else {
        return;
    };
    let Some(before) = promotion.checked_sub(1).filter(|it| line[*it].is_read) else {
        return;
    };
    let (then, onto) = (
        line[before].clone(),
        world.environments[target].tip().id.clone(),
    );
    let mut units = world.environments[target].tip().units.clone();
    for at in 0..UNITS {
        let record = rolled_back_record(world, at, (source, target), &then.id, &onto);
        let Some(record) = record else {
            continue;
        };
        let environment = &mut world.environments[target];
        for (key, was) in then.units[at].cells.iter().enumerate() {
            let now = units[at].cells[key];
            if now.value != was.value {
                environment.taken_back.insert((at, key, now.intent));
                environment.taken_back.remove(&(at, key, was.intent));
            }
            let brought = environment.line[promotion].units[at].cells[key];
            if brought.value != was.value {
                environment.taken_back.insert((at, key, brought.intent));
            }
        }
        units[at] = Content::of(then.units[at].cells, Some(Arc::new(record)));
    }
    world.note(|_| format!("rollback of {target}"));
    world.push(target, units, Did::TakeBack, dice);
}

fn rolled_back_record(
    world: &World,
    at: usize,
    (source, target): (usize, usize),
    then: &CommitId,
    onto: &CommitId,
) -> Option<Record> {
    let tip = world.environments[source].line.len() - 1;
    let commit = &world.environments[source].line[tip];
    let mut questions = crate::promotion::Questions::default();
    questions.target.insert(then.clone());
    let content = &world.environments[target].tip().units[at];
    for it in content.record.iter() {
        questions.target.extend(it.onto.clone());
        questions
            .source
            .extend(it.from.iter().map(|(_, commit)| commit.clone()));
        questions
            .source
            .extend(it.at.iter().map(|it| it.commit.clone()));
        questions
            .source
            .extend(it.others.iter().map(|it| it.commit.clone()));
    }
    let gathered = Gathered {
        pasts: world.pasts(at, (source, tip), target, &questions),
        record: content.record.clone(),
    };
    let unit = unit(world, at, (source, tip), target, &gathered);
    let lines = judge(&unit);
    let states = &unit.pasts.target.states;
    let rollback = RolledBack {
        unit,
        tip: Tip {
            commit: &commit.id,
            theirs: commit.units[at].value.as_deref(),
            lines: &lines,
        },
        restored: states.iter().position(|state| state.commit == *then)?,
        onto,
        reason: None,
    };
    rollback.record()
}

/// Merges a proposal that was made some time ago; `false`: it conflicts, or a person
/// finds nothing in it.
pub(super) fn merge(world: &mut World, outcome: &Outcome, dice: &mut Dice) -> bool {
    let now = world.environments[outcome.target].tip().units.clone();
    let mut merged = outcome.clone();
    for at in 0..UNITS {
        let (base, new) = (&outcome.onto[at], &outcome.units[at]);
        let changes_record = base.record != new.record;
        if changes_record && base.record != now[at].record {
            return false;
        }
        let mut cells = now[at].cells;
        for key in 0..KEYS.len() {
            let (was, is) = (base.cells[key].value, new.cells[key].value);
            if was == is {
                continue;
            }
            if cells[key].value != was && cells[key].value != is {
                return false;
            }
            cells[key] = new.cells[key];
        }
        let record = match changes_record {
            true => new.record.clone(),
            false => now[at].record.clone(),
        };
        merged.units[at] = Content::of(cells, record);
    }
    // A reviewer may take a value out.
    if dice.chance(20) {
        let (at, key) = (dice.below(UNITS), dice.below(KEYS.len()));
        let mut cells = merged.units[at].cells;
        cells[key] = now[at].cells[key];
        let record = merged.units[at].record.clone();
        merged.units[at] = Content::of(cells, record);
    }
    apply(world, &merged, dice);
    true
}
