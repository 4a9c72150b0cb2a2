//! Connections that are lost during a push: what became of it is found out by
//! asking, and a second run completes what the first one began, or does nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::faults::{Fault, FaultProxy};
use crate::support::gitea::Forge;
use crate::support::githttp::GitHttp;
use crate::support::{Fixture, shop};

const PROMOTE: [&str; 3] = ["promote", "staging", "--yes"];

/// A newer cart on dev, and everything that a run needs to be recognised again.
fn newer() -> Fixture {
    let fixture = shop::branches();
    shop::edit(&fixture, "env/dev", "cart", "cart:v1.0.0", "cart:v1.1.0");
    fixture
}

/// The clone's origin behind a proxy that treats requests as `decide` says:
/// told whether it is a push, and how many pushes there were before it.
fn behind_proxy(
    fixture: &Fixture,
    mut decide: impl FnMut(Option<u32>) -> Fault + Send + 'static,
) -> (GitHttp, FaultProxy) {
    let server = GitHttp::start(fixture.env.path(), "ada", "s3cr3t");
    let mut pushes = 0;
    let proxy = FaultProxy::start(server.address(), move |method, target| {
        let push = method == "POST" && target.ends_with("git-receive-pack");
        let before = pushes;
        pushes += u32::from(push);
        decide(push.then_some(before))
    });
    let url = format!("http://ada:s3cr3t@{}/origin.git", proxy.address());
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    git(&["remote", "set-url", "origin", &url]);
    (server, proxy)
}

#[track_caller]
fn nothing_left_to_do(fixture: &Fixture) {
    let tip = fixture.remote_tip("env/staging");
    let again = fixture.run(&PROMOTE).code(0);
    assert!(
        again.stdout.contains("already has everything"),
        "{}",
        again.stdout
    );
    assert_eq!(fixture.remote_tip("env/staging"), tip);
    fixture.fsck();
}

#[test]
fn an_answer_that_is_lost_is_no_failure() {
    let fixture = newer();
    let _proxy = behind_proxy(&fixture, |push| match push {
        Some(_) => Fault::CutAnswer,
        None => Fault::Pass,
    });
    let before = fixture.commits_on("env/staging");
    let done = fixture.run(&PROMOTE).code(0);
    assert!(done.stdout.contains("pushed to origin"), "{}", done.stdout);
    assert_eq!(fixture.commits_on("env/staging"), before + 1);
    let known = ["rev-parse", "refs/remotes/origin/env/staging"];
    let known = fixture.env.git(&fixture.clone, &known);
    assert_eq!(known, fixture.remote_tip("env/staging").unwrap());
    nothing_left_to_do(&fixture);
}

#[test]
fn a_push_that_is_cut_before_or_in_the_middle_is_pushed_again() {
    for fault in [Fault::Cut, Fault::CutHalfway] {
        let fixture = newer();
        let _proxy = behind_proxy(&fixture, move |push| match push {
            Some(0) => fault.clone(),
            _ => Fault::Pass,
        });
        let before = fixture.commits_on("env/staging");
        fixture.run(&PROMOTE).code(0);
        assert_eq!(fixture.commits_on("env/staging"), before + 1);
        nothing_left_to_do(&fixture);
    }
}

#[test]
fn a_push_that_never_arrives_moves_nothing_and_says_so() {
    let fixture = newer();
    let open = Arc::new(AtomicBool::new(false));
    let passes = Arc::clone(&open);
    let _proxy = behind_proxy(&fixture, move |push| match push {
        Some(_) if !passes.load(Ordering::SeqCst) => Fault::CutHalfway,
        _ => Fault::Pass,
    });
    let before = fixture.remote_tip("env/staging");
    let failed = fixture.run(&PROMOTE).code(5);
    let said = &failed.stderr;
    assert!(said.contains("nothing moved there"), "{said}");
    assert!(!said.contains("s3cr3t"), "{said}");
    assert_eq!(fixture.remote_tip("env/staging"), before);
    fixture.fsck();
    open.store(true, Ordering::SeqCst);
    fixture.run(&PROMOTE).code(0);
    nothing_left_to_do(&fixture);
}

#[test]
fn a_remote_that_is_gone_after_the_push_leaves_it_open_and_the_next_run_knows() {
    let fixture = newer();
    let gone = Arc::new(AtomicBool::new(false));
    let broken = Arc::clone(&gone);
    let _proxy = behind_proxy(&fixture, move |push| match push {
        Some(_) => {
            broken.store(true, Ordering::SeqCst);
            Fault::CutAnswer
        }
        None if broken.load(Ordering::SeqCst) => Fault::Cut,
        None => Fault::Pass,
    });
    let before = fixture.commits_on("env/staging");
    let failed = fixture.run(&PROMOTE).code(5);
    let said = &failed.stderr;
    assert!(said.contains("whether it arrived is not known"), "{said}");
    assert!(said.contains("run the same command again"), "{said}");
    assert_eq!(fixture.commits_on("env/staging"), before + 1);
    gone.store(false, Ordering::SeqCst);
    nothing_left_to_do(&fixture);
}

#[test]
fn several_branches_and_their_tags_arrive_together_or_not_at_all() {
    for (fault, arrives) in [(Fault::CutAnswer, true), (Fault::CutHalfway, false)] {
        let fixture = newer();
        let text = shop::GITOPS.replace("promoteFrom: staging", "promoteFrom: dev");
        fixture.commit("main", "two from dev", &[("gitops.yaml", Some(&text))]);
        let _proxy = behind_proxy(&fixture, move |push| match push {
            Some(_) => fault.clone(),
            None => Fault::Pass,
        });
        let list = |pattern: &str| {
            let list = ["for-each-ref", "--format=%(refname) %(objectname)", pattern];
            fixture.env.git(&fixture.origin, &list)
        };
        let before = list("refs");
        let run = ["promote", "staging,prod", "--yes", "--tag"];
        fixture.run(&run).code(if arrives { 0 } else { 5 });
        match arrives {
            true => assert_eq!(list("refs/tags").lines().count(), 2),
            false => assert_eq!(list("refs"), before),
        }
        fixture.fsck();
    }
}

#[test]
fn a_forge_that_hears_half_a_push_keeps_nothing_of_it() {
    let mut fixture = newer();
    let repo = Forge::get().take(&mut fixture);
    let hears_half = Arc::new(AtomicBool::new(true));
    let (half, mut answered) = (Arc::clone(&hears_half), false);
    let proxy = FaultProxy::start(Forge::get().address(), move |method, target| {
        if method != "POST" || !target.ends_with("git-receive-pack") {
            return Fault::Pass;
        }
        if half.load(Ordering::SeqCst) {
            return Fault::CutHalfway;
        }
        // The first answer is lost; the HTTP library may ask again by itself.
        match std::mem::replace(&mut answered, true) {
            false => Fault::CutAnswer,
            true => Fault::Pass,
        }
    });
    let url = repo.url(proxy.address());
    fixture
        .env
        .git(&fixture.clone, &["remote", "set-url", "origin", &url]);
    let before = fixture.commits_on("env/staging");
    let failed = fixture.run(&PROMOTE).code(5);
    assert!(
        failed.stderr.contains("nothing moved there"),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains(Forge::get().token()));
    assert_eq!(fixture.commits_on("env/staging"), before);
    hears_half.store(false, Ordering::SeqCst);
    fixture.run(&PROMOTE).code(0);
    assert_eq!(fixture.commits_on("env/staging"), before + 1);
    nothing_left_to_do(&fixture);
}
