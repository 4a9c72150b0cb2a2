//! `demo`: a playground, and a walk through two releases in it. Every command
//! of the walk runs as if it had been typed; nothing of its output is made up.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ValueEnum as _, ValueHint};

use super::edge::context::{Context, enter};
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::program::Program;
use crate::ops::demo::{self, DemoError, Moment, Playground};
use crate::repo::Signature;
use crate::report::Tone;

/// Make a playground on this machine and walk through a release in it
///
/// The playground is a Git remote, a clone with three environments of Online
/// Boutique, and a folder that plays the image registry. It needs no network
/// and no cluster.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Where to make it
    #[arg(long, value_name = "DIR", default_value = "gitops-demo", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
    /// Replace an older playground in that place
    #[arg(long)]
    force: bool,
}

/// One command of the walk.
struct Step {
    /// What a narrator says before it.
    remark: &'static str,
    /// The words after the program's name.
    words: &'static [&'static str],
    /// The exit code that it ends with.
    code: u8,
    /// How far the registry is by then.
    moment: Moment,
}

const fn step(remark: &'static str, words: &'static [&'static str]) -> Step {
    Step {
        remark,
        words,
        code: 0,
        moment: Moment::Start,
    }
}

const fn later(remark: &'static str, words: &'static [&'static str], code: u8) -> Step {
    Step {
        remark,
        words,
        code,
        moment: Moment::Later,
    }
}

const fn last(remark: &'static str, words: &'static [&'static str]) -> Step {
    Step {
        remark,
        words,
        code: 0,
        moment: Moment::Last,
    }
}

const WALK: &[Step] = &[
    step("what runs where", &["status"]),
    step(
        "the newest images that the product's policies allow, into dev",
        &["bump-image", "--env", "dev", "--yes"],
    ),
    step("would a cluster accept it?", &["validate", "dev"]),
    step(
        "dev is fine, so it goes on",
        &["promote", "staging", "--yes"],
    ),
    step("and on", &["promote", "prod", "--yes"]),
    later(
        "at night: orders fail in prod, and a fixed image goes straight there",
        &[
            "bump-image",
            "checkoutservice=v0.10.7",
            "--env",
            "prod",
            "--hotfix",
            "large orders fail",
            "--yes",
        ],
        0,
    ),
    later(
        "in the morning, others go on with the next release",
        &["bump-image", "adservice", "--env", "dev", "--yes"],
        0,
    ),
    later("", &["promote", "staging", "--yes"], 0),
    later("so these two have parted", &["status"], 0),
    later(
        "and if nobody had looked?",
        &["promote", "prod", "--yes"],
        3,
    ),
    later(
        "staging and dev have never heard of the fix, so it goes back first",
        &["backport", "prod", "--through", "dev", "--yes"],
        0,
    ),
    later("now nothing is lost", &["promote", "prod", "--yes"], 0),
    last(
        "and the next release of that service is one like any other",
        &["bump-image", "checkoutservice", "--env", "dev", "--yes"],
    ),
    last("", &["promote", "staging", "--yes"]),
    last("", &["promote", "prod", "--yes"]),
    last(
        "and when it was not a good idea after all",
        &["rollback", "prod", "--yes"],
    ),
    last("who did what, from the commits alone", &["history", "prod"]),
];

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let current = context.directory().map_err(|error| {
        Failure::new(
            FailureKind::Usage,
            anyhow::Error::new(error).context("the current folder cannot be found"),
        )
    })?;
    let author = Signature {
        name: "Demo".to_owned(),
        email: "demo@example.com".to_owned(),
        seconds: context.now(),
        offset_minutes: 0,
    };
    let directory = current.join(&args.directory);
    let playground = demo::make(&directory, &author, args.force).map_err(failure)?;
    let shown = relative(&playground.clone, &current);
    context.ui.answer(&format!(
        "{}: a Git remote, a clone of it, and a folder that plays the image registry\n",
        args.directory.display()
    ));
    context
        .ui
        .answer(&prompt(context, &["cd", &shown.to_string_lossy()]));
    let ending = ending(context, &shown);
    enter(&playground.clone).map_err(|error| {
        let error = anyhow::Error::new(error).context("the playground cannot be entered");
        Failure::new(FailureKind::Usage, error)
    })?;
    for step in WALK {
        walk(step, &playground, context)?;
    }
    context.ui.answer(&ending);
    Ok(Exit::Ok)
}

/// Runs one command as if it had been typed in the clone.
fn walk(step: &Step, playground: &Playground, context: &Context) -> Result<(), Failure> {
    playground.advance(step.moment).map_err(failure)?;
    let program = context.ui.program;
    let mut shown = vec![program.name()];
    shown.extend(step.words);
    context.ui.answer("\n");
    if !step.remark.is_empty() {
        let remark = format!("# {}", step.remark);
        context
            .ui
            .answer(&context.ui.style().paint(Tone::Faint, &remark));
    }
    context.ui.answer(&prompt(context, &shown));

    // The name by which the nested run knows how it was called.
    let name = match program {
        Program::Direct => program.name(),
        _ => "",
    };
    let mut argv: Vec<OsString> = vec![name.into()];
    if let Some(color) = context.global.color.to_possible_value() {
        argv.push(format!("--color={}", color.get_name()).into());
    }
    argv.extend(step.words.iter().map(OsString::from));
    let code = super::run(argv);
    if code != 0 {
        context
            .ui
            .answer(&format!("{}\n{code}", prompt(context, &["echo", "$?"])));
    }
    if code == step.code {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Bug,
        anyhow::anyhow!(
            "this step of the walk should have ended with {}, not {code}",
            step.code
        ),
    ))
}

/// A command as it stands in a terminal.
fn prompt(context: &Context, words: &[&str]) -> String {
    let words: Vec<String> = words
        .iter()
        .map(
            |word| match word.contains(' ') && !word.starts_with("kubectl ") {
                true => format!("\"{word}\""),
                false => (*word).to_owned(),
            },
        )
        .collect();
    let line = format!("$ {}", words.join(" "));
    context.ui.style().paint(Tone::Strong, &line).into_owned()
}

/// What to type next, and how to find this executable then.
fn ending(context: &Context, clone: &Path) -> String {
    let name = context.ui.program.name();
    let mut text = format!("\nNow you:\n  cd {}\n", clone.display());
    if let Some(folder) = folder_to_add(context) {
        text.push_str(&format!("  export PATH=\"{}:$PATH\"\n", folder.display()));
    }
    for (words, what) in NEXT {
        let command = words.replace("GITOPS", name);
        text.push_str(&format!("  {command:<34}  # {what}\n"));
    }
    text
}

/// The folder of this executable, when a shell would not find it there.
fn folder_to_add(context: &Context) -> Option<PathBuf> {
    let executable = context.called_as().ok()?.canonicalize().ok()?;
    let folder = executable.parent()?.to_owned();
    let search = context.variable("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).any(|known| known == folder);
    (!found).then_some(folder)
}

/// Commands for after the walk.
const NEXT: &[(&str, &str)] = &[
    ("GITOPS status", "what is held back where"),
    ("GITOPS render prod", "what a cluster would get"),
    (
        "git show origin/env/prod",
        "each step was one ordinary commit",
    ),
];

fn relative(path: &Path, current: &Path) -> PathBuf {
    let current = current
        .canonicalize()
        .unwrap_or_else(|_| current.to_owned());
    path.strip_prefix(&current).unwrap_or(path).to_owned()
}

fn failure(error: DemoError) -> Failure {
    let kind = match &error {
        DemoError::Example(_) => FailureKind::Bug,
        DemoError::Git(_) => FailureKind::Unreachable,
        DemoError::Occupied { .. } | DemoError::Exists { .. } | DemoError::File { .. } => {
            FailureKind::Usage
        }
    };
    let hint = match &error {
        DemoError::Occupied { .. } => Some("name another folder: --directory DIR"),
        DemoError::Exists { .. } => {
            Some("make it anew with --force, or name another folder with --directory DIR")
        }
        _ => None,
    };
    let failure = Failure::new(kind, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
