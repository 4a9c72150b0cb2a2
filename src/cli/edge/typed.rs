//! The command line that was typed, to be repeated by a hint with all that was said in it.

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};

use super::hint::CommandLine;
use crate::git::RepositoryUrl;

/// What says how a run is shown, not what it does.
const NOT_REPEATED: [&str; 9] = [
    "dry_run",
    "yes",
    "format",
    "plan_out",
    "apply",
    "color",
    "verbosity",
    "offline",
    "interactive",
];

/// A command line as it was understood.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Typed {
    /// The options that say where this program works, as words.
    place: Vec<String>,
    command: CommandLine,
}

impl Typed {
    /// Reads what was typed; `grammar` is the one that it was parsed with.
    pub(in crate::cli) fn new(grammar: &clap::Command, matches: &ArgMatches) -> Self {
        let mut place = Vec::new();
        let mut command = CommandLine::gitops::<String>([]);
        if let Some((name, own)) = matches.subcommand()
            && let Some(verb) = grammar.find_subcommand(name)
        {
            let arguments: Vec<&Arg> = verb.get_arguments().collect();
            let mut words = vec![name.to_owned()];
            for argument in arguments.iter().filter(|it| it.is_positional()) {
                words.extend(values(argument, own).into_iter().flatten());
            }
            command = CommandLine::gitops(words);
            for argument in arguments.iter().filter(|it| !it.is_positional()) {
                if !argument.is_global_set() {
                    command = repeat(command, argument, own);
                }
            }
            for argument in grammar.get_arguments().filter(|it| it.is_global_set()) {
                for value in values(argument, own) {
                    place.extend(placed(argument, value));
                }
            }
        }
        Self { place, command }
    }

    /// The same command once more.
    pub(in crate::cli) fn again(&self) -> CommandLine {
        self.command.clone()
    }

    /// The options that say where this program works, as words.
    pub(in crate::cli) fn place(&self) -> &[String] {
        &self.place
    }
}

fn repeat(command: CommandLine, argument: &Arg, matches: &ArgMatches) -> CommandLine {
    let name = name_of(argument);
    let several = argument
        .get_num_args()
        .is_some_and(|many| many.min_values() > 1);
    let may_lack = argument
        .get_num_args()
        .is_some_and(|many| many.min_values() == 0 && many.max_values() > 0);
    values(argument, matches)
        .into_iter()
        .fold(command, |command, values| {
            match (several, may_lack, values.as_slice()) {
                (true, _, _) => command.words(&name, values),
                (false, true, [value]) if !value.is_empty() => command.touching(&name, value),
                (false, true, _) => command.flag(&name),
                (false, false, _) => command.option(&name, values),
            }
        })
}

/// The values of each time that an argument was typed.
fn values(argument: &Arg, matches: &ArgMatches) -> Vec<Vec<String>> {
    let id = argument.get_id().as_str();
    let typed = matches.try_contains_id(id).is_ok()
        && matches.value_source(id) == Some(ValueSource::CommandLine);
    if !typed || NOT_REPEATED.contains(&id) {
        return Vec::new();
    }
    if matches!(
        argument.get_action(),
        ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count
    ) {
        return vec![Vec::new()];
    }
    let Some(occurrences) = matches.get_raw_occurrences(id) else {
        return Vec::new();
    };
    occurrences
        .map(|values| values.map(|it| it.to_string_lossy().into_owned()).collect())
        .collect()
}

/// An option that says where this program works. An address is repeated without its login.
fn placed(argument: &Arg, values: Vec<String>) -> Vec<String> {
    let mut words = vec![name_of(argument)];
    if argument.get_id() == "repo"
        && let [word] = values.as_slice()
    {
        let url = RepositoryUrl::read(word).and_then(Result::ok);
        return match url {
            Some(url) => vec!["--repo".to_owned(), url.shown().to_owned()],
            None => vec!["-C".to_owned(), word.clone()],
        };
    }
    words.extend(values);
    words
}

fn name_of(argument: &Arg) -> String {
    match (argument.get_long(), argument.get_short()) {
        (Some(long), _) => format!("--{long}"),
        (None, Some(short)) => format!("-{short}"),
        (None, None) => argument.get_id().to_string(),
    }
}
