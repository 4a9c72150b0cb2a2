//! A list that grows at its end: what is appended again and again is copied once.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

use super::values::Size;

/// The first items of a list that others may share and go on with.
pub(in crate::template) struct Joined {
    items: Arc<RwLock<Vec<Value>>>,
    length: usize,
    size: Size,
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} items", self.length)
    }
}

impl Joined {
    pub(super) fn new(items: Vec<Value>, size: Size) -> Self {
        Self {
            length: items.len(),
            items: Arc::new(RwLock::new(items)),
            size,
        }
    }

    /// The list with more behind it; none when another list went on from here already.
    pub(super) fn with(&self, more: &[Value], size: Size) -> Option<Self> {
        let mut items = self.items.write().unwrap_or_else(PoisonError::into_inner);
        if items.len() != self.length {
            return None;
        }
        items.extend_from_slice(more);
        Some(Self {
            length: items.len(),
            items: Arc::clone(&self.items),
            size,
        })
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }
}

impl Object for Joined {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Iter(Box::new(Items {
            list: Arc::clone(self),
            at: 0,
        }))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.length)
    }
}

struct Items {
    list: Arc<Joined>,
    at: usize,
}

impl Iterator for Items {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.at == self.list.length {
            return None;
        }
        let items = self
            .list
            .items
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let item = items.get(self.at).cloned();
        self.at += 1;
        item
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.length - self.at;
        (left, Some(left))
    }
}
