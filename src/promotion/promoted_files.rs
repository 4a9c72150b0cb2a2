//! Which files of an environment are promoted, and by which path other environments
//! know them: `{env}` stands for the environment's name where files bear it.

use serde_json::Value;

use super::left_out::LeftOut;
use super::{UnitId, Units, units};
use crate::product::{
    ENVIRONMENT_FILE, EnvironmentEntry, FilePattern, ProductTree, Repository, UnitError,
};
use crate::repo::{EntryKind, RepoPath, Snapshot};
use crate::template::FILES_FOLDER;

/// Where a file's name has the environment's.
const NAME: &str = "{env}";
/// Before the path of a file that stands beside the environment's folder.
const ROOT: &str = "{root}/";

/// The `promotion.files` of `gitops.yaml`, for one environment.
#[derive(Debug, Clone)]
pub struct PromotedFiles {
    entry: EnvironmentEntry,
    /// The patterns, and whether `{env}` stands in them.
    patterns: Vec<(FilePattern, bool)>,
    /// Folders of files that are rendered from the others.
    rendered: Vec<RepoPath>,
    /// The folders of the environments on the branch.
    folders: Vec<RepoPath>,
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
            folders: repository
                .environments
                .iter()
                .filter(|other| other.branch == entry.branch)
                .map(|other| other.path.clone())
                .collect(),
        }
    }

    /// The units of a state of the environment; the value of a file is its id so far. Without
    /// components that the product shares with `other`.
    pub fn units(
        &self,
        product: Option<&ProductTree>,
        other: Option<&ProductTree>,
        snapshot: &Snapshot,
    ) -> Result<Units, UnitError> {
        let own = |path: &RepoPath| self.unit_path(path);
        let mut found = units(product, other, snapshot, &self.entry.path, &own)?;
        let root: Vec<_> = self
            .patterns
            .iter()
            .filter(|(pattern, _)| pattern.from_branch_root)
            .collect();
        if root.is_empty() {
            return Ok(found);
        }
        for (path, entry) in snapshot.entries() {
            let in_folder = self.folders.iter().any(|folder| path.starts_with(folder));
            let own = path.as_str() == "gitops.yaml" || path.as_str().starts_with(".gitops/");
            if in_folder || own || entry.kind == EntryKind::Submodule {
                continue;
            }
            let matching = root
                .iter()
                .find(|(pattern, _)| pattern.matches(&self.entry.path, path));
            let Some((_, has_name)) = matching else {
                continue;
            };
            let name = match has_name {
                true => without_name(path.as_str(), self.entry.name.as_str()),
                false => path.to_string(),
            };
            if let Ok(unit) = format!("{ROOT}{name}").parse() {
                let id = Value::String(entry.id.to_string());
                found.insert(UnitId::File(unit), id);
            }
        }
        Ok(found)
    }

    /// The files that the patterns mean and that cannot be promoted: submodules, and
    /// files whose names cannot be said.
    pub(super) fn left_out(&self, snapshot: &Snapshot) -> LeftOut {
        let mut left = LeftOut::default();
        let folder = &self.entry.path;
        for (path, entry) in snapshot.under(folder) {
            let relative = path.strip_prefix(folder);
            let meant = |path: &RepoPath| self.unit_path(path).is_some();
            if entry.kind == EntryKind::Submodule
                && let Some(relative) = relative.filter(meant)
            {
                let shown = format!("{path} (it is a submodule)");
                left.add(relative.as_str().as_bytes(), Some(&entry.id), shown);
            }
        }
        for odd in snapshot.odd() {
            let mut patterns = self.patterns.iter();
            let own = ["gitops.yaml", ".gitops"];
            let own = own.iter().filter_map(|own| folder.join(own).ok());
            let rendered = self.rendered.iter().map(|it| folder.join_path(it));
            let mut foreign = own.chain(rendered).filter(|it| odd.below(it).is_some());
            let meant = patterns.any(|(pattern, _)| {
                pattern.matches_odd(folder, odd)
                    && (pattern.from_branch_root || self.entry.holds_odd(odd))
            });
            if meant && foreign.next().is_none() {
                left.add_odd(odd.below(folder).unwrap_or(odd.path()), odd);
            }
        }
        left
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
pub(crate) fn own_path(unit: &str, entry: &EnvironmentEntry) -> Option<RepoPath> {
    if let Some(path) = unit.strip_prefix(ROOT) {
        return path.replace(NAME, entry.name.as_str()).parse().ok();
    }
    entry
        .path
        .join(&unit.replace(NAME, entry.name.as_str()))
        .ok()
}

/// Whether a unit is a file beside the folders of environments.
pub(super) fn is_at_root(unit: &UnitId) -> bool {
    matches!(unit, UnitId::File(path) if path.as_str().starts_with(ROOT))
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
