//! An environment's rendering as text: a stream of documents for `kubectl
//! apply -f -`, and the files that writing it would change.

use std::fmt::Write as _;

use crate::ops::render::RenderPlan;
use crate::product::Repository;
use crate::template::ChangeKind;

use super::promote::rendered as layers;

/// All documents, each behind the path of its file. What is not for
/// Kubernetes stands in comments, so that the stream can be applied.
pub fn documents(plan: &RenderPlan) -> String {
    let mut text = String::new();
    for (path, file) in &plan.rendering.files {
        let _ = writeln!(text, "---\n# {path}");
        if file.resource.is_some() {
            text.push_str(&file.text);
            continue;
        }
        for line in file.text.lines() {
            let _ = writeln!(text, "# {line}");
        }
    }
    text
}

/// What a person should know beside the documents.
pub fn remark(plan: &RenderPlan) -> Option<String> {
    (!plan.changes.is_empty()).then(|| {
        let files = count(plan.changes.len());
        format!("{files} committed otherwise; bring them up to date")
    })
}

/// The files that change, and those that nothing renders.
pub fn changes(plan: &RenderPlan, repository: &Repository) -> String {
    let name = &plan.entry.name;
    let mut text = String::new();
    if plan.changes.is_empty() {
        let _ = writeln!(text, "{name}: the rendered files are up to date");
    } else {
        let _ = writeln!(text, "{name}   {}", layers(&plan.changes, repository));
    }
    for change in &plan.changes {
        let kind = match change.kind {
            ChangeKind::Added => "added",
            ChangeKind::Changed => "changed",
            ChangeKind::Removed => "removed",
        };
        let _ = writeln!(text, "  {kind:<8} {}", change.path);
    }
    for path in &plan.foreign {
        let _ = writeln!(
            text,
            "  foreign  {path}   no component renders it; left alone"
        );
    }
    text
}

fn count(files: usize) -> String {
    match files {
        1 => "1 file is".to_owned(),
        many => format!("{many} files are"),
    }
}
