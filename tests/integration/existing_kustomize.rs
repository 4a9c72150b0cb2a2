//! A repository that knows nothing of this tool: what it can do on the first day.

use std::path::Path;

use kubectl_gitops::ops::demo::Layout;

use super::online_boutique::{Files, files_below};
use super::support::Fixture;

const GITOPS: &str = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: team}
spec:
  environments:
    - {name: dev, branch: main, path: overlays/dev}
    - {name: staging, branch: main, path: overlays/staging, promoteFrom: dev}
    - {name: prod, branch: main, path: overlays/prod, promoteFrom: staging}
  registries:
    registry.example.com: {layout: ../registry}
";

/// The example as it is, with the one file that says where the environments are.
fn fixture() -> Fixture {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/existing-kustomize");
    let mut files = Files::new();
    files_below(&example, &example, &mut files);
    let mut files: Vec<(String, String)> = files
        .into_iter()
        .map(|(path, bytes)| (path.to_string(), String::from_utf8(bytes).unwrap()))
        .collect();
    files.push(("gitops.yaml".to_owned(), GITOPS.to_owned()));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let fixture = Fixture::new(&[("main", &files)]);
    let mut registry = Layout::default();
    for tag in ["2.4.0", "2.4.1"] {
        registry.add("team/api", tag, "2026-01-01T00:00:00Z");
    }
    registry.add("team/web", "1.10.0", "2026-01-02T00:00:00Z");
    registry.write(&fixture.env.join("registry")).unwrap();
    fixture
}

const DEV: &str = "overlays/dev/kustomization.yaml";

#[test]
fn a_new_tag_changes_its_own_characters_and_nothing_else() {
    let fixture = fixture();
    let before = fixture.file_at("main", DEV).unwrap();
    fixture
        .run(&[
            "bump-image",
            "api=2.4.1",
            "web=1.10.0",
            "--env",
            "dev",
            "--yes",
        ])
        .code(0);
    let wanted = before
        .replace("newTag: 2.4.0", "newTag: 2.4.1")
        .replace("\"1.9.1\"", "\"1.10.0\"");
    assert_eq!(fixture.file_at("main", DEV).unwrap(), wanted);
    assert!(wanted.contains("# the shop window"));
    let changed = fixture
        .env
        .git(&fixture.origin, &["diff", "--name-only", "main~1", "main"]);
    assert_eq!(changed, DEV);

    // Again: nothing to do, and no commit.
    let commits = fixture.commits_on("main");
    fixture
        .run(&[
            "bump-image",
            "api=2.4.1",
            "web=1.10.0",
            "--env",
            "dev",
            "--yes",
        ])
        .code(0);
    assert_eq!(fixture.commits_on("main"), commits);
    fixture.fsck();
}

#[test]
fn a_tag_that_the_registry_does_not_have_is_refused() {
    let fixture = fixture();
    let before = fixture.remote_tip("main");
    let outcome = fixture.run(&["bump-image", "api=9.9.9", "--env", "dev", "--yes"]);
    assert_eq!(outcome.status, 2, "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("no tag 9.9.9"),
        "{}",
        outcome.stderr
    );
    assert_eq!(fixture.remote_tip("main"), before);
}

#[test]
fn overlays_are_compared_by_key_path() {
    let fixture = fixture();
    let outcome = fixture.run(&["diff", "staging", "prod"]).code(1);
    let line = outcome
        .stdout
        .lines()
        .find(|line| line.contains("team/api]"));
    let line = line.unwrap_or_else(|| panic!("{}", outcome.stdout));
    assert!(line.contains("2.3.4 → 2.3.1"), "{line}");
}

const STAGING: &str = "overlays/staging/kustomization.yaml";

#[test]
fn tags_are_promoted_and_nothing_else() {
    let fixture = fixture();
    let before = fixture.file_at("main", STAGING).unwrap();
    // Nobody knows what was promoted before: tags that differ are asked once.
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(
        outcome.stderr.contains("api version") && outcome.stderr.contains("2.3.4"),
        "{}",
        outcome.stderr
    );
    let outcome = fixture
        .run(&["promote", "staging", "--overwrite", "api", "--yes"])
        .code(0);
    assert!(
        outcome.stdout.contains("2.3.4 → 2.4.0"),
        "{}",
        outcome.stdout
    );
    let after = fixture.file_at("main", STAGING).unwrap();
    assert_eq!(after, before.replace("newTag: 2.3.4", "newTag: 2.4.0"));
    let record = "overlays/staging/.gitops/promoted/component/api.yaml";
    assert!(fixture.file_at("main", record).is_some());

    fixture
        .run(&["bump-image", "api=2.4.1", "--env", "dev", "--yes"])
        .code(0);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let after = fixture.file_at("main", STAGING).unwrap();
    assert_eq!(after, before.replace("newTag: 2.3.4", "newTag: 2.4.1"));

    let hotfix = after.replace("newTag: 2.4.1", "newTag: 2.4.2");
    fixture.commit("main", "fix totals", &[(STAGING, Some(&hotfix))]);
    let outcome = fixture.run(&["promote", "staging", "--yes"]).code(3);
    for part in ["hotfix", "api version", "2.4.1 → 2.4.2"] {
        assert!(outcome.stderr.contains(part), "{part}: {}", outcome.stderr);
    }
    fixture.run(&["backport", "staging", "--yes"]).code(0);
    let dev = fixture.file_at("main", DEV).unwrap();
    assert!(dev.contains("newTag: 2.4.2"), "{dev}");
    fixture.fsck();
}

#[test]
fn init_finds_the_environments_and_what_they_pin() {
    let fixture = fixture();
    let folder = fixture.env.join("fresh");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/existing-kustomize");
    let mut files = Files::new();
    files_below(&example, &example, &mut files);
    for (path, bytes) in files {
        let path = folder.join(path.as_str());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    fixture
        .env
        .git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    fixture.env.git(&folder, &["add", "--all"]);
    fixture
        .env
        .git(&folder, &["commit", "--quiet", "--message=begin"]);
    let outcome = fixture.env.gitops(&folder, &["init"]).code(0);
    let proposed = kubectl_gitops::yaml::parse_values(&outcome.stdout).unwrap();
    let wanted = kubectl_gitops::yaml::parse_values(GITOPS).unwrap();
    assert_eq!(
        proposed[0]["spec"]["environments"],
        wanted[0]["spec"]["environments"]
    );
    assert!(
        outcome.stderr.contains("api:2.3.1, web:1.8.7"),
        "{}",
        outcome.stderr
    );
    assert!(!folder.join("gitops.yaml").exists(), "it only proposes");
}

#[test]
fn tags_are_promoted_and_what_differs_on_purpose_stays() {
    let fixture = fixture();
    let staging = "overlays/staging/kustomization.yaml";
    let before = fixture.file_at("main", staging).unwrap();
    // Nothing was ever promoted, so which side is right is asked once.
    let refused = fixture.run(&["promote", "staging", "--yes"]).code(3);
    assert!(refused.stderr.contains("api"), "{}", refused.stderr);
    assert_eq!(fixture.file_at("main", staging).unwrap(), before);

    fixture
        .run(&["promote", "staging", "--overwrite", "api", "--yes"])
        .code(0);
    let wanted = before.replace("newTag: 2.3.4", "newTag: 2.4.0");
    assert_eq!(fixture.file_at("main", staging).unwrap(), wanted);

    // From here on it knows.
    fixture
        .run(&["bump-image", "api=2.4.1", "--env", "dev", "--yes"])
        .code(0);
    fixture.run(&["promote", "staging", "--yes"]).code(0);
    let wanted = wanted.replace("newTag: 2.4.0", "newTag: 2.4.1");
    assert_eq!(fixture.file_at("main", staging).unwrap(), wanted);
    assert!(wanted.contains("namespace: team-staging"));
    fixture.fsck();
}
