//! Who made a hotfix or conflict: the commit that changed just that value, or none.

use serde_json::Value;

use crate::support::Fixture;

const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    \
    - {name: dev, branch: main, path: dev}\n    - {name: prod, branch: main, path: prod, promoteFrom: dev}\n";

/// Two environments in folders with the same file, promoted once; `spec`: more of `gitops.yaml`.
fn folders(spec: &str, file: &str, text: &str) -> Fixture {
    let gitops = format!("{HEAD}{spec}");
    let files = [format!("dev/{file}"), format!("prod/{file}")];
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops.as_str()),
            (&files[0], text),
            (&files[1], text),
        ],
    )]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    fixture
}

/// The differences of a refused promotion.
fn refused(fixture: &Fixture) -> Vec<Value> {
    let shown = fixture
        .run(&["promote", "prod", "--dry-run", "-o", "json"])
        .code(3);
    let plan: Value = serde_json::from_str(&shown.stdout).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    let asked = changes.iter().filter(|change| change["decision"] == "ask");
    asked.cloned().collect()
}

#[track_caller]
fn is_blamed(fixture: &Fixture, commit: &str) {
    let changes = refused(fixture);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["changedBy"]["commit"], *commit, "{changes:?}");
}

#[test]
fn the_author_of_a_pin_is_who_changed_its_version() {
    let key = "  pins:\n    - {image: registry.example.com/shop, sites: [{file: shop, key: tag, holds: tag}]}\n";
    let regex = "  pins:\n    - image: registry.example.com/shop\n      sites: [{file: shop.env, regex: 'TAG=(?<tag>\\S+)'}]\n";
    let pod = |tag: &str, more: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: shop}}\nspec:\n  {more}containers:\n    \
             - {{name: shop, image: \"registry.example.com/shop:{tag}\"}}\n"
        )
    };
    let overlay = |tag: &str, more: &str| {
        format!(
            "kind: Kustomization\n{more}images:\n  - {{name: registry.example.com/shop, newTag: {tag}}}\n"
        )
    };
    type Text<'a> = &'a dyn Fn(&str, &str) -> String;
    let sites: [(&str, &str, Text<'_>, &str); 4] = [
        (
            key,
            "shop",
            &|tag, more| format!("{more}tag: {tag}\n"),
            "a: 1\n",
        ),
        (
            regex,
            "shop.env",
            &|tag, more| format!("{more}TAG={tag}\n"),
            "A=1\n",
        ),
        ("", "pod.yaml", &pod, "hostNetwork: true\n  "),
        ("", "kustomization.yaml", &overlay, "namePrefix: a-\n"),
    ];
    for (spec, file, text, more) in sites {
        let fixture = folders(spec, file, &text("v1", ""));
        let (dev, prod) = (format!("dev/{file}"), format!("prod/{file}"));
        let commit = |message: &str, path: &str, text: String| {
            fixture.commit("main", message, &[(path, Some(&text))])
        };
        let author = commit("an urgent version", &prod, text("v3", ""));
        commit("something else there", &prod, text("v3", more));
        commit("next", &dev, text("v2", ""));
        is_blamed(&fixture, &author);
    }
}

#[test]
fn the_author_of_a_new_template_is_who_added_it() {
    let fixture = crate::status::shop();
    fixture.run(&["promote", "staging", "--yes"]);
    let template = fixture
        .file_at("env/staging", "templates/service/template.yaml")
        .unwrap();
    let own = template.replace("name: service", "name: own");
    let path = "templates/own/template.yaml";
    let author = fixture.commit("env/staging", "one of our own", &[(path, Some(&own))]);
    let other = own.replace("2s", "3s");
    fixture.commit("env/staging", "more of it", &[(path, Some(&other))]);
    fixture.commit("env/staging", "notes", &[("notes.txt", Some("a\n"))]);
    let shown = fixture
        .run(&["promote", "staging", "--dry-run", "-o", "json"])
        .code(3);
    let plan: Value = serde_json::from_str(&shown.stdout).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    let own = changes
        .iter()
        .find(|it| it["unit"] == "templates/own")
        .unwrap();
    assert_eq!(own["changedBy"]["commit"], *author, "{own}");
}

const FILES: &str = "  promotion: {files: [values.yaml]}\n";

#[test]
fn a_search_that_ends_says_how_far_it_went() {
    let text = |host: &str, n: usize| format!("host: {host}\nn: {n}\n");
    let gitops = format!("{HEAD}{FILES}");
    let fixture = Fixture::new(&[(
        "main",
        &[
            ("gitops.yaml", gitops.as_str()),
            ("dev/values.yaml", &text("dev", 0)),
            ("prod/values.yaml", &text("prod", 0)),
        ],
    )]);
    let mut last = Vec::new();
    for n in 1..=60 {
        let text = text("prod", n);
        last.push(fixture.commit("main", "count", &[("prod/values.yaml", Some(&text))]));
    }
    fixture.commit(
        "main",
        "count",
        &[("dev/values.yaml", Some(&text("dev", 60)))],
    );
    let changes = refused(&fixture);
    assert_eq!(changes[0]["path"], "host", "{changes:?}");
    assert_eq!(changes[0]["changedBy"], Value::Null);
    assert_eq!(changes[0]["changedBefore"], *last[60 - 50]);
    let shown = fixture.run(&["promote", "prod", "--dry-run"]).code(3);
    let said = format!("{}{}", shown.stdout, shown.stderr);
    let older = format!("older than {}, ", &last[60 - 50][..7]);
    assert!(said.contains(&older) && !said.contains("count"), "{said}");
}

#[test]
fn a_version_that_cannot_be_read_is_nobodys_change() {
    let fixture = folders(FILES, "values.yaml", "host: a\nn: 1\n");
    let commit = |message: &str, text: &str| {
        fixture.commit("main", message, &[("prod/values.yaml", Some(text))])
    };
    let author = commit("another host", "host: b\nn: 1\n");
    commit("oops", "host: b\n  n: : 1\n");
    commit("mend it", "host: b\nn: 1\n");
    fixture.commit(
        "main",
        "next",
        &[("dev/values.yaml", Some("host: a\nn: 2\n"))],
    );
    is_blamed(&fixture, &author);
}

#[test]
fn a_merge_answers_with_the_commit_that_it_brought() {
    let fixture = folders(FILES, "values.yaml", "host: a\nn: 1\n");
    let base = fixture.remote_tip("main").unwrap();
    let file = "prod/values.yaml";
    let text = "host: b\nn: 1\n";
    let fix = [(file, Some(text))];
    let author = fixture.commit_from("fix", Some(&base), "another host", &fix);
    let more = format!("# Why not.\n{text}");
    fixture.commit("fix", "a comment", &[(file, Some(&more))]);
    fixture.commit(
        "main",
        "next",
        &[("dev/values.yaml", Some("host: a\nn: 2\n"))],
    );
    let git = |args: &[&str]| fixture.env.git(&fixture.env.join("clone"), args);
    git(&["fetch", "--quiet"]);
    git(&["checkout", "--quiet", "-B", "main", "origin/main"]);
    git(&[
        "merge",
        "--quiet",
        "--no-ff",
        "-m",
        "Merge #7",
        "origin/fix",
    ]);
    git(&["push", "--quiet", "origin", "main"]);
    is_blamed(&fixture, &author);
}
