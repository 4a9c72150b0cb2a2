//! Many writers at once, and writers that are killed: nothing is lost, nothing
//! is torn, and running a command again completes it.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::images::{KUSTOMIZATION, pinned};
use crate::support::repo::Fixture;
use crate::support::shop;

const WRITERS: usize = 16;

/// A product of many components whose dev is one version ahead of staging in all of them.
fn wide(components: usize) -> Fixture {
    let product = |version: &str| {
        let head = shop::PRODUCT.split("    cart:").next().unwrap();
        let blocks = (0..components).map(|at| {
            format!(
                "    service-{at:02}:\n      image: registry.example.com/shop/service-{at:02}:{version}\n      values: {{port: 8080}}\n"
            )
        });
        format!("{head}{}", blocks.collect::<String>())
    };
    let fixture = Fixture::new(&[("main", &[("gitops.yaml", shop::GITOPS)])]);
    for name in ["dev", "staging", "prod"] {
        let parent = (name != "dev").then_some("env/dev~0");
        let mut files = shop::files(name);
        for (path, text) in &mut files {
            match path.as_str() {
                "product.yaml" => *text = product("v1.0.0"),
                "environment.yaml" => *text = text.split("spec:").next().unwrap().to_owned(),
                _ => {}
            }
        }
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), Some(text.as_str())))
            .collect();
        let branch = format!("env/{name}");
        fixture.commit_from(&branch, parent, &format!("begin {name}"), &files);
        fixture.run(&["render", name, "--write", "--yes"]).code(0);
    }
    let newer = product("v1.1.0");
    fixture.commit("env/dev", "bump all", &[("product.yaml", Some(&newer))]);
    fixture.run(&["render", "dev", "--write", "--yes"]).code(0);
    fixture
}

#[test]
fn sixteen_writers_at_once_all_land_and_none_is_lost() {
    let fixture = wide(WRITERS);
    let before = fixture.commits_on("env/staging");
    let clones: Vec<_> = (0..WRITERS)
        .map(|at| fixture.clone_again(&format!("writer-{at}"), &[]))
        .collect();
    let begun = Instant::now();
    let running: Vec<Child> = clones
        .iter()
        .enumerate()
        .map(|(at, clone)| {
            let only = format!("service-{at:02}");
            fixture
                .env
                .gitops_command(clone)
                .args(["promote", "staging", "--only", &only, "--yes"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    println!("{WRITERS} writers: {:.1} s", begun.elapsed().as_secs_f64());
    // Linear, one commit each, every component there.
    assert_eq!(fixture.commits_on("env/staging"), before + WRITERS);
    let merges = ["rev-list", "--merges", "--count", "env/staging"];
    assert_eq!(fixture.env.git(&fixture.origin, &merges), "0");
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert_eq!(product.matches(":v1.1.0").count(), WRITERS, "{product}");
    let rendered = ["grep", "-c", ":v1.1.0", "env/staging", "--", "manifests"];
    let rendered = fixture.env.git(&fixture.origin, &rendered);
    assert_eq!(rendered.lines().count(), WRITERS, "{rendered}");
    fixture.fsck();
    let left = fixture
        .run(&["promote", "staging", "--dry-run", "-o", "json"])
        .code(0);
    let left: serde_json::Value = serde_json::from_str(&left.stdout).unwrap();
    assert_eq!(left["changes"], serde_json::json!([]), "{left}");
}

#[test]
fn bumps_of_different_components_in_one_file_all_land() {
    let names: Vec<String> = (0..WRITERS).map(|at| format!("service-{at:02}")).collect();
    let image = |name: &str| format!("registry.example.com/shop/{name}");
    let pins: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), image(name), "v1.0.0", "semver: ^1"))
        .collect();
    let fixture = pinned(&pins);
    let tags = tags_of(&fixture, &names);
    let before = fixture.commits_on("main");
    let running: Vec<Child> = names
        .iter()
        .map(|name| {
            let clone = fixture.clone_again(name, &[]);
            let mut command = fixture.env.gitops_command(&clone);
            command.args(["bump-image", name, "--env", "dev", "--yes"]);
            command.arg("--tags-from").arg(&tags);
            let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}\n{said}", output.status);
    }
    assert_eq!(fixture.commits_on("main"), before + WRITERS);
    let kustomization = fixture.file_at("main", KUSTOMIZATION).unwrap();
    assert_eq!(
        kustomization.matches("v1.1.0").count(),
        WRITERS,
        "{kustomization}"
    );
    fixture.fsck();
}

/// Tags of images for `--tags-from`: of each, one newer than the product has.
fn tags_of(fixture: &Fixture, names: &[String]) -> std::path::PathBuf {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let tags = json!({"tags": {"v1.0.0": {"digest": digest}, "v1.1.0": {"digest": digest}}});
    let repositories: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .map(|name| (format!("registry.example.com/shop/{name}"), tags.clone()))
        .collect();
    let document = json!({
        "apiVersion": "kubectl-gitops/v1alpha1",
        "kind": "RegistryTags",
        "asOf": "2026-03-10T00:00:00Z",
        "repositories": repositories,
    });
    let path = fixture.env.join("tags.json");
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

#[test]
fn bumps_and_promotions_of_one_product_all_land_at_the_first_call() {
    const BUMPS: usize = 24;
    const ALL: usize = 32;
    let fixture = wide(ALL);
    let names: Vec<String> = (0..ALL).map(|at| format!("service-{at:02}")).collect();
    let tags = tags_of(&fixture, &names);
    let before = fixture.commits_on("env/staging");
    let clones: Vec<_> = names
        .iter()
        .map(|name| fixture.clone_again(name, &[]))
        .collect();
    let begun = Instant::now();
    let start = |(at, name): (usize, &String)| {
        let mut command = fixture.env.gitops_command(&clones[at]);
        let bump = format!("{name}=v1.1.0");
        match at < BUMPS {
            true => command
                .args([
                    "bump-image",
                    &bump,
                    "--env",
                    "staging",
                    "--hotfix",
                    "race",
                    "--yes",
                ])
                .arg("--tags-from")
                .arg(&tags),
            false => command.args(["promote", "staging", "--only", name, "--yes"]),
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let running: Vec<Child> = names.iter().enumerate().map(start).collect();
    for (name, child) in names.iter().zip(running) {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {}\n{said}", output.status);
    }
    println!("{ALL} writers: {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(fixture.commits_on("env/staging"), before + ALL);
    let product = fixture.file_at("env/staging", "product.yaml").unwrap();
    assert_eq!(product.matches(":v1.1.0").count(), ALL, "{product}");
    let rendered = ["grep", "-c", ":v1.1.0", "env/staging", "--", "manifests"];
    let rendered = fixture.env.git(&fixture.origin, &rendered);
    assert_eq!(rendered.lines().count(), ALL, "{rendered}");
    fixture.fsck();
}

/// How often a writer is killed; `make soak` asks for more.
fn kills() -> u32 {
    std::env::var("KUBECTL_GITOPS_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(20)
}

#[test]
fn a_writer_that_is_killed_leaves_before_or_after_and_can_be_run_again() {
    let fixture = wide(8);
    // The remote takes its time, so that kills fall into the push, too.
    fixture.hook("pre-receive", "#!/bin/sh\nsleep 0.05\n");
    let run = ["promote", "staging", "--yes"];
    let start = || {
        fixture
            .env
            .gitops_command(&fixture.clone)
            .args(run)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let begun = Instant::now();
    assert!(start().wait().unwrap().success());
    let whole = begun.elapsed();
    let mut unfinished = 0;
    let rounds = kills();
    for round in 0..rounds {
        let version = format!("v1.2.{round}");
        let product = fixture.file_at("env/dev", "product.yaml").unwrap();
        let newer: Vec<String> = product
            .lines()
            .map(|line| match line.rsplit_once(":v1.") {
                Some((image, _)) => format!("{image}:{version}"),
                None => line.to_owned(),
            })
            .collect();
        let newer = newer.join("\n") + "\n";
        fixture.commit("env/dev", "bump", &[("product.yaml", Some(&newer))]);
        let before = fixture.remote_tip("env/staging").unwrap();
        let commits = fixture.commits_on("env/staging");
        let mut child = start();
        std::thread::sleep(whole.mul_f64(f64::from(round + 1) / f64::from(rounds)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        // A push that was under way may still arrive: Git's own program does that.
        wait_for_children(&fixture);
        let after = fixture.remote_tip("env/staging").unwrap();
        let written = fixture.commits_on("env/staging") - commits;
        assert!(written <= 1, "{written} commits");
        assert_eq!(written == 0, after == before);
        unfinished += u32::from(!status.success());
        fixture.fsck();
        fixture.env.git(&fixture.clone, &["fsck", "--strict"]);
        fixture.run(&run).code(0);
        assert_eq!(fixture.commits_on("env/staging"), commits + 1);
        let product = fixture.file_at("env/staging", "product.yaml").unwrap();
        assert_eq!(product, newer);
    }
    assert!(
        unfinished > rounds / 4,
        "{unfinished} of {rounds} were killed"
    );
}

/// Waits until nobody works on the origin any more.
pub(super) fn wait_for_children(fixture: &Fixture) {
    let origin = fixture.origin.display().to_string();
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let mut ps = fixture.env.command("ps", fixture.env.path());
        let outcome = crate::support::Env::finish(ps.args(["-A", "-o", "args"])).code(0);
        if !outcome.stdout.contains(&origin) {
            return;
        }
        assert!(Instant::now() < deadline, "{}", outcome.stdout);
        std::thread::sleep(Duration::from_millis(10));
    }
}
