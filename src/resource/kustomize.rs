//! Kustomize's files among others: which documents only tools read, and which
//! files hold parts of objects.

use serde_json::Value;

use super::id::ResourceId;
use crate::repo::RepoPath;

/// Whether a document with `apiVersion` and `kind` is read by a tool on this
/// side and never sent to a cluster: kustomizations, this tool's own files.
pub fn is_client_side(id: &ResourceId) -> bool {
    match id.group() {
        "kustomize.config.k8s.io"
        | "kubectl-gitops"
        | "config.kubernetes.io"
        | "client.authentication.k8s.io" => true,
        "" => matches!(
            (id.api_version.as_str(), id.kind.as_str()),
            ("builtin", _) | ("v1", "Config")
        ),
        _ => false,
    }
}

/// The files that a kustomization in `folder` applies as patches: they hold
/// parts of objects only.
pub fn patch_paths(folder: &RepoPath, kustomization: &Value) -> Vec<RepoPath> {
    let list = |field: &str| {
        kustomization
            .get(field)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let named = list("patches")
        .chain(list("patchesJson6902"))
        .filter_map(|patch| patch.get("path")?.as_str());
    let merged = list("patchesStrategicMerge")
        .filter_map(Value::as_str)
        .filter(|text| !text.contains('\n'));
    named
        .chain(merged)
        .filter_map(|path| below(folder, path))
        .collect()
}

/// `folder/../base/x.yaml` without its detours; `None` when it leads out of the tree.
fn below(folder: &RepoPath, relative: &str) -> Option<RepoPath> {
    let mut segments: Vec<&str> = folder.segments().collect();
    for segment in relative.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            other => segments.push(other),
        }
    }
    segments.join("/").parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patches_are_found_in_both_spellings() {
        let kustomization = json!({
            "resources": ["deployment.yaml"],
            "patches": [{"path": "replicas.yaml"}, {"patch": "- op: remove"}, {"path": "../../../out.yaml"}],
            "patchesStrategicMerge": ["../patches/memory.yaml", "kind: A\nmetadata: {}\n"],
        });
        let found = patch_paths(&"overlays/prod".parse().unwrap(), &kustomization);
        let found: Vec<&str> = found.iter().map(RepoPath::as_str).collect();
        assert_eq!(
            found,
            [
                "overlays/prod/replicas.yaml",
                "overlays/patches/memory.yaml"
            ]
        );
    }

    #[test]
    fn files_of_tools_are_told_from_objects() {
        let id = |api_version: &str, kind: &str| ResourceId {
            api_version: api_version.into(),
            kind: kind.into(),
            namespace: None,
            name: String::new(),
        };
        assert!(is_client_side(&id(
            "kustomize.config.k8s.io/v1beta1",
            "Kustomization"
        )));
        assert!(is_client_side(&id("kubectl-gitops/v1alpha1", "Product")));
        assert!(!is_client_side(&id(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization"
        )));
        assert!(!is_client_side(&id("v1", "ConfigMap")));
    }
}
