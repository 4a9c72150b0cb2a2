//! The example of Online Boutique comes to what its public release deploys.
//!
//! `tests/fixtures/online-boutique-0.10.6.json` holds the facts of that release's 35 objects,
//! one on a line: keys sorted, no comments, no values that the API server would fill in by
//! itself, and of the load generator's check only that it is a shell command.
//!
//! `UPDATE_EXAMPLES=1 cargo test --test integration online_boutique` renders the example anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kubectl_gitops::product::{ProductTree, Repository};
use kubectl_gitops::repo::{RepoPath, Snapshot};
use kubectl_gitops::template::{Rendering, render};
use serde_json::{Value, json};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/online-boutique")
}

pub type Files = BTreeMap<RepoPath, Vec<u8>>;

pub fn files_below(root: &Path, folder: &Path, found: &mut Files) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_below(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            found.insert(name.parse().unwrap(), std::fs::read(&path).unwrap());
        }
    }
}

fn files() -> Files {
    let mut files = Files::new();
    files_below(&example(), &example(), &mut files);
    files
}

fn rendering(files: &Files) -> Rendering {
    let text = std::str::from_utf8(&files["gitops.yaml"]).unwrap();
    let repository =
        Repository::decode(&"gitops.yaml".parse().unwrap(), text).expect("gitops.yaml");
    let dev = repository.environment("dev").expect("dev");
    let snapshot = Snapshot::from_files(None, files.clone());
    let tree = ProductTree::load(&snapshot, dev)
        .expect("the model")
        .expect("a product");
    render(&tree, &repository, dev).expect("a rendering")
}

fn objects(rendering: &Rendering) -> BTreeMap<String, Value> {
    rendering
        .files
        .iter()
        .map(|(path, file)| {
            let mut values = kubectl_gitops::yaml::parse_values(&file.text).expect("YAML");
            assert_eq!(values.len(), 1, "{path} holds one object");
            let object = values.remove(0);
            (key(&object), object)
        })
        .collect()
}

fn key(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!(
        "{}/{}",
        text(&object["kind"]),
        text(&object["metadata"]["name"])
    )
}

/// Leaves out what the API server fills in by itself, and what the facts do not hold.
fn normalise(value: &Value) -> Value {
    let defaults = [
        ("replicas", json!(1)),
        ("terminationGracePeriodSeconds", json!(30)),
        ("restartPolicy", json!("Always")),
        ("type", json!("ClusterIP")),
    ];
    match value {
        Value::Array(items) => items.iter().map(normalise).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, value)| {
                !defaults
                    .iter()
                    .any(|(known, default)| known == name && default == *value)
            })
            .map(|(name, value)| match name.as_str() {
                "command" => (name.clone(), json!([value[0]])),
                _ => (name.clone(), normalise(value)),
            })
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn it_renders_the_objects_of_the_release() {
    let facts =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/online-boutique-0.10.6.json");
    let facts: Vec<Value> = serde_json::from_slice(&std::fs::read(facts).unwrap()).unwrap();
    assert_eq!(facts.len(), 35);

    let mut rendered = objects(&rendering(&files()));
    for fact in &facts {
        let object = rendered
            .remove(&key(fact))
            .unwrap_or_else(|| panic!("no {}", key(fact)));
        assert_eq!(normalise(&object), *fact, "{}", key(fact));
    }
    let others: BTreeSet<&str> = rendered
        .values()
        .filter_map(|it| it["kind"].as_str())
        .collect();
    assert_eq!(others, BTreeSet::from(["NetworkPolicy"]));
    assert_eq!(
        rendered.len(),
        14,
        "one for each workload, default-deny, allow-dns"
    );
}

#[test]
fn the_committed_manifests_are_what_it_renders() {
    let files = files();
    let rendered: Files = rendering(&files)
        .files
        .into_iter()
        .map(|(path, file)| (path, file.text.into_bytes()))
        .collect();
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        let _ = std::fs::remove_dir_all(example().join("manifests"));
        for (path, bytes) in &rendered {
            let path = example().join(path.as_str());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        return;
    }
    let folder = "manifests".parse().unwrap();
    let committed: Files = files
        .into_iter()
        .filter(|(path, _)| path.starts_with(&folder))
        .collect();
    let names = |files: &Files| files.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&rendered));
    for (path, bytes) in &rendered {
        let (committed, rendered) = (&committed[path], bytes);
        assert_eq!(
            String::from_utf8_lossy(committed),
            String::from_utf8_lossy(rendered),
            "{path}"
        );
    }
}

#[test]
fn policies_follow_from_who_calls_whom() {
    let objects = objects(&rendering(&files()));
    let callers = |name: &str| -> BTreeSet<String> {
        let rules = objects[&format!("NetworkPolicy/{name}")]["spec"]["ingress"]
            .as_array()
            .unwrap();
        rules
            .iter()
            .map(|rule| match rule.get("from") {
                Some(from) => from[0]["podSelector"]["matchLabels"]["app"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                None => "anybody".to_owned(),
            })
            .collect()
    };
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(callers("redis-cart"), set(&["cartservice"]));
    assert_eq!(
        callers("cartservice"),
        set(&["checkoutservice", "frontend"])
    );
    assert_eq!(callers("frontend"), set(&["anybody", "loadgenerator"]));
    assert_eq!(callers("loadgenerator"), set(&[]));
    // The Service listens on 5000, the pods behind it on 8080.
    let email = &objects["NetworkPolicy/emailservice"]["spec"]["ingress"][0];
    assert_eq!(email["ports"][0]["port"], 8080);
}

#[test]
fn the_product_manifest_stays_short() {
    let product = std::fs::read_to_string(example().join("product.yaml")).unwrap();
    assert!(
        product.lines().count() < 130,
        "{} lines",
        product.lines().count()
    );
}
