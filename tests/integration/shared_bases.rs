//! Overlays whose images stand in a base outside of the environment: one environment's
//! version goes into its own kustomization, and the base stays as it is for all others.

use kubectl_gitops::ops::demo::Layout;

use super::bump_image::says;
use super::pins::agreed;
use super::support::Fixture;
use super::support::process::program;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: overlays/dev}
    - {name: prod, branch: main, path: overlays/prod, promoteFrom: dev}
  registries:
    registry.example.com: {layout: ../registry}
  pins:
    - {image: registry.example.com/shop/job, policy: {semver: ^1}}
";

const BASE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: web, image: 'registry.example.com/shop/web:v1.0.0'}
        - {name: side, image: side}
";

const JOB: &str = "\
apiVersion: batch/v1
kind: CronJob
metadata: {name: job}
spec:
  schedule: '@daily'
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers:
            - {name: job, image: job}
";

/// Two bases, of which one builds upon the other and names its image anew.
const BASES: [(&str, &str); 4] = [
    ("base/kustomization.yaml", "resources: [web.yaml, ../job]\n"),
    ("base/web.yaml", BASE),
    (
        "job/kustomization.yaml",
        "resources: [cron.yaml]\nimages:\n- {name: job, newName: registry.example.com/shop/job, newTag: v1.0.0}\n",
    ),
    ("job/cron.yaml", JOB),
];

const PROD: &str = "resources: [../../base]\n";

fn fixture(dev: &str) -> (Fixture, String) {
    let mut files = BASES.to_vec();
    files.push(("gitops.yaml", GITOPS));
    files.push(("overlays/dev/kustomization.yaml", dev));
    files.push(("overlays/prod/kustomization.yaml", PROD));
    let fixture = Fixture::new(&[("main", &files)]);
    let mut registry = Layout::default();
    registry.add("shop/web", "v1.0.0", "2026-01-01T00:00:00Z");
    registry.add("shop/job", "v1.0.0", "2026-01-01T00:00:00Z");
    registry.add("shop/job", "v1.1.0", "2026-01-02T00:00:00Z");
    let digest = registry.add("shop/web", "v1.1.0", "2026-01-02T00:00:00Z");
    registry.write(&fixture.env.join("registry")).unwrap();
    (fixture, digest.to_string())
}

fn changed(fixture: &Fixture) -> String {
    let names = ["diff", "--name-only", "main~1", "main"];
    fixture.env.git(&fixture.origin, &names)
}

fn overlay(fixture: &Fixture, environment: &str) -> String {
    let path = format!("overlays/{environment}/kustomization.yaml");
    fixture.file_at("main", &path).unwrap()
}

#[test]
fn what_comes_from_a_base_is_listed_with_the_place_that_says_it() {
    let (fixture, _) = fixture(PROD);
    let outcome = fixture.run(&["pins", "--env", "dev"]).code(0);
    assert_eq!(
        outcome.stdout,
        "\
dev  2 pins, 2 sites
job                                    v1.0.0     ^1, registry.example.com/shop/job
  overlays/dev/kustomization.yaml:1:1  kustomize  from job/kustomization.yaml:3:63
web                                    v1.0.0     registry.example.com/shop/web
  overlays/dev/kustomization.yaml:1:1  kustomize  from base/web.yaml:10:30
"
    );
    let data = fixture.run(&["pins", "--env", "dev", "-o", "json"]).code(0);
    let data = agreed(&fixture, "pin-report", &data.stdout);
    let site = &data["environments"][0]["pins"][1]["sites"][0];
    assert_eq!(site["inheritedFrom"]["path"], "base/web.yaml");
    let status = fixture.run(&["status"]).code(0);
    says(&status, &["prod  level with dev"]);
}

#[test]
fn one_environment_gets_an_entry_and_the_base_stays() {
    let dev = "# dev\nnamespace: dev\nresources:\n    - ../../base # shared\nreplicas: []";
    let (fixture, _) = fixture(dev);
    fixture
        .run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"])
        .code(0);
    // Indented like the other lists of the file.
    let entry = "\nimages:\n    - name: registry.example.com/shop/web\n      newTag: v1.1.0";
    assert_eq!(overlay(&fixture, "dev"), format!("{dev}{entry}"));
    assert_eq!(changed(&fixture), "overlays/dev/kustomization.yaml");
    // From now on it is an entry like any other.
    let outcome = fixture
        .run(&["bump-image", "--env", "dev", "--yes"])
        .code(0);
    says(&outcome, &["v1.1.0"]);
    let job = "\n    - name: registry.example.com/shop/job\n      newTag: v1.1.0";
    assert_eq!(overlay(&fixture, "dev"), format!("{dev}{entry}{job}"));
    assert_eq!(overlay(&fixture, "prod"), PROD);

    // Promotion gives the next environment its own entries.
    fixture
        .run(&[
            "promote",
            "prod",
            "--overwrite",
            "web",
            "--overwrite",
            "job",
            "--yes",
        ])
        .code(0);
    let entries = "images:\n- name: registry.example.com/shop/job\n  newTag: v1.1.0\n- name: registry.example.com/shop/web\n  newTag: v1.1.0\n";
    assert_eq!(overlay(&fixture, "prod"), format!("{PROD}{entries}"));
    for (path, text) in BASES {
        assert_eq!(fixture.file_at("main", path).unwrap(), text);
    }
    let again = fixture.commits_on("main");
    fixture
        .run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(fixture.commits_on("main"), again);
    fixture.fsck();
}

#[test]
fn new_entries_are_written_as_their_list_is() {
    for (before, after) in [
        (
            "resources: [../../base]\r\nimages:\r\n  -   name: other\r\n      newTag: v1\r\n# end\r\n",
            "resources: [../../base]\r\nimages:\r\n  -   name: other\r\n      newTag: v1\r\n  - name: registry.example.com/shop/web\r\n    newTag: v1.1.0\r\n# end\r\n",
        ),
        (
            "images: [{name: other, newTag: v1}] # all\nresources: [../../base]\n",
            "images: [{name: other, newTag: v1}, {name: registry.example.com/shop/web, newTag: v1.1.0}] # all\nresources: [../../base]\n",
        ),
        (
            "images: []\nresources: [../../base]\n",
            "images:\n- name: registry.example.com/shop/web\n  newTag: v1.1.0\nresources: [../../base]\n",
        ),
        (
            "images: # none\nresources: [../../base]\n",
            "images: # none\n- name: registry.example.com/shop/web\n  newTag: v1.1.0\nresources: [../../base]\n",
        ),
        (
            "{\"resources\": [\"../../base\"]}\n",
            "{\"resources\": [\"../../base\"], images: [{name: registry.example.com/shop/web, newTag: v1.1.0}]}\n",
        ),
    ] {
        let (fixture, _) = fixture(before);
        fixture
            .run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"])
            .code(0);
        assert_eq!(overlay(&fixture, "dev"), after);
    }
}

#[test]
fn a_base_that_pins_a_digest_is_followed_by_an_entry_with_one() {
    let (fixture, digest) = fixture(PROD);
    let old = format!("v1.0.0@sha256:{}", "1".repeat(64));
    let base = BASE.replace("v1.0.0", &old);
    fixture.commit("main", "pin", &[("base/web.yaml", Some(&base))]);
    fixture
        .run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"])
        .code(0);
    let entry = format!(
        "images:\n- name: registry.example.com/shop/web\n  newTag: v1.1.0\n  digest: {digest}\n"
    );
    assert_eq!(overlay(&fixture, "dev"), format!("{PROD}{entry}"));
}

#[test]
fn an_image_without_a_tag_gets_one_when_it_is_named() {
    let (fixture, _) = fixture(PROD);
    let mut registry = Layout::default();
    registry.add("library/side", "v3", "2026-01-01T00:00:00Z");
    registry.write(&fixture.env.join("hub")).unwrap();
    let gitops = GITOPS.replace("  pins:", "    docker.io: {layout: ../hub}\n  pins:");
    fixture.commit("main", "hub", &[("gitops.yaml", Some(&gitops))]);
    let listed = fixture.run(&["pins", "--env", "dev"]).code(0);
    assert!(!listed.stdout.contains("side"), "{}", listed.stdout);
    fixture
        .run(&["bump-image", "side=v3", "--env", "dev", "--yes"])
        .code(0);
    let entry = "images:\n- name: side\n  newTag: v3\n";
    assert_eq!(overlay(&fixture, "dev"), format!("{PROD}{entry}"));
}

#[test]
fn what_an_environment_patches_is_not_taken_for_the_bases() {
    // A patch in a file of its own is a site itself.
    let patch = BASE.replace("v1.0.0", "v1.0.5");
    let (fixture, _) = fixture("resources: [../../base]\npatches: [{path: web.yaml}]\n");
    let file = "overlays/dev/web.yaml";
    fixture.commit("main", "patch", &[(file, Some(&patch))]);
    fixture
        .run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(changed(&fixture), file);

    // One that only kustomize can follow is told.
    let inline = "resources: [../../base]\npatches:\n- target: {kind: Deployment}\n  patch: |\n    - {op: replace, path: /spec/template/spec/containers/0/image, value: 'x:1'}\n    - {op: add, path: /metadata/labels, value: {}}\n";
    let before = overlay(&fixture, "dev");
    let dev = "overlays/dev/kustomization.yaml";
    fixture.commit("main", "inline", &[(dev, Some(inline)), (file, None)]);
    let listed = fixture.run(&["pins", "--env", "dev"]).code(0);
    says(&listed, &["dev  0 pins", "has a patch that sets an image"]);
    let outcome = fixture.run(&["bump-image", "web=v1.1.0", "--env", "dev", "--yes"]);
    assert_eq!(outcome.status, 2, "{}", outcome.stderr);
    assert_ne!(overlay(&fixture, "dev"), before);
    assert_eq!(overlay(&fixture, "dev"), inline);
}

/// What kustomize makes of a folder of the clone.
fn built(fixture: &Fixture, folder: &str) -> Vec<String> {
    let output = std::process::Command::new(program("kubectl"))
        .args(["kustomize", folder])
        .current_dir(&fixture.clone)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let images = text.lines().filter_map(|line| line.split_once("image: "));
    images.map(|(_, image)| image.to_owned()).collect()
}

#[test]
fn kustomize_itself_agrees_about_what_was_and_is_deployed() {
    let (fixture, _) = fixture(PROD);
    let before = [
        "registry.example.com/shop/web:v1.0.0",
        "side",
        "registry.example.com/shop/job:v1.0.0",
    ];
    assert_eq!(built(&fixture, "overlays/dev"), before);
    fixture
        .run(&["bump-image", "web=v1.1.0", "job", "--env", "dev", "--yes"])
        .code(0);
    fixture.pull();
    let after = [
        "registry.example.com/shop/web:v1.1.0",
        "side",
        "registry.example.com/shop/job:v1.1.0",
    ];
    assert_eq!(built(&fixture, "overlays/dev"), after);
    assert_eq!(built(&fixture, "overlays/prod"), before);
}
