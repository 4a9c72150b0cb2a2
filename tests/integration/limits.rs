//! `docs/limits.md` against the code: each row names a constant, and says its value. A
//! constant whose documentation names that page has a row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A row of a table: what it says, and the constant that it names.
struct Row {
    limit: String,
    constant: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with('|'));
    let rows = lines.filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let constant = cells.last()?.strip_prefix('`')?.strip_suffix('`')?;
        assert_eq!(cells.len(), 4, "what, limit, beyond it, constant: {line}");
        Some(Row {
            limit: cells[1].to_owned(),
            constant: constant.to_owned(),
        })
    });
    rows.collect()
}

/// Every constant of the program: `room/file.rs:NAME`, its documentation and its value.
fn constants() -> Vec<(String, String, String)> {
    let source = root().join("src");
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![source.clone()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let file = path.strip_prefix(&source).unwrap().to_string_lossy();
            let file = file.replace('\\', "/");
            let text = std::fs::read_to_string(&path).unwrap();
            let mut documentation = String::new();
            let mut lines = text.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if let Some(words) = line.strip_prefix("///") {
                    documentation.push_str(words);
                    continue;
                }
                let declared = line
                    .split_once("const ")
                    .filter(|(before, _)| before.is_empty() || before.starts_with("pub"));
                if let Some((_, rest)) = declared {
                    // A long declaration goes over several lines.
                    let mut rest = rest.to_owned();
                    while !rest.ends_with(';') {
                        let Some(more) = lines.next() else { break };
                        rest.push_str(more);
                    }
                    if let Some((name, value)) = rest.split_once(':') {
                        let value = value.split_once('=').map_or("", |(_, value)| value);
                        let value = value.trim().trim_end_matches(';').to_owned();
                        found.push((format!("{file}:{name}"), documentation.clone(), value));
                    }
                }
                documentation.clear();
            }
        }
    }
    found
}

/// The number that a constant's expression is: bytes, seconds or a count.
fn value_of(expression: &str) -> Option<f64> {
    let text = expression.trim();
    for (call, unit) in [
        ("Duration::from_secs(", 1.0),
        ("Duration::from_millis(", 0.001),
        ("std::time::Duration::from_secs(", 1.0),
    ] {
        if let Some(inner) = text.strip_prefix(call) {
            return Some(value_of(inner.strip_suffix(')')?)? * unit);
        }
    }
    if let Some((left, right)) = text.split_once("<<") {
        return Some(value_of(left)? * 2f64.powf(value_of(right)?));
    }
    if let Some((left, right)) = text.split_once('*') {
        return Some(value_of(left)? * value_of(right)?);
    }
    text.replace('_', "").parse().ok()
}

/// The number that people read: `16 MiB`, `30 s`, `2,000 pages`.
fn value_in_words(limit: &str) -> Option<f64> {
    let (number, unit) = limit.split_once(' ').unwrap_or((limit, ""));
    let number: f64 = number.replace(',', "").parse().ok()?;
    let unit = unit.split(' ').next().unwrap_or_default();
    Some(match unit {
        "KiB" => number * 1024.0,
        "MiB" => number * 1024.0 * 1024.0,
        "GiB" => number * 1024.0 * 1024.0 * 1024.0,
        "minutes" | "min" => number * 60.0,
        "hours" | "h" => number * 3600.0,
        "ms" => number / 1000.0,
        _ => number,
    })
}

#[test]
fn every_limit_of_the_page_is_the_one_in_the_code() {
    let constants = constants();
    let mut wrong = Vec::new();
    let rows = rows();
    assert!(rows.len() >= 20, "{}", rows.len());
    for row in rows {
        let named = constants.iter().find(|(name, ..)| *name == row.constant);
        let Some((_, _, value)) = named else {
            wrong.push(format!("{} is not in the code", row.constant));
            continue;
        };
        let (code, page) = (value_of(value), value_in_words(&row.limit));
        if code.is_none() || code != page {
            wrong.push(format!("{} is {value}, not {}", row.constant, row.limit));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_constant_that_names_the_page_is_on_it() {
    let listed: BTreeSet<String> = rows().into_iter().map(|row| row.constant).collect();
    let missing: Vec<String> = constants()
        .into_iter()
        .filter(|(_, documentation, _)| documentation.contains("docs/limits.md"))
        .map(|(name, ..)| name)
        .filter(|name| !listed.contains(name))
        .collect();
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

#[test]
fn values_are_read_as_the_code_and_the_page_write_them() {
    assert_eq!(value_of("16 << 20"), value_in_words("16 MiB"));
    assert_eq!(value_of("2_000"), value_in_words("2,000 pages"));
    assert_eq!(value_of("Duration::from_secs(30)"), value_in_words("30 s"));
    assert_eq!(
        value_of("Duration::from_secs(5 * 60)"),
        value_in_words("5 minutes")
    );
    assert_eq!(value_of("LIMIT"), None);
    assert_eq!(value_in_words("none"), None);
}
