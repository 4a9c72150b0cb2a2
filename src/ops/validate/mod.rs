//! `validate`: would these objects be accepted, and do what they say?
//!
//! Reads and says; writes nothing. Every finding stands where
//! a person would edit. The cluster's own word is asked for on demand.

mod change;
mod environment;
mod excerpts;
mod folder;
mod live;
mod objects;
mod parallel;
mod trace;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

pub use change::{Change, one_line};
pub use folder::FolderError;
pub use live::{Live, NotJudged, Partly};

use crate::check::{Finding, Level, Levels, RuleError, RuleId, SchemaSet, Severity};
use crate::cluster::ConnectOptions;
use crate::ops::commit::{self, TemplateError};
use crate::ops::{LiveError, LiveRequest};
use crate::product::{EnvironmentEntry, Repository, RuleLevel};
use crate::repo::{CommitId, Location, OddEntry, RepoPath, Snapshot};
use crate::resource::Resource;
use crate::schema::{EmbeddedError, SchemaFileError, add_schema_files, embedded};

use objects::Setup;

/// What to check against.
#[derive(Clone, Debug, Default)]
pub struct ValidateOptions {
    /// The Kubernetes version, such as `1.36`; wins over the environment's.
    pub kubernetes: Option<String>,
    /// Files and folders with further schemas.
    pub schemas: Vec<PathBuf>,
    /// Also ask the environment's cluster, reached by these flags.
    pub live: Option<ConnectOptions>,
}

/// The verdict on everything that was asked.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidateReport {
    /// One per environment or path, in the order that they were named.
    pub sections: Vec<Section>,
}

/// The verdict on one environment or path.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    /// The environment's name, or the path as it was named.
    pub name: String,
    /// What stands before the paths of places, for folders elsewhere on this machine.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub folder: String,
    /// The commit that was checked; `None` for files of this machine.
    pub commit: Option<String>,
    /// The Kubernetes version.
    pub kubernetes: String,
    /// How many objects were checked.
    pub objects: usize,
    /// What was found, by place.
    pub findings: Vec<Finding>,
    /// What the cluster was asked, when it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// The objects, for those who ask the cluster about them.
    #[serde(skip)]
    pub resources: Vec<Resource>,
}

/// Why nothing can be said.
#[derive(Debug, Error)]
pub enum ValidateError {
    /// There are no schemas of the wanted Kubernetes version.
    #[error(transparent)]
    Kubernetes(#[from] EmbeddedError),
    /// A named schema cannot be used.
    #[error(transparent)]
    Schema(#[from] SchemaFileError),
    /// A path cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The cluster is the wrong one or cannot be asked.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// A template for commits in `gitops.yaml` is wrong.
    #[error(transparent)]
    Commit(#[from] TemplateError),
    /// `gitops.yaml` speaks of a rule that does not exist.
    #[error("{location}: {error}")]
    Rule {
        /// Where.
        location: Location,
        /// What is wrong.
        error: RuleError,
    },
}

impl ValidateReport {
    /// How many findings weigh this much.
    pub fn count(&self, severity: Severity) -> usize {
        self.sections
            .iter()
            .map(|section| section.count(severity))
            .sum()
    }
}

impl Section {
    /// How many findings weigh this much.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// The findings that refuse the result.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
    }

    /// The errors that `before` does not have already.
    pub fn new_errors<'a>(&'a self, before: &'a Section) -> Vec<&'a Finding> {
        self.errors()
            .filter(|finding| {
                before
                    .errors()
                    .all(|known| known.identity() != finding.identity())
            })
            .collect()
    }
}

/// The schemas that the options name.
fn schemas(
    options: &ValidateOptions,
    kubernetes: Option<&str>,
) -> Result<Arc<SchemaSet>, ValidateError> {
    let base = embedded(options.kubernetes.as_deref().or(kubernetes))?;
    if options.schemas.is_empty() {
        return Ok(base);
    }
    let mut set = SchemaSet::on(base);
    for path in &options.schemas {
        add_schema_files(&mut set, path)?;
    }
    Ok(Arc::new(set))
}

fn levels(repository: &Repository) -> Result<Levels, ValidateError> {
    let mut levels = Levels::default();
    for (name, entry) in &repository.rules {
        let level = match entry.level {
            RuleLevel::Off => Level::Off,
            RuleLevel::Warn => Level::Warn,
            RuleLevel::Enforce => Level::Enforce,
        };
        levels
            .set(name, level)
            .map_err(|error| ValidateError::Rule {
                location: entry.location.clone(),
                error,
            })?;
    }
    Ok(levels)
}

/// Checks an environment as it is in a snapshot of its branch: the model, what
/// it renders to, what is committed, the objects.
pub fn check_snapshot(
    snapshot: &Snapshot,
    repository: &Repository,
    entry: &EnvironmentEntry,
    options: &ValidateOptions,
) -> Result<Section, ValidateError> {
    let schemas = schemas(options, entry.kubernetes.as_deref())?;
    let levels = levels(repository)?;
    commit::check(&repository.commit, &entry.name)?;
    let live = options.live.as_ref();
    let live = live.map(|connect| LiveRequest::of(entry, connect));
    let setup = Setup {
        schemas: &schemas,
        levels: &levels,
        namespace: entry.namespace(),
        only_objects: false,
        whole: false,
        live: live.as_ref(),
    };
    let checked = environment::check(snapshot, repository, entry, &setup);
    section(entry.name.to_string(), snapshot.commit(), &schemas, checked)
}

/// Checks the objects in a file or folder of this machine. Places are told by
/// their paths below `base`, which holds `path`.
pub fn check_path(
    base: &Path,
    path: &Path,
    options: &ValidateOptions,
) -> Result<Section, ValidateError> {
    let schemas = schemas(options, None)?;
    let levels = Levels::default();
    let folder = folder::read_folder(base, path)?;
    let live = options.live.as_ref().map(|connect| LiveRequest {
        environment: path.display().to_string(),
        connect: connect.clone(),
        ..LiveRequest::default()
    });
    let setup = Setup {
        schemas: &schemas,
        levels: &levels,
        namespace: None,
        only_objects: path.is_file(),
        whole: false,
        live: live.as_ref(),
    };
    let mut checked = environment::check_files(&folder.snapshot, &RepoPath::root(), &setup);
    for (path, reason) in folder.refused {
        let place = Location::new(path, 1, 1);
        checked.findings.push(Finding::new(
            RuleId::UNREADABLE,
            Severity::Error,
            place,
            reason,
        ));
    }
    let odd: Vec<&OddEntry> = folder.odd.iter().collect();
    checked.findings.extend(environment::not_checked(&odd));
    section(path.display().to_string(), None, &schemas, checked)
}

fn section(
    name: String,
    commit: Option<&CommitId>,
    schemas: &SchemaSet,
    checked: objects::Checked,
) -> Result<Section, ValidateError> {
    let live = checked.live.transpose()?;
    let mut findings = checked.findings;
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| {
            (
                finding.location.clone(),
                finding.rule,
                finding.message.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    Ok(Section {
        name,
        folder: String::new(),
        commit: commit.map(ToString::to_string),
        kubernetes: schemas.version().unwrap_or_default().to_owned(),
        objects: checked.resources.len(),
        findings: fold(findings),
        live,
        resources: checked.resources,
    })
}

/// One line of a template speaks for all objects that it makes.
fn fold(findings: Vec<Finding>) -> Vec<Finding> {
    let mut out: Vec<Finding> = Vec::new();
    for finding in findings {
        let same = |other: &&mut Finding| {
            finding.rendered.is_some()
                && other.rendered.is_some()
                && (&other.location, other.rule, &other.label)
                    == (&finding.location, finding.rule, &finding.label)
                && other.path.last() == finding.path.last()
                && (!live::has_own_words(finding.rule) || other.message == finding.message)
        };
        match out
            .iter_mut()
            .rev()
            .take_while(|other| other.location == finding.location)
            .find(same)
        {
            Some(first) => first.others.extend(finding.object),
            None => out.push(finding),
        }
    }
    out
}

#[cfg(test)]
mod tests;
