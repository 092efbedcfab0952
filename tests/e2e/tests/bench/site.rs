//! Simulated nodes with what an agent would have found on them. Nothing is behind it, and nobody changes it: what is taken, the
//! extender knows from pods and claims.

use std::time::Duration;

use anyhow::Result;
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use vmberth_decide::inventory::{
    FileSystem, HugePages, NodeInventoryStatus, VfPool, Volume, VolumeState,
};
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::kind;
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::seen::name;
use vmberth_e2e::volumes::CLASS;
use vmberth_e2e::wait::{self, Look};

use crate::AT_ONCE;
use crate::fleet::{Amounts, GI, NodeHas, POOLS};

/// Resources of the pools of functions.
pub(crate) const RESOURCES: [&str; POOLS] = [FUNCTION, "intel.com/intel_sriov_fast"];

/// Label of the volumes.
const LABEL: &str = "bench";
/// The file system of all volumes of a node.
const DEVICE: &str = "259:1";

/// Gives each node what it has.
pub(crate) async fn open(cluster: &Cluster, nodes: &[(String, NodeHas)]) -> Result<()> {
    stream::iter(nodes)
        .map(|(node, has)| open_one(cluster, node, has))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn open_one(cluster: &Cluster, node: &str, has: &NodeHas) -> Result<()> {
    let resources = resources(has.amounts);
    let status = json!({"status": {"capacity": resources, "allocatable": resources}});
    cluster.merge_status(kind::NODE, node, &status).await?;
    for (number, gib) in has.volumes.iter().enumerate() {
        let volume = volume(node, number, *gib);
        cluster.create(kind::VOLUME, "", &volume).await?;
    }
    let inventory = json!({
        "apiVersion": "vmberth.io/v1alpha1",
        "kind": "NodeInventory",
        "metadata": {"name": node},
        "spec": {},
    });
    cluster.create(kind::INVENTORY, "", &inventory).await?;
    let status = json!({"status": serde_json::to_value(inventory_of(node, has))?});
    cluster.merge_status(kind::INVENTORY, node, &status).await?;
    Ok(())
}

/// What kubelet and device plugins would say of the node, or a pod asks for.
pub(crate) fn resources(amounts: Amounts) -> Value {
    let mut resources = json!({
        "cpu": format!("{}m", amounts.cpu),
        "memory": format!("{}Mi", amounts.memory),
        "hugepages-1Gi": format!("{}Gi", amounts.pages),
    });
    for (resource, count) in RESOURCES.iter().zip(amounts.functions) {
        resources[resource] = count.to_string().into();
    }
    resources
}

fn inventory_of(node: &str, has: &NodeHas) -> NodeInventoryStatus {
    let pool = |(resource, count): (&&str, u64)| {
        let count = u32::try_from(count).unwrap();
        VfPool {
            resource: (*resource).to_owned(),
            discovered: count,
            free: count,
            advertised: count,
            ..VfPool::default()
        }
    };
    let directory = |number: usize| Volume {
        name: format!("vol{number}"),
        path: path(number),
        file_system: DEVICE.to_owned(),
        state: VolumeState::Available,
        persistent_volume: Some(volume_name(node, number)),
        ..Volume::default()
    };
    NodeInventoryStatus {
        hostname: Some(node.to_owned()),
        volumes: (0..has.volumes.len()).map(directory).collect(),
        file_systems: vec![FileSystem {
            device: DEVICE.to_owned(),
            mount_point: "/var/vd".to_owned(),
            kind: "xfs".to_owned(),
            size_bytes: has.disk * GI,
            free_bytes: has.disk * GI,
            free_after_promises_bytes: has.disk * GI,
            ..FileSystem::default()
        }],
        vf_pools: RESOURCES
            .iter()
            .zip(has.amounts.functions)
            .map(pool)
            .collect(),
        huge_pages: vec![HugePages {
            size: "1Gi".to_owned(),
            total: has.amounts.pages,
            free: has.amounts.pages,
            advertised: has.amounts.pages,
            ..HugePages::default()
        }],
        ..NodeInventoryStatus::default()
    }
}

fn path(number: usize) -> String {
    format!("/var/vd/vol{number}")
}

fn volume_name(node: &str, number: usize) -> String {
    format!("{node}-vol{number}")
}

fn volume(node: &str, number: usize, gib: u64) -> Value {
    let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(node, number), "labels": {LABEL: node}},
        "spec": {
            "capacity": {"storage": format!("{gib}Gi")},
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": path(number)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    })
}

/// Takes volumes and inventories away; claims are gone.
pub(crate) async fn close(cluster: &Cluster) -> Result<()> {
    let volumes = cluster.list(kind::VOLUME, "", LABEL).await?;
    let inventories = cluster.list(kind::INVENTORY, "", "").await?;
    let inventories = inventories
        .iter()
        .filter(|it| name(it).starts_with("sim-"))
        .map(|it| (kind::INVENTORY, name(it)));
    let all = volumes.iter().map(|it| (kind::VOLUME, name(it)));
    stream::iter(all.chain(inventories))
        .map(|(kind, name)| cluster.delete(kind, "", name))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    wait::until("volumes to go", Duration::from_secs(60), async || {
        let left = cluster.list(kind::VOLUME, "", LABEL).await?;
        Ok(Look::of(left.is_empty().then_some(()), || {
            format!("{} volumes", left.len())
        }))
    })
    .await
}
