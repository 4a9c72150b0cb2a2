//! `no-mutable-tags`: an image that means something else tomorrow, because it
//! has neither tag nor digest, or the tag `latest`.
//! `require-digest`: an image that is not pinned by digest at all.

use super::{Pen, Remark, Scene, extend, key, pods};
use crate::check::finding::RuleId;

pub(super) const RULE: RuleId = RuleId::new("no-mutable-tags");
pub(super) const DIGEST_RULE: RuleId = RuleId::new("require-digest");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    images(scene, out, RULE, |image| {
        let name = image.rsplit('/').next().unwrap_or(image);
        match name.split_once(':') {
            _ if image.contains('@') => None,
            None => Some(format!("image {image:?} has no tag, which means latest")),
            Some((_, "latest")) => Some(format!("image {image:?} has the tag latest")),
            Some(_) => None,
        }
    });
}

pub(super) fn check_digests(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    images(scene, out, DIGEST_RULE, |image| {
        (!image.contains("@sha256:") && !image.contains("@sha512:"))
            .then(|| format!("image {image:?} has no digest"))
    });
}

fn images(
    scene: &Scene<'_>,
    out: &mut Vec<Remark>,
    rule: RuleId,
    verdict: impl Fn(&str) -> Option<String>,
) {
    for pods in pods::all(scene) {
        for container in pods.containers() {
            let Some(image) = container.value["image"].as_str() else {
                continue;
            };
            if let Some(message) = verdict(image) {
                Pen {
                    rule,
                    subject: pods.subject,
                    out,
                }
                .error(extend(&container.at, &[key("image")]), message);
            }
        }
    }
}
