//! Checking the objects of a set of files: parse, shape, names, rules.
//!
//! Knows nothing about environments; says where every finding stands in the
//! files that it was given.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::excerpts::Excerpts;
use super::live::{self, Live};
use super::parallel::in_parallel;
use crate::check::{
    Finding, Kind, Levels, Remark, RuleId, Scene, SchemaSet, Scope, Severity, Subject, Target,
    Violation, WalkOptions, check_addresses, check_names, identify, run_rules, walk,
};
use crate::confidential::redact_shapes;
use crate::ops::{LiveError, LiveRequest};
use crate::repo::RepoPath;
use crate::resource::{
    Place, Problem, ProblemKind, Reading, Resource, is_client_side, patch_paths, read_resources,
};
use crate::schema::{add_crd, forbidden_words, is_crd};
use crate::yaml::Path;

/// How objects are checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup<'a> {
    /// The built-in kinds, and those that a person brought along.
    pub(super) schemas: &'a Arc<SchemaSet>,
    /// What is done with each rule's findings.
    pub(super) levels: &'a Levels,
    /// Where objects live that do not say it.
    pub(super) namespace: Option<&'a str>,
    /// Whether a document that is no object is a finding.
    pub(super) only_objects: bool,
    /// Whether the files are all there is, so that an absence says something.
    pub(super) whole: bool,
    /// The cluster to be asked, too.
    pub(super) live: Option<&'a LiveRequest>,
}

/// What became of a set of files.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    pub(super) resources: Vec<Resource>,
    /// Documents that are no objects and were left alone.
    pub(super) other_documents: usize,
    /// What the cluster said, when it was asked.
    pub(super) live: Option<Result<Live, LiveError>>,
}

/// Checks every object in the texts of files.
pub(super) fn check_texts(texts: &[(RepoPath, &str)], setup: &Setup<'_>) -> Checked {
    let readings = in_parallel(texts, |(path, text)| read_resources(path, text));
    let mut checked = Checked::default();
    let excerpts = Excerpts::default();
    let partial = parts_of_objects(&readings);
    for (reading, (_, text)) in readings.into_iter().zip(texts) {
        for problem in &reading.problems {
            match problem_finding(problem, (text, &excerpts), setup.only_objects) {
                Some(finding) => checked.findings.push(finding),
                None => checked.other_documents += 1,
            }
        }
        checked.resources.extend(reading.resources);
    }
    checked.resources.retain(|one| !is_client_side(&one.id));
    let schemas = with_custom_kinds(setup, &mut checked, &excerpts);
    let shapes = in_parallel(&checked.resources, |one| {
        let options = WalkOptions {
            partial: partial.contains(one.path()),
        };
        shape(&schemas, setup.levels, one, options)
    });
    for (one, violations) in checked.resources.iter().zip(shapes) {
        checked.findings.extend(
            violations
                .into_iter()
                .map(|(severity, violation)| finding(one, severity, violation, &excerpts)),
        );
    }
    let whole: Vec<&Resource> = checked
        .resources
        .iter()
        .filter(|one| !partial.contains(one.path()))
        .collect();
    checked
        .findings
        .extend(rules(&schemas, &whole, setup, &excerpts));
    if let Some(request) = setup.live {
        let answer = live::ask(request, &whole, &checked.findings, &excerpts);
        checked.live = Some(answer.map(|(live, findings)| {
            checked.findings.extend(findings);
            live
        }));
    }
    checked
        .findings
        .sort_by(|a, b| (&a.location, a.rule, &a.message).cmp(&(&b.location, b.rule, &b.message)));
    checked
}

/// The files that kustomizations among the documents apply as patches.
fn parts_of_objects(readings: &[Reading]) -> BTreeSet<RepoPath> {
    let all = readings.iter().flat_map(|reading| &reading.resources);
    let kustomizations = all.filter(|one| one.id.group() == "kustomize.config.k8s.io");
    kustomizations
        .flat_map(|one| {
            patch_paths(
                &one.path().parent().unwrap_or_else(RepoPath::root),
                &one.value,
            )
        })
        .collect()
}

fn problem_finding(
    problem: &Problem,
    (text, excerpts): (&str, &Excerpts),
    only_objects: bool,
) -> Option<Finding> {
    let (rule, message) = match &problem.kind {
        ProblemKind::Yaml(kind) => (RuleId::SYNTAX, kind.to_string()),
        ProblemKind::NotAResource { missing } if only_objects => (
            RuleId::NOT_A_RESOURCE,
            format!("this is no Kubernetes object: it has no {missing}"),
        ),
        ProblemKind::NotAResource { .. } => return None,
    };
    let mut finding = Finding::new(
        rule,
        Severity::Error,
        problem.place.location.clone(),
        redact_shapes(&message).into_owned(),
    );
    finding.width = problem.place.width;
    // What cannot be read may still be a Secret.
    if !text.contains("Secret") {
        finding.excerpt = excerpts.line(text, problem.place.location.line);
    }
    Some(finding)
}

/// The given kinds, and those that the objects themselves define.
fn with_custom_kinds(
    setup: &Setup<'_>,
    checked: &mut Checked,
    excerpts: &Excerpts,
) -> Arc<SchemaSet> {
    let mut set: Option<SchemaSet> = None;
    for one in checked.resources.iter().filter(|one| is_crd(&one.value)) {
        let set = set.get_or_insert_with(|| SchemaSet::on(Arc::clone(setup.schemas)));
        if let Err(error) = add_crd(set, &one.value) {
            let violation = Violation {
                rule: RuleId::CUSTOM_KIND,
                path: Path::of(["spec"]),
                target: Target::Key,
                message: error.to_string(),
                label: None,
            };
            checked
                .findings
                .push(finding(one, Severity::Error, violation, excerpts));
        }
    }
    set.map_or_else(|| Arc::clone(setup.schemas), Arc::new)
}

fn shape(
    schemas: &SchemaSet,
    levels: &Levels,
    one: &Resource,
    options: WalkOptions,
) -> Vec<(Severity, Violation)> {
    let mut out: Vec<(Severity, Violation)> = Vec::new();
    match identify(schemas, &one.id) {
        // SOPS encrypts values in place and adds a field of its own.
        Ok(_) if is_encrypted(&one.value) => {}
        Ok(kind) => {
            out.extend(check_addresses(&one.id.kind, one.id.group(), &one.value));
            if is_crd(&one.value) {
                let words = forbidden_words(&one.value).into_iter();
                out.extend(words.map(|violation| (Severity::Error, violation)));
            }
            if let Some(schema) = schemas.definition(&kind.definition) {
                let violations = walk(schemas, schema, &one.value, options);
                out.extend(
                    violations
                        .into_iter()
                        .map(|violation| (Severity::Error, violation)),
                );
            }
        }
        Err((severity, violation)) => {
            let severity = levels.weigh(violation.rule, severity);
            out.extend(severity.map(|severity| (severity, violation)));
        }
    }
    if !options.partial {
        let names = check_names(&one.id.kind, one.id.group(), &one.value);
        out.extend(
            names
                .into_iter()
                .map(|violation| (Severity::Error, violation)),
        );
    }
    out
}

fn is_encrypted(value: &Value) -> bool {
    value.get("sops").and_then(|sops| sops.get("mac")).is_some()
}

fn rules(
    schemas: &SchemaSet,
    resources: &[&Resource],
    setup: &Setup<'_>,
    excerpts: &Excerpts,
) -> Vec<Finding> {
    // Where absences say nothing, several environments may lie side by side:
    // only objects of one folder belong together.
    let mut scenes: BTreeMap<Option<RepoPath>, Vec<&Resource>> = BTreeMap::new();
    for one in resources {
        let folder = if setup.whole {
            None
        } else {
            one.path().parent()
        };
        scenes.entry(folder).or_default().push(one);
    }
    let mut out = Vec::new();
    for resources in scenes.values() {
        let subjects: Vec<Subject<'_>> = resources
            .iter()
            .map(|one| subject(schemas, one, setup.namespace))
            .collect();
        let scene = Scene {
            subjects: &subjects,
            whole: setup.whole,
        };
        for Remark {
            subject,
            severity,
            violation,
            ..
        } in run_rules(&scene, setup.levels)
        {
            let one = resources[subject];
            out.push(finding(one, severity, violation, excerpts));
        }
    }
    out
}

fn subject<'a>(schemas: &SchemaSet, one: &'a Resource, namespace: Option<&'a str>) -> Subject<'a> {
    let kind: Option<&Kind> = schemas.kind(&one.id.api_version, &one.id.kind);
    let cluster_scoped = kind.is_some_and(|kind| kind.scope == Some(Scope::Cluster));
    let namespace = if cluster_scoped {
        None
    } else {
        one.id.namespace.as_deref().or(namespace)
    };
    Subject {
        id: &one.id,
        value: &one.value,
        namespace,
        cluster_scoped,
    }
}

/// A violation with its place in the file, without what must not be shown.
pub(super) fn finding(
    one: &Resource,
    severity: Severity,
    violation: Violation,
    excerpts: &Excerpts,
) -> Finding {
    let Place { location, width } = one.place(&violation.path, violation.target == Target::Key);
    let excerpt = excerpts.line_of(one, &violation.path, location.line);
    let shown = |text: &str| excerpts.message(one, text);
    Finding {
        rule: violation.rule,
        severity,
        object: Some(one.id.clone()),
        path: violation.path,
        location,
        width,
        message: shown(&violation.message),
        label: violation.label.as_deref().map(shown),
        others: Vec::new(),
        rendered: None,
        notes: Vec::new(),
        excerpt,
    }
}
