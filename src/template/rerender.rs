//! Bringing the committed rendering along: after a change to an environment's
//! sources, which rendered files change with it.
//!
//! Pure, and shared by everything that writes: bump-image, promote, rollback,
//! backport and render. Files that no rendering of the environment produced
//! are foreign and stay as they are.
//!
//! A commit that leaves nothing stale says so with a digest over the sources and the
//! rendered files ([`Rerendered::proof`]). Whoever finds it true later need not render
//! the environment once more to see whether somebody edited what is rendered.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::{
    FILES_FOLDER, IndexedFile, RenderError, RenderedIndex, Renderer, Rendering, render,
    sources_digest,
};
use crate::image::Digest;
use crate::product::{
    ComponentName, EnvironmentEntry, EnvironmentState, Known, LayerName, ModelError, ProductTree,
    Repository,
};
use crate::repo::{Edit, RepoPath, Snapshot, blob_id};

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
    /// What the changed sources render to, to be kept; `None`: no rendering is committed,
    /// or only a part of it was rendered.
    pub known: Option<KnownRendering>,
    /// The digest that holds once both kinds of edits are made, all of them; see [`proof`].
    pub proof: Option<String>,
}

/// The trailer of a commit that holds its [`proof`].
pub const PROOF: &str = "Gitops-Rendered";

/// What an environment's sources render to before a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// These files, whatever is committed.
    Index(RenderedIndex),
    /// What is committed, which its commit proved.
    Committed,
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
pub(crate) fn rendered_product<'a>(
    repository: &Repository,
    state: &'a EnvironmentState,
) -> Option<&'a ProductTree> {
    let product = state.product.as_ref();
    product.filter(|_| repository.rendered.is_some())
}

/// A digest over the sources of an environment, `gitops.yaml`, this renderer, and every
/// file in the folders that it renders to, `sha256:<hex>`: the same one again proves that
/// nothing of this changed. `None` where no rendering is committed, or a source is not in
/// the snapshot.
pub fn proof(
    repository: &Repository,
    entry: &EnvironmentEntry,
    product: &ProductTree,
    snapshot: &Snapshot,
) -> Option<String> {
    let rendered = repository.rendered.as_ref()?;
    let sources = sources_digest(product, repository, entry, snapshot)?;
    let mut text = format!("{sources}\0");
    let files = entry.path.join(FILES_FOLDER).ok();
    for folder in [Some(entry.path.join_path(rendered)), files]
        .into_iter()
        .flatten()
    {
        for (path, file) in snapshot.under(&folder) {
            let _ = write!(text, "{path}\0{}\0", file.id);
        }
    }
    Some(sha256(&text))
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
    before: Option<&Before>,
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
        proof: None,
    };
    let Some(product) = &outcome.product else {
        return Ok(outcome);
    };
    if repository.rendered.is_none() {
        renders(repository, state, product, edits)?;
        return Ok(outcome);
    }
    let done = match before.zip(state.product.as_ref()) {
        Some((before, old)) if only_manifests(edits, old) => again(
            repository,
            &state.entry,
            (old, product),
            before,
            &outcome.snapshot,
        )?,
        _ => None,
    };
    let done = match done {
        Some(done) => done,
        None => whole(repository, state, before, (product, &outcome.snapshot))?,
    };
    for change in differences(&outcome.snapshot, &done.after) {
        if let Some(file) = done.rendering.files.get(&change.path) {
            let edit = Edit::write(file.text.as_str());
            outcome.edits.insert(change.path.clone(), edit);
            outcome.changes.push(change);
        }
    }
    for (path, file) in &done.before.files {
        if !done.after.files.contains_key(path) && outcome.snapshot.entry(path).is_some() {
            outcome.edits.insert(path.clone(), Edit::Delete);
            outcome
                .changes
                .push(change(path, ChangeKind::Removed, file));
        }
    }
    outcome.changes.sort_by(|a, b| a.path.cmp(&b.path));
    let written = outcome.snapshot.with_edits(&outcome.edits, None);
    outcome.proof = proof(repository, &state.entry, product, &written);
    if done.is_whole {
        let sources = sources_digest(product, repository, &state.entry, &outcome.snapshot);
        let index = done.after;
        outcome.known = sources.map(|sources| KnownRendering { sources, index });
    }
    outcome.rendering = done.rendering;
    Ok(outcome)
}

/// What was rendered for a change.
struct Done<'a> {
    /// What was rendered before: of all components, or of those that were rendered now.
    before: Cow<'a, RenderedIndex>,
    /// What is rendered afterwards, of the same components.
    after: RenderedIndex,
    /// Whether that is all of them.
    is_whole: bool,
    /// The texts of what was rendered now.
    rendering: Rendering,
}

/// Renders everything.
fn whole<'a>(
    repository: &Repository,
    state: &EnvironmentState,
    before: Option<&'a Before>,
    (product, snapshot): (&ProductTree, &Snapshot),
) -> Result<Done<'a>, RenderError> {
    let format = snapshot.object_format();
    let rendering = render(product, repository, &state.entry)?;
    let before = match (before, &state.product) {
        (Some(Before::Index(index)), _) => Cow::Borrowed(index),
        (Some(Before::Committed), Some(old)) => {
            let index =
                Renderer::new(old, repository, &state.entry).and_then(|it| it.index(format));
            Cow::Owned(index.unwrap_or_default())
        }
        _ => Cow::Owned(RenderedIndex::default()),
    };
    Ok(Done {
        before,
        after: RenderedIndex::of(&rendering, format),
        is_whole: true,
        rendering,
    })
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
fn again<'a>(
    repository: &Repository,
    entry: &EnvironmentEntry,
    (old, new): (&ProductTree, &ProductTree),
    before: &'a Before,
    snapshot: &Snapshot,
) -> Result<Option<Done<'a>>, RenderError> {
    let Some(changed) = old.components_changed_in(new) else {
        return Ok(None);
    };
    let renderer = || Renderer::new(new, repository, entry);
    let (old, renderer) = match before {
        Before::Index(_) => (None, renderer()),
        Before::Committed => {
            let old = || Renderer::new(old, repository, entry).ok();
            rayon::join(old, renderer)
        }
    };
    let renderer = renderer?;
    let mut wanted = renderer.affected_by(&changed);
    wanted.extend(changed);
    let before = match before {
        Before::Index(index) => Cow::Borrowed(index),
        Before::Committed => {
            let Some(Ok(old)) = old.map(|old| old.render_components(&wanted)) else {
                return Ok(None);
            };
            Cow::Owned(RenderedIndex::of(&old, snapshot.object_format()))
        }
    };
    let is_whole = matches!(before, Cow::Borrowed(_));
    if is_whole {
        // A committed file that is not as rendered is written again, so its text is needed too.
        let stale = differences(snapshot, &before).into_iter();
        wanted.extend(stale.map(|change| change.component));
    }
    let rendering = renderer.render_components(&wanted)?;
    let mut after = RenderedIndex::of(&rendering, snapshot.object_format());
    if !is_whole {
        let taken =
            |path: &RepoPath| !before.files.contains_key(path) && snapshot.entry(path).is_some();
        if after.files.keys().any(taken) {
            // Another component may have rendered that file.
            return Ok(None);
        }
    }
    for (path, file) in &before.files {
        if wanted.contains(&file.component) {
            continue;
        }
        if after.files.insert(path.clone(), file.clone()).is_some() {
            // Two components claim one file: let the whole rendering say so.
            return Ok(None);
        }
    }
    Ok(Some(Done {
        before,
        after,
        is_whole,
        rendering,
    }))
}

/// SHA-256 over the files that a rendering changes, `sha256:<hex>`.
pub(crate) fn digest(edits: &BTreeMap<RepoPath, Edit>) -> String {
    let mut text = String::new();
    describe(edits, &mut text);
    sha256(&text)
}

fn sha256(text: &str) -> String {
    Digest::sha256(text.as_bytes()).to_string()
}

/// Writes each file's path and new id, for a digest.
pub(crate) fn describe(edits: &BTreeMap<RepoPath, Edit>, text: &mut String) {
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
