//! Candidates for values that only a repository or a kubeconfig can name.
//!
//! Goes by what is on this machine: a person who pressed Tab does not wait for
//! a remote. Whatever cannot be read has no candidates.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap_complete::engine::CompletionCandidate;
use serde_json::Value;

use super::edge::context::{cache_folder, current_directory, variable};
use crate::config::CONFIG_FILE;
use crate::files;
use crate::git::{Git, Remote, RepositoryUrl, Selection};
use crate::product::{EnvironmentEntry, ProductTree, Repository};
use crate::repo::{RepoPath, Snapshot};
use crate::yaml;

/// What the half typed line says about where to look.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    folder: PathBuf,
    url: Option<RepositoryUrl>,
    remote: Option<String>,
    kubeconfig: Option<PathBuf>,
    words: Vec<String>,
}

impl Facts {
    /// Reads the words of a line; the last one is still being typed.
    pub(super) fn of(words: &[OsString]) -> Self {
        let words: Vec<String> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut facts = Facts {
            folder: current_directory().unwrap_or_default(),
            ..Facts::default()
        };
        let complete = words.len().saturating_sub(1);
        for (index, word) in words.iter().take(complete).enumerate() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), words.get(index + 1).cloned()),
            };
            let Some(value) = value else { continue };
            match name {
                "-C" | "--repo" => match RepositoryUrl::read(&value) {
                    Some(url) => facts.url = url.ok(),
                    None => facts.folder = facts.folder.join(value),
                },
                "--remote" => facts.remote = Some(value),
                "--kubeconfig" => facts.kubeconfig = Some(value.into()),
                _ => {}
            }
        }
        facts.words = words;
        facts
    }
}

/// The kinds of values that are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    Environments,
    Components,
    Kubeconfig(&'static str),
}

impl Values {
    /// What an argument takes, told by the name of its value in the help text.
    pub(super) fn named(value_name: &str) -> Option<Self> {
        match value_name {
            "ENV" | "ENV|PATH" | "TARGET" | "SOURCE" | "A" | "B" => Some(Values::Environments),
            "COMPONENT" | "COMPONENT[=TAG]" | "UNIT,…" | "WHAT,…" => Some(Values::Components),
            "CONTEXT" => Some(Values::Kubeconfig("contexts")),
            "CLUSTER" => Some(Values::Kubeconfig("clusters")),
            "USER" => Some(Values::Kubeconfig("users")),
            _ => None,
        }
    }

    /// The candidates, in the order in which they are written down.
    pub(super) fn candidates(self, facts: &Facts) -> Vec<CompletionCandidate> {
        let found = match self {
            Values::Environments => environments(facts),
            Values::Components => components(facts),
            Values::Kubeconfig(list) => Some(named_in_kubeconfig(facts, list)),
        };
        found
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .map(|(order, (name, help))| {
                CompletionCandidate::new(name)
                    .help((!help.is_empty()).then(|| help.into()))
                    .display_order(Some(order))
            })
            .collect()
    }
}

/// Names, and what is said beside each.
type Named = Vec<(String, String)>;

fn environments(facts: &Facts) -> Option<Named> {
    let (_, _, repository) = open(facts)?;
    let named = repository.environments.iter().map(|entry| {
        let help = match &entry.promote_from {
            Some(source) => format!("promoted from {source}"),
            None => format!("branch {}", entry.branch),
        };
        (entry.name.to_string(), help)
    });
    Some(named.collect())
}

/// The components of the environment that the line names, else of the first
/// one that can be read.
fn components(facts: &Facts) -> Option<Named> {
    let (git, remote, repository) = open(facts)?;
    let (mentioned, others): (Vec<_>, Vec<_>) = repository
        .environments
        .iter()
        .partition(|entry| facts.words.iter().any(|word| word == entry.name.as_str()));
    let tree = mentioned
        .into_iter()
        .chain(others)
        .find_map(|entry| product(&git, remote.as_ref(), &repository, entry))?;
    let named = tree.components.iter().map(|(name, node)| {
        let version = node.component.version_label().unwrap_or_default();
        (name.to_string(), version)
    });
    Some(named.collect())
}

fn open(facts: &Facts) -> Option<(Git, Option<Remote>, Repository)> {
    let git = match &facts.url {
        Some(url) => Git::open_copy(url, &cache_folder()?, true).ok()?,
        None => Git::discover(&facts.folder).ok()?,
    };
    let remote = git.remote(facts.remote.as_deref()).ok()?;
    let path: RepoPath = CONFIG_FILE.parse().ok()?;
    let edited = git
        .work_tree()
        .and_then(|folder| text_of(&folder.join(CONFIG_FILE)));
    let text = match edited {
        Some(text) => text,
        None => {
            let branch = match &remote {
                Some(remote) => git.known_default_branch(remote).ok()??,
                None => git.default_branch(None).ok()?,
            };
            let commit = match facts.url {
                Some(_) => git.remote_head().ok()??,
                None => git.tip(remote.as_ref(), &branch).ok()??,
            };
            let selection = Selection::under(vec![path.clone()], |_| true);
            let files: Snapshot = git.snapshot(&commit, &selection).ok()?;
            files.text(&path).ok()??.to_owned()
        }
    };
    let repository = Repository::decode(&path, &text).ok()?;
    Some((git, remote, repository))
}

fn product(
    git: &Git,
    remote: Option<&Remote>,
    repository: &Repository,
    entry: &EnvironmentEntry,
) -> Option<ProductTree> {
    let commit = git.tip(remote, &entry.branch).ok()??;
    let rendered = repository.rendered.as_ref();
    let rendered = rendered.map(|folder| entry.path.join_path(folder));
    let selection = Selection::under(vec![entry.path.clone()], move |path| {
        !rendered
            .as_ref()
            .is_some_and(|folder| path.starts_with(folder))
    });
    let files = git.snapshot(&commit, &selection).ok()?;
    ProductTree::load(&files, entry).ok()?
}

/// A file's text, where it can be had at once.
fn text_of(file: &Path) -> Option<String> {
    let bytes = files::read_regular(file, files::MANIFEST).ok()?;
    files::text(bytes).ok()
}

/// The names of one list of the kubeconfig, by the rules of kubectl: the file
/// that was named, else all of `KUBECONFIG`, else the usual one.
fn named_in_kubeconfig(facts: &Facts, list: &str) -> Named {
    let files: Vec<PathBuf> = match (&facts.kubeconfig, variable("KUBECONFIG")) {
        (Some(file), _) => vec![file.clone()],
        (None, Some(files)) => std::env::split_paths(&files).collect(),
        (None, None) => variable("HOME")
            .map(|home| PathBuf::from(home).join(".kube/config"))
            .into_iter()
            .collect(),
    };
    let mut found = Named::new();
    for text in files.iter().filter_map(|file| text_of(file)) {
        let documents = yaml::parse_values(&text).unwrap_or_default();
        let entries = documents
            .iter()
            .filter_map(|document| document.get(list)?.as_array());
        let names = entries
            .flatten()
            .filter_map(|entry| entry.get("name").and_then(Value::as_str));
        found.extend(names.map(|name| (name.to_owned(), String::new())));
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn facts(words: &[&str]) -> Facts {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Facts::of(&words)
    }

    #[test]
    fn the_line_says_where_to_look() {
        let facts = facts(&[
            "x",
            "-C",
            "/srv/shop",
            "status",
            "--kubeconfig=k",
            "--remote",
            "up",
            "",
        ]);
        assert_eq!(facts.folder, PathBuf::from("/srv/shop"));
        assert_eq!(facts.kubeconfig, Some(PathBuf::from("k")));
        assert_eq!(facts.remote.as_deref(), Some("up"));
        // What is being typed says nothing yet.
        assert_eq!(self::facts(&["x", "status", "--remote=or"]).remote, None);
    }

    #[test]
    fn contexts_come_from_the_kubeconfig_that_the_line_names() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(
            &file,
            "contexts:\n- name: prod-eu\n- name: dev\nusers: []\n",
        )
        .unwrap();
        let mut facts = facts(&["x", "status", ""]);
        facts.kubeconfig = Some(file);
        let names: Vec<String> = named_in_kubeconfig(&facts, "contexts")
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["prod-eu", "dev"]);
        assert!(named_in_kubeconfig(&facts, "users").is_empty());
        facts.kubeconfig = Some(folder.path().join("absent"));
        assert!(named_in_kubeconfig(&facts, "contexts").is_empty());
    }
}
