//! Tag policies: which tags count for a component and which of them is newest.
//!
//! A policy is read once from what the product manifest says and then only
//! compares: nothing here asks a registry. Refuses policies with no order or two.

use std::cmp::Ordering;
use std::time::Duration;

use regex::Regex;
use semver::Version;

use super::platform::Platform;
use super::tag::Tag;
use super::version::{VersionRange, coerce};
use crate::glob::{Glob, Over};

/// A policy as written, field by field, before it is understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicySpec {
    /// `semver: RANGE`
    pub semver: Option<String>,
    /// `numeric: asc|desc`
    pub numeric: Option<String>,
    /// `alphabetical: asc|desc`
    pub alphabetical: Option<String>,
    /// `newest: true`
    pub newest: bool,
    /// `digest: TAG`
    pub digest: Option<String>,
    /// `filter: {pattern, extract}`
    pub filter: Option<FilterSpec>,
    /// `ignore: [GLOB, …]`
    pub ignore: Vec<String>,
    /// `platforms: [OS/ARCHITECTURE, …]`
    pub platforms: Vec<String>,
    /// `minAge: 3d`
    pub min_age: Option<String>,
}

/// A filter as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterSpec {
    /// Regular expression that a tag must match somewhere.
    pub pattern: String,
    /// What of the match is compared, such as `$1` or `${date}`; the whole tag without it.
    pub extract: Option<String>,
}

/// Why a policy cannot be followed; `field` is the key path below the policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct PolicyError {
    /// The key path below the policy, such as `filter.pattern`; empty for the policy itself.
    pub field: String,
    /// What is wrong there.
    pub message: String,
}

/// How the tags of an image are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Versions inside a range.
    Semver(VersionRange),
    /// Exact decimal numbers.
    Numeric(Direction),
    /// Bytes.
    Alphabetical(Direction),
    /// The date in the image's configuration.
    Newest,
    /// One mutable tag, followed by its digest.
    Digest(Tag),
}

/// Which end of an order is newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The largest is newest.
    Ascending,
    /// The smallest is newest.
    Descending,
}

/// Which tags count and which of them is newest.
#[derive(Debug, Clone)]
pub struct TagPolicy {
    spec: PolicySpec,
    order: Order,
    filter: Option<Filter>,
    ignore: Vec<(String, Glob)>,
    platforms: Vec<Platform>,
    min_age: Option<Duration>,
}

#[derive(Debug, Clone)]
struct Filter {
    pattern: Regex,
    extract: Option<String>,
}

impl PartialEq for TagPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Eq for TagPolicy {}

/// What a tag is compared by. Keys of one policy are always of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Version(Version),
    Number(Decimal),
    Text(String),
    /// Ordered by date, which only the registry knows.
    Dated,
}

/// Why a tag has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dropped {
    Attachment,
    Ignored(String),
    Filtered,
    NoVersion,
    NoNumber,
    OutOfRange(Version),
    PreRelease,
    AnotherTag,
}

impl TagPolicy {
    /// Understands a policy.
    ///
    /// # Errors
    /// Names the field that is missing, contradictory or unreadable.
    pub fn new(spec: &PolicySpec) -> Result<TagPolicy, PolicyError> {
        Ok(TagPolicy {
            order: order(spec)?,
            filter: spec.filter.as_ref().map(filter).transpose()?,
            ignore: spec
                .ignore
                .iter()
                .enumerate()
                .map(glob)
                .collect::<Result<_, _>>()?,
            platforms: platforms(&spec.platforms)?,
            min_age: spec.min_age.as_deref().map(age).transpose()?,
            spec: spec.clone(),
        })
    }

    /// A policy that takes the newest version in a range.
    pub fn semver(range: VersionRange) -> TagPolicy {
        TagPolicy {
            spec: PolicySpec {
                semver: Some(range.to_string()),
                ..PolicySpec::default()
            },
            order: Order::Semver(range),
            filter: None,
            ignore: Vec::new(),
            platforms: Vec::new(),
            min_age: None,
        }
    }

    /// The policy as it was written.
    pub fn spec(&self) -> &PolicySpec {
        &self.spec
    }

    /// How tags are ordered.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Platforms that the chosen image must serve.
    pub fn platforms(&self) -> &[Platform] {
        &self.platforms
    }

    /// How old an image must be before it is taken.
    pub fn min_age(&self) -> Option<Duration> {
        self.min_age
    }

    /// The policy in a few words, such as `^1.4` or `numeric asc`.
    pub fn summary(&self) -> String {
        match &self.order {
            Order::Semver(range) => range.to_string(),
            Order::Numeric(direction) => format!("numeric {}", direction.as_str()),
            Order::Alphabetical(direction) => format!("alphabetical {}", direction.as_str()),
            Order::Newest => "newest".to_owned(),
            Order::Digest(tag) => format!("digest of {tag}"),
        }
    }

    /// Compares two tags by this policy's order, ranges left aside. `None` when one of
    /// them has no place in the order, or only dates could tell.
    pub fn compare(&self, one: &Tag, other: &Tag) -> Option<Ordering> {
        let key = |tag: &Tag| match self.bare_key(tag) {
            Ok(Key::Dated) | Err(_) => None,
            Ok(key) => Some(key),
        };
        Some(self.compare_keys(&key(one)?, &key(other)?))
    }

    pub(super) fn compare_keys(&self, one: &Key, other: &Key) -> Ordering {
        match self.order {
            Order::Numeric(Direction::Descending) | Order::Alphabetical(Direction::Descending) => {
                other.cmp(one)
            }
            _ => one.cmp(other),
        }
    }

    /// The key of a tag, or why it has none.
    pub(super) fn key(&self, tag: &Tag) -> Result<Key, Dropped> {
        if let Order::Digest(followed) = &self.order {
            return if followed == tag {
                Ok(Key::Dated)
            } else {
                Err(Dropped::AnotherTag)
            };
        }
        if tag.is_attachment() {
            return Err(Dropped::Attachment);
        }
        if let Some((text, _)) = self
            .ignore
            .iter()
            .find(|(_, glob)| glob.is_match(tag.as_str()))
        {
            return Err(Dropped::Ignored(text.clone()));
        }
        let key = self.bare_key(tag)?;
        match (&self.order, &key) {
            (Order::Semver(range), Key::Version(version)) if !range.contains(version) => {
                Err(if range.contains_but_for_pre_release(version) {
                    Dropped::PreRelease
                } else {
                    Dropped::OutOfRange(version.clone())
                })
            }
            _ => Ok(key),
        }
    }

    fn bare_key(&self, tag: &Tag) -> Result<Key, Dropped> {
        let text = match &self.filter {
            Some(filter) => filter.apply(tag.as_str()).ok_or(Dropped::Filtered)?,
            None => tag.as_str().to_owned(),
        };
        match &self.order {
            Order::Semver(_) => coerce(&text).map(Key::Version).ok_or(Dropped::NoVersion),
            Order::Numeric(_) => Decimal::parse(&text)
                .map(Key::Number)
                .ok_or(Dropped::NoNumber),
            Order::Alphabetical(_) => Ok(Key::Text(text)),
            Order::Newest | Order::Digest(_) => Ok(Key::Dated),
        }
    }
}

impl Direction {
    /// `asc` or `desc`.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        }
    }
}

impl Filter {
    fn apply(&self, tag: &str) -> Option<String> {
        let captures = self.pattern.captures(tag)?;
        Some(match &self.extract {
            Some(extract) => {
                let mut text = String::new();
                captures.expand(extract, &mut text);
                text
            }
            None => tag.to_owned(),
        })
    }
}

/// A decimal number of any length, compared exactly. No sign, no exponent: a tag
/// such as `1e5` or `inf` is a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    whole: String,
    fraction: String,
}

impl Decimal {
    fn parse(text: &str) -> Option<Decimal> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        (digits(whole) && digits(fraction)).then(|| Decimal {
            whole: whole.trim_start_matches('0').to_owned(),
            fraction: fraction.trim_end_matches('0').to_owned(),
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.whole.len().cmp(&other.whole.len());
        by_length
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn wrong(field: &str, message: impl ToString) -> PolicyError {
    PolicyError {
        field: field.to_owned(),
        message: message.to_string(),
    }
}

fn order(spec: &PolicySpec) -> Result<Order, PolicyError> {
    let mut orders = Vec::new();
    if let Some(range) = &spec.semver {
        let range = range.parse().map_err(|error| wrong("semver", error))?;
        orders.push(Order::Semver(range));
    }
    if let Some(text) = &spec.numeric {
        orders.push(Order::Numeric(direction("numeric", text)?));
    }
    if let Some(text) = &spec.alphabetical {
        orders.push(Order::Alphabetical(direction("alphabetical", text)?));
    }
    if spec.newest {
        orders.push(Order::Newest);
    }
    if let Some(tag) = &spec.digest {
        let tag = tag.parse().map_err(|error| wrong("digest", error))?;
        orders.push(Order::Digest(tag));
    }
    match (orders.pop(), orders.is_empty()) {
        (Some(order), true) => Ok(order),
        (Some(_), false) => Err(wrong(
            "",
            "more than one order: one of semver, numeric, alphabetical, newest, digest",
        )),
        (None, _) => Err(wrong(
            "",
            "no order: one of semver, numeric, alphabetical, newest, digest",
        )),
    }
}

fn direction(field: &str, text: &str) -> Result<Direction, PolicyError> {
    match text {
        "asc" => Ok(Direction::Ascending),
        "desc" => Ok(Direction::Descending),
        _ => Err(wrong(field, format!("{text:?} is neither asc nor desc"))),
    }
}

fn filter(spec: &FilterSpec) -> Result<Filter, PolicyError> {
    let pattern = Regex::new(&spec.pattern).map_err(|error| wrong("filter.pattern", error))?;
    if let Some(extract) = &spec.extract {
        for name in group_names(extract) {
            let known = match name.parse::<usize>() {
                Ok(index) => index < pattern.captures_len(),
                Err(_) => pattern.capture_names().flatten().any(|known| known == name),
            };
            if !known {
                // Expanded to nothing it would make every tag equal.
                let message = format!("the pattern has no group {name:?}");
                return Err(wrong("filter.extract", message));
            }
        }
    }
    Ok(Filter {
        pattern,
        extract: spec.extract.clone(),
    })
}

/// The groups that a template such as `$1-${date}` names.
fn group_names(template: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            names.push(name);
            rest = after;
        } else {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            if end > 0 {
                names.push(&rest[..end]);
            }
            rest = &rest[end..];
        }
    }
    names
}

fn glob((index, text): (usize, &String)) -> Result<(String, Glob), PolicyError> {
    let glob =
        Glob::new(text, Over::Names).map_err(|error| wrong(&format!("ignore[{index}]"), error))?;
    Ok((text.clone(), glob))
}

fn platforms(texts: &[String]) -> Result<Vec<Platform>, PolicyError> {
    let parse = |(index, text): (usize, &String)| {
        text.parse()
            .map_err(|error| wrong(&format!("platforms[{index}]"), error))
    };
    texts.iter().enumerate().map(parse).collect()
}

/// `90m`, `12h`, `3d`, `2w`, or several of them in a row.
fn age(text: &str) -> Result<Duration, PolicyError> {
    let unreadable = || {
        let message = format!("{text:?} is no age: it looks like 12h, 3d or 1d12h");
        wrong("minAge", message)
    };
    let mut seconds: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = rest[..digits].parse().map_err(|_| unreadable())?;
        let unit = match rest[digits..].chars().next() {
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some('w') => 604_800,
            _ => return Err(unreadable()),
        };
        let more = count.checked_mul(unit).ok_or_else(unreadable)?;
        seconds = seconds.checked_add(more).ok_or_else(unreadable)?;
        rest = &rest[digits + 1..];
    }
    if text.is_empty() {
        Err(unreadable())
    } else {
        Ok(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn refused(spec: PolicySpec) -> String {
        TagPolicy::new(&spec).unwrap_err().to_string()
    }

    #[test]
    fn a_policy_has_exactly_one_order() {
        assert!(refused(PolicySpec::default()).contains("no order"));
        let two = PolicySpec {
            semver: Some("^1".into()),
            numeric: Some("asc".into()),
            ..Default::default()
        };
        assert!(refused(two).contains("more than one order"));
    }

    #[test]
    fn what_cannot_be_read_names_its_field() {
        let base = PolicySpec {
            newest: true,
            ..Default::default()
        };
        let spec = |change: fn(&mut PolicySpec)| {
            let mut spec = base.clone();
            change(&mut spec);
            refused(spec)
        };
        assert!(spec(|s| s.ignore = vec!["a".into(), "[".into()]).starts_with("ignore[1]: "));
        assert!(spec(|s| s.platforms = vec!["linux".into()]).starts_with("platforms[0]: "));
        assert!(spec(|s| s.min_age = Some("3 days".into())).starts_with("minAge: "));
        assert!(
            spec(|s| s.filter = Some(FilterSpec {
                pattern: "(".into(),
                extract: None
            }))
            .starts_with("filter.pattern: ")
        );
        let extract = FilterSpec {
            pattern: "^(a)".into(),
            extract: Some("$2".into()),
        };
        let error = refused(PolicySpec {
            filter: Some(extract),
            ..base.clone()
        });
        assert!(error.contains("no group \"2\""), "{error}");
        let spec = PolicySpec {
            semver: Some("^fish".into()),
            ..Default::default()
        };
        assert!(refused(spec).starts_with("semver: "));
        let spec = PolicySpec {
            numeric: Some("up".into()),
            ..Default::default()
        };
        assert!(refused(spec).contains("neither asc nor desc"));
    }

    #[test]
    fn ages_add_up() {
        assert_eq!(age("1d12h").unwrap(), Duration::from_secs(36 * 3600));
        assert_eq!(age("2w").unwrap(), Duration::from_secs(14 * 86_400));
        for bad in [
            "",
            "3",
            "d",
            "3y",
            "99999999999999999999d",
            "9999999999999999999w",
        ] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn decimals_are_exact_and_names_are_no_numbers() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        assert!(number("9007199254740993") > number("9007199254740992"));
        assert!(number("10") > number("9"));
        assert!(number("1.10") < number("1.9"));
        assert_eq!(number("007.50"), number("7.5"));
        for name in [
            "1e5", "inf", "nan", "1234e56", "0x10", "", ".", "1.", "1.2.3", "-1",
        ] {
            assert_eq!(Decimal::parse(name), None, "{name}");
        }
    }

    #[test]
    fn group_names_are_found_as_they_are_expanded() {
        assert_eq!(group_names("$1-${date}x$$2$y_z."), ["1", "date", "y_z"]);
    }
}
