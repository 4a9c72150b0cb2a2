//! Pins in files that nobody parses: `.env`, files without extension, anything a
//! regular expression can find. What its groups captured is replaced, not one byte
//! more, and the expression must find the same places again afterwards.

use std::ops::Range;

use regex::{Captures, Regex, RegexBuilder};

/// What a named group of an expression, or a key path, leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// A whole reference: name, tag and digest.
    Image,
    /// A tag, perhaps with its digest behind `@`.
    Tag,
    /// A digest.
    Digest,
    /// The version of something that is no image.
    Version,
}

impl Holds {
    /// All of them, by the word for each.
    pub const WORDS: [(&'static str, Holds); 4] = [
        ("image", Holds::Image),
        ("tag", Holds::Tag),
        ("digest", Holds::Digest),
        ("version", Holds::Version),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Holds::Image => "image",
            Holds::Tag => "tag",
            Holds::Digest => "digest",
            Holds::Version => "version",
        }
    }
}

/// A regular expression whose named groups capture what is pinned. `^` and `$` match
/// at the ends of lines, whichever way those end.
#[derive(Debug, Clone)]
pub struct TextPattern {
    text: String,
    regex: Regex,
    groups: Vec<Holds>,
}

impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TextPattern {}

/// One match: the bytes of each group that took part.
pub(super) type Match = Vec<(Holds, Range<usize>)>;

impl TextPattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is no regular expression, or its groups say nothing that can be pinned.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(text)
            .multi_line(true)
            .crlf(true)
            .build()
            .map_err(|error| {
                // The last line says what is wrong, those before draw it.
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                format!("is no regular expression: {reason}")
            })?;
        let mut groups = Vec::new();
        for name in regex.capture_names().flatten() {
            match Holds::WORDS.iter().find(|(word, _)| *word == name) {
                Some((_, holds)) => groups.push(*holds),
                None => {
                    return Err(format!(
                        "has a group {name:?}; the groups are image, tag, digest and version"
                    ));
                }
            }
        }
        match groups.as_slice() {
            [] => Err(
                "captures nothing: name a group, such as (?<tag>[^\\s]+), for what changes"
                    .to_owned(),
            ),
            [_] => Ok(()),
            several
                if several
                    .iter()
                    .all(|it| matches!(it, Holds::Tag | Holds::Digest)) =>
            {
                Ok(())
            }
            _ => Err("has groups that exclude each other: image or version stand alone".to_owned()),
        }?;
        Ok(Self {
            text: text.to_owned(),
            regex,
            groups,
        })
    }

    /// What its groups capture.
    pub fn holds(&self) -> &[Holds] {
        &self.groups
    }

    /// All matches, in the order of the text.
    pub(super) fn find(&self, text: &str) -> Vec<Match> {
        let of = |captures: Captures<'_>| {
            self.groups
                .iter()
                .filter_map(|holds| Some((*holds, captures.name(holds.word())?.range())))
                .collect()
        };
        self.regex.captures_iter(text).map(of).collect()
    }

    /// The text in which one match's groups say something else.
    ///
    /// # Errors
    /// The expression would not find the same places again.
    pub(super) fn replaced(
        &self,
        text: &str,
        number: usize,
        wanted: &[(Holds, String)],
    ) -> Result<String, &'static str> {
        const MOVED: &str = "the expression would no longer find the same places";
        let before = self.find(text);
        let mut expected = said(text, &before);
        let place = before.get(number).ok_or(MOVED)?;
        let said_there = expected.get_mut(number).ok_or(MOVED)?;
        let mut splices: Vec<(Range<usize>, &str)> = Vec::new();
        for ((holds, range), said) in place.iter().zip(said_there) {
            if let Some((_, new)) = wanted.iter().find(|(it, _)| it == holds) {
                splices.push((range.clone(), new));
                new.clone_into(&mut said.1);
            }
        }
        // From the end, so that what stands before keeps its place.
        splices.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut result = text.to_owned();
        for (range, new) in splices {
            result.replace_range(range, new);
        }
        if said(&result, &self.find(&result)) != expected {
            return Err(MOVED);
        }
        Ok(result)
    }
}

/// What the groups of each match say.
fn said(text: &str, matches: &[Match]) -> Vec<Vec<(Holds, String)>> {
    let of = |found: &Match| {
        found
            .iter()
            .map(|(holds, range)| (*holds, text[range.clone()].to_owned()))
            .collect()
    };
    matches.iter().map(of).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Vec<(Holds, String)> {
        vec![(Holds::Tag, text.to_owned())]
    }

    #[test]
    fn only_what_was_captured_changes() {
        let pattern = TextPattern::parse("^API_TAG=(?<tag>\\S+)$").unwrap();
        let text = "# v1 is old\r\nAPI_TAG=v1\r\nWEB_TAG=v1\r\n";
        assert_eq!(
            pattern.replaced(text, 0, &tag("v2")).unwrap(),
            "# v1 is old\r\nAPI_TAG=v2\r\nWEB_TAG=v1\r\n"
        );
    }

    #[test]
    fn the_second_place_is_told_from_the_first() {
        let pattern = TextPattern::parse("tag: (?<tag>[a-z0-9.]+)@(?<digest>[a-z0-9:]+)").unwrap();
        let text = "tag: v1@a:1\ntag: v1@a:1";
        let both = [
            (Holds::Tag, "v10".to_owned()),
            (Holds::Digest, "b:22".to_owned()),
        ];
        assert_eq!(
            pattern.replaced(text, 1, &both).unwrap(),
            "tag: v1@a:1\ntag: v10@b:22"
        );
    }

    #[test]
    fn a_place_that_would_not_be_found_again_is_not_written() {
        let pattern = TextPattern::parse("TAG=(?<tag>v[0-9]+)").unwrap();
        assert!(pattern.replaced("TAG=v1", 0, &tag("1.2")).is_err());
        assert!(pattern.replaced("TAG=v1", 0, &tag("v1.2")).is_err());
        assert!(pattern.replaced("TAG=v1", 1, &tag("v2")).is_err());
    }

    #[test]
    fn expressions_that_pin_nothing_are_refused() {
        for (text, wanted) in [
            ("a(", "is no regular expression: unclosed group"),
            ("TAG=(.*)", "captures nothing"),
            ("(?<name>a)", "has a group \"name\""),
            ("(?<image>a)(?<tag>b)", "exclude each other"),
        ] {
            let error = TextPattern::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
