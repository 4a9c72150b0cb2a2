//! Where the images of a bump were built from: the labels of the old and the new image
//! of each component that changes.
//!
//! A courtesy to who reads the commit, so it is asked for last, only where `gitops.yaml`
//! says so or it costs no request, and a registry that does not tell stops nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::decide;
use super::{Answer, Request, Scene};
use crate::image::{Digest, Origin, Platform, Reference, Tag, TagPolicy};
use crate::product::ComponentName;
use crate::product::pins::{Pin, Target};
use crate::registry::Registries;

/// How long a bump waits for what is nice to know.
const PATIENCE: Duration = Duration::from_secs(20);

/// By the image, as it was asked for.
pub(super) type Origins = BTreeMap<Reference, Origin>;

/// Reads the labels of all images that a plan from these answers replaces or brings.
pub(super) fn ask(
    scene: &Scene,
    request: &Request,
    registries: &Registries,
    answers: &BTreeMap<ComponentName, Answer>,
) -> Origins {
    let mut images: BTreeMap<Reference, Option<Platform>> = BTreeMap::new();
    for pin in &scene.pins {
        let taken_back = scene.taken_back.get(&pin.component);
        let taken_back = taken_back.map_or(&[][..], Vec::as_slice);
        // What is refused here is told when the plan is made.
        let Ok(decided) = decide(request, pin, answers.get(&pin.component), taken_back) else {
            return Origins::new();
        };
        if decided.refusal.is_some() {
            return Origins::new();
        }
        let Some(target) = decided.target else {
            continue;
        };
        let platforms = pin.policy.as_ref().map(TagPolicy::platforms);
        let platform = platforms.and_then(|all| all.first()).cloned();
        let wanted = |image: &Reference| match scene.repository.commit.compare_links {
            Some(wanted) => wanted,
            None => registries.is_local(&image.repository()),
        };
        // Beside a registry that was not asked, there is nothing to compare.
        let Some(new) = new(pin, &target)
            .filter(wanted)
            .filter(|it| it.digest().is_some())
        else {
            continue;
        };
        images.extend(old(pin).map(|old| (old, platform.clone())));
        images.insert(new, platform);
    }
    let images: Vec<(Reference, Option<Platform>)> = images.into_iter().collect();
    let found = registries.facts_within(PATIENCE, &images);
    let origins = images
        .into_iter()
        .zip(found)
        .filter_map(|((image, _), facts)| {
            let origin = Origin::from_labels(&facts?.labels);
            (!origin.is_empty()).then_some((image, origin))
        });
    origins.collect()
}

/// The image that the sites of a pin have, by its digest where they have one. None where
/// they disagree.
pub(super) fn old(pin: &Pin) -> Option<Reference> {
    let images = || pin.sites.iter().filter_map(|site| site.image());
    let mut digests: Vec<&Digest> = images().filter_map(Reference::digest).collect();
    digests.sort();
    digests.dedup();
    let (tag, digest): (Option<&Tag>, Option<&Digest>) = match (&pin.tags()[..], &digests[..]) {
        ([] | [_], [digest]) => (None, Some(digest)),
        ([tag], []) => (Some(tag), None),
        _ => return None,
    };
    Some(pin.image()?.with(tag.cloned(), digest.cloned()))
}

/// The image that they get.
pub(super) fn new(pin: &Pin, target: &Target) -> Option<Reference> {
    let Target::Image { tag, digest, .. } = target else {
        return None;
    };
    let tag = tag.clone().filter(|_| digest.is_none());
    Some(pin.image()?.with(tag, digest.clone()))
}
