//! Where somebody says that the configuration is: `FILE` or `REF:PATH`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::repo::{RepoPath, RepoPathError};

/// A place that was named for `gitops.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigPlace {
    /// A file of this machine.
    File(PathBuf),
    /// A file of a revision.
    Revision {
        /// The revision, as Git reads it.
        revision: String,
        /// The file.
        path: RepoPath,
    },
}

/// Why a text names no place for `gitops.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigPlaceError {
    /// Nothing stands there.
    #[error("neither a file nor REVISION:PATH is named")]
    Empty,
    /// The part after the colon is no path of the repository.
    #[error(transparent)]
    Path(#[from] RepoPathError),
}

impl FromStr for ConfigPlace {
    type Err = ConfigPlaceError;

    /// A colon parts a revision from a path; a file with a colon in its name
    /// is named with `./` or `/` in front.
    fn from_str(text: &str) -> Result<Self, ConfigPlaceError> {
        if text.is_empty() {
            return Err(ConfigPlaceError::Empty);
        }
        if text.starts_with(['.', '/']) {
            return Ok(Self::File(text.into()));
        }
        match text.split_once(':') {
            None => Ok(Self::File(text.into())),
            Some((revision, path)) if !revision.is_empty() && !path.is_empty() => {
                Ok(Self::Revision {
                    revision: revision.to_owned(),
                    path: path.parse()?,
                })
            }
            Some(_) => Err(ConfigPlaceError::Empty),
        }
    }
}

impl fmt::Display for ConfigPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Revision { revision, path } => write!(f, "{revision}:{path}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_parts_a_revision_from_a_path() {
        let parse = |text: &str| text.parse::<ConfigPlace>();
        assert_eq!(
            parse("a/gitops.yaml").unwrap(),
            ConfigPlace::File("a/gitops.yaml".into())
        );
        assert_eq!(parse("./a:b").unwrap(), ConfigPlace::File("./a:b".into()));
        let ConfigPlace::Revision { revision, path } =
            parse("origin/main:conf/gitops.yaml").unwrap()
        else {
            panic!("not a revision");
        };
        assert_eq!(
            (revision.as_str(), path.as_str()),
            ("origin/main", "conf/gitops.yaml")
        );
        for bad in ["", ":a", "main:", "main:../x", "main:/etc/passwd"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
