//! What people do to the small world between promotions.

use super::dice::Dice;
use super::oracle::{Broken, Oracle};
use super::promotion::{self, Choice, Outcome};
use super::world::{Cell, Content, DEV, Did, KEYS, Layout, PROD, STAGING, UNITS, World};
use crate::promotion::Answer;

/// One history: what people do, one step after the other.
pub(super) struct History {
    pub(super) world: World,
    proposals: Vec<Outcome>,
}

/// Runs the history of a seed.
pub(super) fn run(seed: u64, oracle: &mut Oracle, trace: bool) -> Option<Vec<String>> {
    let mut dice = Dice::new(seed);
    let mut history = History {
        world: World::new(&mut dice),
        proposals: Vec::new(),
    };
    history.world.trace = trace.then(Vec::new);
    history.world.note(|world| format!("{:?}", world.layout));
    for _ in 0..8 + dice.below(14) {
        history.step(&mut dice, oracle);
    }
    history.world.trace
}

fn source_of(target: usize) -> usize {
    target - 1
}

impl History {
    fn step(&mut self, dice: &mut Dice, oracle: &mut Oracle) {
        let target = if dice.chance(50) { STAGING } else { PROD };
        match dice.below(100) {
            0..=25 => self.set(DEV, dice),
            26..=29 => self.undo(DEV, dice),
            30..=34 => self.set(target, dice),
            35..=38 => self.undo(target, dice),
            39..=45 => self.copy(target, source_of(target), dice),
            46..=49 => self.copy(source_of(target), target, dice),
            50..=77 => self.promote(target, dice, oracle),
            78..=81 => self.merge(dice),
            82..=86 => promotion::roll_back(&mut self.world, source_of(target), target, dice),
            87..=91 => self.revert(target, dice),
            92..=93 => self.revert_several(target, dice),
            94..=95 => self.forget_record(target, dice),
            96 => self.break_for_a_while(dice.below(3), dice),
            97 => self.add_or_remove(DEV, dice),
            98 => self.merge(dice),
            _ if self.world.layout != Layout::Folders => {
                self.world.rewrite(source_of(target));
                self.world
                    .note(|_| format!("rewritten {}", source_of(target)));
            }
            _ => {}
        }
    }

    fn units(&self, at: usize) -> [Content; UNITS] {
        self.world.environments[at].tip().units.clone()
    }

    fn write(
        &mut self,
        at: usize,
        (unit, key): (usize, usize),
        cell: Cell,
        did: Did,
        dice: &mut Dice,
    ) {
        let mut units = self.units(at);
        let mut cells = units[unit].cells;
        cells[key] = cell;
        units[unit] = Content::of(cells, units[unit].record.clone());
        self.world.push(at, units, did, dice);
    }

    /// Somebody sets a value.
    fn set(&mut self, at: usize, dice: &mut Dice) {
        let place = (dice.below(UNITS), dice.below(KEYS.len()));
        let cell = self.world.cell(dice);
        let environment = &mut self.world.environments[at];
        let now = environment.tip().units[place.0].cells[place.1];
        let had = |it: &super::world::Commit| it.units[place.0].cells[place.1].value == cell.value;
        if environment.line.iter().any(had) && now.value != cell.value {
            // Whoever sets what was there before takes back what is there now.
            environment
                .taken_back
                .insert((place.0, place.1, now.intent));
        }
        self.world.note(|_| format!("set {at} {place:?} {cell:?}"));
        self.write(at, place, cell, Did::Change, dice);
    }

    /// Somebody sets a value back to what it was before.
    fn undo(&mut self, at: usize, dice: &mut Dice) {
        let (unit, key) = (dice.below(UNITS), dice.below(KEYS.len()));
        let environment = &mut self.world.environments[at];
        let now = environment.tip().units[unit].cells[key];
        let mut older = environment.line.iter().rev();
        let then = older.find(|it| it.is_read && it.units[unit].cells[key].value != now.value);
        let Some(then) = then.map(|it| it.units[unit].cells[key]) else {
            return;
        };
        if now.intent > then.intent {
            environment.taken_back.insert((unit, key, now.intent));
        }
        environment.taken_back.remove(&(unit, key, then.intent));
        self.world
            .note(|_| format!("undo {at} {unit}.{key} {now:?} -> {then:?}"));
        self.write(at, (unit, key), then, Did::Change, dice);
    }

    /// Somebody copies a value from one environment into another.
    fn copy(&mut self, from: usize, to: usize, dice: &mut Dice) {
        let (unit, key) = (dice.below(UNITS), dice.below(KEYS.len()));
        let cell = self.world.environments[from].tip().units[unit].cells[key];
        let now = self.world.environments[to].tip().units[unit].cells[key];
        if now.value == cell.value {
            return;
        }
        let follows =
            from < to && self.world.environments[from].has_had((unit, key), now.intent, 0);
        let environment = &mut self.world.environments[to];
        if now.intent > cell.intent && !follows {
            environment.taken_back.insert((unit, key, now.intent));
        }
        environment.taken_back.remove(&(unit, key, cell.intent));
        if from < to && now.intent < cell.intent {
            // Whoever goes along with the source has done with what came before (R9).
            environment
                .taken_back
                .retain(|it| (it.0, it.1) != (unit, key));
        }
        self.world
            .note(|_| format!("copy {from} -> {to} {unit}.{key} {now:?} -> {cell:?}"));
        self.write(to, (unit, key), cell, Did::Change, dice);
    }

    fn add_or_remove(&mut self, at: usize, dice: &mut Dice) {
        let unit = dice.below(UNITS);
        let mut units = self.units(at);
        let is_there = units[unit].value.is_some();
        let mut cells = units[unit].cells;
        for cell in &mut cells {
            *cell = self.world.cell(dice);
            if is_there {
                cell.value = None;
                self.world.values[cell.intent as usize] = None;
            }
        }
        units[unit] = Content::of(cells, units[unit].record.clone());
        self.world
            .note(|_| format!("unit {unit} of {at}: {cells:?}"));
        self.world.push(at, units, Did::Change, dice);
    }

    fn promote(&mut self, target: usize, dice: &mut Dice, oracle: &mut Oracle) {
        let skips = target == PROD && dice.chance(8);
        let said = dice.below(10);
        let choice = Choice {
            source: if skips { DEV } else { source_of(target) },
            target,
            only: dice.chance(15).then(|| dice.below(UNITS)),
            images: dice.chance(10),
            back: if dice.chance(10) {
                1 + dice.below(3)
            } else {
                0
            },
            answer: Answer {
                keep: said < 4,
                overwrite: (4..8).contains(&said),
                release: dice.chance(3),
            },
            keeps_changes: dice.chance(4),
        };
        let outcome = promotion::plan(&self.world, &choice, oracle);
        self.world
            .note(|_| format!("promote {choice:?}: {}", outcome.is_some()));
        let Some(outcome) = outcome else {
            return;
        };
        if dice.chance(20) {
            self.proposals.push(outcome);
            return;
        }
        promotion::apply(&mut self.world, &outcome, dice);
        let everything = choice.only.is_none() && !choice.images && choice.back == 0;
        let left = everything.then(|| promotion::left_over(&self.world, &choice));
        if let Some(line) = left.flatten() {
            oracle.breaks(Broken::NotIdempotent, || format!("{line:?}"));
        }
    }

    fn merge(&mut self, dice: &mut Dice) {
        if self.proposals.is_empty() {
            return;
        }
        let at = dice.below(self.proposals.len());
        let proposal = self.proposals.swap_remove(at);
        let merged = promotion::merge(&mut self.world, &proposal, dice);
        self.world
            .note(|_| format!("merge of a proposal for {}: {merged}", proposal.target));
    }

    /// `git revert` of one of the last commits, where it applies.
    fn revert(&mut self, target: usize, dice: &mut Dice) {
        let line = &self.world.environments[target].line;
        let Some(at) = line
            .len()
            .checked_sub(1 + dice.below(4))
            .filter(|at| *at > 0)
        else {
            return;
        };
        let (before, after) = (line[at - 1].clone(), line[at].clone());
        if !before.is_read || !after.is_read {
            return;
        }
        let mut units = self.units(target);
        let again = after.did == Did::TakeBack;
        let mut changes = Vec::new();
        for unit in 0..UNITS {
            let (old, new) = (&before.units[unit], &after.units[unit]);
            let mut cells = units[unit].cells;
            for (key, cell) in cells.iter_mut().enumerate() {
                if old.cells[key] == new.cells[key] {
                    continue;
                }
                if *cell != new.cells[key] {
                    return;
                }
                changes.push((unit, key, *cell, old.cells[key]));
                *cell = old.cells[key];
            }
            let mut record = units[unit].record.clone();
            if old.record != new.record {
                if record != new.record {
                    return;
                }
                record.clone_from(&old.record);
            }
            units[unit] = Content::of(cells, record);
        }
        if changes.is_empty() {
            return;
        }
        self.take_back(target, &changes, again);
        self.world
            .note(|_| format!("revert in {target}: {changes:?}"));
        let did = if again { Did::Change } else { Did::TakeBack };
        self.world.push(target, units, did, dice);
    }

    /// One revert of several commits.
    fn revert_several(&mut self, target: usize, dice: &mut Dice) {
        let line = &self.world.environments[target].line;
        let Some(at) = line
            .len()
            .checked_sub(2 + dice.below(3))
            .filter(|at| *at > 0)
        else {
            return;
        };
        let plain = |it: &super::world::Commit| it.is_read && it.did != Did::TakeBack;
        if !line[at - 1].is_read || !line[at..].iter().all(plain) {
            return;
        }
        let (now, then) = (self.units(target), line[at - 1].units.clone());
        let mut changes = Vec::new();
        for unit in 0..UNITS {
            for key in 0..KEYS.len() {
                let (now, then) = (now[unit].cells[key], then[unit].cells[key]);
                if now != then {
                    changes.push((unit, key, now, then));
                }
            }
        }
        self.take_back(target, &changes, false);
        self.world
            .note(|_| format!("revert of several in {target}: {changes:?}"));
        self.world.push(target, then, Did::TakeBack, dice);
    }

    fn take_back(&mut self, target: usize, changes: &[(usize, usize, Cell, Cell)], again: bool) {
        let environment = &mut self.world.environments[target];
        for (unit, key, now, then) in changes {
            if !again && now.value != then.value {
                environment.taken_back.insert((*unit, *key, now.intent));
            }
            environment.taken_back.remove(&(*unit, *key, then.intent));
            environment.seen[*unit] = Default::default();
        }
    }

    fn forget_record(&mut self, target: usize, dice: &mut Dice) {
        let unit = dice.below(UNITS);
        let mut units = self.units(target);
        if units[unit].record.take().is_none() {
            return;
        }
        self.world.environments[target].seen[unit] = Default::default();
        self.world
            .note(|_| format!("record of {unit} deleted in {target}"));
        self.world.push(target, units, Did::Change, dice);
    }

    /// A commit that cannot be read, and one that mends it.
    fn break_for_a_while(&mut self, at: usize, dice: &mut Dice) {
        let units = self.units(at);
        self.world.push(at, units.clone(), Did::Change, dice);
        if let Some(commit) = self.world.environments[at].line.last_mut() {
            commit.is_read = false;
        }
        self.world.push(at, units, Did::Change, dice);
    }
}
