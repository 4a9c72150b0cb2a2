//! Where workloads keep their pods, for the rules that look into them.

use serde_json::{Map, Value};

use super::{Scene, Subject, extend, key, list};
use crate::yaml::{Path, Step};

/// The pods that an object makes, or is.
#[derive(Clone, Debug)]
pub(super) struct Pods<'a> {
    /// The workload's index in the scene.
    pub(super) subject: usize,
    /// The workload.
    pub(super) owner: Subject<'a>,
    /// The pods' `spec`.
    pub(super) spec: &'a Value,
    /// Where that stands.
    pub(super) at: Path,
    /// The pods' labels.
    pub(super) labels: Option<&'a Map<String, Value>>,
}

/// One container of a pod.
pub(super) struct Container<'a> {
    pub(super) value: &'a Value,
    pub(super) at: Path,
    /// Whether it runs beside the others, not before or for a look inside.
    pub(super) regular: bool,
}

/// Every workload's pods.
pub(super) fn all<'a>(scene: &Scene<'a>) -> Vec<Pods<'a>> {
    scene
        .each()
        .filter_map(|(index, subject)| of(index, subject))
        .collect()
}

fn of(index: usize, subject: Subject<'_>) -> Option<Pods<'_>> {
    let template: &[&str] = match (subject.id.group(), subject.id.kind.as_str()) {
        ("", "Pod") => &[],
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
        | ("batch", "Job")
        | ("", "ReplicationController") => &["spec", "template"],
        ("batch", "CronJob") => &["spec", "jobTemplate", "spec", "template"],
        _ => return None,
    };
    let mut value = subject.value;
    for step in template {
        value = value.get(step)?;
    }
    let spec = value.get("spec").filter(|spec| spec.is_object())?;
    let at = Path::new(
        template
            .iter()
            .chain(&["spec"])
            .map(|step| key(step))
            .collect(),
    );
    let labels = value.pointer("/metadata/labels").and_then(Value::as_object);
    Some(Pods {
        subject: index,
        owner: subject,
        spec,
        at,
        labels,
    })
}

impl<'a> Pods<'a> {
    /// All containers, of every sort.
    pub(super) fn containers(&self) -> Vec<Container<'a>> {
        let mut out = Vec::new();
        for field in ["containers", "initContainers", "ephemeralContainers"] {
            for (index, value) in list(self.spec, &format!("/{field}")) {
                let at = extend(&self.at, &[key(field), Step::Index(index)]);
                // An init container that restarts is a sidecar.
                let regular = field == "containers" || value.get("restartPolicy").is_some();
                out.push(Container { value, at, regular });
            }
        }
        out
    }

    /// Whether an equality selector means these pods.
    pub(super) fn selected_by(&self, selector: &Map<String, Value>) -> bool {
        selector
            .iter()
            .all(|(label, wanted)| self.labels.and_then(|labels| labels.get(label)) == Some(wanted))
    }
}

/// Whether a label selector (`matchLabels`, `matchExpressions`) means labels.
pub(super) fn matches(selector: &Value, labels: Option<&Map<String, Value>>) -> bool {
    let label = |name: &str| {
        labels
            .and_then(|labels| labels.get(name))
            .and_then(Value::as_str)
    };
    let equal = selector
        .get("matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let expressions = selector
        .get("matchExpressions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    equal
        .into_iter()
        .all(|(name, wanted)| label(name) == wanted.as_str())
        && expressions.into_iter().all(|expression| {
            let name = expression
                .get("key")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let values = expression.get("values").and_then(Value::as_array);
            let among = |text: &str| values.into_iter().flatten().any(|value| value == text);
            match (
                expression.get("operator").and_then(Value::as_str),
                label(name),
            ) {
                (Some("In"), found) => found.is_some_and(among),
                (Some("NotIn"), found) => !found.is_some_and(among),
                (Some("Exists"), found) => found.is_some(),
                (Some("DoesNotExist"), found) => found.is_none(),
                // The schema refuses other operators.
                _ => true,
            }
        })
}
