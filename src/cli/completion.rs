//! `completion`: the scripts that make a shell ask this executable for
//! candidates, and the link by which kubectl finds them.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap_complete::env::Shells;

use super::complete::SHELL_VARIABLE;
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::program::COMPLETION_NAME;

/// Print a completion script, or make `kubectl gitops <Tab>` work
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    source <(kubectl gitops completion bash)       in ~/.bashrc, for kubectl-gitops\n  \
    kubectl gitops completion install              for kubectl gitops, in every shell where kubectl completes")]
pub(super) struct Args {
    /// The shell to print a script for, or `install` to link kubectl_complete-gitops beside this executable
    #[arg(value_name = "SHELL")]
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    Bash,
    Zsh,
    Fish,
    Powershell,
    /// Link kubectl_complete-gitops beside this executable
    Install,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let shell = match args.what {
        What::Bash => "bash",
        What::Zsh => "zsh",
        What::Fish => "fish",
        What::Powershell => "powershell",
        What::Install => return install(context),
    };
    let script = script(shell).map_err(|error| Failure::new(FailureKind::Bug, error))?;
    context.ui.answer(&script);
    Ok(Exit::Ok)
}

fn script(shell: &str) -> io::Result<String> {
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell)
        .ok_or_else(|| io::Error::other(format!("no completer for {shell}")))?;
    let mut script = Vec::new();
    completer.write_registration(
        SHELL_VARIABLE,
        "kubectl-gitops",
        "kubectl-gitops",
        "kubectl-gitops",
        &mut script,
    )?;
    let script = String::from_utf8_lossy(&script);
    Ok(format!("{}\n", script.trim()))
}

fn install(context: &Context) -> Result<Exit, Failure> {
    let failed = |what: String| {
        move |error: io::Error| {
            let error = anyhow::Error::new(error).context(what);
            Failure::new(FailureKind::Usage, error)
        }
    };
    let executable = context
        .called_as()
        .map_err(failed("this executable was not found".to_owned()))?;
    let link =
        executable.with_file_name(format!("{COMPLETION_NAME}{}", std::env::consts::EXE_SUFFIX));
    let made = link_to(&executable, &link)
        .map_err(failed(format!("{} cannot be made", link.display())))?;
    context.ui.answer(&format!(
        "{} {}\n",
        link.display(),
        if made { "made" } else { "is there already" }
    ));
    let on_path = context.variable("PATH").is_some_and(|search| {
        std::env::split_paths(&search).any(|folder| Some(folder.as_path()) == link.parent())
    });
    if !on_path {
        context.ui.hint(format!(
            "kubectl looks for it in PATH, where {} is not",
            link.parent().unwrap_or(Path::new(".")).display()
        ));
    }
    Ok(Exit::Ok)
}

/// Makes `link` lead to `executable`; `false` when it does already. Something
/// else of that name is left alone.
fn link_to(executable: &Path, link: &Path) -> io::Result<bool> {
    if link.canonicalize().ok() == executable.canonicalize().ok() {
        return Ok(false);
    }
    if link.symlink_metadata().is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "something else stands there",
        ));
    }
    let name = executable
        .file_name()
        .map(PathBuf::from)
        .unwrap_or_default();
    make_link(&name, executable, link)?;
    Ok(true)
}

#[cfg(unix)]
fn make_link(name: &Path, _: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(name, link)
}

/// Symbolic links need a privilege on Windows.
#[cfg(not(unix))]
fn make_link(_: &Path, executable: &Path, link: &Path) -> io::Result<()> {
    std::fs::hard_link(executable, link).or_else(|_| std::fs::copy(executable, link).map(|_| ()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_a_script_that_asks_this_executable() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let script = script(shell).unwrap();
            assert!(script.contains("kubectl-gitops"), "{shell}: {script}");
            assert!(script.contains(SHELL_VARIABLE), "{shell}: {script}");
        }
    }

    #[test]
    fn the_link_is_made_once_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let executable = folder.join("kubectl-gitops");
        std::fs::write(&executable, "program").unwrap();
        let link = folder.join(COMPLETION_NAME);
        assert!(link_to(&executable, &link).unwrap());
        assert!(!link_to(&executable, &link).unwrap());
        assert_eq!(std::fs::read(&link).unwrap(), b"program");

        let other = folder.join("other");
        std::fs::write(&other, "mine").unwrap();
        let error = link_to(&executable, &other).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&other).unwrap(), b"mine");
    }
}
