//! The stand-in for the SR-IOV network device plugin (`tests/plane/go/kubernetes/standin-vf-device-plugin`) as its
//! installers run it: a DaemonSet in kube-system, on the real nodes, whatever their taints.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::kind;
use crate::networks::FUNCTION;
use crate::pod::node_of;
use crate::seen::{self, name, text};
use crate::wait::{self, Look};

/// Where it is.
pub const NAMESPACE: &str = "kube-system";

/// Label of its pods, as its manifests have it.
pub const LABEL: (&str, &str) = ("app", "sriovdp");

/// Name of its DaemonSet.
const NAME: &str = "standin-vf-device-plugin";

/// Runs on nodes that do not have this label.
const AWAY: &str = "e2e/no-device-plugin";

/// Installs it, and waits for its pods on these nodes.
///
/// # Errors
/// Its pods, as they were last.
pub async fn install(cluster: &Cluster, nodes: &[&str]) -> Result<()> {
    let found = cluster.find(kind::DAEMON_SET, NAMESPACE, NAME).await?;
    if found.is_none() {
        let wanted = daemon_set();
        cluster.create(kind::DAEMON_SET, NAMESPACE, &wanted).await?;
    }
    for node in nodes {
        wait_pod(cluster, node, None).await?;
    }
    Ok(())
}

/// Takes it away; the kubelet keeps the resource with 0 devices for a while.
///
/// # Errors
/// What the API server said.
pub async fn remove(cluster: &Cluster) -> Result<()> {
    cluster.delete(kind::DAEMON_SET, NAMESPACE, NAME).await
}

/// Takes it away from one node, or brings it back.
///
/// # Errors
/// What the API server said, or its pods as they were last.
pub async fn keep_away(cluster: &Cluster, node: &str, away: bool) -> Result<()> {
    let label = if away { json!("true") } else { Value::Null };
    let patch = json!({"metadata": {"labels": {AWAY: label}}});
    cluster.merge(kind::NODE, "", node, &patch).await?;
    if !away {
        return wait_pod(cluster, node, None).await.map(drop);
    }
    let what = format!("no device plugin on {node}");
    wait::until(&what, Duration::from_secs(60), async || {
        let pods = pods(cluster, node).await?;
        Ok(Look::of(pods.is_empty().then_some(()), || {
            seen::lines(&pods)
        }))
    })
    .await
}

/// What an operator does: deletes the pod of a node, and waits for the next one.
///
/// # Errors
/// Its pods, as they were last.
pub async fn restart(cluster: &Cluster, node: &str) -> Result<()> {
    let old = wait_pod(cluster, node, None).await?;
    cluster.delete(kind::POD, NAMESPACE, name(&old)).await?;
    wait_pod(cluster, node, Some(uid(&old))).await.map(drop)
}

/// The uid of its pod on a node.
///
/// # Errors
/// If it has none.
pub async fn life(cluster: &Cluster, node: &str) -> Result<String> {
    let pods = pods(cluster, node).await?;
    let pod = pods
        .first()
        .with_context(|| format!("no device plugin on {node}"))?;
    Ok(uid(pod).to_owned())
}

async fn wait_pod(cluster: &Cluster, node: &str, other_than: Option<&str>) -> Result<Value> {
    let what = format!("the device plugin on {node}");
    wait::until(&what, Duration::from_secs(90), async || {
        let pods = pods(cluster, node).await?;
        let fits = |pod: &&Value| seen::is(pod, "Ready") && Some(uid(pod)) != other_than;
        Ok(Look::of(pods.iter().find(fits).cloned(), || {
            seen::lines(&pods)
        }))
    })
    .await
}

async fn pods(cluster: &Cluster, node: &str) -> Result<Vec<Value>> {
    let (key, value) = LABEL;
    let labels = format!("{key}={value}");
    let mut pods = cluster.list(kind::POD, NAMESPACE, &labels).await?;
    pods.retain(|pod| node_of(pod) == node);
    Ok(pods)
}

fn uid(pod: &Value) -> &str {
    text(&pod["metadata"]["uid"])
}

fn daemon_set() -> Value {
    let (key, value) = LABEL;
    let folders = [
        ("pci", "/sys/bus/pci"),
        ("sockets", "/var/lib/kubelet/device-plugins"),
    ];
    let mounts = folders.map(|(name, path)| json!({"name": name, "mountPath": path}));
    let volumes = folders
        .map(|(name, path)| json!({"name": name, "hostPath": {"path": path, "type": "Directory"}}));
    // Simulated nodes run nothing.
    let nodes = json!([{"matchExpressions": [
        {"key": AWAY, "operator": "DoesNotExist"},
        {"key": "type", "operator": "NotIn", "values": ["simulated"]},
    ]}]);
    json!({
        "metadata": {"name": NAME, "labels": {key: value}},
        "spec": {
            "selector": {"matchLabels": {key: value}},
            "template": {"metadata": {"labels": {key: value}}, "spec": {
                "tolerations": [{"operator": "Exists"}],
                "automountServiceAccountToken": false,
                "terminationGracePeriodSeconds": 2,
                "affinity": {"nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": nodes}}},
                "containers": [{
                    "name": "plugin",
                    "image": "localhost/plane/standin-vf-device-plugin:1",
                    "imagePullPolicy": "Never",
                    "args": [format!("--resource={FUNCTION}")],
                    "securityContext": {"capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": mounts,
                }],
                "volumes": volumes,
            }},
        },
    })
}
