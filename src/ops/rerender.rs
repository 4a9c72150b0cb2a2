//! Bringing the committed rendering along: after a change to an environment's
//! sources, which rendered files change with it.
//!
//! Pure, and shared by everything that writes: bump-image, promote, rollback,
//! backport and render. Files that no rendering of the environment produced
//! are foreign and stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;

use super::estate::EnvironmentState;
use crate::product::{
    ComponentName, EnvironmentEntry, Known, LayerName, ModelError, ProductTree, Repository,
};
use crate::repo::{Edit, RepoPath, Snapshot, blob_id};
use crate::template::{
    IndexedFile, RenderError, RenderedIndex, Renderer, Rendering, render, sources_digest,
};

/// How a rendered file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// It was there with other content.
    Changed,
    /// It is no longer there.
    Removed,
}

/// One rendered file that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenderedChange {
    /// Its path in the repository.
    pub path: RepoPath,
    /// How it changes.
    pub kind: ChangeKind,
    /// The layer that owns it; `None`: it is not for Kubernetes.
    pub layer: Option<LayerName>,
    /// The component it is rendered from.
    pub component: ComponentName,
}

/// The rendering that follows from changed sources.
#[derive(Debug)]
pub struct Rerendered {
    /// The environment's files with the changed sources in place.
    pub snapshot: Snapshot,
    /// The product with the changed sources; `None`: there is no product manifest.
    pub product: Option<ProductTree>,
    /// The rendered files that change, by path.
    pub changes: Vec<RenderedChange>,
    /// The same as edits; the source edits are not among them.
    pub edits: BTreeMap<RepoPath, Edit>,
    /// What was rendered for it: at least all files of the components that the
    /// change has an effect on.
    pub rendering: Rendering,
    /// What the changed sources render to, to be kept; `None`: no rendering is committed.
    pub known: Option<KnownRendering>,
}

/// What some sources render to, under the digest of those sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRendering {
    /// See [`sources_digest`].
    pub sources: String,
    /// What they render to.
    pub index: RenderedIndex,
}

/// Why the changed sources can't be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RerenderError {
    /// The changed sources are no valid product.
    #[error("{}", first(.0))]
    Model(Vec<ModelError>),
    /// They can't be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
}

fn first(errors: &[ModelError]) -> String {
    match errors {
        [] => "the product is not valid".to_owned(),
        [only] => only.to_string(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

/// The product of an environment that commits a rendering of it.
pub(super) fn rendered_product<'a>(
    repository: &Repository,
    state: &'a EnvironmentState,
) -> Option<&'a ProductTree> {
    let product = state.product.as_ref();
    product.filter(|_| repository.rendered.is_some())
}

/// Rendered files of an environment that are not what its sources render to:
/// missing, or with other content.
pub fn stale(state: &EnvironmentState, index: &RenderedIndex) -> Vec<RenderedChange> {
    differences(&state.snapshot, index)
}

/// Applies `edits` to an environment's files and renders the result.
///
/// `before` is what its sources render to as they are: the files that it
/// has and the new rendering lacks are removed. A state that can't be rendered owns
/// no files, so that a change that repairs it can be written. `elsewhere`
/// resolves reused blobs, such as those of the source of a promotion.
///
/// # Errors
/// The changed sources are not valid, or can't be rendered.
pub fn rerender(
    repository: &Repository,
    state: &EnvironmentState,
    before: Option<&RenderedIndex>,
    edits: &BTreeMap<RepoPath, Edit>,
    elsewhere: Option<&EnvironmentState>,
) -> Result<Rerendered, RerenderError> {
    let snapshot = state
        .snapshot
        .with_edits(edits, elsewhere.map(|other| &other.snapshot));
    let trees: Vec<&ProductTree> = [Some(state), elsewhere]
        .into_iter()
        .filter_map(|state| state?.product.as_ref())
        .collect();
    let known = Known {
        trees: &trees,
        ..Known::default()
    };
    let product =
        ProductTree::load_like(&snapshot, &state.entry, known).map_err(RerenderError::Model)?;
    let mut outcome = Rerendered {
        snapshot,
        product,
        changes: Vec::new(),
        edits: BTreeMap::new(),
        rendering: Rendering::default(),
        known: None,
    };
    let Some(product) = &outcome.product else {
        return Ok(outcome);
    };
    if repository.rendered.is_none() {
        renders(repository, state, product, edits)?;
        return Ok(outcome);
    }
    let format = outcome.snapshot.object_format();
    let again = match before.zip(state.product.as_ref()) {
        Some((before, old)) if only_manifests(edits, old) => again(
            repository,
            &state.entry,
            (old, product),
            before,
            &outcome.snapshot,
        )?,
        _ => None,
    };
    let (after, rendering) = match again {
        Some(both) => both,
        None => {
            let rendering = render(product, repository, &state.entry)?;
            (RenderedIndex::of(&rendering, format), rendering)
        }
    };
    for change in differences(&outcome.snapshot, &after) {
        if let Some(file) = rendering.files.get(&change.path) {
            let edit = Edit::write(file.text.as_str());
            outcome.edits.insert(change.path.clone(), edit);
            outcome.changes.push(change);
        }
    }
    for (path, file) in before.into_iter().flat_map(|before| &before.files) {
        if !after.files.contains_key(path) && outcome.snapshot.entry(path).is_some() {
            outcome.edits.insert(path.clone(), Edit::Delete);
            outcome
                .changes
                .push(change(path, ChangeKind::Removed, file));
        }
    }
    outcome.changes.sort_by(|a, b| a.path.cmp(&b.path));
    outcome.known =
        sources_digest(product, repository, &state.entry, &outcome.snapshot).map(|sources| {
            KnownRendering {
                sources,
                index: after,
            }
        });
    outcome.rendering = rendering;
    Ok(outcome)
}

/// Makes sure that what is rendered elsewhere, and not committed here, still renders:
/// whoever applies it later would be the first to hear of it. An environment that did
/// not render before may be changed all the same.
fn renders(
    repository: &Repository,
    state: &EnvironmentState,
    product: &ProductTree,
    edits: &BTreeMap<RepoPath, Edit>,
) -> Result<(), RenderError> {
    let attempt = || {
        let renderer = Renderer::new(product, repository, &state.entry)?;
        let old = state
            .product
            .as_ref()
            .filter(|old| only_manifests(edits, old));
        match old.and_then(|old| old.components_changed_in(product)) {
            Some(changed) => renderer.render_components(&renderer.affected_by(&changed)),
            None => renderer.render(),
        }
    };
    let Err(error) = attempt() else {
        return Ok(());
    };
    match &state.product {
        Some(old) if render(old, repository, &state.entry).is_err() => Ok(()),
        _ => Err(error),
    }
}

fn only_manifests(edits: &BTreeMap<RepoPath, Edit>, product: &ProductTree) -> bool {
    let manifests = product.manifests();
    edits.keys().all(|path| manifests.contains(path))
}

/// Renders what the changed components have an effect on, and takes the rest
/// from what is known; `None`: only a whole rendering can tell.
fn again(
    repository: &Repository,
    entry: &EnvironmentEntry,
    (old, new): (&ProductTree, &ProductTree),
    before: &RenderedIndex,
    snapshot: &Snapshot,
) -> Result<Option<(RenderedIndex, Rendering)>, RenderError> {
    let Some(changed) = old.components_changed_in(new) else {
        return Ok(None);
    };
    let renderer = Renderer::new(new, repository, entry)?;
    let mut affected = renderer.affected_by(&changed);
    affected.extend(changed);
    // A committed file that is not as rendered is written again, so its text is needed too.
    let stale = differences(snapshot, before).into_iter();
    let wanted: BTreeSet<ComponentName> = stale
        .map(|change| change.component)
        .chain(affected.iter().cloned())
        .collect();
    let rendering = renderer.render_components(&wanted)?;
    let mut after = RenderedIndex::of(&rendering, snapshot.object_format());
    for (path, file) in &before.files {
        if wanted.contains(&file.component) {
            continue;
        }
        if after.files.insert(path.clone(), file.clone()).is_some() {
            // Two components claim one file: let the whole rendering say so.
            return Ok(None);
        }
    }
    Ok(Some((after, rendering)))
}

/// SHA-256 over the files that a rendering changes, `sha256:<hex>`.
pub fn digest(edits: &BTreeMap<RepoPath, Edit>) -> String {
    use sha2::{Digest as _, Sha256};
    let mut text = String::new();
    describe(edits, &mut text);
    let hex: String = Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// Writes each file's path and new id, for a digest.
pub(super) fn describe(edits: &BTreeMap<RepoPath, Edit>, text: &mut String) {
    for (path, edit) in edits {
        let id = match edit {
            Edit::Write { bytes, .. } => blob_id(bytes).to_string(),
            Edit::Reuse { id, .. } => id.to_string(),
            Edit::Delete => "-".to_owned(),
        };
        let _ = write!(text, "{path} {id}\0");
    }
}

/// The files of a rendering that a snapshot lacks or has otherwise.
fn differences(snapshot: &Snapshot, index: &RenderedIndex) -> Vec<RenderedChange> {
    let difference = |(path, file): (&RepoPath, &IndexedFile)| {
        let kind = match snapshot.entry(path) {
            None => ChangeKind::Added,
            Some(entry) if entry.id != file.id => ChangeKind::Changed,
            Some(_) => return None,
        };
        Some(change(path, kind, file))
    };
    index.files.iter().filter_map(difference).collect()
}

fn change(path: &RepoPath, kind: ChangeKind, file: &IndexedFile) -> RenderedChange {
    RenderedChange {
        path: path.clone(),
        kind,
        layer: file.layer.clone(),
        component: file.component.clone(),
    }
}
