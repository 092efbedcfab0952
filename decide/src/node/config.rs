//! The checked configuration of the exporter. A [`Config`] that exists is valid.
//!
//! How it is written, with every field: docs/exporter.md. `config/file.rs` holds the file as it is written, `check.rs`
//! and `pattern.rs` what each value must be; the JSON schema of the chart's values is made from the types in `file.rs`.

mod check;
mod file;
mod pattern;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use crate::policy::PolicyError as ConfigError;
use crate::policy::refuse;
use file::ConfigFile;

/// What the operator of the cluster wants of every node's agent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Config {
    /// Where volumes are, and what becomes of them; no two patterns name the same directory.
    pub volumes: Vec<VolumePattern>,
    /// Virtual functions that are meant for VMs; a function belongs to the first pool that selects it.
    pub vf_pools: Vec<VfPool>,
    /// What is done when the device plugin does not advertise what is there.
    pub device_plugin: DevicePlugin,
    /// Virtual functions that the agent makes and binds; empty is off.
    pub binder: Vec<Binding>,
}

impl Config {
    /// What holds without a file: volumes where CEEK makes them are looked at, and nothing is done (facts: domain 2.1).
    #[must_use]
    pub fn built_in() -> Self {
        let volumes = VolumePattern {
            directory: "/var/vd/".to_owned(),
            prefix: "vol".to_owned(),
            max: 64,
            slash_added: false,
            offer: None,
        };
        Self {
            volumes: vec![volumes],
            ..Self::default()
        }
    }

    /// Reads a config file.
    ///
    /// # Errors
    /// With the field's path and what was expected there.
    pub fn from_yaml(text: &str) -> Result<Self, ConfigError> {
        let file: ConfigFile = refuse::read(text, "config")?;
        Self::try_from(file)
    }
}

/// Directories `<directory><prefix>0` to `<directory><prefix><max>`, both ends included, as CEEK makes them (facts: domain 2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct VolumePattern {
    /// Absolute, ends with a slash.
    pub directory: String,
    /// Before the number.
    pub prefix: String,
    /// The last number.
    pub max: u16,
    /// The pattern was written without the slash: it is added, and told.
    pub slash_added: bool,
    /// PersistentVolumes are made of them; without, they are only looked at.
    pub offer: Option<Offer>,
}

/// How volumes of a pattern are offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Class of the PersistentVolumes.
    pub class: String,
    /// How large they are.
    pub capacity: Capacity,
    /// What CDI adds to a claim for the file system: 0.06 unless CDIConfig says otherwise (facts: kubevirt-cdi 4).
    pub filesystem_overhead: f64,
    /// At most so much of a file system is promised: 1.0 is all of it and no more.
    pub overcommit: f64,
    /// What becomes of the data when the claim is gone.
    pub reclaim: Reclaim,
    /// What becomes of the data of CDI's scratch claims, which nobody ever reads again.
    pub scratch_reclaim: Reclaim,
}

/// Size of the volumes of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capacity {
    /// Each holds a disk of so many bytes; the PersistentVolume is larger by what CDI adds.
    Fixed(u64),
    /// The file system is shared evenly among the pattern's volumes on it.
    Fair,
}

/// What becomes of data without a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reclaim {
    /// It stays, and the volume with it.
    Retain,
    /// It is removed, and the volume offered again.
    Wipe,
}

/// A set of virtual functions behind one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VfPool {
    /// Name of the device plugin's resource, such as `intel.com/intel_sriov_vm`.
    pub resource: String,
    /// Vendors, as four hexadecimal digits; empty selects all.
    pub vendors: BTreeSet<String>,
    /// Devices (of the functions), as four hexadecimal digits; empty selects all.
    pub devices: BTreeSet<String>,
    /// Interfaces of PFs; empty selects all.
    pub interfaces: BTreeSet<String>,
}

/// The device plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePlugin {
    /// Where its pods are.
    pub namespace: String,
    /// Labels of its pods.
    pub labels: BTreeMap<String, String>,
    /// The agent restarts the pod of its node by itself.
    pub restart: bool,
    /// How long discovered and advertised functions may differ before.
    pub grace: Duration,
}

impl Default for DevicePlugin {
    fn default() -> Self {
        Self {
            namespace: "kube-system".to_owned(),
            labels: BTreeMap::from([("app".to_owned(), "sriovdp".to_owned())]),
            restart: false,
            grace: Duration::from_secs(60),
        }
    }
}

/// Functions of one PF that the agent makes and binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The PF: its interface (`ens1f0`) or PCI address (`0000:3b:00.0`).
    pub physical_function: String,
    /// So many functions are wanted (`sriov_numvfs`).
    pub num_vfs: u32,
    /// They are bound to vfio-pci; otherwise they keep the driver that the kernel gives them.
    pub vfio: bool,
}
