//! Which repository is worked on, and whether it is: exactly as the `git` program has it,
//! which is asked the same beside us.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::env::Outcome;
use crate::support::shop;
use crate::support::{Env, Fixture};

/// How a setting reaches Git.
#[derive(Clone, Copy, Debug)]
enum Way {
    Global,
    System,
    Count,
    Parameters,
}

const WAYS: [Way; 4] = [Way::Global, Way::System, Way::Count, Way::Parameters];

fn configure(fixture: &Fixture, command: &mut Command, way: Way, settings: &[(&str, &str)]) {
    let file = fixture.env.join("settings");
    match way {
        Way::Global | Way::System => {
            let _ = std::fs::remove_file(&file);
            let path = file.to_str().unwrap();
            for (name, value) in settings {
                let words = ["config", "--file", path, "--add", name, value];
                fixture.env.git(fixture.env.path(), &words);
            }
            if settings.is_empty() {
                std::fs::write(&file, "").unwrap();
            }
            match way {
                Way::Global => command.env("GIT_CONFIG_GLOBAL", &file),
                _ => command
                    .env_remove("GIT_CONFIG_NOSYSTEM")
                    .env("GIT_CONFIG_SYSTEM", &file),
            };
        }
        Way::Count => {
            command.env("GIT_CONFIG_COUNT", settings.len().to_string());
            for (at, (name, value)) in settings.iter().enumerate() {
                command.env(format!("GIT_CONFIG_KEY_{at}"), name);
                command.env(format!("GIT_CONFIG_VALUE_{at}"), value);
            }
        }
        Way::Parameters => {
            let quoted = settings
                .iter()
                .map(|(name, value)| format!("'{name}'='{value}'"));
            let quoted: Vec<String> = quoted.collect();
            command.env("GIT_CONFIG_PARAMETERS", quoted.join(" "));
        }
    }
}

/// The shop with everything that a repository can be found in.
fn places(fixture: &Fixture) -> Vec<PathBuf> {
    let clone = &fixture.clone;
    let bare = clone.join("fixtures/repo.git");
    let ran = fixture.env.join("ran");
    fixture
        .env
        .git(clone, &["init", "-q", "--bare", "fixtures/repo.git"]);
    fixture.env.git(
        &bare,
        &["config", "remote.origin.url", "ssh://git.example.com/x"],
    );
    let command = format!("touch '{}'; false", ran.display());
    fixture
        .env
        .git(&bare, &["config", "core.sshCommand", &command]);
    fixture
        .env
        .git(&bare, &["config", "core.fsmonitor", &command]);
    let linked = fixture.env.join("linked");
    let words = [
        "worktree",
        "add",
        "-q",
        "--detach",
        linked.to_str().unwrap(),
    ];
    fixture.env.git(clone, &words);
    std::fs::create_dir_all(clone.join("below/it")).unwrap();
    vec![
        clone.clone(),
        clone.join("below/it"),
        clone.join(".git"),
        bare.clone(),
        bare.join("objects"),
        fixture.origin.clone(),
        linked,
        fixture.env.join("home"),
    ]
}

fn is_refusal(outcome: &Outcome) -> bool {
    [
        "belongs to another user",
        "does not use the bare repository",
        "is not inside a Git repository",
    ]
    .iter()
    .any(|words| outcome.stderr.contains(words))
}

/// Runs Git and this program alike; both refuse, or neither does.
#[track_caller]
fn compare(fixture: &Fixture, place: &Path, change: impl Fn(&mut Command)) -> bool {
    let mut git = fixture.env.command("git", place);
    change(git.args(["rev-parse", "--git-dir"]));
    let git = Env::finish(&mut git);
    let ran = fixture.env.join("ran");
    let mut ours = fixture.env.gitops_command(place);
    change(ours.args(["status", "--offline"]));
    let ours = Env::finish(&mut ours);
    let taken = git.status == 0;
    let said = format!("{}\n{}{}", place.display(), git.stderr, ours.stderr);
    assert_eq!(taken, !is_refusal(&ours), "{said}");
    assert!(taken || ours.status == 2, "{said}");
    assert!(
        taken || !ran.exists(),
        "a program of it was started: {said}"
    );
    taken
}

#[test]
fn bare_repositories_are_used_where_git_uses_them() {
    let fixture = shop::branches();
    let mut refused = 0;
    for place in places(&fixture) {
        for way in WAYS {
            for value in ["explicit", "all"] {
                refused += usize::from(!compare(&fixture, &place, |command| {
                    configure(&fixture, command, way, &[("safe.bareRepository", value)]);
                }));
            }
        }
    }
    assert!(refused > 8, "{refused}");
    // One that is named may be used, here as there.
    let bare = &fixture.origin;
    let named = |command: &mut Command| {
        configure(
            &fixture,
            command,
            Way::Count,
            &[("safe.bareRepository", "explicit")],
        );
        command.env("GIT_DIR", bare);
    };
    assert!(compare(&fixture, &fixture.env.join("home"), named));
    // Nothing of the buried one's configuration is used by a command that asks the remote.
    let buried = fixture.clone.join("fixtures/repo.git");
    for words in [
        &["status"][..],
        &["validate"],
        &["promote", "staging", "--yes"],
    ] {
        let mut command = fixture.env.gitops_command(&buried);
        configure(
            &fixture,
            &mut command,
            Way::Count,
            &[("safe.bareRepository", "explicit")],
        );
        Env::finish(command.args(words)).code(2);
        assert!(!fixture.env.join("ran").exists());
    }
}

#[test]
fn repositories_of_others_are_used_where_git_uses_them() {
    let fixture = shop::branches();
    let places = places(&fixture);
    let clone = fixture.clone.to_str().unwrap();
    let parent = format!("{}/*", fixture.env.path().display());
    let choices: [&[(&str, &str)]; 6] = [
        &[],
        &[("safe.directory", "*")],
        &[("safe.directory", clone)],
        &[("safe.directory", "*"), ("safe.directory", "")],
        &[("safe.directory", "/elsewhere")],
        &[("safe.directory", &parent)],
    ];
    let mut taken = [0, 0];
    for place in &places {
        for (at, settings) in choices.iter().enumerate() {
            // All ways at one place, one way at the others.
            let ways = if place == &fixture.clone {
                &WAYS[..]
            } else {
                &WAYS[at % 4..=at % 4]
            };
            for way in ways {
                taken[usize::from(compare(&fixture, place, |command| {
                    configure(&fixture, command, *way, settings);
                    command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
                }))] += 1;
            }
        }
    }
    assert!(taken[0] > 8 && taken[1] > 8, "{taken:?}");
    // What the repository says of itself does not count.
    fixture
        .env
        .git(&fixture.clone, &["config", "safe.directory", "*"]);
    let other = |command: &mut Command| {
        command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1");
    };
    assert!(!compare(&fixture, &fixture.clone, other));
}

#[cfg(unix)]
#[test]
fn what_belongs_to_another_user_is_judged_by_git_alone() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let fixture = shop::branches();
    if std::fs::metadata(fixture.env.path()).unwrap().uid() != 0 {
        // Only the superuser can give files away.
        return;
    }
    let own = [fixture.clone.clone(), fixture.clone.join(".git")];
    for path in own {
        chown(path, Some(1234), None).unwrap();
    }
    let clone = fixture.clone.to_str().unwrap();
    for way in WAYS {
        for (value, wanted) in [("*", true), (clone, true), ("/elsewhere", false)] {
            let taken = compare(&fixture, &fixture.clone, |command| {
                configure(&fixture, command, way, &[("safe.directory", value)]);
            });
            assert_eq!(taken, wanted, "{way:?} {value}");
        }
    }
    for (name, wanted) in [("1234", true), ("4321", false), ("", false)] {
        let taken = compare(&fixture, &fixture.clone, |command| {
            command.env("SUDO_UID", name);
        });
        assert_eq!(taken, wanted, "{name}");
    }
    // It can be worked with, not only looked at.
    let mut command = fixture.env.gitops_command(&fixture.clone);
    configure(
        &fixture,
        &mut command,
        Way::Count,
        &[("safe.directory", "*")],
    );
    Env::finish(command.args(["promote", "staging", "--dry-run"])).code(0);
}

#[test]
fn git_dir_is_followed_unless_a_folder_is_named() {
    let fixture = shop::branches();
    let elsewhere = fixture.env.join("elsewhere");
    std::fs::create_dir_all(elsewhere.join("below")).unwrap();
    let wanted = fixture.run(&["status"]).code(0).stdout;
    let git_dir = fixture.clone.join(".git");
    let run = |place: &Path, variables: &[(&str, &Path)], words: &[&str]| {
        let mut command = fixture.env.gitops_command(place);
        command.envs(variables.iter().copied()).args(words);
        Env::finish(&mut command)
    };
    let from = |place: &Path, variables: &[(&str, &Path)]| run(place, variables, &["status"]);
    for (place, variables) in [
        (&elsewhere, &[("GIT_DIR", &*git_dir)][..]),
        (&elsewhere, &[("GIT_DIR", Path::new("../clone/.git"))]),
        (
            &elsewhere,
            &[("GIT_DIR", &git_dir), ("GIT_WORK_TREE", &fixture.clone)],
        ),
        (&fixture.clone, &[("GIT_DIR", Path::new(".git"))]),
        (&fixture.clone.join(".git"), &[("GIT_DIR", Path::new("."))]),
    ] {
        assert_eq!(
            from(place, variables).code(0).stdout,
            wanted,
            "{variables:?}"
        );
    }
    // A repository around it counts less.
    fixture.env.git(&elsewhere, &["init", "-q"]);
    assert_eq!(
        from(&elsewhere, &[("GIT_DIR", &git_dir)]).code(0).stdout,
        wanted
    );
    let clone = fixture.clone.to_str().unwrap();
    let other = elsewhere.join(".git");
    let named = run(&elsewhere, &[("GIT_DIR", &other)], &["-C", clone, "status"]);
    assert_eq!(named.code(0).stdout, wanted);
    let none = from(&elsewhere, &[("GIT_DIR", Path::new("/none"))]).code(2);
    assert!(none.stderr.contains("'/none'"), "{}", none.stderr);
    // It can be written, too.
    shop::edit_and_render(
        &fixture,
        "dev",
        "bump",
        "shop/cart:v1.0.0",
        "shop/cart:v1.1.0",
    );
    run(
        &elsewhere,
        &[("GIT_DIR", &git_dir)],
        &["promote", "staging", "--yes"],
    )
    .code(0);
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml"),
        fixture.file_at("env/dev", "product.yaml")
    );
    // A search that is bounded finds nothing, and nothing is damaged.
    let below = fixture.clone.join("below");
    std::fs::create_dir(&below).unwrap();
    let bounded = |command: &mut Command| {
        command.env("GIT_CEILING_DIRECTORIES", &fixture.clone);
    };
    assert!(!compare(&fixture, &below, bounded));
}
