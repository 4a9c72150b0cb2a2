//! Finding and reading `gitops.yaml`: raw to resolved, with its origin.
//!
//! Owns which of several candidates counts and what is said about the others.
//! Reads nothing itself: candidates are handed in by whoever may.

mod place;
mod resolve;

pub use place::{ConfigPlace, ConfigPlaceError};
pub use resolve::{ConfigError, Found, Origin, Resolved, Sources, resolve};

/// The name of the file, at a branch's root.
pub const CONFIG_FILE: &str = "gitops.yaml";
