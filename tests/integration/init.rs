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

#[test]
fn values_files_get_a_layout_of_files_and_helm_templates_are_named() {
    let values = |tag: &str| {
        format!(
            "image:\n  repository: registry.example.com/team/api\n  tag: {tag} # {{\"$imagepolicy\": \"flux-system:api:tag\"}}\n"
        )
    };
    let policies = "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: api, namespace: flux-system}
spec: {image: registry.example.com/team/api}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: api, namespace: flux-system}
spec:
  imageRepositoryRef: {name: api}
  policy: {semver: {range: 1.x}}
";
    let template = "spec:\n  containers:\n    - name: api\n      image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n";
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("chart/Chart.yaml", "name: api\nversion: 1.0.0\n"),
            ("chart/templates/api.yaml", template),
            ("chart/templates/plain.yaml", "x: 1\nimage: y\n"),
            ("chart/values.yaml", &values("v1.0.0")),
            ("chart/values-dev.yaml", &values("v1.2.0")),
            ("chart/values-prod.yaml", &values("v1.1.0")),
            ("flux/images.yaml", policies),
        ],
    )]);
    let (env, clone) = (&fixture.env, fixture.clone.as_path());
    let proposal = env.gitops(clone, &["init", "--write"]).code(0);
    assert!(
        proposal.stdout.contains("    - name: prod\n      branch: main\n      path: chart\n      files: values-{env}.yaml\n      promoteFrom: dev\n"),
        "{}",
        proposal.stdout
    );
    assert!(
        proposal.stderr.contains("api:v1.2.0"),
        "{}",
        proposal.stderr
    );
    assert!(
        proposal.stderr.contains("api:v1.1.0"),
        "{}",
        proposal.stderr
    );
    assert!(!proposal.stderr.contains("v1.0.0"), "{}", proposal.stderr);
    assert!(
        proposal.stderr.contains("Helm templates write images too")
            && proposal.stderr.contains("  chart/templates/api.yaml:4:7\n"),
        "{}",
        proposal.stderr
    );
    assert!(
        !proposal.stderr.contains("plain.yaml"),
        "{}",
        proposal.stderr
    );
    std::fs::remove_file(clone.join("gitops.yaml")).unwrap();
    let data = env.gitops(clone, &["init", "-o", "json"]).code(0);
    let data: serde_json::Value = serde_json::from_str(&data.stdout).unwrap();
    assert_eq!(data["helmTemplates"][0]["path"], "chart/templates/api.yaml");

    // What was proposed is what the other commands work with.
    env.gitops(clone, &["init", "--write"]).code(0);
    let pins = env.gitops(clone, &["pins", "--env", "prod"]).code(0);
    assert!(
        pins.stdout.contains("prod  1 pin, 1 site\n")
            && pins.stdout.contains("values-prod.yaml:3:8"),
        "{}",
        pins.stdout
    );
}

#[test]
fn many_pins_are_counted_and_digests_stand_behind_tags() {
    let mut overlay = String::from("images:\n");
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let line = format!(
            "- {{name: shop/{name}, newTag: v1, digest: 'sha256:{}'}}\n",
            "1".repeat(64)
        );
        overlay.push_str(&line);
    }
    let digest = format!(
        "images: [{{name: shop/a, digest: 'sha256:{}'}}]\n",
        "1".repeat(64)
    );
    let files = [
        ("overlays/dev/kustomization.yaml", overlay.as_str()),
        ("overlays/prod/kustomization.yaml", digest.as_str()),
    ];
    let fixture = Fixture::new(&[("main", &files)]);
    let proposal = fixture.env.gitops(&fixture.clone, &["init"]).code(0);
    for wanted in [
        "a:v1, b:v1, c:v1, d:v1, e:v1, f:v1, 2 more\n",
        "a@sha256:111111111111\n",
    ] {
        assert!(proposal.stderr.contains(wanted), "{}", proposal.stderr);
    }
}
