//! The playground that `demo` makes: a bare origin, a clone of it with the
//! three environments of Online Boutique, and a registry that is a folder.
//!
//! It writes into a folder of its own and nowhere else: not into the user's
//! Git configuration, and never over a folder that it did not make.

mod environments;
mod files;
mod images;
mod layout;

use std::path::{Path, PathBuf};

use crate::git::{Git, GitError};
use crate::repo::Signature;

pub use images::Moment;
pub use layout::Layout;

/// The file that tells a playground from any other folder.
const MARKER: &str = "MADE-BY-KUBECTL-GITOPS-DEMO";

const MARKER_TEXT: &str = "A playground of kubectl-gitops. `kubectl gitops demo --force` makes it anew;\n\
    delete the folder when you have seen enough. Nothing outside of it was changed.\n";

/// Why there is no playground.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder holds something else.
    #[error("{} exists, and it is not a playground", .directory.display())]
    Occupied {
        /// The folder.
        directory: PathBuf,
    },
    /// The folder holds a playground already.
    #[error("{} is a playground already", .directory.display())]
    Exists {
        /// The folder.
        directory: PathBuf,
    },
    /// A file could not be written or removed.
    #[error("{}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Git could not do its part.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The example that this program carries is broken.
    #[error("the example that is built in is broken: {0}")]
    Example(String),
}

/// A playground on the disk.
#[derive(Debug)]
pub struct Playground {
    /// The folder with everything in it.
    pub directory: PathBuf,
    /// The clone in which to type.
    pub clone: PathBuf,
    registry: PathBuf,
}

/// Makes a playground. `author` writes its first commits; `replace` allows it
/// to remove an older playground in the same place.
pub fn make(directory: &Path, author: &Signature, replace: bool) -> Result<Playground, DemoError> {
    clear(directory, replace)?;
    let file = |path: &Path| {
        let path = path.to_owned();
        move |source| DemoError::File { path, source }
    };
    std::fs::create_dir_all(directory).map_err(file(directory))?;
    // The remote's address and the registry's place have to hold from anywhere.
    let directory = directory.canonicalize().map_err(file(directory))?;
    let marker = directory.join(MARKER);
    std::fs::write(&marker, MARKER_TEXT).map_err(file(&marker))?;

    let playground = Playground {
        clone: directory.join("online-boutique"),
        registry: directory.join("registry"),
        directory,
    };
    playground.advance(Moment::Start)?;
    let origin = playground.directory.join("origin.git");
    environments::write(&origin, author)?;
    Git::clone_local(
        &origin,
        &playground.clone,
        &[
            ("user.name", &author.name),
            ("user.email", &author.email),
            // A playground asks nobody for the passphrase of a key.
            ("commit.gpgsign", "false"),
        ],
    )?;
    Ok(playground)
}

impl Playground {
    /// Lets the registry have what was built until a moment of the story.
    pub fn advance(&self, moment: Moment) -> Result<(), DemoError> {
        images::registry(moment)
            .write(&self.registry)
            .map_err(|source| DemoError::File {
                path: self.registry.clone(),
                source,
            })
    }
}

/// Makes sure that nothing of value stands in the folder.
fn clear(directory: &Path, replace: bool) -> Result<(), DemoError> {
    let failed = |source| DemoError::File {
        path: directory.to_owned(),
        source,
    };
    let mut entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Err(DemoError::Occupied {
                directory: directory.to_owned(),
            });
        }
        Err(error) => return Err(failed(error)),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    let ours =
        std::fs::read_to_string(directory.join(MARKER)).is_ok_and(|text| text == MARKER_TEXT);
    match (ours, replace) {
        (false, _) => Err(DemoError::Occupied {
            directory: directory.to_owned(),
        }),
        (true, false) => Err(DemoError::Exists {
            directory: directory.to_owned(),
        }),
        (true, true) => std::fs::remove_dir_all(directory).map_err(failed),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let top = tempfile::tempdir().unwrap();
        let precious = top.path().join("precious");
        std::fs::write(&precious, "work of years").unwrap();
        for replace in [false, true] {
            assert!(matches!(
                clear(top.path(), replace),
                Err(DemoError::Occupied { .. })
            ));
            assert!(matches!(
                clear(&precious, replace),
                Err(DemoError::Occupied { .. })
            ));
        }
        // A file that merely has the marker's name proves nothing.
        std::fs::write(top.path().join(MARKER), "").unwrap();
        assert!(matches!(
            clear(top.path(), true),
            Err(DemoError::Occupied { .. })
        ));
        assert_eq!(std::fs::read_to_string(precious).unwrap(), "work of years");
    }

    #[test]
    fn every_environment_has_the_product_and_what_is_its_own() {
        let top = tempfile::tempdir().unwrap();
        let author = Signature {
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            seconds: 1_767_225_600,
            offset_minutes: 0,
        };
        let playground = make(&top.path().join("demo"), &author, false).unwrap();
        let git = Git::discover(&playground.clone).unwrap();
        assert!(!git.is_dirty().unwrap());
        let remote = git.remote(None).unwrap();
        let default = git.known_default_branch(remote.as_ref().unwrap()).unwrap();
        assert_eq!(default.unwrap().as_str(), "main");
        let file = |environment: &str, path: &str| -> Option<String> {
            let branch = format!("env/{environment}").parse().unwrap();
            let tip = git.tip(remote.as_ref(), &branch).unwrap().unwrap();
            let snapshot = git
                .snapshot(&tip, &crate::git::Selection::everything())
                .unwrap();
            let text = snapshot.text(&path.parse().unwrap()).unwrap();
            text.map(str::to_owned)
        };
        let product = file("dev", "product.yaml").unwrap();
        for environment in ["staging", "prod"] {
            assert_eq!(file(environment, "product.yaml").unwrap(), product);
        }
        let frontend = "manifests/app/deployment-frontend.yaml";
        assert!(file("dev", frontend).unwrap().contains("replicas: 1"));
        assert!(file("prod", frontend).unwrap().contains("replicas: 3"));
        let load = "manifests/app/deployment-loadgenerator.yaml";
        assert!(file("staging", load).is_some());
        assert!(file("prod", load).is_none());
    }

    #[test]
    fn a_playground_goes_only_when_told() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("demo");
        clear(&folder, false).unwrap();
        std::fs::create_dir(&folder).unwrap();
        clear(&folder, false).unwrap();
        std::fs::write(folder.join(MARKER), MARKER_TEXT).unwrap();
        assert!(matches!(
            clear(&folder, false),
            Err(DemoError::Exists { .. })
        ));
        clear(&folder, true).unwrap();
        assert!(!folder.exists());
    }
}
