//! Which files of an environment are promoted, and by which path other environments
//! know them: `{env}` stands for the environment's name where files bear it.

use crate::product::{ENVIRONMENT_FILE, EnvironmentEntry, FilePattern, Repository};
use crate::repo::RepoPath;
use crate::template::FILES_FOLDER;

/// Where a file's name has the environment's.
const NAME: &str = "{env}";

/// The `promotion.files` of `gitops.yaml`, for one environment.
#[derive(Debug, Clone)]
pub struct PromotedFiles {
    entry: EnvironmentEntry,
    /// The patterns, and whether `{env}` stands in them.
    patterns: Vec<(FilePattern, bool)>,
    /// Folders of files that are rendered from the others.
    rendered: Vec<RepoPath>,
}

impl PromotedFiles {
    /// Those of an environment. Without a product manifest only those that
    /// `gitops.yaml` names itself.
    pub fn of(repository: &Repository, entry: &EnvironmentEntry, is_product: bool) -> Self {
        let promotion = &repository.promotion;
        let named = |pattern: &FilePattern| {
            if !pattern.text.contains(NAME) {
                return Some((pattern.clone(), entry.files.is_some()));
            }
            let text = pattern.text.replace(NAME, entry.name.as_str());
            Some((FilePattern::parse(&text).ok()?, true))
        };
        let patterns = match promotion.named || is_product {
            true => promotion.files.iter().filter_map(named).collect(),
            false => Vec::new(),
        };
        let mut rendered = Vec::new();
        if let Some(folder) = repository.rendered.as_ref().filter(|_| is_product) {
            rendered.push(folder.clone());
            rendered.extend(FILES_FOLDER.parse());
        }
        Self {
            entry: entry.clone(),
            patterns,
            rendered,
        }
    }

    /// The path by which environments know a file at this path below this one's; `None`:
    /// it is not promoted. What belongs to the environment never is, whatever the
    /// patterns say.
    pub fn unit_path(&self, relative: &RepoPath) -> Option<RepoPath> {
        let name = relative.as_str();
        let own = name == ENVIRONMENT_FILE || name == "gitops.yaml" || name.starts_with(".gitops/");
        if own || self.rendered.iter().any(|it| relative.starts_with(it)) {
            return None;
        }
        let path = self.entry.path.join_path(relative);
        let mut matching = self.patterns.iter();
        let (_, has_name) =
            matching.find(|(pattern, _)| pattern.matches(&self.entry.path, &path))?;
        if !self.entry.holds(&path) {
            return None;
        }
        if !has_name {
            return Some(relative.clone());
        }
        without_name(name, self.entry.name.as_str()).parse().ok()
    }
}

/// The path of a unit's file in one environment.
pub(super) fn own_path(unit: &str, entry: &EnvironmentEntry) -> Option<RepoPath> {
    entry
        .path
        .join(&unit.replace(NAME, entry.name.as_str()))
        .ok()
}

/// The path with `{env}` where the name stands as a word of its own.
fn without_name(path: &str, name: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find(name) {
        let (before, behind) = (&rest[..at], &rest[at + name.len()..]);
        let joined = |c: char| c.is_ascii_alphanumeric();
        let before_is_word =
            before.ends_with(joined) || (before.is_empty() && out.ends_with(joined));
        out.push_str(before);
        if before_is_word || behind.starts_with(joined) {
            out.push_str(name);
        } else {
            out.push_str(NAME);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_environment_is_a_word_of_its_own() {
        for (path, unit) in [
            ("values-dev.yaml", "values-{env}.yaml"),
            ("dev/device.yaml", "{env}/device.yaml"),
            ("mydev.yaml", "mydev.yaml"),
            ("dev.dev.yaml", "{env}.{env}.yaml"),
        ] {
            assert_eq!(without_name(path, "dev"), unit);
        }
    }
}
