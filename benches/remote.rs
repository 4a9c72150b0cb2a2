//! A whole promotion on a remote repository of 10,000 files and 1,000 components, by
//! its address: process, fetch, plan, commit and push. Beside it what Git alone takes
//! to fetch both tips at depth 1 and to push a commit that is ready.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are what is measured here"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use divan::Bencher;
use tempfile::TempDir;

use super::promoting::{commit, git, repository};

const HISTORY: usize = 1_000;

struct Remote {
    top: TempDir,
    /// A clone in which the promotion was made and not pushed.
    ready: PathBuf,
    before: [String; 2],
}

impl Remote {
    fn new() -> Self {
        let top = TempDir::new().expect("a folder");
        let work = repository(1000, HISTORY);
        let origin = top.path().join("origin.git");
        let words = ["clone", "--quiet", "--bare", "--no-hardlinks"];
        let (from, to) = (work.path().to_str().unwrap(), origin.to_str().unwrap());
        git(top.path(), &[&words[..], &[from, to]].concat(), b"");
        // All environments have a branch: for one without, every run asks again.
        let staging = "refs/heads/env/staging";
        git(&origin, &["branch", "env/prod", staging], b"");
        let ready = top.path().join("ready");
        let url = format!("file://{to}");
        git(
            top.path(),
            &["clone", "--quiet", "--no-checkout", &url, "ready"],
            b"",
        );
        let remote = Self {
            before: ["env/dev", "env/staging"].map(|name| said(&origin, &["rev-parse", name])),
            ready,
            top,
        };
        let made = remote
            .program(&remote.ready)
            .args(["promote", "staging", "--yes", "--no-push"])
            .status();
        assert!(made.expect("the program").success());
        remote
    }

    fn origin(&self) -> PathBuf {
        self.top.path().join("origin.git")
    }

    fn url(&self) -> String {
        format!("file://{}", self.origin().display())
    }

    fn cache(&self) -> PathBuf {
        self.top.path().join("cache")
    }

    fn program(&self, dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
        command
            .current_dir(dir)
            .env("KUBECTL_GITOPS_CACHE_DIR", self.cache())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.com")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.com")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn promote(&self) {
        let words = ["promote", "staging", "--yes", "--repo"];
        let mut command = self.program(self.top.path());
        let done = command.args(words).arg(self.url()).status();
        assert!(done.expect("the program").success());
    }

    /// Both branches as they were, and dev one commit further, so that there is
    /// something to fetch.
    fn again(&self) {
        let [dev, staging] = &self.before;
        let origin = self.origin();
        git(&origin, &["update-ref", "refs/heads/env/dev", dev], b"");
        git(
            &origin,
            &["update-ref", "refs/heads/env/staging", staging],
            b"",
        );
        let mut stream = Vec::new();
        let note = "notes/00/00000.txt".parse().expect("a path");
        let change = [(
            note,
            format!("{:?}\n", std::time::Instant::now()).into_bytes(),
        )]
        .into();
        commit(
            &mut stream,
            "env/dev",
            Some("refs/heads/env/dev^0"),
            &change,
        );
        git(&origin, &["fast-import", "--quiet"], &stream);
    }

    fn fetch_into(&self, dir: &Path) {
        let refs = ["env/dev", "env/staging"];
        let words = ["fetch", "--quiet", "--depth=1", "--no-tags"];
        git(dir, &[&words[..], &[&self.url()], &refs].concat(), b"");
    }

    fn push(&self) {
        let words = ["push", "--quiet", "origin", "env/staging"];
        git(&self.ready, &words, b"");
    }
}

fn said(dir: &Path, words: &[&str]) -> String {
    let output = Command::new("git").args(words).current_dir(dir).output();
    let text = output.expect("git").stdout;
    String::from_utf8(text).expect("text").trim().to_owned()
}

/// What there is to beat: both tips at depth 1 into an empty repository, and the push.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn git_alone(bencher: Bencher<'_, '_>) {
    let remote = Remote::new();
    bencher
        .with_inputs(|| {
            remote.again();
            let dir = TempDir::new().expect("a folder");
            git(dir.path(), &["init", "--quiet", "--bare"], b"");
            dir
        })
        .bench_local_refs(|dir| {
            remote.fetch_into(dir.path());
            remote.push();
        });
}

/// The first time, with nothing in the cache folder.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn promote_cold(bencher: Bencher<'_, '_>) {
    let remote = Remote::new();
    bencher
        .with_inputs(|| {
            remote.again();
            std::fs::remove_dir_all(remote.cache()).unwrap_or_default();
        })
        .bench_local_values(|()| remote.promote());
}

/// Every other time.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn promote_warm(bencher: Bencher<'_, '_>) {
    let remote = Remote::new();
    remote.promote();
    bencher
        .with_inputs(|| remote.again())
        .bench_local_values(|()| remote.promote());
}
