//! `init`: a new repository that every other command works with, and a
//! proposal for one that was there before.

use crate::support::Env;
use crate::support::repo::Fixture;
use std::path::Path;

fn files(env: &Env, clone: &Path, revision: &str) -> Vec<String> {
    let listed = env.git(clone, &["ls-tree", "-r", "--name-only", revision]);
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn a_new_repository_works_with_everything_else() {
    let fixture = Fixture::empty("main", &[]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let made = env
        .gitops(clone, &["init", "--product", "shop", "--yes"])
        .code(0);
    for branch in ["main", "env/dev", "env/staging", "env/prod"] {
        assert!(
            made.stdout.contains(&format!("{branch} new → ")),
            "{}",
            made.stdout
        );
    }
    assert!(
        clone.join("gitops.yaml").is_file(),
        "the clone follows its branch"
    );
    assert_eq!(files(env, clone, "origin/main"), ["gitops.yaml"]);
    let dev = files(env, clone, "origin/env/dev");
    for file in [
        "product.yaml",
        "environment.yaml",
        "templates/web-service/template.yaml",
        "manifests/app/deployment-web.yaml",
    ] {
        assert!(dev.iter().any(|it| it == file), "{file} in {dev:?}");
    }
    env.gitops(clone, &["validate"]).code(0);
    let status = env.gitops(clone, &["status"]).code(0);
    assert!(
        status.stdout.contains("staging  level with dev"),
        "{}",
        status.stdout
    );
    let rendered = env.gitops(clone, &["render", "prod"]).code(0);
    assert!(
        rendered.stdout.contains("replicas: 2\n"),
        "{}",
        rendered.stdout
    );
    assert_eq!(rendered.stderr, "", "what is committed is up to date");
    env.gitops(clone, &["promote", "staging", "--yes"]).code(0);
    let again = env.gitops(clone, &["promote", "staging", "--yes"]).code(0);
    assert!(
        again.stdout.contains("already has everything of dev"),
        "{}",
        again.stdout
    );
    env.git(&fixture.origin, &["fsck", "--strict"]);
}

#[test]
fn folders_of_the_default_branch_hold_environments_too() {
    let fixture = Fixture::new(&[("trunk", &[("README.md", "hello\n")])]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let line = "init --product shop --layout folders --environments dev,prod --component api=registry.example.com/api:v2.1.0 --yes";
    let words: Vec<&str> = line.split(' ').collect();
    env.gitops(clone, &words).code(0);
    let all = files(env, clone, "origin/trunk");
    assert!(
        all.contains(&"README.md".to_owned()),
        "what was there stays: {all:?}"
    );
    assert!(
        all.contains(&"environments/prod/manifests/app/service-api.yaml".to_owned()),
        "{all:?}"
    );
    env.gitops(clone, &["validate"]).code(0);
}

#[test]
fn nothing_is_written_without_an_answer() {
    let fixture = Fixture::empty("main", &[]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let plan = env
        .gitops(clone, &["init", "--product", "shop", "--dry-run"])
        .code(0);
    assert!(
        plan.stdout.contains("dev → staging → prod"),
        "{}",
        plan.stdout
    );
    assert!(
        plan.stdout
            .contains("on env/dev, on env/staging, on env/prod\n  environment.yaml"),
        "{}",
        plan.stdout
    );
    let refused = env.gitops(clone, &["init", "--product", "shop"]).code(2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(env.git(&fixture.origin, &["for-each-ref"]), "");
    assert!(!clone.join("gitops.yaml").exists());
}

#[test]
fn what_exists_is_never_overwritten() {
    let fixture = Fixture::new(&[
        ("main", &[("README.md", "hello\n")]),
        ("env/prod", &[("something.txt", "else\n")]),
    ]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let before = env.git(&fixture.origin, &["for-each-ref"]);
    let outcome = env
        .gitops(clone, &["init", "--product", "shop", "--yes"])
        .code(2);
    assert!(
        outcome
            .stderr
            .contains("the branch env/prod already exists"),
        "{}",
        outcome.stderr
    );
    assert_eq!(env.git(&fixture.origin, &["for-each-ref"]), before);
    env.gitops(
        clone,
        &[
            "init",
            "--product",
            "shop",
            "--environments",
            "dev",
            "--yes",
        ],
    )
    .code(0);
    let outcome = env
        .gitops(clone, &["init", "--product", "other", "--yes"])
        .code(2);
    assert!(
        outcome.stderr.contains("main already has gitops.yaml"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn bad_words_are_refused_before_anything_is_written() {
    let fixture = Fixture::empty("main", &[]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    for (option, word, expected) in [
        ("--product", "My Shop", "cannot be the name of a product"),
        (
            "--environments",
            "dev,Prod",
            "cannot be the name of an environment",
        ),
        (
            "--environments",
            "dev,dev",
            "environment dev is named twice",
        ),
        ("--component", "web", "is not NAME=IMAGE"),
        (
            "--component",
            "web=https://registry.example.com/web",
            "has no scheme",
        ),
    ] {
        let mut words = vec!["init", "--yes", option, word];
        if option != "--product" {
            words.extend(["--product", "shop"]);
        }
        let outcome = env.gitops(clone, &words).code(2);
        assert!(
            outcome.stderr.contains(expected),
            "{word}: {}",
            outcome.stderr
        );
    }
    let nowhere = env.join("nowhere");
    std::fs::create_dir(&nowhere).unwrap();
    let outcome = env
        .gitops(&nowhere, &["init", "--product", "shop", "--yes"])
        .code(2);
    assert!(outcome.stderr.contains("git init"), "{}", outcome.stderr);
}

const OVERLAY: &str = "resources: [../../base]\nimages:\n  - name: registry.example.com/team/api\n    newTag: 2.3.1\n";

#[test]
fn a_repository_of_overlays_gets_a_proposal() {
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("base/kustomization.yaml", "resources: [api.yaml]\n"),
            (
                "base/api.yaml",
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: api}\n",
            ),
            ("overlays/dev/kustomization.yaml", OVERLAY),
            ("overlays/prod/kustomization.yaml", OVERLAY),
        ],
    )]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let proposal = env.gitops(clone, &["init"]).code(0);
    assert!(proposal.stdout.contains("    - name: prod\n      branch: main\n      path: overlays/prod\n      promoteFrom: dev\n"), "{}", proposal.stdout);
    assert!(proposal.stderr.contains("api:2.3.1"), "{}", proposal.stderr);
    assert!(!clone.join("gitops.yaml").exists());
    env.gitops(clone, &["init", "--write"]).code(0);
    assert_eq!(
        std::fs::read_to_string(clone.join("gitops.yaml")).unwrap(),
        proposal.stdout
    );
    let again = env.gitops(clone, &["init", "--write"]).code(2);
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
    env.gitops(clone, &["validate"]).code(0);
}

#[test]
fn a_link_in_the_place_of_the_file_is_not_followed() {
    let fixture = Fixture::new(&[("main", &[("overlays/dev/kustomization.yaml", OVERLAY)])]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let outside = env.join("outside");
    std::os::unix::fs::symlink(&outside, clone.join("gitops.yaml")).unwrap();
    env.gitops(clone, &["init", "--write"]).code(2);
    assert!(!outside.exists());
}
