//! `demo` makes a playground beside nothing else, and leaves it in order.

use super::support::Env;

#[test]
fn it_makes_a_playground_that_git_finds_nothing_wrong_with() {
    let env = Env::new();
    let outcome = env.gitops(env.path(), &["demo"]).code(0);
    assert!(
        outcome.stdout.contains("cd gitops-demo/online-boutique"),
        "{}",
        outcome.stdout
    );

    let clone = env.join("gitops-demo/online-boutique");
    let origin = env.join("gitops-demo/origin.git");
    for repository in [&clone, &origin] {
        env.git(repository, &["fsck", "--strict"]);
    }
    assert_eq!(env.git(&clone, &["status", "--porcelain"]), "");
    let branches = env.git(&origin, &["for-each-ref", "--format=%(refname:short)"]);
    assert_eq!(branches, "env/dev\nenv/prod\nenv/staging\nmain");
    let mut made: Vec<_> = std::fs::read_dir(env.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    made.sort();
    assert_eq!(made, ["gitops-demo", "home"]);
    assert_eq!(std::fs::read_dir(env.join("home")).unwrap().count(), 0);
}

#[test]
fn it_replaces_a_playground_only_when_told_and_nothing_else_ever() {
    let env = Env::new();
    env.gitops(env.path(), &["demo", "--directory", "here"])
        .code(0);
    let again = env
        .gitops(env.path(), &["demo", "--directory", "here"])
        .code(2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    env.gitops(env.path(), &["demo", "--directory", "here", "--force"])
        .code(0);

    std::fs::create_dir(env.join("mine")).unwrap();
    std::fs::write(env.join("mine/thesis"), "years").unwrap();
    let refused = env
        .gitops(env.path(), &["demo", "--directory", "mine", "--force"])
        .code(2);
    assert!(
        refused.stderr.contains("not a playground"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        std::fs::read_to_string(env.join("mine/thesis")).unwrap(),
        "years"
    );
}
