//! Promotion on a real forge: protected branches, and pull requests that are
//! merged in every way that forges offer.

use serde_json::Value;

use crate::support::faults::{Fault, FaultProxy};
use crate::support::gitea::{Forge, ForgeRepo};
use crate::support::shop;
use crate::support::{Env, Fixture};

/// The shop on the forge, with `env/prod` protected. `write` and `how` say how
/// prod is written.
fn shop_on_forge(write: &str, how: &str) -> (Fixture, ForgeRepo) {
    let mut fixture = shop::branches();
    let text = shop::GITOPS.replace(
        "      promoteFrom: staging\n",
        &format!("      promoteFrom: staging\n      write: {write}\n"),
    );
    let text = text.replace(
        "  rendered:",
        &format!("  pullRequests: {how}\n  rendered:"),
    );
    fixture.commit(
        "main",
        "prod by pull request",
        &[("gitops.yaml", Some(&text))],
    );
    let repo = Forge::get().take(&mut fixture);
    repo.protect("env/prod");
    (fixture, repo)
}

/// A newer cart on staging.
fn newer_cart(fixture: &Fixture, old: &str, new: &str) {
    let (old, new) = (format!("cart:{old}"), format!("cart:{new}"));
    shop::edit(fixture, "env/staging", "a newer cart", &old, &new);
}

/// Promotes to prod and gives what became of it.
#[track_caller]
fn propose(fixture: &Fixture) -> Value {
    let done = fixture
        .run(&["promote", "prod", "--yes", "-o", "json"])
        .code(0);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    report["published"][0].clone()
}

/// What the next promotion to prod would do.
#[track_caller]
fn planned(fixture: &Fixture) -> Value {
    let shown = fixture
        .run(&["promote", "prod", "--dry-run", "-o", "json"])
        .code(0);
    let report: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(report["refusals"], serde_json::json!([]), "{report}");
    report["changes"].clone()
}

#[track_caller]
fn assert_secret(forge: &Forge, text: &str) {
    assert!(!text.contains(forge.token()), "{text}");
}

#[test]
fn a_protected_branch_refuses_and_the_way_out_is_named() {
    let (fixture, _repo) = shop_on_forge("push", "none");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    let before = fixture.remote_tip("env/prod");
    let refused = fixture.run(&["promote", "prod", "--yes"]).code(3);
    let said = &refused.stderr;
    assert!(said.contains("rejected the push to env/prod"), "{said}");
    // The forge's own words, and what to do about it.
    assert!(said.contains("protected branch"), "{said}");
    assert!(said.contains("set write: branch"), "{said}");
    assert_eq!(fixture.remote_tip("env/prod"), before);
    assert_secret(Forge::get(), said);
}

#[test]
fn a_proposal_is_found_again_and_a_newer_one_replaces_it() {
    let (fixture, repo) = shop_on_forge("branch", "none");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    let first = propose(&fixture);
    let name = first["branch"].as_str().unwrap();
    let digest = fixture.message_at(name);
    let digest = digest.split("Gitops-Plan: sha256:").nth(1).unwrap();
    assert_eq!(name, format!("gitops/promote/prod/{}", &digest[..8]));
    assert_eq!(first["into"], "env/prod");
    // The forge says where its pages are, and the branch that it is for is ours to say.
    assert_eq!(
        first["pullRequest"]["url"],
        format!("{}/compare/env/prod...{name}", repo.page())
    );
    assert_eq!(first["pullRequest"]["state"], "to be opened");

    let again = propose(&fixture);
    assert_eq!(again["pullRequest"]["already"], true);
    assert_eq!(again["new"], first["new"]);
    assert_eq!(again["branch"], first["branch"]);

    newer_cart(&fixture, "v1.1.0", "v1.2.0");
    let newer = fixture.run(&["promote", "prod", "--yes"]).code(0);
    let superseded = format!("{name} is superseded by gitops/promote/prod/");
    assert!(newer.stderr.contains(&superseded), "{}", newer.stderr);
    assert!(
        newer.stdout.contains("open a pull request into env/prod"),
        "{}",
        newer.stdout
    );
    assert_secret(Forge::get(), &newer.stdout);
    assert_secret(Forge::get(), &newer.stderr);
    fixture.fsck();
}

#[test]
fn proposals_for_different_components_stand_beside_each_other() {
    let (fixture, _repo) = shop_on_forge("branch", "none");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    shop::edit(
        &fixture,
        "env/staging",
        "payment",
        "payment:v1.0.0",
        "payment:v1.3.0",
    );
    let propose = |component: &str| {
        let run = [
            "promote", "prod", "--only", component, "--yes", "-o", "json",
        ];
        let done = fixture.run(&run).code(0);
        let report: Value = serde_json::from_str(&done.stdout).unwrap();
        report["published"][0].clone()
    };
    let cart = propose("cart");
    let payment = propose("payment");
    assert_ne!(cart["branch"], payment["branch"]);
    assert_eq!(payment["pullRequest"]["supersedes"], serde_json::json!([]));
    // Both at once is a plan that makes either superfluous.
    let both = propose("cart,payment");
    let supersedes = both["pullRequest"]["supersedes"].as_array().unwrap().len();
    assert_eq!(supersedes, 2, "{both}");
}

#[test]
fn what_was_merged_in_any_way_is_not_promoted_again() {
    let (fixture, repo) = shop_on_forge("branch", "none");
    let versions = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"];
    for (at, how) in ["merge", "squash", "rebase"].into_iter().enumerate() {
        newer_cart(&fixture, versions[at], versions[at + 1]);
        let proposed = propose(&fixture);
        // The branches of what was merged before are still there, and no news.
        assert_eq!(
            proposed["pullRequest"]["supersedes"],
            serde_json::json!([]),
            "{how}"
        );
        let head = proposed["branch"].as_str().unwrap();
        let number = repo.open(head, "env/prod", "promote the shop");
        // Something else got in between, so that nothing is a fast-forward.
        fixture.commit("env/prod", "a note", &[("NOTES", Some(how))]);
        let tip = fixture.remote_tip("env/prod");
        repo.merge(number, how);
        assert_ne!(fixture.remote_tip("env/prod"), tip);
        let product = fixture.file_at("env/prod", "product.yaml").unwrap();
        assert!(product.contains(versions[at + 1]), "{how}: {product}");
        assert_eq!(planned(&fixture), serde_json::json!([]), "{how}");
    }
    // And what a person changes there is still a hotfix.
    shop::edit(&fixture, "env/prod", "hotfix", "cart:v1.3.0", "cart:v1.3.1");
    newer_cart(&fixture, "v1.3.0", "v1.4.0");
    fixture.run(&["promote", "prod", "--yes"]).code(3);
    fixture.fsck();
}

#[test]
fn a_push_opens_the_pull_request_of_a_forge_that_reads_refs_for() {
    let (fixture, repo) = shop_on_forge("branch", "agit");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    let before = fixture.remote_tip("env/prod");
    let first = propose(&fixture);
    assert_eq!(first["pullRequest"]["state"], "open", "{first}");
    assert_eq!(
        first["pullRequest"]["url"],
        format!("{}/pulls/1", repo.page())
    );
    assert_eq!(fixture.remote_tip("env/prod"), before);
    let branch = first["branch"].as_str().unwrap();
    assert_eq!(fixture.remote_tip(branch), None, "there is no branch");
    let [one] = &repo.pull_requests()[..] else {
        panic!("{:?}", repo.pull_requests());
    };
    assert_eq!(one.title, "promote shop 1.0.0 from staging to prod");
    assert!(one.body.contains("cart v1.0.0 -> v1.1.0"), "{}", one.body);
    assert!(one.body.contains("\nGitops-To: prod\n"), "{}", one.body);
    assert_eq!(one.base, "env/prod");
    assert_eq!(one.commit, first["new"].as_str().unwrap());
    assert!(one.open);

    // The same plan from another clone: the same pull request, untouched.
    let elsewhere = fixture.clone_again("elsewhere", &[]);
    let url = fixture
        .env
        .git(&fixture.clone, &["remote", "get-url", "origin"]);
    fixture
        .env
        .git(&elsewhere, &["remote", "set-url", "origin", &url]);
    let run = ["promote", "prod", "--yes", "-o", "json"];
    let again = fixture.env.gitops(&elsewhere, &run).code(0);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    let again = &again["published"][0];
    assert_eq!(again["pullRequest"]["already"], true, "{again}");
    assert_eq!(again["pullRequest"]["url"], first["pullRequest"]["url"]);
    assert_eq!(repo.pull_requests(), *std::slice::from_ref(one));

    // The branch that it is for moved on: the same plan, the same pull request, on the new tip.
    fixture.commit("env/prod", "a note", &[("NOTES", Some("x"))]);
    let moved = propose(&fixture);
    assert_eq!(moved["branch"], first["branch"]);
    let requests = repo.pull_requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].commit, moved["new"].as_str().unwrap());
    assert_ne!(moved["new"], first["new"]);

    // A newer plan is another pull request and names the older one.
    newer_cart(&fixture, "v1.1.0", "v1.2.0");
    let newer = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        newer
            .stderr
            .contains("pull request 1 is superseded by this one"),
        "{}",
        newer.stderr
    );
    let said = &newer.stdout;
    assert!(said.contains("in a pull request into env/prod"), "{said}");
    assert!(said.contains(&format!("{}/pulls/2", repo.page())), "{said}");
    assert_secret(Forge::get(), said);
    assert_secret(Forge::get(), &newer.stderr);
    fixture.fsck();
}

#[test]
fn the_same_plan_of_two_people_is_one_pull_request() {
    let (fixture, repo) = shop_on_forge("branch", "agit");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    let first = propose(&fixture);
    let elsewhere = fixture.clone_again("elsewhere", &[]);
    let url = repo.others_url();
    let git = |args: &[&str]| fixture.env.git(&elsewhere, args);
    git(&["remote", "set-url", "origin", &url]);
    let mut run = fixture.env.gitops_command(&elsewhere);
    let run = run
        .args(["promote", "prod", "--yes", "-o", "json"])
        .env("GIT_COMMITTER_EMAIL", "grace@example.com");
    let again = Env::finish(run).code(0);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    let again = &report["published"][0];
    assert_eq!(again["new"], first["new"]);
    assert_eq!(again["pullRequest"]["already"], true);
    assert_eq!(again["pullRequest"]["url"], first["pullRequest"]["url"]);
    assert_eq!(repo.pull_requests().len(), 1);
}

#[test]
fn a_pull_request_that_was_closed_is_opened_anew() {
    let (fixture, repo) = shop_on_forge("branch", "agit");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    let first = propose(&fixture);
    repo.close(1);
    let again = propose(&fixture);
    assert_eq!(again["pullRequest"]["already"], false, "{again}");
    assert_eq!(again["new"], first["new"]);
    let open: Vec<u64> = repo
        .pull_requests()
        .iter()
        .filter(|one| one.open)
        .map(|one| one.number)
        .collect();
    assert_eq!(open, [2]);
}

#[test]
fn what_was_opened_by_a_push_and_merged_is_not_promoted_again() {
    let (fixture, repo) = shop_on_forge("branch", "agit");
    let versions = ["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"];
    for (at, how) in ["merge", "squash", "rebase"].into_iter().enumerate() {
        newer_cart(&fixture, versions[at], versions[at + 1]);
        let proposed = propose(&fixture);
        let supersedes = &proposed["pullRequest"]["supersedes"];
        assert_eq!(*supersedes, serde_json::json!([]), "{how}");
        repo.merge(at as u64 + 1, how);
        let product = fixture.file_at("env/prod", "product.yaml").unwrap();
        assert!(product.contains(versions[at + 1]), "{how}: {product}");
        assert_eq!(planned(&fixture), serde_json::json!([]), "{how}");
    }
    newer_cart(&fixture, "v1.3.0", "v1.4.0");
    let next = propose(&fixture);
    assert_eq!(next["pullRequest"]["supersedes"], serde_json::json!([]));
    assert_eq!(
        next["pullRequest"]["url"],
        format!("{}/pulls/4", repo.page())
    );
    // A clone that knows nothing but one tip finds it as well.
    let shallow = fixture.clone_again("shallow", &["--depth=1", "--branch=main"]);
    let get = ["remote", "get-url", "origin"];
    let url = fixture.env.git(&fixture.clone, &get);
    let set = ["remote", "set-url", "origin", &url];
    fixture.env.git(&shallow, &set);
    let run = ["promote", "prod", "--yes", "-o", "json"];
    let again = fixture.env.gitops(&shallow, &run).code(0);
    let report: Value = serde_json::from_str(&again.stdout).unwrap();
    let again = &report["published"][0];
    assert_eq!(again["new"], next["new"], "{report}");
    assert_eq!(again["pullRequest"]["already"], true, "{report}");
    assert_eq!(repo.pull_requests().len(), 4);
}

#[test]
fn a_connection_that_is_cut_opens_one_pull_request_and_not_two() {
    let (fixture, repo) = shop_on_forge("branch", "agit");
    let forge = Forge::get();
    for (number, fault) in [Fault::CutAnswer, Fault::Cut].into_iter().enumerate() {
        newer_cart(
            &fixture,
            &format!("v1.{number}.0"),
            &format!("v1.{}.0", number + 1),
        );
        let mut calls = 0;
        let proxy = FaultProxy::start(forge.address(), move |method, target| {
            if method != "POST" || !target.ends_with("git-receive-pack") {
                return Fault::Pass;
            }
            calls += 1;
            if calls == 1 {
                fault.clone()
            } else {
                Fault::Pass
            }
        });
        let url = repo.url(proxy.address());
        fixture
            .env
            .git(&fixture.clone, &["remote", "set-url", "origin", &url]);
        let done = fixture.run(&["promote", "prod", "--yes"]).code(0);
        assert_secret(forge, &format!("{}{}", done.stdout, done.stderr));
        assert_eq!(repo.pull_requests().len(), number + 1);
        // And the run after it finds what the lost one made.
        let again = propose(&fixture);
        assert_eq!(again["pullRequest"]["already"], true, "{again}");
        assert_eq!(repo.pull_requests().len(), number + 1);
    }
}

#[test]
fn a_protected_tag_keeps_its_branch_where_it_is() {
    let (fixture, repo) = shop_on_forge("push", "none");
    repo.protect_tags("v*");
    shop::edit(&fixture, "env/dev", "cart", "cart:v1.0.0", "cart:v1.1.0");
    let before = fixture.remote_tip("env/staging");
    let promote = |tag: &str| fixture.run(&["promote", "staging", "--yes", "--tag", tag]);
    let refused = promote("v1").code(3);
    let said = &refused.stderr;
    assert!(said.contains("nothing was written"), "{said}");
    assert_eq!(fixture.remote_tip("env/staging"), before);
    promote("{environment}/{version}").code(0);
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    assert_eq!(git(&["tag"]), "staging/1.0.0");
    let tagged = git(&["rev-parse", "staging/1.0.0^{commit}"]);
    assert_eq!(Some(tagged), fixture.remote_tip("env/staging"));
}

#[test]
fn a_rollback_is_a_pull_request_like_any_other_change() {
    let (fixture, repo) = shop_on_forge("branch", "agit");
    newer_cart(&fixture, "v1.0.0", "v1.1.0");
    propose(&fixture);
    repo.merge(1, "rebase");
    let run = ["rollback", "prod", "--yes", "-o", "json"];
    let done = fixture.run(&run).code(0);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let request = &report["published"][0];
    let branch = request["branch"].as_str().unwrap();
    assert!(branch.starts_with("gitops/rollback/prod/"), "{branch}");
    // A promotion is not replaced by a rollback.
    assert_eq!(request["pullRequest"]["supersedes"], serde_json::json!([]));
    repo.merge(2, "squash");
    let product = fixture.file_at("env/prod", "product.yaml").unwrap();
    assert!(product.contains("cart:v1.0.0"), "{product}");
    // And what was rolled back does not come again by itself.
    let next = planned(&fixture);
    let takes = next.as_array().unwrap().iter();
    assert_eq!(
        takes.filter(|one| one["decision"] == "take").count(),
        0,
        "{next}"
    );
}
