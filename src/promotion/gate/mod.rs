//! Guards: what can stop a promotion, and how each is opened.
//!
//! One file for each guard, and one line in [`GUARDS`]. A guard passes, or refuses with
//! facts. One that something outside keeps from knowing is a failure of that, not a verdict.

mod images;
mod order;
mod validation;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Refusal;

pub use images::judge as images;
pub(super) use order::judge as order;
pub use validation::judge as validation;

/// A guard by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Guard {
    /// The source is the one that `gitops.yaml` names, and the commit is in its history.
    Order,
    /// The result has no error that the target does not have already.
    Validation,
    /// The target can pull the images.
    Images,
}

/// All guards, with their names.
pub const GUARDS: [(Guard, &str); 3] = [
    (Guard::Order, "order"),
    (Guard::Validation, "validation"),
    (Guard::Images, "images"),
];

/// Guards that a person skips, each with the reason.
pub type Overrides = BTreeMap<Guard, String>;

/// A word that names no guard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no guard {word:?}; the guards are {}", names().join(", "))]
pub struct GuardError {
    word: String,
}

impl Guard {
    /// Its name.
    pub fn name(self) -> &'static str {
        let found = GUARDS.iter().find(|(guard, _)| *guard == self);
        found.map_or("", |(_, name)| name)
    }

    /// The refusal, unless the guard is skipped.
    fn unless_skipped(self, overrides: &Overrides, refusal: Refusal) -> Option<Refusal> {
        (!overrides.contains_key(&self)).then_some(refusal)
    }
}

fn names() -> Vec<&'static str> {
    GUARDS.iter().map(|(_, name)| *name).collect()
}

impl FromStr for Guard {
    type Err = GuardError;

    fn from_str(text: &str) -> Result<Self, GuardError> {
        let found = GUARDS.iter().find(|(_, name)| *name == text);
        found.map(|(guard, _)| *guard).ok_or_else(|| GuardError {
            word: text.to_owned(),
        })
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Guard {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Guard {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_guard_is_known_by_its_name_alone() {
        for (guard, name) in GUARDS {
            assert_eq!(name.parse::<Guard>().unwrap(), guard);
            assert_eq!(guard.to_string(), name);
        }
        assert_eq!(
            "moon".parse::<Guard>().unwrap_err().to_string(),
            "there is no guard \"moon\"; the guards are order, validation, images"
        );
    }
}
