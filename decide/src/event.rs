//! What the watches tell the index: of each object, the little that is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fit::counted::Counted;
use crate::fit::volumes::{AccessModes, Labels, VolumeMode};
use crate::guest::Guest;
use crate::inventory::NodeInventoryStatus;
use crate::placing::{Offered, Room, Taint};
use crate::policy::Policy;
use crate::profile::Selector;

/// Namespace and name of an object.
pub type ObjectName = (Arc<str>, Arc<str>);

/// An object is so by now, or gone. A list is told as one event for each of its objects, and of each that is not in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A Node, by name.
    Node(Arc<str>, Option<Node>),
    /// A NodeInventory, by name.
    Inventory(Arc<str>, Option<Box<NodeInventoryStatus>>),
    /// A PersistentVolume, by name.
    Volume(Arc<str>, Option<Volume>),
    /// A PersistentVolumeClaim.
    Claim(ObjectName, Option<Claim>),
    /// A namespace that says what its disks stand for, by name.
    Namespace(Arc<str>, Option<Namespace>),
    /// A StorageClass, by name.
    Class(Arc<str>, Option<Class>),
    /// A NetworkAttachmentDefinition.
    Network(ObjectName, Option<Network>),
    /// A VirtualMachine.
    Machine(ObjectName, Option<Box<Guest>>),
    /// A VirtualMachineInstance.
    Instance(ObjectName, Option<Box<Guest>>),
    /// A pod that works for a VM, fills a disk, or has something that is counted.
    Pod(ObjectName, Option<Pod>),
    /// CDI's configuration: the class of its scratch space, if that is another than the disk's.
    ScratchClass(Option<Arc<str>>),
    /// What the operator wants.
    Policy(Arc<Policy>),
    /// Seconds since 1970 have come to this.
    Time(u64),
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its label `kubernetes.io/hostname`, which local volumes are tied to; empty if it has none.
    pub hostname: Arc<str>,
    /// Its labels, but those that only say what it can do.
    pub labels: Arc<Labels>,
    /// What it can do, as KubeVirt says by labels.
    pub offered: Offered,
    /// What it has for pods.
    pub room: Room,
    /// Its taints.
    pub taints: Vec<Taint>,
}

/// A PersistentVolume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Its class.
    pub class: Arc<str>,
    /// Its capacity in bytes.
    pub bytes: u64,
    /// A file system or a block device.
    pub mode: VolumeMode,
    /// Access modes that it has.
    pub access: AccessModes,
    /// Its labels.
    pub labels: Arc<Labels>,
    /// Values of `kubernetes.io/hostname` that its node affinity asks for; empty of a volume that is no node's.
    pub hostnames: BTreeSet<Arc<str>>,
    /// `Available`, of no claim, and not being deleted.
    pub is_free: bool,
    /// Whose it is.
    pub claim: Option<ObjectName>,
    /// When its phase changed last, in seconds since 1970: when it was bound, if it is.
    pub since: Option<u64>,
}

/// A PersistentVolumeClaim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claim {
    /// Its class.
    pub class: Arc<str>,
    /// Bytes that it requests.
    pub bytes: u64,
    /// A file system or a block device.
    pub mode: VolumeMode,
    /// Access modes that it asks for.
    pub access: AccessModes,
    /// Labels that its volume must have.
    pub selector: Option<Selector>,
    /// Its volume, once it is bound.
    pub volume: Option<Arc<str>>,
    /// CDI has still to fill it, and needs scratch space for that.
    pub needs_scratch: bool,
    /// The profile of the VM that it will belong to.
    pub profile: Option<Arc<str>>,
}

/// A namespace that says what its disks stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespace {
    /// The profile of the VMs that its disks will belong to.
    pub profile: Arc<str>,
}

/// A StorageClass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Class {
    /// Nobody makes volumes of it on demand: they are there or not.
    pub is_static: bool,
}

/// A NetworkAttachmentDefinition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Resource that its pods need one of.
    pub resource: Option<Arc<str>>,
}

/// A pod that has not ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Where it is.
    pub node: Option<Arc<str>>,
    /// Where it will be: kube-scheduler says so while it binds the volumes.
    pub nominated: Option<Arc<str>>,
    /// Since when it says so, in seconds since 1970.
    pub nominated_since: Option<u64>,
    /// Name of the VM that it runs or binds volumes for, in its own namespace.
    pub vm: Option<Arc<str>>,
    /// Name of the claim that it fills, in its own namespace.
    pub fills: Option<Arc<str>>,
    /// It only binds volumes and is gone before the VM starts.
    pub is_provisioning: bool,
    /// What it has of things that are counted.
    pub requests: Vec<(Counted, u64)>,
}
