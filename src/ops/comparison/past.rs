//! The past of the units in question: what both sides had of them, commit by commit along
//! first parents, for the rules of promotion to judge by.
//!
//! Only units that differ are looked at, in one walk for each side. A walk ends where all
//! of them are answered, or at a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::GatherError;
use crate::git::{GitError, Line, LineEnd, Selection, Step};
use crate::ops::estate::Estate;
use crate::product::{EnvironmentState, Known, PRODUCT_FILE, TEMPLATES_FOLDER};
use crate::promotion::{
    End, FileRules, Lines, Past, Pasts, Questions, Record, Renames, Side, State, Unit, UnitId,
    Units, is_place, own_path, pin_units, questions, share_units,
};
use crate::repo::{CommitId, RepoPath};
use crate::yaml::Path;

/// How many commits of a line are walked along at most; see `docs/limits.md`.
const COMMITS: usize = 20_000;

/// How many places in trees are looked up at most, which takes about two seconds; see
/// `docs/limits.md`.
const LOOKUPS: usize = 200_000;

/// How many states of a unit are read at most: each is parsed; see `docs/limits.md`.
const STATES: usize = 500;

/// How many states of each side a partial clone is given at once; more come one by one.
const AHEAD: usize = 64;

/// What both sides hold, as they are compared.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) estate: &'a Estate,
    pub(super) source: &'a Side,
    pub(super) target: &'a Side,
    pub(super) records: &'a BTreeMap<UnitId, Record>,
    pub(super) rules: &'a FileRules,
    /// Components that the source renamed.
    pub(super) renames: &'a Renames,
    /// The merge base of two branches, and the units there.
    pub(super) merge_base: Option<&'a (CommitId, Units)>,
    /// Further units whose past is wanted, and a commit of the target that it has to reach.
    pub(super) also: Option<(&'a BTreeSet<UnitId>, &'a CommitId)>,
}

impl Compared<'_> {
    /// Returns the past of every unit in question.
    ///
    /// # Errors
    /// History can't be read.
    pub(super) fn pasts(&self) -> Result<BTreeMap<UnitId, Pasts>, GatherError> {
        let asked = self.asked();
        if asked.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut stops = [BTreeSet::new(), BTreeSet::new()];
        for questions in asked.values() {
            stops[0].extend(questions.target.iter().cloned());
            stops[1].extend(questions.source.iter().cloned());
        }
        if let Some((_, commit)) = self.also {
            stops[0].insert(commit.clone());
        }
        if let Some((commit, _)) = self.merge_base {
            for side in &mut stops {
                side.insert(commit.clone());
            }
        }
        let [onto, from] = stops;
        let sides = [(self.target, &onto, true), (self.source, &from, false)];
        self.fetch_ahead(&asked, sides)?;
        let mut target = self.walk(self.target, &asked, onto, true)?;
        let mut source = self.walk(self.source, &asked, from, false)?;
        let (one, other) = (&self.source.state.entry, &self.target.state.entry);
        let pasts = asked.keys().map(|unit| {
            let lines = match self.merge_base {
                _ if one.branch == other.branch => Lines::Shared,
                Some((commit, units)) => Lines::Forked {
                    commit: commit.clone(),
                    value: units.get(*unit).cloned().map(Arc::new),
                },
                None => Lines::Unrelated,
            };
            let pasts = Pasts {
                target: target.remove(*unit).unwrap_or_default(),
                source: source.remove(*unit).unwrap_or_default(),
                lines,
            };
            ((*unit).clone(), pasts)
        });
        Ok(pasts.collect())
    }

    /// The units whose past has to be known, and what of it.
    fn asked(&self) -> BTreeMap<&UnitId, Questions> {
        let none = Pasts::default();
        let sides = self.source.units.keys().chain(self.target.units.keys());
        let all: BTreeSet<&UnitId> = sides.chain(self.records.keys()).collect();
        let also = self.also.map(|(units, _)| units);
        let asked = all.into_iter().filter_map(|unit| {
            let record = self.records.get(unit);
            let questions = questions(&Unit {
                source: &self.source.state.entry.name,
                record,
                ours: self.target.units.get(unit),
                theirs: self.source.units.get(unit),
                pasts: &none,
            });
            let wanted = also.is_some_and(|also| also.contains(unit));
            let questions = questions.or_else(|| wanted.then(|| of_record(record)))?;
            Some((unit, questions))
        });
        asked.collect()
    }

    /// The files of these units on one side, and a folder that holds all of them.
    fn watched(
        &self,
        side: &Side,
        asked: &BTreeMap<&UnitId, Questions>,
        is_target: bool,
    ) -> (RepoPath, Vec<RepoPath>) {
        let mut watched = BTreeSet::new();
        for unit in asked.keys() {
            watched.extend(self.files_of(side, unit));
            let old = self.renames.old(unit);
            let records = [Some(*unit), old.as_ref()].into_iter().flatten();
            let records = records.filter_map(|unit| side.record_path(unit));
            watched.extend(records.filter(|_| is_target));
        }
        let folder = match watched
            .iter()
            .all(|it| it.starts_with(&side.state.entry.path))
        {
            true => side.state.entry.path.clone(),
            false => RepoPath::root(),
        };
        (folder, watched.into_iter().collect())
    }

    /// In a partial clone: brings what the newest states of both sides need, in one round
    /// trip instead of one for each state.
    fn fetch_ahead(
        &self,
        asked: &BTreeMap<&UnitId, Questions>,
        sides: [(&Side, &BTreeSet<CommitId>, bool); 2],
    ) -> Result<(), GatherError> {
        if !self.estate.git.is_partial() {
            return Ok(());
        }
        let mut wanted = Vec::new();
        for (side, stops, is_target) in sides {
            let (folder, paths) = self.watched(side, asked, is_target);
            let mut met = 0;
            let line = line(side, &folder, &paths, stops);
            self.estate.git.visit_line(line, &mut |step| {
                wanted.push((&side.state.entry.name, step.commit.id));
                met += 1;
                Ok(met < AHEAD)
            })?;
        }
        Ok(self.estate.fetch_ahead(&wanted)?)
    }

    /// The past of these units on one side.
    fn walk(
        &self,
        side: &Side,
        asked: &BTreeMap<&UnitId, Questions>,
        stops: BTreeSet<CommitId>,
        is_target: bool,
    ) -> Result<BTreeMap<UnitId, Past>, GatherError> {
        let (folder, paths) = self.watched(side, asked, is_target);
        let line = line(side, &folder, &paths, &stops);
        let mut walk = Walk {
            compared: self,
            side,
            asked,
            is_target,
            stops: &stops,
            waiting: stops.clone(),
            states: BTreeMap::new(),
            read: 0,
            oldest: 0,
        };
        let mut failure = None;
        let end = self.estate.git.visit_line(line, &mut |step| {
            Ok(match walk.visit(&step) {
                Ok(go_on) => go_on,
                Err(error) => {
                    failure = Some(error);
                    false
                }
            })
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        let end = match end {
            LineEnd::Stopped if walk.read >= STATES => End::Bound(walk.oldest),
            LineEnd::Root | LineEnd::Stopped => End::Root,
            LineEnd::Bound(seconds) => End::Bound(seconds),
            LineEnd::Shallow(seconds) => End::Shallow(seconds),
        };
        let pasts = walk.states.into_iter();
        Ok(pasts
            .map(|(unit, states)| (unit, Past { states, end }))
            .collect())
    }

    /// The files of a side that say something of a unit.
    fn files_of(&self, side: &Side, unit: &UnitId) -> Vec<RepoPath> {
        let entry = &side.state.entry;
        let product = side.state.product.as_ref();
        match unit {
            UnitId::Product | UnitId::Component(_) if product.is_some() => {
                let manifests = product.into_iter().flat_map(|tree| tree.manifests());
                let mut files: Vec<RepoPath> = manifests.cloned().collect();
                files.extend(entry.path.join(PRODUCT_FILE).ok());
                files
            }
            UnitId::Product => entry.path.join(PRODUCT_FILE).into_iter().collect(),
            // A pin may be anywhere in its environment.
            UnitId::Component(name) => {
                let mut pins = side.pins.iter();
                let pin = pins.find(|pin| pin.component == *name);
                let sites = pin.into_iter().flat_map(|pin| &pin.sites);
                let files: Vec<RepoPath> = sites.map(|site| site.file().clone()).collect();
                match files.is_empty() {
                    true => vec![entry.path.clone()],
                    false => files,
                }
            }
            UnitId::Template(name) => {
                let folder = format!("{TEMPLATES_FOLDER}/{name}");
                entry.path.join(&folder).into_iter().collect()
            }
            UnitId::File(path) => own_path(path.as_str(), entry).into_iter().collect(),
        }
    }

    /// The units of a side at another commit; `None`: the environment did not exist there,
    /// or could not be read.
    fn units_at(&self, side: &Side, commit: &CommitId) -> Result<Option<Units>, GatherError> {
        let (estate, entry) = (self.estate, &side.state.entry);
        let known = Some(&side.state.snapshot);
        let files = estate.files_without_records(entry, commit, known)?;
        if files.under(&entry.path).next().is_none() {
            return Ok(None);
        }
        let tree = side.state.product.as_ref();
        let trees: Vec<_> = tree.into_iter().collect();
        let known = Known {
            trees: &trees,
            streams: &[],
        };
        let Ok(state) = EnvironmentState::understand_like(entry.clone(), commit, files, known)
        else {
            return Ok(None);
        };
        if tree.is_some() && state.product.is_none() {
            return Ok(None);
        }
        let repository = estate.repository();
        let Ok(mut units) = Side::split(&state, tree, repository) else {
            return Ok(None);
        };
        if let (Some(own), Some(tree)) = (&state.product, tree) {
            share_units(&mut units, own, (tree, &side.units));
        }
        self.rules
            .apply_to(&mut units, &state.snapshot, &|path| own_path(path, entry));
        if state.product.is_none() {
            match pin_units(repository, &state.snapshot, entry) {
                Ok(pins) => units.extend(pins.into_iter().map(|pin| self.placed(pin))),
                Err(_) => return Ok(None),
            }
        }
        self.renames.rename(&mut units);
        Ok(Some(units))
    }
}

/// A walk along the line of one side, within the bounds.
fn line<'a>(
    side: &'a Side,
    folder: &'a RepoPath,
    paths: &'a [RepoPath],
    stops: &'a BTreeSet<CommitId>,
) -> Line<'a> {
    Line {
        from: &side.state.commit,
        folder,
        paths,
        stops,
        commits: COMMITS,
        lookups: LOOKUPS,
    }
}

/// The commits that a record names.
fn of_record(record: Option<&Record>) -> Questions {
    let Some(record) = record else {
        return Questions::default();
    };
    let from = record.from.iter().map(|(_, commit)| commit);
    let at = record.at.iter().map(|it| &it.commit);
    let others = record.others.iter().map(|it| &it.commit);
    Questions {
        target: record.onto.iter().cloned().collect(),
        source: from.chain(at).chain(others).cloned().collect(),
    }
}

impl Compared<'_> {
    /// A pin as it is compared now: at each place by itself, where the places of one side
    /// disagree.
    fn placed(&self, (unit, value): (UnitId, Value)) -> (UnitId, Value) {
        let sides = [&self.source.units, &self.target.units];
        let present = sides.into_iter().filter_map(|units| units.get(&unit));
        let places: BTreeSet<&String> = present
            .filter_map(Value::as_object)
            .flat_map(|places| places.keys())
            .filter(|place| is_place(&Path::of([place.as_str()])))
            .collect();
        let version = value.get("version").filter(|_| !places.is_empty());
        let Some(version) = version else {
            return (unit, value);
        };
        let placed = places.into_iter();
        let placed = placed.map(|place| (place.clone(), version.clone()));
        (unit, Value::Object(placed.collect()))
    }
}

/// One walk along one side.
struct Walk<'a> {
    compared: &'a Compared<'a>,
    side: &'a Side,
    asked: &'a BTreeMap<&'a UnitId, Questions>,
    is_target: bool,
    /// Commits that have states of their own.
    stops: &'a BTreeSet<CommitId>,
    /// Commits that were asked for and not met yet.
    waiting: BTreeSet<CommitId>,
    states: BTreeMap<UnitId, Vec<State>>,
    /// How many commits were read.
    read: usize,
    /// When the oldest of them was made.
    oldest: i64,
}

impl Walk<'_> {
    /// Takes one commit in; `false`: nothing more has to be known.
    fn visit(&mut self, step: &Step) -> Result<bool, GatherError> {
        let commit = &step.commit;
        self.waiting.remove(&commit.id);
        // Nothing that is watched changed since the newest one: there it is as at the tip.
        let units = match self.read {
            0 => Some(self.side.units.clone()),
            _ => self.compared.units_at(self.side, &commit.id)?,
        };
        let records = match (self.is_target, self.read) {
            (false, _) => BTreeMap::new(),
            (true, 0) => self.present_records(),
            (true, _) => self.records_at(&commit.id)?,
        };
        self.read += 1;
        self.oldest = commit.committer.seconds;
        for unit in self.asked.keys() {
            let units = units.as_ref();
            let state = State {
                commit: commit.id.clone(),
                seconds: commit.committer.seconds,
                depth: step.depth,
                is_read: units.is_some(),
                value: units
                    .and_then(|units| units.get(*unit))
                    .cloned()
                    .map(Arc::new),
                record: records.get(*unit).cloned(),
            };
            let states = self.states.entry((*unit).clone()).or_default();
            let same = |last: &State| {
                (last.is_read, &last.value, &last.record)
                    == (state.is_read, &state.value, &state.record)
            };
            // What was already so in an older commit came with that one.
            let replaced = |last: &State| same(last) && !self.stops.contains(&last.commit);
            if states.len() > 1 && states.last().is_some_and(replaced) {
                states.pop();
            }
            states.push(state);
        }
        Ok(self.read < STATES && !(self.waiting.is_empty() && self.is_answered()))
    }

    /// Whether every unit has all the states that its record's window needs, and one more.
    fn is_answered(&self) -> bool {
        let answered = |(unit, states): (&UnitId, &Vec<State>)| {
            let Some(record) = self.compared.records.get(unit) else {
                // Without a record all that both had since they parted counts.
                return self.compared.merge_base.is_some();
            };
            if !self.is_target {
                let from = record.from.as_ref();
                return from.is_some_and(|(name, _)| *name == self.side.state.entry.name);
            }
            let older = |state: &State| {
                let then = state.record.as_deref();
                let is_older = match record.serial {
                    // The first format has no serials.
                    0 => then != Some(record),
                    serial => then.map_or(0, |then| then.serial) < serial,
                };
                state.is_read && is_older
            };
            states.iter().any(older)
        };
        self.states.iter().all(answered)
    }

    fn present_records(&self) -> BTreeMap<UnitId, Arc<Record>> {
        let records = self.asked.keys().filter_map(|unit| {
            let record = self.compared.records.get(*unit)?;
            Some(((*unit).clone(), Arc::new(record.clone())))
        });
        records.collect()
    }

    /// The records of the units in question at a commit; one that can't be read is none.
    fn records_at(&self, commit: &CommitId) -> Result<BTreeMap<UnitId, Arc<Record>>, GatherError> {
        let mut paths: Vec<(UnitId, RepoPath)> = Vec::new();
        for unit in self.asked.keys() {
            // The old name first: a record under the new one counts more.
            let old = self.compared.renames.old(unit);
            let names = [old.as_ref(), Some(*unit)].into_iter().flatten();
            let records = names.filter_map(|name| self.side.record_path(name));
            paths.extend(records.map(|path| ((*unit).clone(), path)));
        }
        let roots = paths.iter().map(|(_, path)| path.clone()).collect();
        let files = match self
            .compared
            .estate
            .git
            .snapshot(commit, &Selection::under(roots, |_| true))
        {
            Ok(files) => files,
            Err(GitError::MissingObject { .. }) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error.into()),
        };
        let read = |(unit, path): (UnitId, RepoPath)| {
            let text = files.text(&path).ok()??;
            let record = Record::parse(&path, text).ok()?;
            Some((unit, Arc::new(record)))
        };
        Ok(paths.into_iter().filter_map(read).collect())
    }
}
