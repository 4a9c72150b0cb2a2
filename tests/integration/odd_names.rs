//! Names that this tool cannot say: files whose names are not UTF-8, hold a backslash or a
//! control character, are endless or lead out of the tree, and such references. Each harms
//! only who has to read or write that very file, and is kept as it is.

use std::collections::BTreeMap;

use kubectl_gitops::git::{Git, Selection};
use kubectl_gitops::repo::{CommitMessage, Edit, RefUpdate, RepoPath, Signature};
use proptest::prelude::*;

use crate::support::Fixture;
use crate::support::env::Env;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
spec:
  environments:
    - {name: dev, branch: env/dev}
    - {name: prod, branch: env/prod, promoteFrom: dev}
  promotion: {files: [values.yaml, 'config/**']}
";

fn values(tag: &str) -> String {
    format!("replicas: 1\nimage: {{repository: registry.example.com/web, tag: \"{tag}\"}}\n")
}

/// Two environments that are level.
fn fixture() -> Fixture {
    let old = values("v1.0.0");
    let files = [
        ("values.yaml", old.as_str()),
        ("config/limits.yaml", "cpu: 1\n"),
    ];
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS)])]);
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (*path, Some(*text)))
        .collect();
    for branch in ["env/dev", "env/prod"] {
        fixture.commit_from(branch, None, "begin", &files);
    }
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    fixture
}

/// Paths as git-fast-import(1) reads them, in quotes.
const ODD: [&str; 6] = [
    r"systemd/srv-data\\x2done.mount",
    r"docs/caf\351.txt",
    r"docs/tab\there\nand a line",
    r"docs/\033[2Jx",
    r"\377\376/below/a.txt",
    r"docs/a\\b/c.yaml",
];

/// Adds odd files to a branch, and one of 600 folders' depth and one with an endless name.
fn add(fixture: &Fixture, branch: &str, paths: &[&str], more: &[(&str, &str)]) {
    let when = fixture.env.tick();
    let mut stream = format!(
        "commit refs/heads/{branch}\ncommitter Grace <grace@example.com> {when} +0000\n\
         data 3\nodd\nfrom refs/heads/{branch}^0\n"
    );
    for path in paths {
        stream.push_str(&format!("M 100644 inline \"{path}\"\ndata 2\nx\n"));
    }
    for (path, text) in more {
        stream.push_str(&format!(
            "M 100644 inline {path}\ndata {}\n{text}\n",
            text.len()
        ));
    }
    fixture.fast_import(stream.as_bytes());
}

/// The tree of a branch, byte for byte.
fn listing(fixture: &Fixture, rev: &str) -> Vec<Vec<u8>> {
    let mut command = fixture.env.command("git", &fixture.origin);
    let output = command
        .args(["ls-tree", "-r", "-t", "-z", rev])
        .output()
        .unwrap();
    assert!(output.status.success());
    let entries = output.stdout.split(|byte| *byte == 0);
    entries.map(<[u8]>::to_vec).collect()
}

/// Those of a tree that are not about these plain files, nor about folders.
fn foreign(listing: Vec<Vec<u8>>, own: &[&str]) -> Vec<Vec<u8>> {
    let is_own = |entry: &[u8]| {
        entry.windows(6).any(|it| it == b" tree ")
            || own
                .iter()
                .any(|path| entry.ends_with(format!("\t{path}").as_bytes()))
    };
    listing.into_iter().filter(|entry| !is_own(entry)).collect()
}

#[test]
fn odd_names_elsewhere_stop_no_command_and_stay_as_they_are() {
    let fixture = fixture();
    let deep = format!("{}/x", vec!["d"; 600].join("/"));
    let long = format!("docs/{}", "y".repeat(5000));
    for branch in ["env/dev", "env/prod", "main"] {
        add(&fixture, branch, &[&ODD[..], &[&deep, &long]].concat(), &[]);
    }
    let newer = values("v1.1.0");
    fixture.commit("env/dev", "bump", &[("values.yaml", Some(&newer))]);
    let before = foreign(listing(&fixture, "env/prod"), &["values.yaml"]);
    for (words, codes) in [
        (&["status"][..], [0, 0]),
        (&["pins"], [0, 0]),
        (&["validate", "dev"], [0, 1]),
        (&["diff", "dev", "prod"], [1, 1]),
        (&["init", "--dry-run"], [0, 2]),
        (&["promote", "prod", "--yes"], [0, 0]),
        (&["history", "prod"], [0, 0]),
        (&["rollback", "prod", "--reason", "slow", "--yes"], [0, 0]),
        (&["status", "--repo", &fixture.url()], [0, 0]),
    ] {
        let outcome = fixture.run(words);
        let said = format!("{words:?}: {}\n{}", outcome.stdout, outcome.stderr);
        assert!(codes.contains(&outcome.status), "{said}");
        let strange = |c: char| c.is_control() && c != '\n';
        assert!(!said.contains(strange), "{said:?}");
        if words[0] == "promote" {
            assert_eq!(fixture.file_at("env/prod", "values.yaml").unwrap(), newer);
            assert!(!said.contains("not promoted"), "{said}");
        }
    }
    let own = ["values.yaml", ".gitops/promoted/files/values.yaml.yaml"];
    let after = foreign(listing(&fixture, "env/prod"), &own);
    let records = |entry: &Vec<u8>| !entry.windows(8).any(|it| it == b"\t.gitops");
    let plain = |all: Vec<Vec<u8>>| all.into_iter().filter(records).collect::<Vec<_>>();
    assert_eq!(plain(after), plain(before));
}

#[test]
fn odd_names_that_are_promoted_are_counted_and_the_rest_goes_on() {
    let fixture = fixture();
    let odd = [
        r"config/a\\b.yaml",
        r"config/caf\351",
        r"config/deep\tfolder/x",
        ODD[0],
    ];
    let newer = values("v1.1.0");
    add(&fixture, "env/dev", &odd, &[("values.yaml", &newer)]);
    let status = fixture.run(&["status"]).code(0);
    assert!(
        status.stdout.contains("3 files cannot be promoted"),
        "{}",
        status.stdout
    );
    let diff = fixture.run(&["diff", "dev", "prod"]).code(1);
    assert!(diff.stdout.contains("config/a\\b.yaml"), "{}", diff.stdout);
    let plan = fixture.run(&["promote", "prod", "--yes"]).code(0);
    for word in [
        "3 files are not promoted",
        "config/a\\b.yaml (it contains a backslash)",
        "config/caf\\xe9 (it is not UTF-8)",
        "config/deep\\tfolder/x (it contains a control character)",
    ] {
        assert!(plan.stdout.contains(word), "{word}: {}", plan.stdout);
    }
    assert!(!plan.stdout.contains("srv-data"), "{}", plan.stdout);
    assert_eq!(fixture.file_at("env/prod", "values.yaml").unwrap(), newer);
    // They are named as well where there is nothing else to promote.
    let nothing = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        nothing.stderr.contains("3 files are not promoted"),
        "{}",
        nothing.stderr
    );
    // What the target has as it is lacks nothing.
    add(&fixture, "env/prod", &odd, &[]);
    let level = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(!level.stderr.contains("not promoted"), "{}", level.stderr);
    let status = fixture.run(&["status"]).code(0);
    assert!(
        !status.stdout.contains("cannot be promoted"),
        "{}",
        status.stdout
    );
}

#[test]
fn a_submodule_among_the_promoted_files_is_named() {
    let fixture = fixture();
    let id = fixture.env.git(&fixture.origin, &["rev-parse", "main"]);
    let when = fixture.env.tick();
    fixture.fast_import(
        format!(
            "commit refs/heads/env/dev\ncommitter Grace <grace@example.com> {when} +0000\n\
             data 3\nsub\nfrom refs/heads/env/dev^0\nM 160000 {id} config/sub\n"
        )
        .as_bytes(),
    );
    let plan = fixture.run(&["promote", "prod", "--yes"]).code(0);
    let wanted = "1 file is not promoted: config/sub (it is a submodule)";
    assert!(plan.stderr.contains(wanted), "{}", plan.stderr);
}

#[test]
fn manifests_that_cannot_be_named_are_not_called_valid() {
    let fixture = fixture();
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    add(
        &fixture,
        "env/dev",
        &[r"app/a\\b.yaml", r"app/notes\\x.txt"],
        &[("app/a.yaml", object)],
    );
    let section = |words: &[&str]| {
        let outcome = fixture
            .run(&[&["validate", "-o", "json"], words].concat())
            .code(0);
        let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
        report["sections"][0].clone()
    };
    let found = section(&["dev"]);
    let finding = &found["findings"][0];
    assert_eq!(finding["severity"], "warning", "{found}");
    assert_eq!(finding["location"]["file"], "app/a?b.yaml", "{found}");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("1 file is not checked"), "{found}");
    assert!(
        found.to_string().contains("it contains a backslash"),
        "{found}"
    );
    assert_eq!(found["objects"], 1);
    let pins = fixture.run(&["pins"]).code(0);
    let said = format!("{}{}", pins.stdout, pins.stderr);
    assert!(said.contains("app/a\\b.yaml is not looked at"), "{said}");
    // The same for files of this machine.
    let folder = fixture.env.join("folder");
    std::fs::create_dir_all(folder.join("deep\\er")).unwrap();
    std::fs::write(folder.join("a.yaml"), object).unwrap();
    std::fs::write(folder.join("deep\\er/b.yaml"), object).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.yaml");
        std::fs::write(folder.join(name), object).unwrap();
        let found = section(&[folder.to_str().unwrap()]);
        assert!(
            found.to_string().contains("2 files are not checked"),
            "{found}"
        );
        assert!(found.to_string().contains("caf\\\\xe9.yaml"), "{found}");
        assert_eq!(found["objects"], 1, "{found}");
    }
}

#[cfg(unix)]
#[test]
fn the_work_tree_may_hold_any_names() {
    use std::os::unix::ffi::OsStrExt as _;
    let fixture = fixture();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["fetch", "-q"]);
    git(&["checkout", "-q", "env/dev"]);
    for name in [&b"a\\b"[..], b"caf\xe9", b"line\nbreak", b"\x1b[2J"] {
        let folder = fixture.clone.join(std::ffi::OsStr::from_bytes(name));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("x"), "x").unwrap();
        std::fs::write(folder.join("ignored.log"), "x").unwrap();
    }
    fixture.write(".gitignore", "*.log\n");
    git(&["add", "a\\b/x"]);
    let git = Git::discover(&fixture.clone).unwrap();
    let snapshot = git.work_tree_snapshot(&Selection::everything()).unwrap();
    let mut odd: Vec<String> = snapshot.odd().map(ToString::to_string).collect();
    odd.sort();
    assert_eq!(
        odd,
        ["\\u{1b}[2J/x", "a\\b/x", "caf\\xe9/x", "line\\nbreak/x"]
    );
    assert!(snapshot.entry(&"values.yaml".parse().unwrap()).is_some());
    fixture.run(&["validate", "dev", "--work-tree"]).code(0);
}

#[test]
fn references_with_odd_names_are_nobodys_obstacle() {
    let fixture = fixture();
    let newer = values("v1.1.0");
    fixture.commit("env/dev", "bump", &[("values.yaml", Some(&newer))]);
    let id = fixture
        .env
        .git(&fixture.clone, &["rev-parse", "origin/main"]);
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let git = fixture.clone.join(".git");
        for folder in [
            git.join("refs/remotes/origin"),
            git.join("refs/heads"),
            fixture.origin.join("refs/heads"),
        ] {
            for name in [&b"env/caf\xe9"[..], b"env/-d", b"\xff"] {
                let file = folder.join(std::ffi::OsStr::from_bytes(name));
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, format!("{id}\n")).unwrap();
            }
        }
    }
    let long = format!("refs/heads/env/{}", ["z".repeat(200).as_str(); 8].join("/"));
    fixture
        .env
        .git(&fixture.origin, &["update-ref", &long, "main"]);
    fixture.run(&["status"]).code(0);
    fixture.run(&["status", "--repo", &fixture.url()]).code(0);
    fixture.run(&["init", "--dry-run"]);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(fixture.file_at("env/prod", "values.yaml").unwrap(), newer);
}

#[test]
fn an_endless_name_is_refused_where_it_stands() {
    let fixture = fixture();
    let long = "b".repeat(100_000);
    for (from, to) in [
        ("branch: env/prod", format!("branch: {long}")),
        (
            "branch: env/prod",
            format!("branch: env/prod, path: {long}"),
        ),
        (
            "branch: env/prod",
            format!("branch: env/prod, path: {}x", "p/".repeat(50_000)),
        ),
    ] {
        let config = GITOPS.replace(from, &to);
        fixture.commit("main", "long", &[("gitops.yaml", Some(&config))]);
        fixture.pull();
        let outcome = fixture.run(&["status"]).code(2);
        assert!(
            outcome.stderr.contains("gitops.yaml:6:"),
            "{}",
            outcome.stderr
        );
        assert!(outcome.stderr.contains("bytes)"), "{}", outcome.stderr);
        assert!(
            outcome.stderr.len() < 2000,
            "{} bytes",
            outcome.stderr.len()
        );
    }
    fixture.commit("main", "short", &[("gitops.yaml", Some(GITOPS))]);
    fixture.pull();
    for words in [
        &["promote", "prod", "--rev", &long, "--dry-run"][..],
        &[
            "promote",
            "prod",
            "--rev",
            &long,
            "--dry-run",
            "--repo",
            &fixture.url(),
        ],
        &["status", "--config", &format!("{long}:gitops.yaml")],
        &["status", "--remote", &long],
        &["promote", "prod", "--yes", "--tag", &long],
    ] {
        let outcome = fixture.run(words);
        assert_eq!(
            outcome.status,
            2,
            "{}",
            &outcome.stderr[..outcome.stderr.len().min(500)]
        );
        assert!(
            outcome.stderr.len() < 2000,
            "{} bytes",
            outcome.stderr.len()
        );
    }
}

/// Writes a tree of these names; the numbers stand for contents.
fn write_tree(env: &Env, origin: &std::path::Path, files: &BTreeMap<Vec<u8>, u8>) -> String {
    let mut tree = Vec::new();
    for (name, number) in files {
        let blob = format!("{:040x}", u16::from(*number) + 1);
        tree.extend(if number % 2 == 0 {
            &b"100644 "[..]
        } else {
            b"120000 "
        });
        tree.extend(name);
        tree.push(0);
        let digits: Vec<char> = blob.chars().collect();
        tree.extend(
            digits
                .chunks(2)
                .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()),
        );
    }
    let file = env.join("tree");
    std::fs::write(&file, tree).unwrap();
    let write = ["hash-object", "-t", "tree", "-w", "--literally"];
    env.git(origin, &[&write[..], &[file.to_str().unwrap()]].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn commits_keep_every_foreign_entry_byte_for_byte(
        names in prop::collection::btree_map(
            prop::collection::vec(any::<u8>().prop_filter("no name", |it| !matches!(it, 0 | b'/')), 1..8),
            any::<u8>(), 0..12),
        gone in any::<bool>(),
    ) {
        let env = Env::new();
        let origin = env.join("origin.git");
        env.git(env.path(), &["init", "-q", "--bare", "origin.git"]);
        env.git(&origin, &["config", "user.name", "Ada"]);
        env.git(&origin, &["config", "user.email", "ada@example.com"]);
        let names: BTreeMap<Vec<u8>, u8> = names.into_iter()
            .filter(|(name, _)| !name.starts_with(b"own")).collect();
        let tree = write_tree(&env, &origin, &names);
        let parent = env.git(&origin, &["commit-tree", "-m", "x", &tree]);
        let git = Git::discover(&origin).unwrap();
        let own: RepoPath = "own/file".parse().unwrap();
        let who = Signature { name: "Ada".into(), email: "a@example.com".into(), seconds: 1, offset_minutes: 0 };
        let mut update = RefUpdate {
            branch: "main".parse().unwrap(),
            expected: None,
            parent: Some(parent.parse().unwrap()),
            edits: BTreeMap::from([(own.clone(), Edit::write("x"))]),
            message: CommitMessage::parse("x"),
            author: who.clone(),
            committer: who,
        };
        let mut commit = git.write_commit(&update).unwrap();
        if gone {
            update.parent = Some(commit);
            update.edits = BTreeMap::from([(own, Edit::Delete)]);
            commit = git.write_commit(&update).unwrap();
        }
        let list = |rev: &str| {
            let mut command = env.command("git", &origin);
            let output = command.args(["ls-tree", "-r", "-z", rev]).output().unwrap();
            assert!(output.status.success());
            let entries = output.stdout.split(|byte| *byte == 0);
            let foreign = entries.filter(|it| !it.ends_with(b"\town/file"));
            foreign.map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        prop_assert_eq!(list(commit.as_str()), list(&parent));
        if gone {
            let same = env.git(&origin, &["rev-parse", &format!("{commit}^{{tree}}")]);
            prop_assert_eq!(same, tree);
        }
        // What is listed and what is odd are together all that there is.
        let snapshot = git.snapshot(&parent.parse().unwrap(), &Selection::under(vec![RepoPath::root()], |_| false)).unwrap();
        prop_assert_eq!(snapshot.entries().count() + snapshot.odd().count(), names.len());
    }
}
