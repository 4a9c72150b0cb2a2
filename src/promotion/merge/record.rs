//! The merge of two promotion records: path by path, what was decided on both sides
//! united, the head from the side that was promoted last.
//!
//! Works on the mapping as it is, so fields that are not known here stay.

use serde_json::{Map, Value};

use super::super::compare::{Base, Class, Difference, compare};
use super::super::listed;
use super::super::seal::seal;
use super::lines::{Show, two_way};
use super::{Merged, Texts};
use crate::yaml::{Path, Step, Stream, to_yaml, value_at};

/// What says where the content came from, taken together from one side.
const HEAD: [&str; 5] = ["by", "from", "onto", "at", "shape"];

/// Lists of decisions, of which each item counts for itself.
const UNITED: [&str; 4] = ["kept", "refused", "others", "unknown"];

/// What is computed anew.
const COMPUTED: [&str; 2] = ["serial", "seal"];

type Fields = Map<String, Value>;

/// Merges a record, conflicts between markers of so many characters. `None` where one of
/// the texts is not a mapping.
pub fn merge_records(texts: Texts<'_>, marker: usize) -> Option<Merged> {
    let base = match texts.base.trim().is_empty() {
        true => None,
        false => Some(fields(texts.base)?),
    };
    let (ours, theirs) = (fields(texts.ours)?, fields(texts.theirs)?);
    let states = States {
        base: base.as_ref(),
        ours: &ours,
        theirs: &theirs,
    };
    let differences = states.differences();
    let text = |takes_theirs| -> Option<String> {
        let fields = states.merged(&differences, takes_theirs)?;
        Some(to_yaml(&Value::Object(fields)))
    };
    let mine = text(false)?;
    if !differences.iter().any(|it| it.class == Class::Conflict) {
        let is_sealed = [&ours, &theirs].iter().any(|it| it.contains_key("seal"));
        return Some(Merged {
            text: if is_sealed { seal(mine) } else { mine },
            has_conflicts: false,
        });
    }
    // A person changes it next, so it gets no seal.
    let yours = text(true)?;
    let (mine, yours): (Vec<&str>, Vec<&str>) = (mine.lines().collect(), yours.lines().collect());
    Some(Merged {
        text: two_way(&mine, &yours).text(Show::Marked(marker)),
        has_conflicts: true,
    })
}

fn fields(text: &str) -> Option<Fields> {
    let stream = Stream::parse(text).ok()?;
    match stream.single().ok()??.value().ok()? {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

struct States<'a> {
    base: Option<&'a Fields>,
    ours: &'a Fields,
    theirs: &'a Fields,
}

impl States<'_> {
    /// What differs outside of the head and the lists of decisions.
    fn differences(&self) -> Vec<Difference> {
        let rest = |fields: &Fields| {
            let pairs = fields.iter().filter(|(name, _)| !has_own_rule(name));
            Value::Object(pairs.map(|(name, it)| (name.clone(), it.clone())).collect())
        };
        let base = self.base.map(rest);
        let (ours, theirs) = (rest(self.ours), rest(self.theirs));
        compare(Base::Known(base.as_ref()), Some(&ours), Some(&theirs))
    }

    fn merged(&self, differences: &[Difference], takes_theirs: bool) -> Option<Fields> {
        let newer = self.newer();
        let mut value = Value::Object(self.ours.clone());
        for difference in differences {
            let takes = match difference.class {
                Class::Change | Class::Removal => true,
                Class::Conflict => takes_theirs,
                Class::Hotfix | Class::AlreadyThere | Class::Ahead | Class::Held => false,
            };
            if let Some(list) = listed::list_of(&difference.path).filter(|_| takes) {
                order(&mut value, &Value::Object(self.theirs.clone()), &list)?;
            } else if takes {
                set(
                    &mut value,
                    difference.path.steps(),
                    difference.theirs.as_ref(),
                )?;
            }
        }
        let Value::Object(mut fields) = value else {
            return None;
        };
        for name in HEAD {
            put(&mut fields, name, newer.get(name).cloned());
        }
        for name in UNITED {
            put(&mut fields, name, self.united(name));
        }
        let serial = serial(self.ours).max(serial(self.theirs));
        put(&mut fields, "serial", serial.map(|it| Value::from(it + 1)));
        fields.shift_remove("seal");
        Some(fields)
    }

    /// The side with the higher serial.
    fn newer(&self) -> &Fields {
        match serial(self.theirs) > serial(self.ours) {
            true => self.theirs,
            false => self.ours,
        }
    }

    /// The items of a list that neither side took out; `None` where there are none.
    fn united(&self, name: &str) -> Option<Value> {
        let items = |fields: &Fields| -> Vec<Value> {
            let items = fields.get(name).and_then(Value::as_array);
            items.cloned().unwrap_or_default()
        };
        let base = self.base.map(items).unwrap_or_default();
        let (ours, theirs) = (items(self.ours), items(self.theirs));
        let stays = |it: &Value, other: &[Value]| other.contains(it) || !base.contains(it);
        let newer = items(self.newer());
        // Of one path and environment the newer sighting counts.
        let is_older = |it: &Value| {
            let same = |key: &str, other: &Value| other.get(key) == it.get(key);
            let is_seen = |other: &Value| same("path", other) && same("environment", other);
            name == "others" && !newer.contains(it) && newer.iter().any(is_seen)
        };
        let mut united: Vec<Value> = Vec::new();
        for (item, other) in ours
            .iter()
            .map(|it| (it, &theirs))
            .chain(theirs.iter().map(|it| (it, &ours)))
        {
            if stays(item, other) && !is_older(item) && !united.contains(item) {
                united.push(item.clone());
            }
        }
        (!united.is_empty()).then_some(Value::Array(united))
    }
}

fn has_own_rule(name: &str) -> bool {
    let mut names = HEAD.iter().chain(&UNITED).chain(&COMPUTED);
    names.any(|it| *it == name)
}

fn serial(fields: &Fields) -> Option<u64> {
    fields.get("serial").and_then(Value::as_u64)
}

/// Sets a field in its place, or takes it out.
fn put(fields: &mut Fields, name: &str, value: Option<Value>) {
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.shift_remove(name),
    };
}

/// Gives the items that two lists have in common the other one's order.
fn order(value: &mut Value, other: &Value, list: &Path) -> Option<()> {
    let names = listed::items_at(other, list)?;
    let own = listed::items_at(value, list)?;
    let items = value_at(value, list)?.as_array()?;
    let known = names
        .iter()
        .filter_map(|name| own.iter().position(|it| it == name));
    let mut known = known.map(|at| items[at].clone());
    let ordered = own
        .iter()
        .zip(items)
        .map(|(name, item)| match names.contains(name) {
            true => known.next().unwrap_or_else(|| item.clone()),
            false => item.clone(),
        });
    let ordered = Value::Array(ordered.collect());
    set(value, list.steps(), Some(&ordered))
}

fn set(value: &mut Value, steps: &[Step], new: Option<&Value>) -> Option<()> {
    let (first, rest) = steps.split_first()?;
    match (first, value) {
        (Step::Key(key), Value::Object(map)) => match (rest, new) {
            ([], Some(new)) => drop(map.insert(key.clone(), new.clone())),
            ([], None) => drop(map.shift_remove(key)),
            _ => set(map.get_mut(key)?, rest, new)?,
        },
        (step, Value::Array(items)) => {
            let says = |item: &Value| step.down(&Value::Array(vec![item.clone()])).is_some();
            let at = items.iter().position(says);
            match (rest, new, at) {
                ([], Some(new), Some(at)) => items[at] = new.clone(),
                ([], Some(new), None) => items.push(new.clone()),
                ([], None, Some(at)) => drop(items.remove(at)),
                _ => set(items.get_mut(at?)?, rest, new)?,
            }
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BASE: &str = "kind: PromotionRecord\nunit: component/a\nserial: 3\nfrom:\n  environment: dev\n  commit: one\ncontent:\n  image: a:1\n  values:\n    x: 1\n    z: 1\nrefused:\n- path: image\n  value: a:0\nlater: kept as it is\nseal: sha256:00\n";

    fn merged(base: &str, ours: &str, theirs: &str) -> Merged {
        merge_records(Texts { base, ours, theirs }, 7).unwrap()
    }

    #[test]
    fn records_merge_by_path_with_the_newer_head_and_a_seal() {
        let ours = BASE
            .replace("x: 1", "x: 2")
            .replace("serial: 3", "serial: 4");
        let theirs = BASE
            .replace("z: 1", "z: 2")
            .replace("serial: 3", "serial: 6")
            .replace("commit: one", "commit: two")
            .replace(
                "  value: a:0\n",
                "  value: a:0\n- path: image\n  value: a:9\n",
            );
        let merged = merged(BASE, &ours, &theirs);
        assert!(!merged.has_conflicts);
        let expected = BASE
            .replace("x: 1", "x: 2")
            .replace("z: 1", "z: 2")
            .replace("serial: 3", "serial: 7")
            .replace("commit: one", "commit: two")
            .replace(
                "  value: a:0\n",
                "  value: a:0\n- path: image\n  value: a:9\n",
            );
        let (expected, _) = expected.rsplit_once("seal").unwrap();
        let (text, seal) = merged.text.rsplit_once("seal: ").unwrap();
        assert_eq!(text, expected);
        assert_eq!(super::seal(text.to_owned()), format!("{text}seal: {seal}"));
    }

    #[test]
    fn of_two_sightings_of_one_path_the_newer_one_counts() {
        let seen = |serial: u8, value: &str| {
            let others =
                format!("others:\n- environment: staging\n  path: image\n  value: {value}\nlater");
            let text = BASE.replace("later", &others);
            text.replace("serial: 3", &format!("serial: {serial}"))
        };
        let merged = merged(BASE, &seen(5, "a:5"), &seen(4, "a:4"));
        assert!(merged.text.contains("value: a:5"), "{}", merged.text);
        assert!(!merged.text.contains("value: a:4"), "{}", merged.text);
    }

    #[test]
    fn a_decision_that_one_side_took_back_is_gone() {
        let ours = BASE.replace("refused:\n- path: image\n  value: a:0\n", "");
        let theirs = BASE.replace("x: 1", "x: 2");
        let merged = merged(BASE, &ours, &theirs);
        assert!(!merged.text.contains("refused"), "{}", merged.text);
    }

    #[test]
    fn one_path_that_both_changed_conflicts_alone() {
        let ours = BASE.replace("x: 1", "x: 2");
        let theirs = BASE.replace("x: 1", "x: 3").replace("z: 1", "z: 3");
        let merged = merged(BASE, &ours, &theirs);
        assert!(merged.has_conflicts);
        let marked = "<<<<<<< ours\n    x: 2\n=======\n    x: 3\n>>>>>>> theirs\n    z: 3\n";
        assert!(merged.text.contains(marked), "{}", merged.text);
        assert!(!merged.text.contains("seal"), "{}", merged.text);
    }
}
