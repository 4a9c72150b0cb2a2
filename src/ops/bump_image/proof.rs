//! The proof of what a bump writes: the manifest of each image that some site gets is
//! read, and its digest is the one of these bytes.
//!
//! What chose an image may be no more than a registry's word about it. Refuses to let
//! that into a commit.

use super::answer::{Answer, Components};
use super::decide::decide;
use super::{Request, Scene};
use crate::image::Reference;
use crate::product::ComponentName;
use crate::product::pins::{Pin, Target};
use crate::registry::Registries;

/// Reads the manifests of all images that a plan from these answers writes, and puts
/// their digests into the answers, or the failures.
pub(super) fn prove(
    scene: &Scene,
    request: &Request,
    registries: &Registries,
    answers: &mut Components,
) {
    let written: Vec<(ComponentName, Reference)> = scene
        .pins
        .iter()
        .filter_map(|pin| {
            Some((
                pin.component.clone(),
                written(scene, request, pin, answers)?,
            ))
        })
        .collect();
    let images: Vec<Reference> = written.iter().map(|(_, image)| image.clone()).collect();
    for ((component, _), digest) in written.iter().zip(registries.proven(&images)) {
        let Some(answer) = answers.get_mut(component) else {
            continue;
        };
        match digest {
            Ok(digest) => match answer {
                Answer::Exists(manifest, _) => manifest.digest = digest,
                Answer::Selected(selected) => {
                    if let Some(manifest) = &mut selected.manifest {
                        manifest.digest = digest;
                    }
                }
                _ => {}
            },
            Err(error) => *answer = Answer::Failed(error),
        }
    }
}

/// The image that the sites of a pin get, by the name that it was found under. None where
/// nothing is written, or no registry was asked.
fn written(scene: &Scene, request: &Request, pin: &Pin, answers: &Components) -> Option<Reference> {
    let answer = answers.get(&pin.component);
    if !matches!(answer, Some(Answer::Exists(..) | Answer::Selected(_))) {
        return None;
    }
    let taken_back = scene.taken_back.get(&pin.component);
    let taken_back = taken_back.map_or(&[][..], Vec::as_slice);
    // What is wrong here is said when the plan is made.
    let decided = decide(request, pin, answer, taken_back).ok()?;
    let Some(Target::Image { tag, digest, .. }) = decided.target else {
        return None;
    };
    // A tag is read again, so that it and the digest that is written belong together.
    let digest = digest.filter(|_| tag.is_none());
    Some(pin.image()?.with(tag, digest))
}
