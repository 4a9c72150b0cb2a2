//! What a repository that was there before looks like to this tool: which of its
//! folders, branches and values files are environments. What becomes of them is
//! decided in `propose`.

use std::collections::{BTreeMap, BTreeSet};

use crate::product::PRODUCT_FILE;
use crate::repo::{BranchName, RepoPath, Snapshot};
use crate::yaml::Stream;

/// What makes a folder a kustomization.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Words in the names of environments, from the first to the last stage.
pub(super) const STAGES: [&[&str]; 5] = [
    &["dev", "develop", "development", "sandbox", "local"],
    &["test", "testing", "ci", "int", "integration"],
    &["qa", "uat", "acceptance"],
    &["stage", "staging", "stg", "pre", "preprod", "preproduction"],
    &["prod", "production", "prd", "live"],
];

/// A branch and its files.
#[derive(Debug, Clone)]
pub struct ScannedBranch {
    /// Its name.
    pub name: BranchName,
    /// Its files; the contents of YAML files are read.
    pub snapshot: Snapshot,
}
/// A place that looks like an environment.
pub(super) struct Candidate<'a> {
    pub(super) branch: &'a ScannedBranch,
    pub(super) path: RepoPath,
    pub(super) files: Option<String>,
    /// What it is called.
    pub(super) word: String,
    /// What tells it from others of the same name.
    pub(super) prefix: String,
    /// Environments are promoted within a group.
    pub(super) group: String,
}

/// All such places of branches of which the first is the default one.
pub(super) fn candidates(branches: &[ScannedBranch]) -> Vec<Candidate<'_>> {
    let mut found: Vec<Candidate<'_>> = Vec::new();
    for (index, branch) in branches.iter().enumerate() {
        if index > 0 {
            found.extend(whole_branch(branch));
            continue;
        }
        found.extend(product_folders(branch));
        found.extend(kustomization_folders(branch));
        found.extend(values_files(branch));
    }
    apart(found)
}

/// Environments do not lie inside each other: of two folders that do, the outer one is
/// what somebody applies, unless only the inner one is called like a stage.
fn apart(found: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    let around = |outer: &Candidate<'_>, inner: &Candidate<'_>| {
        let whole = outer.files.is_none() && inner.files.is_none();
        whole
            && outer.branch.name == inner.branch.name
            && outer.path != inner.path
            && inner.path.starts_with(&outer.path)
    };
    let staged = |it: &Candidate<'_>| stage(&it.word).is_some();
    let yields = |it: &Candidate<'_>| {
        found.iter().any(|other| {
            around(other, it) && (staged(other) || !staged(it))
                || around(it, other) && staged(other) && !staged(it)
        })
    };
    let stays: Vec<bool> = found.iter().map(|it| !yields(it)).collect();
    let kept = found.into_iter().zip(stays).filter(|(_, stays)| *stays);
    kept.map(|(it, _)| it).collect()
}

/// The stage that a word stands for; `None` where it stands for none.
pub(super) fn stage(word: &str) -> Option<usize> {
    let word = word.to_lowercase();
    let mut parts = word.split(['-', '_', '.']);
    parts.find_map(|part| STAGES.iter().position(|words| words.contains(&part)))
}

/// Whether a branch is called like an environment.
pub(super) fn may_be_environment(branch: &BranchName) -> bool {
    let name = branch.as_str();
    let (folder, word) = name.rsplit_once('/').unwrap_or(("", name));
    stage(word).is_some() || folder.starts_with("env")
}

/// A branch other than the default one is an environment when it says so by
/// its name and holds a product or a kustomization at its root.
fn whole_branch(branch: &ScannedBranch) -> Option<Candidate<'_>> {
    let name = branch.name.as_str();
    let (folder, word) = name.rsplit_once('/').unwrap_or(("", name));
    let looks = may_be_environment(&branch.name);
    let has = |file: &str| {
        file.parse()
            .is_ok_and(|path| branch.snapshot.entry(&path).is_some())
    };
    let holds = has(PRODUCT_FILE) || KUSTOMIZATIONS.into_iter().any(has);
    (looks && holds).then(|| Candidate {
        branch,
        path: RepoPath::root(),
        files: None,
        word: word.to_owned(),
        prefix: folder.replace('/', "-"),
        group: format!("branch:{folder}"),
    })
}

fn of_folder<'a>(branch: &'a ScannedBranch, path: RepoPath) -> Candidate<'a> {
    let segments: Vec<&str> = path.segments().collect();
    // In `apps/web/overlays/prod`, `web` is what tells two `prod`s apart.
    let generic = [
        "overlays",
        "environments",
        "envs",
        "env",
        "clusters",
        "apps",
        "deploy",
    ];
    let prefix = segments
        .iter()
        .rev()
        .skip(1)
        .find(|it| !generic.contains(it));
    Candidate {
        branch,
        word: (*segments.last().unwrap_or(&branch.name.as_str())).to_owned(),
        prefix: prefix.map(|it| (*it).to_owned()).unwrap_or_default(),
        group: format!("folder:{}", path.parent().unwrap_or_default()),
        path,
        files: None,
    }
}

fn product_folders(branch: &ScannedBranch) -> Vec<Candidate<'_>> {
    let folders = branch
        .snapshot
        .entries()
        .filter(|(path, _)| path.file_name() == Some(PRODUCT_FILE))
        .map(|(path, _)| path.parent().unwrap_or_default());
    folders.map(|folder| of_folder(branch, folder)).collect()
}

/// Kustomizations that no other one builds upon, where there are bases: they
/// are what somebody applies.
fn kustomization_folders(branch: &ScannedBranch) -> Vec<Candidate<'_>> {
    let mut folders: BTreeMap<RepoPath, Vec<RepoPath>> = BTreeMap::new();
    for (path, _) in branch.snapshot.entries() {
        if path
            .file_name()
            .is_some_and(|name| KUSTOMIZATIONS.contains(&name))
        {
            let folder = path.parent().unwrap_or_default();
            let upon = built_upon(&branch.snapshot, path, &folder);
            folders.insert(folder, upon);
        }
    }
    let used: BTreeSet<&RepoPath> = folders.values().flatten().collect();
    let top = folders.iter().filter(|(folder, _)| !used.contains(folder));
    top.filter(|(folder, upon)| {
        let staged = folder.file_name().is_some_and(|word| stage(word).is_some());
        staged || upon.iter().any(|it| folders.contains_key(it))
    })
    .map(|(folder, _)| of_folder(branch, folder.clone()))
    .collect()
}

/// The folders of the repository that a kustomization names.
fn built_upon(snapshot: &Snapshot, file: &RepoPath, folder: &RepoPath) -> Vec<RepoPath> {
    let read = || {
        let text = snapshot.text(file).ok().flatten()?;
        let stream = Stream::parse(text).ok()?;
        stream.documents().first()?.value().ok()
    };
    let Some(value) = read() else {
        return Vec::new();
    };
    ["resources", "bases", "components"]
        .into_iter()
        .filter_map(|field| value.get(field)?.as_array())
        .flatten()
        .filter_map(|item| resolved(folder, item.as_str()?))
        .collect()
}

/// A relative path with `..` in it, as far as it stays inside.
fn resolved(folder: &RepoPath, relative: &str) -> Option<RepoPath> {
    let mut segments: Vec<&str> = folder.segments().collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            other => segments.push(other),
        }
    }
    segments.join("/").parse().ok()
}

/// One values file per environment in one folder, as `values-prod.yaml`.
fn values_files(branch: &ScannedBranch) -> Vec<Candidate<'_>> {
    let mut found: BTreeMap<(RepoPath, String), Vec<String>> = BTreeMap::new();
    for (path, _) in branch.snapshot.entries() {
        let Some(name) = path.file_name() else {
            continue;
        };
        let Some(stem) = name
            .strip_suffix(".yaml")
            .or_else(|| name.strip_suffix(".yml"))
        else {
            continue;
        };
        for lead in ["values-", "values.", "values_"] {
            if let Some(word) = stem.strip_prefix(lead).filter(|word| stage(word).is_some()) {
                let ending = &name[stem.len()..];
                let pattern = format!("{lead}{{env}}{ending}");
                let folder = path.parent().unwrap_or_default();
                found
                    .entry((folder, pattern))
                    .or_default()
                    .push(word.to_owned());
            }
        }
    }
    let of = |((folder, pattern), words): ((RepoPath, String), Vec<String>)| {
        words.into_iter().map(move |word| Candidate {
            prefix: folder.file_name().unwrap_or_default().to_owned(),
            group: format!("files:{folder}/{pattern}"),
            branch,
            path: folder.clone(),
            files: Some(pattern.clone()),
            word,
        })
    };
    // A single values file is no row of environments.
    found
        .into_iter()
        .filter(|(_, words)| words.len() > 1)
        .flat_map(of)
        .collect()
}
