//! Choosing among the 10,000 tags of an image that is built often.

use divan::Bencher;
use jiff::Timestamp;
use kubectl_gitops::image::{Candidate, FilterSpec, PolicySpec, TagPolicy, select};

/// Versions, pre-releases, dated builds of branches and signatures, in no order.
fn tags() -> Vec<Candidate> {
    let text = |at: usize| {
        let (major, minor, patch) = (at % 7, at / 7 % 40, at / 280);
        match at % 4 {
            0 | 1 => format!("v{major}.{minor}.{patch}"),
            2 => format!("v{major}.{minor}.{patch}-rc.{}", at % 5),
            _ => format!("main-{at:07x}-{}", 20_250_000_000 + at),
        }
    };
    let bare = |at| Candidate {
        tag: text(at).parse().unwrap(),
        digest: None,
        created: None,
    };
    (0..10_000).map(bare).collect()
}

fn run(bencher: Bencher<'_, '_>, spec: &PolicySpec) {
    let (policy, tags) = (TagPolicy::new(spec).unwrap(), tags());
    bencher.bench(|| select(&policy, None, &tags, Timestamp::UNIX_EPOCH).unwrap());
}

#[divan::bench]
fn semver(bencher: Bencher<'_, '_>) {
    let spec = PolicySpec {
        semver: Some(">=1.2, <5 || ^6.1".to_owned()),
        ..PolicySpec::default()
    };
    run(bencher, &spec);
}

#[divan::bench]
fn dates_inside_tags(bencher: Bencher<'_, '_>) {
    let spec = PolicySpec {
        numeric: Some("asc".to_owned()),
        filter: Some(FilterSpec {
            pattern: "^main-[0-9a-f]+-(?P<at>[0-9]+)$".to_owned(),
            extract: Some("$at".to_owned()),
        }),
        ignore: vec!["*-broken".to_owned()],
        ..PolicySpec::default()
    };
    run(bencher, &spec);
}
