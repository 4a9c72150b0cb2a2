//! Whom to ask about images: what `gitops.yaml` and an environment's cluster say of
//! registries, for all operations that ask them.

mod pull_secrets;

use std::path::Path;

use crate::product::{ComponentName, RegistryEntry, Repository};
use crate::registry::{RegistryError, Settings};

pub use pull_secrets::{PullSecrets, PullSecretsError, pull_secrets};

/// Adds what `gitops.yaml` says about registries. `root` is the repository's folder.
pub fn local_settings(repository: &Repository, root: &Path, mut settings: Settings) -> Settings {
    for (host, entry) in &repository.registries {
        match entry {
            RegistryEntry::Layout(dir) => {
                settings.layouts.insert(host.clone(), root.join(dir));
            }
            RegistryEntry::PlainHttp => {
                settings.plain_http.insert(host.clone());
            }
        }
    }
    settings
}

/// One line for each failure, however many components share it.
pub(super) fn failures(failed: &[(ComponentName, RegistryError)]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (_, error) in failed {
        let line = error.to_string();
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}
