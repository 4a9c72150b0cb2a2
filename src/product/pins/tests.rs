//! Each recognised kind of site, on literal texts: what is found there, and which
//! bytes an update changes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::product::Repository;
use crate::repo::{Edit, Snapshot};

/// The pins of an environment at the root; `{DIGEST}` is not interpreted.
fn found(files: &[(&str, &str)], entry: &str) -> (Snapshot, FoundPins) {
    let read = |(path, text): &(&str, &str)| (path.parse().unwrap(), text.as_bytes().to_vec());
    let snapshot = Snapshot::from_files(None, files.iter().map(read));
    let gitops = format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments: [{entry}]\n"
    );
    let repository = Repository::decode(&"gitops.yaml".parse().unwrap(), &gitops).unwrap();
    let found = environment_pins(&snapshot, &repository.environments[0], &repository).unwrap();
    (snapshot, found)
}

fn at_root(files: &[(&str, &str)]) -> (Snapshot, FoundPins) {
    found(files, "{name: dev, branch: main}")
}

/// Each site as `component kind deployed`.
fn told(found: &FoundPins) -> Vec<String> {
    let of = |pin: &Pin| {
        let component = pin.component.clone();
        let line = move |site: &Site| {
            let deployed = match &site.deployed {
                Deployed::Image(image) => image.to_string(),
                Deployed::Version(version) => version.clone(),
            };
            format!("{component} {} {deployed}", site.kind().name())
        };
        pin.sites.iter().map(line).collect::<Vec<_>>()
    };
    found.pins.iter().flat_map(of).collect()
}

/// The first file after all its images went to a tag and digest, and versions to 9.9.9.
fn bumped(text: &str, tag: &str, digest: Option<Digest>, pinned: bool) -> String {
    let (snapshot, found) = at_root(&[("values.yaml", text)]);
    let changes: Vec<(&Pin, Target)> = found
        .pins
        .iter()
        .map(|pin| {
            let target = match &pin.sites[0].deployed {
                Deployed::Image(_) => Target::Image {
                    tag: Some(tag.parse().unwrap()),
                    digest: digest.clone(),
                    pinned,
                },
                Deployed::Version(_) => Target::Version("9.9.9".to_owned()),
            };
            (pin, target)
        })
        .collect();
    match write(&snapshot, &changes).unwrap().into_values().next() {
        Some(Edit::Write { bytes, .. }) => String::from_utf8(bytes).unwrap(),
        _ => text.to_owned(),
    }
}

const CRON_JOB: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: batch/v1
  kind: CronJob
  spec:
    jobTemplate:
      spec:
        template:
          spec:
            initContainers:
              - {name: a, image: 'registry.example.com/init:1'}   # first
            containers:
              - name: b
                image: registry.example.com/main:1
            ephemeralContainers: [{name: c, image: registry.example.com/debug:1}]
            volumes:
              - name: model
                image: {reference: registry.example.com/model:1}
";

#[test]
fn every_container_and_image_volume_of_a_resource_is_a_site() {
    let (_, found) = at_root(&[("cron.yaml", CRON_JOB)]);
    assert_eq!(
        told(&found),
        [
            "debug resource registry.example.com/debug:1",
            "init resource registry.example.com/init:1",
            "main resource registry.example.com/main:1",
            "model resource registry.example.com/model:1",
        ]
    );
    assert_eq!(
        bumped(CRON_JOB, "2", Some(Digest::sha256(b"x")), false),
        CRON_JOB
            .replace("init:1", "init:2")
            .replace("main:1", "main:2")
            .replace("debug:1", "debug:2")
            .replace("model:1", "model:2")
    );
}

#[test]
fn what_a_kustomization_sets_is_pinned_there() {
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: web:1}]}\n";
    let (_, found) = at_root(&[
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", pod),
        (
            "dev/kustomization.yaml",
            "resources: [../base]\nimages: [{name: web, newTag: v2}]\n",
        ),
        ("other/pod.yaml", pod),
    ]);
    assert_eq!(told(&found), ["web kustomize web:v2", "web resource web:1"]);
    assert_eq!(found.pins[0].sites[1].file().to_string(), "other/pod.yaml");
}

#[test]
fn values_are_edited_at_any_depth_in_every_shape() {
    let (old, new) = (Digest::sha256(b"old"), Digest::sha256(b"new"));
    let text = format!(
        "\
web:
    image:   # the window
        registry: registry.example.com
        repository: team/web
        pullPolicy: Always

        tag: \"1.0\"
    sidecarImage: registry.example.com/team/proxy:v1
jobs:
  - image: {{repository: registry.example.com/job, tag: v1, digest: {old}}}
  - initImage: {{repository: registry.example.com/init, version: v1@{old}}}
"
    );
    let wanted = text
        .replace("\"1.0\"", "\"2.0\"")
        .replace("proxy:v1", "proxy:2.0")
        .replace(
            &format!("tag: v1, digest: {old}"),
            &format!("tag: \"2.0\", digest: {new}"),
        )
        .replace(&format!("v1@{old}"), &format!("2.0@{new}"));
    assert_eq!(bumped(&text, "2.0", Some(new), false), wanted);
}

#[test]
fn a_missing_digest_is_inserted_where_it_belongs() {
    let digest = Digest::sha256(b"x");
    let tagged = "image:\n  repository: a/web\n  tag: v1\nport: 1\n";
    assert_eq!(
        bumped(tagged, "v2", Some(digest.clone()), true),
        tagged.replace("v1\n", &format!("v2\n  digest: {digest}\n"))
    );
}

#[test]
fn flux_objects_are_sites() {
    let text = "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
spec:
  chart: {spec: {chart: web, version: 1.2.3}}
  values:
    image: {repository: registry.example.com/web, tag: v1}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
spec: {chart: {spec: {chart: ranged, version: 1.x}}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
spec:
  url: oci://registry.example.com/manifests
  ref:
    tag: v1
";
    let (_, found) = at_root(&[("flux.yaml", text)]);
    assert_eq!(
        told(&found),
        [
            "manifests oci-repository registry.example.com/manifests:v1",
            "web helm-release registry.example.com/web:v1",
            "web-chart helm-release 1.2.3",
        ]
    );
    assert_eq!(
        bumped(text, "v2", None, false),
        text.replace("tag: v1", "tag: v2").replace("1.2.3", "9.9.9")
    );
}

#[test]
fn what_a_kustomization_fetches_is_a_site() {
    let base = "https://git.example.com/org/config//base?timeout=9s&ref=v1.2.3&depth=1";
    let text = format!(
        "resources:
  - ../near
  - {base}   # ours
  - git.example.com/org/config/other?ref=v1.2.3
  - https://git.example.com/org/tip?ref=main
helmCharts:
  - {{name: web, version: 1.2.3}}
"
    );
    let (snapshot, found) = at_root(&[("kustomization.yaml", &text)]);
    assert_eq!(
        told(&found),
        [
            "config-base kustomize-base v1.2.3",
            "config-base kustomize-base v1.2.3",
            "web-chart kustomize 1.2.3",
        ]
    );
    let changes: Vec<(&Pin, Target)> = found
        .pins
        .iter()
        .map(|pin| (pin, Target::Version("v2.0.0".to_owned())))
        .collect();
    let edits = write(&snapshot, &changes).unwrap();
    let Some(Edit::Write { bytes, .. }) = edits.values().next() else {
        panic!("nothing was edited");
    };
    let wanted = text.replace("v1.2.3", "v2.0.0").replace("1.2.3", "v2.0.0");
    assert_eq!(String::from_utf8_lossy(bytes), wanted);

    // Two repositories of one name are never moved together.
    let other = text.replace(
        "git.example.com/org/config/other",
        "git.example.com/b/config",
    );
    let (_, found) = at_root(&[("kustomization.yaml", &other)]);
    let collision = found.collisions.values().next().unwrap().to_string();
    assert!(
        collision.contains("git.example.com/org/config (kustomization.yaml:3:5)")
            && collision.contains("git.example.com/b/config (kustomization.yaml:4:5)"),
        "{collision}"
    );
}

#[test]
fn argo_applications_are_sites() {
    let text = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
spec:
  sources:
    - chart: web
      targetRevision: 1.2.3
      helm:
        parameters:
          - {name: image.repository, value: registry.example.com/web}
          - {name: image.tag, value: \"v1\"}
        valuesObject:
          api: {image: registry.example.com/api:v1}
        values: |
          image: {repository: x, tag: v1}
    - targetRevision: main
      kustomize:
        images:
          - job=registry.example.com/job:v1
";
    let (_, found) = at_root(&[("app.yaml", text)]);
    assert_eq!(
        told(&found),
        [
            "api argo-application registry.example.com/api:v1",
            "job argo-application registry.example.com/job:v1",
            "web argo-application registry.example.com/web:v1",
            "web-chart argo-application 1.2.3",
            "x argo-application x:v1",
        ]
    );
    let inner = found.pins.last().unwrap().sites[0].location.to_string();
    assert_eq!(inner, "app.yaml:14:39");
    assert_eq!(found.warnings, [""; 0]);
    assert_eq!(
        bumped(text, "v2", None, false),
        text.replace("\"v1\"", "\"v2\"")
            .replace("api:v1", "api:v2")
            .replace("job:v1", "job:v2")
            .replace("1.2.3", "9.9.9")
            .replace("tag: v1}", "tag: v2}")
    );
    let text = text.replace("values: |", "values: >");
    let (_, found) = at_root(&[("app.yaml", &text)]);
    assert_eq!(found.warnings.len(), 1);
    assert!(
        found.warnings[0].starts_with("app.yaml:13:17: values inside a text cannot be edited"),
        "{}",
        found.warnings[0]
    );
}

#[test]
fn one_folder_may_hold_one_values_file_per_environment() {
    let (_, found) = found(
        &[
            ("env/dev.yaml", "image: registry.example.com/web:v2\n"),
            ("env/prod.yaml", "image: registry.example.com/web:v1\n"),
        ],
        "{name: prod, branch: main, path: env, files: '{env}.yaml'}",
    );
    assert_eq!(
        told(&found),
        ["web helm-values registry.example.com/web:v1"]
    );
}

#[test]
fn what_cannot_be_edited_is_left_alone_and_named() {
    let (_, found) = at_root(&[
        ("chart/Chart.yaml", "name: chart\n"),
        (
            "chart/templates/web.yaml",
            "kind: Pod\nspec:\n  containers:\n  - image: {{ .Values.image }}\n",
        ),
        ("values-secret.yaml", "image: a/b:1\nsops: {mac: x}\n"),
        (
            "values-number.yaml",
            "image: {repository: a/c, tag: 1.10}\n",
        ),
        (".github/values.yaml", "image: a/d:1\n"),
    ]);
    assert_eq!(told(&found), [""; 0]);
    assert_eq!(
        found.warnings,
        [
            "chart/templates/web.yaml is a Go template: nothing can edit the images there safely; pin them in the chart's values",
            "values-number.yaml:1:31: tag is no text; put it in quotes",
        ]
    );
}
