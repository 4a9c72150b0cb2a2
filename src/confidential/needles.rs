//! Many texts, looked for in another one at once.

use std::collections::HashSet;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

const MASK: &str = "***";

/// Shorter texts are found where they are words of their own: masking every `a` would
/// make a text unreadable. In bytes.
const SHORT: usize = 4;

/// Texts to look for.
#[derive(Clone, Default)]
pub(super) struct Needles {
    texts: Vec<String>,
    /// `None`: there are none, or they are too large for it.
    search: Option<AhoCorasick>,
}

/// Where needles are.
pub(super) struct Found {
    /// In the order of their ends; they may overlap.
    pub(super) places: Vec<Range<usize>>,
    /// Whether each of the needles is somewhere.
    pub(super) has_all: bool,
}

impl Needles {
    /// A bracket on a line of its own is not a needle.
    pub(super) fn of(mut texts: Vec<String>) -> Self {
        texts.retain(|text| text.contains(char::is_alphanumeric));
        texts.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        texts.dedup();
        let search = match texts.is_empty() {
            true => None,
            false => automaton(&texts),
        };
        Self { texts, search }
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn find(&self, text: &str) -> Found {
        let mut known = HashSet::new();
        let mut places = Vec::new();
        for (needle, place) in self.matches(text) {
            known.insert(needle);
            places.push(place);
        }
        Found {
            places,
            has_all: known.len() == self.texts.len(),
        }
    }

    /// Whether one of them is in the text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.matches(text).next().is_some()
    }

    /// The text with `***` in the place of each. Where two of them overlap, nothing of
    /// either is left.
    pub(super) fn mask(&self, text: &str) -> String {
        let mut places = self.find(text).places;
        places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
        let (mut masked, mut at) = (String::with_capacity(text.len()), 0);
        for place in places {
            if place.start >= at {
                masked.push_str(&text[at..place.start]);
                masked.push_str(MASK);
            }
            at = at.max(place.end);
        }
        masked.push_str(&text[at..]);
        masked
    }

    fn matches<'t>(&'t self, text: &'t str) -> impl Iterator<Item = (usize, Range<usize>)> + 't {
        let search = self.search.iter();
        search.flat_map(move |search| {
            let found = search.find_overlapping_iter(text);
            found.filter_map(move |found| {
                let place = found.range();
                (place.len() >= SHORT || is_word(text, &place))
                    .then(|| (found.pattern().as_usize(), place))
            })
        })
    }
}

/// A DFA would be quicker, but takes quadratic time to be made of a text that repeats
/// itself.
fn automaton(texts: &[String]) -> Option<AhoCorasick> {
    let mut builder = AhoCorasick::builder();
    builder.kind(Some(AhoCorasickKind::ContiguousNFA));
    builder.build(texts).ok()
}

/// Whether a part of a text is a word of its own.
fn is_word(text: &str, place: &Range<usize>) -> bool {
    let before = text[..place.start].chars().next_back();
    let after = text[place.end..].chars().next();
    let joins = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    !joins(before) && !joins(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needles(texts: &[&str]) -> Needles {
        Needles::of(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn nothing_of_overlapping_texts_is_left() {
        let all = needles(&["abcd", "cdefgh", "efgh"]);
        assert_eq!(all.mask("x abcdefgh y"), "x *** y");
        assert_eq!(all.mask("abcd efgh"), "*** ***");
        assert!(all.is_in("an abcd") && !all.is_in("abc"));
    }

    #[test]
    fn short_texts_are_words_of_their_own() {
        let all = needles(&["ab", "{"]);
        assert_eq!(all.mask("cabin { ab"), "cabin { ***");
        assert!(!all.is_in("cabin"));
        assert_eq!(needles(&[]).mask("a"), "a");
    }

    #[test]
    fn it_is_known_whether_all_are_there() {
        let all = needles(&["abcd", "efgh"]);
        assert!(all.find("abcd efgh").has_all && !all.find("abcd").has_all);
    }

    /// Ten thousand values, looked for in ten thousand messages.
    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that it takes is tested"
    )]
    fn many_texts_are_looked_for_in_time() {
        let all = Needles::of((0..10_000).map(|at| format!("value-{at}-")).collect());
        let begun = std::time::Instant::now();
        for at in 0..10_000 {
            assert_eq!(all.mask(&format!("got value-{at}- here")), "got *** here");
        }
        assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
    }
}
