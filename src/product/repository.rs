//! The kind `Repository`, `gitops.yaml`: environments and their order, where
//! things are, layers and rules. What it says about files is checked here;
//! whether they exist is not.

use std::collections::BTreeMap;

use crate::glob::{Glob, Over};
use crate::image::Reference;
use crate::repo::{BlobId, BranchName, Location, OddEntry, RepoPath, SHOWN_OF_A_NAME, shortened};
use crate::yaml;

use super::commit::CommitEntry;
use super::pins::{Holds, TextPattern};
use super::{EnvironmentName, LayerName, ProductName};

/// What `gitops.yaml` says.
#[derive(Debug, Clone)]
pub struct Repository {
    /// The repository's name, where it has one.
    pub name: Option<ProductName>,
    /// Its environments, in the order of the file.
    pub environments: Vec<EnvironmentEntry>,
    /// How a pull request comes about where an environment is written by one.
    pub pull_requests: PullRequests,
    /// What promotion moves.
    pub promotion: Promotion,
    /// Where rendered resources are committed, below each environment's path;
    /// `None`: nothing rendered is committed.
    pub rendered: Option<RepoPath>,
    /// The layers, first match wins.
    pub layers: Vec<Layer>,
    /// Levels of rules, by the rule's name, as written; the rules themselves
    /// are known to the checks.
    pub rules: BTreeMap<String, RuleEntry>,
    /// How registry hosts are reached, where that is not plain HTTPS.
    pub registries: BTreeMap<String, RegistryEntry>,
    /// What is said about images and versions, wherever they are pinned.
    pub pins: Vec<PinEntry>,
    /// What commits say.
    pub commit: CommitEntry,
    /// The id of the text that all this was read from.
    pub text: BlobId,
}

/// One environment of `gitops.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentEntry {
    /// Its name.
    pub name: EnvironmentName,
    /// The branch that holds it.
    pub branch: BranchName,
    /// Its folder on that branch; the root when the branch is the environment.
    pub path: RepoPath,
    /// Its files below the path, where several environments share a folder; a
    /// glob in which `{env}` stands for the name.
    pub files: Option<String>,
    /// The environment that it is promoted from.
    pub promote_from: Option<EnvironmentName>,
    /// How changes get onto its branch.
    pub write: WriteMode,
    /// The cluster that runs it.
    pub cluster: Option<ClusterEntry>,
    /// The Kubernetes minor version that it is validated against, as `1.36`.
    pub kubernetes: Option<String>,
    /// Where it stands in `gitops.yaml`.
    pub location: Location,
}

impl EnvironmentEntry {
    /// The namespace that namespaced objects without one of their own belong to.
    pub fn namespace(&self) -> Option<&str> {
        self.cluster.as_ref()?.namespace.as_deref()
    }

    /// Whether a file is this environment's, of those below its path: where several
    /// share a folder, those that the glob means.
    pub fn holds(&self, file: &RepoPath) -> bool {
        match self.files_pattern() {
            None => file.starts_with(&self.path),
            Some(pattern) => {
                FilePattern::parse(&pattern).is_ok_and(|pattern| pattern.matches(&self.path, file))
            }
        }
    }

    /// The same for a file whose name cannot be said.
    pub fn holds_odd(&self, odd: &OddEntry) -> bool {
        match self.files_pattern() {
            None => odd.below(&self.path).is_some(),
            Some(pattern) => FilePattern::parse(&pattern)
                .is_ok_and(|pattern| pattern.matches_odd(&self.path, odd)),
        }
    }

    /// The folder of its records: of what was last promoted into it.
    pub fn records(&self) -> RepoPath {
        let folder = match self.files {
            None => ".gitops/promoted".to_owned(),
            // The folder is not this environment's alone.
            Some(_) => format!(".gitops/{}/promoted", self.name),
        };
        self.path.join(&folder).unwrap_or_default()
    }

    /// The glob of the environment's files with its name in place.
    pub fn files_pattern(&self) -> Option<String> {
        let files = self.files.as_ref()?;
        Some(files.replace("{env}", self.name.as_str()))
    }
}

/// How changes get onto an environment's branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WriteMode {
    /// They are pushed to the branch itself.
    #[default]
    Push,
    /// They are pushed to a branch of their own, for a pull request.
    Branch,
}

/// How the pull request of a pushed branch comes about. Servers don't say
/// which of this they understand, so it has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PullRequests {
    /// A person opens it.
    #[default]
    None,
    /// The push opens it, by GitLab's push options.
    Gitlab,
    /// The push opens it, by `refs/for/…` as Gitea and Forgejo read it; there
    /// is no branch then.
    Agit,
}

/// The cluster of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterEntry {
    /// The context in the kubeconfig.
    pub context: Option<String>,
    /// The UID of that cluster's `kube-system` namespace.
    pub uid: Option<String>,
    /// The namespace of the environment.
    pub namespace: Option<String>,
    /// Where it stands in `gitops.yaml`.
    pub location: Location,
}

/// What promotion moves.
#[derive(Debug, Clone)]
pub struct Promotion {
    /// The promoted files.
    pub files: Vec<FilePattern>,
    /// Whether `gitops.yaml` names them; else they are those of a product.
    pub named: bool,
    /// Key paths that never move.
    pub environment_owned: Vec<yaml::Path>,
    /// Whether a promotion asks the target's registries for the images that it brings.
    pub check_images: bool,
}

/// A glob over an environment's files.
#[derive(Debug, Clone)]
pub struct FilePattern {
    /// As written.
    pub text: String,
    /// Whether it starts at the branch's root instead of the environment's path.
    pub from_branch_root: bool,
    glob: Glob,
    /// What every path starts with that matches: sooner told than the whole.
    start: String,
}

impl FilePattern {
    /// Reads a glob: `*` stays within a folder, `**` does not, a leading `/`
    /// means the branch's root.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (from_branch_root, relative) = match text.strip_prefix('/') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if relative.is_empty() || relative.split('/').any(|part| part == ".." || part == ".") {
            return Err(format!(
                "{:?} is not a pattern of files inside the environment",
                shortened(text, SHOWN_OF_A_NAME)
            ));
        }
        let glob = Glob::new(relative, Over::Paths).map_err(|error| {
            let shown = shortened(text, SHOWN_OF_A_NAME);
            format!("{shown:?} is not a pattern of files: {error}")
        })?;
        let literal = relative.split(['*', '?', '[', '{', '\\']).next();
        Ok(Self {
            text: text.to_owned(),
            from_branch_root,
            glob,
            start: literal.unwrap_or_default().to_owned(),
        })
    }

    /// Whether a path of the branch is meant, for an environment in `folder`.
    pub fn matches(&self, folder: &RepoPath, path: &RepoPath) -> bool {
        let relative = match self.from_branch_root {
            true => Some(path.as_str()),
            false => path.below(folder),
        };
        relative.is_some_and(|it| it.starts_with(&self.start) && self.glob.is_match(it))
    }
}

impl FilePattern {
    /// The same for a file whose name cannot be said.
    pub fn matches_odd(&self, folder: &RepoPath, odd: &OddEntry) -> bool {
        let relative = match self.from_branch_root {
            true => Some(odd.path()),
            false => odd.below(folder),
        };
        relative.is_some_and(|it| self.glob.is_match_bytes(it))
    }
}

impl PartialEq for FilePattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A slice of the resources that one team owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub name: LayerName,
    /// The teams that own it.
    pub owners: Vec<String>,
    /// Kinds, `Kind.group`, or `*.group` of its resources.
    pub resources: Vec<String>,
    /// Components whose resources belong to it.
    pub components: Vec<super::ComponentName>,
    /// Where it stands in `gitops.yaml`.
    pub location: Location,
}

impl Layer {
    /// Whether this layer claims a resource of that kind from that component.
    pub fn claims(&self, component: &super::ComponentName, kind: &str, group: &str) -> bool {
        self.components.contains(component)
            || self
                .resources
                .iter()
                .any(|text| kind_matches(text, kind, group))
    }
}

fn kind_matches(pattern: &str, kind: &str, group: &str) -> bool {
    match pattern.split_once('.') {
        Some(("*", wanted)) => group == wanted,
        Some((wanted, in_group)) => wanted.eq_ignore_ascii_case(kind) && in_group == group,
        None => pattern == "*" || pattern.eq_ignore_ascii_case(kind),
    }
}

/// The level of a rule, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleEntry {
    /// How strict it is.
    pub level: RuleLevel,
    /// Where it stands in `gitops.yaml`.
    pub location: Location,
}

/// How strict a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleLevel {
    /// It says nothing.
    Off,
    /// It says something.
    Warn,
    /// It refuses.
    Enforce,
}

/// What `gitops.yaml` says about something that is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinEntry {
    /// The image's name, without tag and digest; `None` where the component and its
    /// sites say enough.
    pub image: Option<Reference>,
    /// What its component is called; `None`: as the last segment of its name.
    pub component: Option<super::ComponentName>,
    /// Which tags may follow.
    pub policy: Option<super::Update>,
    /// Why nobody should update it.
    pub hold: Option<String>,
    /// Where it is written, besides the places that are found without help.
    pub sites: Vec<DeclaredSite>,
    /// Where it stands in `gitops.yaml`.
    pub location: Location,
}

impl PinEntry {
    /// Whether this is said about a component, which deploys this image.
    pub fn is_about(&self, component: &super::ComponentName, image: Option<&Reference>) -> bool {
        match (&self.image, image) {
            (Some(one), Some(other)) => one.same_repository(other),
            (Some(_), None) => false,
            (None, _) => self.component.as_ref() == Some(component),
        }
    }
}

/// A place that `gitops.yaml` says is a pin's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredSite {
    /// A glob of files below the environment's path, or with a leading `/` from the
    /// branch's root, in which `{env}` stands for the environment's name.
    pub file: String,
    /// The place in each of these files.
    pub place: DeclaredPlace,
    /// Where it stands in `gitops.yaml`.
    pub location: Location,
}

/// How a declared place is found in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredPlace {
    /// By a key path, in YAML and JSON.
    Key {
        /// The path.
        path: yaml::Path,
        /// What stands there.
        holds: Holds,
    },
    /// By a regular expression, in any text.
    Regex(TextPattern),
}

impl DeclaredSite {
    /// The files of an environment that are meant. The decoder has tried it.
    pub fn pattern(&self, environment: &EnvironmentName) -> Option<FilePattern> {
        FilePattern::parse(&self.file.replace("{env}", environment.as_str())).ok()
    }

    /// What stands there.
    pub fn holds(&self) -> &[Holds] {
        match &self.place {
            DeclaredPlace::Key { holds, .. } => std::slice::from_ref(holds),
            DeclaredPlace::Regex(pattern) => pattern.holds(),
        }
    }

    /// The files and what is looked for in them, for people.
    pub fn describe(&self, environment: &EnvironmentName) -> String {
        let files = self.file.replace("{env}", environment.as_str());
        match &self.place {
            DeclaredPlace::Key { path, .. } => format!("no file {files} has {path}"),
            DeclaredPlace::Regex(_) => format!("no file {files} has a match"),
        }
    }
}

/// How a registry host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryEntry {
    /// An OCI image layout folder plays the registry; relative to the
    /// repository's root.
    Layout(String),
    /// Over plain HTTP, and without a login: to allow that is up to the machine.
    PlainHttp,
}

impl Repository {
    /// The environment of that name.
    pub fn environment(&self, name: &str) -> Option<&EnvironmentEntry> {
        self.environments
            .iter()
            .find(|entry| entry.name.as_str() == name)
    }

    /// The environments that are promoted from this one, in the order of the file.
    pub fn promoted_from<'a>(
        &'a self,
        source: &'a EnvironmentName,
    ) -> impl Iterator<Item = &'a EnvironmentEntry> {
        self.environments
            .iter()
            .filter(move |entry| entry.promote_from.as_ref() == Some(source))
    }

    /// The layer that claims a resource; `None`: it belongs to `app`.
    pub fn layer_of(
        &self,
        component: &super::ComponentName,
        kind: &str,
        group: &str,
    ) -> Option<&Layer> {
        self.layers
            .iter()
            .find(|layer| layer.claims(component, kind, group))
    }
}
