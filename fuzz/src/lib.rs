//! The pure rooms of `kubectl-gitops`, built from their own sources without what the rest of
//! the program is linked with: with counters in everything that would take ten times as long.

#![allow(
    dead_code,
    unused_imports,
    reason = "the rest of the program is not here to use what it needs"
)]

extern crate self as kubectl_gitops;

#[path = "../../src/image/mod.rs"]
pub mod image;
pub mod invariants;
#[path = "../../src/product/mod.rs"]
pub mod product;
#[path = "../../src/repo/mod.rs"]
pub mod repo;
#[path = "../../src/yaml/mod.rs"]
pub mod yaml;
