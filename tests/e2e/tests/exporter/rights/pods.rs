//! Pods that it may end: one line for each rule of the policy.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::seen::name;
use vmberth_e2e::standin::device_plugin::{LABEL, NAMESPACE};
use vmberth_e2e::tenant::pod_on;
use vmberth_e2e::{Scene, kind};

use super::{OTHER, OWN, refused};

/// A pod that is not the device plugin of its node: what it is, its node, its label, why it is not to be deleted.
type Case = (
    &'static str,
    Option<&'static str>,
    Option<&'static str>,
    &'static str,
);

const OF_ITS_NODE: &str = "expected one on edge-1";
const WITH_LABELS: &str = "deletes only pods with the labels of exporter.devicePlugin";

const CASES: [Case; 4] = [
    (
        "another node's device plugin",
        Some(OTHER),
        Some(LABEL.1),
        OF_ITS_NODE,
    ),
    (
        "a device plugin of no node yet",
        None,
        Some(LABEL.1),
        OF_ITS_NODE,
    ),
    (
        "a pod of its own node without labels",
        Some(OWN),
        None,
        WITH_LABELS,
    ),
    (
        "a pod of its own node with another value",
        Some(OWN),
        Some("other"),
        WITH_LABELS,
    ),
];

pub(super) async fn deleted(scene: &Scene, agent: &Cluster) -> Result<()> {
    let result = all(scene, agent).await;
    let marked = format!("e2e={}", scene.namespace);
    for pod in scene.cluster.list(kind::POD, NAMESPACE, &marked).await? {
        let deleted = scene
            .cluster
            .delete_at_once(kind::POD, NAMESPACE, name(&pod));
        deleted.await?;
    }
    result
}

async fn all(scene: &Scene, agent: &Cluster) -> Result<()> {
    for (what, node, label, words) in CASES {
        let pod = made(scene, node, label).await?;
        let answer = agent.delete(kind::POD, NAMESPACE, name(&pod)).await;
        refused(scene, what, words, answer.map(|()| Value::Null))?;
        scene
            .cluster
            .get(kind::POD, NAMESPACE, name(&pod))
            .await
            .context(what)?;
    }
    let pod = made(scene, Some(OWN), Some(LABEL.1)).await?;
    agent
        .delete(kind::POD, NAMESPACE, name(&pod))
        .await
        .context("its own device plugin")?;
    let left = scene.cluster.find(kind::POD, NAMESPACE, name(&pod)).await?;
    let ends = left.is_none_or(|pod| !pod["metadata"]["deletionTimestamp"].is_null());
    ensure!(ends, "its own device plugin was not deleted");
    scene.say("its own device plugin: deleted");
    Ok(())
}

/// Where device plugins are. No scheduler looks at it, so that it stays where it is put, or nowhere.
async fn made(scene: &Scene, node: Option<&str>, label: Option<&str>) -> Result<Value> {
    let mut pod = pod_on("", node.unwrap_or(OWN));
    pod["metadata"] = json!({"generateName": "e2e-", "labels": {"e2e": scene.namespace}});
    if let Some(label) = label {
        pod["metadata"]["labels"][LABEL.0] = json!(label);
    }
    pod["spec"]["schedulerName"] = json!("nobody");
    pod["spec"]["nodeName"] = json!(node);
    scene.cluster.create(kind::POD, NAMESPACE, &pod).await
}
