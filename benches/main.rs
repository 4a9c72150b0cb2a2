//! How fast the parts are that people wait for: `make bench`, or
//! `cargo bench -- NAME` for some of them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark stops where a person would look"
)]
#![allow(unreachable_pub, reason = "a benchmark has no other crate to reach")]

// The server of the tests; what only they need stays unused here.
#[allow(dead_code)]
#[path = "../tests/integration/support/http.rs"]
mod http;
mod inputs;
mod merging;
mod pins;
mod promoting;
mod registries;
mod remote;
mod rendering;
mod selecting;
mod validating;
mod yaml;

fn main() {
    divan::main();
}
