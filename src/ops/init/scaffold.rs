//! The files of a new repository: one product in some environments, with a
//! template to begin with. Everything is read and rendered by the same code
//! that will read it later, so that what is written works.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::image::Reference;
use crate::product::{
    ComponentName, EnvironmentEntry, EnvironmentName, ModelError, ProductName, ProductTree,
    Repository,
};
use crate::repo::{BranchName, RepoPath, RepoPathError, Snapshot};
use crate::template::{RenderError, render};
use crate::yaml::quote;

/// Where environments are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Each on a branch of its own, `env/NAME`.
    Branches,
    /// Each in a folder of the default branch, `environments/NAME`.
    Folders,
}

/// What a new repository is to hold.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The product.
    pub product: ProductName,
    /// The environments, in the order of promotion; at least one.
    pub environments: Vec<EnvironmentName>,
    /// Where they are kept.
    pub layout: Layout,
    /// The first components and their images.
    pub components: Vec<(ComponentName, Reference)>,
}

/// The files of a new repository.
#[derive(Debug, Clone)]
pub struct Scaffold {
    /// What `gitops.yaml` says.
    pub repository: Repository,
    /// The text of `gitops.yaml`.
    pub config: String,
    /// The environments and their files, by their path on their branch.
    pub environments: Vec<(EnvironmentEntry, BTreeMap<RepoPath, String>)>,
    /// The files that all environments begin with alike.
    pub common: BTreeMap<RepoPath, String>,
}

/// Why a new repository cannot be made as wished.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// No environment is wished for.
    #[error("a repository needs an environment")]
    NoEnvironment,
    /// An environment is wished for twice.
    #[error("the environment {0} is named twice")]
    Twice(EnvironmentName),
    /// The names contradict each other, or do not fit where they would stand.
    #[error("{}", listing(.0))]
    Model(Vec<ModelError>),
    /// A name gives no path.
    #[error(transparent)]
    Path(#[from] RepoPathError),
    /// The first components cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
}

fn listing(errors: &[ModelError]) -> String {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const HEAD: &str = "apiVersion: kubectl-gitops/v1alpha1\nkind: ";

const TEMPLATE: [(&str, &str); 3] = [
    ("template.yaml", include_str!("web-service/template.yaml")),
    (
        "deployment.yaml.j2",
        include_str!("web-service/deployment.yaml.j2"),
    ),
    (
        "service.yaml.j2",
        include_str!("web-service/service.yaml.j2"),
    ),
];

/// The files that were wished for.
pub fn scaffold(wish: &Wish, default_branch: &BranchName) -> Result<Scaffold, ScaffoldError> {
    if wish.environments.is_empty() {
        return Err(ScaffoldError::NoEnvironment);
    }
    for (index, name) in wish.environments.iter().enumerate() {
        if wish.environments[..index].contains(name) {
            return Err(ScaffoldError::Twice(name.clone()));
        }
    }
    let config = config(wish, default_branch);
    let path: RepoPath = crate::config::CONFIG_FILE.parse()?;
    let repository = Repository::decode(&path, &config).map_err(ScaffoldError::Model)?;
    let promoted = promoted(wish)?;
    let mut environments = Vec::new();
    for (index, entry) in repository.environments.iter().enumerate() {
        let mut files = BTreeMap::new();
        for (name, text) in &promoted {
            files.insert(entry.path.join_path(name), text.clone());
        }
        let last = index > 0 && index + 1 == repository.environments.len();
        files.insert(
            entry.path.join("environment.yaml")?,
            environment(wish, &entry.name, last),
        );
        let snapshot = Snapshot::from_files(
            None,
            files
                .iter()
                .map(|(path, text)| (path.clone(), text.clone().into_bytes())),
        );
        let tree = ProductTree::load(&snapshot, entry).map_err(ScaffoldError::Model)?;
        if let Some(tree) = tree {
            let rendering = render(&tree, &repository, entry)?;
            files.extend(
                rendering
                    .files
                    .into_iter()
                    .map(|(path, file)| (path, file.text)),
            );
        }
        environments.push((entry.clone(), files));
    }
    Ok(Scaffold {
        repository,
        config,
        environments,
        common: promoted,
    })
}

fn config(wish: &Wish, default_branch: &BranchName) -> String {
    let mut entries = String::new();
    let mut source: Option<&EnvironmentName> = None;
    for name in &wish.environments {
        let word = quote(name.as_str());
        let _ = match wish.layout {
            Layout::Branches => write!(entries, "    - name: {word}\n      branch: env/{name}\n"),
            Layout::Folders => write!(
                entries,
                "    - name: {word}\n      branch: {}\n      path: environments/{name}\n",
                quote(default_branch.as_str())
            ),
        };
        if let Some(source) = source {
            let _ = writeln!(entries, "      promoteFrom: {}", quote(source.as_str()));
        }
        source = Some(name);
    }
    format!(
        "# The environments of {product}, in the order in which changes pass through them.\n\
         # All fields: kubectl gitops schema repository\n\
         {HEAD}Repository\n\
         metadata: {{name: {name}}}\n\
         spec:\n\
         \x20 requires: \">={requires}\"\n\
         \x20 environments:\n\
         {entries}\
         \x20     # cluster: {{context: CONTEXT, namespace: NAMESPACE}} lets validate --live ask the right cluster\n\
         \x20 promotion:\n\
         \x20   files: [product.yaml, components/**, templates/**]\n\
         \x20 rendered: manifests\n",
        product = wish.product,
        name = quote(wish.product.as_str()),
        requires = concat!(
            env!("CARGO_PKG_VERSION_MAJOR"),
            ".",
            env!("CARGO_PKG_VERSION_MINOR")
        ),
    )
}

/// What promotion moves, by its path below an environment's folder.
fn promoted(wish: &Wish) -> Result<BTreeMap<RepoPath, String>, ScaffoldError> {
    let mut files = BTreeMap::new();
    files.insert("product.yaml".parse()?, product(wish));
    for (name, text) in TEMPLATE {
        files.insert(
            format!("templates/web-service/{name}").parse()?,
            text.to_owned(),
        );
    }
    Ok(files)
}

fn product(wish: &Wish) -> String {
    let mut components = String::new();
    for (name, image) in &wish.components {
        let _ = writeln!(
            components,
            "    {}:\n      image: {}",
            quote(name.as_str()),
            quote(&image.to_string())
        );
        if let Some(range) = image.tag().and_then(|tag| range_above(tag.as_str())) {
            let _ = writeln!(components, "      update: {{semver: {range}}}");
        }
        let _ = writeln!(components, "      values:\n        port: 8080");
    }
    let components = match components.is_empty() {
        true => "  components: {}\n".to_owned(),
        false => format!("  components:\n{components}"),
    };
    format!(
        "# What {product} is made of. Promoted from environment to environment as a whole, or by component.\n\
         # All fields: kubectl gitops schema product\n\
         {HEAD}Product\n\
         metadata: {{name: {name}}}\n\
         spec:\n\
         \x20 version: 0.1.0\n\
         \x20 defaults:\n\
         \x20   template: web-service\n\
         {components}",
        product = wish.product,
        name = quote(wish.product.as_str()),
    )
}

/// `^1.4` for the tag `v1.4.2`; nothing for tags that are no versions.
fn range_above(tag: &str) -> Option<String> {
    let version = semver::Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()?;
    version
        .pre
        .is_empty()
        .then(|| format!("^{}.{}", version.major, version.minor))
}

fn environment(wish: &Wish, name: &EnvironmentName, last: bool) -> String {
    let head = format!(
        "# What is special about {name}. Never promoted.\n\
         # All fields: kubectl gitops schema environment\n\
         {HEAD}Environment\n\
         metadata: {{name: {}}}\n",
        quote(name.as_str())
    );
    match wish.components.first() {
        Some((component, _)) if last => {
            format!(
                "{head}spec:\n  components:\n    {}: {{values: {{replicas: 2}}}}\n",
                quote(component.as_str())
            )
        }
        _ => format!("{head}spec: {{}}\n"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn wish(layout: Layout) -> Wish {
        Wish {
            product: "shop".parse().unwrap(),
            environments: ["dev", "staging", "prod"]
                .map(|name| name.parse().unwrap())
                .to_vec(),
            layout,
            components: vec![(
                "web".parse().unwrap(),
                "registry.example.com/shop/web:v1.4.2".parse().unwrap(),
            )],
        }
    }

    fn file<'s>(scaffold: &'s Scaffold, environment: usize, path: &str) -> &'s str {
        &scaffold.environments[environment].1[&path.parse::<RepoPath>().unwrap()]
    }

    #[test]
    fn every_environment_is_whole() {
        let branches = scaffold(&wish(Layout::Branches), &"main".parse().unwrap()).unwrap();
        assert_eq!(
            branches.repository.environments[2].branch.as_str(),
            "env/prod"
        );
        assert!(file(&branches, 0, "product.yaml").contains("update: {semver: ^1.4}"));
        assert!(file(&branches, 0, "manifests/app/deployment-web.yaml").contains("replicas: 1\n"));
        assert!(file(&branches, 2, "manifests/app/deployment-web.yaml").contains("replicas: 2\n"));
        assert_eq!(
            file(&branches, 0, "product.yaml"),
            file(&branches, 2, "product.yaml")
        );
        let folders = scaffold(&wish(Layout::Folders), &"trunk".parse().unwrap()).unwrap();
        assert_eq!(folders.repository.environments[1].branch.as_str(), "trunk");
        assert!(
            file(
                &folders,
                1,
                "environments/staging/manifests/app/service-web.yaml"
            )
            .contains("targetPort: http")
        );
    }

    #[test]
    fn names_that_contradict_each_other_are_refused() {
        let mut twice = wish(Layout::Branches);
        twice.environments.push("dev".parse().unwrap());
        let error = scaffold(&twice, &"main".parse().unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the environment dev is named twice"),
            "{error}"
        );
    }

    #[test]
    fn an_image_without_a_version_gets_no_policy() {
        let mut latest = wish(Layout::Branches);
        latest.components[0].1 = "redis:alpine".parse().unwrap();
        let made = scaffold(&latest, &"main".parse().unwrap()).unwrap();
        assert!(!file(&made, 0, "product.yaml").contains("update:"));
        latest.components.clear();
        let made = scaffold(&latest, &"main".parse().unwrap()).unwrap();
        assert!(file(&made, 0, "product.yaml").contains("components: {}"));
    }
}
