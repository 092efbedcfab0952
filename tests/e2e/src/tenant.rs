//! An ordinary pod with a claim of its own: whoever holds a volume without being a VM.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::pod::{TAINT, TOOLBOX};
use crate::seen::{self, text};
use crate::story::Scene;
use crate::volumes::{self, Place};
use crate::wait::{self, Look};
use crate::{kind, node};

impl Scene {
    /// A pod on this node with a claim of this class, both of this name; returns where its bytes are.
    ///
    /// # Errors
    /// The pod, as it was last.
    pub async fn tenant(&self, name: &str, node: &str, class: &str) -> Result<Place> {
        let claim = json!({
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": class,
                "resources": {"requests": {"storage": "64Mi"}},
            },
        });
        self.cluster
            .create(kind::CLAIM, &self.namespace, &claim)
            .await?;
        let mut pod = pod_on(name, node);
        pod["spec"]["volumes"] =
            json!([{"name": "disk", "persistentVolumeClaim": {"claimName": name}}]);
        pod["spec"]["containers"][0]["volumeMounts"] =
            json!([{"name": "disk", "mountPath": "/disk"}]);
        self.run_pod(&pod).await?;
        let place = volumes::place_of(&self.cluster, &self.namespace, name).await?;
        self.say(&format!("{name} has {}", place.volume));
        Ok(place)
    }

    /// Deletes the pod and the claim of a tenant, and waits until both are gone.
    ///
    /// # Errors
    /// If they stay.
    pub async fn leave(&self, name: &str) -> Result<()> {
        for kind in [kind::POD, kind::CLAIM] {
            self.cluster.delete(kind, &self.namespace, name).await?;
            let what = format!("{name} to go");
            wait::until(&what, Duration::from_secs(60), async || {
                let left = self.cluster.find(kind, &self.namespace, name).await?;
                Ok(left.map_or(Look::Found(()), |left| Look::NotYet(seen::line(&left))))
            })
            .await?;
        }
        Ok(())
    }

    /// Creates a pod and waits until it runs.
    ///
    /// # Errors
    /// The pod, as it was last.
    pub async fn run_pod(&self, pod: &Value) -> Result<Value> {
        let made = self.cluster.create(kind::POD, &self.namespace, pod).await?;
        let name = seen::name(&made);
        let what = format!("pod {name} to run");
        wait::until(&what, Duration::from_secs(90), async || {
            let pod = self.cluster.get(kind::POD, &self.namespace, name).await?;
            let runs = text(&pod["status"]["phase"]) == "Running";
            Ok(Look::of(runs.then(|| pod.clone()), || seen::line(&pod)))
        })
        .await
    }
}

/// A pod that sleeps on this node, in spite of its taint.
#[must_use]
pub fn pod_on(name: &str, node: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "nodeSelector": {"kubernetes.io/hostname": node},
            "tolerations": [{"key": TAINT, "operator": "Exists"}],
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": TOOLBOX}],
        },
    })
}

/// What a node's kubelet says at its podresources socket: the answers of List and
/// GetAllocatableResources. A kubelet that has just begun is waited for.
///
/// # Errors
/// The words of `pod-resources` (tests/plane/go/kubernetes).
pub async fn pod_resources(node: &str) -> Result<Value> {
    let limit = Duration::from_secs(30);
    wait::until("the kubelet's podresources", limit, async || {
        let said = node::inside(node, ["pod-resources"])?.output().await;
        Ok(match said {
            Ok(said) => Look::Found(serde_json::from_str(&said)?),
            Err(refused) => Look::NotYet(refused.to_string()),
        })
    })
    .await
}

/// Ids of the devices of a resource in an answer of [`pod_resources`] that this pod holds.
#[must_use]
pub fn devices_of(answer: &Value, namespace: &str, pod: &str, resource: &str) -> Vec<String> {
    let pods = seen::items(&answer["list"]["pod_resources"]).iter();
    let own = pods.filter(|one| one["namespace"] == namespace && one["name"] == pod);
    let containers = own.flat_map(|one| seen::items(&one["containers"]));
    ids(
        containers.flat_map(|one| seen::items(&one["devices"])),
        resource,
    )
}

/// Ids of the devices of a resource in an answer of [`pod_resources`] that may be handed out.
#[must_use]
pub fn allocatable(answer: &Value, resource: &str) -> Vec<String> {
    ids(
        seen::items(&answer["allocatable"]["devices"]).iter(),
        resource,
    )
}

fn ids<'a>(devices: impl Iterator<Item = &'a Value>, resource: &str) -> Vec<String> {
    let those = devices.filter(|one| one["resource_name"] == resource);
    let ids = those.flat_map(|one| seen::items(&one["device_ids"]));
    let mut ids: Vec<_> = ids.map(|id| text(id).to_owned()).collect();
    ids.sort();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_pod_and_resource() {
        let device = |name: &str, id: &str| json!({"resource_name": name, "device_ids": [id]});
        let answer = json!({
            "list": {"pod_resources": [
                {"namespace": "n", "name": "a", "containers": [{"devices": [device("r", "2")]}]},
                {"namespace": "n", "name": "b", "containers": [{"devices": [device("r", "1")]}]},
            ]},
            "allocatable": {"devices": [device("r", "2"), device("s", "3"), device("r", "1")]},
        });
        assert_eq!(devices_of(&answer, "n", "a", "r"), ["2"]);
        assert!(devices_of(&answer, "m", "a", "r").is_empty());
        assert_eq!(allocatable(&answer, "r"), ["1", "2"]);
    }
}
