//! What differs between two states of an environment, or of two environments:
//! by component and key path, never by text line.
//!
//! The plan is a pure function of two snapshots and the texts of the files in
//! which they differ. Records of promotions are left out: they say where
//! something came from, not what runs.

mod gather;
mod values;

pub use gather::{DiffError, DiffRequest, diff};
pub use values::{KeyChange, changes};

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::product::{
    ENVIRONMENT_FILE, EnvironmentEntry, FilePattern, PRODUCT_FILE, ProductTree, TEMPLATES_FOLDER,
    UnitError,
};
use crate::promotion::{UnitId, shared_name, units};
use crate::repo::{BlobId, CommitId, OddEntry, RepoPath, Snapshot};
use crate::yaml;

/// What differs between two points.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiffReport {
    /// Where the first values come from.
    pub from: Point,
    /// Where the second values come from.
    pub to: Point,
    /// Whether anything differs of what was to be compared.
    pub different: bool,
    /// Whether what belongs to one environment alone was to be compared: its
    /// own file and its rendered resources.
    pub compared_own: bool,
    /// What promotion moves, and files that this tool does not know.
    pub units: Vec<UnitDiff>,
    /// The environment's own file, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<UnitDiff>,
    /// Rendered files that differ.
    pub rendered: Vec<FileDiff>,
}

/// One state that was compared.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The words that named it.
    pub name: String,
    /// The environment whose files were read.
    pub environment: String,
    /// The commit that they were read from.
    pub commit: String,
    /// The product and its version, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The product's version, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a [`UnitDiff`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitKind {
    /// The product manifest without its components.
    Product,
    /// One component.
    Component,
    /// One template with all its files.
    Template,
    /// The environment's own file.
    Environment,
    /// Another file.
    File,
}

/// How something differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the second point has it.
    Added,
    /// Only the first point has it.
    Removed,
    /// Both have it, differently.
    Changed,
}

impl Change {
    fn between<T>(from: Option<&T>, to: Option<&T>) -> Self {
        match (from, to) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            _ => Change::Changed,
        }
    }
}

/// One unit that differs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitDiff {
    /// What it is.
    pub kind: UnitKind,
    /// Its name, or its path below the environment's.
    pub name: String,
    /// How it differs.
    pub change: Change,
    /// The version at the first point, for components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// The version at the second point, for components.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// The key paths that differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyChange>,
    /// The files that differ, for templates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileDiff>,
}

/// One file that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileDiff {
    /// Its path below the environment's, or below its template's folder.
    pub path: String,
    /// How it differs.
    pub change: Change,
}

/// One state, read.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The environment whose files are meant.
    pub entry: &'a EnvironmentEntry,
    /// The files.
    pub snapshot: &'a Snapshot,
    /// The product in them, where there is one.
    pub product: Option<&'a ProductTree>,
}

/// A file that differs, by its path below the environment's.
#[derive(Clone, Debug)]
struct Pair {
    path: String,
    from: Option<BlobId>,
    to: Option<BlobId>,
}

/// Which part of an environment a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'p> {
    /// Compared as units of the product.
    Manifest,
    /// A file of this template.
    Template(&'p str),
    /// The environment's own.
    Environment,
    /// Written by rendering.
    Rendered,
    /// About promotions and this tool, not about what runs.
    Record,
    /// Anything else.
    Other,
}

fn part<'p>(path: &'p str, manifest: &BTreeSet<String>, rendered: Option<&RepoPath>) -> Part<'p> {
    let in_folder = |folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if manifest.contains(path) {
        return Part::Manifest;
    }
    if path == ENVIRONMENT_FILE {
        return Part::Environment;
    }
    if in_folder(".gitops") || path == "gitops.yaml" {
        return Part::Record;
    }
    if rendered.is_some_and(|folder| in_folder(folder.as_str())) || in_folder("files") {
        return Part::Rendered;
    }
    let template = path
        .strip_prefix(TEMPLATES_FOLDER)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(|rest| rest.split_once('/'));
    match template {
        Some((name, _)) => Part::Template(name),
        None => Part::Other,
    }
}

/// The files of a side, by their path below the environment's, with `{env}` for its name
/// where several environments share a folder.
fn files(side: &Side<'_>) -> BTreeMap<String, BlobId> {
    let entry = side.entry;
    let shared = entry
        .files_pattern()
        .and_then(|pattern| FilePattern::parse(&pattern).ok());
    side.snapshot
        .under(&entry.path)
        .filter(|(path, _)| {
            shared
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&entry.path, path))
        })
        .filter_map(|(path, file)| {
            let path = path.strip_prefix(&entry.path)?.to_string();
            let path = match entry.files {
                Some(_) => shared_name(&path, Some(entry.name.as_str())),
                None => path,
            };
            Some((path, file.id.clone()))
        })
        .collect()
}

/// The files whose names cannot be said and that differ: more than that is not known.
fn odd_files(from: &Side<'_>, to: &Side<'_>) -> Vec<UnitDiff> {
    let odd = |side: &Side<'_>| -> BTreeMap<Vec<u8>, (Option<BlobId>, String)> {
        let folder = &side.entry.path;
        let of_side = side.snapshot.odd_under(folder);
        of_side
            .filter(|odd| side.entry.holds_odd(odd))
            .filter_map(|odd| {
                let relative = odd.below(folder)?.to_vec();
                let shown = OddEntry::new(&relative, None, odd.reason()).to_string();
                Some((relative, (odd.id().cloned(), shown)))
            })
            .collect()
    };
    let (before, after) = (odd(from), odd(to));
    let paths: BTreeSet<&Vec<u8>> = before.keys().chain(after.keys()).collect();
    let unit = |path: &Vec<u8>| {
        let (one, other) = (before.get(path), after.get(path));
        let id = |file: Option<&(Option<BlobId>, String)>| file.and_then(|(id, _)| id.clone());
        let same = one.is_some() && other.is_some() && id(one) == id(other);
        let (_, name) = one.or(other).filter(|_| !same)?;
        Some(UnitDiff {
            kind: UnitKind::File,
            name: name.clone(),
            change: Change::between(one, other),
            from_version: None,
            to_version: None,
            keys: Vec::new(),
            files: Vec::new(),
        })
    };
    paths.into_iter().filter_map(unit).collect()
}

fn pairs(from: &Side<'_>, to: &Side<'_>) -> Vec<Pair> {
    let (mut from, to) = (files(from), files(to));
    let mut pairs: Vec<Pair> = Vec::new();
    for (path, id) in to {
        let before = from.remove(&path);
        if before.as_ref() != Some(&id) {
            pairs.push(Pair {
                path,
                from: before,
                to: Some(id),
            });
        }
    }
    pairs.extend(from.into_iter().map(|(path, id)| Pair {
        path,
        from: Some(id),
        to: None,
    }));
    pairs.sort_by(|one, other| one.path.cmp(&other.path));
    pairs
}

/// The files that the product manifest consists of, when both sides have one.
fn manifest_files(from: &Side<'_>, to: &Side<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (Some(one), Some(other)) = (from.product, to.product) else {
        return found;
    };
    for (tree, side) in [(one, from), (other, to)] {
        let included = tree.components.values().map(|node| &node.file);
        for file in included.chain([&tree.product.file]) {
            if let Some(path) = file.strip_prefix(&side.entry.path) {
                found.insert(path.to_string());
            }
        }
    }
    found.insert(PRODUCT_FILE.to_owned());
    found
}

/// The blobs whose texts [`plan`] wants to read: YAML files that differ and
/// are no part of the product.
pub fn wanted(from: &Side<'_>, to: &Side<'_>, rendered: Option<&RepoPath>) -> BTreeSet<BlobId> {
    let manifest = manifest_files(from, to);
    pairs(from, to)
        .into_iter()
        .filter(|pair| is_yaml(&pair.path))
        .filter(|pair| {
            matches!(
                part(&pair.path, &manifest, rendered),
                Part::Other | Part::Environment
            )
        })
        .flat_map(|pair| [pair.from, pair.to])
        .flatten()
        .collect()
}

/// Compares two sides. `texts` are those of [`wanted`] that could be read; a
/// file without one is compared whole.
///
/// # Errors
/// A value in a product manifest that cannot be resolved.
pub fn plan(
    from: &Side<'_>,
    to: &Side<'_>,
    rendered: Option<&RepoPath>,
    texts: &BTreeMap<BlobId, String>,
) -> Result<Differences, UnitError> {
    let manifest = manifest_files(from, to);
    let mut found = Differences::default();
    if let (Some(one), Some(other)) = (from.product, to.product) {
        found.units.extend(product(one, other)?);
    }
    let mut templates: BTreeMap<String, Vec<Pair>> = BTreeMap::new();
    for pair in pairs(from, to) {
        match part(&pair.path, &manifest, rendered) {
            Part::Manifest | Part::Record => {}
            Part::Rendered => found.rendered.push(pair.file(&pair.path)),
            Part::Environment => {
                found.environment = Some(pair.unit(UnitKind::Environment, texts));
            }
            Part::Other => found.units.push(pair.unit(UnitKind::File, texts)),
            Part::Template(name) => templates
                .entry(name.to_owned())
                .or_default()
                .push(pair.clone()),
        }
    }
    found.units.extend(odd_files(from, to));
    let first_file = found
        .units
        .iter()
        .position(|unit| unit.kind == UnitKind::File)
        .unwrap_or(found.units.len());
    let templates = templates
        .into_iter()
        .map(|(name, pairs)| template(name, &pairs));
    found.units.splice(first_file..first_file, templates);
    Ok(found)
}

/// What [`plan`] finds.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// What promotion moves, and files that this tool does not know.
    pub units: Vec<UnitDiff>,
    /// The environment's own file.
    pub environment: Option<UnitDiff>,
    /// Rendered files.
    pub rendered: Vec<FileDiff>,
}

impl Pair {
    fn change(&self) -> Change {
        Change::between(self.from.as_ref(), self.to.as_ref())
    }

    fn file(&self, path: &str) -> FileDiff {
        FileDiff {
            path: path.to_owned(),
            change: self.change(),
        }
    }

    fn unit(&self, kind: UnitKind, texts: &BTreeMap<BlobId, String>) -> UnitDiff {
        let text = |id: &Option<BlobId>| texts.get(id.as_ref()?).map(String::as_str);
        let keys = match (text(&self.from), text(&self.to)) {
            (Some(from), Some(to)) => documents(from, to),
            _ => Vec::new(),
        };
        UnitDiff {
            kind,
            name: self.path.clone(),
            change: self.change(),
            from_version: None,
            to_version: None,
            keys,
            files: Vec::new(),
        }
    }
}

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}

/// Two YAML files, document by document; nothing where one is no YAML.
fn documents(from: &str, to: &str) -> Vec<KeyChange> {
    let (Ok(from), Ok(to)) = (yaml::parse_values(from), yaml::parse_values(to)) else {
        return Vec::new();
    };
    if from.len() == 1 && to.len() == 1 {
        return changes(from.first(), to.first());
    }
    let mut found = Vec::new();
    for index in 0..from.len().max(to.len()) {
        for mut change in changes(from.get(index), to.get(index)) {
            let dot = if change.path.is_empty() || change.path.starts_with('[') {
                ""
            } else {
                "."
            };
            change.path = format!("[{index}]{dot}{}", change.path);
            found.push(change);
        }
    }
    found
}

fn template(name: String, pairs: &[Pair]) -> UnitDiff {
    let folder = format!("{TEMPLATES_FOLDER}/{name}/");
    let files: Vec<FileDiff> = pairs
        .iter()
        .map(|pair| pair.file(pair.path.strip_prefix(&folder).unwrap_or(&pair.path)))
        .collect();
    let own = files.iter().find(|file| file.path == "template.yaml");
    let change = own.map_or(Change::Changed, |file| file.change);
    UnitDiff {
        kind: UnitKind::Template,
        name,
        change,
        from_version: None,
        to_version: None,
        keys: Vec::new(),
        files,
    }
}

/// The units of the product: the manifest without its components, and each
/// component.
fn product(from: &ProductTree, to: &ProductTree) -> Result<Vec<UnitDiff>, UnitError> {
    let nothing = Snapshot::from_files(None, []);
    let units = |tree| units(Some(tree), None, &nothing, &RepoPath::root(), &|_| None);
    let (before, after) = (units(from)?, units(to)?);
    let ids: BTreeSet<&UnitId> = before.keys().chain(after.keys()).collect();
    let mut found = Vec::new();
    for id in ids {
        let (one, other) = (before.get(id), after.get(id));
        let keys = changes(one, other);
        if keys.is_empty() {
            continue;
        }
        let version = |tree: &ProductTree| match id {
            UnitId::Component(name) => tree.components.get(name)?.component.version_label(),
            _ => None,
        };
        found.push(UnitDiff {
            kind: match id {
                UnitId::Component(_) => UnitKind::Component,
                _ => UnitKind::Product,
            },
            name: match id {
                UnitId::Product => to.product.name.to_string(),
                other => other.to_string(),
            },
            change: Change::between(one, other),
            from_version: version(from),
            to_version: version(to),
            keys,
            files: Vec::new(),
        });
    }
    Ok(found)
}

/// A point as it is reported.
fn point(name: &str, commit: &CommitId, side: &Side<'_>) -> Point {
    let product = side.product.map(|tree| &tree.product);
    Point {
        name: name.to_owned(),
        environment: side.entry.name.to_string(),
        commit: commit.to_string(),
        product: product.map(|product| product.name.to_string()),
        version: product.and_then(|product| Some(product.version.as_ref()?.value.clone())),
    }
}
