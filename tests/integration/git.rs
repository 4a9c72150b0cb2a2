//! The adapter to Git on real repositories: reading, fetching, writing,
//! pushing, and the kinds of repository that people have.

use kubectl_gitops::git::{Git, GitError, Head, Selection};
use kubectl_gitops::repo::{BranchName, CommitId, EntryKind, ObjectFormat, RepoPath};

use crate::support::Fixture;
use crate::support::env::Env;

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
            &[("product.yaml", "v: 1\n"), ("components/a.yaml", "x\n")],
        ),
        ("env/prod", &[("product.yaml", "v: 0\n")]),
    ])
}

fn remote_tip(fixture: &Fixture, name: &str) -> CommitId {
    fixture.remote_tip(name).unwrap().parse().unwrap()
}

#[test]
fn the_files_of_a_branch_are_read_without_a_checkout() {
    let fixture = simple();
    let git = Git::discover(&fixture.clone).unwrap();
    let remote = git.remote(None).unwrap().unwrap();
    assert_eq!(remote.name(), "origin");
    assert_eq!(git.default_branch(Some(&remote)).unwrap(), branch("main"));
    let tip = git.tip(Some(&remote), &branch("env/dev")).unwrap().unwrap();
    let snapshot = git.snapshot(&tip, &Selection::everything()).unwrap();
    assert_eq!(
        snapshot.text(&path("product.yaml")).unwrap(),
        Some("v: 1\n")
    );
    assert_eq!(snapshot.text(&path("nothing.yaml")).unwrap(), None);
    assert_eq!(snapshot.entries().count(), 2);
    assert_eq!(snapshot.commit(), Some(&tip));
    let part = git
        .snapshot(&tip, &Selection::under(vec![path("components")], |_| false))
        .unwrap();
    assert_eq!(part.entries().count(), 1);
    assert!(part.bytes(&path("components/a.yaml")).is_err());
    assert!(part.bytes(&path("product.yaml")).is_err());
    assert_eq!(part.bytes(&path("components/b.yaml")).unwrap(), None);
}

#[test]
fn fetching_follows_the_remote_and_forgets_deleted_branches() {
    let fixture = simple();
    let git = Git::discover(&fixture.clone).unwrap();
    let remote = git.remote(None).unwrap().unwrap();
    let new = fixture.commit("env/dev", "second", &[("product.yaml", Some("v: 2\n"))]);
    let asked = [
        branch("env/dev"),
        branch("env/none"),
        branch("x"),
        branch("main"),
    ];
    git.fetch(&remote, &asked).unwrap();
    let tip = git.tip(Some(&remote), &branch("env/dev")).unwrap().unwrap();
    assert_eq!(tip.to_string(), new);
    assert_eq!(git.tip(Some(&remote), &branch("env/none")).unwrap(), None);
    fixture
        .env
        .git(&fixture.origin, &["branch", "-D", "env/dev"]);
    git.fetch(&remote, &asked).unwrap();
    assert_eq!(git.tip(Some(&remote), &branch("env/dev")).unwrap(), None);
    assert!(git.tip(Some(&remote), &branch("main")).unwrap().is_some());
    assert!(
        git.tip(Some(&remote), &branch("env/prod"))
            .unwrap()
            .is_some()
    );
}

#[test]
fn a_remote_that_is_gone_is_said_so_without_its_password() {
    let fixture = simple();
    let url = "https://ada:s3cr3t@127.0.0.1:1/x.git";
    fixture
        .env
        .git(&fixture.clone, &["remote", "set-url", "origin", url]);
    let git = Git::discover(&fixture.clone).unwrap();
    let remote = git.remote(None).unwrap().unwrap();
    assert_eq!(remote.url(), "https://***@127.0.0.1:1/x.git");
    let error = git.fetch(&remote, &[branch("main")]).unwrap_err();
    assert!(matches!(error, GitError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
}

#[test]
fn remotes_are_chosen_by_name_then_origin_then_the_only_one() {
    let fixture = simple();
    let clone = &fixture.clone;
    let git = |args: &[&str]| fixture.env.git(clone, args);
    git(&["remote", "add", "upstream", &fixture.url()]);
    let name = |wanted: Option<&str>| {
        Git::discover(clone)
            .unwrap()
            .remote(wanted)
            .map(|remote| remote.map(|remote| remote.name().to_owned()))
    };
    assert_eq!(name(None).unwrap().as_deref(), Some("origin"));
    assert_eq!(name(Some("upstream")).unwrap().as_deref(), Some("upstream"));
    let error = name(Some("nope")).unwrap_err().to_string();
    assert!(error.contains("origin, upstream"), "{error}");
    git(&["remote", "rename", "origin", "other"]);
    assert!(matches!(name(None), Err(GitError::SeveralRemotes { .. })));
    git(&["remote", "remove", "upstream"]);
    assert_eq!(name(None).unwrap().as_deref(), Some("other"));
    git(&["remote", "remove", "other"]);
    assert_eq!(name(None).unwrap(), None);
    assert!(
        name(Some("origin"))
            .unwrap_err()
            .to_string()
            .contains("none")
    );
}

#[test]
fn heads_of_every_kind_are_told_apart() {
    let fixture = simple();
    let head = |dir: &std::path::Path| Git::discover(dir).unwrap().head().unwrap();
    let tip = remote_tip(&fixture, "main");
    assert_eq!(
        head(&fixture.clone),
        Head::Branch {
            name: branch("main"),
            commit: tip.clone()
        }
    );
    fixture
        .env
        .git(&fixture.clone, &["checkout", "-q", "--detach"]);
    assert_eq!(head(&fixture.clone), Head::Detached(tip.clone()));
    assert!(matches!(head(&fixture.origin), Head::Branch { .. }));
    let empty = Fixture::empty("trunk", &[]);
    assert_eq!(head(&empty.clone), Head::Unborn(branch("trunk")));
    fixture.env.git(
        &fixture.clone,
        &["worktree", "add", "-q", "../linked", "env/dev"],
    );
    let linked = fixture.env.join("linked");
    assert!(matches!(head(&linked), Head::Branch { name, .. } if name == branch("env/dev")));
    std::fs::create_dir(linked.join("deep")).unwrap();
    let git = Git::discover(&linked.join("deep")).unwrap();
    assert_eq!(
        git.work_tree().unwrap().canonicalize().unwrap(),
        linked.canonicalize().unwrap()
    );
    assert!(matches!(
        Git::discover(fixture.env.path()),
        Err(GitError::NotARepository { .. })
    ));
}

#[test]
fn sha256_repositories_work_and_reftable_names_the_way_out() {
    let fixture = Fixture::empty("main", &["--object-format=sha256"]);
    fixture.commit("main", "one", &[("a", Some("1\n"))]);
    fixture.pull();
    let git = Git::discover(&fixture.clone).unwrap();
    assert_eq!(git.object_format(), ObjectFormat::Sha256);
    let tip = git.resolve("HEAD").unwrap();
    let snapshot = git.snapshot(&tip, &Selection::everything()).unwrap();
    assert_eq!(snapshot.text(&path("a")).unwrap(), Some("1\n"));
    let entry = snapshot.entry(&path("a")).unwrap();
    assert_eq!(
        entry.id,
        kubectl_gitops::repo::blob_id_in(ObjectFormat::Sha256, b"1\n")
    );

    let other = simple();
    for (key, value) in [
        ("core.repositoryformatversion", "1"),
        ("extensions.refStorage", "reftable"),
    ] {
        let config = other.clone.join(".git/config");
        let config = config.to_str().unwrap();
        other
            .env
            .git(other.env.path(), &["config", "--file", config, key, value]);
    }
    let error = Git::discover(&other.clone).unwrap_err();
    assert!(matches!(error, GitError::Reftable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("git refs migrate --ref-format=files"),
        "{text}"
    );
}

#[test]
fn links_submodules_and_large_files_are_listed_and_not_read() {
    let fixture = simple();
    let stream = format!(
        "commit refs/heads/odd\ncommitter G <g@example.com> 1 +0000\ndata 1\nx\n\
         M 120000 inline link\ndata 11\n/etc/passwd\n\
         M 120000 inline dir\ndata 2\n..\n\
         M 160000 {} sub\n\
         M 100755 inline run.sh\ndata 3\nabc\n\
         M 100644 inline big\ndata 20\n{}\n",
        "1".repeat(40),
        "x".repeat(20),
    );
    fixture.fast_import(stream.as_bytes());
    let git = Git::discover(&fixture.origin).unwrap();
    let tip = git.resolve("odd").unwrap();
    let selection = Selection {
        max_bytes: 10,
        ..Selection::everything()
    };
    let snapshot = git.snapshot(&tip, &selection).unwrap();
    let said = |name: &str| snapshot.bytes(&path(name)).unwrap_err().to_string();
    assert_eq!(
        said("link"),
        "link is a symbolic link, which is not followed"
    );
    assert_eq!(
        said("dir/secret"),
        "dir is a symbolic link, which is not followed"
    );
    assert_eq!(said("sub/x"), "sub is a submodule, which is not entered");
    assert_eq!(
        said("big"),
        "big has 20 bytes; files over 10 bytes are not read"
    );
    let script = snapshot.entry(&path("run.sh")).unwrap();
    assert_eq!(script.kind, EntryKind::Executable);
    let below = Selection::under(vec![path("dir/deep")], |_| true);
    let below = git.snapshot(&tip, &below).unwrap();
    assert!(below.bytes(&path("dir/deep/x")).is_err());
}

#[test]
fn a_name_that_leads_out_of_the_tree_is_counted_and_never_read() {
    let fixture = simple();
    let blob = fixture
        .env
        .git(&fixture.origin, &["rev-parse", "main:gitops.yaml"]);
    for name in ["..", ".git", ".GIT", "a\\b", "git~1"] {
        let mut tree = format!("100644 {name}\0").into_bytes();
        for pair in blob.as_bytes().chunks(2) {
            let pair = std::str::from_utf8(pair).unwrap();
            tree.push(u8::from_str_radix(pair, 16).unwrap());
        }
        let file = fixture.env.join("tree");
        std::fs::write(&file, tree).unwrap();
        let write = ["hash-object", "-t", "tree", "-w", "--literally"];
        let tree = fixture.env.git(
            &fixture.origin,
            &[&write[..], &[file.to_str().unwrap()]].concat(),
        );
        let commit = fixture
            .env
            .git(&fixture.origin, &["commit-tree", "-m", "x", &tree]);
        let git = Git::discover(&fixture.origin).unwrap();
        let snapshot = git
            .snapshot(&commit.parse().unwrap(), &Selection::everything())
            .unwrap();
        assert_eq!(snapshot.entries().count(), 0, "{name}");
        let odd: Vec<String> = snapshot.odd().map(ToString::to_string).collect();
        assert_eq!(odd, [name]);
    }
}

/// A tree that holds another one many times over, again and again, is a few kilobytes
/// that list as billions of files.
#[test]
fn a_tree_without_end_is_refused_by_its_number_of_files() {
    let fixture = simple();
    let blob = fixture
        .env
        .git(&fixture.origin, &["rev-parse", "main:gitops.yaml"]);
    let mktree = |kind: &str, id: &str| {
        let list: String = (0..40)
            .map(|at| format!("{kind} {id}\tf{at:02}\n"))
            .collect();
        let file = fixture.env.join("list");
        std::fs::write(&file, list).unwrap();
        let mut command = fixture.env.command("git", &fixture.origin);
        let command = command
            .arg("mktree")
            .stdin(std::fs::File::open(file).unwrap());
        Env::finish(command).code(0).stdout.trim().to_owned()
    };
    let mut tree = mktree("100644 blob", &blob);
    for _ in 0..6 {
        tree = mktree("040000 tree", &tree);
    }
    let commit = fixture
        .env
        .git(&fixture.origin, &["commit-tree", "-m", "x", &tree]);
    let git = Git::discover(&fixture.origin).unwrap();
    let selection = Selection::under(vec![], |_| false);
    assert!(git.snapshot(&commit.parse().unwrap(), &selection).is_ok());
    let selection = Selection::under(vec![RepoPath::root()], |_| false);
    let error = git
        .snapshot(&commit.parse().unwrap(), &selection)
        .unwrap_err();
    assert!(matches!(error, GitError::TooManyFiles { .. }), "{error}");
}

#[test]
fn revisions_are_resolved_or_named_as_unknown() {
    let fixture = simple();
    let git = Git::discover(&fixture.clone).unwrap();
    let tip = remote_tip(&fixture, "env/dev");
    assert_eq!(git.resolve("origin/env/dev").unwrap(), tip);
    assert_eq!(git.resolve(tip.short()).unwrap(), tip);
    for wrong in ["nope", "HEAD~9", "", "HEAD:gitops.yaml", "\u{1b}[2J"] {
        let error = git.resolve(wrong).unwrap_err();
        assert!(matches!(error, GitError::UnknownRevision { .. }), "{error}");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}

#[test]
fn a_files_history_names_the_commits_that_changed_it() {
    let fixture = simple();
    fixture.commit("env/dev", "other", &[("components/a.yaml", Some("y\n"))]);
    let second = fixture.commit("env/dev", "second", &[("product.yaml", Some("v: 2\n"))]);
    fixture.commit("env/dev", "more", &[("components/b.yaml", Some("y\n"))]);
    let gone = fixture.commit("env/dev", "gone", &[("product.yaml", None)]);
    let git = Git::discover(&fixture.origin).unwrap();
    let tip = git.resolve("env/dev").unwrap();
    let of = |name: &str, limit| {
        git.file_history(&tip, &path(name), limit)
            .unwrap()
            .into_iter()
            .map(|version| (version.commit.message.subject, version.blob.is_some()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("product.yaml", None),
        [
            ("gone".to_owned(), false),
            ("second".to_owned(), true),
            ("begin env/dev".to_owned(), true)
        ]
    );
    assert_eq!(
        of("components/a.yaml", Some(1)),
        [("other".to_owned(), true)]
    );
    assert_eq!(of("nothing", None), []);
    assert_ne!(second, gone);
    let log = git.log(&tip, Some(2)).unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].id, tip);
    assert_eq!(log[0].committer.email, "grace@example.com");
}

#[test]
fn a_shallow_clone_says_where_its_history_ends() {
    let fixture = simple();
    for n in 2..5 {
        let text = format!("v: {n}\n");
        fixture.commit("env/dev", "next", &[("product.yaml", Some(&text))]);
    }
    let base = fixture.remote_tip("env/dev").unwrap();
    fixture.commit_from("env/old", Some(&base), "old", &[("o", Some("1"))]);
    fixture.commit("env/dev", "last", &[("components/a.yaml", Some("z"))]);
    let clone = fixture.clone_again("shallow", &["--depth=1", "--branch=main"]);
    let git = Git::discover(&clone).unwrap();
    assert!(git.is_shallow());
    let remote = git.remote(None).unwrap().unwrap();
    let both = [branch("env/dev"), branch("env/old")];
    git.fetch(&remote, &both).unwrap();
    let tips: Vec<CommitId> = both
        .iter()
        .map(|name| git.tip(Some(&remote), name).unwrap().unwrap())
        .collect();
    let log = git.log(&tips[0], None).unwrap();
    assert_eq!(log.len(), 1);
    assert!(git.is_boundary(&log[0]));
    let versions = git
        .file_history(&tips[0], &path("product.yaml"), None)
        .unwrap();
    assert!(versions[0].at_boundary);
    let base_here = git.merge_base(&tips[0], &tips[1]);
    assert!(
        matches!(base_here, Err(GitError::HistoryCut)),
        "{base_here:?}"
    );
    // What is there stays there: the next fetch does not cut it again.
    fixture.commit("env/dev", "newer", &[("components/a.yaml", Some("zz"))]);
    git.fetch(&remote, &both).unwrap();
    let git = Git::discover(&clone).unwrap();
    let tip = git.tip(Some(&remote), &both[0]).unwrap().unwrap();
    assert_eq!(git.log(&tip, None).unwrap().len(), 2);

    let whole = Git::discover(&fixture.origin).unwrap();
    let found = whole.merge_base(&tip, &tips[1]).unwrap().unwrap();
    assert_eq!(found.to_string(), base);
    let first = whole.log(&tip, None).unwrap().pop().unwrap();
    assert!(!whole.is_boundary(&first));
    let main = whole.resolve("main").unwrap();
    assert_eq!(whole.merge_base(&tip, &main).unwrap(), None);
}

#[test]
fn a_partial_clone_fetches_what_it_lacks() {
    let fixture = simple();
    fixture.env.git(
        &fixture.origin,
        &["config", "uploadpack.allowFilter", "true"],
    );
    fixture.env.git(
        &fixture.origin,
        &["config", "uploadpack.allowAnySHA1InWant", "true"],
    );
    let clone = fixture.clone_again("partial", &["--filter=blob:none", "--no-checkout"]);
    let git = Git::discover(&clone).unwrap();
    let tip = remote_tip(&fixture, "env/dev");
    let snapshot = git.snapshot(&tip, &Selection::everything()).unwrap();
    assert_eq!(
        snapshot.text(&path("product.yaml")).unwrap(),
        Some("v: 1\n")
    );
}

#[test]
fn the_work_tree_is_read_as_it_lies_there() {
    let fixture = simple();
    fixture.write("gitops.yaml", "a: 2\n");
    fixture.write("new/file.yaml", "n: 1\n");
    fixture.write(".gitignore", "*.log\nbuild/\n");
    fixture.write("x.log", "no");
    fixture.write("build/out.yaml", "no");
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", fixture.clone.join("link")).unwrap();
    let git = Git::discover(&fixture.clone).unwrap();
    assert!(git.is_dirty().unwrap());
    let snapshot = git.work_tree_snapshot(&Selection::everything()).unwrap();
    let names: Vec<String> = snapshot
        .entries()
        .map(|(path, _)| path.to_string())
        .collect();
    assert_eq!(
        names,
        [".gitignore", "gitops.yaml", "link", "new/file.yaml"]
    );
    assert_eq!(snapshot.text(&path("gitops.yaml")).unwrap(), Some("a: 2\n"));
    assert!(snapshot.bytes(&path("link")).is_err());
    fixture
        .env
        .git(&fixture.clone, &["checkout", "-q", "gitops.yaml"]);
    assert!(!git.is_dirty().unwrap(), "new files do not make it dirty");
    let bare = Git::discover(&fixture.origin).unwrap();
    assert!(matches!(
        bare.work_tree_snapshot(&Selection::everything()),
        Err(GitError::Bare { .. })
    ));
}

#[test]
fn the_files_of_a_commit_are_the_same_when_those_of_another_are_known() {
    let fixture = simple();
    let origin = &fixture.origin;
    let states: [&[(&str, &str, &str)]; 6] = [
        &[
            ("100644", "a", "1"),
            ("100644", "b/c", "2"),
            ("100755", "b/d/e", "3"),
            ("100644", "b.x", "4"),
        ],
        &[("100644", "a/deep/er", "1"), ("100644", "b", "2")],
        &[
            ("100755", "a", "1"),
            ("100644", "b/c", "other"),
            ("100644", "b/d/e", "3"),
            ("100644", "b.x", "4"),
        ],
        &[
            ("120000", "a", "b/c"),
            ("100644", "b/c", "2"),
            ("100644", "b/d/f", "3"),
        ],
        &[
            ("100644", "a0", "1"),
            ("100644", "a-b/c", "1"),
            ("100644", "z", "9"),
        ],
        &[],
    ];
    let commits: Vec<CommitId> = states
        .iter()
        .map(|files| {
            let mut stream = String::from(
                "commit refs/heads/state\ncommitter A <a@example.com> 1 +0000\ndata 1\nx\n",
            );
            for (mode, name, text) in *files {
                stream.push_str(&format!(
                    "M {mode} inline {name}\ndata {}\n{text}\n",
                    text.len()
                ));
            }
            let mut all = b"reset refs/heads/state\n\n".to_vec();
            all.extend(stream.bytes());
            fixture.fast_import(&all);
            fixture
                .env
                .git(origin, &["rev-parse", "state"])
                .parse()
                .unwrap()
        })
        .collect();
    let git = Git::discover(origin).unwrap();
    let no_c = || Selection::under(vec![RepoPath::root()], |path| !path.as_str().ends_with('c'));
    for one in &commits {
        for other in &commits {
            for selection in [Selection::everything(), no_c()] {
                let known = git.snapshot(one, &selection).unwrap();
                let wanted = git.snapshot(other, &selection).unwrap();
                let got = git.snapshot_like(other, &selection, &known).unwrap();
                assert_eq!(got.commit(), Some(other));
                let entries: Vec<_> = wanted.entries().collect();
                assert_eq!(got.entries().collect::<Vec<_>>(), entries);
                for (file, _) in entries {
                    assert_eq!(got.bytes(file), wanted.bytes(file), "{file}");
                }
            }
            // What was not read there is read here.
            let known = git.snapshot(one, &no_c()).unwrap();
            let got = git
                .snapshot_like(other, &Selection::everything(), &known)
                .unwrap();
            let wanted = git.snapshot(other, &Selection::everything()).unwrap();
            for (file, _) in wanted.entries() {
                assert_eq!(got.bytes(file), wanted.bytes(file), "{file}");
            }
        }
    }
}
