//! The files of one commit, or of the work tree, as a value. It keeps «this
//! path is proven absent» apart from «nobody looked»: what was not read is an
//! error, never an empty answer.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::odd::is_within;
use super::{BlobId, CommitId, Edit, ObjectFormat, OddEntry, RepoPath, blob_id, blob_id_in};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// An ordinary file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; never followed.
    Symlink,
    /// Another repository's commit; never entered.
    Submodule,
}

/// One path of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The content's id; a submodule's commit for a submodule.
    pub id: BlobId,
    /// What it is.
    pub kind: EntryKind,
    /// Its size in bytes, where it was looked at.
    pub size: Option<u64>,
}

/// Why a file of a snapshot cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The path, or a folder above it, is a symbolic link.
    #[error("{path} is a symbolic link, which is not followed")]
    Symlink {
        /// The link.
        path: RepoPath,
    },
    /// The path, or a folder above it, is a submodule.
    #[error("{path} is a submodule, which is not entered")]
    Submodule {
        /// The submodule.
        path: RepoPath,
    },
    /// The file is larger than what is read.
    #[error("{path} has {size} bytes; files over {limit} bytes are not read")]
    TooLarge {
        /// The file.
        path: RepoPath,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The file's content was not asked for when the snapshot was taken.
    #[error("{path} was not read")]
    NotLoaded {
        /// The file.
        path: RepoPath,
    },
    /// The file is not text.
    #[error("{path}:{line}:{column}: not UTF-8 text")]
    NotUtf8 {
        /// The file.
        path: RepoPath,
        /// The line of the first wrong byte, from 1.
        line: u32,
        /// The column of the first wrong byte in characters, from 1.
        column: u32,
    },
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The bytes.
    Loaded(Arc<[u8]>),
    /// Not asked for.
    NotLoaded,
    /// Larger than this limit, in bytes, and so not read.
    TooLarge(u64),
}

type File = (Entry, Content);

/// The files of one commit or of the work tree, by path. A copy, changed or not,
/// shares what was read.
#[derive(Debug, Clone)]
pub struct Snapshot {
    commit: Option<CommitId>,
    roots: Vec<RepoPath>,
    read: Arc<BTreeMap<RepoPath, File>>,
    /// What stands otherwise than it was read; `None`: it is gone.
    changed: BTreeMap<RepoPath, Option<File>>,
    /// What is there and cannot be named.
    odd: Arc<Vec<OddEntry>>,
}

impl Snapshot {
    /// The commit that the files were read from; `None` for a work tree.
    pub fn commit(&self) -> Option<&CommitId> {
        self.commit.as_ref()
    }

    /// What stands at this path, if something does.
    pub fn entry(&self, path: &RepoPath) -> Option<&Entry> {
        self.file(path).map(|(_, (entry, _))| entry)
    }

    /// All files, in the order of their paths.
    pub fn entries(&self) -> impl Iterator<Item = (&RepoPath, &Entry)> {
        self.files(Bound::Unbounded)
            .map(|(path, (entry, _))| (path, entry))
    }

    /// All files that are there and whose names cannot be said.
    pub fn odd(&self) -> impl Iterator<Item = &OddEntry> {
        self.odd.iter()
    }

    /// The files below a folder that are there and whose names cannot be said: nothing
    /// else here knows of them.
    pub fn odd_under(&self, dir: &RepoPath) -> impl Iterator<Item = &OddEntry> {
        self.odd.iter().filter(move |odd| odd.below(dir).is_some())
    }

    /// The hash function that the files' ids were made with.
    pub fn object_format(&self) -> ObjectFormat {
        self.entries()
            .next()
            .map_or(ObjectFormat::Sha1, |(_, entry)| entry.id.format())
    }

    fn file(&self, path: &RepoPath) -> Option<(&RepoPath, &File)> {
        match self.changed.get_key_value(path) {
            Some((path, file)) => file.as_ref().map(|file| (path, file)),
            None => self.read.get_key_value(path),
        }
    }

    /// The files from a path on, in the order of their paths.
    fn files<'a>(
        &'a self,
        from: Bound<&str>,
    ) -> impl Iterator<Item = (&'a RepoPath, &'a File)> + use<'a> {
        let range = (from, Bound::Unbounded);
        let mut changed = self.changed.range::<str, _>(range).peekable();
        let mut read = self.read.range::<str, _>(range).peekable();
        let next = move || {
            let order = match (changed.peek(), read.peek()) {
                (Some((one, _)), Some((other, _))) => one.cmp(other),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            if order == Ordering::Greater {
                return read.next().map(|(path, file)| (path, Some(file)));
            }
            if order == Ordering::Equal {
                read.next();
            }
            changed.next().map(|(path, file)| (path, file.as_ref()))
        };
        std::iter::from_fn(next).filter_map(|(path, file)| Some((path, file?)))
    }

    /// All files below a folder; the file itself when `dir` is one.
    pub fn under(&self, dir: &RepoPath) -> impl Iterator<Item = (&RepoPath, &Entry)> {
        let prefix = if dir.is_root() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let own = self.file(dir);
        let below = self
            .files(Bound::Included(prefix.as_str()))
            .take_while(move |(path, _)| path.as_str().starts_with(&prefix));
        own.into_iter()
            .chain(below)
            .map(|(path, (entry, _))| (path, entry))
    }

    /// A file's content; `Ok(None)` when the path is proven absent.
    pub fn bytes(&self, path: &RepoPath) -> Result<Option<&[u8]>, SnapshotError> {
        let Some((_, (entry, content))) = self.file(path) else {
            return self.absent(path).map(|()| None);
        };
        match entry.kind {
            EntryKind::Symlink => return Err(SnapshotError::Symlink { path: path.clone() }),
            EntryKind::Submodule => return Err(SnapshotError::Submodule { path: path.clone() }),
            EntryKind::File | EntryKind::Executable => {}
        }
        match content {
            Content::Loaded(bytes) => Ok(Some(bytes)),
            Content::NotLoaded => Err(SnapshotError::NotLoaded { path: path.clone() }),
            Content::TooLarge(limit) => Err(SnapshotError::TooLarge {
                path: path.clone(),
                size: entry.size.unwrap_or_default(),
                limit: *limit,
            }),
        }
    }

    /// A file's content as text; `Ok(None)` when the path is proven absent.
    pub fn text(&self, path: &RepoPath) -> Result<Option<&str>, SnapshotError> {
        let Some(bytes) = self.bytes(path)? else {
            return Ok(None);
        };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => {
                let good = &bytes[..error.valid_up_to()];
                let good = std::str::from_utf8(good).unwrap_or_default();
                let line = good.matches('\n').count() + 1;
                let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                Err(SnapshotError::NotUtf8 {
                    path: path.clone(),
                    line: u32::try_from(line).unwrap_or(u32::MAX),
                    column: u32::try_from(column).unwrap_or(u32::MAX),
                })
            }
        }
    }

    /// Whether nothing stands at this path, proven.
    fn absent(&self, path: &RepoPath) -> Result<(), SnapshotError> {
        let mut folder = path.parent();
        while let Some(above) = folder {
            match self.entry(&above).map(|entry| entry.kind) {
                Some(EntryKind::Symlink) => return Err(SnapshotError::Symlink { path: above }),
                Some(EntryKind::Submodule) => return Err(SnapshotError::Submodule { path: above }),
                _ => folder = above.parent(),
            }
        }
        if self.roots.iter().any(|root| path.starts_with(root)) {
            Ok(())
        } else {
            Err(SnapshotError::NotLoaded { path: path.clone() })
        }
    }

    /// These files with changes applied. Content that an edit reuses is looked
    /// up here, then in `elsewhere`; content that is in neither is not loaded.
    pub fn with_edits(
        &self,
        edits: &BTreeMap<RepoPath, Edit>,
        elsewhere: Option<&Snapshot>,
    ) -> Snapshot {
        let mut changed = self.clone();
        changed.commit = None;
        let reused: BTreeSet<&BlobId> = edits
            .values()
            .filter_map(|edit| match edit {
                Edit::Reuse { id, .. } => Some(id),
                Edit::Write { .. } | Edit::Delete => None,
            })
            .collect();
        let mut known: BTreeMap<&BlobId, &File> = BTreeMap::new();
        if !reused.is_empty() {
            let all = elsewhere.into_iter().chain([self]);
            let all = all.flat_map(|snapshot| snapshot.files(Bound::Unbounded));
            known.extend(
                all.filter(|(_, file)| reused.contains(&file.0.id))
                    .map(|(_, file)| (&file.0.id, file)),
            );
        }
        let format = self.object_format();
        for (path, edit) in edits {
            let kind = |executable: bool| match executable {
                true => EntryKind::Executable,
                false => EntryKind::File,
            };
            let file = match edit {
                Edit::Delete => {
                    changed.changed.insert(path.clone(), None);
                    continue;
                }
                Edit::Write { bytes, executable } => (
                    Entry {
                        id: blob_id_in(format, bytes),
                        kind: kind(*executable),
                        size: Some(bytes.len() as u64),
                    },
                    Content::Loaded(bytes.as_slice().into()),
                ),
                Edit::Reuse { id, kind } => {
                    let found = known.get(id);
                    let entry = Entry {
                        id: id.clone(),
                        kind: *kind,
                        size: found.and_then(|file| file.0.size),
                    };
                    (
                        entry,
                        found.map_or(Content::NotLoaded, |file| file.1.clone()),
                    )
                }
            };
            changed.changed.insert(path.clone(), Some(file));
        }
        changed
    }

    /// The folders below which everything is listed.
    pub fn roots(&self) -> &[RepoPath] {
        &self.roots
    }

    /// The files whose content was not asked for.
    pub fn not_loaded(&self) -> impl Iterator<Item = &RepoPath> {
        let files = self.files(Bound::Unbounded);
        files
            .filter(|(_, (_, content))| *content == Content::NotLoaded)
            .map(|(path, _)| path)
    }

    /// Another state of these files: without some, and with what was collected.
    #[must_use]
    pub fn replaced(&self, gone: Vec<RepoPath>, collected: SnapshotBuilder) -> Snapshot {
        let mut changed = self.changed.clone();
        changed.extend(gone.into_iter().map(|path| (path, None)));
        let new = collected.files.into_iter();
        changed.extend(new.map(|(path, file)| (path, Some(file))));
        let stays = |odd: &&OddEntry| {
            let mut gone = collected.odd_gone.iter();
            !gone.any(|folder| is_within(odd.path(), folder))
        };
        let stays = self.odd.iter().filter(stays).cloned();
        Snapshot {
            commit: collected.commit,
            roots: self.roots.clone(),
            read: Arc::clone(&self.read),
            changed,
            odd: Arc::new(stays.chain(collected.odd).collect()),
        }
    }

    /// Whether everything below a folder is listed here.
    pub fn lists(&self, folder: &RepoPath) -> bool {
        self.roots.iter().any(|root| folder.starts_with(root))
    }

    /// These files together with those of other folders of the same commit.
    #[must_use]
    pub fn joined(self, other: Snapshot) -> Snapshot {
        let mut read = Arc::unwrap_or_clone(self.read);
        read.extend(Arc::unwrap_or_clone(other.read));
        let mut changed = self.changed;
        changed.extend(other.changed);
        let mut odd = Arc::unwrap_or_clone(self.odd);
        for one in other.odd.iter() {
            if !odd.contains(one) {
                odd.push(one.clone());
            }
        }
        Snapshot {
            commit: self.commit,
            roots: self.roots.into_iter().chain(other.roots).collect(),
            read: Arc::new(read),
            changed,
            odd: Arc::new(odd),
        }
    }

    /// A snapshot of literal files, whole and loaded. The ids are those that
    /// Git would give the contents.
    pub fn from_files<I>(commit: Option<CommitId>, files: I) -> Self
    where
        I: IntoIterator<Item = (RepoPath, Vec<u8>)>,
    {
        let mut builder = SnapshotBuilder::new(commit, vec![RepoPath::root()]);
        for (path, bytes) in files {
            let entry = Entry {
                id: blob_id(&bytes),
                kind: EntryKind::File,
                size: Some(bytes.len() as u64),
            };
            builder.insert(path, entry, Content::Loaded(bytes.into()));
        }
        builder.finish()
    }
}

/// Collects the files of a snapshot, for the adapter that reads them.
#[derive(Debug)]
pub struct SnapshotBuilder {
    commit: Option<CommitId>,
    roots: Vec<RepoPath>,
    files: Vec<(RepoPath, File)>,
    odd: Vec<OddEntry>,
    /// Where everything that could not be named was looked at anew.
    odd_gone: Vec<Vec<u8>>,
}

impl SnapshotBuilder {
    /// Starts a snapshot that will hold everything below these folders.
    pub fn new(commit: Option<CommitId>, roots: Vec<RepoPath>) -> Self {
        Self {
            commit,
            roots,
            files: Vec::new(),
            odd: Vec::new(),
            odd_gone: Vec::new(),
        }
    }

    /// Adds a file whose name cannot be said.
    pub fn insert_odd(&mut self, entry: OddEntry) {
        self.odd.push(entry);
    }

    /// What another state says of such files at or below this path, as trees have it,
    /// does not hold here.
    pub fn forget_odd(&mut self, path: &[u8]) {
        self.odd_gone.push(path.to_vec());
    }

    /// Adds one path.
    pub fn insert(&mut self, path: RepoPath, entry: Entry, content: Content) {
        self.files.push((path, (entry, content)));
    }

    /// The snapshot.
    pub fn finish(self) -> Snapshot {
        Snapshot {
            commit: self.commit,
            roots: self.roots,
            read: Arc::new(self.files.into_iter().collect()),
            changed: BTreeMap::new(),
            odd: Arc::new(self.odd),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    fn files(list: &[(&str, &[u8])]) -> Snapshot {
        Snapshot::from_files(
            None,
            list.iter()
                .map(|(name, bytes)| (path(name), bytes.to_vec())),
        )
    }

    #[test]
    fn a_folder_holds_its_files_and_not_its_neighbours() {
        let snapshot = files(&[
            ("a-b/x", b"1"),
            ("a.b", b"2"),
            ("a/x", b"3"),
            ("a/y/z", b"4"),
            ("a0", b"5"),
        ]);
        let names: Vec<_> = snapshot
            .under(&path("a"))
            .map(|(path, _)| path.to_string())
            .collect();
        assert_eq!(names, ["a/x", "a/y/z"]);
        assert_eq!(snapshot.under(&RepoPath::root()).count(), 5);
        assert_eq!(snapshot.under(&path("a.b")).count(), 1);
    }

    #[test]
    fn absence_is_only_claimed_where_somebody_looked() {
        let entry = |kind| Entry {
            id: blob_id(b""),
            kind,
            size: None,
        };
        let mut builder = SnapshotBuilder::new(None, vec![path("env/prod")]);
        builder.insert(
            path("env/prod/link"),
            entry(EntryKind::Symlink),
            Content::NotLoaded,
        );
        builder.insert(
            path("env/prod/sub"),
            entry(EntryKind::Submodule),
            Content::NotLoaded,
        );
        builder.insert(
            path("env/prod/lazy"),
            entry(EntryKind::File),
            Content::NotLoaded,
        );
        builder.insert(
            path("env/prod/big"),
            Entry {
                size: Some(99),
                ..entry(EntryKind::File)
            },
            Content::TooLarge(10),
        );
        let snapshot = builder.finish();
        assert_eq!(snapshot.bytes(&path("env/prod/none")), Ok(None));
        for (asked, wanted) in [
            (
                "env/dev/x",
                SnapshotError::NotLoaded {
                    path: path("env/dev/x"),
                },
            ),
            (
                "env/prod/lazy",
                SnapshotError::NotLoaded {
                    path: path("env/prod/lazy"),
                },
            ),
            (
                "env/prod/link",
                SnapshotError::Symlink {
                    path: path("env/prod/link"),
                },
            ),
            (
                "env/prod/link/x",
                SnapshotError::Symlink {
                    path: path("env/prod/link"),
                },
            ),
            (
                "env/prod/sub/x",
                SnapshotError::Submodule {
                    path: path("env/prod/sub"),
                },
            ),
            (
                "env/prod/big",
                SnapshotError::TooLarge {
                    path: path("env/prod/big"),
                    size: 99,
                    limit: 10,
                },
            ),
        ] {
            assert_eq!(snapshot.bytes(&path(asked)), Err(wanted));
        }
    }

    #[test]
    fn edits_write_reuse_and_delete() {
        let here = files(&[("a", b"1"), ("b", b"2")]);
        let there = files(&[("x", b"3")]);
        let edits = BTreeMap::from([
            (path("a"), Edit::Delete),
            (path("b"), Edit::write("4")),
            (
                path("c"),
                Edit::Reuse {
                    id: blob_id(b"3"),
                    kind: EntryKind::File,
                },
            ),
            (
                path("d"),
                Edit::Reuse {
                    id: blob_id(b"?"),
                    kind: EntryKind::File,
                },
            ),
        ]);
        let after = here.with_edits(&edits, Some(&there));
        assert_eq!(after.bytes(&path("a")), Ok(None));
        assert_eq!(after.bytes(&path("b")), Ok(Some(&b"4"[..])));
        assert_eq!(after.entry(&path("b")).unwrap().id, blob_id(b"4"));
        assert_eq!(after.bytes(&path("c")), Ok(Some(&b"3"[..])));
        assert_eq!(
            after.bytes(&path("d")),
            Err(SnapshotError::NotLoaded { path: path("d") })
        );
    }

    #[test]
    fn text_that_is_not_utf8_names_the_place() {
        let snapshot = files(&[
            ("x", "ok\nä \u{fc}".as_bytes()),
            ("y", b"ok\n\xc3\xa4 \xff"),
        ]);
        assert!(snapshot.text(&path("x")).unwrap().is_some());
        assert_eq!(
            snapshot.text(&path("y")).unwrap_err().to_string(),
            "y:2:3: not UTF-8 text"
        );
    }
}
