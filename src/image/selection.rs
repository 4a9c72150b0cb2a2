//! Choosing a tag: the verdict on every tag, and which one is newest.
//!
//! Pure and total: the answer depends on the set of candidates, never on their
//! order. Facts that only a registry knows (digests of tags with equal keys, dates)
//! are asked for one by one, so that nothing is fetched that is not needed. Refuses
//! to toss a coin between different images with equal keys.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use semver::Version;

use super::policy::{Dropped, Key, Order, TagPolicy};
use super::tag::{Digest, Tag};
use super::verdict::{Verdict, Why};

/// A tag that a registry lists, with what is known about it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The tag.
    pub tag: Tag,
    /// Its manifest's digest, once asked.
    pub digest: Option<Digest>,
    /// When the image was made according to its configuration, once asked.
    pub created: Option<Timestamp>,
}

/// How far the choice has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The choice is made.
    Done(Selection),
    /// The digests of these tags decide; choose again once they are known.
    NeedDigests(Vec<Tag>),
    /// The dates of these tags decide; choose again once they are known.
    NeedDates(Vec<Tag>),
}

/// A choice, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The newest tag that the policy allows.
    pub chosen: Option<Tag>,
    /// A release beyond the range, newer than the chosen tag.
    pub beyond: Option<Tag>,
    /// Every tag with the reason why it was or was not chosen: those that the policy
    /// orders first, newest first, then the others by name.
    pub verdicts: Vec<Verdict>,
}

/// Why nothing can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Tags that are equally new but name different images.
    #[error("{} are equally new ({policy}) but different images", names(.tags))]
    Tie {
        /// The policy in a few words.
        policy: String,
        /// The tags, by name.
        tags: Vec<(Tag, Digest)>,
        /// Every tag with what the policy says about it.
        verdicts: Vec<Verdict>,
    },
}

fn names(tags: &[(Tag, Digest)]) -> String {
    let names: Vec<String> = tags.iter().map(|(tag, _)| tag.to_string()).collect();
    names.join(", ")
}

/// How many dates a minimum age asks for at once: what registries answer side by side.
const DATES_AT_ONCE: usize = 8;

/// A tag in the running.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Runner<'a> {
    key: Key,
    candidate: &'a Candidate,
}

/// Chooses the newest of these tags. Where several names of the newest image exist,
/// `current` is kept if it is one of them. `now` matters for a minimum age only.
///
/// # Errors
/// The newest key belongs to different images.
pub fn select(
    policy: &TagPolicy,
    current: Option<&Tag>,
    candidates: &[Candidate],
    now: Timestamp,
) -> Result<Step, SelectError> {
    let mut dropped: BTreeMap<&Tag, Why> = BTreeMap::new();
    let mut beyond: Option<(Version, &Tag)> = None;
    let mut runners: BTreeMap<&Tag, Runner<'_>> = BTreeMap::new();
    for candidate in candidates {
        match policy.key(&candidate.tag) {
            Ok(key) => {
                runners.insert(&candidate.tag, Runner { key, candidate });
            }
            Err(reason) => {
                if let Dropped::OutOfRange(version) = &reason
                    && version.pre.is_empty()
                {
                    let other = (version.clone(), &candidate.tag);
                    beyond = beyond.max(Some(other));
                }
                dropped.insert(&candidate.tag, Why::from(reason));
            }
        }
    }
    let mut runners: Vec<Runner<'_>> = runners.into_values().collect();
    if *policy.order() == Order::Newest {
        let undated: Vec<Tag> = missing(&runners, |c| c.created.is_none());
        if !undated.is_empty() {
            return Ok(Step::NeedDates(undated));
        }
    }
    // Newest first; names decide between equal keys, so that any list order gives this one.
    runners.sort_by(|one, other| {
        let by_key = compare(policy, other, one);
        by_key.then_with(|| other.candidate.tag.cmp(&one.candidate.tag))
    });
    let mut young = 0;
    if let Some(min_age) = policy.min_age() {
        for (place, runner) in runners.iter().enumerate() {
            let Some(created) = runner.candidate.created else {
                // The more were too young, the more are asked for at once.
                let next = &runners[place..];
                let next = &next[..young.clamp(1, DATES_AT_ONCE).min(next.len())];
                return Ok(Step::NeedDates(missing(next, |c| c.created.is_none())));
            };
            let age = age(created, now);
            if age >= min_age {
                break;
            }
            dropped.insert(&runner.candidate.tag, Why::TooYoung(age));
            young += 1;
        }
    }
    let running = &runners[young..];
    let (chosen, others) = match newest(current, running, |a, b| compare(policy, a, b)) {
        Newest::Found(chosen, others) => (chosen, others),
        Newest::Unknown(tags) => return Ok(Step::NeedDigests(tags)),
        Newest::Tied(tags) => {
            let mut verdicts = verdicts(&runners, young, None, &[], &dropped);
            for verdict in &mut verdicts {
                if let Some((_, digest)) = tags.iter().find(|(tag, _)| *tag == verdict.tag) {
                    verdict.why = Why::Tied(digest.clone());
                }
            }
            let policy = policy.summary();
            return Err(SelectError::Tie {
                policy,
                tags,
                verdicts,
            });
        }
    };
    let beyond = beyond.filter(|(version, _)| match chosen.map(|runner| &runner.key) {
        Some(Key::Version(newest)) => version > newest,
        _ => true,
    });
    let verdicts = verdicts(&runners, young, chosen, &others, &dropped);
    Ok(Step::Done(Selection {
        chosen: chosen.map(|runner| runner.candidate.tag.clone()),
        beyond: beyond.map(|(_, tag)| tag.clone()),
        verdicts,
    }))
}

/// One verdict per tag: what is too young first, then the runners, then the rest by name.
fn verdicts(
    runners: &[Runner<'_>],
    young: usize,
    chosen: Option<&Runner<'_>>,
    others: &[&Tag],
    dropped: &BTreeMap<&Tag, Why>,
) -> Vec<Verdict> {
    let in_order = runners[young..].iter().map(|runner| {
        let tag = &runner.candidate.tag;
        let why = match chosen {
            Some(chosen) if chosen.candidate.tag == *tag => Why::Chosen,
            _ if others.contains(&tag) => Why::SameImage,
            _ => Why::Older,
        };
        (tag, why)
    });
    let young_first = runners[..young].iter().filter_map(|runner| {
        let tag = &runner.candidate.tag;
        dropped.get(tag).map(|why| (tag, why.clone()))
    });
    let rest = dropped
        .iter()
        .filter(|(_, why)| !matches!(why, Why::TooYoung(_)));
    young_first
        .chain(in_order)
        .chain(rest.map(|(tag, why)| (*tag, why.clone())))
        .map(|(tag, why)| Verdict {
            tag: tag.clone(),
            why,
        })
        .collect()
}

/// What the newest of the runners is.
enum Newest<'a, 'b> {
    /// This one, if there is any, with its other names.
    Found(Option<&'b Runner<'a>>, Vec<&'a Tag>),
    /// The digests of these tags must be known first.
    Unknown(Vec<Tag>),
    /// Different images.
    Tied(Vec<(Tag, Digest)>),
}

fn newest<'a, 'b>(
    current: Option<&Tag>,
    running: &'b [Runner<'a>],
    compare: impl Fn(&Runner<'a>, &Runner<'a>) -> std::cmp::Ordering,
) -> Newest<'a, 'b> {
    let Some(first) = running.first() else {
        return Newest::Found(None, Vec::new());
    };
    let equal = running
        .iter()
        .take_while(|runner| compare(runner, first).is_eq())
        .count();
    let tied = &running[..equal];
    if equal == 1 {
        return Newest::Found(Some(first), Vec::new());
    }
    let unknown = missing(tied, |candidate| candidate.digest.is_none());
    if !unknown.is_empty() {
        return Newest::Unknown(unknown);
    }
    if tied
        .iter()
        .any(|runner| runner.candidate.digest != first.candidate.digest)
    {
        let mut tags: Vec<(Tag, Digest)> = tied
            .iter()
            .filter_map(|r| Some((r.candidate.tag.clone(), r.candidate.digest.clone()?)))
            .collect();
        tags.sort();
        return Newest::Tied(tags);
    }
    let chosen = tied
        .iter()
        .find(|runner| Some(&runner.candidate.tag) == current)
        .unwrap_or(first);
    let others = tied.iter().map(|runner| &runner.candidate.tag);
    let others = others.filter(|tag| **tag != chosen.candidate.tag);
    Newest::Found(Some(chosen), others.collect())
}

fn compare(policy: &TagPolicy, one: &Runner<'_>, other: &Runner<'_>) -> std::cmp::Ordering {
    match policy.order() {
        Order::Newest => one.candidate.created.cmp(&other.candidate.created),
        _ => policy.compare_keys(&one.key, &other.key),
    }
}

fn missing(runners: &[Runner<'_>], lacks: impl Fn(&Candidate) -> bool) -> Vec<Tag> {
    let mut tags: Vec<Tag> = runners
        .iter()
        .filter(|runner| lacks(runner.candidate))
        .map(|runner| runner.candidate.tag.clone())
        .collect();
    tags.sort();
    tags
}

/// The age at `now`; a date in the future is no age at all.
fn age(created: Timestamp, now: Timestamp) -> Duration {
    let seconds = now.as_second().saturating_sub(created.as_second());
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::super::policy::{FilterSpec, PolicySpec};
    use super::*;
    use proptest::prelude::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn candidates(tags: &[&str]) -> Vec<Candidate> {
        let bare = |text: &&str| Candidate {
            tag: tag(text),
            digest: None,
            created: None,
        };
        tags.iter().map(bare).collect()
    }

    fn policy(change: impl FnOnce(&mut PolicySpec)) -> TagPolicy {
        let mut spec = PolicySpec::default();
        change(&mut spec);
        TagPolicy::new(&spec).unwrap()
    }

    fn semver(range: &str) -> TagPolicy {
        policy(|spec| spec.semver = Some(range.into()))
    }

    fn done(policy: &TagPolicy, tags: &[&str]) -> Selection {
        match select(policy, None, &candidates(tags), Timestamp::UNIX_EPOCH).unwrap() {
            Step::Done(selection) => selection,
            other => panic!("{other:?}"),
        }
    }

    fn chosen(policy: &TagPolicy, tags: &[&str]) -> Option<String> {
        done(policy, tags).chosen.map(|tag| tag.to_string())
    }

    #[test]
    fn the_newest_version_in_range_is_chosen_and_what_lies_beyond_is_named() {
        let tags = [
            "v2.2.0",
            "v2.3.1",
            "v3.0.0",
            "v3.1.0-rc.1",
            "v2.4.0-rc.1",
            "latest",
        ];
        let selection = done(&semver("^2"), &tags);
        assert_eq!(selection.chosen, Some(tag("v2.3.1")));
        assert_eq!(selection.beyond, Some(tag("v3.0.0")));
        let why = |name: &str| {
            let verdict = selection.verdicts.iter().find(|v| v.tag == tag(name));
            verdict.unwrap().why.clone()
        };
        assert_eq!(selection.verdicts.len(), tags.len());
        assert_eq!(why("v2.3.1"), Why::Chosen);
        assert_eq!(why("v2.2.0"), Why::Older);
        assert_eq!(why("v3.0.0"), Why::OutOfRange);
        assert_eq!(why("v2.4.0-rc.1"), Why::PreRelease);
        assert_eq!(why("latest"), Why::NoVersion);
        assert_eq!(chosen(&semver("^2-0"), &tags).unwrap(), "v2.4.0-rc.1");
        assert_eq!(chosen(&semver("^9"), &tags), None);
        assert_eq!(done(&semver(">=3"), &tags).beyond, None);
    }

    #[test]
    fn versions_are_ordered_by_number_and_names_by_bytes() {
        assert_eq!(
            chosen(&semver("*"), &["1.9.0", "1.10.0"]).unwrap(),
            "1.10.0"
        );
        let alphabetical = policy(|spec| spec.alphabetical = Some("asc".into()));
        assert_eq!(chosen(&alphabetical, &["v9", "v10"]).unwrap(), "v9");
        let backwards = policy(|spec| spec.alphabetical = Some("desc".into()));
        assert_eq!(chosen(&backwards, &["v9", "v10"]).unwrap(), "v10");
    }

    #[test]
    fn numbers_are_exact_and_commit_ids_are_no_numbers() {
        let numeric = policy(|spec| spec.numeric = Some("asc".into()));
        let tags = ["9", "10", "1234e56", "1e99", "inf"];
        assert_eq!(chosen(&numeric, &tags).unwrap(), "10");
        let tags = ["9007199254740993", "9007199254740992"];
        assert_eq!(chosen(&numeric, &tags).unwrap(), "9007199254740993");
    }

    #[test]
    fn dates_inside_tags_are_extracted() {
        let dated = policy(|spec| {
            spec.numeric = Some("asc".into());
            spec.ignore = vec!["*-broken".into()];
            spec.filter = Some(FilterSpec {
                pattern: "^main-[0-9a-f]+-(?P<at>[0-9]+)".into(),
                extract: Some("$at".into()),
            });
        });
        let tags = [
            "main-ffffff-20260101",
            "main-000000-20260301",
            "dev-0-20270101",
            "main-1-20280101-broken",
        ];
        assert_eq!(chosen(&dated, &tags).unwrap(), "main-000000-20260301");
    }

    #[test]
    fn signatures_are_never_images() {
        let hex = "0".repeat(64);
        let alphabetical = policy(|spec| spec.alphabetical = Some("asc".into()));
        let signature = format!("sha256-{hex}.sig");
        assert_eq!(chosen(&alphabetical, &["a", &signature]).unwrap(), "a");
    }

    #[test]
    fn one_tag_is_followed_by_digest() {
        let follow = policy(|spec| spec.digest = Some("stable".into()));
        assert_eq!(chosen(&follow, &["1.0.0", "stable"]).unwrap(), "stable");
        assert_eq!(chosen(&follow, &["1.0.0"]), None);
    }

    #[test]
    fn equal_keys_need_digests_and_different_images_are_an_error() {
        let policy = semver("^1");
        let mut list = candidates(&["1.2.0", "v1.2.0", "1.1.0"]);
        let ask = select(&policy, None, &list, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(ask, Step::NeedDigests(vec![tag("1.2.0"), tag("v1.2.0")]));
        list[0].digest = Some(Digest::sha256(b"a"));
        list[1].digest = Some(Digest::sha256(b"b"));
        let error = select(&policy, None, &list, Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(
            error.to_string().contains("1.2.0, v1.2.0 are equally new"),
            "{error}"
        );
        list[1].digest = list[0].digest.clone();
        for (current, wanted) in [(None, "v1.2.0"), (Some(tag("1.2.0")), "1.2.0")] {
            match select(&policy, current.as_ref(), &list, Timestamp::UNIX_EPOCH).unwrap() {
                Step::Done(selection) => assert_eq!(selection.chosen, Some(tag(wanted))),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn newest_goes_by_date_and_equal_dates_need_equal_images() {
        let policy = policy(|spec| spec.newest = true);
        let mut list = candidates(&["b", "a"]);
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        let ask = select(&policy, None, &list, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(ask, Step::NeedDates(vec![tag("a"), tag("b")]));
        list[0].created = at(10);
        list[1].created = at(20);
        let step = select(&policy, None, &list, Timestamp::UNIX_EPOCH).unwrap();
        assert!(
            matches!(step, Step::Done(Selection { chosen: Some(ref t), .. }) if t.as_str() == "a")
        );
        list[0].created = at(20);
        let ask = select(&policy, None, &list, Timestamp::UNIX_EPOCH).unwrap();
        assert!(matches!(ask, Step::NeedDigests(_)));
    }

    #[test]
    fn many_young_images_are_asked_about_side_by_side() {
        let policy = policy(|spec| {
            spec.semver = Some("^1".into());
            spec.min_age = Some("1d".into());
        });
        let now = Timestamp::from_second(1_000_000).unwrap();
        let tags: Vec<String> = (0..100).map(|patch| format!("1.0.{patch}")).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let mut list = candidates(&tags);
        let mut asked = Vec::new();
        while let Step::NeedDates(dates) = select(&policy, None, &list, now).unwrap() {
            for candidate in list.iter_mut().filter(|one| dates.contains(&one.tag)) {
                candidate.created = Some(now);
            }
            asked.push(dates.len());
        }
        assert_eq!(asked[..6], [1, 1, 2, 4, 8, 8]);
        assert_eq!(asked.iter().sum::<usize>(), 100, "each is asked once");
    }

    #[test]
    fn young_images_wait_and_only_the_newest_dates_are_asked_for() {
        let policy = policy(|spec| {
            spec.semver = Some("^1".into());
            spec.min_age = Some("1d".into());
        });
        let now = Timestamp::from_second(1_000_000).unwrap();
        let mut list = candidates(&["1.0.0", "1.1.0", "1.2.0"]);
        let ask = |list: &[Candidate]| select(&policy, None, list, now).unwrap();
        assert_eq!(ask(&list), Step::NeedDates(vec![tag("1.2.0")]));
        list[2].created = Some(Timestamp::from_second(1_000_000 - 3600).unwrap());
        assert_eq!(ask(&list), Step::NeedDates(vec![tag("1.1.0")]));
        list[1].created = Some(Timestamp::from_second(1_000_000 - 90_000).unwrap());
        let Step::Done(selection) = ask(&list) else {
            panic!()
        };
        assert_eq!(selection.chosen, Some(tag("1.1.0")));
        assert_eq!(
            selection.verdicts[0].why,
            Why::TooYoung(Duration::from_secs(3600))
        );
    }

    fn any_policy() -> impl Strategy<Value = TagPolicy> {
        prop_oneof![
            Just(semver("*-0")),
            Just(semver("^1 || ^2.1")),
            Just(policy(|spec| spec.numeric = Some("asc".into()))),
            Just(policy(|spec| spec.numeric = Some("desc".into()))),
            Just(policy(|spec| spec.alphabetical = Some("asc".into()))),
            Just(policy(|spec| spec.newest = true)),
        ]
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        let text = prop_oneof![
            "v?[0-2]\\.[0-2](\\.[0-2])?(-rc\\.[0-2])?",
            "[0-9]{1,3}(\\.[0-9])?",
            "[a-c]{1,2}",
        ];
        (text, 0u8..3, 0i64..3).prop_map(|(text, image, second)| Candidate {
            // One digest per name, as in a registry.
            digest: Some(Digest::sha256(&[image, text.len() as u8 % 2])),
            created: Some(Timestamp::from_second(second).unwrap()),
            tag: tag(&text),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_choice_does_not_depend_on_list_order(
            policy in any_policy(),
            list in proptest::collection::btree_map("[a-z]", any_candidate(), 0..12),
            seed in any::<u64>(),
        ) {
            let mut list: Vec<Candidate> = list.into_values().collect();
            list.sort_by(|a, b| a.tag.cmp(&b.tag));
            list.dedup_by(|a, b| a.tag == b.tag);
            let mut other = list.clone();
            other.sort_by_key(|c| Digest::sha256(format!("{seed}{}", c.tag).as_bytes()));
            let one = select(&policy, None, &list, Timestamp::UNIX_EPOCH);
            prop_assert_eq!(&one, &select(&policy, None, &other, Timestamp::UNIX_EPOCH));
            if let Ok(Step::Done(selection)) = one {
                prop_assert_eq!(selection.verdicts.len(), list.len());
                let marked = selection.verdicts.iter().filter(|v| v.why == Why::Chosen).count();
                prop_assert_eq!(marked, usize::from(selection.chosen.is_some()));
            }
        }

        #[test]
        fn the_order_of_keys_is_total(
            policy in any_policy(),
            tags in proptest::collection::vec(any_candidate(), 3),
        ) {
            use std::cmp::Ordering;
            let cmp = |a: usize, b: usize| policy.compare(&tags[a].tag, &tags[b].tag);
            if let (Some(ab), Some(bc), Some(ac)) = (cmp(0, 1), cmp(1, 2), cmp(0, 2)) {
                prop_assert_eq!(cmp(1, 0), Some(ab.reverse()));
                if ab == bc {
                    prop_assert_eq!(ac, ab);
                }
                if ab == Ordering::Equal {
                    prop_assert_eq!(ac, bc);
                }
            }
        }
    }
}
