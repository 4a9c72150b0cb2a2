//! What becomes of one line: what a person says of it, what an earlier promotion decided,
//! or what its class says.

use serde::Serialize;

use super::{Class, Line, Record};

/// What becomes of one difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The source's value is written.
    Take,
    /// Both sides have the same value; only the record follows.
    AlreadyThere,
    /// The target's value stays, as asked now.
    Keep,
    /// The target's value stays, as decided in an earlier promotion.
    Kept,
    /// The target's value is dropped, as asked now.
    Overwrite,
    /// The source's value was taken back here and is skipped until it changes.
    Refused,
    /// The target is ahead of the source, and stays.
    Leave,
    /// Nothing is done about it now: it comes with the next promotion.
    Wait,
    /// Not decided: nothing may be written.
    Ask,
}

impl Decision {
    /// Whether the source's value ends up on the target.
    pub fn takes(self) -> bool {
        matches!(self, Decision::Take | Decision::Overwrite)
    }

    /// Whether the target's value is put back into the source's text.
    pub fn keeps(self) -> bool {
        matches!(
            self,
            Decision::Keep | Decision::Kept | Decision::Refused | Decision::Leave | Decision::Ask
        )
    }
}

/// What a person says of one line, in the order in which it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// The target's value stays.
    pub keep: bool,
    /// The target's value is dropped.
    pub overwrite: bool,
    /// What was taken back may come again.
    pub release: bool,
}

/// Returns what becomes of a line: what a person says of it, else what an earlier
/// promotion decided, else what its class says.
pub fn settle(line: &Line, record: Option<&Record>, answer: Answer) -> Decision {
    let Line { difference, marks } = line;
    if difference.class == Class::AlreadyThere {
        return Decision::AlreadyThere;
    }
    let kept = || record.is_some_and(|it| it.keeps(&difference.path, difference.theirs.as_ref()));
    match difference.class {
        _ if answer.keep => Decision::Keep,
        Class::Hotfix | Class::Conflict if answer.overwrite => Decision::Overwrite,
        _ if answer.release && marks.is_taken_back => Decision::Take,
        Class::Ahead => Decision::Leave,
        _ if kept() => Decision::Kept,
        Class::Held => Decision::Refused,
        Class::Hotfix | Class::Conflict => Decision::Ask,
        _ => Decision::Take,
    }
}
