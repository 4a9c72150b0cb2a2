//! Completion requests: from the scripts that `completion` prints, and from
//! kubectl, which asks plugins in cobra's format.
//!
//! A completer that fails says nothing: a message in the middle of a half
//! typed line helps nobody.

use std::ffi::OsString;
use std::io::Write as _;

use clap::ColorChoice;
use clap_complete::engine::{self, ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;

use super::candidates::{Facts, Values};
use super::edge::args::parser;
use super::edge::context::{current_directory, variable};
use super::edge::program::Program;

/// The variable by which a shell script asks; its value names the shell.
pub(super) const SHELL_VARIABLE: &str = "KUBECTL_GITOPS_COMPLETE";

/// What cobra calls the request to complete a line.
const COBRA_REQUEST: &str = "__complete";

/// Tells the shell not to offer files: those that fit are candidates already.
const NO_FILES: u8 = 4;
/// Tells the shell not to add a blank, because the word goes on.
const NO_SPACE: u8 = 2;

/// Answers a shell script's request and returns the exit code, or returns
/// `None` when this is an ordinary run.
pub(super) fn for_shell(argv: &[OsString]) -> Option<u8> {
    if argv.get(1).is_some_and(|word| word == COBRA_REQUEST) {
        return Some(cobra(argv.get(2..).unwrap_or_default()));
    }
    let shell = variable(SHELL_VARIABLE)?;
    let shells = Shells::builtins();
    let completer = shells.completer(&shell.to_string_lossy())?;
    let line = argv.iter().position(|word| word == "--")? + 1;
    let words: Vec<OsString> = argv.get(line..)?.to_vec();
    let mut parser = parser_with_values(&words);
    let mut answer = Vec::new();
    completer
        .write_complete(
            &mut parser,
            words,
            current_directory().ok().as_deref(),
            &mut answer,
        )
        .ok();
    Some(write(&answer))
}

/// Answers kubectl: the words after `kubectl gitops`, the last being the one
/// that is typed.
pub(super) fn for_kubectl(argv: &[OsString]) -> u8 {
    cobra(argv.get(1..).unwrap_or_default())
}

fn cobra(typed: &[OsString]) -> u8 {
    let mut words = vec![OsString::from("kubectl-gitops")];
    words.extend_from_slice(typed);
    if typed.is_empty() {
        words.push(OsString::new());
    }
    let mut parser = parser_with_values(&words);
    let index = words.len() - 1;
    // Options are many; like kubectl, wait for a dash before offering them.
    let options_wanted = words[index].to_string_lossy().starts_with('-');
    let mut candidates = engine::complete(
        &mut parser,
        words,
        index,
        current_directory().ok().as_deref(),
    )
    .unwrap_or_default();
    candidates.retain(|candidate| {
        options_wanted || !candidate.get_value().to_string_lossy().starts_with('-')
    });
    write(cobra_answer(&candidates).as_bytes())
}

/// One candidate a line, a tab before its description, and a last line with
/// the sum of cobra's directives.
fn cobra_answer(candidates: &[CompletionCandidate]) -> String {
    let mut answer = String::new();
    let mut directive = NO_FILES;
    let mut goes_on = !candidates.is_empty();
    for candidate in candidates {
        let value = candidate.get_value().to_string_lossy();
        goes_on &= value.ends_with(['/', '=', ':']);
        answer.push_str(&value);
        if let Some(help) = candidate.get_help() {
            let help = help.to_string();
            if let Some(line) = help.lines().next() {
                answer.push('\t');
                answer.push_str(line);
            }
        }
        answer.push('\n');
    }
    if goes_on {
        directive |= NO_SPACE;
    }
    format!("{answer}:{directive}\n")
}

fn write(answer: &[u8]) -> u8 {
    // A shell that no longer listens is no failure.
    let mut stream = std::io::stdout().lock();
    let _ = stream.write_all(answer).and_then(|()| stream.flush());
    0
}

/// The grammar, with candidates for the values that only a repository or a
/// kubeconfig can name. Which those are is told by the value's name.
fn parser_with_values(words: &[OsString]) -> clap::Command {
    let facts = Facts::of(words);
    with_values(parser(Program::Plugin, ColorChoice::Never), &facts)
}

fn with_values(command: clap::Command, facts: &Facts) -> clap::Command {
    command
        .mut_args(|argument| {
            let name = argument
                .get_value_names()
                .and_then(|names| names.first())
                .map(ToString::to_string);
            match name.as_deref().and_then(Values::named) {
                Some(values) => {
                    let facts = facts.clone();
                    argument.add(ArgValueCandidates::new(move || values.candidates(&facts)))
                }
                None => argument,
            }
        })
        .mut_subcommands(|command| with_values(command, facts))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn kubectl_reads_cobras_format() {
        let candidates = [
            CompletionCandidate::new("status").help(Some("What runs where\nMore".into())),
            CompletionCandidate::new("schema"),
        ];
        assert_eq!(
            cobra_answer(&candidates),
            "status\tWhat runs where\nschema\n:4\n"
        );
        assert_eq!(cobra_answer(&[]), ":4\n");
        let folder = [CompletionCandidate::new("examples/")];
        assert_eq!(cobra_answer(&folder), "examples/\n:6\n");
    }
}
