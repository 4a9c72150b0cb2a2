//! `require-limits`: a container without requests for CPU and memory, or
//! without a memory limit. Asks for no CPU limit: that only slows things down.

use super::{Pen, Remark, Scene, pods};
use crate::check::finding::RuleId;

pub(super) const RULE: RuleId = RuleId::new("require-limits");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    for pods in pods::all(scene) {
        for container in pods
            .containers()
            .iter()
            .filter(|container| container.regular)
        {
            let wanted = [
                ("requests", "cpu"),
                ("requests", "memory"),
                ("limits", "memory"),
            ];
            let lacking: Vec<String> = wanted
                .iter()
                .filter(|(sort, what)| {
                    let resources = &container.value["resources"];
                    // A limit stands for a missing request.
                    let said = |sort: &str| !resources[sort][what].is_null();
                    !(said(sort) || (*sort == "requests" && said("limits")))
                })
                .map(|(sort, what)| format!("resources.{sort}.{what}"))
                .collect();
            if !lacking.is_empty() {
                let name = container.value["name"].as_str().unwrap_or_default();
                let message = format!("container {name:?} has no {}", lacking.join(", no "));
                Pen {
                    rule: RULE,
                    subject: pods.subject,
                    out,
                }
                .error(container.at.clone(), message);
            }
        }
    }
}
