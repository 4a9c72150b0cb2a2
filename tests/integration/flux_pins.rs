//! Repositories that Flux updates today: its markers are sites, its image policies
//! are policies.

use kubectl_gitops::ops::demo::Layout;

use super::support::Fixture;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments: [{name: dev, branch: main, path: apps/dev}]
  registries:
    registry.example.com: {layout: ../registry}
";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    spec:
      containers:
        - name: api
          image: registry.example.com/team/api:2.4.0 # {\"$imagepolicy\": \"flux-system:api\"}
";

const VALUES: &str = "\
kind: ConfigMap
---
kind: HelmRelease
spec:
  values:
    image:
      repository: registry.example.com/team/api # {\"$imagepolicy\": \"flux-system:api:name\"}
      # {\"$imagepolicy\": \"flux-system:api:tag\"}
      tag: \"2.4.0\"

    job: {tag: 20260101-aaa} # {\"$imagepolicy\": \"flux-system:job:tag\"}
    other: x # {\"$imagepolicy\": \"flux-system:api:colour\"}
";

const KUSTOMIZATION: &str = "\
images:
- name: registry.example.com/team/web
  newTag: build-9 # {\"$imagepolicy\": \"flux-system:web:tag\"}
";

fn policies(digests: &str) -> String {
    format!(
        "\
apiVersion: image.toolkit.fluxcd.io/v1beta2
kind: ImageRepository
metadata: {{name: api, namespace: flux-system}}
spec: {{image: registry.example.com/team/api, interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: api, namespace: flux-system}}
spec:
  imageRepositoryRef: {{name: api}}
  digestReflectionPolicy: {digests}
  policy: {{semver: {{range: 2.x}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: job}}
spec: {{image: registry.example.com/team/job}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: job}}
spec:
  imageRepositoryRef: {{name: job}}
  filterTags: {{pattern: '^(?P<day>[0-9]+)-[a-f]+$', extract: $day}}
  policy: {{alphabetical: {{order: asc}}}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web, namespace: flux-system}}
spec:
  imageRepositoryRef: {{name: web}}
  filterTags: {{pattern: '^build-(.*)$', extract: $1}}
  policy: {{numerical: {{order: asc}}}}
"
    )
}

fn fixture(digests: &str) -> (Fixture, String) {
    let policies = policies(digests);
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", GITOPS),
            ("apps/dev/deployment.yaml", DEPLOYMENT),
            ("apps/dev/release.yaml", VALUES),
            ("apps/dev/kustomization.yaml", KUSTOMIZATION),
            (
                "apps/dev/chart/templates/x.yaml",
                "{{- if .Values.x }}\na: b # {\"$imagepolicy\": \"flux-system:api\"}\n{{- end }}\n",
            ),
            ("clusters/dev/images.yaml", &policies),
        ],
    )]);
    let mut registry = Layout::default();
    registry.add("team/api", "2.4.0", "2026-01-01T00:00:00Z");
    registry.add("team/api", "3.0.0", "2026-01-03T00:00:00Z");
    let digest = registry.add("team/api", "2.5.0", "2026-01-02T00:00:00Z");
    for tag in ["20260101-aaa", "20260301-bbb", "20260201-fff", "latest"] {
        registry.add("team/job", tag, "2026-01-01T00:00:00Z");
    }
    for tag in ["build-9", "build-10", "build-x"] {
        registry.add("team/web", tag, "2026-01-01T00:00:00Z");
    }
    registry.write(&fixture.env.join("registry")).unwrap();
    (fixture, digest.to_string())
}

#[test]
fn markers_are_sites_and_image_policies_choose() {
    let (fixture, digest) = fixture("Never");
    let outcome = fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    let file = |path: &str| fixture.file_at("main", path).unwrap();
    let deployment = DEPLOYMENT.replace("2.4.0", "2.5.0");
    assert_eq!(
        file("apps/dev/deployment.yaml"),
        deployment,
        "{}",
        outcome.stdout
    );
    let values = VALUES
        .replace("\"2.4.0\"", "\"2.5.0\"")
        .replace("20260101-aaa", "20260301-bbb");
    assert_eq!(file("apps/dev/release.yaml"), values);
    assert_eq!(
        file("apps/dev/kustomization.yaml"),
        KUSTOMIZATION.replace("build-9", "build-10")
    );
    assert!(!file("apps/dev/deployment.yaml").contains(&digest));
    fixture.fsck();
}

#[test]
fn digests_are_written_where_flux_would_write_them() {
    let (fixture, digest) = fixture("IfNotPresent");
    fixture
        .run(&["bump-image", "api=2.5.0", "--env", "dev", "--yes"])
        .code(0);
    let text = fixture.file_at("main", "apps/dev/deployment.yaml").unwrap();
    let wanted = DEPLOYMENT.replace("2.4.0", &format!("2.5.0@{digest}"));
    assert_eq!(text, wanted);
}

#[test]
fn digests_that_stand_alone_follow_their_tags() {
    let (fixture, digest) = fixture("IfNotPresent");
    let old = format!("sha256:{}", "0".repeat(64));
    let marked = format!(
        "kind: HelmRelease\nspec:\n  values:\n    api:\n      \
         version: 2.4.0 # {{\"$imagepolicy\": \"flux-system:api:tag\"}}\n      \
         hash: '{old}' # {{\"$imagepolicy\": \"flux-system:api:digest\"}}\n"
    );
    let source = |tag: &str, digest: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: api}}\nspec:\n  \
             url: oci://registry.example.com/team/api\n  ref:\n    tag: {tag}   # both\n    digest: {digest}\n"
        )
    };
    let followed = source("2.4.0", &old);
    let files = [
        ("apps/dev/marked.yaml", Some(marked.as_str())),
        ("apps/dev/source.yaml", Some(followed.as_str())),
    ];
    fixture.commit("main", "digests", &files);
    fixture
        .run(&["bump-image", "api=2.5.0", "--env", "dev", "--yes"])
        .code(0);
    let file = |path: &str| fixture.file_at("main", path).unwrap();
    assert_eq!(
        file("apps/dev/marked.yaml"),
        marked.replace("2.4.0", "2.5.0").replace(&old, &digest)
    );
    assert_eq!(file("apps/dev/source.yaml"), source("2.5.0", &digest));
}

#[test]
fn pins_shows_policies_and_what_flux_would_do_otherwise() {
    let (fixture, _) = fixture("Always");
    let text = fixture.run(&["pins", "--env", "dev"]).code(0).stdout;
    for wanted in [
        "apps/dev/deployment.yaml:8:18",
        "apps/dev/release.yaml:9:12",
        "flux",
        "2.x",
        "alphabetical asc",
        "numeric asc",
        "note: clusters/dev/images.yaml:6:1: ImagePolicy api has Flux follow a tag whose image changes",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    // The kustomization's entry is one site, however it was found.
    assert_eq!(
        text.matches("apps/dev/kustomization.yaml").count(),
        1,
        "{text}"
    );
    assert!(!text.contains("chart/templates"), "{text}");
}

#[test]
fn policies_that_cannot_be_followed_say_so() {
    let (fixture, _) = fixture("Never");
    let broken = policies("Never")
        .replace("interval: 5m", "exclusionList: ['-rc']")
        .replace("range: 2.x", "range: two")
        .replace(
            "imageRepositoryRef: {name: web}",
            "imageRepositoryRef: {name: web}\n  suspend: true",
        )
        .replace(
            "metadata: {name: job}\nspec: {image",
            "metadata: {name: jobs}\nspec: {image",
        );
    fixture.commit(
        "main",
        "break policies",
        &[("clusters/dev/images.yaml", Some(&broken))],
    );
    let text = fixture.run(&["pins", "--env", "dev"]).code(0).stdout;
    for wanted in [
        "clusters/dev/images.yaml:1:1: Flux leaves out the tags in exclusionList of ImageRepository api",
        "ImagePolicy api is not understood, so nothing follows it",
        "held: its image policy is suspended in Flux",
        "apps/dev/release.yaml:11:16: of which image this is a tag is not known",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}
