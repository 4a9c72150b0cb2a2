//! What the benchmarks work on: the example of Online Boutique, and products of any size
//! made of its services.

use std::collections::BTreeMap;
use std::path::Path;

use kubectl_gitops::product::{ProductTree, Repository};
use kubectl_gitops::repo::{RepoPath, Snapshot};

pub type Files = BTreeMap<RepoPath, Vec<u8>>;

/// The example's files.
pub fn boutique() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/online-boutique");
    let mut files = Files::new();
    collect(&root, &root, &mut files);
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).expect("the example") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(name.parse().unwrap(), std::fs::read(&path).unwrap());
        }
    }
}

/// A product manifest of `count` components, about 330 bytes each.
pub fn manifest(count: usize) -> String {
    let mut text = String::from(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {name: large}\nspec:\n  version: 1.0.0\n  defaults:\n    template: grpc-service\n    values:\n      resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 128Mi}}\n  components:\n",
    );
    for at in 0..count {
        text.push_str(&format!(
            "    # owned by team {}\n    service-{at:04}:\n      image: registry.example.com/shop/service-{at:04}:v1.{at}.0\n      update: {{semver: ^1.0}}\n      values:\n        port: 7070\n        env:\n          UPSTREAM: service-{:04}:7070\n          TIMEOUT: \"3s\"\n        resources: {{requests: {{cpu: 200m}}, limits: {{cpu: 300m}}}}\n        readiness: {{initialDelaySeconds: 15}}\n",
            at % 40,
            (at + 1) % count
        ));
    }
    text
}

/// The example with its components replaced by `count` others.
pub fn large(count: usize) -> Files {
    let mut files = boutique();
    files.retain(|path, _| !path.as_str().starts_with("manifests/"));
    files.insert(
        "product.yaml".parse().unwrap(),
        manifest(count).into_bytes(),
    );
    files
}

/// The model of some files.
pub fn model(files: &Files) -> (Repository, ProductTree) {
    let text = std::str::from_utf8(&files["gitops.yaml"]).unwrap();
    let path = "gitops.yaml".parse().unwrap();
    let repository = Repository::decode(&path, text).expect("gitops.yaml");
    let snapshot = Snapshot::from_files(None, files.clone());
    let dev = repository.environment("dev").expect("dev");
    let tree = ProductTree::load(&snapshot, dev)
        .expect("the model")
        .expect("a product");
    (repository, tree)
}
