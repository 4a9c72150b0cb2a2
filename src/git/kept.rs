//! What is kept in the Git folder for the next run, and can be had again at any
//! time: losing it costs time and nothing else, so nothing here fails.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use super::Git;

/// How many texts are kept; the oldest go first.
const MOST: usize = 24;

impl Git {
    fn kept(&self) -> PathBuf {
        self.libgit2().commondir().join("kubectl-gitops/kept")
    }

    /// The text that was kept under a key, if it still is. Keys are file names.
    pub fn recall(&self, key: &str) -> Option<String> {
        fs::read_to_string(self.kept().join(key)).ok()
    }

    /// Keeps a text under a key. Readers see all of it or nothing.
    pub fn keep(&self, key: &str, text: &str) {
        let folder = self.kept();
        if fs::create_dir_all(&folder).is_err() {
            return;
        }
        self.forget_oldest();
        let unique = format!("{key}.{:?}.new", std::thread::current().id());
        let written = folder.join(format!("{unique}.{}", std::process::id()));
        let done = fs::write(&written, text).and_then(|()| fs::rename(&written, folder.join(key)));
        if done.is_err() {
            let _ = fs::remove_file(&written);
        }
    }

    fn forget_oldest(&self) {
        let Ok(files) = fs::read_dir(self.kept()) else {
            return;
        };
        let mut files: Vec<(SystemTime, PathBuf)> = files
            .filter_map(|file| {
                let file = file.ok()?;
                Some((file.metadata().ok()?.modified().ok()?, file.path()))
            })
            .collect();
        files.sort();
        let spare = (files.len() + 1).saturating_sub(MOST);
        for (_, path) in files.into_iter().take(spare) {
            let _ = fs::remove_file(path);
        }
    }
}
