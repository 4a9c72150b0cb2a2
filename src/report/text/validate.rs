//! The verdict of `validate`: each finding with the line that it is about, one
//! line per environment or path at the end.

use std::fmt::Write as _;

use crate::check::{Finding, Severity};
use crate::ops::validate::{Section, ValidateReport};
use crate::report::{Style, Tone, clean, count};

/// Findings that are shown of one environment or path; the others are counted.
const MOST: usize = 50;

/// The widest piece of a source line.
const WIDEST: usize = 140;

/// What was found, then how many objects were looked at. `details` ends the
/// line of a section: how it was checked, how long it took.
pub fn validate(
    report: &ValidateReport,
    style: &Style,
    details: &dyn Fn(&Section) -> String,
) -> String {
    let mut out = String::new();
    for section in &report.sections {
        // Errors first: they are what keeps people from going on.
        let warnings = section
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning);
        for finding in section.errors().chain(warnings).take(MOST) {
            write_finding(&mut out, section, finding, style);
        }
        if section.findings.len() > MOST {
            let more = count(section.findings.len() - MOST, "more finding");
            let _ = writeln!(out, "{more}; -o json shows all\n");
        }
        let _ = writeln!(out, "{}", summary(section, style, &details(section)));
    }
    out
}

fn summary(section: &Section, style: &Style, details: &str) -> String {
    let (errors, warnings) = (
        section.count(Severity::Error),
        section.count(Severity::Warning),
    );
    let paint = |tone: Tone, number: usize, noun: &str| {
        let tone = if number == 0 { Tone::Plain } else { tone };
        style.paint(tone, &count(number, noun)).into_owned()
    };
    format!(
        "{}: {}, {}, {} ({})",
        style.paint(Tone::Strong, &section.name),
        count(section.objects, "object"),
        paint(Tone::Bad, errors, "error"),
        paint(Tone::Warning, warnings, "warning"),
        clean(details)
    )
}

fn write_finding(out: &mut String, section: &Section, finding: &Finding, style: &Style) {
    let tone = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warning,
    };
    let label = format!("{}[{}]", finding.severity.as_str(), finding.rule);
    let object = finding
        .object
        .as_ref()
        .map(|id| format!("{id}: "))
        .unwrap_or_default();
    let message = format!("{object}{}", finding.message);
    let _ = writeln!(
        out,
        "{}: {}",
        style.paint(tone, &label),
        style.paint(Tone::Strong, &message)
    );
    let line = finding.location.line.to_string();
    let gutter = " ".repeat(line.len());
    let bar = |text: &str| style.paint(Tone::Faint, text).into_owned();
    let _ = writeln!(
        out,
        "{gutter}{} {}{}",
        bar("-->"),
        clean(&section.folder),
        clean(&finding.location.to_string())
    );
    let mut open = true;
    if let Some(excerpt) = &finding.excerpt {
        let (text, before) = window(excerpt, finding.location.column);
        let width = (finding.width as usize)
            .min(text.chars().count().saturating_sub(before))
            .max(1);
        let marks = format!(
            "{}{}",
            "^".repeat(width),
            finding
                .label
                .as_ref()
                .map(|label| format!(" {label}"))
                .unwrap_or_default()
        );
        let _ = writeln!(out, "{gutter} {}", bar("|"));
        let _ = writeln!(out, "{} {} {}", bar(&line), bar("|"), clean(&text));
        let _ = writeln!(
            out,
            "{gutter} {} {}{}",
            bar("|"),
            " ".repeat(before),
            style.paint(tone, &marks)
        );
        open = finding.label.is_none();
    }
    if let Some(label) = finding
        .label
        .as_ref()
        .filter(|_| finding.excerpt.is_none() && open)
    {
        let _ = writeln!(out, "{gutter} {} {}", bar("="), clean(label));
    }
    for note in notes(finding) {
        let _ = writeln!(out, "{gutter} {} {}", bar("="), clean(&note));
    }
    out.push('\n');
}

fn notes(finding: &Finding) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(rendered) = &finding.rendered {
        let others = match finding.others.len() {
            0 => String::new(),
            others => format!(", in {} objects", others + 1),
        };
        notes.push(format!(
            "rendered at {}:{}{others}",
            rendered.path, rendered.line
        ));
    }
    notes.extend(finding.notes.iter().cloned());
    notes
}

/// The piece of a line around a column, and how many characters stand before
/// that column in it.
fn window(line: &str, column: u32) -> (String, usize) {
    let before = column.saturating_sub(1) as usize;
    let length = line.chars().count();
    if length <= WIDEST {
        return (line.to_owned(), before.min(length));
    }
    let start = before.saturating_sub(WIDEST / 2);
    let mut text: String = line.chars().skip(start).take(WIDEST).collect();
    let mut offset = before - start;
    if start > 0 {
        text.insert(0, '…');
        offset += 1;
    }
    if start + WIDEST < length {
        text.push('…');
    }
    (text, offset)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::check::RuleId;
    use crate::repo::Location;

    fn shown(finding: Finding) -> String {
        let report = ValidateReport {
            sections: vec![Section {
                name: "prod".to_owned(),
                folder: String::new(),
                commit: None,
                kubernetes: "1.36.3".to_owned(),
                objects: 35,
                findings: vec![finding],
                live: None,
                resources: Vec::new(),
            }],
        };
        validate(&report, &Style::default(), &|_| {
            "Kubernetes 1.36, offline".to_owned()
        })
    }

    fn finding() -> Finding {
        let location = Location::new("templates/a.yaml.j2".parse().unwrap(), 31, 11);
        Finding::new(
            RuleId::UNKNOWN_FIELD,
            Severity::Error,
            location,
            "unknown field \"portss\"",
        )
    }

    #[test]
    fn a_finding_shows_its_line_and_the_way_out() {
        let mut finding = finding();
        finding.excerpt = Some("          portss:".to_owned());
        finding.width = 6;
        finding.label = Some("did you mean \"ports\"?".to_owned());
        finding.rendered = Some(Location::new(
            "manifests/app/a.yaml".parse().unwrap(),
            27,
            11,
        ));
        assert_eq!(
            shown(finding),
            "\
error[unknown-field]: unknown field \"portss\"
  --> templates/a.yaml.j2:31:11
   |
31 |           portss:
   |           ^^^^^^ did you mean \"ports\"?
   = rendered at manifests/app/a.yaml:27

prod: 35 objects, 1 error, 0 warnings (Kubernetes 1.36, offline)
"
        );
    }

    #[test]
    fn a_finding_without_a_line_keeps_its_label() {
        let mut finding = finding();
        finding.label = Some("needs \"x\"".to_owned());
        let text = shown(finding);
        assert!(
            text.contains("  --> templates/a.yaml.j2:31:11\n   = needs \"x\"\n\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_line_is_shown_around_its_mark() {
        let mut finding = finding();
        finding.location.column = 501;
        finding.width = 3;
        finding.excerpt = Some(format!("{}abc{}", "x".repeat(500), "y".repeat(500)));
        let text = shown(finding);
        let lines: Vec<&str> = text.lines().collect();
        let at = lines[4].find('^').unwrap();
        let line: Vec<char> = lines[3].chars().collect();
        assert_eq!(line[at..at + 3].iter().collect::<String>(), "abc");
        assert!(line.len() < 160);
    }

    #[test]
    fn text_from_outside_cannot_move_a_cursor() {
        let mut finding = finding();
        finding.message = "a\u{1b}[2Jb".to_owned();
        finding.excerpt = Some("c\u{1b}]0;x\u{7}d".to_owned());
        assert!(!shown(finding).contains('\u{1b}'));
    }
}
