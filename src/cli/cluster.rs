//! kubectl's flags and variables as a connection, and what a cluster's refusal or silence means for a run.

use super::edge::context::Context;
use super::edge::failure::{Failure, FailureKind};
use crate::cluster::{ClusterError, ConnectError, ConnectOptions};
use crate::ops::LiveError;
use crate::ops::validate::{Live, Section};

/// How many objects without an answer are named one by one.
const MOST: usize = 10;

/// How to reach the cluster, by the flags of this run and the environment.
pub(super) fn connect_options(context: &Context) -> ConnectOptions {
    let kube = &context.global.kube;
    let home = context
        .variable("HOME")
        .or_else(|| context.variable("USERPROFILE"));
    ConnectOptions {
        kubeconfig: kube.kubeconfig.clone(),
        kubeconfig_list: context.variable("KUBECONFIG"),
        home: home.map(Into::into),
        context: kube.context.clone(),
        cluster: kube.cluster.clone(),
        user: kube.user.clone(),
        namespace: kube.namespace.clone(),
        impersonate: kube.as_user.clone(),
        impersonate_groups: kube.as_groups.clone(),
        request_timeout: kube.request_timeout,
        interactive: context.ui.is_interactive(),
    }
}

/// Why the cluster was not asked, or gave no answer.
pub(super) fn live_failure(error: LiveError) -> Failure {
    match error {
        LiveError::Connect(error) => connect_failure(error),
        LiveError::Cluster(error) => cluster_failure(error),
        LiveError::WrongCluster { .. } => Failure::new(FailureKind::Refused, error)
            .hint("nothing was asked; choose the right cluster with --context, or correct cluster.uid in gitops.yaml"),
        LiveError::OtherContext { .. } => Failure::new(FailureKind::Refused, error)
            .hint("nothing was asked; leave --context out, or set cluster.uid in gitops.yaml: the UID of the cluster's namespace kube-system"),
    }
}

/// Why pull secrets could not be had.
pub(super) fn pull_secrets_failure(error: LiveError) -> Failure {
    let without = "or go by the logins on this machine: leave --pull-secrets out";
    let first = match &error {
        LiveError::Cluster(ClusterError::Forbidden { .. }) => {
            "--pull-secrets lists the service accounts of the namespace and gets the secrets that they name"
        }
        LiveError::Cluster(ClusterError::Unauthorized { .. }) => {
            "log in to the cluster again, or choose another user with --user"
        }
        LiveError::Cluster(_) => {
            return Failure::new(FailureKind::Unreachable, error).hint(without);
        }
        _ => return live_failure(error),
    };
    Failure::new(FailureKind::Unreachable, error)
        .hint(first)
        .hint(without)
}

fn connect_failure(error: ConnectError) -> Failure {
    let hint = match &error {
        ConnectError::NoKubeconfig { .. } => {
            Some("name a kubeconfig with --kubeconfig or the variable KUBECONFIG".to_owned())
        }
        ConnectError::NoCurrentContext { known, .. } => Some(format!(
            "choose one with --context, or set cluster.context of the environment in gitops.yaml{}",
            those(known)
        )),
        ConnectError::Unknown { what, known, .. } => {
            Some(format!("choose one with --{what}{}", those(known)))
        }
        ConnectError::Credentials { .. } => {
            return Failure::new(FailureKind::Unreachable, error);
        }
        ConnectError::Kubeconfig { .. }
        | ConnectError::Incomplete { .. }
        | ConnectError::Setup { .. } => None,
    };
    let failure = Failure::new(FailureKind::Usage, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn those(known: &[String]) -> String {
    if known.is_empty() {
        return String::new();
    }
    format!("; there are {}", known.join(", "))
}

fn cluster_failure(error: ClusterError) -> Failure {
    let hint = match &error {
        ClusterError::Unauthorized { .. } => {
            "log in to the cluster again, or choose another user with --user"
        }
        ClusterError::Timeout { .. } => "wait longer with --request-timeout",
        ClusterError::Forbidden { .. } => {
            "the right cluster is known by the UID of its namespace kube-system, which this user may not get"
        }
        _ => "nothing is known about any object; leave --live out to check without the cluster",
    };
    Failure::new(FailureKind::Unreachable, error).hint(hint)
}

/// How far the cluster's word reaches, where that is less than a person would think.
pub(super) fn live_remarks(context: &Context, section: &Section) {
    let (Some(live), name) = (&section.live, &section.name) else {
        return;
    };
    let reaches = [
        (
            "shadow",
            "judged in the namespace default, as their own does not exist yet",
        ),
        (
            "local",
            "not judged by the cluster, as they are encrypted or their kind comes with the same files",
        ),
    ];
    for (fidelity, how) in reaches {
        if let Some(objects) = partly(live, fidelity) {
            context.ui.note(&format!("{name}: {how}: {objects}"));
        }
    }
    // A folder belongs to no environment, and so to no cluster.
    if let (false, Some(_), Some(uid)) = (live.proven, &section.commit, &live.uid) {
        context.ui.hint(format!(
            "gitops.yaml does not say for certain which cluster {name} is; this one is known by cluster: {{uid: {uid}}}"
        ));
    }
}

/// The objects of that fidelity: the first few by name.
fn partly(live: &Live, fidelity: &str) -> Option<String> {
    let all = live.partly.iter().filter(|one| one.fidelity == fidelity);
    let mut names: Vec<&str> = all.map(|one| one.object.as_str()).collect();
    let more = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let listed = names.join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(listed),
        (false, more) => Some(format!("{listed} and {more} more")),
    }
}

/// Some objects were not judged: whatever the others came to, the answer is incomplete.
pub(super) fn incomplete(unjudged: &[(String, String)], all: usize) -> Failure {
    let mut lines = format!(
        "the cluster did not judge {} of {all} objects",
        unjudged.len()
    );
    for (object, reason) in unjudged.iter().take(MOST) {
        lines.push_str(&format!("\n{object}: {reason}"));
    }
    if unjudged.len() > MOST {
        lines.push_str(&format!("\n{} more", unjudged.len() - MOST));
    }
    Failure::new(FailureKind::Unreachable, anyhow::Error::msg(lines))
}
