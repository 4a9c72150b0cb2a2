//! A proposal for people to correct: the environments that were found, named apart,
//! in the order of their stages, and the `gitops.yaml` that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::scan::{Candidate, STAGES, ScannedBranch, candidates, stage};
use crate::product::pins::{Deployed, FluxPolicies, Pin, environment_pins_by, product_pins};
use crate::product::{EnvironmentEntry, EnvironmentName, ProductTree, Repository};
use crate::repo::{BranchName, Location, RepoPath, Snapshot};
use crate::yaml::{Stream, YamlErrorKind, quote};

/// A proposed `gitops.yaml`.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// Its text.
    pub config: String,
    /// The environments that it names.
    pub environments: Vec<ProposedEnvironment>,
    /// Where Helm templates of the default branch write images: nothing edits those.
    pub helm_templates: Vec<Location>,
}

/// An environment that was found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedEnvironment {
    /// Its name.
    pub name: EnvironmentName,
    /// Its branch.
    pub branch: BranchName,
    /// Its folder on that branch.
    pub path: RepoPath,
    /// The pattern of its files, where it shares the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// The environment before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promote_from: Option<EnvironmentName>,
    /// What pins which version there.
    pub pins: Vec<ProposedPin>,
    /// Why its pins could not be read, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// An image or version that is pinned.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ProposedPin {
    /// The component.
    pub component: String,
    /// What is deployed.
    pub deployed: String,
    /// Where it is written.
    pub location: Location,
}

/// Proposes a `gitops.yaml` for branches of which the first is the default
/// one; `None` when none of them holds anything that looks like an environment.
pub fn scan(branches: &[ScannedBranch]) -> Option<Proposal> {
    let helm_templates = branches
        .first()
        .map(|branch| helm_templates(&branch.snapshot))
        .unwrap_or_default();
    let environments = named(candidates(branches));
    if environments.is_empty() {
        return None;
    }
    let config = config(&environments);
    Some(Proposal {
        config,
        environments,
        helm_templates,
    })
}

/// Candidates as environments: named apart, in the order of their stages.
fn named(mut found: Vec<Candidate<'_>>) -> Vec<ProposedEnvironment> {
    let mut seen = BTreeSet::new();
    found.retain(|it| {
        seen.insert((
            it.branch.name.clone(),
            it.path.clone(),
            it.files.clone(),
            it.word.clone(),
        ))
    });
    found.sort_by_key(|it| {
        (
            it.group.clone(),
            stage(&it.word).unwrap_or(STAGES.len()),
            it.word.clone(),
        )
    });
    // Where one name of a group stands in another too, all of it are told apart.
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for it in &found {
        groups.entry(&it.word).or_default().insert(&it.group);
    }
    let mixed: BTreeSet<String> = groups
        .values()
        .filter(|groups| groups.len() > 1)
        .flatten()
        .map(|group| (*group).to_owned())
        .collect();
    let mut taken: BTreeSet<EnvironmentName> = BTreeSet::new();
    let mut environments = Vec::new();
    // The environments of the stage before, within the group, and those of this one.
    let mut before: Vec<(String, EnvironmentName)> = Vec::new();
    let mut beside: Vec<(String, EnvironmentName)> = Vec::new();
    let mut at: Option<(String, usize)> = None;
    for candidate in found {
        let alone = !mixed.contains(&candidate.group);
        let Some(name) = name_for(&candidate, alone, &taken) else {
            continue;
        };
        taken.insert(name.clone());
        let rank = stage(&candidate.word);
        let same_group = at
            .as_ref()
            .is_some_and(|(group, _)| *group == candidate.group);
        if !same_group {
            (before, beside, at) = (Vec::new(), Vec::new(), None);
        }
        if let Some(rank) = rank {
            // Two of one stage come from the same one.
            if at.as_ref().is_some_and(|(_, earlier)| *earlier < rank) {
                before = std::mem::take(&mut beside);
            }
            at = Some((candidate.group.clone(), rank));
            beside.push((candidate.word.clone(), name.clone()));
        }
        let source = rank.and_then(|_| source_of(&candidate.word, &before));
        environments.push(describe(candidate, name, source));
    }
    environments
}

/// Of the environments of the stage before, the one of the same region or kind
/// (`staging-eu` of `prod-eu`), else the first.
fn source_of(word: &str, before: &[(String, EnvironmentName)]) -> Option<EnvironmentName> {
    let region = |word: &str| {
        let parts = word.split_once(['-', '_', '.']);
        parts.map(|(_, region)| region.to_owned())
    };
    let same = before
        .iter()
        .find(|(other, _)| region(other) == region(word));
    same.or(before.first()).map(|(_, name)| name.clone())
}

fn name_for(
    candidate: &Candidate<'_>,
    alone: bool,
    taken: &BTreeSet<EnvironmentName>,
) -> Option<EnvironmentName> {
    let word = tidy(&candidate.word);
    // A pattern of files is filled with the name, so the name must be the word.
    if candidate.files.is_some() {
        return word.parse().ok().filter(|name| !taken.contains(name));
    }
    let names = [
        word.clone(),
        tidy(&format!("{}-{}", candidate.prefix, candidate.word)),
    ];
    let first = usize::from(!alone);
    let wanted = names.get(first)?;
    let mut tries =
        std::iter::once(wanted.clone()).chain((2..100).map(|n| format!("{wanted}-{n}")));
    tries.find_map(|name| name.parse().ok().filter(|name| !taken.contains(name)))
}

fn tidy(text: &str) -> String {
    let lower = text.to_lowercase();
    let fitting = |c: char| {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let tidied: String = lower.chars().map(fitting).collect();
    tidied.trim_matches(['-', '_', '.']).to_owned()
}

fn describe(
    candidate: Candidate<'_>,
    name: EnvironmentName,
    promote_from: Option<EnvironmentName>,
) -> ProposedEnvironment {
    let mut environment = ProposedEnvironment {
        name,
        branch: candidate.branch.name.clone(),
        path: candidate.path,
        files: candidate.files,
        promote_from,
        pins: Vec::new(),
        problem: None,
    };
    match pins(&candidate.branch.snapshot, &environment) {
        Ok(pins) => environment.pins = pins.iter().filter_map(proposed).collect(),
        Err(problem) => environment.problem = Some(problem),
    }
    environment
}

fn proposed(pin: &Pin) -> Option<ProposedPin> {
    let site = pin.sites.first()?;
    let deployed = match (pin.deployed(), &site.deployed) {
        (Some(image), _) => image.to_string(),
        (None, Deployed::Image(image)) => image.to_string(),
        (None, Deployed::Version(version)) => version.clone(),
    };
    Some(ProposedPin {
        component: pin.component.to_string(),
        deployed,
        location: site.location.clone(),
    })
}

fn pins(snapshot: &Snapshot, environment: &ProposedEnvironment) -> Result<Vec<Pin>, String> {
    let Some((repository, entry)) = repository_of(environment) else {
        return Ok(Vec::new());
    };
    let tree = match environment.files {
        // The files of such an environment are values, never a product.
        Some(_) => None,
        None => ProductTree::load(snapshot, &entry).map_err(|errors| {
            errors
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })?,
    };
    if let Some(tree) = tree {
        return Ok(product_pins(&tree));
    }
    environment_pins_by(snapshot, &entry, &repository, &FluxPolicies::read(snapshot))
        .map(|found| found.pins)
        .map_err(|error| error.to_string())
}

/// What the proposal comes to, for this environment alone.
fn repository_of(environment: &ProposedEnvironment) -> Option<(Repository, EnvironmentEntry)> {
    let alone = ProposedEnvironment {
        promote_from: None,
        ..environment.clone()
    };
    let path = crate::config::CONFIG_FILE.parse().ok()?;
    let repository = Repository::decode(&path, &config(&[alone])).ok()?;
    let entry = repository.environments.first()?.clone();
    Some((repository, entry))
}

/// Helm templates in which an image is written: Go templates, of which nobody can say
/// what an edit would come to. The values that they read can be edited.
fn helm_templates(snapshot: &Snapshot) -> Vec<Location> {
    let mut found = Vec::new();
    for (path, _) in snapshot.entries() {
        let name = path.file_name().unwrap_or_default();
        if !name.ends_with(".yaml") && !name.ends_with(".yml") {
            continue;
        }
        let Ok(Some(text)) = snapshot.text(path) else {
            continue;
        };
        let image = text.lines().enumerate().find(|(_, line)| {
            let line = line.trim_start().trim_start_matches("- ");
            line.starts_with("image:") || line.starts_with("\"image\":")
        });
        let Some((index, line)) = image.filter(|_| text.contains("{{")) else {
            continue;
        };
        // In plain YAML two braces are a mapping in a mapping, or text.
        let template = line.contains("{{")
            || Stream::parse(text).is_err_and(|error| error.kind == YamlErrorKind::Template);
        if template {
            let indent = line.chars().take_while(|c| c.is_whitespace()).count();
            let number = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
            found.push(Location::new(path.clone(), number(index), number(indent)));
        }
    }
    found
}

fn config(environments: &[ProposedEnvironment]) -> String {
    let mut text =
        "# The environments of this repository, in the order in which changes pass through them.\n\
        # All fields: kubectl gitops schema repository\n\
        apiVersion: kubectl-gitops/v1alpha1\n\
        kind: Repository\n\
        spec:\n  environments:\n"
            .to_owned();
    for environment in environments {
        let _ = writeln!(text, "    - name: {}", quote(environment.name.as_str()));
        let _ = writeln!(text, "      branch: {}", quote(environment.branch.as_str()));
        if !environment.path.is_root() {
            let _ = writeln!(text, "      path: {}", quote(environment.path.as_str()));
        }
        if let Some(files) = &environment.files {
            let _ = writeln!(text, "      files: {}", quote(files));
        }
        if let Some(source) = &environment.promote_from {
            let _ = writeln!(text, "      promoteFrom: {}", quote(source.as_str()));
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn branch(name: &str, files: &[(&str, &str)]) -> ScannedBranch {
        let files = files
            .iter()
            .map(|(path, text)| (path.parse().unwrap(), text.as_bytes().to_vec()));
        ScannedBranch {
            name: name.parse().unwrap(),
            snapshot: Snapshot::from_files(None, files.collect::<Vec<_>>()),
        }
    }

    fn summary(branches: &[ScannedBranch]) -> Vec<String> {
        let proposal = scan(branches).unwrap();
        let path = "gitops.yaml".parse().unwrap();
        let read = Repository::decode(&path, &proposal.config).unwrap();
        read.environments
            .iter()
            .map(|it| {
                let source = it
                    .promote_from
                    .as_ref()
                    .map(|name| format!(" from {name}"))
                    .unwrap_or_default();
                let files = it
                    .files
                    .as_ref()
                    .map(|text| format!(" {text}"))
                    .unwrap_or_default();
                format!("{} {}:{}{files}{source}", it.name, it.branch, it.path)
            })
            .collect()
    }

    #[test]
    fn overlays_are_environments_and_bases_are_not() {
        let overlay = "resources: [../../base]\nimages:\n  - {name: registry.example.com/api, newTag: 1.2.0}\n";
        let files = [
            ("base/kustomization.yaml", "resources: [api.yaml]\n"),
            ("overlays/prod/kustomization.yaml", overlay),
            ("overlays/staging/kustomization.yaml", overlay),
            ("overlays/dev/kustomization.yaml", overlay),
            ("README.md", ""),
        ];
        let branches = [branch("main", &files)];
        assert_eq!(
            summary(&branches),
            [
                "dev main:overlays/dev",
                "staging main:overlays/staging from dev",
                "prod main:overlays/prod from staging"
            ]
        );
        let pins = &scan(&branches).unwrap().environments[0].pins;
        assert_eq!(
            (pins[0].component.as_str(), pins[0].deployed.as_str()),
            ("api", "registry.example.com/api:1.2.0")
        );
    }

    #[test]
    fn two_applications_keep_their_environments_apart() {
        let overlay = "resources: [../../base]\n";
        let files = [
            ("apps/api/base/kustomization.yaml", ""),
            ("apps/api/overlays/dev/kustomization.yaml", overlay),
            ("apps/api/overlays/prod/kustomization.yaml", overlay),
            ("apps/web/base/kustomization.yaml", ""),
            ("apps/web/overlays/dev/kustomization.yaml", overlay),
        ];
        assert_eq!(
            summary(&[branch("main", &files)]),
            [
                "api-dev main:apps/api/overlays/dev",
                "api-prod main:apps/api/overlays/prod from api-dev",
                "web-dev main:apps/web/overlays/dev",
            ]
        );
    }

    #[test]
    fn branches_and_values_files_are_found() {
        let product = [(
            "product.yaml",
            "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {name: shop}\nspec: {}\n",
        )];
        let branches = [
            branch("main", &[("README.md", "")]),
            branch("env/prod", &product),
            branch("env/dev", &product),
            branch("feature/dev", &[("x", "")]),
        ];
        assert_eq!(
            summary(&branches),
            ["dev env/dev:", "prod env/prod: from dev"]
        );
        let files = [
            ("chart/values.yaml", ""),
            ("chart/values-prod.yaml", ""),
            ("chart/values-dev.yaml", ""),
        ];
        assert_eq!(
            summary(&[branch("main", &files)]),
            [
                "dev main:chart values-{env}.yaml",
                "prod main:chart values-{env}.yaml from dev"
            ]
        );
    }

    #[test]
    fn two_of_one_stage_come_from_the_same_one() {
        let product = "apiVersion: kubectl-gitops/v1alpha1\nkind: Product\nmetadata: {name: shop}\nspec: {}\n";
        let files = [
            "e/dev/product.yaml",
            "e/prod-eu/product.yaml",
            "e/prod-us/product.yaml",
            "e/odd/product.yaml",
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|path| (*path, product)).collect();
        assert_eq!(
            summary(&[branch("main", &files)]),
            [
                "dev main:e/dev",
                "prod-eu main:e/prod-eu from dev",
                "prod-us main:e/prod-us from dev",
                "odd main:e/odd"
            ]
        );
    }

    #[test]
    fn environments_never_lie_inside_each_other() {
        let upon = "resources: [../base]\n";
        let files = [
            ("base/kustomization.yaml", ""),
            ("kustomize/kustomization.yaml", upon),
            (
                "kustomize/tests/all/kustomization.yaml",
                "resources: [../../../base]\n",
            ),
        ];
        assert_eq!(
            summary(&[branch("main", &files)]),
            ["kustomize main:kustomize"]
        );
        let files = [
            ("base/kustomization.yaml", ""),
            ("deploy/kustomization.yaml", upon),
            ("deploy/dev/kustomization.yaml", "resources: [../../base]\n"),
            (
                "deploy/dev/extra/kustomization.yaml",
                "resources: [../../../base]\n",
            ),
        ];
        assert_eq!(summary(&[branch("main", &files)]), ["dev main:deploy/dev"]);
    }

    #[test]
    fn regions_come_from_their_own_stage_before() {
        let files = [
            "e/qa/kustomization.yaml",
            "e/staging-eu/kustomization.yaml",
            "e/staging-us/kustomization.yaml",
            "e/prod-asia/kustomization.yaml",
            "e/prod-us/kustomization.yaml",
        ];
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|path| (*path, "resources: [../../base]\n"))
            .collect();
        assert_eq!(
            summary(&[branch("main", &files)]),
            [
                "qa main:e/qa",
                "staging-eu main:e/staging-eu from qa",
                "staging-us main:e/staging-us from qa",
                "prod-asia main:e/prod-asia from staging-eu",
                "prod-us main:e/prod-us from staging-us"
            ]
        );
    }

    #[test]
    fn a_repository_without_environments_gets_no_proposal() {
        assert!(scan(&[branch("main", &[("src/main.rs", ""), ("README.md", "")])]).is_none());
    }
}
