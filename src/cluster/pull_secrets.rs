//! The logins that a cluster pulls images with: the pull secrets of a namespace, asked
//! for by name. Refuses to list Secrets, and to print what one holds.

use std::fmt;

use base64::Engine as _;
use serde_json::{Value, json};

use super::client::{Cluster, Link, segment};
use super::error::ClusterError;

/// What a pull secret holds.
#[derive(Clone)]
pub struct PullSecret {
    /// Where it is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Logins by registry, as a Docker configuration file has them.
    pub config: Value,
}

impl fmt::Debug for PullSecret {
    /// Its logins are left out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PullSecret({}/{})", self.namespace, self.name)
    }
}

impl Cluster {
    /// The names of the pull secrets of a namespace's service accounts, those of the
    /// one that pods have by default first.
    ///
    /// # Errors
    /// [`ClusterError`] when the server cannot be asked or does not allow it.
    pub fn pull_secret_names(&self, namespace: &str) -> Result<Vec<String>, ClusterError> {
        let path = format!("/api/v1/namespaces/{}/serviceaccounts", segment(namespace));
        let what = format!("service accounts of namespace {namespace}");
        let reply = self.runtime.block_on(self.link.get(&path, &what))?;
        let list = self.link.json(&reply, &what)?;
        let accounts = list.get("items").and_then(Value::as_array);
        let mut accounts: Vec<&Value> = accounts.into_iter().flatten().collect();
        let name = |account: &Value| {
            let name = account.pointer("/metadata/name").and_then(Value::as_str);
            name.unwrap_or_default().to_owned()
        };
        accounts.sort_by_key(|account| (name(account) != "default", name(account)));
        let mut names = Vec::new();
        for secret in accounts.into_iter().flat_map(named) {
            if !names.contains(&secret) {
                names.push(secret);
            }
        }
        Ok(names)
    }

    /// A pull secret; `None` where there is no such secret or it is of another kind:
    /// the kubelet goes on without it, too.
    ///
    /// # Errors
    /// [`ClusterError`] when the server cannot be asked or does not allow it.
    pub fn pull_secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<PullSecret>, ClusterError> {
        let path = format!(
            "/api/v1/namespaces/{}/secrets/{}",
            segment(namespace),
            segment(name)
        );
        let what = format!("secret {name} in namespace {namespace}");
        let reply = match self.runtime.block_on(self.link.get(&path, &what)) {
            Err(ClusterError::Failed { status: 404, .. }) => return Ok(None),
            other => other?,
        };
        let config = config(&self.link, &reply.body, &what)?;
        Ok(config.map(|config| PullSecret {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            config,
        }))
    }
}

/// The names in `imagePullSecrets` of a service account or a pod.
fn named(holder: &Value) -> Vec<String> {
    let secrets = holder.get("imagePullSecrets").and_then(Value::as_array);
    let name = |secret: &Value| secret.get("name")?.as_str().map(str::to_owned);
    secrets.into_iter().flatten().filter_map(name).collect()
}

/// The configuration in a Secret. Errors quote nothing of it.
fn config(link: &Link, body: &[u8], what: &str) -> Result<Option<Value>, ClusterError> {
    let unreadable = |problem: &str| link.malformed(what, problem);
    let secret: Value = serde_json::from_slice(body).map_err(|_| unreadable("it is no JSON"))?;
    let (key, whole) = match secret.get("type").and_then(Value::as_str) {
        Some("kubernetes.io/dockerconfigjson") => (".dockerconfigjson", true),
        Some("kubernetes.io/dockercfg") => (".dockercfg", false),
        _ => return Ok(None),
    };
    let data = secret.get("data").and_then(|data| data.get(key));
    let text = data.and_then(Value::as_str).unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(text);
    let parsed = decoded
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let Some(config) = parsed else {
        return Err(unreadable(&format!("its {key} is no JSON")));
    };
    Ok(Some(if whole {
        config
    } else {
        json!({ "auths": config })
    }))
}
