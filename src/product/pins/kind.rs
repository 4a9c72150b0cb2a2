//! The kinds of places in which pins are written, by the names that JSON and text use.

/// What kind of place a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SiteKind {
    /// A product manifest, or a file that it includes.
    Product,
    /// An entry of a kustomization's `images`.
    Kustomize,
    /// The `ref` of a kustomization's remote base.
    KustomizeBase,
    /// A container or an image volume of a plain resource.
    Resource,
    /// A Helm values file.
    HelmValues,
    /// Flux's `HelmRelease`: its values, or its chart's version.
    HelmRelease,
    /// Flux's `OCIRepository`.
    OciRepository,
    /// Argo CD's `Application`.
    ArgoApplication,
    /// A value that a Flux marker points at.
    Flux,
    /// A declared key path.
    KeyPath,
    /// A match of a declared expression.
    Text,
}

impl SiteKind {
    /// The name, which does not change between versions.
    pub fn name(self) -> &'static str {
        match self {
            SiteKind::Product => "product",
            SiteKind::Kustomize => "kustomize",
            SiteKind::KustomizeBase => "kustomize-base",
            SiteKind::Resource => "resource",
            SiteKind::HelmValues => "helm-values",
            SiteKind::HelmRelease => "helm-release",
            SiteKind::OciRepository => "oci-repository",
            SiteKind::ArgoApplication => "argo-application",
            SiteKind::Flux => "flux",
            SiteKind::KeyPath => "key path",
            SiteKind::Text => "text",
        }
    }
}
