//! The two things that a clone needs to use the merge driver: its Git configuration, which
//! is each clone's own, and a line in `.gitattributes`, which is committed.

use std::fs;
use std::io;
use std::path::Path;

use super::MergeDriverError;
use crate::files::{self, MANIFEST};
use crate::git::Git;

/// What is set in the clone. The program's own name, because the driver has to be found
/// where kubectl is not.
pub const SETTINGS: [(&str, &str); 2] = [
    ("merge.gitops.name", "YAML and JSON by key path"),
    ("merge.gitops.driver", "kubectl-gitops merge %O %A %B %P %L"),
];

/// The line of `.gitattributes`.
pub const LINE: &str = "*.yaml merge=gitops";

/// What became of `.gitattributes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attributes {
    /// The line was added.
    Added,
    /// The line was there.
    Present,
    /// This line says how the same files are merged, and was left alone.
    Other(String),
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What became of `.gitattributes`.
    pub attributes: Attributes,
}

/// Makes the clone at or above a folder use the merge driver. With `dry_run` it only says
/// what that would do.
///
/// # Errors
/// [`MergeDriverError`]
pub fn install(git: &Git, dry_run: bool) -> Result<Installed, MergeDriverError> {
    let folder = git.work_tree();
    let folder = folder.ok_or_else(|| MergeDriverError::NoWorkTree(git.git_dir().to_owned()))?;
    let path = folder.join(".gitattributes");
    let text = read(&path)?;
    let attributes = judge(&text);
    if !dry_run {
        for (name, value) in SETTINGS {
            git.configure(name, value)?;
        }
        if attributes == Attributes::Added {
            let written = files::write_whole(&path, &with_line(text));
            written.map_err(|source| MergeDriverError::Unwritable { path, source })?;
        }
    }
    Ok(Installed { attributes })
}

/// The bytes of a file that need not exist. A link might lead out of the repository.
fn read(path: &Path) -> Result<Vec<u8>, MergeDriverError> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => return Err(MergeDriverError::Link(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Ok(_) | Err(_) => {}
    }
    files::read_regular(path, MANIFEST).map_err(|source| MergeDriverError::Unreadable {
        path: path.to_owned(),
        source,
    })
}

fn judge(text: &[u8]) -> Attributes {
    let text = String::from_utf8_lossy(text);
    let (pattern, wanted) = LINE.split_once(' ').unwrap_or((LINE, ""));
    let mut found = Attributes::Added;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some(pattern) {
            continue;
        }
        let is_merge = |word: &&str| {
            let name = word.trim_start_matches(['-', '!']);
            name == "merge" || name.starts_with("merge=") || name == "binary"
        };
        // Of several lines the last one counts (gitattributes(5)).
        if let Some(word) = words.rfind(is_merge) {
            found = match word == wanted {
                true => Attributes::Present,
                false => Attributes::Other(line.trim().to_owned()),
            };
        }
    }
    found
}

fn with_line(mut text: Vec<u8>) -> Vec<u8> {
    let newline: &[u8] = match text.windows(2).any(|pair| pair == b"\r\n") {
        true => b"\r\n",
        false => b"\n",
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.extend(newline);
    }
    text.extend(LINE.bytes());
    text.extend(newline);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_line_for_the_same_files_says_how_they_are_merged() {
        for (text, wanted) in [
            ("", Attributes::Added),
            ("*.md text\n*.yaml text eol=lf\n", Attributes::Added),
            ("*.yaml text merge=gitops\n", Attributes::Present),
            (
                "*.yaml merge=gitops\n*.yaml -merge\n",
                Attributes::Other("*.yaml -merge".to_owned()),
            ),
            (
                "*.json merge=union\n#*.yaml merge=union\n",
                Attributes::Added,
            ),
        ] {
            assert_eq!(judge(text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn the_line_is_added_in_the_form_of_the_others() {
        for (text, wanted) in [
            ("", "*.yaml merge=gitops\n"),
            ("a", "a\n*.yaml merge=gitops\n"),
            ("a\r\n", "a\r\n*.yaml merge=gitops\r\n"),
        ] {
            assert_eq!(with_line(text.into()), wanted.as_bytes());
        }
    }
}
