//! The fields that we read of an object, and nothing else.
//!
//! Absent and `null` are the same; a field that we do not know is skipped without being kept, so it can neither
//! be an error nor be lost. Strings are borrowed from the body wherever they hold no escape.

mod affinity;
mod basic;
mod hardware;
mod instance;
mod metadata;
pub mod placed;
mod pod;
mod storage;

pub use affinity::{Affinity, NodeAffinity, NodeSelector, Requirement, Term};
pub use basic::{Amount, Amounts, Fields, Present, Text};
pub use instance::{
    AccessCredential, CloudInit, Devices, Domain, Hugepages, InstanceSpec, Interface, Memory,
    Multus, Network, Resources, Volume,
};
pub use metadata::{Annotations, Labels, Metadata, Object, Owner};
pub use pod::{Container, DaemonSetSpec, PodSpec, Toleration};
pub use storage::{
    Claim, ClaimRequests, ClaimResources, ClaimSpec, DataVolumeSpec, DataVolumeTemplate,
    LabelSelector, Source,
};

use serde::Deserialize;

use basic::{fields, list};

/// A pod, or the template of one.
pub type Pod<'a> = Object<'a, PodSpec<'a>>;
/// A VirtualMachineInstance, or the template of one.
pub type Instance<'a> = Object<'a, InstanceSpec<'a>>;
/// A VirtualMachine, or a VirtualMachineInstanceReplicaSet: both hold `spec.template`.
pub type Machine<'a> = Object<'a, MachineSpec<'a>>;
/// A VirtualMachinePool.
pub type Pool<'a> = Object<'a, PoolSpec<'a>>;
/// A DataVolume.
pub type DataVolume<'a> = Object<'a, DataVolumeSpec<'a>>;
/// A DaemonSet.
pub type DaemonSet<'a> = Object<'a, DaemonSetSpec<'a>>;

/// Spec of a VirtualMachine and of a replica set of instances.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineSpec<'a> {
    /// The instance that will be made.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub template: Option<Instance<'a>>,
    /// DataVolumes that will be made for it.
    #[serde(borrow, default, deserialize_with = "list")]
    pub data_volume_templates: Option<Vec<DataVolumeTemplate<'a>>>,
    /// Whether processors and memory come from an instancetype.
    pub instancetype: Option<Present>,
}

/// Spec of a pool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PoolSpec<'a> {
    /// The machines that will be made.
    #[serde(
        borrow,
        rename = "virtualMachineTemplate",
        default,
        deserialize_with = "fields"
    )]
    pub machine: Option<Machine<'a>>,
}
