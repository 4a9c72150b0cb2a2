//! Finding pins in many files, changing all of them, and the proof that nothing else
//! changed; and one pin in a very large file.

use divan::Bencher;
use kubectl_gitops::image::Digest;
use kubectl_gitops::product::Repository;
use kubectl_gitops::product::pins::{Pin, Target, environment_pins, write};
use kubectl_gitops::repo::Snapshot;

const GITOPS: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: Repository\nspec:\n  environments:\n    - {name: dev, branch: env/dev}\n";

fn deployment(at: usize) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{at}\nspec:\n  replicas: 2\n  selector:\n    matchLabels:\n      app: web-{at}\n  template:\n    metadata:\n      labels:\n        app: web-{at}\n    spec:\n      containers:\n        - name: web\n          image: registry.example.com/shop/web-{at}:v1.0.0   # the window\n          ports:\n            - containerPort: 8080\n"
    )
}

fn snapshot(files: impl Iterator<Item = (String, String)>) -> Snapshot {
    let files = files.map(|(path, text)| (path.parse().unwrap(), text.into_bytes()));
    Snapshot::from_files(None, files)
}

/// Finds all pins, gives them another tag, and returns how many files changed.
fn bump(snapshot: &Snapshot, repository: &Repository) -> usize {
    let entry = &repository.environments[0];
    let found = environment_pins(snapshot, entry, repository).unwrap();
    let target = Target::Image {
        tag: Some("v2.0.0".parse().unwrap()),
        digest: Some(Digest::sha256(b"image")),
        pinned: false,
    };
    let changes: Vec<(&Pin, Target)> = found.pins.iter().map(|it| (it, target.clone())).collect();
    write(snapshot, &changes).unwrap().len()
}

fn repository() -> Repository {
    Repository::decode(&"gitops.yaml".parse().unwrap(), GITOPS).unwrap()
}

/// Discovery, edit and proof in this many files with a pin each.
#[divan::bench(args = [200, 2_000], sample_count = 20)]
fn files_with_one_pin(bencher: Bencher<'_, '_>, files: usize) {
    let all = (0..files).map(|at| (format!("apps/{at:04}/deployment.yaml"), deployment(at)));
    let (snapshot, repository) = (snapshot(all), repository());
    bencher.bench_local(|| assert_eq!(bump(&snapshot, &repository), files));
}

/// One image in a values file of 5 MB, written plainly or with block scalars and escapes,
/// which only the whole parser reads.
#[divan::bench(args = ["plain", "mixed"], sample_count = 20)]
fn one_in_five_megabytes(bencher: Bencher<'_, '_>, style: &str) {
    let more = match style {
        "mixed" => "  notes: |\n    One line.\n    And another.\n  say: \"\\t\"\n",
        _ => "",
    };
    let mut text = String::from("web:\n  image:\n    repository: shop/web\n    tag: v1.0.0\n");
    let mut at = 0;
    while text.len() < 5_000_000 {
        text.push_str(&format!(
            "service-{at}:\n  enabled: true\n  env:\n    UPSTREAM: \"service-{at}:7070\"\n    TIMEOUT: 3s\n  resources: {{requests: {{cpu: 100m}}, limits: {{memory: 64Mi}}}}\n{more}"
        ));
        at += 1;
    }
    let snapshot = snapshot([("values.yaml".to_owned(), text)].into_iter());
    let repository = repository();
    bencher.bench_local(|| assert_eq!(bump(&snapshot, &repository), 1));
}
