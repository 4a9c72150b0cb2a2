//! What a person reads of a promotion or a backport before it is written.

mod data;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::ops::backport;
use crate::product::{Repository, shown_path};
use crate::promotion::{Class, UnitId};
use crate::promotion::{Decision, Item, Plan, Refusal};
use crate::repo::CommitInfo;
use crate::report::{Cell, Style, Table, Tone, ago, clean, count};
use crate::template::RenderedChange;

pub use data::{backport_data, plan_data};

/// How many key paths of one unit are listed before the rest is folded.
const LISTED: usize = 6;

/// The plan: what changes, what is kept and dropped, what stands in the way.
pub fn plan(plan: &Plan, repository: &Repository, style: &Style) -> String {
    let mut text = headline(plan, style);
    text.push('\n');
    text.push_str(&changes(plan).render(style));
    let rendered = rendered(&plan.rendered, repository);
    if !rendered.is_empty() {
        let _ = writeln!(text, "  rendered  {rendered}");
    }
    let recorded = plan.only_recorded();
    if !recorded.is_empty() {
        let _ = writeln!(
            text,
            "  already there: {}; the record of it follows",
            recorded.join(", ")
        );
    }
    for (word, decision) in [
        ("kept", Decision::Keep),
        ("kept earlier", Decision::Kept),
        ("dropped", Decision::Overwrite),
        ("rolled back", Decision::Refused),
    ] {
        let mut table = Table::new(2);
        for item in plan.items.iter().filter(|item| item.decision == decision) {
            table.row([
                Cell::new(Tone::Warning, word),
                item.shown_label().into(),
                two_sides(item).into(),
            ]);
        }
        text.push_str(&table.render(style));
    }
    for warning in &plan.warnings {
        let _ = writeln!(
            text,
            "  {} {}",
            style.paint(Tone::Warning, "warning:"),
            clean(warning)
        );
    }
    let stale = plan.stale.iter().filter(|file| !file.edited).count();
    if stale > 0 {
        let _ = writeln!(
            text,
            "  {} on {} not rendered from what is there now; rendered again",
            count(stale, "file"),
            plan.target.0
        );
    }
    text
}

fn headline(plan: &Plan, style: &Style) -> String {
    let name = plan.noun();
    let versions = match &plan.version {
        (Some(from), Some(to)) if from != to => format!(" {from} → {to}"),
        (_, Some(version)) => format!(" {version}"),
        _ => String::new(),
    };
    format!(
        "{}   {} {} → {} {}\n",
        style.paint(Tone::Strong, &format!("{name}{versions}")),
        plan.source.0,
        plan.source.1.short(),
        plan.target.0,
        plan.target.1.short()
    )
}

fn changes(plan: &Plan) -> Table {
    let mut table = Table::new(2);
    let mut units: BTreeMap<&UnitId, Vec<&Item>> = BTreeMap::new();
    for item in plan
        .items
        .iter()
        .filter(|item| item.decision == Decision::Take)
    {
        units.entry(&item.unit).or_default().push(item);
    }
    for (unit, items) in units {
        let version = plan
            .versions
            .iter()
            .find(|change| matches!(unit, UnitId::Component(name) if *name == change.component));
        let what = match (version.map(|change| (&change.from, &change.to)), unit) {
            (Some((Some(from), Some(to))), _) => format!("{from} → {to}"),
            (Some((None, Some(to))), _) => format!("{to} (new)"),
            (Some((_, None)), _) => "removed".to_owned(),
            (None, UnitId::Template(name)) => {
                let users = plan
                    .templates
                    .iter()
                    .find(|(template, _)| template == name.as_str())
                    .map_or(0, |(_, users)| *users);
                format!("used by {}", count(users, "component"))
            }
            (None, _) => whole(&items).unwrap_or_default(),
        };
        table.row([Cell::from(unit.to_string()), what.into()]);
        let shown: Vec<_> = items
            .iter()
            .filter(|item| !item.difference.path.is_root())
            .filter(|item| {
                version.is_none()
                    || !matches!(
                        item.difference.path.to_string().as_str(),
                        "image" | "version"
                    )
            })
            .collect();
        for item in shown.iter().take(LISTED) {
            table.row([
                Cell::from(format!("  {}", shown_path(&item.difference.path))),
                Cell::from(change_text(item)),
            ]);
        }
        if shown.len() > LISTED {
            table.row([Cell::new(
                Tone::Faint,
                format!("  {} more", shown.len() - LISTED),
            )]);
        }
    }
    table
}

fn whole(items: &[&Item]) -> Option<String> {
    let item = items.iter().find(|item| item.difference.path.is_root())?;
    Some(match (&item.difference.ours, &item.difference.theirs) {
        (None, Some(_)) => "new".to_owned(),
        (Some(_), None) => "removed".to_owned(),
        _ => "changed".to_owned(),
    })
}

/// Whether its values say nothing to a person: ids of files, and whole files.
fn is_opaque(item: &Item) -> bool {
    match item.unit {
        UnitId::Template(_) => true,
        UnitId::File(_) => item.difference.path.is_root(),
        UnitId::Product | UnitId::Component(_) => false,
    }
}

fn change_text(item: &Item) -> String {
    let difference = &item.difference;
    if is_opaque(item) {
        return whole(&[item]).unwrap_or_else(|| match (&difference.ours, &difference.theirs) {
            (None, _) => "new".to_owned(),
            (_, None) => "removed".to_owned(),
            _ => "changed".to_owned(),
        });
    }
    match (&difference.ours, &difference.theirs) {
        (None, Some(new)) => format!("+ {}", short(item, new)),
        (Some(old), None) => format!("- {}", short(item, old)),
        (Some(old), Some(new)) => {
            let (old, new) = (short(item, old), short(item, new));
            let differ = differ(item, &old, &new);
            format!("{old} → {new}{differ}")
        }
        (None, None) => String::new(),
    }
}

/// What is said of values that look alike because they are hidden.
fn differ(item: &Item, one: &str, other: &str) -> &'static str {
    match one == other && item.hides() {
        true => " (the values differ)",
        false => "",
    }
}

/// A value for one line: image references by tag, long ones cut.
fn short(item: &Item, value: &Value) -> String {
    let text = match item.shown(value) {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let text = clean(&text).into_owned();
    match text.char_indices().nth(48) {
        Some((index, _)) => format!("{}…", &text[..index]),
        None => text,
    }
}

/// A diverged value: an image by its tag only.
fn brief(item: &Item, value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "absent".to_owned();
    };
    if is_opaque(item) {
        return "changed".to_owned();
    }
    let tag = (item.difference.path.to_string() == "image")
        .then(|| {
            value
                .as_str()?
                .parse::<crate::image::Reference>()
                .ok()?
                .tag()
                .map(ToString::to_string)
        })
        .flatten();
    tag.unwrap_or_else(|| short(item, value))
}

/// What is said where nothing is to be written.
pub fn nothing(plan: &Plan) -> String {
    let (source, target) = (&plan.source.0, &plan.target.0);
    let items = plan.items.iter();
    let mut away: Vec<String> = items
        .filter(|item| item.decision == Decision::Refused)
        .map(|item| item.unit.to_string())
        .collect();
    away.dedup();
    if away.is_empty() {
        return format!("{target} already has everything of {source}");
    }
    format!(
        "{target} has everything of {source} but what was rolled back there: {}",
        away.join(", ")
    )
}

/// The target's and the source's value of a difference, each in a few words.
pub fn values(item: &Item) -> (String, String) {
    let difference = &item.difference;
    (
        brief(item, difference.ours.as_ref()),
        brief(item, difference.theirs.as_ref()),
    )
}

fn two_sides(item: &Item) -> String {
    let (ours, theirs) = values(item);
    match item.decision {
        Decision::Overwrite => {
            let differ = differ(item, &ours, &theirs);
            format!("{ours} → {theirs}{differ}")
        }
        _ if item.difference.theirs.is_none() => "stays; the source does not have it".to_owned(),
        _ => {
            let differ = differ(item, &ours, &theirs);
            format!("stays {ours}, the source has {theirs}{differ}")
        }
    }
}

/// `10 files: app 9, network 1 (@acme/network)`.
pub fn rendered(changes: &[RenderedChange], repository: &Repository) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut layers: BTreeMap<String, usize> = BTreeMap::new();
    for change in changes {
        let layer = change
            .layer
            .as_ref()
            .map_or_else(|| "files".to_owned(), ToString::to_string);
        *layers.entry(layer).or_default() += 1;
    }
    let parts: Vec<String> = layers
        .into_iter()
        .map(|(layer, number)| {
            let owners = repository
                .layers
                .iter()
                .find(|known| known.name.as_str() == layer)
                .map(|known| known.owners.join(", "))
                .filter(|owners| !owners.is_empty());
            owners.map_or_else(
                || format!("{layer} {number}"),
                |owners| format!("{layer} {number} ({owners})"),
            )
        })
        .collect();
    format!("{}: {}", count(changes.len(), "file"), parts.join(", "))
}

/// What stands in the way, one line each, without the advice.
pub fn refusals(plan: &Plan, style: &Style) -> String {
    let mut text = String::new();
    let (source, target) = (&plan.source.0, &plan.target.0);
    for refusal in &plan.refusals {
        match refusal {
            Refusal::Diverged { .. } => {
                let _ = writeln!(text, "{target} has changes that {source} lacks");
                text.push_str(&diverged(plan.undecided(), plan, style).render(style));
            }
            Refusal::RenderedHotfix { paths } => {
                let _ = writeln!(
                    text,
                    "{} on {target} edited by hand would be lost",
                    count(paths.len(), "rendered file")
                );
                let mut table = Table::new(2);
                for file in plan.stale.iter().filter(|file| paths.contains(&file.path)) {
                    table.row([
                        file.path.to_string(),
                        file.changed_by
                            .as_ref()
                            .map_or_else(String::new, |commit| who(commit, style)),
                    ]);
                }
                text.push_str(&table.render(style));
            }
            Refusal::Incomplete {
                missing,
                also_changes,
            } => {
                let _ = writeln!(
                    text,
                    "the chosen components would not come out as in {source} without {}",
                    missing.join(", ")
                );
                if !also_changes.is_empty() {
                    let names: Vec<String> = also_changes.iter().map(ToString::to_string).collect();
                    let _ = writeln!(
                        text,
                        "  taking that along also changes {}",
                        names.join(", ")
                    );
                }
            }
            Refusal::Order { expected } => {
                let expected = expected
                    .as_ref()
                    .map_or_else(|| "nothing".to_owned(), ToString::to_string);
                let _ = writeln!(
                    text,
                    "{target} is promoted from {expected}, not from {source}"
                );
            }
            Refusal::Validation { errors } => {
                let _ = writeln!(
                    text,
                    "the result has {} that {target} does not have now",
                    count(errors.len(), "error")
                );
                for error in errors {
                    let _ = writeln!(text, "  {}", clean(error));
                }
            }
            Refusal::MissingImages { images } => {
                let _ = writeln!(
                    text,
                    "{} would not be found by {target}",
                    count(images.len(), "image")
                );
                let mut table = Table::new(2);
                for (component, image) in images {
                    table.row([component.to_string(), image.to_string()]);
                }
                text.push_str(&table.render(style));
            }
        }
    }
    text.trim_end().to_owned()
}

fn diverged<'a>(items: impl Iterator<Item = &'a Item>, plan: &Plan, style: &Style) -> Table {
    let mut table = Table::new(2);
    for item in items {
        let difference = &item.difference;
        let (ours, theirs) = (
            brief(item, difference.ours.as_ref()),
            brief(item, difference.theirs.as_ref()),
        );
        let differ = differ(item, &ours, &theirs);
        let (word, tone, values) = match difference.class {
            Class::Hotfix => (
                "hotfix",
                Tone::Warning,
                format!("{theirs} → {ours}{differ}"),
            ),
            _ => (
                "conflict",
                Tone::Bad,
                format!(
                    "{} {ours}, {} {theirs}{differ}",
                    plan.target.0, plan.source.0
                ),
            ),
        };
        let who = item
            .changed_by
            .as_ref()
            .map_or_else(String::new, |commit| who(commit, style));
        table.row([
            Cell::new(tone, word),
            item.shown_label().into(),
            values.into(),
            who.into(),
        ]);
    }
    table
}

fn who(commit: &CommitInfo, style: &Style) -> String {
    format!(
        "{}, {}, {}: {}",
        commit.id.short(),
        ago(commit.author.seconds, style.now),
        commit.author.email,
        commit.message.subject
    )
}

/// The plan of a backport.
pub fn backport(plan: &backport::Plan, repository: &Repository, style: &Style) -> String {
    let mut text = format!(
        "{}   {} {} → {} {}\n\n",
        style.paint(
            Tone::Strong,
            &count(plan.items.len(), "hotfix").replace("hotfixs", "hotfixes")
        ),
        plan.hotfixed.0,
        plan.hotfixed.1.short(),
        plan.into.0,
        plan.into.1.short()
    );
    let mut table = Table::new(2);
    for item in &plan.items {
        let (ours, theirs) = values(item);
        let differ = differ(item, &ours, &theirs);
        table.row([item.shown_label(), format!("{theirs} → {ours}{differ}")]);
    }
    text.push_str(&table.render(style));
    let rendered = rendered(&plan.rendered, repository);
    if !rendered.is_empty() {
        let _ = writeln!(text, "  rendered  {rendered}");
    }
    for item in &plan.left {
        let why = match item.difference.class {
            Class::Conflict => "left: both sides changed it",
            _ => "left: kept on purpose, or not chosen",
        };
        let _ = writeln!(text, "  {}  {why}", item.shown_label());
    }
    text
}
