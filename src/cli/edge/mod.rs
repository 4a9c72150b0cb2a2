//! The edge of the program: words of a command line, the terminal, the environment and the
//! clock, failures and their exit codes.
//!
//! Only these files read what surrounds the process.

pub(super) mod args;
pub(super) mod context;
pub(super) mod credential;
pub(super) mod failure;
pub(super) mod hint;
pub(super) mod interrupt;
pub(super) mod program;
pub(super) mod typed;
pub(super) mod ui;
pub(super) mod waiting;
