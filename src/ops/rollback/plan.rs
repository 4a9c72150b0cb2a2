//! The plan: which files become what they were. Pure.
//!
//! With a product on both sides it goes unit by unit; files that this tool
//! renders come back verbatim when the environment's own file is the same, and
//! are rendered anew otherwise. Without one, the environment's files become
//! what they were, path by path.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Plan, Request, RollbackError};
use crate::config::CONFIG_FILE;
use crate::product::{CommitAction, ENVIRONMENT_FILE, ProductTree};
use crate::promotion::gate::Overrides;
use crate::promotion::{
    self, Approved, Base, Class, Decision, Item, Marks, PlanError, Record, RefusedContent,
    RolledBack, Scope, Side, Tip, Unit, UnitId, UnitSelector, compare, content_digest, judge,
    sentence, templates, version, versions,
};
use crate::repo::{CommitId, Edit, Entry, EntryKind, RepoPath};
use crate::template::{FILES_FOLDER, Rendering};
use crate::template::{KnownRendering, RenderedChange, rerender};

/// Makes the plan for `request` from `facts`.
pub fn plan(request: &Request, facts: &Facts) -> Result<Plan, RollbackError> {
    match facts.products() {
        Some(_) => by_unit(request, facts),
        None if request.only.is_empty() => Ok(by_path(request, facts)),
        None if !all_units(facts).is_empty() && facts.broken.is_none() => by_unit(request, facts),
        None => Err(RollbackError::NoUnits {
            environment: facts.change.target.state.entry.name.clone(),
        }),
    }
}

fn by_unit(request: &Request, facts: &Facts) -> Result<Plan, RollbackError> {
    let change = &facts.change;
    let chosen = chosen(request, facts)?;
    let items = items(facts, chosen.as_ref());
    let own = environment_file(request, facts);
    if items.is_empty() && own.is_none() {
        return Ok(finish(request, facts, items, Outcome::default()));
    }
    let scope = chosen.as_ref().map_or(Scope::Everything, Scope::Units);
    let mut edits = promotion::edits(change, &items, scope, &BTreeSet::new())?;
    edits.extend(own);
    let mut outcome = rendered(facts, &edits, chosen.is_none())?;
    let (records, refused) = records(request, facts, chosen.as_ref());
    outcome.later = later(facts, &items, &outcome.rendered);
    outcome.refused = refused;
    outcome.edits.extend(edits);
    outcome.edits.extend(records);
    Ok(finish(request, facts, items, outcome))
}

/// What the plan is put together from.
#[derive(Default)]
struct Outcome {
    edits: BTreeMap<RepoPath, Edit>,
    changes: Vec<RenderedChange>,
    /// The edits of rendered files alone.
    rendered: BTreeMap<RepoPath, Edit>,
    product: Option<ProductTree>,
    rendering: Rendering,
    known: Option<KnownRendering>,
    proof: Option<String>,
    warnings: Vec<String>,
    refused: Vec<UnitId>,
    later: Vec<String>,
}

fn finish(request: &Request, facts: &Facts, items: Vec<Item>, mut outcome: Outcome) -> Plan {
    let change = &facts.change;
    let left_out = sentence(&change.left_out, "rolled back");
    outcome.warnings.extend(left_out);
    let (then, now) = (&change.source.state, &change.target.state);
    let digest = Approved {
        action: CommitAction::Rollback,
        facts: change,
        request: approved(request, &then.commit),
        overrides: &Overrides::default(),
        items: &items,
        texts: &[],
        sources: &outcome.edits,
        rendered: &outcome.rendered,
    }
    .digest();
    let product = then.product.as_ref().or(now.product.as_ref());
    Plan {
        restored: facts.restored.clone(),
        undone: facts.undone.clone(),
        refused: outcome.refused,
        later: outcome.later,
        change: promotion::Plan {
            product: product.map(|tree| tree.product.name.to_string()),
            version: (
                version(now.product.as_ref()),
                version(then.product.as_ref()),
            ),
            source: (then.entry.name.clone(), then.commit.clone()),
            target: (now.entry.name.clone(), now.commit.clone()),
            versions: match &outcome.product {
                Some(product) => versions(change, &items, Some(product)),
                None => Vec::new(),
            },
            templates: templates(&items, outcome.product.as_ref()),
            items,
            rendered: outcome.changes,
            rendering: outcome.rendering,
            known: outcome.known,
            proof: outcome.proof,
            images: Vec::new(),
            stale: Vec::new(),
            texts: Vec::new(),
            edited: Vec::new(),
            warnings: outcome.warnings,
            refusals: Vec::new(),
            edits: outcome.edits,
            digest,
        },
    }
}

/// What of a request decides about the plan, as flags and values.
fn approved(request: &Request, restored: &CommitId) -> Vec<(&'static str, String)> {
    let only = request.only.iter().map(|unit| ("only", unit.clone()));
    let mut fields: Vec<(&'static str, String)> = only.collect();
    fields.push(("to", restored.to_string()));
    fields.extend(
        request
            .environment_file
            .then(|| ("environment", "yes".to_owned())),
    );
    fields.extend(request.reason.clone().map(|reason| ("reason", reason)));
    fields
}

/// The units named by `--only`; `None`: all of them.
fn chosen(request: &Request, facts: &Facts) -> Result<Option<BTreeSet<UnitId>>, PlanError> {
    if request.only.is_empty() {
        return Ok(None);
    }
    let known = all_units(facts);
    let find = |word: &String| UnitSelector::new(word).find("--only", known.iter().copied());
    let chosen: Result<BTreeSet<UnitId>, _> = request.only.iter().map(find).collect();
    Ok(Some(chosen?))
}

fn all_units(facts: &Facts) -> BTreeSet<&UnitId> {
    let (then, now) = (&facts.change.source, &facts.change.target);
    then.units.keys().chain(now.units.keys()).collect()
}

/// Every difference between the two states, each of them taken back.
fn items(facts: &Facts, chosen: Option<&BTreeSet<UnitId>>) -> Vec<Item> {
    let (then, now) = (&facts.change.source, &facts.change.target);
    let mut items = Vec::new();
    for unit in all_units(facts) {
        if chosen.is_some_and(|chosen| !chosen.contains(unit)) {
            continue;
        }
        let differences = compare(Base::Unknown, now.units.get(unit), then.units.get(unit));
        items.extend(
            differences
                .into_iter()
                .filter(|difference| difference.class != Class::AlreadyThere)
                .map(|difference| Item {
                    marks: Marks::default(),
                    unit: unit.clone(),
                    secrecy: promotion::secrecy_of(&facts.change, unit, &difference),
                    difference,
                    decision: Decision::Take,
                    changed_by: None,
                }),
        );
    }
    items
}

/// The environment's own file as it was, when that is asked for.
fn environment_file(request: &Request, facts: &Facts) -> Option<(RepoPath, Edit)> {
    let path = facts.change.target.path(ENVIRONMENT_FILE)?;
    let (then, now) = own_files(facts, &path);
    if !request.environment_file || same(then, now) {
        return None;
    }
    Some((path, restored(then)))
}

fn own_files<'a>(facts: &'a Facts, path: &RepoPath) -> (Option<&'a Entry>, Option<&'a Entry>) {
    let (then, now) = (&facts.change.source.state, &facts.change.target.state);
    (then.snapshot.entry(path), now.snapshot.entry(path))
}

fn same(one: Option<&Entry>, other: Option<&Entry>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.id == other.id && one.kind == other.kind,
        (None, None) => true,
        _ => false,
    }
}

fn restored(then: Option<&Entry>) -> Edit {
    match then {
        Some(entry) => Edit::Reuse {
            id: entry.id.clone(),
            kind: entry.kind,
        },
        None => Edit::Delete,
    }
}

/// The rendered files that follow from the restored sources.
fn rendered(
    facts: &Facts,
    edits: &BTreeMap<RepoPath, Edit>,
    whole: bool,
) -> Result<Outcome, PlanError> {
    let change = &facts.change;
    let now = &change.target.state;
    let verbatim = whole
        && change.target.path(ENVIRONMENT_FILE).is_some_and(|path| {
            edits.contains_key(&path) || {
                let (then, now) = own_files(facts, &path);
                same(then, now)
            }
        });
    let again = rerender(
        &change.repository,
        now,
        change.rendering.as_ref(),
        edits,
        Some(&change.source.state),
    );
    let mut outcome = Outcome::default();
    match again {
        Ok(again) => {
            outcome.rendered = again.edits;
            outcome.changes = again.changes;
            outcome.product = again.product;
            outcome.rendering = again.rendering;
            outcome.known = again.known;
            outcome.proof = again.proof.filter(|_| !verbatim);
        }
        Err(error) if verbatim => outcome.warnings.push(format!(
            "the restored state can't be rendered today, so its files come back as they were: {error}"
        )),
        Err(error) => return Err(PlanError::Result(error)),
    }
    if verbatim {
        let known = facts
            .rendering
            .iter()
            .flat_map(|rendering| rendering.files.keys());
        let mut paths: BTreeSet<RepoPath> = known.chain(outcome.rendered.keys()).cloned().collect();
        if !outcome.warnings.is_empty() {
            paths.extend(committed(facts));
        }
        for path in paths {
            let (then, now) = own_files(facts, &path);
            if then.is_none() {
                continue;
            }
            if same(then, now) {
                outcome.rendered.remove(&path);
                outcome.changes.retain(|change| change.path != path);
            } else {
                outcome.rendered.insert(path, restored(then));
            }
        }
    }
    outcome.edits = outcome.rendered.clone();
    Ok(outcome)
}

/// Whether rendered files are committed below this path.
fn is_rendered(facts: &Facts, path: &RepoPath) -> bool {
    let at = &facts.change.target.state.entry.path;
    let files = FILES_FOLDER.parse().unwrap_or_default();
    let folders = facts.change.repository.rendered.iter().chain([&files]);
    path.strip_prefix(at)
        .is_some_and(|path| folders.into_iter().any(|folder| path.starts_with(folder)))
}

/// The files of the older state in the folders of rendered files.
fn committed(facts: &Facts) -> Vec<RepoPath> {
    let then = &facts.change.source.state;
    then.snapshot
        .under(&then.entry.path)
        .map(|(path, _)| path)
        .filter(|path| is_rendered(facts, path))
        .cloned()
        .collect()
}

/// The records as they were, and in them what was rolled back just now.
fn records(
    request: &Request,
    facts: &Facts,
    chosen: Option<&BTreeSet<UnitId>>,
) -> (BTreeMap<RepoPath, Edit>, Vec<UnitId>) {
    let (then, now) = (&facts.change.source, &facts.change.target);
    let mut edits = BTreeMap::new();
    let mut refused = Vec::new();
    let mut units = all_units(facts);
    units.extend(facts.records.keys());
    units.extend(facts.change.records.keys());
    for unit in units {
        if chosen.is_some_and(|chosen| !chosen.contains(unit)) {
            continue;
        }
        if let Some(record) = rolled_back(request, facts, unit) {
            refused.extend(record.is_some().then(|| unit.clone()));
            if let Some((record, path)) = record.zip(now.record_path(unit)) {
                edits.insert(path, Edit::write(record.to_text()));
            }
            continue;
        }
        let old = facts.change.records.get(unit);
        let (was, is) = (then.units.get(unit), now.units.get(unit));
        let changes = was != is;
        let mut record = match (facts.records.get(unit), changes) {
            (Some(record), _) => record.clone(),
            (None, false) => continue,
            // Nothing was promoted then. What is restored becomes the base, so
            // that the next promotion sees the source's changes and no hotfix.
            (None, true) => Record {
                content: was.cloned(),
                ..Record::default()
            },
        };
        for one in old.iter().flat_map(|old| &old.refused_contents) {
            remember(&mut record, one.clone());
        }
        if let (true, Some(content)) = (changes, is) {
            let one = RefusedContent {
                digest: content_digest(content),
                reason: request.reason.clone(),
            };
            remember(&mut record, one);
            refused.push(unit.clone());
        }
        let Some(path) = now.record_path(unit) else {
            continue;
        };
        if old != Some(&record) {
            edits.insert(path, Edit::write(record.to_text()));
        }
    }
    (edits, refused)
}

/// The record of a unit that goes back, by its past; `Some(None)`: nothing of it goes.
/// `None`: its past is not known.
fn rolled_back(request: &Request, facts: &Facts, unit: &UnitId) -> Option<Option<Record>> {
    let against = facts.against.as_ref()?;
    let pasts = against.pasts.get(unit)?;
    let states = &pasts.target.states;
    let restored = &facts.restored.id;
    let restored = states.iter().position(|state| state.commit == *restored)?;
    let present = Unit {
        source: &against.source.state.entry.name,
        record: against.records.get(unit),
        ours: against.target.units.get(unit),
        theirs: against.source.units.get(unit),
        pasts,
    };
    let lines = judge(&present);
    let rolled_back = RolledBack {
        unit: present,
        tip: Tip {
            commit: &against.source.state.commit,
            theirs: present.theirs,
            lines: &lines,
        },
        restored,
        onto: &against.target.state.commit,
        reason: request.reason.as_deref(),
    };
    let mut record = rolled_back.record();
    if let Some(record) = &mut record {
        record.unit = Some(unit.kind_and_name());
    }
    Some(record)
}

fn remember(record: &mut Record, one: RefusedContent) {
    let known = &mut record.refused_contents;
    known.retain(|known| known.digest != one.digest);
    known.push(one);
}

/// What changed after the promotion that is undone, and would go with it.
fn later(facts: &Facts, items: &[Item], rendered: &BTreeMap<RepoPath, Edit>) -> Vec<String> {
    let Some(promoted) = &facts.promoted else {
        return Vec::new();
    };
    let now = &facts.change.target;
    let units: BTreeSet<&UnitId> = items
        .iter()
        .map(|item| &item.unit)
        .filter(|unit| promoted.units.get(unit) != now.units.get(unit))
        .collect();
    let mut later: Vec<String> = units.iter().map(ToString::to_string).collect();
    if later.is_empty() {
        let touched = |side: &Side, path: &RepoPath| side.state.snapshot.entry(path).cloned();
        later.extend(
            rendered
                .keys()
                .filter(|path| {
                    !same(
                        touched(promoted, path).as_ref(),
                        touched(now, path).as_ref(),
                    )
                })
                .map(ToString::to_string),
        );
    }
    later
}

/// Every file of the environment as it was.
fn by_path(request: &Request, facts: &Facts) -> Plan {
    let now = &facts.change.target.state;
    let then = &facts.change.source.state;
    let at = &now.entry.path;
    let own = at.join(ENVIRONMENT_FILE).unwrap_or_default();
    let pattern = now
        .entry
        .files_pattern()
        .and_then(|pattern| crate::product::FilePattern::parse(&pattern).ok());
    let paths: BTreeSet<&RepoPath> = then
        .snapshot
        .under(at)
        .chain(now.snapshot.under(at))
        .map(|(path, _)| path)
        .collect();
    let records = now.entry.records();
    let mut outcome = Outcome::default();
    for path in paths {
        let (was, is) = own_files(facts, path);
        let mine = pattern
            .as_ref()
            .is_none_or(|pattern| pattern.matches(at, path) || path.starts_with(&records));
        // Who wrote a file that was not there is not known; it may be foreign.
        let foreign = was.is_none() && facts.broken.is_some() && is_rendered(facts, path);
        let stays = (*path == own && !request.environment_file) || path.as_str() == CONFIG_FILE;
        if same(was, is) || !mine || foreign || stays {
            continue;
        }
        let is_link = |entry: Option<&Entry>| {
            entry.is_some_and(|e| matches!(e.kind, EntryKind::Symlink | EntryKind::Submodule))
        };
        if is_link(was) || is_link(is) {
            outcome
                .warnings
                .push(format!("{path} is a link or submodule and stays as it is"));
            continue;
        }
        outcome.rendered.insert(path.clone(), restored(was));
    }
    if let Some(problem) = &facts.broken {
        outcome
            .warnings
            .push(format!("the present state is no valid product: {problem}"));
    }
    if facts.promoted.is_some() {
        outcome.later = later(facts, &[], &outcome.rendered);
        outcome.later.retain(|path| {
            !path
                .parse::<RepoPath>()
                .is_ok_and(|path| path.starts_with(&records))
        });
    }
    outcome.edits = outcome.rendered.clone();
    if facts.broken.is_none() {
        let (records, refused) = self::records(request, facts, None);
        outcome.edits.extend(records);
        outcome.refused = refused;
    }
    finish(request, facts, Vec::new(), outcome)
}
