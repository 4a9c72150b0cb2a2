//! Types what the program offers, as a person would: each kind of hint that any test sees
//! is run once, literally, in a copy of that test's repositories.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use super::env::{Env, Outcome};

/// Verbs that ask before they write.
const WRITING: [&str; 5] = ["promote", "backport", "rollback", "bump-image", "render"];

/// Runs the commands that `outcome` offers, those of a kind that no test has seen yet.
#[track_caller]
pub fn follow(env: &Env, dir: &Path, outcome: &Outcome) {
    let Ok(below) = dir.strip_prefix(env.path()) else {
        return;
    };
    for command in offered(&outcome.stderr) {
        if is_new(&command) && is_local(dir) {
            try_out(env, below, &command, outcome);
        }
    }
}

/// The commands behind the words of hints.
fn offered(stderr: &str) -> Vec<String> {
    let command = |line: &str| {
        let hint = line.strip_prefix("hint: ")?;
        let starts = [": kubectl-gitops ", ": git "];
        let at = starts.iter().filter_map(|start| hint.find(start)).min()?;
        Some(hint[at + 2..].to_owned())
    };
    stderr.lines().filter_map(command).collect()
}

/// Whether nobody has seen a command with this verb and these options yet.
fn is_new(command: &str) -> bool {
    static SEEN: OnceLock<Mutex<BTreeSet<String>>> = OnceLock::new();
    let verb = |word: &&str| word.starts_with('-') || WRITING.contains(word) || *word == "git";
    let shape: Vec<&str> = command.split(' ').filter(verb).collect();
    let seen = SEEN.get_or_init(Mutex::default);
    let mut seen = seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    seen.insert(shape.join(" "))
}

/// Whether a copy of the folder has copies of its remotes, too.
fn is_local(dir: &Path) -> bool {
    let output = Command::new("git")
        .args(["config", "--get-regexp", r"^remote\..*url$"])
        .current_dir(dir)
        .stderr(Stdio::null())
        .output();
    let text = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    text.is_ok_and(|text| !text.contains("http://") && !text.contains("ssh"))
}

#[track_caller]
fn try_out(env: &Env, below: &Path, command: &str, offered_by: &Outcome) {
    let copy = tempfile::TempDir::with_prefix("gitops-hint-").expect("a temporary folder");
    let status = Command::new("cp")
        .arg("-a")
        .arg(env.path().join("."))
        .arg(copy.path())
        .status();
    assert!(status.is_ok_and(|it| it.success()), "cp");
    let (old, new) = (env.path().display(), copy.path().display());
    let mut line = command.replace(&old.to_string(), &new.to_string());
    let asks = WRITING
        .iter()
        .any(|verb| line.contains(&format!(" {verb} ")));
    if asks && !line.contains("--dry-run") && !line.contains("--yes") {
        line.push_str(" --yes");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
    let search = std::env::var_os("PATH").unwrap_or_default();
    let folders = program.parent().map(Path::to_owned).into_iter();
    let search = std::env::join_paths(folders.chain(std::env::split_paths(&search)));
    let mut shell = env.command("sh", &copy.path().join(below));
    shell
        .args(["-c", &line])
        .env("PATH", search.expect("a search path"))
        .env("HOME", copy.path().join("home"))
        .env("GIT_CONFIG_COUNT", "2")
        .env("GIT_CONFIG_KEY_0", format!("url.file://{new}/.insteadOf"))
        .env("GIT_CONFIG_VALUE_0", format!("file://{old}/"))
        .env("GIT_CONFIG_KEY_1", format!("url.{new}/.insteadOf"))
        .env("GIT_CONFIG_VALUE_1", format!("{old}/"));
    let done = Env::finish(&mut shell);
    let wrong = !matches!(done.status, 0 | 1 | 3);
    let same_words = done.status == 3 && done.stderr == offered_by.stderr;
    assert!(
        !wrong && !same_words,
        "the offered command does not help: {line}\nit ended with {}\n{}{}\nit was offered by\n{}",
        done.status,
        done.stdout,
        done.stderr,
        offered_by.stderr
    );
}

#[test]
fn commands_are_found_behind_the_words_of_hints() {
    let text = "error: x\n  nothing was written\nhint: undo it: kubectl-gitops rollback prod\n\
                hint: wait\nhint: begin: it: git push origin a:b\n";
    assert_eq!(
        offered(text),
        ["kubectl-gitops rollback prod", "git push origin a:b"]
    );
}
