//! `service-selector`: a Service that selects no pods, or a port by a name
//! that its pods do not have. A port by number is fine without being declared.

use serde_json::Value;

use super::pods::{self, Pods};
use super::{Pen, Remark, Scene, key, list};
use crate::check::finding::RuleId;
use crate::yaml::{Path, Step};

pub(super) const RULE: RuleId = RuleId::new("service-selector");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    let all = pods::all(scene);
    for (index, one) in scene
        .each()
        .filter(|(_, one)| one.id.api_version == "v1" && one.id.kind == "Service")
    {
        let selector = one
            .value
            .pointer("/spec/selector")
            .and_then(Value::as_object);
        let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
            continue;
        };
        let near: Vec<&Pods<'_>> = all
            .iter()
            .filter(|pods| pods.owner.namespace == one.namespace)
            .collect();
        let selected: Vec<&Pods<'_>> = near
            .iter()
            .copied()
            .filter(|pods| pods.selected_by(selector))
            .collect();
        let mut pen = Pen {
            rule: RULE,
            subject: index,
            out,
        };
        if selected.is_empty() {
            // Pods of operators and other repositories are not seen here.
            pen.absent(
                Path::new(vec![key("spec"), key("selector")]),
                "no pods have these labels".to_owned(),
            );
            continue;
        }
        let names: Vec<&str> = selected.iter().flat_map(|pods| port_names(pods)).collect();
        for (position, port) in list(one.value, "/spec/ports") {
            let Some(target) = port.get("targetPort").and_then(Value::as_str) else {
                continue;
            };
            if target.parse::<u16>().is_ok() || names.contains(&target) {
                continue;
            }
            let path = Path::new(vec![
                key("spec"),
                key("ports"),
                Step::Index(position),
                key("targetPort"),
            ]);
            let remark = pen.error(
                path,
                format!("the selected pods have no port named {target:?}"),
            );
            remark.suggest(target, names.iter().copied());
            remark.list("they have", names.clone());
        }
    }
}

fn port_names<'a>(pods: &Pods<'a>) -> Vec<&'a str> {
    let containers = pods.containers();
    let ports = containers
        .iter()
        .flat_map(|container| list(container.value, "/ports"));
    ports
        .filter_map(|(_, port)| port.get("name").and_then(Value::as_str))
        .collect()
}
