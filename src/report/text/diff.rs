//! `diff` for people: what differs, unit by unit and key path by key path.

use std::fmt::Write as _;

use serde_json::Value;

use crate::ops::diff::{Change, DiffReport, FileDiff, KeyChange, Point, UnitDiff, UnitKind};
use crate::report::{Cell, Style, Table, Tone, contrast, count, one_line_beside};

/// Rendered files that are named before the rest is only counted.
const MOST_FILES: usize = 10;

/// Where the product's version stands in its manifest.
const PRODUCT_VERSION: &str = "spec.version";

/// The text of a comparison.
pub fn diff(report: &DiffReport, style: &Style) -> String {
    let mut text = head(report, style);
    if !report.different {
        text.push_str("nothing differs");
        text.push_str(if report.compared_own {
            "\n"
        } else {
            " of what promotion moves\n"
        });
    } else {
        text.push('\n');
    }
    for unit in report.units.iter().filter(|unit| !only_version(unit)) {
        text.push_str(&unit_lines(unit, style));
    }
    if report.compared_own {
        if let Some(unit) = &report.environment {
            text.push_str(&unit_lines(unit, style));
        }
        text.push_str(&rendered(&report.rendered, style));
    } else {
        text.push_str(&left_out(report));
    }
    text
}

fn head(report: &DiffReport, style: &Style) -> String {
    let (from, to) = (&report.from, &report.to);
    let mut text = String::new();
    if let Some(product) = to.product.as_ref().or(from.product.as_ref()) {
        text.push_str(&style.paint(Tone::Strong, product));
        match (&from.version, &to.version) {
            (Some(one), Some(other)) if one == other => {
                let _ = write!(text, " {}", style.paint(Tone::Plain, one));
            }
            (one, other) if one.is_some() || other.is_some() => {
                let label = |version: &Option<String>| version.clone().unwrap_or("none".to_owned());
                let _ = write!(
                    text,
                    " {}",
                    style.paint(Tone::Plain, &format!("{} → {}", label(one), label(other)))
                );
            }
            _ => {}
        }
        text.push_str("   ");
    }
    let _ = writeln!(text, "{} → {}", place(from, style), place(to, style));
    text
}

fn place(point: &Point, style: &Style) -> String {
    let short = point.commit.get(..7).unwrap_or(&point.commit);
    // The commit stands behind the name, so it need not stand in it.
    let name = match point.name.split_once('@') {
        Some((name, _)) => name,
        None if point.commit.starts_with(&point.name) => &point.environment,
        None => &point.name,
    };
    format!(
        "{} {}",
        style.paint(Tone::Plain, name),
        style.paint(Tone::Faint, short)
    )
}

fn unit_lines(unit: &UnitDiff, style: &Style) -> String {
    let name = match unit.kind {
        UnitKind::Product => "product".to_owned(),
        UnitKind::Template => format!("templates/{}", unit.name),
        UnitKind::Component | UnitKind::Environment | UnitKind::File => unit.name.clone(),
    };
    let remark = match (unit.change, &unit.from_version, &unit.to_version) {
        (Change::Added, _, Some(version)) => format!("added, {version}"),
        (Change::Added, ..) => "added".to_owned(),
        (Change::Removed, Some(version), _) => format!("removed, {version}"),
        (Change::Removed, ..) => "removed".to_owned(),
        (Change::Changed, Some(from), Some(to)) if from != to => format!("{from} → {to}"),
        (Change::Changed, Some(version), _) => version.clone(),
        _ if unit.keys.is_empty() && unit.files.is_empty() => "changed".to_owned(),
        _ => String::new(),
    };
    let mut line = Table::new(2);
    line.row([
        Cell::new(Tone::Strong, name),
        Cell::new(tone(unit.change), remark),
    ]);
    let mut text = line.render(style);
    if unit.change == Change::Changed {
        text.push_str(&keys(unit, style));
        let mut files = Table::new(4);
        for file in &unit.files {
            files.row([Cell::from(file.path.as_str()), word(file.change)]);
        }
        text.push_str(&files.render(style));
    }
    text
}

/// The key paths of a unit. The tag alone stands in the unit's own line.
fn keys(unit: &UnitDiff, style: &Style) -> String {
    let mut table = Table::new(4);
    for key in unit.keys.iter().filter(|key| !is_version(unit, key)) {
        let path = if key.path.is_empty() {
            "everything"
        } else {
            &key.path
        };
        let (from, to) = both(key);
        let differ = match from == to {
            true => " (the values differ)",
            false => "",
        };
        table.row([Cell::from(path), format!("{from} → {to}{differ}").into()]);
    }
    table.render(style)
}

/// The values of a key on one line each.
fn both(key: &KeyChange) -> (String, String) {
    const NOTHING: &str = "nothing";
    if let (Some(from), Some(to)) = (&key.from, &key.to) {
        return contrast(from, to);
    }
    let text = |value: &Option<Value>| match value {
        Some(value) => one_line_beside(value, NOTHING),
        None => NOTHING.to_owned(),
    };
    (text(&key.from), text(&key.to))
}

/// Whether a unit says no more than the product's version in the first line.
fn only_version(unit: &UnitDiff) -> bool {
    unit.kind == UnitKind::Product && unit.keys.iter().all(|key| key.path == PRODUCT_VERSION)
}

/// Whether a key says no more than the versions beside the component's name.
fn is_version(unit: &UnitDiff, key: &KeyChange) -> bool {
    if unit.kind == UnitKind::Product {
        return key.path == PRODUCT_VERSION;
    }
    let (Some(from), Some(to)) = (&unit.from_version, &unit.to_version) else {
        return false;
    };
    match key.path.as_str() {
        "version" => true,
        // The same image but for the tag, and the digest that goes with it.
        "image" => {
            let without = |image: Option<&serde_json::Value>, tag: &str| {
                let image = image?.as_str()?.split('@').next()?.to_owned();
                image.strip_suffix(tag).map(str::to_owned)
            };
            from != to && without(key.from.as_ref(), from) == without(key.to.as_ref(), to)
        }
        _ => false,
    }
}

fn rendered(files: &[FileDiff], style: &Style) -> String {
    if files.is_empty() {
        return String::new();
    }
    let mut text = format!("  {}\n", style.paint(Tone::Strong, "rendered"));
    let mut table = Table::new(4);
    for file in files.iter().take(MOST_FILES) {
        table.row([Cell::from(file.path.as_str()), word(file.change)]);
    }
    text.push_str(&table.render(style));
    if files.len() > MOST_FILES {
        let _ = writeln!(text, "    {} more", files.len() - MOST_FILES);
    }
    text
}

fn left_out(report: &DiffReport) -> String {
    let mut also = Vec::new();
    if let Some(unit) = &report.environment {
        also.push(match unit.keys.len() {
            0 => "environment.yaml".to_owned(),
            keys => format!("environment.yaml in {}", count(keys, "place")),
        });
    }
    if !report.rendered.is_empty() {
        also.push(count(report.rendered.len(), "rendered file"));
    }
    if also.is_empty() {
        return String::new();
    }
    format!("\ndiffer as well: {} (--all shows them)\n", also.join(", "))
}

fn tone(change: Change) -> Tone {
    match change {
        Change::Added => Tone::Good,
        Change::Removed => Tone::Bad,
        Change::Changed => Tone::Plain,
    }
}

fn word(change: Change) -> Cell {
    let word = match change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Changed => "changed",
    };
    Cell::new(tone(change), word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn point(name: &str, version: &str) -> Point {
        Point {
            name: name.to_owned(),
            environment: name.to_owned(),
            commit: "5f2c1e0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            product: Some("shop".to_owned()),
            version: Some(version.to_owned()),
        }
    }

    fn component(name: &str, keys: Vec<KeyChange>) -> UnitDiff {
        UnitDiff {
            kind: UnitKind::Component,
            name: name.to_owned(),
            change: Change::Changed,
            from_version: Some("v1".to_owned()),
            to_version: Some("v2".to_owned()),
            keys,
            files: Vec::new(),
        }
    }

    fn key(path: &str, from: serde_json::Value, to: serde_json::Value) -> KeyChange {
        KeyChange {
            path: path.to_owned(),
            from: Some(from),
            to: Some(to),
            hidden: false,
        }
    }

    #[test]
    fn a_tag_is_said_once_and_other_keys_below() {
        let unit = component(
            "cart",
            vec![
                key(
                    "image",
                    json!("r.example.com/cart:v1@sha256:a"),
                    json!("r.example.com/cart:v2@sha256:b"),
                ),
                key("values.env.TIMEOUT", json!("2s"), json!("10s")),
            ],
        );
        let report = DiffReport {
            from: point("staging", "0.1"),
            to: point("prod", "0.2"),
            different: true,
            compared_own: false,
            units: vec![unit],
            environment: None,
            rendered: vec![FileDiff {
                path: "manifests/a.yaml".to_owned(),
                change: Change::Added,
            }],
        };
        assert_eq!(
            diff(&report, &Style::default()),
            "shop 0.1 → 0.2   staging 5f2c1e0 → prod 5f2c1e0\n\n  \
             cart  v1 → v2\n    values.env.TIMEOUT  2s → 10s\n\n\
             differ as well: 1 rendered file (--all shows them)\n"
        );
    }

    #[test]
    fn another_registry_is_not_mistaken_for_another_tag() {
        let unit = component(
            "cart",
            vec![key(
                "image",
                json!("a.example.com/cart:v1"),
                json!("b.example.com/cart:v2"),
            )],
        );
        let text = unit_lines(&unit, &Style::default());
        assert!(
            text.contains("image  a.example.com/cart:v1 → b.example.com/cart:v2"),
            "{text}"
        );
    }

    #[test]
    fn long_values_are_shortened_and_cleaned() {
        let unit = component(
            "cart",
            vec![key("a", json!("x".repeat(100)), json!("\u{1b}[2Jb\nc"))],
        );
        let text = unit_lines(&unit, &Style::default());
        assert!(text.contains("x… → b c"), "{text}");
    }
}
