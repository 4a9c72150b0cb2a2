//! Repositories from literal files: a bare origin, a clone of it, and what a
//! test wants to know about both.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::env::{Env, Outcome};

/// A bare origin and a clone of it.
pub struct Fixture {
    pub env: Env,
    pub origin: PathBuf,
    pub clone: PathBuf,
}

/// One file of a commit: its path and its content; no content deletes it.
pub type File<'a> = (&'a str, Option<&'a str>);

impl Fixture {
    /// An origin whose branches each begin with one commit of these files, and
    /// a clone of it. The first branch is the default one. Every branch after
    /// the first that has no files of its own is an error of the test.
    ///
    /// ```ignore
    /// Fixture::new(&[
    ///     ("main", &[("gitops.yaml", "…")]),
    ///     ("env/dev", &[("product.yaml", "…")]),
    /// ])
    /// ```
    #[track_caller]
    pub fn new(branches: &[(&str, &[(&str, &str)])]) -> Self {
        let first = branches.first().map_or("main", |(name, _)| name);
        let fixture = Self::empty(first, &[]);
        for (branch, files) in branches {
            let files: Vec<File<'_>> = files.iter().map(|(p, c)| (*p, Some(*c))).collect();
            fixture.commit_from(branch, None, &format!("begin {branch}"), &files);
        }
        fixture.pull();
        fixture
    }

    /// An origin without a commit, and a clone of it.
    #[track_caller]
    pub fn empty(default_branch: &str, init_options: &[&str]) -> Self {
        let env = Env::new();
        let origin = env.join("origin.git");
        let clone = env.join("clone");
        let branch = format!("--initial-branch={default_branch}");
        let mut init = vec!["init", "--quiet", &branch];
        init.extend(init_options);
        env.git(env.path(), &[&init[..], &["--bare", "origin.git"]].concat());
        env.git(env.path(), &[&init[..], &["clone"]].concat());
        let fixture = Self { env, origin, clone };
        let url = fixture.url();
        let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
        git(&["remote", "add", "origin", &url]);
        fixture.configure(&fixture.clone);
        fixture
    }

    /// Another clone of the origin, below the test's folder.
    #[track_caller]
    pub fn clone_again(&self, name: &str, options: &[&str]) -> PathBuf {
        let url = self.url();
        let mut args = vec!["clone", "--quiet"];
        args.extend(options);
        args.extend([url.as_str(), name]);
        self.env.git(self.env.path(), &args);
        let clone = self.env.join(name);
        self.configure(&clone);
        clone
    }

    /// For tests that use the library in their own process.
    fn configure(&self, clone: &Path) {
        for (key, value) in [
            ("user.name", "Ada"),
            ("user.email", "ada@example.com"),
            ("commit.gpgsign", "false"),
        ] {
            self.env.git(clone, &["config", key, value]);
        }
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.origin.display())
    }

    /// Brings the clone to the origin's state, work tree included.
    #[track_caller]
    pub fn pull(&self) {
        self.env.git(&self.clone, &["fetch", "--quiet", "--prune"]);
        self.env
            .git(&self.clone, &["remote", "set-head", "origin", "--auto"]);
        let head = self.env.git(&self.clone, &["symbolic-ref", "HEAD"]);
        let branch = head.trim_start_matches("refs/heads/");
        let tracking = format!("refs/remotes/origin/{branch}");
        self.env
            .git(&self.clone, &["reset", "--quiet", "--hard", &tracking]);
    }

    /// Adds a commit to a branch of the origin, as somebody else would by
    /// pushing. Returns its id.
    #[track_caller]
    pub fn commit(&self, branch: &str, message: &str, files: &[File<'_>]) -> String {
        let tip = self.remote_tip(branch);
        self.commit_from(branch, tip.as_deref(), message, files)
    }

    /// Points a branch of the origin at a new commit on top of `parent`, any
    /// revision of the origin.
    #[track_caller]
    pub fn commit_from(
        &self,
        branch: &str,
        parent: Option<&str>,
        message: &str,
        files: &[File<'_>],
    ) -> String {
        let mut stream = Vec::new();
        let when = self.env.tick();
        write!(
            stream,
            "commit refs/heads/{branch}\ncommitter Grace <grace@example.com> {when} +0000\n\
             data {}\n{message}\n",
            message.len()
        )
        .unwrap();
        if let Some(parent) = parent {
            let id = self.env.git(&self.origin, &["rev-parse", parent]);
            writeln!(stream, "from {id}").unwrap();
        }
        for (path, content) in files {
            match content {
                Some(text) => {
                    write!(stream, "M 100644 inline {path}\ndata {}\n", text.len()).unwrap();
                    stream.extend_from_slice(text.as_bytes());
                    stream.push(b'\n');
                }
                None => writeln!(stream, "D {path}").unwrap(),
            }
        }
        self.fast_import(&stream);
        self.env.git(&self.origin, &["rev-parse", branch])
    }

    /// Writes any history into the origin (git-fast-import's format).
    #[track_caller]
    pub fn fast_import(&self, stream: &[u8]) {
        let mut child = self
            .env
            .command("git", &self.origin)
            .args(["fast-import", "--quiet", "--force"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git starts");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(stream)
            .expect("fast-import reads");
        assert!(child.wait().expect("git ends").success(), "fast-import");
    }

    /// Runs our executable in the clone.
    pub fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Outcome {
        self.env.gitops(&self.clone, args)
    }

    /// The id at the tip of a branch of the origin.
    pub fn remote_tip(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        let list = self.env.git(
            &self.origin,
            &["for-each-ref", "--format=%(objectname)", &name],
        );
        list.lines().next().map(str::to_owned)
    }

    /// A file at the tip of a branch of the origin.
    pub fn file_at(&self, branch: &str, path: &str) -> Option<String> {
        let mut command = self.env.command("git", &self.origin);
        let shown = Env::finish(command.args(["show", &format!("{branch}:{path}")]));
        (shown.status == 0).then_some(shown.stdout)
    }

    /// The paths of all files at the tip of a branch of the origin.
    pub fn files_at(&self, branch: &str) -> Vec<String> {
        let list = self
            .env
            .git(&self.origin, &["ls-tree", "-r", "--name-only", branch]);
        list.lines().map(str::to_owned).collect()
    }

    /// The message of the commit at the tip of a branch of the origin.
    #[track_caller]
    pub fn message_at(&self, branch: &str) -> String {
        self.env
            .git(&self.origin, &["log", "-1", "--format=%B", branch])
    }

    /// How many commits a branch of the origin has.
    #[track_caller]
    pub fn commits_on(&self, branch: &str) -> usize {
        self.env
            .git(&self.origin, &["rev-list", "--count", branch])
            .parse()
            .expect("a number")
    }

    /// Fails the test unless both repositories are whole.
    #[track_caller]
    pub fn fsck(&self) {
        for dir in [&self.origin, &self.clone] {
            self.env.git(dir, &["fsck", "--strict", "--no-progress"]);
        }
    }

    /// Installs a hook in the origin.
    pub fn hook(&self, name: &str, script: &str) {
        install_hook(&self.origin.join("hooks"), name, script);
    }

    /// Writes a file into the clone's work tree.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.clone.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
}

fn install_hook(folder: &Path, name: &str, script: &str) {
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a hook");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("an executable hook");
    }
}
