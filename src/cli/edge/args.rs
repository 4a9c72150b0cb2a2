//! What commands have in common: the options of kubectl and Git, the output
//! format, and the options of every command that writes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{ColorChoice, CommandFactory, Parser, ValueEnum, ValueHint};

use super::failure::Failure;
use super::program::Program;
use super::ui::{Color, Ui};
use crate::cli::Command;
use crate::report::Format;

#[derive(Parser)]
#[command(
    name = "kubectl-gitops",
    version,
    about = "Manage a GitOps repository: bump image tags, promote a product between environments, validate it",
    subcommand_required = true,
    subcommand_value_name = "COMMAND",
    after_help = "Exit codes:\n  \
        0  done, or nothing to do\n  \
        1  the answer is no: findings, differences\n  \
        2  wrong usage or configuration\n  \
        3  refused until a person decides\n  \
        4  the branch kept moving; nothing was written\n  \
        5  Git remote, registry or cluster failed"
)]
struct Arguments {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// The options that stand after any command.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Repository options")]
pub(in crate::cli) struct GlobalArgs {
    /// Work as if started in this folder, or on the repository at this address
    #[arg(short = 'C', long = "repo", value_name = "DIR|URL", global = true, value_hint = ValueHint::DirPath)]
    pub(in crate::cli) repo: Option<PathBuf>,
    /// The Git remote that holds the environments (default: origin, or the only one)
    #[arg(long, value_name = "REMOTE", global = true)]
    pub(in crate::cli) remote: Option<String>,
    /// Do not contact the remote; use what was last fetched
    #[arg(long, global = true)]
    pub(in crate::cli) offline: bool,
    /// Read this gitops.yaml: a file, or REF:PATH
    #[arg(
        long,
        value_name = "FILE|REF:PATH",
        global = true,
        hide_short_help = true
    )]
    pub(in crate::cli) config: Option<String>,
    /// When to write in colour; auto: on terminals, unless NO_COLOR is set
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        hide_short_help = true
    )]
    pub(in crate::cli) color: Color,
    /// How much to say on standard error, from 0 to 10
    #[arg(short = 'v', long = "v", value_name = "LEVEL", global = true, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=10), hide_short_help = true)]
    pub(in crate::cli) verbosity: u8,
    #[command(flatten)]
    pub(in crate::cli) kube: KubeArgs,
}

/// Which cluster, as whom: the options that kubectl gives to its own commands.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster options")]
pub(in crate::cli) struct KubeArgs {
    /// Path of the kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub(in crate::cli) kubeconfig: Option<PathBuf>,
    /// The kubeconfig context to use
    #[arg(long, value_name = "CONTEXT", global = true, hide_short_help = true)]
    pub(in crate::cli) context: Option<String>,
    /// The kubeconfig cluster to use
    #[arg(long, value_name = "CLUSTER", global = true, hide_short_help = true)]
    pub(in crate::cli) cluster: Option<String>,
    /// The kubeconfig user to use
    #[arg(long, value_name = "USER", global = true, hide_short_help = true)]
    pub(in crate::cli) user: Option<String>,
    /// The namespace in the cluster
    #[arg(
        short = 'n',
        long,
        value_name = "NAMESPACE",
        global = true,
        hide_short_help = true
    )]
    pub(in crate::cli) namespace: Option<String>,
    /// User to impersonate
    #[arg(
        long = "as",
        value_name = "USER",
        global = true,
        hide_short_help = true
    )]
    pub(in crate::cli) as_user: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(
        long = "as-group",
        value_name = "GROUP",
        global = true,
        hide_short_help = true
    )]
    pub(in crate::cli) as_groups: Vec<String>,
    /// How long to wait for one answer of the Git remote, the cluster or a registry (1s, 2m, 3h; 0: for ever)
    #[arg(long, value_name = "DURATION", global = true, value_parser = duration, hide_short_help = true)]
    pub(in crate::cli) request_timeout: Option<Duration>,
}

/// `-o`, for commands that answer with data.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub(in crate::cli) struct OutputArgs {
    /// Output format
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub(in crate::cli) format: Format,
}

/// The options of every command that writes commits.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Writing options")]
pub(in crate::cli) struct WriteArgs {
    /// Show the plan and write nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Do not ask before writing
    #[arg(short = 'y', long)]
    pub(in crate::cli) yes: bool,
    /// Commit to the local branches only
    #[arg(long)]
    pub(in crate::cli) no_push: bool,
    /// What the commit says: the first line is its subject; goes before templates
    #[arg(short = 'm', long, value_name = "TEXT")]
    pub(in crate::cli) message: Option<String>,
}

impl WriteArgs {
    /// Whether the plan that was shown is to be written: never with
    /// `--dry-run`, at once with `--yes`, else as the person answers.
    pub(in crate::cli) fn go_ahead(&self, ui: &Ui, question: &str) -> Result<bool, Failure> {
        if self.dry_run {
            return Ok(false);
        }
        Ok(self.yes || ui.confirm(question)?)
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Format::Text, Format::Json, Format::Yaml]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Yaml => "yaml",
        }))
    }
}

/// The whole grammar of the command line, spelled for `program`.
pub(in crate::cli) fn parser(program: Program, color: ColorChoice) -> clap::Command {
    spelled(Arguments::command(), program)
        .bin_name(program.name())
        .color(color)
}

fn spelled(command: clap::Command, program: Program) -> clap::Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(text) => command.after_help(program.spell(&text)),
        None => command,
    };
    command.mut_subcommands(|command| spelled(command, program))
}

/// `--color` as given anywhere in the command line; needed before it is
/// parsed, because a mistake in it is already reported in colour or not.
pub(in crate::cli) fn color_choice(argv: &[OsString]) -> Color {
    let mut words = argv.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        let value = match word.as_ref() {
            "--" => break,
            "--color" => words.next(),
            word => word
                .strip_prefix("--color=")
                .map(|value| value.to_owned().into()),
        };
        if let Some(color) = value.and_then(|value| Color::from_str(&value, false).ok()) {
            return color;
        }
    }
    Color::Auto
}

/// A duration as kubectl reads it: Go's notation, or a bare number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration such as 30s, 2m or 1h30m");
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |end| digits + end);
        let unit = match &rest[digits..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        total += number * unit;
        rest = &rest[unit_end..];
    }
    Duration::try_from_secs_f64(total)
        .ok()
        .filter(|_| !text.is_empty())
        .ok_or_else(wrong)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        parser(Program::Plugin, ColorChoice::Never).debug_assert();
    }

    #[test]
    fn durations_are_read_as_kubectl_reads_them() {
        assert_eq!(duration("0").unwrap(), Duration::ZERO);
        assert_eq!(duration("15").unwrap(), Duration::from_secs(15));
        assert_eq!(duration("1m30s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("1.5h").unwrap(), Duration::from_secs(5400));
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        for wrong in ["", "s", "5 s", "5d", "-1s", "1s2", "1..2s"] {
            assert!(duration(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn colour_is_known_before_the_line_is_parsed() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert_eq!(color_choice(&words("x status")), Color::Auto);
        assert_eq!(color_choice(&words("x status --color never")), Color::Never);
        assert_eq!(color_choice(&words("x --color=always stat")), Color::Always);
        assert_eq!(
            color_choice(&words("x status -- --color=never")),
            Color::Auto
        );
    }
}
