//! Writing commits straight into the object database: no checkout, no index,
//! and only the trees above changed paths are written again. No reference
//! moves here, so a commit that is not published leaves nothing behind but
//! unreachable objects.

use std::collections::BTreeMap;

use git2::{FileMode, ObjectType, Oid, Tree};

use super::open::commit_id;
use super::read::{kind_of, object_id};
use super::write_tree::Folder;
use super::wrote::WROTE;
use super::{Git, GitError};
use crate::repo::{CommitId, Edit, EntryKind, RefUpdate, RepoPath, Signature};

impl Git {
    /// Writes the commit of an update and returns its id. Signed when Git's
    /// configuration says so. Equal updates give equal ids, signatures aside.
    pub fn write_commit(&self, update: &RefUpdate) -> Result<CommitId, GitError> {
        let repo = self.libgit2();
        let parent = match &update.parent {
            Some(id) => Some(self.find_commit(id)?),
            None => None,
        };
        let base = match &parent {
            Some(parent) => parent.tree()?,
            None => repo.find_tree(repo.treebuilder(None)?.write()?)?,
        };
        let tree = repo.find_tree(self.write_tree(&base, update)?)?;
        let message = self.message(update, parent.as_ref().map(|_| &base), &tree)?;
        if self.signs_commits()? {
            return self.signed(tree.id(), update, &message);
        }
        let parents: Vec<_> = parent.iter().collect();
        let id = repo.commit(
            None,
            &library_signature(&update.author)?,
            &library_signature(&update.committer)?,
            &message,
            &tree,
            &parents,
        )?;
        commit_id(id)
    }

    /// The message of an update's commit; one of ours proves what it wrote.
    fn message(
        &self,
        update: &RefUpdate,
        parent: Option<&Tree<'_>>,
        tree: &Tree<'_>,
    ) -> Result<String, GitError> {
        let mut message = update.message.clone();
        if message.trailer("Gitops-Action").is_some() {
            let wrote = self.wrote(parent, tree)?;
            message.trailers.push((WROTE.to_owned(), wrote));
        }
        Ok(message.to_string())
    }

    /// Whether the update's files are those that its parent has already.
    pub fn changes_nothing(&self, update: &RefUpdate) -> Result<bool, GitError> {
        let Some(parent) = &update.parent else {
            return Ok(false);
        };
        let base = self.find_commit(parent)?.tree()?;
        Ok(self.write_tree(&base, update)? == base.id())
    }

    fn write_tree(&self, base: &Tree<'_>, update: &RefUpdate) -> Result<Oid, GitError> {
        let repo = self.libgit2();
        // The library makes no tree with a file that is not here.
        self.fetch_files(update.edits.values().filter_map(|edit| match edit {
            Edit::Reuse { id, .. } => Some(id),
            _ => None,
        }))?;
        let mut changes = Folder::default();
        for (path, edit) in &update.edits {
            let found = self.stands_at(base, path, &update.edits)?;
            match edit {
                // Deleting twice is no error; the library would make it one.
                Edit::Delete if found.is_some() => {
                    changes.remove(path)?;
                }
                Edit::Delete => {}
                Edit::Write { bytes, executable } => {
                    let kind = match executable {
                        true => EntryKind::Executable,
                        false => EntryKind::File,
                    };
                    writable(path, found, false)?;
                    changes.put(path, mode(kind), repo.blob(bytes)?)?;
                }
                Edit::Reuse { id, kind } => {
                    writable(path, found, true)?;
                    let blob = object_id(id.as_str())?;
                    changes.put(path, mode(*kind), blob)?;
                }
            }
        }
        match changes.write(&repo.odb()?, Some(base.id()))? {
            Some(tree) => Ok(tree),
            None => Ok(repo.treebuilder(None)?.write()?),
        }
    }

    /// What is at a path: `None` nothing, `Some(None)` a folder. A file, link or
    /// submodule on the way is an error; one that goes with these edits, and a folder
    /// of which all files go, are nothing.
    fn stands_at(
        &self,
        base: &Tree<'_>,
        path: &RepoPath,
        edits: &BTreeMap<RepoPath, Edit>,
    ) -> Result<Option<Option<EntryKind>>, GitError> {
        let mut tree = base.clone();
        let mut here = RepoPath::default();
        let mut segments = path.segments().peekable();
        while let Some(segment) = segments.next() {
            here = here.join(segment).unwrap_or_default();
            let Some((id, kind)) = tree
                .get_name(segment)
                .map(|entry| (entry.id(), kind_of(entry.filemode())))
            else {
                return Ok(None);
            };
            if segments.peek().is_none() {
                let folder = kind.is_none().then(|| self.libgit2().find_tree(id));
                let goes = folder.map(|folder| self.goes(&folder?, &here, edits));
                return Ok((!goes.transpose()?.unwrap_or(false)).then_some(kind));
            }
            match kind {
                Some(_) if matches!(edits.get(&here), Some(Edit::Delete)) => return Ok(None),
                None => tree = self.libgit2().find_tree(id)?,
                Some(kind) => {
                    return Err(GitError::Blocked {
                        path: path.clone(),
                        reason: format!("{segment:?} on the way to it is {}", name_of(kind)),
                    });
                }
            }
        }
        Err(GitError::Blocked {
            path: path.clone(),
            reason: "it is the repository's root".to_owned(),
        })
    }

    /// Whether every file of a folder goes with these edits.
    fn goes(
        &self,
        folder: &Tree<'_>,
        path: &RepoPath,
        edits: &BTreeMap<RepoPath, Edit>,
    ) -> Result<bool, GitError> {
        for entry in folder {
            let Some(below) = entry.name().ok().and_then(|name| path.join(name).ok()) else {
                return Ok(false);
            };
            let goes = match kind_of(entry.filemode()) {
                None => self.goes(&self.libgit2().find_tree(entry.id())?, &below, edits)?,
                Some(_) => matches!(edits.get(&below), Some(Edit::Delete)),
            };
            if !goes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The commit through the program, which knows the user's keys and agents.
    fn signed(&self, tree: Oid, update: &RefUpdate, message: &str) -> Result<CommitId, GitError> {
        debug_assert!(
            self.libgit2()
                .odb()
                .and_then(|odb| odb.read_header(tree))
                .is_ok_and(|(_, kind)| kind == ObjectType::Tree)
        );
        let mut call = self
            .call_with(&["i18n.commitEncoding=UTF-8"], "commit-tree")
            .args(["-S", &tree.to_string()])
            .env("GIT_AUTHOR_NAME", &update.author.name)
            .env("GIT_AUTHOR_EMAIL", &update.author.email)
            .env("GIT_AUTHOR_DATE", program_date(&update.author))
            .env("GIT_COMMITTER_NAME", &update.committer.name)
            .env("GIT_COMMITTER_EMAIL", &update.committer.email)
            .env("GIT_COMMITTER_DATE", program_date(&update.committer))
            .input(message.to_owned());
        if let Some(parent) = &update.parent {
            call = call.args(["-p", parent.as_str()]);
        }
        let output = call.run()?;
        if !output.ok() {
            return Err(GitError::Signing {
                what: "commit",
                message: output.stderr,
            });
        }
        output
            .stdout
            .trim()
            .parse()
            .map_err(|error| GitError::Signing {
                what: "commit",
                message: format!("{error}"),
            })
    }
}

fn mode(kind: EntryKind) -> FileMode {
    match kind {
        EntryKind::File => FileMode::Blob,
        EntryKind::Executable => FileMode::BlobExecutable,
        EntryKind::Symlink => FileMode::Link,
        EntryKind::Submodule => FileMode::Commit,
    }
}

fn name_of(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File | EntryKind::Executable => "a file",
        EntryKind::Symlink => "a symbolic link",
        EntryKind::Submodule => "a submodule",
    }
}

/// Whether a file may be put where `found` is. New bytes never replace a link; content
/// that moves as it is does.
fn writable(
    path: &RepoPath,
    found: Option<Option<EntryKind>>,
    moves: bool,
) -> Result<(), GitError> {
    let what = match found {
        None | Some(Some(EntryKind::File | EntryKind::Executable)) => return Ok(()),
        Some(Some(EntryKind::Symlink)) if moves => return Ok(()),
        Some(None) => "a folder",
        Some(Some(kind)) => name_of(kind),
    };
    Err(GitError::Blocked {
        path: path.clone(),
        reason: format!("it is {what}"),
    })
}

/// The date of a signature as the program takes it: `<seconds> <zone>`, which
/// is what follows the address.
pub(super) fn program_date(who: &Signature) -> String {
    let text = who.to_string();
    text.rsplit_once("> ")
        .map(|(_, when)| when.to_owned())
        .unwrap_or_default()
}

pub(super) fn library_signature(who: &Signature) -> Result<git2::Signature<'static>, GitError> {
    let when = git2::Time::new(who.seconds, who.offset_minutes);
    Ok(git2::Signature::new(&who.name, &who.email, &when)?)
}
