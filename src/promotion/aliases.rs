//! Edits of texts with aliases. Where all users of an anchor change alike, the anchor is
//! edited once; where one leaves, it gets a value of its own. Pure.
//!
//! The edit is made twice: with every alias written out, which is always right, and with
//! the aliases in place, leaving out what follows from an anchor. Where the two come to
//! other values, the aliases at fault get values of their own.

use std::collections::BTreeSet;

use serde_json::Value;

use super::content::by_items;
use crate::yaml::{Aliases, EditError, Path, Stream, same_values, value_at, written_values};

/// How often aliases are given values of their own before all are.
const ROUNDS: usize = 8;

/// Whether a path of a document follows from an anchor elsewhere and is left out.
pub(super) type Follows<'a> = &'a dyn Fn(usize, &Path) -> bool;

/// What makes an edit: it gets a text without aliases.
pub(super) type Apply<'a> = &'a dyn Fn(&Stream, Follows<'_>) -> Result<String, EditError>;

/// The edited text of `base`; `others` are the texts that values come from.
pub(super) fn edited(
    base: &Stream,
    others: &[&str],
    apply: Apply<'_>,
) -> Result<String, EditError> {
    let Some(aliases) = Aliases::of(base, others)? else {
        return apply(base, &|_, _| false);
    };
    let all: BTreeSet<usize> = (0..aliases.count()).collect();
    let apart = Stream::parse(&aliases.without(&all)?)?;
    let wanted = apply(&apart, &|_, _| false)?;
    Ok(shared(&aliases, &wanted, apply).unwrap_or(wanted))
}

/// The text with as many aliases as its values allow.
fn shared(aliases: &Aliases<'_>, wanted: &str, apply: Apply<'_>) -> Option<String> {
    let values = written_values(wanted).ok()?;
    let mut own = BTreeSet::new();
    for _ in 0..ROUNDS {
        let stream = Stream::parse(&aliases.without(&own).ok()?).ok()?;
        let follows = |document: usize, path: &Path| {
            let mut kept = (0..aliases.count()).filter(|at| !own.contains(at));
            kept.any(|at| aliases.reaches(at, document, path))
        };
        let text = aliases.restored(&apply(&stream, &follows).ok()?);
        if same_values(&text, wanted) {
            return Some(text);
        }
        let found = written_values(&text).ok()?;
        let known = own.len();
        own.extend((0..aliases.count()).filter(|at| differs(aliases, *at, (&found, &values))));
        if own.len() == known {
            return None;
        }
    }
    None
}

/// Whether an alias has another value in one of two states of its text.
fn differs(aliases: &Aliases<'_>, at: usize, (one, other): (&[Value], &[Value])) -> bool {
    let (document, path) = aliases.place(at);
    let value = |values: &[Value]| {
        let root = values.get(document)?;
        value_at(root, &by_items(root, path)).cloned()
    };
    value(one) != value(other)
}

/// The text with all its aliases written out; `None` where it has none.
pub(super) fn written_out(stream: &Stream) -> Result<Option<Stream>, EditError> {
    let Some(aliases) = Aliases::of(stream, &[])? else {
        return Ok(None);
    };
    let all = (0..aliases.count()).collect();
    Ok(Some(Stream::parse(&aliases.without(&all)?)?))
}
