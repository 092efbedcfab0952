//! Nodes and a pod, as the watches and the scheduler tell of them.

use std::sync::Arc;

use serde_json::{Value, json};
use vmberth_decide::event::{Claim, Class, Event, Node, ObjectName, Volume};
use vmberth_decide::fit::volumes::{AccessModes, Labels};
use vmberth_decide::inventory::{
    FileSystem, HugePages, NodeInventoryStatus, VfPool, Volume as Directory, VolumeState,
};
use vmberth_decide::placing::kept;

/// Resource of the virtual functions.
pub const POOL: &str = "intel.com/intel_sriov_vm";
/// Class of the volumes.
pub const CLASS: &str = "local-vd";
/// Namespace of the pods.
pub const NAMESPACE: &str = "edge";

const GI: u64 = 1 << 30;

/// What a node has.
#[derive(Debug, Clone, Copy)]
pub struct Has {
    /// Free volumes, of 16Gi, 32Gi and so on.
    pub volumes: u64,
    /// All virtual functions.
    pub functions: u32,
    /// Those that pods have.
    pub allocated: u32,
}

/// A node with its agent and its free volumes.
pub fn node(name: &str, has: Has) -> Vec<Event> {
    let volumes = (0..has.volumes).map(|at| volume(name, at, None));
    [known(name, &Labels::new()), inventory(name, has)]
        .into_iter()
        .chain(volumes)
        .collect()
}

/// The node itself, with what the watch keeps of its labels.
pub fn known(name: &str, labels: &Labels) -> Event {
    let labels = labels.iter();
    let (labels, offered) = kept(labels.map(|(key, value)| (key.as_str(), value.as_str())));
    let node = Node {
        hostname: name.into(),
        labels: Arc::new(labels),
        offered,
        ..Node::default()
    };
    Event::Node(name.into(), Some(node))
}

/// What the node's agent tells.
pub fn inventory(name: &str, has: Has) -> Event {
    let directory = |at: u64| Directory {
        name: format!("vol{at}"),
        path: format!("/var/vd/vol{at}"),
        file_system: "259:1".to_owned(),
        state: VolumeState::Available,
        persistent_volume: Some(volume_name(name, at)),
        ..Directory::default()
    };
    let status = NodeInventoryStatus {
        hostname: Some(name.to_owned()),
        volumes: (0..has.volumes).map(directory).collect(),
        file_systems: vec![FileSystem {
            device: "259:1".to_owned(),
            mount_point: "/var/vd".to_owned(),
            size_bytes: 2048 * GI,
            free_bytes: 1024 * GI,
            free_after_promises_bytes: 1024 * GI,
            ..FileSystem::default()
        }],
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: has.functions,
            free: has.functions - has.allocated,
            allocated: has.allocated,
            advertised: has.functions,
            ..VfPool::default()
        }],
        huge_pages: vec![HugePages {
            size: "1Gi".to_owned(),
            total: 16,
            free: 8,
            advertised: 16,
            ..HugePages::default()
        }],
        ..NodeInventoryStatus::default()
    };
    Event::Inventory(name.into(), Some(Box::new(status)))
}

fn volume_name(node: &str, at: u64) -> String {
    format!("vmberth-{node}-vol{at}")
}

/// A volume of the node; free, or of this claim.
pub fn volume(node: &str, at: u64, claim: Option<&str>) -> Event {
    let volume = Volume {
        class: CLASS.into(),
        bytes: 16 * GI * (at + 1),
        access: AccessModes::of(["ReadWriteOnce"]),
        hostnames: [node.into()].into(),
        is_free: claim.is_none(),
        claim: claim.map(in_namespace),
        since: claim.map(|_| 1_000),
        ..Volume::default()
    };
    Event::Volume(volume_name(node, at).into(), Some(volume))
}

/// The class of all volumes.
pub fn class() -> Event {
    Event::Class(CLASS.into(), Some(Class { is_static: true }))
}

/// A claim of 15Gi; of this volume of a node, or still without any.
pub fn claim(name: &str, volume: Option<(&str, u64)>) -> Event {
    let claim = Claim {
        volume: volume.map(|(node, at)| volume_name(node, at).into()),
        class: CLASS.into(),
        bytes: 15 * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        ..Claim::default()
    };
    Event::Claim(in_namespace(name), Some(claim))
}

/// An object of the namespace.
pub fn in_namespace(name: &str) -> ObjectName {
    (Arc::from(NAMESPACE), name.into())
}

/// The pod that runs VM `vm`, whose disk is the claim of the same name: with two functions and 4Gi of huge pages.
pub fn launcher(vm: &str) -> Value {
    let amounts = json!({POOL: "2", "hugepages-1Gi": "4Gi", "cpu": "2", "memory": "512Mi"});
    json!({
        "metadata": {
            "name": format!("virt-launcher-{vm}-abcde"), "namespace": NAMESPACE, "uid": "0b9a5f0e",
            "labels": {"kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": vm},
            "ownerReferences": [{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachineInstance", "name": vm, "controller": true}],
        },
        "spec": {
            "schedulerName": "vmberth-scheduler",
            "containers": [{"name": "compute", "resources": {"requests": amounts, "limits": amounts}}],
            "volumes": [{"name": "disk", "persistentVolumeClaim": {"claimName": vm}}],
        },
    })
}

/// A pod that works for no VM.
pub fn foreign() -> Value {
    json!({
        "metadata": {"name": "web", "namespace": NAMESPACE, "uid": "1", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "1"}}}]},
    })
}
