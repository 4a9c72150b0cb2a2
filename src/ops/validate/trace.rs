//! From a place in a rendered file to the place that a person edits: the line
//! of the template, or the value that a template's expression wrote there.

use super::excerpts::Excerpts;
use crate::check::Finding;
use crate::product::ProductTree;
use crate::repo::{Location, Snapshot};
use crate::template::{Rendering, origin};
use crate::yaml::{Path, Step};

/// Knows where the text of one environment's rendering comes from.
pub(super) struct Tracer<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) tree: &'a ProductTree,
    pub(super) rendering: &'a Rendering,
    pub(super) excerpts: &'a Excerpts,
}

impl Tracer<'_> {
    /// Moves a finding to its source when the rendering knows it.
    pub(super) fn trace(&self, finding: &mut Finding) {
        let rendered = finding.location.clone();
        let Some(found) = self
            .rendering
            .origin(&rendered.path, rendered.line, rendered.column)
        else {
            return;
        };
        let secret = finding.excerpt.is_none();
        let (location, width) = match &found.expression {
            None => (found.location, finding.width),
            Some(expression) => match self.value_of(finding, &rendered, expression) {
                Some(value) => {
                    finding.notes.push(format!(
                        "written by {} at {}",
                        braces(expression),
                        found.location
                    ));
                    (value, 1)
                }
                None => (found.location, width_of(expression)),
            },
        };
        finding.excerpt = match self.snapshot.text(&location.path) {
            Ok(Some(text)) if !secret => self.excerpts.line(text, location.line),
            _ => None,
        };
        finding.width = finding
            .excerpt
            .as_deref()
            .map_or(1, |line| fit(line, &location, width));
        finding.location = location;
        finding.rendered = Some(rendered);
    }

    /// The place of the value that an expression such as `values.port | quote` writes.
    fn value_of(
        &self,
        finding: &Finding,
        rendered: &Location,
        expression: &str,
    ) -> Option<Location> {
        let file = self.rendering.files.get(&rendered.path)?;
        let node = self.tree.components.get(&file.component)?;
        let plain = inner(expression).split('|').next()?.trim();
        let path: Path = plain.strip_prefix("values.")?.parse().ok()?;
        // A map that is written whole: the rest of the way leads below its key.
        let below = match path.last() {
            Some(last) => {
                let steps = finding.path.steps();
                let at = steps.iter().rposition(|step| step == last);
                at.map_or_else(Path::root, |at| Path::new(steps[at + 1..].to_vec()))
            }
            None => Path::root(),
        };
        if !path
            .steps()
            .iter()
            .all(|step| matches!(step, Step::Key(key) if is_name(key)))
        {
            return None;
        }
        origin(self.tree, &node.component, &path.join(&below))
    }
}

fn is_name(key: &str) -> bool {
    key.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The expression without the braces that may stand around it.
fn inner(expression: &str) -> &str {
    let text = expression.trim();
    let text = text.strip_prefix("{{").unwrap_or(text);
    let text = text.strip_suffix("}}").unwrap_or(text);
    text.trim_matches(|c: char| c == '-' || c.is_whitespace())
}

/// A text within an expression may be a secret, so that only what is before it is shown.
fn braces(expression: &str) -> String {
    let line = inner(expression).lines().next().unwrap_or_default();
    match line.split_once(['"', '\'']) {
        Some((before, _)) => format!("{{{{ {}… }}}}", before.trim_end_matches(['(', ' '])),
        None => format!("{{{{ {line} }}}}"),
    }
}

fn width_of(expression: &str) -> u32 {
    let first = expression.lines().next().unwrap_or_default();
    u32::try_from(first.chars().count()).unwrap_or(1).max(1)
}

/// The width of a mark that stays on its line; a value's first word when it is not known.
fn fit(line: &str, location: &Location, width: u32) -> u32 {
    let start = location.column.saturating_sub(1) as usize;
    let rest: String = line.chars().skip(start).collect();
    let left = u32::try_from(rest.trim_end().chars().count())
        .unwrap_or(1)
        .max(1);
    width.min(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_shown_in_their_braces() {
        assert_eq!(braces("values.port"), "{{ values.port }}");
        assert_eq!(
            braces("{{- values.port | quote -}}"),
            "{{ values.port | quote }}"
        );
        assert_eq!(
            braces("{{ values.password | default('hush') }}"),
            "{{ values.password | default… }}"
        );
    }
}
