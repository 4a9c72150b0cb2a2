//! The pure rooms of `kubectl-gitops`, built from their own sources without what the rest of
//! the program is linked with: with counters in everything that would take ten times as long.

#![allow(
    dead_code,
    unused_imports,
    reason = "the rest of the program is not here to use what it needs"
)]

extern crate self as kubectl_gitops;

#[path = "../../src/confidential/mod.rs"]
pub mod confidential;
#[path = "../../src/files/mod.rs"]
pub mod files;
/// What of the adapter reads addresses.
#[path = "../../src/git"]
pub mod git {
    mod login;
    mod url;
    pub use url::{RepositoryUrl, RepositoryUrlError};
}
#[path = "../../src/glob/mod.rs"]
pub mod glob;
#[path = "../../src/image/mod.rs"]
pub mod image;
pub mod invariants;
#[path = "../../src/product/mod.rs"]
pub mod product;
/// What of the adapter reads answers; the rest of it would bring the network along.
#[path = "../../src/registry"]
pub mod registry {
    mod challenge;
    mod link;
    mod manifest;
    mod origin;
    pub mod reading;
    mod words;
}
#[path = "../../src/repo/mod.rs"]
pub mod repo;
#[path = "../../src/resource/mod.rs"]
pub mod resource;
#[path = "../../src/template/mod.rs"]
pub mod template;
#[path = "../../src/yaml/mod.rs"]
pub mod yaml;
