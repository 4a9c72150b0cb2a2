//! The way from a document's root to a target, and what forbids to edit there.

use super::super::node::{Entry, Node, NodeKind, Span};
use super::super::path::{Path, Step};
use super::super::stream::{Document, Stream};
use super::EditError;

/// The nodes along a path as far as they are there.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    pub(super) document: &'a Document,
    pub(super) path: &'a Path,
    /// The root, then one node per step.
    pub(super) nodes: Vec<&'a Node>,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Slot<'a> {
    Root,
    Entry { map: &'a Node, index: usize },
    Item { list: &'a Node, index: usize },
}

impl<'a> Way<'a> {
    /// Follows a path; the last nodes may be missing, never one in the middle.
    pub(super) fn find(
        stream: &'a Stream,
        index: usize,
        path: &'a Path,
    ) -> Result<Way<'a>, EditError> {
        let document = stream
            .documents()
            .get(index)
            .ok_or(EditError::NoDocument { index })?;
        let root = document
            .root()
            .ok_or(EditError::NotFound { path: path.clone() })?;
        let mut way = Way {
            document,
            path,
            nodes: vec![root],
        };
        for step in path.steps() {
            match way.step(step)? {
                Some(next) => way.nodes.push(next),
                None => break,
            }
        }
        Ok(way)
    }

    fn step(&self, step: &Step) -> Result<Option<&'a Node>, EditError> {
        let here = self.last();
        match (step, &here.kind) {
            (_, NodeKind::Alias { .. }) => Err(self.alias()),
            (Step::Key(name), NodeKind::Mapping(entries)) => {
                let found = self.entry(entries, name)?;
                if found.is_none() {
                    self.not_inherited(here, name)?;
                }
                Ok(found.map(|at| &entries[at].value))
            }
            (Step::Index(index), NodeKind::Sequence(items)) => match items.get(*index) {
                None if *index > items.len() => Err(EditError::NotFound {
                    path: self.here().step(step.clone()),
                }),
                found => Ok(found),
            },
            // The editor put a number in its place, where there is one.
            (Step::Item(_), _) => Err(EditError::NotFound {
                path: self.here().step(step.clone()),
            }),
            _ if here.is_null() => Ok(None),
            (Step::Key(_), _) => Err(self.kind("a mapping")),
            (Step::Index(_), _) => Err(self.kind("a list")),
        }
    }

    /// The one entry of a name.
    fn entry(&self, entries: &[Entry], name: &str) -> Result<Option<usize>, EditError> {
        let mut places = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.name().is_some_and(|found| found == name))
            .map(|(at, _)| at);
        let first = places.next();
        match (first, places.next()) {
            (Some(first), Some(second)) => Err(EditError::Duplicate {
                path: self.here().key(name),
                first: self.document.position(entries[first].key.start()),
                second: self.document.position(entries[second].key.start()),
            }),
            _ => Ok(first),
        }
    }

    fn not_inherited(&self, map: &Node, name: &str) -> Result<(), EditError> {
        if !map.entries().iter().any(Entry::is_merge) {
            return Ok(());
        }
        let effective = self.document.effective(map)?;
        match effective.iter().find(|entry| entry.name == name) {
            Some(entry) => Err(EditError::Inherited {
                path: self.here().key(name),
                position: self.document.position(entry.key.start()),
            }),
            None => Ok(()),
        }
    }

    /// The last node that is there.
    pub(super) fn last(&self) -> &'a Node {
        self.nodes[self.nodes.len() - 1]
    }

    /// True when the whole path is there.
    pub(super) fn is_whole(&self) -> bool {
        self.nodes.len() == self.path.steps().len() + 1
    }

    /// The first step that is missing.
    pub(super) fn missing(&self) -> Option<&'a Step> {
        self.path.steps().get(self.nodes.len() - 1)
    }

    /// The steps behind the first missing one.
    pub(super) fn beyond(&self) -> &'a [Step] {
        self.path
            .steps()
            .get(self.nodes.len()..)
            .unwrap_or_default()
    }

    /// The part of the path that is there.
    pub(super) fn here(&self) -> Path {
        Path::new(self.path.steps()[..self.nodes.len() - 1].to_vec())
    }

    /// Where the node at a depth stands.
    pub(super) fn slot(&self, depth: usize) -> Slot<'a> {
        let Some(above) = depth.checked_sub(1) else {
            return Slot::Root;
        };
        let (parent, node) = (self.nodes[above], self.nodes[depth]);
        let same = |other: &Node| std::ptr::eq(other, node);
        match &parent.kind {
            NodeKind::Mapping(entries) => match entries.iter().position(|entry| same(&entry.value))
            {
                Some(index) => Slot::Entry { map: parent, index },
                None => Slot::Root,
            },
            _ => match parent.items().iter().position(same) {
                Some(index) => Slot::Item {
                    list: parent,
                    index,
                },
                None => Slot::Root,
            },
        }
    }

    /// Where the last node stands.
    pub(super) fn last_slot(&self) -> Slot<'a> {
        self.slot(self.nodes.len() - 1)
    }

    fn kind(&self, expected: &'static str) -> EditError {
        EditError::Kind {
            path: self.here(),
            expected,
            position: self.document.position(self.last().start()),
        }
    }

    /// The error for a last node that is an alias.
    pub(super) fn alias(&self) -> EditError {
        let node = self.last();
        EditError::Alias {
            path: self.here(),
            alias: self.document.text()[node.span.range()].to_owned(),
            position: self.document.position(node.start()),
        }
    }

    pub(super) fn unsupported(&self, at: usize, what: &'static str) -> EditError {
        EditError::Unsupported {
            path: self.path.clone(),
            what,
            position: self.document.position(at),
        }
    }

    /// Refuses when an alias outside of `replaced` uses a node of this way or one inside `replaced`.
    pub(super) fn not_shared(&self, replaced: Option<Span>) -> Result<(), EditError> {
        let mut aliases = Vec::new();
        if self.document.has_anchors()
            && let Some(root) = self.document.root()
        {
            collect_aliases(root, &mut aliases);
        }
        let inside =
            |span: Span| replaced.is_some_and(|cut| cut.start <= span.start && span.end <= cut.end);
        for alias in aliases {
            if inside(alias.span) {
                continue;
            }
            let target = self.document.resolve(alias);
            if inside(target.span) || self.nodes.iter().any(|node| std::ptr::eq(*node, target)) {
                return Err(EditError::Shared {
                    path: self.path.clone(),
                    alias: self.document.position(alias.start()),
                });
            }
        }
        Ok(())
    }
}

/// All aliases at and below a node.
pub(super) fn collect_aliases<'a>(node: &'a Node, found: &mut Vec<&'a Node>) {
    match &node.kind {
        NodeKind::Alias { .. } => found.push(node),
        NodeKind::Sequence(items) => items.iter().for_each(|item| collect_aliases(item, found)),
        NodeKind::Mapping(entries) => entries.iter().for_each(|entry| {
            collect_aliases(&entry.key, found);
            collect_aliases(&entry.value, found);
        }),
        NodeKind::Scalar(_) => {}
    }
}
