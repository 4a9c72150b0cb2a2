//! Secrets in a repository: whatever they are called and whatever they look like, no
//! command prints them, in no format; ordinary values stay to be read.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::Env;
use crate::support::env::Outcome;
use crate::support::repo::Fixture;

mod documents;

use documents::document;

const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: prod, branch: env/prod, promoteFrom: dev}
  promotion: {files: ['**']}
";

/// Texts that hold `HUSH`, in files of their own. `.yaml` unless the name says otherwise.
const FILES: [(&str, &str); 25] = [
    (
        "names",
        "db: {password: HUSH, pwd: HUSH, pass: HUSH, apiKey: HUSH}\nauth: HUSH\nopen: OPEN\n",
    ),
    (
        "below",
        "credentials: {ann: HUSH, bob: {x: [HUSH]}}\ntokens:\n- HUSH\nopen: OPEN\n",
    ),
    (
        "numbers",
        "db: {password: NUMBER}\npins: {token: NUMBER}\nopen: OPEN\n",
    ),
    (
        "env",
        "env:\n- {name: DB_PASSWORD, value: HUSH}\n- {name: LEVEL, value: OPEN}\n",
    ),
    (
        "args",
        "args: [--password, HUSH]\nmore: ['--token=HUSH', '--level=OPEN']\n",
    ),
    (
        "shapes",
        "a: 'postgres://shop:HUSH@db/shop'\nb: 'Server=db;Password=HUSH;X=1'\nc: 'Bearer HUSH'\nd: ghp_HUSH\nopen: OPEN\n",
    ),
    (
        "key",
        "cert: |\n  -----BEGIN PRIVATE KEY-----\n  HUSH\n  -----END PRIVATE KEY-----\nopen: OPEN\n",
    ),
    (
        "secret",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {user: HUSH}\n",
    ),
    (
        "list",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: s}\n  data: {user: HUSH}\n",
    ),
    (
        "secrets",
        "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: s}\n  data: {user: HUSH}\n",
    ),
    (
        "lists",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - apiVersion: v1\n    kind: Secret\n    metadata: {name: s}\n    stringData: {user: HUSH}\n",
    ),
    (
        "stream",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {a: OPEN}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {user: HUSH}\n",
    ),
    (
        "values",
        "extraObjects:\n- kind: Secret\n  apiVersion: v1\n  stringData: {user: HUSH}\nextraDeploy:\n- |\n  kind: Secret\n  stringData:\n    user: HUSH\nopen: OPEN\n",
    ),
    (
        "generator",
        "kind: Kustomization\nsecretGenerator:\n- name: s\n  literals: [user=HUSH]\n",
    ),
    (
        "patch",
        "kind: Kustomization\npatches:\n- target: {kind: Secret}\n  patch: |\n    - op: add\n      path: /data/user\n      value: HUSH\n",
    ),
    (
        "jsonpatch",
        "- op: replace\n  path: /data/password\n  value: HUSH\n",
    ),
    (
        "map",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n  app.properties: |\n    db.password=HUSH\n  app.yaml: |\n    credentials:\n      ann: HUSH\n  open: OPEN\n",
    ),
    (
        "applied",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: '{\"data\":{\"a\":\"HUSH\"}}'\n",
    ),
    ("template", "a: {{ x }}\npassword: HUSH\n"),
    (
        "items",
        "credentials:\n- name: HUSH\n  key: HUSH\nopen: OPEN\n",
    ),
    ("keys", "tokens: {HUSH: ann}\nopen: OPEN\n"),
    (".env", "DB_PASSWORD=HUSH\nLEVEL=OPEN\n"),
    ("app.ini", "[db]\npassword = HUSH\n"),
    ("password.txt", "HUSH\n"),
    (
        "json.json",
        "{\"db\": {\"password\": \"HUSH\"}, \"open\": \"OPEN\"}\n",
    ),
];

fn files(version: &str) -> Vec<(String, String)> {
    let file = |(name, text): &(&str, &str)| {
        let path = match name.contains('.') {
            true => (*name).to_owned(),
            false => format!("{name}.yaml"),
        };
        let text = text.replace("HUSH", &format!("hush{version}HUSH"));
        let text = text.replace("OPEN", &format!("open{version}"));
        (path, text.replace("NUMBER", &format!("4711{version}")))
    };
    FILES.iter().map(file).collect()
}

fn commit(fixture: &Fixture, branch: &str, message: &str, files: &[(String, String)]) {
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    fixture.commit(branch, message, &files);
}

/// dev has other values than prod in every file.
fn fixture(old: &[(String, String)], new: &[(String, String)]) -> Fixture {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]);
    let files: Vec<_> = old
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    fixture.commit_from("env/dev", None, "begin", &files);
    fixture.commit_from("env/prod", Some("env/dev~0"), "begin", &[]);
    commit(&fixture, "env/dev", "other values", new);
    fixture
}

#[track_caller]
fn hides(outcome: &Outcome, what: &str) {
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    hides_text(&said, what);
}

#[track_caller]
fn hides_text(said: &str, what: &str) {
    let shown = said.lines().find(|line| {
        let line = line.to_lowercase();
        line.contains("hush")
            || line.contains("4711")
            || line.contains("aHVza".to_lowercase().as_str())
    });
    assert!(shown.is_none(), "{what} shows {shown:?}");
}

const READING: [&[&str]; 9] = [
    &["diff", "dev", "prod"],
    &["diff", "dev", "prod", "-o", "json"],
    &["diff", "dev", "prod", "--all", "-o", "yaml"],
    &["diff", "dev@origin/env/dev~1", "dev"],
    &["promote", "prod", "--dry-run"],
    &["promote", "prod", "--dry-run", "-o", "json"],
    &["status"],
    &["status", "-o", "json"],
    &["validate", "dev"],
];

#[test]
fn no_command_prints_a_secret() {
    let fixture = fixture(&files("1"), &files("2"));
    fixture.pull();
    for args in READING {
        let outcome = fixture.run(args);
        assert!(outcome.status < 2, "{args:?}: {outcome:?}");
        hides(&outcome, &format!("{args:?}"));
    }
    let diff = fixture.run(&["diff", "dev", "prod", "-o", "json"]).stdout;
    let diff: Value = serde_json::from_str(&diff).unwrap();
    let units = diff["units"].as_array().unwrap();
    let keys = || {
        units
            .iter()
            .flat_map(|unit| unit["keys"].as_array().into_iter().flatten())
    };
    let at = |path: &str| keys().find(|key| key["path"] == path);
    let password = at("db.password").unwrap();
    assert_eq!(password["hidden"], true, "{password}");
    let open = at("open").unwrap();
    assert_eq!(
        (&open["from"], &open["hidden"]),
        (&"open2".into(), &Value::Null)
    );
    assert!(keys().any(|key| key["path"] == "credentials[name=(hidden)]"));
    assert!(keys().any(|key| key["path"] == "tokens.(hidden)"));
    let text = fixture.run(&["diff", "dev", "prod"]).stdout;
    assert!(
        text.contains("(hidden) → (hidden) (the values differ)"),
        "{text}"
    );

    // A plan file holds no value either, and is bound to them all the same.
    fixture
        .run(&["promote", "prod", "--plan-out", "plan.json"])
        .code(0);
    let plan = std::fs::read_to_string(fixture.clone.join("plan.json")).unwrap();
    hides_text(&plan, "the plan file");
    let parsed: Value = serde_json::from_str(&plan).unwrap();
    let change = parsed["changes"].as_array().unwrap().iter();
    let hidden = change.filter(|one| one["hidden"] == true).count();
    assert!(hidden > 10, "{plan}");
    let schema = fixture.run(&["schema", "promotion-plan"]).code(0).stdout;
    let schema = serde_json::from_str(&schema).unwrap();
    jsonschema::draft7::new(&schema)
        .unwrap()
        .validate(&parsed)
        .unwrap();
    let outcome = fixture
        .run(&["promote", "--apply", "plan.json", "--yes"])
        .code(0);
    hides(&outcome, "promote --apply");
    hides_text(&fixture.message_at("env/prod"), "the commit's message");
    for args in [
        &["history", "prod", "-o", "json"][..],
        &["rollback", "prod", "--dry-run"],
        &["rollback", "prod", "--dry-run", "-o", "json"],
    ] {
        hides(&fixture.run(args).code(0), &format!("{args:?}"));
    }
}

#[test]
fn a_conflict_over_a_secret_is_told_without_it() {
    let fixture = fixture(&files("1"), &files("2"));
    commit(&fixture, "env/prod", "own values", &files("3"));
    for args in [
        &["promote", "prod", "--yes"][..],
        &["promote", "prod", "--dry-run", "-o", "json"],
        &["backport", "prod", "--dry-run"],
        &["backport", "prod", "--dry-run", "-o", "json"],
    ] {
        let outcome = fixture.run(args);
        assert!([0, 2, 3].contains(&outcome.status), "{args:?}: {outcome:?}");
        hides(&outcome, &format!("{args:?}"));
    }
    let kept = [
        "promote",
        "prod",
        "--yes",
        "--keep",
        "names.yaml",
        "--overwrite",
    ];
    let others: Vec<String> = files("1").into_iter().map(|(path, _)| path).collect();
    let others: Vec<&str> = others
        .iter()
        .map(String::as_str)
        .filter(|path| *path != "names.yaml")
        .collect();
    let others = others.join(",");
    let outcome = fixture.run(&[&kept[..], &[&others]].concat());
    hides(&outcome, "promote --keep");
    assert_eq!(outcome.status, 0, "{outcome:?}");
    let message = fixture.message_at("env/prod");
    hides_text(&message, "the commit's message");
    assert!(message.contains("kept on the target"), "{message}");
}

#[test]
fn a_plan_is_bound_to_values_that_it_does_not_show() {
    let old = vec![(
        "values.yaml".to_owned(),
        "db: {password: hush1}\n".to_owned(),
    )];
    let new = |value: &str| {
        vec![(
            "values.yaml".to_owned(),
            format!("db: {{password: {value}}}\n"),
        )]
    };
    let fixture = fixture(&old, &new("hush2"));
    let plan = |fixture: &Fixture| {
        let text = fixture
            .run(&["promote", "prod", "--dry-run", "-o", "json"])
            .code(0)
            .stdout;
        let mut plan: Value = serde_json::from_str(&text).unwrap();
        let digest = plan["digest"].take();
        (plan["changes"].take(), digest)
    };
    let (shown, digest) = plan(&fixture);
    commit(&fixture, "env/dev", "other value", &new("hush3"));
    let (again, other) = plan(&fixture);
    assert_eq!(shown, again);
    assert_ne!(digest, other);
}

#[test]
fn a_secret_that_became_a_config_map_stays_hidden() {
    let object = |kind: &str, value: &str| {
        let text = format!(
            "apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\ndata: {{user: {value}}}\n"
        );
        vec![("a.yaml".to_owned(), text)]
    };
    for (before, after) in [("Secret", "ConfigMap"), ("ConfigMap", "Secret")] {
        let fixture = fixture(&object(before, "hush1"), &object(after, "hush2"));
        for args in &READING[..6] {
            hides(&fixture.run(args), &format!("{args:?}"));
        }
    }
}

const FORMATS: [&str; 6] = ["text", "json", "yaml", "sarif", "junit", "github"];

/// What `validate` says of files in one folder, in every format.
fn findings(files: &[(String, String)]) -> [String; 6] {
    let env = Env::new();
    std::fs::create_dir(env.join("app")).unwrap();
    for (path, text) in files {
        std::fs::write(env.join("app").join(path), text).unwrap();
    }
    FORMATS.map(|format| {
        let outcome = env.gitops(env.path(), &["validate", "app", "-o", format]);
        assert!(outcome.status < 2, "{outcome:?}");
        outcome.stdout + &outcome.stderr
    })
}

#[test]
fn a_finding_quotes_no_secret() {
    let pod = |lines: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: NAME}}\nspec:\n  containers:\n  - name: web\n    image: nginx:1.29\n{lines}"
        )
    };
    let texts = [
        pod("    env:\n    - {name: DB_TOKEN, value: hush-hush, valu: x}\n"),
        pod("    env:\n    - name: DB_TOKEN\n      value: 4711\n"),
        pod("    env:\n    - name: DB_TOKEN\n      valu: hush-hush\n"),
        pod("    env:\n    - name: DB_TOKEN\n      colour: hush-hush\n"),
        pod("    env:\n    - name: DB_TOKEN\n        value: hush-hush\n"),
        pod("    env:\n    - name: DB_TOKEN\n    value: hush-hush\n"),
        pod("    env:\n    - name: DB_TOKEN\n   value: hush-hush\n"),
        pod("    env:\n    - valu: hush-hush\n      name: DB_TOKEN\n"),
        pod("    env:\n    - name: A\n      value: {password: hush-hush}\n"),
        pod("    args: [--password, hush-hush, 1]\n"),
        pod("    args: [redis-cli, -a, hush-hush, 1]\n"),
        pod("    imagePullPolicy: 'postgres://a:hush-hush@b'\n"),
        pod("    env: [{name: A, value: 'postgres://a:hush-hush@b', x: 1}]\n"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: NAME}\ndata: {a: hush-hush}\nstringData: {b: 4711}\nx: hush-hush\n".to_owned(),
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: NAME}, data: {a: hush-hush}, x: 1}\n".to_owned(),
        "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: NAME}\n  data: {a: hush-hush, a: hush-hush}\n".to_owned(),
        "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"NAME\"},\"x\":\"hush-hush\"}\n".to_owned(),
        "a: 1\npassword: *hush\n".to_owned(),
        "a: 1\npassword: !!int hush-hush\n".to_owned(),
        "a: 1\npassword: hush-hush\na: 2\n".to_owned(),
        "kind: Secret\ndata:\n  a: hush-hush\n b: hush-hush\n".to_owned(),
        "credentials:\n  ann: hush-hush: x\n".to_owned(),
        "key: |\n  -----BEGIN PRIVATE KEY-----\n  hush-hush\n bad: hush-hush\n".to_owned(),
        "env:\n- name: DB_PASSWORD\n  value: 'hush-hush\n".to_owned(),
        "token: \"hush-hush\\q\"\n".to_owned(),
        "a: [postgres://u:hush-hush@h, {\n".to_owned(),
    ];
    let file = |(at, text): (usize, &String)| {
        let text = text.replace("NAME", &format!("web-{at}"));
        (format!("f{at:02}.yaml"), text)
    };
    let files: Vec<_> = texts.iter().enumerate().map(file).collect();
    let said = findings(&files);
    for (format, said) in FORMATS.iter().zip(&said) {
        let shown = said
            .lines()
            .find(|line| line.contains("hush") || line.contains("4711"));
        assert!(shown.is_none(), "{format} shows {shown:?}");
    }
    // Each of them has a finding that might have quoted it.
    let silent: Vec<_> = files
        .iter()
        .filter(|(path, _)| !said[0].contains(path.as_str()))
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
    // What is no secret is quoted, to be found at a glance.
    let open = pod("    imagPullPolicy: Always\n").replace("NAME", "web");
    let said = findings(&[("a.yaml".to_owned(), open)]);
    assert!(
        said[0].contains("    imagPullPolicy: Always"),
        "{}",
        said[0]
    );
}

#[test]
fn generated_documents_show_no_secret_and_everything_else() {
    let mut runner = TestRunner::new(Config {
        // Each runs the program several times; the documents are where the variety is.
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    });
    let documents = prop::collection::vec(document(), 200);
    let checked = runner.run(&documents, |documents| {
        let version = |version: &str| -> Vec<(String, String)> {
            let text = |document: &Value| {
                let text = document.to_string();
                let text = text.replace("HUSH", &format!("hush-{version}-HUSH"));
                let text = text.replace("OPEN", &format!("open-{version}"));
                text.replace("47114711", &format!("47114711{version}"))
            };
            let files = documents.iter().enumerate();
            files
                .map(|(at, document)| (format!("f{at}.yaml"), text(document)))
                .collect()
        };
        let fixture = fixture(&version("1"), &version("2"));
        for args in READING {
            let outcome = fixture.run(args);
            prop_assert!(outcome.status < 2, "{:?}", outcome);
            let said = outcome.stdout + &outcome.stderr;
            let shown = said
                .lines()
                .find(|line| line.to_lowercase().contains("hush") || line.contains("47114711"));
            prop_assert!(shown.is_none(), "{:?} shows {:?}", args, shown);
        }
        let plan = fixture
            .run(&["promote", "prod", "--dry-run", "-o", "json"])
            .stdout;
        let open = plan.matches("\"source\": \"open-2\"").count();
        prop_assert_eq!(open, documents.len(), "{}", plan);
        Ok(())
    });
    checked.unwrap();
}
