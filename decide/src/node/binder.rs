//! Which virtual functions to make and to bind, and which to leave alone (facts: domain 3.5).

/// What is to be done on a node, in this order, and what is refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Writes to sysfs.
    pub steps: Vec<Step>,
    /// What the config asks for and must not be done; each becomes part of a condition.
    pub refusals: Vec<Refusal>,
}

/// One change of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write `sriov_numvfs` of a PF that has none now, or whose functions nobody uses (then 0 is written first).
    SetNumVfs {
        /// PCI address of the PF.
        address: String,
        /// As it is.
        from: u32,
        /// As it is wanted.
        to: u32,
    },
    /// Unbind from `from`, if bound; bind to vfio-pci by `driver_override`; clear the override.
    BindVfio {
        /// PCI address of the VF.
        address: String,
        /// The driver that has it.
        from: Option<String>,
    },
}

/// Something that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// PCI address of PF or VF, or what the config called it.
    pub device: String,
    /// Why, and what to do.
    pub reason: String,
}
