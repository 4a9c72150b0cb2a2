//! Why nothing can be promoted.

use crate::ops::commit::TemplateError;
use crate::ops::comparison::GatherError;
use crate::ops::registries::failures;
use crate::ops::validate::ValidateError;
use crate::product::ComponentName;
use crate::promotion::PlanError;
use crate::registry::RegistryError;

/// Why nothing can be promoted.
#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    /// The two environments can't be compared.
    #[error(transparent)]
    Gather(#[from] GatherError),
    /// No plan can be made of what was read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The result can't be checked.
    #[error(transparent)]
    Validate(#[from] ValidateError),
    /// A registry could not say whether the images are there.
    #[error("{}", failures(.failed))]
    Registry {
        /// The components, and why nothing is known of their images.
        failed: Vec<(ComponentName, RegistryError)>,
    },
    /// The registry client could not be set up.
    #[error(transparent)]
    Client(#[from] RegistryError),
    /// The commit's message can't be written.
    #[error(transparent)]
    Message(#[from] TemplateError),
}
