//! What a person sees while something takes its time: one line on standard error, gone
//! when the answer comes.
//!
//! Whether anything is shown is decided by [`super::ui`]. There is one such line at a
//! time, known to the whole process, so that Ctrl-C can clear it. It is drawn when there
//! is news and never by a clock: Git, ssh and credential helpers ask for passwords on the
//! same terminal, and a spinner would draw over their questions.

use std::sync::{Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};

use crate::registry::{Asking, Observer, Progress};
use crate::report;

/// Questions from which on a bar says more than words.
const MANY: usize = 2;

/// The line that stands on the terminal now.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// A line that disappears when this is dropped.
pub(in crate::cli) struct Waiting(Option<ProgressBar>);

impl Waiting {
    /// Shows nothing.
    pub(in crate::cli) fn silent() -> Waiting {
        Waiting(None)
    }

    /// Says what is waited for.
    pub(in crate::cli) fn for_what(what: &str) -> Waiting {
        let line = ProgressBar::new_spinner().with_style(words());
        line.set_message(what.to_owned());
        line.tick();
        *shown() = Some(line.clone());
        Waiting(Some(line))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(line) = &self.0 {
            line.finish_and_clear();
            *shown() = None;
        }
    }
}

/// Turns what the registries' client tells into a bar, while a line is shown.
pub(in crate::cli) fn observer() -> Observer {
    Observer::new(|progress| {
        if let Some(line) = shown().as_ref() {
            show(line, progress);
        }
    })
}

/// Says something above the line, if there is one.
pub(in crate::cli) fn beside(say: impl FnOnce()) {
    match shown().as_ref() {
        Some(line) => line.suspend(say),
        None => say(),
    }
}

/// Removes the line, if there is one, for whatever is to be said instead.
pub(in crate::cli) fn clear() -> bool {
    shown().take().map(|line| line.finish_and_clear()).is_some()
}

fn shown() -> std::sync::MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn show(line: &ProgressBar, progress: &Progress) {
    line.set_prefix(match progress.asking {
        Asking::Tags => "tags",
        Asking::Manifests => "images",
        Asking::Facts => "dates",
    });
    line.set_message(message(progress));
    line.set_style(match progress.total < MANY {
        true => words(),
        false => style("{prefix} [{bar:24}] {pos}/{len} {msg}").progress_chars("=> "),
    });
    // Both numbers at once, or a frame between would show those of two batches.
    line.update(|bar| {
        bar.set_len(progress.total as u64);
        bar.set_pos(progress.answered as u64);
    });
}

/// A line of words only.
fn words() -> ProgressStyle {
    style("{msg}")
}

/// A style without colours.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn message(progress: &Progress) -> String {
    let others = match progress.waiting_for.len() {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    match progress.waiting_for.first() {
        Some((host, _)) => format!("waiting for {}{others}", report::clean(host)),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_waited_for_is_named_and_cannot_move_the_cursor() {
        let waiting_for = |hosts: &[&str]| {
            message(&Progress {
                asking: Asking::Tags,
                answered: 0,
                total: 9,
                waiting_for: hosts.iter().map(|host| ((*host).to_owned(), 1)).collect(),
            })
        };
        assert_eq!(waiting_for(&[]), "");
        assert_eq!(waiting_for(&["a.example.com"]), "waiting for a.example.com");
        assert_eq!(
            waiting_for(&["a\u{1b}[2J.example.com", "b", "c"]),
            "waiting for a.example.com and 2 more"
        );
    }
}
