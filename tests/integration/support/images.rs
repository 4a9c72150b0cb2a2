//! A repository without a product: one kustomization with image pins and their policies.

use std::fmt::Write as _;

use super::repo::Fixture;

/// Where the pins stand.
pub const KUSTOMIZATION: &str = "dev/kustomization.yaml";

/// One environment, `dev`, whose kustomization pins these images: component, image
/// without tag, tag, and policy where there is one (such as `semver: ^1`).
pub fn pinned(pins: &[(&str, String, &str, &str)]) -> Fixture {
    let mut gitops = "\
apiVersion: kubectl-gitops/v1alpha1
kind: Repository
metadata: {name: shop}
spec:
  environments:
    - {name: dev, branch: main, path: dev}
  pins:
"
    .to_owned();
    let mut kustomization = "images:\n".to_owned();
    for (component, image, tag, policy) in pins {
        let policy = match *policy {
            "" => String::new(),
            policy => format!(", policy: {{{policy}}}"),
        };
        let _ = writeln!(
            gitops,
            "    - {{image: {image}, component: {component}{policy}}}"
        );
        let _ = writeln!(kustomization, "- name: {image}\n  newTag: {tag}");
    }
    Fixture::new(&[(
        "main",
        &[("gitops.yaml", &gitops), (KUSTOMIZATION, &kustomization)],
    )])
}
