//! What can keep a cluster from being asked, apart from what it answers about an object.

use std::path::PathBuf;

/// Why no connection could be made ready. None of these says anything about the cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no kubeconfig where one was looked for.
    #[error("no kubeconfig found ({})", list(.looked))]
    NoKubeconfig {
        /// The files that were looked for.
        looked: Vec<PathBuf>,
    },
    /// A kubeconfig file cannot be read or understood.
    #[error("kubeconfig {}: {problem}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The kubeconfig files are readable but contradict each other or lack something.
    #[error("kubeconfig ({}): {problem}", list(.files))]
    Incomplete {
        /// The files.
        files: Vec<PathBuf>,
        /// What is wrong with them.
        problem: String,
    },
    /// No context was named and the kubeconfig has no current one.
    #[error("kubeconfig ({}) has no current context", list(.files))]
    NoCurrentContext {
        /// The files.
        files: Vec<PathBuf>,
        /// The contexts that exist.
        known: Vec<String>,
    },
    /// A context, cluster or user of that name does not exist.
    #[error("kubeconfig ({}) has no {what} {name:?}", list(.files))]
    Unknown {
        /// `context`, `cluster` or `user`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        known: Vec<String>,
        /// The files.
        files: Vec<PathBuf>,
    },
    /// The credentials of the user could not be had.
    #[error("no credentials for cluster {server}: {problem}")]
    Credentials {
        /// The address of the API server.
        server: String,
        /// What went wrong.
        problem: String,
    },
    /// The process has no means to connect.
    #[error("cannot prepare a connection to {server}: {problem}")]
    Setup {
        /// The address of the API server.
        server: String,
        /// What went wrong.
        problem: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join(", ")
}

/// Why a question to the cluster has no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No connection, or it broke.
    #[error("cannot reach the API server {server}: {problem}")]
    Unreachable {
        /// The address of the API server.
        server: String,
        /// What went wrong.
        problem: String,
    },
    /// No answer in time.
    #[error("the API server {server} did not answer {what} within {seconds} s")]
    Timeout {
        /// The address of the API server.
        server: String,
        /// The request.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// The server does not know who asks (401).
    #[error("the API server {server} does not accept the credentials: {message}")]
    Unauthorized {
        /// The address of the API server.
        server: String,
        /// What it said.
        message: String,
    },
    /// The user may not ask this (403).
    #[error("not allowed: {message}")]
    Forbidden {
        /// What the server said.
        message: String,
    },
    /// The server, or something that it depends on, failed.
    #[error("the API server answered {status} to {what}: {message}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// The request.
        what: String,
        /// What it said.
        message: String,
    },
    /// The answer is not what the Kubernetes API describes.
    #[error("the answer of {server} to {what} cannot be understood: {problem}")]
    Malformed {
        /// The address of the API server.
        server: String,
        /// The request.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}
