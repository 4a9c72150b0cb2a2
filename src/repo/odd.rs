//! Files of a tree whose names cannot be a [`RepoPath`]: not UTF-8, with a backslash or a
//! control character, too long, too deep, or a name that would lead out of the tree. They
//! are counted and can be named to people. Refuses to give anything by which one could be
//! read or written.

use std::fmt;
use std::sync::Arc;

use super::{BlobId, RepoPath};

/// How much of a name is shown, in characters.
const SHOWN: usize = 160;

/// A file that is known to be there and is neither read nor written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddEntry {
    path: Arc<[u8]>,
    id: Option<BlobId>,
    reason: &'static str,
}

impl OddEntry {
    /// A file at this path from the root, with the id of its content where that is known.
    pub fn new(path: &[u8], id: Option<BlobId>, reason: &'static str) -> Self {
        Self {
            path: path.into(),
            id,
            reason,
        }
    }

    /// The path below a folder, as the tree has it; `None`: it is elsewhere.
    pub fn below(&self, folder: &RepoPath) -> Option<&[u8]> {
        below(&self.path, folder.as_str().as_bytes())
    }

    /// The path from the root, as the tree has it.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The content's id, where it is known.
    pub fn id(&self) -> Option<&BlobId> {
        self.id.as_ref()
    }

    /// The rule that its name breaks, as `it contains a backslash`.
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Whether its name says YAML or JSON, and no folder on the way is hidden.
    pub fn is_manifest(&self) -> bool {
        let ends = [&b".yaml"[..], b".yml", b".json"];
        let mut names = self.path.split(|byte| *byte == b'/');
        ends.iter().any(|end| self.path.ends_with(end)) && !names.any(|it| it.starts_with(b"."))
    }

    /// A path that reads much the same, for the place of a remark.
    pub fn place(&self) -> RepoPath {
        let plain = |c: char| match c {
            '\\' => '?',
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => '?',
            c => c,
        };
        let text: String = String::from_utf8_lossy(&self.path)
            .chars()
            .map(plain)
            .take(SHOWN)
            .collect();
        let above = || {
            let (folder, _) = text.rsplit_once('/')?;
            folder.parse().ok()
        };
        text.parse().ok().or_else(above).unwrap_or_default()
    }
}

/// What remains of a path below a folder, at whole names.
fn below<'p>(path: &'p [u8], folder: &[u8]) -> Option<&'p [u8]> {
    if folder.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(folder)? {
        [] => Some(&[]),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// Whether a path is at or below another one; both as trees have them.
pub(super) fn is_within(path: &[u8], folder: &[u8]) -> bool {
    below(path, folder).is_some()
}

impl fmt::Display for OddEntry {
    /// For people: what a terminal would not show is escaped, and a long name is cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        for chunk in self.path.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' | '\'' | '"' => shown.push(c),
                    c => shown.extend(c.escape_debug()),
                }
            }
            for byte in chunk.invalid() {
                shown.push_str(&format!("\\x{byte:02x}"));
            }
        }
        f.pad(&super::shortened(&shown, SHOWN))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn odd(path: &[u8]) -> OddEntry {
        OddEntry::new(path, None, "it is odd")
    }

    #[test]
    fn a_name_is_shown_so_that_a_terminal_obeys_none_of_it() {
        for (path, shown, place) in [
            (
                &b"systemd/mnt\\x2ddata.mount"[..],
                "systemd/mnt\\x2ddata.mount",
                "systemd/mnt?x2ddata.mount",
            ),
            (
                b"a\xff\x1b[2J\nb.yaml",
                "a\\xff\\u{1b}[2J\\nb.yaml",
                "a??[2J?b.yaml",
            ),
            ("ü/\u{202e}x".as_bytes(), "ü/\\u{202e}x", "ü/\u{202e}x"),
            (b"a/.git", "a/.git", "a"),
            (b"..", "..", ""),
        ] {
            assert_eq!(odd(path).to_string(), shown);
            assert_eq!(odd(path).place().as_str(), place);
        }
        let long = odd(&b"x".repeat(5000)).to_string();
        assert!(
            long.chars().count() < 200 && long.contains("5000"),
            "{long}"
        );
    }

    #[test]
    fn a_file_is_below_its_folders_and_no_other() {
        let file = odd(b"env/prod/a\\b");
        assert_eq!(file.below(&RepoPath::root()), Some(&b"env/prod/a\\b"[..]));
        assert_eq!(file.below(&"env/prod".parse().unwrap()), Some(&b"a\\b"[..]));
        assert_eq!(file.below(&"env/pro".parse().unwrap()), None);
        assert!(is_within(b"a\\b/c", b"a\\b") && !is_within(b"a\\bc", b"a\\b"));
    }
}
