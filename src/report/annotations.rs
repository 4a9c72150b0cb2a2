//! Findings for machines that show them beside the code: GitHub's workflow
//! commands, SARIF and JUnit.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::clean;
use crate::check::{Finding, RULES, RuleId, Severity};
use crate::ops::validate::{Section, ValidateReport};

/// One workflow command per finding: `::error file=…,line=…::…`.
pub fn github(report: &ValidateReport) -> String {
    let mut out = String::new();
    for (section, finding) in all(report) {
        let word = finding.severity.as_str();
        let place = &finding.location;
        let _ = writeln!(
            out,
            "::{word} file={},line={},col={},title={}::{}",
            property(&format!("{}{}", section.folder, place.path)),
            place.line,
            place.column,
            property(&format!("{} ({})", finding.rule, section.name)),
            data(&sentence(finding)),
        );
    }
    out
}

fn data(text: &str) -> String {
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    clean(&text).into_owned()
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A SARIF 2.1.0 log with one run.
pub fn sarif(report: &ValidateReport) -> Value {
    let rules: BTreeSet<RuleId> = all(report).map(|(_, finding)| finding.rule).collect();
    let about = |id: &RuleId| {
        RULES
            .iter()
            .find(|rule| rule.id == *id)
            .map(|rule| rule.about)
    };
    let rules: Vec<Value> = rules
        .iter()
        .map(|id| match about(id) {
            Some(about) => json!({"id": id.as_str(), "shortDescription": {"text": about}}),
            None => json!({"id": id.as_str()}),
        })
        .collect();
    let results: Vec<Value> = all(report)
        .map(|(section, finding)| sarif_result(section, finding))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "kubectl-gitops", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn sarif_result(section: &Section, finding: &Finding) -> Value {
    let region = |line: u32, column: u32, width: u32| json!({"startLine": line.max(1), "startColumn": column.max(1), "endColumn": column.max(1) + width});
    let place = |path: &str, region: Value| json!({"physicalLocation": {"artifactLocation": {"uri": uri(&format!("{}{path}", section.folder))}, "region": region}});
    let at = &finding.location;
    let mut result = json!({
        "ruleId": finding.rule.as_str(),
        "level": finding.severity.as_str(),
        "message": {"text": clean(&sentence(finding))},
        "locations": [place(at.path.as_str(), region(at.line, at.column, finding.width))],
        "properties": {"section": section.name},
    });
    if let Some(rendered) = &finding.rendered {
        result["relatedLocations"] = json!([place(
            rendered.path.as_str(),
            region(rendered.line, rendered.column, 1)
        )]);
    }
    result
}

fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte))
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// A JUnit document: a suite per environment or path, a case per object with
/// findings, and one for all objects without.
pub fn junit(report: &ValidateReport) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"kubectl-gitops validate\">\n",
    );
    for section in &report.sections {
        let errors = section.count(Severity::Error);
        let passed = section
            .objects
            .saturating_sub(objects_with_findings(section));
        let tests = section.findings.len() + usize::from(passed > 0 || section.findings.is_empty());
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{errors}\">",
            xml(&section.name)
        );
        for finding in &section.findings {
            let place = format!("{}{}", section.folder, finding.location);
            let name = finding
                .object
                .as_ref()
                .map_or_else(|| place.clone(), ToString::to_string);
            let _ = writeln!(
                out,
                "    <testcase classname=\"{}\" name=\"{}\">",
                finding.rule,
                xml(&name)
            );
            let message = xml(&sentence(finding));
            match finding.severity {
                Severity::Error => {
                    let _ = writeln!(
                        out,
                        "      <failure type=\"{}\" message=\"{message}\">{}</failure>",
                        finding.rule,
                        xml(&place)
                    );
                }
                Severity::Warning => {
                    let _ = writeln!(
                        out,
                        "      <system-out>warning: {message} ({})</system-out>",
                        xml(&place)
                    );
                }
            }
            out.push_str("    </testcase>\n");
        }
        if tests > section.findings.len() {
            let _ = writeln!(
                out,
                "    <testcase classname=\"validate\" name=\"{passed} objects without findings\"/>"
            );
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn objects_with_findings(section: &Section) -> usize {
    let objects = section
        .findings
        .iter()
        .flat_map(|finding| finding.object.iter().chain(&finding.others));
    objects.collect::<BTreeSet<_>>().len()
}

fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

fn all(report: &ValidateReport) -> impl Iterator<Item = (&Section, &Finding)> {
    report.sections.iter().flat_map(|section| {
        section
            .findings
            .iter()
            .map(move |finding| (section, finding))
    })
}

fn sentence(finding: &Finding) -> String {
    let object = finding
        .object
        .as_ref()
        .map(|id| format!("{id}: "))
        .unwrap_or_default();
    let label = finding
        .label
        .as_ref()
        .map(|label| format!(" ({label})"))
        .unwrap_or_default();
    format!("{object}{}{label}", finding.message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::repo::Location;
    use crate::resource::ResourceId;

    fn report() -> ValidateReport {
        let location = Location::new("a b/c.yaml".parse().unwrap(), 3, 5);
        let mut finding = Finding::new(
            RuleId::ENUM,
            Severity::Error,
            location,
            "must be <one>, 100%\nof two",
        );
        finding.width = 4;
        finding.object = Some(ResourceId {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: None,
            name: "x".into(),
        });
        ValidateReport {
            sections: vec![Section {
                name: "prod".to_owned(),
                folder: "../".to_owned(),
                commit: None,
                kubernetes: "1.36.3".to_owned(),
                objects: 3,
                findings: vec![finding],
                live: None,
                resources: Vec::new(),
            }],
        }
    }

    #[test]
    fn workflow_commands_escape_what_would_end_them() {
        assert_eq!(
            github(&report()),
            "::error file=../a b/c.yaml,line=3,col=5,title=enum (prod)::Pod x: must be <one>, 100%25%0Aof two\n"
        );
    }

    #[test]
    fn sarif_has_regions_and_results_even_when_empty() {
        let log = sarif(&report());
        let result = &log["runs"][0]["results"][0];
        assert_eq!(
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "../a%20b/c.yaml"
        );
        assert_eq!(
            result["locations"][0]["physicalLocation"]["region"],
            json!({"startLine": 3, "startColumn": 5, "endColumn": 9})
        );
        assert_eq!(
            sarif(&ValidateReport::default())["runs"][0]["results"],
            json!([])
        );
    }

    #[test]
    fn junit_counts_what_failed_and_what_passed() {
        let text = junit(&report());
        assert!(
            text.contains("<testsuite name=\"prod\" tests=\"2\" failures=\"1\">"),
            "{text}"
        );
        assert!(
            text.contains("message=\"Pod x: must be &lt;one&gt;, 100% of two\""),
            "{text}"
        );
        assert!(
            text.contains("name=\"2 objects without findings\""),
            "{text}"
        );
    }
}
