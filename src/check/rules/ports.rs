//! `port-range`: a port number that no socket has. The published schemas only
//! say "integer".

use serde_json::Value;

use super::{Pen, Remark, Scene, extend, key, list, pods};
use crate::check::finding::RuleId;
use crate::yaml::{Path, Step};

pub(super) const RULE: RuleId = RuleId::new("port-range");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    for pods in pods::all(scene) {
        for container in pods.containers() {
            let mut pen = Pen {
                rule: RULE,
                subject: pods.subject,
                out,
            };
            ports(
                &mut pen,
                container.value,
                &container.at,
                &["containerPort", "hostPort"],
            );
        }
    }
    for (index, one) in scene
        .each()
        .filter(|(_, one)| one.id.api_version == "v1" && one.id.kind == "Service")
    {
        let Some(spec) = one.value.get("spec") else {
            continue;
        };
        let mut pen = Pen {
            rule: RULE,
            subject: index,
            out,
        };
        ports(
            &mut pen,
            spec,
            &Path::new(vec![key("spec")]),
            &["port", "targetPort", "nodePort"],
        );
    }
}

fn ports(pen: &mut Pen<'_>, holder: &Value, at: &Path, fields: &[&str]) {
    for (index, port) in list(holder, "/ports") {
        for field in fields {
            let Some(number) = port.get(field).and_then(Value::as_i64) else {
                continue;
            };
            // 0 in an optional field is read as "not said".
            let unset = number == 0 && matches!(*field, "hostPort" | "nodePort" | "targetPort");
            if !(1..=65535).contains(&number) && !unset {
                let path = extend(at, &[key("ports"), Step::Index(index), key(field)]);
                pen.error(path, format!("{field} must be between 1 and 65535"));
            }
        }
    }
}
