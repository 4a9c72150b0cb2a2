//! Rendered files that are not what their sources render to: which of them a person
//! edited, so that writing them again would lose something, and which only wait to be
//! rendered.
//!
//! History is asked first: a file that was rendered at the commit which touched it last
//! is only behind. A commit that changed the sources as well, as squash merges do, does not
//! tell in which order that came about; then the file was not edited when each of its
//! values is rendered from what was promoted last, or from the sources as they are.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::estate::Estate;
use crate::git::GitError;
use crate::product::EnvironmentState;
use crate::product::{ComponentName, EnvironmentName, ProductTree, TemplateName};
use crate::promotion::{Base, Record, UnitId, compare, file_of};
use crate::promotion::{PromotedFiles, StaleFile};
use crate::repo::{CommitId, CommitInfo, Edit, EntryKind, RepoPath};
use crate::template::stale;
use crate::template::{
    ChangeKind, RenderedChange, RenderedIndex, Rendering, render_components, sources_digest,
};
use crate::yaml::{parse_values, plain, to_yaml};

/// Larger files are no templates, and no resources.
const MAX_BYTES: u64 = 4 << 20;

/// The stale files of an environment; `rendering` is what it renders to, `records` is
/// what was promoted into it.
///
/// # Errors
/// The repository's history can't be read.
pub(super) fn stale_files(
    estate: &Estate,
    state: &EnvironmentState,
    rendering: &RenderedIndex,
    records: &BTreeMap<UnitId, Record>,
) -> Result<Vec<StaleFile>, GitError> {
    let changes = stale(state, rendering);
    let components = changes.iter().map(|it| it.component.clone()).collect();
    let mut history = History {
        estate,
        state,
        renderings: BTreeMap::new(),
    };
    // Nearly always nobody needs to know.
    let known = OnceCell::new();
    let explains = |path: &RepoPath| {
        let known = known.get_or_init(|| Known::of(estate, state, records, &components));
        let known = known.as_ref();
        known.and_then(|known| known.explains(estate, state, path)) == Some(true)
    };
    let mut found = Vec::new();
    for change in changes {
        let (written, changed_by) = history.of(&change.path)?;
        let edited = match written {
            Written::Rendered => false,
            Written::WithSources => !explains(&change.path),
            Written::Alone => true,
        };
        found.push(StaleFile {
            path: change.path,
            component: change.component,
            edited,
            changed_by,
        });
    }
    Ok(found)
}

/// Returns those of `paths` that are left over from a component or an output that is gone:
/// the environment rendered each exactly as it is, when it was written last. Whatever else
/// is beside the rendered files is somebody's own.
///
/// # Errors
/// The repository's history can't be read.
pub(super) fn leftovers(
    estate: &Estate,
    state: &EnvironmentState,
    paths: &[RepoPath],
) -> Result<Vec<RenderedChange>, GitError> {
    let mut renderings = BTreeMap::new();
    let mut found = Vec::new();
    for path in paths {
        let history = estate.git.file_history(&state.commit, path, Some(1))?;
        let Some(newest) = history.into_iter().next().map(|version| version.commit) else {
            continue;
        };
        let (then, _) = renderings
            .entry(newest.id.clone())
            .or_insert_with(|| rendering_at(estate, &state.entry.name, &newest));
        let file = then.as_ref().and_then(|then| then.files.get(path));
        if let (Some(file), true) = (file, was_rendered(state, then.as_ref(), path)) {
            found.push(RenderedChange {
                path: path.clone(),
                kind: ChangeKind::Removed,
                layer: file.layer.clone(),
                component: file.component.clone(),
            });
        }
    }
    Ok(found)
}

/// What some components render to: as they were promoted last, and as they are.
struct Known {
    promoted: Rendering,
    present: Rendering,
}

impl Known {
    /// `None`: nothing was promoted, or one of the two can't be rendered.
    fn of(
        estate: &Estate,
        state: &EnvironmentState,
        records: &BTreeMap<UnitId, Record>,
        components: &BTreeSet<ComponentName>,
    ) -> Option<Self> {
        if records.is_empty() {
            return None;
        }
        let repository = estate.repository();
        let render =
            |tree: &ProductTree| render_components(tree, repository, &state.entry, components).ok();
        Some(Self {
            promoted: render(&promoted(estate, state, records)?)?,
            present: render(state.product.as_ref()?)?,
        })
    }

    /// Whether every value of a committed file is in one of the two, and not all are in
    /// the present one: then it was not the values that somebody edited.
    fn explains(&self, estate: &Estate, state: &EnvironmentState, path: &RepoPath) -> Option<bool> {
        let of = |rendering: &Rendering| {
            let file = rendering.files.get(path);
            file.map_or(Some(None), |file| content(&file.text).map(Some))
        };
        let (promoted, present) = (of(&self.promoted)?, of(&self.present)?);
        let committed = match state.snapshot.entry(path) {
            None => None,
            Some(entry) => {
                let bytes = estate.git.read(&entry.id, MAX_BYTES).ok()?;
                Some(content(std::str::from_utf8(&bytes).ok()?)?)
            }
        };
        let base = Base::Known(promoted.as_ref());
        let differences = compare(base, committed.as_ref(), present.as_ref());
        let mut all = differences.iter();
        Some(committed != present && all.all(|it| !it.class.is_diverged()))
    }
}

/// The documents of a rendered file, each by its number.
fn content(text: &str) -> Option<Value> {
    let documents = parse_values(text).ok()?;
    let numbered = documents.into_iter().enumerate();
    Some(numbered.map(|(at, it)| (at.to_string(), it)).collect())
}

/// The product with every unit as it was promoted last.
fn promoted(
    estate: &Estate,
    state: &EnvironmentState,
    records: &BTreeMap<UnitId, Record>,
) -> Option<ProductTree> {
    let product = state.product.as_ref()?;
    let files = PromotedFiles::of(estate.repository(), &state.entry, true);
    let mut units = files.units(Some(product), None, &state.snapshot).ok()?;
    let mut edits = BTreeMap::new();
    for (unit, record) in records.iter().filter(|(_, record)| !record.is_partial()) {
        let Some(content) = &record.content else {
            continue;
        };
        match unit {
            UnitId::Template(name) => {
                edits.extend(template(estate, state, (name, units.get(unit), content))?);
            }
            UnitId::Product | UnitId::Component(_) => {
                units.insert(unit.clone(), content.clone());
            }
            UnitId::File(_) => {}
        }
    }
    let mut manifest = units.remove(&UnitId::Product)?;
    let spec = manifest.get_mut("spec")?.as_object_mut()?;
    // All components stand in the one manifest that is made here.
    spec.shift_remove("include");
    let components = units.into_iter().filter_map(|(unit, value)| match unit {
        UnitId::Component(name) => Some((name.to_string(), value)),
        _ => None,
    });
    spec.insert("components".to_owned(), Value::from_iter(components));
    let manifest = Edit::write(to_yaml(&plain(&manifest)));
    edits.insert(product.product.file.clone(), manifest);
    let snapshot = state.snapshot.with_edits(&edits, None);
    ProductTree::load(&snapshot, &state.entry).ok()?
}

/// The files of a template as they were promoted; `None`: one of them is not here.
fn template(
    estate: &Estate,
    state: &EnvironmentState,
    (name, present, promoted): (&TemplateName, Option<&Value>, &Value),
) -> Option<BTreeMap<RepoPath, Edit>> {
    let path = |file: &str| {
        let path = format!("templates/{name}/{file}");
        state.entry.path.join(&path).ok()
    };
    let mut edits = BTreeMap::new();
    let present = present.and_then(Value::as_object);
    let promoted = promoted.as_object()?;
    let gone = present.into_iter().flat_map(|files| files.keys());
    for file in gone.filter(|file| !promoted.contains_key(*file)) {
        edits.insert(path(file)?, Edit::Delete);
    }
    for (file, id) in promoted {
        if present.and_then(|files| files.get(file)) != Some(id) {
            let (id, kind) = file_of(id)?;
            let bytes = estate.git.read(&id, MAX_BYTES).ok()?;
            let executable = kind == EntryKind::Executable;
            edits.insert(path(file)?, Edit::Write { bytes, executable });
        }
    }
    Some(edits)
}

/// How a file came to be what it is, by the commit that touched it last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// It was what its sources rendered to, or this tool wrote it.
    Rendered,
    /// It was not, and the same commit changed the sources: several changes in one.
    WithSources,
    /// It was not, and the sources stayed: that is an edit by hand.
    Alone,
}

/// What history says of the stale files of an environment.
struct History<'a> {
    estate: &'a Estate,
    state: &'a EnvironmentState,
    /// What a commit rendered to, and whether it changed the sources of that.
    renderings: BTreeMap<CommitId, (Option<RenderedIndex>, bool)>,
}

impl History<'_> {
    /// How a file was written, and the commit that did it.
    fn of(&mut self, path: &RepoPath) -> Result<(Written, Option<CommitInfo>), GitError> {
        let (estate, state) = (self.estate, self.state);
        let history = estate.git.file_history(&state.commit, path, Some(1))?;
        let newest = history.into_iter().next().map(|version| version.commit);
        let written = match &newest {
            None => Written::Rendered,
            Some(commit) if estate.git.is_untouched(commit)? => Written::Rendered,
            Some(commit) => {
                let renderings = self.renderings.entry(commit.id.clone());
                let (then, with_sources) =
                    renderings.or_insert_with(|| rendering_at(estate, &state.entry.name, commit));
                match (was_rendered(state, then.as_ref(), path), *with_sources) {
                    (true, _) => Written::Rendered,
                    (false, true) => Written::WithSources,
                    (false, false) => Written::Alone,
                }
            }
        };
        Ok((written, newest))
    }
}

/// What an environment rendered to at a commit, and whether that commit changed its sources
/// against the one before. One that is not here, or was no product, has other sources.
fn rendering_at(
    estate: &Estate,
    environment: &EnvironmentName,
    commit: &CommitInfo,
) -> (Option<RenderedIndex>, bool) {
    let at = |id: &CommitId| estate.load_at(environment, id).ok();
    let sources = |state: &EnvironmentState| {
        let tree = state.product.as_ref()?;
        sources_digest(tree, estate.repository(), &state.entry, &state.snapshot)
    };
    let Some(state) = at(&commit.id) else {
        return (None, false);
    };
    let before = commit.parents.first().and_then(at);
    let with_sources = sources(&state) != before.as_ref().and_then(sources);
    (estate.rendered(&state).unwrap_or_default(), with_sources)
}

/// Whether the environment's file is what `then` rendered.
fn was_rendered(state: &EnvironmentState, then: Option<&RenderedIndex>, path: &RepoPath) -> bool {
    let rendered = then.and_then(|then| then.files.get(path));
    match (rendered, state.snapshot.entry(path)) {
        (Some(file), Some(entry)) => entry.id == file.id,
        (rendered, entry) => rendered.is_none() && entry.is_none() && then.is_some(),
    }
}
