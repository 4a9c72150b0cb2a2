//! What registries have sent in this run: nothing is asked for twice, and a tag that
//! moves meanwhile does not make one run contradict itself. Refuses to keep what is
//! large, and failures.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::image::{Digest, Repository};

/// The largest text that is kept; manifests and configurations have a few kilobytes.
const BYTES: usize = 256 << 10;

/// A digest, and the bytes where they were read.
type Known = (Digest, Option<Vec<u8>>);

/// Manifests and configurations, by repository and the name that they were asked by.
#[derive(Default)]
pub(super) struct Told(Mutex<BTreeMap<(Repository, String), Known>>);

impl Told {
    fn known(&self, repository: &Repository, name: &str) -> Option<Known> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&(repository.clone(), name.to_owned())).cloned()
    }

    pub(super) fn digest(&self, repository: &Repository, name: &str) -> Option<Digest> {
        self.known(repository, name).map(|(digest, _)| digest)
    }

    pub(super) fn get(&self, repository: &Repository, name: &str) -> Option<(Digest, Vec<u8>)> {
        let (digest, bytes) = self.known(repository, name)?;
        Some((digest, bytes?))
    }

    pub(super) fn keep(&self, repository: &Repository, name: &str, told: &(Digest, Vec<u8>)) {
        let (digest, bytes) = told;
        let bytes = (bytes.len() <= BYTES).then(|| bytes.clone());
        self.put(repository, name, (digest.clone(), bytes));
    }

    pub(super) fn keep_digest(&self, repository: &Repository, name: &str, digest: &Digest) {
        self.put(repository, name, (digest.clone(), None));
    }

    fn put(&self, repository: &Repository, name: &str, known: Known) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert((repository.clone(), name.to_owned()), known);
    }
}
