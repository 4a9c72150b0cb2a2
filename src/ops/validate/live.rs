//! The cluster's word among the other findings: asked once per environment,
//! placed in the same files, never said twice.

use serde::Serialize;

use super::excerpts::Excerpts;
use super::objects::finding;
use crate::check::{Finding, RuleId, Severity, Subject};
use crate::ops::{
    ADMISSION, CONFLICT, Fidelity, LiveError, LiveReport, LiveRequest, REFUSED, WARNING,
    validate_live,
};
use crate::resource::Resource;

/// What the cluster was asked, and how far its word reaches.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// The kubeconfig context; none inside a pod.
    pub context: Option<String>,
    /// The address of the API server.
    pub server: String,
    /// The UID of the namespace kube-system, where it may be asked.
    pub uid: Option<String>,
    /// Whether `gitops.yaml` has that UID, so that this is the right cluster beyond doubt.
    pub proven: bool,
    /// The objects that were not judged as the apply that deploys them.
    pub partly: Vec<Partly>,
    /// The objects that the cluster did not judge. Not empty: the verdict is incomplete.
    pub unjudged: Vec<NotJudged>,
}

/// An object about which the cluster's word reaches less far.
#[derive(Clone, Debug, Serialize)]
pub struct Partly {
    /// The object.
    pub object: String,
    /// `shadow`: judged in another namespace, its own does not exist yet.
    /// `local`: only checked without the cluster.
    pub fidelity: &'static str,
}

/// An object that the cluster did not judge.
#[derive(Clone, Debug, Serialize)]
pub struct NotJudged {
    /// The object.
    pub object: String,
    /// Why.
    pub reason: String,
}

/// The answer, with the findings that `known` has not yet.
pub(super) fn ask(
    request: &LiveRequest,
    resources: &[&Resource],
    known: &[Finding],
    excerpts: &Excerpts,
) -> Result<(Live, Vec<Finding>), LiveError> {
    let subjects: Vec<Subject<'_>> = resources
        .iter()
        .map(|one| Subject {
            id: &one.id,
            value: &one.value,
            namespace: one.id.namespace.as_deref(),
            // The cluster knows; nothing of what follows asks.
            cluster_scoped: false,
        })
        .collect();
    let mut report = validate_live(request, &subjects)?;
    let mut findings = Vec::new();
    for remark in std::mem::take(&mut report.remarks) {
        let one = resources[remark.subject];
        let new = finding(one, remark.severity, remark.violation, excerpts);
        if !known.iter().any(|other| is_same(other, &new)) {
            findings.push(new);
        }
    }
    Ok((summary(report, resources), findings))
}

/// Whether the offline checks said it already: the same field of the same object is wrong.
fn is_same(known: &Finding, new: &Finding) -> bool {
    let about_shape = new.rule == RuleId::UNKNOWN_FIELD || new.rule == REFUSED;
    about_shape
        && known.severity == Severity::Error
        && known.object == new.object
        && !new.path.is_root()
        && (known.path == new.path || known.path.parent().as_ref() == Some(&new.path))
        && known.location.path == new.location.path
}

/// Whether a rule has many messages: two of them at one place are two findings.
pub(super) fn has_own_words(rule: RuleId) -> bool {
    [ADMISSION, CONFLICT, REFUSED, WARNING].contains(&rule)
}

fn summary(report: LiveReport, resources: &[&Resource]) -> Live {
    let name = |index: usize| resources[index].id.to_string();
    let partly = report
        .fidelity
        .iter()
        .enumerate()
        .filter(|(_, fidelity)| matches!(fidelity, Fidelity::Shadow | Fidelity::Local))
        .map(|(index, fidelity)| Partly {
            object: name(index),
            fidelity: fidelity.as_str(),
        })
        .collect();
    let unjudged = report
        .unjudged
        .into_iter()
        .map(|one| NotJudged {
            object: name(one.subject),
            reason: one.reason,
        })
        .collect();
    Live {
        context: report.context,
        server: report.server,
        uid: report.uid,
        proven: report.proven,
        partly,
        unjudged,
    }
}
