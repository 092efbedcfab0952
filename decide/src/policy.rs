//! The checked policy. A [`Policy`] that exists is valid.
//!
//! How it is written, with every field: docs/policy.md. `policy/file.rs` holds the file as it is written, `check.rs` what
//! each value must be; the JSON schema of the chart's values is made from the types in `file.rs`.

pub(crate) mod check;
pub(crate) mod file;
mod profile;
pub(crate) mod refuse;
mod weights;

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::names;
use crate::pages::PageSize;
use crate::profile::Profile;
use crate::toleration::Toleration;

use file::PolicyFile;
pub use weights::ScoreWeights;

/// What CDI keeps of a claim for the file system, unless CDIConfig says otherwise (facts: kubevirt-cdi 4).
pub(crate) const CDI_OVERHEAD_MILLIONTHS: u32 = 60_000;
/// Half an hour: the largest images of edge sites come over slow lines.
const HOLD_SECONDS: u32 = 1800;
/// The longest hold: a day.
const HOLD_SECONDS_MAX: u32 = 86_400;

/// What the operator of the cluster wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Given to every pod of a VM, in this order.
    pub tolerations: Vec<Toleration>,
    /// Nothing in these is touched.
    pub exempt_namespaces: BTreeSet<String>,
    /// Size of the pages behind the memory of a VM that says nothing itself; none by default.
    pub hugepages: Option<PageSize>,
    /// Virtual functions by resource; the first is what a VM means that names no network.
    pub vf_pools: Vec<VfPool>,
    /// Binding of the interface that KubeVirt would have added to a VM without any.
    pub pod_interface: PodInterface,
    /// Classes of local volumes that vmberth looks after.
    pub storage_classes: Vec<ManagedClass>,
    /// Named sets of wishes.
    pub profiles: Vec<Profile>,
    /// DaemonSets that get the tolerations too, as namespace and name.
    pub daemon_sets: BTreeSet<(String, String)>,
    /// Who places VMs and the pods of CDI that fill managed volumes; `None` leaves them as they are.
    pub scheduler_name: Option<String>,
    /// Whether pods that the cluster's own scheduler places request the resource by which it asks the extender about them.
    pub request_berth: bool,
    /// The profile that a disk stands for whose VM does not exist yet and that names none itself.
    pub disk_profile: Option<String>,
    /// Seconds for which the rest of a VM's demand is held where its disks lie.
    pub hold_seconds: u32,
    /// What counts how much among the nodes that can hold a VM.
    pub score_weights: ScoreWeights,
    /// What follows a password in plain text.
    pub plain_passwords: PlainPasswords,
    /// What follows a VM that no node could ever hold.
    pub infeasible: OnInfeasible,
}

/// One kind of virtual functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VfPool {
    /// Name of the device plugin's resource.
    pub resource: String,
    /// The NetworkAttachmentDefinition of interfaces of this pool: `namespace/name`, or `name` in the VM's namespace.
    pub network: String,
}

/// Binding of an interface in the pod's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum PodInterface {
    /// KubeVirt's default.
    #[default]
    Bridge,
    /// What live migration needs.
    Masquerade,
}

/// A class of local volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedClass {
    /// Name of the StorageClass.
    pub name: String,
    /// Given to DataVolumes that name no class.
    pub default: bool,
    /// When its claims are bound.
    pub binding_mode: BindingMode,
    /// Share of a claim that CDI keeps for the file system, in millionths.
    pub overhead_millionths: u32,
    /// Whether its volumes were cut without room for that share, so that claims must be smaller.
    pub fit_overhead: bool,
    /// Whether CDI is told beforehand that an import over HTTP needs scratch space.
    pub require_scratch: bool,
    /// What becomes of its volumes that were CDI's scratch space.
    pub scratch_reclaim: ScratchReclaim,
}

/// What becomes of a volume that was CDI's scratch space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ScratchReclaim {
    /// It is offered again, to the next disk of the VM, too.
    #[default]
    Wipe,
    /// It stays as it is: each disk takes another one.
    Retain,
}

/// When claims of a class are bound; Kubernetes' `volumeBindingMode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum BindingMode {
    /// With the first pod that uses it.
    WaitForFirstConsumer,
    /// At once, anywhere.
    Immediate,
}

/// What follows a password in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum PlainPasswords {
    /// Nothing.
    Ignore,
    /// A warning.
    #[default]
    Warn,
    /// The VM is refused.
    Deny,
}

/// What follows a VM that no node could ever hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum OnInfeasible {
    /// Nothing.
    Ignore,
    /// A warning, and an Event on the VM as long as it wants to run.
    #[default]
    Warn,
    /// It is refused when it is made or changed; one that is there gets the Event.
    Deny,
}

/// Why a file is refused: the policy, or the exporter's config.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is no YAML.
    #[error("not readable as YAML: {message}")]
    Syntax {
        /// The parser's words, with the line.
        message: String,
    },
    /// A field is unknown, missing, or of the wrong type.
    #[error("{path}: {message}")]
    Shape {
        /// The field.
        path: String,
        /// What was found and expected.
        message: String,
    },
    /// A field's value makes no sense.
    #[error("{path}: found {found}, expected {expected}")]
    Value {
        /// The field.
        path: String,
        /// What it holds, quoted, or `nothing`.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// With the field's path and what was expected there.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let file: PolicyFile = refuse::read(text, "policy")?;
        Self::try_from(file)
    }

    /// Whether nothing in this namespace is touched.
    #[must_use]
    pub fn exempts(&self, namespace: &str) -> bool {
        self.exempt_namespaces.contains(namespace)
    }

    /// The profile of that name.
    #[must_use]
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.iter().find(|profile| profile.name == name)
    }

    /// The managed class of that name.
    #[must_use]
    pub fn managed(&self, class: &str) -> Option<&ManagedClass> {
        self.storage_classes
            .iter()
            .find(|managed| managed.name == class)
    }

    /// The managed class that is given to DataVolumes without one.
    #[must_use]
    pub fn default_class(&self) -> Option<&ManagedClass> {
        self.storage_classes.iter().find(|managed| managed.default)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tolerations: vec![Toleration::cmk()],
            exempt_namespaces: BTreeSet::from([names::KUBE_SYSTEM.to_owned()]),
            hugepages: None,
            vf_pools: Vec::new(),
            pod_interface: PodInterface::default(),
            storage_classes: Vec::new(),
            profiles: Vec::new(),
            daemon_sets: BTreeSet::new(),
            scheduler_name: None,
            request_berth: false,
            disk_profile: None,
            hold_seconds: HOLD_SECONDS,
            score_weights: ScoreWeights::default(),
            plain_passwords: PlainPasswords::default(),
            infeasible: OnInfeasible::default(),
        }
    }
}

#[cfg(test)]
pub(crate) mod schema;
#[cfg(test)]
mod tests;
