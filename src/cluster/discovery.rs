//! Which kinds a cluster serves, and under which paths.

use super::client::{Ask, Cluster, Link, segment};
use super::error::ClusterError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Newer servers answer with everything at once; older ones ignore the first two.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// How objects of one kind are addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKind {
    /// `v1`, `apps/v1`, …
    pub api_version: String,
    /// `Deployment`, …
    pub kind: String,
    /// `deployments`, …
    pub plural: String,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

impl ApiKind {
    /// The path of the collection; `namespace` is left out for kinds outside namespaces.
    pub(super) fn collection(&self, namespace: &str) -> String {
        let root = root_of(&self.api_version);
        if self.namespaced {
            format!("{root}/namespaces/{}/{}", segment(namespace), self.plural)
        } else {
            format!("{root}/{}", self.plural)
        }
    }
}

fn root_of(api_version: &str) -> String {
    if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    }
}

/// The kinds that a cluster serves.
#[derive(Debug, Default)]
pub struct Catalog {
    kinds: BTreeMap<(String, String), ApiKind>,
    stale: BTreeSet<String>,
}

impl Catalog {
    /// The kind, when the cluster serves it under exactly this version.
    #[must_use]
    pub fn find(&self, api_version: &str, kind: &str) -> Option<&ApiKind> {
        self.kinds.get(&(api_version.to_owned(), kind.to_owned()))
    }

    /// The versions under which the cluster serves a kind of this group.
    #[must_use]
    pub fn versions_of(&self, api_version: &str, kind: &str) -> Vec<&str> {
        let group = group_of(api_version);
        self.kinds
            .values()
            .filter(|known| known.kind == kind && group_of(&known.api_version) == group)
            .map(|known| known.api_version.as_str())
            .collect()
    }

    /// Whether the cluster could not say what it serves under this version (a dead aggregated API server).
    #[must_use]
    pub fn is_stale(&self, api_version: &str) -> bool {
        self.stale.contains(api_version)
    }

    fn add(&mut self, api_version: &str, resource: &Value, names: [&str; 3]) {
        let [plural, kind, scope] = names.map(|name| resource.pointer(name));
        let (Some(plural), Some(kind)) =
            (plural.and_then(Value::as_str), kind.and_then(Value::as_str))
        else {
            return;
        };
        // The old lists have subresources among the resources.
        if plural.contains('/') || kind.is_empty() {
            return;
        }
        let namespaced = match scope {
            Some(Value::Bool(namespaced)) => *namespaced,
            Some(Value::String(scope)) => scope == "Namespaced",
            _ => false,
        };
        let known = ApiKind {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            namespaced,
        };
        self.kinds
            .insert((api_version.to_owned(), kind.to_owned()), known);
    }

    fn add_aggregated(&mut self, list: &Value) {
        for group in array(list, "/items") {
            let name = group.pointer("/metadata/name").and_then(Value::as_str);
            for version in array(group, "/versions") {
                let Some(version_name) = version.get("version").and_then(Value::as_str) else {
                    continue;
                };
                let api_version = match name.unwrap_or_default() {
                    "" => version_name.to_owned(),
                    group => format!("{group}/{version_name}"),
                };
                if version.get("freshness").and_then(Value::as_str) == Some("Stale") {
                    self.stale.insert(api_version.clone());
                }
                for resource in array(version, "/resources") {
                    let names = ["/resource", "/responseKind/kind", "/scope"];
                    self.add(&api_version, resource, names);
                }
            }
        }
    }
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn array<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

impl Cluster {
    /// Asks what the cluster serves: one question for the core, one for all groups.
    ///
    /// `needed` are the versions (`apps/v1`, …) that the caller asks about:
    /// servers before Kubernetes 1.27 are asked for each of them.
    ///
    /// # Errors
    /// [`ClusterError`] when the server cannot be asked.
    pub fn discover(&self, needed: &BTreeSet<&str>) -> Result<Catalog, ClusterError> {
        self.runtime.block_on(discover(&self.link, needed))
    }
}

async fn discover(link: &Link, needed: &BTreeSet<&str>) -> Result<Catalog, ClusterError> {
    let mut catalog = Catalog::default();
    for root in ["/api", "/apis"] {
        let what = "discovery";
        let ask = Ask {
            headers: &[("accept", AGGREGATED)],
            ..Ask::get(root, what)
        };
        let reply = link.send(&ask).await?;
        if reply.status != 200 {
            return Err(link.failure(&reply, what));
        }
        let list = link.json(&reply, what)?;
        if list.get("kind").and_then(Value::as_str) != Some("APIGroupDiscoveryList") {
            return discover_one_by_one(link, needed).await;
        }
        catalog.add_aggregated(&list);
    }
    Ok(catalog)
}

async fn discover_one_by_one(
    link: &Link,
    needed: &BTreeSet<&str>,
) -> Result<Catalog, ClusterError> {
    let mut catalog = Catalog::default();
    for api_version in needed {
        let what = format!("discovery of {api_version}");
        let path = root_of(
            &api_version
                .split('/')
                .map(segment)
                .collect::<Vec<_>>()
                .join("/"),
        );
        let reply = link.send(&Ask::get(&path, &what)).await?;
        match reply.status {
            200 => {
                let list = link.json(&reply, &what)?;
                for resource in array(&list, "/resources") {
                    catalog.add(api_version, resource, ["/name", "/kind", "/namespaced"]);
                }
            }
            404 => {}
            503 => {
                catalog.stale.insert((*api_version).to_owned());
            }
            _ => return Err(link.failure(&reply, &what)),
        }
    }
    Ok(catalog)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_aggregated_answer_is_read_with_its_stale_groups() {
        let mut catalog = Catalog::default();
        catalog.add_aggregated(&json!({"items": [
            {"metadata": {}, "versions": [{"version": "v1", "resources": [
                {"resource": "namespaces", "responseKind": {"kind": "Namespace"}, "scope": "Cluster"},
                {"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced"},
            ]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [
                {"version": "v1beta1", "freshness": "Stale", "resources": []},
            ]},
        ]}));
        let pod = catalog.find("v1", "Pod").unwrap();
        assert_eq!(pod.collection("shop"), "/api/v1/namespaces/shop/pods");
        let namespace = catalog.find("v1", "Namespace").unwrap();
        assert_eq!(namespace.collection("shop"), "/api/v1/namespaces");
        assert!(catalog.is_stale("metrics.k8s.io/v1beta1"));
        assert!(catalog.find("v2", "Pod").is_none());
        assert_eq!(catalog.versions_of("v2", "Pod"), ["v1"]);
    }
}
