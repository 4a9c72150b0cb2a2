//! `duplicate-object`: two files, or two documents, hold the same object. The
//! one applied last would win.

use std::collections::HashMap;

use super::{Pen, Remark, Scene, key};
use crate::check::finding::RuleId;
use crate::yaml::Path;

pub(super) const RULE: RuleId = RuleId::DUPLICATE_OBJECT;

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    let mut seen = HashMap::new();
    for (index, one) in scene.each() {
        // Without a name the server makes a new one every time.
        if one.id.name.is_empty() {
            continue;
        }
        let identity = (one.id.group(), &one.id.kind, one.namespace, &one.id.name);
        if seen.insert(identity, index).is_some() {
            let path = Path::new(vec![key("metadata"), key("name")]);
            Pen {
                rule: RULE,
                subject: index,
                out,
            }
            .error(
                path,
                "the same object stands in another place, too".to_owned(),
            );
        }
    }
}
