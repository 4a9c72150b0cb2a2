//! The person and the streams: standard output carries the answer and nothing
//! else, standard error the rest; questions are asked on a terminal only.
//!
//! A reader that went away (`… | head`) changes neither what is done nor how
//! it ends; an answer that could not be written for another reason is a
//! failure.

use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal as _, Write as _};

use clap::ColorChoice;
use dialoguer::theme::SimpleTheme;
use serde::Serialize;

use super::context::{now, variable};
use super::failure::{Exit, Failure, FailureKind};
use super::hint::{CommandLine, Hint, spelled};
use super::interrupt;
use super::program::Program;
use super::typed::Typed;
use super::waiting::{self, Waiting};
use crate::confidential::mask;
use crate::registry::Observer;
use crate::report::{self, Format, Style, Tone};

/// `--color`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Color {
    // No documentation here: it would stretch the list of options.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    fn wanted(self, terminal: bool) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                terminal
                    && variable("NO_COLOR").is_none()
                    && variable("TERM").is_none_or(|terminal| terminal != "dumb")
            }
        }
    }
}

/// The streams of one run and the manner in which they are written.
pub(in crate::cli) struct Ui {
    /// How the person calls this tool.
    pub(in crate::cli) program: Program,
    color: Color,
    out: Style,
    err: Style,
    interactive: bool,
    shows_progress: bool,
    verbosity: Cell<u8>,
    lost: RefCell<Option<io::Error>>,
    /// What was typed.
    typed: RefCell<Option<Typed>>,
}

impl Ui {
    pub(in crate::cli) fn new(program: Program, color: Color) -> Self {
        let style = |terminal: bool, width: Option<usize>| Style {
            color: color.wanted(terminal),
            width,
            now: now(),
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let columns =
            |terminal: console::Term| terminal.size_checked().map(|(_, columns)| columns.into());
        Self {
            program,
            color,
            out: style(out, out.then(console::Term::stdout).and_then(columns)),
            err: style(err, err.then(console::Term::stderr).and_then(columns)),
            interactive: err && io::stdin().is_terminal(),
            // Logs of pipelines are read later, even where they pretend to be a terminal.
            shows_progress: err && !console::is_dumb() && variable("CI").is_none(),
            verbosity: Cell::new(0),
            lost: RefCell::new(None),
            typed: RefCell::new(None),
        }
    }

    /// The colour setting for the parser's own messages.
    pub(in crate::cli) fn clap_color(&self) -> ColorChoice {
        match self.color {
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
            Color::Auto if self.out.color || self.err.color => ColorChoice::Auto,
            Color::Auto => ColorChoice::Never,
        }
    }

    pub(in crate::cli) fn set_verbosity(&self, level: u8) {
        self.verbosity.set(level);
    }

    /// How reports for standard output are to be written.
    pub(in crate::cli) fn style(&self) -> &Style {
        &self.out
    }

    /// How plans and remarks for standard error are to be written.
    pub(in crate::cli) fn error_style(&self) -> &Style {
        &self.err
    }

    /// Whether a person can be asked.
    pub(in crate::cli) fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Writes the answer, or a part of it, to standard output.
    pub(in crate::cli) fn answer(&self, text: &str) {
        if text.is_empty() || self.lost.borrow().is_some() {
            return;
        }
        let mut stream = io::stdout().lock();
        let newline: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        let written = stream
            .write_all(text.as_bytes())
            .and_then(|()| stream.write_all(newline))
            .and_then(|()| stream.flush());
        if let Err(error) = written {
            *self.lost.borrow_mut() = Some(error);
        }
    }

    /// Answers with `value`: as a versioned document of `kind`, or as the text
    /// that `text` makes of it.
    pub(in crate::cli) fn report<T: Serialize>(
        &self,
        format: Format,
        kind: &str,
        value: &T,
        text: impl FnOnce(&T, &Style) -> String,
    ) -> Result<(), Failure> {
        if format == Format::Text {
            self.answer(&text(value, &self.out));
            return Ok(());
        }
        let document =
            report::document(kind, value).map_err(|error| Failure::new(FailureKind::Bug, error))?;
        self.answer(&match format {
            Format::Yaml => report::yaml(&document),
            _ => report::json(&document),
        });
        Ok(())
    }

    /// Says on standard error what was done or found on the way.
    pub(in crate::cli) fn note(&self, text: &str) {
        self.say(&report::clean_lines(text));
    }

    /// A voice for remarks that come up while something is waited for, from any
    /// thread.
    pub(in crate::cli) fn teller(&self) -> impl Fn(&str) + Send + Sync + 'static {
        |text| {
            let text = mask(&report::clean_lines(text));
            waiting::beside(|| {
                // If standard error is gone, there is nowhere to say so.
                let _ = writeln!(io::stderr().lock(), "{text}");
            });
        }
    }

    /// Says on standard error what deserves a look.
    pub(in crate::cli) fn warn(&self, text: &str) {
        let label = self.err.paint(Tone::Warning, "warning:");
        self.say(&format!("{label} {}", report::clean_lines(text)));
    }

    /// Says on standard error what to type next.
    pub(in crate::cli) fn hint(&self, hint: impl Into<Hint>) {
        let label = self.err.paint(Tone::Good, "hint:");
        let hint = hint.into().text(&self.before());
        let hint = report::clean_lines(&hint);
        self.say(&format!("{label} {hint}"));
    }

    /// Commands in a report, which begin with `kubectl gitops`, as they can be typed here.
    pub(in crate::cli) fn spell(&self, text: &str) -> String {
        text.replace("kubectl gitops", &spelled(&self.before()))
    }

    /// Hints as data.
    pub(in crate::cli) fn hints_data(&self, hints: &[Hint]) -> serde_json::Value {
        let before = self.before();
        hints.iter().map(|hint| hint.data(&before)).collect()
    }

    /// How this program was called: its name and the options that say where it works.
    fn before(&self) -> Vec<String> {
        let name = self.program.name().split(' ').map(str::to_owned);
        let typed = self.typed.borrow();
        let place = typed.as_ref().map_or(&[][..], Typed::place);
        name.chain(place.iter().cloned()).collect()
    }

    /// Remembers what was typed, for hints that repeat it.
    pub(in crate::cli) fn set_typed(&self, typed: Typed) {
        *self.typed.borrow_mut() = Some(typed);
    }

    /// The command that was typed, with all that says what it does.
    pub(in crate::cli) fn again(&self) -> CommandLine {
        let typed = self.typed.borrow();
        let again = typed.as_ref().map(Typed::again);
        again.unwrap_or_else(|| CommandLine::gitops::<String>([]))
    }

    /// Says something on standard error when `-v` asks for that much.
    pub(in crate::cli) fn detail(&self, level: u8, text: impl FnOnce() -> String) {
        if self.verbosity.get() >= level {
            let text = text();
            let text = report::clean_lines(&text);
            self.say(&self.err.paint(Tone::Faint, &text));
        }
    }

    /// Asks a yes-or-no question whose default is no. Without a terminal it is
    /// a failure that names the options which answer it.
    pub(in crate::cli) fn confirm(&self, question: &str) -> Result<bool, Failure> {
        self.require_person(question)?;
        dialoguer::Confirm::with_theme(&SimpleTheme)
            .with_prompt(report::clean(question))
            .default(false)
            .wait_for_newline(true)
            .interact()
            .map_err(unanswered)
    }

    /// Asks for one of several answers and returns its place; the one at `proposed` is
    /// marked first. Escape is as good as Ctrl-C.
    pub(in crate::cli) fn choose(
        &self,
        question: &str,
        answers: &[String],
        proposed: usize,
    ) -> Result<usize, Failure> {
        self.require_person(question)?;
        let answers = answers.iter().map(|answer| report::clean(answer));
        dialoguer::Select::with_theme(&SimpleTheme)
            .with_prompt(report::clean(question))
            .items(answers.collect::<Vec<_>>())
            .default(proposed)
            .interact_opt()
            .and_then(answered)
            .map_err(unanswered)
    }

    /// Asks for any number of these, and returns their places; some are marked already.
    pub(in crate::cli) fn mark(
        &self,
        question: &str,
        answers: &[(String, bool)],
    ) -> Result<Vec<usize>, Failure> {
        self.require_person(question)?;
        let answers = answers.iter();
        let answers = answers.map(|(answer, marked)| (report::clean(answer), *marked));
        dialoguer::MultiSelect::with_theme(&SimpleTheme)
            .with_prompt(report::clean(question))
            .items_checked(answers.collect::<Vec<_>>())
            .report(false)
            .interact_opt()
            .and_then(answered)
            .map_err(unanswered)
    }

    /// Asks for a line of text, which may be empty.
    pub(in crate::cli) fn line(&self, question: &str) -> Result<String, Failure> {
        self.require_person(question)?;
        dialoguer::Input::<String>::with_theme(&SimpleTheme)
            .with_prompt(report::clean(question))
            .allow_empty(true)
            .interact_text()
            .map_err(unanswered)
    }

    /// Prepares for questions to a person: fails without a terminal.
    pub(in crate::cli) fn require_person(&self, question: &str) -> Result<(), Failure> {
        if !self.interactive {
            return Err(Failure::usage(format!(
                "{}: not a terminal, so I cannot ask",
                question.trim_end_matches('?')
            ))
            .hint("pass --yes, or --dry-run to see the plan"));
        }
        Ok(())
    }

    /// Shows that something takes its time, on a terminal only, until the
    /// returned value is dropped.
    pub(in crate::cli) fn waiting(&self, what: &str) -> Waiting {
        if !self.shows_progress {
            return Waiting::silent();
        }
        Waiting::for_what(&report::clean(what))
    }

    /// Who turns what registries tell of their progress into what a person sees.
    pub(in crate::cli) fn observer(&self) -> Observer {
        match self.shows_progress {
            true => waiting::observer(),
            false => Observer::default(),
        }
    }

    /// Prints what the parser has to say and returns the exit code for it.
    pub(in crate::cli) fn usage(&self, error: &clap::Error) -> u8 {
        let colored = if error.use_stderr() {
            self.err.color
        } else {
            self.out.color
        };
        let plain = error.render().to_string();
        let masked = mask(&plain);
        let text = if colored && masked == plain {
            error.render().ansi().to_string()
        } else {
            masked
        };
        if error.use_stderr() {
            self.say(text.trim_end());
            return Failure::usage("").code();
        }
        self.answer(&text);
        self.close(Ok(Exit::Ok))
    }

    /// Ends the run: prints a failure, and returns the exit code.
    pub(in crate::cli) fn close(&self, outcome: Result<Exit, Failure>) -> u8 {
        let outcome = outcome.and_then(|exit| match self.lost.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let error = anyhow::Error::new(error).context("the answer could not be written");
                Err(Failure::new(FailureKind::Unreachable, error))
            }
            _ => Ok(exit),
        });
        match outcome {
            Ok(Exit::Ok) => 0,
            Ok(Exit::No) => 1,
            Err(failure) => {
                if failure.kind != FailureKind::Interrupted {
                    self.say(failure.text(&self.err, &self.before()).trim_end());
                }
                failure.code()
            }
        }
    }

    fn say(&self, text: &str) {
        // A login may be in a word that was typed in the wrong place.
        let text = mask(text);
        // If standard error is gone, there is nowhere to say so.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// Who leaves a question by Escape wants no more of it.
fn answered<T>(answer: Option<T>) -> dialoguer::Result<T> {
    let left = || io::Error::from(io::ErrorKind::Interrupted);
    answer.ok_or_else(|| left().into())
}

/// A question that got no answer.
pub(in crate::cli) fn unanswered(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == io::ErrorKind::Interrupted {
        interrupt::tidy_up();
        return Failure::new(FailureKind::Interrupted, error);
    }
    let error = anyhow::Error::new(error).context("the question got no answer");
    Failure::new(FailureKind::Usage, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interrupting_a_question_is_no_error_of_usage() {
        let interrupted = io::Error::from(io::ErrorKind::Interrupted);
        assert_eq!(unanswered(dialoguer::Error::IO(interrupted)).code(), 130);
        let closed = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(unanswered(dialoguer::Error::IO(closed)).code(), 2);
    }
}
