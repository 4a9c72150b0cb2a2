//! What a merge has to give, value by value: the proof of the merged text, and whether two
//! blocks hold the same.
//!
//! A scalar is its tag, whether it is a string, and its text; a list whose items have names
//! is a map by name; an alias has the value of its anchor. Nothing becomes a float.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::super::compare::{Base, Class, compare};
use super::outline::{At, Odd};
use super::pairs::{item_names, known_as, renames};
use crate::yaml::{Node, NodeKind, Path, Step};

/// The most values that are compared, aliases written out. The largest manifest of 16 MiB
/// has a few hundred thousand.
/// See `docs/limits.md`.
const MOST_VALUES: usize = 1 << 20;

/// The base, our side, their side, and what else is compared with them.
pub(super) type Sides<'a, const N: usize> = [Option<At<'a>>; N];

/// Whether two values are the same.
pub(super) fn same(one: Option<At<'_>>, other: Option<At<'_>>) -> Result<bool, Odd> {
    let [one, other] = comparable([one, other])?;
    Ok(one == other)
}

/// The values as `compare` takes them, all in one form.
pub(super) fn comparable<const N: usize>(sides: Sides<'_, N>) -> Result<[Option<Value>; N], Odd> {
    let mut reading = Reading { left: MOST_VALUES };
    let values = reading.together(&sides, None)?;
    values.try_into().map_err(|_| Odd)
}

/// What the merge of three values is, with our value or with theirs where they conflict.
pub(super) fn expected(
    [base, ours, theirs]: [&Option<Value>; 3],
    takes_theirs: bool,
) -> Result<Option<Value>, Odd> {
    let mut value = ours.clone();
    for difference in compare(Base::Known(base.as_ref()), ours.as_ref(), theirs.as_ref()) {
        let takes = match difference.class {
            Class::Change | Class::Removal => true,
            Class::Conflict => takes_theirs,
            _ => false,
        };
        if takes {
            set(&mut value, &difference.path, difference.theirs)?;
        }
    }
    Ok(value)
}

fn set(value: &mut Option<Value>, path: &Path, new: Option<Value>) -> Result<(), Odd> {
    let Some((last, above)) = path.steps().split_last() else {
        *value = new;
        return Ok(());
    };
    let mut here = value.as_mut().ok_or(Odd)?;
    for step in above {
        let Step::Key(key) = step else {
            return Err(Odd);
        };
        here = here.get_mut(key).ok_or(Odd)?;
    }
    let (Value::Object(map), Step::Key(key)) = (here, last) else {
        return Err(Odd);
    };
    match new {
        Some(new) => map.insert(key.clone(), new),
        None => map.shift_remove(key),
    };
    Ok(())
}

struct Reading {
    left: usize,
}

impl Reading {
    /// One value of several states, read side by side.
    fn together(
        &mut self,
        sides: &[Option<At<'_>>],
        field: Option<&str>,
    ) -> Result<Vec<Option<Value>>, Odd> {
        self.left = self.left.checked_sub(1).ok_or(Odd)?;
        let sides: Vec<Option<At<'_>>> = sides
            .iter()
            .map(|side| side.map(|(document, node)| (document, document.resolve(node))))
            .collect();
        let of = |kind: fn(&Node) -> bool| -> Vec<Option<At<'_>>> {
            let sides = sides.iter();
            sides.map(|side| side.filter(|(_, it)| kind(it))).collect()
        };
        let maps = self.maps(&of(Node::is_mapping))?;
        let lists = self.lists(&of(Node::is_sequence), field)?;
        let scalars = sides.iter().map(|side| side.map_or(Ok(None), scalar));
        let scalars: Vec<Option<Value>> = scalars.collect::<Result<_, _>>()?;
        let found = maps.into_iter().zip(lists).zip(scalars);
        let found: Vec<Option<Value>> = found
            .map(|((map, list), scalar)| map.or(list).or(scalar))
            .collect();
        let is_whole = found
            .iter()
            .zip(&sides)
            .all(|(it, side)| it.is_some() == side.is_some());
        is_whole.then_some(found).ok_or(Odd)
    }

    fn maps(&mut self, sides: &[Option<At<'_>>]) -> Result<Vec<Option<Value>>, Odd> {
        let node = |at: usize| sides.get(at).copied().flatten().map(|(_, node)| node);
        let renamed = match sides.len() {
            2 => Default::default(),
            _ => renames(node(0), [node(1), node(2)]),
        };
        let mut names: Vec<String> = Vec::new();
        let mut entries: Vec<HashMap<String, At<'_>>> = Vec::new();
        let mut seen = HashSet::new();
        for side in sides {
            let mut own = HashMap::new();
            for entry in side.iter().flat_map(|(_, map)| map.entries()) {
                let (document, map) = side.ok_or(Odd)?;
                let name = known_as(map, &entry.name().ok_or(Odd)?, &renamed);
                if seen.insert(name.clone()) {
                    names.push(name.clone());
                }
                if own.insert(name, (document, &entry.value)).is_some() {
                    return Err(Odd);
                }
            }
            entries.push(own);
        }
        let mut maps: Vec<Option<Map<String, Value>>> = sides
            .iter()
            .map(|side| side.is_some().then(Map::new))
            .collect();
        for name in names {
            let below: Vec<Option<At<'_>>> =
                entries.iter().map(|own| own.get(&name).copied()).collect();
            let values = self.together(&below, Some(&name))?;
            put(&mut maps, &name, values);
        }
        Ok(maps.into_iter().map(|map| map.map(Value::Object)).collect())
    }

    fn lists(
        &mut self,
        sides: &[Option<At<'_>>],
        field: Option<&str>,
    ) -> Result<Vec<Option<Value>>, Odd> {
        let lists: Vec<&Node> = sides.iter().flatten().map(|(_, list)| *list).collect();
        let Some(names) = item_names(field, &lists) else {
            return sides.iter().map(|side| self.whole(*side)).collect();
        };
        let mut names = names.into_iter();
        let own: Vec<Vec<String>> = sides
            .iter()
            .map(|side| side.and_then(|_| names.next()).unwrap_or_default())
            .collect();
        let mut seen = HashSet::new();
        let all: Vec<&String> = own.iter().flatten().filter(|it| seen.insert(*it)).collect();
        let places: Vec<HashMap<&String, usize>> = own
            .iter()
            .map(|names| names.iter().zip(0..).collect())
            .collect();
        // An empty list has no items that could be named.
        let mut maps: Vec<Option<Map<String, Value>>> = sides
            .iter()
            .map(|side| {
                side.filter(|(_, it)| !it.items().is_empty())
                    .map(|_| Map::new())
            })
            .collect();
        for name in all {
            let below: Vec<Option<At<'_>>> = sides
                .iter()
                .zip(&places)
                .map(|(side, places)| {
                    let (document, list) = (*side)?;
                    Some((document, list.items().get(*places.get(name)?)?))
                })
                .collect();
            let values = self.together(&below, None)?;
            put(&mut maps, name, values);
        }
        let empty = |side: &Option<At<'_>>| side.map(|_| Value::Array(Vec::new()));
        let maps = maps.into_iter().zip(sides);
        Ok(maps
            .map(|(map, side)| map.map(Value::Object).or_else(|| empty(side)))
            .collect())
    }

    fn whole(&mut self, side: Option<At<'_>>) -> Result<Option<Value>, Odd> {
        let Some((document, list)) = side else {
            return Ok(None);
        };
        let items = list.items().iter().map(|item| {
            let value = self.together(&[Some((document, item))], None)?;
            value.into_iter().next().flatten().ok_or(Odd)
        });
        Ok(Some(Value::Array(items.collect::<Result<_, _>>()?)))
    }
}

fn put(maps: &mut [Option<Map<String, Value>>], name: &str, values: Vec<Option<Value>>) {
    for (map, value) in maps.iter_mut().zip(values) {
        if let (Some(map), Some(value)) = (map, value) {
            map.insert(name.to_owned(), value);
        }
    }
}

/// A scalar as it is written; `None` for anything else.
fn scalar((document, node): At<'_>) -> Result<Option<Value>, Odd> {
    match node.kind {
        NodeKind::Scalar(_) => document.written_of(node).map(Some).map_err(|_| Odd),
        _ => Ok(None),
    }
}
