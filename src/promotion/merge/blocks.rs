//! The three-way merge of blocks: lines of the side that changed them, and conflicts
//! around the smallest block that both changed differently.

use std::collections::HashMap;

use serde_json::Value;

use super::super::compare::{Base, Class, Difference, compare};
use super::super::listed;
use super::lines::{Line, Pieces, is_beside, pick, three_way};
use super::outline::{At, Block, Blocks, Body, Odd};
use super::pairs::{item_names, known_as, order, renames};
use super::values::same;
use crate::yaml::{Editor, Node, Step, Stream};

/// A block in the base, on our side and on theirs.
pub(super) type Three<'b, 'a> = (
    Option<&'b Block<'a>>,
    Option<&'b Block<'a>>,
    Option<&'b Block<'a>>,
);

/// Merges one block that at least one side may have.
pub(super) fn block<'a>(
    (base, ours, theirs): Three<'_, 'a>,
    field: Option<&str>,
) -> Result<Pieces<'a>, Odd> {
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (Some(ours), None) => return one_sided(base, ours, |mine| Pieces::conflict(mine, &[])),
        (None, Some(theirs)) => {
            return one_sided(base, theirs, |yours| Pieces::conflict(&[], yours));
        }
        (None, None) => return Ok(Pieces::default()),
    };
    let unchanged = |it: &Block<'_>| base.is_some_and(|base| it.has_text_of(base));
    if ours.has_text_of(theirs) || unchanged(theirs) {
        return Ok(whole(ours));
    }
    if unchanged(ours) {
        return Ok(whole(theirs));
    }
    let lead = base.map_or(&[][..], |base| &base.lead);
    let mut merged = comments(lead, &ours.lead, &theirs.lead);
    merged.append(content(base, ours, theirs, field)?);
    Ok(merged)
}

fn whole<'a>(block: &Block<'a>) -> Pieces<'a> {
    let mut merged = Pieces::agreed(&block.lead);
    merged.append(Pieces::agreed(&block.content));
    merged
}

/// What only one side has: new, removed on the other, or removed there and changed here.
fn one_sided<'a>(
    base: Option<&Block<'a>>,
    it: &Block<'a>,
    conflict: impl Fn(&[&'a str]) -> Pieces<'a>,
) -> Result<Pieces<'a>, Odd> {
    let Some(base) = base else {
        return Ok(whole(it));
    };
    if it.content == base.content || same(it.value, base.value)? {
        return Ok(Pieces::default());
    }
    let lines: Vec<&str> = it.lead.iter().chain(&it.content).copied().collect();
    Ok(conflict(&lines))
}

/// Comments and blank lines; blank lines alone are no difference.
fn comments<'a>(base: &[&'a str], ours: &[&'a str], theirs: &[&'a str]) -> Pieces<'a> {
    let said = |lines: &[&'a str]| -> Vec<&'a str> {
        let lines = lines.iter().filter(|line| !line.trim().is_empty());
        lines.copied().collect()
    };
    if let Some(lines) = pick(Some(base), ours, theirs) {
        return Pieces::agreed(lines);
    }
    let (was, mine, yours) = (said(base), said(ours), said(theirs));
    match () {
        () if mine == yours || yours == was => Pieces::agreed(ours),
        () if mine == was => Pieces::agreed(theirs),
        () => three_way(base, ours, theirs),
    }
}

fn content<'a>(
    base: Option<&Block<'a>>,
    ours: &Block<'a>,
    theirs: &Block<'a>,
    field: Option<&str>,
) -> Result<Pieces<'a>, Odd> {
    let blocks = |it: &Block<'a>| -> bool { matches!(it.body, Body::Blocks(_)) };
    if blocks(ours)
        && blocks(theirs)
        && let Some(paired) = Paired::of((base, Some(ours), Some(theirs)), field)
    {
        return paired.merge(field);
    }
    leaf(base, ours, theirs)
}

/// The children of a block in three states, by name.
struct Paired<'b, 'a> {
    base: Option<&'b Blocks<'a>>,
    ours: (&'b Block<'a>, &'b Blocks<'a>),
    theirs: (&'b Block<'a>, &'b Blocks<'a>),
    /// For each state the names of its children; none of a base that is no such collection.
    names: [Option<Vec<String>>; 3],
}

fn blocks<'b, 'a>(block: &'b Block<'a>) -> Option<&'b Blocks<'a>> {
    match &block.body {
        Body::Blocks(blocks) => Some(blocks),
        Body::Leaf(_) => None,
    }
}

impl<'b, 'a> Paired<'b, 'a> {
    fn of((base, ours, theirs): Three<'b, 'a>, field: Option<&str>) -> Option<Self> {
        let (ours, theirs) = (ours?, theirs?);
        let (mine, yours) = (blocks(ours)?, blocks(theirs)?);
        if mine.is_list != yours.is_list || mine.head.is_some() != yours.head.is_some() {
            return None;
        }
        let node = |block: &'b Block<'a>| -> Option<&'b Node> { block.value.map(|(_, node)| node) };
        let was = base.and_then(node);
        let names = match mine.is_list {
            true => list_names(was, node(ours)?, node(theirs)?, field)?,
            false => map_names(was, node(ours)?, node(theirs)?),
        };
        let of_kind = |it: &&Blocks<'a>| it.is_list == mine.is_list;
        Some(Self {
            base: base.and_then(blocks).filter(of_kind),
            ours: (ours, mine),
            theirs: (theirs, yours),
            names,
        })
    }

    fn merge(&self, field: Option<&str>) -> Result<Pieces<'a>, Odd> {
        let (mine, yours) = (self.ours.1, self.theirs.1);
        let (was, here, there) = (self.names(0), self.names(1), self.names(2));
        let known = self.names[0].is_some().then_some(&was[..]);
        let (order, their_order) = order(known, &here, &there);
        let olds = by_name(self.base, &was);
        let (mines, theirs) = (by_name(Some(mine), &here), by_name(Some(yours), &there));
        let mut merged = HashMap::new();
        for name in &order {
            let three = (
                olds.get(name).copied(),
                mines.get(name).copied(),
                theirs.get(name).copied(),
            );
            let field = if mine.is_list { field } else { Some(*name) };
            merged.insert(*name, block(three, field)?);
        }
        let mut children = Pieces::default();
        match their_order.filter(|_| mine.is_list) {
            None => {
                let pieces = order.iter().filter_map(|name| merged.remove(name));
                pieces.for_each(|pieces| children.append(pieces));
            }
            Some(their_order) => {
                let lines = |names: &[&str], takes_theirs| {
                    let pieces = names.iter().filter_map(|name| merged.get(name));
                    pieces.flat_map(|it| it.side(takes_theirs)).collect()
                };
                children = Pieces::between(lines(&order, false), lines(&their_order, true));
            }
        }
        self.framed(children)
    }

    fn names(&self, state: usize) -> Vec<&str> {
        let names = self.names[state].iter().flatten();
        names.map(String::as_str).collect()
    }

    /// The children with the lines above and below them.
    fn framed(&self, children: Pieces<'a>) -> Result<Pieces<'a>, Odd> {
        let (mine, yours) = (self.ours.1, self.theirs.1);
        let foot = self.base.map_or(&[][..], |base| &base.foot);
        let is_empty = children.is_empty();
        let mut below = children;
        below.append(comments(foot, &mine.foot, &yours.foot));
        let below = below.indent(mine.offset);
        if mine.is_dashed {
            return below.dashed().ok_or(Odd);
        }
        let base = self.base.and_then(|base| base.head);
        let mut merged = match (mine.head, yours.head) {
            (Some(mine_head), Some(yours_head)) if is_empty => {
                let (line, colon) = pick(base, mine_head, yours_head).unwrap_or(mine_head);
                let sign = if mine.is_list { "[]" } else { "{}" };
                let (key, rest) = line.split_at(colon);
                Pieces::of(vec![Line::new(format!("{key} {sign}{rest}"))])
            }
            (Some(mine), Some(yours)) => line(base, mine, yours),
            _ if is_empty => return Err(Odd),
            _ => Pieces::default(),
        };
        merged.append(below);
        Ok(merged)
    }
}

/// The names of a mapping's entries, old ones as they are called now.
fn map_names(base: Option<&Node>, ours: &Node, theirs: &Node) -> [Option<Vec<String>>; 3] {
    let renamed = renames(base, [Some(ours), Some(theirs)]);
    let names = |map: &Node| -> Vec<String> {
        let names = map.entries().iter().filter_map(|entry| entry.name());
        names.map(|name| known_as(map, &name, &renamed)).collect()
    };
    let was = base.filter(|base| base.is_mapping());
    [was.map(names), Some(names(ours)), Some(names(theirs))]
}

/// The names of a list's items; `None` where it is compared as a whole.
fn list_names(
    base: Option<&Node>,
    ours: &Node,
    theirs: &Node,
    field: Option<&str>,
) -> Option<[Option<Vec<String>>; 3]> {
    let mut lists = vec![ours, theirs];
    if let Some(base) = base {
        if !base.is_sequence() {
            return None;
        }
        lists.push(base);
    }
    let mut names = item_names(field, &lists)?.into_iter();
    let (ours, theirs) = (names.next(), names.next());
    Some([names.next(), ours, theirs])
}

fn by_name<'b, 'a, 'n>(
    blocks: Option<&'b Blocks<'a>>,
    names: &[&'n str],
) -> HashMap<&'n str, &'b Block<'a>> {
    let children = blocks.into_iter().flat_map(|it| &it.children);
    names.iter().copied().zip(children).collect()
}

/// One line of a key, or of a key and its value: what is before a place, and the rest.
fn line<'a>(
    base: Option<(&'a str, usize)>,
    ours: (&'a str, usize),
    theirs: (&'a str, usize),
) -> Pieces<'a> {
    let split = |(line, at): (&'a str, usize)| line.split_at(at);
    let (mine, yours) = (split(ours), split(theirs));
    let was = base.map(split);
    let key = pick(was.map(|it| it.0), mine.0, yours.0).unwrap_or(mine.0);
    with_rest(key, was.map(|it| it.1), mine.1, yours.1)
}

/// A line that begins like this; only the comment behind it may conflict.
fn with_rest<'a>(first: &str, base: Option<&str>, ours: &str, theirs: &str) -> Pieces<'a> {
    let line = |rest: &str| vec![Line::new(format!("{first}{rest}"))];
    match pick(base, ours, theirs) {
        Some(rest) => Pieces::of(line(rest)),
        None => Pieces::between(line(ours), line(theirs)),
    }
}

fn leaf<'a>(
    base: Option<&Block<'a>>,
    ours: &Block<'a>,
    theirs: &Block<'a>,
) -> Result<Pieces<'a>, Odd> {
    let was = match base {
        Some(base) => (
            same(ours.value, base.value)?,
            same(theirs.value, base.value)?,
        ),
        None => (false, false),
    };
    let is_same = same(ours.value, theirs.value)?;
    if !is_same && was == (false, false) {
        return differing(base, ours, theirs);
    }
    if let (Some(mine), Some(yours)) = (single(ours), single(theirs)) {
        let before = base.and_then(single);
        let first = |(line, at): (&'a str, usize)| line.split_at(at).0;
        let rest = |(line, at): (&'a str, usize)| line.split_at(at).1;
        let value = match (is_same, was) {
            (true, _) => {
                let (mine, yours) = (first(mine), first(yours));
                pick(before.map(first), mine, yours).unwrap_or(mine)
            }
            (false, (true, _)) => first(yours),
            (false, _) => first(mine),
        };
        return Ok(with_rest(value, before.map(rest), rest(mine), rest(yours)));
    }
    let before = base.map_or(&[][..], |base| &base.content);
    let merged = three_way(before, &ours.content, &theirs.content);
    if merged.has_conflicts() && !says_more(before, &ours.content, &theirs.content) {
        let takes_theirs = !is_same && was.0;
        let side = if takes_theirs { theirs } else { ours };
        return Ok(Pieces::agreed(&side.content));
    }
    Ok(merged)
}

/// Whether one of these texts may have comments.
fn says_more(base: &[&str], ours: &[&str], theirs: &[&str]) -> bool {
    let mut lines = base.iter().chain(ours).chain(theirs);
    lines.any(|line| line.contains(" #") || is_beside(line))
}

/// The only line of a block, and how many bytes of it are key and value.
fn single<'a>(block: &Block<'a>) -> Option<(&'a str, usize)> {
    match (&block.body, block.content.as_slice()) {
        (Body::Leaf(split), [line]) if line.is_char_boundary(*split) => Some((line, *split)),
        _ => None,
    }
}

/// Values that both sides changed: collections in flow style may still be merged.
fn differing<'a>(
    base: Option<&Block<'a>>,
    ours: &Block<'a>,
    theirs: &Block<'a>,
) -> Result<Pieces<'a>, Odd> {
    let kind = |it: &Block<'_>, kind: fn(&Node) -> bool| it.value.is_some_and(|(_, it)| kind(it));
    let both = |it: fn(&Node) -> bool| kind(ours, it) && kind(theirs, it);
    if both(Node::is_mapping) || both(Node::is_sequence) {
        let text = |block: &Block<'_>| block.content.join("\n");
        let base = base.map(text);
        if let Some(edited) = edited(base.as_deref(), &text(ours), &text(theirs))? {
            let lines = |text: String| -> Vec<Line<'a>> {
                let lines = text.split_terminator('\n');
                lines.map(|line| Line::new(line.to_owned())).collect()
            };
            return Ok(match edited {
                (mine, None) => Pieces::of(lines(mine)),
                (mine, Some(yours)) => Pieces::between(lines(mine), lines(yours)),
            });
        }
    }
    if let (Some((mine, at)), Some((yours, to))) = (single(ours), single(theirs)) {
        let rest = |(line, at): (&'a str, usize)| line.split_at(at).1;
        let before = base.and_then(single).map(rest);
        // A comment that one side changed is no part of the conflict.
        if let Some(rest) = pick(before, rest((mine, at)), rest((yours, to))) {
            let line = |value: &str| vec![Line::new(format!("{value}{rest}"))];
            return Ok(Pieces::between(line(&mine[..at]), line(&yours[..to])));
        }
    }
    Ok(Pieces::conflict(&ours.content, &theirs.content))
}

/// Our text with what only they changed, and the same with their values where both did.
/// `None` where that is the whole value.
fn edited(
    base: Option<&str>,
    ours: &str,
    theirs: &str,
) -> Result<Option<(String, Option<String>)>, Odd> {
    let parse = |text: &str| Stream::parse(text).map_err(|_| Odd);
    let value = |stream: &Stream| {
        let document = stream.documents().first().ok_or(Odd)?;
        document.written().map_err(|_| Odd)
    };
    let (mine, yours) = (parse(ours)?, parse(theirs)?);
    let was = base.map(|base| value(&parse(base)?)).transpose()?;
    let known = Base::Known(was.as_ref());
    let their_value = value(&yours)?;
    let differences = compare(known, Some(&value(&mine)?), Some(&their_value));
    if differences.iter().any(|it| it.path.is_root()) {
        return Ok(None);
    }
    let conflicts = differences.iter().any(|it| it.class == Class::Conflict);
    let with = |takes_theirs| with(&mine, (&yours, &their_value), &differences, takes_theirs);
    let both = match conflicts {
        true => Some(with(true)?),
        false => None,
    };
    Ok(Some((with(false)?, both)))
}

fn with(
    ours: &Stream,
    (theirs, their_value): (&Stream, &Value),
    differences: &[Difference],
    takes_theirs: bool,
) -> Result<String, Odd> {
    let mut editor = Editor::new(ours).map_err(|_| Odd)?;
    for difference in differences {
        let takes = match difference.class {
            Class::Change | Class::Removal => true,
            Class::Conflict => takes_theirs,
            Class::Hotfix | Class::AlreadyThere | Class::Ahead | Class::Held => false,
        };
        if !takes {
            continue;
        }
        let path = &difference.path;
        if let Some(list) = listed::list_of(path) {
            let names = listed::items_at(their_value, &list).ok_or(Odd)?;
            editor.order_items(0, &list, &names).map_err(|_| Odd)?;
            continue;
        }
        let done = match (&difference.theirs, path.last()) {
            (None, _) => editor.remove(0, path),
            (Some(_), Some(Step::Item(_))) => editor.copy_item(0, path, theirs, 0),
            (Some(_), _) => editor.copy_entry(0, path, theirs, 0),
        };
        done.map_err(|_| Odd)?;
    }
    editor.finish().map_err(|_| Odd)
}

/// What a block holds.
pub(super) fn held<'a>(block: Option<&Block<'a>>) -> Option<At<'a>> {
    block.and_then(|block| block.value)
}
