//! `Gitops-Rendered`: a commit that leaves nothing stale proves it, so that the next plan
//! need not render the environment again, and gets the same answer as if it had.

use serde_json::Value;

use super::support::repo::Fixture;
use super::support::shop::{self, edit, edit_and_render, edit_file};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";
const DEPLOYMENT: &str = "manifests/app/deployment-cart.yaml";

/// What the newest commit of a branch proves.
fn proof(fixture: &Fixture, branch: &str) -> String {
    let words = [
        "log",
        "-1",
        "--format=%(trailers:key=Gitops-Rendered,valueonly)",
        branch,
    ];
    fixture.env.git(&fixture.origin, &words)
}

/// Points a branch at a commit with the same files, this message and these parents.
fn recommit(fixture: &Fixture, branch: &str, message: &str, parents: &[&str]) {
    let tree = format!("{branch}^{{tree}}");
    let mut words = vec!["commit-tree", "-m", message, &tree];
    for parent in parents {
        words.extend(["-p", parent]);
    }
    let commit = fixture.env.git(&fixture.origin, &words);
    let name = format!("refs/heads/{branch}");
    let words = ["update-ref", name.as_str(), &commit];
    fixture.env.git(&fixture.origin, &words);
}

/// The plan of a promotion to staging by who remembers nothing, and whether the target was
/// rendered for it: what it came to is remembered then.
fn plan(fixture: &Fixture, more: &[&str]) -> (Value, bool) {
    let kept = fixture.clone.join(".git/kubectl-gitops/kept");
    let _ = std::fs::remove_dir_all(&kept);
    let words = ["promote", "staging", "--dry-run", "-o", "json"];
    let outcome = fixture.run(&[&words[..], more].concat());
    let report = serde_json::from_str(&outcome.stdout).expect("a report");
    (report, kept.exists())
}

/// The same plan whether or not the newest commit of staging proves anything.
#[track_caller]
fn same_either_way(fixture: &Fixture, more: &[&str]) {
    let proven = fixture.remote_tip("env/staging").unwrap();
    let (one, rendered) = plan(fixture, more);
    assert!(!rendered, "the proof was of no use");
    recommit(fixture, "env/staging", "by a person", &[&proven]);
    let (other, rendered) = plan(fixture, more);
    assert!(rendered, "nobody looked at what is rendered");
    for field in ["rendered", "digest", "changes", "refusals", "warnings"] {
        assert_eq!(one[field], other[field], "{field}");
    }
    let reset = ["update-ref", "refs/heads/env/staging", &proven];
    fixture.env.git(&fixture.origin, &reset);
}

#[test]
fn whatever_changes_the_plan_is_the_same_as_without_the_proof() {
    let extra = "    web:\n      image: \"registry.example.com/shop/web:v1.0.0\"\n      values: {port: 8080}\n";
    let search = "    search:\n      image: registry.example.com/shop/search:v1.0.0\n      values: {port: 9200}\n";
    let changes: [(&str, &str, &str); 5] = [
        ("product.yaml", CART, CART_NEW),
        ("product.yaml", extra, search),
        (
            "product.yaml",
            "    template: service\n",
            "    template: service\n    values: {replicas: 2}\n",
        ),
        (
            "templates/service/deployment.yaml.j2",
            "kind: Deployment",
            "kind: Deployment # all",
        ),
        (
            "templates/service/service.yaml.j2",
            "  name: {{ name }}",
            "  name: {{ name }}-of",
        ),
    ];
    for (path, old, new) in changes {
        let fixture = shop::branches();
        edit_and_render(&fixture, "dev", "first", "port: 7070", "port: 7071");
        fixture.run(&["promote", "staging", "--yes"]).code(0);
        assert!(proof(&fixture, "env/staging").starts_with("sha256:"));
        edit_file(&fixture, "env/dev", path, "change", (old, new));
        same_either_way(&fixture, &[]);
        // What is rendered in the end has a proof again, and is what `render` makes.
        fixture.run(&["promote", "staging", "--yes"]).code(0);
        assert_ne!(proof(&fixture, "env/staging"), "");
        let tip = fixture.remote_tip("env/staging");
        fixture
            .run(&["render", "staging", "--write", "--yes"])
            .code(0);
        assert_eq!(fixture.remote_tip("env/staging"), tip);
    }
}

#[test]
fn a_file_that_somebody_else_put_in_the_place_of_a_new_one_is_told() {
    let fixture = shop::branches();
    let path = "manifests/app/deployment-search.yaml";
    let foreign = [(path, Some("# by hand\n"))];
    fixture.commit("env/staging", "foreign", &foreign);
    edit_and_render(&fixture, "dev", "first", "port: 7070", "port: 7071");
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let search = "    search:\n      image: registry.example.com/shop/search:v1.0.0\n      values: {port: 9200}\n    web:\n";
    edit(&fixture, "env/dev", "search", "    web:\n", search);
    same_either_way(&fixture, &[]);
}

#[test]
fn an_edit_by_hand_is_seen_whatever_its_commit_says() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "first", "port: 7070", "port: 7071");
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let said = proof(&fixture, "env/staging");
    let proven = fixture.remote_tip("env/staging").unwrap();
    // As a forge squashes a branch: the message of one commit, the files of two.
    let more = ("replicas: 1", "replicas: 9");
    edit_file(&fixture, "env/staging", DEPLOYMENT, "more of it", more);
    let message = format!("squashed\n\nGitops-Rendered: {said}\n");
    recommit(&fixture, "env/staging", &message, &[&proven]);
    assert_eq!(proof(&fixture, "env/staging"), said);
    edit(&fixture, "env/dev", "payment", "port: 50051", "port: 50052");
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    for part in [DEPLOYMENT, "squashed"] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    let words = ["promote", "staging", "--overwrite", DEPLOYMENT, "--yes"];
    fixture.run(&words).code(0);
    same_either_way(&fixture, &[]);
}

#[test]
fn what_a_merge_brought_is_proven_by_what_it_merged() {
    let fixture = shop::branches();
    let before = fixture.remote_tip("env/staging").unwrap();
    edit_and_render(&fixture, "dev", "first", "port: 7070", "port: 7071");
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let proven = fixture.remote_tip("env/staging").unwrap();
    recommit(&fixture, "env/staging", "Merge", &[&before, &proven]);
    edit(&fixture, "env/dev", "bump cart", CART, CART_NEW);
    same_either_way(&fixture, &[]);
}

#[test]
fn every_verb_that_renders_proves_it_and_none_proves_what_is_stale() {
    let fixture = shop::branches();
    assert_ne!(proof(&fixture, "env/dev"), "", "render");
    let begun = fixture.remote_tip("env/staging").unwrap();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let ports = ("port: 50051", "port: 50052");
    edit_and_render(&fixture, "staging", "hotfix", ports.0, ports.1);
    fixture.run(&["backport", "staging", "--yes"]).code(0);
    assert_ne!(proof(&fixture, "env/dev"), "", "backport");
    let back = ["rollback", "staging", "--to", &begun, "--yes"];
    fixture.run(&back).code(0);
    // What comes back as it was is not rendered anew, so nothing is claimed of it.
    assert_eq!(proof(&fixture, "env/staging"), "");
    let digest = format!("sha256:{}", "ab".repeat(32));
    let tag = |name: &str| format!("\"{name}\": {{\"digest\": \"{digest}\"}}");
    let tags = format!(
        "{{\"apiVersion\": \"kubectl-gitops/v1alpha1\", \"kind\": \"RegistryTags\", \"repositories\": {{\"registry.example.com/shop/web\": {{\"tags\": {{{}, {}}}}}}}}}",
        tag("v1.2.0"),
        tag("v1.3.0")
    );
    fixture.write("tags.json", &tags);
    let bump = |version: &str| {
        let web = format!("web={version}");
        let words = [
            "bump-image",
            "--env",
            "dev",
            "--yes",
            "--tags-from",
            "tags.json",
        ];
        fixture.run(&[&words[..], &[web.as_str()]].concat()).code(0);
    };
    bump("v1.2.0");
    assert_ne!(proof(&fixture, "env/dev"), "", "bump-image");
    let more = ("replicas: 1", "replicas: 9");
    edit_file(&fixture, "env/dev", DEPLOYMENT, "more of it", more);
    bump("v1.3.0");
    assert_eq!(proof(&fixture, "env/dev"), "", "the cart's is stale");
}
