//! A whole promotion on a remote repository of 10,000 files and 1,000 components, by
//! its address: process, fetch, plan, commit and push. Beside it what Git alone takes
//! to fetch both tips at depth 1 and to push a commit that is ready.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are what is measured here"
)]

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use divan::Bencher;
use tempfile::TempDir;

use super::promoting::{commit, git, repository};

const HISTORY: usize = 1_000;

const ADA: [(&str, &str); 6] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_AUTHOR_NAME", "Ada"),
    ("GIT_AUTHOR_EMAIL", "ada@example.com"),
    ("GIT_COMMITTER_NAME", "Ada"),
    ("GIT_COMMITTER_EMAIL", "ada@example.com"),
];

/// Who made the newest commit of the target.
enum Newest {
    /// This tool, and it proves what is rendered.
    Ours,
    /// A person, so that everything has to be rendered to see what was edited.
    Persons,
}

struct Remote {
    top: TempDir,
    /// A clone in which the promotion was made and not pushed.
    ready: PathBuf,
    before: [String; 2],
    /// How many cache folders there were.
    caches: Cell<u32>,
}

impl Remote {
    /// One whose staging was promoted to before; the newest commit is that promotion, or
    /// some person's.
    fn new(newest: Newest) -> Self {
        let top = TempDir::new().expect("a folder");
        let work = repository(1000, HISTORY);
        let origin = top.path().join("origin.git");
        let words = ["clone", "--quiet", "--bare", "--no-hardlinks"];
        let (from, to) = (work.path().to_str().unwrap(), origin.to_str().unwrap());
        git(top.path(), &[&words[..], &[from, to]].concat(), b"");
        // All environments have a branch: for one without, every run asks again.
        let staging = "refs/heads/env/staging";
        git(&origin, &["branch", "env/prod", staging], b"");
        if let Newest::Persons = newest {
            let words = [
                "commit-tree",
                "-m",
                "mine",
                "-p",
                staging,
                "env/staging^{tree}",
            ];
            let commit = said(&origin, &words);
            git(&origin, &["update-ref", staging, &commit], b"");
        }
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
            caches: Cell::new(0),
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
        self.top.path().join(format!("cache-{}", self.caches.get()))
    }

    /// As on another machine. What was there stays: removing it would keep the file
    /// system busy while the next run is timed.
    fn forget(&self) {
        self.caches.set(self.caches.get() + 1);
    }

    fn program(&self, dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-gitops"));
        command
            .current_dir(dir)
            .env("KUBECTL_GITOPS_CACHE_DIR", self.cache())
            .envs(ADA)
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
    let mut command = Command::new("git");
    command.args(words).current_dir(dir).envs(ADA);
    let output = command.output();
    let text = output.expect("git").stdout;
    String::from_utf8(text).expect("text").trim().to_owned()
}

/// What there is to beat: both tips at depth 1 into an empty repository, and the push.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn git_alone(bencher: Bencher<'_, '_>) {
    let remote = Remote::new(Newest::Ours);
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
#[divan::bench(sample_count = 20, sample_size = 1)]
fn promote_cold(bencher: Bencher<'_, '_>) {
    cold(bencher, Newest::Ours);
}

/// The same where somebody else committed to the target last.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn promote_cold_unproven(bencher: Bencher<'_, '_>) {
    cold(bencher, Newest::Persons);
}

fn cold(bencher: Bencher<'_, '_>, newest: Newest) {
    let remote = Remote::new(newest);
    bencher
        .with_inputs(|| {
            remote.again();
            remote.forget();
        })
        .bench_local_values(|()| remote.promote());
}

/// Every other time.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn promote_warm(bencher: Bencher<'_, '_>) {
    let remote = Remote::new(Newest::Ours);
    remote.promote();
    bencher
        .with_inputs(|| remote.again())
        .bench_local_values(|()| remote.promote());
}
