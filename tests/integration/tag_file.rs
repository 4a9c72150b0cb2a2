//! `bump-image --save-tags` and `--tags-from`: a run with registries, repeated without.

use serde_json::{Value, json};

use super::support::Fixture;
use super::support::env::Outcome;
use super::support::images::{KUSTOMIZATION, pinned};
use super::support::registry::{Auth, ImageFacts, TestRegistry};

fn bump(fixture: &Fixture, words: &[&str]) -> Outcome {
    fixture.run(&[&["bump-image", "--env", "dev", "--yes"], words].concat())
}

fn data(fixture: &Fixture, words: &[&str]) -> Value {
    let words = [&["--dry-run", "--explain", "-o", "json"], words].concat();
    serde_json::from_str(&bump(fixture, &words).code(0).stdout).unwrap()
}

/// Runs and fails the test unless it ends with `code` and the remote stays as it was.
#[track_caller]
fn nothing_written(fixture: &Fixture, words: &[&str], code: i32) -> Outcome {
    let before = fixture.remote_tip("main");
    let outcome = bump(fixture, words).code(code);
    assert_eq!(before, fixture.remote_tip("main"), "{}", outcome.stderr);
    outcome
}

fn made(created: &str, platforms: &[&str]) -> ImageFacts {
    ImageFacts {
        created: Some(created.to_owned()),
        platforms: platforms.iter().map(|&name| name.to_owned()).collect(),
        ..ImageFacts::default()
    }
}

#[test]
fn a_run_that_was_saved_is_repeated_without_its_registries() {
    let registry = TestRegistry::start(Auth::None);
    let host = registry.host();
    for name in ["cart", "mail", "web", "auth"] {
        registry.push(&format!("shop/{name}"), "v1.0.0");
    }
    registry.push("shop/cart", "v1.1.0");
    registry.push("shop/cart", "nightly");
    let both = ["linux/amd64", "linux/arm64"];
    registry.push_with("shop/mail", "build-2", &made("2026-02-01T00:00:00Z", &both));
    registry.push_with("shop/mail", "build-1", &made("2026-03-01T00:00:00Z", &both));
    registry.push("shop/web", "v2.0.0");
    let by_digest = registry.push("shop/auth", "v1.0.1");
    let fixture = pinned(&[
        ("cart", format!("{host}/shop/cart"), "v1.0.0", "semver: ^1"),
        (
            "mail",
            format!("{host}/shop/mail"),
            "build-2",
            "newest: true, filter: {pattern: ^build}, platforms: [linux/arm64]",
        ),
        ("web", format!("{host}/shop/web"), "v1.0.0", ""),
        ("auth", format!("{host}/shop/auth"), "v1.0.0", ""),
    ]);
    let auth = format!("auth=@{by_digest}");
    let words = ["cart", "mail", "web=v2.0.0", auth.as_str()];
    let with = |option: &'static str| [&words[..], &[option, "tags.json"]].concat();
    let first = data(&fixture, &with("--save-tags"));
    let saved = std::fs::read_to_string(fixture.clone.join("tags.json")).unwrap();
    drop(registry);

    bump(&fixture, &["cart"]).code(5);
    let again = data(&fixture, &with("--tags-from"));
    assert_eq!(again, first);
    assert_eq!(again["components"].as_array().unwrap().len(), 4, "{again}");
    bump(&fixture, &with("--tags-from")).code(0);
    let kustomization = fixture.file_at("main", KUSTOMIZATION).unwrap();
    for text in ["v1.1.0", "build-1", "v2.0.0", by_digest.as_str()] {
        assert!(kustomization.contains(text), "{kustomization}");
    }

    let document: Value = serde_json::from_str(&saved).unwrap();
    let printed = fixture.run(&["schema", "registry-tags"]).code(0).stdout;
    let schema: Value = serde_json::from_str(&printed).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::validate(&schema, &document).unwrap();
    let cart = &document["repositories"][format!("{host}/shop/cart")];
    assert_eq!(cart["tags"]["nightly"], json!({}));
    assert!(cart["tags"]["v1.1.0"]["digest"].is_string(), "{cart}");
    let web = &document["repositories"][format!("{host}/shop/web")];
    assert_eq!(web["complete"], false, "only one tag of it was asked for");
    let mail = &document["repositories"][format!("{host}/shop/mail")]["tags"]["build-1"];
    assert_eq!(mail["created"], "2026-03-01T00:00:00Z");
    assert_eq!(mail["platforms"], json!(both));
}

/// A file as a person writes it, for images on a host that does not exist.
fn by_hand(fixture: &Fixture, repositories: Value) {
    let document = json!({
        "apiVersion": "kubectl-gitops/v1alpha1",
        "kind": "RegistryTags",
        "asOf": "2026-03-10T00:00:00Z",
        "repositories": repositories,
    });
    fixture.write("tags.json", format!("{document:#}"));
}

const CART: &str = "registry.example.com/shop/cart";

fn cart(policy: &str) -> Fixture {
    pinned(&[("cart", CART.to_owned(), "v1.0.0", policy)])
}

const FROM: [&str; 2] = ["--tags-from", "tags.json"];

#[test]
fn a_file_written_by_hand_is_enough() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let fixture = cart("semver: ^1, minAge: 3d");
    let tag = |day: u8| json!({"digest": digest, "created": format!("2026-03-{day:02}T00:00:00Z")});
    let tags = json!({"v1.0.0": {}, "v1.1.0": tag(1), "v1.2.0": tag(9)});
    by_hand(&fixture, json!({CART: {"tags": tags}}));
    // Ages count from `asOf`, so the answer is the same at any time.
    let shown = bump(&fixture, &[&FROM[..], &["--dry-run", "--explain"]].concat()).code(0);
    assert!(
        shown.stdout.contains("v1.2.0  too young"),
        "{}",
        shown.stdout
    );
    bump(&fixture, &FROM).code(0);
    let kustomization = fixture.file_at("main", KUSTOMIZATION).unwrap();
    assert!(kustomization.contains("newTag: v1.1.0"), "{kustomization}");
}

#[test]
fn what_a_file_lacks_is_named_and_nothing_is_written() {
    let fixture = cart("semver: ^1");
    let digest = format!("sha256:{}", "ab".repeat(32));
    for (repositories, words, code, said) in [
        (
            json!({}),
            &[][..],
            5,
            "tags.json lacks registry.example.com/shop/cart\n",
        ),
        (
            json!({CART: {"tags": {"v1.0.0": {}, "v1.1.0": {}}}}),
            &[],
            5,
            "tags.json lacks the digest of registry.example.com/shop/cart:v1.1.0",
        ),
        (
            json!({CART: {"complete": false, "tags": {"v1.1.0": {"digest": digest}}}}),
            &[],
            5,
            "tags.json lacks the list of all tags of registry.example.com/shop/cart",
        ),
        (
            json!({CART: {"complete": false, "tags": {"v1.1.0": {"digest": digest}}}}),
            &["cart=v1.2.0"],
            5,
            "tags.json lacks registry.example.com/shop/cart:v1.2.0",
        ),
        // Who says what there is says what there is not.
        (
            json!({CART: {"tags": {"v1.1.0": {"digest": digest}}}}),
            &["cart=v1.2.0"],
            2,
            "registry.example.com/shop/cart has no tag v1.2.0; it has v1.1.0",
        ),
    ] {
        by_hand(&fixture, repositories);
        let failed = nothing_written(&fixture, &[&FROM[..], words].concat(), code);
        assert!(failed.stderr.contains(said), "{said}:\n{}", failed.stderr);
        if code == 5 {
            assert!(failed.stderr.contains("--save-tags"), "{}", failed.stderr);
        }
    }
    let fixture = cart("newest: true");
    by_hand(
        &fixture,
        json!({CART: {"tags": {"v1.0.0": {"digest": digest}}}}),
    );
    let failed = nothing_written(&fixture, &FROM, 5);
    let said = "tags.json lacks the date of registry.example.com/shop/cart:v1.0.0";
    assert!(failed.stderr.contains(said), "{}", failed.stderr);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_place() {
    let fixture = cart("semver: ^1");
    fixture.write(
        "tags.json",
        "{\n  \"apiVersion\": \"kubectl-gitops/v1alpha1\",\n  \"kind\": \"RegistryTag\"\n}\n",
    );
    let failed = nothing_written(&fixture, &FROM, 2);
    for text in [
        "tags.json:3:",
        "\"RegistryTag\" stands where \"RegistryTags\" is read",
        "schema registry-tags",
    ] {
        assert!(failed.stderr.contains(text), "{}", failed.stderr);
    }
    let failed = nothing_written(&fixture, &["--tags-from", "absent.json"], 2);
    assert!(failed.stderr.contains("absent.json"), "{}", failed.stderr);
    let both = ["--tags-from", "tags.json", "--save-tags", "other.json"];
    nothing_written(&fixture, &both, 2);
    let failed = nothing_written(
        &fixture,
        &["cart=v1.0.0", "--save-tags", "no/such/folder"],
        5,
    );
    assert!(
        !failed.stderr.contains("is in no/such/folder"),
        "{}",
        failed.stderr
    );
}

#[test]
fn a_run_that_knows_too_little_is_saved_on_request_only() {
    let registry = TestRegistry::start(Auth::None);
    registry.push("shop/mail", "v1.0.0");
    let host = registry.host();
    let fixture = pinned(&[
        ("cart", format!("{host}/shop/cart"), "v1.0.0", "semver: ^1"),
        ("mail", format!("{host}/shop/mail"), "v1.0.0", "semver: ^1"),
    ]);
    let save = ["--save-tags", "tags.json"];
    nothing_written(&fixture, &save, 5);
    assert!(!fixture.clone.join("tags.json").exists());
    bump(&fixture, &[&save[..], &["--keep-going"]].concat()).code(0);
    let failed = nothing_written(&fixture, &FROM, 5);
    let said = format!("tags.json lacks {host}/shop/cart\n");
    assert!(failed.stderr.contains(&said), "{}", failed.stderr);
    let elsewhere = ["mail", "--save-tags", "no/such/folder"];
    let failed = nothing_written(&fixture, &elsewhere, 2);
    assert!(
        failed.stderr.contains("no/such/folder"),
        "{}",
        failed.stderr
    );
}
