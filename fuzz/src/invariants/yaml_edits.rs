//! Editing YAML: refused with a reason, or done so that exactly the target changed, for
//! our own readers and for libyaml.
//!
//! The first line of the input says what to do, the rest is the text: `set 3 v2` writes a
//! string over the third scalar, `add 1 key` puts a new key into the first mapping,
//! `val 2 x` writes a collection, `del 4` removes. Only the first letter counts.

use kubectl_gitops::yaml::{Editor, Node, NodeKind, Path, Resolved, Stream};
use serde_json::{Value, json};

use super::command;

/// An edit, as the first line of the input asks for it; tells whether it was done.
pub fn yaml_edit(data: &[u8]) -> bool {
    let Some((wish, text)) = command(data) else {
        return false;
    };
    let Ok(stream) = Stream::parse(text) else {
        return false;
    };
    let mut words = wish.splitn(3, ' ');
    let action = words.next().unwrap_or_default();
    let number = words.next().unwrap_or_default();
    let new = words.next().unwrap_or_default().replace("\\n", "\n");
    let number = number.bytes().fold(0usize, |sum, byte| {
        sum.wrapping_mul(10)
            .wrapping_add(usize::from(byte.wrapping_sub(b'0')))
    });
    let edit = Edit {
        text,
        stream: &stream,
        number,
        new: &new,
    };
    match action.bytes().next() {
        Some(b's') => edit.set(),
        Some(b'a') => edit.add(),
        Some(b'v') => edit.value(),
        Some(b'd') => edit.remove(),
        _ => None,
    }
    .is_some()
}

struct Edit<'a> {
    text: &'a str,
    stream: &'a Stream,
    number: usize,
    new: &'a str,
}

/// A node with its document and its way there.
struct Place<'a> {
    document: usize,
    path: Path,
    /// The same way by numbers: keys may have several spellings.
    way: Vec<usize>,
    node: &'a Node,
}

impl<'a> Edit<'a> {
    /// The node that the number picks among those that fit.
    fn pick(&self, fits: impl Fn(&Node) -> bool) -> Option<Place<'a>> {
        let mut places = Vec::new();
        for (document, read) in self.stream.documents().iter().enumerate() {
            if let Some(root) = read.root() {
                let here = (document, Path::root(), Vec::new());
                collect(here, root, &mut places);
            }
        }
        places.retain(|place| fits(place.node));
        let at = self.number.checked_rem(places.len())?;
        Some(places.swap_remove(at))
    }

    fn edited(&self, edit: impl FnOnce(&mut Editor<'a>) -> bool) -> Option<String> {
        let mut editor = Editor::new(self.stream).ok()?;
        if !edit(&mut editor) {
            return None;
        }
        editor.finish().ok()
    }

    fn set(&self) -> Option<String> {
        let place = self.pick(|node| matches!(node.kind, NodeKind::Scalar(_)))?;
        let set = |editor: &mut Editor<'_>| {
            let set = editor.set_string(place.document, &place.path, self.new);
            set.is_ok()
        };
        let made = self.edited(set)?;
        self.outside_is_kept(&place, &made);
        let changed = self.only_there(&place, &made);
        let read = Stream::parse(&made).map(|made| self.find(&made, &place));
        assert_eq!(
            read,
            Ok(Some(Some(self.new.to_owned()))),
            "{}",
            self.say(&made)
        );
        if let Some(changed) = changed {
            assert_eq!(
                changed,
                Value::String(self.new.to_owned()),
                "{}",
                self.say(&made)
            );
        }
        Some(made)
    }

    /// The string at a place of another text; `None` within for anything else.
    fn find(&self, made: &Stream, place: &Place<'_>) -> Option<Option<String>> {
        let root = made.documents().get(place.document)?.root()?;
        let node = root.at(&place.path)?;
        let text = node.scalar().map(|scalar| scalar.text.to_string());
        Some(text.filter(|_| node.resolved() == Some(Resolved::String)))
    }

    /// Every byte before and behind the target is what it was.
    fn outside_is_kept(&self, place: &Place<'_>, made: &str) {
        let (start, end) = (place.node.start(), place.node.end());
        let (before, behind) = (&self.text[..start], &self.text[end..]);
        assert!(made.starts_with(before), "{}", self.say(made));
        // Of `{a: , b: 1}` the blank is taken along.
        let kept = made.ends_with(behind)
            || (start == end && made.ends_with(behind.strip_prefix(' ').unwrap_or(behind)));
        assert!(kept, "{}", self.say(made));
    }

    fn value(&self) -> Option<String> {
        let place = self.pick(|_| true)?;
        let value = match self.number % 5 {
            0 => json!({"k": self.new, "l": [self.new, {"m": 1}]}),
            1 => json!([self.new, [self.new], {}]),
            2 => json!({}),
            3 => json!(null),
            _ => json!(-7),
        };
        let set = |editor: &mut Editor<'_>| {
            let set = editor.set_value(place.document, &place.path, &value);
            set.is_ok()
        };
        let made = self.edited(set)?;
        if let Some(changed) = self.only_there(&place, &made) {
            assert_eq!(changed, value, "{}", self.say(&made));
        }
        Some(made)
    }

    fn add(&self) -> Option<String> {
        let place = self.pick(|node| node.is_mapping())?;
        let name = "zz";
        if place.node.get(name).is_some() {
            return None;
        }
        let path = place.path.key(name);
        let set = |editor: &mut Editor<'_>| {
            let set = editor.set_string(place.document, &path, self.new);
            set.is_ok()
        };
        let made = self.edited(set)?;
        let removed = Stream::parse(&made).ok().and_then(|made| {
            let mut editor = Editor::new(&made).ok()?;
            editor.remove(place.document, &path).ok()?;
            editor.finish().ok()
        });
        let (Some(old), Some(new)) = (values(self.text), values(&made)) else {
            return Some(made);
        };
        if let Some(removed) = removed.as_deref().and_then(values) {
            assert!(same_but_for_empty(&removed, &old), "{}", self.say(&made));
        }
        assert_ne!(old, new, "{}", self.say(&made));
        Some(made)
    }

    fn remove(&self) -> Option<String> {
        let place = self.pick(|_| true)?;
        let remove = |editor: &mut Editor<'_>| editor.remove(place.document, &place.path).is_ok();
        let made = self.edited(remove)?;
        let (Some(mut old), Some(new)) = (values(self.text), values(&made)) else {
            return Some(made);
        };
        let Some((last, above)) = place.way.split_last() else {
            panic!("a root was removed: {}", self.say(&made));
        };
        match old.get_mut(place.document).and_then(|old| at(old, above)) {
            Some(Value::Object(map)) => {
                let name = map.keys().nth(*last).cloned();
                name.and_then(|name| map.shift_remove(&name));
            }
            Some(Value::Array(items)) => {
                items.remove(*last);
            }
            _ => {}
        }
        assert_eq!(old, new, "{}", self.say(&made));
        Some(made)
    }

    /// For libyaml, too, nothing else changed. What it reads at the place now; `None` where it
    /// could not read the text as it was.
    fn only_there(&self, place: &Place<'_>, made: &str) -> Option<Value> {
        let mut old = values(self.text)?;
        let Some(mut new) = values(made) else {
            panic!("no longer read: {}", self.say(made));
        };
        let there = at(new.get_mut(place.document)?, &place.way)?;
        let changed = std::mem::take(there);
        *at(old.get_mut(place.document)?, &place.way)? = Value::Null;
        assert_eq!(old, new, "{}", self.say(made));
        Some(changed)
    }

    fn say(&self, made: &str) -> String {
        format!("{:?}\nbecame\n{made:?}\nfor {:?}", self.text, self.new)
    }
}

/// All nodes that a path leads to.
fn collect<'a>(
    (document, path, way): (usize, Path, Vec<usize>),
    node: &'a Node,
    into: &mut Vec<Place<'a>>,
) {
    let below = |number: usize| [&way[..], &[number]].concat();
    for (number, entry) in node.entries().iter().enumerate() {
        // A path leads to the first of several.
        let name = entry.name().filter(|name| {
            let first = node.get(name);
            first.is_some_and(|first| std::ptr::eq(first, &entry.value))
        });
        if let Some(name) = name {
            let there = (document, path.key(name.as_ref()), below(number));
            collect(there, &entry.value, into);
        }
    }
    for (number, item) in node.items().iter().enumerate() {
        let there = (document, path.index(number), below(number));
        collect(there, item, into);
    }
    into.push(Place {
        document,
        path,
        way,
        node,
    });
}

/// Whether no key has a tag or is null: JSON takes two of them for one.
fn has_plain_keys(value: &serde_yaml::Value) -> bool {
    match value {
        serde_yaml::Value::Mapping(map) => map.iter().all(|(key, value)| {
            let plain = !matches!(key, serde_yaml::Value::Tagged(_) | serde_yaml::Value::Null);
            plain && has_plain_keys(value)
        }),
        serde_yaml::Value::Sequence(items) => items.iter().all(has_plain_keys),
        serde_yaml::Value::Tagged(tagged) => has_plain_keys(&tagged.value),
        _ => true,
    }
}

/// What libyaml reads; `None` where it, or JSON, cannot hold it, or a key stands twice.
fn values(text: &str) -> Option<Vec<Value>> {
    use serde::Deserialize as _;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = serde_yaml::Deserializer::from_str(text);
    let fits = |it| serde_yaml::Value::deserialize(it).is_ok_and(|it| has_plain_keys(&it));
    if !documents.all(fits) {
        return None;
    }
    let documents = serde_yaml::Deserializer::from_str(text);
    documents.map(|it| Value::deserialize(it).ok()).collect()
}

/// The value at a way.
fn at<'v>(value: &'v mut Value, way: &[usize]) -> Option<&'v mut Value> {
    way.iter().try_fold(value, |value, number| match value {
        Value::Object(map) => map.values_mut().nth(*number),
        Value::Array(items) => items.get_mut(*number),
        _ => None,
    })
}

/// Equal, or one is the empty mapping that the other had no value for.
fn same_but_for_empty(one: &[Value], other: &[Value]) -> bool {
    fn same(one: &Value, other: &Value) -> bool {
        match (one, other) {
            (Value::Object(map), Value::Null) => map.is_empty(),
            (Value::Object(one), Value::Object(other)) => {
                let mut pairs = one.iter().zip(other);
                one.len() == other.len() && pairs.all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
            }
            (Value::Array(one), Value::Array(other)) => {
                let mut pairs = one.iter().zip(other);
                one.len() == other.len() && pairs.all(|(a, b)| same(a, b))
            }
            _ => one == other,
        }
    }
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same(a, b))
}
