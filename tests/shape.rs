//! The shape of what kube-scheduler and the extender say to each other: which fields there are, how they are spelt, and of which
//! type. Two calls about pods of the same kind have the same, until Kubernetes or KubeVirt changes something that is read.

use std::collections::BTreeSet;

use serde_json::Value;

/// What is read of a pod (`decide/src/view/`: placed, metadata, pod); `*` is any key, `[]` any element.
const READ: [&str; 17] = [
    "Pod.metadata.name",
    "Pod.metadata.namespace",
    "Pod.metadata.uid",
    "Pod.metadata.labels",
    "Pod.metadata.labels.*",
    "Pod.metadata.annotations",
    "Pod.metadata.annotations.*",
    "Pod.metadata.ownerReferences[].apiVersion",
    "Pod.metadata.ownerReferences[].kind",
    "Pod.metadata.ownerReferences[].name",
    "Pod.metadata.ownerReferences[].controller",
    "Pod.spec.containers[].name",
    "Pod.spec.containers[].resources.requests.*",
    "Pod.spec.containers[].resources.limits.*",
    "Pod.spec.initContainers[].name",
    "Pod.spec.initContainers[].resources.requests.*",
    "Pod.spec.volumes[].persistentVolumeClaim.claimName",
];

/// Objects whose keys are data.
const MAPS: [&str; 6] = [
    "labels",
    "annotations",
    "requests",
    "limits",
    "FailedNodes",
    "FailedAndUnresolvableNodes",
];

/// Of a question: all of its own fields, and of the pod what is read.
pub(crate) fn of_question(question: &Value) -> BTreeSet<String> {
    let mut shape = of_answer(question);
    shape.retain(|line| {
        let path = line.split(": ").next().unwrap_or_default();
        !path.starts_with("Pod.") || READ.contains(&path)
    });
    shape
}

/// Of an answer: all of it.
pub(crate) fn of_answer(answer: &Value) -> BTreeSet<String> {
    let mut shape = BTreeSet::new();
    walk(answer, "", false, &mut shape);
    shape
}

/// What is in one and not in the other, a line each.
pub(crate) fn difference(found: &BTreeSet<String>, expected: &BTreeSet<String>) -> Vec<String> {
    let more = found.difference(expected).map(|line| format!("+ {line}"));
    let less = expected.difference(found).map(|line| format!("- {line}"));
    more.chain(less).collect()
}

fn walk(value: &Value, path: &str, is_map: bool, shape: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    shape.insert(format!("{path}: {kind}"));
    match value {
        Value::Array(items) => {
            for item in items {
                walk(item, &format!("{path}[]"), false, shape);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let step = if is_map { "*" } else { name };
                let dot = if path.is_empty() { "" } else { "." };
                let is_map = MAPS.contains(&name.as_str());
                walk(field, &format!("{path}{dot}{step}"), is_map, shape);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
