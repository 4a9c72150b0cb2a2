//! The tree of a commit: its parent's, with changes spliced in. Only the folders above
//! changed files are written again, and in each of them every other entry is copied as
//! it stands.

use std::collections::{BTreeMap, BTreeSet};

use git2::{FileMode, ObjectType, Odb, Oid};

use super::GitError;
use crate::repo::RepoPath;

/// The mode of a folder's entry.
const FOLDER: i32 = 0o040_000;

/// What becomes of the entries of a folder, by their names.
#[derive(Default)]
pub(super) struct Folder {
    changes: BTreeMap<String, Change>,
}

enum Change {
    Gone,
    File(FileMode, Oid),
    Below(Folder),
}

/// One entry of a tree: `<mode> <name>` NUL `<id>`.
struct Entry<'t> {
    mode: i32,
    name: &'t [u8],
    id: &'t [u8],
    /// All of it.
    bytes: &'t [u8],
}

impl Folder {
    /// Takes a file away; a folder, with everything in it.
    ///
    /// # Errors
    /// [`GitError::Blocked`]: another change stands in the way.
    pub(super) fn remove(&mut self, path: &RepoPath) -> Result<(), GitError> {
        self.change(path, Change::Gone)
    }

    /// Puts a file there.
    ///
    /// # Errors
    /// [`GitError::Blocked`]: another change stands in the way.
    pub(super) fn put(&mut self, path: &RepoPath, mode: FileMode, id: Oid) -> Result<(), GitError> {
        self.change(path, Change::File(mode, id))
    }

    fn change(&mut self, path: &RepoPath, change: Change) -> Result<(), GitError> {
        let blocked = |reason: &str| GitError::Blocked {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let mut folder = self;
        let mut names = path.segments().peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return match folder.changes.insert(name.to_owned(), change) {
                    Some(Change::Below(below)) if !below.only_takes() => {
                        Err(blocked("something below it changes as well"))
                    }
                    _ => Ok(()),
                };
            }
            let entry = folder.changes.entry(name.to_owned());
            let below = entry.or_insert_with(|| Change::Below(Self::default()));
            match (&*below, &change) {
                // What was a file becomes a folder.
                (Change::Gone, _) => *below = Change::Below(Self::default()),
                // What was a folder is a file by now.
                (Change::File(..), Change::Gone) => return Ok(()),
                _ => {}
            }
            let Change::Below(next) = below else {
                return Err(blocked("a file on the way to it changes as well"));
            };
            folder = next;
        }
        Ok(())
    }

    /// Whether nothing is put anywhere in it.
    fn only_takes(&self) -> bool {
        self.changes.values().all(|change| match change {
            Change::Gone => true,
            Change::File(..) => false,
            Change::Below(below) => below.only_takes(),
        })
    }

    /// Writes the folder that comes of `base` with the changes made; `None`: nothing is left
    /// in it.
    ///
    /// # Errors
    /// A tree can't be read or written.
    pub(super) fn write(&self, odb: &Odb<'_>, base: Option<Oid>) -> Result<Option<Oid>, GitError> {
        let object = base.map(|id| odb.read(id)).transpose()?;
        let id_bytes = base.map(|id| id.as_bytes().len());
        let before = match (&object, id_bytes) {
            (Some(object), Some(id_bytes)) => entries(object.data(), id_bytes)?,
            _ => Vec::new(),
        };
        let mut tree = Vec::with_capacity(object.as_ref().map_or(0, |it| it.len()) + 256);
        let mut new = self.new_entries(odb, &before)?.into_iter().peekable();
        for entry in &before {
            while let Some((_, bytes)) = new.next_if(|(key, _)| *key < entry.key()) {
                tree.extend(bytes);
            }
            match self.change_of(entry) {
                None => tree.extend_from_slice(entry.bytes),
                // A folder has another place among its neighbours than a file of its name.
                Some(change) if !change.stays(entry) => {}
                Some(Change::Gone) => {}
                Some(Change::File(mode, id)) => {
                    tree.extend(written(i32::from(*mode), entry.name, *id));
                }
                Some(Change::Below(below)) => {
                    let folder = Oid::from_bytes(entry.id)?;
                    if let Some(id) = below.write(odb, Some(folder))? {
                        tree.extend(written(FOLDER, entry.name, id));
                    }
                }
            }
        }
        new.for_each(|(_, bytes)| tree.extend(bytes));
        match tree.is_empty() {
            true => Ok(None),
            false => Ok(Some(odb.write(ObjectType::Tree, &tree)?)),
        }
    }

    fn change_of(&self, entry: &Entry<'_>) -> Option<&Change> {
        let name = std::str::from_utf8(entry.name).ok()?;
        self.changes.get(name)
    }

    /// The entries of which there are none yet, by what trees are sorted by.
    fn new_entries(
        &self,
        odb: &Odb<'_>,
        before: &[Entry<'_>],
    ) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, GitError> {
        let there: BTreeSet<&str> = before
            .iter()
            .filter(|entry| self.change_of(entry).is_some_and(|it| it.stays(entry)))
            .filter_map(|entry| std::str::from_utf8(entry.name).ok())
            .collect();
        let mut new = BTreeMap::new();
        for (name, change) in &self.changes {
            let (mode, id) = match change {
                _ if there.contains(name.as_str()) => continue,
                Change::Gone => continue,
                Change::File(mode, id) => (i32::from(*mode), *id),
                Change::Below(below) => match below.write(odb, None)? {
                    Some(id) => (FOLDER, id),
                    None => continue,
                },
            };
            let bytes = written(mode, name.as_bytes(), id);
            new.insert(key(mode, name.as_bytes()), bytes);
        }
        Ok(new)
    }
}

impl Change {
    /// Whether what becomes of an entry is of its kind, a folder or none.
    fn stays(&self, entry: &Entry<'_>) -> bool {
        match self {
            Change::Gone => true,
            Change::File(..) => entry.mode != FOLDER,
            Change::Below(_) => entry.mode == FOLDER,
        }
    }
}

impl Entry<'_> {
    fn key(&self) -> Vec<u8> {
        key(self.mode, self.name)
    }
}

/// What a tree is sorted by: the names, with a slash behind those of folders.
fn key(mode: i32, name: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if mode == FOLDER { b"/" } else { b"" };
    [name, slash].concat()
}

fn written(mode: i32, name: &[u8], id: Oid) -> Vec<u8> {
    [format!("{mode:o} ").as_bytes(), name, &[0], id.as_bytes()].concat()
}

/// The entries of a tree whose ids have so many bytes.
fn entries(mut tree: &[u8], id_bytes: usize) -> Result<Vec<Entry<'_>>, GitError> {
    let mut found = Vec::new();
    while !tree.is_empty() {
        let entry = entry(tree, id_bytes).ok_or_else(|| GitError::Library {
            message: "a tree of the repository is damaged".to_owned(),
        })?;
        tree = &tree[entry.bytes.len()..];
        found.push(entry);
    }
    Ok(found)
}

fn entry(tree: &[u8], id_bytes: usize) -> Option<Entry<'_>> {
    let space = tree.iter().position(|byte| *byte == b' ')?;
    let nul = space + tree[space..].iter().position(|byte| *byte == 0)?;
    let mode = std::str::from_utf8(&tree[..space]).ok()?;
    Some(Entry {
        mode: i32::from_str_radix(mode, 8).ok()?,
        name: &tree[space + 1..nul],
        id: tree.get(nul + 1..nul + 1 + id_bytes)?,
        bytes: &tree[..nul + 1 + id_bytes],
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use git2::build::TreeUpdateBuilder;
    use proptest::prelude::*;

    /// Few names, so that files, folders and what sorts between them meet often.
    fn path() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["a", "a-b", "a.b", "a0", "b", "ab"]);
        prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
    }

    #[test]
    fn a_file_and_one_below_it_are_refused_together() {
        let id = Oid::from_str("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391").unwrap();
        for paths in [["a", "a/b"], ["a/b", "a"], ["a/b/c", "a/b"]] {
            let mut folder = Folder::default();
            let [one, other] = paths.map(|path| path.parse::<RepoPath>().unwrap());
            folder.put(&one, FileMode::Blob, id).unwrap();
            let error = folder.put(&other, FileMode::Blob, id).unwrap_err();
            assert!(matches!(error, GitError::Blocked { path, .. } if path == other));
        }
    }

    #[test]
    fn files_become_folders_and_folders_files() {
        let dir = tempfile::tempdir().unwrap();
        let repo = git2::Repository::init_bare(dir.path()).unwrap();
        let odb = repo.odb().unwrap();
        let id = odb.write(ObjectType::Blob, b"x").unwrap();
        let tree = |paths: &[&str]| {
            let nothing = repo.treebuilder(None).unwrap().write().unwrap();
            let mut update = TreeUpdateBuilder::new();
            for path in paths {
                update.upsert(*path, id, FileMode::Blob);
            }
            let empty = repo.find_tree(nothing).unwrap();
            update.create_updated(&repo, &empty).unwrap()
        };
        let base = tree(&["a", "a.b", "b/c", "b/d/e", "b.c"]);
        let mut folder = Folder::default();
        let path = |text: &str| text.parse::<RepoPath>().unwrap();
        // In the order of their paths, as changes come.
        folder.remove(&path("a")).unwrap();
        folder.put(&path("a/x"), FileMode::Blob, id).unwrap();
        folder.put(&path("b"), FileMode::Blob, id).unwrap();
        folder.remove(&path("b/c")).unwrap();
        folder.remove(&path("b/d/e")).unwrap();
        let written = folder.write(&odb, Some(base)).unwrap();
        assert_eq!(written, Some(tree(&["a/x", "a.b", "b", "b.c"])));
    }

    proptest! {
        #[test]
        fn the_tree_is_the_one_that_the_library_writes(
            before in prop::collection::vec(path(), 0..12),
            changes in prop::collection::btree_map(path(), any::<bool>(), 1..6),
        ) {
            let dir = tempfile::tempdir().unwrap();
            let repo = git2::Repository::init_bare(dir.path()).unwrap();
            let odb = repo.odb().unwrap();
            let blob = |text: &str| odb.write(ObjectType::Blob, text.as_bytes()).unwrap();
            let mut base = repo.find_tree(repo.treebuilder(None).unwrap().write().unwrap()).unwrap();
            for path in &before {
                let mut update = TreeUpdateBuilder::new();
                update.upsert(path.as_str(), blob("before"), FileMode::Blob);
                // What stands in the way stays.
                if let Ok(tree) = update.create_updated(&repo, &base) {
                    base = repo.find_tree(tree).unwrap();
                }
            }
            let stands = |path: &str| base.get_path(std::path::Path::new(path)).ok();
            let mut update = TreeUpdateBuilder::new();
            let mut folder = Folder::default();
            let mut written: Vec<String> = Vec::new();
            for (path, puts) in changes {
                let parsed: RepoPath = path.parse().unwrap();
                let there = stands(&path);
                let is_file = |it: &git2::TreeEntry<'_>| it.kind() == Some(ObjectType::Blob);
                let way: Vec<String> = std::iter::successors(parsed.parent(), RepoPath::parent)
                    .map(|it| it.to_string()).filter(|it| !it.is_empty()).collect();
                let blocked = way.iter().any(|it| written.contains(it) || stands(it).is_some_and(|it| is_file(&it)));
                let below = format!("{path}/");
                if blocked || written.iter().any(|it| it.starts_with(&below)) || there.as_ref().is_some_and(|it| !is_file(it)) {
                    continue;
                }
                match (puts, there.is_some()) {
                    (true, _) => {
                        update.upsert(path.as_str(), blob("after"), FileMode::BlobExecutable);
                        folder.put(&parsed, FileMode::BlobExecutable, blob("after")).unwrap();
                        written.push(path);
                    }
                    (false, true) => {
                        update.remove(path.as_str());
                        folder.remove(&parsed).unwrap();
                    }
                    (false, false) => {}
                }
            }
            let wanted = update.create_updated(&repo, &base).unwrap();
            let got = folder.write(&odb, Some(base.id())).unwrap();
            let nothing = repo.treebuilder(None).unwrap().write().unwrap();
            prop_assert_eq!(got.unwrap_or(nothing), wanted);
        }
    }
}
