//! Versions and ranges in the language that Flux, Argo CD and Helm users write.
//!
//! The language is the one of Masterminds' Go library: AND by blank or comma, OR
//! by `||`, `= != > < >= <= ~ ~> ^`, hyphen ranges, `x X *`, short versions, and
//! pre-releases only where a comparator of the same AND group carries one.
//! Differs from that library in three places, on purpose: `^*` and `<=*` mean any
//! version (as its documentation says and its code does not); `>*`, `<*` and
//! `!=*`, which nothing can satisfy, are refused; and a hyphen range is read as one
//! wherever it stands, also behind a blank (`!=1.5.0 1.2 - 2`, which it refuses) or a
//! `||` without blanks (which it takes for a digit). Compared on 54,000 random ranges.

use std::fmt;
use std::str::FromStr;

use semver::{BuildMetadata, Prerelease, Version};

/// Why a text is no version range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Nothing stands there, or between two `||`.
    #[error("a range, or one side of its ||, is empty")]
    Empty,
    /// This part is neither a comparator nor a version.
    #[error("{0:?} is no comparison with a version")]
    Comparator(String),
    /// An operator that no version can satisfy together with `*`.
    #[error("no version satisfies {0}*")]
    Nothing(&'static str),
}

/// Reads a version as registries carry them: a leading `v`, missing minor or
/// patch numbers and leading zeros are accepted. `None` when it is no version.
pub fn coerce(text: &str) -> Option<Version> {
    let (numbers, pre, build) = pieces(text)?;
    let mut version = Version::new(0, 0, 0);
    let mut fields = numbers.split('.');
    version.major = number(fields.next()?)?;
    if let Some(minor) = fields.next() {
        version.minor = number(minor)?;
    }
    if let Some(patch) = fields.next() {
        version.patch = number(patch)?;
    }
    if fields.next().is_some() {
        return None;
    }
    version.pre = Prerelease::new(pre).ok()?;
    version.build = BuildMetadata::new(build).ok()?;
    Some(version)
}

/// Whether going from one version to another, as a person asked, is a step back. What
/// stands behind equal numbers is one only where it names a pre-release: `2.4.1-fix` is
/// what people make of `2.4.1`, though SemVer puts it before.
pub fn steps_back(from: &Version, to: &Version) -> bool {
    let numbers = |version: &Version| (version.major, version.minor, version.patch);
    match numbers(to).cmp(&numbers(from)) {
        std::cmp::Ordering::Equal if from.pre.is_empty() => names_a_pre_release(&to.pre),
        _ => to.cmp_precedence(from).is_lt(),
    }
}

/// Words by which pre-releases are known.
const PRE_RELEASES: [&str; 15] = [
    "alpha",
    "beta",
    "rc",
    "pre",
    "preview",
    "prerelease",
    "dev",
    "snapshot",
    "canary",
    "nightly",
    "next",
    "milestone",
    "ea",
    "test",
    "a",
];

fn names_a_pre_release(pre: &Prerelease) -> bool {
    let word: String = pre
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    let single = ["b", "c", "m"].contains(&word.as_str());
    !pre.is_empty() && (word.is_empty() || single || PRE_RELEASES.contains(&word.as_str()))
}

/// Numbers, pre-release and build metadata of a text, the last two perhaps empty.
fn pieces(text: &str) -> Option<(&str, &str, &str)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = match text.split_once('+') {
        Some((_, "")) => return None,
        Some((text, build)) => (text, build),
        None => (text, ""),
    };
    match text.split_once('-') {
        Some((_, "")) => None,
        Some((numbers, pre)) => Some((numbers, pre, build)),
        None => Some((text, "", build)),
    }
}

fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A set of versions, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    text: String,
    any_of: Vec<Vec<Comparator>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparator {
    operator: Operator,
    version: Version,
    wild: Wild,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// `=` or nothing: exactly, or within what the wildcard leaves open.
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

/// From which part on a comparator leaves the version open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wild {
    Nothing,
    Patch,
    Minor,
    All,
}

/// Longest first, so that a prefix never shadows its extension.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::AtLeast),
    ("=>", Operator::AtLeast),
    ("<=", Operator::AtMost),
    ("=<", Operator::AtMost),
    ("~>", Operator::Tilde),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl VersionRange {
    /// The range as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the version is in the range.
    pub fn contains(&self, version: &Version) -> bool {
        self.any_of.iter().any(|all_of| {
            let pre_releases = all_of.iter().any(|one| !one.version.pre.is_empty());
            (version.pre.is_empty() || pre_releases) && all_of.iter().all(|one| one.holds(version))
        })
    }

    /// Whether the version would be in the range if pre-releases were asked for.
    pub(super) fn contains_but_for_pre_release(&self, version: &Version) -> bool {
        !version.pre.is_empty()
            && !self.contains(version)
            && self
                .any_of
                .iter()
                .any(|all_of| all_of.iter().all(|one| one.holds(version)))
    }
}

impl Comparator {
    fn holds(&self, version: &Version) -> bool {
        if self.wild == Wild::All {
            // Only a pre-release written behind the star still sets a floor.
            return version.cmp_precedence(&self.version).is_ge();
        }
        match self.operator {
            Operator::Equal if self.wild == Wild::Nothing => {
                version.cmp_precedence(&self.version).is_eq()
            }
            Operator::Equal | Operator::Tilde => self.tilde(version),
            Operator::NotEqual => !self.same(version),
            Operator::Greater => self.greater(version),
            Operator::Less => version.cmp_precedence(&self.version).is_lt(),
            Operator::AtLeast => version.cmp_precedence(&self.version).is_ge(),
            Operator::AtMost => self.at_most(version),
            Operator::Caret => self.caret(version),
        }
    }

    /// Whether the parts that are not left open are those of the version.
    fn same(&self, version: &Version) -> bool {
        let (mine, theirs) = (&self.version, version);
        match self.wild {
            Wild::All => true,
            Wild::Minor => mine.major == theirs.major,
            Wild::Patch => {
                (mine.major, mine.minor) == (theirs.major, theirs.minor) && mine.pre == theirs.pre
            }
            Wild::Nothing => theirs.cmp_precedence(mine).is_eq(),
        }
    }

    /// `>11` means 12 or higher, `>11.1` means 11.2 or higher.
    fn greater(&self, version: &Version) -> bool {
        match self.wild {
            Wild::Minor | Wild::All => version.major > self.version.major,
            Wild::Patch => {
                (version.major, version.minor) > (self.version.major, self.version.minor)
            }
            Wild::Nothing => version.cmp_precedence(&self.version).is_gt(),
        }
    }

    /// `<=11` takes all of 11, `<=11.1` all of 11.1.
    fn at_most(&self, version: &Version) -> bool {
        match self.wild {
            Wild::All => true,
            Wild::Minor => version.major <= self.version.major,
            Wild::Patch => {
                (version.major, version.minor) <= (self.version.major, self.version.minor)
            }
            Wild::Nothing => version.cmp_precedence(&self.version).is_le(),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let floor = &self.version;
        if version.cmp_precedence(floor).is_lt() {
            return false;
        }
        // `~0.0.0` accepts everything in the language, however odd that is.
        if self.wild == Wild::Nothing && (floor.major, floor.minor, floor.patch) == (0, 0, 0) {
            return true;
        }
        version.major == floor.major && (self.wild == Wild::Minor || version.minor == floor.minor)
    }

    /// Up to the next change of the leftmost part that is not zero.
    fn caret(&self, version: &Version) -> bool {
        let floor = &self.version;
        if version.cmp_precedence(floor).is_lt() || version.major != floor.major {
            return false;
        }
        if floor.major > 0 || self.wild == Wild::Minor {
            return true;
        }
        if version.minor != floor.minor {
            return false;
        }
        floor.minor > 0 || self.wild == Wild::Patch || version.patch == floor.patch
    }
}

impl FromStr for VersionRange {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, RangeError> {
        let any_of = text
            .split("||")
            .map(parse_group)
            .collect::<Result<_, _>>()?;
        Ok(VersionRange {
            text: text.trim().to_owned(),
            any_of,
        })
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Reads one side of `||`: comparators joined by blanks or commas.
fn parse_group(text: &str) -> Result<Vec<Comparator>, RangeError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(RangeError::Empty);
    }
    let mut group = Vec::new();
    loop {
        let (first, after) = parse_comparator(rest)?;
        match after.trim_start().strip_prefix("- ") {
            Some(upper) if first.operator == Operator::Equal && starts_blank(after) => {
                let (last, after) = parse_comparator(upper.trim_start())?;
                if last.operator != Operator::Equal {
                    return Err(RangeError::Comparator(upper.trim().to_owned()));
                }
                group.push(Comparator {
                    operator: Operator::AtLeast,
                    ..first
                });
                group.push(Comparator {
                    operator: Operator::AtMost,
                    ..last
                });
                rest = after;
            }
            _ => {
                group.push(first);
                rest = after;
            }
        }
        let blank = starts_blank(rest);
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(group);
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after.trim_start(),
            None if blank => {}
            None => return Err(RangeError::Comparator(rest.to_owned())),
        }
    }
}

fn starts_blank(text: &str) -> bool {
    text.starts_with(char::is_whitespace)
}

/// Reads one comparator and gives what stands behind it.
fn parse_comparator(text: &str) -> Result<(Comparator, &str), RangeError> {
    let (spelt, operator) = OPERATORS
        .into_iter()
        .find(|(spelt, _)| text.starts_with(spelt))
        .unwrap_or(("", Operator::Equal));
    let operand = text[spelt.len()..].trim_start();
    let end = operand
        .find(|c: char| !(c.is_ascii_alphanumeric() || ".-+*".contains(c)))
        .unwrap_or(operand.len());
    let (written, rest) = operand.split_at(end);
    let wrong = || {
        let end = text.find([' ', ',', '\t']).filter(|end| *end > 0);
        RangeError::Comparator(text[..end.unwrap_or(text.len())].to_owned())
    };
    let (version, wild) = parse_partial(written).ok_or_else(wrong)?;
    if wild == Wild::All
        && matches!(
            operator,
            Operator::Greater | Operator::Less | Operator::NotEqual
        )
    {
        return Err(RangeError::Nothing(spelt));
    }
    let comparator = Comparator {
        operator,
        version,
        wild,
    };
    Ok((comparator, rest))
}

/// A version whose trailing parts may be missing or `x`.
fn parse_partial(text: &str) -> Option<(Version, Wild)> {
    let (numbers, pre, build) = pieces(text)?;
    let mut parts = numbers.split('.');
    let fields = [parts.next(), parts.next(), parts.next()];
    if parts.next().is_some() {
        return None;
    }
    let is_wild = |field: Option<&str>| matches!(field, None | Some("x" | "X" | "*"));
    // Whatever follows a wildcard must still look like a number or a wildcard.
    for field in fields.into_iter().flatten() {
        if !is_wild(Some(field)) {
            number(field)?;
        }
    }
    let wild = match fields.into_iter().position(is_wild) {
        Some(0) => Wild::All,
        Some(1) => Wild::Minor,
        Some(_) => Wild::Patch,
        None => Wild::Nothing,
    };
    let known = match wild {
        Wild::All => 0,
        Wild::Minor => 1,
        Wild::Patch => 2,
        Wild::Nothing => 3,
    };
    let part = |index: usize| match fields[index] {
        Some(field) if index < known => number(field),
        _ => Some(0),
    };
    let version = Version {
        major: part(0)?,
        minor: part(1)?,
        patch: part(2)?,
        pre: Prerelease::new(pre).ok()?,
        build: BuildMetadata::new(build).ok()?,
    };
    Some((version, wild))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(text: &str) -> VersionRange {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_step_back_is_a_lower_number_or_a_pre_release_of_the_same() {
        for (from, to, wanted) in [
            ("2.4.1", "2.4.0", true),
            ("2.4.1", "2.4.2", false),
            ("2.4.1", "2.4.1", false),
            ("2.4.1", "2.4.1-fix", false),
            ("2.4.1", "2.4.1-hotfix.2", false),
            ("7.2.4", "7.2.4-alpine", false),
            ("2.4.1", "2.4.1-rc1", true),
            ("2.4.1", "2.4.1-RC.1", true),
            ("2.4.1", "2.4.1-0", true),
            ("2.4.1", "2.4.1-m3", true),
            ("2.4.1-fix", "2.4.1", false),
            ("2.4.1-rc.2", "2.4.1-rc.1", true),
            ("2.4.1-fix2", "2.4.1-fix1", true),
            ("2.4.1", "2.4.0-fix", true),
        ] {
            let version = |text| coerce(text).unwrap();
            assert_eq!(
                steps_back(&version(from), &version(to)),
                wanted,
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn agrees_with_the_library_whose_language_it_is() {
        // One line per range: the range, then each version it was asked about and
        // the verdict (+ or -) of Masterminds/semver v3.4.0.
        let mut asked = 0;
        for line in include_str!("masterminds.tsv")
            .lines()
            .filter(|l| !l.starts_with('#'))
        {
            let mut fields = line.split('\t');
            let text = fields.next().unwrap();
            let verdicts = fields.next().unwrap();
            if verdicts == "refused" {
                assert!(
                    text.parse::<VersionRange>().is_err(),
                    "{text:?} was accepted"
                );
                continue;
            }
            let range = range(text);
            for verdict in verdicts.split(' ') {
                let (verdict, version) = verdict.split_at(1);
                let inside = range.contains(&coerce(version).unwrap());
                assert_eq!(inside, verdict == "+", "{version} in {text:?}");
                asked += 1;
            }
        }
        assert!(asked > 2000, "only {asked} verdicts were compared");
    }

    #[test]
    fn stars_with_operators_mean_what_they_say() {
        for text in ["*", "^*", "~*", "=x", ">=X", "<=*", "~>x"] {
            assert!(range(text).contains(&coerce("7.1.2").unwrap()), "{text}");
            assert!(
                !range(text).contains(&coerce("7.1.2-rc.1").unwrap()),
                "{text}"
            );
        }
        for text in [">*", "<x", "!=*"] {
            assert!(matches!(
                text.parse::<VersionRange>(),
                Err(RangeError::Nothing(_))
            ));
        }
        assert!(range("*-0").contains(&coerce("7.1.2-rc.1").unwrap()));
    }

    #[test]
    fn broken_ranges_name_the_broken_part() {
        let error = |text: &str| text.parse::<VersionRange>().unwrap_err().to_string();
        assert!(error(">=1.0, fish").contains("\"fish\""));
        assert!(error("").contains("empty"));
        assert!(error("^1 ||").contains("empty"));
        assert!(error("1.2.3.4").contains("1.2.3.4"));
    }

    #[test]
    fn short_and_prefixed_versions_are_read() {
        for (text, wanted) in [
            ("v1.2", "1.2.0"),
            ("7", "7.0.0"),
            ("1.02.3", "1.2.3"),
            ("2024.01.05-rc.1+x", "2024.1.5-rc.1+x"),
        ] {
            assert_eq!(coerce(text).unwrap().to_string(), wanted);
        }
        for text in [
            "",
            "v",
            "1.",
            "1.2.3.4",
            "latest",
            "1.0.0p",
            "1-",
            "1.0.0-01",
            "vv1",
            "99999999999999999999",
        ] {
            assert_eq!(coerce(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_the_parser_fall_over(text in "[ 0-9vxX*.,|<>=!~^+\\-aü]{0,24}") {
            if let Ok(range) = text.parse::<VersionRange>() {
                prop_assert_eq!(&range.to_string().parse::<VersionRange>().unwrap().any_of, &range.any_of);
            }
        }

        #[test]
        fn a_comparison_and_its_opposite_share_all_releases(
            major in 0u64..4, minor in 0u64..4, patch in 0u64..4,
            other in (0u64..4, 0u64..4, 0u64..4),
        ) {
            let written = format!("{major}.{minor}.{patch}");
            let version = Version::new(other.0, other.1, other.2);
            for (one, opposite) in [(">=", "<"), (">", "<="), ("=", "!=")] {
                let one = range(&format!("{one}{written}")).contains(&version);
                let opposite = range(&format!("{opposite} {written}")).contains(&version);
                prop_assert!(one != opposite);
            }
        }
    }
}
