//! What every command has in common: names, options, streams, exit codes,
//! version and the completion scripts.

use crate::support::Env;
use std::path::Path;
use std::process::{Command, Stdio};

fn package(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn a_lone_name_shows_what_there_is() {
    let env = Env::new();
    let outcome = env.gitops::<&str>(env.path(), &[]).code(0);
    assert!(outcome.stdout.contains("Commands:"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("Exit codes:"), "{}", outcome.stdout);
    assert_eq!(outcome.stderr, "");
}

#[test]
fn help_is_spelled_as_it_was_typed() {
    let env = Env::new();
    let outcome = env.gitops(env.path(), &["completion", "--help"]).code(0);
    assert!(
        outcome.stdout.contains("Usage: kubectl-gitops completion"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("<(kubectl-gitops completion bash)"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_mistyped_command_is_a_usage_error_with_a_proposal() {
    let env = Env::new();
    let outcome = env.gitops(env.path(), &["versoin"]).code(2);
    assert_eq!(outcome.stdout, "");
    assert!(outcome.stderr.contains("'version'"), "{}", outcome.stderr);
    env.gitops(env.path(), &["version", "-o", "xml"]).code(2);
    env.gitops(env.path(), &["version", "--request-timeout", "soon"])
        .code(2);
}

#[test]
fn kubectls_options_are_accepted_behind_the_command() {
    let env = Env::new();
    let line = [
        "version",
        "--kubeconfig",
        "/nowhere",
        "--context=a",
        "--cluster=b",
        "--user=c",
        "-n",
        "d",
        "--as=e",
        "--as-group=f",
        "--as-group=g",
        "--request-timeout=1m30s",
        "-v=0",
        "--remote=h",
        "--offline",
        "-C",
        ".",
    ];
    env.gitops(env.path(), &line).code(0);
}

#[test]
fn version_answers_with_data() {
    let env = Env::new();
    let text = env.gitops(env.path(), &["version"]).code(0).stdout;
    assert!(
        text.starts_with(concat!("kubectl-gitops ", env!("CARGO_PKG_VERSION"), " (")),
        "{text}"
    );
    let json = env
        .gitops(env.path(), &["version", "-o", "json"])
        .code(0)
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["apiVersion"], "kubectl-gitops/v1alpha1");
    assert_eq!(json["kind"], "Version");
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    let yaml = env
        .gitops(env.path(), &["version", "-o", "yaml"])
        .code(0)
        .stdout;
    let yaml: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
    assert_eq!(yaml, json);
}

#[test]
fn colour_is_written_only_when_it_is_asked_for() {
    let env = Env::new();
    let plain = env.gitops(env.path(), &["--nonsense"]).code(2).stderr;
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let colored = env
        .gitops(env.path(), &["--color=always", "--nonsense"])
        .code(2)
        .stderr;
    assert!(colored.contains('\u{1b}'), "{colored:?}");
    let never = env
        .gitops(env.path(), &["--nonsense", "--color", "never"])
        .code(2)
        .stderr;
    assert_eq!(never, plain);
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let env = Env::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let outcome = env
        .gitops_command(env.path())
        .args(["completion", "zsh"])
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_could_not_be_written_is_a_failure() {
    let env = Env::new();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let outcome = env
        .gitops_command(env.path())
        .arg("version")
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(5));
    let error = String::from_utf8_lossy(&outcome.stderr);
    assert!(
        error.starts_with("error: the answer could not be written"),
        "{error}"
    );
}

#[test]
fn committed_completion_scripts_are_the_ones_that_are_printed() {
    let env = Env::new();
    for (shell, file) in [
        ("bash", "kubectl-gitops.bash"),
        ("zsh", "_kubectl-gitops"),
        ("fish", "kubectl-gitops.fish"),
        ("powershell", "kubectl-gitops.ps1"),
    ] {
        let printed = env
            .gitops(env.path(), &["completion", shell])
            .code(0)
            .stdout;
        let committed = std::fs::read_to_string(package("completions").join(file)).unwrap();
        assert!(
            printed == committed,
            "completions/{file} is not what is printed: kubectl-gitops completion {shell} > completions/{file}"
        );
    }
}

/// What bash would offer for `line`, asked through the committed script.
fn bash_offers(env: &Env, line: &[&str]) -> Vec<String> {
    let binary = Path::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
    let words = line
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(" ");
    let script = format!(
        "PATH={}:$PATH\nsource {}\nCOMP_WORDS=({words})\nCOMP_CWORD={}\nCOMP_TYPE=9\n\
         _clap_complete_kubectl_gitops kubectl-gitops '{}' x 2>/dev/null\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
        binary.parent().unwrap().display(),
        package("completions/kubectl-gitops.bash").display(),
        line.len() - 1,
        line.last().unwrap(),
    );
    let outcome = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(env.path())
        .output()
        .unwrap();
    String::from_utf8(outcome.stdout)
        .unwrap()
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

#[test]
fn environments_and_components_are_completed_from_the_clone() {
    let fixture = crate::status::shop();
    fixture.pull();
    let offers = |line: &[&str]| {
        let words = [&["__complete"], line].concat();
        fixture.run(&words).code(0).stdout
    };
    assert_eq!(
        offers(&["promote", ""]),
        "dev\tbranch env/dev\nstaging\tpromoted from dev\nprod\tpromoted from staging\n:4\n"
    );
    assert_eq!(
        offers(&["status", "pr"]),
        "prod\tpromoted from staging\n:4\n"
    );
    assert_eq!(
        offers(&["promote", "prod", "--only", "c"]),
        "cart\tv1.0.0\n:4\n"
    );
    // Elsewhere there is nothing to name, and nothing is said about it.
    let elsewhere = fixture
        .env
        .gitops(fixture.env.path(), &["__complete", "status", ""]);
    assert_eq!(elsewhere.stdout, ":4\n");
    let named = ["__complete", "status", "-C", "clone", "st"];
    let named = fixture.env.gitops(fixture.env.path(), &named).code(0);
    assert_eq!(named.stdout, "staging\tpromoted from dev\n:4\n");
    assert_eq!(named.stderr, "");
}

#[test]
fn bash_completes_commands_options_and_values() {
    let env = Env::new();
    assert_eq!(bash_offers(&env, &["kubectl-gitops", "vers"]), ["version"]);
    assert_eq!(
        bash_offers(&env, &["kubectl-gitops", "version", "-o", ""]),
        ["text", "json", "yaml"]
    );
    assert_eq!(
        bash_offers(&env, &["kubectl-gitops", "version", "--off"]),
        ["--offline"]
    );
}
