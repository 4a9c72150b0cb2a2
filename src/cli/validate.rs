//! `validate`: would the objects of an environment, or of a folder, be
//! accepted, and do what they say?

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;

use super::cluster::{connect_options, incomplete, live_failure, live_remarks};
use super::edge::context::Context;
use super::edge::failure::{Exit, Failure, FailureKind};
use super::edge::hint::{CommandLine, Hint};
use super::opening;
use crate::check::{RENDERED_STALE, RULES};
use crate::config::CONFIG_FILE;
use crate::git::Head;
use crate::ops::estate::{Estate, EstateError};
use crate::ops::validate::{
    Section, ValidateError, ValidateOptions, ValidateReport, check_path, check_snapshot,
};
use crate::product::{EnvironmentEntry, EnvironmentName};
use crate::repo::{RepoPath, Snapshot};
use crate::report::{self, Style};
use crate::schema::embedded_versions;

/// Check that environments, or the Kubernetes objects in files, would be accepted
#[derive(clap::Args)]
#[command(after_long_help = long_help())]
pub(super) struct Args {
    /// Environments by their names, or files and folders
    #[arg(value_name = "ENV|PATH")]
    targets: Vec<String>,
    /// The Kubernetes version to check against, such as 1.36 (default: what gitops.yaml says)
    #[arg(long, value_name = "VERSION", value_parser = version)]
    kubernetes_version: Option<String>,
    /// Further schemas: a file or folder with CustomResourceDefinitions or JSON Schemas; may be repeated
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    schema: Vec<PathBuf>,
    /// Check the files of the work tree, committed or not, in place of the checked-out branch's
    #[arg(long)]
    work_tree: bool,
    /// Ask the cluster, too: a dry run of every object, nothing is written
    #[arg(long)]
    live: bool,
    /// End with 1 for warnings as well
    #[arg(long)]
    strict: bool,
    /// Output format
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    output: Output,
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Lines for people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// One YAML document
    Yaml,
    /// Annotations of a GitHub workflow
    Github,
    /// A SARIF 2.1.0 log, for code scanning
    Sarif,
    /// A JUnit document, for test reports
    Junit,
}

fn long_help() -> String {
    let mut text = "\
Without names it checks every environment of gitops.yaml, or the current folder
where there is none. Needs no cluster and no network: the schemas of Kubernetes
are part of this program. CustomResourceDefinitions among the files are used, too.

Ends with 1 when there are errors; warnings alone end with 0, unless --strict.

Rules that gitops.yaml can switch with rules: {NAME: off|warn|enforce}, and what
they are without:
"
    .to_owned();
    for rule in &RULES {
        let level = rule.default.as_str();
        text.push_str(&format!(
            "  {:<20} {level:<8} {}\n",
            rule.id.as_str(),
            rule.about
        ));
    }
    text
}

fn version(text: &str) -> Result<String, String> {
    crate::schema::embedded(Some(text))
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// What is checked.
enum Target {
    Environment(EnvironmentName),
    Path(PathBuf),
}

pub(super) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if args.work_tree {
        context.require_clone("--work-tree")?;
    }
    let mut reader = Reader {
        args,
        context,
        estate: None,
        edited: None,
        taken: Vec::new(),
    };
    let mut report = ValidateReport::default();
    for target in reader.targets()? {
        let before = context.elapsed();
        report.sections.push(reader.section(&target)?);
        reader.taken.push(context.elapsed() - before);
    }
    write(args, context, &report, &reader.taken)?;
    for section in &report.sections {
        live_remarks(context, section);
    }
    if args.output == Output::Text {
        hint_at_render(args, context, &report);
    }
    let unjudged: Vec<(String, String)> = report
        .sections
        .iter()
        .filter_map(|section| section.live.as_ref())
        .flat_map(|live| {
            live.unjudged
                .iter()
                .map(|one| (one.object.clone(), one.reason.clone()))
        })
        .collect();
    if !unjudged.is_empty() {
        return Err(incomplete(
            &unjudged,
            report.sections.iter().map(|section| section.objects).sum(),
        ));
    }
    let refused = if args.strict {
        report
            .sections
            .iter()
            .any(|section| !section.findings.is_empty())
    } else {
        report
            .sections
            .iter()
            .any(|section| section.errors().next().is_some())
    };
    Ok(if refused { Exit::No } else { Exit::Ok })
}

fn hint_at_render(args: &Args, context: &Context, report: &ValidateReport) {
    for section in &report.sections {
        if section
            .findings
            .iter()
            .any(|finding| finding.rule == RENDERED_STALE)
        {
            let name = &section.name;
            let mut render = CommandLine::gitops(["render", name.as_str()]).flag("--write");
            if args.work_tree {
                render = render.flag("--work-tree");
            }
            let words = "bring the committed files up to date";
            context.ui.hint(Hint::command(words, render));
        }
    }
}

/// An environment's files: at the tip of its branch, or as they are being edited.
fn files(args: &Args, estate: &Estate, entry: &EnvironmentEntry) -> Result<Snapshot, Failure> {
    if !args.work_tree {
        let commit = estate.tip(&entry.name).map_err(opening::estate_failure)?;
        return estate
            .snapshot(entry, &commit)
            .map_err(opening::estate_failure);
    }
    if !is_checked_out(estate, entry)? {
        let message = format!(
            "the work tree is not on {}, the branch of {}",
            entry.branch, entry.name
        );
        return Err(Failure::usage(message).hint(Hint::command(
            "check it out first",
            CommandLine::git(["switch", entry.branch.as_str()]),
        )));
    }
    estate
        .work_tree_snapshot(entry)
        .map_err(opening::estate_failure)
}

fn is_checked_out(estate: &Estate, entry: &EnvironmentEntry) -> Result<bool, Failure> {
    Ok(match estate.git.head().map_err(opening::git_failure)? {
        Head::Branch { name, .. } | Head::Unborn(name) => name == entry.branch,
        Head::Detached(_) => false,
    })
}

/// Says that edits in the work tree were not looked at, where an environment has some.
fn tell_of_edits(
    context: &Context,
    estate: &Estate,
    (entry, snapshot): (&EnvironmentEntry, &Snapshot),
    known: &mut Option<Vec<RepoPath>>,
) {
    // Whoever cannot list them has nothing to say about them.
    let all = known.get_or_insert_with(|| estate.git.edited().unwrap_or_default());
    let is_own = |path: &&RepoPath| entry.holds(path) || snapshot.entry(path).is_some();
    let own: Vec<&RepoPath> = all.iter().filter(is_own).collect();
    let Some(first) = own.first() else { return };
    let files = match own.len() {
        1 => first.to_string(),
        more => format!("{first} and {} more", more - 1),
    };
    context.ui.note(&format!(
        "{}: checked as committed; uncommitted edits were not checked: {files}",
        entry.name
    ));
    let check = CommandLine::gitops(["validate", entry.name.as_str()]).flag("--work-tree");
    context.ui.hint(Hint::command("check the edits", check));
}

struct Reader<'a> {
    args: &'a Args,
    context: &'a Context,
    estate: Option<Estate>,
    /// The files with edits that are not committed, once they were asked for.
    edited: Option<Vec<RepoPath>>,
    taken: Vec<Duration>,
}

impl Reader<'_> {
    fn targets(&mut self) -> Result<Vec<Target>, Failure> {
        if self.args.targets.is_empty() {
            return self.all();
        }
        let directory = self.directory()?;
        self.args
            .targets
            .iter()
            .map(|word| self.target(&directory, word))
            .collect()
    }

    /// Every environment; the current folder where nothing describes any.
    fn all(&mut self) -> Result<Vec<Target>, Failure> {
        match opening::try_open(self.context, false)? {
            Ok(estate) => {
                let mut targets = Vec::new();
                for entry in &estate.repository().environments {
                    if self.is_there(&estate, entry)? {
                        targets.push(Target::Environment(entry.name.clone()));
                    }
                }
                self.estate = Some(estate);
                Ok(targets)
            }
            Err(error) if is_undescribed(&error) && self.context.copy_of()?.is_none() => {
                Ok(vec![Target::Path(self.directory()?)])
            }
            Err(error) => Err(opening::estate_failure(error)),
        }
    }

    /// Whether an environment that nobody named can be looked at.
    fn is_there(&self, estate: &Estate, entry: &EnvironmentEntry) -> Result<bool, Failure> {
        if self.args.work_tree {
            return is_checked_out(estate, entry);
        }
        match estate.tip(&entry.name) {
            Ok(_) => Ok(true),
            Err(error @ EstateError::Unborn { .. }) => {
                self.context.ui.note(&error.to_string());
                Ok(false)
            }
            Err(error) => Err(opening::estate_failure(error)),
        }
    }

    /// A word names an environment, unless it is written as a path or no
    /// environment is called so and a file or folder is.
    fn target(&mut self, directory: &Path, word: &str) -> Result<Target, Failure> {
        let path = directory.join(word);
        let written_as_path = word.contains(['/', '\\']) || word == "." || word == "..";
        if written_as_path && path.exists() {
            return Ok(Target::Path(path));
        }
        let name = word.parse::<EnvironmentName>();
        if path.exists() {
            let environment = match (&name, self.estate_if_any()?) {
                (Ok(name), Some(estate)) => estate.environment(name).is_ok(),
                _ => false,
            };
            if !environment {
                return Ok(Target::Path(path));
            }
        } else if written_as_path || name.is_err() {
            return Err(Failure::usage(format!("there is no file or folder {word}")));
        }
        let name =
            name.map_err(|error| Failure::new(FailureKind::Usage, anyhow::Error::new(error)))?;
        let estate = self.opened()?;
        estate.environment(&name).map_err(opening::estate_failure)?;
        Ok(Target::Environment(name))
    }

    fn directory(&self) -> Result<PathBuf, Failure> {
        self.context
            .directory()
            .map_err(|error| Failure::new(FailureKind::Usage, error))
    }

    fn estate_if_any(&mut self) -> Result<Option<&Estate>, Failure> {
        if self.estate.is_none() {
            self.estate = match opening::try_open(self.context, false)? {
                Ok(estate) => Some(estate),
                Err(error) if is_undescribed(&error) => None,
                Err(error) => return Err(opening::estate_failure(error)),
            };
        }
        Ok(self.estate.as_ref())
    }

    fn opened(&mut self) -> Result<&Estate, Failure> {
        let estate = match self.estate.take() {
            Some(estate) => estate,
            None => opening::open(self.context)?,
        };
        Ok(self.estate.insert(estate))
    }

    fn section(&mut self, target: &Target) -> Result<Section, Failure> {
        let (args, context) = (self.args, self.context);
        let options = self.options()?;
        match target {
            Target::Path(path) => path_section(&self.directory()?, path, &options),
            Target::Environment(name) => {
                let mut edited = self.edited.take();
                let estate = self.opened()?;
                let entry = estate.environment(name).map_err(opening::estate_failure)?;
                let snapshot = files(args, estate, entry)?;
                if !args.work_tree && is_checked_out(estate, entry)? {
                    tell_of_edits(context, estate, (entry, &snapshot), &mut edited);
                }
                let repository = estate.repository();
                let _waiting = args.live.then(|| context.ui.waiting("asking the cluster"));
                let section = check_snapshot(&snapshot, repository, entry, &options);
                let section = section.map_err(failure);
                self.edited = edited;
                section
            }
        }
    }

    fn options(&self) -> Result<ValidateOptions, Failure> {
        let directory = self.directory()?;
        Ok(ValidateOptions {
            kubernetes: self.args.kubernetes_version.clone(),
            schemas: self
                .args
                .schema
                .iter()
                .map(|path| directory.join(path))
                .collect(),
            live: self.args.live.then(|| connect_options(self.context)),
        })
    }
}

/// Checks a path; places are told relative to the current folder.
fn path_section(
    directory: &Path,
    path: &Path,
    options: &ValidateOptions,
) -> Result<Section, Failure> {
    let folder = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(path)
    };
    let (base, prefix) = match path.strip_prefix(directory) {
        Ok(relative)
            if relative
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_))) =>
        {
            (directory, String::new())
        }
        _ => (folder, format!("{}/", display(directory, folder))),
    };
    let mut section = check_path(base, path, options).map_err(failure)?;
    section.name = display(directory, path);
    section.folder = prefix;
    Ok(section)
}

/// A path as it would be typed in a folder.
fn display(directory: &Path, path: &Path) -> String {
    match path.strip_prefix(directory) {
        Ok(relative) if relative.as_os_str().is_empty() => ".".to_owned(),
        Ok(relative) => relative.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

/// No environment is described, so that names can only be paths.
fn is_undescribed(error: &EstateError) -> bool {
    use crate::config::ConfigError;
    use crate::git::GitError;
    matches!(
        error,
        EstateError::Git(GitError::NotARepository { .. })
            | EstateError::Config(ConfigError::Absent)
    )
}

fn failure(error: ValidateError) -> Failure {
    let hint = match error {
        ValidateError::Live(error) => return live_failure(error),
        ValidateError::Kubernetes(_) => {
            format!(
                "choose one of {} with --kubernetes-version",
                embedded_versions().join(", ")
            )
        }
        ValidateError::Schema(_) => {
            "--schema takes CustomResourceDefinitions and JSON Schemas".to_owned()
        }
        ValidateError::Commit(_) => {
            let schema = CommandLine::gitops(["schema", "repository"]);
            let hint = Hint::command("see what a template may use", schema);
            return Failure::new(FailureKind::Usage, error).hint(hint);
        }
        ValidateError::Rule { .. } => format!("correct rules in {CONFIG_FILE}"),
        ValidateError::Folder(_) => return Failure::new(FailureKind::Usage, error),
    };
    Failure::new(FailureKind::Usage, error).hint(hint)
}

fn write(
    args: &Args,
    context: &Context,
    report: &ValidateReport,
    taken: &[Duration],
) -> Result<(), Failure> {
    let details = |section: &Section| {
        let at = report
            .sections
            .iter()
            .position(|one| std::ptr::eq(one, section))
            .unwrap_or_default();
        details(section, taken.get(at).copied().unwrap_or_default())
    };
    let text =
        |report: &ValidateReport, style: &Style| report::text::validate(report, style, &details);
    let document = |format| context.ui.report(format, "ValidateReport", report, text);
    match args.output {
        Output::Text => document(report::Format::Text),
        Output::Json => document(report::Format::Json),
        Output::Yaml => document(report::Format::Yaml),
        Output::Github => {
            context.ui.answer(&report::github(report));
            Ok(())
        }
        Output::Sarif => {
            context.ui.answer(&report::json(&report::sarif(report)));
            Ok(())
        }
        Output::Junit => {
            context.ui.answer(&report::junit(report));
            Ok(())
        }
    }
}

/// `Kubernetes 1.36, offline, 14 ms`, or `Kubernetes 1.36, judged by prod-eu, 1.2 s`.
fn details(section: &Section, taken: Duration) -> String {
    let minor: Vec<&str> = section.kubernetes.split('.').take(2).collect();
    let how = match &section.live {
        None => ", offline".to_owned(),
        Some(live) => {
            let cluster = live.context.as_deref().unwrap_or(&live.server);
            match live.unjudged.len() {
                0 => format!(", judged by {cluster}"),
                left => format!(", {left} not judged by {cluster}"),
            }
        }
    };
    let milliseconds = taken.as_millis();
    let taken = if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{:.1} s", taken.as_secs_f64())
    };
    format!("Kubernetes {}{how}, {taken}", minor.join("."))
}
