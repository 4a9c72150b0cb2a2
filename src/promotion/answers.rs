//! The words after `--keep`, `--overwrite` and `--release`, and which lines they answer.
//!
//! A word may name a unit, a key path in one, or be `all`, which answers what is asked and
//! nothing else. `--keep` reaches every line, so a person can always say no.

use std::fmt;

use super::selection::{UnitSelector, reaches};
use super::{Answer, Class, Decision, Line, Record, SelectError, UnitId, settle};

/// What a person said on the command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answers<'a> {
    /// After `--keep`.
    pub keep: &'a [String],
    /// After `--overwrite`, without rendered files.
    pub overwrite: &'a [String],
    /// After `--release`.
    pub release: &'a [String],
}

/// A word that names a unit in which it answers nothing: worth a note, no failure, so that
/// a repeated command ends well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// The flag.
    pub flag: &'static str,
    /// The word.
    pub word: String,
    /// The unit that it names.
    pub unit: UnitId,
}

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}: {} has no such line",
            self.flag, self.word, self.unit
        )
    }
}

impl Answers<'_> {
    /// Returns what is said of one line.
    ///
    /// # Errors
    /// It is to be kept and overwritten.
    pub fn to(
        &self,
        unit: &UnitId,
        line: &Line,
        record: Option<&Record>,
    ) -> Result<Answer, SelectError> {
        let is_asked = settle(line, record, Answer::default()) == Decision::Ask;
        let said = |words: &[String]| {
            let mut words = words.iter();
            words.any(|word| match word.as_str() {
                "all" => is_asked,
                word => reaches(word, unit, &line.difference.path),
            })
        };
        let by_name = |words: &[String]| {
            let mut words = words.iter().filter(|word| *word != "all");
            words.any(|word| reaches(word, unit, &line.difference.path))
        };
        let (mut keep, mut overwrite) = (said(self.keep), said(self.overwrite));
        if keep && overwrite {
            // A name says more than `all`.
            (keep, overwrite) = (by_name(self.keep), by_name(self.overwrite));
            if keep == overwrite {
                return Err(SelectError::Both(unit.to_string()));
            }
        }
        let differs = line.difference.class != Class::AlreadyThere;
        Ok(Answer {
            keep: keep && differs,
            overwrite,
            release: by_name(self.release) || self.release.iter().any(|word| word == "all"),
        })
    }

    /// Returns the words that name a unit and answer nothing there.
    ///
    /// # Errors
    /// A word names no unit.
    pub fn unreached(
        &self,
        known: &[&UnitId],
        lines: &[(&UnitId, &Line)],
    ) -> Result<Vec<Unreached>, SelectError> {
        let flags = [
            ("--keep", self.keep),
            ("--overwrite", self.overwrite),
            ("--release", self.release),
        ];
        let mut unreached = Vec::new();
        for (flag, words) in flags {
            for word in words.iter().filter(|word| *word != "all") {
                let unit = named(flag, word, known)?;
                let answers = |(unit, line): &(&UnitId, &Line)| {
                    is_answered(flag, line) && reaches(word, unit, &line.difference.path)
                };
                if !lines.iter().any(answers) {
                    unreached.push(Unreached {
                        flag,
                        word: word.clone(),
                        unit,
                    });
                }
            }
        }
        Ok(unreached)
    }
}

/// Whether a flag changes what becomes of a line.
fn is_answered(flag: &str, line: &Line) -> bool {
    match flag {
        "--keep" => line.difference.class != Class::AlreadyThere,
        "--overwrite" => line.difference.class.is_diverged(),
        _ => line.marks.is_taken_back,
    }
}

/// Returns the unit that a word names, with or without a key path.
fn named(flag: &'static str, word: &str, known: &[&UnitId]) -> Result<UnitId, SelectError> {
    let find = |word: &str| UnitSelector::new(word).find(flag, known.iter().copied());
    let whole = find(word);
    let is_separator = |c: char| matches!(c, '.' | '/' | ':' | ' ');
    let mut heads = word.match_indices(is_separator).map(|(at, _)| &word[..at]);
    match whole {
        Ok(unit) => Ok(unit),
        Err(error) => heads.find_map(|head| find(head).ok()).ok_or(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::promotion::{Difference, Marks};
    use serde_json::json;

    fn line(path: &str, class: Class) -> Line {
        Line {
            difference: Difference {
                path: path.parse().unwrap(),
                class,
                base: None,
                ours: Some(json!(1)),
                theirs: Some(json!(2)),
            },
            marks: Marks {
                is_taken_back: class == Class::Held,
                ..Marks::default()
            },
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn decisions(answers: &Answers<'_>) -> Vec<Decision> {
        let cart = UnitId::Component("cart".parse().unwrap());
        let lines = [
            line("image", Class::Change),
            line("values.a", Class::Hotfix),
            line("values.b", Class::Held),
        ];
        let said = lines.iter().map(|line| {
            let answer = answers.to(&cart, line, None).unwrap();
            settle(line, None, answer)
        });
        said.collect()
    }

    #[test]
    fn keep_reaches_every_line_by_name_and_the_asked_ones_by_all() {
        use Decision::{Ask, Keep, Overwrite, Refused, Take};
        let (cart, path, all) = (words(&["cart"]), words(&["cart.values"]), words(&["all"]));
        let keep = |keep| {
            decisions(&Answers {
                keep,
                ..Answers::default()
            })
        };
        assert_eq!(keep(&[]), [Take, Ask, Refused]);
        assert_eq!(keep(&cart), [Keep, Keep, Keep]);
        assert_eq!(keep(&path), [Take, Keep, Keep]);
        assert_eq!(keep(&all), [Take, Keep, Refused]);
        let overwrite = |overwrite| {
            decisions(&Answers {
                overwrite,
                ..Answers::default()
            })
        };
        assert_eq!(overwrite(&cart), [Take, Overwrite, Refused]);
        assert_eq!(overwrite(&all), [Take, Overwrite, Refused]);
        let release = |release| {
            decisions(&Answers {
                release,
                ..Answers::default()
            })
        };
        let leaf = words(&["cart.values.b"]);
        assert_eq!(release(&leaf), [Take, Ask, Take]);
        assert_eq!(release(&path), [Take, Ask, Take]);
        let both = Answers {
            keep: &all,
            overwrite: &path,
            ..Answers::default()
        };
        assert_eq!(decisions(&both), [Take, Overwrite, Refused]);
    }

    #[test]
    fn the_same_line_is_not_kept_and_overwritten() {
        let cart = UnitId::Component("cart".parse().unwrap());
        let (keep, overwrite) = (words(&["cart"]), words(&["cart.values"]));
        let answers = Answers {
            keep: &keep,
            overwrite: &overwrite,
            ..Answers::default()
        };
        let line = line("values.a", Class::Hotfix);
        assert!(answers.to(&cart, &line, None).is_err());
    }

    #[test]
    fn a_unit_that_does_not_diverge_is_a_note_and_a_name_of_nothing_an_error() {
        let (cart, web) = ("cart".parse().unwrap(), "web".parse().unwrap());
        let (cart, web) = (UnitId::Component(cart), UnitId::Component(web));
        let line = line("image", Class::Hotfix);
        let lines = [(&cart, &line)];
        let keep = words(&["cart", "cart.values.a", "web", "web.image", "all"]);
        let answers = Answers {
            keep: &keep,
            ..Answers::default()
        };
        let notes = answers.unreached(&[&cart, &web], &lines).unwrap();
        let notes: Vec<&str> = notes.iter().map(|note| note.word.as_str()).collect();
        assert_eq!(notes, ["cart.values.a", "web", "web.image"]);
        let keep = words(&["wep.image"]);
        let answers = Answers {
            keep: &keep,
            ..Answers::default()
        };
        assert!(answers.unreached(&[&cart, &web], &lines).is_err());
    }
}
