//! Lines that come from one side or the other, and the conflicts between them.
//!
//! Owns the three-way merge of lines and how conflicts are marked. Knows nothing of YAML.

use std::borrow::Cow;

/// The largest product of two lengths, in lines, for which common lines are searched
/// between the equal beginning and the equal end. Longer texts conflict as a whole.
/// See `docs/limits.md`.
const MOST_PAIRS: usize = 1 << 20;

/// One line without its line break, indented by some columns more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'a> {
    indent: usize,
    text: Cow<'a, str>,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: impl Into<Cow<'a, str>>) -> Self {
        let (indent, text) = (0, text.into());
        Self { indent, text }
    }

    /// Whether it is blank or a comment.
    fn is_beside(&self) -> bool {
        is_beside(&self.text)
    }

    fn push_to(&self, out: &mut String) {
        if !self.text.is_empty() {
            out.extend(std::iter::repeat_n(' ', self.indent));
            out.push_str(&self.text);
        }
        out.push('\n');
    }
}

/// Whether a line holds nothing but blanks or a comment.
pub(super) fn is_beside(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// A run of lines of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<'a> {
    Agreed(Vec<Line<'a>>),
    Conflict(Vec<Line<'a>>, Vec<Line<'a>>),
}

/// The lines of a merge, conflicts included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Pieces<'a>(Vec<Piece<'a>>);

/// How conflicts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// Both sides, between markers of so many characters.
    Marked(usize),
    /// Our side alone.
    Ours,
    /// Their side alone.
    Theirs,
}

fn owned<'a>(lines: &[&'a str]) -> Vec<Line<'a>> {
    lines.iter().map(|line| Line::new(*line)).collect()
}

impl<'a> Pieces<'a> {
    pub(super) fn agreed(lines: &[&'a str]) -> Self {
        Self::of(owned(lines))
    }

    pub(super) fn of(lines: Vec<Line<'a>>) -> Self {
        match lines.is_empty() {
            true => Self::default(),
            false => Self(vec![Piece::Agreed(lines)]),
        }
    }

    pub(super) fn conflict(ours: &[&'a str], theirs: &[&'a str]) -> Self {
        Self(vec![Piece::Conflict(owned(ours), owned(theirs))])
    }

    /// A conflict between lines that were put together.
    pub(super) fn between(ours: Vec<Line<'a>>, theirs: Vec<Line<'a>>) -> Self {
        Self(vec![Piece::Conflict(ours, theirs)])
    }

    /// The lines with one side of each conflict.
    pub(super) fn side(&self, takes_theirs: bool) -> Vec<Line<'a>> {
        let lines = self.0.iter().flat_map(|piece| match piece {
            Piece::Conflict(_, theirs) if takes_theirs => theirs,
            Piece::Conflict(lines, _) | Piece::Agreed(lines) => lines,
        });
        lines.cloned().collect()
    }

    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has_conflicts(&self) -> bool {
        let conflict = |piece: &Piece<'_>| matches!(piece, Piece::Conflict(..));
        self.0.iter().any(conflict)
    }

    /// Indents every line by so many columns more.
    pub(super) fn indent(mut self, columns: usize) -> Self {
        for piece in &mut self.0 {
            let (one, other) = match piece {
                Piece::Agreed(lines) => (lines, None),
                Piece::Conflict(ours, theirs) => (ours, Some(theirs)),
            };
            for line in one.iter_mut().chain(other.into_iter().flatten()) {
                line.indent += columns;
            }
        }
        self
    }

    /// Puts the dash of a list's item before the first line that holds something.
    /// `None` where only one side has that line.
    pub(super) fn dashed(mut self) -> Option<Self> {
        for piece in &mut self.0 {
            match piece {
                Piece::Agreed(lines) => {
                    if dash(lines) {
                        return Some(self);
                    }
                }
                Piece::Conflict(ours, theirs) => {
                    return (dash(ours) && dash(theirs)).then_some(self);
                }
            }
        }
        None
    }

    /// Puts a line that begins a document first, unless one is there.
    pub(super) fn begun(mut self) -> Self {
        let is_begun = match self.0.first() {
            Some(Piece::Agreed(lines)) => begins(lines),
            Some(Piece::Conflict(ours, theirs)) => begins(ours) || begins(theirs),
            None => true,
        };
        if !is_begun {
            self.0.insert(0, Piece::Agreed(vec![Line::new("---")]));
        }
        self
    }

    /// The text.
    pub(super) fn text(&self, show: Show) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match (piece, show) {
                (Piece::Agreed(lines), _)
                | (Piece::Conflict(lines, _), Show::Ours)
                | (Piece::Conflict(_, lines), Show::Theirs) => push_all(lines, &mut out),
                (Piece::Conflict(ours, theirs), Show::Marked(size)) => {
                    mark(&mut out, '<', size, " ours");
                    push_all(ours, &mut out);
                    mark(&mut out, '=', size, "");
                    push_all(theirs, &mut out);
                    mark(&mut out, '>', size, " theirs");
                }
            }
        }
        out
    }
}

/// Puts a dash before the first line that holds something, if one does.
fn dash(lines: &mut [Line<'_>]) -> bool {
    let Some(line) = lines.iter_mut().find(|line| !line.is_beside()) else {
        return false;
    };
    let gap = line.indent.saturating_sub(1);
    line.text = Cow::Owned(format!("-{:gap$}{}", "", line.text));
    line.indent = 0;
    true
}

fn begins(lines: &[Line<'_>]) -> bool {
    let first = lines.iter().find(|line| !line.is_beside());
    first.is_some_and(|line| line.indent == 0 && line.text.starts_with("---"))
}

fn push_all(lines: &[Line<'_>], out: &mut String) {
    for line in lines {
        line.push_to(out);
    }
}

fn mark(out: &mut String, sign: char, size: usize, label: &str) {
    out.extend(std::iter::repeat_n(sign, size));
    out.push_str(label);
    out.push('\n');
}

/// The one of three that counts, where not both sides changed it differently.
pub(super) fn pick<T: PartialEq>(base: Option<T>, ours: T, theirs: T) -> Option<T> {
    match base {
        _ if ours == theirs => Some(ours),
        Some(base) if base == ours => Some(theirs),
        Some(base) if base == theirs => Some(ours),
        _ => None,
    }
}

/// Merges lines: what one side changed is taken, what both changed differently conflicts.
pub(super) fn three_way<'a>(base: &[&'a str], ours: &[&'a str], theirs: &[&'a str]) -> Pieces<'a> {
    if let Some(lines) = pick(Some(base), ours, theirs) {
        return Pieces::agreed(lines);
    }
    let (here, there) = (matches(base, ours), matches(base, theirs));
    let mut merged = Pieces::default();
    let (mut at, mut one, mut other) = (0, 0, 0);
    loop {
        let first = one;
        while at < base.len() && here[at] == Some(one) && there[at] == Some(other) {
            (at, one, other) = (at + 1, one + 1, other + 1);
        }
        merged.append(Pieces::agreed(&ours[first..one]));
        if (at, one, other) == (base.len(), ours.len(), theirs.len()) {
            return merged;
        }
        let next = (at..base.len()).find_map(|next| Some((next, here[next]?, there[next]?)));
        let next = next.unwrap_or((base.len(), ours.len(), theirs.len()));
        let (was, mine, yours) = (
            &base[at..next.0],
            &ours[one..next.1],
            &theirs[other..next.2],
        );
        merged.append(match pick(Some(was), mine, yours) {
            Some(lines) => Pieces::agreed(lines),
            None => Pieces::conflict(mine, yours),
        });
        (at, one, other) = next;
    }
}

/// The differences between two texts as conflicts.
pub(super) fn two_way<'a>(ours: &[&'a str], theirs: &[&'a str]) -> Pieces<'a> {
    let found = matches(ours, theirs);
    let mut merged = Pieces::default();
    let (mut one, mut other) = (0, 0);
    while (one, other) != (ours.len(), theirs.len()) {
        let first = one;
        while one < ours.len() && found[one] == Some(other) {
            (one, other) = (one + 1, other + 1);
        }
        merged.append(Pieces::agreed(&ours[first..one]));
        let next = (one..ours.len()).find_map(|next| Some((next, found[next]?)));
        let next = next.unwrap_or((ours.len(), theirs.len()));
        if next != (one, other) {
            let (mine, yours) = (&ours[one..next.0], &theirs[other..next.1]);
            merged.append(Pieces::conflict(mine, yours));
        }
        (one, other) = next;
    }
    merged
}

/// For each line the number of the equal one in the other text; both numbers only rise.
fn matches(lines: &[&str], others: &[&str]) -> Vec<Option<usize>> {
    let mut found = vec![None; lines.len()];
    let pairs = lines.iter().zip(others);
    let head = pairs.take_while(|(one, other)| one == other).count();
    let (rest, other_rest) = (&lines[head..], &others[head..]);
    let pairs = rest.iter().rev().zip(other_rest.iter().rev());
    let tail = pairs.take_while(|(one, other)| one == other).count();
    for (at, place) in found.iter_mut().take(head).enumerate() {
        *place = Some(at);
    }
    for back in 1..=tail {
        found[lines.len() - back] = Some(others.len() - back);
    }
    let rest = &rest[..rest.len() - tail];
    let other_rest = &other_rest[..other_rest.len() - tail];
    if rest.len().saturating_mul(other_rest.len()) <= MOST_PAIRS {
        for (one, other) in longest(rest, other_rest) {
            found[head + one] = Some(head + other);
        }
    }
    found
}

/// The longest common subsequence.
fn longest(one: &[&str], other: &[&str]) -> Vec<(usize, usize)> {
    let width = other.len() + 1;
    let mut table = vec![0_u32; (one.len() + 1) * width];
    for at in (0..one.len()).rev() {
        for to in (0..other.len()).rev() {
            table[at * width + to] = match one[at] == other[to] {
                true => table[(at + 1) * width + to + 1] + 1,
                false => table[(at + 1) * width + to].max(table[at * width + to + 1]),
            };
        }
    }
    let (mut at, mut to, mut found) = (0, 0, Vec::new());
    while at < one.len() && to < other.len() {
        if one[at] == other[to] {
            found.push((at, to));
            (at, to) = (at + 1, to + 1);
        } else if table[(at + 1) * width + to] >= table[at * width + to + 1] {
            at += 1;
        } else {
            to += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str) -> String {
        let lines = |text: &'static str| text.split_terminator(' ').collect::<Vec<_>>();
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let (base, ours, theirs) = (lines(leak(base)), lines(leak(ours)), lines(leak(theirs)));
        let text = three_way(&base, &ours, &theirs).text(Show::Marked(1));
        text.trim_end().replace('\n', " ")
    }

    #[test]
    fn what_one_side_changed_is_taken_and_the_rest_conflicts_alone() {
        for (base, ours, theirs, wanted) in [
            ("a b c", "a b c", "a x c", "a x c"),
            ("a b c d e", "x b c d e", "a b c d y", "x b c d y"),
            ("a b c", "b c", "a b", "b"),
            ("a b c", "a x c", "a x c", "a x c"),
            ("a b c", "a x c", "a y c", "a < ours x = y > theirs c"),
            ("", "x", "y", "< ours x = y > theirs"),
            ("a", "a x", "a y", "a < ours x = y > theirs"),
        ] {
            assert_eq!(merged(base, ours, theirs), wanted, "{base}|{ours}|{theirs}");
        }
    }

    #[test]
    fn both_sides_of_a_conflict_can_be_had_alone() {
        let (ours, theirs) = (["a", "x", "c"], ["a", "c", "y"]);
        let pieces = two_way(&ours, &theirs);
        assert!(pieces.has_conflicts());
        assert_eq!(pieces.text(Show::Ours), "a\nx\nc\n");
        assert_eq!(pieces.text(Show::Theirs), "a\nc\ny\n");
        assert!(!two_way(&ours, &ours).has_conflicts());
    }

    #[test]
    fn a_dash_goes_before_the_first_line_that_holds_something() {
        let pieces = Pieces::agreed(&["# c", "name: a", "v: 1"]).indent(2);
        let text = pieces.dashed().unwrap().text(Show::Ours);
        assert_eq!(text, "  # c\n- name: a\n  v: 1\n");
        let pieces = Pieces::conflict(&["a"], &["b"]).indent(2).dashed().unwrap();
        assert_eq!(pieces.text(Show::Theirs), "- b\n");
        assert_eq!(Pieces::conflict(&["a"], &[]).dashed(), None);
    }
}
