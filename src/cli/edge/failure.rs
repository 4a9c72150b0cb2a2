//! How a run ends: the exit codes, and errors joined with advice. An error
//! from below brings the facts; which flag or command helps is said here.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::hint::Hint;
use crate::confidential::mask;
use crate::report::{Style, Tone, clean_lines};

/// Exit code of a bug in this tool.
pub(in crate::cli) const BUG: u8 = 101;

/// Exit code after Ctrl-C: 128 + SIGINT, as shells report it.
pub(in crate::cli) const INTERRUPTED: u8 = 130;

/// A command that came to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Exit {
    /// Done, or nothing to do.
    Ok,
    /// The answer is no: findings, differences, drift.
    No,
}

/// Why a command came to no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum FailureKind {
    /// Wrong usage or configuration.
    Usage,
    /// A guard or gate needs a person's decision.
    Refused,
    /// The branch kept moving; nothing was written.
    Moved,
    /// Git remote, registry or cluster could not be reached or failed, or this machine did.
    Unreachable,
    /// The person pressed Ctrl-C at a question.
    Interrupted,
    /// A broken promise inside this tool.
    Bug,
}

impl FailureKind {
    fn code(self) -> u8 {
        match self {
            FailureKind::Usage => 2,
            FailureKind::Refused => 3,
            FailureKind::Moved => 4,
            FailureKind::Unreachable => 5,
            FailureKind::Interrupted => INTERRUPTED,
            FailureKind::Bug => BUG,
        }
    }
}

/// An error with its exit code and what the person may type next.
#[derive(Debug)]
pub(in crate::cli) struct Failure {
    pub(in crate::cli) kind: FailureKind,
    pub(in crate::cli) source: anyhow::Error,
    /// What else is true, such as that nothing was written.
    pub(in crate::cli) facts: Vec<String>,
    /// What the person can do next, the safest first.
    pub(in crate::cli) hints: Vec<Hint>,
}

impl Failure {
    pub(in crate::cli) fn new(kind: FailureKind, source: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            source: source.into(),
            facts: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Wrong usage or configuration, said in this room's own words.
    pub(in crate::cli) fn usage(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Usage, anyhow::Error::msg(message.into()))
    }

    /// Adds a line that says what else is true.
    pub(in crate::cli) fn fact(mut self, fact: impl Into<String>) -> Self {
        self.facts.push(fact.into());
        self
    }

    /// Adds something that the person can do next.
    pub(in crate::cli) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(in crate::cli) fn code(&self) -> u8 {
        self.kind.code()
    }

    /// The lines for standard error; `before` is how this program is called.
    pub(in crate::cli) fn text(&self, style: &Style, before: &[String]) -> String {
        let label = match self.kind {
            FailureKind::Refused => "refused:",
            _ => "error:",
        };
        let mut text = format!("{} ", style.paint(Tone::Bad, label));
        let mut said = String::new();
        for (depth, cause) in self.source.chain().enumerate() {
            let message = cause.to_string();
            // Some libraries repeat their source in their own message.
            if depth > 0 && said.ends_with(&message) {
                continue;
            }
            for (index, line) in clean_lines(&message).lines().enumerate() {
                if depth > 0 || index > 0 {
                    text.push_str("  ");
                }
                let _ = writeln!(text, "{line}");
            }
            said = message;
        }
        for fact in &self.facts {
            for line in clean_lines(fact).lines() {
                let _ = writeln!(text, "  {line}");
            }
        }
        for hint in &self.hints {
            let hint = hint.text(before);
            let hint = clean_lines(&hint);
            let label = style.paint(Tone::Good, "hint:");
            let _ = writeln!(text, "{label} {}", hint.replace('\n', "\n  "));
        }
        text
    }
}

/// A file that could not be written: the place is wrong, or this machine failed.
pub(in crate::cli) fn not_written(file: &Path, error: io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::NotFound | Kind::NotADirectory | Kind::IsADirectory | Kind::InvalidInput => {
            FailureKind::Usage
        }
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem | Kind::AlreadyExists => {
            FailureKind::Usage
        }
        _ => FailureKind::Unreachable,
    };
    let error = anyhow::Error::new(error).context(format!("can't write {}", file.display()));
    Failure::new(kind, error)
}

/// Makes a panic say, in a few words, that it is a bug and what to report.
/// The process then ends with [`BUG`].
pub(in crate::cli) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic
            .payload()
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.payload().downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let place = panic
            .location()
            .map(|place| format!(" ({}:{})", place.file(), place.line()))
            .unwrap_or_default();
        let mut text = bug(message, &place);
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            let _ = writeln!(text, "{trace}");
        }
        use std::io::Write as _;
        let _ = std::io::stderr().write_all(text.as_bytes());
    }));
}

fn bug(message: &str, place: &str) -> String {
    format!(
        "error: this is a bug in kubectl-gitops {}: {}{place}\n  \
         please report it together with the command that you ran\n",
        env!("CARGO_PKG_VERSION"),
        mask(&clean_lines(message)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn no_and_could_not_find_out_never_share_a_code() {
        let kinds = [
            FailureKind::Usage,
            FailureKind::Refused,
            FailureKind::Moved,
            FailureKind::Unreachable,
            FailureKind::Bug,
        ];
        assert_eq!(kinds.map(FailureKind::code), [2, 3, 4, 5, 101]);
    }

    #[test]
    fn an_error_is_followed_by_its_causes_and_by_advice() {
        let source = anyhow::anyhow!("connection refused").context("origin was not reached");
        let failure = Failure::new(FailureKind::Unreachable, source)
            .fact("nothing was written")
            .hint("go by what was last fetched: add --offline");
        assert_eq!(
            failure.text(&Style::default(), &[]),
            "error: origin was not reached\n  connection refused\n  nothing was written\nhint: go by what was last fetched: add --offline\n"
        );
    }

    #[test]
    fn a_cause_that_was_said_already_is_not_repeated() {
        let source = Err::<(), _>(std::io::Error::other("disk full"))
            .context("write a: disk full")
            .map_or_else(|error| error, |()| anyhow::anyhow!("no error"));
        let text = Failure::new(FailureKind::Usage, source).text(&Style::default(), &[]);
        assert_eq!(text, "error: write a: disk full\n");
    }

    #[test]
    fn a_panic_asks_to_be_reported() {
        let text = bug("index\u{1b}[2J out of bounds", " (src/a.rs:1)");
        assert!(text.starts_with("error: this is a bug in kubectl-gitops "));
        assert!(text.contains(": index out of bounds (src/a.rs:1)\n  please report"));
    }

    #[test]
    fn a_refusal_is_no_error_and_servers_cannot_move_the_cursor() {
        let failure = Failure::new(
            FailureKind::Refused,
            anyhow::anyhow!("prod has changes\u{1b}[2J\nfrontend"),
        );
        assert_eq!(
            failure.text(&Style::default(), &[]),
            "refused: prod has changes\n  frontend\n"
        );
    }
}
