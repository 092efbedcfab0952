//! The verdict on virtual functions.

use std::collections::BTreeSet;

/// What one virtual function is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VfVerdict {
    /// PCI address.
    pub address: String,
    /// Number at its PF.
    pub index: u32,
    /// PCI address of its PF.
    pub physical_function: String,
    /// Its NUMA node.
    pub numa: Option<u32>,
    /// Its pool's resource, if it belongs to one.
    pub pool: Option<String>,
    /// The container that holds it.
    pub holder: Option<Holder>,
    /// Why a VM can't take it, or (soft ones) why it would be sorry; every reason on its own.
    pub reasons: BTreeSet<VfReason>,
}

impl VfVerdict {
    /// A VM could take it now: nothing but soft reasons (facts: domain 3.4).
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.pool.is_some() && self.reasons.iter().all(|reason| reason.is_soft())
    }
}

/// Why a function is not free for VMs; in the order in which an operator would look (facts: domain 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VfReason {
    /// No driver is bound to it.
    NoDriver,
    /// A driver other than vfio-pci is.
    HostDriver,
    /// It is in no IOMMU group: the IOMMU is off.
    NoIommuGroup,
    /// Its group is one without protection (vfio-noiommu).
    NoIommuProtection,
    /// Another device of its group has a host driver.
    GroupNotViable,
    /// The kubelet does not advertise it: the device plugin did not see it.
    NotAdvertised,
    /// A pod holds it.
    Allocated,
    /// The node's default route goes through its PF.
    DefaultRoute,
    /// The kubelet could not be asked, so nobody knows whether it is taken.
    KubeletSilent,
    /// Its PF has no link; soft.
    LinkDown,
}

impl VfReason {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::NoDriver,
        Self::HostDriver,
        Self::NoIommuGroup,
        Self::NoIommuProtection,
        Self::GroupNotViable,
        Self::NotAdvertised,
        Self::Allocated,
        Self::DefaultRoute,
        Self::KubeletSilent,
        Self::LinkDown,
    ];

    /// As it is published: one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoDriver => "NoDriver",
            Self::HostDriver => "HostDriver",
            Self::NoIommuGroup => "NoIommuGroup",
            Self::NoIommuProtection => "NoIommuProtection",
            Self::GroupNotViable => "GroupNotViable",
            Self::NotAdvertised => "NotAdvertised",
            Self::Allocated => "Allocated",
            Self::DefaultRoute => "DefaultRoute",
            Self::KubeletSilent => "KubeletSilent",
            Self::LinkDown => "LinkDown",
        }
    }

    /// A VM can take it all the same.
    #[must_use]
    pub fn is_soft(self) -> bool {
        self == Self::LinkDown
    }
}

/// The container that holds a device.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// Name of the container.
    pub container: String,
    /// The VM whose launcher the pod is, `namespace/name`.
    pub virtual_machine: Option<String>,
}

/// Functions of one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolVerdict {
    /// Its resource.
    pub resource: String,
    /// Functions that belong to it.
    pub discovered: u32,
    /// Functions that a VM could take now.
    pub free: u32,
    /// Functions that pods hold.
    pub allocated: u32,
    /// Devices that the kubelet may hand out under the resource.
    pub advertised: u32,
    /// The node's `status.allocatable` of the resource.
    pub node_allocatable: u64,
    /// Good for VMs but for the device plugin, which does not advertise them; by address.
    pub unadvertised: Vec<String>,
    /// Advertised, though a VM would fail with them: gone, or not on vfio-pci; by address.
    pub stale: Vec<String>,
}
