//! Who made a hotfix or conflict: the commit that gave a place of the target the value it
//! has now. A merge answers with the commit that it brought in. Where the search ends
//! before the value was another one, the answer is that the change is older than that.

use std::collections::BTreeMap;

use serde_json::Value;

use super::GatherError;
use crate::git::{FileVersion, Git, GitError};
use crate::ops::estate::Estate;
use crate::promotion::{
    Author, Facts, Item, Plan, UnitId, dotenv_values, is_dotenv, pin_files, pin_units, together,
};
use crate::repo::{CommitId, RepoPath, Snapshot};
use crate::yaml::{Path, Step, value_at, written_values};

/// How far back a file's history is read.
/// See `docs/limits.md`.
const VERSIONS: usize = 50;
/// Larger files are not read for their history.
const MAX_BYTES: u64 = 4 << 20;
/// How many versions of a file a partial clone fetches at once: most answers lie here.
const AT_ONCE: usize = 8;
/// How many merges inside of merges are followed.
const MERGES: usize = 8;

/// What is asked of the history of one file or folder.
#[derive(Debug, Clone)]
struct Question {
    /// The place of the difference in the plan.
    at: usize,
    what: What,
    /// Whether the target has something there.
    exists: bool,
}

/// Which value is followed through history.
#[derive(Debug, Clone)]
enum What {
    /// The one at a key path, in this document or wherever it is found.
    Key(Option<usize>, Path),
    /// The file as a whole.
    File,
    /// Whether the folder exists.
    Folder,
    /// A pin's version: its unit, and the key path below it.
    Pin(UnitId, Path),
}

impl What {
    /// Whether the text of the file tells.
    fn is_in_text(&self) -> bool {
        matches!(self, What::Key(..) | What::Pin(..))
    }
}

/// A value in one version of a file; `None`: that version cannot be read.
type Held = Option<Option<Value>>;

/// Fills in `changed_by` of the diverged items, where history tells.
pub fn blame(estate: &Estate, facts: &Facts, plan: &mut Plan) -> Result<(), GatherError> {
    let mut files: BTreeMap<RepoPath, Vec<Question>> = BTreeMap::new();
    for (at, item) in plan.items.iter().enumerate() {
        if !item.difference.class.is_diverged() {
            continue;
        }
        for (file, what) in places(facts, item) {
            let exists = item.difference.ours.is_some();
            let question = Question { at, what, exists };
            files.entry(file).or_default().push(question);
        }
    }
    let search = Search { estate, facts };
    for (file, questions) in files {
        let found = search.authors(&file, &facts.target.state.commit, questions, MERGES)?;
        for (at, author) in found {
            let known = &mut plan.items[at].changed_by;
            if known.as_ref().is_none_or(|known| is_later(&author, known)) {
                *known = Some(author);
            }
        }
    }
    Ok(())
}

/// Whether one of two answers for the places of one pin says more: a commit more than
/// none, and the later one of two.
fn is_later(one: &Author, other: &Author) -> bool {
    match (one, other) {
        (Author::Commit(one), Author::Commit(other)) => {
            one.committer.seconds > other.committer.seconds
        }
        (Author::Commit(_), Author::OlderThan(_)) => true,
        (Author::OlderThan(_), _) => false,
    }
}

/// The files in which an item is written, and what to follow in each.
fn places(facts: &Facts, item: &Item) -> Vec<(RepoPath, What)> {
    let path = &item.difference.path;
    let target = &facts.target;
    let place = match &item.unit {
        UnitId::Product => target.state.product.as_ref().map(|tree| {
            let what = What::Key(Some(0), path.clone());
            (tree.product.file.clone(), what)
        }),
        UnitId::Component(_) if target.state.product.is_none() => {
            let what = What::Pin(item.unit.clone(), path.clone());
            let files = pin_files(facts, item).into_iter();
            return files.map(|file| (file, what.clone())).collect();
        }
        UnitId::Component(_) => component(facts, item),
        UnitId::Template(name) => match path.last() {
            Some(Step::Key(file)) => target
                .path(&format!("templates/{name}/{file}"))
                .map(|file| (file, What::File)),
            _ => target
                .path(&format!("templates/{name}"))
                .map(|folder| (folder, What::Folder)),
        },
        UnitId::File(unit) => {
            let what = match target.files.contains_key(unit) {
                true => What::Key(None, path.clone()),
                false => What::File,
            };
            target.path(unit.as_str()).map(|file| (file, what))
        }
    };
    place.into_iter().collect()
}

/// Where a component is written on the target, or was, by where the source has it.
fn component(facts: &Facts, item: &Item) -> Option<(RepoPath, What)> {
    let UnitId::Component(name) = &item.unit else {
        return None;
    };
    let own = facts.target.state.product.as_ref();
    let key = |path: &Path| path.join(&item.difference.path);
    if let Some(node) = own.and_then(|tree| tree.components.get(name)) {
        // Its history has the name that it had.
        let place = match facts.renames.old(&item.unit) {
            Some(UnitId::Component(old)) => {
                node.path.parent().unwrap_or_default().key(old.as_str())
            }
            _ => node.path.clone(),
        };
        let what = What::Key(Some(node.document), key(&place));
        return Some((node.file.clone(), what));
    }
    let source = &facts.source.state;
    let node = source.product.as_ref()?.components.get(name)?;
    let relative = node.file.strip_prefix(&source.entry.path)?;
    let file = facts.target.state.entry.path.join_path(&relative);
    Some((file, What::Key(None, key(&node.path))))
}

struct Search<'a> {
    estate: &'a Estate,
    facts: &'a Facts,
}

/// A question that is not answered yet.
struct Open {
    question: Question,
    now: Option<Option<Value>>,
    author: Option<Author>,
}

impl Search<'_> {
    /// Walks back through a file's versions until every value was another one, and no
    /// further: a shallow clone has to ask for each part of the way.
    fn authors(
        &self,
        file: &RepoPath,
        tip: &CommitId,
        questions: Vec<Question>,
        merges: usize,
    ) -> Result<BTreeMap<usize, Author>, GatherError> {
        let open = questions.into_iter().map(|question| Open {
            question,
            now: None,
            author: None,
        });
        let answered = self.walk(file, tip, open.collect())?;
        let mut found = BTreeMap::new();
        for open in answered {
            if let Some(author) = &open.author {
                let author = self.within(file, author, &open, merges)?;
                found.insert(open.question.at, author);
            }
        }
        Ok(found)
    }

    fn walk(
        &self,
        file: &RepoPath,
        tip: &CommitId,
        mut open: Vec<Open>,
    ) -> Result<Vec<Open>, GatherError> {
        let git = &self.estate.git;
        if git.is_partial() && open.iter().any(|one| one.question.what.is_in_text()) {
            let versions = git.file_history(tip, file, Some(AT_ONCE))?;
            git.fetch_files(versions.iter().filter_map(|version| version.blob.as_ref()))?;
        }
        let (mut closed, mut seen, mut failure) = (Vec::new(), 0, None);
        let mut visit = |version: FileVersion| {
            seen += 1;
            if seen > VERSIONS {
                open.iter_mut().for_each(Open::give_up);
                return false;
            }
            let wanted = open.iter().any(|one| one.question.what.is_in_text());
            let bytes = match wanted.then(|| self.bytes(&version)).transpose() {
                Ok(bytes) => bytes.flatten(),
                Err(error) => {
                    failure = Some(error);
                    return false;
                }
            };
            for mut one in std::mem::take(&mut open) {
                let held = self.held(&one.question.what, file, &version, bytes.as_deref());
                match one.goes_on(held, &version) {
                    true => open.push(one),
                    false => closed.push(one),
                }
            }
            !open.is_empty()
        };
        git.visit_history(tip, file, &mut visit)?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        closed.extend(open);
        Ok(closed)
    }

    /// The author behind a merge: a commit on the branch that it brought in.
    fn within(
        &self,
        file: &RepoPath,
        author: &Author,
        open: &Open,
        merges: usize,
    ) -> Result<Author, GatherError> {
        let git = &self.estate.git;
        let Author::Commit(merge) = author else {
            return Ok(author.clone());
        };
        let [before, brought] = merge.parents.as_slice() else {
            return Ok(author.clone());
        };
        if merges == 0 || git.commit(brought).is_err() {
            return Ok(author.clone());
        }
        let same = Open {
            question: open.question.clone(),
            now: open.now.clone(),
            author: None,
        };
        let found = self.walk(file, brought, vec![same])?;
        let inner = found.into_iter().find_map(|one| one.author);
        match inner {
            Some(inner @ Author::Commit(_)) => {
                let is_older = match inner.commit() {
                    Some(commit) => git.contains(before, &commit.id)?,
                    None => true,
                };
                match is_older {
                    // The merge itself chose this value.
                    true => Ok(author.clone()),
                    false => self.within(file, &inner, open, merges - 1),
                }
            }
            _ => Ok(author.clone()),
        }
    }

    /// The text of a version; `None` where there is none, or it is too long.
    fn bytes(&self, version: &FileVersion) -> Result<Option<Vec<u8>>, GitError> {
        let git: &Git = &self.estate.git;
        let Some(blob) = &version.blob else {
            return Ok(None);
        };
        match git.read(blob, MAX_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(GitError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn held(
        &self,
        what: &What,
        file: &RepoPath,
        version: &FileVersion,
        bytes: Option<&[u8]>,
    ) -> Held {
        if version.blob.is_none() {
            return Some(None);
        }
        if let What::File | What::Folder = what {
            return Some(Some(Value::Bool(true)));
        }
        let text = String::from_utf8_lossy(bytes?);
        match what {
            What::Pin(unit, path) => self.pinned(unit, path, file, &text),
            What::Key(document, path) => {
                if is_dotenv(file) {
                    let values = dotenv_values(&text)?;
                    return Some(value_at(&values, path).cloned());
                }
                let documents = written_values(&text).ok()?;
                Some(key(&documents, *document, path))
            }
            What::File | What::Folder => None,
        }
    }

    /// The version that a file gave to a pin, at one place or at all that it has.
    fn pinned(&self, unit: &UnitId, path: &Path, file: &RepoPath, text: &str) -> Held {
        let files = [(file.clone(), text.as_bytes().to_vec())];
        let snapshot = Snapshot::from_files(None, files);
        let entry = &self.facts.target.state.entry;
        let units = pin_units(&self.facts.repository, &snapshot, entry).ok()?;
        let Some(value) = units.get(unit) else {
            let is_yaml = file.as_str().ends_with(".yaml") || file.as_str().ends_with(".yml");
            let is_broken = is_yaml && written_values(text).is_err();
            return (!is_broken).then_some(None);
        };
        let one = value_at(value, path).or_else(|| value.get("version"));
        Some(Some(one.unwrap_or(value).clone()))
    }
}

impl Open {
    /// Takes one older version into account; `false` when that answers the question.
    fn goes_on(&mut self, held: Held, version: &FileVersion) -> bool {
        let Some(held) = held else {
            // A version that cannot be read neither has the value nor another one.
            return self.now.is_some();
        };
        match &self.now {
            None if held.is_some() != self.question.exists => return false,
            None => self.now = Some(held),
            Some(now) if *now != held => return false,
            Some(_) => {}
        }
        let commit = version.commit.clone();
        self.author = Some(match version.at_boundary {
            true => Author::OlderThan(commit),
            false => Author::Commit(commit),
        });
        // As a whole the file was last changed by its newest version.
        !matches!(self.question.what, What::File)
    }

    /// Ends the search: the value was the same in all versions that were looked at.
    fn give_up(&mut self) {
        if let Some(Author::Commit(commit)) = self.author.take() {
            self.author = Some(Author::OlderThan(commit));
        }
    }
}

/// What was at a path: in its document, or of all together, as the value of a promoted
/// file has it.
fn key(documents: &[Value], document: Option<usize>, path: &Path) -> Option<Value> {
    if let Some(number) = document {
        return value_at(documents.get(number)?, path).cloned();
    }
    let mut first = documents.iter().take(1);
    match first.find_map(|value| value_at(value, path)) {
        Some(value) => Some(value.clone()),
        None => value_at(&together(documents)?, path).cloned(),
    }
}
