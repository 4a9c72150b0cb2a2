//! What the tests stand on: real components, started and ended by the test binary.

pub mod apiserver;
pub mod env;
pub mod faults;
pub mod gitea;
pub mod githttp;
pub mod hints;
pub mod http;
pub mod images;
pub mod process;
pub mod registry;
pub mod repo;
pub mod scripted;
pub mod shop;
pub mod terminal;
pub mod tokens;
pub mod trace;

pub use env::Env;
pub use repo::Fixture;
