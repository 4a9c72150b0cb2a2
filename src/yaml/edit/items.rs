//! Items of lists by what they say of themselves: finding them, and copying one from a
//! text into another with its comments, to the place among its neighbours.

use std::borrow::Cow;

use serde_json::Value;

use super::super::emit::{self, Scalars};
use super::super::node::{Node, NodeKind};
use super::super::path::{Path, Step, implied};
use super::super::stream::{Document, Stream};
use super::expected::Tree;
use super::layout::{self, Block, line_end, line_start};
use super::plan::dash;
use super::walk::{Way, collect_aliases};
use super::{EditError, Planned, Splice, cut};

/// The path with numbers in the place of what items say, for a text as it is.
pub(super) fn numbered<'p>(
    stream: &Stream,
    document: usize,
    path: &'p Path,
) -> Result<Cow<'p, Path>, EditError> {
    let by_item = |step: &Step| matches!(step, Step::Item(_));
    if !path.steps().iter().any(by_item) {
        return Ok(Cow::Borrowed(path));
    }
    let document = stream
        .documents()
        .get(document)
        .ok_or(EditError::NoDocument { index: document })?;
    let mut node = document.root();
    let mut steps = Vec::with_capacity(path.steps().len());
    for step in path.steps() {
        let step = match step {
            Step::Item(keys) => {
                let at = node.and_then(|node| node.item_with(keys));
                Step::Index(at.ok_or_else(|| EditError::NotFound { path: path.clone() })?)
            }
            other => other.clone(),
        };
        node = match &step {
            Step::Key(name) => node.and_then(|node| node.get(name)),
            Step::Index(index) => node.and_then(|node| node.items().get(*index)),
            Step::Item(_) => None,
        };
        steps.push(step);
    }
    Ok(Cow::Owned(Path::new(steps)))
}

/// The item to be copied, where it stands.
pub(super) struct Source<'s, 'p> {
    document: &'s Document,
    list: &'s Node,
    index: usize,
    keys: &'p [(String, String)],
}

/// What copying an item comes to.
pub(super) enum ItemPlan<'s> {
    /// The list is empty so far.
    First(Value),
    /// The item at this number is replaced.
    Replace(usize, Planned, Tree<'s>),
    /// The item gets this number.
    Insert(usize, Planned, Tree<'s>),
}

impl<'s, 'p> Source<'s, 'p> {
    /// The item at a path whose last step says what it is.
    pub(super) fn find(
        stream: &'s Stream,
        document: usize,
        path: &'p Path,
    ) -> Result<Source<'s, 'p>, EditError> {
        let missing = || EditError::NotFound { path: path.clone() };
        let Some(Step::Item(keys)) = path.last() else {
            return Err(missing());
        };
        let document = stream
            .documents()
            .get(document)
            .ok_or(EditError::NoDocument { index: document })?;
        let above = path.parent().unwrap_or_default();
        let list = document.root().and_then(|root| root.at(&above));
        let list = list.ok_or_else(missing)?;
        Ok(Source {
            document,
            index: list.item_with(keys).ok_or_else(missing)?,
            list,
            keys,
        })
    }

    fn item(&self) -> &'s Node {
        &self.list.items()[self.index]
    }

    /// Whether its own bytes can stand elsewhere.
    fn is_plain(&self) -> bool {
        let mut aliases = Vec::new();
        collect_aliases(self.item(), &mut aliases);
        aliases.is_empty() && !self.list.flow && !has_anchor(self.item())
    }

    /// What another item says under the same keys.
    fn names(&self, item: &Node) -> Vec<(String, String)> {
        let says = |key: &String| {
            let written = item.get(key).and_then(Node::scalar);
            let text = written.map(|scalar| scalar.text.clone());
            text.or_else(|| implied(key).map(str::to_owned))
        };
        let keys = self.keys.iter();
        keys.filter_map(|(key, _)| Some((key.clone(), says(key)?)))
            .collect()
    }

    /// The number that the item gets in a list that lacks it: behind the nearest item
    /// that stands before it here too, else before the nearest behind it, else the last.
    fn place(&self, list: &Node) -> usize {
        let items = self.list.items();
        let there = |item: &Node| list.item_with(&self.names(item));
        let before = items[..self.index].iter().rev().find_map(there);
        before
            .map(|at| at + 1)
            .or_else(|| items[self.index + 1..].iter().find_map(there))
            .unwrap_or(list.items().len())
    }

    /// The splices that bring the item into the list at `path`, which has numbers only.
    pub(super) fn plan(
        &self,
        stream: &Stream,
        document: usize,
        path: &Path,
    ) -> Result<ItemPlan<'s>, EditError> {
        let way = Way::find(stream, document, path)?;
        let list = way.last();
        if matches!(list.kind, NodeKind::Alias { .. }) {
            return Err(way.alias());
        }
        if !way.is_whole() || !list.is_sequence() {
            return Err(EditError::NotFound { path: path.clone() });
        }
        let value = self.document.written_of(self.item())?;
        if list.items().is_empty() {
            return Ok(ItemPlan::First(value));
        }
        let found = list.item_with(self.keys);
        let replaced = found.map(|at| list.items()[at].span);
        way.not_shared(replaced)?;
        let tree = match self.extent().filter(|_| !list.flow) {
            Some(_) => Tree::of_node(self.document, self.item())?,
            None => Tree::Written(value.clone()),
        };
        let at = found.unwrap_or_else(|| self.place(list));
        let splice = self.splice(&way, (at, found.is_some()), &value)?;
        let planned = Planned {
            splices: vec![splice],
            ..Planned::default()
        };
        Ok(match found {
            Some(at) => ItemPlan::Replace(at, planned, tree),
            None => ItemPlan::Insert(at, planned, tree),
        })
    }

    fn splice(
        &self,
        way: &Way<'_>,
        (at, is_there): (usize, bool),
        value: &Value,
    ) -> Result<Splice, EditError> {
        let (list, text) = (way.last(), way.document.text());
        let items = list.items();
        if list.flow {
            let mut inline = String::new();
            emit::flow(&mut inline, value, Scalars::Written);
            return Ok(match at.checked_sub(1) {
                _ if is_there => cut(text, items[at].start(), items[at].end(), inline),
                Some(before) => {
                    let end = items[before].end();
                    cut(text, end, end, format!(", {inline}"))
                }
                None => {
                    let start = items[0].start();
                    cut(text, start, start, format!("{inline}, "))
                }
            });
        }
        let newline = layout::newline(text);
        let block = self.block(value);
        let beside = if is_there { at } else { at.saturating_sub(1) };
        let there = extent(way.document, list, beside).ok_or_else(|| {
            way.unsupported(items[beside].start(), "an item on the line of another one")
        })?;
        let lines = block.at(there.column, newline);
        Ok(match (is_there, at) {
            (true, _) => cut(text, there.start, there.end, lines),
            (false, 0) => cut(text, there.start, there.start, format!("{lines}{newline}")),
            (false, _) => cut(text, there.end, there.end, format!("{newline}{lines}")),
        })
    }

    fn extent(&self) -> Option<Extent> {
        extent(self.document, self.list, self.index).filter(|_| self.is_plain())
    }

    /// The item's own lines where they can stand elsewhere, else its value's.
    fn block(&self, value: &Value) -> Block {
        if let Some(own) = self.extent() {
            return Block::of_source(self.document.text(), (own.start, own.end), own.column);
        }
        let mut lines = String::new();
        let list = Value::Array(vec![value.clone()]);
        emit::block(&mut lines, &list, 0, Scalars::Written);
        Block::of_text(&lines)
    }
}

fn has_anchor(node: &Node) -> bool {
    let below = || {
        let entries = node.entries().iter().flat_map(|it| [&it.key, &it.value]);
        entries.chain(node.items())
    };
    node.anchor().is_some() || below().any(has_anchor)
}

/// What an item of a block list covers: the comments right above it in the column of
/// its dash, and the deeper ones right behind it.
pub(super) struct Extent {
    pub(super) start: usize,
    pub(super) end: usize,
    column: usize,
}

/// `None` for an item whose dash is not the first thing on its line.
pub(super) fn extent(document: &Document, list: &Node, index: usize) -> Option<Extent> {
    let text = document.text();
    let item = &list.items()[index];
    let dash = dash(text, item);
    let line = line_start(text, dash);
    if list.flow || !text[line..dash].bytes().all(|b| b == b' ') {
        return None;
    }
    let column = dash - line;
    Some(Extent {
        start: layout::with_comments_above(text, line, column),
        end: layout::trailing(text, line_end(text, item.end()), column),
        column,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::Editor;
    use super::*;

    fn copied(text: &str, from: &str, path: &str) -> Result<String, EditError> {
        let (text, from) = (Stream::parse(text).unwrap(), Stream::parse(from).unwrap());
        let mut editor = Editor::new(&text).unwrap();
        editor.copy_item(0, &path.parse().unwrap(), &from, 0)?;
        editor.finish()
    }

    const FROM: &str = "list:\n  # about a\n  - name: a\n    v: 1 # one\n\n  - {name: b, v: 2}\n  # about c\n  - name: c\n    # deep\n    v: |\n      - text\n";

    #[test]
    fn an_item_comes_with_its_comments_to_its_place() {
        let to = "list:\n- name: a\n  v: 0\n- name: d\nend: 1\n";
        assert_eq!(
            copied(to, FROM, "list[name=b]").unwrap(),
            to.replace("- name: d", "- {name: b, v: 2}\n- name: d")
        );
        assert_eq!(
            copied(to, FROM, "list[name=c]").unwrap(),
            to.replace(
                "- name: d",
                "# about c\n- name: c\n  # deep\n  v: |\n    - text\n- name: d"
            )
        );
        assert_eq!(
            copied(to, FROM, "list[name=a]").unwrap(),
            to.replace("- name: a\n  v: 0", "# about a\n- name: a\n  v: 1 # one")
        );
        // Before the nearest that stands behind it; at the end where none is known.
        let to = "list:\n  - name: c";
        assert_eq!(
            copied(to, FROM, "list[name=b]").unwrap(),
            "list:\n  - {name: b, v: 2}\n  - name: c"
        );
        assert_eq!(
            copied("list:\r\n- name: x\r\n", FROM, "list[name=a]").unwrap(),
            "list:\r\n- name: x\r\n# about a\r\n- name: a\r\n  v: 1 # one\r\n"
        );
    }

    #[test]
    fn flow_lists_empty_ones_and_anchors_get_the_value() {
        for (to, wanted) in [
            (
                "list: [{name: a}, {name: d}]",
                "list: [{name: a}, {name: b, v: 2}, {name: d}]",
            ),
            ("list: [{name: c}]", "list: [{name: b, v: 2}, {name: c}]"),
            ("list: []", "list:\n- name: b\n  v: 2"),
        ] {
            let text = copied(to, FROM, "list[name=b]").unwrap();
            let (text, wanted) = (text.trim_end(), wanted.trim_end());
            let read = |text: &str| crate::yaml::parse_values(text).unwrap();
            assert_eq!(read(text), read(wanted), "{text}");
        }
        let from = "x: &one 1\nlist:\n- name: b\n  v: *one\n";
        assert_eq!(
            copied("list:\n- name: a\n", from, "list[name=b]").unwrap(),
            "list:\n- name: a\n- name: b\n  v: 1\n"
        );
    }

    #[test]
    fn paths_lead_through_items_wherever_they_stand() {
        let to = Stream::parse("l:\n- name: x\n  v: 1\n- name: y # why\n  v: 1\n").unwrap();
        let from = Stream::parse("l:\n- name: y\n  v: 2\n  w: 3\n").unwrap();
        let path = |text: &str| -> Path { text.parse().unwrap() };
        let mut editor = Editor::new(&to).unwrap();
        editor
            .copy_entry(0, &path("l[name=y].v"), &from, 0)
            .unwrap();
        editor
            .copy_entry(0, &path("l[name=y].w"), &from, 0)
            .unwrap();
        editor.remove(0, &path("l[name=x]")).unwrap();
        editor.set_string(0, &path("l[name=y].u"), "s").unwrap();
        assert_eq!(
            editor.finish().unwrap(),
            "l:\n- name: y # why\n  v: 2\n  w: 3\n  u: s\n"
        );
        let mut editor = Editor::new(&to).unwrap();
        for wrong in ["l[name=z].v", "m[name=x]"] {
            let error = editor.set_string(0, &path(wrong), "s").unwrap_err();
            assert!(matches!(error, EditError::NotFound { .. }), "{error}");
            assert!(editor.copy_item(0, &path(wrong), &from, 0).is_err());
        }
    }
}
