//! The text around values, unit by unit: comments, blank lines and the order of keys.
//!
//! It follows the source while nobody edited it on the target. An edit stays at every
//! later promotion, and the plan says so where the source changed its text, too. Whether
//! a text really followed is read from the text that the plan writes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::selection::reaches;
use super::shape::shape_in;
use super::{Facts, Record, Request, TextRule, UnitId, text_follows};
use crate::template::Rerendered;
use crate::yaml::Path;

/// A unit whose text around the values is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What is to become of it.
    pub rule: TextRule,
    /// The shape of the source's text.
    pub theirs: String,
    /// The shape of the source's text as it was last promoted, where that is known.
    pub promoted: Option<String>,
}

impl Text {
    /// Judges the shapes of both sides' texts; `None`: they are the same.
    pub fn judged(theirs: String, ours: &str, promoted: Option<String>) -> Option<Self> {
        let rule = text_follows(promoted.as_deref(), &theirs, ours);
        (rule != TextRule::Follows).then_some(Self {
            rule,
            theirs,
            promoted,
        })
    }
}

/// What becomes of the text of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLine {
    /// The unit.
    pub unit: UnitId,
    /// Whether the target's text becomes the source's; else it stays.
    pub follows: bool,
}

/// The units whose text was edited on the target and stays: there only values move.
pub(super) fn edited(facts: &Facts, overwrite: &[String]) -> BTreeSet<UnitId> {
    let edited = facts
        .texts
        .iter()
        .filter(|(unit, text)| text.rule == TextRule::Spliced && !is_overwritten(unit, overwrite));
    edited.map(|(unit, _)| unit.clone()).collect()
}

/// Whether a person drops the target's text by the name of its unit.
pub(super) fn is_overwritten(unit: &UnitId, overwrite: &[String]) -> bool {
    let mut words = overwrite.iter().filter(|word| *word != "all");
    words.any(|word| reaches(word, unit, &Path::root()))
}

/// Returns what the plan says of texts: those that follow, and those that stay though the
/// source has another one now.
pub(super) fn lines(
    request: &Request,
    facts: &Facts,
    chosen: Option<&BTreeSet<UnitId>>,
    outcome: &Rerendered,
) -> Vec<TextLine> {
    if request.images_only {
        return Vec::new();
    }
    let owned = facts.repository.promotion.environment_owned.as_slice();
    let texts = facts.texts.iter();
    let texts = texts.filter(|(unit, _)| chosen.is_none_or(|chosen| chosen.contains(*unit)));
    let lines = texts.filter_map(|(unit, text)| {
        let (product, snapshot) = (outcome.product.as_ref(), &outcome.snapshot);
        let after = shape_in(&facts.target, (product, snapshot), unit, owned);
        let follows = after.as_ref() == Some(&text.theirs);
        let is_news = text.promoted.as_ref() != Some(&text.theirs);
        (follows || is_news).then(|| TextLine {
            unit: unit.clone(),
            follows,
        })
    });
    lines.collect()
}

/// Makes records say which text of the source the target has. They never remember an
/// edited one: else the edit would be what was promoted, and the next promotion would
/// take it away.
pub(super) fn remember(facts: &Facts, lines: &[TextLine], records: &mut BTreeMap<UnitId, Record>) {
    for (unit, record) in records {
        if let Some(text) = facts.texts.get(unit) {
            let follows = lines.iter().any(|line| line.unit == *unit && line.follows);
            record.shape = match follows {
                true => Some(text.theirs.clone()),
                false => text.promoted.clone().or_else(|| Some(text.theirs.clone())),
            };
        }
    }
}
