//! What kind of object a review is about, to Kubernetes and to KubeVirt and CDI.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny};

use crate::names;
use crate::view::{self, Fields, Labels};

/// One question of the API server: this object is about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Review<'a> {
    /// Kind of the object.
    pub kind: Kind,
    /// What is being done to it.
    pub operation: Operation,
    /// Where it is; empty for objects of no namespace.
    pub namespace: Cow<'a, str>,
    /// The object as it will be.
    pub object: View<'a>,
    /// The object as it was, on UPDATE.
    pub old: Option<View<'a>>,
}

/// The kinds that something is decided about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A pod.
    Pod,
    /// `kubevirt.io` VirtualMachine.
    VirtualMachine,
    /// `kubevirt.io` VirtualMachineInstance.
    VirtualMachineInstance,
    /// `kubevirt.io` VirtualMachineInstanceReplicaSet.
    ReplicaSet,
    /// `pool.kubevirt.io` VirtualMachinePool.
    Pool,
    /// `cdi.kubevirt.io` DataVolume.
    DataVolume,
    /// A PersistentVolumeClaim.
    Claim,
    /// A DaemonSet.
    DaemonSet,
    /// Everything else; never changed.
    Other,
}

/// What is being done to the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It is new.
    Create,
    /// It was there before.
    Update,
    /// It goes.
    Delete,
    /// Somebody connects to it.
    Connect,
}

/// The decoded object.
#[derive(Debug, Clone, PartialEq)]
pub enum View<'a> {
    /// A pod.
    Pod(view::Pod<'a>),
    /// A VirtualMachine or a replica set of instances.
    Machine(Box<view::Machine<'a>>),
    /// A VirtualMachineInstance.
    Instance(view::Instance<'a>),
    /// A VirtualMachinePool.
    Pool(Box<view::Pool<'a>>),
    /// A DataVolume.
    DataVolume(view::DataVolume<'a>),
    /// A PersistentVolumeClaim.
    Claim(view::Claim<'a>),
    /// A DaemonSet.
    DaemonSet(view::DaemonSet<'a>),
    /// An object of another kind; not even looked at.
    Other,
}

/// What a pod is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodRole {
    /// Runs a VM, binds its volumes for it, or is the target of its migration.
    Launcher,
    /// Attaches volumes to a running VM.
    Hotplug,
    /// Serves the volumes of a VM for download.
    Export,
    /// Fills a volume from somewhere, or measures one.
    Import,
    /// Takes an upload, or is the target of a clone.
    Upload,
    /// Reads a volume to clone it.
    CloneSource,
    /// Prepares a volume for the clone populator.
    PopulatorPrep,
    /// Looks for a newer image to import.
    ImportPoller,
    /// None of ours.
    Foreign,
}

impl Kind {
    /// The kind of an object, by what the API server says it is.
    #[must_use]
    pub fn of(group: &str, version: &str, kind: &str) -> Self {
        let kubevirt =
            group == names::KUBEVIRT_GROUP && names::KUBEVIRT_VERSIONS.contains(&version);
        let pool = group == names::POOL_GROUP && names::POOL_VERSIONS.contains(&version);
        match kind {
            "Pod" if group.is_empty() && version == "v1" => Self::Pod,
            names::VIRTUAL_MACHINE_KIND if kubevirt => Self::VirtualMachine,
            "VirtualMachineInstance" if kubevirt => Self::VirtualMachineInstance,
            "VirtualMachineInstanceReplicaSet" if kubevirt => Self::ReplicaSet,
            "VirtualMachinePool" if pool => Self::Pool,
            "DataVolume" if group == names::CDI_GROUP && version == names::CDI_VERSION => {
                Self::DataVolume
            }
            "PersistentVolumeClaim" if group.is_empty() && version == "v1" => Self::Claim,
            "DaemonSet" if group == "apps" && version == "v1" => Self::DaemonSet,
            _ => Self::Other,
        }
    }

    /// Kubernetes' spelling; `Other` for the rest. Few values, so it may be a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::VirtualMachine => "VirtualMachine",
            Self::VirtualMachineInstance => "VirtualMachineInstance",
            Self::ReplicaSet => "VirtualMachineInstanceReplicaSet",
            Self::Pool => "VirtualMachinePool",
            Self::DataVolume => "DataVolume",
            Self::Claim => "PersistentVolumeClaim",
            Self::DaemonSet => "DaemonSet",
            Self::Other => "Other",
        }
    }
}

impl Operation {
    /// Kubernetes' spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// Not one of the four operations of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected CREATE, UPDATE, DELETE or CONNECT")]
pub struct UnknownOperation;

impl std::str::FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(text: &str) -> Result<Self, UnknownOperation> {
        let all = [Self::Create, Self::Update, Self::Delete, Self::Connect];
        all.into_iter()
            .find(|operation| operation.as_str() == text)
            .ok_or(UnknownOperation)
    }
}

impl<'a> View<'a> {
    /// Decodes what we read of an object of this kind.
    ///
    /// # Errors
    /// If a field that we read is of another type than Kubernetes says.
    pub fn read(kind: Kind, json: &'a str) -> Result<Self, serde_json::Error> {
        if kind == Kind::Other {
            return Ok(Self::Other);
        }
        let mut json = serde_json::Deserializer::from_str(json);
        let view = kind.deserialize(&mut json)?;
        json.end()?;
        Ok(view)
    }

    /// The field at which [`View::read`] stops in this object; `None` if it is the object itself. Slower than reading,
    /// so it is asked only after a failure.
    #[must_use]
    pub fn misread_at(kind: Kind, json: &'a str) -> Option<String> {
        fn stop<'a, T: Deserialize<'a>>(json: &'a str) -> String {
            let mut json = serde_json::Deserializer::from_str(json);
            let read: Result<Fields<T>, _> = serde_path_to_error::deserialize(&mut json);
            read.err()
                .map_or_else(String::new, |error| error.path().to_string())
        }
        let path = match kind {
            Kind::Pod => stop::<view::Pod<'a>>(json),
            Kind::VirtualMachineInstance => stop::<view::Instance<'a>>(json),
            Kind::VirtualMachine | Kind::ReplicaSet => stop::<view::Machine<'a>>(json),
            Kind::Pool => stop::<view::Pool<'a>>(json),
            Kind::DataVolume => stop::<view::DataVolume<'a>>(json),
            Kind::Claim => stop::<view::Claim<'a>>(json),
            Kind::DaemonSet => stop::<view::DaemonSet<'a>>(json),
            Kind::Other => String::new(),
        };
        Some(path).filter(|path| !matches!(path.as_str(), "" | "."))
    }

    /// The object's name, or what its generated name will start with; empty if neither was decoded.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pod(pod) => pod.name(),
            Self::Machine(machine) => machine.name(),
            Self::Instance(instance) => instance.name(),
            Self::Pool(pool) => pool.name(),
            Self::DataVolume(volume) => volume.name(),
            Self::Claim(claim) => claim.name(),
            Self::DaemonSet(set) => set.name(),
            Self::Other => "",
        }
    }
}

/// Decodes an object of this kind wherever it stands, so that a body needs to be gone through only once.
impl<'de> DeserializeSeed<'de> for Kind {
    type Value = View<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<View<'de>, D::Error> {
        Ok(match self {
            Self::Pod => View::Pod(Fields::deserialize(json)?.0),
            Self::VirtualMachine | Self::ReplicaSet => {
                View::Machine(Box::new(Fields::deserialize(json)?.0))
            }
            Self::VirtualMachineInstance => View::Instance(Fields::deserialize(json)?.0),
            Self::Pool => View::Pool(Box::new(Fields::deserialize(json)?.0)),
            Self::DataVolume => View::DataVolume(Fields::deserialize(json)?.0),
            Self::Claim => View::Claim(Fields::deserialize(json)?.0),
            Self::DaemonSet => View::DaemonSet(Fields::deserialize(json)?.0),
            Self::Other => {
                IgnoredAny::deserialize(json)?;
                View::Other
            }
        })
    }
}

impl PodRole {
    /// Whether it is one of CDI's pods that fill, read or prepare a claim, which owns them.
    #[must_use]
    pub fn works_on_claim(self) -> bool {
        matches!(
            self,
            Self::Import | Self::Upload | Self::CloneSource | Self::PopulatorPrep
        )
    }

    /// The role by the labels that KubeVirt and CDI give to their pods (facts: kubevirt-cdi 2, 4, 6).
    ///
    /// CDI's own control plane carries the same `app` label, so its components are listed one by one.
    #[must_use]
    pub fn of(labels: Option<&Labels<'_>>) -> Self {
        let label = |name: &str| labels?.get(name).map(|value| &**value);
        match label(names::KUBEVIRT_LABEL) {
            Some(names::KUBEVIRT_LAUNCHER) => return Self::Launcher,
            Some(names::KUBEVIRT_HOTPLUG) => return Self::Hotplug,
            Some(names::KUBEVIRT_EXPORTER) => return Self::Export,
            _ => {}
        }
        if label(names::EXPORT_SERVICE_LABEL).is_some() {
            return Self::Export;
        }
        if label(names::CDI_POLLER_LABEL).is_some() {
            return Self::ImportPoller;
        }
        if label(names::CDI_APP_LABEL) != Some(names::CDI_APP) {
            return Self::Foreign;
        }
        match label(names::CDI_COMPONENT_LABEL) {
            Some(names::CDI_IMPORTER) => Self::Import,
            Some(names::CDI_UPLOAD) => Self::Upload,
            Some(names::CDI_CLONE_SOURCE) => Self::CloneSource,
            Some(names::CDI_POPULATOR_PREP) => Self::PopulatorPrep,
            _ => Self::Foreign,
        }
    }
}
