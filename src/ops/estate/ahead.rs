//! What several environments miss in a partial clone, fetched at once: the folders
//! of all of them, then the contents of all of them. Nothing is read here.

use super::{Estate, EstateError};
use crate::git::Selection;
use crate::product::EnvironmentName;
use crate::repo::CommitId;

impl Estate {
    /// In a partial clone: fetches at once what loading all of these would fetch
    /// one after the other.
    pub fn fetch_ahead(&self, states: &[(&EnvironmentName, CommitId)]) -> Result<(), EstateError> {
        if !self.git.is_partial() {
            return Ok(());
        }
        let mut entries = Vec::new();
        for (name, commit) in states {
            entries.push((self.environment(name)?, commit));
        }
        // The folders of all first: they say which contents are wanted.
        let folders: Vec<(CommitId, Selection)> = entries
            .iter()
            .map(|(entry, commit)| {
                let folders = Selection::under(self.roots(entry), |_| false);
                ((*commit).clone(), folders)
            })
            .collect();
        self.fetch_selected(&folders)?;
        let mut contents = Vec::new();
        for (entry, commit) in entries {
            contents.push((commit.clone(), self.selection(entry, commit, false)?));
        }
        self.fetch_selected(&contents)
    }

    fn fetch_selected(&self, wanted: &[(CommitId, Selection)]) -> Result<(), EstateError> {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(commit, selection)| (commit.clone(), selection))
            .collect();
        Ok(self.git.fetch_ahead(&wanted)?)
    }
}
