//! The real components answer, refuse and end as the other tests rely on.

use crate::support::apiserver::ApiServer;
use crate::support::faults::{Fault, FaultProxy, dead_address};
use crate::support::githttp::GitHttp;
use crate::support::http;
use crate::support::process::{Guarded, program, server_folder};
use crate::support::registry::{Auth, ImageFacts, PASSWORD, TestRegistry, USER, basic};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn the_api_server_applies_rbac() {
    let server = ApiServer::shared();
    assert!(server.url().starts_with("https://127.0.0.1:"));
    assert_eq!(server.uid().len(), 36);
    assert!(server.kubeconfig().is_file());
    let namespace = server.namespace("components");
    server.apply(&format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: one, namespace: {namespace}}}}}"
    ));
    let name = server.ask(&["get", "configmap", "one", "-n", &namespace, "-o", "name"]);
    assert_eq!(name, "configmap/one");
    let refused = server
        .kubectl()
        .args([
            "--context",
            "limited",
            "get",
            "configmaps",
            "-n",
            &namespace,
        ])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("(Forbidden)"));
}

#[test]
fn the_registry_serves_what_was_seeded() {
    let registry = TestRegistry::start(Auth::Basic);
    registry.push("shop/cart", "1.0.0");
    let facts = ImageFacts {
        created: Some("2026-01-02T03:04:05Z".to_owned()),
        labels: vec![(
            "org.opencontainers.image.revision".to_owned(),
            "abc".to_owned(),
        )],
        platforms: vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()],
    };
    let digest = registry.push_with("shop/cart", "1.1.0", &facts);
    let target = "/v2/shop/cart/tags/list";
    let nobody = http::send(registry.address(), "GET", target, &[], &[]).unwrap();
    assert_eq!(nobody.status, 401);
    let credentials = basic(USER, PASSWORD);
    let headers = [
        ("Authorization", credentials.as_str()),
        ("Accept", "application/vnd.oci.image.index.v1+json"),
    ];
    let tags = http::send(registry.address(), "GET", target, &headers, &[]).unwrap();
    let tags: serde_json::Value = serde_json::from_slice(&tags.body).unwrap();
    assert_eq!(tags["tags"], serde_json::json!(["1.0.0", "1.1.0"]));
    let manifest = "/v2/shop/cart/manifests/1.1.0";
    let answer = http::send(registry.address(), "HEAD", manifest, &headers, &[]).unwrap();
    assert_eq!(
        answer.header("docker-content-digest"),
        Some(digest.as_str())
    );
}

#[test]
fn faults_spoil_only_what_a_test_names() {
    let registry = TestRegistry::start(Auth::None);
    registry.push("shop/cart", "1.0.0");
    let proxy = FaultProxy::start(registry.address(), |_, target| match target {
        "/v2/shop/cart/tags/list" => Fault::status(500),
        "/v2/cut" => Fault::Cut,
        "/v2/cut-answer" => Fault::CutAnswer,
        "/v2/late" => Fault::Delay(Duration::from_millis(50)),
        _ => Fault::Pass,
    });
    let ask = |target| http::send(proxy.address(), "GET", target, &[], &[]);
    assert_eq!(ask("/v2/shop/cart/tags/list").unwrap().status, 500);
    assert_eq!(ask("/v2/").unwrap().status, 200);
    assert_eq!(
        proxy.address().ip().to_string(),
        registry.host().split(':').next().unwrap()
    );
    assert!(ask("/v2/cut").is_err());
    assert!(ask("/v2/cut-answer").is_err());
    assert_eq!(ask("/v2/late").unwrap().status, 404);
    assert_eq!(proxy.seen()[0], "GET /v2/shop/cart/tags/list");
    assert!(http::send(dead_address(), "GET", "/", &[], &[]).is_err());
}

fn git(dir: &Path, arguments: &[&str]) -> bool {
    Command::new("git")
        .current_dir(dir)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com"])
        .args(arguments)
        .output()
        .unwrap()
        .status
        .success()
}

#[test]
fn git_over_http_asks_for_a_password_and_takes_pushes() {
    let root = tempfile::tempdir().unwrap();
    assert!(git(
        root.path(),
        &["init", "-q", "--bare", "-b", "main", "shop.git"]
    ));
    let server = GitHttp::start(root.path(), "tester", "only-in-tests");
    assert!(
        server
            .url("shop.git")
            .contains(&server.address().to_string())
    );
    let work = tempfile::tempdir().unwrap();
    assert!(!git(
        work.path(),
        &["clone", "-q", &server.url("shop.git"), "nobody"]
    ));
    let url = server.url_with_credentials("shop.git");
    assert!(git(work.path(), &["clone", "-q", &url, "clone"]));
    let clone = work.path().join("clone");
    assert!(git(
        &clone,
        &["commit", "-q", "--allow-empty", "-m", "first"]
    ));
    assert!(git(&clone, &["push", "-q", "origin", "HEAD:main"]));
    assert!(git(
        &root.path().join("shop.git"),
        &["rev-parse", "-q", "--verify", "main"]
    ));
}

#[test]
fn a_guarded_server_and_its_folder_end_with_its_pipe() {
    let dir = server_folder("sleeper");
    let server = Guarded::start(
        &dir,
        Path::new("/bin/sh"),
        &["-c".into(), "sleep 600".into()],
    );
    drop(server);
    let began = Instant::now();
    while dir.exists() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{}",
            dir.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs `tests/testenv/setup` with an empty cache; gives its exit and what it complains of.
fn setup(arguments: &[&str], assets: Option<&Path>, path: &Path) -> (bool, String) {
    let cache = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testenv/setup");
    let mut command = Command::new(script);
    command
        .args(arguments)
        .env("KUBECTL_GITOPS_TESTENV", cache.path())
        .env_remove("KUBEBUILDER_ASSETS")
        .env("PATH", path);
    if let Some(assets) = assets {
        command.env("KUBEBUILDER_ASSETS", assets);
    }
    let output = command.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// A folder with links to those programs, as a `PATH` without anything else.
fn path_with(programs: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for program in programs {
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(program))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("no {program}"));
        std::os::unix::fs::symlink(found, folder.path().join(program)).unwrap();
    }
    folder
}

#[test]
fn missing_components_are_named_with_what_provides_them() {
    let basics = ["bash", "env", "cat", "cut", "dirname", "uname"];
    let with_git = path_with(&[&basics[..], &["git"]].concat());
    let (success, said) = setup(&["--where"], None, with_git.path());
    assert!(!success && said.contains("make test"), "{said}");
    assert!(
        said.contains("missing: kube-apiserver kubectl etcd registry gitea"),
        "{said}"
    );

    // The folder of the Kubernetes community's convention counts, but it has no registry and no forge.
    let assets = program("kubectl");
    let (success, said) = setup(&["--where"], assets.parent(), with_git.path());
    assert!(
        !success && said.contains("missing: registry gitea ("),
        "{said}"
    );

    let besides = ["git", "gpg", "ssh-keygen", "script"];
    let without_go = path_with(&[&basics[..], &besides].concat());
    let (success, said) = setup(&[], None, without_go.path());
    assert!(!success && said.contains("needs Go"), "{said}");
    let (success, said) = setup(&[], None, with_git.path());
    assert!(!success && said.contains("gpg is needed"), "{said}");
    let (success, said) = setup(&[], None, path_with(&basics).path());
    assert!(!success && said.contains("git is needed"), "{said}");
}
