//! Beginning a repository: making a new one, or proposing a `gitops.yaml` for
//! one that was there before. No file that exists is ever overwritten, and no
//! branch that exists is touched, the default one apart.

mod propose;
mod scaffold;
mod scan;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use propose::{Proposal, ProposedEnvironment, ProposedPin, scan};
pub use scaffold::{Layout, Scaffold, ScaffoldError, Wish, scaffold};
pub use scan::ScannedBranch;

use super::commit::own_words;
use super::estate::{Estate, OpenOptions};
use super::publish::{PublishError, PublishOptions, Published, publish};
use crate::config::{CONFIG_FILE, Origin, Resolved};
use crate::git::{Git, GitError, Head, Remote, Selection};
use crate::repo::{
    BranchName, ChangeSet, CommitId, CommitMessage, Edit, RefUpdate, RepoPath, RepoPathError,
    Signature, Snapshot,
};

/// A repository before it has a `gitops.yaml`.
#[derive(Debug)]
pub struct Ground {
    /// The repository.
    pub git: Git,
    /// The remote whose branches are the truth.
    pub remote: Option<Remote>,
    /// The branch that gets the `gitops.yaml`.
    pub default_branch: BranchName,
    /// Its tip; `None` while there is no commit.
    pub tip: Option<CommitId>,
    /// The files of that tip, or of the work tree where there is no commit.
    pub files: Snapshot,
    /// All branches that exist, on the remote or here.
    pub branches: Vec<BranchName>,
    /// The remote is not to be asked.
    pub offline: bool,
}

/// What beginning a repository writes.
#[derive(Debug, Clone)]
pub struct InitPlan {
    /// The files.
    pub scaffold: Scaffold,
    /// The branch that gets the `gitops.yaml`.
    pub default_branch: BranchName,
    /// All files by branch and path.
    pub files: BTreeMap<BranchName, Vec<RepoPath>>,
}

/// Why a repository cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// It cannot be made as wished.
    #[error(transparent)]
    Scaffold(#[from] ScaffoldError),
    /// It cannot be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A file that would be written is there already.
    #[error("{branch} already has {path}")]
    FileExists {
        /// The branch.
        branch: BranchName,
        /// The file.
        path: RepoPath,
    },
    /// A branch that would be begun is there already.
    #[error("the branch {branch} already exists")]
    BranchExists {
        /// The branch.
        branch: BranchName,
    },
    /// The work tree has the file already.
    #[error("{} already exists", .0.display())]
    InTheWay(PathBuf),
    /// The repository has no work tree to write into.
    #[error("{} has no work tree", .0.display())]
    NoWorkTree(PathBuf),
    /// The file cannot be written.
    #[error("{} cannot be written", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A name gives no path.
    #[error(transparent)]
    Path(#[from] RepoPathError),
}

fn is_yaml(path: &RepoPath) -> bool {
    path.file_name().is_some_and(|name| {
        [".yaml", ".yml", ".j2"]
            .iter()
            .any(|ending| name.ends_with(ending))
            || name == "Kustomization"
    })
}

/// Looks at a repository and, unless told not to, at its remote.
pub fn survey(options: &OpenOptions) -> Result<Ground, InitError> {
    let mut git = match options.here {
        true => Git::discover_here(&options.dir)?,
        false => Git::discover(&options.dir)?,
    };
    git.set_interactive(options.interactive);
    let remote = git.remote(options.remote.as_deref())?;
    let asked = remote.as_ref().filter(|_| !options.offline);
    let mut branches = git.branches(None)?;
    match asked {
        Some(remote) => branches.extend(git.ask_branches(remote, "")?),
        None => branches.extend(git.branches(remote.as_ref())?),
    }
    branches.sort();
    branches.dedup();
    let default_branch = default_branch(&git, remote.as_ref())?;
    if let Some(remote) = asked {
        git.fetch(remote, std::slice::from_ref(&default_branch))?;
    }
    let tip = match git.tip(remote.as_ref(), &default_branch)? {
        Some(tip) => Some(tip),
        None => git.tip(None, &default_branch)?.filter(|_| remote.is_none()),
    };
    let selection = Selection::under(vec![RepoPath::root()], is_yaml);
    let files = match &tip {
        Some(tip) => git.snapshot(tip, &selection)?,
        None if git.work_tree().is_some() => git.work_tree_snapshot(&selection)?,
        None => Snapshot::from_files(None, Vec::new()),
    };
    Ok(Ground {
        git,
        remote,
        default_branch,
        tip,
        files,
        branches,
        offline: options.offline,
    })
}

/// The default branch; of an empty remote, the branch that is checked out.
fn default_branch(git: &Git, remote: Option<&Remote>) -> Result<BranchName, GitError> {
    match git.default_branch(remote) {
        Err(error @ GitError::NoDefaultBranch { .. }) => match git.head()? {
            Head::Branch { name, .. } | Head::Unborn(name) => Ok(name),
            Head::Detached(_) => Err(error),
        },
        result => result,
    }
}

impl Ground {
    /// Where a `gitops.yaml` stands already, if one does.
    pub fn config(&self) -> Option<InitError> {
        let path: RepoPath = CONFIG_FILE.parse().ok()?;
        self.files.entry(&path)?;
        Some(InitError::FileExists {
            branch: self.default_branch.clone(),
            path,
        })
    }

    /// A proposal for what is there; `None` when nothing looks like an environment.
    pub fn propose(&self) -> Result<Option<Proposal>, InitError> {
        let mut scanned = vec![ScannedBranch {
            name: self.default_branch.clone(),
            snapshot: self.files.clone(),
        }];
        let others: Vec<&BranchName> = self
            .branches
            .iter()
            .filter(|name| **name != self.default_branch && scan::may_be_environment(name))
            .collect();
        if let Some(remote) = self.remote.as_ref().filter(|_| !self.offline) {
            let names: Vec<BranchName> = others.iter().map(|name| (*name).clone()).collect();
            self.git.fetch(remote, &names)?;
        }
        for name in others {
            if let Some(tip) = self.git.tip(self.remote.as_ref(), name)? {
                let selection = Selection::under(vec![RepoPath::root()], is_yaml);
                let snapshot = self.git.snapshot(&tip, &selection)?;
                scanned.push(ScannedBranch {
                    name: name.clone(),
                    snapshot,
                });
            }
        }
        Ok(scan(&scanned))
    }

    /// Puts a proposed `gitops.yaml` into the work tree; tells where.
    pub fn write_config(&self, text: &str) -> Result<PathBuf, InitError> {
        let folder = self
            .git
            .work_tree()
            .ok_or_else(|| InitError::NoWorkTree(self.git.git_dir().to_owned()))?;
        let path = folder.join(CONFIG_FILE);
        // Never through a link and never over a file.
        match crate::files::write_new(&path, text.as_bytes()) {
            Ok(()) => Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(InitError::InTheWay(path))
            }
            Err(source) => Err(InitError::Unwritable { path, source }),
        }
    }
}

/// Plans a new repository on its ground.
pub fn plan(ground: &Ground, wish: &Wish) -> Result<InitPlan, InitError> {
    if let Some(error) = ground.config() {
        return Err(error);
    }
    let scaffold = scaffold(wish, &ground.default_branch)?;
    let mut files: BTreeMap<BranchName, Vec<RepoPath>> = BTreeMap::new();
    files.insert(ground.default_branch.clone(), vec![CONFIG_FILE.parse()?]);
    for (entry, texts) in &scaffold.environments {
        if entry.branch != ground.default_branch && ground.branches.contains(&entry.branch) {
            return Err(InitError::BranchExists {
                branch: entry.branch.clone(),
            });
        }
        if entry.branch == ground.default_branch
            && let Some(path) = texts.keys().find(|path| ground.files.entry(path).is_some())
        {
            return Err(InitError::FileExists {
                branch: entry.branch.clone(),
                path: path.clone(),
            });
        }
        files
            .entry(entry.branch.clone())
            .or_default()
            .extend(texts.keys().cloned());
    }
    Ok(InitPlan {
        scaffold,
        default_branch: ground.default_branch.clone(),
        files,
    })
}

/// Writes a planned repository: all branches together, or nothing.
pub fn begin(
    ground: Ground,
    plan: &InitPlan,
    message: Option<&str>,
    push: bool,
) -> Result<Published, InitError> {
    let (author, committer) = ground.git.identity()?;
    let maker = Maker {
        plan,
        message,
        author: &author,
        committer: &committer,
    };
    let mut on_default = BTreeMap::new();
    on_default.insert(
        CONFIG_FILE.parse()?,
        Edit::write(plan.scaffold.config.clone()),
    );
    let mut updates = Vec::new();
    let mut root = None;
    for (entry, texts) in &plan.scaffold.environments {
        let edits = texts
            .iter()
            .map(|(path, text)| (path.clone(), Edit::write(text.clone())));
        if entry.branch == ground.default_branch {
            on_default.extend(edits);
            continue;
        }
        let parent = match &root {
            Some(root) => root,
            None => root.insert(ground.git.write_commit(&maker.root(&entry.branch))?),
        };
        let subject = format!("begin {}", entry.name);
        let mut update = maker.update(&entry.branch, edits.collect(), &subject);
        update.parent = Some(parent.clone());
        updates.push(update);
    }
    let names: Vec<&str> = plan
        .scaffold
        .environments
        .iter()
        .map(|(entry, _)| entry.name.as_str())
        .collect();
    let subject = format!("describe the environments {}", names.join(", "));
    let mut update = maker.update(&ground.default_branch, on_default, &subject);
    update.expected = ground.tip.clone();
    update.parent = ground.tip.clone();
    updates.insert(0, update);
    let estate = Estate {
        config: Resolved {
            repository: plan.scaffold.repository.clone(),
            origin: Origin::WorkTree(PathBuf::from(CONFIG_FILE)),
            differs_from: None,
        },
        git: ground.git,
        remote: ground.remote,
        author: author.clone(),
        committer: committer.clone(),
        stale: None,
    };
    Ok(publish(
        &estate,
        &ChangeSet {
            updates,
            tags: Vec::new(),
        },
        PublishOptions { push },
    )?)
}

/// Makes the commits of one run alike.
struct Maker<'a> {
    plan: &'a InitPlan,
    message: Option<&'a str>,
    author: &'a Signature,
    committer: &'a Signature,
}

impl Maker<'_> {
    fn update(
        &self,
        branch: &BranchName,
        edits: BTreeMap<RepoPath, Edit>,
        subject: &str,
    ) -> RefUpdate {
        let name = self.plan.scaffold.repository.name.as_ref();
        let mut trailers = vec![("Gitops-Action".to_owned(), "init".to_owned())];
        trailers.extend(name.map(|name| ("Gitops-Product".to_owned(), name.to_string())));
        let words = own_words(self.message);
        let (subject, body) = words.unwrap_or_else(|| (subject.to_owned(), String::new()));
        RefUpdate {
            branch: branch.clone(),
            expected: None,
            parent: None,
            edits,
            message: CommitMessage {
                subject,
                body,
                trailers,
            },
            author: self.author.clone(),
            committer: self.committer.clone(),
        }
    }

    /// What all environments begin with. It is their common past, to which
    /// the first promotion compares them.
    fn root(&self, branch: &BranchName) -> RefUpdate {
        let texts = self.plan.scaffold.common.iter();
        let edits = texts.map(|(path, text)| (path.clone(), Edit::write(text.clone())));
        let name = self.plan.scaffold.repository.name.as_ref();
        let subject = name.map_or_else(|| "begin".to_owned(), |name| format!("begin {name}"));
        self.update(branch, edits.collect(), &subject)
    }
}
