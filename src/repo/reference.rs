//! What a push moves: branches, tags, and the references that some forges turn
//! into pull requests. Refuses the names that Git refuses.

use std::fmt;
use std::str::FromStr;

use super::branch::broken_rule;
use super::{BranchName, SHOWN_OF_A_NAME, shortened};

/// The name of a tag, without `refs/tags/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TagName(Box<str>);

/// Why a text is not the name of a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{:?} cannot be the name of a tag: {reason}", shortened(.name, SHOWN_OF_A_NAME))]
pub struct TagNameError {
    /// What was read.
    pub name: String,
    /// The rule that it breaks.
    pub reason: &'static str,
}

impl TagName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TagName {
    type Err = TagNameError;

    fn from_str(name: &str) -> Result<Self, TagNameError> {
        match broken_rule(name) {
            None => Ok(Self(name.into())),
            Some(reason) => Err(TagNameError {
                name: name.to_owned(),
                reason,
            }),
        }
    }
}

impl fmt::Display for TagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A reference on a remote, or here.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefName {
    /// A branch.
    Branch(BranchName),
    /// A tag.
    Tag(TagName),
    /// A pull request into this branch, on a forge that takes `refs/for/…`.
    /// There is no such reference to read: the forge makes another one of it.
    Review(BranchName),
}

impl RefName {
    /// The full name.
    pub fn reference(&self) -> String {
        match self {
            Self::Branch(name) => name.reference(),
            Self::Tag(name) => format!("refs/tags/{name}"),
            Self::Review(into) => format!("refs/for/{into}"),
        }
    }
}

impl From<BranchName> for RefName {
    fn from(name: BranchName) -> Self {
        Self::Branch(name)
    }
}

impl fmt::Display for RefName {
    /// As a person would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(name) => f.pad(name.as_str()),
            Self::Tag(name) => write!(f, "the tag {name}"),
            Self::Review(_) => f.pad(&self.reference()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn references_are_spelled_as_git_spells_them() {
        let prod: BranchName = "env/prod".parse().unwrap();
        assert_eq!(
            RefName::from(prod.clone()).reference(),
            "refs/heads/env/prod"
        );
        assert_eq!(RefName::Review(prod).reference(), "refs/for/env/prod");
        let tag = RefName::Tag("prod/shop-1.2.0".parse().unwrap());
        assert_eq!(tag.reference(), "refs/tags/prod/shop-1.2.0");
        assert_eq!(tag.to_string(), "the tag prod/shop-1.2.0");
        let error = "shop 1.2".parse::<TagName>().unwrap_err().to_string();
        assert!(error.contains("cannot be the name of a tag"), "{error}");
    }
}
