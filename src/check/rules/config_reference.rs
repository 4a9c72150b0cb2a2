//! `dangling-reference`: a pod that names a ConfigMap, Secret, ServiceAccount
//! or volume claim which is not among the objects (a warning: it may come from
//! elsewhere), or a key that the ConfigMap or Secret does not have (an error:
//! the pod would not start).

use std::collections::BTreeSet;

use serde_json::Value;

use super::pods::{self, Pods};
use super::{Pen, Remark, Scene, extend, key, list, text};
use crate::check::finding::RuleId;
use crate::yaml::{Path, Step};

pub(super) const RULE: RuleId = RuleId::new("dangling-reference");

/// Objects that make Secrets of a name: seen in their own `spec`.
const SECRET_MAKERS: [(&str, &str, &str); 4] = [
    ("bitnami.com", "SealedSecret", "/metadata/name"),
    ("external-secrets.io", "ExternalSecret", "/spec/target/name"),
    ("cert-manager.io", "Certificate", "/spec/secretName"),
    ("isindir.github.com", "SopsSecret", "/metadata/name"),
];

/// Objects that every cluster makes by itself.
const ALWAYS_THERE: [(&str, &str); 2] = [
    ("ServiceAccount", "default"),
    ("ConfigMap", "kube-root-ca.crt"),
];

struct Reference<'a> {
    kind: &'static str,
    name: &'a str,
    at: Path,
    keys: Vec<(&'a str, Path)>,
}

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Remark>) {
    for pods in pods::all(scene) {
        // One remark per name is enough: a Secret is often named by ten variables.
        let mut missing = BTreeSet::new();
        for reference in references(&pods) {
            let mut pen = Pen {
                rule: RULE,
                subject: pods.subject,
                out,
            };
            let known = || scene.of_kind("", reference.kind, pods.owner.namespace);
            let Some(found) = known().find(|one| one.id.name == reference.name) else {
                if !made_elsewhere(scene, &pods, &reference)
                    && missing.insert((reference.kind, reference.name))
                {
                    let message = format!("there is no {} {}", reference.kind, reference.name);
                    pen.absent(reference.at, message)
                        .suggest(reference.name, known().map(|one| one.id.name.as_str()));
                }
                continue;
            };
            let held = keys_of(found.value);
            for (wanted, at) in reference
                .keys
                .iter()
                .filter(|(wanted, _)| !held.contains(wanted))
            {
                let remark = pen.error(
                    at.clone(),
                    format!(
                        "{} {} has no key {wanted:?}",
                        reference.kind, reference.name
                    ),
                );
                remark.suggest(wanted, held.iter().copied());
                remark.list("it has", held.clone());
            }
        }
    }
}

fn keys_of(value: &Value) -> Vec<&str> {
    let maps = ["data", "binaryData", "stringData"]
        .into_iter()
        .filter_map(|field| value.get(field)?.as_object());
    maps.flat_map(|map| map.keys())
        .map(String::as_str)
        .collect()
}

fn made_elsewhere(scene: &Scene<'_>, pods: &Pods<'_>, reference: &Reference<'_>) -> bool {
    if ALWAYS_THERE.contains(&(reference.kind, reference.name)) {
        return true;
    }
    reference.kind == "Secret"
        && scene.subjects.iter().any(|one| {
            one.namespace == pods.owner.namespace
                && SECRET_MAKERS.iter().any(|(group, kind, at)| {
                    let made = text(one.value, at).unwrap_or(&one.id.name);
                    one.id.group() == *group && one.id.kind == *kind && made == reference.name
                })
        })
}

fn references<'a>(pods: &Pods<'a>) -> Vec<Reference<'a>> {
    let mut out = Vec::new();
    let spec = pods.spec;
    if let Some(name) = text(spec, "/serviceAccountName").filter(|name| !name.is_empty()) {
        out.push(Reference {
            kind: "ServiceAccount",
            name,
            at: extend(&pods.at, &[key("serviceAccountName")]),
            keys: vec![],
        });
    }
    for (index, one) in list(spec, "/imagePullSecrets") {
        let Some(name) = text(one, "/name") else {
            continue;
        };
        let at = extend(
            &pods.at,
            &[key("imagePullSecrets"), Step::Index(index), key("name")],
        );
        out.push(Reference {
            kind: "Secret",
            name,
            at,
            keys: vec![],
        });
    }
    for (index, volume) in list(spec, "/volumes") {
        volumes(
            &mut out,
            volume,
            &extend(&pods.at, &[key("volumes"), Step::Index(index)]),
        );
    }
    for container in pods.containers() {
        variables(&mut out, container.value, &container.at);
    }
    out
}

fn volumes<'a>(out: &mut Vec<Reference<'a>>, volume: &'a Value, at: &Path) {
    whole(
        out,
        ("ConfigMap", "name"),
        volume.get("configMap"),
        &extend(at, &[key("configMap")]),
    );
    whole(
        out,
        ("Secret", "secretName"),
        volume.get("secret"),
        &extend(at, &[key("secret")]),
    );
    if let Some(name) = text(volume, "/persistentVolumeClaim/claimName") {
        let at = extend(at, &[key("persistentVolumeClaim"), key("claimName")]);
        out.push(Reference {
            kind: "PersistentVolumeClaim",
            name,
            at,
            keys: vec![],
        });
    }
    for (index, source) in list(volume, "/projected/sources") {
        let at = extend(at, &[key("projected"), key("sources"), Step::Index(index)]);
        whole(
            out,
            ("ConfigMap", "name"),
            source.get("configMap"),
            &extend(&at, &[key("configMap")]),
        );
        whole(
            out,
            ("Secret", "name"),
            source.get("secret"),
            &extend(&at, &[key("secret")]),
        );
    }
}

/// A reference to a whole ConfigMap or Secret, perhaps with some of its keys.
fn whole<'a>(
    out: &mut Vec<Reference<'a>>,
    (kind, field): (&'static str, &str),
    source: Option<&'a Value>,
    at: &Path,
) {
    let Some(source) = source.filter(|source| source["optional"] != Value::Bool(true)) else {
        return;
    };
    let Some(name) = source.get(field).and_then(Value::as_str) else {
        return;
    };
    let keys = list(source, "/items").filter_map(|(index, item)| {
        Some((
            text(item, "/key")?,
            extend(at, &[key("items"), Step::Index(index), key("key")]),
        ))
    });
    out.push(Reference {
        kind,
        name,
        at: extend(at, &[key(field)]),
        keys: keys.collect(),
    });
}

fn variables<'a>(out: &mut Vec<Reference<'a>>, container: &'a Value, at: &Path) {
    for (index, source) in list(container, "/envFrom") {
        let at = extend(at, &[key("envFrom"), Step::Index(index)]);
        for (field, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            whole(
                out,
                (kind, "name"),
                source.get(field),
                &extend(&at, &[key(field)]),
            );
        }
    }
    for (index, variable) in list(container, "/env") {
        for (field, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
            let Some(source) = variable.pointer(&format!("/valueFrom/{field}")) else {
                continue;
            };
            if source["optional"] == Value::Bool(true) {
                continue;
            }
            let at = extend(
                at,
                &[key("env"), Step::Index(index), key("valueFrom"), key(field)],
            );
            let (Some(name), Some(wanted)) = (text(source, "/name"), text(source, "/key")) else {
                continue;
            };
            let keys = vec![(wanted, extend(&at, &[key("key")]))];
            out.push(Reference {
                kind,
                name,
                at: extend(&at, &[key("name")]),
                keys,
            });
        }
    }
}
