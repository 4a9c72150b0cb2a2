//! The identity of a Kubernetes object.

use std::fmt;

use serde_json::Value;

/// `apiVersion`, `kind`, `namespace` and `name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Group and version: `apps/v1`, or `v1` for the core group.
    pub api_version: String,
    /// `Deployment`.
    pub kind: String,
    /// The namespace, when the object names one.
    pub namespace: Option<String>,
    /// The name; empty when the server is asked to make one.
    pub name: String,
}

impl ResourceId {
    /// Reads the identity of a value that has `apiVersion` and `kind`.
    pub fn of(value: &Value) -> Option<Self> {
        let metadata = value.get("metadata");
        let field =
            |name: &str| text(metadata.and_then(|metadata| metadata.get(name))).map(str::to_owned);
        Some(ResourceId {
            api_version: text(value.get("apiVersion"))?.to_owned(),
            kind: text(value.get("kind"))?.to_owned(),
            namespace: field("namespace"),
            name: field("name").unwrap_or_default(),
        })
    }

    /// The API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// The version without its group.
    pub fn version(&self) -> &str {
        self.api_version
            .split_once('/')
            .map_or(&self.api_version, |(_, version)| version)
    }

    /// The same object whatever its version: `apps/v1` and `apps/v1beta1` are
    /// two views of one Deployment. `namespace` stands for a missing one.
    pub fn object_key(&self, namespace: Option<&str>) -> (String, String, Option<String>, String) {
        let namespace = self.namespace.as_deref().or(namespace).map(str::to_owned);
        (
            self.group().to_owned(),
            self.kind.clone(),
            namespace,
            self.name.clone(),
        )
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

impl fmt::Display for ResourceId {
    /// `Deployment shop/cart`, or `Deployment cart` without a namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        match (&self.namespace, self.name.as_str()) {
            (_, "") => Ok(()),
            (Some(namespace), name) => write!(f, " {namespace}/{name}"),
            (None, name) => write!(f, " {name}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_identity_is_read_and_written_for_people() {
        let value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"}});
        let id = ResourceId::of(&value).unwrap();
        assert_eq!(id.to_string(), "Deployment shop/cart");
        assert_eq!((id.group(), id.version()), ("apps", "v1"));
        let core = ResourceId::of(
            &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        )
        .unwrap();
        assert_eq!((core.group(), core.version()), ("", "v1"));
        assert_eq!(ResourceId::of(&json!({"kind": "Deployment"})), None);
        assert_eq!(
            ResourceId::of(&json!({"kind": 3, "apiVersion": "v1"})),
            None
        );
    }
}
