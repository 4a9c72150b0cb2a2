//! The example of a product that is half in Kubernetes and half on virtual machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kubectl_gitops::product::{ProductTree, Repository};
use kubectl_gitops::repo::Snapshot;
use kubectl_gitops::template::render;

use super::online_boutique::{Files, files_below};
use super::support::Fixture;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/mixed-estate")
}

fn rendered(environment: &str) -> BTreeMap<String, String> {
    let mut files = Files::new();
    files_below(&example(), &example(), &mut files);
    let text = std::str::from_utf8(&files["gitops.yaml"]).unwrap();
    let repository =
        Repository::decode(&"gitops.yaml".parse().unwrap(), text).expect("gitops.yaml");
    let entry = repository
        .environment(environment)
        .expect("the environment");
    let snapshot = Snapshot::from_files(None, files);
    let tree = ProductTree::load(&snapshot, entry)
        .expect("the model")
        .expect("a product");
    let rendering = render(&tree, &repository, entry).expect("a rendering");
    rendering
        .files
        .into_iter()
        .map(|(path, file)| (path.to_string(), file.text))
        .collect()
}

#[test]
fn one_product_gives_resources_and_an_inventory() {
    let prod = rendered("prod");
    assert_eq!(
        prod.keys().map(String::as_str).collect::<Vec<_>>(),
        [
            "environments/prod/files/database/inventory.ini",
            "environments/prod/files/database/vars.yaml",
            "environments/prod/manifests/app/deployment-api.yaml",
            "environments/prod/manifests/app/service-api.yaml",
        ]
    );
    assert_eq!(
        prod["environments/prod/files/database/inventory.ini"],
        "[database_primary]\ndb1.example.com\n\n[database_replica]\ndb2.example.com\n\n\
         [database:children]\ndatabase_primary\ndatabase_replica\n"
    );
    // The service finds the machines without anybody writing their names twice.
    let api = &prod["environments/prod/manifests/app/deployment-api.yaml"];
    assert!(
        api.contains("value: \"db1.example.com,db2.example.com\""),
        "{api}"
    );
    assert!(
        rendered("dev")["environments/dev/files/database/vars.yaml"]
            .contains("max_connections: 50")
    );
}

#[test]
fn the_committed_files_are_what_it_renders() {
    for environment in ["dev", "prod"] {
        for (path, text) in rendered(environment) {
            let path = example().join(path);
            if std::env::var_os("UPDATE_EXAMPLES").is_some() {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(committed, text, "{}", path.display());
        }
    }
}

#[test]
fn a_version_without_an_image_is_bumped_and_promoted_like_one() {
    let mut files = Files::new();
    files_below(&example(), &example(), &mut files);
    let files: Vec<(String, String)> = files
        .into_iter()
        .map(|(path, bytes)| (path.to_string(), String::from_utf8(bytes).unwrap()))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(p, t)| (p.as_str(), t.as_str()))
        .collect();
    let fixture = Fixture::new(&[("main", &files)]);
    let version = |environment: &str| -> String {
        let path = format!("environments/{environment}/files/database/vars.yaml");
        let text = fixture.file_at("main", &path).unwrap();
        text.lines().next().unwrap().to_owned()
    };

    fixture
        .run(&["bump-image", "database=17.4", "--env", "dev", "--yes"])
        .code(0);
    assert_eq!(version("dev"), "postgresql_version: \"17.4\"");
    assert_eq!(version("prod"), "postgresql_version: \"17.2\"");
    fixture
        .run(&["promote", "prod", "--overwrite", "database", "--yes"])
        .code(0);
    assert_eq!(version("prod"), "postgresql_version: \"17.4\"");
    // What is prod's own stayed.
    let inventory = fixture.file_at("main", "environments/prod/files/database/inventory.ini");
    assert!(inventory.unwrap().contains("db2.example.com"));
    fixture.run(&["validate", "dev", "prod"]).code(0);
    fixture.fsck();
}
