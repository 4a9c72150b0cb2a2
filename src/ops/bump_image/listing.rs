//! What is asked only because a person will pick: the tags that no policy chooses from,
//! and how old versions are.
//!
//! Refuses to spend requests on ages: only where a registry's content is on this machine
//! are they read.

use std::collections::BTreeMap;

use super::Answer;
use super::answer::Components;
use crate::image::{Reference, Repository, Tag};
use crate::product::pins::Pin;
use crate::registry::Registries;

/// All tags of images that no policy chooses for.
pub(super) fn listed(open: &[(&Pin, &Reference)], registries: &Registries) -> Components {
    let repositories: Vec<Repository> = open.iter().map(|(_, one)| one.repository()).collect();
    let answers = registries.tags(&repositories).into_iter();
    let answers = answers.map(|tags| match tags {
        Ok(tags) => Answer::Listed {
            tags,
            dates: BTreeMap::new(),
        },
        Err(error) => Answer::Failed(error),
    });
    let components = open.iter().map(|(pin, _)| pin.component.clone());
    components.zip(answers).collect()
}

/// How many dates a person is shown: nobody reads further.
const DATES_SHOWN: usize = 100;

/// Adds the dates of the tags that a person picks from, where they cost no request.
pub(super) fn add_dates(pins: &[Pin], answers: &mut Components, registries: &Registries) {
    for pin in pins {
        if let (Some(image), Some(answer)) = (pin.image(), answers.get_mut(&pin.component)) {
            date(image, answer, registries);
        }
    }
}

fn date(image: &Reference, answer: &mut Answer, registries: &Registries) {
    if !registries.is_local(&image.repository()) {
        return;
    }
    let (tags, dates): (Vec<&Tag>, _) = match answer {
        Answer::Selected(selected) => {
            let verdicts = selected.selection.verdicts.iter();
            let offered = verdicts.filter(|verdict| verdict.why.is_in_the_running());
            (
                offered.map(|verdict| &verdict.tag).collect(),
                &mut selected.dates,
            )
        }
        Answer::Listed { tags, dates } => (tags.iter().rev().collect(), dates),
        _ => return,
    };
    let questions = tags.into_iter().take(DATES_SHOWN);
    let questions: Vec<_> = questions
        .map(|tag| (image.with(Some(tag.clone()), None), None))
        .collect();
    for ((reference, _), facts) in questions.iter().zip(registries.facts(&questions)) {
        let created = facts.ok().and_then(|facts| facts.created);
        if let (Some(tag), Some(created)) = (reference.tag(), created) {
            dates.entry(tag.clone()).or_insert(created);
        }
    }
}
