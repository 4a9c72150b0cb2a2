//! Three-way comparison by key path: what the source changed, what the target
//! changed on its own, and where the two disagree.
//!
//! Owns the table of classes; knows nothing of files, Git or decisions. Maps
//! are compared key by key, lists whose items have names item by item, whatever their
//! order, and the order for itself; other lists and scalars are compared whole.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::listed;
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
    /// The source is as it was last seen; the target has what another environment's
    /// promotion brought.
    Ahead,
    /// The target had the source's value and took it back.
    Held,
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
    /// These parts of it were the same on both sides; of all others nothing is known.
    Partly(&'a Value),
    /// Nothing is known: values that differ need a decision.
    Unknown,
}

impl<'a> Base<'a> {
    fn below(self, step: &Step) -> Base<'a> {
        match self {
            Base::Known(value) => self.at(value.and_then(|value| step.down(value))),
            Base::Partly(value) => self.at(step.down(value)),
            Base::Unknown => Base::Unknown,
        }
    }

    /// What is known of a part that is this in the base.
    fn at(self, part: Option<&'a Value>) -> Base<'a> {
        match (self, part) {
            (Base::Known(_), part) => Base::Known(part),
            (Base::Partly(_), Some(map @ Value::Object(_))) => Base::Partly(map),
            (Base::Partly(_), Some(value)) => Base::Known(Some(value)),
            (Base::Partly(_), None) | (Base::Unknown, _) => Base::Unknown,
        }
    }

    fn is(self, value: Option<&Value>) -> bool {
        matches!(self, Base::Known(base) if same(base, value))
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
    if same(ours, theirs) && (base.is(ours) || matches!(base, Base::Unknown)) {
        return;
    }
    match (ours, theirs) {
        (Some(Value::Object(ours)), Some(Value::Object(theirs))) => {
            maps(steps, base, (ours, theirs), found);
            return;
        }
        (Some(Value::Array(ours)), Some(Value::Array(theirs)))
            if lists(steps, base, (ours, theirs), found) =>
        {
            return;
        }
        _ => {}
    }
    found.push(Difference {
        path: Path::new(steps.clone()),
        class: classify(base, ours, theirs),
        base: match base {
            Base::Known(value) => value.cloned(),
            Base::Partly(_) | Base::Unknown => None,
        },
        ours: ours.cloned(),
        theirs: theirs.cloned(),
    });
}

fn maps(
    steps: &mut Vec<Step>,
    base: Base<'_>,
    (ours, theirs): (&Map<String, Value>, &Map<String, Value>),
    found: &mut Vec<Difference>,
) {
    let only_ours = ours.keys().filter(|key| !theirs.contains_key(*key));
    let both_gone = match base {
        Base::Known(Some(Value::Object(base))) | Base::Partly(Value::Object(base)) => Some(base),
        _ => None,
    }
    .into_iter()
    .flat_map(|base| base.keys())
    .filter(|key| !theirs.contains_key(*key) && !ours.contains_key(*key));
    for key in theirs.keys().chain(only_ours).chain(both_gone) {
        let (ours, theirs) = (ours.get(key), theirs.get(key));
        steps.push(Step::Key(key.clone()));
        let base = base.below(&steps[steps.len() - 1]);
        descend(steps, base, ours, theirs, found);
        steps.pop();
    }
}

/// Compares two lists item by item; `false` where their items can't be told apart.
fn lists(
    steps: &mut Vec<Step>,
    base: Base<'_>,
    (ours, theirs): (&Vec<Value>, &Vec<Value>),
    found: &mut Vec<Difference>,
) -> bool {
    let was: &[Value] = match base {
        Base::Known(Some(Value::Array(items))) | Base::Partly(Value::Array(items)) => items,
        // What was something else before is no list of named items that was emptied.
        Base::Known(Some(_)) => return false,
        _ => &[],
    };
    if ours.is_empty() || theirs.is_empty() {
        return false;
    }
    let Some(keys) = listed::keys(listed::field(steps), &[theirs, ours, was]) else {
        return false;
    };
    let lists = [theirs, ours, was];
    let named = lists
        .map(|list| -> Vec<Step> { list.iter().map(|item| listed::step(item, keys)).collect() });
    let places =
        [0, 1, 2].map(|at| -> HashMap<&Step, &Value> { named[at].iter().zip(lists[at]).collect() });
    let mut seen = HashSet::new();
    for step in named.iter().flatten().filter(|step| seen.insert(*step)) {
        let [theirs, ours, was] = [0, 1, 2].map(|at| places[at].get(step).copied());
        steps.push(step.clone());
        descend(steps, base.at(was), ours, theirs, found);
        steps.pop();
    }
    found.extend(order(steps, &named));
    true
}

/// The difference in the order of the items that all states of a list have. The target's
/// order stays unless the source changed its own; where nothing is known of that, it stays.
fn order(steps: &[Step], [theirs, ours, was]: &[Vec<Step>; 3]) -> Option<Difference> {
    let shared = |one: &[Step], others: [&[Step]; 2]| listed::in_all(one, &others);
    let base = shared(was, [theirs, ours]);
    let (theirs, ours) = (shared(theirs, [ours, was]), shared(ours, [theirs, was]));
    if theirs == ours || theirs == base {
        return None;
    }
    Some(Difference {
        path: Path::new(steps.to_vec()).key(listed::ORDER),
        class: match ours == base {
            true => Class::Change,
            false => Class::Conflict,
        },
        base: Some(listed::order_of(&base)),
        ours: Some(listed::order_of(&ours)),
        theirs: Some(listed::order_of(&theirs)),
    })
}

/// Whether two values are equal. What is written in the same order, as nearly everything
/// is that came from one place, is compared in that order and nothing is looked up.
pub fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same_order(one, other) || one == other,
        (one, other) => one.is_none() && other.is_none(),
    }
}

fn same_order(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len()
                && pairs.all(|((key, one), (name, other))| key == name && same_order(one, other))
        }
        (Value::Array(one), Value::Array(other)) => {
            let mut pairs = one.iter().zip(other);
            one.len() == other.len() && pairs.all(|(one, other)| same_order(one, other))
        }
        (one, other) => one == other,
    }
}

fn classify(base: Base<'_>, ours: Option<&Value>, theirs: Option<&Value>) -> Class {
    if ours == theirs {
        return Class::AlreadyThere;
    }
    match base {
        Base::Unknown | Base::Partly(_) if ours.is_none() => Class::Change,
        Base::Unknown | Base::Partly(_) => Class::Conflict,
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

    use crate::yaml::value_at;

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
    fn maps_descend_and_lists_without_names_do_not() {
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
    fn items_with_names_are_compared_one_by_one() {
        let container = |image: &str, a: &str, b: &str| {
            json!({"name": "web", "image": image, "env": [
                {"name": "A", "value": a}, {"name": "B", "value": b},
            ], "ports": [{"containerPort": 80}, {"containerPort": 81}]})
        };
        let pod = |container: Value| json!({"containers": [container, {"name": "side"}]});
        let mut theirs = pod(container("a:2", "1", "3"));
        theirs["containers"][0]["ports"] = json!([{"containerPort": 81, "protocol": "TCP"}]);
        assert_eq!(
            classes(
                pod(container("a:1", "1", "1")),
                pod(container("a:1", "2", "1")),
                theirs
            ),
            [
                ("containers[name=web].image".to_owned(), Class::Change),
                (
                    "containers[name=web].env[name=A].value".to_owned(),
                    Class::Hotfix
                ),
                (
                    "containers[name=web].env[name=B].value".to_owned(),
                    Class::Change
                ),
                (
                    "containers[name=web].ports[containerPort=81].protocol".to_owned(),
                    Class::Change
                ),
                (
                    "containers[name=web].ports[containerPort=80]".to_owned(),
                    Class::Removal
                ),
            ]
        );
    }

    #[test]
    fn ports_that_need_their_protocol_are_told_apart_by_it() {
        let ports = |udp: &str| {
            json!({"ports": [
                {"port": 53, "targetPort": "dns"}, {"port": 53, "protocol": "UDP", "targetPort": udp},
            ]})
        };
        assert_eq!(
            classes(ports("a"), ports("b"), ports("a")),
            [(
                "ports[port=53+protocol=UDP].targetPort".to_owned(),
                Class::Hotfix
            )]
        );
        // The other one is found without a protocol.
        let tcp: Path = "ports[port=53+protocol=TCP].targetPort".parse().unwrap();
        assert_eq!(value_at(&ports("a"), &tcp), Some(&json!("dns")));
    }

    #[test]
    fn the_order_of_a_list_is_a_difference_of_its_own() {
        let list = |names: &str, of: &str| {
            let item = |name: char| json!({"name": name, "of": if name == 'c' { of } else { "" }});
            json!({"initContainers": names.chars().map(item).collect::<Vec<_>>()})
        };
        let (item, order) = ("[name=c].of", ".(order)");
        for (base, ours, theirs, wanted) in [
            ("ab", "ab", "ba", vec![(order, Class::Change)]),
            ("ab", "ba", "ab", vec![]),
            ("ab", "ba", "ba", vec![]),
            ("ac", "ca", "ac", vec![(item, Class::Change)]),
            (
                "abc",
                "abc",
                "cba",
                vec![(item, Class::Change), (order, Class::Change)],
            ),
            ("abd", "bad", "dab", vec![(order, Class::Conflict)]),
        ] {
            let found = classes(list(base, "1"), list(ours, "1"), list(theirs, "2"));
            let wanted = wanted.into_iter();
            let wanted: Vec<_> = wanted
                .map(|(path, class)| (format!("initContainers{path}"), class))
                .collect();
            assert_eq!(found, wanted, "{base} {ours} {theirs}");
        }
        // What the source's order was is not known: the target's stays.
        let (ours, theirs) = (list("ab", ""), list("ba", ""));
        assert_eq!(compare(Base::Unknown, Some(&ours), Some(&theirs)), []);
    }

    #[test]
    fn items_without_names_make_one_value_of_a_list() {
        let list = |names: &[&str]| {
            let items: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"initContainers": items})
        };
        for (base, ours, theirs) in [
            (list(&["a"]), list(&["a"]), list(&["a", "a"])),
            (list(&["a"]), list(&["a"]), json!({"initContainers": [1]})),
            (list(&["a"]), list(&["a"]), json!({"initContainers": []})),
        ] {
            assert_eq!(
                classes(base, ours, theirs),
                [("initContainers".to_owned(), Class::Change)]
            );
        }
    }

    #[test]
    fn what_is_known_in_part_is_asked_where_it_is_not() {
        let base = json!({"image": "a:1"});
        let ours = json!({"image": "a:1", "values": {"a": 1}});
        let theirs = json!({"image": "a:2", "values": {"a": 2, "b": 1}});
        let found: Vec<_> = compare(Base::Partly(&base), Some(&ours), Some(&theirs))
            .into_iter()
            .map(|d| (d.path.to_string(), d.class))
            .collect();
        assert_eq!(
            found,
            [
                ("image".to_owned(), Class::Change),
                ("values.a".to_owned(), Class::Conflict),
                ("values.b".to_owned(), Class::Change),
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
