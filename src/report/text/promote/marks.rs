//! What explains the class of a difference, in a few words.

use serde_json::Value;

use super::values::values;
use crate::image::{Reference, coerce, steps_back};
use crate::promotion::{Decision, Item, Plan};
use crate::report::{Cell, Tone, date};
use crate::yaml::Path;

/// Returns what is to be known of a difference beside its values; empty: nothing.
pub(super) fn remark(item: &Item, plan: &Plan) -> String {
    let (source, target) = (&plan.source.0, &plan.target.0);
    let marks = &item.marks;
    let mut remarks = Vec::new();
    let back = marks.taken_back.as_ref().map(|commit| commit.short());
    match item.decision {
        Decision::Take | Decision::Wait => {
            if marks.is_back {
                remarks.push(format!("back: {source} had it before"));
            } else if lowers(item) {
                remarks.push("lower than before".to_owned());
            }
            if let Some(commit) = &marks.behind {
                let (ours, until) = (values(item).0, commit.short());
                remarks.push(format!("{source} had {ours} until {until}"));
            }
        }
        Decision::Refused => remarks.extend(back.map(|commit| format!("taken back by {commit}"))),
        Decision::Leave => {
            if let Some(name) = &marks.ahead_of {
                remarks.push(format!("came from {name}; {source} has not got it yet"));
            }
        }
        Decision::Ask => {
            let left = |commit| format!("{target} had what {source} has and left it in {commit}");
            remarks.extend(back.map(left));
            let searched = marks.searched_to.map(date);
            remarks.extend(searched.map(|date| format!("searched back to {date}")));
        }
        Decision::AlreadyThere | Decision::Keep | Decision::Kept | Decision::Overwrite => {}
    }
    remarks.join("; ")
}

/// Whether a component's version goes back.
pub(super) fn lowers(item: &Item) -> bool {
    let difference = &item.difference;
    let version = |value: &Option<Value>| {
        let text = value.as_ref()?.as_str()?;
        match difference.path == Path::of(["image"]) {
            true => coerce(text.parse::<Reference>().ok()?.tag()?.as_ref()),
            false => coerce(text),
        }
    };
    let is_version = [Path::of(["image"]), Path::of(["version"])].contains(&difference.path);
    let both = version(&difference.ours).zip(version(&difference.theirs));
    is_version && both.is_some_and(|(ours, theirs)| steps_back(&ours, &theirs))
}

/// The cells of a row, with a remark behind them where there is one.
pub(super) fn with_remark(mut cells: Vec<Cell>, remark: String) -> Vec<Cell> {
    if !remark.is_empty() {
        cells.push(Cell::new(Tone::Faint, remark));
    }
    cells
}

/// Returns back to when taken-back values were searched for, where older history may hold
/// some of what is taken.
pub(super) fn searched(plan: &Plan) -> Option<String> {
    let taken = plan.items.iter();
    let taken = taken.filter(|item| item.decision == Decision::Take);
    let oldest = taken.filter_map(|item| item.marks.searched_to).max()?;
    Some(format!(
        "what was taken back on {} was searched for back to {}",
        plan.target.0,
        date(oldest)
    ))
}
