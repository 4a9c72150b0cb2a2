//! Files of this machine as a snapshot, for paths that no environment names.
//!
//! Follows no link that leads out of the named folder, and reads no hidden one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files;
use crate::repo::{OddEntry, RepoPath, Snapshot};

/// A path that cannot be read.
#[derive(Debug, Error)]
#[error("{}", path.display())]
pub struct FolderError {
    /// The path.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// The YAML and JSON files of a path.
#[derive(Debug)]
pub(super) struct Folder {
    /// The files, by their path below `base`.
    pub(super) snapshot: Snapshot,
    /// Files that were left out, and why.
    pub(super) refused: Vec<(RepoPath, String)>,
    /// Files that were left out because of their names.
    pub(super) odd: Vec<OddEntry>,
}

/// Reads a file, or a folder's YAML and JSON files at any depth.
pub(super) fn read_folder(base: &Path, path: &Path) -> Result<Folder, FolderError> {
    let fail = |path: &Path| {
        let path = path.to_path_buf();
        move |source| FolderError { path, source }
    };
    let real_base = base.canonicalize().map_err(fail(base))?;
    let mut files = Vec::new();
    let (mut refused, mut odd) = (Vec::new(), Vec::new());
    let named = path;
    let mut waiting = vec![path.to_path_buf()];
    while let Some(path) = waiting.pop() {
        let named = path == named;
        let kind = match fs::metadata(&path) {
            Ok(kind) => kind,
            Err(error) if named => return Err(fail(&path)(error)),
            // A link that leads nowhere, or in a circle, says nothing about the others.
            Err(error) => {
                refused.extend(name_below(base, &path).map(|name| (name, error.to_string())));
                continue;
            }
        };
        if kind.is_dir() {
            let mut entries: Vec<PathBuf> = Vec::new();
            for entry in fs::read_dir(&path).map_err(fail(&path))? {
                let entry = entry.map_err(fail(&path))?;
                if wanted(&entry) {
                    entries.push(entry.path());
                }
            }
            waiting.extend(entries);
            continue;
        }
        let relative = path.strip_prefix(base).unwrap_or(&path);
        let name = match relative.to_str().map(str::parse::<RepoPath>) {
            Some(Ok(name)) => name,
            broken => {
                let reason = broken.and_then(Result::err).map(|error| error.reason);
                let reason = reason.unwrap_or("it is not UTF-8");
                let bytes = relative.as_os_str().as_encoded_bytes();
                odd.push(OddEntry::new(bytes, None, reason));
                continue;
            }
        };
        match readable(&path, &real_base) {
            Ok(bytes) => files.push((name, bytes)),
            Err(reason) => refused.push((name, reason)),
        }
    }
    Ok(Folder {
        snapshot: Snapshot::from_files(None, files),
        refused,
        odd,
    })
}

fn name_below(base: &Path, path: &Path) -> Option<RepoPath> {
    path.strip_prefix(base).ok()?.to_str()?.parse().ok()
}

fn readable(path: &Path, base: &Path) -> Result<Vec<u8>, String> {
    let real = path.canonicalize().map_err(|error| error.to_string())?;
    if !real.starts_with(base) {
        return Err("a link that leads out of the folder; it is not followed".to_owned());
    }
    files::read_regular(&real, files::MANIFEST).map_err(|error| format!("{error}; it is not read"))
}

fn wanted(entry: &fs::DirEntry) -> bool {
    // One that is not UTF-8 is wanted all the same, and counted.
    let name = entry.file_name();
    let name = name.to_string_lossy();
    if name.starts_with('.') {
        return false;
    }
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => true,
        // A link to a folder is not entered: it may lead in a circle.
        Ok(kind) if kind.is_symlink() && entry.path().is_dir() => false,
        Ok(_) => is_manifest(&name),
        Err(_) => false,
    }
}

/// Whether a file's name says YAML or JSON.
pub(super) fn is_manifest(name: &str) -> bool {
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| name.ends_with(end))
}
