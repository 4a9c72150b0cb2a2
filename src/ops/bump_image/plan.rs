//! The plan: what each component gets, and the bytes that follow.
//!
//! Pure: the same request, scene and answers give the same plan, digest included.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::answer::Answers;
use super::decide::decide;
use super::{BumpError, Decision, Plan, Refusal, Request, Row, Scene, release};
use crate::image::Digest;
use crate::ops::validate::{Change, one_line};
use crate::product::pins::{Pin, Target, write};
use crate::repo::{Edit, RepoPath, Snapshot, blob_id, blob_id_in};
use crate::template::Rendering;
use crate::template::{Before, KnownRendering, RenderedChange, rerender};

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
    let sources: Vec<RepoPath> = edits.keys().cloned().collect();
    let rendered = render(scene, &mut edits, &mut refusals)?;
    let tree = scene.state.product.as_ref();
    let version_before =
        tree.and_then(|tree| tree.product.version.as_ref().map(|it| it.value.clone()));
    let version = released.or_else(|| version_before.clone());
    let versions = (version_before.as_deref(), version.as_deref());
    let digest = digest(&rows, versions, &sources, &edits, &scene.state.snapshot);
    Ok(Plan {
        product: tree.map(|tree| (tree.product.name.to_string(), version)),
        version_before,
        environment: (scene.state.entry.name.clone(), scene.state.commit.clone()),
        digest,
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

/// What was decided, the files that it is written to, and the lines of rendered files that
/// follow. Neither the tip nor the rest of a file is in it: a plan that the bump of another
/// component overtook, in the same file, is the same plan on the new tip.
fn digest(
    rows: &[Row],
    (before, after): (Option<&str>, Option<&str>),
    sources: &[RepoPath],
    edits: &BTreeMap<RepoPath, Edit>,
    snapshot: &Snapshot,
) -> String {
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
    if before != after {
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let _ = writeln!(text, "version\t{before}\t{after}");
    }
    for (path, edit) in edits {
        let _ = writeln!(text, "{path}");
        if sources.contains(path) {
            continue;
        }
        match edit {
            Edit::Write { bytes, .. } => {
                let old = snapshot.bytes(path).ok().flatten().unwrap_or_default();
                for (sign, line) in changed_lines(old, bytes) {
                    let line = blob_id(line);
                    let _ = writeln!(text, "{sign}{line}");
                }
            }
            Edit::Reuse { id, .. } => {
                let _ = writeln!(text, "={id}");
            }
            Edit::Delete => text.push_str("-\n"),
        }
    }
    Digest::sha256(text.as_bytes()).to_string()
}

/// The lines that go (`-`) and come (`+`). Lines between them that stay the same are left
/// out where a text keeps its number of lines, as it does where tags alone change.
fn changed_lines<'t>(old: &'t [u8], new: &'t [u8]) -> Vec<(char, &'t [u8])> {
    let lines = |text: &'t [u8]| text.split(|byte| *byte == b'\n').collect::<Vec<_>>();
    let (old, new) = (lines(old), lines(new));
    let same = |(one, other): &(&&[u8], &&[u8])| one == other;
    let start = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (&old[start..], &new[start..]);
    let tail = old.iter().rev().zip(new.iter().rev());
    let end = tail.take_while(same).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    if old.len() == new.len() {
        let pairs = old.iter().zip(new).filter(|(one, other)| one != other);
        return pairs
            .flat_map(|(one, other)| [('-', *one), ('+', *other)])
            .collect();
    }
    let gone = old.iter().map(|line| ('-', *line));
    gone.chain(new.iter().map(|line| ('+', *line))).collect()
}

#[cfg(test)]
mod tests {
    use super::changed_lines;

    fn changes(old: &str, new: &str) -> String {
        let lines = changed_lines(old.as_bytes(), new.as_bytes()).into_iter();
        let words = lines.map(|(sign, line)| format!("{sign}{}", String::from_utf8_lossy(line)));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn lines_between_two_changes_do_not_count() {
        let one = changes("a: 1\nb: 1\nc: 1\n", "a: 2\nb: 1\nc: 2\n");
        assert_eq!(one, "-a: 1 +a: 2 -c: 1 +c: 2");
        let overtaken = changes("a: 1\nb: 9\nc: 1\n", "a: 2\nb: 9\nc: 2\n");
        assert_eq!(overtaken, one);
    }

    #[test]
    fn lines_that_come_and_go_are_told_from_their_neighbours() {
        assert_eq!(changes("a\nb\n", "a\nx\nb\n"), "+x");
        assert_eq!(changes("a\nx\nb\n", "a\nb\n"), "-x");
        assert_eq!(changes("a\na\n", "a\n"), "-a");
        assert_eq!(changes("", "a\n"), "+a");
        assert_eq!(changes("a\n", "a\n"), "");
    }
}
