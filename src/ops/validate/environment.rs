//! Checking one environment: its model, its rendering, what is committed.

use std::collections::BTreeSet;

use super::excerpts::Excerpts;
use super::folder::is_manifest;
use super::objects::{Checked, Setup, check_texts};
use super::trace::Tracer;
use crate::check::{DANGLING_OVERRIDE, FOREIGN_FILE, Finding, RENDERED_STALE, RuleId, Severity};
use crate::confidential::redact_shapes;
use crate::product::{
    EnvironmentEntry, ModelError, ModelWarning, PRODUCT_FILE, ProductTree, Repository,
};
use crate::repo::{Location, OddEntry, RepoPath, Snapshot, SnapshotError, blob_id_in};
use crate::template::{FILES_FOLDER, RenderError, Rendering, render};

/// How many files a finding names.
const NAMED: usize = 5;

/// Checks an environment with or without a product.
pub(super) fn check(
    snapshot: &Snapshot,
    repository: &Repository,
    entry: &EnvironmentEntry,
    setup: &Setup<'_>,
) -> Checked {
    let excerpts = Excerpts::default();
    let mut checked = match ProductTree::load(snapshot, entry) {
        Ok(None) => check_files(snapshot, &entry.path, setup),
        Ok(Some(tree)) => product(snapshot, (repository, entry), (&tree, &excerpts), setup),
        Err(errors) => {
            // What is committed can still be looked at.
            let mut checked = committed(snapshot, (repository, entry), setup);
            checked.findings.extend(errors.iter().map(model_error));
            checked
        }
    };
    checked
        .findings
        .extend(odd_files(snapshot, (repository, entry)));
    add_excerpts(snapshot, &excerpts, &mut checked.findings);
    checked
}

/// The manifests of an environment that cannot be read because of their names: what is
/// applied there is not only what was checked.
fn odd_files(
    snapshot: &Snapshot,
    (repository, entry): (&Repository, &EnvironmentEntry),
) -> Option<Finding> {
    let product = entry.path.join(PRODUCT_FILE);
    let is_product = product.is_ok_and(|file| snapshot.entry(&file).is_some());
    let folders = match is_product {
        true => rendered_folders(repository, entry),
        false => vec![entry.path.clone()],
    };
    let odd: Vec<&OddEntry> = snapshot
        .odd_under(&entry.path)
        .filter(|odd| entry.holds_odd(odd) && odd.is_manifest())
        .filter(|odd| folders.iter().any(|folder| odd.below(folder).is_some()))
        .collect();
    not_checked(&odd)
}

/// One finding for all files that are not checked because of their names.
pub(super) fn not_checked(odd: &[&OddEntry]) -> Option<Finding> {
    let first = odd.first()?;
    let message = match odd.len() {
        1 => "1 file is not checked because of its name".to_owned(),
        many => format!("{many} files are not checked because of their names"),
    };
    let place = Location::new(first.place(), 1, 1);
    let mut finding = Finding::new(RuleId::UNREADABLE, Severity::Warning, place, message);
    for odd in odd.iter().take(NAMED) {
        finding.notes.push(format!("{odd}: {}", odd.reason()));
    }
    if odd.len() > NAMED {
        finding
            .notes
            .push(format!("and {} more", odd.len() - NAMED));
    }
    Some(finding)
}

/// Checks every object in the YAML and JSON files below a folder.
pub(super) fn check_files(snapshot: &Snapshot, folder: &RepoPath, setup: &Setup<'_>) -> Checked {
    let charts = chart_templates(snapshot, folder);
    let wanted = snapshot.under(folder).map(|(path, _)| path).filter(|path| {
        let hidden = path.segments().any(|segment| segment.starts_with('.'));
        is_manifest(path.as_str()) && !hidden && !charts.iter().any(|chart| path.starts_with(chart))
    });
    let (texts, refused) = texts(snapshot, wanted);
    let mut checked = check_texts(&texts, setup);
    checked.findings.extend(refused);
    checked
}

/// The folders of Helm charts that hold Go templates.
fn chart_templates(snapshot: &Snapshot, folder: &RepoPath) -> Vec<RepoPath> {
    let charts = snapshot
        .under(folder)
        .filter(|(path, _)| path.file_name() == Some("Chart.yaml"));
    charts
        .filter_map(|(path, _)| {
            path.parent()
                .unwrap_or_else(RepoPath::root)
                .join("templates")
                .ok()
        })
        .collect()
}

fn texts<'a>(
    snapshot: &'a Snapshot,
    paths: impl Iterator<Item = &'a RepoPath>,
) -> (Vec<(RepoPath, &'a str)>, Vec<Finding>) {
    let mut texts = Vec::new();
    let mut refused = Vec::new();
    for path in paths {
        match snapshot.text(path) {
            Ok(Some(text)) => texts.push((path.clone(), text)),
            Ok(None) => {}
            // A caller that looks at a change has not read what the change leaves alone.
            Err(SnapshotError::NotLoaded { .. }) => {}
            Err(error) => refused.push(unreadable(path, &error)),
        }
    }
    (texts, refused)
}

fn unreadable(path: &RepoPath, error: &SnapshotError) -> Finding {
    let (line, column) = match error {
        SnapshotError::NotUtf8 { line, column, .. } => (*line, *column),
        _ => (1, 1),
    };
    let location = Location::new(path.clone(), line, column);
    // Errors of files begin with the place, which a finding has already.
    let message = error.to_string();
    let message = message
        .strip_prefix(&location.to_string())
        .unwrap_or(&message);
    let message = message.strip_prefix(path.as_str()).unwrap_or(message);
    let message = message.trim_start_matches([':', ' ']).to_owned();
    Finding::new(RuleId::UNREADABLE, Severity::Error, location, message)
}

fn product(
    snapshot: &Snapshot,
    (repository, entry): (&Repository, &EnvironmentEntry),
    (tree, excerpts): (&ProductTree, &Excerpts),
    setup: &Setup<'_>,
) -> Checked {
    let rendering = match render(tree, repository, entry) {
        Ok(rendering) => rendering,
        Err(error) => {
            let mut checked = committed(snapshot, (repository, entry), setup);
            checked.findings.extend(render_errors(&error));
            return checked;
        }
    };
    let foreign = foreign_files(snapshot, (repository, entry), &rendering);
    let mut texts: Vec<(RepoPath, &str)> = rendering
        .files
        .iter()
        .filter(|(_, file)| file.resource.is_some())
        .map(|(path, file)| (path.clone(), file.text.as_str()))
        .collect();
    let (more, refused) = self::texts(
        snapshot,
        foreign.iter().filter(|path| is_manifest(path.as_str())),
    );
    texts.extend(more);
    let mut checked = check_texts(
        &texts,
        &Setup {
            only_objects: true,
            whole: true,
            ..*setup
        },
    );
    checked.findings.extend(refused);
    let tracer = Tracer {
        snapshot,
        tree,
        rendering: &rendering,
        excerpts,
    };
    for finding in &mut checked.findings {
        tracer.trace(finding);
    }
    let elsewhere = tree.unknown_environments(repository);
    let warnings = tree
        .warnings
        .iter()
        .chain(&elsewhere)
        .filter_map(|warning| override_finding(warning, setup));
    checked.findings.extend(warnings);
    checked
        .findings
        .extend(stale(snapshot, repository, &rendering, setup));
    if let Some(severity) = setup.levels.weigh(FOREIGN_FILE, Severity::Warning) {
        let about = |path: RepoPath| {
            let mut finding = Finding::new(
                FOREIGN_FILE,
                severity,
                Location::new(path, 1, 1),
                "this file does not come from the rendering",
            );
            finding
                .notes
                .push("it is checked, but never written, promoted or deleted".to_owned());
            finding
        };
        checked.findings.extend(foreign.into_iter().map(about));
    }
    checked
}

/// The folders that hold rendered files.
fn rendered_folders(repository: &Repository, entry: &EnvironmentEntry) -> Vec<RepoPath> {
    let Some(manifests) = &repository.rendered else {
        return Vec::new();
    };
    let mut folders = vec![entry.path.join_path(manifests)];
    folders.extend(entry.path.join(FILES_FOLDER));
    folders
}

/// The objects as they are committed, where nothing can be rendered.
fn committed(
    snapshot: &Snapshot,
    (repository, entry): (&Repository, &EnvironmentEntry),
    setup: &Setup<'_>,
) -> Checked {
    let Some(manifests) = &repository.rendered else {
        return Checked::default();
    };
    check_files(
        snapshot,
        &entry.path.join_path(manifests),
        &Setup {
            only_objects: true,
            whole: true,
            ..*setup
        },
    )
}

fn foreign_files(
    snapshot: &Snapshot,
    (repository, entry): (&Repository, &EnvironmentEntry),
    rendering: &Rendering,
) -> BTreeSet<RepoPath> {
    let folders = rendered_folders(repository, entry);
    let committed = folders.iter().flat_map(|folder| snapshot.under(folder));
    committed
        .map(|(path, _)| path)
        .filter(|path| !rendering.files.contains_key(*path))
        .cloned()
        .collect()
}

/// One finding for all committed files that differ from the rendering.
fn stale(
    snapshot: &Snapshot,
    repository: &Repository,
    rendering: &Rendering,
    setup: &Setup<'_>,
) -> Option<Finding> {
    let severity = setup.levels.weigh(RENDERED_STALE, Severity::Error)?;
    repository.rendered.as_ref()?;
    let mut differing = Vec::new();
    for (path, file) in &rendering.files {
        match snapshot.bytes(path) {
            Ok(Some(bytes)) if bytes == file.text.as_bytes() => {}
            Ok(Some(bytes)) => {
                differing.push((path, Some(first_difference(bytes, file.text.as_bytes()))))
            }
            Ok(None) => differing.push((path, None)),
            Err(SnapshotError::NotLoaded { .. }) if is_same(snapshot, path, &file.text) => {}
            // Of a file that was not read only its difference is known.
            Err(_) => differing.push((path, Some(1))),
        }
    }
    let (first, line) = differing.first()?;
    let location = match line {
        Some(line) => Location::new((*first).clone(), *line, 1),
        None => rendering.files.get(*first)?.source.clone(),
    };
    let what = match differing.len() {
        1 => "1 committed file is not what this environment renders to".to_owned(),
        many => format!("{many} committed files are not what this environment renders to"),
    };
    let mut finding = Finding::new(RENDERED_STALE, severity, location, what);
    for (path, line) in differing.iter().take(NAMED) {
        finding.notes.push(match line {
            Some(line) => format!("{path} differs from line {line}"),
            None => format!("{path} is missing"),
        });
    }
    if differing.len() > NAMED {
        finding
            .notes
            .push(format!("and {} more", differing.len() - NAMED));
    }
    Some(finding)
}

/// Whether a file that was not read has this text, by its id.
fn is_same(snapshot: &Snapshot, path: &RepoPath, text: &str) -> bool {
    snapshot
        .entry(path)
        .is_some_and(|entry| entry.id == blob_id_in(entry.id.format(), text.as_bytes()))
}

fn first_difference(one: &[u8], other: &[u8]) -> u32 {
    let same = one
        .iter()
        .zip(other)
        .take_while(|(one, other)| one == other)
        .count();
    let lines = one[..same].iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(lines + 1).unwrap_or(u32::MAX)
}

fn model_error(error: &ModelError) -> Finding {
    Finding::new(
        RuleId::MODEL,
        Severity::Error,
        error.location.clone(),
        redact_shapes(&error.problem.to_string()),
    )
}

fn render_errors(error: &RenderError) -> Vec<Finding> {
    let about = |problem: &crate::template::RenderProblem| {
        let component = problem
            .component
            .as_ref()
            .map(|name| format!("component {name}: "))
            .unwrap_or_default();
        let message = format!("{component}{}", problem.cause);
        let message = redact_shapes(&message).into_owned();
        Finding::new(
            RuleId::RENDER,
            Severity::Error,
            problem.location.clone(),
            message,
        )
    };
    error.problems.iter().map(about).collect()
}

fn override_finding(warning: &ModelWarning, setup: &Setup<'_>) -> Option<Finding> {
    let severity = setup.levels.weigh(DANGLING_OVERRIDE, Severity::Warning)?;
    Some(Finding::new(
        DANGLING_OVERRIDE,
        severity,
        warning.location.clone(),
        warning.remark.to_string(),
    ))
}

/// The lines of findings that are about no object, and so about no Secret.
fn add_excerpts(snapshot: &Snapshot, excerpts: &Excerpts, findings: &mut [Finding]) {
    for finding in findings
        .iter_mut()
        .filter(|finding| finding.object.is_none() && finding.excerpt.is_none())
    {
        let shown = matches!(finding.rule, RuleId::MODEL | RuleId::RENDER)
            || finding.rule == DANGLING_OVERRIDE;
        if let Ok(Some(text)) = snapshot.text(&finding.location.path)
            && shown
        {
            finding.excerpt = excerpts.line(text, finding.location.line);
        }
    }
}
