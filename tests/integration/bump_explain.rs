//! `bump-image --explain`: for every tag that a registry lists, why it was or was not
//! chosen, to people and to programs alike.

use super::bump_image::{bump, nothing_written, registry, shop_with};
use super::bump_release::revert;
use super::pins::agreed;
use super::support::Fixture;
use super::support::registry::{ImageFacts, TestRegistry};

/// What is said about each tag of `cart`, as code and as sentence.
fn explained(fixture: &Fixture, words: &[&str], code: i32) -> Vec<(String, String, String)> {
    let words = [&["cart", "--env", "dev", "--explain"], words].concat();
    let data = nothing_written(fixture, &[&words[..], &["-o", "json"]].concat(), code);
    let report = agreed(fixture, "bump-image-report", &data.stdout);
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let tags = report["components"][0]["tags"].as_array().expect("tags");
    let tags = tags
        .iter()
        .map(|tag| (text(&tag["tag"]), text(&tag["why"]), text(&tag["says"])));
    let tags: Vec<_> = tags.collect();
    // A person reads the same, tag for tag.
    let shown = nothing_written(fixture, &words, code).stdout;
    let lines: Vec<String> = shown
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for (tag, _, says) in &tags {
        let wanted = format!("{tag} {says}");
        assert!(lines.contains(&wanted), "{wanted:?} is not in:\n{shown}");
    }
    tags
}

#[track_caller]
fn says(tags: &[(String, String, String)], wanted: &[(&str, &str, &str)]) {
    let tags: Vec<(&str, &str, &str)> = tags
        .iter()
        .map(|(tag, why, says)| (tag.as_str(), why.as_str(), says.as_str()))
        .collect();
    assert_eq!(tags, wanted);
}

/// The shop, `cart` with another policy than `semver: ^1`, and perhaps more.
fn shop(registry: &TestRegistry, policy: &str) -> Fixture {
    shop_with(&registry.host(), |product| {
        product.replacen("update: {semver: ^1}", policy, 1)
    })
}

fn made(created: &str) -> ImageFacts {
    ImageFacts {
        created: Some(created.to_owned()),
        ..ImageFacts::default()
    }
}

#[test]
fn every_tag_that_a_policy_drops_has_its_reason() {
    let registry = registry();
    let signature = format!("sha256-{}.sig", "0".repeat(64));
    for tag in [
        "v0.9.0",
        "v1.1.0",
        "v1.2.0",
        "v1.3.0-rc.1",
        "v1.4.0-bad",
        "v2.0.0",
        "w1.2.3",
        "vnext",
        signature.as_str(),
    ] {
        registry.push_with("shop/cart", tag, &made("2026-01-01T00:00:00Z"));
    }
    let today = jiff::Timestamp::now().to_string();
    registry.push_with("shop/cart", "v1.9.0", &made(&today));
    let policy =
        "update: {semver: ^1, filter: {pattern: '^v|^sha'}, ignore: ['*-bad'], minAge: 2d}";
    let fixture = shop(&registry, policy);
    says(
        &explained(&fixture, &["--check"], 1),
        &[
            ("v1.9.0", "tooYoung", "too young (0 h)"),
            ("v1.2.0", "chosen", "chosen"),
            ("v1.1.0", "older", "older"),
            ("v1.0.0", "older", "older"),
            (&signature, "attachment", "a signature or attestation"),
            ("v0.9.0", "outOfRange", "outside of the range"),
            ("v1.3.0-rc.1", "preRelease", "a pre-release"),
            ("v1.4.0-bad", "ignored", "ignored by \"*-bad\""),
            ("v2.0.0", "outOfRange", "outside of the range"),
            ("vnext", "noVersion", "no version"),
            ("w1.2.3", "filtered", "does not match the filter"),
        ],
    );
    let numbers = shop(
        &registry,
        "update: {numeric: asc, filter: {pattern: '^w?[0-9]+$'}}",
    );
    registry.push("shop/cart", "w7");
    registry.push("shop/cart", "8");
    let tags = explained(&numbers, &["--dry-run"], 0);
    assert_eq!(tags[0], ("8".into(), "chosen".into(), "chosen".into()));
    assert!(tags.contains(&("w7".into(), "noNumber".into(), "no number".into())));
    assert_eq!(tags.len(), 13, "every tag: {tags:?}");
}

#[test]
fn other_names_of_an_image_and_ties_are_told_apart() {
    let registry = registry();
    let digest = registry.push("shop/cart", "v1.2.0");
    registry.alias("shop/cart", &digest, "1.2.0");
    let fixture = shop(&registry, "update: {semver: ^1}");
    says(
        &explained(&fixture, &["--check"], 1),
        &[
            ("v1.2.0", "chosen", "chosen"),
            ("1.2.0", "sameImage", "another name of the chosen image"),
            ("v1.0.0", "older", "older"),
        ],
    );
    let digest = registry.push("shop/cart", "1.2.0");
    let tags = explained(&fixture, &["--check"], 3);
    let codes: Vec<(&str, &str)> = tags
        .iter()
        .map(|(tag, why, _)| (tag.as_str(), why.as_str()))
        .collect();
    assert_eq!(
        codes,
        [("v1.2.0", "tied"), ("1.2.0", "tied"), ("v1.0.0", "older")]
    );
    assert!(tags[1].2.contains(&digest[..19]), "{tags:?}");
}

#[test]
fn the_newest_tag_says_what_keeps_it_away() {
    let registry = registry();
    registry.push("shop/cart", "v1.2.0");
    let first = |policy: &str, deployed: &str, code: i32| {
        let fixture = shop_with(&registry.host(), |product| {
            product
                .replacen("update: {semver: ^1}", policy, 1)
                .replacen("cart:v1.0.0", &format!("cart:{deployed}"), 1)
        });
        let (tag, why, says) = explained(&fixture, &["--check"], code).swap_remove(0);
        assert_eq!(tag, "v1.2.0");
        (why, says)
    };
    let plain = "update: {semver: ^1}";
    let other = format!("v1.2.0@sha256:{}", "0".repeat(64));
    let arm = "update: {semver: ^1, platforms: [linux/arm64]}";
    let held = "update: {semver: ^1}\n      hold: the audit";
    for (policy, deployed, code, why, words) in [
        (held, "v1.0.0", 0, "held", "newest, but held: the audit"),
        (arm, "v1.0.0", 3, "platforms", "not for linux/arm64"),
        (plain, "v1.9.0", 3, "vanished", "v1.9.0 is no longer listed"),
        (
            plain,
            &other,
            0,
            "otherImage",
            "another image than the recorded",
        ),
    ] {
        let (code_said, sentence) = first(policy, deployed, code);
        assert_eq!(code_said, why, "{sentence}");
        assert!(sentence.contains(words), "{sentence}");
    }
    registry.push("shop/cart", "v2.0.0");
    let (why, says) = first(plain, "v2.0.0", 0);
    assert_eq!(why, "behind");
    assert!(says.contains("older than the deployed one"), "{says}");

    let fixture = shop(&registry, plain);
    bump(&fixture, &["cart"]).code(0);
    revert(&fixture);
    let tags = explained(&fixture, &["--check"], 0);
    assert_eq!(tags[0].1, "held");
    assert!(tags[0].2.contains("v1.2.0 was reverted by"), "{tags:?}");
}
