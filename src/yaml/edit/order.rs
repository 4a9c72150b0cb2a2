//! Putting the items of a list in another order, each with its bytes and the comments
//! above it.

use serde_json::Value;

use super::super::node::Node;
use super::super::path::{Path, Step};
use super::super::stream::Stream;
use super::items::extent;
use super::walk::Way;
use super::{EditError, Planned, Splice, cut};

/// What putting a list in order comes to.
pub(super) enum OrderPlan {
    /// The items change places: which of them comes to each place.
    Moved(Planned, Vec<usize>),
    /// The list is written anew.
    Anew(Value),
}

/// Plans to bring the named items of a list in this order. The places that they have now
/// are shared out among them; all other items stay where they are.
pub(super) fn plan(
    stream: &Stream,
    document: usize,
    path: &Path,
    names: &[Step],
) -> Result<OrderPlan, EditError> {
    let way = Way::find(stream, document, path)?;
    let list = way.last();
    if !way.is_whole() || !list.is_sequence() {
        return Err(EditError::NotFound { path: path.clone() });
    }
    let order = order(list, names);
    let Some(splices) = splices(&way, &order) else {
        let value = way.document.written_of(list)?;
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        let items = order.iter().filter_map(|at| items.get(*at).cloned());
        return Ok(OrderPlan::Anew(items.collect()));
    };
    let planned = Planned {
        splices,
        ..Planned::default()
    };
    Ok(OrderPlan::Moved(planned, order))
}

/// Which item comes to each place.
fn order(list: &Node, names: &[Step]) -> Vec<usize> {
    let found = |step: &Step| match step {
        Step::Item(keys) => list.item_with(keys),
        _ => None,
    };
    let wanted: Vec<usize> = names.iter().filter_map(found).collect();
    let mut places = wanted.clone();
    places.sort_unstable();
    let mut order: Vec<usize> = (0..list.items().len()).collect();
    for (place, item) in places.into_iter().zip(wanted) {
        order[place] = item;
    }
    order
}

/// `None` where an item does not have lines of its own.
fn splices(way: &Way<'_>, order: &[usize]) -> Option<Vec<Splice>> {
    let (list, text) = (way.last(), way.document.text());
    let ends = |at: usize| {
        if list.flow {
            let item = &list.items()[at];
            return Some((item.start(), item.end()));
        }
        extent(way.document, list, at).map(|extent| (extent.start, extent.end))
    };
    let ends: Vec<(usize, usize)> = (0..order.len()).map(ends).collect::<Option<_>>()?;
    let moved = order.iter().enumerate().filter(|(to, from)| to != *from);
    let splice = |(to, from): (usize, &usize)| {
        let (start, end) = ends[*from];
        cut(text, ends[to].0, ends[to].1, &text[start..end])
    };
    Some(moved.map(splice).collect())
}
