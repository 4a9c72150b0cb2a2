//! The branches of the playground's origin: `gitops.yaml` on the default one,
//! and the same product in every environment, each with what is its own.

use std::collections::BTreeMap;
use std::path::Path;

use crate::git::{Git, RefMove};
use crate::product::{EnvironmentEntry, ModelError, ProductTree, Repository};
use crate::repo::{
    BranchName, CommitId, CommitMessage, Edit, RefUpdate, RepoPath, Signature, Snapshot,
};
use crate::template::render;

use super::DemoError;
use super::files::{PRODUCT, REPOSITORY};
use super::images::{HOST, with_playground_images};

const README: &str = "Online Boutique, in three environments: the branches env/dev, env/staging and env/prod.\n\
    This branch says where they are and in which order the product goes through them.\n";

/// What each environment changes about the product.
const OWN: &[(&str, &str)] = &[
    ("dev", "spec: {}\n"),
    (
        "staging",
        "spec:\n  components:\n    frontend: {values: {replicas: 2}}\n",
    ),
    (
        "prod",
        "spec:\n  components:\n    cartservice: {values: {replicas: 2}}\n    frontend: {values: {replicas: 3}}\n",
    ),
];

/// Makes the origin and its branches.
pub(super) fn write(origin: &Path, author: &Signature) -> Result<(), DemoError> {
    let main = branch("main")?;
    let git = Git::create_bare(origin, &main, &[("commit.gpgsign", "false")])?;
    let text = format!("{REPOSITORY}  registries:\n    {HOST}: {{layout: ../registry}}\n");
    let repository = Repository::decode(&repo_path("gitops.yaml")?, &text).map_err(all)?;
    let mut writer = Writer {
        git: &git,
        author,
        moves: Vec::new(),
    };
    let edits = BTreeMap::from([
        (repo_path("gitops.yaml")?, Edit::write(text)),
        (repo_path("README.md")?, Edit::write(README)),
    ]);
    writer.commit(main, None, "say where the environments are", edits)?;

    let mut first: Option<(CommitId, Vec<RepoPath>)> = None;
    for entry in &repository.environments {
        let mut edits = environment(&repository, entry)?;
        let files: Vec<RepoPath> = edits.keys().cloned().collect();
        for path in first.iter().flat_map(|(_, files)| files) {
            edits.entry(path.clone()).or_insert(Edit::Delete);
        }
        let subject = format!("online-boutique 0.10.6 in {}", entry.name);
        let parent = first.as_ref().map(|(commit, _)| commit);
        let commit = writer.commit(entry.branch.clone(), parent, &subject, edits)?;
        first.get_or_insert((commit, files));
    }
    git.move_refs(&writer.moves)?;
    Ok(())
}

struct Writer<'g> {
    git: &'g Git,
    author: &'g Signature,
    moves: Vec<RefMove>,
}

impl Writer<'_> {
    fn commit(
        &mut self,
        branch: BranchName,
        parent: Option<&CommitId>,
        subject: &str,
        edits: BTreeMap<RepoPath, Edit>,
    ) -> Result<CommitId, DemoError> {
        let new = self.git.write_commit(&RefUpdate {
            branch: branch.clone(),
            expected: None,
            parent: parent.cloned(),
            edits,
            message: CommitMessage {
                subject: subject.to_owned(),
                body: String::new(),
                trailers: Vec::new(),
            },
            author: self.author.clone(),
            committer: self.author.clone(),
        })?;
        self.moves.push(RefMove {
            name: branch.into(),
            expected: None,
            new: new.clone().into(),
        });
        Ok(new)
    }
}

/// The files of one environment, rendered ones included.
fn environment(
    repository: &Repository,
    entry: &EnvironmentEntry,
) -> Result<BTreeMap<RepoPath, Edit>, DemoError> {
    let mut files = BTreeMap::new();
    for (path, text) in PRODUCT {
        files.insert(repo_path(path)?, with_playground_images(text));
    }
    let own = OWN.iter().find(|(name, _)| *name == entry.name.as_str());
    let spec = own.map_or("spec: {}\n", |(_, spec)| spec);
    let text = format!(
        "apiVersion: kubectl-gitops/v1alpha1\nkind: Environment\nmetadata: {{name: {}}}\n{spec}",
        entry.name
    );
    files.insert(repo_path("environment.yaml")?, text);

    let bytes = files
        .iter()
        .map(|(path, text)| (path.clone(), text.clone().into_bytes()));
    let snapshot = Snapshot::from_files(None, bytes);
    let tree = ProductTree::load(&snapshot, entry)
        .map_err(all)?
        .ok_or_else(|| broken("it has no product"))?;
    let rendering = render(&tree, repository, entry).map_err(broken)?;
    files.extend(
        rendering
            .files
            .into_iter()
            .map(|(path, file)| (path, file.text)),
    );
    Ok(files
        .into_iter()
        .map(|(path, text)| (path, Edit::write(text)))
        .collect())
}

fn all(errors: Vec<ModelError>) -> DemoError {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    broken(errors.join("; "))
}

fn broken(reason: impl ToString) -> DemoError {
    DemoError::Example(reason.to_string())
}

fn repo_path(path: &str) -> Result<RepoPath, DemoError> {
    path.parse().map_err(broken)
}

fn branch(name: &str) -> Result<BranchName, DemoError> {
    name.parse().map_err(broken)
}
