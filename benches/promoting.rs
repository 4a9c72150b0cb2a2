//! From one environment to the next in a repository of 10,000 files and 1,000 components,
//! one of them changed: reading, planning and the commit, without a network.
#![allow(
    clippy::disallowed_methods,
    reason = "git makes the repository to promote in"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use divan::Bencher;
use kubectl_gitops::ops::comparison::gather;
use kubectl_gitops::ops::estate::{Estate, OpenOptions};
use kubectl_gitops::ops::promote::planned;
use kubectl_gitops::promotion::{Facts, Plan, Request, plan};
use kubectl_gitops::repo::{CommitId, RepoPath};
use kubectl_gitops::template::render;
use tempfile::TempDir;

use super::inputs::{Files, large, model};

const OTHERS: usize = 7_000;

pub fn git(dir: &Path, words: &[&str], input: &[u8]) {
    let mut child = Command::new("git")
        .args(words)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("git");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(input)
        .expect("git reads");
    assert!(child.wait().expect("git ends").success());
}

pub fn commit(stream: &mut Vec<u8>, branch: &str, from: Option<&str>, files: &Files) {
    let head = format!(
        "commit refs/heads/{branch}\ncommitter Ada <ada@example.com> 1767225600 +0000\ndata 5\nbegin\n"
    );
    stream.extend(head.bytes());
    if let Some(from) = from {
        stream.extend(format!("from {from}\n").bytes());
    }
    for (path, bytes) in files {
        stream.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).bytes());
        stream.extend(bytes);
        stream.push(b'\n');
    }
}

/// A repository whose dev was promoted to staging and is one image ahead since,
/// everything rendered and committed, after this many other commits.
pub fn repository(components: usize, history: usize) -> TempDir {
    let path = |text: &str| -> RepoPath { text.parse().unwrap() };
    let mut files = large(components);
    files.remove(&path("environment.yaml"));
    let (repository, tree) = model(&files);
    let config = path("gitops.yaml");
    let config: Files = files.remove_entry(&config).into_iter().collect();
    let staging = repository.environment("staging").unwrap();
    for (path, file) in render(&tree, &repository, staging).unwrap().files {
        files.insert(path, file.text.into_bytes());
    }
    for at in 0..OTHERS {
        files.insert(note(at), format!("note {at}\n").into_bytes());
    }
    let mut stream = Vec::new();
    commit(&mut stream, "main", None, &config);
    commit(&mut stream, "env/staging", None, &files);
    for at in 0..history {
        let change = [(note(at % OTHERS), format!("{at}\n").into_bytes())].into();
        commit(&mut stream, "env/staging", None, &change);
    }
    let product = path("product.yaml");
    let bump = |version: &str| -> Files {
        let text = String::from_utf8(files[&product].clone()).unwrap();
        let text = text.replace("service-0007:v1.7.0", &format!("service-0007:{version}"));
        [(product.clone(), text.into_bytes())].into()
    };
    commit(
        &mut stream,
        "env/dev",
        Some("refs/heads/env/staging"),
        &bump("v1.8.0"),
    );
    let dir = TempDir::new().expect("a folder");
    let git = |words: &[&str], input: &[u8]| git(dir.path(), words, input);
    git(&["init", "--quiet", "--initial-branch=main"], b"");
    git(&["fast-import", "--quiet"], &stream);
    git(&["config", "user.name", "Ada"], b"");
    git(&["config", "user.email", "ada@example.com"], b"");
    let estate = open(&dir);
    let (promoted, ..) = promote(&estate);
    git(
        &["update-ref", "refs/heads/env/staging", promoted.as_str()],
        b"",
    );
    let mut stream = Vec::new();
    commit(
        &mut stream,
        "env/dev",
        Some("refs/heads/env/dev^0"),
        &bump("v1.9.0"),
    );
    git(&["fast-import", "--quiet"], &stream);
    git(&["repack", "-a", "-d", "-q"], b"");
    dir
}

fn note(at: usize) -> RepoPath {
    format!("notes/{:02}/{at:05}.txt", at % 100)
        .parse()
        .unwrap()
}

fn open(dir: &TempDir) -> Estate {
    Estate::open(&OpenOptions {
        dir: dir.path().to_owned(),
        writing: true,
        ..OpenOptions::default()
    })
    .expect("a repository")
}

/// Reads, plans and writes the commit of one promotion to staging; no branch moves.
/// What was read and planned comes along: the time ends when the commit is there.
fn promote(estate: &Estate) -> (CommitId, Facts, Plan) {
    let staging = "staging".parse().unwrap();
    let request = Request::default();
    let facts = gather(estate, &staging, None, None).unwrap();
    let plan = plan(&request, &facts).unwrap();
    let planned = planned(&plan, &request, estate, &facts.target.state.entry).unwrap();
    planned
        .known
        .iter()
        .for_each(|known| estate.remember(known));
    let update = &planned.changes.updates[0];
    let commit = estate.git.write_commit(update).unwrap();
    (commit, facts, plan)
}

/// One component changed, in a clone that was promoted from before; by the number of
/// other commits.
#[divan::bench(args = [0, 100_000], sample_count = 20)]
fn plan_and_commit(bencher: Bencher<'_, '_>, history: usize) {
    let dir = repository(1000, history);
    let estate = open(&dir);
    bencher.bench_local(|| promote(&estate));
}

/// The same in a fresh clone.
#[divan::bench(sample_count = 20)]
fn in_a_fresh_clone(bencher: Bencher<'_, '_>) {
    let dir = repository(1000, 0);
    let estate = open(&dir);
    let kept = dir.path().join(".git/kubectl-gitops");
    bencher
        .with_inputs(|| std::fs::remove_dir_all(&kept).unwrap_or_default())
        .bench_local_values(|()| promote(&estate));
}

/// The reading alone.
#[divan::bench(sample_count = 20)]
fn gather_only(bencher: Bencher<'_, '_>) {
    let dir = repository(1000, 0);
    let estate = open(&dir);
    let staging = "staging".parse().unwrap();
    bencher.bench_local(|| gather(&estate, &staging, None, None).unwrap());
}

/// The planning alone, once everything was read.
#[divan::bench(sample_count = 20)]
fn plan_only(bencher: Bencher<'_, '_>) {
    let dir = repository(1000, 0);
    let estate = open(&dir);
    let facts = gather(&estate, &"staging".parse().unwrap(), None, None).unwrap();
    let request = Request::default();
    bencher.bench_local(|| plan(&request, &facts).unwrap());
}

/// The writing of the commit alone.
#[divan::bench(sample_count = 20)]
fn commit_only(bencher: Bencher<'_, '_>) {
    let dir = repository(1000, 0);
    let estate = open(&dir);
    let facts = gather(&estate, &"staging".parse().unwrap(), None, None).unwrap();
    let request = Request::default();
    let plan = plan(&request, &facts).unwrap();
    let planned = planned(&plan, &request, &estate, &facts.target.state.entry).unwrap();
    let update = &planned.changes.updates[0];
    bencher.bench_local(|| estate.git.write_commit(update).unwrap());
}
