//! The map in src/lib.rs, enforced: which room may know which other room and
//! which crate, how long a file may grow, and what a room may not be called.
//! Unit tests, inside a file or in a `tests.rs` beside it, are free to reach further.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each room may import; itself is understood. `cli` may import all.
const ROOMS: [(&str, &[&str]); 19] = [
    // What must not be shown, and how it is masked. All may ask it.
    ("confidential", &[]),
    // What has a limit wherever it comes from. All may use them.
    ("files", &[]),
    ("glob", &[]),
    ("repo", &[]),
    ("yaml", &[]),
    ("image", &[]),
    ("product", &["yaml", "repo", "image"]),
    ("resource", &["yaml", "repo"]),
    (
        "template",
        &["product", "resource", "yaml", "repo", "image"],
    ),
    (
        "promotion",
        &["product", "resource", "template", "yaml", "repo", "image"],
    ),
    (
        "check",
        &["product", "resource", "template", "yaml", "repo", "image"],
    ),
    ("config", &["product", "yaml", "repo", "image"]),
    ("git", &["repo"]),
    ("registry", &["image"]),
    ("cluster", &["resource", "repo", "yaml"]),
    ("schema", &["check", "yaml"]),
    (
        "ops",
        &[
            "config",
            "product",
            "promotion",
            "resource",
            "template",
            "check",
            "yaml",
            "repo",
            "image",
            "git",
            "registry",
            "cluster",
            "schema",
        ],
    ),
    (
        "report",
        &[
            "ops",
            "config",
            "product",
            "promotion",
            "resource",
            "template",
            "check",
            "yaml",
            "repo",
            "image",
        ],
    ),
    (
        "cli",
        &[
            "ops",
            "report",
            "config",
            "product",
            "promotion",
            "resource",
            "template",
            "check",
            "yaml",
            "repo",
            "image",
            "git",
            "registry",
            "cluster",
            "schema",
        ],
    ),
];

/// Rooms that all may import, and that import nothing.
const EVERYWHERE: [&str; 3] = ["confidential", "files", "glob"];

/// The rooms in which a crate may be named.
const CRATES: [(&str, &[&str]); 19] = [
    ("anyhow", &["cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    // In confidential to strip escape sequences from texts of other programs.
    ("console", &["cli", "confidential"]),
    ("dialoguer", &["cli"]),
    ("indicatif", &["cli"]),
    ("git2", &["git"]),
    ("k8s_openapi", &["cluster"]),
    ("kube", &["cluster"]),
    ("http", &["cluster", "registry"]),
    // For reading an answer piece by piece, up to a bound.
    ("http_body", &["cluster"]),
    ("oci_distribution", &["registry"]),
    ("reqwest", &["registry"]),
    // The provider is installed once, before any client is made.
    ("rustls", &["cli", "cluster", "registry"]),
    // In cli for one signal only: Ctrl-C while a prompt hides the cursor.
    ("tokio", &["cli", "cluster", "registry"]),
    ("granit_parser", &["yaml"]),
    // In confidential to read documents inside of texts, which nothing is written back to.
    ("serde_yaml", &["yaml", "confidential"]),
    ("minijinja", &["template"]),
    // Its own constructor panics on some globs.
    ("globset", &["glob"]),
];

/// Names that say nothing about what a file is for.
const EMPTY_NAMES: [&str; 9] = [
    "util", "utils", "common", "helper", "helpers", "core", "manager", "misc", "shared",
];

/// The aim is 500; beyond this a file has to be split.
const MOST_LINES: usize = 600;

struct Source {
    /// Relative to the package, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The lines that are neither comment nor unit test, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.before_tests()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
            .map(|(number, line)| (number, line.split(" // ").next().unwrap_or(line)))
    }

    fn before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .take_while(|line| line.trim_end() != "#[cfg(test)]")
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    fn room(&self) -> &str {
        let path = self.path.strip_prefix("src/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or(path)
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![root.join(folder)];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                found.push(Source {
                    path: path
                        .strip_prefix(root)
                        .unwrap()
                        .to_string_lossy()
                        .replace('\\', "/"),
                    text: std::fs::read_to_string(&path).unwrap(),
                });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// The first segments of every path in `line` that begins with `head`,
/// braces after it included: `crate::{git::Git, repo}` gives git and repo.
fn segments_after<'a>(line: &'a str, head: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    for (start, _) in line.match_indices(head) {
        if start > 0
            && line[..start].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
        {
            continue;
        }
        let rest = &line[start + head.len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            None => vec![rest],
            Some(list) => top_level(list),
        };
        for name in names {
            let name = name.trim_start();
            let end = name
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(name.len());
            if end > 0 {
                found.insert(&name[..end]);
            }
        }
    }
    found
}

/// The entries of a brace list, up to its end, inner braces kept whole.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut entries) = (0, 0, Vec::new());
    for (index, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                entries.push(&list[start..index]);
                return entries;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                entries.push(&list[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    entries.push(&list[start..]);
    entries
}

fn report(mut wrong: Vec<String>) {
    wrong.sort();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn rooms_know_only_the_rooms_below_them() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        let room = source.room();
        if room.ends_with(".rs") {
            continue;
        }
        let allowed = ROOMS
            .iter()
            .find(|(name, _)| *name == room)
            .map(|(_, allowed)| *allowed)
            .unwrap_or_else(|| panic!("{} is in a room that is not on the map", source.path));
        // A `use` may go over several lines; join them before reading.
        let (mut statement, mut first) = (String::new(), 0);
        for (number, line) in source.code() {
            if statement.is_empty() {
                first = number;
            }
            statement.push_str(line.trim());
            let open = statement.matches('{').count() > statement.matches('}').count();
            if statement.contains("use crate::{") && open {
                continue;
            }
            for other in segments_after(&statement, "crate::") {
                let is_room = ROOMS.iter().any(|(name, _)| *name == other);
                let everywhere = EVERYWHERE.contains(&other);
                if is_room && other != room && !everywhere && !allowed.contains(&other) {
                    wrong.push(format!(
                        "{}:{first}: {room} may not know {other}",
                        source.path
                    ));
                }
            }
            statement.clear();
        }
    }
    report(wrong);
}

/// Operations that others may use: what they all need to read, to say and to write.
const SHARED: [&str; 13] = [
    "commit",
    "comparison",
    "edited",
    "estate",
    "followed",
    "history",
    "pins",
    "publish",
    "records",
    "registries",
    "right_cluster",
    "together",
    // Whether a plan brings errors of its own.
    "validate",
];

#[test]
fn no_verb_knows_another_one() {
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for source in sources("src/ops") {
        let path = source.path.strip_prefix("src/ops/").unwrap();
        let verb = path.split('/').next().unwrap().trim_end_matches(".rs");
        for (number, line) in source.code() {
            let mut named = segments_after(line, "crate::ops::");
            if path.matches('/').count() == 0 && verb != "mod" {
                named.extend(segments_after(line, "super::"));
            }
            for other in named {
                if SHARED.contains(&other) {
                    seen.insert(other.to_owned());
                    continue;
                }
                let is_verb = other.starts_with(|c: char| c.is_lowercase());
                if is_verb && other != verb && verb != "mod" {
                    wrong.push(format!(
                        "{}:{number}: {verb} may not know {other}",
                        source.path
                    ));
                }
            }
        }
    }
    let blind = SHARED.iter().filter(|name| !seen.contains(**name));
    wrong.extend(blind.map(|name| format!("{name}: nothing else uses it")));
    report(wrong);
}

#[test]
fn the_map_has_no_circles() {
    // Every room may import only rooms that stand before it in the table.
    for (index, (room, allowed)) in ROOMS.iter().enumerate() {
        for other in *allowed {
            let place = ROOMS.iter().position(|(name, _)| name == other).unwrap();
            assert!(place < index, "{room} and {other}");
        }
    }
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        for (number, line) in source.code() {
            for (name, allowed) in CRATES {
                let named = !segments_after(line, &format!("{name}::")).is_empty()
                    || line.trim().trim_start_matches("pub ") == format!("use {name};");
                if named && !allowed.contains(&source.room()) {
                    wrong.push(format!(
                        "{}:{number}: {name} belongs to {allowed:?}",
                        source.path
                    ));
                }
            }
        }
    }
    report(wrong);
}

#[test]
fn the_world_outside_is_met_in_one_place_each() {
    let places: [(&[&str], &[&str]); 5] = [
        (
            &["Command::new("],
            &[
                "src/git/command.rs",
                "src/registry/credential_helper.rs",
                "src/cluster/plugin.rs",
            ],
        ),
        (
            &[
                "env::var",
                "env::args",
                "env::current_dir",
                "env::current_exe",
                "env::home_dir",
            ],
            &["src/cli/edge/", "src/main.rs"],
        ),
        (
            &[
                "SystemTime::now",
                "Instant::now",
                "Timestamp::now",
                "Zoned::now",
            ],
            &["src/cli/edge/"],
        ),
        (
            &[
                "fs::read(",
                "fs::read_to_string(",
                "File::open(",
                ".read_to_end(",
                ".read_to_string(",
            ],
            &[
                "src/files/",
                // Its own files in the cache and in `.git`.
                "src/git/",
                // What the program itself brings along.
                "src/schema/embedded.rs",
                "src/ops/demo/",
                // The answers of helpers, cut, and what git asks one.
                "src/registry/credential_helper.rs",
                "src/cli/edge/credential.rs",
                // What the system says of this process.
                "src/cli/edge/interrupt.rs",
            ],
        ),
        (
            &[
                "println!",
                "eprintln!",
                "print!(",
                "io::stdout",
                "io::stderr",
                "io::stdin",
            ],
            &["src/cli/"],
        ),
    ];
    let mut wrong = Vec::new();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for source in sources("src") {
        for (number, line) in source.code() {
            for (names, allowed) in places {
                for name in names.iter().filter(|name| line.contains(**name)) {
                    match allowed.iter().find(|it| source.path.starts_with(**it)) {
                        Some(place) => _ = used.insert(place),
                        None => wrong.push(format!("{}:{number}: {name}", source.path)),
                    }
                }
            }
        }
    }
    // A place that meets nothing is a clause that has gone blind.
    let all = places.iter().flat_map(|(_, allowed)| allowed.iter());
    let blind = all.filter(|place| !used.contains(**place));
    wrong.extend(blind.map(|place| format!("{place}: nothing of it is met there")));
    report(wrong);
}

#[test]
fn files_say_what_they_own_and_stay_readable_in_one_sitting() {
    let mut wrong = Vec::new();
    for source in sources("src") {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{}: does not open with what it owns", source.path));
        }
        let lines = source.before_tests().count();
        if lines > MOST_LINES {
            wrong.push(format!("{}: {lines} lines before its tests", source.path));
        }
    }
    report(wrong);
}

#[test]
fn names_say_what_a_file_is_for() {
    let mut wrong = Vec::new();
    for source in sources("src").into_iter().chain(sources("tests")) {
        let empty = source
            .path
            .trim_end_matches(".rs")
            .split('/')
            .any(|segment| EMPTY_NAMES.contains(&segment));
        if empty {
            wrong.push(source.path);
        }
    }
    report(wrong);
}

#[test]
fn imports_are_read_as_rust_reads_them() {
    let names = |line: &'static str| {
        segments_after(line, "crate::")
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(names("use crate::git::Git;"), ["git"]);
    assert_eq!(
        names("pub(crate) use crate::{git::{A, B}, repo};"),
        ["git", "repo"]
    );
    assert_eq!(names("let a = crate::yaml::to_yaml(b);"), ["yaml"]);
    assert_eq!(names("use my_crate::git;"), Vec::<&str>::new());
}
