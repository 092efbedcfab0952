//! What the API server says of one node, as far as decisions about it read it.

use std::collections::{BTreeMap, BTreeSet};

/// The cluster, seen from one node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The node itself; `None` until it is known.
    pub node: Option<Node>,
    /// Local volumes of this node, those that say they are (label), and those that ask for no node at all; by name.
    pub volumes: Vec<PersistentVolume>,
    /// Pods of this node; by namespace and name.
    pub pods: Vec<Pod>,
    /// UIDs of claims that were seen to be CDI's scratch space, until their volumes are marked so: what
    /// [`scratch::seen`](super::reclaim::scratch::seen) says after each change.
    pub scratch: BTreeSet<String>,
}

/// Seconds since 1970 by the clock of kube-apiserver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

/// The node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its identity: another one under the same name is another machine or a new installation.
    pub uid: String,
    /// Its label `kubernetes.io/hostname`, which may differ from the name.
    pub hostname: Option<String>,
    /// `status.capacity`: healthy and other devices, bytes of huge pages.
    pub capacity: BTreeMap<String, u64>,
    /// `status.allocatable`, of the same resources.
    pub allocatable: BTreeMap<String, u64>,
}

/// A local PersistentVolume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersistentVolume {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
    /// For writes that must not come too late.
    pub resource_version: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// `spec.storageClassName`.
    pub class: String,
    /// `spec.capacity.storage` in bytes.
    pub capacity: u64,
    /// `spec.local.path`, or `spec.hostPath.path`.
    pub path: String,
    /// Values of `kubernetes.io/hostname` that its node affinity asks for; none if it may be of any node.
    pub hostnames: BTreeSet<String>,
    /// `status.phase`.
    pub phase: Phase,
    /// `status.lastPhaseTransitionTime`.
    pub phase_since: Option<Moment>,
    /// `spec.claimRef`.
    pub claim: Option<ClaimRef>,
    /// Being deleted.
    pub deleting: bool,
}

/// `status.phase` of a PersistentVolume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not looked at by the PV controller yet.
    #[default]
    Pending,
    /// For the taking.
    Available,
    /// A claim has it.
    Bound,
    /// Its claim is gone.
    Released,
    /// Reclaim failed.
    Failed,
}

impl Phase {
    /// Kubernetes' word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Available => "Available",
            Self::Bound => "Bound",
            Self::Released => "Released",
            Self::Failed => "Failed",
        }
    }
}

/// `spec.claimRef`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimRef {
    /// Namespace of the claim.
    pub namespace: String,
    /// Name of the claim.
    pub name: String,
    /// Identity of the claim; empty if the volume is only reserved for a name.
    pub uid: String,
}

impl std::fmt::Display for ClaimRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A pod of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its identity; the kubelet's mounts carry it.
    pub uid: String,
    /// `metadata.creationTimestamp`.
    pub created: Option<Moment>,
    /// `status.phase` is Succeeded or Failed: it holds nothing any longer, whatever podresources says (facts: domain 3.3).
    pub ended: bool,
    /// A container waits for its start, or an init container runs.
    pub starting: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The VirtualMachineInstance that it runs, if it is a launcher (label `vm.kubevirt.io/name`).
    pub machine: Option<String>,
    /// Names of its claims.
    pub claims: BTreeSet<String>,
    /// Those of its claims that it has as a volume of the name [`CDI_SCRATCH_VOLUME`](crate::names::CDI_SCRATCH_VOLUME).
    pub scratch: BTreeSet<String>,
    /// Extended resources and huge pages it requests: the larger of the sum of containers and each init container.
    pub requests: BTreeMap<String, u64>,
}
