//! Pins where only `gitops.yaml` knows to look: fields of custom resources, JSON,
//! `.env` files and files without extension.

use kubectl_gitops::ops::demo::Layout;

use super::support::Fixture;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: envs}
    - {name: qa, branch: main, path: qa, promoteFrom: dev}
  registries:
    registry.example.com: {layout: ../registry}
  pins:
    - image: registry.example.com/team/api
      policy: {semver: ^2}
      sites:
        - {file: \"{env}.env\", regex: '^API_TAG=(?<tag>\\S+)$'}
        - {file: \"crs/*.yaml\", key: spec.runtime.image}
        - {file: settings.json, key: api.tag, holds: tag}
        - {file: VERSIONS, regex: 'api +(?<tag>[^ @]+)@(?<digest>\\S+)'}
        - {file: /shared/compose.yaml, key: 'services.api.image'}
    - component: billing
      sites:
        - {file: VERSIONS, regex: 'billing (?<version>\\S+)'}
";

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// Every file with `TAG` and `DIGEST` for what the bump writes.
const FILES: [(&str, &str); 5] = [
    (
        "envs/dev.env",
        "# API_TAG=2.4.0 was slow\r\nAPI_TAG=TAG\r\nOTHER=2.4.0",
    ),
    (
        "envs/crs/api.yaml",
        "kind: Runner\nspec:\n  runtime:\n    image: 'registry.example.com/team/api:TAG'   # ours\n---\nkind: Runner\nspec:\n  runtime: {image: registry.example.com/other/db:2.4.0}\n---\nkind: Other\n",
    ),
    (
        "envs/settings.json",
        "{\n  \"api\": {\"tag\": \"TAG\", \"port\": 80},\n  \"x\": \"2.4.0\"\n}",
    ),
    ("envs/VERSIONS", "billing 4.2.1\napi   TAG@DIGEST\n"),
    (
        "shared/compose.yaml",
        "services:\n  api: {image: \"registry.example.com/team/api:TAG\"}\n",
    ),
];

fn at(tag: &str, digest: &str) -> Vec<(&'static str, String)> {
    FILES
        .iter()
        .map(|(path, text)| {
            (
                *path,
                text.replace("TAG@", &format!("{tag}@"))
                    .replace("DIGEST", digest)
                    .replace("=TAG", &format!("={tag}"))
                    .replace(":TAG", &format!(":{tag}"))
                    .replace("\"TAG", &format!("\"{tag}")),
            )
        })
        .collect()
}

fn fixture_of(gitops: &str) -> (Fixture, String) {
    let files = at("2.4.0", DIGEST);
    let mut files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
    files.push(("gitops.yaml", gitops));
    files.push(("qa/qa.env", "API_TAG=2.3.0\n"));
    files.push(("qa/VERSIONS", "billing 4.2.0\n"));
    let fixture = Fixture::new(&[("main", &files)]);
    let mut registry = Layout::default();
    registry.add("team/api", "2.4.0", "2026-01-01T00:00:00Z");
    let digest = registry.add("team/api", "2.4.1", "2026-01-02T00:00:00Z");
    registry.write(&fixture.env.join("registry")).unwrap();
    (fixture, digest.to_string())
}

#[test]
fn every_declared_site_changes_with_the_others_and_nothing_else_does() {
    let (fixture, digest) = fixture_of(GITOPS);
    let outcome = fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    assert!(outcome.stdout.contains("2.4.1"), "{}", outcome.stdout);
    for (path, wanted) in at("2.4.1", &digest) {
        // A reference takes its digest along.
        let full = format!("team/api:2.4.1@{digest}");
        let wanted = wanted.replace("team/api:2.4.1", &full);
        assert_eq!(fixture.file_at("main", path).unwrap(), wanted, "{path}");
    }
    let commits = fixture.commits_on("main");
    fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(fixture.commits_on("main"), commits);
    fixture.fsck();
}

#[test]
fn versions_of_what_is_no_image_are_bumped_and_promoted() {
    let (fixture, _) = fixture_of(GITOPS);
    fixture
        .run(&["bump-image", "billing=4.2.2", "--env", "dev", "--yes"])
        .code(0);
    let text = fixture.file_at("main", "envs/VERSIONS").unwrap();
    assert!(text.starts_with("billing 4.2.2\napi   2.4.0@"), "{text}");
    fixture
        .run(&[
            "promote",
            "qa",
            "--overwrite",
            "billing",
            "--overwrite",
            "api",
            "--yes",
        ])
        .code(0);
    assert_eq!(
        fixture.file_at("main", "qa/VERSIONS").unwrap(),
        "billing 4.2.2\n"
    );
    assert_eq!(
        fixture.file_at("main", "qa/qa.env").unwrap(),
        "API_TAG=2.4.0\n"
    );
}

#[test]
fn a_promotion_takes_the_digest_from_the_site_that_has_it() {
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: dev}
    - {name: qa, branch: main, path: qa, promoteFrom: dev}
  pins:
    - image: registry.example.com/team/api
      sites:
        - {file: a.env, regex: '^API_TAG=(?<tag>\\S+)$'}
        - {file: cr.yaml, key: spec.tag, holds: tag}
        - {file: cr.yaml, key: spec.digest, holds: digest}
        - {file: cr.yaml, key: spec.image}
";
    let cr = |tag: &str, digit: &str| {
        let digest = format!("sha256:{}", digit.repeat(64));
        format!(
            "spec:\n  tag: {tag}\n  digest: {digest}\n  image: registry.example.com/team/api:{tag}@{digest}\n"
        )
    };
    let (dev, qa) = (cr("v2.4.0", "2"), cr("v2.3.0", "1"));
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops),
            ("dev/a.env", "API_TAG=v2.4.0\n"),
            ("dev/cr.yaml", &dev),
            ("qa/a.env", "API_TAG=v2.3.0\n"),
            ("qa/cr.yaml", &qa),
        ],
    )]);
    let pins = fixture.run(&["pins"]).code(0).stdout;
    assert!(!pins.contains("disagree"), "{pins}");
    fixture
        .run(&["promote", "qa", "--overwrite", "api", "--yes"])
        .code(0);
    let written = fixture.file_at("main", "qa/cr.yaml").unwrap();
    assert_eq!(written, dev);
    assert_eq!(
        fixture.file_at("main", "qa/a.env").unwrap(),
        "API_TAG=v2.4.0\n"
    );
}

#[test]
fn a_digest_is_not_promised_to_a_site_that_holds_a_tag_alone() {
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: dev, branch: main, path: envs}]
  registries:
    registry.example.com: {layout: ../registry}
  pins:
    - image: registry.example.com/team/api
      policy: {digest: 2.4.0}
      sites: [{file: dev.env, regex: '^API_TAG=(?<tag>\\S+)$'}]
";
    let (fixture, _) = fixture_of(gitops);
    let tip = fixture.remote_tip("main");
    let outcome = fixture
        .run(&["bump-image", "--env", "dev", "--yes", "-o", "json"])
        .code(0);
    let plan: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(plan.to_string().contains("\"newest\""), "{plan}");
    assert_eq!(fixture.remote_tip("main"), tip);
}

#[test]
fn pins_names_each_site_and_declarations_that_lead_nowhere() {
    let (fixture, _) = fixture_of(GITOPS);
    let dev = fixture.run(&["pins", "--env", "dev"]).code(0).stdout;
    for wanted in [
        "envs/dev.env:2:9",
        "envs/crs/api.yaml:4:12",
        "envs/settings.json:2:18",
        "envs/VERSIONS:2:7",
        "shared/compose.yaml:2:16",
        "key path",
        "text",
    ] {
        assert!(dev.contains(wanted), "{wanted}: {dev}");
    }
    assert!(!dev.contains("other/db"), "{dev}");
    assert!(!dev.contains("note:"), "{dev}");
    let qa = fixture.run(&["pins", "--env", "qa"]).code(0).stdout;
    assert!(
        qa.contains("gitops.yaml:14:11: nothing is pinned there in qa: no file crs/*.yaml has spec.runtime.image"),
        "{qa}"
    );
    assert!(qa.contains("its sites disagree"), "{qa}");
}

#[test]
fn text_that_yaml_would_read_as_a_number_is_not_written() {
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: dev, branch: main}]
  pins:
    - component: billing
      sites: [{file: release.yaml, regex: 'billing: (?<version>\\S+)'}]
";
    let (fixture, _) = fixture_of(gitops);
    let release = "billing: v1 # now\n";
    fixture.commit("main", "add a release", &[("release.yaml", Some(release))]);
    let tip = fixture.remote_tip("main");
    let outcome = fixture
        .run(&["bump-image", "billing=1.10", "--env", "dev", "--yes"])
        .code(2);
    assert!(
        outcome
            .stderr
            .contains("release.yaml:1:10: YAML would read what is written there"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("main"), tip);
    fixture
        .run(&["bump-image", "billing=v1.10", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(
        fixture.file_at("main", "release.yaml").unwrap(),
        "billing: v1.10 # now\n"
    );
}

#[test]
fn a_product_changes_its_further_sites_as_well() {
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: dev, branch: main, path: envs}]
  registries:
    registry.example.com: {layout: ../registry}
  rendered: manifests
  pins:
    - {image: registry.example.com/team/api, sites: [{file: dev.env, regex: '^API_TAG=(?<tag>\\S+)$'}]}
";
    let (fixture, digest) = fixture_of(gitops);
    let product = "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {name: shop}\nspec:\n  components:\n    api:\n      image: registry.example.com/team/api:2.4.0\n      template: none\n";
    let template = "apiVersion: kubectl-gitops/v1alpha1\nkind: Template\nmetadata: {name: none}\n";
    fixture.commit(
        "main",
        "add a product",
        &[
            ("envs/product.yaml", Some(product)),
            ("envs/templates/none/template.yaml", Some(template)),
        ],
    );
    fixture
        .run(&["bump-image", "api=2.4.1", "--env", "dev", "--yes"])
        .code(0);
    let env = fixture.file_at("main", "envs/dev.env").unwrap();
    assert!(env.contains("\nAPI_TAG=2.4.1\r\n"), "{env}");
    let product = fixture.file_at("main", "envs/product.yaml").unwrap();
    assert!(
        product.contains(&format!("api:2.4.1@{digest}")),
        "{product}"
    );
}

#[test]
fn declarations_that_say_too_little_name_their_place() {
    for (pin, wanted) in [
        (
            "{component: x, sites: [{file: a, regex: 'T=(?<tag>.)'}]}",
            "gitops.yaml:5:33: spec.pins[0].sites[0] holds a tag, so the entry must say the image's name",
        ),
        (
            "{image: a/b, sites: [{file: a, regex: 'T=('}]}",
            "spec.pins[0].sites[0].regex is no regular expression: unclosed group",
        ),
        (
            "{image: a/b, sites: [{file: a, regex: 'T=.'}]}",
            "captures nothing",
        ),
        (
            "{image: a/b, sites: [{file: a}]}",
            "says neither key nor regex",
        ),
        (
            "{image: a/b, sites: [{file: ../a, key: b}]}",
            "is no pattern",
        ),
        (
            "{image: a/b, sites: [{file: a, key: b, hold: tag}]}",
            "did you mean holds?",
        ),
        (
            "{component: x}",
            "says neither image, nor component and sites",
        ),
        (
            "{image: a/b, sites: [{file: a, key: b, holds: version}]}",
            "holds a version, which an image has not",
        ),
    ] {
        let gitops = format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments: [{{name: dev, branch: main}}]\n  pins: [{pin}]\n"
        );
        let fixture = Fixture::new(&[("main", &[("gitops.yaml", &gitops)])]);
        let outcome = fixture.run(&["pins"]).code(2);
        assert!(outcome.stderr.contains(wanted), "{pin}: {}", outcome.stderr);
    }
}
