//! What Git offers to merge drivers and to those who install them: its own merge by lines,
//! and the clone's configuration.

use std::ffi::OsStr;
use std::path::Path;

use super::command::call_in;
use super::{Git, GitError};

/// The largest exit code with which `git merge-file` counts conflicts; larger ones are
/// failures (git-merge-file(1)).
const MOST_COUNTED: i32 = 127;

/// Merges by lines, into the file that is named first. Returns whether that left
/// conflicts, between markers of so many characters.
///
/// # Errors
/// [`GitError::Program`] for files that it cannot merge, binary ones above all.
pub fn merge_lines(
    folder: &Path,
    [ours, base, theirs]: [&Path; 3],
    marker: usize,
) -> Result<bool, GitError> {
    let size = format!("--marker-size={marker}");
    let labels = ["-L", "ours", "-L", "base", "-L", "theirs", "--"];
    let options = ["--quiet", &size].into_iter().chain(labels);
    let files = [ours, base, theirs].map(Path::as_os_str);
    let call = call_in(folder, true, "merge-file");
    let output = call.args(options.map(OsStr::new).chain(files)).run()?;
    match output.code {
        Some(0) => Ok(false),
        Some(1..=MOST_COUNTED) => Ok(true),
        _ => Err(GitError::Program {
            command: "merge-file".to_owned(),
            message: output.stderr,
        }),
    }
}

impl Git {
    /// Sets a value in the configuration of this clone.
    pub fn configure(&self, name: &str, value: &str) -> Result<(), GitError> {
        let call = self.call("config");
        let words = ["--local", "--replace-all", name, value];
        call.args(words).success().map(drop)
    }
}
