//! What a very large values file costs: memory, as the system counts it for the program.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use super::support::Fixture;

const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    - {name: dev, branch: main}\n";

const TAGS: &str = r#"{"apiVersion": "kubectl-gitops/v1alpha1", "kind": "RegistryTags",
    "repositories": {"registry.example.com/shop/web": {"tags": {"v2.0.0": {
    "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}}}"#;

/// One image in a values file of at least so many bytes.
fn values(bytes: usize) -> String {
    let mut text = String::from(
        "web:\n  image:\n    repository: registry.example.com/shop/web\n    tag: v1.0.0\n",
    );
    let mut at = 0;
    while text.len() < bytes {
        text.push_str(&format!(
            "service-{at}:\n  enabled: true\n  env:\n    UPSTREAM: \"service-{at}:7070\"\n    TIMEOUT: 3s\n  resources: {{requests: {{cpu: 100m}}, limits: {{memory: 64Mi}}}}\n"
        ));
        at += 1;
    }
    text
}

/// Bumps the image of a values file; gives the most memory that the program held, in bytes.
fn bump(text: &str) -> usize {
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", GITOPS), ("values.yaml", text)])]);
    fixture.write("tags.json", TAGS);
    let mut command = fixture.env.gitops_command(&fixture.clone);
    command.args(["bump-image", "--env", "dev", "--yes", "web=v2.0.0"]);
    command.args(["--tags-from", "tags.json"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let ended = loop {
        // The system's own high-water mark, so that no peak between two looks is missed.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let mark = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let mark = mark.and_then(|mark| mark.trim().strip_suffix(" kB")?.parse::<usize>().ok());
        most = most.max(mark.unwrap_or(0) * 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(ended.success(), "{said}");
    assert_eq!(
        fixture.file_at("main", "values.yaml").unwrap(),
        text.replace("v1.0.0", "v2.0.0")
    );
    most
}

#[test]
#[cfg(target_os = "linux")]
fn a_bump_holds_less_than_ten_times_the_largest_file() {
    let (small, large) = (values(1_000), values(5_000_000));
    let (base, peak) = (bump(&small), bump(&large));
    assert!(base > 1 << 20, "{base} bytes cannot be");
    let own = peak.saturating_sub(base);
    let times = own as f64 / large.len() as f64;
    assert!(
        times < 10.0,
        "{own} bytes more than for a small file: {times:.1} times its size"
    );
}
