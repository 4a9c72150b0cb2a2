//! Git's merge driver: the three files that Git names become one, by key path where they
//! can be read and by lines where they cannot. Also how a clone comes to use it.
//!
//! Never looks at history or at other files; the modes of files are Git's own.

mod install;

use std::io;
use std::path::{Path, PathBuf};

pub use install::{Attributes, Installed, LINE, SETTINGS, install};

use crate::files::{self, MANIFEST};
use crate::git::{GitError, merge_lines};
use crate::promotion::merge::{Merged, Texts, merge, merge_records};

/// Where the records of promotions are.
const RECORDS: &str = ".gitops/promoted/";

/// What Git hands to a merge driver.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The folder that relative paths begin in.
    pub folder: &'a Path,
    /// `%O`: the common ancestor's version, empty where there is none.
    pub base: &'a Path,
    /// `%A`: our version; the result goes there.
    pub ours: &'a Path,
    /// `%B`: their version.
    pub theirs: &'a Path,
    /// `%P`: what the file is called in the repository.
    pub name: &'a str,
    /// `%L`: how long the markers of conflicts are.
    pub marker: usize,
}

/// How a file was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether a person has to look at it.
    pub has_conflicts: bool,
    /// Whether it was merged by lines.
    pub by_lines: bool,
}

/// Why there is no merge.
#[derive(Debug, thiserror::Error)]
pub enum MergeDriverError {
    /// One of the files cannot be read.
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The result, or a line for Git, cannot be written.
    #[error("{} cannot be written", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The clone has no files of its own.
    #[error("{} has no work tree", .0.display())]
    NoWorkTree(PathBuf),
    /// A link in the place of a file that Git reads as a file only.
    #[error("{} is a link, which Git does not follow", .0.display())]
    Link(PathBuf),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Merges the three files into ours.
///
/// # Errors
/// [`MergeDriverError`]; our file is as before then.
pub fn run(files: &Files<'_>) -> Result<Outcome, MergeDriverError> {
    let path = |path: &Path| files.folder.join(path);
    let (base, ours, theirs) = (path(files.base), path(files.ours), path(files.theirs));
    let texts = (text(&base)?, text(&ours)?, text(&theirs)?);
    if let (Some(base), Some(ours_text), Some(theirs)) = &texts {
        let texts = Texts {
            base,
            ours: ours_text,
            theirs,
        };
        if let Some(merged) = by_path(files, texts) {
            let written = files::write_whole(&ours, merged.text.as_bytes());
            written.map_err(|source| MergeDriverError::Unwritable { path: ours, source })?;
            return Ok(Outcome {
                has_conflicts: merged.has_conflicts,
                by_lines: false,
            });
        }
    }
    let has_conflicts = merge_lines(files.folder, [&ours, &base, &theirs], files.marker)?;
    Ok(Outcome {
        has_conflicts,
        by_lines: true,
    })
}

/// A file as text; `None` for what is too large or no text.
fn text(path: &Path) -> Result<Option<String>, MergeDriverError> {
    match files::read_regular(path, MANIFEST) {
        Ok(bytes) => Ok(String::from_utf8(bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Ok(None),
        Err(source) => Err(MergeDriverError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

fn by_path(files: &Files<'_>, texts: Texts<'_>) -> Option<Merged> {
    let name = files.name;
    if name.starts_with(RECORDS) || name.contains(&format!("/{RECORDS}")) {
        return merge_records(texts, files.marker);
    }
    let is_known = [".yaml", ".yml", ".json"]
        .iter()
        .any(|it| name.ends_with(it));
    is_known.then(|| merge(texts, files.marker)).flatten()
}
