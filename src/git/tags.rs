//! Annotated tags: the object is written first and the reference comes with
//! the push, so that a run that is killed leaves no tag behind. Signed when
//! Git's own configuration says so.

use git2::{ErrorCode, ObjectType};

use super::read::object_id;
use super::write::{library_signature, program_date};
use super::{Git, GitError, Remote};
use crate::repo::{CommitId, ObjectFormat, ObjectId, RefName, TagName, TagUpdate};

impl Git {
    /// Writes the object of a tag on this commit; no reference names it yet.
    pub fn write_tag(&self, tag: &TagUpdate, commit: &CommitId) -> Result<ObjectId, GitError> {
        if self.signs_tags()? {
            return self.signed_tag(tag, commit);
        }
        let repo = self.libgit2();
        let target = repo.find_object(object_id(commit.as_str())?, Some(ObjectType::Commit))?;
        let id = repo.tag_annotation_create(
            tag.name.as_str(),
            &target,
            &library_signature(&tag.tagger)?,
            &tag.message.to_string(),
        )?;
        parsed(&id.to_string())
    }

    /// The tag through the program, which knows the user's keys and agents.
    /// The program cannot make a signed tag without a reference, so it gets a
    /// folder of its own for that one, and the real place for the object.
    fn signed_tag(&self, tag: &TagUpdate, commit: &CommitId) -> Result<ObjectId, GitError> {
        let scratch = Scratch::new(self)?;
        let common = self.libgit2().commondir();
        let settings: Vec<String> = [
            common.join("config"),
            self.git_dir().join("config.worktree"),
        ]
        .iter()
        .filter(|path| path.is_file())
        .map(|path| format!("include.path={}", path.display()))
        .collect();
        let mut settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        settings.push("i18n.commitEncoding=UTF-8");
        let objects = common.join("objects");
        let call = |name: &str| {
            self.call_at(&scratch.folder, None, &settings, name)
                .env("GIT_OBJECT_DIRECTORY", &objects)
        };
        let output = call("tag")
            .args(["-s", "--cleanup=verbatim", "-F", "-", "--"])
            .args([tag.name.as_str(), commit.as_str()])
            .env("GIT_COMMITTER_NAME", &tag.tagger.name)
            .env("GIT_COMMITTER_EMAIL", &tag.tagger.email)
            .env("GIT_COMMITTER_DATE", program_date(&tag.tagger))
            .input(tag.message.to_string())
            .run()?;
        if !output.ok() {
            return Err(GitError::Signing {
                what: "tag",
                message: output.stderr,
            });
        }
        let name = RefName::Tag(tag.name.clone()).reference();
        let id = call("rev-parse").args(["--verify", &name]).success()?;
        // Git 2.39 writes an unsigned tag, and calls that success, when the key
        // of an SSH signature is missing.
        let text = call("cat-file").args(["tag", id.trim()]).success()?;
        if !text.contains("\n-----BEGIN ") {
            return Err(GitError::Signing {
                what: "tag",
                message: output.stderr,
            });
        }
        parsed(id.trim())
    }

    /// The commit that a tag names here; `None` when there is no such tag. The
    /// copy of a repository that was named by its address keeps no tags.
    pub fn tag(&self, name: &TagName) -> Result<Option<CommitId>, GitError> {
        if self.copied().is_some() {
            return Ok(None);
        }
        let name = RefName::Tag(name.clone()).reference();
        match self.libgit2().find_reference(&name) {
            Ok(reference) => {
                let commit = reference.peel_to_commit()?;
                super::open::commit_id(commit.id()).map(Some)
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same on the remote, now.
    pub fn ask_tag(&self, remote: &Remote, name: &TagName) -> Result<Option<CommitId>, GitError> {
        let name = RefName::Tag(name.clone()).reference();
        let peeled = format!("{name}^{{}}");
        let answer = self.ls_remote(remote, &[], &[name.clone(), peeled.clone()])?;
        let find = |wanted: &str| {
            answer
                .lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(_, found)| *found == wanted)
                .and_then(|(id, _)| id.parse().ok())
        };
        Ok(find(&peeled).or_else(|| find(&name)))
    }

    /// Keeps a tag that was pushed; one of that name that is here already stays.
    pub fn keep_tag(&self, name: &TagName, id: &ObjectId) -> Result<bool, GitError> {
        if self.copied().is_some() {
            return Ok(true);
        }
        let name = RefName::Tag(name.clone()).reference();
        let id = object_id(id.as_str())?;
        match self.libgit2().reference(&name, id, false, "kubectl-gitops") {
            Ok(_) => Ok(true),
            Err(error) if error.code() == ErrorCode::Exists => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

fn parsed(id: &str) -> Result<ObjectId, GitError> {
    id.parse().map_err(|error| GitError::Library {
        message: format!("{error}"),
    })
}

const SCRATCH: &str = "kubectl-gitops-tag-";

/// A Git folder without objects of its own; it goes with this value.
struct Scratch {
    folder: std::path::PathBuf,
}

impl Scratch {
    fn new(git: &Git) -> Result<Self, GitError> {
        let common = git.libgit2().commondir();
        Self::sweep(common);
        let scratch = Self {
            folder: common.join(format!("{SCRATCH}{}", std::process::id())),
        };
        let format = match git.object_format() {
            ObjectFormat::Sha1 => "[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
            ObjectFormat::Sha256 => {
                "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\
                 [extensions]\n\tobjectformat = sha256\n"
            }
        };
        let make = || {
            std::fs::create_dir_all(scratch.folder.join("refs/tags"))?;
            std::fs::create_dir_all(scratch.folder.join("objects"))?;
            std::fs::write(scratch.folder.join("HEAD"), "ref: refs/heads/none\n")?;
            std::fs::write(scratch.folder.join("config"), format)
        };
        make().map_err(|source| GitError::Io {
            path: scratch.folder.clone(),
            source,
        })?;
        Ok(scratch)
    }

    /// Removes what runs left behind that were killed; one that is still busy
    /// with its key after an hour makes a new tag when it is run again.
    fn sweep(common: &std::path::Path) {
        let old = |entry: &std::fs::DirEntry| {
            let age = entry.metadata().and_then(|found| found.modified());
            let age = age.ok().and_then(|time| time.elapsed().ok());
            age.is_some_and(|age| age > std::time::Duration::from_secs(3600))
        };
        for entry in std::fs::read_dir(common).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(SCRATCH) && old(&entry) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
