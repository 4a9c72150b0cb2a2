//! The past of one unit: its states on both sides, as whoever gathers found them.
//!
//! Pure data, newest first. Only states of the first-parent line count: what a second
//! parent had was never the environment's.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Record;
use crate::repo::CommitId;
use crate::yaml::{Path, value_at};

/// The states of one unit on one side, newest first: one for each commit that changed the
/// unit or its record. The first counts at the tip, or for the source at the revision that
/// is promoted. Each commit of [`Questions`], and the merge base, has a state of its own
/// where it is on the first-parent line.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The states.
    pub states: Vec<State>,
    /// Where they end.
    pub end: End,
}

/// A unit as a commit left it.
#[derive(Debug, Clone)]
pub struct State {
    /// The commit.
    pub commit: CommitId,
    /// When it was committed, in seconds since 1970.
    pub seconds: i64,
    /// How many commits of the first-parent line are newer. Two sides that are folders of
    /// one branch are compared by it.
    pub depth: usize,
    /// Whether the environment existed there and the unit could be read.
    pub is_read: bool,
    /// The unit; `None`: the environment did not have it.
    pub value: Option<Arc<Value>>,
    /// The unit's record; on the target only.
    pub record: Option<Arc<Record>>,
}

/// Where a list of states ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// At the first commit: nothing is older.
    #[default]
    Root,
    /// At the bound of a search; the oldest state's date in seconds since 1970.
    Bound(i64),
    /// At the edge of a shallow clone, likewise.
    Shallow(i64),
}

/// Both sides' past of one unit.
#[derive(Debug, Clone, Default)]
pub struct Pasts {
    /// The target's, with the records.
    pub target: Past,
    /// The source's.
    pub source: Past,
    /// How the two lines are related.
    pub lines: Lines,
}

/// How the first-parent lines of the two sides are related.
#[derive(Debug, Clone, Default)]
pub enum Lines {
    /// Two branches without a common past that could be read.
    #[default]
    Unrelated,
    /// Two branches, and the unit at their merge base.
    Forked {
        /// The merge base.
        commit: CommitId,
        /// The unit there.
        value: Option<Arc<Value>>,
    },
    /// Two folders of one branch.
    Shared,
}

/// What a judgement needs of the past of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// Commits of the target whose states are needed, where they are on its line.
    pub target: BTreeSet<CommitId>,
    /// Commits of the source, likewise.
    pub source: BTreeSet<CommitId>,
}

impl End {
    /// Returns the date beyond which nothing was read, if anything is older.
    pub fn searched_to(self) -> Option<i64> {
        match self {
            End::Root => None,
            End::Bound(seconds) | End::Shallow(seconds) => Some(seconds),
        }
    }
}

impl State {
    /// Returns the value at a key path.
    pub(super) fn at(&self, path: &Path) -> Option<&Value> {
        self.value
            .as_deref()
            .and_then(|value| value_at(value, path))
    }

    /// Returns the serial of its record, 0 without one.
    pub(super) fn serial(&self) -> u64 {
        self.record.as_ref().map_or(0, |record| record.serial)
    }
}

impl Past {
    /// Returns the place of a commit's state.
    pub(super) fn place(&self, commit: &CommitId) -> Option<usize> {
        self.states.iter().position(|state| state.commit == *commit)
    }

    /// Returns the states that could be read, newest first, with their places.
    pub(super) fn read(&self) -> impl DoubleEndedIterator<Item = (usize, &State)> {
        let all = self.states.iter().enumerate();
        all.filter(|(_, state)| state.is_read)
    }

    /// Returns the next newer state that could be read.
    pub(super) fn after(&self, place: usize) -> Option<(usize, &State)> {
        let newer = self.states.get(..place)?.iter().enumerate();
        newer.rev().find(|(_, state)| state.is_read)
    }

    /// Returns the next older state that could be read.
    pub(super) fn before(&self, place: usize) -> Option<(usize, &State)> {
        let mut older = self.states.iter().enumerate().skip(place + 1);
        older.find(|(_, state)| state.is_read)
    }

    /// Returns the highest serial of its records.
    pub(super) fn highest_serial(&self) -> u64 {
        self.states.iter().map(State::serial).max().unwrap_or(0)
    }
}
