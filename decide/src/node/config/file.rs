//! The config's file as it is written. Checked by the conversion into [`super::Config`].
//!
//! The JSON schema of the chart's `values.exporter` is made from these types (see `schema.rs`), so their documentation is
//! what an operator reads, and each `schemars` attribute says to helm what `check.rs` says to the running agent.

use std::collections::BTreeMap;

use serde::Deserialize;

#[cfg(test)]
use super::schema;
use crate::policy::file::Scalar;
#[cfg(test)]
use crate::policy::schema as policy_schema;

/// What every node's agent looks at, and what it may do.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ConfigFile {
    #[cfg_attr(test, schemars(skip))]
    pub(super) api_version: String,
    #[cfg_attr(test, schemars(skip))]
    pub(super) kind: String,
    /// Where volumes are, and what becomes of them.
    pub(super) volumes: Option<Vec<PatternFile>>,
    /// Virtual functions that are meant for VMs; one belongs to the first pool that selects it.
    pub(super) vf_pools: Option<Vec<PoolFile>>,
    /// What is done when the device plugin does not advertise what is there.
    pub(super) device_plugin: Option<DevicePluginFile>,
    /// Virtual functions that the agent makes and binds; empty is off.
    pub(super) binder: Option<Vec<BindingFile>>,
}

/// Directories with numbers, from 0 to max.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(
    extend("if" = {"required": ["storageClass"], "properties": {"storageClass": {"minLength": 1}}}),
    extend("then" = {"required": ["capacity"]}),
))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PatternFile {
    /// Where they are.
    #[cfg_attr(test, schemars(regex(pattern = schema::DIRECTORY)))]
    pub(super) directory: String,
    /// Their name before the number.
    #[cfg_attr(test, schemars(regex(pattern = schema::PREFIX)))]
    pub(super) prefix: String,
    /// The last number.
    #[cfg_attr(test, schemars(with = "schema::Max"))]
    pub(super) max: u32,
    /// Class of the PersistentVolumes that are made of them; empty makes none.
    #[cfg_attr(test, schemars(regex(pattern = policy_schema::maybe(&policy_schema::subdomain()))))]
    pub(super) storage_class: Option<String>,
    /// Size of the disk that each must hold, or fair: the file system is shared evenly.
    #[cfg_attr(test, schemars(with = "Option<schema::Size>"))]
    pub(super) capacity: Option<Scalar>,
    /// What CDI adds to a claim for the file system, as in CDIConfig.
    #[cfg_attr(test, schemars(with = "Option<policy_schema::Share>"))]
    pub(super) filesystem_overhead: Option<Scalar>,
    /// At most so many times a file system is promised.
    #[cfg_attr(test, schemars(with = "Option<schema::Overcommit>"))]
    pub(super) overcommit: Option<Scalar>,
    /// What becomes of the data when the claim is gone.
    pub(super) reclaim: Option<ReclaimWord>,
    /// The same of CDI's scratch space; left out: as reclaim.
    pub(super) scratch_reclaim: Option<ReclaimWord>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) enum ReclaimWord {
    Retain,
    Wipe,
}

/// Virtual functions of one resource; of each selector that is not empty, one entry must fit.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct PoolFile {
    /// The device plugin's resource.
    #[cfg_attr(test, schemars(regex(pattern = policy_schema::resource())))]
    pub(super) resource: String,
    /// Vendors of the functions, as four hexadecimal digits in quotes.
    #[cfg_attr(test, schemars(inner(regex(pattern = schema::ID))))]
    pub(super) vendors: Option<Vec<String>>,
    /// Devices of the functions, as four hexadecimal digits in quotes.
    #[cfg_attr(test, schemars(inner(regex(pattern = schema::ID))))]
    pub(super) devices: Option<Vec<String>>,
    /// Interfaces of their cards.
    #[cfg_attr(test, schemars(inner(regex(pattern = schema::INTERFACE))))]
    pub(super) interfaces: Option<Vec<String>>,
}

/// The device plugin.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct DevicePluginFile {
    /// Where its pods are.
    #[cfg_attr(test, schemars(regex(pattern = policy_schema::LABEL)))]
    pub(super) namespace: Option<String>,
    /// Labels of its pods.
    #[cfg_attr(test, schemars(with = "Option<policy_schema::Labels>", extend("minProperties" = 1)))]
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// Whether the agent restarts the pod of its node by itself.
    pub(super) restart: Option<bool>,
    /// How long discovered and advertised functions may differ before.
    #[cfg_attr(test, schemars(with = "Option<schema::Grace>"))]
    pub(super) grace_seconds: Option<u64>,
}

/// Virtual functions of one card.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct BindingFile {
    /// The card: its interface or PCI address.
    #[cfg_attr(test, schemars(regex(pattern = schema::function())))]
    pub(super) physical_function: String,
    /// So many functions are wanted.
    #[serde(rename = "numVFs")]
    #[cfg_attr(test, schemars(with = "schema::NumVfs"))]
    pub(super) num_vfs: u32,
    /// The driver of the functions; default: the one that the kernel gives them.
    pub(super) driver: Option<DriverWord>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum DriverWord {
    #[serde(rename = "vfio-pci")]
    Vfio,
    #[serde(rename = "default")]
    Default,
}
