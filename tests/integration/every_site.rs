//! One image in every kind of place at once: found, changed together, and not a byte
//! beside it. What stands in a file as `TAG`, `CHART` or `REF` is what may change.

use std::collections::BTreeSet;

use kubectl_gitops::ops::demo::Layout;
use serde_json::Value;

use super::bump_image::says;
use super::pins::agreed;
use super::support::Fixture;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: env/dev}
    - {name: prod, branch: main, path: env/prod, promoteFrom: dev}
  registries:
    registry.example.com: {layout: ../registry}
";

const DECLARED: &str = "  pins:
    - image: registry.example.com/shop/web
      sites:
        - {file: crd.yaml, key: spec.runtime.image}
        - {file: settings.json, key: web.tag, holds: tag}
        - {file: .env, regex: '^WEB_TAG=(?<tag>\\S+)'}
        - {file: VERSIONS, regex: '^web +(?<tag>\\S+)$'}
";

/// Every file, the number of places of the image in it, and its text.
const FILES: [(&str, usize, &str); 14] = [
    (
        "pods.yaml",
        12,
        "\
# v1.0.0 was slow\r
apiVersion: apps/v1\r
kind: Deployment\r
metadata: {name: web, labels: {version: v1.0.0}}\r
spec:\r
  template:\r
    spec:\r
      initContainers: [{name: a, image: 'registry.example.com/shop/web:TAG'}]\r
      containers:\r
      -   name: b # the window\r
          image:   registry.example.com/shop/web:TAG   # why\r
          env: [{name: IMAGE, value: 'registry.example.com/shop/web:v1.0.0'}]\r
      ephemeralContainers:\r
      - {image: \"registry.example.com/shop/web:TAG\", name: c}\r
      volumes:\r
      - {name: m, image: {reference: registry.example.com/shop/web:TAG}}\r
---\r
{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: \"registry.example.com/shop/web:TAG\"}]}}}}}}\r
---\r
apiVersion: v1\r
kind: List\r
items:\r
- kind: Pod\r
  spec: {containers: [{image: registry.example.com/shop/web:TAG}]}\r
- {kind: Job, spec: {template: {spec: {containers: [{image: registry.example.com/shop/web:TAG}]}}}}\r
- {kind: StatefulSet, spec: {template: {spec: {containers: [{image: registry.example.com/shop/web:TAG}]}}}}\r
- {kind: DaemonSet, spec: {template: {spec: {containers: [{image: registry.example.com/shop/web:TAG}]}}}}\r
- {kind: ReplicaSet, spec: {template: {spec: {containers: [{image: registry.example.com/shop/web:TAG}]}}}}\r
- {kind: ReplicationController, spec: {template: {spec: {containers: [{image: registry.example.com/shop/web:TAG}]}}}}\r
- {kind: PodTemplate, template: {spec: {containers: [{image: registry.example.com/shop/web:TAG}]}}}",
    ),
    (
        "values.yaml",
        7,
        "\
global: {note: v1.0.0}
image:
    registry: registry.example.com

    repository: shop/web # ours
    tag: \"TAG\"
    pullPolicy: Always
deep:
  er:
    - sidecarImage: 'registry.example.com/shop/web:TAG'
    - image: {repository: registry.example.com/shop/web, tag: TAG, pullPolicy: Always}
    - initImage: {repository: registry.example.com/shop/web, version: TAG}
old: {image: registry.example.com/shop/web, tag: 'TAG'}
older:
  image: registry.example.com/shop/web
  imageTag: TAG
cache: {enabled: true, repository: registry.example.com/shop/web, tag: TAG}
source: {repository: 'https://git.example.com/shop/web', tag: v1.0.0}
chart: {image: {repository: registry.example.com/shop/web}}
",
    ),
    (
        "helm-release.yaml",
        3,
        "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  chart: {spec: {chart: web, version: CHART}}
  values:
    web: {image: {repository: registry.example.com/shop/web, tag: TAG}}
    sidecarImage: registry.example.com/shop/web:TAG
  postRenderers:
    - kustomize:
        images:
          - name: web
            newName: registry.example.com/shop/web
            newTag: TAG
",
    ),
    (
        "flux.yaml",
        2,
        "\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web}
spec:
  path: ./web/v1.0.0
  images: [{name: registry.example.com/shop/web, newTag: TAG}]
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: web}
spec:
  url: oci://registry.example.com/shop/web
  ref: {tag: TAG}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: ranged}
spec:
  url: oci://registry.example.com/shop/web
  ref: {semver: 1.x}
",
    ),
    (
        "marked.yaml",
        4,
        "\
kind: Something
spec:
  whole: registry.example.com/shop/web:TAG # {\"$imagepolicy\": \"flux-system:web\"}
  # {\"$imagepolicy\": \"flux-system:web:tag\"}
  above: \"TAG\"
  name: registry.example.com/shop/web # {\"$imagepolicy\": \"flux-system:web:name\"}
  list: [{tag: TAG}] # {\"$imagepolicy\": \"flux-system:web:tag\"}
  unmarked: registry.example.com/shop/web:v1.0.0
---
image: {repository: registry.example.com/shop/web, tag: TAG} # {\"$imagepolicy\": \"flux-system:web:tag\"}
",
    ),
    (
        "config.yaml",
        2,
        "\
apiVersion: v1
kind: ConfigMap
metadata: {name: web-values}
data:
  note: registry.example.com/shop/web:v1.0.0
  values.yaml: |
      # v1.0.0 was slow
      web:
        image:   # ours
          repository: registry.example.com/shop/web

          tag: 'TAG'
      sidecarImage: registry.example.com/shop/web:TAG
",
    ),
    (
        "application.yaml",
        5,
        "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  sources:
    - chart: web
      targetRevision: CHART
      helm:
        parameters:
          - {name: image.repository, value: registry.example.com/shop/web}
          - {name: image.tag, value: \"TAG\"}
        values: |-
          deep: [{image: {tag: TAG, repository: registry.example.com/shop/web}}]
        valuesObject:
          image: registry.example.com/shop/web:TAG
    - repoURL: https://git.example.com/shop/config
      targetRevision: v1.0.0
      kustomize:
        images:
          - web=registry.example.com/shop/web:TAG
          - registry.example.com/shop/web:TAG
",
    ),
    (
        "applications.yaml",
        1,
        "\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: web}
spec:
  generators: [{list: {elements: [{cluster: a, image: 'v1.0.0'}]}}]
  template:
    metadata: {name: 'web-{{cluster}}'}
    spec:
      source:
        chart: web
        targetRevision: CHART
        helm: {valuesObject: {image: {repository: registry.example.com/shop/web, tag: TAG}}}
",
    ),
    (
        "kustomization.yaml",
        2,
        "\
resources:
  - pods.yaml # v1.0.0
  - https://git.example.com/shop/config//web?ref=REF&timeout=90s
images:
  - name: somebody/web
    newName: registry.example.com/shop/web # mirrored
    newTag: TAG # {\"$imagepolicy\": \"flux-system:web:tag\"}
helmCharts:
  - name: web
    version: CHART
    valuesInline: {image: {repository: registry.example.com/shop/web, tag: TAG}}
",
    ),
    (
        "crd.yaml",
        1,
        "kind: Runner\nspec:\n  runtime: {image: 'registry.example.com/shop/web:TAG'}\n  other: registry.example.com/shop/web:v1.0.0\n",
    ),
    (
        "settings.json",
        1,
        "{\n\t\"web\": {\"tag\": \"TAG\", \"was\": \"v1.0.0\"}\n}",
    ),
    (".env", 1, "WAS=v1.0.0\nWEB_TAG=TAG # now"),
    ("VERSIONS", 1, "api v1.0.0\nweb  TAG\n"),
    (
        "policies.yaml",
        0,
        "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: flux-system}
spec: {image: registry.example.com/shop/web}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: flux-system}
spec:
  imageRepositoryRef: {name: web}
  policy: {semver: {range: '>=1.0.0 <2'}}
",
    ),
];

/// How many of them are there only because `gitops.yaml` declares them.
const DECLARED_SITES: usize = 4;

fn filled(text: &str, tag: &str, chart: &str, reference: &str) -> String {
    text.replace("TAG=", "tag=")
        .replace("TAG", tag)
        .replace("tag=", "TAG=")
        .replace("CHART", chart)
        .replace("REF", reference)
}

fn all(tag: &str, chart: &str, reference: &str) -> Vec<(String, String)> {
    let of = |(path, _, text): &(&str, usize, &str)| {
        (
            format!("env/dev/{path}"),
            filled(text, tag, chart, reference),
        )
    };
    FILES.iter().map(of).collect()
}

fn fixture(gitops: Option<&str>) -> Fixture {
    seeded(gitops).0
}

/// The repository, and the digest of v1.1.0.
fn seeded(gitops: Option<&str>) -> (Fixture, String) {
    let files = all("v1.0.0", "1.0.0", "v1.0.0");
    let mut files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    files.extend(gitops.map(|text| ("gitops.yaml", text)));
    files.push(("env/dev/chart/Chart.yaml", "name: web\nversion: 1.0.0\n"));
    let template = "kind: Pod\nspec:\n  containers:\n    - image: {{ .Values.image }}\n";
    files.push(("env/dev/chart/templates/pod.yaml", template));
    files.push(("env/prod/kustomization.yaml", "resources: []\n"));
    let fixture = Fixture::new(&[("main", &files)]);
    let mut registry = Layout::default();
    for tag in ["v1.0.0", "v2.0.0"] {
        registry.add("shop/web", tag, "2026-01-01T00:00:00Z");
    }
    let digest = registry.add("shop/web", "v1.1.0", "2026-01-02T00:00:00Z");
    registry.write(&fixture.env.join("registry")).unwrap();
    (fixture, digest.to_string())
}

fn sites(fixture: &Fixture, component: &str) -> Vec<Value> {
    let listed = fixture.run(&["pins", "--env", "dev", "-o", "json"]).code(0);
    let data = agreed(fixture, "pin-report", &listed.stdout);
    let pins = data["environments"][0]["pins"].as_array().unwrap().clone();
    let pin = pins.iter().find(|pin| pin["component"] == component);
    pin.map(|pin| pin["sites"].as_array().unwrap().clone())
        .unwrap_or_default()
}

/// The leaves of all documents of a text, by path, as a parser without part in the
/// edit reads them.
fn leaves(text: &str) -> BTreeSet<(String, String)> {
    fn walk(value: &Value, at: &str, found: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Object(map) => map
                .iter()
                .for_each(|(key, value)| walk(value, &format!("{at}/{key}"), found)),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, value)| walk(value, &format!("{at}/{index}"), found)),
            // A text of values is read as its reader would.
            Value::String(text) if text.contains("mage: ") || text.contains("tag: ") => {
                for (path, leaf) in leaves(text) {
                    found.insert((format!("{at}/{path}"), leaf));
                }
            }
            leaf => {
                found.insert((at.to_owned(), leaf.to_string()));
            }
        }
    }
    use serde::Deserialize as _;
    let mut found = BTreeSet::new();
    for (number, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let value = Value::deserialize(document).unwrap();
        walk(&value, &number.to_string(), &mut found);
    }
    found
}

#[test]
fn one_pin_in_every_place_changes_together_and_nothing_else_does() {
    let gitops = format!("{GITOPS}{DECLARED}");
    let (fixture, digest) = seeded(Some(&gitops));
    // A declared place of a whole reference takes the digest along.
    let wanted = |path: &str, text: String| match path.ends_with("/crd.yaml") {
        true => text.replace("web:v1.1.0", &format!("web:v1.1.0@{digest}")),
        false => text,
    };
    let found = sites(&fixture, "web");
    for (path, count, _) in FILES {
        let path = format!("env/dev/{path}");
        let here: Vec<&Value> = found
            .iter()
            .filter(|site| site["location"]["path"] == path.as_str())
            .collect();
        assert_eq!(here.len(), count, "{path}: {here:#?}");
    }
    let kinds: BTreeSet<&str> = found
        .iter()
        .filter_map(|site| site["kind"].as_str())
        .collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "argo-application",
            "flux",
            "helm-release",
            "helm-values",
            "key path",
            "kustomize",
            "oci-repository",
            "resource",
            "text",
        ]
    );
    let before = all("v1.0.0", "1.0.0", "v1.0.0");
    let outcome = fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    says(&outcome, &["web", "v1.1.0", "pod.yaml is a Go template"]);
    for ((path, before), (_, after)) in before.iter().zip(all("v1.1.0", "1.0.0", "v1.0.0")) {
        let text = fixture.file_at("main", path).unwrap();
        assert_eq!(text, wanted(path, after), "{path}");
        if path.ends_with(".yaml") {
            let (before, after) = (leaves(before), leaves(&text));
            let changed: Vec<_> = after.difference(&before).collect();
            let places = FILES
                .iter()
                .find(|(name, ..)| path.ends_with(&format!("/{name}")));
            assert_eq!(changed.len(), places.unwrap().1, "{path}: {changed:#?}");
            assert!(
                changed.iter().all(|(_, text)| text.contains("v1.1.0")),
                "{changed:?}"
            );
        }
    }
    // Versions of what is no image are named.
    let words = [
        "bump-image",
        "web-chart=1.1.0",
        "config-base=v1.2.0",
        "--env",
        "dev",
        "--yes",
    ];
    fixture.run(&words).code(0);
    for (path, after) in all("v1.1.0", "1.1.0", "v1.2.0") {
        let text = fixture.file_at("main", &path).unwrap();
        assert_eq!(text, wanted(&path, after), "{path}");
    }
    let tip = fixture.remote_tip("main");
    fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(fixture.remote_tip("main"), tip);
    fixture.fsck();
}

#[test]
fn what_init_proposes_finds_them_all() {
    let fixture = fixture(None);
    let proposal = fixture.run(&["init"]).code(0);
    says(&proposal, &["path: env/dev"]);
    for part in [
        "web:v1.0.0",
        "web-chart 1.0.0",
        "config-base v1.0.0",
        "env/dev/chart/templates/pod.yaml:4:5",
    ] {
        assert!(
            proposal.stderr.contains(part),
            "{part}: {}",
            proposal.stderr
        );
    }
    fixture.run(&["init", "--write"]).code(0);
    let wanted: usize = FILES.iter().map(|(_, count, _)| count).sum();
    assert_eq!(sites(&fixture, "web").len(), wanted - DECLARED_SITES);
    assert_eq!(sites(&fixture, "web-chart").len(), 4);
    assert_eq!(sites(&fixture, "config-base").len(), 1);
}

#[test]
fn sites_that_disagree_are_shown_and_brought_together() {
    let fixture = fixture(Some(GITOPS));
    let path = "env/dev/flux.yaml";
    let (.., text) = FILES
        .iter()
        .find(|(name, ..)| *name == "flux.yaml")
        .unwrap();
    let ahead = filled(text, "v1.0.9", "", "");
    fixture.commit("main", "ahead", &[(path, Some(&ahead))]);
    let listed = fixture.run(&["pins", "--env", "dev"]).code(0);
    says(
        &listed,
        &[
            "1 whose sites disagree",
            "v1.0.0 and v1.0.9",
            "shop/web:v1.0.9",
        ],
    );
    // Nobody moves backwards unasked, not even at one of many places.
    let bump =
        |words: &[&str]| fixture.run(&[&["bump-image", "--env", "dev", "--yes"], words].concat());
    let outcome = bump(&["web=v1.0.0"]).code(3);
    assert!(outcome.stderr.contains("v1.0.9"), "{}", outcome.stderr);
    let outcome = bump(&["web=v1.1.0"]).code(0);
    says(&outcome, &["v1.0.0, v1.0.9 → v1.1.0"]);
    for (path, after) in all("v1.1.0", "1.0.0", "v1.0.0") {
        let declared = ["crd.yaml", "settings.json", ".env", "VERSIONS"];
        if !declared.iter().any(|name| path.ends_with(name)) {
            assert_eq!(fixture.file_at("main", &path).unwrap(), after, "{path}");
        }
    }
}

#[test]
fn neighbours_in_one_folder_keep_their_version() {
    let gitops = GITOPS
        .replace("path: env/dev", "path: env, files: 'values-{env}.yaml'")
        .replace("path: env/prod", "path: env, files: 'values-{env}.yaml'");
    let values = "image: {repository: registry.example.com/shop/web, tag: v1.0.0}\n";
    let fixture = fixture(Some(&gitops));
    let files = [
        ("env/values-dev.yaml", Some(values)),
        ("env/values-prod.yaml", Some(values)),
        ("env/values.yaml", Some(values)),
    ];
    fixture.commit("main", "values", &files);
    fixture
        .run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"])
        .code(0);
    let names = ["diff", "--name-only", "main~1", "main"];
    let changed = fixture.env.git(&fixture.origin, &names);
    assert_eq!(changed, "env/values-dev.yaml");
    fixture
        .run(&["promote", "prod", "--overwrite", "web", "--yes"])
        .code(0);
    let text = fixture.file_at("main", "env/values-prod.yaml").unwrap();
    assert_eq!(text, values.replace("v1.0.0", "v1.1.0"));
}
