//! Three-way comparison by key path: what the source changed, what the target
//! changed on its own, and where the two disagree.
//!
//! Owns the table of classes; knows nothing of files, Git or decisions. Maps
//! are compared key by key; lists and scalars are compared whole.

use serde_json::Value;

use crate::yaml::{Path, Step};

/// How one key path of a unit stands between source and target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The source changed or added it, the target did not.
    Change,
    /// The source removed it, the target did not touch it.
    Removal,
    /// Both sides came to the same value.
    AlreadyThere,
    /// The target changed, added or removed it, the source did not.
    Hotfix,
    /// Both sides changed it, differently.
    Conflict,
}

impl Class {
    /// Whether a person has to say what becomes of it.
    pub fn is_diverged(self) -> bool {
        matches!(self, Class::Hotfix | Class::Conflict)
    }
}

/// What is known of the common past of a unit.
#[derive(Debug, Clone, Copy)]
pub enum Base<'a> {
    /// The unit as it was last the same on both sides; `None`: it did not exist.
    Known(Option<&'a Value>),
    /// Nothing is known: values that differ need a decision.
    Unknown,
}

impl<'a> Base<'a> {
    fn get(self, key: &str) -> Base<'a> {
        match self {
            Base::Known(Some(Value::Object(map))) => Base::Known(map.get(key)),
            Base::Known(_) => Base::Known(None),
            Base::Unknown => Base::Unknown,
        }
    }

    fn is(self, value: Option<&Value>) -> bool {
        matches!(self, Base::Known(base) if base == value)
    }
}

/// One key path at which the two sides are not simply equal since the base.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key path inside the unit; empty: the unit itself.
    pub path: Path,
    /// Its class.
    pub class: Class,
    /// The last common value, where one is known.
    pub base: Option<Value>,
    /// The target's value.
    pub ours: Option<Value>,
    /// The source's value.
    pub theirs: Option<Value>,
}

/// Compares one unit of the target (`ours`) and of the source (`theirs`)
/// against what was last promoted (`base`). Key paths that nobody changed are
/// left out. The order is the source's, then what only the target has.
pub fn compare(base: Base<'_>, ours: Option<&Value>, theirs: Option<&Value>) -> Vec<Difference> {
    let mut found = Vec::new();
    descend(&mut Vec::new(), base, ours, theirs, &mut found);
    found
}

fn descend(
    steps: &mut Vec<Step>,
    base: Base<'_>,
    ours: Option<&Value>,
    theirs: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    if ours == theirs && (base.is(ours) || matches!(base, Base::Unknown)) {
        return;
    }
    if let (Some(Value::Object(ours)), Some(Value::Object(theirs))) = (ours, theirs) {
        let only_ours = ours.keys().filter(|key| !theirs.contains_key(*key));
        let both_gone = match base {
            Base::Known(Some(Value::Object(base))) => Some(base),
            _ => None,
        }
        .into_iter()
        .flat_map(|base| base.keys())
        .filter(|key| !theirs.contains_key(*key) && !ours.contains_key(*key));
        for key in theirs.keys().chain(only_ours).chain(both_gone) {
            steps.push(Step::Key(key.clone()));
            descend(steps, base.get(key), ours.get(key), theirs.get(key), found);
            steps.pop();
        }
        return;
    }
    found.push(Difference {
        path: Path::new(steps.clone()),
        class: classify(base, ours, theirs),
        base: match base {
            Base::Known(value) => value.cloned(),
            Base::Unknown => None,
        },
        ours: ours.cloned(),
        theirs: theirs.cloned(),
    });
}

/// The value at a key path below `root`.
pub fn value_at<'a>(root: &'a Value, path: &Path) -> Option<&'a Value> {
    path.steps()
        .iter()
        .try_fold(root, |value, step| match step {
            Step::Key(key) => value.get(key.as_str()),
            Step::Index(index) => value.get(*index),
        })
}

fn classify(base: Base<'_>, ours: Option<&Value>, theirs: Option<&Value>) -> Class {
    if ours == theirs {
        return Class::AlreadyThere;
    }
    match base {
        Base::Unknown if ours.is_none() => Class::Change,
        Base::Unknown => Class::Conflict,
        Base::Known(base) if base == ours && theirs.is_none() => Class::Removal,
        Base::Known(base) if base == ours => Class::Change,
        Base::Known(base) if base == theirs => Class::Hotfix,
        Base::Known(_) => Class::Conflict,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn classes(base: Value, ours: Value, theirs: Value) -> Vec<(String, Class)> {
        compare(Base::Known(Some(&base)), Some(&ours), Some(&theirs))
            .into_iter()
            .map(|d| (d.path.to_string(), d.class))
            .collect()
    }

    #[test]
    fn every_row_of_the_table() {
        let rows = [
            (
                json!({"a": 1}),
                json!({"a": 1}),
                json!({"a": 2}),
                Some(Class::Change),
            ),
            (json!({"a": 1}), json!({"a": 1}), json!({"a": 1}), None),
            (
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 2}),
                Some(Class::AlreadyThere),
            ),
            (
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 1}),
                Some(Class::Hotfix),
            ),
            (json!({}), json!({"a": 2}), json!({}), Some(Class::Hotfix)),
            (
                json!({"a": 1}),
                json!({}),
                json!({"a": 1}),
                Some(Class::Hotfix),
            ),
            (
                json!({"a": 1}),
                json!({"a": 2}),
                json!({"a": 3}),
                Some(Class::Conflict),
            ),
            (
                json!({"a": 1}),
                json!({"a": 1}),
                json!({}),
                Some(Class::Removal),
            ),
            (
                json!({"a": 1}),
                json!({"a": 2}),
                json!({}),
                Some(Class::Conflict),
            ),
            (
                json!({"a": 1}),
                json!({}),
                json!({"a": 2}),
                Some(Class::Conflict),
            ),
            (
                json!({}),
                json!({"a": 1}),
                json!({"a": 2}),
                Some(Class::Conflict),
            ),
            (json!({}), json!({}), json!({"a": 2}), Some(Class::Change)),
            (
                json!({"a": 1}),
                json!({}),
                json!({}),
                Some(Class::AlreadyThere),
            ),
        ];
        for (base, ours, theirs, class) in rows {
            let expected: Vec<_> = class.map(|c| ("a".to_owned(), c)).into_iter().collect();
            assert_eq!(
                classes(base.clone(), ours.clone(), theirs.clone()),
                expected,
                "{base} {ours} {theirs}"
            );
        }
    }

    #[test]
    fn maps_descend_lists_do_not() {
        let base = json!({"values": {"env": {"A": "1", "B": "1"}, "args": ["x"]}});
        let ours = json!({"values": {"env": {"A": "2", "B": "1"}, "args": ["x"]}});
        let theirs = json!({"values": {"env": {"A": "1", "B": "3"}, "args": ["x", "y"]}});
        assert_eq!(
            classes(base, ours, theirs),
            [
                ("values.env.A".to_owned(), Class::Hotfix),
                ("values.env.B".to_owned(), Class::Change),
                ("values.args".to_owned(), Class::Change),
            ]
        );
    }

    #[test]
    fn a_unit_of_one_side_only_is_compared_whole() {
        let unit = json!({"image": "a:1"});
        let changed = json!({"image": "a:2"});
        let one = |base: Option<&Value>, ours: Option<&Value>, theirs: Option<&Value>| {
            let all = compare(Base::Known(base), ours, theirs);
            assert_eq!(all.len(), 1);
            assert!(all[0].path.is_root());
            all[0].class
        };
        assert_eq!(one(None, None, Some(&unit)), Class::Change);
        assert_eq!(one(Some(&unit), Some(&unit), None), Class::Removal);
        assert_eq!(one(Some(&unit), Some(&changed), None), Class::Conflict);
        assert_eq!(one(None, Some(&unit), None), Class::Hotfix);
        assert_eq!(one(Some(&unit), None, Some(&unit)), Class::Hotfix);
        assert_eq!(one(Some(&unit), None, Some(&changed)), Class::Conflict);
    }

    #[test]
    fn without_a_base_every_difference_is_asked_but_additions() {
        let ours = json!({"a": 1, "b": 1, "c": 1});
        let theirs = json!({"a": 2, "c": 1, "d": 1});
        let found: Vec<_> = compare(Base::Unknown, Some(&ours), Some(&theirs))
            .into_iter()
            .map(|d| (d.path.to_string(), d.class))
            .collect();
        assert_eq!(
            found,
            [
                ("a".to_owned(), Class::Conflict),
                ("d".to_owned(), Class::Change),
                ("b".to_owned(), Class::Conflict),
            ]
        );
    }
}
