//! The logins that an environment's cluster pulls its images with. Refuses to ask
//! another cluster than the environment's.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::{ConnectOptions, PullSecret};
use crate::git::Selection;
use crate::ops::estate::{Estate, EstateError};
use crate::ops::right_cluster::right_cluster;
use crate::ops::{LiveError, LiveRequest};
use crate::product::EnvironmentState;
use crate::registry::{CredentialDocument, CredentialSource};
use crate::yaml::parse_values;

/// What a pod or a service account names its pull secrets under.
const FIELD: &str = "imagePullSecrets";

/// Why the pull secrets of an environment can't be read.
#[derive(Debug, thiserror::Error)]
pub enum PullSecretsError {
    /// The environment's files can't be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// The cluster can't be asked.
    #[error(transparent)]
    Cluster(#[from] LiveError),
}

/// Logins from a cluster, in the order in which they are tried.
#[derive(Debug)]
pub struct PullSecrets {
    /// The logins.
    pub documents: Vec<CredentialDocument>,
    /// What deserves a look: a secret that is named and not there, or that there is none.
    pub warnings: Vec<String>,
}

/// Reads the pull secrets of an environment's namespace: those of its service accounts,
/// and those that objects in the environment's files name.
///
/// # Errors
/// The cluster cannot be asked, is another one, or does not allow it.
pub fn pull_secrets(
    estate: &Estate,
    state: &EnvironmentState,
    connect: &ConnectOptions,
) -> Result<PullSecrets, PullSecretsError> {
    let named = named_in_files(estate, state)?;
    let request = LiveRequest::of(&state.entry, connect);
    let asked = LiveError::from;
    let (cluster, _) = right_cluster(&request)?;
    let own = cluster.namespace();
    let accounts = cluster.pull_secret_names(own).map_err(asked)?;
    let mut wanted: Vec<(String, String)> = Vec::new();
    let in_accounts = accounts.into_iter().map(|name| (own.to_owned(), name));
    let in_files = named.into_iter().map(|(namespace, name)| {
        let namespace = namespace.unwrap_or_else(|| own.to_owned());
        (namespace, name)
    });
    for secret in in_accounts.chain(in_files) {
        if !wanted.contains(&secret) {
            wanted.push(secret);
        }
    }
    let (mut documents, mut warnings) = (Vec::new(), Vec::new());
    for (namespace, name) in &wanted {
        match cluster.pull_secret(namespace, name).map_err(asked)? {
            Some(secret) => documents.push(document(secret)),
            None => warnings.push(format!(
                "namespace {namespace} has no pull secret {name}, which is named there"
            )),
        }
    }
    if wanted.is_empty() {
        warnings.push(format!(
            "no service account of namespace {own} and no file of {} names a pull secret",
            request.environment
        ));
    }
    Ok(PullSecrets {
        documents,
        warnings,
    })
}

fn document(secret: PullSecret) -> CredentialDocument {
    CredentialDocument {
        source: CredentialSource::Document(format!(
            "secret {} in namespace {}",
            secret.name, secret.namespace
        )),
        config: secret.config,
    }
}

/// Namespaces, where they are written, and names of the pull secrets in an environment's
/// files, the rendered ones among them.
fn named_in_files(
    estate: &Estate,
    state: &EnvironmentState,
) -> Result<BTreeSet<(Option<String>, String)>, EstateError> {
    let under = Selection::under(vec![state.entry.path.clone()], |_| true);
    let files = estate.git.snapshot(&state.commit, &under)?;
    let mut found = BTreeSet::new();
    for (path, _) in files.entries() {
        // Links, binaries and templates hold no objects; whoever validates is told.
        let Ok(Some(text)) = files.text(path) else {
            continue;
        };
        if !text.contains(FIELD) {
            continue;
        }
        for value in parse_values(text).unwrap_or_default() {
            let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str);
            named(&value, namespace, &mut found);
        }
    }
    Ok(found)
}

/// Collects the names below a value, however deep the pod template stands.
fn named(value: &Value, namespace: Option<&str>, found: &mut BTreeSet<(Option<String>, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                if key == FIELD {
                    let secrets = value.as_array().into_iter().flatten();
                    let names = secrets.filter_map(|secret| secret.get("name")?.as_str());
                    found.extend(names.map(|name| (namespace.map(str::to_owned), name.to_owned())));
                } else {
                    named(value, namespace, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, namespace, found)),
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_at_any_depth_with_the_namespace_of_their_object() {
        let text = "kind: CronJob\nmetadata: {namespace: a}\nspec: {jobTemplate: {spec: {template: {spec: {imagePullSecrets: [{name: one}, {}, two]}}}}}\n---\nkind: List\nitems: [{kind: ServiceAccount, imagePullSecrets: [{name: three}]}]\n";
        let mut found = BTreeSet::new();
        for value in parse_values(text).unwrap() {
            let namespace = value.pointer("/metadata/namespace").and_then(Value::as_str);
            named(&value, namespace, &mut found);
        }
        let found: Vec<_> = found.into_iter().collect();
        assert_eq!(
            found,
            [(None, "three".into()), (Some("a".into()), "one".into())]
        );
    }
}
