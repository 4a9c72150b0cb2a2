//! The plugin as kubectl finds, starts and completes it: with the real kubectl.

use crate::support::Env;
use crate::support::env::Outcome;
use crate::support::process::program;
use std::path::{Path, PathBuf};

/// An environment whose `PATH` has this build as a plugin.
struct Plugin {
    env: Env,
    folder: PathBuf,
}

impl Plugin {
    fn new() -> Self {
        let env = Env::new();
        let folder = env.join("plugins");
        std::fs::create_dir(&folder).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
        std::os::unix::fs::symlink(binary, folder.join("kubectl-gitops")).unwrap();
        Self { env, folder }
    }

    fn run(&self, name: impl AsRef<std::ffi::OsStr>, line: &[&str]) -> Outcome {
        let mut command = self.env.command(name, self.env.path());
        let mut search = self.folder.clone().into_os_string();
        search.push(":");
        search.push(std::env::var_os("PATH").unwrap());
        Env::finish(command.args(line).env("PATH", search))
    }

    fn kubectl(&self, line: &[&str]) -> Outcome {
        self.run(program("kubectl"), line)
    }
}

#[test]
fn kubectl_runs_the_plugin_and_is_named_in_its_help() {
    let plugin = Plugin::new();
    let version = plugin.kubectl(&["gitops", "version"]).code(0);
    assert!(
        version.stdout.starts_with("kubectl-gitops "),
        "{}",
        version.stdout
    );
    let help = plugin.kubectl(&["gitops", "completion", "--help"]).code(0);
    assert!(
        help.stdout.contains("Usage: kubectl gitops completion"),
        "{}",
        help.stdout
    );
    assert!(
        help.stdout.contains("<(kubectl gitops completion bash)"),
        "{}",
        help.stdout
    );
    // Exit codes reach the shell through kubectl.
    plugin.kubectl(&["gitops", "nonsense"]).code(2);
}

#[test]
fn kubectl_completes_once_the_link_is_installed() {
    let plugin = Plugin::new();
    let before = plugin.kubectl(&["__complete", "gitops", "vers"]);
    assert!(!before.stdout.contains("version"), "{}", before.stdout);

    let made = plugin.kubectl(&["gitops", "completion", "install"]).code(0);
    let link = plugin.folder.join("kubectl_complete-gitops");
    assert_eq!(made.stdout, format!("{} made\n", link.display()));
    assert!(link.is_symlink());
    assert_eq!(made.stderr, "");

    let offered = plugin.kubectl(&["__complete", "gitops", "vers"]).code(0);
    assert!(
        offered.stdout.starts_with("version\t"),
        "{}",
        offered.stdout
    );
    assert!(offered.stdout.ends_with("\n:4\n"), "{}", offered.stdout);
    let formats = plugin
        .kubectl(&["__complete", "gitops", "version", "-o", ""])
        .code(0);
    assert_eq!(formats.stdout, "text\njson\nyaml\n:4\n");

    let again = plugin.kubectl(&["gitops", "completion", "install"]).code(0);
    assert_eq!(
        again.stdout,
        format!("{} is there already\n", link.display())
    );
}

#[test]
fn the_link_is_made_where_a_typed_name_was_found() {
    let plugin = Plugin::new();
    plugin
        .run("kubectl-gitops", &["completion", "install"])
        .code(0);
    assert!(plugin.folder.join("kubectl_complete-gitops").is_symlink());
}

#[test]
fn something_else_of_that_name_is_left_alone() {
    let plugin = Plugin::new();
    let link = plugin.folder.join("kubectl_complete-gitops");
    std::fs::write(&link, "#!/bin/sh\n").unwrap();
    let refused = plugin.kubectl(&["gitops", "completion", "install"]).code(2);
    assert!(
        refused.stderr.contains("something else stands there"),
        "{}",
        refused.stderr
    );
    assert_eq!(std::fs::read_to_string(&link).unwrap(), "#!/bin/sh\n");
}

#[test]
fn cobras_own_request_is_answered_too() {
    let plugin = Plugin::new();
    let offered = plugin
        .run("kubectl-gitops", &["__complete", "completion", ""])
        .code(0);
    assert!(
        offered
            .stdout
            .starts_with("bash\nzsh\nfish\npowershell\ninstall"),
        "{}",
        offered.stdout
    );
}
