//! The words after `--only`, `--keep`, `--overwrite` and `--release`: which
//! units and key paths they mean.

use super::UnitId;
use crate::yaml::Path;

/// A word that names nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SelectError {
    /// No unit of that name on either side.
    #[error("{flag} {word}: there is no component, template or promoted file of that name{}", suggestion(.like))]
    UnknownUnit {
        /// The flag.
        flag: &'static str,
        /// What was typed.
        word: String,
        /// The nearest name.
        like: Option<String>,
    },
    /// The same difference is to be kept and overwritten.
    #[error("{0} can't be kept and overwritten at once")]
    Both(String),
}

fn suggestion(like: &Option<String>) -> String {
    like.as_ref()
        .map_or_else(String::new, |like| format!("; did you mean {like}?"))
}

fn nearest(word: &str, names: impl Iterator<Item = String>) -> Option<String> {
    names
        .map(|name| (strsim::damerau_levenshtein(word, &name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// A unit as a person writes it: `cart`, `component/cart`, `template/grpc`,
/// `templates/grpc`, `defaults`, `product`, or the path of a promoted file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitSelector(String);

impl UnitSelector {
    /// Takes the word as typed.
    pub fn new(word: &str) -> Self {
        Self(word.trim_end_matches('/').to_owned())
    }

    fn names(&self, unit: &UnitId) -> bool {
        let word = self.0.as_str();
        match unit {
            UnitId::Product => matches!(word, "product" | "defaults"),
            UnitId::Component(name) => {
                word.strip_prefix("component/")
                    .or_else(|| word.strip_prefix("components/"))
                    .unwrap_or(word)
                    == name.as_str()
            }
            UnitId::Template(name) => {
                word.strip_prefix("template/")
                    .or_else(|| word.strip_prefix("templates/"))
                    == Some(name.as_str())
            }
            UnitId::File(_) => {
                let path = unit.to_string();
                word == path || is_named(word, &path)
            }
        }
    }

    /// The unit of `known` that this means.
    pub fn find<'a>(
        &self,
        flag: &'static str,
        known: impl Iterator<Item = &'a UnitId> + Clone,
    ) -> Result<UnitId, SelectError> {
        known
            .clone()
            .find(|unit| self.names(unit))
            .cloned()
            .ok_or_else(|| SelectError::UnknownUnit {
                flag,
                word: self.0.clone(),
                like: nearest(&self.0, known.map(UnitId::to_string)),
            })
    }
}

/// Whether a word is the path of a unit's file in some environment.
fn is_named(word: &str, unit: &str) -> bool {
    let Some((before, behind)) = unit.split_once("{env}") else {
        return false;
    };
    let rest = word.strip_prefix(before);
    rest.and_then(|rest| rest.strip_suffix(behind))
        .is_some_and(|name| !name.is_empty() && unit.replace("{env}", name) == word)
}

/// Whether `word` reaches the difference at `path` of `unit`: it names the
/// unit, or the unit and a key path at or above the difference, joined by `.`,
/// `/`, `:` or a blank.
pub(super) fn reaches(word: &str, unit: &UnitId, path: &Path) -> bool {
    if UnitSelector::new(word).names(unit) {
        return true;
    }
    for (index, separator) in word
        .char_indices()
        .filter(|(_, c)| matches!(c, '.' | '/' | ':' | ' '))
    {
        let (head, tail) = (&word[..index], &word[index + separator.len_utf8()..]);
        if !UnitSelector::new(head).names(unit) {
            continue;
        }
        let Ok(wanted) = tail.parse::<Path>() else {
            continue;
        };
        if path.starts_with(&wanted) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(text: &str) -> Path {
        text.parse().unwrap()
    }

    #[test]
    fn a_word_reaches_a_unit_or_a_key_path_in_it() {
        let cart = UnitId::Component("cart".parse().unwrap());
        assert!(reaches("cart", &cart, &path("values.env.A")));
        assert!(reaches("component/cart", &cart, &path("image")));
        assert!(reaches("cart.values.env", &cart, &path("values.env.A")));
        assert!(reaches("cart values.env.A", &cart, &path("values.env.A")));
        assert!(!reaches("cart.values.env.A", &cart, &path("values.env")));
        assert!(!reaches("car", &cart, &path("image")));
        let template = UnitId::Template("grpc".parse().unwrap());
        assert!(reaches("template/grpc", &template, &path("image")));
        assert!(!reaches("grpc", &template, &path("image")));
        assert!(reaches(
            "defaults",
            &UnitId::Product,
            &path("spec.defaults")
        ));
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest_name() {
        let known = [
            UnitId::Component("cartservice".parse().unwrap()),
            UnitId::Product,
        ];
        let error = UnitSelector::new("cartservise")
            .find("--only", known.iter())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "--only cartservise: there is no component, template or promoted file of that name; did you mean cartservice?"
        );
    }
}
