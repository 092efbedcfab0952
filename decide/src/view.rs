//! The fields that we read of an object, and nothing else.
//!
//! Absent and `null` are the same; a field that we do not know is skipped without being kept, so it can neither
//! be an error nor be lost. Strings are borrowed from the body wherever they hold no escape.

use std::borrow::Cow;

use serde::Deserialize;

/// A string out of the body; [`Cow`] alone is not borrowed by serde when it stands inside an [`Option`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Metadata and spec of any object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Object<'a, S> {
    /// Who and whose it is.
    #[serde(borrow)]
    pub metadata: Option<Metadata<'a>>,
    /// What is wanted.
    pub spec: Option<S>,
}

/// A pod.
pub type Pod<'a> = Object<'a, Placement<'a>>;
/// A VirtualMachineInstance, or the template of one.
pub type Instance<'a> = Object<'a, Placement<'a>>;
/// A VirtualMachine, or a VirtualMachineInstanceReplicaSet: both hold `spec.template`.
pub type Machine<'a> = Object<'a, MachineSpec<'a>>;
/// A VirtualMachinePool.
pub type Pool<'a> = Object<'a, PoolSpec<'a>>;

/// Where pods may run; the same in a pod's and in an instance's spec.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Placement<'a> {
    /// Taints that are put up with.
    #[serde(borrow)]
    pub tolerations: Option<Vec<Toleration<'a>>>,
}

/// Spec of a VirtualMachine and of a replica set of instances.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MachineSpec<'a> {
    /// The instance that will be made.
    #[serde(borrow)]
    pub template: Option<Instance<'a>>,
}

/// Spec of a pool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PoolSpec<'a> {
    /// The machines that will be made.
    #[serde(borrow, rename = "virtualMachineTemplate")]
    pub machine: Option<Machine<'a>>,
}

/// Metadata of an object or of a template.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Metadata<'a> {
    /// Absent while the name is still to be generated.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    /// What a generated name starts with.
    #[serde(borrow, rename = "generateName")]
    pub generate_name: Option<Text<'a>>,
    /// The labels that decide something.
    #[serde(borrow)]
    pub labels: Option<Labels<'a>>,
    /// The annotations that decide something.
    #[serde(borrow)]
    pub annotations: Option<Annotations<'a>>,
    /// Whose object this is.
    #[serde(borrow, rename = "ownerReferences")]
    pub owners: Option<Vec<Owner<'a>>>,
}

/// The labels of [`crate::names`]; every other label is skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Labels<'a> {
    /// [`crate::names::INJECT_LABEL`].
    #[serde(borrow, rename = "vmberth.io/inject")]
    pub inject: Option<Text<'a>>,
    /// [`crate::names::KUBEVIRT_LABEL`].
    #[serde(borrow, rename = "kubevirt.io")]
    pub kubevirt: Option<Text<'a>>,
    /// [`crate::names::EXPORT_SERVICE_LABEL`].
    #[serde(borrow, rename = "kubevirt.io.virt-export-service")]
    pub export_service: Option<Text<'a>>,
    /// [`crate::names::CDI_APP_LABEL`].
    #[serde(borrow)]
    pub app: Option<Text<'a>>,
    /// [`crate::names::CDI_COMPONENT_LABEL`].
    #[serde(borrow, rename = "cdi.kubevirt.io")]
    pub cdi_component: Option<Text<'a>>,
    /// [`crate::names::CDI_POLLER_LABEL`].
    #[serde(borrow, rename = "cdi.kubevirt.io/dataImportCronPoller")]
    pub cdi_poller: Option<Text<'a>>,
}

/// The annotations of [`crate::names`]; every other annotation is skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Annotations<'a> {
    /// [`crate::names::INJECTED_ANNOTATION`].
    #[serde(borrow, rename = "vmberth.io/injected")]
    pub injected: Option<Text<'a>>,
}

/// One owner of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Owner<'a> {
    /// Group and version of the owner.
    #[serde(borrow, rename = "apiVersion")]
    pub api_version: Option<Text<'a>>,
    /// Kind of the owner.
    #[serde(borrow)]
    pub kind: Option<Text<'a>>,
    /// Whether it is the one that manages this object.
    pub controller: Option<bool>,
}

/// A toleration as somebody else wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Toleration<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    #[serde(borrow)]
    operator: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
    #[serde(borrow)]
    effect: Option<Text<'a>>,
    #[serde(rename = "tolerationSeconds")]
    seconds: Option<i64>,
}

impl<S> Object<'_, S> {
    /// The label's value on this object.
    #[must_use]
    pub fn inject_label(&self) -> Option<&str> {
        self.labels()?.inject.as_deref()
    }

    /// The labels that decide something.
    #[must_use]
    pub fn labels(&self) -> Option<&Labels<'_>> {
        self.metadata.as_ref()?.labels.as_ref()
    }

    /// The name, or what the generated name will start with; empty if there is neither.
    #[must_use]
    pub fn name(&self) -> &str {
        let Some(metadata) = &self.metadata else {
            return "";
        };
        let name = metadata.name.as_deref().filter(|name| !name.is_empty());
        name.or(metadata.generate_name.as_deref()).unwrap_or("")
    }
}

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Toleration<'_> {
    /// Empty means every key.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or("")
    }

    /// Empty means `Equal`.
    #[must_use]
    pub fn operator(&self) -> &str {
        self.operator.as_deref().unwrap_or("")
    }

    /// The value that `Equal` compares.
    #[must_use]
    pub fn value(&self) -> &str {
        self.value.as_deref().unwrap_or("")
    }

    /// Empty means every effect.
    #[must_use]
    pub fn effect(&self) -> &str {
        self.effect.as_deref().unwrap_or("")
    }
}
