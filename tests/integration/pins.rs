//! `pins`: what is pinned where, as a person and as a program read it.

use serde_json::Value;

use crate::support::Fixture;
use crate::support::shop;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: overlays/dev}
    - {name: prod, branch: main, path: overlays/prod, promoteFrom: dev}
  pins:
    - {image: registry.example.com/team/api, policy: {semver: ^2}, hold: the audit}
";

fn overlays() -> Fixture {
    Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", GITOPS),
            (
                "overlays/dev/kustomization.yaml",
                "images:\n- {name: registry.example.com/team/api, newTag: 2.4.0}\n- name: web\n  newName: registry.example.com/team/web\n  newTag: \"1.10\"\n",
            ),
            (
                "overlays/dev/jobs/kustomization.yaml",
                "images:\n- {name: registry.example.com/team/api, newTag: 2.3.9}\n- {name: registry.example.com/other/web2, newTag: v1}\n- {name: registry.example.com/third/web2, newTag: v1}\n",
            ),
            (
                "overlays/prod/kustomization.yaml",
                "images:\n- {name: registry.example.com/team/api, newTag: 2.3.0}\n",
            ),
        ],
    )])
}

/// The document, after its schema has agreed to it.
fn document(fixture: &Fixture, args: &[&str]) -> Value {
    let outcome = fixture
        .run(&[&["pins", "-o", "json"], args].concat())
        .code(0);
    agreed(fixture, "pin-report", &outcome.stdout)
}

/// An answer as data, after the schema that the program prints has agreed to it.
pub(crate) fn agreed(fixture: &Fixture, schema: &str, answer: &str) -> Value {
    let document: Value = serde_json::from_str(answer).unwrap();
    let schema = fixture.run(&["schema", schema]).code(0).stdout;
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    document
}

#[test]
fn sites_of_one_pin_stand_below_it_and_disagreements_are_marked() {
    let fixture = overlays();
    let outcome = fixture.run(&["pins", "--env", "dev"]).code(0);
    assert_eq!(
        outcome.stdout,
        "\
dev  2 pins, 3 sites, 1 whose sites disagree
api                                          2.3.9 and 2.4.0  its sites disagree, ^2, held: the audit, registry.example.com/team/api
  overlays/dev/jobs/kustomization.yaml:2:49  kustomize        registry.example.com/team/api:2.3.9
  overlays/dev/kustomization.yaml:2:49       kustomize        registry.example.com/team/api:2.4.0
web                                          1.10             registry.example.com/team/web
  overlays/dev/kustomization.yaml:5:11       kustomize
no pin: component web2 would be registry.example.com/other/web2 (overlays/dev/jobs/kustomization.yaml:3:51) and registry.example.com/third/web2 (overlays/dev/jobs/kustomization.yaml:4:51)
"
    );
}

#[test]
fn programs_get_every_environment_as_one_document() {
    let fixture = overlays();
    let document = document(&fixture, &[]);
    assert_eq!(document["kind"], "PinReport");
    let names: Vec<&str> = document["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|environment| environment["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dev", "prod"]);
    let api = &document["environments"][0]["pins"][0];
    assert_eq!(api["component"], "api");
    assert_eq!(api["disagree"], true);
    assert_eq!(api["policy"], "^2");
    assert_eq!(api["sites"][1]["location"]["line"], 2);
    let prod = &document["environments"][1];
    assert_eq!(prod["pins"][0]["disagree"], false);
    assert_eq!(prod["pins"][0]["versions"][0], "2.3.0");
    assert!(prod.get("collisions").is_none());
}

#[test]
fn a_product_lists_its_images_and_its_versions() {
    let fixture = shop::branches();
    let document = document(&fixture, &["--env", "dev"]);
    let pins = document["environments"][0]["pins"].as_array().unwrap();
    assert!(!pins.is_empty());
    for pin in pins {
        assert_eq!(pin["sites"][0]["kind"], "product", "{pin}");
    }
}

#[test]
fn one_environment_that_cannot_be_read_hides_no_other() {
    let fixture = overlays();
    let broken = "images: 3\n";
    fixture.commit(
        "main",
        "break dev",
        &[("overlays/dev/kustomization.yaml", Some(broken))],
    );
    let outcome = fixture.run(&["pins"]).code(2);
    assert!(
        outcome
            .stdout
            .contains("overlays/dev/kustomization.yaml:1:9: images is no list"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("2.3.0"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("not everything could be read: dev"),
        "{}",
        outcome.stderr
    );
    let unknown = fixture.run(&["pins", "--env", "prd"]).code(2);
    assert!(unknown.stderr.contains("prod"), "{}", unknown.stderr);
}
