//! Opening a repository and the one write path, under races and refusals.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use kubectl_gitops::config::{ConfigError, Origin};
use kubectl_gitops::git::{GitError, LocalRef};
use kubectl_gitops::ops::estate::{Estate, EstateError, OpenOptions};
use kubectl_gitops::ops::publish::{
    Planned, PublishError, PublishOptions, Published, Replanned, Superseded, publish,
    publish_replanning,
};
use kubectl_gitops::repo::{ChangeSet, CommitMessage, Edit, RefUpdate, RepoPath};

use crate::support::Fixture;

const PUSH: PublishOptions = PublishOptions { push: true };
const LOCAL: PublishOptions = PublishOptions { push: false };

fn config(environments: &str) -> String {
    format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\n\
         spec:\n  environments:\n{environments}"
    )
}

fn usual() -> String {
    config(
        "    - {name: dev, branch: env/dev}\n    \
             - {name: prod, branch: env/prod, promoteFrom: dev}\n    \
             - {name: qa, branch: env/qa, promoteFrom: dev, write: branch}\n",
    )
}

fn fixture() -> Fixture {
    Fixture::new(&[
        ("main", &[("gitops.yaml", &usual())]),
        ("env/dev", &[("a.yaml", "a: 1\n")]),
        ("env/prod", &[("a.yaml", "a: 0\n")]),
        ("env/qa", &[("a.yaml", "a: 0\n")]),
    ])
}

fn options(dir: &Path) -> OpenOptions {
    OpenOptions {
        dir: dir.to_owned(),
        writing: true,
        ..OpenOptions::default()
    }
}

fn open(fixture: &Fixture) -> Estate {
    Estate::open(&options(&fixture.clone)).unwrap()
}

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// A plan that writes one file; its digest is what it writes.
fn plan(estate: &Estate, environment: &str, file: &str, text: &str) -> Planned {
    let name = environment.parse().unwrap();
    let tip = estate.tip(&name).unwrap();
    let digest = format!("sha256:{}", kubectl_gitops::repo::blob_id(text.as_bytes()));
    let trailer = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let update = RefUpdate {
        branch: estate.environment(&name).unwrap().branch.clone(),
        expected: Some(tip.clone()),
        parent: Some(tip),
        edits: BTreeMap::from([(path(file), Edit::write(text))]),
        message: CommitMessage {
            subject: format!("write {file}"),
            body: String::new(),
            trailers: vec![
                trailer("Gitops-Action", "promote"),
                trailer("Gitops-To", environment),
                trailer("Gitops-Plan", &digest),
            ],
        },
        author: estate.author.clone(),
        committer: estate.committer.clone(),
    };
    Planned {
        digest,
        changes: ChangeSet::from(update),
        known: Vec::new(),
    }
}

fn only(published: &Published) -> &kubectl_gitops::ops::publish::PublishedRef {
    assert_eq!(published.updates.len(), 1);
    &published.updates[0]
}

#[test]
fn opening_brings_every_environment_up_to_date() {
    let fixture = fixture();
    let new = fixture.commit("env/dev", "new", &[("a.yaml", Some("a: 2\n"))]);
    let estate = open(&fixture);
    assert!(estate.stale.is_none());
    let state = estate.load(&"dev".parse().unwrap()).unwrap();
    assert_eq!(state.commit.to_string(), new);
    assert_eq!(
        state.snapshot.text(&path("a.yaml")).unwrap(),
        Some("a: 2\n")
    );
    assert!(state.product.is_none());
    assert!(matches!(estate.config.origin, Origin::DefaultBranch { .. }));

    // An environment that gitops.yaml names only since now is fetched as well.
    let more = config("    - {name: late, branch: env/late}\n");
    fixture.commit("main", "more", &[("gitops.yaml", Some(&more))]);
    fixture.commit("env/late", "late", &[("a.yaml", Some("late\n"))]);
    let estate = open(&fixture);
    assert!(estate.load(&"late".parse().unwrap()).is_ok());
}

#[test]
fn a_fresh_shallow_clone_of_one_branch_is_enough() {
    let fixture = fixture();
    let clone = fixture.clone_again("shallow", &["--depth=1", "--branch=env/dev"]);
    let git = |args: &[&str]| fixture.env.git(&clone, args);
    git(&["update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD"]);
    let estate = Estate::open(&options(&clone)).unwrap();
    let planned = plan(&estate, "prod", "a.yaml", "a: 7\n");
    publish(&estate, &planned.changes, PUSH).unwrap();
    assert_eq!(fixture.file_at("env/prod", "a.yaml").unwrap(), "a: 7\n");
    fixture.fsck();
}

#[test]
fn reading_goes_on_without_the_remote_and_writing_does_not() {
    let fixture = fixture();
    open(&fixture);
    std::fs::rename(&fixture.origin, fixture.env.join("gone")).unwrap();
    let reading = OpenOptions {
        writing: false,
        ..options(&fixture.clone)
    };
    let estate = Estate::open(&reading).unwrap();
    let stale = estate.stale.as_ref().unwrap();
    assert!(stale.problem.as_ref().unwrap().contains("origin.git"));
    assert!(stale.since.is_some());
    assert!(estate.load(&"prod".parse().unwrap()).is_ok());
    let offline = OpenOptions {
        offline: true,
        ..reading
    };
    let estate = Estate::open(&offline).unwrap();
    assert_eq!(estate.stale.unwrap().problem, None);
    let error = Estate::open(&options(&fixture.clone)).unwrap_err();
    assert!(
        matches!(error, EstateError::Git(GitError::Unreachable { .. })),
        "{error}"
    );
}

#[test]
fn the_configuration_is_the_published_one_unless_somebody_reads() {
    let fixture = fixture();
    let edited = config("    - {name: dev, branch: env/dev}\n");
    fixture.write("gitops.yaml", &edited);
    let reading = OpenOptions {
        writing: false,
        ..options(&fixture.clone)
    };
    let estate = Estate::open(&reading).unwrap();
    assert_eq!(estate.repository().environments.len(), 1);
    assert!(matches!(estate.config.origin, Origin::WorkTree(_)));
    assert!(estate.config.differs_from.is_some());
    let estate = open(&fixture);
    assert_eq!(estate.repository().environments.len(), 3);
    for (place, count) in [("gitops.yaml", 1), ("origin/main:gitops.yaml", 3)] {
        let named = OpenOptions {
            config: Some(place.to_owned()),
            ..options(&fixture.clone)
        };
        let estate = Estate::open(&named).unwrap();
        assert_eq!(estate.repository().environments.len(), count, "{place}");
    }
    for wrong in ["nothing.yaml", "nope:gitops.yaml", "main:none.yaml", ":"] {
        let named = OpenOptions {
            config: Some(wrong.to_owned()),
            ..options(&fixture.clone)
        };
        let error = Estate::open(&named).unwrap_err().to_string();
        let word = wrong.split(':').next_back().unwrap();
        let said = error.contains(word) || error.contains("nope");
        assert!(said, "{wrong}: {error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let fixture = fixture();
    let estate = open(&fixture);
    let error = estate.load(&"pord".parse().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no environment \"pord\", did you mean \"prod\"?; there are dev, prod, qa"
    );
    fixture
        .env
        .git(&fixture.origin, &["branch", "-D", "env/qa"]);
    let estate = open(&fixture);
    let error = estate.load(&"qa".parse().unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "qa has no commit yet: there is no branch env/qa on origin"
    );
    let empty = Fixture::empty("main", &[]);
    let error = Estate::open(&options(&empty.clone)).unwrap_err();
    assert!(
        matches!(error, EstateError::Config(ConfigError::Absent)),
        "{error}"
    );
}

#[test]
fn a_change_is_pushed_and_local_branches_follow() {
    let fixture = fixture();
    fixture.env.git(
        &fixture.clone,
        &["branch", "--no-track", "env/dev", "origin/env/dev"],
    );
    let estate = open(&fixture);
    let planned = plan(&estate, "dev", "a.yaml", "a: 5\n");
    let published = publish(&estate, &planned.changes, PUSH).unwrap();
    let update = only(&published);
    assert_eq!(update.pushed_to.as_deref(), Some("origin"));
    assert_eq!(update.local, LocalRef::Moved);
    assert_eq!(
        update.new.to_string(),
        fixture.remote_tip("env/dev").unwrap()
    );
    assert_eq!(fixture.file_at("env/dev", "a.yaml").unwrap(), "a: 5\n");
    fixture.fsck();
}

#[test]
fn the_same_plan_is_published_on_a_tip_that_moved() {
    let fixture = fixture();
    let estate = open(&fixture);
    let first = plan(&estate, "prod", "a.yaml", "a: 5\n");
    fixture.commit("env/prod", "elsewhere", &[("b.yaml", Some("b\n"))]);
    let turns = Cell::new(0);
    let published = publish_replanning(&estate, PUSH, first, &mut || {
        turns.set(turns.get() + 1);
        Ok::<_, EstateError>(plan(&estate, "prod", "a.yaml", "a: 5\n"))
    })
    .unwrap();
    assert_eq!(turns.get(), 1);
    assert_eq!(only(&published).local, LocalRef::Absent);
    assert_eq!(fixture.files_at("env/prod"), ["a.yaml", "b.yaml"]);
    assert_eq!(fixture.commits_on("env/prod"), 3);
}

#[test]
fn another_plan_is_not_published() {
    let fixture = fixture();
    let estate = open(&fixture);
    let first = plan(&estate, "prod", "a.yaml", "a: 5\n");
    let was = fixture.remote_tip("env/prod").unwrap();
    let theirs = fixture.commit("env/prod", "theirs", &[("a.yaml", Some("a: 9\n"))]);
    let error = publish_replanning(&estate, PUSH, first, &mut || {
        Ok::<_, EstateError>(plan(&estate, "prod", "a.yaml", "a: 6\n"))
    })
    .unwrap_err();
    let Replanned::Publish(PublishError::Moved {
        branch,
        was: before,
        now,
        differs,
    }) = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(branch.as_str(), "env/prod");
    assert_eq!(before.unwrap().to_string(), was);
    let now = now.unwrap();
    assert_eq!(now.id.to_string(), theirs);
    assert_eq!(now.message.subject, "theirs");
    assert!(differs);
    assert_eq!(fixture.remote_tip("env/prod").unwrap(), theirs);
    fixture.fsck();
}

#[test]
fn many_writers_lose_nothing() {
    let fixture = fixture();
    let clones: Vec<_> = (0..4)
        .map(|n| fixture.clone_again(&format!("writer-{n}"), &[]))
        .collect();
    std::thread::scope(|scope| {
        for (n, clone) in clones.iter().enumerate() {
            scope.spawn(move || {
                let estate = Estate::open(&options(clone)).unwrap();
                let (file, text) = (format!("file-{n}"), format!("{n}\n"));
                let again = || plan(&estate, "prod", &file, &text);
                publish_replanning(
                    &estate,
                    PUSH,
                    again(),
                    &mut || Ok::<_, EstateError>(again()),
                )
                .unwrap();
            });
        }
    });
    assert_eq!(fixture.commits_on("env/prod"), 5);
    assert_eq!(fixture.files_at("env/prod").len(), 5);
    fixture.fsck();
}

#[test]
fn a_rejection_is_told_in_the_servers_words() {
    let fixture = fixture();
    fixture.hook("pre-receive", "echo 'prod is frozen' >&2; exit 1");
    let estate = open(&fixture);
    let planned = plan(&estate, "prod", "a.yaml", "a: 5\n");
    let before = fixture.remote_tip("env/prod");
    let error = publish(&estate, &planned.changes, PUSH).unwrap_err();
    assert_eq!(
        error.to_string(),
        "origin rejected the push to env/prod: pre-receive hook declined\nprod is frozen"
    );
    assert_eq!(fixture.remote_tip("env/prod"), before);
    assert_eq!(
        estate.tip(&"prod".parse().unwrap()).unwrap().to_string(),
        before.unwrap()
    );
}

#[test]
fn a_change_for_review_goes_to_a_branch_of_its_own() {
    let fixture = fixture();
    let before = fixture.remote_tip("env/qa");
    let go = |text: &str| {
        let estate = open(&fixture);
        let planned = plan(&estate, "qa", "a.yaml", text);
        let published = publish(&estate, &planned.changes, PUSH).unwrap();
        only(&published).clone()
    };
    let first = go("a: 1\n");
    let name = first.branch.to_string();
    assert!(name.starts_with("gitops/promote/qa/"), "{name}");
    assert_eq!(name.rsplit('/').next().unwrap().len(), 8);
    let proposal = first.proposal.unwrap();
    assert_eq!(proposal.into.as_str(), "env/qa");
    assert!(!proposal.already);
    assert_eq!(fixture.remote_tip("env/qa"), before);
    assert_eq!(fixture.file_at(&name, "a.yaml").unwrap(), "a: 1\n");

    let again = go("a: 1\n");
    assert!(again.proposal.unwrap().already);
    assert_eq!(again.new, first.new);

    let newer = go("a: 2\n");
    let proposal = newer.proposal.unwrap();
    assert_eq!(
        proposal.supersedes,
        [Superseded::Branch(first.branch.clone())]
    );

    // The branch that it is for moved: the proposal is made anew on its tip.
    fixture.commit("env/qa", "elsewhere", &[("b.yaml", Some("b\n"))]);
    let moved = go("a: 1\n");
    assert_eq!(moved.branch, first.branch);
    assert_ne!(moved.new, first.new);
    assert_eq!(fixture.files_at(&name), ["a.yaml", "b.yaml"]);
    fixture.fsck();
}

#[test]
fn without_a_push_only_the_local_branch_moves() {
    let fixture = fixture();
    let estate = open(&fixture);
    let before = fixture.remote_tip("env/dev");
    let planned = plan(&estate, "dev", "a.yaml", "a: 5\n");
    let published = publish(&estate, &planned.changes, LOCAL).unwrap();
    assert_eq!(only(&published).pushed_to, None);
    assert_eq!(fixture.remote_tip("env/dev"), before);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    assert_eq!(git(&["show", "env/dev:a.yaml"]), "a: 5");
    // The next one would leave that commit behind.
    let planned = plan(&open(&fixture), "dev", "a.yaml", "a: 6\n");
    let error = publish(&estate, &planned.changes, LOCAL).unwrap_err();
    assert!(matches!(error, PublishError::LocalAhead { .. }), "{error}");
}

#[test]
fn without_a_remote_local_branches_are_the_truth() {
    let fixture = fixture();
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["branch", "--no-track", "env/dev", "origin/env/dev"]);
    git(&["remote", "remove", "origin"]);
    let estate = open(&fixture);
    assert!(estate.remote.is_none());
    let planned = plan(&estate, "dev", "a.yaml", "a: 5\n");
    publish(&estate, &planned.changes, PUSH).unwrap();
    assert_eq!(git(&["show", "env/dev:a.yaml"]), "a: 5");
    let error = publish(&estate, &planned.changes, PUSH).unwrap_err();
    assert!(matches!(error, PublishError::Moved { .. }), "{error}");
    git(&["checkout", "-q", "env/dev"]);
    fixture.write("a.yaml", "mine");
    let planned = plan(&estate, "dev", "a.yaml", "a: 6\n");
    let error = publish(&estate, &planned.changes, PUSH).unwrap_err();
    let PublishError::Git(GitError::DirtyWorkTree { .. }) = error else {
        panic!("{error}");
    };
}
