//! Environments as a small world: three lines of commits with two units of three values.
//!
//! Each value carries the number of the intention that made it, which the rules under
//! test never see: copies of a value carry the same number, coincidences do not.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::dice::Dice;
use crate::product::EnvironmentName;
use crate::promotion::{End, Lines, Past, Pasts, Questions, Record, State};
use crate::repo::CommitId;

pub(super) const UNITS: usize = 2;
pub(super) const KEYS: [&str; 3] = ["image", "a", "b"];
pub(super) const DEV: usize = 0;
pub(super) const STAGING: usize = 1;
pub(super) const PROD: usize = 2;

/// A value and the intention that made it; no value: it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    pub(super) value: Option<u8>,
    pub(super) intent: u32,
}

/// The values of one unit; it exists where one of them does.
pub(super) type Cells = [Cell; KEYS.len()];

/// What a commit did, as far as it matters to whoever reverts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Did {
    Change,
    Promote,
    TakeBack,
}

#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) id: CommitId,
    pub(super) seconds: i64,
    /// The place on the line of the whole repository.
    pub(super) place: usize,
    pub(super) did: Did,
    pub(super) is_read: bool,
    pub(super) units: [Content; UNITS],
}

/// A unit with its record.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) cells: Cells,
    pub(super) value: Option<Arc<Value>>,
    pub(super) record: Option<Arc<Record>>,
}

impl Content {
    pub(super) fn of(cells: Cells, record: Option<Arc<Record>>) -> Self {
        let there = KEYS.iter().zip(cells);
        let map: Map<String, Value> = there
            .filter_map(|(key, cell)| Some(((*key).to_owned(), json!(cell.value?))))
            .collect();
        Self {
            cells,
            value: (!map.is_empty()).then(|| Arc::new(Value::Object(map))),
            record,
        }
    }
}

/// How the environments are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Branches,
    /// Without a common past.
    Orphans,
    Folders,
}

/// An environment: its commits, oldest first, and what people mean by them.
#[derive(Debug, Clone)]
pub(super) struct Environment {
    pub(super) name: EnvironmentName,
    pub(super) line: Vec<Commit>,
    /// What was taken back here: unit, key, intention.
    pub(super) taken_back: BTreeSet<(usize, usize, u32)>,
    /// Where the record of a unit last saw a source: unit, source, place on its line.
    pub(super) seen: [[Option<usize>; 3]; UNITS],
}

impl Environment {
    pub(super) fn tip(&self) -> &Commit {
        &self.line[self.line.len() - 1]
    }

    /// Whether a cell has had this intention since a place on the line.
    pub(super) fn has_had(&self, (unit, key): (usize, usize), intent: u32, since: usize) -> bool {
        let mut line = self.line[since.min(self.line.len())..].iter();
        line.any(|commit| commit.units[unit].cells[key].intent == intent)
    }
}

pub(super) struct World {
    pub(super) layout: Layout,
    pub(super) environments: [Environment; 3],
    /// The place of the last commit that branches have in common.
    pub(super) fork: usize,
    clock: i64,
    commits: usize,
    /// What each intention is.
    pub(super) values: Vec<Option<u8>>,
    /// How many values people choose from.
    choices: usize,
    pub(super) trace: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let layout = match dice.below(3) {
            0 => Layout::Branches,
            1 => Layout::Orphans,
            _ => Layout::Folders,
        };
        let environment = |name: &str| Environment {
            name: name.parse().unwrap(),
            line: Vec::new(),
            taken_back: BTreeSet::new(),
            seen: Default::default(),
        };
        let mut world = Self {
            layout,
            environments: [
                environment("dev"),
                environment("staging"),
                environment("prod"),
            ],
            fork: 0,
            clock: 0,
            commits: 0,
            values: vec![None],
            choices: if dice.chance(25) { 4 } else { 60 },
            trace: None,
        };
        world.begin(dice);
        world
    }

    /// Fills the environments: alike, or each with values of its own.
    fn begin(&mut self, dice: &mut Dice) {
        let alike = self.layout == Layout::Branches || dice.below(2) == 0;
        let mut cells = [Cells::default(); UNITS];
        for at in 0..3 {
            if at == 0 || !alike {
                for unit in &mut cells {
                    for cell in unit {
                        *cell = self.cell(dice);
                    }
                }
            }
            let units = cells.map(|cells| Content::of(cells, None));
            self.push(at, units, Did::Change, dice);
        }
        if self.layout == Layout::Branches {
            let first = self.environments[DEV].line.clone();
            self.environments[STAGING].line.clone_from(&first);
            self.environments[PROD].line = first;
        }
    }

    /// A value that somebody means.
    pub(super) fn cell(&mut self, dice: &mut Dice) -> Cell {
        let value = (dice.below(12) > 0).then(|| dice.below(self.choices) as u8);
        self.values.push(value);
        Cell {
            value,
            intent: (self.values.len() - 1) as u32,
        }
    }

    pub(super) fn push(
        &mut self,
        at: usize,
        units: [Content; UNITS],
        did: Did,
        dice: &mut Dice,
    ) -> CommitId {
        self.clock += dice.below(4) as i64;
        self.commits += 1;
        let id: CommitId = format!("{:040x}", self.commits).parse().unwrap();
        self.environments[at].line.push(Commit {
            id: id.clone(),
            seconds: self.clock,
            place: self.commits,
            did,
            is_read: true,
            units,
        });
        id
    }

    /// Gives every commit of a line another id, as a rewritten branch has.
    pub(super) fn rewrite(&mut self, at: usize) {
        for commit in &mut self.environments[at].line[1..] {
            self.commits += 1;
            commit.id = format!("{:040x}", self.commits).parse().unwrap();
        }
    }

    pub(super) fn note(&mut self, text: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let text = text(self);
            self.trace
                .iter_mut()
                .for_each(|trace| trace.push(text.clone()));
        }
    }

    /// Returns the past of a unit as whoever gathers hands it in; the source's from a
    /// place on its line.
    pub(super) fn pasts(
        &self,
        unit: usize,
        (source, from): (usize, usize),
        target: usize,
        questions: &Questions,
    ) -> Pasts {
        let (one, other) = (&self.environments[target], &self.environments[source]);
        let fork = &one.line[0];
        let lines = match self.layout {
            Layout::Branches => Lines::Forked {
                commit: fork.id.clone(),
                value: fork.units[unit].value.clone(),
            },
            Layout::Orphans => Lines::Unrelated,
            Layout::Folders => Lines::Shared,
        };
        Pasts {
            target: self.past(unit, &one.line, &questions.target),
            source: self.past(unit, &other.line[..=from], &questions.source),
            lines,
        }
    }

    fn past(&self, unit: usize, line: &[Commit], asked: &BTreeSet<CommitId>) -> Past {
        let mut states = Vec::new();
        for (at, commit) in line.iter().enumerate().rev() {
            let content = &commit.units[unit];
            let unchanged = at > 0 && {
                let before = &line[at - 1];
                before.is_read == commit.is_read
                    && before.units[unit].cells == content.cells
                    && match (&before.units[unit].record, &content.record) {
                        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
                        (one, other) => one.is_none() && other.is_none(),
                    }
            };
            if unchanged && !asked.contains(&commit.id) {
                continue;
            }
            states.push(State {
                commit: commit.id.clone(),
                seconds: commit.seconds,
                depth: self.commits - commit.place,
                is_read: commit.is_read,
                value: content.value.clone().filter(|_| commit.is_read),
                record: content.record.clone(),
            });
        }
        Past {
            states,
            end: End::Root,
        }
    }
}
