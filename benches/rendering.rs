//! From a repository's files to the resources that an environment comes to.

use divan::Bencher;
use kubectl_gitops::template::{render, render_components};

use super::inputs::{boutique, large, model};

#[divan::bench]
fn load_online_boutique(bencher: Bencher<'_, '_>) {
    let files = boutique();
    bencher.bench(|| model(&files));
}

#[divan::bench]
fn online_boutique(bencher: Bencher<'_, '_>) {
    let (repository, tree) = model(&boutique());
    let dev = repository.environment("dev").unwrap();
    bencher.bench(|| render(&tree, &repository, dev).unwrap());
}

#[divan::bench(args = [1000])]
fn load(bencher: Bencher<'_, '_>, components: usize) {
    let files = large(components);
    bencher.bench(|| model(&files));
}

#[divan::bench(args = [250, 500, 1000], sample_count = 20)]
fn components(bencher: Bencher<'_, '_>, components: usize) {
    let (repository, tree) = model(&large(components));
    let dev = repository.environment("dev").unwrap();
    bencher.bench(|| render(&tree, &repository, dev).unwrap());
}

/// One component of so many, as after a bump.
#[divan::bench(args = [1000])]
fn one_of(bencher: Bencher<'_, '_>, components: usize) {
    let (repository, tree) = model(&large(components));
    let dev = repository.environment("dev").unwrap();
    let only = std::iter::once("service-0007".parse().unwrap()).collect();
    bencher.bench(|| render_components(&tree, &repository, dev, &only).unwrap());
}
