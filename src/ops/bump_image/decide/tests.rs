//! The guards, on literal pins and answers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use super::super::{Allowed, Wish};
use super::*;
use crate::image::{PolicySpec, Selection, Verdict};
use crate::product::pins::kustomize_pins;
use crate::repo::{RepoPath, Snapshot};

const OLD: &[u8] = b"old";
const NEW: &[u8] = b"new";

/// The pin of `cart` in kustomizations with these entries, one file each.
fn pin(entries: &[&str], policy: &str) -> Pin {
    let files = entries.iter().enumerate().map(|(index, entry)| {
        let text = format!("images: [{{name: registry.example.com/cart, {entry}}}]\n");
        (
            format!("{index}/kustomization.yaml").parse().unwrap(),
            text.into_bytes(),
        )
    });
    let found = kustomize_pins(&Snapshot::from_files(None, files), &RepoPath::root()).unwrap();
    let mut pin = found.pins.into_iter().next().unwrap();
    let mut spec = PolicySpec::default();
    match policy.strip_prefix("digest ") {
        Some(tag) => spec.digest = Some(tag.to_owned()),
        None => spec.semver = Some(policy.to_owned()),
    }
    pin.policy = Some(TagPolicy::new(&spec).unwrap());
    pin
}

fn request(version: Option<&str>, refresh_digests: bool) -> Request {
    let wish = version.map(|text| Wish {
        component: "cart".parse().unwrap(),
        version: Some(text.parse().unwrap()),
    });
    Request {
        environment: "dev".parse().unwrap(),
        wishes: wish.into_iter().collect(),
        fallback: None,
        allow: Allowed {
            downgrade: false,
            refresh_digests,
        },
        keep_going: false,
        hotfix: None,
        product_version: None,
        message: None,
        explain: false,
        pick: false,
    }
}

fn manifest(bytes: &[u8]) -> Manifest {
    Manifest {
        digest: Digest::sha256(bytes),
        platforms: None,
    }
}

fn chose(tag: &str, listed: &[&str]) -> Answer {
    let tag: Tag = tag.parse().unwrap();
    Answer::Selected(Box::new(Selected {
        selection: Selection {
            chosen: Some(tag.clone()),
            beyond: None,
            verdicts: vec![Verdict {
                tag: tag.clone(),
                why: Why::Chosen,
            }],
        },
        listed: Some(listed.iter().map(|tag| tag.parse().unwrap()).collect()),
        manifest: Some(manifest(NEW)),
        created: None,
        dates: BTreeMap::new(),
    }))
}

fn policy(pin: &Pin, tag: &str, refresh: bool) -> Decided {
    let answer = chose(tag, &["v1.0.0", "v1.1.0", "v1.2.0", "stable"]);
    decide(&request(None, refresh), pin, Some(&answer), &[]).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    format!("digest: '{}'", Digest::sha256(bytes))
}

#[test]
fn a_digest_without_a_tag_is_compared_by_itself() {
    let same = pin(&[&digest(NEW)], "^1");
    assert_eq!(
        policy(&same, "v1.1.0", false).row.decision,
        Decision::Newest
    );
    let other = pin(&[&digest(OLD)], "^1");
    assert_eq!(policy(&other, "v1.1.0", false).row.decision, Decision::Bump);
}

#[test]
fn sites_that_disagree_are_brought_together_but_never_back() {
    let apart = pin(&["newTag: v1.0.0", "newTag: v1.1.0"], "^1");
    assert_eq!(policy(&apart, "v1.1.0", false).row.decision, Decision::Bump);
    let ahead = pin(&["newTag: v1.0.0", "newTag: v1.2.0"], "^1");
    let allowed = "v1.1.0".parse().unwrap();
    assert_eq!(
        policy(&ahead, "v1.1.0", false).row.decision,
        Decision::Ahead { allowed }
    );
}

#[test]
fn another_image_at_one_of_several_sites_is_noticed() {
    let swapped = format!("newTag: v1.1.0, {}", digest(OLD));
    let both = pin(&["newTag: v1.0.0", &swapped], "^1");
    let refused = policy(&both, "v1.1.0", false);
    assert!(matches!(refused.refusal, Some(Refusal::MutableTag { .. })));
    assert_eq!(
        policy(&both, "v1.1.0", true).row.decision,
        Decision::Refresh
    );
    let one = pin(&[&swapped], "^1");
    assert!(matches!(
        policy(&one, "v1.1.0", false).row.decision,
        Decision::OtherImage { .. }
    ));
}

#[test]
fn a_tag_alone_gets_no_digest_unless_the_policy_follows_digests() {
    let bare = pin(&["newTag: v1.1.0"], "^1");
    assert_eq!(policy(&bare, "v1.1.0", true).row.decision, Decision::Newest);
    let followed = pin(&["newTag: stable"], "digest stable");
    let refresh = policy(&followed, "stable", false);
    assert_eq!(refresh.row.decision, Decision::Refresh);
    assert!(matches!(
        refresh.target,
        Some(Target::Image { pinned: true, .. })
    ));
}

#[test]
fn a_tag_that_vanished_stops_a_policy_but_not_a_person() {
    let gone = pin(&["newTag: v0.9.0"], "^1");
    let stopped = policy(&gone, "v1.1.0", false);
    assert!(matches!(stopped.refusal, Some(Refusal::Vanished { .. })));
    let answer = Answer::Exists(manifest(NEW), None);
    let named = decide(&request(Some("v1.1.0"), false), &gone, Some(&answer), &[]).unwrap();
    assert_eq!(named.row.decision, Decision::Bump);
}

#[test]
fn a_digest_that_was_asked_for_must_be_the_tags() {
    let pin = pin(&["newTag: v1.0.0"], "^1");
    let answer = Answer::Exists(manifest(NEW), None);
    for (bytes, wanted) in [(NEW, Decision::Bump), (OLD, Decision::Refused)] {
        let version = format!("v1.1.0@{}", Digest::sha256(bytes));
        let decided = decide(&request(Some(&version), false), &pin, Some(&answer), &[]).unwrap();
        assert_eq!(decided.row.decision, wanted);
    }
}

#[test]
fn what_a_guard_does_not_take_is_not_called_chosen() {
    let why = |decided: &Decided| decided.row.verdicts[0].why.code();
    let taken = policy(&pin(&["newTag: v1.0.0"], "^1"), "v1.1.0", false);
    assert_eq!(why(&taken), "chosen");
    let gone = policy(&pin(&["newTag: v0.9.0"], "^1"), "v1.1.0", false);
    assert_eq!(why(&gone), "vanished");
    let ahead = policy(&pin(&["newTag: v1.2.0"], "^1"), "v1.1.0", false);
    assert_eq!(why(&ahead), "behind");
    let swapped = format!("newTag: v1.1.0, {}", digest(OLD));
    let swapped = policy(&pin(&[&swapped], "^1"), "v1.1.0", false);
    assert_eq!(why(&swapped), "otherImage");

    let mut held = pin(&["newTag: v1.0.0"], "^1");
    held.hold = Some("incident".to_owned());
    let held = policy(&held, "v1.1.0", false);
    assert_eq!(why(&held), "held");
    assert_eq!(held.row.decision, Decision::Held("incident".to_owned()));

    let back = TakenBack {
        tag: "v1.1.0".parse().unwrap(),
        digest: None,
        reason: "v1.1.0 was reverted".to_owned(),
    };
    let answer = chose("v1.1.0", &["v1.0.0", "v1.1.0"]);
    let pin = pin(&["newTag: v1.0.0"], "^1");
    let back = decide(&request(None, false), &pin, Some(&answer), &[back]).unwrap();
    assert_eq!(why(&back), "held");
}

#[test]
fn an_image_that_was_taken_back_under_its_tag_stays_away_and_another_comes() {
    let followed = format!("newTag: stable, {}", digest(OLD));
    let followed = pin(&[&followed], "digest stable");
    let back = |bytes: &[u8]| TakenBack {
        tag: "stable".parse().unwrap(),
        digest: Some(Digest::sha256(bytes)),
        reason: "stable was reverted".to_owned(),
    };
    let answer = chose("stable", &["stable"]);
    let decide = |back| decide(&request(None, false), &followed, Some(&answer), &[back]).unwrap();
    assert!(matches!(decide(back(NEW)).row.decision, Decision::Held(_)));
    assert_eq!(decide(back(b"third")).row.decision, Decision::Refresh);
}
