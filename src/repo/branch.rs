//! Branch names, by the rules of `git check-ref-format --branch`. Refuses
//! what Git refuses, and names that an option parser or a revision could be
//! taken for.

use std::fmt;
use std::str::FromStr;

use super::{SHOWN_OF_A_NAME, shortened};

/// The longest name of a branch or tag, in bytes. Forges refuse names over 255; Git
/// itself takes what the file system takes for a path, and programs are not started with
/// arguments of 128 KiB.
/// See `docs/limits.md`.
pub(super) const LONGEST_NAME: usize = 1000;

/// The name of a branch, without `refs/heads/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchName(Box<str>);

/// Why a text is not the name of a branch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{:?} cannot be the name of a branch: {reason}", shortened(.name, SHOWN_OF_A_NAME))]
pub struct BranchNameError {
    /// What was read.
    pub name: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl BranchName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The full name of the reference, `refs/heads/…`.
    pub fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

/// The rules of git-check-ref-format(1), in its order.
pub(super) fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > LONGEST_NAME {
        return Some("it is longer than 1000 bytes");
    }
    if name.starts_with('-') {
        return Some("it starts with '-'");
    }
    if name == "HEAD" || name == "@" {
        return Some("Git keeps that name for itself");
    }
    if name.split('/').any(str::is_empty) {
        return Some("a part between slashes is empty");
    }
    if name.split('/').any(|part| part.starts_with('.')) {
        return Some("a part starts with '.'");
    }
    if name.split('/').any(|part| part.ends_with(".lock")) {
        return Some("a part ends with '.lock'");
    }
    if name.contains("..") {
        return Some("it contains '..'");
    }
    if name.contains("@{") {
        return Some("it contains '@{'");
    }
    if name.ends_with('.') {
        return Some("it ends with '.'");
    }
    if name.chars().any(char::is_control) {
        return Some("it contains a control character");
    }
    if name.contains([' ', '~', '^', ':', '?', '*', '[', '\\']) {
        return Some("it contains a space or one of ~ ^ : ? * [ \\");
    }
    None
}

impl FromStr for BranchName {
    type Err = BranchNameError;

    fn from_str(name: &str) -> Result<Self, BranchNameError> {
        match broken_rule(name) {
            None => Ok(Self(name.into())),
            Some(reason) => Err(BranchNameError {
                name: name.to_owned(),
                reason,
            }),
        }
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BranchName({})", self.0)
    }
}

impl serde::Serialize for BranchName {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn what_git_refuses_is_refused() {
        for good in [
            "main",
            "env/prod",
            "gitops/promote/prod/0a1b2c3d",
            "a.b",
            "ü",
        ] {
            assert_eq!(good.parse::<BranchName>().unwrap().as_str(), good);
        }
        for bad in [
            "", "-d", "HEAD", "@", "/a", "a/", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a..b",
            "a@{b", "a.", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a\nb", "a\u{7f}",
        ] {
            assert!(bad.parse::<BranchName>().is_err(), "{bad:?}");
        }
        assert!("b".repeat(LONGEST_NAME).parse::<BranchName>().is_ok());
        let long = "b".repeat(100_000);
        let error = long.parse::<BranchName>().unwrap_err().to_string();
        assert!(error.contains("(100000 bytes)") && error.contains("longer than 1000"));
        assert!(error.len() < 300, "{}", error.len());
    }
}
