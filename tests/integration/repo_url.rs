//! `--repo URL`: every command without a clone of one's own, through a copy in the
//! cache folder that may be shared, killed, damaged or deleted at any time.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::env::Outcome;
use crate::support::githttp::{Answers, GitHttp};
use crate::support::shop::{self, edit, edit_and_render};
use crate::support::trace::{Started, traced};
use crate::support::{Env, Fixture};

const CART: &str = "shop/cart:v1.0.0";
const CART_NEW: &str = "shop/cart:v1.1.0";

/// A run from a folder that has nothing to do with the repository.
fn elsewhere(fixture: &Fixture, url: &str, words: &[&str]) -> Command {
    let folder = fixture.env.join("elsewhere");
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = fixture.env.gitops_command(&folder);
    command.args(["--repo", url]).args(words);
    command
}

fn run(fixture: &Fixture, words: &[&str]) -> Outcome {
    Env::finish(&mut elsewhere(fixture, &fixture.url(), words))
}

fn counted(fixture: &Fixture, words: &[&str]) -> (Outcome, Started) {
    let mut command = elsewhere(fixture, &fixture.url(), words);
    traced(&fixture.env, &mut command)
}

fn cache(fixture: &Fixture) -> PathBuf {
    fixture.env.join("home/.cache/kubectl-gitops/repositories")
}

/// The copies of the only repository in the cache, oldest first.
fn copies(fixture: &Fixture) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for place in std::fs::read_dir(cache(fixture)).unwrap() {
        for entry in std::fs::read_dir(place.unwrap().path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|end| end == "git") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn only_copy(fixture: &Fixture) -> PathBuf {
    let copies = copies(fixture);
    assert_eq!(copies.len(), 1, "{copies:?}");
    copies[0].clone()
}

fn json(outcome: Outcome) -> Value {
    serde_json::from_str(&outcome.code(0).stdout).unwrap()
}

#[test]
fn every_command_works_on_an_address() {
    let fixture = shop::branches();
    let tags = json!({
        "apiVersion": "kubectl-gitops/v1alpha1",
        "kind": "RegistryTags",
        "asOf": "2026-03-10T00:00:00Z",
        "repositories": {"registry.example.com/shop/cart": {"tags": {
            "v1.0.0": {}, "v1.1.0": {"digest": format!("sha256:{}", "ab".repeat(32))},
        }}},
    });
    std::fs::create_dir_all(fixture.env.join("elsewhere")).unwrap();
    std::fs::write(fixture.env.join("elsewhere/tags.json"), tags.to_string()).unwrap();
    let bump = ["bump-image", "cart=v1.1.0", "--env", "dev", "--yes"];
    let bump = [&bump[..], &["--tags-from", "tags.json"]].concat();
    let bumped = run(&fixture, &bump).code(0);
    let pushed = format!("pushed to {}", fixture.url());
    assert!(bumped.stdout.contains(&pushed), "{}", bumped.stdout);
    let product = fixture.file_at("env/dev", "product.yaml").unwrap();
    assert!(product.contains(CART_NEW), "{product}");
    run(&fixture, &["diff", "dev", "staging"]).code(1);
    run(&fixture, &["promote", "staging", "--yes"]).code(0);
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml"),
        Some(product)
    );
    run(&fixture, &["diff", "dev", "staging"]).code(0);
    run(&fixture, &["validate"]).code(0);
    run(&fixture, &["pins"]).code(0);
    let history = run(&fixture, &["history", "staging"]).code(0);
    assert!(history.stdout.contains("promote"), "{}", history.stdout);
    let status = run(&fixture, &["status"]).code(0);
    assert!(status.stdout.contains("v1.1.0"), "{}", status.stdout);
    run(
        &fixture,
        &["rollback", "staging", "--reason", "slow", "--yes"],
    )
    .code(0);
    let back = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(back.contains(CART), "{back}");
    edit(&fixture, "env/prod", "in a hurry", "8080", "8081");
    run(&fixture, &["render", "prod", "--write", "--yes"]).code(0);
    run(&fixture, &["backport", "prod", "--yes"]).code(0);
    let staging = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert!(staging.contains("8081"), "{staging}");
    fixture.fsck();
    // Nothing of all this is left where it was typed, nor as a branch of the copy.
    let left: Vec<_> = std::fs::read_dir(fixture.env.join("elsewhere"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let heads = ["for-each-ref", "refs/heads"];
    assert_eq!(fixture.env.git(&only_copy(&fixture), &heads), "");
}

#[test]
fn a_promotion_costs_one_fetch_and_one_push_and_one_fetch_more_where_history_is_missing() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    run(&fixture, &["promote", "staging", "--yes"]).code(0);
    for (cold, version) in [(true, "v1.2.0"), (false, "v1.3.0")] {
        let product = fixture.file_at("env/dev", "product.yaml").unwrap();
        let at = product.find("shop/cart:").unwrap();
        edit_and_render(
            &fixture,
            "dev",
            "bump cart",
            &product[at..at + "shop/cart:v0.0.0".len()],
            &format!("shop/cart:{version}"),
        );
        if cold {
            std::fs::remove_dir_all(cache(&fixture)).unwrap();
        }
        let (outcome, started) = counted(&fixture, &["promote", "staging", "--yes"]);
        outcome.code(0);
        // A new copy has no history yet, which says what was taken back in the target.
        let fetches = 1 + usize::from(cold);
        assert_eq!(started.count("fetch"), fetches, "{started:?}");
        assert_eq!(started.count("push"), 1, "{started:?}");
        // Who commits, and whether it is signed; asked while the fetch is under way.
        assert_eq!(started.all(), 4 + fetches, "{started:?}");
        let fetches = started.named("fetch");
        let shallow = "--depth=1".to_owned();
        let depth = fetches.iter().any(|words| words.contains(&shallow));
        assert_eq!(depth, cold);
        assert_eq!(
            fixture.file_at("env/staging", "product.yaml"),
            fixture.file_at("env/dev", "product.yaml")
        );
    }
    let (outcome, started) = counted(&fixture, &["status", "--offline"]);
    outcome.code(0);
    assert_eq!(started.count("fetch"), 0, "{started:?}");
}

#[test]
fn a_tag_goes_with_the_commit_and_is_known_to_be_there_afterwards() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    run(&fixture, &["promote", "staging", "--yes", "--tag"]).code(0);
    let git = |words: &[&str]| fixture.env.git(&fixture.origin, words);
    let tip = fixture.remote_tip("env/staging").unwrap();
    assert_eq!(git(&["rev-parse", "staging/shop-1.0.0^{commit}"]), tip);
    assert_eq!(git(&["cat-file", "-t", "staging/shop-1.0.0"]), "tag");
    // Whatever this copy has, the remote is asked; and nothing moves.
    let newer = "shop/cart:v1.2.0";
    edit_and_render(&fixture, "dev", "bump cart again", CART_NEW, newer);
    let outcome = run(&fixture, &["promote", "staging", "--yes", "--tag"]).code(3);
    assert!(
        outcome.stderr.contains("staging/shop-1.0.0"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("env/staging").unwrap(), tip);
    fixture.fsck();
}

#[test]
fn what_is_to_be_done_next_names_the_address() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let status = run(&fixture, &["status"]).code(0).stdout;
    let next = format!(
        "next:  kubectl-gitops --repo {} promote staging\n",
        fixture.url()
    );
    assert!(status.ends_with(&next), "{status}");
}

#[test]
fn a_copy_is_shallow_and_holds_what_the_environments_need() {
    let fixture = shop::branches();
    fixture.commit_from("feature/x", None, "other", &[("big", Some("x\n"))]);
    for n in 0..30 {
        let text = format!("{n}\n");
        fixture.commit("env/dev", "note", &[("note", Some(&text))]);
    }
    fixture
        .env
        .git(&fixture.origin, &["tag", "v1", "refs/heads/env/dev"]);
    run(&fixture, &["validate"]).code(0);
    let copy = only_copy(&fixture);
    let git = |words: &[&str]| fixture.env.git(&copy, words);
    assert_eq!(git(&["rev-list", "--count", "--all"]), "4");
    let refs = git(&["for-each-ref", "--format=%(refname)"]);
    let wanted = "refs/kubectl-gitops/HEAD\nrefs/remotes/origin/env/dev\n\
        refs/remotes/origin/env/prod\nrefs/remotes/origin/env/staging\n\
        refs/remotes/origin/main";
    assert_eq!(refs, wanted);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(copy.parent().unwrap())
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o077, 0, "others may look into it");
    }
}

#[test]
fn any_default_branch_and_any_names_of_branches_will_do() {
    let config = shop::GITOPS
        .replace("env/dev", "live-dev")
        .replace("env/staging", "live-staging")
        .replace("env/prod", "live-prod");
    let fixture = Fixture::new(&[("trunk", &[("gitops.yaml", config.as_str())])]);
    for name in ["dev", "staging", "prod"] {
        let files = shop::files(name);
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), Some(text.as_str())))
            .collect();
        fixture.commit_from(&format!("live-{name}"), None, "begin", &files);
    }
    // The second time the names of the branches are known.
    for fetches in [2, 1] {
        let (outcome, started) = counted(&fixture, &["pins"]);
        outcome.code(0);
        assert_eq!(started.count("fetch"), fetches, "{started:?}");
    }
    // Somebody gives the repository another default branch.
    let renamed = config.replace("rendered: manifests", "rendered: other");
    fixture.commit_from(
        "main",
        None,
        "anew",
        &[("gitops.yaml", Some(renamed.as_str()))],
    );
    fixture.env.git(
        &fixture.origin,
        &["symbolic-ref", "HEAD", "refs/heads/main"],
    );
    let plan = run(&fixture, &["render", "dev", "--write", "--dry-run"]).code(0);
    assert!(plan.stdout.contains("other/"), "{}", plan.stdout);

    let folders = shop::folders();
    run(&folders, &["validate"]).code(0);
    let empty = Fixture::empty("main", &[]);
    let nothing = run(&empty, &["status"]).code(2);
    assert!(nothing.stderr.contains("gitops.yaml"), "{}", nothing.stderr);
}

#[test]
fn a_repository_with_longer_ids_is_copied_as_such() {
    let fixture = Fixture::empty("main", &["--object-format=sha256"]);
    fixture.commit("main", "begin", &[("gitops.yaml", Some(shop::GITOPS))]);
    let files = shop::files("dev");
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), Some(text.as_str())))
        .collect();
    fixture.commit_from("env/dev", None, "begin", &files);
    run(&fixture, &["render", "dev", "--write", "--yes"]).code(0);
    run(&fixture, &["validate", "dev"]).code(0);
    assert_eq!(copies(&fixture).len(), 1);
}

const WRITERS: usize = 16;

fn wide(components: usize) -> Fixture {
    let product = |version: &str| {
        let list: String = (0..components)
            .map(|at| {
                format!(
                    "    service-{at:02}:\n      image: registry.example.com/shop/service-{at:02}:{version}\n      values: {{port: 80}}\n"
                )
            })
            .collect();
        format!(
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {{name: shop}}\nspec:\n  version: 1.0.0\n  defaults: {{template: service}}\n  components:\n{list}"
        )
    };
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", shop::GITOPS)])]);
    let old = product("v1.0.0");
    for name in ["dev", "staging"] {
        let files = shop::files(name);
        let mut files: Vec<_> = files
            .iter()
            .filter(|(path, _)| path.starts_with("templates/"))
            .map(|(path, text)| (path.as_str(), Some(text.as_str())))
            .collect();
        files.push(("product.yaml", Some(old.as_str())));
        let parent = (name != "dev").then_some("env/dev~0");
        fixture.commit_from(&format!("env/{name}"), parent, "begin", &files);
        fixture.run(&["render", name, "--write", "--yes"]).code(0);
    }
    let newer = product("v1.1.0");
    fixture.commit("env/dev", "bump all", &[("product.yaml", Some(&newer))]);
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    fixture
}

#[test]
fn sixteen_writers_share_one_copy_and_all_land() {
    let fixture = wide(WRITERS);
    let before = fixture.commits_on("env/staging");
    let running: Vec<Child> = (0..WRITERS)
        .map(|at| {
            let only = format!("service-{at:02}");
            let words = ["promote", "staging", "--only", &only, "--yes"];
            elsewhere(&fixture, &fixture.url(), &words)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}\n{said}", output.status);
        assert!(!said.contains("damaged"), "{said}");
    }
    assert_eq!(fixture.commits_on("env/staging"), before + WRITERS);
    let merges = ["rev-list", "--merges", "--count", "env/staging"];
    assert_eq!(fixture.env.git(&fixture.origin, &merges), "0");
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert_eq!(product.matches(":v1.1.0").count(), WRITERS, "{product}");
    fixture.fsck();
    let copy = only_copy(&fixture);
    fixture
        .env
        .git(&copy, &["fsck", "--strict", "--no-progress"]);
}

#[test]
fn those_who_waited_take_over_what_another_fetched_meanwhile() {
    let fixture = shop::branches();
    run(&fixture, &["status"]).code(0);
    // Each fetch takes its time, so that the others come to wait.
    let slow = fixture.env.join("slow");
    let real = fixture.env.git(&fixture.origin, &["--exec-path"]);
    std::fs::write(
        &slow,
        format!("#!/bin/sh\nsleep 0.5\nexec {real}/git-upload-pack \"$@\"\n"),
    )
    .unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let copy = only_copy(&fixture);
    let slow = slow.to_str().unwrap();
    fixture
        .env
        .git(&copy, &["config", "remote.origin.uploadpack", slow]);
    let started = copy.join("kubectl-gitops/started");
    let number = || -> u32 { std::fs::read_to_string(&started).unwrap().parse().unwrap() };
    let before = number();
    let running: Vec<Child> = (0..8)
        .map(|_| {
            elsewhere(&fixture, &fixture.url(), &["status"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let fetches = number() - before;
    assert!((1..8).contains(&fetches), "{fetches} fetches for 8 runs");
}

#[test]
fn a_run_that_is_killed_leaves_nothing_broken() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let words = ["promote", "staging", "--dry-run"];
    let start = || {
        elsewhere(&fixture, &fixture.url(), &words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let begun = Instant::now();
    assert!(start().wait().unwrap().success());
    let whole = begun.elapsed();
    let rounds = 20;
    let mut unfinished = 0;
    for round in 0..rounds {
        // Half of them while the copy is made, half while it is brought up to date.
        if round % 2 == 0 {
            std::fs::remove_dir_all(cache(&fixture)).unwrap();
        } else {
            let text = format!("{round}\n");
            fixture.commit("env/dev", "note", &[("note", Some(&text))]);
        }
        let mut child = start();
        std::thread::sleep(whole.mul_f64(f64::from(round / 2 + 1) / f64::from(rounds / 2 + 1)));
        child.kill().unwrap();
        unfinished += u32::from(!child.wait().unwrap().success());
        run(&fixture, &words).code(0);
    }
    assert!(unfinished > 0, "none was killed");
    wait_for_git(&fixture);
    run(&fixture, &words).code(0);
    for copy in copies(&fixture) {
        fixture
            .env
            .git(&copy, &["fsck", "--strict", "--no-progress"]);
    }
}

/// Waits until what was killed has no program of Git's left.
fn wait_for_git(fixture: &Fixture) {
    let cache = cache(fixture).display().to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut ps = fixture.env.command("ps", fixture.env.path());
        let list = Env::finish(ps.args(["-eo", "args"])).code(0).stdout;
        if !list.lines().any(|line| line.contains(&cache)) {
            return;
        }
        assert!(Instant::now() < deadline, "{list}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        std::fs::remove_dir_all(path).unwrap();
    } else {
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_damaged_copy_is_made_anew() {
    let fixture = shop::branches();
    type Harm = (&'static str, fn(&Path));
    let harms: [Harm; 7] = [
        ("emptied", |copy| {
            for entry in std::fs::read_dir(copy).unwrap() {
                remove(&entry.unwrap().path());
            }
        }),
        ("without configuration", |copy| remove(&copy.join("config"))),
        ("with a broken HEAD", |copy| {
            std::fs::write(copy.join("HEAD"), "nonsense").unwrap();
        }),
        ("without objects", |copy| {
            remove(&copy.join("objects"));
            std::fs::create_dir(copy.join("objects")).unwrap();
        }),
        ("with a lock left behind", |copy| {
            std::fs::write(copy.join("shallow.lock"), "").unwrap();
        }),
        ("with a lock of a reference", |copy| {
            std::fs::write(copy.join("refs/kubectl-gitops/HEAD.lock"), "").unwrap();
        }),
        ("with a reference to nothing", |copy| {
            let id = "1".repeat(40);
            std::fs::write(copy.join("refs/remotes/origin/env/dev"), id).unwrap();
        }),
    ];
    for (what, harm) in harms {
        run(&fixture, &["status"]).code(0);
        let before = copies(&fixture).pop().unwrap();
        harm(&before);
        // It moved meanwhile, so that something has to be fetched.
        fixture.commit("main", "note", &[("note", Some(what))]);
        fixture.commit("env/dev", "note", &[("note", Some(what))]);
        let status = run(&fixture, &["status"]);
        assert_eq!(status.status, 0, "{what}: {}", status.stderr);
        let after = copies(&fixture).pop().unwrap();
        let sound = fixture.env.command("git", &after).arg("fsck").output();
        assert!(sound.unwrap().status.success(), "{what}");
    }
    // The old ones are gone with the next run.
    run(&fixture, &["status"]).code(0);
    only_copy(&fixture);
    // What only shows when it is read is looked into by the next run.
    let copy = only_copy(&fixture);
    for folder in std::fs::read_dir(copy.join("objects")).unwrap() {
        let folder = folder.unwrap();
        if folder.file_name().len() == 2 {
            remove(&folder.path());
        }
    }
    let failed = run(&fixture, &["validate"]);
    assert!([0, 5].contains(&failed.status), "{}", failed.stderr);
    run(&fixture, &["validate"]).code(0);
}

#[test]
fn a_copy_that_has_grown_is_made_anew_and_keeps_what_was_rendered() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let words = ["promote", "staging", "--dry-run"];
    run(&fixture, &words).code(0);
    let copy = only_copy(&fixture);
    let kept = |copy: &Path| {
        let folder = copy.join("kubectl-gitops/kept");
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    };
    let had = kept(&copy);
    assert!(had > 0);
    std::fs::create_dir_all(copy.join("objects/17")).unwrap();
    for at in 0..40 {
        std::fs::write(copy.join(format!("objects/17/{at:038}")), "").unwrap();
    }
    run(&fixture, &words).code(0);
    run(&fixture, &words).code(0);
    let new = only_copy(&fixture);
    assert_ne!(new, copy);
    assert!(kept(&new) >= had);
    assert!(!new.join("objects/17").join(format!("{:038}", 1)).exists());
    let objects = fixture.env.git(&new, &["count-objects"]);
    assert!(!objects.starts_with("0 objects"), "{objects}");
}

#[test]
fn what_cannot_be_had_is_said_and_nothing_is_made_up() {
    let fixture = shop::branches();
    let offline = run(&fixture, &["status", "--offline"]).code(5);
    assert!(
        offline.stderr.contains("nothing of file://"),
        "{}",
        offline.stderr
    );
    run(&fixture, &["status"]).code(0);
    let moved = fixture.env.join("moved.git");
    std::fs::rename(&fixture.origin, &moved).unwrap();
    // An address means what is there now; its copy is looked at only when asked for.
    for words in [&["status"][..], &["promote", "staging", "--yes"]] {
        let gone = run(&fixture, words).code(5);
        assert!(gone.stderr.contains(&fixture.url()), "{}", gone.stderr);
        assert!(gone.stderr.contains("--offline"), "{}", gone.stderr);
    }
    run(&fixture, &["status", "--offline"]).code(0);
    std::fs::rename(&moved, &fixture.origin).unwrap();
    run(&fixture, &["status"]).code(0);
    only_copy(&fixture);
}

#[test]
fn what_needs_a_clone_says_so() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let before = fixture.remote_tip("env/staging");
    for words in [
        &["init"][..],
        &["render", "dev", "--work-tree"],
        &["validate", "dev", "--work-tree"],
        &["promote", "staging", "--yes", "--no-push"],
    ] {
        let refused = run(&fixture, words).code(2);
        assert!(
            refused.stderr.contains("needs a clone of your own"),
            "{words:?}: {}",
            refused.stderr
        );
    }
    let both = run(&fixture, &["status", "--remote", "upstream"]).code(2);
    assert!(both.stderr.contains("--remote"), "{}", both.stderr);
    let odd = Env::finish(&mut elsewhere(&fixture, "ext::sh -c true", &["status"])).code(2);
    assert!(odd.stderr.contains("start a program"), "{}", odd.stderr);
    assert_eq!(before, fixture.remote_tip("env/staging"));
}

#[test]
fn the_folder_of_copies_can_be_chosen() {
    let fixture = shop::branches();
    let chosen = fixture.env.join("chosen");
    let mut command = elsewhere(&fixture, &fixture.url(), &["status"]);
    Env::finish(command.env("KUBECTL_GITOPS_CACHE_DIR", &chosen)).code(0);
    assert!(chosen.join("repositories").is_dir());
    assert!(!cache(&fixture).exists());
    let file = fixture.env.join("file");
    std::fs::write(&file, "").unwrap();
    let mut command = elsewhere(&fixture, &fixture.url(), &["status"]);
    let refused = Env::finish(command.env("KUBECTL_GITOPS_CACHE_DIR", &file)).code(2);
    assert!(refused.stderr.contains("file"), "{}", refused.stderr);
}

#[cfg(unix)]
#[test]
fn ssh_and_its_short_form_go_through_the_users_own_program() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = shop::branches();
    // What a server would run, run here: the last argument is the command.
    let ssh = fixture.env.join("ssh");
    let script =
        "#!/bin/sh\nfor last; do :; done\necho \"$*\" >> \"$0.log\"\nexec sh -c \"$last\"\n";
    std::fs::write(&ssh, script).unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = fixture.origin.display();
    for url in [
        format!("git@git.example.com:{path}"),
        format!("ssh://git@git.example.com{path}"),
    ] {
        let mut command = elsewhere(&fixture, &url, &["status"]);
        Env::finish(command.env("GIT_SSH", &ssh)).code(0);
    }
    let log = std::fs::read_to_string(fixture.env.join("ssh.log")).unwrap();
    assert!(log.contains("git@git.example.com"), "{log}");
    assert_eq!(copies(&fixture).len(), 2);
}

/// Whether a text stands in any file below a folder.
fn stands_in(folder: &Path, text: &str) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return stands_in(&path, text);
        }
        let bytes = std::fs::read(&path).ok()?;
        let found = bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        (found || path.to_string_lossy().contains(text)).then_some(path)
    })
}

#[test]
fn credentials_of_an_address_are_used_and_kept_nowhere() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    let server = GitHttp::start(fixture.env.path(), "ada", "s3cr3t/@");
    let address = server.address();
    let url = format!("http://ada:s3cr3t%2F%40@{address}/origin.git");
    let words = ["promote", "staging", "--yes", "-v=9"];
    let outcome = Env::finish(&mut elsewhere(&fixture, &url, &words)).code(0);
    let plain = format!("http://{address}/origin.git");
    assert!(outcome.stdout.contains(&plain), "{}", outcome.stdout);
    for said in [&outcome.stdout, &outcome.stderr] {
        assert!(!said.contains("s3cr3t") && !said.contains("***"), "{said}");
    }
    assert_eq!(
        fixture.file_at("env/staging", "product.yaml"),
        fixture.file_at("env/dev", "product.yaml")
    );
    let encoded = "YWRhOnMzY3IzdC9A";
    for secret in ["s3cr3t", encoded] {
        assert_eq!(stands_in(&fixture.env.join("home"), secret), None);
    }
    // The same repository under another login is the same copy.
    let wrong = format!("http://ada:wr0ng@{address}/origin.git");
    let refused = Env::finish(&mut elsewhere(&fixture, &wrong, &["status"])).code(5);
    assert!(refused.stderr.contains(&plain), "{}", refused.stderr);
    assert!(!refused.stderr.contains("wr0ng"), "{}", refused.stderr);
    only_copy(&fixture);
}

#[test]
fn gits_helpers_know_the_password_and_nobody_waits_at_a_prompt() {
    let fixture = shop::branches();
    let server = GitHttp::start(fixture.env.path(), "ada", "right");
    let url = server.url("origin.git");
    let helper = |password: &str| {
        format!(
            "!f() {{ test \"$1\" = get && cat >> asked && echo username=ada && echo password={password}; }}; f"
        )
    };
    let with = |url: &str, password: &str, words: &[&str]| {
        let mut command = elsewhere(&fixture, url, words);
        command
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "credential.helper")
            .env("GIT_CONFIG_VALUE_0", helper(password));
        Env::finish(&mut command)
    };
    with(&url, "right", &["status"]).code(0);
    // A user without a password in the address is whom the helper is asked for.
    let named = format!("http://ada@{}/origin.git", server.address());
    with(&named, "right", &["status"]).code(0);
    let copy = only_copy(&fixture);
    let asked = std::fs::read_to_string(copy.join("asked")).unwrap();
    assert!(asked.contains("username=ada"), "{asked}");
    let begun = Instant::now();
    for refused in [
        with(&url, "wr0ng", &["promote", "staging", "--yes"]),
        Env::finish(&mut elsewhere(
            &fixture,
            &url,
            &["promote", "staging", "--yes"],
        )),
    ] {
        let refused = refused.code(5);
        assert!(refused.stderr.contains(&url), "{}", refused.stderr);
        assert!(!refused.stderr.contains("wr0ng"), "{}", refused.stderr);
    }
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_remote_without_shallow_copies_gives_all_of_its_history() {
    for answers in [Answers::NoShallow, Answers::Dumb] {
        let fixture = shop::branches();
        fixture.env.git(&fixture.origin, &["update-server-info"]);
        let server = GitHttp::start_as(fixture.env.path(), ("ada", "pw"), answers);
        let url = server.url_with_credentials("origin.git");
        let run = |words: &[&str]| {
            let mut command = elsewhere(&fixture, &url, words);
            // The small server would rather not be asked for many files at once.
            Env::finish(command.env("GIT_HTTP_MAX_REQUESTS", "1"))
        };
        let first = run(&["status"]).code(0);
        assert!(
            first.stderr.contains("all of its history"),
            "{}",
            first.stderr
        );
        assert!(!first.stderr.contains("damaged"), "{}", first.stderr);
        let copy = only_copy(&fixture);
        assert!(!copy.join("shallow").exists());
        // It is said once.
        let again = run(&["history", "dev"]).code(0);
        assert!(!again.stderr.contains("history"), "{}", again.stderr);
        assert!(again.stdout.contains("begin dev"), "{}", again.stdout);
        if answers == Answers::NoShallow {
            edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
            run(&["promote", "staging", "--yes"]).code(0);
            let staging = fixture.file_at("env/staging", "product.yaml").unwrap();
            assert!(staging.contains(CART_NEW), "{staging}");
        }
        fixture.fsck();
    }
}

#[test]
fn history_is_fetched_when_an_answer_lies_there() {
    let fixture = shop::branches();
    edit_and_render(&fixture, "dev", "bump cart", CART, CART_NEW);
    // The merge base of the two is not in a copy at first.
    let (outcome, started) = counted(&fixture, &["promote", "staging", "--yes"]);
    let outcome = outcome.code(0);
    assert_eq!(started.count("fetch"), 2, "{started:?}");
    assert!(
        outcome.stderr.contains("fetching 128 more commits"),
        "{}",
        outcome.stderr
    );

    std::fs::remove_dir_all(cache(&fixture)).unwrap();
    edit(&fixture, "env/staging", "slow bank", "50051", "50052");
    fixture
        .run(&["render", "staging", "--write", "--yes"])
        .code(0);
    edit_and_render(&fixture, "dev", "bump cart", CART_NEW, "shop/cart:v1.2.0");
    let refused = run(&fixture, &["promote", "staging", "--yes"]).code(3);
    assert!(refused.stderr.contains("slow bank"), "{}", refused.stderr);
    // What it proposes can be typed as it stands.
    let again = format!("gitops --repo {} ", fixture.url());
    assert!(refused.stderr.contains(&again), "{}", refused.stderr);
    let table = format!("{}{}", refused.stdout, refused.stderr);
    assert!(!table.contains("older than the history"), "{table}");

    std::fs::remove_dir_all(cache(&fixture)).unwrap();
    let history = json(run(&fixture, &["history", "staging", "-o", "json"]));
    let ends = &history["environments"][0]["end"];
    assert_eq!(ends, "beginning", "{history}");

    std::fs::remove_dir_all(cache(&fixture)).unwrap();
    let words = ["rollback", "staging", "--to", "env/staging~1", "--dry-run"];
    run(&fixture, &words).code(0);
    std::fs::remove_dir_all(cache(&fixture)).unwrap();
    let base = fixture
        .env
        .git(&fixture.origin, &["rev-parse", "env/staging~2"]);
    for word in [&base[..], &base[..10]] {
        run(
            &fixture,
            &["rollback", "staging", "--to", word, "--dry-run"],
        )
        .code(0);
        std::fs::remove_dir_all(cache(&fixture)).unwrap();
    }
    let older = fixture
        .env
        .git(&fixture.origin, &["rev-parse", "env/dev~2"]);
    let words = ["promote", "staging", "--rev", &older[..10], "--dry-run"];
    run(&fixture, &words).code(3);
    // Offline nobody is asked.
    let offline = run(&fixture, &["history", "staging", "--offline"]).code(0);
    assert!(!offline.stderr.contains("fetching"), "{}", offline.stderr);
}
