//! Rendering whole products: the examples, and small ones made for one rule.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::product::{EnvironmentEntry, ProductTree, Repository};
use crate::repo::{RepoPath, Snapshot};

fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

/// The files of a folder of this source tree.
fn folder(root: &Path) -> Vec<(RepoPath, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let relative = entry
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                files.push((path(&relative), std::fs::read(&entry).unwrap()));
            }
        }
    }
    files
}

struct Case {
    repository: Repository,
    snapshot: Snapshot,
}

impl Case {
    fn example(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("examples")
            .join(name);
        let files = folder(&root);
        let text = std::fs::read_to_string(root.join("gitops.yaml")).unwrap();
        Self {
            repository: Repository::decode(&path("gitops.yaml"), &text).unwrap(),
            snapshot: Snapshot::from_files(None, files),
        }
    }

    fn entry(&self, name: &str) -> &EnvironmentEntry {
        self.repository.environment(name).unwrap()
    }

    fn tree(&self, name: &str) -> ProductTree {
        ProductTree::load(&self.snapshot, self.entry(name))
            .unwrap()
            .unwrap()
    }

    fn render(&self, name: &str) -> Result<Rendering, RenderError> {
        render(&self.tree(name), &self.repository, self.entry(name))
    }
}

#[test]
fn the_boutique_renders_to_named_files() {
    let rendering = Case::example("online-boutique").render("dev").unwrap();
    let file = &rendering.files[&path("manifests/data/deployment-redis-cart.yaml")];
    assert_eq!(
        file.resource.as_ref().unwrap().to_string(),
        "Deployment redis-cart"
    );
    assert_eq!(file.layer.as_ref().unwrap().as_str(), "data");
    assert_eq!(file.source.to_string(), "templates/base/_deployment.j2:2:1");
    assert!(file.text.contains("image: redis:alpine\n"));
    assert!(
        rendering
            .files
            .contains_key(&path("manifests/network/networkpolicy-default-deny.yaml"))
    );
}

#[test]
fn a_component_exists_where_it_says() {
    let case = Case::example("online-boutique");
    let load = path("manifests/app/deployment-loadgenerator.yaml");
    let everywhere: BTreeSet<_> = case.render("dev").unwrap().files.into_keys().collect();
    assert!(everywhere.contains(&load));
    let mut prod = case.entry("prod").clone();
    let text = case
        .snapshot
        .text(&path("environment.yaml"))
        .unwrap()
        .unwrap()
        .replace("dev", "prod");
    let files = case.snapshot.entries().map(|(path, _)| {
        let bytes = case.snapshot.bytes(path).unwrap().unwrap().to_vec();
        (
            path.clone(),
            if path.as_str() == "environment.yaml" {
                text.clone().into_bytes()
            } else {
                bytes
            },
        )
    });
    let snapshot = Snapshot::from_files(None, files.collect::<Vec<_>>());
    prod.path = RepoPath::root();
    let tree = ProductTree::load(&snapshot, &prod).unwrap().unwrap();
    let rendering = render(&tree, &case.repository, &prod).unwrap();
    assert!(!rendering.files.contains_key(&load));
}

#[test]
fn a_component_may_become_files_that_are_not_for_kubernetes() {
    let rendering = Case::example("mixed-estate").render("prod").unwrap();
    let inventory = &rendering.files[&path("environments/prod/files/database/inventory.ini")];
    assert!(
        inventory.text.contains("db2.example.com"),
        "{}",
        inventory.text
    );
    assert_eq!(inventory.resource, None);
    assert!(
        rendering
            .files
            .contains_key(&path("environments/prod/manifests/app/deployment-api.yaml"))
    );
}
