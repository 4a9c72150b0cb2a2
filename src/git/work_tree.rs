//! Reading the work tree: the files as they lie on disk, tracked or not, with
//! ignored ones left out. Links are listed and never followed. A file whose name cannot
//! be said is counted and nothing else.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::read::{below, blob_id_of, child};
use super::{Git, GitError, Selection};
use crate::repo::{
    Content, DEEPEST_PATH, Entry, EntryKind, OddEntry, RepoPath, Snapshot, SnapshotBuilder,
};

struct Walk<'a> {
    repo: &'a git2::Repository,
    index: git2::Index,
    top: &'a Path,
    selection: &'a Selection,
    builder: SnapshotBuilder,
}

impl Git {
    /// The files of the work tree: tracked ones and new ones that are not
    /// ignored.
    pub fn work_tree_snapshot(&self, selection: &Selection) -> Result<Snapshot, GitError> {
        let top = self.work_tree().ok_or_else(|| GitError::Bare {
            dir: self.git_dir().to_owned(),
        })?;
        let mut walk = Walk {
            repo: self.libgit2(),
            index: self.libgit2().index()?,
            top,
            selection,
            builder: SnapshotBuilder::new(None, selection.roots.clone()),
        };
        for root in &selection.roots {
            walk.root(root)?;
        }
        Ok(walk.builder.finish())
    }

    /// Whether tracked files differ from the last commit or a merge, rebase or
    /// the like is under way. New files do not count.
    pub fn is_dirty(&self) -> Result<bool, GitError> {
        match self.work_tree() {
            Some(work_tree) => self.is_dirty_at(self.git_dir(), work_tree),
            None => Ok(false),
        }
    }

    /// Returns the files that differ from the last commit, new ones that are not ignored
    /// included. Names that are not valid here are left out.
    pub fn edited(&self) -> Result<Vec<RepoPath>, GitError> {
        let Some(work_tree) = self.work_tree() else {
            return Ok(Vec::new());
        };
        let listed = self
            .call_at(self.git_dir(), Some(work_tree), &[], "status")
            .args([
                "--porcelain=v1",
                "-z",
                "--no-renames",
                "--untracked-files=all",
                "--ignore-submodules=dirty",
            ])
            .success()?;
        let paths = listed.split('\0').filter_map(|line| line.get(3..));
        Ok(paths.filter_map(|path| path.parse().ok()).collect())
    }

    pub(super) fn is_dirty_at(&self, git_dir: &Path, work_tree: &Path) -> Result<bool, GitError> {
        // The program, not the library: it knows filters such as LFS.
        let listed = self
            .call_at(git_dir, Some(work_tree), &[], "status")
            .args([
                "--porcelain=v1",
                "-z",
                "--untracked-files=no",
                "--ignore-submodules=dirty",
            ])
            .success()?;
        let busy = [
            "MERGE_HEAD",
            "CHERRY_PICK_HEAD",
            "REVERT_HEAD",
            "BISECT_LOG",
            "rebase-merge",
            "rebase-apply",
        ];
        Ok(!listed.is_empty() || busy.iter().any(|name| git_dir.join(name).exists()))
    }
}

impl Walk<'_> {
    fn root(&mut self, root: &RepoPath) -> Result<(), GitError> {
        let mut path = RepoPath::root();
        for segment in root.segments() {
            path = path.join(segment).unwrap_or_default();
            let at = self.top.join(path.as_str());
            match fs::symlink_metadata(&at) {
                Ok(found) if found.is_dir() && !is_repository(&at) => {}
                Ok(_) => return self.entry(path),
                Err(error) if gone(&error) => return Ok(()),
                Err(source) => return Err(GitError::Io { path: at, source }),
            }
        }
        self.folder(&path)
    }

    fn folder(&mut self, path: &RepoPath) -> Result<(), GitError> {
        let at = self.top.join(path.as_str());
        let depth = path.segments().count();
        for name in names(&at)? {
            match child(path, &bytes_of(&name), depth) {
                Ok(child) => self.entry(child)?,
                Err(reason) => {
                    let bytes = below(path.as_str().as_bytes(), &bytes_of(&name));
                    self.odd(&at.join(&name), &bytes, (reason, depth))?;
                }
            }
        }
        Ok(())
    }

    /// Notes what cannot be named and is not ignored; of a folder, every file in it.
    fn odd(
        &mut self,
        at: &Path,
        path: &[u8],
        (reason, depth): (&'static str, usize),
    ) -> Result<(), GitError> {
        let Ok(found) = fs::symlink_metadata(at) else {
            return Ok(());
        };
        let ignored = || self.repo.is_path_ignored(at).unwrap_or(false);
        if ignored() {
            return Ok(());
        }
        if found.is_dir() && !is_repository(at) && depth < DEEPEST_PATH {
            // One that cannot be looked into is one with what is in it.
            if let Ok(names) = names(at) {
                for name in names {
                    let path = below(path, &bytes_of(&name));
                    self.odd(&at.join(&name), &path, (reason, depth + 1))?;
                }
                return Ok(());
            }
        }
        self.builder.insert_odd(OddEntry::new(path, None, reason));
        Ok(())
    }

    fn is_tracked(&self, path: &str) -> bool {
        let path = path.trim_start_matches('/');
        self.index.get_path(Path::new(path), 0).is_some()
    }

    /// Ignored and not tracked, with everything below it.
    fn is_skipped(&self, path: &RepoPath, is_folder: bool) -> Result<bool, GitError> {
        if self.is_tracked(path.as_str()) {
            return Ok(false);
        }
        let asked = if is_folder {
            format!("{path}/")
        } else {
            path.to_string()
        };
        if !self.repo.is_path_ignored(&asked)? {
            return Ok(false);
        }
        Ok(!is_folder || self.index.find_prefix(&asked).is_err())
    }

    fn entry(&mut self, path: RepoPath) -> Result<(), GitError> {
        let at = self.top.join(path.as_str());
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            // Somebody deleted it between the listing and now.
            Err(error) if gone(&error) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidFilename => {
                let reason = "its path is too long for this system";
                let odd = OddEntry::new(path.as_str().as_bytes(), None, reason);
                self.builder.insert_odd(odd);
                return Ok(());
            }
            Err(source) => return Err(GitError::Io { path: at, source }),
        };
        if self.is_skipped(&path, found.is_dir())? {
            return Ok(());
        }
        let none = git2::Oid::ZERO_SHA1;
        let kind = if found.is_symlink() {
            EntryKind::Symlink
        } else if found.is_dir() && is_repository(&at) {
            EntryKind::Submodule
        } else if found.is_dir() {
            return self.folder(&path);
        } else if !found.is_file() {
            // Sockets, pipes and devices are nothing that Git could hold.
            return Ok(());
        } else if is_executable(&found) {
            EntryKind::Executable
        } else {
            EntryKind::File
        };
        let mut entry = Entry {
            id: blob_id_of(none)?,
            kind,
            size: None,
        };
        if !matches!(kind, EntryKind::File | EntryKind::Executable) {
            self.builder.insert(path, entry, Content::NotLoaded);
            return Ok(());
        }
        entry.size = Some(found.len());
        let blob = git2::ObjectType::Blob;
        let id = git2::Oid::hash_file_ext(blob, &at, self.repo.object_format())?;
        entry.id = blob_id_of(id)?;
        let content = if !(self.selection.load)(&path) {
            Content::NotLoaded
        } else if found.len() > self.selection.max_bytes {
            Content::TooLarge(self.selection.max_bytes)
        } else {
            match fs::read(&at) {
                Ok(bytes) => Content::Loaded(bytes.into()),
                Err(source) => return Err(GitError::Io { path: at, source }),
            }
        };
        self.builder.insert(path, entry, content);
        Ok(())
    }
}

/// What a folder holds, in order, without a repository's own folder.
fn names(at: &Path) -> Result<Vec<std::ffi::OsString>, GitError> {
    let io = |source| GitError::Io {
        path: PathBuf::from(at),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(at).map_err(io)? {
        names.push(entry.map_err(io)?.file_name());
    }
    names.retain(|name| name != ".git");
    names.sort();
    Ok(names)
}

/// A name as trees have it.
#[cfg(unix)]
fn bytes_of(name: &OsStr) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    name.as_bytes().to_vec()
}

#[cfg(not(unix))]
fn bytes_of(name: &OsStr) -> Vec<u8> {
    name.to_string_lossy().into_owned().into_bytes()
}

fn gone(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

/// A folder with a repository of its own: a submodule, or a clone inside the clone.
fn is_repository(folder: &Path) -> bool {
    folder.join(".git").symlink_metadata().is_ok()
}

#[cfg(unix)]
fn is_executable(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_found: &fs::Metadata) -> bool {
    false
}
