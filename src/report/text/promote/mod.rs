//! What a person reads of a promotion or a backport before it is written.

mod data;
mod marks;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ops::backport;
use crate::product::{Repository, shown_path};
use crate::promotion::{Author, Class, Decision, Item, Plan, Refusal, UnitId, is_place};
use crate::repo::{CommitInfo, RepoPath};
use crate::report::{Cell, Style, Table, Tone, ago, clean, count};
use crate::template::RenderedChange;

use marks::{remark, searched, with_remark};
use values::{arrow, both_sides, decided, taken};

pub use data::{backport_data, plan_data};
pub use values::values;

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
        ("held back", Decision::Refused),
        ("ahead", Decision::Leave),
        ("next time", Decision::Wait),
    ] {
        let mut table = Table::new(2);
        for item in plan.items.iter().filter(|item| item.decision == decision) {
            let cells = vec![
                Cell::new(Tone::Warning, word),
                item.shown_label().into(),
                decided(item).into(),
            ];
            table.row(with_remark(cells, remark(item, plan)));
        }
        for (path, _) in plan.edited.iter().filter(|(_, made)| *made == decision) {
            table.row([
                Cell::new(Tone::Warning, word),
                path.to_string().into(),
                "edited by hand".into(),
            ]);
        }
        text.push_str(&table.render(style));
    }
    text.push_str(&texts(plan).render(style));
    if let Some(searched) = searched(plan) {
        let _ = writeln!(text, "  {searched}");
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

/// What becomes of the text around values.
fn texts(plan: &Plan) -> Table {
    let mut table = Table::new(2);
    let source = &plan.source.0;
    for line in &plan.texts {
        let (tone, what) = match line.follows {
            true => (Tone::Plain, format!("comments and layout follow {source}")),
            false => (
                Tone::Warning,
                format!("comments and layout stay; {source} has others"),
            ),
        };
        table.row([
            Cell::new(tone, "text"),
            line.unit.to_string().into(),
            what.into(),
        ]);
    }
    table
}

fn headline(plan: &Plan, style: &Style) -> String {
    let name = plan.heading();
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
            .find(|change| matches!(unit, UnitId::Component(name) if *name == change.component))
            // Where a pin's places differ, each is listed.
            .filter(|_| !items.iter().any(|item| is_place(&item.difference.path)));
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
                match whole_unit(&items) {
                    Some("removed") => "removed".to_owned(),
                    Some("new") => format!("new, used by {}", count(users, "component")),
                    _ => format!("used by {}", count(users, "component")),
                }
            }
            (None, _) => whole_unit(&items).unwrap_or_default().to_owned(),
        };
        let of_version = items.iter().find(|item| {
            item.difference.path.is_root() || version.is_some() && values::is_version(item)
        });
        let cells = vec![Cell::from(unit.to_string()), what.into()];
        table.row(with_remark(
            cells,
            of_version.map_or_else(String::new, |item| remark(item, plan)),
        ));
        let shown: Vec<_> = items
            .iter()
            .filter(|item| !item.difference.path.is_root())
            .filter(|item| version.is_none() || !values::is_version(item))
            .collect();
        for item in shown.iter().take(LISTED) {
            let cells = vec![
                Cell::from(format!("  {}", shown_path(&item.difference.path))),
                Cell::from(taken(item)),
            ];
            table.row(with_remark(cells, remark(item, plan)));
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

/// What becomes of a unit as a whole, where all of it changes.
fn whole_unit(items: &[&Item]) -> Option<&'static str> {
    let mut items = items.iter();
    let item = items.find(|item| item.difference.path.is_root())?;
    Some(values::whole(item))
}

/// What is said where nothing is to be written.
pub fn nothing(plan: &Plan) -> String {
    let (source, target) = (&plan.source.0, &plan.target.0);
    let of = |decisions: &[Decision]| -> String {
        let items = plan.items.iter();
        let items = items.filter(|item| decisions.contains(&item.decision));
        let mut units: Vec<String> = items.map(|item| item.unit.to_string()).collect();
        units.dedup();
        units.join(", ")
    };
    let texts = plan.texts.iter().filter(|line| !line.follows);
    let texts: Vec<String> = texts.map(|line| line.unit.to_string()).collect();
    let mut others = Vec::new();
    for (what, units) in [
        ("what was taken back there", of(&[Decision::Refused])),
        ("what is kept there", of(&[Decision::Keep, Decision::Kept])),
        ("what came from elsewhere", of(&[Decision::Leave])),
        ("comments and layout", texts.join(", ")),
    ] {
        if !units.is_empty() {
            others.push(format!("{what}: {units}"));
        }
    }
    let but = match others.is_empty() {
        true => String::new(),
        false => format!(", but for {}", others.join("; ")),
    };
    format!("{target} already has everything of {source}{but}")
}

/// What is said where an adoption has nothing to record.
pub fn nothing_to_adopt(plan: &Plan) -> String {
    format!(
        "nothing to adopt: a promotion from {} to {} asks about nothing",
        plan.source.0, plan.target.0
    )
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

/// What a backport can't carry, because both sides changed it.
pub fn conflicts(plan: &backport::Plan, style: &Style) -> String {
    let (from, into) = (&plan.hotfixed.0, &plan.into.0);
    let mut text = format!("{from} and {into} both changed what was to be carried\n");
    let mut table = Table::new(2);
    for item in &plan.conflicts {
        let (ours, theirs) = values(item);
        table.row([
            Cell::new(Tone::Bad, "conflict"),
            item.shown_label().into(),
            format!("{from} {ours}, {into} {theirs}").into(),
        ]);
    }
    text.push_str(&table.render(style));
    text
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
                let lost = count(paths.len(), "rendered file");
                let _ = writeln!(text, "{lost} on {target} edited by hand would be lost");
                text.push_str(&edited_by_hand(plan, paths, style).render(style));
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
            Refusal::OffBranch { commit } => {
                let _ = writeln!(
                    text,
                    "{source} never had {}: it is not in the history of its branch",
                    commit.short()
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

/// Rendered files with who edited them.
fn edited_by_hand(plan: &Plan, paths: &[RepoPath], style: &Style) -> Table {
    let mut table = Table::new(2);
    for file in plan.stale.iter().filter(|file| paths.contains(&file.path)) {
        let by = file.changed_by.as_ref();
        let by = by.map_or_else(String::new, |commit| who(commit, style));
        table.row([file.path.to_string(), by]);
    }
    table
}

fn diverged<'a>(items: impl Iterator<Item = &'a Item>, plan: &Plan, style: &Style) -> Table {
    let mut table = Table::new(2);
    for item in items {
        let (word, tone, values) = match item.difference.class {
            Class::Hotfix => {
                let (ours, theirs) = values(item);
                ("hotfix", Tone::Warning, arrow(item, &theirs, &ours))
            }
            _ => {
                let (target, source) = (plan.target.0.as_str(), plan.source.0.as_str());
                ("conflict", Tone::Bad, both_sides(item, target, source))
            }
        };
        let mut who = match &item.changed_by {
            Some(Author::Commit(commit)) => who(commit, style),
            Some(Author::OlderThan(commit)) => {
                let time = ago(commit.committer.seconds, style.now);
                format!("older than {}, {time}", commit.id.short())
            }
            None => String::new(),
        };
        let remark = remark(item, plan);
        if !who.is_empty() && !remark.is_empty() {
            who.push_str("; ");
        }
        who.push_str(&remark);
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
        table.row([item.shown_label(), arrow(item, &theirs, &ours)]);
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
