//! `pins` for people: each component in a line, its sites below it.

use std::fmt::Write as _;

use crate::ops::pins::{EnvironmentPins, PinReport, PinStatus, SiteStatus};
use crate::report::{Cell, Style, Table, Tone, clean_lines, count};

/// The text of a list of pins.
pub fn pins(report: &PinReport, style: &Style) -> String {
    let parts: Vec<String> = report
        .environments
        .iter()
        .map(|environment| one(environment, style))
        .collect();
    parts.join("\n")
}

fn one(environment: &EnvironmentPins, style: &Style) -> String {
    let mut text = style.paint(Tone::Strong, &environment.name).into_owned();
    if let Some(problem) = &environment.problem {
        let problem = clean_lines(problem).replace('\n', "\n  ");
        let _ = writeln!(text, "  cannot be read\n  {problem}");
        return text;
    }
    let sites = environment.pins.iter().map(|pin| pin.sites.len()).sum();
    let _ = write!(
        text,
        "  {}, {}",
        count(environment.pins.len(), "pin"),
        count(sites, "site")
    );
    let apart = environment.pins.iter().filter(|pin| pin.disagree).count();
    if apart > 0 {
        let words = match apart {
            1 => "1 whose sites disagree".to_owned(),
            many => format!("{many} whose sites disagree"),
        };
        let _ = write!(text, ", {}", style.paint(Tone::Warning, &words));
    }
    text.push('\n');
    let mut table = Table::new(0);
    for pin in &environment.pins {
        rows(&mut table, pin);
    }
    text.push_str(&table.render(style));
    for collision in &environment.collisions {
        let label = style.paint(Tone::Warning, "no pin:");
        let _ = writeln!(text, "{label} {}", clean_lines(collision));
    }
    for warning in &environment.warnings {
        let label = style.paint(Tone::Warning, "note:");
        let _ = writeln!(text, "{label} {}", clean_lines(warning));
    }
    text
}

/// What is worth saying about a site: one pin that agrees with itself need not be said
/// at every site.
fn said(pin: &PinStatus, site: &SiteStatus) -> String {
    match (&site.inherited_from, pin.disagree) {
        (Some(from), true) => format!("{} from {from}", site.deployed),
        (Some(from), false) => format!("from {from}"),
        (None, true) => site.deployed.clone(),
        (None, false) => String::new(),
    }
}

fn rows(table: &mut Table, pin: &PinStatus) {
    let versions = match pin.versions.as_slice() {
        [] => "no version".to_owned(),
        versions => versions.join(" and "),
    };
    let tone = if pin.disagree {
        Tone::Warning
    } else {
        Tone::Plain
    };
    let mut remarks: Vec<String> = Vec::new();
    if pin.disagree {
        remarks.push("its sites disagree".to_owned());
    }
    remarks.extend(match (&pin.policy, &pin.policy_from) {
        (Some(policy), Some(from)) => Some(format!("{policy} of {from}")),
        (None, Some(from)) => Some(format!("no policy {from}")),
        (policy, None) => policy.clone(),
    });
    remarks.extend(pin.hold.as_ref().map(|reason| format!("held: {reason}")));
    remarks.extend(pin.image.clone());
    remarks.extend(pin.served.as_ref().map(|name| format!("pulled as {name}")));
    table.row([
        Cell::new(Tone::Strong, &pin.component),
        Cell::new(tone, versions),
        Cell::from(remarks.join(", ")),
    ]);
    for site in &pin.sites {
        table.row([
            Cell::from(format!("  {}", site.location)),
            Cell::new(Tone::Faint, site.kind),
            Cell::from(said(pin, site)),
        ]);
    }
}
