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
use kubectl_gitops::ops::estate::{Estate, OpenOptions};
use kubectl_gitops::ops::promote::{Request, gather, plan, planned};
use kubectl_gitops::repo::RepoPath;
use kubectl_gitops::template::render;
use tempfile::TempDir;

use super::inputs::{Files, large, model};

const OTHERS: usize = 7_000;

fn git(dir: &Path, words: &[&str], input: &[u8]) {
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

fn commit(stream: &mut Vec<u8>, branch: &str, from: Option<&str>, files: &Files) {
    let head = format!(
        "commit refs/heads/{branch}\ncommitter Ada <ada@example.com> 1767225600 +0000\ndata 5\nbegin\n"
    );
    stream.extend(head.bytes());
    if let Some(from) = from {
        stream.extend(format!("from refs/heads/{from}\n").bytes());
    }
    for (path, bytes) in files {
        stream.extend(format!("M 100644 inline {path}\ndata {}\n", bytes.len()).bytes());
        stream.extend(bytes);
        stream.push(b'\n');
    }
}

/// A repository whose dev is one image ahead of staging, everything rendered and committed.
fn repository(components: usize) -> TempDir {
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
        let path = format!("notes/{:02}/{at:05}.txt", at % 100)
            .parse()
            .unwrap();
        files.insert(path, format!("note {at}\n").into_bytes());
    }
    let product = path("product.yaml");
    let text = String::from_utf8(files[&product].clone()).unwrap();
    let newer = text.replace("service-0007:v1.7.0", "service-0007:v1.8.0");
    let mut stream = Vec::new();
    commit(&mut stream, "main", None, &config);
    commit(&mut stream, "env/staging", None, &files);
    let change = [(product, newer.into_bytes())].into_iter().collect();
    commit(&mut stream, "env/dev", Some("env/staging"), &change);
    let dir = TempDir::new().expect("a folder");
    git(
        dir.path(),
        &["init", "--quiet", "--initial-branch=main"],
        b"",
    );
    git(dir.path(), &["fast-import", "--quiet"], &stream);
    git(dir.path(), &["config", "user.name", "Ada"], b"");
    git(
        dir.path(),
        &["config", "user.email", "ada@example.com"],
        b"",
    );
    dir
}

fn open(dir: &TempDir) -> Estate {
    Estate::open(&OpenOptions {
        dir: dir.path().to_owned(),
        writing: true,
        ..OpenOptions::default()
    })
    .expect("a repository")
}

#[divan::bench(args = [1000], sample_count = 20)]
fn plan_and_commit(bencher: Bencher<'_, '_>, components: usize) {
    let dir = repository(components);
    let estate = open(&dir);
    let staging = "staging".parse().unwrap();
    bencher.bench_local(|| {
        let request = Request::default();
        let facts = gather(&estate, &staging, None, None).unwrap();
        let plan = plan(&request, &facts).unwrap();
        let target = &facts.target.state.entry;
        let planned = planned(&plan, &request, &estate, target);
        let commits = planned.changes.updates.iter();
        commits
            .map(|update| estate.git.write_commit(update).unwrap())
            .collect::<Vec<_>>()
    });
}

/// The reading alone.
#[divan::bench(args = [1000], sample_count = 20)]
fn gather_only(bencher: Bencher<'_, '_>, components: usize) {
    let dir = repository(components);
    let estate = open(&dir);
    let staging = "staging".parse().unwrap();
    bencher.bench_local(|| gather(&estate, &staging, None, None).unwrap());
}
