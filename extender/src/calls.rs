//! Calls as they were on the wire, for who asks for them by the log level `vmberth_extender::calls=trace`.
//!
//! What may be a password is left out: of a pod's containers all but names, images and resources, and what annotations say
//! (virt-controller copies those of the VM, its Ignition data among them) but for a few. Names of nodes and pods, and labels
//! are shown.

use serde::Serialize;
use serde_json::Value;

use crate::metrics::Verb;

/// Bytes of each body.
const MOST: usize = 64 << 10;

/// Where containers are in a pod's spec.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// What is shown of a container.
const SHOWN: [&str; 3] = ["name", "image", "resources"];

/// Annotations are shown that begin so; of the others only that they are there.
const TOLD: [&str; 5] = [
    "vmberth.io/",
    "cdi.kubevirt.io/",
    "kubevirt.io/domain",
    "kubevirt.io/ephemeral-provisioning",
    "k8s.v1.cni.cncf.io/",
];

/// One line with the bodies of a question and of its answer.
pub fn trace(verb: Verb, question: &[u8], answer: &impl Serialize) {
    if tracing::enabled!(tracing::Level::TRACE) {
        let question = serde_json::from_slice(question).map_or(Value::Null, without_secrets);
        let answer = serde_json::to_value(answer).unwrap_or_default();
        let (question, answer) = (shown(&question), shown(&answer));
        tracing::trace!(verb = verb.as_str(), question, answer, "call");
    }
}

/// Nothing of what is too large: half of it is no JSON.
fn shown(body: &Value) -> String {
    let text = body.to_string();
    if text.len() <= MOST {
        return text;
    }
    format!("{} bytes", text.len())
}

fn without_secrets(mut question: Value) -> Value {
    let fields = question.as_object_mut().into_iter().flatten();
    let pods = fields.filter(|(name, _)| name.eq_ignore_ascii_case("pod"));
    for (_, pod) in pods {
        let annotations = pod.pointer_mut("/metadata/annotations");
        let annotations = annotations.and_then(Value::as_object_mut);
        for (name, said) in annotations.into_iter().flatten() {
            if !TOLD.iter().any(|it| name.starts_with(it)) {
                *said = Value::String(String::new());
            }
        }
        for list in CONTAINERS {
            let list = pod.pointer_mut(&format!("/spec/{list}"));
            let containers = list.and_then(Value::as_array_mut).into_iter().flatten();
            for container in containers.filter_map(Value::as_object_mut) {
                container.retain(|field, _| SHOWN.contains(&field.as_str()));
            }
        }
    }
    question
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_may_be_a_password_is_shown() {
        let container = json!({
            "name": "compute", "image": "i", "resources": {"requests": {"cpu": "1"}},
            "env": [{"name": "A", "value": "hunter2"}], "args": ["hunter2"], "command": ["hunter2"],
            "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "hunter2"}]}},
        });
        let pod = json!({
            "metadata": {"name": "p", "annotations": {"vmberth.io/profile": "b", "kubevirt.io/ignitiondata": "hunter2"}},
            "spec": {"containers": [container], "initContainers": [container], "ephemeralContainers": null},
        });
        for field in ["Pod", "pod"] {
            let shown = without_secrets(json!({field: pod, "Nodes": null, "NodeNames": ["a"]}));
            assert!(!shown.to_string().contains("hunter2"), "{shown}");
            assert_eq!(
                shown[field]["metadata"]["annotations"],
                json!({"vmberth.io/profile": "b", "kubevirt.io/ignitiondata": ""})
            );
            let compute = &shown[field]["spec"]["initContainers"][0];
            assert_eq!(compute["resources"]["requests"]["cpu"], "1");
            assert_eq!(shown["Nodes"], Value::Null);
        }
        assert_eq!(without_secrets(json!([1])), json!([1]));
    }

    #[test]
    fn what_is_too_large_is_only_measured() {
        assert_eq!(shown(&json!({"a": 1})), r#"{"a":1}"#);
        assert_eq!(
            shown(&json!("x".repeat(MOST))),
            format!("{} bytes", MOST + 2)
        );
    }
}
