//! The guard `images`: the target's pods find what they are to pull.

use super::{Guard, Overrides};
use crate::image::Reference;
use crate::product::ComponentName;
use crate::promotion::Refusal;

/// Refuses a result with these images, which are not in the target's registry.
pub fn judge(missing: Vec<(ComponentName, Reference)>, overrides: &Overrides) -> Option<Refusal> {
    if missing.is_empty() {
        return None;
    }
    Guard::Images.unless_skipped(overrides, Refusal::MissingImages { images: missing })
}
