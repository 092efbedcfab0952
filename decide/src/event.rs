//! What the watches tell the index: of each object, the little that is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::fit::volumes::{AccessModes, Labels, VolumeMode};
use crate::inventory::NodeInventoryStatus;

/// An object is so by now, or gone. A list is told as one event for each of its objects, and of each that is not in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A Node, by name.
    Node(Arc<str>, Option<Node>),
    /// A NodeInventory, by name.
    Inventory(Arc<str>, Option<Box<NodeInventoryStatus>>),
    /// A PersistentVolume, by name.
    Volume(Arc<str>, Option<Volume>),
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its label `kubernetes.io/hostname`, which local volumes are tied to; empty if it has none.
    pub hostname: Arc<str>,
}

/// A PersistentVolume that a node affinity ties to hostnames.
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
    /// Values of `kubernetes.io/hostname` that its node affinity asks for.
    pub hostnames: BTreeSet<Arc<str>>,
    /// `Available`, of no claim, and not being deleted.
    pub is_free: bool,
}
