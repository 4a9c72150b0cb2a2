//! What the cluster itself would say to the objects of an environment.
//!
//! First it is made sure that this is the right cluster; then every object is
//! put to it as a dry run. Nothing is written. What could not be asked is
//! listed apart from what was refused: a dead server is never a finding.

use super::right_cluster::{LiveError, LiveRequest, right_cluster};
use crate::check::{Remark, RuleId, Severity, Subject, Target, Violation, describe};
use crate::cluster::{
    Catalog, Cluster, ClusterError, DryRun, DryRunOptions, Mode, Objection, Proposal, Refusal,
    Verdict,
};
use crate::yaml::Path;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The cluster serves no such kind.
pub const UNKNOWN_KIND: RuleId = RuleId::new("cluster-kind");
/// A namespace that exists neither in the cluster nor in the files.
pub const NO_NAMESPACE: RuleId = RuleId::new("cluster-namespace");
/// The server's decoding or validation refuses it.
pub const REFUSED: RuleId = RuleId::new("cluster-validation");
/// An admission plugin, policy or webhook refuses it.
pub const ADMISSION: RuleId = RuleId::new("admission");
/// Somebody else owns the field.
pub const CONFLICT: RuleId = RuleId::new("field-conflict");
/// The server warns.
pub const WARNING: RuleId = RuleId::new("cluster-warning");

/// Whom the fields of a dry run would belong to.
const FIELD_MANAGER: &str = "kubectl-gitops";
/// How many questions are under way at once.
const PARALLEL: usize = 16;
/// A namespace that every cluster has.
const SHADOW_NAMESPACE: &str = "default";
/// Who deploys what Git says: a field that they own is not contested, they will change it.
const DEPLOYERS: [&str; 7] = [
    FIELD_MANAGER,
    "argocd-application-controller",
    "argocd-controller",
    "helm",
    "helm-controller",
    "kubectl-client-side-apply",
    "kustomize-controller",
];

/// How far the cluster's word about an object reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// It was judged as the apply that deploys it.
    Server,
    /// It was judged as a creation in the namespace `default`: its own does not exist yet.
    Shadow,
    /// Only the offline checks looked at it: its kind comes with the same files, or it is encrypted.
    Local,
    /// Nobody judged it: see [`LiveReport::unjudged`].
    Unjudged,
}

impl Fidelity {
    /// `server`, `shadow`, `local` or `unjudged`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Shadow => "shadow",
            Self::Local => "local",
            Self::Unjudged => "unjudged",
        }
    }
}

/// An object that the cluster said nothing about.
#[derive(Debug, Clone)]
pub struct Unjudged {
    /// Its index among the subjects.
    pub subject: usize,
    /// Why.
    pub reason: String,
}

/// What the cluster said.
#[derive(Debug, Clone)]
pub struct LiveReport {
    /// The kubeconfig context, when there is one.
    pub context: Option<String>,
    /// The address of the API server.
    pub server: String,
    /// The cluster's UID, when it may be asked.
    pub uid: Option<String>,
    /// Whether `gitops.yaml` says which cluster it must be, by UID.
    pub proven: bool,
    /// How far the word about each subject reaches, in their order.
    pub fidelity: Vec<Fidelity>,
    /// What is wrong, by subject.
    pub remarks: Vec<Remark>,
    /// What could not be judged. Not empty: the answer is incomplete.
    pub unjudged: Vec<Unjudged>,
}

/// Puts every object to the environment's cluster.
///
/// # Errors
/// [`LiveError`] when it is not the right cluster or nothing can be asked; single objects that
/// cannot be judged are in the report.
pub fn validate_live(
    request: &LiveRequest,
    subjects: &[Subject<'_>],
) -> Result<LiveReport, LiveError> {
    let (cluster, uid) = right_cluster(request)?;
    let mut report = LiveReport {
        context: cluster.context().map(str::to_owned),
        server: cluster.server().to_owned(),
        uid,
        proven: request.uid.is_some(),
        fidelity: vec![Fidelity::Unjudged; subjects.len()],
        remarks: Vec::new(),
        unjudged: Vec::new(),
    };
    let versions: BTreeSet<&str> = subjects
        .iter()
        .map(|subject| subject.id.api_version.as_str())
        .collect();
    let catalog = cluster.discover(&versions)?;
    Judgement {
        subjects,
        cluster: &cluster,
        catalog: &catalog,
        brought: brought_kinds(subjects),
        report: &mut report,
    }
    .run();
    Ok(report)
}

struct Judgement<'a> {
    subjects: &'a [Subject<'a>],
    cluster: &'a Cluster,
    catalog: &'a Catalog,
    /// apiVersion and kind of what definitions among the subjects bring.
    brought: BTreeSet<[String; 2]>,
    report: &'a mut LiveReport,
}

impl Judgement<'_> {
    fn run(&mut self) {
        let asked: Vec<(usize, Proposal)> = (0..self.subjects.len())
            .filter_map(|index| Some((index, self.proposal(index)?)))
            .collect();
        let homeless = self.ask(asked);
        let shadows: Vec<(usize, Proposal)> = homeless
            .iter()
            .map(|(index, proposal)| {
                let shadow = Proposal {
                    namespace: SHADOW_NAMESPACE.to_owned(),
                    mode: Mode::Shadow,
                    ..proposal.clone()
                };
                (*index, shadow)
            })
            .collect();
        self.missing_namespaces(&homeless);
        self.ask(shadows);
        self.report.remarks.sort_by_key(|remark| remark.subject);
        self.report.unjudged.sort_by_key(|one| one.subject);
    }

    /// How an object is asked about; none when that needs no question.
    fn proposal(&mut self, index: usize) -> Option<Proposal> {
        let subject = &self.subjects[index];
        let (version, kind) = (&subject.id.api_version, &subject.id.kind);
        if subject.value.pointer("/sops/mac").is_some() {
            // The cluster gets it decrypted; as it stands here it would refuse it.
            self.report.fidelity[index] = Fidelity::Local;
            return None;
        }
        if let Some(known) = self.catalog.find(version, kind) {
            let own = subject.id.namespace.as_deref();
            return Some(Proposal {
                kind: known.clone(),
                namespace: own.unwrap_or_else(|| self.cluster.namespace()).to_owned(),
                object: subject.value.clone(),
                mode: if subject.id.name.is_empty() {
                    Mode::Create
                } else {
                    Mode::Apply
                },
            });
        }
        if self.catalog.is_stale(version) {
            let reason = format!("the server behind {version} does not answer the cluster");
            self.report.unjudged.push(Unjudged {
                subject: index,
                reason,
            });
        } else if self.is_brought(index) {
            self.report.fidelity[index] = Fidelity::Local;
        } else {
            let others = self.catalog.versions_of(version, kind);
            let label = (!others.is_empty()).then(|| format!("it has {}", others.join(", ")));
            self.report.fidelity[index] = Fidelity::Server;
            let message = format!("the cluster serves no {kind} of {version}");
            let place = Path::of([if label.is_some() {
                "apiVersion"
            } else {
                "kind"
            }]);
            self.remark(
                index,
                UNKNOWN_KIND,
                Severity::Error,
                (place, message, label),
            );
        }
        None
    }

    fn is_brought(&self, index: usize) -> bool {
        let id = self.subjects[index].id;
        self.brought
            .contains(&[id.api_version.clone(), id.kind.clone()])
    }

    /// Asks and notes the answers; gives back what has no namespace to be asked in.
    fn ask(&mut self, asked: Vec<(usize, Proposal)>) -> Vec<(usize, Proposal)> {
        let options = DryRunOptions {
            field_manager: FIELD_MANAGER.to_owned(),
            parallel: PARALLEL,
        };
        let proposals = asked.iter().map(|(_, proposal)| proposal.clone()).collect();
        let runs = self.cluster.dry_run_all(proposals, &options);
        let mut homeless = Vec::new();
        for ((index, proposal), run) in asked.into_iter().zip(runs) {
            if matches!(run.verdict, Verdict::NoNamespace) && proposal.mode != Mode::Shadow {
                homeless.push((index, proposal));
            } else {
                self.note(index, proposal.mode, run);
            }
        }
        homeless
    }

    fn note(&mut self, index: usize, mode: Mode, run: DryRun) {
        self.report.fidelity[index] = match mode {
            Mode::Apply | Mode::Create => Fidelity::Server,
            Mode::Shadow => Fidelity::Shadow,
        };
        match run.verdict {
            Verdict::Accepted => {}
            Verdict::Refused(objections) => {
                for objection in objections {
                    self.object(index, objection);
                }
            }
            // A right that is missing for a shadow says nothing about the object's own namespace.
            Verdict::NoNamespace | Verdict::Unknown(ClusterError::Forbidden { .. })
                if mode == Mode::Shadow =>
            {
                self.report.fidelity[index] = Fidelity::Local;
            }
            Verdict::NoNamespace => {}
            Verdict::Unknown(error) => {
                self.report.fidelity[index] = Fidelity::Unjudged;
                self.report.unjudged.push(Unjudged {
                    subject: index,
                    reason: error.to_string(),
                });
            }
        }
        for conflict in run.conflicts {
            self.object(index, conflict);
        }
        for warning in run.warnings {
            let said = (Path::of(["kind"]), warning, None);
            self.remark(index, WARNING, Severity::Warning, said);
        }
    }

    fn object(&mut self, index: usize, objection: Objection) {
        let Objection {
            refusal,
            field,
            message,
            manager,
        } = objection;
        let root = self.subjects[index].value;
        let place = describe(root, field.steps());
        let (rule, severity, message) = match refusal {
            Refusal::UnknownField => {
                let above = field.parent().unwrap_or_default();
                let above = describe(root, above.steps());
                let within = if above.is_empty() {
                    String::new()
                } else {
                    format!(" in {above}")
                };
                (
                    RuleId::UNKNOWN_FIELD,
                    Severity::Error,
                    format!("{message}{within}"),
                )
            }
            Refusal::Schema | Refusal::Invalid if place.is_empty() => {
                (REFUSED, Severity::Error, message)
            }
            Refusal::Schema | Refusal::Invalid => {
                (REFUSED, Severity::Error, format!("{place}: {message}"))
            }
            Refusal::Admission => (ADMISSION, Severity::Error, message),
            Refusal::Conflict => {
                let manager = manager.unwrap_or_default();
                // `kubectl apply --server-side` deploys; `kubectl scale` has the same name and a subresource.
                let applied = manager == "kubectl" && !message.contains("subresource");
                if applied || DEPLOYERS.contains(&manager.as_str()) {
                    return;
                }
                let message = format!("{place} was set to another value by {manager:?}");
                (CONFLICT, Severity::Warning, message)
            }
        };
        let shape = matches!(refusal, Refusal::UnknownField | Refusal::Schema);
        if shape && self.is_brought(index) {
            // The cluster went by the definition that it has; these files bring another one.
            let label = Some("by the definition that the cluster has now".to_owned());
            return self.remark(index, rule, Severity::Warning, (field, message, label));
        }
        self.remark(index, rule, severity, (field, message, None));
    }

    fn missing_namespaces(&mut self, homeless: &[(usize, Proposal)]) {
        let brought: BTreeSet<&str> = self
            .subjects
            .iter()
            .filter(|subject| subject.id.kind == "Namespace" && subject.id.api_version == "v1")
            .map(|subject| subject.id.name.as_str())
            .collect();
        let mut missing: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, proposal) in homeless {
            if !brought.contains(proposal.namespace.as_str()) {
                missing.entry(&proposal.namespace).or_default().push(*index);
            }
        }
        for (namespace, users) in missing {
            let Some(&first) = users.first() else {
                continue;
            };
            let count = match users.len() {
                1 => "1 object is".to_owned(),
                count => format!("{count} objects are"),
            };
            let message = format!(
                "namespace {namespace:?} is neither in the cluster nor among these objects; {count} meant for it"
            );
            let own = self.subjects[first].id.namespace.is_some();
            let place = if own {
                Path::of(["metadata", "namespace"])
            } else {
                Path::of(["kind"])
            };
            self.remark(first, NO_NAMESPACE, Severity::Error, (place, message, None));
        }
    }

    fn remark(
        &mut self,
        subject: usize,
        rule: RuleId,
        severity: Severity,
        (path, message, label): (Path, String, Option<String>),
    ) {
        let is_name = rule == RuleId::UNKNOWN_FIELD;
        self.report.remarks.push(Remark {
            absence: false,
            subject,
            severity,
            violation: Violation {
                rule,
                path,
                target: if is_name { Target::Key } else { Target::Value },
                message,
                label,
            },
        });
    }
}

/// The kinds that CustomResourceDefinitions among the objects will bring, as apiVersion and kind.
fn brought_kinds(subjects: &[Subject<'_>]) -> BTreeSet<[String; 2]> {
    let mut kinds = BTreeSet::new();
    for subject in subjects {
        if subject.id.kind != "CustomResourceDefinition"
            || subject.id.group() != "apiextensions.k8s.io"
        {
            continue;
        }
        let text = |pointer: &str| subject.value.pointer(pointer).and_then(Value::as_str);
        let (Some(group), Some(kind)) = (text("/spec/group"), text("/spec/names/kind")) else {
            continue;
        };
        let versions = subject.value.pointer("/spec/versions");
        for version in versions.and_then(Value::as_array).into_iter().flatten() {
            let served = version.get("served").and_then(Value::as_bool) == Some(true);
            if let (true, Some(name)) = (served, version.get("name").and_then(Value::as_str)) {
                kinds.insert([format!("{group}/{name}"), kind.to_owned()]);
            }
        }
    }
    kinds
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::resource::ResourceId;
    use serde_json::json;

    #[test]
    fn a_definition_brings_the_versions_that_it_serves() {
        let value = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "caches.example.com"},
            "spec": {"group": "example.com", "names": {"kind": "Cache"}, "versions": [
                {"name": "v1", "served": true}, {"name": "v1beta1", "served": false},
            ]},
        });
        let id = ResourceId::of(&value).unwrap();
        let subject = Subject {
            id: &id,
            value: &value,
            namespace: None,
            cluster_scoped: true,
        };
        let kinds = brought_kinds(&[subject]);
        let expected = ["example.com/v1".to_owned(), "Cache".to_owned()];
        assert_eq!(kinds, BTreeSet::from([expected]));
    }

    #[test]
    fn the_wrong_cluster_is_named_by_both_identities() {
        let error = LiveError::WrongCluster {
            environment: "prod".into(),
            context: Some("staging-eu".into()),
            server: "https://api.example.com".into(),
            expected: "1111".into(),
            found: "2222".into(),
        };
        let text = error.to_string();
        for part in [
            "prod",
            "staging-eu",
            "https://api.example.com",
            "1111",
            "2222",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
}
