//! The real components answer, refuse and end as the other tests rely on.

use crate::support::apiserver::ApiServer;
use crate::support::faults::{Fault, FaultProxy, dead_address};
use crate::support::githttp::GitHttp;
use crate::support::http;
use crate::support::process::{Guarded, server_folder};
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
