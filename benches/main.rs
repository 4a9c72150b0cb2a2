//! How fast the parts are that people wait for: `make bench`, or
//! `cargo bench -- NAME` for some of them.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark stops where a person would look"
)]
#![allow(unreachable_pub, reason = "a benchmark has no other crate to reach")]

mod inputs;
mod pins;
mod promoting;
mod rendering;
mod selecting;
mod validating;
mod yaml;

fn main() {
    divan::main();
}
