//! `from:` in a policy: Flux's `ImagePolicy` objects decide about a product's components
//! and about declared pins, wherever in the repository they stand.

use kubectl_gitops::ops::demo::Layout;

use super::bump_image::says;
use super::pins::agreed;
use super::support::Fixture;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: prod, branch: env/prod, promoteFrom: dev}
  registries:
    registry.example.com: {layout: ../registry}
";

const POLICIES: &str = "\
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
  filterTags: {pattern: '^v(?P<version>.*)$', extract: $version}
  policy: {semver: {range: 2.x}}
";

fn product(update: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {{name: shop}}\nspec:\n  components:\n    api:\n      image: registry.example.com/team/api:v2.4.0\n      template: none\n      update: {update}\n"
    )
}

const TEMPLATE: &str =
    "apiVersion: kubectl-gitops/v1alpha1\nkind: Template\nmetadata: {name: none}\n";

/// A product on branches of its own, and Flux's objects beside `gitops.yaml`.
fn branches(update: &str, policies: &str) -> Fixture {
    let main = [("gitops.yaml", GITOPS), ("clusters/images.yaml", policies)];
    let fixture = Fixture::new(&[("main", &main)]);
    let product = product(update);
    let files = [
        ("product.yaml", Some(product.as_str())),
        ("templates/none/template.yaml", Some(TEMPLATE)),
    ];
    fixture.commit_from("env/dev", None, "begin", &files);
    fixture.commit_from("env/prod", Some("env/dev~0"), "begin", &[]);
    registry(&fixture);
    fixture
}

fn registry(fixture: &Fixture) {
    let mut registry = Layout::default();
    for (tag, created) in [
        ("v2.4.0", "2026-01-01T00:00:00Z"),
        ("v2.5.0", "2026-01-02T00:00:00Z"),
        ("v2.6.0", "2026-01-03T00:00:00Z"),
        ("2.9.0", "2026-01-03T00:00:00Z"),
        ("v3.0.0", "2026-01-03T00:00:00Z"),
    ] {
        registry.add("team/api", tag, created);
    }
    registry.write(&fixture.env.join("registry")).unwrap();
}

const BUMP: [&str; 4] = ["bump-image", "--env", "dev", "--yes"];

#[test]
fn a_component_follows_the_policy_that_it_names() {
    let fixture = branches("{from: 'flux-system:api', ignore: [v2.6.*]}", POLICIES);
    let listed = fixture.run(&["pins", "--env", "prod"]).code(0);
    says(&listed, &["api", "2.x of flux-system:api"]);
    let data = fixture.run(&["pins", "-o", "json"]).code(0);
    let data = agreed(&fixture, "pin-report", &data.stdout);
    let pin = &data["environments"][0]["pins"][0];
    assert_eq!(
        (&pin["policy"], &pin["policyFrom"]),
        (&"2.x".into(), &"flux-system:api".into())
    );
    fixture.run(&BUMP).code(0);
    let text = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(text.contains("team/api:v2.5.0@sha256:"), "{text}");
    fixture.fsck();
}

#[test]
fn a_policy_that_is_not_there_chooses_nothing_and_blocks_nobody_who_names_a_version() {
    let fixture = branches("{from: 'flux-system:apo'}", POLICIES);
    let tip = fixture.remote_tip("env/dev");
    for words in [&BUMP[..], &["bump-image", "api", "--env", "dev", "--yes"]] {
        let outcome = fixture.run(words).code(2);
        assert!(
            outcome.stderr.contains(
                "component api has no policy to choose by: there is no ImagePolicy flux-system:apo in this repository, did you mean flux-system:api?"
            ),
            "{}",
            outcome.stderr
        );
        assert_eq!(fixture.remote_tip("env/dev"), tip);
    }
    let listed = fixture.run(&["pins", "--env", "dev"]).code(0);
    says(
        &listed,
        &[
            "no policy flux-system:apo",
            "note: api: there is no ImagePolicy",
        ],
    );
    let outcome = fixture
        .run(&["bump-image", "api=v2.5.0", "--env", "dev", "--yes"])
        .code(0);
    says(&outcome, &["v2.5.0"]);
    // Where images come by promotion, a hotfix needs no policy either.
    let words = [
        "bump-image",
        "api=v2.6.0",
        "--env",
        "prod",
        "--hotfix",
        "the outage",
        "--yes",
    ];
    fixture.run(&words).code(0);
    let text = fixture.file_at("env/prod", "product.yaml").unwrap();
    assert!(text.contains("api:v2.6.0@"), "{text}");
}

#[test]
fn what_flux_suspended_or_cannot_be_followed_stays() {
    let suspended = POLICIES.replace("  policy:", "  suspend: true\n  policy:");
    let fixture = branches("{from: 'flux-system:api'}", &suspended);
    let outcome = fixture.run(&BUMP).code(0);
    says(&outcome, &["its image policy is suspended in Flux"]);

    let odd = POLICIES.replace("2.x", "fish");
    let fixture = branches("{from: 'flux-system:api'}", &odd);
    let outcome = fixture.run(&BUMP).code(2);
    for part in [
        "nothing can follow ImagePolicy flux-system:api",
        "clusters/images.yaml:6:1",
        "\"fish\"",
    ] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }

    let twice = format!("{POLICIES}---\n{}", POLICIES.replace("2.x", "3.x"));
    let fixture = branches("{from: 'flux-system:api'}", &twice);
    let outcome = fixture.run(&BUMP).code(2);
    let wanted = "several ImagePolicy objects may be flux-system:api, and they differ";
    assert!(outcome.stderr.contains(wanted), "{}", outcome.stderr);
}

#[test]
fn a_declared_pin_names_a_policy_of_its_own_folder_first() {
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: dev, branch: main, path: apps/dev}]
  registries:
    registry.example.com: {layout: ../registry}
  pins: [{image: registry.example.com/team/api, policy: {from: 'flux-system:api'}}]
";
    let own = POLICIES
        .replace("range: 2.x", "range: '>=3.0'")
        .replace(", namespace: flux-system", "");
    let values = "image: {repository: registry.example.com/team/api, tag: v2.4.0}\n";
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops),
            ("clusters/images.yaml", POLICIES),
            ("apps/dev/images.yaml", &own),
            ("apps/dev/values.yaml", values),
        ],
    )]);
    registry(&fixture);
    fixture.run(&BUMP).code(0);
    let text = fixture.file_at("main", "apps/dev/values.yaml").unwrap();
    assert_eq!(text, values.replace("v2.4.0", "v3.0.0"));
}

#[test]
fn a_policy_is_its_own_or_anothers_and_says_so_with_its_place() {
    for (update, wanted) in [
        (
            "{from: 'flux-system:api', semver: ^1}",
            "product.yaml:9:22: spec.components.api.update.from brings an order and a filter: only ignore, platforms and minAge may stand beside it",
        ),
        (
            "{from: api}",
            "\"api\" names no ImagePolicy: it looks like flux-system:api",
        ),
        ("{from: 'flux-system:api:tag'}", "names no ImagePolicy"),
        (
            "{from: 'flux-system:api', minAge: soon}",
            "is no policy: minAge: \"soon\" is no age",
        ),
        ("{form: 'flux-system:api'}", "did you mean from?"),
    ] {
        let fixture = branches(update, POLICIES);
        let outcome = fixture.run(&BUMP).code(2);
        assert!(
            outcome.stderr.contains(wanted),
            "{update}: {}",
            outcome.stderr
        );
    }
}
