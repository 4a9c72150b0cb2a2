//! `init --merge-driver`: makes this clone use the merge driver.

use serde::Serialize;

use super::{Args, Context, Exit, Failure, FailureKind, Format, git_failure};
use crate::cli::merge;
use crate::git::Git;
use crate::ops::merge_driver::{Attributes, LINE, SETTINGS, install};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    /// The names and values that the clone's Git configuration has.
    settings: Vec<(&'static str, &'static str)>,
    /// The line for `.gitattributes`.
    line: &'static str,
    /// `added`, `present` or `other`.
    attributes: &'static str,
    /// The line that was left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    written: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let dir = context.directory().map_err(|error| {
        let error = anyhow::Error::new(error).context("the current folder cannot be found");
        Failure::new(FailureKind::Usage, error)
    })?;
    let git = match context.global.repo {
        None => Git::discover_here(&dir),
        Some(_) => Git::discover(&dir),
    };
    let git = git.map_err(git_failure)?;
    let installed = install(&git, args.writing.dry_run).map_err(merge::failure)?;
    let (attributes, other) = match installed.attributes {
        Attributes::Added => ("added", None),
        Attributes::Present => ("present", None),
        Attributes::Other(line) => ("other", Some(line)),
    };
    let report = Report {
        settings: SETTINGS.to_vec(),
        line: LINE,
        attributes,
        other,
        written: !args.writing.dry_run,
    };
    let format = args.output.format;
    context
        .ui
        .report(format, "MergeDriver", &report, |report, _| words(report))?;
    if format == Format::Text && report.written && attributes == "added" {
        context
            .ui
            .hint("commit .gitattributes; each clone runs this command once");
    }
    Ok(Exit::Ok)
}

fn words(report: &Report) -> String {
    let verb = |done: &'static str, planned: &'static str| match report.written {
        true => done,
        false => planned,
    };
    let mut text = format!(
        "{} in this clone's Git configuration\n",
        verb("set", "would set")
    );
    for (name, value) in &report.settings {
        text.push_str(&format!("  {name} = {value}\n"));
    }
    let line = report.line;
    text.push_str(&match (report.attributes, &report.other) {
        ("added", _) => format!(".gitattributes: {} {line}\n", verb("added", "would add")),
        (_, None) => format!(".gitattributes already has {line}\n"),
        (_, Some(other)) => {
            format!(
                ".gitattributes: left {other} alone; change it to {line} to merge by key path\n"
            )
        }
    });
    text
}
