//! `scale-target`: an autoscaler whose workload, or a disruption budget whose
//! pods, are not among the objects. A warning: they may come from elsewhere.

use serde_json::Value;

use super::{Pen, Remark, Scene, key, pods, text};
use crate::check::finding::RuleId;
use crate::yaml::Path;

pub(super) const RULE: RuleId = RuleId::new("scale-target");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    let all = pods::all(scene);
    for (index, one) in scene.each() {
        let mut pen = Pen {
            rule: RULE,
            subject: index,
            out,
        };
        match (one.id.group(), one.id.kind.as_str()) {
            ("autoscaling", "HorizontalPodAutoscaler") => {
                let target = one
                    .value
                    .pointer("/spec/scaleTargetRef")
                    .unwrap_or(&Value::Null);
                let (Some(kind), Some(name)) = (text(target, "/kind"), text(target, "/name"))
                else {
                    continue;
                };
                // Only workloads that this rule knows can be missed.
                if !matches!(kind, "Deployment" | "StatefulSet" | "ReplicaSet")
                    || scene.find("apps", kind, one.namespace, name).is_some()
                {
                    continue;
                }
                let path = Path::new(vec![key("spec"), key("scaleTargetRef"), key("name")]);
                let remark = pen.absent(path, format!("there is no {kind} {name}"));
                remark.suggest(
                    name,
                    scene
                        .of_kind("apps", kind, one.namespace)
                        .map(|found| found.id.name.as_str()),
                );
            }
            ("policy", "PodDisruptionBudget") => {
                let Some(selector) = one
                    .value
                    .pointer("/spec/selector")
                    .filter(|selector| !selector.is_null())
                else {
                    continue;
                };
                let found = all.iter().any(|pods| {
                    pods.owner.namespace == one.namespace && pods::matches(selector, pods.labels)
                });
                if !found {
                    pen.absent(
                        Path::new(vec![key("spec"), key("selector")]),
                        "no pods have these labels".to_owned(),
                    );
                }
            }
            _ => {}
        }
    }
}
