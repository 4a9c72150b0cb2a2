//! What ends with 5 because this machine or its clone failed: damage of any kind, a git
//! program that is missing or too old. Never 2 or 3, and never a bug's 101.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::shop::{self, edit_and_render};
use crate::support::{Env, Fixture};

const TAGS: &str = r#"{"apiVersion": "kubectl-gitops/v1alpha1", "kind": "RegistryTags",
    "asOf": "2026-03-10T00:00:00Z", "repositories": {}}"#;

/// Every verb that works on a repository.
const VERBS: [&[&str]; 13] = [
    &["status"],
    &["status", "--offline"],
    &["validate"],
    &["validate", "dev"],
    &["diff", "dev", "staging"],
    &["pins"],
    &["history", "dev"],
    &["promote", "staging", "--dry-run"],
    &["promote", "staging", "--yes"],
    &["rollback", "staging", "--dry-run"],
    &["backport", "staging", "--dry-run"],
    &["render", "dev", "--write", "--dry-run"],
    &[
        "bump-image",
        "cart=v1.2.0",
        "--env",
        "dev",
        "--dry-run",
        "--tags-from",
        "tags.json",
    ],
];

fn fixture() -> Fixture {
    let fixture = shop::branches();
    edit_and_render(
        &fixture,
        "dev",
        "bump cart",
        "shop/cart:v1.0.0",
        "shop/cart:v1.1.0",
    );
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    edit_and_render(
        &fixture,
        "dev",
        "bump cart",
        "shop/cart:v1.1.0",
        "shop/cart:v1.2.0",
    );
    fixture.run(&["status"]).code(0);
    fixture.write("tags.json", TAGS);
    fixture
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &target),
            false => std::fs::copy(&path, &target).map(drop).unwrap(),
        }
    }
}

fn object(git: &Path, id: &str) -> PathBuf {
    git.join("objects").join(&id[..2]).join(&id[2..])
}

fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths
        .filter(|path| path.to_string_lossy().ends_with(end))
        .collect()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    // Git writes objects without a right to write.
    let _ = std::fs::remove_file(path);
    std::fs::write(path, bytes).unwrap();
}

type Harm = Box<dyn Fn(&Path)>;

/// Makes every object of the clone a file of its own.
fn unpack(fixture: &Fixture) {
    let packs = files(&fixture.clone.join(".git/objects/pack"), ".pack");
    for pack in packs {
        let bytes = std::fs::read(&pack).unwrap();
        let aside = fixture.env.join("aside.pack");
        overwrite(&aside, &bytes);
        for end in ["pack", "idx", "rev"] {
            let _ = std::fs::remove_file(pack.with_extension(end));
        }
        let script = format!("git unpack-objects -q <'{}'", aside.display());
        let mut command = fixture.env.command("sh", &fixture.clone);
        Env::finish(command.args(["-c", &script])).code(0);
    }
}

/// What is done to a Git folder, by name.
fn harms(fixture: &Fixture) -> Vec<(String, Harm)> {
    let git = |words: &[&str]| fixture.env.git(&fixture.clone, words);
    let commit = git(&["rev-parse", "origin/env/dev"]);
    let tree = git(&["rev-parse", "origin/env/dev^{tree}"]);
    let blob = git(&["rev-parse", "origin/env/dev:product.yaml"]);
    let config = git(&["rev-parse", "origin/main:gitops.yaml"]);
    let loose = |id: &str, how: fn(&Path)| -> Harm {
        let id = id.to_owned();
        Box::new(move |git: &Path| how(&object(git, &id)))
    };
    let gone: fn(&Path) = |path| std::fs::remove_file(path).unwrap();
    let cut: fn(&Path) = |path| {
        let bytes = std::fs::read(path).unwrap();
        overwrite(path, &bytes[..bytes.len() / 2]);
    };
    let spoilt: fn(&Path) = |path| overwrite(path, b"not an object");
    let empty: fn(&Path) = |path| overwrite(path, b"");
    let mut harms: Vec<(String, Harm)> = Vec::new();
    for (what, id) in [
        ("commit", &commit),
        ("tree", &tree),
        ("blob", &blob),
        ("config", &config),
    ] {
        for (how, harm) in [
            ("gone", gone),
            ("cut", cut),
            ("spoilt", spoilt),
            ("empty", empty),
        ] {
            harms.push((format!("{what} {how}"), loose(id, harm)));
        }
    }
    harms.push((
        "configuration spoilt".to_owned(),
        Box::new(|git| overwrite(&git.join("config"), b"[core\nnonsense")),
    ));
    for text in ["nonsense", ""] {
        harms.push((
            format!("HEAD {text:?}"),
            Box::new(move |git| overwrite(&git.join("HEAD"), text.as_bytes())),
        ));
    }
    harms.push((
        "a reference spoilt".to_owned(),
        Box::new(|git| overwrite(&git.join("refs/remotes/origin/env/dev"), b"nonsense\n")),
    ));
    harms.push((
        "no objects at all".to_owned(),
        Box::new(|git| std::fs::remove_dir_all(git.join("objects")).unwrap()),
    ));
    harms.push((
        "the pack cut".to_owned(),
        Box::new(|git| {
            let repack = Command::new("git")
                .args(["-C", git.to_str().unwrap(), "repack", "-adq"])
                .status();
            assert!(repack.unwrap().success());
            for pack in files(&git.join("objects/pack"), ".pack") {
                let bytes = std::fs::read(&pack).unwrap();
                overwrite(&pack, &bytes[..bytes.len() / 3]);
            }
        }),
    ));
    harms
}

#[test]
fn a_damaged_clone_is_this_machines_failure() {
    let fixture = fixture();
    let words = ["checkout", "-q", "--detach"];
    fixture.env.git(&fixture.clone, &words);
    unpack(&fixture);
    let harms = harms(&fixture);
    for (at, (what, harm)) in harms.iter().enumerate() {
        let damaged = fixture.env.join(&format!("damaged-{at}"));
        copy(&fixture.clone, &damaged);
        harm(&damaged.join(".git"));
        let mut failed = 0;
        // What was fetched again is whole again, so the first one does not fetch. All verbs
        // at each harm would take their time; each meets some of them.
        let offline: &[&str] = &["diff", "dev", "staging", "--offline"];
        let verbs = VERBS.iter().enumerate();
        let verbs = verbs.filter(|(verb, _)| (verb + at) % 5 == 0);
        let verbs = verbs.map(|(_, words)| *words);
        for words in std::iter::once(offline).chain(verbs) {
            let mut command = fixture.env.gitops_command(&damaged);
            let outcome = Env::finish(command.args(words));
            failed += usize::from(outcome.status == 5);
            assert!(
                matches!(outcome.status, 0 | 1 | 5),
                "{what}: {words:?}: {}\n{}",
                outcome.status,
                outcome.stderr
            );
        }
        assert!(failed > 0, "{what} was not noticed");
        std::fs::remove_dir_all(&damaged).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_missing_git_program_is_this_machines_failure() {
    let fixture = fixture();
    let nothing = fixture.env.join("nothing");
    std::fs::create_dir(&nothing).unwrap();
    let url = fixture.url();
    for words in VERBS {
        for address in [&[][..], &["--repo", &url]] {
            let mut command = fixture.env.gitops_command(&fixture.clone);
            command.env("PATH", &nothing).args(address).args(words);
            let outcome = Env::finish(&mut command).code(5);
            let said = &outcome.stderr;
            if words.contains(&"--offline") && !address.is_empty() {
                // There is no copy yet, and none can be made.
                continue;
            }
            assert!(
                said.contains("the git program could not be started"),
                "{words:?} {said}"
            );
            assert!(said.contains("install git"), "{words:?} {said}");
        }
    }
    // Plain files need none.
    let plain = fixture.env.join("plain");
    std::fs::create_dir(&plain).unwrap();
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    std::fs::write(plain.join("a.yaml"), manifest).unwrap();
    let mut command = fixture.env.gitops_command(&plain);
    Env::finish(command.args(["validate"]).env("PATH", &nothing)).code(0);
}

/// A `git` of another version that does not know an option.
#[cfg(unix)]
fn older(fixture: &Fixture, version: &str, option: &str) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = fixture.env.join(version);
    std::fs::create_dir_all(&folder).unwrap();
    let search = std::env::var("PATH").unwrap();
    let script = format!(
        "#!/bin/sh\nPATH='{search}'\nfor word; do\n\
         case $word in\nversion) echo 'git version {version}'; exit ;;\n\
         {option}) echo \"error: unknown option \\`${{word#--}}'\" >&2; exit 129 ;;\nesac\ndone\n\
         exec git \"$@\"\n"
    );
    let program = folder.join("git");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{search}", folder.display())
}

#[cfg(unix)]
#[test]
fn an_old_git_program_is_told_from_the_version_that_is_needed() {
    let fixture = fixture();
    let url = fixture.url();
    let old = older(&fixture, "2.25.1", "--no-write-fetch-head");
    for address in [&[][..], &["--repo", &url]] {
        let mut command = fixture.env.gitops_command(&fixture.clone);
        let words = ["promote", "staging", "--yes"];
        let outcome = Env::finish(command.env("PATH", &old).args(address).args(words)).code(5);
        let said = &outcome.stderr;
        assert!(said.contains("git version 2.25.1"), "{said}");
        assert!(said.contains("Git 2.30 or newer"), "{said}");
    }
    // What only a newer one knows is done in another way.
    let old = older(&fixture, "2.30.2", "-z");
    let mut command = fixture.env.gitops_command(&fixture.clone);
    let words = ["promote", "staging", "--yes", "--no-push"];
    Env::finish(command.env("PATH", &old).args(words)).code(0);
}
