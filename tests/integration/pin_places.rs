//! One image at several places of an environment: each place is compared and written by
//! itself where they differ.

use crate::support::Fixture;

const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    \
    - {name: dev, branch: main, path: dev}\n    - {name: prod, branch: main, path: prod, promoteFrom: dev}\n";

const PLACES: [&str; 3] = ["a-web", "b-admin", "c-jobs"];

fn pod(name: &str, tag: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  containers:\n    \
         - {{name: proxy, image: \"registry.example.com/proxy:{tag}\"}}\n"
    )
}

fn begin(dev: [&str; 3], prod: [&str; 3]) -> Fixture {
    let mut files = vec![("gitops.yaml".to_owned(), GITOPS.to_owned())];
    for (environment, tags) in [("dev", dev), ("prod", prod)] {
        for (name, tag) in PLACES.iter().zip(tags) {
            files.push((format!("{environment}/{name}.yaml"), pod(name, tag)));
        }
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    Fixture::new(&[("main", &files)])
}

fn set(fixture: &Fixture, environment: &str, tags: [&str; 3]) {
    for (name, tag) in PLACES.iter().zip(tags) {
        let path = format!("{environment}/{name}.yaml");
        if fixture.file_at("main", &path).unwrap() != pod(name, tag) {
            fixture.commit("main", "set", &[(&path, Some(&pod(name, tag)))]);
        }
    }
}

fn tags(fixture: &Fixture, environment: &str) -> Vec<String> {
    let tag = |name: &&str| {
        let text = fixture.file_at("main", &format!("{environment}/{name}.yaml"));
        let text = text.unwrap();
        let (_, rest) = text.split_once("proxy:").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    PLACES.iter().map(tag).collect()
}

const PROMOTE: [&str; 3] = ["promote", "prod", "--yes"];

#[test]
fn a_promotion_changes_the_place_that_the_source_changed() {
    let start = ["1.22", "1.26", "1.22"];
    let fixture = begin(start, start);
    fixture.run(&PROMOTE).code(0);
    set(&fixture, "dev", ["1.24", "1.26", "1.22"]);
    let shown = fixture.run(&PROMOTE).code(0);
    let line = "[\"a-web.yaml spec.containers[name=proxy].image\"]  1.22 → 1.24\n";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
    assert_eq!(tags(&fixture, "prod"), ["1.24", "1.26", "1.22"]);
    fixture.run(&["rollback", "prod", "--yes"]).code(0);
    assert_eq!(tags(&fixture, "prod"), start);
}

/// Whatever the versions at the places are, none gets a version of another.
#[test]
fn no_place_gets_the_version_of_another() {
    let states = [
        ["1.1", "1.1", "1.1"],
        ["1.1", "1.2", "1.1"],
        ["1.2", "1.2", "1.1"],
        ["1.3", "1.2", "1.3"],
    ];
    let start = states[0];
    let fixture = begin(start, start);
    fixture.run(&PROMOTE).code(0);
    let mut base: Vec<String> = tags(&fixture, "dev");
    for next in [1, 2, 3, 0, 3, 1] {
        set(&fixture, "dev", states[next]);
        fixture.run(&PROMOTE).code(0);
        assert_eq!(tags(&fixture, "prod"), states[next], "after {base:?}");
        base = tags(&fixture, "dev");
        fixture.run(&PROMOTE).code(0);
    }
}

#[test]
fn a_hotfix_at_one_place_stands_in_the_way_of_that_place_only() {
    let start = ["1.1", "1.1", "1.1"];
    let fixture = begin(start, start);
    fixture.run(&PROMOTE).code(0);
    set(&fixture, "prod", ["1.1", "1.9", "1.1"]);
    set(&fixture, "dev", ["1.2", "1.1", "1.1"]);
    let refused = fixture.run(&PROMOTE).code(3);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        said.contains("b-admin.yaml") && !said.contains("c-jobs.yaml"),
        "{said}"
    );
    let keep = ["--keep", "all"];
    fixture.run(&[&PROMOTE[..], &keep].concat()).code(0);
    assert_eq!(tags(&fixture, "prod"), ["1.2", "1.9", "1.1"]);
    fixture
        .run(&["backport", "prod", "--yes", "--only", "proxy"])
        .code(0);
    assert_eq!(tags(&fixture, "dev"), ["1.2", "1.9", "1.1"]);
}

#[test]
fn places_that_disagree_at_first_are_conflicts_of_their_own() {
    let fixture = begin(["1.1", "1.2", "1.1"], ["1.1", "1.3", "1.1"]);
    let refused = fixture.run(&PROMOTE).code(3);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        said.contains("b-admin.yaml") && !said.contains("a-web.yaml"),
        "{said}"
    );
    fixture
        .run(&[&PROMOTE[..], &["--overwrite", "proxy"]].concat())
        .code(0);
    assert_eq!(tags(&fixture, "prod"), ["1.1", "1.2", "1.1"]);
}
