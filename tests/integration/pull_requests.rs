//! Where a proposal becomes a pull request: push options as they reach a
//! server, remotes that don't understand them, and the page for a person.

use serde_json::Value;

use crate::support::{Fixture, shop};

/// The shop with prod by pull request, opened in this way, and a newer cart on staging.
fn proposing(how: &str) -> Fixture {
    proposing_on(shop::branches(), how)
}

fn proposing_on(fixture: Fixture, how: &str) -> Fixture {
    let text = shop::GITOPS.replace(
        "      promoteFrom: staging\n",
        "      promoteFrom: staging\n      write: branch\n    - {name: prod-us, branch: env/prod-us, promoteFrom: staging, write: branch}\n",
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
    let own = fixture.file_at("env/prod", "environment.yaml").unwrap();
    let own = own.replace("prod", "prod-us");
    let files = [("environment.yaml", Some(own.as_str()))];
    fixture.commit_from("env/prod-us", Some("env/prod"), "begin prod-us", &files);
    shop::edit(
        &fixture,
        "env/staging",
        "cart",
        "cart:v1.0.0",
        "cart:v1.1.0",
    );
    fixture
}

/// Lets the origin take push options and write them down.
fn recording(fixture: &Fixture) {
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    git(&["config", "receive.advertisePushOptions", "true"]);
    let file = fixture.env.join("options");
    fixture.hook(
        "pre-receive",
        &format!(
            "i=0; while [ $i -lt ${{GIT_PUSH_OPTION_COUNT:-0}} ]; do\n\
             eval \"printf '%s\\\\n' \\\"\\$GIT_PUSH_OPTION_$i\\\"\" >>'{}'; i=$((i+1)); done",
            file.display()
        ),
    );
}

fn options(fixture: &Fixture) -> Vec<String> {
    let text = std::fs::read_to_string(fixture.env.join("options")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn gitlab_is_asked_by_push_options() {
    let fixture = proposing("gitlab");
    recording(&fixture);
    let done = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        done.stdout
            .contains("a pull request into env/prod was asked for"),
        "{}",
        done.stdout
    );
    let given = options(&fixture);
    assert_eq!(
        given[..3],
        [
            "merge_request.create",
            "merge_request.target=env/prod",
            "merge_request.title=promote shop 1.0.0 from staging to prod",
        ]
    );
    // One line, in which GitLab finds its line breaks again.
    let [description] = &given[3..] else {
        panic!("{given:?}");
    };
    let lines: Vec<&str> = description.split("\\n").collect();
    assert_eq!(lines[0], "merge_request.description=cart v1.0.0 -> v1.1.0");
    assert!(lines.contains(&"Gitops-To: prod"), "{lines:?}");

    // The same plan is there: nothing is pushed, and nobody asked again.
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        again
            .stdout
            .contains("was there already, and its pull request into env/prod was asked for then"),
        "{}",
        again.stdout
    );
    assert!(!again.stderr.contains("undo it"), "{}", again.stderr);
    assert_eq!(options(&fixture), given);
}

#[test]
fn what_gitlab_answers_is_passed_on() {
    let fixture = proposing("gitlab");
    recording(&fixture);
    fixture.hook(
        "post-receive",
        "echo 'View merge request for x:'; echo '  https://git.example.com/g/shop/-/merge_requests/7'",
    );
    let run = ["promote", "prod", "--yes", "-o", "json"];
    let done = fixture.run(&run).code(0);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let request = &report["published"][0]["pullRequest"];
    assert_eq!(request["state"], "open");
    assert_eq!(
        request["url"],
        "https://git.example.com/g/shop/-/merge_requests/7"
    );
}

#[test]
fn a_remote_without_push_options_gets_the_branch_and_the_person_the_rest() {
    let fixture = proposing("gitlab");
    let done = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert!(
        done.stdout.contains("open a pull request into env/prod"),
        "{}",
        done.stdout
    );
    assert!(
        done.stderr.contains("origin takes no push options"),
        "{}",
        done.stderr
    );
    let list = ["for-each-ref", "refs/heads/gitops/promote/prod"];
    assert_ne!(fixture.env.git(&fixture.origin, &list), "");
    fixture.fsck();
}

#[test]
fn a_remote_that_knows_no_refs_for_is_left_as_it_was() {
    let fixture = proposing("agit");
    let list = ["for-each-ref", "--format=%(refname) %(objectname)"];
    let before = fixture.env.git(&fixture.origin, &list);
    let error = fixture.run(&["promote", "prod", "--yes"]).code(2);
    assert!(
        error.stderr.contains("it takes no push options"),
        "{}",
        error.stderr
    );
    assert!(
        error.stderr.contains("set pullRequests in gitops.yaml"),
        "{}",
        error.stderr
    );
    assert_eq!(fixture.env.git(&fixture.origin, &list), before);
    // One that takes options and anything else it is given, too.
    recording(&fixture);
    let error = fixture.run(&["promote", "prod", "--yes"]).code(2);
    assert!(error.stderr.contains("plain reference"), "{}", error.stderr);
    assert_eq!(fixture.env.git(&fixture.origin, &list), before);
    fixture.fsck();
}

#[test]
fn one_push_opens_one_pull_request() {
    let fixture = proposing("gitlab");
    recording(&fixture);
    let refused = fixture.run(&["promote", "prod,prod-us", "--yes"]).code(2);
    assert!(
        refused
            .stderr
            .contains("one after the other: prod, then prod-us"),
        "{}",
        refused.stderr
    );
    assert_eq!(options(&fixture), Vec::<String>::new());
    // By hand, both branches arrive together.
    let fixture = proposing("none");
    let run = ["promote", "prod,prod-us", "--yes", "-o", "json"];
    let done = fixture.run(&run).code(0);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let into = |at: usize| report["published"][at]["into"].as_str().unwrap();
    assert_eq!([into(0), into(1)], ["env/prod", "env/prod-us"]);
}

#[test]
fn the_page_for_a_person_is_named_and_no_password() {
    for (remote, page) in [
        (
            "https://ada:s3cr3t@github.com/example/shop.git",
            "https://github.com/example/shop/compare/env/prod...BRANCH?expand=1",
        ),
        (
            "git@gitlab.example.com:group/shop.git",
            "https://gitlab.example.com/group/shop/-/merge_requests/new?merge_request%5Bsource_branch%5D=ENCODED&merge_request%5Btarget_branch%5D=env%2Fprod",
        ),
        (
            "ssh://git@forgejo.example.com:2222/example/shop.git",
            "https://forgejo.example.com/example/shop/compare/env/prod...BRANCH",
        ),
        (
            "https://x-token-auth:s3cr3t@bitbucket.org/example/shop.git",
            "https://bitbucket.org/example/shop/pull-requests/new?source=ENCODED&dest=env%2Fprod",
        ),
    ] {
        let fixture = proposing("none");
        let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
        // The remote as a person has it; the tests' own repository stands in for the host.
        git(&[
            "config",
            &format!("url.{}.insteadOf", fixture.url()),
            remote,
        ]);
        git(&["remote", "set-url", "origin", remote]);
        let done = fixture.run(&["promote", "prod", "--yes"]).code(0);
        let run = ["promote", "prod", "--yes", "-o", "json"];
        let again = fixture.run(&run).code(0);
        let report: Value = serde_json::from_str(&again.stdout).unwrap();
        let branch = report["published"][0]["branch"].as_str().unwrap();
        let page = page
            .replace("BRANCH", branch)
            .replace("ENCODED", &branch.replace('/', "%2F"));
        assert!(
            done.stdout.contains(&format!("\n  {page}\n")),
            "{}",
            done.stdout
        );
        assert_eq!(report["published"][0]["pullRequest"]["url"], page);
        for text in [&done.stdout, &done.stderr, &again.stdout, &again.stderr] {
            assert!(!text.contains("s3cr3t"), "{text}");
        }
    }
}

#[test]
fn a_shallow_clone_of_one_branch_proposes_just_the_same() {
    for how in ["none", "gitlab"] {
        // What was promoted before is in the tree; without that a shallow clone has nothing to
        // compare with.
        let fixture = shop::branches();
        let newer = ("payment:v1.0.0", "payment:v1.1.0");
        shop::edit(&fixture, "env/staging", "payment", newer.0, newer.1);
        fixture.run(&["promote", "prod", "--yes"]).code(0);
        let fixture = proposing_on(fixture, how);
        recording(&fixture);
        fixture.run(&["promote", "prod", "--yes"]).code(0);
        let clone = fixture.clone_again("shallow", &["--depth=1", "--branch=env/dev"]);
        let run = ["promote", "prod", "--yes", "-o", "json"];
        let again = fixture.env.gitops(&clone, &run).code(0);
        let report: Value = serde_json::from_str(&again.stdout).unwrap();
        assert_eq!(
            report["published"][0]["pullRequest"]["already"], true,
            "{report}"
        );
        shop::edit(
            &fixture,
            "env/staging",
            "cart",
            "cart:v1.1.0",
            "cart:v1.2.0",
        );
        let newer = fixture.env.gitops(&clone, &run).code(0);
        let report: Value = serde_json::from_str(&newer.stdout).unwrap();
        let supersedes = report["published"][0]["pullRequest"]["supersedes"].as_array();
        assert_eq!(supersedes.map(Vec::len), Some(1), "{report}");
        fixture.fsck();
    }
}

#[test]
fn one_that_is_written_and_one_that_is_proposed_arrive_together() {
    let fixture = proposing("none");
    let text = fixture.file_at("main", "gitops.yaml").unwrap();
    let direct = text.replacen("      write: branch\n", "", 1);
    assert_ne!(text, direct);
    fixture.commit("main", "prod directly", &[("gitops.yaml", Some(&direct))]);
    let before = fixture.remote_tip("env/prod-us");
    let run = ["promote", "prod,prod-us", "--yes", "-o", "json"];
    // Neither arrives where one is refused.
    fixture.hook("update", "test \"$1\" = refs/heads/env/prod || exit 1");
    let untouched = fixture.remote_tip("env/prod");
    fixture.run(&run).code(3);
    assert_eq!(fixture.remote_tip("env/prod"), untouched);
    fixture.hook("update", "exit 0");
    let done = fixture.run(&run).code(0);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let published = &report["published"];
    assert_eq!(published[0]["branch"], "env/prod");
    assert!(published[0]["pullRequest"].is_null());
    assert_eq!(published[1]["into"], "env/prod-us");
    assert_ne!(fixture.remote_tip("env/prod"), untouched);
    assert_eq!(fixture.remote_tip("env/prod-us"), before);
    fixture.fsck();
}

#[test]
fn two_who_propose_the_same_at_once_end_with_one_branch() {
    let fixture = proposing("none");
    // Slow enough that both are under way together.
    fixture.hook("pre-receive", "sleep 0.3");
    let clones = ["one", "two", "three"].map(|name| fixture.clone_again(name, &[]));
    let running: Vec<_> = clones
        .iter()
        .map(|clone| {
            let mut command = fixture.env.gitops_command(clone);
            command.args(["promote", "prod", "--yes"]);
            command.stdout(std::process::Stdio::piped());
            command.stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let list = ["for-each-ref", "refs/heads/gitops"];
    let list = fixture.env.git(&fixture.origin, &list);
    assert_eq!(list.lines().count(), 1, "{list}");
    fixture.fsck();
}

/// A reviewer's commit on the branch of a proposal, and who made it.
#[test]
fn a_reviewers_commit_on_a_proposal_is_left_alone_and_named() {
    let fixture = proposing("none");
    let proposed = fixture.run(&["promote", "prod", "--yes"]).code(0);
    let branches = fixture.env.git(
        &fixture.origin,
        &[
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads/gitops/promote/prod",
        ],
    );
    let branch = branches.lines().next().expect(&proposed.stdout).to_owned();
    let own = fixture.file_at(&branch, "product.yaml").unwrap();
    let reviewed = own.replace("8080", "8081");
    let tip = fixture.commit(
        &branch,
        "review: another port",
        &[("product.yaml", Some(&reviewed))],
    );
    let again = fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(fixture.remote_tip(&branch), Some(tip));
    assert!(
        again.stderr.contains("grace@example.com"),
        "{}",
        again.stderr
    );

    // A newer plan gets a branch of its own, and names the older one.
    shop::edit(
        &fixture,
        "env/staging",
        "payment",
        "payment:v1.0.0",
        "payment:v1.1.0",
    );
    let newer = fixture.run(&["promote", "prod", "--yes"]).code(0);
    let superseded = format!("{branch} is superseded");
    assert!(newer.stderr.contains(&superseded), "{}", newer.stderr);
}

#[test]
fn a_dry_run_says_where_it_would_be_proposed_and_what_is_there() {
    let fixture = proposing("none");
    let dry = ["promote", "prod", "--dry-run"];
    let yes = ["promote", "prod", "--yes"];
    let branches = || {
        let words = [
            "for-each-ref",
            "--format=%(refname:short)",
            "refs/heads/gitops",
        ];
        fixture.env.git(&fixture.origin, &words)
    };
    let first = fixture.run(&dry).code(0);
    let said = "it would be proposed for env/prod on gitops/promote/prod/";
    assert!(first.stderr.contains(said), "{}", first.stderr);
    assert_eq!(branches(), "", "a dry run writes nothing");
    fixture.run(&yes).code(0);
    let proposed = branches();
    assert!(
        first.stderr.contains(&proposed),
        "{proposed}: {}",
        first.stderr
    );
    let again = fixture.run(&dry).code(0);
    let said = format!("it is proposed for env/prod already, on {proposed}");
    assert!(again.stderr.contains(&said), "{}", again.stderr);
    // A newer plan takes its place, unless a reviewer has been there.
    shop::edit(
        &fixture,
        "env/staging",
        "cart",
        "cart:v1.1.0",
        "cart:v1.2.0",
    );
    let newer = fixture.run(&dry).code(0);
    let said = format!(", in the place of {proposed}");
    assert!(newer.stderr.contains(&said), "{}", newer.stderr);
    shop::edit(
        &fixture,
        "env/staging",
        "cart",
        "cart:v1.2.0",
        "cart:v1.1.0",
    );
    let note = [("notes.md", Some("looked at\n"))];
    fixture.commit(&proposed, "a review", &note);
    let reviewed = fixture.run(&dry).code(0);
    let said = format!("{proposed} has a commit of grace@example.com: a review; it stays as it is");
    assert!(reviewed.stderr.contains(&said), "{}", reviewed.stderr);
    fixture.fsck();
}

#[test]
fn an_amended_proposal_is_a_reviewers_too() {
    let fixture = proposing("none");
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    let list = [
        "for-each-ref",
        "--format=%(refname:short)",
        "refs/heads/gitops",
    ];
    let branch = fixture.env.git(&fixture.origin, &list);
    let message = fixture.message_at(&branch);
    let text = fixture.file_at(&branch, "product.yaml").unwrap();
    let text = text.replace("8080", "8081");
    let parent = format!("{branch}~1");
    let files = [("product.yaml", Some(text.as_str()))];
    let amended = fixture.commit_from(&branch, Some(&parent), &message, &files);
    fixture.run(&["promote", "prod", "--yes"]).code(0);
    assert_eq!(fixture.remote_tip(&branch), Some(amended));
}
