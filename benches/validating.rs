//! Parsing and strict schema checks, in documents per second on one core.

use divan::Bencher;
use divan::counter::ItemsCount;
use kubectl_gitops::check::{WalkOptions, identify, walk};
use kubectl_gitops::repo::RepoPath;
use kubectl_gitops::resource::read_resources;
use kubectl_gitops::schema::embedded;
use kubectl_gitops::template::render;

use super::inputs::{boutique, model};

fn documents() -> Vec<(RepoPath, String)> {
    let (repository, tree) = model(&boutique());
    let dev = repository.environment("dev").unwrap();
    let rendering = render(&tree, &repository, dev).unwrap();
    rendering
        .files
        .into_iter()
        .map(|(path, file)| (path, file.text))
        .collect()
}

/// The objects of Online Boutique: half of them Deployments of about 1.5 KB.
#[divan::bench]
fn parse_and_schema(bencher: Bencher<'_, '_>) {
    let documents = documents();
    let set = embedded(None).unwrap();
    let check = || {
        let mut found = 0;
        for (path, text) in &documents {
            for one in read_resources(path, text).resources {
                let kind = identify(&set, &one.id).unwrap();
                let schema = set.definition(&kind.definition).unwrap();
                found += walk(&set, schema, &one.value, WalkOptions::default()).len();
            }
        }
        found
    };
    assert_eq!(check(), 0);
    bencher
        .counter(ItemsCount::new(documents.len()))
        .bench(check);
}

/// Opening the schemas of one Kubernetes version, and the first use of one kind.
#[divan::bench]
fn open_schemas() -> usize {
    let set = embedded(None).unwrap();
    set.kinds().len()
}
