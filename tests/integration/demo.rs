//! `demo` makes a playground beside nothing else, walks through a release in it, and leaves it in
//! order. The session in the README is what it prints, but for what differs on every machine and day.

use std::fs::File;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::support::Env;

/// One run, which takes its time.
static RUN: LazyLock<(Env, String)> = LazyLock::new(|| {
    let env = Env::new();
    let path = env.join("home/session");
    let both = File::create(&path).unwrap();
    let mut command = env.gitops_command(env.path());
    // The playground brings an author of its own.
    for role in ["AUTHOR", "COMMITTER"] {
        for fact in ["NAME", "EMAIL", "DATE"] {
            command.env_remove(format!("GIT_{role}_{fact}"));
        }
    }
    let status = command
        .arg("demo")
        .stdout(both.try_clone().unwrap())
        .stderr(both)
        .status()
        .unwrap();
    // The name depends on whether a shell would find the executable.
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("kubectl-gitops", "kubectl gitops");
    std::fs::remove_file(path).unwrap();
    assert!(status.success(), "{text}");
    (env, text)
});

#[test]
fn it_walks_to_the_end_and_git_finds_nothing_wrong() {
    let (env, session) = &*RUN;
    for command in [
        "bump-image --env dev",
        "promote prod --yes",
        "backport prod",
        "history prod",
    ] {
        assert!(
            session.contains(&format!("$ kubectl gitops {command}")),
            "{session}"
        );
    }
    assert!(
        session.contains("refused: prod has changes that staging lacks"),
        "{session}"
    );
    assert!(
        session.contains("cd gitops-demo/online-boutique"),
        "{session}"
    );

    let clone = env.join("gitops-demo/online-boutique");
    let origin = env.join("gitops-demo/origin.git");
    for repository in [&clone, &origin] {
        env.git(repository, &["fsck", "--strict"]);
    }
    assert_eq!(env.git(&clone, &["status", "--porcelain"]), "");
    let branches = env.git(&origin, &["for-each-ref", "--format=%(refname:short)"]);
    assert_eq!(branches, "env/dev\nenv/prod\nenv/staging\nmain");
}

#[test]
fn it_writes_nowhere_else() {
    let (env, _) = &*RUN;
    let mut made: Vec<_> = std::fs::read_dir(env.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert_eq!(made, ["gitops-demo", "home"]);
    assert_eq!(std::fs::read_dir(env.join("home")).unwrap().count(), 0);
}

#[test]
fn it_replaces_a_playground_only_when_told_and_nothing_else_ever() {
    let (env, _) = &*RUN;
    let tips = |env: &Env| env.git(&env.join("gitops-demo/origin.git"), &["for-each-ref"]);
    let before = tips(env);
    let again = env.gitops(env.path(), &["demo"]).code(2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    assert_eq!(tips(env), before);

    let other = Env::new();
    std::fs::write(other.join("thesis"), "years").unwrap();
    let refused = other
        .gitops(other.path(), &["demo", "--directory", ".", "--force"])
        .code(2);
    assert!(
        refused.stderr.contains("not a playground"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        std::fs::read_to_string(other.join("thesis")).unwrap(),
        "years"
    );
}
/// Leaves out ids, ages, durations and the spaces that align them.
fn comparable(text: &str) -> Vec<String> {
    let mut text = text.replace("kubectl-gitops", "kubectl gitops");
    for (pattern, replacement) in [
        (r"\b[0-9a-f]{7,64}\b", "ID"),
        (
            r"just now|\b(\d+|an?|one) (second|minute|hour|day|week|month|year)s?( ago)?\b",
            "AGE",
        ),
        (r"\b\d{4}-\d\d-\d\dT[0-9:]+Z", "TIME"),
        (r"\b\d+ ms\b", "TIME"),
        (r"(?m)^ *export PATH=.*\n", ""),
        (r"[ \t]+", " "),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, replacement)
            .into_owned();
    }
    text.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

const COMMAND: &str = "$ cargo run --release -- demo\n";

#[test]
fn the_recorded_session_is_real() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let begin = readme
        .find(&format!("{COMMAND}gitops-demo:"))
        .expect("a session in README.md");
    let begin = begin + COMMAND.len();
    let end = begin + readme[begin..].find("\n```").unwrap();
    let (recorded, real) = (comparable(&readme[begin..end]), comparable(&RUN.1));
    if std::env::var_os("UPDATE_EXAMPLES").is_some() && recorded != real {
        let path_line = Regex::new(r"(?m)^ *export PATH=.*\n").unwrap();
        let session = path_line.replace(&RUN.1, "");
        let updated = [&readme[..begin], session.trim_end(), &readme[end..]].concat();
        return std::fs::write(path, updated).unwrap();
    }
    let advice = "UPDATE_EXAMPLES=1 cargo test --test integration demo:: records it anew";
    for (line, (recorded, real)) in recorded.iter().zip(&real).enumerate() {
        assert_eq!(recorded, real, "line {} of the session; {advice}", line + 1);
    }
    assert_eq!(recorded.len(), real.len(), "{advice}");
}
