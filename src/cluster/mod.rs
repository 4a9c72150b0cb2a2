//! Adapter: the Kubernetes API server.
//!
//! A [`Cluster`] is connected to as kubectl connects: the same kubeconfig
//! files, contexts, credential plugins and impersonation. It tells which
//! cluster it is ([`Cluster::uid`]), which kinds it serves
//! ([`Cluster::discover`]), what it would say to objects
//! ([`Cluster::dry_run_all`]) and which logins it pulls images with
//! ([`Cluster::pull_secret`]).
//!
//! This room never writes: every request is a read or carries `dryRun=All`.
//! Functions block; what runs at the same time inside stays inside. Values that
//! must not be shown, and whatever was sent as a credential, are taken out of
//! everything the server says before it leaves this room; a [`PullSecret`] holds
//! logins and does not print them.

mod client;
mod credentials;
mod discovery;
mod dry_run;
mod error;
mod field;
mod kubeconfig;
mod plugin;
mod pull_secrets;
mod session;
mod verdict;

pub use client::Cluster;
pub use discovery::{ApiKind, Catalog};
pub use dry_run::{DryRun, DryRunOptions, Mode, Proposal};
pub use error::{ClusterError, ConnectError};
pub use kubeconfig::ConnectOptions;
pub use pull_secrets::PullSecret;
pub use verdict::{Objection, Refusal, Verdict};
