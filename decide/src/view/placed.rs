//! Objects as a placement reads them. A review does not care where a VM may be or what a pod mounts, so it does not read that,
//! and refuses nobody who mistyped it.

use serde::Deserialize;

use super::affinity::Affinity;
use super::basic::{Text, fields, list};
use super::instance::Network;
use super::metadata::{Labels, Object};
use super::pod::{Container, Toleration};
use super::storage::DataVolumeTemplate;

pub use super::hardware::{
    Cpu, CpuFeature, Domain, Features, Hyperv, LaunchSecurity, MachineType, Numa, Sev, SevPolicy,
    Switch,
};

/// A pod.
pub type Pod<'a> = Object<'a, PodSpec<'a>>;
/// A VirtualMachineInstance, or the template of one.
pub type Instance<'a> = Object<'a, InstanceSpec<'a>>;
/// A VirtualMachine.
pub type Machine<'a> = Object<'a, MachineSpec<'a>>;

/// Spec of a pod.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec<'a> {
    /// What runs in it.
    #[serde(borrow, default, deserialize_with = "list")]
    pub containers: Option<Vec<Container<'a>>>,
    /// What runs before.
    #[serde(borrow, default, deserialize_with = "list")]
    pub init_containers: Option<Vec<Container<'a>>>,
    /// What containers may mount.
    #[serde(borrow, default, deserialize_with = "list")]
    pub volumes: Option<Vec<PodVolume<'a>>>,
}

/// A volume of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodVolume<'a> {
    /// A claim of the pod's namespace.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub persistent_volume_claim: Option<ClaimSource<'a>>,
}

/// A claim of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSource<'a> {
    /// Its name.
    #[serde(borrow)]
    pub claim_name: Option<Text<'a>>,
}

/// Spec of a VirtualMachine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineSpec<'a> {
    /// The instance that will be made.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub template: Option<Instance<'a>>,
    /// DataVolumes that will be made for it.
    #[serde(borrow, default, deserialize_with = "list")]
    pub data_volume_templates: Option<Vec<DataVolumeTemplate<'a>>>,
    /// Whether it should run: the older way to say so.
    pub running: Option<bool>,
    /// When it should run.
    #[serde(borrow)]
    pub run_strategy: Option<Text<'a>>,
}

/// Spec of a VirtualMachineInstance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec<'a> {
    /// Taints that are put up with.
    #[serde(borrow, default, deserialize_with = "list")]
    pub tolerations: Option<Vec<Toleration<'a>>>,
    /// Who places it.
    #[serde(borrow)]
    pub scheduler_name: Option<Text<'a>>,
    /// Labels that its node must have.
    #[serde(borrow)]
    pub node_selector: Option<Labels<'a>>,
    /// Architecture of the guest, and so of its node.
    #[serde(borrow)]
    pub architecture: Option<Text<'a>>,
    /// What else its node must be.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub affinity: Option<Affinity<'a>>,
    /// The guest.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub domain: Option<Domain<'a>>,
    /// What interfaces are plugged into, by name.
    #[serde(borrow, default, deserialize_with = "list")]
    pub networks: Option<Vec<Network<'a>>>,
    /// What disks show.
    #[serde(borrow, default, deserialize_with = "list")]
    pub volumes: Option<Vec<Volume<'a>>>,
}

/// A volume of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume<'a> {
    /// A claim of the same name as this DataVolume.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub data_volume: Option<DataVolumeSource<'a>>,
    /// A claim.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub persistent_volume_claim: Option<ClaimSource<'a>>,
}

/// A DataVolume of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DataVolumeSource<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
}

impl Volume<'_> {
    /// The claim behind it; both ways to name it mean the same (facts: kubevirt-cdi 6).
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        let data_volume = self.data_volume.as_ref().and_then(|it| it.name.as_deref());
        let claim = self.persistent_volume_claim.as_ref();
        let name = data_volume.or_else(|| claim.and_then(|it| it.claim_name.as_deref()));
        name.filter(|name| !name.is_empty())
    }
}
