//! The product's own version: set by name, or raised by as much as the components
//! that change.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::str::FromStr;

use semver::Version;

use super::{BumpError, Row, Scene};
use crate::image::coerce;
use crate::product::pins::PinError;
use crate::repo::{Edit, EntryKind, RepoPath};
use crate::yaml::{Editor, Path, Stream};

/// What the product's version shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductVersion {
    /// As much higher as the largest step among the components that change.
    Next,
    /// This one.
    Named(String),
}

impl FromStr for ProductVersion {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "next" => Self::Next,
            _ => Self::Named(text.to_owned()),
        })
    }
}

/// How far apart two versions are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Patch,
    Minor,
    Major,
}

/// Writes the product's version beside the changes that are made anyway, and returns it.
///
/// # Errors
/// There is no product, its version or the one asked for can't be compared, or the
/// one asked for is lower.
pub(super) fn set(
    wanted: &ProductVersion,
    scene: &Scene,
    rows: &[Row],
    edits: &mut BTreeMap<RepoPath, Edit>,
) -> Result<String, BumpError> {
    let environment = || scene.state.entry.name.clone();
    let Some(tree) = &scene.state.product else {
        return Err(BumpError::NoProduct {
            environment: environment(),
        });
    };
    let old = tree.product.version.as_ref().map(|it| it.value.as_str());
    let version = match wanted {
        ProductVersion::Named(version) => version.clone(),
        ProductVersion::Next => {
            next(old.unwrap_or_default(), rows).ok_or_else(|| BumpError::NoNextVersion {
                version: old.map(str::to_owned),
            })?
        }
    };
    let compared = old.and_then(coerce).zip(coerce(&version));
    if let (Some(old), Some((before, after))) = (old, compared)
        && after < before
    {
        return Err(BumpError::LowerVersion {
            from: old.to_owned(),
            to: version,
        });
    }
    let file = &tree.product.file;
    let text = match edits.get(file) {
        Some(Edit::Write { bytes, .. }) => String::from_utf8_lossy(bytes).into_owned(),
        _ => tree
            .files
            .get(file)
            .map(|stream| stream.text().to_owned())
            .unwrap_or_default(),
    };
    let location = tree.product.location.clone();
    let failed = |source| PinError::Edit {
        location: location.clone(),
        source: Box::new(source),
    };
    let stream = Stream::parse(&text).map_err(|source| PinError::Yaml {
        file: file.clone(),
        source,
    })?;
    let mut editor = Editor::new(&stream).map_err(failed)?;
    editor
        .set_string(0, &Path::of(["spec", "version"]), &version)
        .map_err(failed)?;
    let executable = scene
        .state
        .snapshot
        .entry(file)
        .is_some_and(|entry| entry.kind == EntryKind::Executable);
    let bytes = editor.finish().map_err(failed)?.into_bytes();
    edits.insert(file.clone(), Edit::Write { bytes, executable });
    Ok(version)
}

/// The version after `old`; `None` where that is none that can be raised.
fn next(old: &str, rows: &[Row]) -> Option<String> {
    let prefix = if old.starts_with('v') { "v" } else { "" };
    let mut version = coerce(old)?;
    let changes = rows.iter().filter(|row| row.decision.is_change());
    let step = changes.map(step).max().unwrap_or(Step::Patch);
    version = match step {
        Step::Major => Version::new(version.major + 1, 0, 0),
        Step::Minor => Version::new(version.major, version.minor + 1, 0),
        Step::Patch => Version::new(version.major, version.minor, version.patch + 1),
    };
    Some(format!("{prefix}{version}"))
}

/// How far a component moves; what can't be compared counts as the smallest step.
fn step(row: &Row) -> Step {
    let to = row.to.as_deref().and_then(coerce);
    let steps = row.from.iter().filter_map(|from| {
        let (from, to) = (coerce(from)?, to.as_ref()?);
        Some(if from.major != to.major {
            Step::Major
        } else if from.minor != to.minor {
            Step::Minor
        } else {
            Step::Patch
        })
    });
    steps.max().unwrap_or(Step::Patch)
}
