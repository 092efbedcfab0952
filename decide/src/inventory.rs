//! `NodeInventory`, vmberth.io/v1alpha1: what a node has for VMs, as the cluster sees it.
//!
//! Written by the exporter of that node, by server-side apply and only when something changed; read by people, the
//! extender, the webhook and `kubectl vmberth`. The schema of the CustomResourceDefinition is made from these types, so
//! their documentation is what `kubectl explain` says. Lists are atomic and numbers are rounded, so that the object stays
//! small and a guest that writes to its disk makes few writes here: exact values are in the exporter's metrics.

mod state;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use state::VolumeState;

/// Bytes are published in multiples of this, rounded down where they are free and up where they are taken: 64 MiB.
pub const GRAIN: u64 = 64 << 20;

/// What the node has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeInventoryStatus {
    /// The node's label kubernetes.io/hostname, which local volumes are tied to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Totals, for people and for the columns of `kubectl get`.
    #[serde(default)]
    pub summary: Summary,
    /// Directories that back local volumes, or could.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub volumes: Vec<Volume>,
    /// File systems of those directories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub file_systems: Vec<FileSystem>,
    /// SR-IOV capable network cards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub physical_functions: Vec<PhysicalFunction>,
    /// Virtual functions by resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub vf_pools: Vec<VfPool>,
    /// Huge pages by size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub huge_pages: Vec<HugePages>,
    /// The machine.
    #[serde(default)]
    pub machine: Machine,
    /// VolumesHealthy, DiskPressure, DevicePluginInSync, HugePagesInSync, VirtualizationReady, PVsInSync.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Entries that are left out at the ends of volumes, fileSystems, physicalFunctions, vfPools and their functions, so that the
    /// object stays under 16 KiB. The summary counts all, the exporter's metrics name all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Totals of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Free and all volumes: `12/64`.
    pub volumes: String,
    /// Free and all virtual functions of all pools: `3/8`.
    pub vfs: String,
    /// Free and all pages of 2Mi: `500/1024`.
    pub pages_2_mi: String,
    /// Free and all pages of 1Gi: `0/4`.
    pub pages_1_gi: String,
    /// Bytes free for new disks, of all file systems, after every promise is kept: `120Gi`.
    pub disk_free: String,
    /// True if every condition is good, False if one is not, Unknown if one can't be told and none is bad.
    #[serde(default)]
    pub ready: String,
}

/// A directory that backs a local volume, or could.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Last component of its path.
    pub name: String,
    /// Its path on the node.
    pub path: String,
    /// Device of its file system; left out if it can't be told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file_system: String,
    /// Available, Bound, Released, Retained, Unoffered or Unhealthy.
    pub state: VolumeState,
    /// Why it is unhealthy, not offered, or kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its PersistentVolume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_volume: Option<String>,
    /// Whose it is, `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// The VM whose disk it is, `namespace/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<String>,
    /// Size that its disk may grow to, in multiples of 64 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
}

/// A file system that holds volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileSystem {
    /// Its device, `major:minor`.
    pub device: String,
    /// Where it is mounted.
    pub mount_point: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// All bytes, in multiples of 64 MiB.
    pub size_bytes: u64,
    /// Free bytes, in multiples of 64 MiB, as they were when they last moved by more than a hundredth of the size.
    pub free_bytes: u64,
    /// Sum of the capacities of PersistentVolumes on it.
    pub promised_bytes: u64,
    /// Free bytes after every sparse disk has grown to its size; in such multiples and moves too.
    pub free_after_promises_bytes: u64,
    /// It can't be written to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// A network card with virtual functions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhysicalFunction {
    /// PCI address.
    pub address: String,
    /// Its interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<String>,
    /// Its driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Most virtual functions that it can have.
    pub total_vfs: u32,
    /// Virtual functions that it has.
    pub num_vfs: u32,
    /// Its NUMA node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numa_node: Option<u32>,
    /// up or down; left out if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Virtual functions behind one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VfPool {
    /// Name of the resource.
    pub resource: String,
    /// Functions that belong to it.
    pub discovered: u32,
    /// Functions that a VM could take now.
    pub free: u32,
    /// Functions that pods hold.
    pub allocated: u32,
    /// What the kubelet advertises.
    pub advertised: u32,
    /// Functions by their card and what they are worth.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<VfGroup>,
}

/// Functions of one card that are worth the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VfGroup {
    /// PCI address of their card.
    pub physical_function: String,
    /// Their NUMA node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numa_node: Option<u32>,
    /// Free, Allocated, or why a VM can't take them.
    pub state: String,
    /// How many.
    pub count: u32,
    /// Their numbers at the card: `0-3,5`.
    pub indexes: String,
}

/// Huge pages of one size.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HugePages {
    /// 2Mi, 1Gi, …
    pub size: String,
    /// All pages.
    pub total: u64,
    /// Pages that a VM could take now: free, not reserved.
    pub free: u64,
    /// Pages that the kubelet advertises.
    pub advertised: u64,
    /// By NUMA node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numa_nodes: Vec<CellPages>,
}

/// Huge pages of one size in one NUMA node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CellPages {
    /// The NUMA node.
    pub numa_node: u32,
    /// All pages.
    pub total: u64,
    /// Pages that nobody holds.
    pub free: u64,
}

/// The machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// vmx or svm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtualization: Option<String>,
    /// /dev/kvm is there.
    #[serde(default)]
    pub kvm: bool,
    /// The IOMMU is on.
    #[serde(default)]
    pub iommu: bool,
    /// isolcpus of the kernel command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated_cpus: Option<String>,
    /// The kubelet's CPU manager policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_manager: Option<String>,
    /// The kubelet's memory manager policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_manager: Option<String>,
    /// The kubelet's topology manager policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology_manager: Option<String>,
}

/// A condition, in Kubernetes' usual form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// One word.
    pub reason: String,
    /// For people; says what to do next.
    pub message: String,
    /// When the status changed last, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
}
