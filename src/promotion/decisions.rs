//! What becomes of each difference.

use serde_json::Value;

use super::{
    Answers, Author, Decision, Difference, Facts, Line, Marks, PlanError, Request, UnitId,
    Unreached, settle,
};
use crate::confidential::Secrecy;
use crate::product::shown_path;
use crate::yaml::shown;

/// One difference between source and target, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The unit it is in.
    pub unit: UnitId,
    /// What differs.
    pub difference: Difference,
    /// What explains its class.
    pub marks: Marks,
    /// What becomes of it.
    pub decision: Decision,
    /// Who made a hotfix or conflict on the target, where that could be found.
    pub changed_by: Option<Author>,
    /// Whether its values may be shown.
    pub secrecy: Secrecy,
}

impl Item {
    /// The line that it came from.
    pub(super) fn line(&self) -> Line {
        Line {
            difference: self.difference.clone(),
            marks: self.marks.clone(),
        }
    }

    /// One of its values as it may be shown.
    pub fn shown(&self, value: &Value) -> Value {
        let difference = &self.difference;
        let states = [&difference.base, &difference.ours, &difference.theirs];
        let states: Vec<&Value> = states.into_iter().flatten().collect();
        shown(&self.secrecy.shown_beside(value, &states))
    }

    /// Whether something of one of its values is not shown.
    pub fn hides(&self) -> bool {
        let difference = &self.difference;
        let values = [&difference.base, &difference.ours, &difference.theirs];
        let values: Vec<&Value> = values.into_iter().flatten().collect();
        let hides = |value: &&Value| self.secrecy.hides_of(value, &values);
        values.iter().any(hides)
    }

    /// [`Item::label`] for people: without what must not be shown of the key path.
    pub fn shown_label(&self) -> String {
        match self.difference.path.is_root() {
            true => self.unit.to_string(),
            false => format!("{} {}", self.unit, shown_path(&self.difference.path)),
        }
    }

    /// `unit` or `unit key.path`, as people write it after `--keep` with a dot.
    pub fn label(&self) -> String {
        if self.difference.path.is_root() {
            self.unit.to_string()
        } else {
            format!("{} {}", self.unit, self.difference.path)
        }
    }
}

/// Decides about every item. Returns the words that name a unit and answer nothing there.
pub(super) fn decide(
    request: &Request,
    facts: &Facts,
    items: &mut [Item],
) -> Result<Vec<Unreached>, PlanError> {
    let keep = of_units(&request.keep, facts);
    let overwrite = of_units(&request.overwrite, facts);
    let answers = Answers {
        keep: &keep,
        overwrite: &overwrite,
        release: &request.release,
    };
    let mut lines = Vec::with_capacity(items.len());
    for item in items.iter_mut() {
        let record = facts.records.get(&item.unit);
        let line = item.line();
        let answer = answers.to(&item.unit, &line, record)?;
        item.decision = settle(&line, record, answer);
        lines.push(line);
    }
    let known = facts.all_units();
    let units = items.iter().map(|item| &item.unit);
    let lines: Vec<(&UnitId, &Line)> = units.zip(&lines).collect();
    Ok(answers.unreached(&known, &lines)?)
}

/// The words that are not about rendered files.
fn of_units(words: &[String], facts: &Facts) -> Vec<String> {
    let rendered = |word: &String| facts.stale.iter().any(|file| file.path.as_str() == word);
    let words = words.iter();
    words.filter(|word| !rendered(word)).cloned().collect()
}
