//! Reading the files of a commit, straight from the object database. A file's
//! size is read from the object's header before its content; links and
//! submodules are listed and never entered; a file whose name cannot be said, or
//! would lead out of the tree, is counted and nothing else.

use std::cmp::Ordering;

use git2::{ObjectType, Oid, Tree, TreeEntry};

use super::{Git, GitError};
use crate::repo::{
    BlobId, CommitId, Content, DEEPEST_PATH, Entry, EntryKind, OddEntry, RepoPath, Snapshot,
    SnapshotBuilder,
};

/// Files larger than this are not read unless asked: 16 MiB.
/// See `docs/limits.md`.
pub const DEFAULT_MAX_BYTES: u64 = 16 << 20;

/// Which files of a tree are listed, and whose contents are loaded.
pub struct Selection {
    /// The folders (or files) that are listed; other paths stay unknown.
    pub roots: Vec<RepoPath>,
    /// Says whether a listed file's content is read too.
    pub load: Box<dyn Fn(&RepoPath) -> bool>,
    /// Files with more bytes are listed and not read.
    pub max_bytes: u64,
}

/// In how many rounds a partial clone asks for folders level by level.
/// See `docs/limits.md`.
const DEEPEST: usize = 64;

/// How many files and folders of a commit are listed: with their names they take a few
/// hundred megabytes, and a tree that holds itself many times over has no end.
/// See `docs/limits.md`.
const MOST_FILES: usize = 1_000_000;

/// The trees of how many commits are fetched when history is walked without them.
const TREES_AT_ONCE: usize = 128;

impl Selection {
    /// Every file, with its content.
    pub fn everything() -> Self {
        Self::under(vec![RepoPath::root()], |_| true)
    }

    /// The files below these folders, with the contents of those that `load` picks.
    pub fn under(roots: Vec<RepoPath>, load: impl Fn(&RepoPath) -> bool + 'static) -> Self {
        Self {
            roots,
            load: Box::new(load),
            max_bytes: DEFAULT_MAX_BYTES,
        }
    }
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection")
            .field("roots", &self.roots)
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

struct Walk<'a> {
    git: &'a Git,
    repo: &'a git2::Repository,
    odb: git2::Odb<'a>,
    commit: &'a CommitId,
    selection: &'a Selection,
    builder: SnapshotBuilder,
    /// How many files and folders were listed.
    listed: usize,
    /// Only what is missing is of interest.
    looking: bool,
    /// Files whose content is wanted and not here: a partial clone.
    missing: Vec<(RepoPath, EntryKind, Oid)>,
    /// Folders that are not here, so that nothing below them was looked at.
    missing_trees: Vec<Oid>,
}

impl Git {
    /// The files of a commit.
    pub fn snapshot(&self, commit: &CommitId, selection: &Selection) -> Result<Snapshot, GitError> {
        let snapshot = self.snapshot_of(commit, selection);
        snapshot.map_err(|error| self.judged_at(commit, error))
    }

    /// What it means that a commit's files could not be read.
    fn judged_at(&self, commit: &CommitId, error: GitError) -> GitError {
        match self.find_commit(commit) {
            // Where the commit is, everything of it should be.
            Ok(_) => self.judged(error),
            Err(_) => error,
        }
    }

    fn snapshot_of(&self, commit: &CommitId, selection: &Selection) -> Result<Snapshot, GitError> {
        let mut walk = self.walk_files(commit, selection, false)?;
        if !walk.missing_trees.is_empty() {
            self.fetch_ahead(&[(commit.clone(), selection)])?;
            walk = self.walk_files(commit, selection, false)?;
        }
        if !walk.missing.is_empty() {
            let missing = std::mem::take(&mut walk.missing);
            let ids: Vec<String> = missing.iter().map(|(_, _, id)| id.to_string()).collect();
            self.fetch_objects(&ids)?;
            walk.odb.refresh()?;
            for (path, kind, id) in missing {
                walk.file(path, kind, id)?;
            }
        }
        let absent = walk.missing.first().map(|(_, _, id)| id);
        if let Some(id) = absent.or(walk.missing_trees.first()) {
            return Err(GitError::MissingObject { id: id.to_string() });
        }
        Ok(walk.builder.finish())
    }

    /// The files of a commit that shares most of them with another one, whose files are
    /// known: only folders that differ are looked into.
    pub fn snapshot_like(
        &self,
        commit: &CommitId,
        selection: &Selection,
        known: &Snapshot,
    ) -> Result<Snapshot, GitError> {
        let whole = [RepoPath::root()];
        let other = known.commit().filter(|_| {
            known.roots() == whole
                && selection.roots == whole
                && !self.is_partial()
                && !known.not_loaded().any(|path| (selection.load)(path))
        });
        match other {
            Some(other) => {
                let snapshot = self.snapshot_differing((other, commit), selection, known);
                snapshot.map_err(|error| self.judged_at(commit, error))
            }
            None => self.snapshot(commit, selection),
        }
    }

    fn snapshot_differing(
        &self,
        (other, commit): (&CommitId, &CommitId),
        selection: &Selection,
        known: &Snapshot,
    ) -> Result<Snapshot, GitError> {
        let tree = |id: &CommitId| {
            let commit = self.find_commit(id)?;
            self.check_loose(commit.tree_id())?;
            Ok::<_, GitError>(commit.tree()?)
        };
        let mut walk = self.start_walk(commit, selection, false)?;
        let mut gone = Vec::new();
        let root = RepoPath::root();
        walk.differing((&tree(other)?, &tree(commit)?), &root, known, &mut gone)?;
        let file = walk.missing.first().map(|(_, _, id)| id);
        match file.or(walk.missing_trees.first()) {
            // A file that cannot be read is not a file that was removed.
            Some(id) => Err(GitError::MissingObject { id: id.to_string() }),
            None => Ok(known.replaced(gone, walk.builder)),
        }
    }

    /// Walks a commit's tree, as far as it is here.
    fn walk_files<'a>(
        &'a self,
        commit: &'a CommitId,
        selection: &'a Selection,
        looking: bool,
    ) -> Result<Walk<'a>, GitError> {
        let mut walk = self.start_walk(commit, selection, looking)?;
        let root = self.find_commit(commit)?.tree_id();
        if let Some(tree) = walk.tree(root)? {
            for root in &selection.roots {
                walk.root(&tree, root)?;
            }
        }
        Ok(walk)
    }

    fn start_walk<'a>(
        &'a self,
        commit: &'a CommitId,
        selection: &'a Selection,
        looking: bool,
    ) -> Result<Walk<'a>, GitError> {
        let repo = self.libgit2();
        Ok(Walk {
            repo,
            git: self,
            odb: repo.odb()?,
            commit,
            selection,
            builder: SnapshotBuilder::new(Some(commit.clone()), selection.roots.clone()),
            listed: 0,
            looking,
            missing: Vec::new(),
            missing_trees: Vec::new(),
        })
    }

    /// In a partial clone: fetches what reading these would miss, the folders of
    /// all of them at once and then the contents of all of them at once.
    pub fn fetch_ahead(&self, wanted: &[(CommitId, &Selection)]) -> Result<(), GitError> {
        if !self.is_partial() {
            return Ok(());
        }
        let mut before = usize::MAX;
        loop {
            let (mut trees, mut files) = (Vec::new(), Vec::new());
            for (commit, selection) in wanted {
                let walk = self.walk_files(commit, selection, true)?;
                trees.extend(walk.missing_trees.iter().map(Oid::to_string));
                files.extend(walk.missing.iter().map(|(_, _, id)| id.to_string()));
            }
            let ids = match (trees.is_empty(), files.is_empty()) {
                (true, true) => return Ok(()),
                (false, _) => &mut trees,
                (true, false) => &mut files,
            };
            ids.sort();
            ids.dedup();
            self.fetch_objects(ids)?;
            self.libgit2().odb()?.refresh()?;
            if trees.is_empty() || before == 0 {
                return Ok(());
            }
            // A tree comes with all that are below it, so once is enough; a
            // server that sends single ones is asked level by level.
            before = before.min(DEEPEST) - 1;
        }
    }

    /// In a partial clone: fetches those of these files that are not here, at once.
    pub fn fetch_files<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a BlobId>,
    ) -> Result<(), GitError> {
        if !self.is_partial() {
            return Ok(());
        }
        let odb = self.libgit2().odb()?;
        let mut missing = Vec::new();
        for id in ids {
            if !odb.exists(object_id(id.as_str())?) {
                missing.push(id.to_string());
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.fetch_objects(&missing)?;
        Ok(odb.refresh()?)
    }

    /// In a clone without trees: fetches those of this commit and of the ones
    /// before it, as far as their history is going to be walked, at once.
    pub(super) fn fetch_trees_from(&self, commit: &git2::Commit<'_>) -> Result<(), GitError> {
        let odb = self.libgit2().odb()?;
        let mut missing = Vec::new();
        let mut next = Some(commit.clone());
        while let Some(commit) = next.take() {
            if missing.len() >= TREES_AT_ONCE {
                break;
            }
            if !odb.exists(commit.tree_id()) {
                missing.push(commit.tree_id().to_string());
            }
            next = commit.parent(0).ok();
        }
        if !missing.is_empty() {
            self.fetch_objects(&missing)?;
            odb.refresh()?;
        }
        Ok(())
    }

    /// The content of one file, by its id.
    pub fn read(&self, id: &BlobId, max_bytes: u64) -> Result<Vec<u8>, GitError> {
        let odb = self.libgit2().odb()?;
        let oid = object_id(id.as_str())?;
        if !odb.exists(oid) {
            self.fetch_objects(&[id.to_string()])?;
            odb.refresh()?;
        }
        let (size, _) = odb.read_header(oid)?;
        if size as u64 > max_bytes {
            return Err(GitError::TooLarge {
                what: format!("object {id}"),
                size: size as u64,
                limit: max_bytes,
            });
        }
        self.check_loose(oid)?;
        Ok(odb.read(oid)?.data().to_vec())
    }

    pub(super) fn find_commit(&self, id: &CommitId) -> Result<git2::Commit<'_>, GitError> {
        let oid = object_id(id.as_str())?;
        self.check_loose(oid)?;
        self.libgit2()
            .find_commit(oid)
            .map_err(|error| match error.code() {
                git2::ErrorCode::NotFound => GitError::MissingObject { id: id.to_string() },
                _ => error.into(),
            })
    }
}

/// The name of an entry, and a slash behind a folder's: in this order trees are sorted.
fn in_tree<'e>(entry: &'e TreeEntry<'_>) -> impl Iterator<Item = &'e u8> {
    let slash = kind_of(entry.filemode()).is_none().then_some(&b'/');
    entry.name_bytes().iter().chain(slash)
}

pub(super) fn object_id(id: &str) -> Result<Oid, GitError> {
    let format = if id.len() == 64 {
        git2::ObjectFormat::Sha256
    } else {
        git2::ObjectFormat::Sha1
    };
    Ok(Oid::from_str_ext(id, format)?)
}

pub(super) fn blob_id_of(id: Oid) -> Result<BlobId, GitError> {
    BlobId::from_bytes(id.as_bytes()).map_err(|error| GitError::Library {
        message: format!("{error}"),
    })
}

/// What a tree's mode stands for; `None` is a folder.
pub(super) fn kind_of(mode: i32) -> Option<EntryKind> {
    match mode {
        0o040_000 => None,
        0o120_000 => Some(EntryKind::Symlink),
        0o160_000 => Some(EntryKind::Submodule),
        mode if mode & 0o111 != 0 => Some(EntryKind::Executable),
        _ => Some(EntryKind::File),
    }
}

/// A path with a name behind it, as trees have them.
pub(super) fn below(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder.is_empty() {
        true => name.to_vec(),
        false => [folder, b"/", name].concat(),
    }
}

/// The path of what is in a folder under this name, or why it has none.
pub(super) fn child(
    folder: &RepoPath,
    name: &[u8],
    depth: usize,
) -> Result<RepoPath, &'static str> {
    let name = std::str::from_utf8(name).map_err(|_| "it is not UTF-8")?;
    if name.is_empty() || name.contains('/') {
        return Err("it is not one name");
    }
    if depth >= DEEPEST_PATH {
        return Err("it is nested too deeply");
    }
    folder.join(name).map_err(|error| error.reason)
}

impl<'a> Walk<'a> {
    /// Walks down to one root and lists what is below it.
    fn root(&mut self, tree: &Tree<'_>, root: &RepoPath) -> Result<(), GitError> {
        let mut current = tree.clone();
        let mut path = RepoPath::root();
        for segment in root.segments() {
            path = path.join(segment).unwrap_or_default();
            let Some(entry) = current.get_name(segment) else {
                return Ok(());
            };
            let (id, mode) = (entry.id(), entry.filemode());
            match kind_of(mode) {
                // A link on the way is listed, so that asking below it is
                // answered with «link» and not with «absent».
                Some(kind) => return self.file(path, kind, id),
                None => {
                    let Some(next) = self.tree(id)? else {
                        return Ok(());
                    };
                    drop(entry);
                    current = next;
                }
            }
        }
        let depth = path.segments().count();
        self.folder(&current, &path, depth)
    }

    /// A tree, if it is here; else it is noted.
    fn tree(&mut self, id: Oid) -> Result<Option<Tree<'a>>, GitError> {
        self.git.check_loose(id)?;
        match self.repo.find_tree(id) {
            Ok(tree) => Ok(Some(tree)),
            Err(error) if error.code() == git2::ErrorCode::NotFound => {
                self.missing_trees.push(id);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn folder(&mut self, tree: &Tree<'_>, path: &RepoPath, depth: usize) -> Result<(), GitError> {
        for entry in tree {
            match child(path, entry.name_bytes(), depth) {
                Ok(child) => self.entry(&entry, child, depth)?,
                Err(reason) => {
                    let bytes = below(path.as_str().as_bytes(), entry.name_bytes());
                    self.odd(
                        &bytes,
                        (kind_of(entry.filemode()), entry.id()),
                        (reason, depth),
                    )?;
                }
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        entry: &TreeEntry<'_>,
        path: RepoPath,
        depth: usize,
    ) -> Result<(), GitError> {
        match kind_of(entry.filemode()) {
            Some(kind) => self.file(path, kind, entry.id()),
            None => {
                self.count()?;
                match self.tree(entry.id())? {
                    Some(tree) => self.folder(&tree, &path, depth + 1),
                    None => Ok(()),
                }
            }
        }
    }

    /// Notes what cannot be named; of a folder, every file in it.
    fn odd(
        &mut self,
        path: &[u8],
        (kind, id): (Option<EntryKind>, Oid),
        (reason, depth): (&'static str, usize),
    ) -> Result<(), GitError> {
        self.count()?;
        // As deep as that, what is in a folder is one with it.
        let tree = match kind {
            None if depth < DEEPEST_PATH => self.tree(id)?,
            _ => {
                let id = kind.map(|_| blob_id_of(id)).transpose()?;
                self.builder.insert_odd(OddEntry::new(path, id, reason));
                return Ok(());
            }
        };
        for entry in tree.iter().flatten() {
            let path = below(path, entry.name_bytes());
            let found = (kind_of(entry.filemode()), entry.id());
            self.odd(&path, found, (reason, depth + 1))?;
        }
        Ok(())
    }

    /// Counts one file or folder more.
    fn count(&mut self) -> Result<(), GitError> {
        self.listed += 1;
        match self.listed > MOST_FILES {
            true => Err(GitError::TooManyFiles {
                commit: self.commit.short().to_owned(),
                limit: MOST_FILES,
            }),
            false => Ok(()),
        }
    }

    /// Lists what stands below a folder and not in the same one `before`, and notes what
    /// is gone since. Trees are in order; what is found twice in one that is not is told
    /// as gone and as new.
    fn differing(
        &mut self,
        (before, tree): (&Tree<'_>, &Tree<'_>),
        path: &RepoPath,
        known: &Snapshot,
        gone: &mut Vec<RepoPath>,
    ) -> Result<(), GitError> {
        let (mut old, mut new) = (before.iter().peekable(), tree.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (Some(was), Some(now)) => in_tree(was).cmp(in_tree(now)),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(()),
            };
            let was = old.next_if(|_| order != Ordering::Greater);
            let now = new.next_if(|_| order != Ordering::Less);
            if let (Some(was), Some(now)) = (&was, &now)
                && (was.id(), was.filemode()) == (now.id(), now.filemode())
            {
                continue;
            }
            let Some(name) = was.as_ref().or(now.as_ref()).map(TreeEntry::name_bytes) else {
                return Ok(());
            };
            let depth = path.segments().count();
            let bytes = below(path.as_str().as_bytes(), name);
            let Ok(child) = child(path, name, depth) else {
                self.builder.forget_odd(&bytes);
                if let Some(now) = now {
                    let found = (kind_of(now.filemode()), now.id());
                    let reason = self::child(path, now.name_bytes(), depth).err();
                    self.odd(&bytes, found, (reason.unwrap_or_default(), depth))?;
                }
                continue;
            };
            let is_folder = |entry: &TreeEntry<'_>| kind_of(entry.filemode()).is_none();
            if let (Some(was), Some(now)) = (&was, &now)
                && is_folder(was)
                && is_folder(now)
            {
                self.git.check_loose(was.id())?;
                let before = self.repo.find_tree(was.id())?;
                if let Some(tree) = self.tree(now.id())? {
                    self.differing((&before, &tree), &child, known, gone)?;
                }
                continue;
            }
            if was.is_some() {
                gone.extend(known.under(&child).map(|(path, _)| path.clone()));
                self.builder.forget_odd(&bytes);
            }
            if let Some(now) = now {
                self.entry(&now, child, depth)?;
            }
        }
    }

    fn hostile(&self, path: &str, reason: &str) -> GitError {
        GitError::HostilePath {
            commit: self.commit.short().to_owned(),
            path: path.trim_start_matches('/').to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn file(&mut self, path: RepoPath, kind: EntryKind, id: Oid) -> Result<(), GitError> {
        self.count()?;
        let mut entry = Entry {
            id: blob_id_of(id)?,
            kind,
            size: None,
        };
        let wanted =
            matches!(kind, EntryKind::File | EntryKind::Executable) && (self.selection.load)(&path);
        let mut content = Content::NotLoaded;
        if wanted {
            let (size, what) = match self.odb.read_header(id) {
                Ok(header) => header,
                Err(error) if error.code() == git2::ErrorCode::NotFound => {
                    self.missing.push((path, kind, id));
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            };
            if self.looking {
                return Ok(());
            }
            if what != ObjectType::Blob {
                return Err(self.hostile(path.as_str(), "it is not a file"));
            }
            entry.size = Some(size as u64);
            content = if size as u64 > self.selection.max_bytes {
                Content::TooLarge(self.selection.max_bytes)
            } else {
                self.git.check_loose(id)?;
                Content::Loaded(self.odb.read(id)?.data().into())
            };
        }
        self.builder.insert(path, entry, content);
        Ok(())
    }
}
