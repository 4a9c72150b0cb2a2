//! What an environment comes to, and bringing the committed rendering up to
//! date after its sources were edited by hand: as one commit, or in the work
//! tree only. Files that an earlier state rendered and that nothing renders any more are
//! removed; what else is among the rendered files is named and left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::commit::{Draft, ProductChange, TemplateError};
use super::edited::leftovers;
use super::estate::{Estate, EstateError};
use super::publish::Planned;
use crate::git::{GitError, Head, Selection};
use crate::product::EnvironmentState;
use crate::product::{
    CommitAction, ComponentName, EnvironmentEntry, EnvironmentName, ProductTree, Repository,
};
use crate::repo::{BranchName, CommitId, Edit, Location, RepoPath, Snapshot};
use crate::template::{FILES_FOLDER, RenderError, Renderer, Rendering};
use crate::template::{RenderedChange, RerenderError, digest, proof, rerender};

/// An environment's rendering, and how the committed one differs from it.
#[derive(Debug)]
pub struct RenderPlan {
    /// The environment.
    pub entry: EnvironmentEntry,
    /// The commit that its sources were read from; `None`: the work tree.
    pub commit: Option<CommitId>,
    /// The product and its version.
    pub product: (String, Option<String>),
    /// The files.
    pub rendering: Rendering,
    /// Those that are committed otherwise, or not at all. Empty where
    /// `gitops.yaml` commits no rendering.
    pub changes: Vec<RenderedChange>,
    /// Files among the rendered ones that the rendering does not produce.
    pub foreign: Vec<RepoPath>,
    /// Whether `gitops.yaml` has rendered files committed at all.
    pub is_committed: bool,
    /// The changes as edits.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// The digest that a commit of them proves its rendering with.
    pub proof: Option<String>,
}

/// One rendered file, as data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileReport<'a> {
    /// Its path from the repository's root.
    pub path: &'a RepoPath,
    /// The component that it is rendered for.
    pub component: &'a ComponentName,
    /// The layer that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<&'a str>,
    /// Where its first line stands in the template.
    pub source: &'a Location,
    /// Its text.
    pub text: &'a str,
}

/// An environment's rendering, as data.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenderReport<'a> {
    /// The environment.
    pub environment: &'a EnvironmentName,
    /// The commit that was rendered; absent for the work tree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The files.
    pub files: Vec<FileReport<'a>>,
    /// How the committed files differ.
    pub changes: &'a [RenderedChange],
    /// Files that no component renders.
    pub foreign: &'a [RepoPath],
}

/// Why an environment cannot be rendered or written.
#[derive(Debug, thiserror::Error)]
pub enum RenderPlanError {
    /// The repository or the environment cannot be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The environment has no product manifest.
    #[error("{0} has no product.yaml, so nothing is rendered")]
    NoProduct(EnvironmentName),
    /// A component was named that the environment does not have.
    #[error("{environment} has no component {component}{}", meant(.suggestion))]
    NoComponent {
        /// The environment.
        environment: EnvironmentName,
        /// The component.
        component: ComponentName,
        /// One that exists and looks alike.
        suggestion: Option<String>,
    },
    /// The sources cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The sources in the work tree are wrong.
    #[error(transparent)]
    Rerender(#[from] RerenderError),
    /// The commit's message cannot be written.
    #[error(transparent)]
    Message(#[from] TemplateError),
    /// The work tree has another branch checked out.
    #[error("{environment} is on the branch {branch}, but the work tree has {found}")]
    OtherBranch {
        /// The environment.
        environment: EnvironmentName,
        /// Its branch.
        branch: BranchName,
        /// What is checked out.
        found: String,
    },
    /// There is no work tree.
    #[error("{} has no work tree", .0.display())]
    NoWorkTree(PathBuf),
    /// A link stands where a file would be written.
    #[error("{path} is a symbolic link or stands below one; nothing is written through links")]
    Link {
        /// The link.
        path: RepoPath,
    },
    /// A file cannot be written.
    #[error("{path} cannot be written")]
    Unwritable {
        /// The file.
        path: RepoPath,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn meant(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!(", did you mean {name}?"),
        None => String::new(),
    }
}

/// Renders an environment at its tip; `only` these components, when some are named.
pub fn plan(
    estate: &Estate,
    name: &EnvironmentName,
    only: &BTreeSet<ComponentName>,
) -> Result<RenderPlan, RenderPlanError> {
    let state = estate.load(name)?;
    let mut plan = of_state(estate.repository(), &state, only)?;
    plan.remove_leftovers(estate, &state)?;
    plan.commit = Some(state.commit);
    Ok(plan)
}

/// Renders an environment as it stands in the work tree.
pub fn plan_work_tree(
    estate: &Estate,
    name: &EnvironmentName,
    only: &BTreeSet<ComponentName>,
) -> Result<RenderPlan, RenderPlanError> {
    let entry = estate.environment(name)?;
    let commit = match estate.git.head()? {
        Head::Branch { name, commit } if name == entry.branch => commit,
        head => {
            return Err(RenderPlanError::OtherBranch {
                environment: name.clone(),
                branch: entry.branch.clone(),
                found: match head {
                    Head::Branch { name, .. } => name.to_string(),
                    Head::Unborn(name) => format!("{name}, which has no commit"),
                    Head::Detached(commit) => commit.short().to_owned(),
                },
            });
        }
    };
    let snapshot = estate.git.work_tree_snapshot(&Selection::everything())?;
    let product = load(&snapshot, entry)?;
    let state = EnvironmentState {
        entry: entry.clone(),
        commit,
        snapshot,
        product,
    };
    let mut plan = of_state(estate.repository(), &state, only)?;
    plan.remove_leftovers(estate, &state)?;
    Ok(plan)
}

fn load(
    snapshot: &Snapshot,
    entry: &EnvironmentEntry,
) -> Result<Option<ProductTree>, RerenderError> {
    ProductTree::load(snapshot, entry).map_err(RerenderError::Model)
}

fn of_state(
    repository: &Repository,
    state: &EnvironmentState,
    only: &BTreeSet<ComponentName>,
) -> Result<RenderPlan, RenderPlanError> {
    let entry = &state.entry;
    let Some(product) = &state.product else {
        return Err(RenderPlanError::NoProduct(entry.name.clone()));
    };
    check_names(product, entry, only)?;
    let renderer = Renderer::new(product, repository, entry)?;
    let mut plan = RenderPlan {
        entry: entry.clone(),
        commit: None,
        product: (
            product.product.name.to_string(),
            product.product.version.as_ref().map(|it| it.value.clone()),
        ),
        rendering: Rendering::default(),
        changes: Vec::new(),
        foreign: Vec::new(),
        is_committed: repository.rendered.is_some(),
        edits: BTreeMap::new(),
        proof: None,
    };
    if !only.is_empty() {
        plan.rendering = renderer.render_components(only)?;
        return Ok(plan);
    }
    plan.rendering = renderer.render()?;
    let outcome = rerender(repository, state, None, &BTreeMap::new(), None)?;
    plan.changes = outcome.changes;
    plan.edits = outcome.edits;
    plan.proof = outcome.proof;
    if let Some(rendered) = &repository.rendered {
        plan.foreign = foreign(state, &entry.path.join_path(rendered), &plan.rendering);
    }
    Ok(plan)
}

/// The files in a folder that a rendering does not produce.
fn foreign(state: &EnvironmentState, folder: &RepoPath, rendering: &Rendering) -> Vec<RepoPath> {
    let paths = state.snapshot.under(folder).map(|(path, _)| path);
    let mut found: Vec<RepoPath> = paths
        .filter(|path| !rendering.files.contains_key(*path))
        .cloned()
        .collect();
    found.sort();
    found
}

fn check_names(
    product: &ProductTree,
    entry: &EnvironmentEntry,
    only: &BTreeSet<ComponentName>,
) -> Result<(), RenderPlanError> {
    let enabled: Vec<&ComponentName> = product.enabled().map(|(name, _)| name).collect();
    match only.iter().find(|name| !enabled.contains(name)) {
        None => Ok(()),
        Some(name) => Err(RenderPlanError::NoComponent {
            environment: entry.name.clone(),
            component: name.clone(),
            suggestion: crate::product::nearest(
                name.as_str(),
                enabled.iter().map(|it| it.as_str()),
            ),
        }),
    }
}

impl RenderPlan {
    /// Adds the removal of files that an earlier state rendered and that nothing renders now.
    fn remove_leftovers(
        &mut self,
        estate: &Estate,
        state: &EnvironmentState,
    ) -> Result<(), GitError> {
        if !self.is_committed || self.rendering.files.is_empty() && self.foreign.is_empty() {
            return Ok(());
        }
        let mut paths = self.foreign.clone();
        if let Ok(files) = self.entry.path.join(FILES_FOLDER) {
            paths.extend(foreign(state, &files, &self.rendering));
        }
        let known = |path: &RepoPath| self.edits.contains_key(path);
        paths.retain(|path| !known(path));
        for change in leftovers(estate, state, &paths)? {
            self.foreign.retain(|path| *path != change.path);
            self.edits.insert(change.path.clone(), Edit::Delete);
            self.changes.push(change);
        }
        if let Some(product) = &state.product {
            let written = state.snapshot.with_edits(&self.edits, None);
            self.proof = proof(estate.repository(), &self.entry, product, &written);
        }
        self.changes.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(())
    }

    /// The plan as data.
    pub fn report(&self) -> RenderReport<'_> {
        let files = self.rendering.files.iter();
        RenderReport {
            environment: &self.entry.name,
            commit: self.commit.as_ref().map(ToString::to_string),
            files: files.map(|(path, file)| file_report(path, file)).collect(),
            changes: &self.changes,
            foreign: &self.foreign,
        }
    }

    /// SHA-256 over the files that change, wherever the branch stands.
    pub fn digest(&self) -> String {
        digest(&self.edits)
    }

    /// The plan as one commit on the environment's branch.
    ///
    /// # Errors
    /// A template of the message is wrong.
    pub fn planned(&self, estate: &Estate, words: Option<&str>) -> Result<Planned, TemplateError> {
        let digest = self.digest();
        let templates = &estate.repository().commit;
        let message = self.draft(&digest).message(words, templates)?;
        let at = (&self.entry.branch, self.commit.as_ref());
        let planned = Planned::commit(estate, at, message, &self.edits);
        Ok(Planned { digest, ..planned })
    }

    fn draft<'a>(&'a self, digest: &'a str) -> Draft<'a> {
        let (name, version) = &self.product;
        let changed = self.changes.iter();
        Draft {
            action: CommitAction::Render,
            environment: &self.entry.name,
            product: Some(ProductChange {
                name,
                from: version.as_deref(),
                version: version.as_deref(),
            }),
            source: None,
            plan: digest,
            proof: self.proof.as_deref(),
            components: Vec::new(),
            units: changed.map(|change| change.component.to_string()).collect(),
            only: &[],
            reason: None,
            overrides: Vec::new(),
            subject: format!("render {}", self.entry.name),
            lines: Vec::new(),
        }
    }

    /// Writes the changed files into the work tree, through no link.
    pub fn write_work_tree(&self, estate: &Estate) -> Result<(), RenderPlanError> {
        let top = estate
            .git
            .work_tree()
            .ok_or_else(|| RenderPlanError::NoWorkTree(estate.git.git_dir().to_owned()))?;
        // Nothing is written before every place was looked at.
        for path in self.edits.keys() {
            refuse_links(top, path)?;
        }
        for (path, edit) in &self.edits {
            let done = match edit {
                Edit::Write { bytes, .. } => write_file(top, path, bytes),
                Edit::Delete => remove_file(top, path),
                Edit::Reuse { .. } => Ok(()),
            };
            done.map_err(|source| RenderPlanError::Unwritable {
                path: path.clone(),
                source,
            })?;
        }
        Ok(())
    }
}

fn file_report<'a>(path: &'a RepoPath, file: &'a crate::template::RenderedFile) -> FileReport<'a> {
    FileReport {
        path,
        component: &file.component,
        layer: file.layer.as_ref().map(|layer| layer.as_str()),
        source: &file.source,
        text: &file.text,
    }
}

fn refuse_links(top: &Path, path: &RepoPath) -> Result<(), RenderPlanError> {
    let mut place = top.to_owned();
    for segment in path.segments() {
        place.push(segment);
        match place.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                return Err(RenderPlanError::Link { path: path.clone() });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(RenderPlanError::Unwritable {
                    path: path.clone(),
                    source,
                });
            }
        }
    }
    Ok(())
}

fn remove_file(top: &Path, path: &RepoPath) -> io::Result<()> {
    match std::fs::remove_file(top.join(path.as_str())) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Writes the whole file or nothing.
fn write_file(top: &Path, path: &RepoPath, bytes: &[u8]) -> io::Result<()> {
    let target = top.join(path.as_str());
    let folder = target.parent().unwrap_or(top);
    std::fs::create_dir_all(folder)?;
    crate::files::write_one_of_many(&target, bytes)
}
