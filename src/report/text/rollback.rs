//! What a person reads of a rollback before it is written.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::ops::rollback::{Candidate, Plan};
use crate::product::Repository;
use crate::report::{Cell, Style, Table, Tone, ago, clean, count};

/// How many names or commits are listed before the rest is counted.
const LISTED: usize = 8;

/// The plan: what becomes what it was, and which commits that undoes.
pub fn rollback(plan: &Plan, repository: &Repository, style: &Style) -> String {
    let mut text = super::promote::plan(&plan.change, repository, style);
    if plan.change.items.is_empty() && plan.change.rendered.is_empty() {
        let files = count(plan.change.edits.len(), "file");
        let _ = writeln!(text, "  {files} as they were");
    }
    let mut table = Table::new(2);
    for entry in plan.undone.iter().take(LISTED) {
        table.row([
            Cell::new(Tone::Warning, "undoes"),
            entry.commit.get(..7).unwrap_or_default().into(),
            ago(entry.time, style.now).into(),
            entry.author.email.as_str().into(),
            clean(&entry.subject).into_owned().into(),
        ]);
    }
    text.push_str(&table.render(style));
    if plan.undone.len() > LISTED {
        let rest = count(plan.undone.len() - LISTED, "older commit");
        let _ = writeln!(text, "  and {rest}");
    }
    text
}

/// Why the plan may not be written.
pub fn rollback_refusal(plan: &Plan) -> String {
    let environment = &plan.change.target.0;
    let mut text =
        format!("{environment} was changed after the last promotion, and that would be lost");
    for what in plan.later.iter().take(LISTED) {
        let _ = write!(text, "\n{}", clean(what));
    }
    if plan.later.len() > LISTED {
        let _ = write!(text, "\nand {} more", plan.later.len() - LISTED);
    }
    text
}

/// The states that a version may mean, one line each.
pub fn rollback_candidates(candidates: &[Candidate], now: i64) -> Vec<String> {
    candidates
        .iter()
        .map(|candidate| {
            let commit = &candidate.commit;
            format!(
                "{}  {}  {}",
                commit.id.short(),
                ago(commit.committer.seconds, now),
                clean(&commit.message.subject)
            )
        })
        .collect()
}

/// The plan as data.
pub fn rollback_data(plan: &Plan) -> Value {
    let mut data = super::promote::plan_data(&plan.change);
    data["restored"] = json!(plan.restored.id.to_string());
    data["undone"] = json!(plan.undone);
    data["refused"] = plan.refused.iter().map(ToString::to_string).collect();
    data["later"] = json!(plan.later);
    data
}
