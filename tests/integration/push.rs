//! Writing commits and moving branches: on the remote, here, and with
//! everything that can come between.

use std::collections::BTreeMap;

use kubectl_gitops::git::{Git, GitError, LocalRef, PushOutcome, RefMove, Remote};
use kubectl_gitops::repo::{
    BranchName, CommitId, CommitMessage, Edit, EntryKind, RefUpdate, RepoPath, Signature, blob_id,
};

use crate::support::Fixture;
use crate::support::faults::{Fault, FaultProxy};
use crate::support::githttp::GitHttp;

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

fn branch(text: &str) -> BranchName {
    text.parse().unwrap()
}

fn simple() -> Fixture {
    Fixture::new(&[
        ("main", &[("gitops.yaml", "a: 1\n")]),
        (
            "env/dev",
            &[
                ("product.yaml", "v: 1\n"),
                ("deep/er/x", "x\n"),
                ("keep", "k\n"),
            ],
        ),
        ("env/prod", &[("product.yaml", "v: 0\n")]),
    ])
}

struct Here {
    git: Git,
    remote: Remote,
}

fn open(fixture: &Fixture) -> Here {
    let git = Git::discover(&fixture.clone).unwrap();
    let remote = git.remote(None).unwrap().unwrap();
    Here { git, remote }
}

fn edits(list: &[(&str, Edit)]) -> BTreeMap<RepoPath, Edit> {
    list.iter()
        .map(|(name, edit)| (path(name), edit.clone()))
        .collect()
}

fn update(parent: Option<&CommitId>, name: &str, list: &[(&str, Edit)]) -> RefUpdate {
    let who = Signature {
        name: "Ada".into(),
        email: "ada@example.com".into(),
        seconds: 1_767_225_600,
        offset_minutes: 60,
    };
    RefUpdate {
        branch: branch(name),
        expected: parent.cloned(),
        parent: parent.cloned(),
        edits: edits(list),
        message: CommitMessage {
            subject: "change".into(),
            body: "why".into(),
            trailers: vec![("Gitops-Action".into(), "test".into())],
        },
        author: who.clone(),
        committer: who,
    }
}

fn step(name: &str, expected: Option<&CommitId>, new: &CommitId) -> RefMove {
    RefMove {
        name: branch(name).into(),
        expected: expected.cloned().map(Into::into),
        new: new.clone().into(),
    }
}

impl Here {
    fn tip(&self, name: &str) -> CommitId {
        self.git
            .tip(Some(&self.remote), &branch(name))
            .unwrap()
            .unwrap()
    }

    /// A commit that sets product.yaml, on the last known tip.
    fn bump(&self, name: &str, text: &str) -> (CommitId, CommitId) {
        let tip = self.tip(name);
        let change = update(Some(&tip), name, &[("product.yaml", Edit::write(text))]);
        (tip, self.git.write_commit(&change).unwrap())
    }
}

#[test]
fn a_commit_is_written_without_touching_anything_else() {
    let fixture = simple();
    let here = open(&fixture);
    let tip = here.tip("env/dev");
    let change = update(
        Some(&tip),
        "env/dev",
        &[
            ("product.yaml", Edit::write("v: 2\n")),
            ("new/folder/file", Edit::write("n\n")),
            ("deep/er/x", Edit::Delete),
            ("never/was", Edit::Delete),
            (
                "copy",
                Edit::Reuse {
                    id: blob_id(b"k\n"),
                    kind: EntryKind::Executable,
                },
            ),
        ],
    );
    let commit = here.git.write_commit(&change).unwrap();
    assert_eq!(here.git.write_commit(&change).unwrap(), commit, "same id");
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    let id = commit.as_str();
    assert_eq!(
        git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", id]),
        "100755 copy\n100644 keep\n100644 new/folder/file\n100644 product.yaml"
    );
    let written = git(&["log", "-1", "--format=%an %ad %P%n%B", "--date=iso", id]);
    let (message, wrote) = written.rsplit_once("\nGitops-Wrote: sha256:").unwrap();
    assert_eq!(
        message,
        format!("Ada 2026-01-01 01:00:00 +0100 {tip}\nchange\n\nwhy\n\nGitops-Action: test")
    );
    assert_eq!(wrote.len(), 64, "{wrote}");
    assert_eq!(git(&["status", "--porcelain"]), "");
    assert_eq!(git(&["for-each-ref", "--contains", id]), "");
    fixture.fsck();
    assert!(!here.git.changes_nothing(&change).unwrap());
    let idle = update(Some(&tip), "env/dev", &[("keep", Edit::write("k\n"))]);
    assert!(here.git.changes_nothing(&idle).unwrap());
}

#[test]
fn nothing_is_written_through_a_link_or_over_a_folder() {
    let fixture = simple();
    fixture.fast_import(
        b"commit refs/heads/odd\ncommitter G <g@example.com> 1 +0000\ndata 1\nx\n\
          M 120000 inline link\ndata 4\n/tmp\nM 100644 inline dir/x\ndata 1\nx\n",
    );
    let git = Git::discover(&fixture.origin).unwrap();
    let tip = git.resolve("odd").unwrap();
    for (name, said) in [
        ("link", "a symbolic link"),
        ("link/x", "a symbolic link"),
        ("dir", "a folder"),
        ("dir/x/y", "a file"),
    ] {
        let change = update(Some(&tip), "odd", &[(name, Edit::write("!"))]);
        let error = git.write_commit(&change).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn a_first_commit_has_no_parent_in_both_object_formats() {
    for options in [&[][..], &["--object-format=sha256"]] {
        let fixture = Fixture::empty("main", options);
        let here = open(&fixture);
        let change = update(None, "main", &[("a/b", Edit::write("1\n"))]);
        let commit = here.git.write_commit(&change).unwrap();
        let outcome = here
            .git
            .push(&here.remote, &[step("main", None, &commit)])
            .unwrap();
        assert_eq!(outcome, PushOutcome::Pushed);
        assert_eq!(fixture.remote_tip("main").unwrap(), commit.to_string());
        // The unborn branch that is checked out gets its files.
        let local = here.git.move_local(&branch("main"), &commit).unwrap();
        assert_eq!(local, LocalRef::Moved);
        assert!(fixture.clone.join("a/b").exists());
        assert!(!here.git.is_dirty().unwrap());
        fixture.fsck();
    }
}

#[test]
fn a_push_moves_all_branches_or_none() {
    let fixture = simple();
    let here = open(&fixture);
    let (dev, new_dev) = here.bump("env/dev", "v: 2\n");
    let (prod, new_prod) = here.bump("env/prod", "v: 2\n");
    let moves = [
        step("env/dev", Some(&dev), &new_dev),
        step("env/prod", Some(&prod), &new_prod),
    ];
    let theirs = fixture.commit("env/prod", "race", &[("product.yaml", Some("v: 9\n"))]);
    assert_eq!(
        here.git.push(&here.remote, &moves).unwrap(),
        PushOutcome::Stale(vec![branch("env/prod").into()])
    );
    assert_eq!(fixture.remote_tip("env/dev").unwrap(), dev.to_string());
    assert_eq!(fixture.remote_tip("env/prod").unwrap(), theirs);

    here.git.fetch(&here.remote, &[branch("env/prod")]).unwrap();
    let (prod, new_prod) = here.bump("env/prod", "v: 3\n");
    let moves = [moves[0].clone(), step("env/prod", Some(&prod), &new_prod)];
    for _ in 0..2 {
        // The second time everything is there already.
        assert_eq!(
            here.git.push(&here.remote, &moves).unwrap(),
            PushOutcome::Pushed
        );
    }
    assert_eq!(
        fixture.file_at("env/prod", "product.yaml").unwrap(),
        "v: 3\n"
    );
    assert_eq!(here.tip("env/dev"), new_dev, "the tracking branch follows");
    fixture.fsck();
}

#[test]
fn a_branch_that_must_not_exist_is_not_overwritten() {
    let fixture = simple();
    let here = open(&fixture);
    let (_, commit) = here.bump("env/dev", "v: 2\n");
    let moves = [step("gitops/x", None, &commit)];
    let pushed = here.git.push(&here.remote, &moves).unwrap();
    assert_eq!(pushed, PushOutcome::Pushed);
    let (_, other) = here.bump("env/dev", "v: 3\n");
    assert_eq!(
        here.git
            .push(&here.remote, &[step("gitops/x", None, &other)])
            .unwrap(),
        PushOutcome::Stale(vec![branch("gitops/x").into()])
    );
}

#[test]
fn a_refusal_is_told_in_the_servers_words_without_its_escapes() {
    let fixture = simple();
    fixture.hook(
        "pre-receive",
        "printf '\\033[31mfrozen until monday\\033[0m\\007\\n' >&2; exit 1",
    );
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/prod", "v: 2\n");
    let outcome = here
        .git
        .push(&here.remote, &[step("env/prod", Some(&tip), &commit)])
        .unwrap();
    let PushOutcome::Rejected {
        name: refused,
        reason,
        said,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert_eq!(refused, branch("env/prod").into());
    assert_eq!(reason, "pre-receive hook declined");
    assert_eq!(said, "frozen until monday");
    assert_eq!(fixture.remote_tip("env/prod").unwrap(), tip.to_string());
    fixture.fsck();
}

#[test]
fn a_race_that_is_lost_inside_the_server_is_a_lost_race() {
    let fixture = simple();
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/prod", "v: 2\n");
    let (_, theirs) = here.bump("env/prod", "v: 9\n");
    // Somebody else's commit arrives after our lease was checked.
    here.git
        .push(&here.remote, &[step("other", None, &theirs)])
        .unwrap();
    fixture.hook(
        "pre-receive",
        &format!("unset GIT_QUARANTINE_PATH; git update-ref refs/heads/env/prod {theirs}"),
    );
    let outcome = here
        .git
        .push(&here.remote, &[step("env/prod", Some(&tip), &commit)])
        .unwrap();
    assert_eq!(outcome, PushOutcome::Stale(vec![branch("env/prod").into()]));
    assert_eq!(fixture.remote_tip("env/prod").unwrap(), theirs.to_string());
}

/// The clone's origin behind a proxy that treats pushes as `decide` says.
fn behind_proxy(
    fixture: &Fixture,
    mut decide: impl FnMut() -> Fault + Send + 'static,
) -> (GitHttp, FaultProxy) {
    let server = GitHttp::start(fixture.env.path(), "ada", "s3cr3t");
    let proxy = FaultProxy::start(server.address(), move |method, target| {
        if method == "POST" && target.contains("git-receive-pack") {
            decide()
        } else {
            Fault::Pass
        }
    });
    let url = format!("http://ada:s3cr3t@{}/origin.git", proxy.address());
    fixture
        .env
        .git(&fixture.clone, &["remote", "set-url", "origin", &url]);
    (server, proxy)
}

#[test]
fn a_push_whose_answer_is_lost_asks_the_remote() {
    let fixture = simple();
    let _proxy = behind_proxy(&fixture, || Fault::CutAnswer);
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/dev", "v: 2\n");
    let outcome = here
        .git
        .push(&here.remote, &[step("env/dev", Some(&tip), &commit)])
        .unwrap();
    assert_eq!(outcome, PushOutcome::Pushed);
    assert_eq!(here.tip("env/dev"), commit);
    assert_eq!(fixture.remote_tip("env/dev").unwrap(), commit.to_string());
}

#[test]
fn a_push_that_never_arrives_is_tried_once_more_and_then_said() {
    let fixture = simple();
    let mut calls = 0;
    let _proxy = behind_proxy(&fixture, move || {
        calls += 1;
        if calls == 1 { Fault::Cut } else { Fault::Pass }
    });
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/dev", "v: 2\n");
    let moves = [step("env/dev", Some(&tip), &commit)];
    let outcome = here.git.push(&here.remote, &moves).unwrap();
    assert_eq!(outcome, PushOutcome::Pushed);

    let _proxy = behind_proxy(&fixture, || Fault::Cut);
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/dev", "v: 3\n");
    let moves = [step("env/dev", Some(&tip), &commit)];
    let error = here.git.push(&here.remote, &moves).unwrap_err();
    assert!(matches!(error, GitError::PushFailed { .. }), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert_eq!(fixture.remote_tip("env/dev").unwrap(), tip.to_string());
    fixture.fsck();
}

#[test]
fn wrong_credentials_end_at_once_and_stay_secret() {
    let fixture = simple();
    let server = GitHttp::start(fixture.env.path(), "ada", "right");
    let url = format!("http://ada:wr0ng@{}/origin.git", server.address());
    fixture
        .env
        .git(&fixture.clone, &["remote", "set-url", "origin", &url]);
    let here = open(&fixture);
    let error = here
        .git
        .fetch(&here.remote, &[branch("env/dev")])
        .unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("wr0ng"), "{error}");
}

#[test]
fn local_branches_follow_when_nothing_is_lost() {
    let fixture = simple();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/dev", "v: 2\n");
    let name = branch("env/dev");
    let moved = |here: &Here| here.git.move_local(&name, &commit).unwrap();
    assert_eq!(moved(&here), LocalRef::Absent);

    git(&["branch", "--no-track", "env/dev", tip.as_str()]);
    assert_eq!(moved(&here), LocalRef::Moved);
    assert_eq!(git(&["rev-parse", "env/dev"]), commit.to_string());

    // Checked out and clean: the files come along, new ones are kept.
    git(&["update-ref", "refs/heads/env/dev", tip.as_str()]);
    git(&["checkout", "-q", "env/dev"]);
    fixture.write("untracked", "mine");
    assert_eq!(moved(&here), LocalRef::Moved);
    let text = std::fs::read_to_string(fixture.clone.join("product.yaml")).unwrap();
    assert_eq!(text, "v: 2\n");
    assert_eq!(git(&["status", "--porcelain"]), "?? untracked");

    // Checked out and dirty: nothing is touched.
    git(&["reset", "-q", "--hard", tip.as_str()]);
    fixture.write("keep", "changed");
    assert_eq!(moved(&here), LocalRef::LeftDirty);
    assert_eq!(git(&["rev-parse", "env/dev"]), tip.to_string());
    assert_eq!(git(&["diff", "--name-only"]), "keep");

    // With a commit of its own: left alone.
    git(&["commit", "-qam", "mine"]);
    assert_eq!(moved(&here), LocalRef::LeftAhead);
    fixture.fsck();
}

#[test]
fn a_branch_in_a_linked_work_tree_keeps_its_files_in_step() {
    let fixture = simple();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["worktree", "add", "-q", "../linked", "env/dev"]);
    let here = open(&fixture);
    let (_, commit) = here.bump("env/dev", "v: 2\n");
    let moved = here.git.move_local(&branch("env/dev"), &commit).unwrap();
    assert_eq!(moved, LocalRef::Moved);
    let linked = fixture.env.join("linked");
    let text = std::fs::read_to_string(linked.join("product.yaml")).unwrap();
    assert_eq!(text, "v: 2\n");
    assert_eq!(fixture.env.git(&linked, &["status", "--porcelain"]), "");
    assert_eq!(git(&["status", "--porcelain"]), "");
}

#[test]
fn without_a_remote_local_branches_move_by_compare_and_swap() {
    let fixture = simple();
    let here = open(&fixture);
    let (tip, commit) = here.bump("env/dev", "v: 2\n");
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["branch", "--no-track", "env/dev", tip.as_str()]);
    let moves = [
        step("env/dev", Some(&tip), &commit),
        step("fresh", None, &commit),
    ];
    let outcome = here.git.move_refs(&moves).unwrap();
    assert_eq!(outcome, PushOutcome::Pushed);
    let again = here.git.move_refs(&moves).unwrap();
    assert_eq!(
        again,
        PushOutcome::Stale(vec![branch("env/dev").into(), branch("fresh").into()])
    );
    git(&["checkout", "-q", "env/dev"]);
    fixture.write("keep", "changed");
    let (_, next) = here.bump("env/dev", "v: 3\n");
    let moves = [step("env/dev", Some(&commit), &next)];
    assert!(matches!(
        here.git.move_refs(&moves),
        Err(GitError::DirtyWorkTree { .. })
    ));
    assert_eq!(git(&["rev-parse", "env/dev"]), commit.to_string());
}

#[test]
fn git_says_who_commits() {
    let fixture = simple();
    let here = open(&fixture);
    let (author, committer) = here.git.identity().unwrap();
    assert_eq!(author.email, "ada@example.com");
    assert_eq!(committer.name, "Ada");
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["config", "user.name", " "]);
    let error = here.git.identity().unwrap_err();
    assert!(matches!(error, GitError::NoIdentity { .. }), "{error}");
}
