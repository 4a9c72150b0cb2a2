//! Lines of files, and messages about objects, without what must not be shown. Each text
//! is read once, however many findings are about it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::confidential::{Concealed, Lines, redact_shapes};
use crate::product::secrecy;
use crate::resource::Resource;
use crate::yaml::{Path, Step};

/// Lines of larger texts are not shown: all of a text is read to judge one of its lines.
/// See `docs/limits.md`.
const LARGEST: usize = 4 << 20;

/// The identity of a text that stays where it is.
type Place = (*const u8, usize);

/// What is known of the texts and objects so far.
#[derive(Debug, Default)]
pub(super) struct Excerpts {
    texts: RefCell<HashMap<Place, Rc<Lines>>>,
    objects: RefCell<HashMap<(Place, usize), Rc<Concealed>>>,
}

impl Excerpts {
    /// A line of a text that need not be well-formed; `None` where it must not be shown.
    pub(super) fn line(&self, text: &str, line: u32) -> Option<String> {
        if text.len() > LARGEST {
            return None;
        }
        self.known(text, Lines::of, 0)
            .shown(text, line)
            .map(str::to_owned)
    }

    /// A line of an object's file.
    pub(super) fn line_of(&self, one: &Resource, path: &Path, line: u32) -> Option<String> {
        if is_secret(one, path) {
            return None;
        }
        let text = one.text();
        if text.len() > LARGEST {
            return None;
        }
        let lines = self.known(text, Lines::without_objects, 1);
        let line = lines.shown(text, line)?;
        (!self.concealed(one).is_in(line)).then(|| line.to_owned())
    }

    /// A message about an object without the values of it that must not be shown.
    pub(super) fn message(&self, one: &Resource, text: &str) -> String {
        redact_shapes(&self.concealed(one).mask(text)).into_owned()
    }

    fn known(&self, text: &str, read: fn(&str) -> Lines, how: usize) -> Rc<Lines> {
        // The same text may be read in both manners.
        let place = (text.as_ptr(), text.len() * 2 + how);
        let mut texts = self.texts.borrow_mut();
        let lines = texts.entry(place).or_insert_with(|| Rc::new(read(text)));
        Rc::clone(lines)
    }

    fn concealed(&self, one: &Resource) -> Rc<Concealed> {
        let text = one.text();
        let place = ((text.as_ptr(), text.len()), one.span().start);
        let mut objects = self.objects.borrow_mut();
        let concealed = objects
            .entry(place)
            .or_insert_with(|| Rc::new(Concealed::of(&one.value)));
        Rc::clone(concealed)
    }
}

/// Whether the line of a place may hold a secret: everything in a Secret apart from its
/// head, the copy of an object in the last-applied annotation, values by their names.
fn is_secret(one: &Resource, path: &Path) -> bool {
    let head = ["metadata", "kind", "type"];
    let in_head =
        matches!(path.steps().first(), Some(Step::Key(key)) if head.contains(&key.as_str()));
    (one.id.kind == "Secret" && !in_head) || secrecy(path, &[&one.value]).is_hidden()
}
