//! Paths inside a repository and places in its files. Refuses everything that
//! could lead out of the tree or into `.git`, on any file system.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{SHOWN_OF_A_NAME, shortened};

/// The longest path, in bytes: what the systems of today open at once (`PATH_MAX`).
/// See `docs/limits.md`.
const LONGEST_PATH: usize = 4096;

/// How deep folders may be nested: deeper than in any repository that people work in,
/// and not so deep that walking down there takes a stack of its own.
pub const DEEPEST_PATH: usize = 512;

/// A path relative to the root of a repository: segments joined by `/`,
/// already normalised. The root itself is the empty path. A copy shares the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RepoPath(Arc<str>);

/// Why a text is not a path inside a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{:?} is not a path inside the repository: {reason}", shortened(.path, SHOWN_OF_A_NAME)
)]
pub struct RepoPathError {
    /// What was read.
    pub path: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl RepoPath {
    /// The repository's root: the empty path.
    pub fn root() -> Self {
        Self::default()
    }

    /// Whether this is the repository's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the slashes; none for the root.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// This path with a relative path of one or more segments behind it.
    pub fn join(&self, relative: &str) -> Result<Self, RepoPathError> {
        if relative.is_empty() {
            return Ok(self.clone());
        }
        let slash = usize::from(!self.is_root());
        let whole = self.0.len() + slash + relative.len();
        match broken_rule(relative) {
            None if whole > LONGEST_PATH => Err(RepoPathError {
                path: relative.to_owned(),
                reason: TOO_LONG,
            }),
            None if self.is_root() => Ok(Self(relative.into())),
            None => Ok(Self([&self.0, "/", relative].concat().into())),
            Some(reason) => Err(RepoPathError {
                path: relative.to_owned(),
                reason,
            }),
        }
    }

    /// This path with another one behind it.
    pub fn join_path(&self, tail: &Self) -> Self {
        match (self.is_root(), tail.is_root()) {
            (true, _) => tail.clone(),
            (_, true) => self.clone(),
            _ => Self([&self.0, "/", &tail.0].concat().into()),
        }
    }

    /// The folder that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(match self.0.rfind('/') {
            Some(slash) => self.0[..slash].into(),
            None => "".into(),
        }))
    }

    /// The last segment; `None` for the root.
    pub fn file_name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// Whether this path is `folder` or stands below it, by whole segments.
    pub fn starts_with(&self, folder: &Self) -> bool {
        self.below(folder).is_some()
    }

    /// What remains below `folder`; the root when both are equal.
    pub fn strip_prefix(&self, folder: &Self) -> Option<Self> {
        if folder.is_root() {
            return Some(self.clone());
        }
        self.below(folder).map(|rest| Self(rest.into()))
    }

    /// What remains below `folder` as text; empty when both are equal.
    pub fn below(&self, folder: &Self) -> Option<&str> {
        if folder.is_root() {
            return Some(&self.0);
        }
        match self.0.strip_prefix(&*folder.0)? {
            "" => Some(""),
            rest => rest.strip_prefix('/'),
        }
    }
}

/// Spellings of `.git` that some file system resolves to it: any case, the
/// short name that Windows gives it, trailing dots and blanks, a stream.
fn reads_as_dot_git(segment: &str) -> bool {
    // Nearly every name ends here: an ASCII one is read as it is written.
    if segment.is_ascii() && !segment.starts_with(['.', 'g', 'G']) {
        return false;
    }
    let visible: String = segment
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect();
    let stem = visible.split(':').next().unwrap_or_default();
    let stem = stem.trim_end_matches(['.', ' ']);
    stem.eq_ignore_ascii_case(".git") || stem.eq_ignore_ascii_case("git~1")
}

const TOO_LONG: &str = "it is longer than 4096 bytes";

fn broken_rule(path: &str) -> Option<&'static str> {
    if path.len() > LONGEST_PATH {
        return Some(TOO_LONG);
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.contains('\\') {
        return Some("it contains a backslash");
    }
    if path.chars().any(char::is_control) {
        return Some("it contains a control character");
    }
    for (depth, segment) in path.split('/').enumerate() {
        match segment {
            _ if depth >= DEEPEST_PATH => return Some("it is more than 512 folders deep"),
            "" => return Some("a part between slashes is empty"),
            "." | ".." => return Some("it contains '.' or '..'"),
            _ if reads_as_dot_git(segment) => return Some("it leads into .git"),
            _ => {}
        }
    }
    None
}

impl FromStr for RepoPath {
    type Err = RepoPathError;

    /// Reads a normalised path; the empty text is the root.
    fn from_str(path: &str) -> Result<Self, RepoPathError> {
        if path.is_empty() {
            return Ok(Self::root());
        }
        match broken_rule(path) {
            None => Ok(Self(path.into())),
            Some(reason) => Err(RepoPathError {
                path: path.to_owned(),
                reason,
            }),
        }
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RepoPath({})", self.0)
    }
}

impl serde::Serialize for RepoPath {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

/// A place in a file. Lines and columns count from 1; columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// The file, from the repository's root.
    pub path: RepoPath,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Location {
    /// A place in a file.
    pub fn new(path: RepoPath, line: u32, column: u32) -> Self {
        Self { path, line, column }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

impl serde::Serialize for Location {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = to.serialize_struct("Location", 3)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("line", &self.line)?;
        fields.serialize_field("column", &self.column)?;
        fields.end()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        text.parse().unwrap()
    }

    #[test]
    fn paths_that_lead_out_or_into_dot_git_are_refused() {
        for bad in [
            "/etc/passwd",
            "..",
            "a/../b",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "a\0b",
            "a\nb",
            ".git",
            ".GIT/config",
            "a/.git/hooks/post-checkout",
            "git~1/config",
            ".git . ",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it/config",
        ] {
            assert!(bad.parse::<RepoPath>().is_err(), "{bad:?}");
        }
        for long in ["a/".repeat(600) + "a", "a".repeat(5000)] {
            let error = long.parse::<RepoPath>().unwrap_err().to_string();
            assert!(error.len() < 300, "{error}");
            assert!(path("b").join(&long).is_err());
        }
        let folder = path(&"a".repeat(4000));
        assert!(folder.join(&"b".repeat(95)).is_ok() && folder.join(&"b".repeat(96)).is_err());
        for good in [
            ".gitops/promoted/product.yaml",
            ".gitignore",
            ".github/x",
            "a b/ü",
            "..a",
        ] {
            assert_eq!(path(good).as_str(), good);
        }
    }

    #[test]
    fn prefixes_are_whole_segments() {
        let file = path("env/prod/product.yaml");
        assert!(file.starts_with(&path("env/prod")));
        assert!(file.starts_with(&RepoPath::root()));
        assert!(!file.starts_with(&path("env/pro")));
        assert_eq!(
            file.strip_prefix(&path("env")),
            Some(path("prod/product.yaml"))
        );
        assert_eq!(file.strip_prefix(&file), Some(RepoPath::root()));
        assert_eq!(file.parent(), Some(path("env/prod")));
        assert_eq!(path("a").parent(), Some(RepoPath::root()));
        assert_eq!(RepoPath::root().parent(), None);
        assert_eq!(file.file_name(), Some("product.yaml"));
        assert_eq!(RepoPath::root().join("a/b").unwrap(), path("a/b"));
        assert_eq!(path("a").join_path(&RepoPath::root()), path("a"));
        assert!(path("a").join("../b").is_err());
    }

    #[test]
    fn a_location_reads_as_compilers_print_it() {
        assert_eq!(
            Location::new(path("gitops.yaml"), 14, 7).to_string(),
            "gitops.yaml:14:7"
        );
    }
}
