//! What was taken back on the target: whether it had the source's present value since
//! its record's window began, and left it.
//!
//! One rule for rollbacks, reverts of commits, merges and squashes, deleted records and
//! edits by hand. Serials tell a revert from a promotion of something older.

use serde_json::Value;

use super::past::{Lines, Past, Pasts, State};
use super::{Base, compare, same};
use crate::repo::CommitId;
use crate::yaml::Path;

/// That the target had a value and left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TakenBack {
    /// The commit on the target that left it.
    pub commit: CommitId,
    /// Where it went.
    pub(super) to: Where,
}

/// Where the target went when it left a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    /// Back to the base, or to a value that it had before.
    Back,
    /// On to something new.
    On,
    /// Away, before the source is known to have had the value.
    BeforeTheSource,
}

/// The states of the target that count, as places in its past.
struct Window {
    /// The oldest one.
    oldest: usize,
    /// The state that the present record's own landing made, where it is among them.
    landing: Option<usize>,
}

/// Returns whether the target had `theirs` at `path` in its record's window and left it.
pub(super) fn taken_back(
    pasts: &Pasts,
    path: &Path,
    base: Option<Option<&Value>>,
    theirs: Option<&Value>,
) -> Option<TakenBack> {
    let past = &pasts.target;
    let window = window(past, &pasts.lines)?;
    let ours = past.states.first()?.at(path);
    let had = |state: &State| same(state.at(path), theirs);
    let mut counted = past.read().take_while(|(place, _)| *place <= window.oldest);
    let (place, left) = counted.find_map(|(place, state)| {
        let (newer, left) = past.after(place).filter(|_| had(state))?;
        // What the record's own landing replaced was not taken back.
        let landed = window.landing == Some(newer) && place > newer;
        (!had(left) && !landed).then_some((place, left))
    })?;
    let had_before = |value: Option<&Value>| {
        let mut older = past.read().filter(|(older, _)| *older > place);
        older.any(|(_, state)| same(state.at(path), value))
    };
    if !had_before(left.at(path)) && followed(pasts, path, theirs, left) {
        return None;
    }
    let to = if !source_had(pasts, path, theirs, (place, left)) {
        Where::BeforeTheSource
    } else if base.is_some_and(|base| same(base, ours)) || had_before(ours) {
        Where::Back
    } else {
        Where::On
    };
    Some(TakenBack {
        commit: left.commit.clone(),
        to,
    })
}

/// Returns every value in the window that the source had and the target took back.
pub(super) fn all_taken_back(pasts: &Pasts) -> Vec<(Path, Option<Value>, CommitId)> {
    let past = &pasts.target;
    let (Some(window), Some(tip)) = (window(past, &pasts.lines), past.states.first()) else {
        return Vec::new();
    };
    let mut found: Vec<(Path, Option<Value>, CommitId)> = Vec::new();
    for (_, state) in past.read().take_while(|(place, _)| *place <= window.oldest) {
        let differences = compare(Base::Unknown, state.value.as_deref(), tip.value.as_deref());
        for it in differences {
            let value = it.ours.as_ref();
            if same(value, it.theirs.as_ref())
                || found
                    .iter()
                    .any(|(path, known, _)| *path == it.path && known.as_ref() == value)
            {
                continue;
            }
            if let Some(left) = taken_back(pasts, &it.path, None, value)
                && left.to != Where::BeforeTheSource
            {
                found.push((it.path, it.ours, left.commit));
            }
        }
    }
    found
}

/// Whether the target only followed the source when it left a value: the source had left
/// it for the same before. That the source comes back to it is the source's to decide.
fn followed(pasts: &Pasts, path: &Path, theirs: Option<&Value>, left: &State) -> bool {
    let to = left.at(path);
    let is_earlier = |state: &State| match pasts.lines {
        Lines::Shared => state.depth > left.depth,
        Lines::Unrelated | Lines::Forked { .. } => state.seconds < left.seconds,
    };
    let may_be_earlier = |state: &State| match pasts.lines {
        Lines::Shared => state.depth >= left.depth,
        Lines::Unrelated | Lines::Forked { .. } => state.seconds <= left.seconds,
    };
    let mut states = pasts
        .source
        .read()
        .skip_while(|(_, state)| !may_be_earlier(state));
    let newest = states.find(|(_, state)| is_earlier(state) || !same(state.at(path), to));
    newest.is_some_and(|(_, state)| same(state.at(path), to))
        && states.any(|(_, state)| same(state.at(path), theirs))
}

/// Finds the window: back to the earliest state from which the record's serial was never
/// lower, or to the commit that its plan was made on, if that is older.
fn window(past: &Past, lines: &Lines) -> Option<Window> {
    let states = &past.states;
    let present = states.first()?;
    let counts = |state: &State| match &present.record {
        // The first format has no serials: its window is the life of the record.
        Some(record) if record.serial == 0 => {
            !state.is_read || state.record.as_ref() == Some(record)
        }
        _ => !state.is_read || state.serial() >= present.serial(),
    };
    let run = states.iter().take_while(|state| counts(state)).count();
    let mut oldest = run.checked_sub(1)?;
    let Some(record) = &present.record else {
        // What both branches had before they parted was not the target's own.
        if let Lines::Forked { commit, .. } = lines
            && let Some(fork) = past.place(commit)
        {
            oldest = oldest.min(fork);
        }
        return Some(Window {
            oldest,
            landing: None,
        });
    };
    let onto = record.onto.as_ref().and_then(|onto| past.place(onto));
    let landing = (oldest + 1 < states.len()).then_some(oldest);
    Some(Window {
        oldest: onto.map_or(oldest, |onto| onto.max(oldest)),
        landing,
    })
}

/// Whether the source is known to have had `theirs` when the target left it. A promotion
/// that brought it proves it; else the order of commits does, and doubt counts as no.
fn source_had(
    pasts: &Pasts,
    path: &Path,
    theirs: Option<&Value>,
    (place, left): (usize, &State),
) -> bool {
    if was_promoted(&pasts.target, path, theirs, place) {
        return true;
    }
    let had = |(_, state): &(usize, &State)| same(state.at(path), theirs);
    let oldest = pasts.source.read().rfind(had);
    oldest.is_some_and(|(_, first)| match pasts.lines {
        Lines::Shared => first.depth > left.depth,
        Lines::Unrelated | Lines::Forked { .. } => first.seconds < left.seconds,
    })
}

/// Whether the value came, at or before the state at `place`, with a record that has it.
fn was_promoted(past: &Past, path: &Path, theirs: Option<&Value>, place: usize) -> bool {
    let older = past.read().skip_while(|(at, _)| *at < place);
    for (at, state) in older.take_while(|(_, state)| same(state.at(path), theirs)) {
        let before = past.before(at).map_or(0, |(_, state)| state.serial());
        let brought = state.record.as_ref().is_some_and(|record| {
            let content = record.content.as_ref();
            let value = content.and_then(|content| crate::yaml::value_at(content, path));
            record.serial > before && same(value, theirs)
        });
        if brought {
            return true;
        }
    }
    false
}
