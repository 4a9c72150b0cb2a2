//! `service-backend`: an Ingress or HTTPRoute that leads to a Service which is
//! not among the objects (a warning: it may come from elsewhere), or to a port
//! that the Service does not have (an error).

use serde_json::Value;

use super::{Pen, Remark, Scene, Subject, extend, key, list, text};
use crate::check::finding::RuleId;
use crate::yaml::{Path, Step};

pub(super) const RULE: RuleId = RuleId::new("service-backend");

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    for (index, one) in scene.each() {
        let mut pen = Pen {
            rule: RULE,
            subject: index,
            out,
        };
        match (one.id.group(), one.id.kind.as_str()) {
            ("networking.k8s.io", "Ingress") => {
                for (at, backend) in ingress_backends(one.value) {
                    ingress(&mut pen, scene, one, (&at, backend));
                }
            }
            ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => {
                routes(&mut pen, scene, one)
            }
            _ => {}
        }
    }
}

fn ingress_backends(value: &Value) -> Vec<(Path, &Value)> {
    let mut out = Vec::new();
    if let Some(backend) = value.pointer("/spec/defaultBackend/service") {
        out.push((
            Path::new(vec![key("spec"), key("defaultBackend"), key("service")]),
            backend,
        ));
    }
    for (rule_index, rule) in list(value, "/spec/rules") {
        for (path_index, path) in list(rule, "/http/paths") {
            let Some(backend) = path.pointer("/backend/service") else {
                continue;
            };
            let steps = vec![
                key("spec"),
                key("rules"),
                Step::Index(rule_index),
                key("http"),
                key("paths"),
                Step::Index(path_index),
                key("backend"),
                key("service"),
            ];
            out.push((Path::new(steps), backend));
        }
    }
    out
}

fn ingress(pen: &mut Pen<'_>, scene: &Scene<'_>, one: Subject<'_>, (at, backend): (&Path, &Value)) {
    let Some(name) = text(backend, "/name") else {
        return;
    };
    let Some(service) = service(pen, scene, one.namespace, (at, name)) else {
        return;
    };
    let names = || list(service.value, "/spec/ports").filter_map(|(_, port)| text(port, "/name"));
    let numbers =
        || list(service.value, "/spec/ports").filter_map(|(_, port)| port["port"].as_i64());
    if let Some(wanted) =
        text(backend, "/port/name").filter(|wanted| !names().any(|name| name == *wanted))
    {
        let message = format!("Service {name} has no port named {wanted:?}");
        let remark = pen.error(extend(at, &[key("port"), key("name")]), message);
        remark.suggest(wanted, names());
        remark.list("it has", names().collect());
    }
    if let Some(wanted) = backend.pointer("/port/number").and_then(Value::as_i64)
        && !numbers().any(|number| number == wanted)
    {
        let known: Vec<String> = numbers().map(|number| number.to_string()).collect();
        let remark = pen.error(
            extend(at, &[key("port"), key("number")]),
            format!("Service {name} has no port {wanted}"),
        );
        remark.list("it has", known.iter().map(String::as_str).collect());
    }
}

fn routes(pen: &mut Pen<'_>, scene: &Scene<'_>, one: Subject<'_>) {
    for (rule_index, rule) in list(one.value, "/spec/rules") {
        for (index, backend) in list(rule, "/backendRefs") {
            let plain = matches!(text(backend, "/kind"), None | Some("Service"))
                && matches!(text(backend, "/group"), None | Some(""));
            let Some(name) = text(backend, "/name").filter(|_| plain) else {
                continue;
            };
            let at = Path::new(vec![
                key("spec"),
                key("rules"),
                Step::Index(rule_index),
                key("backendRefs"),
                Step::Index(index),
            ]);
            let namespace = text(backend, "/namespace").or(one.namespace);
            let Some(service) = service(pen, scene, namespace, (&at, name)) else {
                continue;
            };
            let Some(wanted) = backend["port"].as_i64() else {
                continue;
            };
            if !list(service.value, "/spec/ports")
                .any(|(_, port)| port["port"].as_i64() == Some(wanted))
            {
                pen.error(
                    extend(&at, &[key("port")]),
                    format!("Service {name} has no port {wanted}"),
                );
            }
        }
    }
}

fn service<'a>(
    pen: &mut Pen<'_>,
    scene: &Scene<'a>,
    namespace: Option<&str>,
    (at, name): (&Path, &str),
) -> Option<Subject<'a>> {
    let services = || {
        scene.subjects.iter().copied().filter(|one| {
            one.id.api_version == "v1" && one.id.kind == "Service" && one.namespace == namespace
        })
    };
    let found = services().find(|one| one.id.name == name);
    if found.is_none() {
        let remark = pen.absent(
            extend(at, &[key("name")]),
            format!("there is no Service {name}"),
        );
        remark.suggest(name, services().map(|one| one.id.name.as_str()));
    }
    found
}
