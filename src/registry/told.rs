//! What registries have sent in this run: nothing is asked for twice, and a tag that
//! moves meanwhile does not make one run contradict itself. Refuses to keep what is
//! large, more than a run needs, and failures.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::image::{Digest, Repository};

/// The largest text that is kept, in bytes; manifests and configurations have a few
/// thousand.
const BYTES: usize = 256 << 10;

/// All texts that are kept, in bytes: manifest and configuration of some thousand images.
const ALL_BYTES: usize = 64 << 20;

/// What is known about a manifest or configuration.
#[derive(Clone)]
struct Known {
    digest: Digest,
    /// Whether its bytes were read and have this digest.
    proven: bool,
    /// The bytes, where they are kept.
    bytes: Option<Vec<u8>>,
}

/// Manifests and configurations, by repository and the name that they were asked by.
#[derive(Default)]
pub(super) struct Told(Mutex<All>);

#[derive(Default)]
struct All {
    known: BTreeMap<(Repository, String), Known>,
    bytes: usize,
}

impl Told {
    fn known(&self, repository: &Repository, name: &str) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.known
            .get(&(repository.clone(), name.to_owned()))
            .cloned()
    }

    /// The digest, proven or not.
    pub(super) fn digest(&self, repository: &Repository, name: &str) -> Option<Digest> {
        self.known(repository, name).map(|known| known.digest)
    }

    /// The digest of bytes that were read.
    pub(super) fn proven(&self, repository: &Repository, name: &str) -> Option<Digest> {
        let known = self.known(repository, name)?;
        known.proven.then_some(known.digest)
    }

    pub(super) fn get(&self, repository: &Repository, name: &str) -> Option<(Digest, Vec<u8>)> {
        let known = self.known(repository, name)?;
        Some((known.digest, known.bytes?))
    }

    /// Keeps bytes that were read, with their proven digest.
    pub(super) fn keep(&self, repository: &Repository, name: &str, told: &(Digest, Vec<u8>)) {
        let (digest, bytes) = told;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = bytes.len() <= BYTES && all.bytes + bytes.len() <= ALL_BYTES;
        if fits {
            all.bytes += bytes.len();
        }
        let known = Known {
            digest: digest.clone(),
            proven: true,
            bytes: fits.then(|| bytes.clone()),
        };
        all.known
            .insert((repository.clone(), name.to_owned()), known);
    }

    /// Keeps a digest as a registry gave it.
    pub(super) fn keep_digest(&self, repository: &Repository, name: &str, digest: &Digest) {
        let known = Known {
            digest: digest.clone(),
            proven: false,
            bytes: None,
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.known
            .insert((repository.clone(), name.to_owned()), known);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::image::Reference;

    #[test]
    fn what_is_kept_has_a_limit_and_digests_are_known_beyond_it() {
        let told = Told::default();
        let repository = "example.com/a".parse::<Reference>().unwrap().repository();
        let text = (Digest::sha256(b"x"), vec![b'x'; BYTES]);
        for number in 0..=ALL_BYTES / BYTES {
            told.keep(&repository, &number.to_string(), &text);
        }
        let last = (ALL_BYTES / BYTES).to_string();
        assert!(told.get(&repository, "0").is_some());
        assert!(told.get(&repository, &last).is_none());
        assert_eq!(told.proven(&repository, &last), Some(text.0.clone()));
        told.keep_digest(&repository, "unread", &text.0);
        assert_eq!(told.digest(&repository, "unread"), Some(text.0));
        assert_eq!(told.proven(&repository, "unread"), None);
    }
}
