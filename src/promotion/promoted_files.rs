//! Which files of an environment are promoted, and by which path other environments
//! know them: with `{env}` for the environment's name where files have it in theirs. A
//! name in which `{env}` or a leading `{root}/` is written literally gets an apostrophe
//! there, `{env'}`, so that it is never taken for the environment's.

use super::left_out::LeftOut;
use super::mode::file_value;
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
            let own = has_name.then_some(self.entry.name.as_str());
            let name = shared_name(path.as_str(), own);
            if let Ok(unit) = format!("{ROOT}{name}").parse() {
                let id = file_value(entry);
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
        let own = has_name.then_some(self.entry.name.as_str());
        with_mark(&shared_name(name, own), "{root").parse().ok()
    }
}

/// The path of a unit's file in one environment.
pub(crate) fn own_path(unit: &str, entry: &EnvironmentEntry) -> Option<RepoPath> {
    let name = entry.name.as_str();
    if let Some(path) = unit.strip_prefix(ROOT) {
        return own_name(path, name).parse().ok();
    }
    let unit = without_mark(unit, "{root");
    entry.path.join(&own_name(&unit, name)).ok()
}

/// Whether a unit is a file beside the folders of environments.
pub(super) fn is_at_root(unit: &UnitId) -> bool {
    matches!(unit, UnitId::File(path) if path.as_str().starts_with(ROOT))
}

/// Returns the path with `{env}` where the environment's `name`, if one is given, is a word
/// of its own, and with an apostrophe in each `{env}` that is there already.
pub(crate) fn shared_name(path: &str, name: Option<&str>) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    let mut before = None;
    while let Some(next) = rest.chars().next() {
        let is_joined = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let behind = name.and_then(|name| rest.strip_prefix(name));
        let consumed = if let Some(length) = marked(rest, "{env") {
            out.push_str(&rest[..length - 1]);
            out.push_str("'}");
            length
        } else if let Some(behind) = behind
            && !is_joined(before)
            && !is_joined(behind.chars().next())
        {
            out.push_str(NAME);
            rest.len() - behind.len()
        } else {
            out.push(next);
            next.len_utf8()
        };
        before = rest[..consumed].chars().next_back();
        rest = &rest[consumed..];
    }
    out
}

/// The opposite of [`shared_name`], for the environment of this name.
fn own_name(unit: &str, name: &str) -> String {
    let mut out = String::with_capacity(unit.len());
    let mut rest = unit;
    while let Some(at) = rest.find("{env") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = marked(rest, "{env");
        match length {
            Some(length) if length == NAME.len() => out.push_str(name),
            Some(length) => {
                out.push_str(&rest[..length - 2]);
                out.push('}');
            }
            None => out.push_str("{env"),
        }
        rest = &rest[length.unwrap_or("{env".len())..];
    }
    out.push_str(rest);
    out
}

/// The length of a word such as `{env}` or `{env''}` at the beginning of a text.
fn marked(text: &str, word: &str) -> Option<usize> {
    let behind = text.strip_prefix(word)?.trim_start_matches('\'');
    behind
        .starts_with('}')
        .then(|| text.len() - behind.len() + 1)
}

/// A path with one more apostrophe in the word that its first folder is, if it is that.
fn with_mark(path: &str, word: &str) -> String {
    match marked(path, word) {
        Some(length) if path[length..].starts_with('/') => {
            format!("{}'}}{}", &path[..length - 1], &path[length..])
        }
        _ => path.to_owned(),
    }
}

/// The opposite of [`with_mark`].
fn without_mark(path: &str, word: &str) -> String {
    match marked(path, word) {
        Some(length) if path[..length].ends_with("'}") && path[length..].starts_with('/') => {
            format!("{}}}{}", &path[..length - 2], &path[length..])
        }
        _ => path.to_owned(),
    }
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
            assert_eq!(shared_name(path, Some("dev")), unit);
        }
    }

    #[test]
    fn every_name_is_found_again_and_no_two_are_one() {
        let parts = [
            "{env}", "{env'}", "{env''}", "{root}/", "{root'}/", "dev", "env", "{", "}", "'", "-",
            "/", "a", "{env",
        ];
        let mut paths = Vec::new();
        for one in parts {
            for two in parts {
                for three in parts {
                    paths.push(format!("{one}{two}{three}.yaml"));
                }
            }
        }
        for name in ["dev", "env", "root", "a"] {
            let mut units = std::collections::BTreeMap::new();
            for path in &paths {
                let Ok(relative) = path.parse::<RepoPath>() else {
                    continue;
                };
                for own in [None, Some(name)] {
                    let unit = with_mark(&shared_name(relative.as_str(), own), "{root");
                    assert!(!unit.starts_with(ROOT), "{unit}");
                    let again = own_name(&without_mark(&unit, "{root"), name);
                    assert_eq!(again, relative.as_str(), "{unit} in {name}");
                    let first = units.entry(unit).or_insert_with(|| relative.clone());
                    assert_eq!(*first, relative);
                }
            }
            assert!(units.len() > 2000, "{}", units.len());
        }
    }

    #[test]
    fn a_literal_name_is_the_same_file_in_every_environment() {
        let unit = shared_name("config/{env}.yaml", None);
        assert_eq!(unit, "config/{env'}.yaml");
        assert_eq!(own_name(&unit, "prod"), "config/{env}.yaml");
        assert_eq!(own_name("config/{env}.yaml", "prod"), "config/prod.yaml");
    }
}
