//! Which entries and items of three states are the same one: by name, through
//! `renamedFrom`, and by what Kubernetes tells the items of a list apart.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::super::listed;
use crate::yaml::Node;

/// New names by the old ones, for entries that a side renamed by saying `renamedFrom`.
pub(super) type Renames = HashMap<String, String>;

/// The renames between the base and either side.
pub(super) fn renames(base: Option<&Node>, sides: [Option<&Node>; 2]) -> Renames {
    let Some(base) = base.filter(|base| base.is_mapping()) else {
        return Renames::new();
    };
    let mut found = Renames::new();
    for side in sides.into_iter().flatten() {
        for entry in side.entries() {
            let old = entry.value.get("renamedFrom").and_then(Node::as_str);
            let new = entry.name();
            if let (Some(old), Some(new)) = (old, new)
                && side.get(old).is_none()
                && base.get(old).is_some()
                && base.get(&new).is_none()
            {
                found.entry(old.to_owned()).or_insert(new.into_owned());
            }
        }
    }
    found
}

/// The name by which an entry of a mapping is known to the other states.
pub(super) fn known_as(map: &Node, name: &str, renames: &Renames) -> String {
    match renames.get(name) {
        Some(new) if map.get(new).is_none() => new.clone(),
        _ => name.to_owned(),
    }
}

/// The names of the items of the lists of a field, where all of them have distinct ones.
pub(super) fn item_names(field: Option<&str>, lists: &[&Node]) -> Option<Vec<Vec<String>>> {
    let said: Vec<Vec<Value>> = lists.iter().map(|list| scalars(list)).collect();
    // Each list alone: their order may differ, and one may need more keys than another.
    let keys = said.iter().filter(|list| !list.is_empty());
    let keys: Option<Vec<_>> = keys.map(|list| listed::keys(field, &[list])).collect();
    let keys = keys?.into_iter().max_by_key(|keys| keys.len())?;
    let names = |list: &Vec<Value>| {
        let name = |item: &Value| {
            let step = listed::step(item, keys);
            crate::yaml::Path::new(vec![step]).to_string()
        };
        let names: Vec<String> = list.iter().map(name).collect();
        let distinct: HashSet<&String> = names.iter().collect();
        (distinct.len() == names.len()).then_some(names)
    };
    said.iter().map(names).collect()
}

/// What the items of a list say under their keys, as far as it is plain text.
fn scalars(list: &Node) -> Vec<Value> {
    let said = |item: &Node| {
        let entries = item.entries().iter();
        let pairs = entries.filter_map(|entry| {
            let text = entry.value.scalar()?.text.clone();
            Some((entry.name()?.into_owned(), Value::String(text)))
        });
        Value::Object(pairs.collect::<Map<_, _>>())
    };
    list.items().iter().map(said).collect()
}

/// The order of the names of both sides; their side's as well, where both reordered what
/// was there, differently.
pub(super) fn order<'n>(
    base: Option<&[&'n str]>,
    ours: &[&'n str],
    theirs: &[&'n str],
) -> (Vec<&'n str>, Option<Vec<&'n str>>) {
    let set = |names: &[&'n str]| -> HashSet<&'n str> { names.iter().copied().collect() };
    let (mine, yours, was) = (set(ours), set(theirs), base.map(set));
    let is_common = |name: &&&str| {
        mine.contains(*name)
            && yours.contains(*name)
            && was.as_ref().is_none_or(|was| was.contains(*name))
    };
    let of =
        |names: &[&'n str]| -> Vec<&'n str> { names.iter().filter(is_common).copied().collect() };
    let (here, there, before) = (of(ours), of(theirs), base.map(of));
    if here == there || before.as_ref() == Some(&there) {
        (woven(ours, theirs), None)
    } else if before.as_ref() == Some(&here) {
        (woven(theirs, ours), None)
    } else {
        (woven(ours, theirs), Some(woven(theirs, ours)))
    }
}

/// All names of the first list in its order, each of the second alone behind the one that
/// it is behind there.
fn woven<'n>(main: &[&'n str], other: &[&'n str]) -> Vec<&'n str> {
    let known: HashSet<&str> = main.iter().copied().collect();
    let others: HashSet<&str> = other.iter().copied().collect();
    let mut behind: HashMap<Option<&str>, Vec<&'n str>> = HashMap::new();
    let mut last = None;
    for name in other {
        match known.contains(name) {
            true => last = Some(*name),
            false => behind.entry(last).or_default().push(name),
        }
    }
    let mut out = Vec::with_capacity(main.len() + other.len());
    let mut waiting = behind.remove(&None).unwrap_or_default();
    for name in main {
        // What only this list has stays where it was added.
        if others.contains(name) {
            out.append(&mut waiting);
        }
        out.push(name);
        waiting.extend(behind.remove(&Some(*name)).unwrap_or_default());
    }
    out.extend(waiting);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml::Stream;

    fn ordered(base: &str, ours: &str, theirs: &str) -> (String, bool) {
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let names = |text: &str| leak(text).split_terminator(' ').collect::<Vec<_>>();
        let (base, ours, theirs) = (names(base), names(ours), names(theirs));
        let (order, differs) = order(Some(&base), &ours, &theirs);
        (order.join(" "), differs.is_some())
    }

    #[test]
    fn additions_keep_their_place_and_one_sides_order_counts() {
        for (base, ours, theirs, wanted, differs) in [
            ("a b", "a x b", "a b y", "a x b y", false),
            ("a b", "a b x", "a b y", "a b x y", false),
            ("a b", "a b", "y a b", "y a b", false),
            ("a b c", "c a b", "a b c d", "c d a b", false),
            ("a b c", "a b c x", "c b a", "c x b a", false),
            ("a b c", "b a c", "a c b", "b a c", true),
        ] {
            let found = ordered(base, ours, theirs);
            assert_eq!(found, (wanted.to_owned(), differs), "{ours}|{theirs}");
        }
    }

    #[test]
    fn items_have_the_names_that_kubernetes_goes_by() {
        let names = |field: &str, texts: &[&str]| {
            let streams: Vec<Stream> = texts.iter().map(|it| Stream::parse(it).unwrap()).collect();
            let roots: Vec<&Node> = streams
                .iter()
                .map(|it| it.documents()[0].root().unwrap())
                .collect();
            item_names(Some(field), &roots)
        };
        let ports = names(
            "ports",
            &["[{port: 53}]", "[{port: 53, protocol: UDP}, {port: 53}]"],
        );
        assert_eq!(
            ports.unwrap(),
            [
                vec!["[port=53+protocol=TCP]"],
                vec!["[port=53+protocol=UDP]", "[port=53+protocol=TCP]"]
            ]
        );
        assert!(names("env", &["[{name: b}, {name: a}]", "[{name: a}, {name: b}]"]).is_some());
        assert!(names("env", &["[{name: a}, {name: a}]"]).is_none());
        assert!(names("args", &["[a, b]"]).is_none());
    }
}
