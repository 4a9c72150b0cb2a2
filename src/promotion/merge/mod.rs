//! The merge of a file by key path, as a merge driver for Git needs it: three texts in, one
//! text out, with conflicts where both sides changed the same value differently. Pure.
//!
//! Lines are taken from the side that changed them, and the values of the result are
//! compared with what [`compare`](super::compare) says of the three values. There is no
//! history here, so no value is ever called behind or held. Refused, for a merge by lines:
//! what cannot be read, duplicate keys, and results whose values are not the expected ones.

mod blocks;
mod lines;
mod outline;
mod pairs;
mod record;
mod values;

use std::collections::{BTreeSet, HashMap};

use blocks::{block, held};
use lines::{Pieces, Show, pick};
use outline::{Block, Body, Odd, documents};
use pairs::order;
use values::{comparable, expected};

use crate::yaml::{Node, Stream};

/// The merged text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The text, with markers where it conflicts.
    pub text: String,
    /// Whether it conflicts.
    pub has_conflicts: bool,
}

/// The texts of one file.
#[derive(Debug, Clone, Copy)]
pub struct Texts<'a> {
    /// As both sides had it; empty where there is no such state.
    pub base: &'a str,
    /// On the branch that is merged into.
    pub ours: &'a str,
    /// On the branch that is merged.
    pub theirs: &'a str,
}

/// Merges a file by key path, conflicts between markers of so many characters. `None`
/// where it has to be merged by lines.
pub fn merge(texts: Texts<'_>, marker: usize) -> Option<Merged> {
    let plain = Plain::of(texts).ok()?;
    let merged = plain.merge().ok()?;
    Some(plain.written(&merged, marker))
}

/// Merges a promotion record: path by path, its head from the newer side.
pub use record::merge_records;

/// Three texts without what is no YAML of theirs.
struct Plain {
    base: Stream,
    ours: Stream,
    theirs: Stream,
    form: Form,
}

/// How the bytes of a text begin, and how its lines and the text end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    has_mark: bool,
    newline: &'static str,
    is_ended: bool,
}

impl Plain {
    fn of(texts: Texts<'_>) -> Result<Self, Odd> {
        let (base, was) = plain(texts.base)?;
        let (ours, mine) = plain(texts.ours)?;
        let (theirs, yours) = plain(texts.theirs)?;
        let known = !base.is_empty();
        let picked = |of: fn(Form) -> bool| {
            pick(known.then_some(of(was)), of(mine), of(yours)).unwrap_or(of(mine))
        };
        let parse = |text: &str| Stream::parse(text).map_err(|_| Odd);
        let newline = pick(known.then_some(was.newline), mine.newline, yours.newline);
        Ok(Self {
            form: Form {
                has_mark: picked(|it| it.has_mark),
                newline: newline.unwrap_or(mine.newline),
                is_ended: picked(|it| it.is_ended),
            },
            base: parse(&base)?,
            ours: parse(&ours)?,
            theirs: parse(&theirs)?,
        })
    }

    fn merge(&self) -> Result<Pieces<'_>, Odd> {
        let blocks = [&self.base, &self.ours, &self.theirs].map(documents);
        let [base, ours, theirs] = blocks;
        let (base, ours, theirs) = (base?, ours?, theirs?);
        let way = Way::of(&base, [&ours, &theirs])?;
        let names = [&base, &ours, &theirs].map(|blocks| way.names(blocks));
        let [was, mine, yours] = &names;
        let (was, mine, yours) = (texts(was), texts(mine), texts(yours));
        let known = (!base.is_empty()).then_some(&was[..]);
        let (order, _) = order(known, &mine, &yours);
        let (olds, mines, theirs) = (
            by_name(&was, &base),
            by_name(&mine, &ours),
            by_name(&yours, &theirs),
        );
        let mut merged = Pieces::default();
        for name in order {
            let three = (
                olds.get(name).copied(),
                mines.get(name).copied(),
                theirs.get(name).copied(),
            );
            let document = block(three, None)?;
            // A conflict around a whole document is no help.
            let is_leaf = |it: Option<&Block<'_>>| it.is_some_and(|it| is_leaf(it));
            if document.has_conflicts() && (is_leaf(three.1) || is_leaf(three.2)) {
                return Err(Odd);
            }
            merged.append(match merged.is_empty() {
                true => document,
                false => document.begun(),
            });
        }
        for (show, takes_theirs) in [(Show::Ours, false), (Show::Theirs, true)] {
            if !takes_theirs || merged.has_conflicts() {
                let text = self.ended(merged.text(show));
                prove(&text, way, [&olds, &mines, &theirs], takes_theirs)?;
            }
        }
        Ok(merged)
    }

    fn ended(&self, mut text: String) -> String {
        if !self.form.is_ended && text.ends_with('\n') {
            text.pop();
        }
        text
    }

    fn written(&self, merged: &Pieces<'_>, marker: usize) -> Merged {
        let has_conflicts = merged.has_conflicts();
        let mut text = merged.text(Show::Marked(marker));
        if !has_conflicts {
            text = self.ended(text);
        }
        if self.form.newline != "\n" {
            text = text.replace('\n', self.form.newline);
        }
        if self.form.has_mark {
            text.insert(0, '\u{feff}');
        }
        Merged {
            text,
            has_conflicts,
        }
    }
}

fn is_leaf(block: &Block<'_>) -> bool {
    matches!(block.body, Body::Leaf(_))
}

/// The text with `\n` alone at the ends of its lines; refuses a mixture.
fn plain(text: &str) -> Result<(String, Form), Odd> {
    let rest = text.strip_prefix('\u{feff}');
    let has_mark = rest.is_some();
    let rest = rest.unwrap_or(text);
    let (all, returns) = (rest.matches('\n').count(), rest.matches('\r').count());
    let newline = match returns {
        0 => "\n",
        _ if returns == all && rest.matches("\r\n").count() == all => "\r\n",
        _ => return Err(Odd),
    };
    let form = Form {
        has_mark,
        newline,
        is_ended: rest.is_empty() || rest.ends_with('\n'),
    };
    Ok((rest.replace("\r\n", "\n"), form))
}

/// How the documents of three texts are paired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By group, kind, namespace and name.
    Identity,
    /// By their place.
    Place,
}

impl Way {
    fn of(base: &[Block<'_>], sides: [&[Block<'_>]; 2]) -> Result<Self, Odd> {
        let [ours, theirs] = sides;
        let all = [base, ours, theirs];
        let is_single = all.iter().all(|blocks| blocks.len() <= 1);
        let distinct = |blocks: &&[Block<'_>]| {
            let names: Option<BTreeSet<String>> = blocks.iter().map(identity).collect();
            names.is_some_and(|names| names.len() == blocks.len())
        };
        let is_equal = ours.len() == theirs.len() && [0, ours.len()].contains(&base.len());
        match () {
            () if is_single => Ok(Self::Place),
            () if all.iter().all(distinct) => Ok(Self::Identity),
            () if is_equal => Ok(Self::Place),
            () => Err(Odd),
        }
    }

    fn names(self, blocks: &[Block<'_>]) -> Vec<String> {
        let name = |(place, block): (usize, &Block<'_>)| match self {
            Self::Identity => identity(block).unwrap_or_default(),
            Self::Place => place.to_string(),
        };
        blocks.iter().enumerate().map(name).collect()
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// What an object is called: group, kind, namespace and name.
fn identity(block: &Block<'_>) -> Option<String> {
    let root = held(Some(block))?.1;
    let text = |node: &Node, key: &str| node.get(key)?.as_str().map(str::to_owned);
    let metadata = root.get("metadata")?;
    let version = text(root, "apiVersion").unwrap_or_default();
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let (kind, name) = (text(root, "kind")?, text(metadata, "name")?);
    let namespace = text(metadata, "namespace").unwrap_or_default();
    Some([group, &kind, &namespace, &name].join("\n"))
}

type Named<'n, 'b, 'a> = HashMap<&'n str, &'b Block<'a>>;

fn by_name<'n, 'b, 'a>(names: &[&'n str], blocks: &'b [Block<'a>]) -> Named<'n, 'b, 'a> {
    names.iter().copied().zip(blocks).collect()
}

/// Refuses a text whose values are not those that the merge of the three values has.
fn prove(
    text: &str,
    way: Way,
    [base, ours, theirs]: [&Named<'_, '_, '_>; 3],
    takes_theirs: bool,
) -> Result<(), Odd> {
    let stream = Stream::parse(text).map_err(|_| Odd)?;
    let found = documents(&stream)?;
    let names = way.names(&found);
    let names = texts(&names);
    let found = by_name(&names, &found);
    if found.len() != names.len() {
        return Err(Odd);
    }
    let all = [base, ours, theirs, &found];
    let every: BTreeSet<&str> = all.iter().flat_map(|it| it.keys().copied()).collect();
    for name in every {
        let sides = all.map(|named| held(named.get(name).copied()));
        let [base, ours, theirs, found] = comparable(sides)?;
        if found != expected([&base, &ours, &theirs], takes_theirs)? {
            return Err(Odd);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
