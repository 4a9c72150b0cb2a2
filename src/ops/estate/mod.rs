//! A repository as every operation finds it: the remote's branches as they are
//! now, the configuration that counts, and an environment's files at its tip.
//!
//! Opening asks the remote once. A remote that cannot be reached ends a run
//! that would write; one that only reads goes on with what was last known and
//! says so. Nothing is written here but remote-tracking references, and what is
//! kept in the Git folder to be faster the next time.

mod ahead;
mod error;
mod opening;
mod rendered;

use std::path::PathBuf;
use std::time::Duration;

pub use error::EstateError;
use opening::Opening;

use crate::config::Resolved;
use crate::git::{Git, Listener, LoginHelper, Remote, RepositoryUrl, Selection};
use crate::product::pins::bases_beyond;
use crate::product::{
    EnvironmentEntry, EnvironmentName, EnvironmentState, FilePattern, PRODUCT_FILE, Repository,
    TEMPLATES_FOLDER,
};
use crate::repo::{BranchName, CommitId, RepoPath, Signature, Snapshot};

/// How a repository is to be opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// A folder inside it. With `copy_of`: the folder that paths are relative to.
    pub dir: PathBuf,
    /// The folder was not named but is where the run was started, so that `GIT_DIR` counts.
    pub here: bool,
    /// It is not a folder's, but the one at an address.
    pub copy_of: Option<CopyOf>,
    /// Hears what takes its time.
    pub listener: Listener,
    /// What is done while the remote answers.
    pub meanwhile: Option<fn()>,
    /// The remote to work with, if not the usual one.
    pub remote: Option<String>,
    /// Go by what was last fetched.
    pub offline: bool,
    /// Something is to be written: the remote must answer, and the
    /// configuration is the published one.
    pub writing: bool,
    /// `FILE` or `REF:PATH` to read instead of the published configuration.
    pub config: Option<String>,
    /// A person is there to answer Git's questions for credentials.
    pub interactive: bool,
    /// How long the remote may be silent, instead of the usual time; zero: for ever.
    pub request_timeout: Option<Duration>,
}

/// A repository that is named by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOf {
    /// The address.
    pub url: RepositoryUrl,
    /// The folder of this user's copies.
    pub cache: PathBuf,
    /// How Git asks for the login of the address; `None`: it is not used.
    pub login: Option<LoginHelper>,
}

/// Why the remote's branches are not those of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// What the remote said; `None` when it was not asked on purpose.
    pub problem: Option<String>,
    /// When it was last asked, in seconds since 1970, where that is known.
    pub since: Option<i64>,
}

/// An opened repository.
#[derive(Debug)]
pub struct Estate {
    /// The repository.
    pub git: Git,
    /// The remote whose branches are the truth; `None`: the local ones are.
    pub remote: Option<Remote>,
    /// The configuration and where it was read.
    pub config: Resolved,
    /// Who makes a change; blank when the repository was opened for reading
    /// and Git does not know.
    pub author: Signature,
    /// Who makes a commit; blank as the author.
    pub committer: Signature,
    /// Set when the remote's branches are the last known ones.
    pub stale: Option<Stale>,
}

impl Estate {
    /// Opens a repository and brings its environments' branches up to date.
    pub fn open(options: &OpenOptions) -> Result<Self, EstateError> {
        let mut again = options.copy_of.is_some();
        loop {
            let mut git = match &options.copy_of {
                Some(copy) => Git::open_copy(&copy.url, &copy.cache, options.offline)?,
                None if options.here => Git::discover_here(&options.dir)?,
                None => Git::discover(&options.dir)?,
            };
            git.set_interactive(options.interactive);
            git.set_request_timeout(options.request_timeout);
            if let Some(helper) = options.copy_of.as_ref().and_then(|it| it.login.as_ref()) {
                git.hand_over_login(helper)?;
            }
            git.set_listener(options.listener.clone());
            git.set_meanwhile(options.meanwhile);
            match Self::open_in(options, git) {
                Err((git, EstateError::Git(error))) if again && git.give_up_copy(&error) => {
                    again = false;
                }
                Err((git, error)) => {
                    let lost = git.watch_copy().and_then(|watch| watch.loss());
                    return Err(lost.map_or(error, EstateError::Git));
                }
                Ok(estate) => return Ok(estate),
            }
        }
    }

    /// Opens what is in a repository; it is handed back where that fails.
    fn open_in(options: &OpenOptions, mut git: Git) -> Result<Self, (Git, EstateError)> {
        let remote = match git.remote(options.remote.as_deref()) {
            Ok(remote) => remote,
            Err(error) => return Err((git, error.into())),
        };
        if let (Some(remote), false) = (&remote, options.offline) {
            git.may_deepen(remote);
        }
        let asked = git.ask_identity();
        let mut opening = Opening {
            options,
            git: &git,
            remote: remote.as_ref(),
            stale: None,
            given: std::cell::OnceCell::new(),
        };
        let config = opening.config();
        let stale = opening.stale;
        let (author, committer) = match asked.answer(&git) {
            Ok(both) => both,
            Err(error) if options.writing && config.is_ok() => return Err((git, error.into())),
            Err(_) => (nobody(), nobody()),
        };
        match config {
            Ok(config) => Ok(Self {
                git,
                remote,
                config,
                author,
                committer,
                stale,
            }),
            Err(error) => Err((git, error)),
        }
    }

    /// What `gitops.yaml` says.
    pub fn repository(&self) -> &Repository {
        &self.config.repository
    }

    /// Asks the remote for the environments' branches again.
    pub fn refresh(&self) -> Result<(), EstateError> {
        if let Some(remote) = &self.remote {
            self.git.fetch(remote, &branches_of(self.repository()))?;
        }
        Ok(())
    }

    /// An environment's entry.
    pub fn environment(&self, name: &EnvironmentName) -> Result<&EnvironmentEntry, EstateError> {
        let repository = self.repository();
        let known = || repository.environments.iter().map(|e| e.name.as_str());
        repository
            .environment(name.as_str())
            .ok_or_else(|| EstateError::UnknownEnvironment {
                name: name.to_string(),
                nearest: crate::product::nearest(name.as_str(), known()),
                known: known().map(str::to_owned).collect(),
            })
    }

    /// The branch that a branch that does not exist yet can begin from: that of the
    /// environment it is promoted from, else of any other one.
    fn begins_from(&self, entry: &EnvironmentEntry) -> Option<BranchName> {
        let all = &self.repository().environments;
        let named = |other: &&EnvironmentEntry| Some(&other.name) == entry.promote_from.as_ref();
        let others = all.iter().filter(named).chain(all.iter());
        let mut others = others.filter(|other| other.branch != entry.branch);
        let exists = |other: &EnvironmentEntry| {
            let tip = self.git.tip(self.remote.as_ref(), &other.branch);
            tip.is_ok_and(|tip| tip.is_some())
        };
        others
            .find(|other| exists(other))
            .map(|other| other.branch.clone())
    }

    /// The commit that an environment is at.
    pub fn tip(&self, name: &EnvironmentName) -> Result<CommitId, EstateError> {
        let entry = self.environment(name)?;
        self.git
            .tip(self.remote.as_ref(), &entry.branch)?
            .ok_or_else(|| EstateError::Unborn {
                environment: name.clone(),
                branch: entry.branch.clone(),
                begins_from: self.begins_from(entry),
                remote: self.remote.as_ref().map(|remote| remote.name().to_owned()),
                place: match &self.remote {
                    Some(remote) => format!("on {}", remote.shown()),
                    None => "here".to_owned(),
                },
            })
    }

    /// Returns the commit that an environment's branch was at, as in `{1}` or `{yesterday}`.
    pub fn past(&self, entry: &EnvironmentEntry, past: &str) -> Result<CommitId, EstateError> {
        let remote = self.remote.as_ref();
        Ok(self.git.find_past(remote, &entry.branch, past)?)
    }

    /// Environments' branches of which this clone has commits that the remote
    /// does not have. Nothing of those is promoted. A shallow clone cannot
    /// tell ahead from behind and claims nothing.
    pub fn ahead(&self) -> Result<Vec<BranchName>, EstateError> {
        let Some(remote) = self.remote.as_ref().filter(|_| !self.git.is_shallow()) else {
            return Ok(Vec::new());
        };
        let mut ahead = Vec::new();
        for branch in branches_of(self.repository()) {
            let theirs = self.git.tip(Some(remote), &branch)?;
            let ours = self.git.tip(None, &branch)?;
            if let (Some(ours), Some(theirs)) = (ours, theirs)
                && !self.git.contains(&theirs, &ours)?
            {
                ahead.push(branch);
            }
        }
        Ok(ahead)
    }

    /// An environment at its tip. Where there is a product manifest, the
    /// contents of rendered files are not read; their ids are known.
    pub fn load(&self, name: &EnvironmentName) -> Result<EnvironmentState, EstateError> {
        self.load_at(name, &self.tip(name)?)
    }

    /// An environment at any commit of its branch, read like [`Self::load`].
    pub fn load_at(
        &self,
        name: &EnvironmentName,
        commit: &CommitId,
    ) -> Result<EnvironmentState, EstateError> {
        self.read(name, commit, false)
    }

    /// An environment at any commit with the contents of all its files.
    pub fn load_whole(
        &self,
        name: &EnvironmentName,
        commit: &CommitId,
    ) -> Result<EnvironmentState, EstateError> {
        self.read(name, commit, true)
    }

    /// All files of an environment at a commit, whether or not its model can be read.
    pub fn snapshot(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
    ) -> Result<Snapshot, EstateError> {
        self.files(entry, commit, true)
    }

    /// An environment's files at any commit, read like [`Self::load`] but not
    /// understood: nothing in them can be wrong.
    pub fn files_at(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
    ) -> Result<Snapshot, EstateError> {
        self.files(entry, commit, false)
    }

    /// The same without the contents of records. Most of the files may be those of another
    /// commit, which are known.
    pub fn files_without_records(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
        known: Option<&Snapshot>,
    ) -> Result<Snapshot, EstateError> {
        let mut selection = self.selection(entry, commit, false)?;
        let (load, records) = (selection.load, entry.records());
        selection.load = Box::new(move |path| !path.starts_with(&records) && load(path));
        let snapshot = match known {
            Some(known) => self.git.snapshot_like(commit, &selection, known)?,
            None => self.git.snapshot(commit, &selection)?,
        };
        self.with_bases(entry, commit, snapshot)
    }

    fn files(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
        whole: bool,
    ) -> Result<Snapshot, EstateError> {
        let selection = self.selection(entry, commit, whole)?;
        let snapshot = self.git.snapshot(commit, &selection)?;
        self.with_bases(entry, commit, snapshot)
    }

    /// Which files of an environment are read.
    fn selection(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
        whole: bool,
    ) -> Result<Selection, EstateError> {
        let skipped = if whole {
            None
        } else {
            self.rendered_folder(entry, commit)?
        };
        let mut declared: Vec<FilePattern> = self.declared_files(entry).collect();
        let promotion = &self.repository().promotion;
        if promotion.named {
            let named = |pattern: &FilePattern| {
                let text = pattern.text.replace("{env}", entry.name.as_str());
                FilePattern::parse(&text).ok()
            };
            declared.extend(promotion.files.iter().filter_map(named));
        }
        let folder_of = entry.path.clone();
        Ok(Selection::under(
            self.roots(entry),
            move |path| match &skipped {
                None => true,
                Some(folder) => {
                    !path.starts_with(folder) && belongs_to_a_model(path)
                        || declared.iter().any(|it| it.matches(&folder_of, path))
                }
            },
        ))
    }

    /// Adds the bases outside of an environment that its kustomizations build upon.
    /// Where there is a product, that says what is deployed.
    fn with_bases(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
        mut snapshot: Snapshot,
    ) -> Result<Snapshot, EstateError> {
        let product = entry.path.join(PRODUCT_FILE);
        if product.is_ok_and(|file| snapshot.entry(&file).is_some()) {
            return Ok(snapshot);
        }
        loop {
            // Each turn lists folders that were not listed before, so there is a last one.
            let beyond: Vec<RepoPath> = bases_beyond(&snapshot, &entry.path)
                .into_iter()
                .filter(|path| !snapshot.lists(path))
                .collect();
            if beyond.is_empty() {
                return Ok(snapshot);
            }
            let selection = Selection::under(beyond, belongs_to_a_model);
            snapshot = snapshot.joined(self.git.snapshot(commit, &selection)?);
        }
    }

    /// An environment's files as they are in the work tree, committed or not.
    pub fn work_tree_snapshot(&self, entry: &EnvironmentEntry) -> Result<Snapshot, EstateError> {
        let selection = Selection::under(self.roots(entry), |_| true);
        Ok(self.git.work_tree_snapshot(&selection)?)
    }

    fn read(
        &self,
        name: &EnvironmentName,
        commit: &CommitId,
        whole: bool,
    ) -> Result<EnvironmentState, EstateError> {
        let entry = self.environment(name)?.clone();
        let snapshot = self.files(&entry, commit, whole)?;
        Ok(EnvironmentState::understand(entry, commit, snapshot)?)
    }

    /// The folder of rendered files, in an environment that renders them from
    /// a product. Without a product manifest these files are the source.
    fn rendered_folder(
        &self,
        entry: &EnvironmentEntry,
        commit: &CommitId,
    ) -> Result<Option<RepoPath>, EstateError> {
        let Some(rendered) = &self.repository().rendered else {
            return Ok(None);
        };
        let Ok(product) = entry.path.join(PRODUCT_FILE) else {
            return Ok(None);
        };
        let look = Selection::under(vec![product.clone()], |_| false);
        let found = self.git.snapshot(commit, &look)?;
        Ok(found
            .entry(&product)
            .is_some()
            .then(|| entry.path.join_path(rendered)))
    }

    /// The files in which `gitops.yaml` declares pins of an environment.
    fn declared_files(&self, entry: &EnvironmentEntry) -> impl Iterator<Item = FilePattern> {
        let sites = self.repository().pins.iter().flat_map(|pin| &pin.sites);
        sites.filter_map(|site| site.pattern(&entry.name))
    }

    /// What belongs to an environment: its folder, the shared templates at the
    /// branch's root, and files at the root that promotion moves or that hold pins.
    fn roots(&self, entry: &EnvironmentEntry) -> Vec<RepoPath> {
        let whole_branch = self
            .repository()
            .promotion
            .files
            .iter()
            .any(|pattern| pattern.from_branch_root)
            || self
                .declared_files(entry)
                .any(|pattern| pattern.from_branch_root);
        if entry.path.is_root() || whole_branch {
            return vec![RepoPath::root()];
        }
        let templates = TEMPLATES_FOLDER.parse().unwrap_or_default();
        vec![entry.path.clone(), templates]
    }
}

/// Whether a file may be a part of a product: its manifests and what they may
/// include, templates with all their files, and records. Of all others the id
/// is enough, and a branch may hold many.
fn belongs_to_a_model(path: &RepoPath) -> bool {
    let text = path.as_str();
    let name = text.rsplit('/').next().unwrap_or_default();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    // Most files are told by their names, and most others by their text.
    let in_folder =
        |folder: &str| text.contains(folder) && path.segments().any(|segment| segment == folder);
    matches!(extension, None | Some("yaml" | "yml" | "json"))
        || in_folder(TEMPLATES_FOLDER)
        || in_folder(".gitops")
}

fn nobody() -> Signature {
    Signature {
        name: String::new(),
        email: String::new(),
        seconds: 0,
        offset_minutes: 0,
    }
}

fn branches_of(repository: &Repository) -> Vec<BranchName> {
    let mut branches: Vec<BranchName> = repository
        .environments
        .iter()
        .map(|entry| entry.branch.clone())
        .collect();
    branches.sort();
    branches.dedup();
    branches
}
