//! What a value is: scalars as they are written, lists by names, anchors, modes, links and
//! lines of `KEY=VALUE`. Whatever of it changes is in the plan and arrives as it is.

use crate::support::repo::Fixture;
use crate::support::shop::edit_file;

fn fixture(promotion: &str, files: &[(&str, [&str; 2])]) -> Fixture {
    let gitops = format!(
        "apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {{name: dev, branch: env/dev}}
    - {{name: prod, branch: env/prod, promoteFrom: dev}}
  promotion: {promotion}
"
    );
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", &gitops)])]);
    let side = |at: usize| -> Vec<_> {
        files
            .iter()
            .map(|(path, texts)| (*path, Some(texts[at])))
            .collect()
    };
    fixture.commit_from("env/dev", None, "begin dev", &side(0));
    fixture.commit_from("env/prod", Some("env/dev~0"), "begin prod", &side(1));
    fixture
}

fn edit(fixture: &Fixture, branch: &str, path: &str, change: (&str, &str)) {
    edit_file(fixture, branch, path, "edit", change);
}

fn on(fixture: &Fixture, branch: &str, path: &str) -> String {
    fixture.file_at(branch, path).unwrap_or_default()
}

const VALUES: &str =
    "version: 1.1\nmode: 0644\nref: !Sub a\nid: 123456789012345678901234567890\nflag: yes\n";

#[test]
fn how_a_value_is_written_is_part_of_it() {
    let fixture = fixture("{files: [v.yaml]}", &[("v.yaml", [VALUES, VALUES])]);
    edit(
        &fixture,
        "env/dev",
        "v.yaml",
        ("version: 1.1\n", "version: 1.10\n"),
    );
    let plan = fixture.run(&["promote", "prod", "--dry-run"]).code(0);
    assert!(plan.stdout.contains("1.1 → 1.10"), "{}", plan.stdout);
    let data = fixture
        .run(&["promote", "prod", "--dry-run", "-o", "json"])
        .code(0);
    for part in ["\"source\": \"1.10\"", "\"path\": \"version\""] {
        assert!(data.stdout.contains(part), "{part}: {}", data.stdout);
    }
    assert!(!data.stdout.contains("u0000"), "{}", data.stdout);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(
        on(&fixture, "env/prod", "v.yaml"),
        on(&fixture, "env/dev", "v.yaml")
    );
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
    // A fix on the target that shows only there is one.
    for (old, new) in [
        ("!Sub a", "!Ref a"),
        ("567890", "567891"),
        ("0644", "420"),
        ("yes", "true"),
    ] {
        edit(&fixture, "env/prod", "v.yaml", (old, new));
    }
    let fixed = on(&fixture, "env/prod", "v.yaml");
    edit(
        &fixture,
        "env/dev",
        "v.yaml",
        ("version: 1.10", "version: 1.100"),
    );
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(3);
    for part in ["!Ref a", "567891", "420", "true"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert_eq!(on(&fixture, "env/prod", "v.yaml"), fixed);
    fixture
        .run(&["promote", "prod", "--yes", "--keep", "all"])
        .code(0);
    assert_eq!(
        on(&fixture, "env/prod", "v.yaml"),
        fixed.replace("1.10", "1.100")
    );
    fixture.fsck();
}

#[test]
fn values_come_as_the_source_writes_them_beside_what_belongs_to_the_environment() {
    let with = |own: u32| format!("{VALUES}own: {own} # of its own\n");
    let (dev, prod) = (with(1), with(7));
    let rules = "{files: [v.yaml], environmentOwned: [own]}";
    let fixture = fixture(rules, &[("v.yaml", [&dev, &prod])]);
    for (old, new) in [
        ("1.1\n", "1.10\n"),
        ("0644", "0600"),
        ("!Sub a", "!Ref \"b\""),
        ("567890", "567891"),
        ("yes", "no"),
        ("own:", "time: 12:30:45\ny: !Ref c\nkept: |+\n  a\n\nown:"),
    ] {
        edit(&fixture, "env/dev", "v.yaml", (old, new));
    }
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(
        on(&fixture, "env/prod", "v.yaml"),
        on(&fixture, "env/dev", "v.yaml").replace("own: 1", "own: 7")
    );
    fixture.fsck();
}

/// Commits on a branch what these commands leave in a clone of it.
fn commit_with(fixture: &Fixture, branch: &str, name: &str, steps: &[&[&str]]) {
    let clone = fixture.clone_again(name, &["--branch", branch]);
    let git = |args: &[&str]| fixture.env.git(&clone, args);
    for step in steps {
        git(step);
    }
    git(&["commit", "--quiet", "--message", name]);
    git(&["push", "--quiet", "origin", &format!("HEAD:{branch}")]);
}

/// The mode and id of a file on a branch, as a listing has them.
fn listed(fixture: &Fixture, branch: &str, path: &str) -> String {
    let args = ["ls-tree", "-r", branch, "--", path];
    let listing = fixture.env.git(&fixture.origin, &args);
    listing.split('\t').next().unwrap_or_default().to_owned()
}

#[test]
fn modes_and_links_are_values() {
    let script = "#!/bin/sh\n";
    let files = [
        ("config/run.sh", [script, script]),
        ("config/v.yaml", ["a: 1\n", "a: 1\n"]),
    ];
    let fixture = fixture("{files: ['config/**']}", &files);
    let id = |path: &str| {
        fixture
            .env
            .git(&fixture.origin, &["rev-parse", &format!("env/dev:{path}")])
    };
    let blob = id("config/run.sh").trim().to_owned();
    let link = format!("120000,{blob},config/link.yaml");
    commit_with(
        &fixture,
        "env/dev",
        "modes",
        &[
            &[
                "update-index",
                "--chmod=+x",
                "config/run.sh",
                "config/v.yaml",
            ],
            &["update-index", "--add", "--cacheinfo", &link],
        ],
    );
    let plan = fixture.run(&["promote", "prod", "--dry-run"]).code(0);
    for part in ["config/run.sh", "(mode)", "config/link.yaml"] {
        assert!(plan.stdout.contains(part), "{part}: {}", plan.stdout);
    }
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    for path in ["config/run.sh", "config/v.yaml", "config/link.yaml"] {
        let (dev, prod) = (
            listed(&fixture, "env/dev", path),
            listed(&fixture, "env/prod", path),
        );
        assert_eq!(prod, dev, "{path}");
        assert!(!prod.starts_with("100644"), "{prod}");
    }
    // What the target changed is not taken away without a word.
    commit_with(
        &fixture,
        "env/prod",
        "fix",
        &[&[
            "update-index",
            "--chmod=-x",
            "config/run.sh",
            "config/v.yaml",
        ]],
    );
    let kept = on(&fixture, "env/dev", "config/run.sh") + "exit 0\n";
    fixture.commit("env/dev", "script", &[("config/new.sh", Some(&kept))]);
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(3);
    for path in ["config/run.sh", "config/v.yaml (mode)"] {
        assert!(refused.stderr.contains(path), "{}", refused.stderr);
    }
    let keep = ["--keep", "config/v.yaml", "--keep", "config/run.sh"];
    let command = [&["promote", "prod", "--yes"][..], &keep[..]].concat();
    fixture.run(&command).code(0);
    assert_eq!(on(&fixture, "env/prod", "config/new.sh"), kept);
    for path in ["config/run.sh", "config/v.yaml"] {
        assert!(
            listed(&fixture, "env/prod", path).starts_with("100644"),
            "{path}"
        );
    }
    fixture.fsck();
}

#[test]
fn a_file_becomes_a_folder_and_a_file_again() {
    let fixture = fixture(
        "{files: ['config/**']}",
        &[("config/c", ["c: 1\n", "c: 1\n"])],
    );
    let folder = [
        ("config/c", None),
        ("config/c/x.yaml", Some("x: 1\n")),
        ("config/c/y", Some("y\n")),
    ];
    fixture.commit("env/dev", "a folder", &folder);
    fixture.run(&["promote", "prod", "--dry-run"]).code(0);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let files = |branch: &str| -> Vec<String> {
        let mut files = fixture.files_at(branch);
        files.retain(|path| path.starts_with("config/"));
        files
    };
    assert_eq!(files("env/prod"), ["config/c/x.yaml", "config/c/y"]);
    let file = [
        ("config/c/x.yaml", None),
        ("config/c/y", None),
        ("config/c", Some("c: 2\n")),
    ];
    fixture.commit("env/dev", "a file", &file);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(files("env/prod"), ["config/c"]);
    assert_eq!(on(&fixture, "env/prod", "config/c"), "c: 2\n");
    fixture.fsck();
}

#[test]
fn keys_of_lines_belong_to_the_environment_too() {
    let text = |tag: &str, host: &str| {
        format!("# the shop\nTAG=\"{tag}\"\nHOST={host}\nspring.profiles=1\n")
    };
    let (dev, prod) = (text("v1", "dev.example.com"), text("v1", "example.com"));
    let rules = "{files: ['*.env'], environmentOwned: [HOST, spring.profiles]}";
    let fixture = fixture(rules, &[("shop.env", [&dev, &prod])]);
    edit(&fixture, "env/dev", "shop.env", ("v1", "v2"));
    edit(
        &fixture,
        "env/dev",
        "shop.env",
        ("profiles=1", "profiles=2"),
    );
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(
        on(&fixture, "env/prod", "shop.env"),
        text("v2", "example.com")
    );
    // One key is fixed, another one moves on.
    edit(&fixture, "env/prod", "shop.env", ("v2", "v3"));
    edit(
        &fixture,
        "env/dev",
        "shop.env",
        ("# the shop\n", "# the shop\nNEW=1\n"),
    );
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(3);
    assert!(refused.stderr.contains("TAG"), "{}", refused.stderr);
    // A file with a secret in it moves as a whole, and that is said.
    edit(&fixture, "env/dev", "shop.env", ("NEW=1", "API_TOKEN=abc"));
    let whole = fixture
        .run(&["promote", "prod", "--dry-run", "--overwrite", "shop.env"])
        .code(0);
    let said = format!("{}{}", whole.stdout, whole.stderr);
    assert!(
        said.contains("environmentOwned does not keep HOST"),
        "{said}"
    );
    assert!(!said.contains("abc"), "{said}");
}

#[test]
fn the_heading_of_a_refused_plan_speaks_of_files() {
    let fixture = fixture("{files: [v.yaml]}", &[("v.yaml", ["a: 1\n", "a: 1\n"])]);
    edit(&fixture, "env/prod", "v.yaml", ("a: 1", "a: 2"));
    edit(&fixture, "env/dev", "v.yaml", ("a: 1", "a: 3"));
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(3);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("files") && !said.contains("images"), "{said}");
}
