//! `diff`: two environments or two of their states, by key path.

use crate::status::{REPOSITORY, edit, product, shop};
use crate::support::Fixture;
use crate::support::env::Outcome;
use serde_json::Value;

fn diff(fixture: &Fixture, line: &[&str]) -> Outcome {
    fixture.run(&[&["diff"], line].concat())
}

#[test]
fn the_same_state_is_no_difference() {
    let fixture = shop();
    let outcome = diff(&fixture, &["dev", "prod"]).code(0);
    assert!(
        outcome.stdout.starts_with("shop 0.1.0   dev "),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("\nnothing differs of what promotion moves\n"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("differ as well: environment.yaml in 1 place"),
        "{}",
        outcome.stdout
    );
    let all = diff(&fixture, &["dev", "prod", "--all"]).code(1);
    assert!(
        all.stdout.contains("metadata.name  dev → prod"),
        "{}",
        all.stdout
    );
}

#[test]
fn components_differ_by_version_and_key_path() {
    let fixture = shop();
    let changed = product("0.2.0", "v1.1.0", "v2.0.0").replace("timeout: 2s", "timeout: 10s");
    edit(&fixture, "env/dev", "be patient", &changed);
    let outcome = diff(&fixture, &["staging", "dev"]).code(1);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(
        lines[0].starts_with("shop 0.1.0 → 0.2.0   staging "),
        "{}",
        outcome.stdout
    );
    assert_eq!(
        lines[1..4],
        [
            "",
            "  cart  v1.0.0 → v1.1.0",
            "    values.timeout  2s → 10s"
        ]
    );
    assert!(!outcome.stdout.contains("  web"), "{}", outcome.stdout);
}

#[test]
fn data_names_every_key_and_file() {
    let fixture = shop();
    let changed = product("0.2.0", "v1.1.0", "v2.0.0");
    let recipe = fixture
        .file_at("env/dev", "templates/service/config.yaml.j2")
        .unwrap();
    let recipe = format!("# A comment.\n{recipe}");
    fixture.commit(
        "env/dev",
        "change",
        &[
            ("product.yaml", Some(&changed)),
            ("templates/service/config.yaml.j2", Some(&recipe)),
            ("notes.yaml", Some("a: 1\n")),
        ],
    );
    let outcome = diff(&fixture, &["prod", "dev", "-o", "json"]).code(1);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(report["apiVersion"], "kubectl-gitops/v1alpha1");
    assert_eq!(report["kind"], "DiffReport");
    assert_eq!(report["different"], true);
    assert_eq!(
        report["to"]["commit"],
        fixture.remote_tip("env/dev").unwrap()
    );
    let units = report["units"].as_array().unwrap();
    let names: Vec<_> = units
        .iter()
        .map(|unit| {
            (
                unit["kind"].as_str().unwrap(),
                unit["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        names,
        [
            ("product", "shop"),
            ("component", "cart"),
            ("template", "service"),
            ("file", "notes.yaml")
        ]
    );
    assert_eq!(units[1]["fromVersion"], "v1.0.0");
    assert_eq!(
        units[1]["keys"][0]["to"],
        "registry.example.com/shop/cart:v1.1.0"
    );
    assert_eq!(
        units[2]["files"],
        serde_json::json!([{"path": "config.yaml.j2", "change": "changed"}])
    );
    assert_eq!(units[3]["change"], "added");
}

#[test]
fn two_states_of_one_environment_show_its_own_file_and_what_it_renders() {
    let fixture = shop();
    let rendered = format!("{REPOSITORY}  rendered: manifests\n");
    fixture.commit("main", "render", &[("gitops.yaml", Some(&rendered))]);
    fixture.pull();
    let file = "manifests/app/configmap-cart.yaml";
    let before = fixture.commit("env/prod", "render", &[(file, Some("a: v1.0.0\n"))]);
    let bumped = product("0.1.0", "v1.0.1", "v2.0.0");
    let files = [
        ("product.yaml", Some(bumped.as_str())),
        (file, Some("a: v1.0.1\n")),
    ];
    fixture.commit("env/prod", "bump", &files);
    let point = format!("prod@{before}");
    let outcome = diff(&fixture, &[&point, "prod"]).code(1);
    assert!(
        outcome.stdout.contains("  cart  v1.0.0 → v1.0.1\n"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("  rendered\n    manifests/app/configmap-cart.yaml  changed\n"),
        "{}",
        outcome.stdout
    );
    // A commit that only prod has needs no name before it.
    let alone = diff(&fixture, &[&before[..10], "prod"]).code(1);
    assert_eq!(
        alone.stdout.lines().skip(1).collect::<Vec<_>>(),
        outcome.stdout.lines().skip(1).collect::<Vec<_>>()
    );
    let same = diff(&fixture, &["prod", "prod"]).code(0);
    assert!(
        same.stdout.ends_with("\nnothing differs\n"),
        "{}",
        same.stdout
    );
}

#[test]
fn words_that_name_nothing_are_usage_errors() {
    let fixture = shop();
    let outcome = diff(&fixture, &["dev", "prd"]).code(2);
    assert!(
        outcome
            .stderr
            .contains("neither an environment nor a commit, did you mean \"prod\"?"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
    diff(&fixture, &["dev@nowhere", "prod"]).code(2);
    diff(&fixture, &["dev"]).code(2);
}

#[test]
fn a_secret_in_a_file_is_told_to_differ_and_not_shown() {
    let fixture = shop();
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData:\n  password: {value}\n"
        )
    };
    fixture.commit(
        "env/dev",
        "secret",
        &[("secret.yaml", Some(&secret("hunter2")))],
    );
    fixture.commit(
        "env/prod",
        "secret",
        &[("secret.yaml", Some(&secret("swordfish")))],
    );
    for format in ["text", "json", "yaml"] {
        let outcome = diff(&fixture, &["dev", "prod", "-o", format]).code(1);
        assert!(
            outcome.stdout.contains("stringData.password"),
            "{}",
            outcome.stdout
        );
        assert!(
            !outcome.stdout.contains("hunter2") && !outcome.stdout.contains("swordfish"),
            "{}",
            outcome.stdout
        );
    }
}

#[test]
fn a_repository_without_a_product_is_compared_file_by_file() {
    let gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: main, path: overlays/dev}
    - {name: prod, branch: main, path: overlays/prod, promoteFrom: dev}
";
    let overlay = |tag: &str| {
        format!(
            "kind: Kustomization\nimages:\n  - name: cart\n    newTag: {tag}\n  - name: web\n    newTag: \"2\"\n"
        )
    };
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops),
            ("overlays/dev/kustomization.yaml", &overlay("v2")),
            ("overlays/prod/kustomization.yaml", &overlay("v1")),
            ("overlays/prod/hpa.txt", "only here\n"),
        ],
    )]);
    let outcome = diff(&fixture, &["dev", "prod"]).code(1);
    let lines: Vec<&str> = outcome.stdout.lines().skip(2).collect();
    assert_eq!(
        lines,
        [
            "  hpa.txt  added",
            "  kustomization.yaml",
            "    images[name=cart].newTag  v2 → v1"
        ]
    );
}

#[test]
fn a_revision_of_an_environment_is_one_of_its_own_branch() {
    let fixture = shop();
    fixture.run(&["history"]).code(0);
    let old = fixture.remote_tip("env/prod").unwrap();
    let slow = product("0.1.0", "v1.1.0", "v2.0.0");
    edit(&fixture, "env/prod", "bump cart", &slow);
    fixture.run(&["history"]).code(0);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    for branch in ["main", "origin/env/dev"] {
        git(&["checkout", "--quiet", "--detach", branch]);
        for revision in ["HEAD~1", "HEAD^", "~1", "^", "@~1", "HEAD~", old.as_str()] {
            let point = format!("prod@{revision}");
            let outcome = diff(&fixture, &[&point, "prod"]).code(1);
            let from = format!("prod {} → prod ", &old[..7]);
            assert!(
                outcome.stdout.contains(&from),
                "{point}: {}",
                outcome.stdout
            );
            assert!(
                outcome.stdout.contains("  cart  v1.0.0 → v1.1.0\n"),
                "{point}"
            );
        }
        diff(&fixture, &["prod@HEAD", "prod"]).code(0);
        // What the remote's branch was before the last fetch.
        let past = diff(&fixture, &["prod@{1}", "prod"]).code(1);
        assert!(past.stdout.contains(&old[..7]), "{}", past.stdout);
        let unknown = diff(&fixture, &["prod@HEAD~9", "prod"]).code(2);
        assert!(unknown.stdout.is_empty(), "{}", unknown.stdout);
    }
}

#[test]
fn long_values_are_cut_where_they_differ() {
    let long = |end: &str| format!("{}{end}", "registry-of-a-long-name/".repeat(6));
    let values = |end: &str| {
        let text = product("0.1.0", "v1.0.0", "v2.0.0");
        text.replace("timeout: 2s", &format!("timeout: {}", long(end)))
    };
    let fixture = shop();
    edit(&fixture, "env/staging", "one", &values("in-staging/one"));
    edit(&fixture, "env/dev", "other", &values("in-dev/one"));
    let shown = diff(&fixture, &["staging", "dev"]).code(1).stdout;
    assert!(shown.contains("in-staging/one → …"), "{shown}");
    assert!(shown.contains("in-dev/one\n"), "{shown}");

    let refused = fixture.run(&["promote", "staging", "--yes"]).code(3);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(
        said.contains("in-staging/one") && said.contains("in-dev/one"),
        "{said}"
    );
}

#[test]
fn values_that_read_alike_are_told_apart() {
    let fixture = shop();
    for (branch, text) in [
        ("env/staging", "a: 1\nb: x y\n"),
        ("env/dev", "a: \"1\"\nb: \"x\\ty\"\n"),
    ] {
        fixture.commit(branch, "notes", &[("notes.yaml", Some(text))]);
    }
    let shown = diff(&fixture, &["staging", "dev"]).code(1).stdout;
    assert!(shown.contains("a  1 → \"1\"\n"), "{shown}");
    assert!(shown.contains("b  \"x y\" → \"x\\ty\"\n"), "{shown}");
}
