//! `--tag`: an annotated tag in the same push as the commit that it names.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Instant;

use kubectl_gitops::git::{Git, PushOutcome, RefMove};
use kubectl_gitops::repo::{CommitMessage, Edit, ObjectId, RefName, RefUpdate, TagUpdate};
use serde_json::Value;

use crate::races::wait_for_children;
use crate::support::{Env, Fixture, shop};

fn newer() -> Fixture {
    let fixture = shop::branches();
    shop::edit(&fixture, "env/dev", "cart", "cart:v1.0.0", "cart:v1.1.0");
    fixture
}

#[track_caller]
fn tags(fixture: &Fixture, dir: &std::path::Path) -> Vec<String> {
    let format = "--format=%(refname) %(objecttype) %(*objectname)";
    let list = fixture.env.git(dir, &["for-each-ref", format, "refs/tags"]);
    list.lines().map(str::to_owned).collect()
}

#[test]
fn a_promotion_is_tagged_in_the_same_push() {
    let fixture = newer();
    let shown = fixture
        .run(&["promote", "staging", "--dry-run", "--tag"])
        .code(0);
    let said = "the commit would be tagged staging/shop-1.0.0";
    assert!(shown.stderr.contains(said), "{}", shown.stderr);
    assert_eq!(tags(&fixture, &fixture.origin), Vec::<String>::new());

    let done = fixture
        .run(&["promote", "staging", "--yes", "--tag"])
        .code(0);
    let tip = fixture.remote_tip("env/staging").unwrap();
    let wanted = [format!("refs/tags/staging/shop-1.0.0 tag {tip}")];
    assert_eq!(tags(&fixture, &fixture.origin), wanted);
    assert_eq!(tags(&fixture, &fixture.clone), wanted, "it is here, too");
    let line = format!("tag staging/shop-1.0.0 → {}   pushed to origin", &tip[..7]);
    assert!(done.stdout.contains(&line), "{}", done.stdout);
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let message = git(&["tag", "-l", "--format=%(taggername): %(contents)"]);
    assert!(
        message.starts_with("Ada: promote shop 1.0.0 from dev to staging\n\ncart v1.0.0 -> v1.1.0"),
        "{message}"
    );
    fixture.fsck();

    let idle = fixture
        .run(&["promote", "staging", "--yes", "--tag", "again"])
        .code(0);
    let said = "so no tag was made; to tag what is there: git tag -a again origin/env/staging";
    assert!(idle.stderr.contains(said), "{}", idle.stderr);
    // The run that is repeated is not told that it forgot something.
    let idle = fixture
        .run(&["promote", "staging", "--yes", "--tag"])
        .code(0);
    let said = "env/staging has the tag staging/shop-1.0.0";
    assert!(idle.stderr.contains(said), "{}", idle.stderr);
    assert_eq!(tags(&fixture, &fixture.origin), wanted);
}

#[test]
fn a_tag_that_exists_is_never_moved_and_nothing_else_moves_either() {
    let fixture = newer();
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    git(&["tag", "v1", "env/dev"]);
    let before = git(&["for-each-ref"]);
    for run in [
        &["promote", "staging", "--yes", "--tag", "v1"][..],
        &["promote", "staging", "--dry-run", "--tag", "v1"],
    ] {
        let refused = fixture.run(run).code(3);
        let said = "there is a tag v1 on origin already";
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert_eq!(git(&["for-each-ref"]), before);
    }
    // One that only this clone has.
    let here = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    here(&["tag", "v2", "HEAD"]);
    let refused = fixture
        .run(&["promote", "staging", "--yes", "--tag", "v2"])
        .code(3);
    assert!(
        refused.stderr.contains("in this clone"),
        "{}",
        refused.stderr
    );
    assert_eq!(git(&["for-each-ref"]), before);
}

#[test]
fn a_tag_that_appears_during_the_run_stops_the_branch_as_well() {
    let fixture = newer();
    let before = fixture.remote_tip("env/staging");
    // Somebody else's tag arrives between our question and our push.
    fixture.hook(
        "pre-receive",
        "unset GIT_QUARANTINE_PATH; git update-ref refs/tags/v1 refs/heads/env/dev",
    );
    let refused = fixture
        .run(&["promote", "staging", "--yes", "--tag", "v1"])
        .code(3);
    assert!(
        refused
            .stderr
            .contains("there is a tag v1 on origin already"),
        "{}",
        refused.stderr
    );
    assert_eq!(fixture.remote_tip("env/staging"), before);
    fixture.fsck();
}

#[test]
fn a_tag_follows_the_commit_that_was_planned_again() {
    let fixture = newer();
    // The tip moves once, while our push is under way.
    fixture.commit_from(
        "next",
        Some("env/staging"),
        "a note",
        &[("NOTES", Some("x"))],
    );
    fixture.hook(
        "pre-receive",
        "unset GIT_QUARANTINE_PATH; git rev-parse -q --verify refs/heads/next >/dev/null || exit 0\n\
         git update-ref refs/heads/env/staging refs/heads/next; git update-ref -d refs/heads/next",
    );
    fixture
        .run(&["promote", "staging", "--yes", "--tag", "v1"])
        .code(0);
    let tip = fixture.remote_tip("env/staging").unwrap();
    assert_eq!(
        tags(&fixture, &fixture.origin),
        [format!("refs/tags/v1 tag {tip}")]
    );
    assert!(
        fixture
            .files_at("env/staging")
            .contains(&"NOTES".to_owned())
    );
    fixture.fsck();
}

#[test]
fn several_environments_get_their_tags_or_none() {
    let fixture = shop::branches();
    let text = shop::GITOPS.replace("promoteFrom: staging", "promoteFrom: dev");
    fixture.commit("main", "two from dev", &[("gitops.yaml", Some(&text))]);
    shop::edit(&fixture, "env/dev", "cart", "cart:v1.0.0", "cart:v1.1.0");
    let run = |tag: &str| {
        let run = [
            "promote",
            "staging,prod",
            "--yes",
            "-o",
            "json",
            "--tag",
            tag,
        ];
        fixture.run(&run)
    };
    let same = run("v{version}").code(2);
    assert!(
        same.stderr.contains("the same tag v1.0.0"),
        "{}",
        same.stderr
    );
    let done = run("{environment}-{version}").code(0);
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    let tag = |at: usize| report["published"][at]["tag"].as_str().unwrap();
    assert_eq!([tag(0), tag(1)], ["staging-1.0.0", "prod-1.0.0"]);
    assert_eq!(tags(&fixture, &fixture.origin).len(), 2);
}

#[test]
fn environments_on_one_branch_are_tagged_each_on_its_commit() {
    let fixture = shop::folders();
    let more =
        "    - {name: prod, branch: main, path: environments/prod, promoteFrom: dev}\n  rendered:";
    let text = shop::GITOPS_FOLDERS.replacen("  rendered:", more, 1);
    let own = fixture
        .file_at("main", "environments/dev/environment.yaml")
        .unwrap();
    let own = own.replace("name: dev", "name: prod");
    let mut files = vec![("gitops.yaml".to_owned(), text)];
    for path in fixture.files_at("main") {
        if let Some(rest) = path.strip_prefix("environments/dev/") {
            let text = fixture.file_at("main", &path).unwrap();
            files.push((format!("environments/prod/{rest}"), text));
        }
    }
    files.push(("environments/prod/environment.yaml".to_owned(), own));
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    fixture.commit("main", "begin prod", &files);
    fixture.run(&["render", "prod", "--write", "--yes"]).code(0);
    let product = "environments/dev/product.yaml";
    let newer = ("cart:v1.0.0", "cart:v1.1.0");
    shop::edit_file(&fixture, "main", product, "cart", newer);
    // Nothing was promoted here before, so what differs has to be decided once.
    let run = [
        "promote",
        "staging,prod",
        "--overwrite",
        "cart",
        "--yes",
        "--tag",
    ];
    fixture.run(&run).code(0);
    let git = |args: &[&str]| fixture.env.git(&fixture.origin, args);
    let subject = |tag: &str| git(&["log", "-1", "--format=%s", tag]);
    assert!(subject("staging/shop-1.0.0").ends_with("to staging"));
    assert!(subject("prod/shop-1.0.0").ends_with("to prod"));
    fixture.fsck();
}

#[test]
fn what_is_only_proposed_is_not_tagged() {
    let fixture = newer();
    let text = shop::GITOPS.replace(
        "      promoteFrom: dev\n",
        "      promoteFrom: dev\n      write: branch\n",
    );
    fixture.commit("main", "by pull request", &[("gitops.yaml", Some(&text))]);
    let refused = fixture
        .run(&["promote", "staging", "--yes", "--tag", "v1"])
        .code(2);
    let said = "staging is written by pull request";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert_eq!(tags(&fixture, &fixture.origin), Vec::<String>::new());
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_else() {
    let fixture = newer();
    for (tag, said) in [
        ("a b", "cannot be the name of a tag"),
        ("v{verzion}", "{verzion}"),
        ("refs..x", "'..'"),
    ] {
        let wrong = fixture
            .run(&["promote", "staging", "--yes", "--tag", tag])
            .code(2);
        assert!(wrong.stderr.contains(said), "{}", wrong.stderr);
    }
}

#[test]
fn without_a_push_the_tag_is_made_here() {
    let fixture = newer();
    let run = ["promote", "staging", "--yes", "--no-push", "--tag", "v1"];
    fixture.run(&run).code(0);
    let tip = fixture
        .env
        .git(&fixture.clone, &["rev-parse", "env/staging"]);
    assert_eq!(
        tags(&fixture, &fixture.clone),
        [format!("refs/tags/v1 tag {tip}")]
    );
    assert_eq!(tags(&fixture, &fixture.origin), Vec::<String>::new());
}

#[test]
fn a_plan_that_was_approved_is_tagged_when_it_is_written() {
    let fixture = newer();
    let file = fixture.env.join("plan.json");
    let file = file.to_str().unwrap();
    fixture
        .run(&["promote", "staging", "--plan-out", file])
        .code(0);
    fixture
        .run(&["promote", "--apply", file, "--yes", "--tag"])
        .code(0);
    let tip = fixture.remote_tip("env/staging").unwrap();
    let wanted = [format!("refs/tags/staging/shop-1.0.0 tag {tip}")];
    assert_eq!(tags(&fixture, &fixture.origin), wanted);
}

/// An SSH key of its own for this test, set up for signing tags in a clone.
fn signing_key(fixture: &Fixture) -> std::path::PathBuf {
    let key = fixture.env.join("key");
    let mut keygen = fixture.env.command("ssh-keygen", fixture.env.path());
    let arguments = [
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        "ada@example.com",
        "-f",
    ];
    Env::finish(keygen.args(arguments).arg(&key)).code(0);
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = fixture.env.join("signers");
    std::fs::write(&signers, format!("ada@example.com {public}")).unwrap();
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", &key.display().to_string()),
        ("gpg.ssh.allowedSignersFile", &signers.display().to_string()),
        ("tag.gpgSign", "true"),
    ] {
        fixture.env.git(&fixture.clone, &["config", name, value]);
    }
    key
}

#[test]
fn a_tag_is_signed_as_gits_configuration_has_it() {
    let fixture = newer();
    let key = signing_key(&fixture);
    let git = |args: &[&str]| fixture.env.git(&fixture.clone, args);
    fixture
        .run(&["promote", "staging", "--yes", "--tag", "v1"])
        .code(0);
    git(&["verify-tag", "v1"]);
    let text = git(&["cat-file", "tag", "v1"]);
    assert_eq!(text.lines().nth(2), Some("tag v1"));
    let left = std::fs::read_dir(fixture.clone.join(".git")).unwrap();
    let left = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("kubectl-gitops-tag")
    });
    assert_eq!(left.count(), 0);
    fixture.fsck();
    // A key that is gone stops everything; some versions of Git would go on without it.
    std::fs::remove_file(&key).unwrap();
    shop::edit(&fixture, "env/dev", "cart", "cart:v1.1.0", "cart:v1.2.0");
    let before = fixture.remote_tip("env/staging");
    let run = ["promote", "staging", "--yes", "--tag", "v2"];
    let failed = fixture.run(&run).code(2);
    let said = "the tag could not be signed";
    assert!(failed.stderr.contains(said), "{}", failed.stderr);
    assert_eq!(fixture.remote_tip("env/staging"), before);
}

#[test]
fn tags_of_both_object_formats_are_whole() {
    for options in [&[][..], &["--object-format=sha256"]] {
        let fixture = Fixture::empty("main", options);
        let git = Git::discover(&fixture.clone).unwrap();
        let (who, _) = git.identity().unwrap();
        let message = CommitMessage {
            subject: "begin".into(),
            ..CommitMessage::default()
        };
        let commit = git
            .write_commit(&RefUpdate {
                branch: "main".parse().unwrap(),
                expected: None,
                parent: None,
                edits: BTreeMap::from([("a".parse().unwrap(), Edit::write("1\n"))]),
                message: message.clone(),
                author: who.clone(),
                committer: who.clone(),
            })
            .unwrap();
        let tag = |name: &str| TagUpdate {
            name: name.parse().unwrap(),
            branch: "main".parse().unwrap(),
            message: message.clone(),
            tagger: who.clone(),
        };
        let step = |name: RefName, new: ObjectId| RefMove {
            name,
            expected: None,
            new,
        };
        let plain = git.write_tag(&tag("plain"), &commit).unwrap();
        assert_eq!(git.write_tag(&tag("plain"), &commit).unwrap(), plain);
        signing_key(&fixture);
        let signed = git.write_tag(&tag("signed"), &commit).unwrap();
        let moves = [
            step(
                RefName::Branch("main".parse().unwrap()),
                commit.clone().into(),
            ),
            step(RefName::Tag("plain".parse().unwrap()), plain),
            step(RefName::Tag("signed".parse().unwrap()), signed),
        ];
        let remote = git.remote(None).unwrap().unwrap();
        assert_eq!(git.push(&remote, &moves).unwrap(), PushOutcome::Pushed);
        let name = "plain".parse().unwrap();
        assert_eq!(git.ask_tag(&remote, &name).unwrap(), Some(commit));
        fixture.fsck();
    }
}

#[test]
fn a_writer_that_is_killed_leaves_both_branch_and_tag_or_neither() {
    const ROUNDS: u32 = 8;
    let fixture = shop::branches();
    // The remote takes its time, so that kills fall into the push, too.
    fixture.hook("pre-receive", "sleep 0.05");
    let newer = |round: u32| {
        let image = |round: u32| format!("cart:v1.{round}.0");
        let (old, new) = (image(round), image(round + 1));
        shop::edit(&fixture, "env/dev", "cart", &old, &new);
        format!("v{round}")
    };
    let start = |tag: &str| {
        let mut command = fixture.env.gitops_command(&fixture.clone);
        command.args(["promote", "staging", "--yes", "--tag", tag]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let tagged = |tag: &str| {
        let name = format!("refs/tags/{tag}");
        let list = ["for-each-ref", "--format=%(*objectname)", &name];
        Some(fixture.env.git(&fixture.origin, &list)).filter(|id| !id.is_empty())
    };
    let tag = newer(0);
    let begun = Instant::now();
    assert!(start(&tag).wait().unwrap().success());
    let whole = begun.elapsed();
    for round in 1..=ROUNDS {
        let tag = newer(round);
        let before = fixture.remote_tip("env/staging");
        let mut child = start(&tag);
        std::thread::sleep(whole.mul_f64(f64::from(round) / f64::from(ROUNDS)));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for_children(&fixture);
        let after = fixture.remote_tip("env/staging");
        let expected = after.clone().filter(|_| after != before);
        assert_eq!(tagged(&tag), expected, "round {round}");
        fixture.fsck();
        fixture
            .run(&["promote", "staging", "--yes", "--tag", &tag])
            .code(0);
        assert_eq!(tagged(&tag), fixture.remote_tip("env/staging"));
    }
}
