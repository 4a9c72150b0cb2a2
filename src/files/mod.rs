//! Files of this machine: read up to a limit and written whole.
//!
//! Owns how a path from the command line, a repository or a layout becomes bytes without
//! waiting for ever on a pipe or filling the memory from a device. Imports nothing, and all
//! rooms may use it.

mod read;
mod write;

pub use read::{MANIFEST, NAMED, read_below, read_named, read_regular, text};
pub use write::{write_new, write_one_of_many, write_whole};

#[cfg(test)]
mod tests;
