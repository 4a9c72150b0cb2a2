//! Checking a change before it is written: errors that the result has and the
//! environment does not have already.
//!
//! Looks at the objects that are written and at the others of the same
//! components, so that a change of one component costs the same in a product
//! of a thousand. Pure, as the plans are that ask.

use std::collections::{BTreeMap, BTreeSet};

use super::excerpts::Excerpts;
use super::folder::is_manifest;
use super::objects::{Setup, check_texts};
use super::trace::Tracer;
use super::{ValidateError, ValidateOptions, levels, schemas};
use crate::check::{Finding, Severity};
use crate::product::{ComponentName, EnvironmentEntry, ProductTree, Repository};
use crate::repo::{Edit, RepoPath, Snapshot};
use crate::template::{Rendering, render, render_components};

/// Files of a snapshot with their texts.
type Texts = Vec<(RepoPath, String)>;

/// A change of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What `gitops.yaml` says.
    pub repository: &'a Repository,
    /// The environment.
    pub entry: &'a EnvironmentEntry,
    /// Its files as they are, and the product in them.
    pub before: (&'a Snapshot, Option<&'a ProductTree>),
    /// What was rendered for the change: all files of the components concerned.
    pub rendering: &'a Rendering,
    /// Where content stands that edits reuse, if not there.
    pub elsewhere: Option<&'a Snapshot>,
    /// What is written.
    pub edits: &'a BTreeMap<RepoPath, Edit>,
}

impl<'a> Change<'a> {
    /// The errors that this change would bring.
    ///
    /// # Errors
    /// The environment's Kubernetes version or a rule of `gitops.yaml` is not known.
    pub fn new_errors(&self) -> Result<Vec<Finding>, ValidateError> {
        let schemas = schemas(
            &ValidateOptions::default(),
            self.entry.kubernetes.as_deref(),
        )?;
        let levels = levels(self.repository)?;
        let setup = Setup {
            schemas: &schemas,
            levels: &levels,
            namespace: self.entry.namespace(),
            only_objects: false,
            whole: false,
            live: None,
        };
        let errors = |texts: &[(RepoPath, &str)]| -> Vec<Finding> {
            let findings = check_texts(texts, &setup).findings.into_iter();
            findings
                .filter(|finding| finding.severity == Severity::Error)
                .collect()
        };
        let neighbours = self.neighbours();
        let mut after: Vec<(RepoPath, &str)> = self
            .edited()
            .filter_map(|(path, edit)| match edit {
                Edit::Write { bytes, .. } => Some((path.clone(), std::str::from_utf8(bytes).ok()?)),
                Edit::Reuse { .. } | Edit::Delete => None,
            })
            .collect();
        after.extend(neighbours.iter().cloned());
        let (copied, kustomizations) = self.plain_files();
        let plain = copied.iter().chain(&kustomizations);
        after.extend(plain.map(|(path, text)| (path.clone(), text.as_str())));
        let after = errors(&after);
        if after.is_empty() {
            return Ok(after);
        }
        let rendered = self.rendering_before();
        let text = |path: &RepoPath| match rendered.files.get(path) {
            Some(file) => Some(file.text.as_str()),
            None => self.before.0.text(path).ok().flatten(),
        };
        let mut before: Vec<(RepoPath, &str)> = self
            .edited()
            .filter_map(|(path, _)| Some((path.clone(), text(path)?)))
            .collect();
        before.extend(neighbours);
        let others = kustomizations.iter();
        before.extend(others.map(|(path, text)| (path.clone(), text.as_str())));
        let before = errors(&before);
        let is_new = |finding: &Finding| {
            before
                .iter()
                .all(|known| known.identity() != finding.identity())
        };
        let mut new: Vec<Finding> = after.into_iter().filter(is_new).collect();
        if !new.is_empty() {
            self.trace(&mut new);
        }
        Ok(new)
    }

    /// Moves findings in rendered files to the places that a person edits. Only
    /// refused changes come here, so that rendering them anew costs nobody else.
    fn trace(&self, findings: &mut [Finding]) {
        let result = self.before.0.with_edits(self.edits, self.elsewhere);
        let Ok(Some(tree)) = ProductTree::load(&result, self.entry) else {
            return;
        };
        let Ok(rendering) = render(&tree, self.repository, self.entry) else {
            return;
        };
        let tracer = Tracer {
            snapshot: &result,
            tree: &tree,
            rendering: &rendering,
            excerpts: &Excerpts::default(),
        };
        for finding in findings {
            tracer.trace(finding);
        }
    }

    /// The edits that may concern objects.
    fn edited(&self) -> impl Iterator<Item = (&'a RepoPath, &'a Edit)> {
        self.edits.iter().filter(|(path, _)| {
            let hidden = path.segments().any(|segment| segment.starts_with('.'));
            is_manifest(path.as_str()) && !hidden
        })
    }

    /// Where there is no product: the files that come as they are, and the kustomizations
    /// beside what is written, which say what is a part of an object only.
    fn plain_files(&self) -> (Texts, Texts) {
        if self.before.1.is_some() || self.edited().next().is_none() {
            return (Vec::new(), Vec::new());
        }
        let result = self.before.0.with_edits(self.edits, self.elsewhere);
        let text = |path: &RepoPath| Some((path.clone(), result.text(path).ok()??.to_owned()));
        let copied = self
            .edited()
            .filter(|(_, edit)| matches!(edit, Edit::Reuse { .. }));
        let is_kustomization = |path: &RepoPath| {
            let name = path.file_name().unwrap_or_default().to_lowercase();
            name == "kustomization" || name.starts_with("kustomization.y")
        };
        let kustomizations = result
            .under(&self.entry.path)
            .map(|(path, _)| path)
            .filter(|path| is_kustomization(path) && !self.edits.contains_key(*path));
        (
            copied.filter_map(|(path, _)| text(path)).collect(),
            kustomizations.filter_map(text).collect(),
        )
    }

    /// What the components concerned rendered to before. Only changes with errors
    /// come here, so that telling the new ones from the old costs nobody else.
    fn rendering_before(&self) -> Rendering {
        let Some(tree) = self.before.1 else {
            return Rendering::default();
        };
        let only = self.components();
        render_components(tree, self.repository, self.entry, &only).unwrap_or_default()
    }

    fn components(&self) -> BTreeSet<ComponentName> {
        let files = self.rendering.files.values();
        files.map(|file| file.component.clone()).collect()
    }

    /// The rendered objects that stay as they are, of components that change.
    fn neighbours(&self) -> Vec<(RepoPath, &'a str)> {
        let files = &self.rendering.files;
        let edited = self.edited().filter_map(|(path, _)| files.get(path));
        let changed: BTreeSet<&ComponentName> = edited.map(|file| &file.component).collect();
        files
            .iter()
            .filter(|(path, file)| {
                file.resource.is_some()
                    && changed.contains(&file.component)
                    && !self.edits.contains_key(*path)
            })
            .map(|(path, file)| (path.clone(), file.text.as_str()))
            .collect()
    }
}

/// A finding on one line, with its place.
pub fn one_line(finding: &Finding) -> String {
    let object = finding
        .object
        .as_ref()
        .map(|id| format!("{id}: "))
        .unwrap_or_default();
    let label = finding
        .label
        .as_ref()
        .map(|label| format!(" ({label})"))
        .unwrap_or_default();
    format!(
        "{}: {object}{}{label} ({})",
        finding.location, finding.message, finding.rule
    )
}
