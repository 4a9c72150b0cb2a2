//! Putting together what components render to: each path belongs to one of them.

use std::collections::BTreeMap;

use super::error::{RenderCause, RenderError, RenderProblem};
use super::index::IndexedFile;
use super::render::RenderedFile;
use crate::product::ComponentName;
use crate::repo::{Location, ObjectFormat, RepoPath, blob_id_in};

/// What is kept of a rendered file.
pub(super) trait Kept: Send {
    /// The component that it is rendered for.
    fn component(&self) -> &ComponentName;
    /// Where its first line stands in the template.
    fn source(&self) -> &Location;
}

impl Kept for RenderedFile {
    fn component(&self) -> &ComponentName {
        &self.component
    }

    fn source(&self) -> &Location {
        &self.source
    }
}

/// A rendered file without its text.
pub(super) struct Indexed {
    pub(super) file: IndexedFile,
    source: Location,
}

impl Indexed {
    pub(super) fn of(file: RenderedFile, format: ObjectFormat) -> Self {
        Self {
            file: IndexedFile {
                id: blob_id_in(format, file.text.as_bytes()),
                component: file.component,
                layer: file.layer,
            },
            source: file.source,
        }
    }
}

impl Kept for Indexed {
    fn component(&self) -> &ComponentName {
        &self.file.component
    }

    fn source(&self) -> &Location {
        &self.source
    }
}

/// Rendered files so far, and what went wrong.
pub(super) struct Collector<K> {
    files: BTreeMap<RepoPath, K>,
    problems: Vec<RenderProblem>,
}

impl<K> Default for Collector<K> {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            problems: Vec::new(),
        }
    }
}

impl<K: Kept> Collector<K> {
    pub(super) fn add(&mut self, path: RepoPath, file: K) {
        if let Some(first) = self.files.get(&path) {
            self.problems.push(RenderProblem {
                component: Some(file.component().clone()),
                location: file.source().clone(),
                cause: RenderCause::SameFile {
                    component: file.component().clone(),
                    path: path.to_string(),
                    other: first.component().clone(),
                    first: first.source().clone(),
                },
            });
            return;
        }
        self.files.insert(path, file);
    }

    pub(super) fn fail(&mut self, problem: RenderProblem) {
        self.problems.push(problem);
    }

    /// Puts what comes later behind this.
    pub(super) fn append(&mut self, later: Self) {
        for (path, file) in later.files {
            self.add(path, file);
        }
        self.problems.extend(later.problems);
    }

    pub(super) fn finish(self) -> Result<BTreeMap<RepoPath, K>, RenderError> {
        match self.problems.is_empty() {
            true => Ok(self.files),
            false => Err(RenderError::new(self.problems)),
        }
    }
}
