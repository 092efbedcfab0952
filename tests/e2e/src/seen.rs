//! What a person would look at: objects in a line each, and the words of scheduler and kubelet.

use std::fmt::Write;

use anyhow::Result;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::kind::{self, Kind};

/// A list in JSON, empty if it is none.
#[must_use]
pub fn items(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// A text in JSON, empty if it is none.
#[must_use]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Its name.
#[must_use]
pub fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// A condition by its type.
#[must_use]
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&object["status"]["conditions"])
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// Whether a condition is True.
#[must_use]
pub fn is(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// Why the scheduler can't place the pod, in its own words.
#[must_use]
pub fn scheduler_words(pod: &Value) -> Option<&str> {
    let condition = condition(pod, "PodScheduled")?;
    (condition["reason"] == "Unschedulable").then(|| text(&condition["message"]))
}

/// An object in one line: phase, place, what is not well.
#[must_use]
pub fn line(object: &Value) -> String {
    let status = &object["status"];
    let mut line = format!("{} {}", text(&object["kind"]), name(object));
    for word in [
        &status["phase"],
        &status["printableStatus"],
        &object["spec"]["volumeName"],
    ] {
        if !text(word).is_empty() {
            let _ = write!(line, " {}", text(word));
        }
    }
    let node = [&object["spec"]["nodeName"], &status["nodeName"]];
    if let Some(node) = node.into_iter().find(|node| !text(node).is_empty()) {
        let _ = write!(line, " on {}", text(node));
    }
    for condition in items(&status["conditions"]) {
        let message = text(&condition["message"]);
        if condition["status"] == "False" && !message.is_empty() {
            let _ = write!(line, "; {}: {message}", text(&condition["type"]));
        }
    }
    for container in ["initContainerStatuses", "containerStatuses"] {
        for status in items(&status[container]) {
            for state in [&status["state"]["waiting"], &status["state"]["terminated"]] {
                if !state.is_null() && state["exitCode"] != 0 {
                    let _ = write!(line, "; {} {state}", text(&status["name"]));
                }
            }
        }
    }
    line
}

/// Several objects, or "nothing".
#[must_use]
pub fn lines(objects: &[Value]) -> String {
    if objects.is_empty() {
        return "nothing".to_owned();
    }
    objects.iter().map(line).collect::<Vec<_>>().join(" | ")
}

/// In lines that tell nothing about a failure: KubeVirt writes several a second.
const CHATTER: &str = r#""level":"info""#;

const SHOWN: [(&str, Kind); 6] = [
    ("VirtualMachine", kind::VM),
    ("VirtualMachineInstance", kind::VMI),
    ("DataVolume", kind::DATA_VOLUME),
    ("PersistentVolumeClaim", kind::CLAIM),
    ("Pod", kind::POD),
    ("Migration", kind::MIGRATION),
];

/// All that a namespace holds, for a failed story's report: objects, events, ends of logs.
///
/// # Errors
/// If nothing at all can be read; kinds that are not served are left out.
pub async fn namespace(cluster: &Cluster, namespace: &str) -> Result<String> {
    let mut report = String::new();
    for (title, kind) in SHOWN {
        for mut object in cluster.list(kind, namespace, "").await.unwrap_or_default() {
            object["kind"] = title.into();
            let _ = writeln!(report, "{}", line(&object));
        }
    }
    let mut events = cluster.list(kind::EVENT, namespace, "").await?;
    events.sort_by_key(|event| text(&event["lastTimestamp"]).to_owned());
    for event in events.iter().rev().take(40).rev() {
        let object = &event["involvedObject"];
        let (reason, message) = (text(&event["reason"]), text(&event["message"]));
        let (kind, name) = (text(&object["kind"]), text(&object["name"]));
        let _ = writeln!(report, "event {kind} {name} {reason}: {message}");
    }
    for pod in cluster.list(kind::POD, namespace, "").await? {
        for container in items(&pod["spec"]["containers"]) {
            let (pod, container) = (name(&pod), text(&container["name"]));
            let log = cluster
                .log(namespace, pod, container)
                .await
                .unwrap_or_default();
            let log: Vec<_> = log.lines().filter(|line| !line.contains(CHATTER)).collect();
            let _ = writeln!(report, "--- {pod} {container}");
            for line in log.iter().skip(log.len().saturating_sub(8)) {
                let _ = writeln!(report, "{}", line.chars().take(300).collect::<String>());
            }
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_tells_where_and_what_is_wrong() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "a"}, "spec": {}, "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "message": "0/2 nodes"}],
            "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "Why"}}}]}});
        assert_eq!(
            line(&pod),
            r#"Pod a Pending; PodScheduled: 0/2 nodes; c {"reason":"Why"}"#
        );
        assert_eq!(scheduler_words(&pod), Some("0/2 nodes"));
    }
}
