//! Components that the source renamed (`renamedFrom`): on the target they are compared,
//! promoted and overridden under their new names.
//!
//! The target is looked at as if it had renamed them already, in its manifests and in its
//! own `environment.yaml`. What a promotion leaves out gets its old name back. A name is
//! followed only where the source has nothing else under the old one. Pure.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{PlanError, Record, Side, UnitId, Units};
use crate::product::{ComponentName, EnvironmentState, ProductTree, Repository};
use crate::repo::{Edit, RepoPath};
use crate::yaml::{Path, Span, Stream, entry_key, quote};

/// The renamed components, and the target's texts.
#[derive(Debug, Default)]
pub struct Renames {
    /// Old and new names.
    pub names: Vec<(ComponentName, ComponentName)>,
    /// The texts with the new names.
    edits: BTreeMap<RepoPath, Edit>,
    /// The texts as they are.
    was: BTreeMap<RepoPath, String>,
    /// The target as it is.
    original: Option<EnvironmentState>,
}

impl Renames {
    /// Gives the components of the target the names that the source gave them, and their
    /// records as well.
    pub(crate) fn follow(
        source: &Side,
        target: &mut Side,
        records: &mut BTreeMap<UnitId, Record>,
        repository: &Repository,
    ) -> Result<Self, PlanError> {
        let mut renames = Self::default();
        let (Some(theirs), Some(ours)) = (&source.state.product, &target.state.product) else {
            return Ok(renames);
        };
        renames.names = candidates(theirs, ours);
        if renames.names.is_empty() {
            return Ok(renames);
        }
        let names: Vec<_> = renames.names.iter().map(|(old, new)| (old, new)).collect();
        for (file, stream) in &ours.files {
            let text = match ours.environment.file.as_ref() == Some(file) {
                true => overrides(stream, &names),
                false => renamed(ours, file, stream, &names, &|_, to| {
                    Some(quote(to.as_str()))
                }),
            };
            if text != stream.text() {
                renames.was.insert(file.clone(), stream.text().to_owned());
                renames.edits.insert(file.clone(), Edit::write(text));
            }
        }
        let state = &target.state;
        let snapshot = state.snapshot.with_edits(&renames.edits, None);
        let entry = state.entry.clone();
        // What cannot be read under the new names is compared under the old ones.
        let Ok(state) = EnvironmentState::understand(entry, &state.commit, snapshot) else {
            return Ok(Self::default());
        };
        let renamed = Side::new(state, repository)?;
        renames.original = Some(std::mem::replace(target, renamed).state);
        for (old, new) in &renames.names {
            let [old, new] = [old, new].map(|name| UnitId::Component(name.clone()));
            if !records.contains_key(&new)
                && let Some(mut record) = records.remove(&old)
            {
                record.was = Some(old.kind_and_name());
                records.insert(new, record);
            }
        }
        Ok(renames)
    }

    /// The target as it is, where it is looked at with other names.
    pub(crate) fn original(&self) -> Option<&EnvironmentState> {
        self.original.as_ref()
    }

    /// Edits against the target as it is looked at, as edits of the target as it is.
    pub(super) fn over<'e>(
        &self,
        edits: &'e BTreeMap<RepoPath, Edit>,
    ) -> Cow<'e, BTreeMap<RepoPath, Edit>> {
        if self.edits.is_empty() {
            return Cow::Borrowed(edits);
        }
        let mut all = self.edits.clone();
        all.extend(
            edits
                .iter()
                .map(|(path, edit)| (path.clone(), edit.clone())),
        );
        Cow::Owned(all)
    }

    /// Gives units of another state the new names, where it has only the old ones.
    pub(crate) fn rename(&self, units: &mut Units) {
        for (old, new) in self.units() {
            if !units.contains_key(&new)
                && let Some(value) = units.remove(&old)
            {
                units.insert(new, value);
            }
        }
    }

    /// The unit that one was before it was renamed.
    pub(crate) fn old(&self, unit: &UnitId) -> Option<UnitId> {
        self.units()
            .find(|(_, new)| new == unit)
            .map(|(old, _)| old)
    }

    fn units(&self) -> impl Iterator<Item = (UnitId, UnitId)> + '_ {
        let unit = |name: &ComponentName| UnitId::Component(name.clone());
        self.names
            .iter()
            .map(move |(old, new)| (unit(old), unit(new)))
    }

    /// Words about units, with the new names in place of the old ones.
    pub(super) fn translated(&self, words: &[String]) -> Vec<String> {
        let translate = |word: &String| {
            for (old, new) in &self.names {
                let bare = word.strip_prefix("component/").unwrap_or(word);
                let rest = bare.strip_prefix(old.as_str());
                if let Some(rest) = rest
                    && (rest.is_empty() || rest.starts_with(['.', '/', ':', ' ']))
                {
                    return format!("{new}{rest}");
                }
            }
            word.clone()
        };
        words.iter().map(translate).collect()
    }

    /// Settles the names in the edits of a promotion: those that it takes along are
    /// written, the others stay as they are. Returns the edits against the target as it is
    /// looked at, to be rendered; [`Renames::written`] says what is committed.
    pub(super) fn settled(
        &self,
        target: &Side,
        chosen: Option<&BTreeSet<UnitId>>,
        images_only: bool,
        mut edits: BTreeMap<RepoPath, Edit>,
    ) -> Result<BTreeMap<RepoPath, Edit>, PlanError> {
        let stays = |new: &ComponentName| {
            let unit = UnitId::Component(new.clone());
            images_only || chosen.is_some_and(|chosen| !chosen.contains(&unit))
        };
        let (stay, go): (Vec<_>, Vec<_>) = self.names.iter().partition(|(_, new)| stays(new));
        let back: Vec<_> = stay.iter().map(|(old, new)| (new, old)).collect();
        let go: Vec<_> = go.iter().map(|(old, new)| (old, new)).collect();
        let Some(tree) = &target.state.product else {
            return Ok(edits);
        };
        for (file, edit) in &self.edits {
            let (Edit::Write { bytes, .. }, Some(was)) =
                (edits.get(file).unwrap_or(edit), self.was.get(file))
            else {
                continue;
            };
            let failed = |source| PlanError::Edit {
                path: file.clone(),
                source,
            };
            let parsed = |text: &str| Stream::parse(text).map_err(|error| failed(error.into()));
            let text = if tree.environment.file.as_ref() == Some(file) {
                overrides(&parsed(was)?, &go)
            } else {
                let (was, now) = (parsed(was)?, parsed(&String::from_utf8_lossy(bytes))?);
                renamed(tree, file, &now, &back, &|key, old| {
                    written_key(&was, key, old)
                })
            };
            edits.insert(file.clone(), Edit::write(text));
        }
        Ok(edits)
    }

    /// The edits that change something of the target as it is.
    pub(super) fn written(&self, mut edits: BTreeMap<RepoPath, Edit>) -> BTreeMap<RepoPath, Edit> {
        edits.retain(|path, edit| match (self.was.get(path), edit) {
            (Some(was), Edit::Write { bytes, .. }) => was.as_bytes() != bytes.as_slice(),
            _ => true,
        });
        edits
    }

    /// Removes the records that stand under old names, of units that have new ones now.
    pub(super) fn forget(
        &self,
        target: &Side,
        records: &BTreeMap<UnitId, Record>,
        edits: &mut BTreeMap<RepoPath, Edit>,
    ) {
        for (old, new) in self.units().filter(|(_, new)| records.contains_key(new)) {
            let path = target.record_path(&old);
            let known = |path: &RepoPath| target.state.snapshot.entry(path).is_some();
            if let Some(path) = path.filter(known)
                && target.record_path(&new).as_ref() != Some(&path)
            {
                edits.insert(path, Edit::Delete);
            }
        }
    }
}

/// Old and new names of the components that the source renamed and the target did not.
fn candidates(source: &ProductTree, target: &ProductTree) -> Vec<(ComponentName, ComponentName)> {
    let components = source.components.iter();
    let named = components
        .filter_map(|(name, node)| Some((&node.component.renamed_from.as_ref()?.value, name)));
    let followed = named.filter(|(old, new)| {
        let is_entry = |name: &ComponentName| {
            let node = target.components.get(name);
            node.is_some_and(|node| !node.path.is_root())
        };
        is_entry(old)
            && !source.components.contains_key(*old)
            && !target.components.contains_key(*new)
    });
    let mut names: Vec<(ComponentName, ComponentName)> = followed
        .map(|(old, new)| (old.clone(), new.clone()))
        .collect();
    // Two that were one are two new ones.
    let all = names.clone();
    names.retain(|(old, _)| all.iter().filter(|(other, _)| other == old).count() == 1);
    names
}

/// How a name is written as a key, by its document and the path of the components.
type Written<'w> = &'w dyn Fn((usize, &Path), &ComponentName) -> Option<String>;

/// A manifest of the target with the second names in place of the first ones, each as
/// `written` has it for its document and the path of the components.
fn renamed(
    tree: &ProductTree,
    file: &RepoPath,
    stream: &Stream,
    names: &[(&ComponentName, &ComponentName)],
    written: Written<'_>,
) -> String {
    let mut keys = Vec::new();
    for (from, to) in names {
        let mut nodes = [from, to]
            .into_iter()
            .filter_map(|it| tree.components.get(*it));
        let Some(node) = nodes.find(|node| node.file == *file) else {
            continue;
        };
        let parent = node.path.parent().unwrap_or_default();
        let document = stream.documents().get(node.document);
        let span = document.and_then(|it| entry_key(it, &parent.key(from.as_str())));
        keys.extend(span.zip(written((node.document, &parent), to)));
    }
    replaced(stream.text(), keys)
}

/// A key as a text has it.
fn written_key(
    stream: &Stream,
    (document, parent): (usize, &Path),
    name: &ComponentName,
) -> Option<String> {
    let document = stream.documents().get(document)?;
    let span = entry_key(document, &parent.key(name.as_str()))?;
    Some(stream.text()[span.range()].to_owned())
}

/// An `environment.yaml` whose overrides have the second names.
fn overrides(stream: &Stream, names: &[(&ComponentName, &ComponentName)]) -> String {
    let components = Path::of(["spec", "components"]);
    let document = stream.documents().first();
    let key = |name: &ComponentName| entry_key(document?, &components.key(name.as_str()));
    let keys = names.iter().filter_map(|(from, to)| {
        let is_free = key(to).is_none();
        let span = key(from).filter(|_| is_free)?;
        Some((span, quote(to.as_str())))
    });
    replaced(stream.text(), keys.collect())
}

fn replaced(text: &str, mut parts: Vec<(Span, String)>) -> String {
    parts.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for (span, part) in parts {
        text.replace_range(span.range(), &part);
    }
    text
}
