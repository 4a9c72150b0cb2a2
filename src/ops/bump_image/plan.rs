//! The plan: what each component gets, and the bytes that follow.
//!
//! Pure: the same request, scene and answers give the same plan, digest included.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::answer::Answers;
use super::decide::decide;
use super::{BumpError, Decision, Plan, Refusal, Request, Row, Scene, release};
use crate::image::Digest;
use crate::ops::rerender::{Before, KnownRendering, RenderedChange, rerender};
use crate::ops::validate::{Change, one_line};
use crate::product::pins::{Pin, Target, write};
use crate::repo::{Edit, RepoPath, blob_id, blob_id_in};
use crate::template::Rendering;

/// Makes the plan for `request` from what stands in the environment and what the
/// registries said.
///
/// # Errors
/// A registry failed (unless the request keeps going), a tag does not exist, or the
/// result would not be valid.
pub fn plan(request: &Request, scene: &Scene, answers: &Answers) -> Result<Plan, BumpError> {
    let mut rows = Vec::new();
    let mut refusals = Vec::new();
    let mut warnings = scene.warnings.clone();
    let mut changes: Vec<(&Pin, Target)> = Vec::new();
    let mut failed = Vec::new();
    for pin in &scene.pins {
        let taken_back = scene.taken_back.get(&pin.component);
        let taken_back = taken_back.map_or(&[][..], Vec::as_slice);
        let decided = decide(request, pin, answers.get(&pin.component), taken_back)?;
        refusals.extend(decided.refusal);
        warnings.extend(decided.warning);
        if let Decision::Unknown(error) = &decided.row.decision {
            failed.push((pin.component.clone(), error.clone()));
        }
        let mut row = decided.row;
        if let Some(target) = decided.target {
            (row.from_origin, row.origin) = answers.origins(pin, &target);
            changes.push((pin, target));
        }
        rows.push(row);
    }
    if !failed.is_empty() && !request.keep_going {
        return Err(BumpError::Registry { failed });
    }
    let mut edits = write(&scene.state.snapshot, &changes)?;
    let released = match &request.product_version {
        Some(wanted) if !edits.is_empty() => Some(release::set(wanted, scene, &rows, &mut edits)?),
        _ => None,
    };
    let rendered = render(scene, &mut edits, &mut refusals)?;
    let tree = scene.state.product.as_ref();
    let version_before =
        tree.and_then(|tree| tree.product.version.as_ref().map(|it| it.value.clone()));
    let version = released.or_else(|| version_before.clone());
    Ok(Plan {
        product: tree.map(|tree| (tree.product.name.to_string(), version)),
        version_before,
        environment: (scene.state.entry.name.clone(), scene.state.commit.clone()),
        digest: digest(&rows, &edits),
        rows,
        rendered: rendered.changes,
        known: rendered.known,
        proof: rendered.proof,
        warnings,
        refusals,
        edits,
    })
}

/// What becomes of the rendered files.
#[derive(Default)]
struct Rendered {
    changes: Vec<RenderedChange>,
    known: Option<KnownRendering>,
    proof: Option<String>,
}

/// Adds the rendered files that change with the pins. Files whose rendering stays the
/// same are left alone, whatever they say; files that change but were edited by hand
/// refuse, because that edit would be lost.
fn render(
    scene: &Scene,
    edits: &mut BTreeMap<RepoPath, Edit>,
    refusals: &mut Vec<Refusal>,
) -> Result<Rendered, BumpError> {
    if edits.is_empty() {
        return Ok(Rendered::default());
    }
    let before = scene.rendering.as_ref();
    let outcome = rerender(&scene.repository, &scene.state, before, edits, None)
        .map_err(BumpError::Result)?;
    let format = scene.state.snapshot.object_format();
    let expected = |path: &RepoPath| match before? {
        Before::Index(index) => index.files.get(path).map(|file| &file.id),
        Before::Committed => None,
    };
    let mut edited = Vec::new();
    let mut proof = outcome.proof;
    for (path, edit) in outcome.edits {
        if matches!(&edit, Edit::Write { bytes, .. } if expected(&path) == Some(&blob_id_in(format, bytes)))
        {
            proof = None;
            continue;
        }
        let mut stale = scene.stale.iter();
        let there = scene.state.snapshot.entry(&path).is_some();
        if there && stale.any(|file| file.edited && file.path == path) {
            edited.push(path.clone());
        }
        edits.insert(path, edit);
    }
    if !edited.is_empty() {
        refusals.push(Refusal::RenderedEdited { paths: edited });
    }
    refusals.extend(invalid(scene, &outcome.rendering, edits)?);
    let kept = |change: &RenderedChange| edits.contains_key(&change.path);
    let changes = outcome.changes.into_iter().filter(kept).collect();
    Ok(Rendered {
        changes,
        known: outcome.known,
        proof,
    })
}

/// The errors that the result has and the environment has not.
fn invalid(
    scene: &Scene,
    rendering: &Rendering,
    edits: &BTreeMap<RepoPath, Edit>,
) -> Result<Option<Refusal>, BumpError> {
    let errors = Change {
        repository: &scene.repository,
        entry: &scene.state.entry,
        before: (&scene.state.snapshot, scene.state.product.as_ref()),
        rendering,
        elsewhere: None,
        edits,
    }
    .new_errors()?;
    let errors: Vec<String> = errors.iter().map(one_line).collect();
    Ok((!errors.is_empty()).then_some(Refusal::Validation { errors }))
}

/// What was decided and which bytes follow, and nothing else: not the tip, so that the
/// same plan on a moved branch keeps its digest.
fn digest(rows: &[Row], edits: &BTreeMap<RepoPath, Edit>) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.decision.is_change()) {
        let to = row.to.as_deref().unwrap_or_default();
        let digest = row.digest.as_ref().map_or("", Digest::as_str);
        let _ = writeln!(
            text,
            "{}\t{}\t{to}\t{digest}",
            row.component,
            row.from.join(",")
        );
    }
    for (path, edit) in edits {
        let id = match edit {
            Edit::Write { bytes, .. } => blob_id(bytes).to_string(),
            Edit::Reuse { id, .. } => id.to_string(),
            Edit::Delete => String::new(),
        };
        let _ = writeln!(text, "{path}\t{id}");
    }
    Digest::sha256(text.as_bytes()).to_string()
}
