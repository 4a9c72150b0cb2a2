//! The cluster of an environment: connected to, and made sure of by its UID before
//! anything else is asked. Refuses a cluster that `gitops.yaml` says is another one.

use crate::cluster::{Cluster, ClusterError, ConnectError, ConnectOptions};
use crate::product::EnvironmentEntry;

/// Which cluster an environment belongs to, and how to get there.
#[derive(Debug, Clone, Default)]
pub struct LiveRequest {
    /// The environment's name, for messages.
    pub environment: String,
    /// `cluster.context` of its entry.
    pub context: Option<String>,
    /// `cluster.uid` of its entry.
    pub uid: Option<String>,
    /// `cluster.namespace` of its entry.
    pub namespace: Option<String>,
    /// The flags and variables of kubectl; its context and namespace win over the entry's.
    pub connect: ConnectOptions,
}

/// Why nothing can be said about any object.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// No connection could be made ready.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The cluster cannot be asked.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The UID says that this is another cluster.
    #[error(
        "{} is not the cluster of {environment}: its kube-system namespace has the UID {found}, gitops.yaml says {expected}",
        context_or_server(.context.as_deref(), .server)
    )]
    WrongCluster {
        /// The environment.
        environment: String,
        /// The kubeconfig context that was used.
        context: Option<String>,
        /// The server that answered.
        server: String,
        /// The UID in `gitops.yaml`.
        expected: String,
        /// The UID of the cluster.
        found: String,
    },
    /// Another context than the entry's was asked for, and no UID proves that it is the same cluster.
    #[error(
        "context {asked} is not the one of {environment}: gitops.yaml says {expected}, and has no cluster.uid that could show that both are the same cluster"
    )]
    OtherContext {
        /// The environment.
        environment: String,
        /// The context of the flag.
        asked: String,
        /// The context in `gitops.yaml`.
        expected: String,
    },
}

fn context_or_server(context: Option<&str>, server: &str) -> String {
    context.map_or_else(
        || server.to_owned(),
        |context| format!("context {context} ({server})"),
    )
}

impl LiveRequest {
    /// The question to the cluster of an environment.
    #[must_use]
    pub fn of(entry: &EnvironmentEntry, connect: &ConnectOptions) -> Self {
        let cluster = entry.cluster.as_ref();
        Self {
            environment: entry.name.to_string(),
            context: cluster.and_then(|cluster| cluster.context.clone()),
            uid: cluster.and_then(|cluster| cluster.uid.clone()),
            namespace: cluster.and_then(|cluster| cluster.namespace.clone()),
            connect: connect.clone(),
        }
    }
}

/// Connects to the cluster of an environment; its UID where it may be asked.
///
/// # Errors
/// It cannot be asked, or is another one.
pub(super) fn right_cluster(request: &LiveRequest) -> Result<(Cluster, Option<String>), LiveError> {
    let mut connect = request.connect.clone();
    connect.context = connect.context.or_else(|| request.context.clone());
    connect.namespace = connect.namespace.or_else(|| request.namespace.clone());
    let cluster = Cluster::connect(&connect)?;
    let uid = guard(request, &cluster)?;
    Ok((cluster, uid))
}

/// The right cluster, or an error; its UID where it may be asked.
fn guard(request: &LiveRequest, cluster: &Cluster) -> Result<Option<String>, LiveError> {
    if request.uid.is_none()
        && let (Some(asked), Some(expected)) = (&request.connect.context, &request.context)
        && asked != expected
    {
        return Err(LiveError::OtherContext {
            environment: request.environment.clone(),
            asked: asked.clone(),
            expected: expected.clone(),
        });
    }
    match (cluster.uid(), &request.uid) {
        (Ok(found), Some(expected)) if found != *expected => Err(LiveError::WrongCluster {
            environment: request.environment.clone(),
            context: cluster.context().map(str::to_owned),
            server: cluster.server().to_owned(),
            expected: expected.clone(),
            found,
        }),
        (Ok(found), _) => Ok(Some(found)),
        // Without a UID to compare, a right that is missing here is no obstacle.
        (Err(ClusterError::Forbidden { .. }), None) => Ok(None),
        (Err(error), _) => Err(error.into()),
    }
}
