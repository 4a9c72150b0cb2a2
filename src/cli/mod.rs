//! Words to values and back: arguments, terminals, hints, exit codes.
//!
//! Only this room knows clap, dialoguer and the terminal, reads the
//! environment and the clock, and turns errors into exit codes. It decides
//! nothing about repositories: every command is its `Args` and a short `run`
//! that calls an operation and hands the result to [`crate::report`].

mod backport;
mod bump_image;
mod candidates;
mod cluster;
mod complete;
mod completion;
mod demo;
mod diff;
mod edge;
mod history;
mod init;
mod merge;
mod opening;
mod pins;
mod promote;
mod registry_options;
mod render;
mod rollback;
mod schema;
mod status;
mod tag_file;
mod validate;
mod version;
mod writing;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use clap::{FromArgMatches, Subcommand};

use edge::args::{GlobalArgs, parser};
use edge::context::Context;
use edge::failure::{Exit, Failure};
use edge::program::Program;
use edge::typed::Typed;
use edge::ui::Ui;

/// Every command, in the order of the help text.
#[derive(Subcommand)]
enum Command {
    Init(init::Args),
    Status(status::Args),
    Diff(diff::Args),
    BumpImage(bump_image::Args),
    Promote(promote::Args),
    Backport(backport::Args),
    Rollback(rollback::Args),
    Validate(validate::Args),
    Render(render::Args),
    History(history::Args),
    Pins(pins::Args),
    Merge(merge::Args),
    Completion(completion::Args),
    Schema(schema::Args),
    Demo(demo::Args),
    Version(version::Args),
}

impl Command {
    fn run(&self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Command::Init(args) => init::run(args, context),
            Command::Status(args) => status::run(args, context),
            Command::Diff(args) => diff::run(args, context),
            Command::BumpImage(args) => bump_image::run(args, context),
            Command::Promote(args) => promote::run(args, context),
            Command::Backport(args) => backport::run(args, context),
            Command::Rollback(args) => rollback::run(args, context),
            Command::Validate(args) => validate::run(args, context),
            Command::Render(args) => render::run(args, context),
            Command::History(args) => history::run(args, context),
            Command::Pins(args) => pins::run(args, context),
            Command::Merge(args) => merge::run(args, context),
            Command::Completion(args) => completion::run(args, context),
            Command::Schema(args) => schema::run(args, context),
            Command::Demo(args) => demo::run(args, context),
            Command::Version(args) => version::run(args, context),
        }
    }
}

/// Runs one command line, its first word being the program's own name, and
/// returns the exit code: 0 done, 1 the answer is no, 2 wrong usage, 3 refused,
/// 4 the branch kept moving, 5 something outside failed, 101 a bug. What Git starts as its
/// merge driver fails with 129 or more.
pub fn run(argv: impl IntoIterator<Item = OsString>) -> u8 {
    let argv: Vec<OsString> = argv.into_iter().collect();
    edge::failure::report_panics();
    let is_driver = merge::is_driver(&argv);
    let code = catch_unwind(AssertUnwindSafe(|| start(argv))).unwrap_or(edge::failure::BUG);
    match is_driver {
        true => merge::exit_code(code),
        false => code,
    }
}

fn start(argv: Vec<OsString>) -> u8 {
    if let Some(code) = edge::credential::for_git(&argv) {
        return code;
    }
    let program = Program::of(argv.first());
    if program.answers_completion() {
        return complete::for_kubectl(&argv);
    }
    if let Some(code) = complete::for_shell(&argv) {
        return code;
    }
    let ui = Ui::new(program, edge::args::color_choice(&argv));
    let mut parser = parser(program, ui.clap_color());
    let name = argv.first().cloned().unwrap_or_default();
    let arguments = if argv.len() < 2 {
        // As kubectl does, a lone name shows what there is.
        vec![name.clone(), "-h".into()]
    } else {
        argv
    };
    let parsed = parser
        .try_get_matches_from_mut(arguments)
        .and_then(|words| {
            let global = GlobalArgs::from_arg_matches(&words)?;
            Ok((words.clone(), global, Command::from_arg_matches(&words)?))
        });
    let (global, command) = match parsed {
        Ok((words, global, command)) => {
            ui.set_typed(Typed::new(&parser, &words));
            (global, command)
        }
        Err(error) => return ui.usage(&error),
    };
    let context = Context::new(global, ui, name);
    edge::interrupt::end_with_children();
    let outcome = command.run(&context);
    let outcome = outcome.map_err(|failure| opening::judged(&context, failure));
    context.ui.detail(1, || {
        format!("took {:.1} ms", context.elapsed().as_secs_f64() * 1000.0)
    });
    context.ui.close(outcome)
}
