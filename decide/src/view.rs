//! The fields that we read of an object, and nothing else.
//!
//! Absent and `null` are the same; a field that we do not know is skipped without being kept, so it can neither
//! be an error nor be lost. Strings are borrowed from the body wherever they hold no escape.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A string out of the body; [`Cow`] alone is not borrowed by serde when it stands inside an [`Option`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A JSON object, and nothing else: serde would also take a list for the fields in their order, and a patch of such
/// an object would not fit.
#[derive(Debug)]
pub struct Fields<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ByName<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ByName(PhantomData)).map(Self)
    }
}

fn fields<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let read: Option<Fields<T>> = Deserialize::deserialize(deserializer)?;
    Ok(read.map(|fields| fields.0))
}

fn list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let read: Option<Vec<Fields<T>>> = Deserialize::deserialize(deserializer)?;
    Ok(read.map(|list| list.into_iter().map(|fields| fields.0).collect()))
}

/// Metadata and spec of any object.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(bound(deserialize = "S: Deserialize<'de>"))]
pub struct Object<'a, S> {
    /// Who and whose it is.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub metadata: Option<Metadata<'a>>,
    /// What is wanted.
    #[serde(default, deserialize_with = "fields")]
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
    #[serde(borrow, default, deserialize_with = "list")]
    pub tolerations: Option<Vec<Toleration<'a>>>,
}

/// Spec of a VirtualMachine and of a replica set of instances.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct MachineSpec<'a> {
    /// The instance that will be made.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub template: Option<Instance<'a>>,
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
    #[serde(borrow, default, deserialize_with = "fields")]
    pub labels: Option<Labels<'a>>,
    /// The annotations that decide something.
    #[serde(borrow, default, deserialize_with = "fields")]
    pub annotations: Option<Annotations<'a>>,
    /// Whose object this is.
    #[serde(borrow, rename = "ownerReferences", default, deserialize_with = "list")]
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
