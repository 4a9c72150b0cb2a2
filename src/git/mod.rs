//! The adapter to Git. Objects, trees and references are read and written
//! through libgit2; fetch, push, identity, signing and anything that touches
//! a work tree goes through the `git` program, because that is where the
//! user's credentials, configuration and filters live.
//!
//! It refuses to follow symbolic links, to enter submodules, to read files
//! over a limit and to pass on names that lead out of the tree. It never asks
//! the user, decides nothing about products, and moves references only by
//! compare-and-swap.

mod access;
mod command;
mod copy;
mod create;
mod deepen;
mod discover;
mod error;
mod family;
mod fetch;
mod history;
mod hook;
mod identity;
mod kept;
mod line;
mod local;
mod login;
mod loose;
mod merge_driver;
mod notice;
mod open;
mod porcelain;
mod pulls;
mod push;
mod read;
mod refs;
mod running;
mod secrets;
mod tags;
mod url;
mod version;
mod words;
mod work_tree;
mod write;
mod write_tree;
mod wrote;

pub use copy::CopyWatch;
pub use error::GitError;
pub use history::FileVersion;
pub use identity::AskedIdentity;
pub use line::{Line, LineEnd, Step};
pub use local::LocalRef;
pub use login::{LOGIN_VARIABLE, LOGIN_WORD, LoginHelper, ask_for_login};
pub use merge_driver::merge_lines;
pub use notice::Notice;
pub use open::{Git, Head, Listener};
pub use push::{PushAnswer, PushOutcome, RefMove, pause};
pub use read::{DEFAULT_MAX_BYTES, Selection};
pub use refs::Remote;
pub use running::end_programs;
pub use url::{RepositoryUrl, RepositoryUrlError};
pub use version::OLDEST_GIT;
