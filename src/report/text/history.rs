//! `history` for people: one line per commit, newest first, and below it what
//! it was taken from and what it changed.

use std::fmt::Write as _;

use crate::ops::history::{EnvironmentHistory, HistoryEnd, HistoryEntry, HistoryReport};
use crate::report::{Style, Table, Tone, ago, clean, count};

/// How many components of one commit are named.
const MOST_NAMES: usize = 6;

/// The text of a history, as it stands at `now`.
pub fn history(report: &HistoryReport, now: i64, style: &Style) -> String {
    let mut text = String::new();
    for (index, environment) in report.environments.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        if report.environments.len() > 1 {
            let name = style.paint(Tone::Strong, environment.name.as_str());
            let _ = writeln!(text, "{name} ({})", clean(&environment.branch));
        }
        text.push_str(&lines(environment, now, style));
    }
    text
}

fn lines(environment: &EnvironmentHistory, now: i64, style: &Style) -> String {
    let mut table = Table::new(0);
    for entry in &environment.entries {
        table.row([
            crate::report::Cell::from(short(&entry.commit)),
            ago(entry.time, now).into(),
            crate::report::Cell::new(tone(entry), &entry.action),
            what(entry).into(),
            entry.author.name.as_str().into(),
        ]);
    }
    let mut text = table.render(style);
    let end = match (environment.end, &environment.boundary) {
        (HistoryEnd::Beginning, _) => return text,
        (HistoryEnd::Limit, _) => "older commits are left out; --limit shows more".to_owned(),
        (HistoryEnd::Shallow, None) => "this shallow clone ends here".to_owned(),
        (HistoryEnd::Shallow, Some(commit)) => format!(
            "this shallow clone ends at {}; older changes are not in it",
            short(commit)
        ),
    };
    let _ = writeln!(text, "{}", style.paint(Tone::Faint, &end));
    text
}

fn tone(entry: &HistoryEntry) -> Tone {
    match entry.action.as_str() {
        "rollback" | "revert" | "edit" => Tone::Warning,
        _ => Tone::Strong,
    }
}

fn what(entry: &HistoryEntry) -> String {
    let mut parts = Vec::new();
    if !entry.by_tool {
        return clean(&entry.subject).into_owned();
    }
    if let Some(product) = &entry.product {
        parts.push(product.replace('@', " "));
    }
    if let Some(from) = &entry.from {
        let commit = from.commit.as_deref().map(short).unwrap_or_default();
        let word = match entry.action.as_str() {
            "rollback" => "as of",
            _ => "from",
        };
        parts.push(format!("{word} {} {commit}", from.environment));
    }
    match entry.components.as_slice() {
        [] => {}
        names if names.len() <= MOST_NAMES => parts.push(format!("({})", names.join(", "))),
        names => parts.push(format!("({})", count(names.len(), "component"))),
    }
    if parts.is_empty() {
        parts.push(entry.subject.clone());
    }
    if let Some(reason) = &entry.reason {
        parts.push(format!("because {reason}"));
    }
    parts.extend(entry.overrides.iter().map(|text| overridden(text)));
    clean(&parts.join(" ")).into_owned()
}

/// What a trailer says about a guard: its name, then the reason.
fn overridden(text: &str) -> String {
    match text.split_once(' ') {
        // That one is the nature of the change, not an exception to it.
        Some(("hotfix", reason)) => format!("because {reason}"),
        Some((guard, reason)) => format!("without guard {guard}: {reason}"),
        None => format!("without guard {text}"),
    }
}

fn short(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::ops::history::{From, Person};

    fn entry(action: &str, by_tool: bool) -> HistoryEntry {
        HistoryEntry {
            commit: "c04d7e1".repeat(6),
            time: 0,
            author: Person {
                name: "Ada".into(),
                email: "ada@example.com".into(),
            },
            action: action.into(),
            by_tool,
            subject: "fix\u{1b}[2J cart".into(),
            product: None,
            from: None,
            components: Vec::new(),
            reason: None,
            overrides: Vec::new(),
            plan: None,
            reverts: None,
        }
    }

    #[test]
    fn a_line_says_what_from_where_and_by_whom() {
        let promotion = HistoryEntry {
            product: Some("shop@1.2".into()),
            from: Some(From {
                environment: "staging".into(),
                commit: Some("5f2c1e0a".into()),
            }),
            components: vec!["cart".into()],
            ..entry("promote", true)
        };
        let report = HistoryReport {
            environments: vec![EnvironmentHistory {
                name: "prod".parse().unwrap(),
                branch: "env/prod".into(),
                entries: vec![promotion, entry("edit", false)],
                end: HistoryEnd::Shallow,
                boundary: Some("5f2c1e0a".into()),
            }],
        };
        let text = history(&report, 7200, &Style::default());
        assert_eq!(
            text,
            "c04d7e1  2 hours ago  promote  shop 1.2 from staging 5f2c1e0 (cart)  Ada\n\
             c04d7e1  2 hours ago  edit     fix cart                              Ada\n\
             this shallow clone ends at 5f2c1e0; older changes are not in it\n"
        );
    }
}
