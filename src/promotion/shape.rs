//! The shape of a unit: its text with every scalar value masked. Comments, blank lines and
//! the order of keys are its shape, values are not. Pure.
//!
//! Owns when a target's text may become the source's. Refuses nothing: a template and a
//! file that is one value have no shape, their ids say it all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Side, UnitId};
use crate::image::Digest;
use crate::product::{ComponentName, ProductTree};
use crate::repo::{RepoPath, Snapshot};
use crate::yaml::{Path, Span, Stream, entry_span, entry_spans, masked};

/// What becomes of the text around a unit's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextRule {
    /// It becomes the source's, and nothing else than values comes with that.
    Follows,
    /// It was edited on the target and stays; values are spliced into it.
    Spliced,
    /// It becomes the source's, which changed it: that is a change of its own.
    Changed,
}

/// What becomes of a text, by the shapes of the source and of the target, and that of the
/// source as it was promoted. The record remembers the source's shape, never that of the
/// edited text: else the edit would be what was promoted, and the next promotion would
/// take it away.
pub fn text_follows(record_shape: Option<&str>, source: &str, target: &str) -> TextRule {
    match record_shape {
        _ if source == target => TextRule::Follows,
        Some(promoted) if promoted == target => TextRule::Changed,
        _ => TextRule::Spliced,
    }
}

/// The shape of a text, `sha256:<hex>`; what is not YAML is taken byte for byte.
pub fn shape(text: &str) -> String {
    match Stream::parse(text) {
        Ok(stream) => digest(&masked(&stream, whole(text), &[])),
        Err(_) => digest(text),
    }
}

/// The shape of a unit on one side, without what belongs to the environment; `None` for a
/// unit that has none.
pub fn unit_shape(side: &Side, unit: &UnitId, owned: &[Path]) -> Option<String> {
    let state = (side.state.product.as_ref(), &side.state.snapshot);
    shape_in(side, state, unit, owned)
}

/// The same for a side with other files in place of its own.
pub(super) fn shape_in(
    side: &Side,
    (tree, snapshot): (Option<&ProductTree>, &Snapshot),
    unit: &UnitId,
    owned: &[Path],
) -> Option<String> {
    match unit {
        UnitId::Template(_) => None,
        UnitId::Component(name) => {
            let tree = tree?;
            let node = tree.components.get(name)?;
            let stream = tree.files.get(&node.file)?;
            let document = stream.documents().get(node.document)?;
            let span = match node.path.is_root() {
                true => document.span(),
                false => entry_span(document, &node.path)?,
            };
            Some(digest(&masked(stream, span, &[])))
        }
        UnitId::Product => {
            let (stream, cuts) = product_cuts(tree?)?;
            Some(digest(&around(stream, &cuts)))
        }
        UnitId::File(path) => {
            side.files.get(path)?;
            let file = side.path(path.as_str())?;
            let text = snapshot.text(&file).ok()??;
            let stream = Stream::parse(text).ok()?;
            Some(digest(&masked(&stream, whole(text), owned)))
        }
    }
}

/// The shapes of the units of which both sides have another one: the source's and the
/// target's. Linear in the size of the files, for it is asked about all units.
pub fn other_shapes(
    source: &Side,
    target: &Side,
    owned: &[Path],
) -> BTreeMap<UnitId, (String, String)> {
    let (theirs, ours) = (Blocks::of(source), Blocks::of(target));
    let differs = |unit: &UnitId| match unit {
        UnitId::Template(_) => false,
        UnitId::Component(name) => theirs.component(name) != ours.component(name),
        UnitId::Product => theirs.product() != ours.product(),
        UnitId::File(path) => {
            let id = |side: &Side| {
                let entry = side.state.snapshot.entry(&side.path(path.as_str())?)?;
                Some(entry.id.clone())
            };
            id(source) != id(target)
        }
    };
    let both = target.units.keys();
    let both = both.filter(|unit| source.units.contains_key(*unit) && differs(unit));
    let shapes = both.filter_map(|unit| {
        let shape = |side: &Side| unit_shape(side, unit, owned);
        let (theirs, ours) = shape(source).zip(shape(target))?;
        (theirs != ours).then(|| (unit.clone(), (theirs, ours)))
    });
    shapes.collect()
}

/// The text of a product manifest that belongs to no component, as parts.
fn product_cuts(tree: &ProductTree) -> Option<(&Stream, Vec<Span>)> {
    let stream = tree.files.get(&tree.product.file)?;
    let blocks = component_spans(tree, &tree.product.file);
    let mut cuts: Vec<Span> = blocks.into_iter().map(|(_, span)| span).collect();
    cuts.sort_by_key(|span| span.start);
    Some((stream, cuts))
}

/// Where the components of a file are written.
fn component_spans<'t>(tree: &'t ProductTree, file: &RepoPath) -> Vec<(&'t ComponentName, Span)> {
    let Some(stream) = tree.files.get(file) else {
        return Vec::new();
    };
    let mut maps: BTreeSet<(usize, Path)> = BTreeSet::new();
    let mut names: HashMap<&str, &ComponentName> = HashMap::new();
    let mut spans = Vec::new();
    for (name, node) in tree
        .components
        .iter()
        .filter(|(_, node)| node.file == *file)
    {
        match node.path.parent() {
            Some(parent) => {
                maps.insert((node.document, parent));
                names.insert(name.as_str(), name);
            }
            None => {
                let document = stream.documents().get(node.document);
                spans.extend(document.map(|document| (name, document.span())));
            }
        }
    }
    for (document, map) in maps {
        let Some(document) = stream.documents().get(document) else {
            continue;
        };
        let entries = entry_spans(document, &map).into_iter();
        let known = entries.filter_map(|(key, span)| Some((*names.get(key.as_str())?, span)));
        spans.extend(known);
    }
    spans
}

/// The texts of a side's components, as they are.
struct Blocks<'s> {
    side: &'s Side,
    components: HashMap<&'s ComponentName, &'s str>,
}

impl<'s> Blocks<'s> {
    fn of(side: &'s Side) -> Self {
        let mut components = HashMap::new();
        if let Some(tree) = &side.state.product {
            let files: BTreeSet<&RepoPath> =
                tree.components.values().map(|node| &node.file).collect();
            for file in files {
                let Some(stream) = tree.files.get(file) else {
                    continue;
                };
                let spans = component_spans(tree, file).into_iter();
                components.extend(spans.map(|(name, span)| (name, &stream.text()[span.range()])));
            }
        }
        Self { side, components }
    }

    fn component(&self, name: &ComponentName) -> Option<&'s str> {
        self.components.get(name).copied()
    }

    /// The product's manifest without its components.
    fn product(&self) -> Option<String> {
        let (stream, cuts) = product_cuts(self.side.state.product.as_ref()?)?;
        let (text, mut out, mut start) = (stream.text(), String::new(), 0);
        for cut in cuts {
            out.push_str(text.get(start..cut.start).unwrap_or_default());
            out.push('\0');
            start = cut.end.max(start);
        }
        out.push_str(text.get(start..).unwrap_or_default());
        Some(out)
    }
}

/// The masked text without some parts, which do not overlap.
fn around(stream: &Stream, cuts: &[Span]) -> String {
    let mut out = String::new();
    let mut start = 0;
    let ends = cuts.iter().map(|cut| (cut.start, cut.end));
    let len = stream.text().len();
    for (end, next) in ends.chain([(len, len)]) {
        out.push_str(&masked(stream, Span { start, end }, &[]));
        start = next;
    }
    out
}

fn whole(text: &str) -> Span {
    Span {
        start: 0,
        end: text.len(),
    }
}

fn digest(text: &str) -> String {
    Digest::sha256(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::yaml::{Editor, Written};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn values_are_no_part_of_a_shape_and_all_else_is() {
        let text =
            "# cart\ncart: # one\n  image: a:1\n  list: [1, \"x\"]\n  none:\n  b: |\n    t\n";
        for same in [
            text.replace("a:1", "'b:2'"),
            text.replace("[1, \"x\"]", "[yes, y]"),
            text.replace("none:", "none: 1"),
            text.replace("|\n    t", "t"),
            text.replace("a:1", "!Sub a"),
        ] {
            assert_eq!(shape(text), shape(&same), "{same}");
        }
        for other in [
            text.replace("# cart", "# Cart"),
            text.replace("# one", "# two"),
            text.replace("  image: a:1\n", "\n  image: a:1\n"),
            text.replace("[1, \"x\"]", "[1]"),
            text.replace("none", "nothing"),
            text.replace("image: a:1", "image: &a a:1"),
        ] {
            assert_ne!(shape(text), shape(&other), "{other}");
        }
    }

    #[test]
    fn a_text_follows_while_it_is_the_one_that_was_promoted() {
        for (promoted, source, target, rule) in [
            (Some("a"), "a", "a", TextRule::Follows),
            (Some("a"), "b", "a", TextRule::Changed),
            (Some("a"), "a", "b", TextRule::Spliced),
            (Some("a"), "b", "c", TextRule::Spliced),
            (Some("a"), "b", "b", TextRule::Follows),
            (None, "a", "a", TextRule::Follows),
            (None, "a", "b", TextRule::Spliced),
        ] {
            let found = text_follows(promoted, source, target);
            assert_eq!(found, rule, "{promoted:?} {source} {target}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_scalar_that_is_written_changes_a_shape(
            old in "\\PC{1,8}", new in "[ -~]{1,8}", number in "[0-9][0-9.]{0,4}",
        ) {
            let old = json!(old);
            let text = format!("# c\na:\n  - b: {old}\n    c: [{old}]\n");
            let stream = Stream::parse(&text).unwrap();
            for value in [json!(new), Written { tag: "", is_string: false, text: &number }.value()] {
                let value: Value = value;
                let mut editor = Editor::new(&stream).unwrap();
                editor.set_written(0, &"a[0].b".parse().unwrap(), &value, None).unwrap();
                editor.set_written(0, &"a[0].c[0]".parse().unwrap(), &value, None).unwrap();
                if let Ok(edited) = editor.finish() {
                    prop_assert_eq!(shape(&edited), shape(&text), "{}", edited);
                }
            }
        }
    }
}
