//! Repositories that are named by their URL: a bare, shallow copy of each in
//! the user's cache folder. It may be deleted at any time, and is made anew when
//! it is damaged, worn or long out of use.
//!
//! Several runs share a copy. They fetch one after the other, and one that
//! waited takes over what another began to fetch meanwhile; Git's own locks guard
//! the rest. The locks end with the process that holds them, however it ends. A
//! copy that is made anew gets a folder of its own, so nobody waits for those who
//! still work in the old one; that goes when they are done.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::push::chance;
use super::{Git, GitError, Notice, RepositoryUrl};

/// What a copy may hold before it is made anew, about: a few thousand loose
/// objects, or the leavings of this many fetches.
const MOST_LOOSE_IN_ONE_FOLDER: usize = 24;
const MOST_PACKS: usize = 40;
/// Out of use for longer, a copy would fetch all that happened meanwhile.
const LONGEST_UNUSED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long a run waits for another's fetch; someone may sit at a prompt there.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(4);

/// What is known of a copy beside its files.
#[derive(Debug)]
pub(super) struct Copied {
    /// The folder of this repository's copies.
    place: PathBuf,
    /// Our own notes in this copy.
    notes: PathBuf,
    pub(super) url: RepositoryUrl,
    /// What tells this copy from another one that was made in its place.
    made: String,
    /// Held as long as this run works in the copy.
    _in_use: Option<File>,
}

/// Tells whether a copy is still there.
#[derive(Debug)]
pub struct CopyWatch(Arc<Copied>);

impl CopyWatch {
    /// Whether it was deleted while it was in use, so that what was not found in it may
    /// well exist. The error that says so.
    pub fn loss(&self) -> Option<GitError> {
        let url = self.0.url.shown().to_owned();
        self.0.is_lost().then_some(GitError::LostCopy { url })
    }
}

/// How a run may fetch.
pub(super) enum Access<'a> {
    /// As it likes: the repository is its own.
    Free,
    /// It is its turn.
    Turn(Turn<'a>),
    /// It need not: another run began to fetch the same after it was asked, and has.
    Done,
}

/// The right to fetch; ends when it is dropped.
pub(super) struct Turn<'a> {
    copied: &'a Copied,
    number: u64,
    _lock: Option<File>,
}

impl Git {
    /// The copy of a repository below the folder `cache`, made when there is
    /// none. Nothing is fetched yet. `offline`: one that was fetched before.
    pub fn open_copy(url: &RepositoryUrl, cache: &Path, offline: bool) -> Result<Self, GitError> {
        let place = url.folder(cache);
        match open_in(url, &place, offline) {
            // Deleted between two steps, it is begun anew.
            Err(error) if !offline && is_gone(&error) => open_in(url, &place, offline),
            opened => opened,
        }
        .map_err(|error| match error {
            GitError::Io { path, source } => GitError::NoPlaceForCopy {
                url: url.shown().to_owned(),
                path,
                source,
            },
            error => error,
        })
    }

    /// Fails when this is a copy that is not there any more, or another one is in its place.
    pub(super) fn check_copy(&self) -> Result<(), GitError> {
        match self.copied() {
            Some(copied) if copied.is_lost() => Err(GitError::LostCopy {
                url: copied.url.shown().to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// What tells later whether the copy is still there; `None`: this is no copy.
    pub fn watch_copy(&self) -> Option<CopyWatch> {
        self.copied.clone().map(CopyWatch)
    }

    pub(super) fn copied(&self) -> Option<&Copied> {
        self.copied.as_deref()
    }

    /// The address, when this is the copy of a repository that was named by it.
    pub fn copy_of(&self) -> Option<&RepositoryUrl> {
        self.copied().map(|copied| &copied.url)
    }

    /// Whether this is a copy that nothing was fetched into yet.
    pub fn is_empty_copy(&self) -> bool {
        self.copied()
            .is_some_and(|copied| !copied.notes.join("finished").exists())
    }

    /// Whether the remote is known to hand out nothing but whole histories.
    pub(super) fn is_whole(&self) -> bool {
        self.copied()
            .is_some_and(|copied| copied.notes.join("whole").exists())
    }

    pub(super) fn note_whole(&self) {
        if let Some(copied) = self.copied() {
            let _ = fs::write(copied.notes.join("whole"), "");
        }
    }

    /// Waits for the turn to fetch these.
    pub(super) fn turn(&self, wanted: &[String]) -> Result<Access<'_>, GitError> {
        let Some(copied) = self.copied() else {
            return Ok(Access::Free);
        };
        let begun = copied.number("started");
        let lock = wait_for(&copied.notes.join("fetching"))?;
        let finished = fs::read_to_string(copied.notes.join("finished")).unwrap_or_default();
        let mut lines = finished.lines();
        let number: Option<u64> = lines.next().and_then(|line| line.parse().ok());
        if let (Some(begun), Some(number)) = (begun, number)
            && number > begun
        {
            let had: Vec<&str> = lines.collect();
            if wanted.iter().all(|one| had.contains(&one.as_str())) {
                return Ok(Access::Done);
            }
        }
        let number = copied.number("started").unwrap_or_default() + 1;
        let _ = fs::write(copied.notes.join("started"), number.to_string());
        Ok(Access::Turn(Turn {
            copied,
            number,
            _lock: lock,
        }))
    }

    /// Whether a lock of Git's own stands in the way: of a push, or of a
    /// program that was killed.
    pub(super) fn has_git_locks(&self) -> bool {
        fn any(folder: &Path, deep: bool) -> bool {
            fs::read_dir(folder).is_ok_and(|entries| {
                entries.flatten().any(|entry| {
                    let path = entry.path();
                    path.extension().is_some_and(|end| end == "lock")
                        || deep && path.is_dir() && any(&path, true)
                })
            })
        }
        any(self.git_dir(), false) || any(&self.git_dir().join("refs"), true)
    }

    /// What it means in a copy that something could not be read. The next run
    /// looks whether it is damaged.
    pub(super) fn judged(&self, error: GitError) -> GitError {
        if let Err(lost) = self.check_copy() {
            return lost;
        }
        let unreadable = matches!(
            error,
            GitError::Library { .. } | GitError::MissingObject { .. }
        );
        match self.copied() {
            Some(copied) if unreadable => {
                let _ = fs::write(copied.notes.join("suspect"), "");
                GitError::DamagedCopy {
                    url: copied.url.shown().to_owned(),
                    message: error.to_string(),
                }
            }
            _ => error,
        }
    }

    /// Judges a failure while a copy was brought up to date. `true`: it was the
    /// copy's fault, and opening it again gets another one.
    pub fn give_up_copy(&self, error: &GitError) -> bool {
        let Some(copied) = self.copied() else {
            return false;
        };
        let lost = copied.is_lost();
        let damaged = match error {
            _ if lost => true,
            GitError::MissingObject { .. }
            | GitError::Library { .. }
            | GitError::DamagedCopy { .. } => true,
            GitError::NoSuchRemote { .. } => true,
            GitError::Unreachable { message, .. } if !super::fetch::is_refusal(message) => {
                let remote = self.remote(Some(REMOTE)).ok().flatten();
                let Some(Ok(format)) = remote.map(|remote| self.ask_format(&remote)) else {
                    return false;
                };
                if format.is_some_and(|format| format != self.object_format()) {
                    let _ = fs::write(copied.place.join("sha256"), "");
                    true
                } else {
                    self.has_git_locks() || !self.is_sound()
                }
            }
            _ => false,
        };
        if damaged {
            self.tell(&Notice::CopyMadeAnew {
                of: copied.url.shown().to_owned(),
            });
            if !lost {
                let _ = fs::write(copied.notes.join("damaged"), "");
            }
        }
        damaged
    }

    /// Whether everything is here that should be.
    fn is_sound(&self) -> bool {
        self.call("fsck")
            .args(["--connectivity-only", "--no-dangling", "--no-progress"])
            .run()
            .is_ok_and(|output| output.ok())
    }
}

impl Copied {
    fn is_lost(&self) -> bool {
        !self.notes.is_dir() || read_mark(&self.notes) != self.made
    }

    fn number(&self, name: &str) -> Option<u64> {
        match fs::read_to_string(self.notes.join(name)) {
            Ok(text) => text.trim().parse().ok(),
            Err(_) => Some(0),
        }
    }
}

impl Turn<'_> {
    /// Says what was fetched, to those who wait.
    pub(super) fn finish(self, fetched: &[String]) {
        let text = format!("{}\n{}", self.number, fetched.join("\n"));
        let notes = &self.copied.notes;
        let new = notes.join("finished.new");
        let _ = fs::write(&new, text).and_then(|()| fs::rename(&new, notes.join("finished")));
    }
}

/// The copy in its place, as [`Git::open_copy`] gives it.
fn open_in(url: &RepositoryUrl, place: &Path, offline: bool) -> Result<Git, GitError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| GitError::Io { path, source }
    };
    if offline && !place.exists() {
        return Err(never_fetched(url));
    }
    private_folder(place).map_err(failed(place))?;
    let (git, spare) = {
        let door = place.join("door");
        let _door = wait_for(&door)?;
        let now = fs::write(&door, "").and_then(|()| fs::metadata(&door)?.modified());
        let now = now.map_err(failed(&door))?;
        let git = choose(url, place, offline, now)?;
        let spare = set_aside(place, git.git_dir());
        (git, spare)
    };
    for folder in spare {
        // The next run tries again.
        let _ = fs::remove_dir_all(folder);
    }
    Ok(git)
}

/// Whether something was not found that had just been made, or been seen.
fn is_gone(error: &GitError) -> bool {
    match error {
        GitError::Io { source, .. } => source.kind() == std::io::ErrorKind::NotFound,
        GitError::NotARepository { .. } | GitError::NoSuchRemote { .. } => true,
        _ => false,
    }
}

/// The newest copy that can be used, else a new one.
fn choose(
    url: &RepositoryUrl,
    place: &Path,
    offline: bool,
    now: SystemTime,
) -> Result<Git, GitError> {
    let numbers = numbers(place);
    for number in numbers.iter().rev() {
        let dir = place.join(format!("{number}.git"));
        let notes = notes(&dir);
        let fetched = notes.join("finished");
        if notes.join("damaged").exists() || offline && !fetched.exists() {
            continue;
        }
        if !offline && is_worn(&dir, &fetched, now) {
            break;
        }
        let Ok(git) = open(url, place, *number) else {
            continue;
        };
        let suspect = notes.join("suspect");
        if suspect.exists() {
            if !git.is_sound() {
                let _ = fs::write(notes.join("damaged"), "");
                continue;
            }
            let _ = fs::remove_file(suspect);
        }
        return Ok(git);
    }
    if offline {
        return Err(never_fetched(url));
    }
    let number = numbers.last().copied().unwrap_or_default() + 1;
    create(url, place, number)?;
    // What was rendered before need not be rendered again.
    if let Some(before) = numbers.last() {
        let kept = |number: &u64| notes(&place.join(format!("{number}.git"))).join("kept");
        let _ = fs::rename(kept(before), kept(&number));
    }
    open(url, place, number)
}

fn never_fetched(url: &RepositoryUrl) -> GitError {
    GitError::NeverFetched {
        url: url.shown().to_owned(),
    }
}

fn open(url: &RepositoryUrl, place: &Path, number: u64) -> Result<Git, GitError> {
    let dir = place.join(format!("{number}.git"));
    // The library looks for packs only where this folder was when it opened the copy,
    // and the first fetch into it makes it later (petersalomonsen/wasm-git#118).
    if dir.is_dir() {
        let _ = fs::create_dir_all(dir.join("objects/pack"));
    }
    let mut git = Git::at(&dir)?;
    let in_use = File::create(place.join(format!("{number}.use")))
        .ok()
        .filter(|file| file.try_lock_shared().is_ok());
    git.be_copy(Arc::new(Copied {
        place: place.to_owned(),
        made: read_mark(&notes(&dir)),
        notes: notes(&dir),
        url: url.clone(),
        _in_use: in_use,
    }));
    // A folder that somebody emptied opens all the same.
    git.remote(Some(REMOTE))?;
    Ok(git)
}

/// What the address is called in a copy's configuration.
pub(super) const REMOTE: &str = "origin";

fn create(url: &RepositoryUrl, place: &Path, number: u64) -> Result<(), GitError> {
    let new = place.join(format!("{number}.new"));
    let failed = |source| GitError::Io {
        path: new.clone(),
        source,
    };
    if new.exists() {
        fs::remove_dir_all(&new).map_err(failed)?;
    }
    let config = configuration(url, place.join("sha256").exists());
    // The least that is a repository; Git makes the rest when it is needed.
    let made = fs::create_dir_all(notes(&new))
        .and_then(|()| fs::create_dir_all(new.join("objects/pack")))
        .and_then(|()| fs::create_dir(new.join("refs")))
        .and_then(|()| fs::write(new.join("config"), config))
        .and_then(|()| fs::write(new.join("HEAD"), "ref: refs/heads/main\n"))
        .and_then(|()| fs::write(mark(&notes(&new)), format!("{:x}", chance())))
        .and_then(|()| fs::rename(&new, place.join(format!("{number}.git"))));
    made.map_err(failed)
}

/// The configuration of a copy. What a power failure leaves of it may be thrown away, so
/// nothing waits for the disk, and it is made anew when it grows, so nothing waits for a
/// clean-up.
fn configuration(url: &RepositoryUrl, sha256: bool) -> String {
    let (version, format) = match sha256 {
        true => (1, "[extensions]\n\tobjectFormat = sha256\n"),
        false => (0, ""),
    };
    let url = url.shown().replace('\\', "\\\\").replace('"', "\\\"");
    format!(
        "[core]\n\trepositoryFormatVersion = {version}\n\tbare = true\n\tlogAllRefUpdates = false\n\tfsync = none\n{format}\
         [remote \"{REMOTE}\"]\n\turl = \"{url}\"\n\tfetch = +refs/heads/*:refs/remotes/{REMOTE}/*\n\
         [gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n"
    )
}

fn notes(dir: &Path) -> PathBuf {
    dir.join("kubectl-gitops")
}

/// The file in which a copy has a mark of its own.
fn mark(notes: &Path) -> PathBuf {
    notes.join("made")
}

fn read_mark(notes: &Path) -> String {
    fs::read_to_string(mark(notes)).unwrap_or_default()
}

/// The numbers of the copies that are there, in order.
fn numbers(place: &Path) -> Vec<u64> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_suffix(".git")?.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

fn is_worn(dir: &Path, fetched: &Path, now: SystemTime) -> bool {
    let Ok(last) = fs::metadata(fetched).and_then(|file| file.modified()) else {
        // Nothing was fetched yet: somebody else may be about to.
        return false;
    };
    let count = |folder: &str| fs::read_dir(dir.join(folder)).map_or(0, Iterator::count);
    let unused = now.duration_since(last).unwrap_or_default();
    let shallow = dir.join("shallow").exists();
    // A pack comes with an index, and newer versions of Git add a third file.
    count("objects/pack") > MOST_PACKS * 2
        || count("objects/17") > MOST_LOOSE_IN_ONE_FOLDER
        || shallow && unused > LONGEST_UNUSED
}

/// Moves the copies out of the way that nobody needs any more: those before the
/// newest one that was fetched, and what was left half made or half removed.
fn set_aside(place: &Path, chosen: &Path) -> Vec<PathBuf> {
    let mut spare = Vec::new();
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path
            .extension()
            .is_some_and(|end| end == "old" || end == "new")
        {
            spare.push(path);
        }
    }
    let numbers = numbers(place);
    let is_fetched = |number: &&u64| {
        let notes = notes(&place.join(format!("{number}.git")));
        notes.join("finished").exists() && !notes.join("damaged").exists()
    };
    let newest = numbers.iter().rfind(is_fetched).copied();
    for number in numbers {
        let dir = place.join(format!("{number}.git"));
        let damaged = notes(&dir).join("damaged").exists();
        if dir == chosen || !(damaged || newest.is_some_and(|newest| number < newest)) {
            continue;
        }
        let in_use = place.join(format!("{number}.use"));
        let free = File::create(&in_use).is_ok_and(|file| file.try_lock().is_ok());
        let old = place.join(format!("{number}.old"));
        if free && fs::rename(&dir, &old).is_ok() {
            let _ = fs::remove_file(in_use);
            spare.push(old);
        }
    }
    spare
}

/// The file's lock, as soon as nobody else has it. Nothing where the file system
/// knows no locks, or somebody keeps it for too long: Git's own locks remain.
fn wait_for(path: &Path) -> Result<Option<File>, GitError> {
    let failed = |source| GitError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    let mut waited = Duration::ZERO;
    while waited < LONGEST_WAIT {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(_)) => return Ok(None),
        }
        std::thread::sleep(GLANCE);
        waited += GLANCE;
    }
    Ok(None)
}

/// Makes a folder that nobody else may look into.
fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_address_reads_back_from_the_configuration_as_it_was() {
        for address in [
            "https://git.example.com/shop.git",
            "file:///tmp/it's \"quoted\" # not a note; here.git",
            "file:///tmp/back\\slash and = sign.git",
        ] {
            let dir = tempfile::tempdir().unwrap();
            let url = RepositoryUrl::read(address).unwrap().unwrap();
            for sha256 in [false, true] {
                let file = dir.path().join("config");
                fs::write(&file, configuration(&url, sha256)).unwrap();
                let config = git2::Config::open(&file).unwrap();
                assert_eq!(config.get_string("remote.origin.url").unwrap(), url.shown());
                assert_eq!(config.get_bool("core.bare"), Ok(true));
                let format = config.get_string("extensions.objectFormat");
                assert_eq!(format.is_ok(), sha256);
            }
        }
    }
}
