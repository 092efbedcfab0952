//! The verdict on a whole node: facts, the cluster's view and the config in; everything that is published, counted and
//! acted upon out.

mod functions;

use std::collections::BTreeMap;

use super::cluster::{ClaimRef, Cluster};
use super::config::Config;
use super::facts::{
    CellPages, DirectoryFacts, Facts, FileSystemFacts, MachineFacts, PhysicalFunction,
};
use super::{conditions, file_systems, pages, vfs, volumes};
use crate::inventory::VolumeState;

pub use functions::{Holder, PoolVerdict, VfReason, VfVerdict};

/// What a node is worth to VMs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assessment {
    /// The node's label `kubernetes.io/hostname`.
    pub hostname: Option<String>,
    /// By the config's order of patterns, then by number.
    pub volumes: Vec<VolumeVerdict>,
    /// By device.
    pub file_systems: Vec<FileSystemVerdict>,
    /// By address.
    pub functions: Vec<PhysicalFunction>,
    /// Every VF of every PF; by PF's address and index.
    pub vfs: Vec<VfVerdict>,
    /// In the config's order.
    pub pools: Vec<PoolVerdict>,
    /// By size.
    pub pages: Vec<PageVerdict>,
    /// The machine, as read.
    pub machine: MachineFacts,
    /// One for each [`ConditionKind`], in its order.
    pub findings: Vec<Finding>,
    /// What takes the place of `DiskPressure`'s finding where it said before that a file system is nearly full.
    pub still_full: Option<Finding>,
    /// What an operator should do; each becomes an Event on the Node.
    pub advice: Vec<Advice>,
}

/// The verdict on everything.
#[must_use]
pub fn assess(facts: &Facts, cluster: &Cluster, config: &Config) -> Assessment {
    let volumes = volumes::verdicts(facts, cluster, config);
    let (vfs, pools) = vfs::verdicts(facts, cluster, config);
    let mut functions = facts.functions.clone();
    functions.sort_by(|a, b| a.address.cmp(&b.address));
    let mut assessment = Assessment {
        hostname: cluster.node.as_ref().and_then(|node| node.hostname.clone()),
        file_systems: file_systems::verdicts(facts, cluster, &volumes),
        volumes,
        functions,
        vfs,
        pools,
        pages: pages::verdicts(facts, cluster),
        machine: facts.machine.clone(),
        findings: Vec::new(),
        still_full: None,
        advice: Vec::new(),
    };
    assessment.findings = conditions::findings(facts, cluster, config, &assessment);
    let still_full = conditions::still_full(facts, cluster, config, &assessment);
    assessment.still_full = Some(still_full);
    assessment.advice = conditions::advice(facts, cluster, config, &assessment);
    assessment
}

/// What one volume is worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeVerdict {
    /// Last component of its path.
    pub name: String,
    /// Path on the node.
    pub path: String,
    /// What it is worth now.
    pub state: VolumeState,
    /// Why, if it is not Available or Bound; for people.
    pub reason: Option<String>,
    /// The directory as read; `None` if it vanished or can't be used.
    pub directory: Option<DirectoryFacts>,
    /// Its PersistentVolume, ours or another's.
    pub persistent_volume: Option<String>,
    /// That one is ours: made by this node's agent, marked so.
    pub ours: bool,
    /// Capacity of that one.
    pub capacity: Option<u64>,
    /// Its class.
    pub class: Option<String>,
    /// Whose it is.
    pub claim: Option<ClaimRef>,
    /// The VM whose disk it is, `namespace/name`.
    pub virtual_machine: Option<String>,
}

/// What a file system has left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileSystemVerdict {
    /// As read.
    pub facts: FileSystemFacts,
    /// Volumes on it.
    pub volumes: u32,
    /// Sum of capacities of PersistentVolumes on it, ours and others'.
    pub promised: u64,
    /// Of that, what was promised to directories of which nobody can tell what they take up: they were not looked at, or
    /// hold files that are no disks.
    pub unmeasured: u64,
    /// Sum of the disks' sizes, each at most what its PersistentVolume promises.
    pub disk_virtual: u64,
    /// Sum of what the disks take up.
    pub disk_allocated: u64,
    /// Free bytes after every sparse disk has grown to that size; 0 if that is more than there is.
    pub free_after_promises: u64,
}

/// Huge pages of one size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageVerdict {
    /// Bytes of one page.
    pub size: u64,
    /// Kubernetes' spelling: `2Mi`.
    pub name: String,
    /// All pages.
    pub total: u64,
    /// Free and not reserved.
    pub free: u64,
    /// Pages of the node's `status.allocatable`.
    pub advertised: u64,
    /// Pages of the node's `status.capacity`: what the kubelet saw when it started (facts: domain 4).
    pub seen_by_kubelet: u64,
    /// By NUMA node.
    pub cells: BTreeMap<u32, CellPages>,
}

/// Conditions of an inventory, in the order in which they are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionKind {
    /// Every volume can be used, or is used.
    VolumesHealthy,
    /// True is bad: a file system can't keep what is promised of it, or is full, or has no inodes left.
    DiskPressure,
    /// The kubelet advertises the functions that are there, and no others.
    DevicePluginInSync,
    /// The kubelet advertises the huge pages that are there.
    HugePagesInSync,
    /// VMs can run: vmx or svm, /dev/kvm; and the IOMMU is on if there are VF pools.
    VirtualizationReady,
    /// Every healthy volume has its PersistentVolume, and each says what the config says.
    PvsInSync,
}

impl ConditionKind {
    /// Every condition.
    pub const ALL: [Self; 6] = [
        Self::VolumesHealthy,
        Self::DiskPressure,
        Self::DevicePluginInSync,
        Self::HugePagesInSync,
        Self::VirtualizationReady,
        Self::PvsInSync,
    ];

    /// As it is published.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VolumesHealthy => "VolumesHealthy",
            Self::DiskPressure => "DiskPressure",
            Self::DevicePluginInSync => "DevicePluginInSync",
            Self::HugePagesInSync => "HugePagesInSync",
            Self::VirtualizationReady => "VirtualizationReady",
            Self::PvsInSync => "PVsInSync",
        }
    }
}

/// A condition without the time of its last change, which only who publishes it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which condition.
    pub kind: ConditionKind,
    /// Whether it holds.
    pub status: Status,
    /// One word, CamelCase.
    pub reason: &'static str,
    /// For people; says what to do next. At most 1,024 bytes.
    pub message: String,
}

/// Status of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// What it takes to know could not be read.
    Unknown,
}

impl Status {
    /// Kubernetes' word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Something that an operator should do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advice {
    /// One word, CamelCase: the Event's reason.
    pub reason: &'static str,
    /// What is wrong and the command that mends it.
    pub message: String,
}
