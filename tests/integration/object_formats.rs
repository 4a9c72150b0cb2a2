//! Repositories whose ids are SHA-256, from the first commit to a rollback; and those that
//! keep their references in a way that is refused.

use super::bump_image::says;
use super::support::Fixture;
use super::support::registry::{Auth, TestRegistry};

#[test]
fn a_sha256_repository_lives_a_whole_life() {
    let registry = TestRegistry::start(Auth::None);
    for tag in ["v1.0.0", "v1.1.0"] {
        registry.push("shop/web", tag);
    }
    let host = registry.host();
    let fixture = Fixture::empty("main", &["--object-format=sha256"]);
    let run = |words: &[&str]| fixture.run(&[words, &["--yes"]].concat()).code(0);
    let component = format!("web={host}/shop/web:v1.0.0");
    run(&["init", "--product", "shop", "--component", &component]);
    let tip = |branch: &str| fixture.remote_tip(branch).expect("a branch");
    assert_eq!(tip("env/dev").len(), 64);
    let web = |branch: &str| {
        let product = fixture.file_at(branch, "product.yaml").unwrap();
        let line = product.lines().find(|line| line.contains("shop/web:"));
        line.expect("the image").trim().to_owned()
    };
    run(&["promote", "staging"]);
    let bumped = run(&["bump-image", "--env", "dev", "--semver", "^1"]);
    says(&bumped, &["web  v1.0.0 → v1.1.0", "pushed to origin"]);
    run(&["promote", "staging"]);
    run(&["promote", "prod"]);
    assert!(
        web("env/prod").contains(":v1.1.0@sha256:"),
        "{}",
        web("env/prod")
    );
    let trailers = fixture.message_at("env/prod");
    assert!(
        trailers.contains(&format!("Gitops-From: staging {}", tip("env/staging"))),
        "{trailers}"
    );

    registry.push("shop/web", "v1.2.0");
    run(&[
        "bump-image",
        "web=v1.2.0",
        "--env",
        "prod",
        "--hotfix",
        "now",
    ]);
    let (promoted, at) = (web("env/staging"), tip("env/staging"));
    run(&["backport", "prod"]);
    assert_eq!(web("env/staging"), web("env/prod"));
    run(&["rollback", "staging", "--to", &at]);
    assert_eq!(web("env/staging"), promoted);
    let status = fixture.run(&["status"]).code(0);
    says(&status, &["prod"]);
    says(
        &fixture.run(&["history", "prod"]).code(0),
        &["bump-image", "promote"],
    );
    for words in [&["validate"][..], &["render", "prod"]] {
        fixture.run(words).code(0);
    }
    // A clone of one's own, shallow, is as good.
    let shallow = fixture.clone_again("shallow", &["--depth=1", "--no-single-branch"]);
    let words = ["bump-image", "web=v1.1.0", "--env", "dev", "--yes"];
    fixture.env.gitops(&shallow, &words).code(0);
    fixture.pull();
    fixture.fsck();
}

#[test]
fn reftable_is_refused_with_the_command_that_migrates_it() {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", "x: 1\n")])]);
    // As git init --ref-format=reftable writes it; older programs refuse to.
    let config = fixture.clone.join(".git/config");
    let config = config.to_str().unwrap();
    for (key, value) in [
        ("core.repositoryformatversion", "1"),
        ("extensions.refStorage", "reftable"),
    ] {
        let words = ["config", "--file", config, key, value];
        fixture.env.git(fixture.env.path(), &words);
    }
    for words in [
        &["status"][..],
        &["bump-image", "--env", "dev", "--yes"],
        &["promote", "prod", "--yes"],
        &["init", "--product", "shop", "--yes"],
    ] {
        let refused = fixture.run(words).code(2);
        says(
            &refused,
            &["reftable", "git refs migrate --ref-format=files"],
        );
    }
}
