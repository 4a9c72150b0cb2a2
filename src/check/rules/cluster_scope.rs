//! `cluster-scope`: an object that belongs to the cluster names a namespace,
//! which the server drops.

use super::{Pen, Remark, Scene, key};
use crate::check::finding::RuleId;
use crate::yaml::Path;

pub(super) const RULE: RuleId = RuleId::new("cluster-scope");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    for (index, one) in scene.each() {
        if one.cluster_scoped && one.id.namespace.is_some() {
            let path = Path::new(vec![key("metadata"), key("namespace")]);
            let message = format!(
                "a {} belongs to the cluster; its namespace is ignored",
                one.id.kind
            );
            Pen {
                rule: RULE,
                subject: index,
                out,
            }
            .warning(path, message);
        }
    }
}
