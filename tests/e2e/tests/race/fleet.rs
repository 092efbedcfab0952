//! The fleet: simulated nodes with what an agent would have found on them. Nothing is behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use vmberth_decide::inventory::{
    FileSystem, HugePages, NodeInventoryStatus, VfPool, Volume, VolumeState,
};
use vmberth_e2e::cluster::Cluster;
use vmberth_e2e::networks::FUNCTION;
use vmberth_e2e::seen::{self, name};
use vmberth_e2e::volumes::CLASS;
use vmberth_e2e::wait::{self, Look};
use vmberth_e2e::{Scene, kind};

use crate::machines::AT_ONCE;
use crate::packing::Room;

/// Label of its volumes.
pub(crate) const LABEL: &str = "race";

/// A volume for a disk of one GiB: what CDI adds for the file system (0.06) must fit.
const MIB: u64 = 1100;

/// The file system of all volumes of a node.
const DEVICE: &str = "8:0";

/// Makes nodes' resources, volumes and inventories.
pub(crate) async fn open(cluster: &Cluster, rooms: &[Room]) -> Result<()> {
    stream::iter(rooms)
        .map(|room| open_one(cluster, room))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

async fn open_one(cluster: &Cluster, room: &Room) -> Result<()> {
    for number in 0..room.volumes.len() {
        let volume = volume(room, number);
        cluster.create(kind::VOLUME, "", &volume).await?;
    }
    tell_of_node(cluster, room).await
}

/// A node that was deleted is there again, Ready: what it has is told anew. Its volumes stayed.
pub(crate) async fn join_again(scene: &Scene, room: &Room) -> Result<()> {
    let what = format!("{} to be Ready", room.node);
    wait::until(&what, Duration::from_secs(60), async || {
        let node = scene.cluster.get(kind::NODE, "", &room.node).await?;
        let left = scene.cluster.find(kind::INVENTORY, "", &room.node).await?;
        let ready = seen::is(&node, "Ready") && left.is_none();
        Ok(Look::of(ready.then_some(()), || seen::line(&node)))
    })
    .await?;
    tell_of_node(&scene.cluster, room).await
}

async fn tell_of_node(cluster: &Cluster, room: &Room) -> Result<()> {
    advertise(cluster, room).await?;
    // It goes with its node, as the agent's does.
    let node = cluster.get(kind::NODE, "", &room.node).await?;
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": room.node, "uid": node["metadata"]["uid"]});
    let inventory = json!({
        "apiVersion": "vmberth.io/v1alpha1",
        "kind": "NodeInventory",
        "metadata": {"name": room.node, "ownerReferences": [owner]},
        "spec": {},
    });
    cluster.create(kind::INVENTORY, "", &inventory).await?;
    publish(cluster, &room.node, &inventory_of(room, 0)).await
}

/// What kubelet and device plugin would say of the node.
async fn advertise(cluster: &Cluster, room: &Room) -> Result<()> {
    let resources: BTreeMap<_, _> = room.resources().into();
    let status = json!({"status": {"capacity": resources, "allocatable": resources}});
    cluster
        .merge_status(kind::NODE, &room.node, &status)
        .await
        .map(drop)
}

/// Writes the status of a node's inventory.
pub(crate) async fn publish(
    cluster: &Cluster,
    node: &str,
    status: &NodeInventoryStatus,
) -> Result<()> {
    let status = json!({"status": serde_json::to_value(status)?});
    let written = cluster.merge_status(kind::INVENTORY, node, &status).await;
    written.map(drop).with_context(|| node.to_owned())
}

/// What the agent would tell, if pods had so many of the functions.
pub(crate) fn inventory_of(room: &Room, allocated: u64) -> NodeInventoryStatus {
    let functions = u32::try_from(room.functions).unwrap_or(u32::MAX);
    let allocated = u32::try_from(allocated).unwrap_or(u32::MAX).min(functions);
    let bytes = room.volumes.iter().map(|gib| gib * MIB).sum::<u64>() << 20;
    NodeInventoryStatus {
        hostname: Some(room.hostname().to_owned()),
        volumes: (0..room.volumes.len())
            .map(|number| Volume {
                name: format!("vol{number}"),
                path: path(number),
                file_system: DEVICE.to_owned(),
                state: VolumeState::Available,
                persistent_volume: Some(volume_name(room, number)),
                ..Volume::default()
            })
            .collect(),
        file_systems: vec![FileSystem {
            device: DEVICE.to_owned(),
            mount_point: "/var/vd".to_owned(),
            kind: "xfs".to_owned(),
            size_bytes: bytes,
            free_bytes: bytes,
            promised_bytes: bytes,
            free_after_promises_bytes: bytes,
            read_only: false,
        }],
        vf_pools: vec![VfPool {
            resource: FUNCTION.to_owned(),
            discovered: functions,
            free: functions - allocated,
            allocated,
            advertised: functions,
            functions: Vec::new(),
        }],
        huge_pages: vec![HugePages {
            size: "2Mi".to_owned(),
            total: room.pages,
            free: room.pages,
            advertised: room.pages,
            numa_nodes: Vec::new(),
        }],
        ..NodeInventoryStatus::default()
    }
}

fn path(number: usize) -> String {
    format!("/var/vd/vol{number}")
}

/// Name of one of a node's volumes.
fn volume_name(room: &Room, number: usize) -> String {
    format!("{}-vol{number}", room.hostname())
}

fn volume(room: &Room, number: usize) -> Value {
    let capacity = room.volumes.get(number).map_or(0, |gib| gib * MIB);
    let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [room.node]});
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(room, number), "labels": {LABEL: room.node}},
        "spec": {
            "capacity": {"storage": format!("{capacity}Mi")},
            "accessModes": ["ReadWriteOnce"],
            "volumeMode": "Filesystem",
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": path(number)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    })
}

/// Takes away what an earlier race left: inventories and volumes; claims of them are gone.
pub(crate) async fn close(cluster: &Cluster) -> Result<()> {
    let volumes = cluster.list(kind::VOLUME, "", LABEL).await?;
    stream::iter(&volumes)
        .map(|volume| cluster.delete(kind::VOLUME, "", name(volume)))
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    for inventory in cluster.list(kind::INVENTORY, "", "").await? {
        if name(&inventory).starts_with("sim-") {
            cluster
                .delete(kind::INVENTORY, "", name(&inventory))
                .await?;
        }
    }
    // They go when the controller has seen that no claim has them.
    wait::until("volumes to go", Duration::from_secs(120), async || {
        let left = cluster.list(kind::VOLUME, "", LABEL).await?;
        Ok(Look::of(left.is_empty().then_some(()), || {
            format!("{} volumes", left.len())
        }))
    })
    .await
}
