//! `render`: what an environment comes to, and bringing its committed
//! rendering up to date after an edit by hand.

use std::collections::BTreeMap;

use super::estate::{EnvironmentState, Estate, EstateError};
use super::publish::Planned;
use super::rerender::{self, RenderedChange, RerenderError};
use crate::product::{EnvironmentName, Repository};
use crate::repo::{ChangeSet, CommitId, CommitMessage, Edit, RefUpdate, RepoPath};
use crate::template::{RenderError, Rendering, render};

/// An environment and everything that it renders to.
#[derive(Debug)]
pub struct Rendered {
    /// The environment at its tip.
    pub state: EnvironmentState,
    /// Its rendering.
    pub rendering: Rendering,
}

/// What a write would change.
#[derive(Debug)]
pub struct Plan {
    /// The environment.
    pub environment: EnvironmentName,
    /// The commit that was rendered.
    pub commit: CommitId,
    /// The files that change.
    pub changes: Vec<RenderedChange>,
    /// The same as edits.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// SHA-256 over the files, `sha256:<hex>`.
    pub digest: String,
}

/// Why an environment can't be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderFailure {
    /// It can't be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// It has no product manifest.
    #[error("environment {0} has no product.yaml, so there is nothing to render")]
    NoProduct(EnvironmentName),
    /// `gitops.yaml` commits no rendering.
    #[error("gitops.yaml names no folder for rendered files (spec.rendered)")]
    NotCommitted,
    /// Its sources are wrong.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// Its sources are wrong.
    #[error(transparent)]
    Rerender(#[from] RerenderError),
}

/// Renders an environment at its tip.
///
/// # Errors
/// It can't be read, has no product, or can't be rendered.
pub fn rendered(estate: &Estate, name: &EnvironmentName) -> Result<Rendered, RenderFailure> {
    let state = estate.load(name)?;
    let product = state
        .product
        .as_ref()
        .ok_or_else(|| RenderFailure::NoProduct(name.clone()))?;
    let rendering = render(product, estate.repository(), &state.entry)?;
    Ok(Rendered { state, rendering })
}

/// What brings the committed files of a rendered environment up to date.
///
/// # Errors
/// `gitops.yaml` commits no rendering.
pub fn plan(repository: &Repository, rendered: &Rendered) -> Result<Plan, RenderFailure> {
    if repository.rendered.is_none() {
        return Err(RenderFailure::NotCommitted);
    }
    let Rendered { state, rendering } = rendered;
    let changes = rerender::stale(state, rendering);
    let edits: BTreeMap<RepoPath, Edit> = changes
        .iter()
        .filter_map(|change| {
            let file = rendering.files.get(&change.path)?;
            Some((change.path.clone(), Edit::write(file.text.as_bytes())))
        })
        .collect();
    Ok(Plan {
        environment: state.entry.name.clone(),
        commit: state.commit.clone(),
        digest: rerender::digest(&edits),
        changes,
        edits,
    })
}

/// The plan as a change set on the environment's branch.
pub fn planned(
    plan: &Plan,
    message: Option<&str>,
    state: &EnvironmentState,
    estate: &Estate,
) -> Planned {
    let trailer = |name: &str, value: String| (name.to_owned(), value);
    let subject = message.map_or_else(|| format!("render {}", plan.environment), str::to_owned);
    let update = RefUpdate {
        branch: state.entry.branch.clone(),
        expected: Some(plan.commit.clone()),
        parent: Some(plan.commit.clone()),
        edits: plan.edits.clone(),
        message: CommitMessage {
            subject,
            body: String::new(),
            trailers: vec![
                trailer("Gitops-Action", "render".to_owned()),
                trailer("Gitops-To", plan.environment.to_string()),
                trailer("Gitops-Plan", plan.digest.clone()),
            ],
        },
        author: estate.author.clone(),
        committer: estate.committer.clone(),
    };
    Planned {
        digest: plan.digest.clone(),
        changes: ChangeSet {
            updates: vec![update],
        },
    }
}
