//! Why no bump could be planned, with the words for it.

use crate::image::{DigestError, Tag, TagError};
use crate::ops::estate::EstateError;
use crate::ops::registries::failures;
use crate::product::pins::{PinError, SourceError};
use crate::product::{ComponentName, EnvironmentName};
use crate::registry::RegistryError;
use crate::template::RerenderError;

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum BumpError {
    /// The repository or the environment cannot be read.
    #[error(transparent)]
    Estate(#[from] EstateError),
    /// The result cannot be checked.
    #[error(transparent)]
    Validate(#[from] crate::ops::validate::ValidateError),
    /// A pin cannot be read or written.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A name that no component bears.
    #[error("{environment} has no component {component}{}", meant(.nearest.as_deref()))]
    UnknownComponent {
        /// The environment.
        environment: EnvironmentName,
        /// The name.
        component: ComponentName,
        /// A name that exists and looks alike.
        nearest: Option<String>,
    },
    /// A component with neither image nor version in this environment.
    #[error("component {component} has neither image nor version in {environment}")]
    NothingPinned {
        /// The environment.
        environment: EnvironmentName,
        /// The component.
        component: ComponentName,
    },
    /// A component without a policy was named without a version.
    #[error("component {component} has no policy, so its version must be named")]
    NoPolicy {
        /// The component.
        component: ComponentName,
    },
    /// The policy that a component names cannot be followed.
    #[error("component {component} has no policy to choose by: {source}")]
    Source {
        /// The component.
        component: ComponentName,
        /// Why.
        source: SourceError,
    },
    /// The environment pulls its images from elsewhere, and this one from nowhere.
    #[error("{image} of component {component} is not in the registry map of {environment}")]
    Unmapped {
        /// The environment.
        environment: EnvironmentName,
        /// The component.
        component: ComponentName,
        /// The image's name.
        image: String,
    },
    /// There is no image whose versions could be listed.
    #[error("{environment} has no image whose versions could be listed")]
    NoImages {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Something that is no image, so no registry lists its versions.
    #[error("component {component} is no image, so no registry lists its versions")]
    NotListed {
        /// The component.
        component: ComponentName,
    },
    /// No component has a policy.
    #[error("no component of {environment} has a policy that could choose a version")]
    NoPolicies {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The version that was asked for is no tag.
    #[error("{text:?} is no tag for component {component}: {source}")]
    Tag {
        /// The component.
        component: ComponentName,
        /// What was asked for.
        text: String,
        /// Why it is none.
        source: TagError,
    },
    /// The digest that was asked for is none.
    #[error("{text:?} is no digest for component {component}: {source}")]
    Digest {
        /// The component.
        component: ComponentName,
        /// What was asked for.
        text: String,
        /// Why it is none.
        source: DigestError,
    },
    /// The registry does not have the tag.
    #[error("{image} has no tag {tag}{}", newest(.nearest))]
    UnknownTag {
        /// The component.
        component: ComponentName,
        /// The image.
        image: String,
        /// The tag.
        tag: String,
        /// Tags that exist: the most alike first.
        nearest: Vec<Tag>,
    },
    /// Images reach the environment by promotion.
    #[error("images reach {environment} by promotion from {source_environment}")]
    Promoted {
        /// The environment.
        environment: EnvironmentName,
        /// What it is promoted from.
        source_environment: EnvironmentName,
        /// Where the chain of promotions begins.
        first: EnvironmentName,
    },
    /// A hotfix of an environment that nothing is promoted into.
    #[error("nothing is promoted into {environment}, so no change of it is a hotfix")]
    NoHotfix {
        /// The environment.
        environment: EnvironmentName,
    },
    /// Registries that could not be asked: nothing is known about these components.
    #[error("{}", failures(.failed))]
    Registry {
        /// The components, by name.
        failed: Vec<(ComponentName, RegistryError)>,
    },
    /// There is no product manifest whose version could be set.
    #[error("{environment} has no product manifest, so there is no product version to set")]
    NoProduct {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The product's version is none that has a next one.
    #[error("{}", no_next(.version.as_deref()))]
    NoNextVersion {
        /// The version; `None`: there is none.
        version: Option<String>,
    },
    /// The version asked for is lower than the product's.
    #[error("the product's version is {from}, and {to} is lower")]
    LowerVersion {
        /// The version now.
        from: String,
        /// The version asked for.
        to: String,
    },
    /// The commit's message cannot be written.
    #[error(transparent)]
    Message(#[from] crate::ops::commit::TemplateError),
    /// The registry client could not be set up.
    #[error(transparent)]
    Client(RegistryError),
    /// The result is not valid, or cannot be rendered.
    #[error("the result would not be valid: {0}")]
    Result(#[source] RerenderError),
}

fn meant(nearest: Option<&str>) -> String {
    nearest
        .map(|name| format!(", did you mean {name}?"))
        .unwrap_or_default()
}

fn no_next(version: Option<&str>) -> String {
    match version {
        Some(version) => format!(
            "the product's version {version} is none such as 1.4.2, so there is no next one"
        ),
        None => "the product has no version, so there is no next one".to_owned(),
    }
}

fn newest(tags: &[Tag]) -> String {
    if tags.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
    format!("; it has {}", names.join(", "))
}
