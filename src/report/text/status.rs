//! `status` for people: components against environments, what is the same
//! everywhere folded away, then each environment in a line, then what is next.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::ops::status::{
    Action, Comparison, ComponentStatus, ComponentVersion, EnvironmentStatus, LastPromotion,
    Standing, StatusReport, UnitStatus,
};
use crate::report::{Cell, Style, Table, Tone, ago, clean_lines, count, lapse};

/// Units that are named before the rest is only counted.
const MOST_NAMES: usize = 6;

/// The text of a status; `all`: with the components that are the same everywhere, `spell`:
/// how the person types a command of this tool.
pub fn status(
    report: &StatusReport,
    all: bool,
    style: &Style,
    spell: &dyn Fn(&str) -> String,
) -> String {
    let mut text = matrix(report, all, style);
    let lines = environments(report, style);
    if !text.is_empty() && !lines.is_empty() {
        text.push('\n');
    }
    text.push_str(&lines);
    if let Some(next) = &report.next {
        let action = match next.action {
            Action::Promote => "promote",
            Action::Backport => "backport",
        };
        let _ = writeln!(
            text,
            "next:  {}",
            spell(&format!("kubectl gitops {action} {}", next.environment))
        );
    }
    text
}

fn matrix(report: &StatusReport, all: bool, style: &Style) -> String {
    let readable: Vec<&EnvironmentStatus> = report
        .environments
        .iter()
        .filter(|it| it.problem.is_none())
        .collect();
    if report.components.is_empty() || readable.is_empty() {
        return String::new();
    }
    let mut table = Table::new(0);
    let title = report.product.as_deref().unwrap_or("component");
    let mut head = vec![Cell::new(Tone::Strong, title)];
    head.extend(readable.iter().map(|it| Cell::new(Tone::Strong, &it.name)));
    table.row(head);
    if readable.iter().any(|it| it.version.is_some()) {
        let mut versions = vec![Cell::from("version")];
        versions.extend(
            readable
                .iter()
                .map(|it| Cell::from(it.version.as_deref().unwrap_or("-"))),
        );
        table.row(versions);
    }
    let mut folded = 0;
    for component in &report.components {
        // With one environment there is nothing to compare.
        if component.same && !all && readable.len() > 1 {
            folded += 1;
            continue;
        }
        table.row(row(component, &readable));
    }
    let mut text = table.render(style);
    if folded > 0 {
        let everything = folded == report.components.len();
        let line = if everything {
            format!("{}, same everywhere", count(folded, "component"))
        } else {
            format!("{folded} more, same everywhere")
        };
        text.push_str(&style.paint(Tone::Faint, &line));
        text.push('\n');
    }
    text
}

/// A component's versions, and behind them what deserves a look; with the
/// environment's name where it is not plain which one is meant.
fn row(component: &ComponentStatus, shown: &[&EnvironmentStatus]) -> Vec<Cell> {
    let mut cells = vec![Cell::from(component.name.as_str())];
    let mut remarks: Vec<String> = Vec::new();
    let mut worst = None;
    for version in &component.environments {
        cells.push(Cell::from(label(version)));
        let Some(word) = remark(component, version, shown) else {
            continue;
        };
        remarks.push(match shown.len() > 2 {
            true => format!("{word} in {}", version.environment),
            false => word.to_owned(),
        });
        worst = worst.max(version.standing);
    }
    if !remarks.is_empty() {
        cells.push(Cell::new(tone(worst), remarks.join(", ")));
    }
    cells
}

fn label(version: &ComponentVersion) -> &str {
    match (version.exists, version.version.as_deref()) {
        (false, _) => "-",
        (true, None) => "present",
        (true, Some(version)) => short(version),
    }
}

/// What to say of a component in one environment beside its version: that only its values
/// differ from those in the environment that it is promoted from, or what was decided.
fn remark(
    component: &ComponentStatus,
    version: &ComponentVersion,
    shown: &[&EnvironmentStatus],
) -> Option<&'static str> {
    let standing = version.standing?;
    if !matches!(standing, Standing::Behind | Standing::Differs) {
        return Some(standing.word());
    }
    let own = shown.iter().find(|it| it.name == version.environment)?;
    let source = own.promote_from.as_ref()?;
    let mut others = component.environments.iter();
    let there = others.find(|it| it.environment == *source)?;
    (label(there) == label(version)).then_some("other values")
}

/// A digest is shortened: only its beginning is for people.
fn short(version: &str) -> &str {
    if version.contains(':') {
        crate::report::short_digest(version)
    } else {
        version
    }
}

fn tone(standing: Option<Standing>) -> Tone {
    match standing {
        Some(Standing::Conflict) => Tone::Bad,
        Some(Standing::Hotfix | Standing::HeldBack) => Tone::Warning,
        Some(Standing::Kept | Standing::Behind | Standing::Differs) | None => Tone::Plain,
    }
}

fn environments(report: &StatusReport, style: &Style) -> String {
    let mut table = Table::new(0);
    for environment in &report.environments {
        let remark = match (&environment.problem, &environment.promote_from) {
            (Some(problem), _) => {
                let first = clean_lines(problem);
                let first = first.lines().next().unwrap_or_default();
                Cell::new(Tone::Bad, format!("cannot be read: {first}"))
            }
            (None, Some(source)) => Cell::from(standing_line(report, environment, source, style)),
            (None, None) => continue,
        };
        table.row([Cell::new(Tone::Strong, &environment.name), remark]);
    }
    table.render(style)
}

fn standing_line(
    report: &StatusReport,
    environment: &EnvironmentStatus,
    source: &str,
    style: &Style,
) -> String {
    let mut parts = Vec::new();
    // Nothing is promoted here, or not yet: versions can be compared all the same.
    if environment.comparison.is_none() {
        let differing = differing(report, &environment.name, source);
        if differing > 0 {
            let amount = count(differing, "component");
            parts.push(format!("{amount} not as in {source}"));
        }
    }
    if let Some(comparison) = &environment.comparison {
        parts.push(distance(comparison, source, style));
        let changed = format!("changed in {}", environment.name);
        for (word, units) in [
            (changed.as_str(), &comparison.changed_here),
            ("held back", &comparison.held_back),
            ("kept", &comparison.kept),
        ] {
            if !units.is_empty() {
                parts.push(format!("{word}: {}", names(units)));
            }
        }
        match comparison.edited_files.len() {
            0 => {}
            files => parts.push(format!("{} edited by hand", count(files, "rendered file"))),
        }
    }
    let left_out = environment.comparison.iter().flat_map(|it| &it.left_out);
    match left_out.count() {
        0 => {}
        files => parts.push(format!("{} cannot be promoted", count(files, "file"))),
    }
    parts.push(promoted(environment.last_promotion.as_ref(), style));
    parts.join("; ")
}

/// How far an environment is behind its source.
fn distance(comparison: &Comparison, source: &str, style: &Style) -> String {
    if comparison.behind.is_empty() && !comparison.differs.is_empty() {
        return format!("{} not as in {source}", amount(&comparison.differs));
    }
    if comparison.behind.is_empty() {
        let own = [
            &comparison.changed_here,
            &comparison.held_back,
            &comparison.kept,
        ];
        let differs = own.iter().any(|units| !units.is_empty());
        let word = match differs || !comparison.edited_files.is_empty() {
            true => "not behind",
            false => "level with",
        };
        return format!("{word} {source}");
    }
    let since = comparison.behind_since.map(|since| {
        let seconds = style.now.saturating_sub(since).unsigned_abs();
        format!(" for {}", lapse(seconds))
    });
    let since = since.unwrap_or_default();
    format!("{} behind {source}{since}", amount(&comparison.behind))
}

fn promoted(last: Option<&LastPromotion>, style: &Style) -> String {
    match last.map(|promotion| promotion.time) {
        Some(Some(time)) => format!("last promotion {}", ago(time, style.now)),
        Some(None) => "last promotion older than the history in this clone".to_owned(),
        None => "never promoted".to_owned(),
    }
}

/// How many components have another version in one environment than in the other.
fn differing(report: &StatusReport, one: &str, other: &str) -> usize {
    let version = |component: &ComponentStatus, environment: &str| {
        let at = component
            .environments
            .iter()
            .find(|it| it.environment == environment)?;
        Some((at.exists, at.version.clone()))
    };
    report
        .components
        .iter()
        .filter(|component| {
            let (one, other) = (version(component, one), version(component, other));
            one.is_some() && other.is_some() && one != other
        })
        .count()
}

/// `2 components, 1 template`
fn amount(units: &[UnitStatus]) -> String {
    let mut numbers: BTreeMap<Kind, usize> = BTreeMap::new();
    for unit in units {
        *numbers.entry(Kind::of(unit)).or_default() += 1;
    }
    if numbers.len() > 1 {
        // What every promotion brings along is worth no word of its own.
        numbers.remove(&Kind::Version);
    }
    let parts: Vec<String> = numbers
        .into_iter()
        .map(|(kind, number)| match kind {
            Kind::Component => count(number, "component"),
            Kind::Defaults => "product defaults".to_owned(),
            Kind::Template => count(number, "template"),
            Kind::File => count(number, "file"),
            Kind::Version => "product version".to_owned(),
        })
        .collect();
    parts.join(", ")
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Component,
    Defaults,
    Template,
    File,
    Version,
}

impl Kind {
    fn of(unit: &UnitStatus) -> Self {
        match unit.unit.as_str() {
            _ if unit.component => Kind::Component,
            "product" if unit.keys == ["spec.version"] => Kind::Version,
            "product" => Kind::Defaults,
            name if name.starts_with("templates/") => Kind::Template,
            _ => Kind::File,
        }
    }
}

fn names(units: &[UnitStatus]) -> String {
    let mut names: Vec<&str> = units.iter().map(|unit| unit.unit.as_str()).collect();
    names.dedup();
    let hidden = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let mut text = names.join(", ");
    if hidden > 0 {
        let _ = write!(text, " and {hidden} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::status::{ComponentFacts, EnvironmentFacts, plan};

    const DAY: i64 = 86_400;
    const NOW: i64 = 100 * DAY;

    fn facts(name: &str, from: Option<&str>, version: &str, tags: &[&str]) -> EnvironmentFacts {
        EnvironmentFacts {
            status: EnvironmentStatus {
                name: name.to_owned(),
                version: Some(version.to_owned()),
                promote_from: from.map(str::to_owned),
                comparison: from.map(|_| Comparison::default()),
                ..EnvironmentStatus::default()
            },
            product: Some("shop".to_owned()),
            components: ["ad", "cart", "frontend"]
                .into_iter()
                .zip(tags)
                .map(|(name, tag)| {
                    let version = Some((*tag).to_owned());
                    let exists = true;
                    (name.to_owned(), ComponentFacts { version, exists })
                })
                .collect(),
        }
    }

    fn unit(name: &str, component: bool, standing: Standing, keys: &[&str]) -> UnitStatus {
        UnitStatus {
            unit: name.to_owned(),
            component,
            standing,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        }
    }

    fn promoted(time: i64) -> Option<LastPromotion> {
        Some(LastPromotion {
            commit: Some("5f2c1e0".to_owned()),
            time: Some(time),
            from: None,
            source_commit: None,
        })
    }

    fn example() -> StatusReport {
        let dev = facts("dev", None, "0.10.8", &["v1", "v1.4.2", "v2.3.1"]);
        let mut staging = facts(
            "staging",
            Some("dev"),
            "0.10.7",
            &["v1", "v1.4.1", "v2.3.1"],
        );
        staging.status.last_promotion = promoted(NOW - 2 * DAY);
        staging.status.comparison = Some(Comparison {
            behind: vec![
                unit("cart", true, Standing::Behind, &["image"]),
                unit("product", false, Standing::Behind, &["spec.version"]),
            ],
            behind_since: Some(NOW - 3 * DAY),
            ..Comparison::default()
        });
        let mut prod = facts(
            "prod",
            Some("staging"),
            "0.10.6",
            &["v1", "v1.4.1", "v2.3.0"],
        );
        prod.status.comparison = Some(Comparison {
            changed_here: vec![unit("frontend", true, Standing::Conflict, &["image"])],
            ..Comparison::default()
        });
        plan(vec![dev, staging, prod])
    }

    fn style() -> Style {
        Style {
            now: NOW,
            ..Style::default()
        }
    }

    #[test]
    fn what_is_the_same_everywhere_is_folded() {
        assert_eq!(
            status(&example(), false, &style(), &str::to_owned),
            "\
shop      dev     staging  prod
version   0.10.8  0.10.7   0.10.6
cart      v1.4.2  v1.4.1   v1.4.1
frontend  v2.3.1  v2.3.1   v2.3.0  conflict in prod
1 more, same everywhere

staging  1 component behind dev for 3 days; last promotion 2 days ago
prod     not behind staging; changed in prod: frontend; never promoted
next:  kubectl gitops promote staging
"
        );
    }

    #[test]
    fn everything_is_shown_when_it_is_asked_for() {
        let text = status(&example(), true, &style(), &str::to_owned);
        assert!(text.contains("\nad        v1      v1       v1\n"), "{text}");
        assert!(!text.contains("same everywhere"), "{text}");
    }

    #[test]
    fn an_environment_that_cannot_be_read_says_why() {
        let dev = facts("dev", None, "1", &["v1", "v1", "v1"]);
        let mut prod = facts("prod", Some("dev"), "1", &[]);
        prod.status.problem = Some("product.yaml:3:1: no such\u{1b}[2J field\nmore".to_owned());
        let text = status(&plan(vec![dev, prod]), false, &style(), &str::to_owned);
        assert!(
            text.contains("prod  cannot be read: product.yaml:3:1: no such field\n"),
            "{text}"
        );
        assert!(text.starts_with("shop      dev\n"), "{text}");
    }

    #[test]
    fn a_product_that_is_the_same_everywhere_is_short() {
        let dev = facts("dev", None, "1", &["v1", "v1", "v1"]);
        let mut prod = facts("prod", Some("dev"), "1", &["v1", "v1", "v1"]);
        prod.status.last_promotion = promoted(NOW - 60);
        assert_eq!(
            status(&plan(vec![dev, prod]), false, &style(), &str::to_owned),
            "shop     dev  prod\nversion  1    1\n3 components, same everywhere\n\n\
             prod  level with dev; last promotion 1 minute ago\n"
        );
    }
}
