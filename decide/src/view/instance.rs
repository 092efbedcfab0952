//! The spec of an instance: what the guest is, and what it is plugged into.

use serde::Deserialize;

use super::basic::{Amount, Amounts, Present, Text, fields, list};
use super::pod::Toleration;

/// Spec of a VirtualMachineInstance.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec<'a> {
    /// Taints that are put up with.
    #[serde(borrow, default, deserialize_with = "list")]
    pub tolerations: Option<Vec<Toleration<'a>>>,
    /// Who places its pods; empty means the cluster's default.
    #[serde(borrow)]
    pub scheduler_name: Option<Text<'a>>,
    /// The guest.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub domain: Option<Domain<'a>>,
    /// What interfaces are plugged into, by name.
    #[serde(borrow, default, deserialize_with = "list")]
    pub networks: Option<Vec<Network<'a>>>,
    /// What disks show, by name.
    #[serde(borrow, default, deserialize_with = "list")]
    pub volumes: Option<Vec<Volume<'a>>>,
    /// Keys and passwords that KubeVirt brings into the guest.
    #[serde(borrow, default, deserialize_with = "list")]
    pub access_credentials: Option<Vec<AccessCredential<'a>>>,
}

/// The guest's hardware.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Domain<'a> {
    /// Its memory.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub memory: Option<Memory<'a>>,
    /// What its pod asks for.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub resources: Option<Resources<'a>>,
    /// Its devices.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub devices: Option<Devices<'a>>,
}

/// The guest's memory.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Memory<'a> {
    /// What the guest sees.
    #[serde(borrow)]
    pub guest: Option<Amount<'a>>,
    /// What it may be given while it runs.
    #[serde(borrow, rename = "maxGuest")]
    pub max_guest: Option<Amount<'a>>,
    /// Huge pages behind it.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub hugepages: Option<Hugepages<'a>>,
}

/// Huge pages behind the guest's memory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hugepages<'a> {
    /// How large they are.
    #[serde(borrow)]
    pub page_size: Option<Text<'a>>,
}

/// Requests and limits, of a guest or of a container.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Resources<'a> {
    /// What must be free on the node.
    #[serde(borrow)]
    pub requests: Option<Amounts<'a>>,
    /// What may be used at most.
    #[serde(borrow)]
    pub limits: Option<Amounts<'a>>,
}

/// The guest's devices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Devices<'a> {
    /// Whether KubeVirt adds an interface of the pod's network where there is none; it does if this is absent.
    pub autoattach_pod_interface: Option<bool>,
    /// Interfaces in the order in which the guest sees them.
    #[serde(borrow, default, deserialize_with = "list")]
    pub interfaces: Option<Vec<Interface<'a>>>,
}

/// A network interface of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface<'a> {
    /// The same as its network's.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// What the guest matches by.
    #[serde(borrow)]
    pub mac_address: Option<Text<'a>>,
    /// Whether it is a virtual function.
    pub sriov: Option<Present>,
}

/// What an interface is plugged into.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Network<'a> {
    /// The same as its interface's.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Whether it is the pod's own.
    pub pod: Option<Present>,
    /// A NetworkAttachmentDefinition.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub multus: Option<Multus<'a>>,
}

/// A NetworkAttachmentDefinition of a guest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Multus<'a> {
    /// `name`, or `namespace/name`.
    #[serde(borrow)]
    pub network_name: Option<Text<'a>>,
}

/// A volume of the guest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume<'a> {
    /// The same as its disk's.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// Cloud-init as its NoCloud source reads it.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub cloud_init_no_cloud: Option<CloudInit<'a>>,
    /// Cloud-init as its ConfigDrive source reads it.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub cloud_init_config_drive: Option<CloudInit<'a>>,
}

/// What cloud-init is told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloudInit<'a> {
    /// In plain.
    #[serde(borrow)]
    pub user_data: Option<Text<'a>>,
    /// In base64.
    #[serde(borrow)]
    pub user_data_base64: Option<Text<'a>>,
    /// In a Secret, which we have no right to read.
    pub secret_ref: Option<Present>,
    /// In plain.
    #[serde(borrow)]
    pub network_data: Option<Text<'a>>,
    /// In base64.
    #[serde(borrow)]
    pub network_data_base64: Option<Text<'a>>,
    /// In a Secret, which we have no right to read.
    pub network_data_secret_ref: Option<Present>,
}

/// What KubeVirt brings into the guest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessCredential<'a> {
    /// Public keys of ssh.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub ssh_public_key: Option<SshPublicKey<'a>>,
}

/// Public keys of ssh.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SshPublicKey<'a> {
    /// Where they are.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub source: Option<KeySource<'a>>,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeySource<'a> {
    /// In a Secret of the same namespace.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub secret: Option<SecretName<'a>>,
}

/// A Secret by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretName<'a> {
    /// Its name.
    #[serde(borrow)]
    pub secret_name: Option<Text<'a>>,
}

impl AccessCredential<'_> {
    /// Name of the Secret with public keys of ssh, if it is such a credential.
    #[must_use]
    pub fn ssh_secret(&self) -> Option<&str> {
        let source = self.ssh_public_key.as_ref()?.source.as_ref()?;
        source.secret.as_ref()?.secret_name.as_deref()
    }
}

impl CloudInit<'_> {
    /// Whether nobody has written network data, in whatever form.
    #[must_use]
    pub fn has_no_network_data(&self) -> bool {
        let inline = [&self.network_data, &self.network_data_base64];
        let empty = |text: &&Option<Text<'_>>| text.as_deref().is_none_or(str::is_empty);
        inline.iter().all(empty) && self.network_data_secret_ref.is_none()
    }
}

impl<'v> Volume<'v> {
    /// The cloud-init that it holds, and the name of the field that holds it.
    #[must_use]
    pub fn cloud_init(&self) -> Option<(&'static str, &CloudInit<'v>)> {
        let no_cloud = self.cloud_init_no_cloud.as_ref();
        let config_drive = self.cloud_init_config_drive.as_ref();
        no_cloud
            .map(|data| ("cloudInitNoCloud", data))
            .or_else(|| config_drive.map(|data| ("cloudInitConfigDrive", data)))
    }
}
