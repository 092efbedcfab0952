use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

use super::{Quantities, nullable};

/// A PersistentVolume.
#[derive(Debug, Clone, Default, Resource, Deserialize)]
#[resource(inherit = core::PersistentVolume)]
pub struct PersistentVolume {
    /// Name, UID, version, labels and annotations.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ObjectMeta,
    /// What it is.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: PersistentVolumeSpec,
    /// What became of it.
    #[serde(default, deserialize_with = "nullable")]
    pub status: PersistentVolumeStatus,
}

/// What a PersistentVolume is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeSpec {
    /// Amount of `storage`.
    #[serde(default, deserialize_with = "nullable")]
    pub capacity: Quantities,
    /// Its class.
    #[serde(default, deserialize_with = "nullable")]
    pub storage_class_name: String,
    /// Who may mount it.
    #[serde(default, deserialize_with = "nullable")]
    pub access_modes: Vec<String>,
    /// `Filesystem` or `Block`; empty means the former.
    #[serde(default, deserialize_with = "nullable")]
    pub volume_mode: String,
    /// Whose it is; stays when that claim is gone.
    pub claim_ref: Option<ClaimReference>,
    /// A directory or device of one node.
    pub local: Option<VolumePath>,
    /// The same, as older manifests have it.
    pub host_path: Option<VolumePath>,
    /// The nodes that can use it.
    pub node_affinity: Option<VolumeNodeAffinity>,
}

/// Which claim.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ClaimReference {
    /// Its namespace.
    #[serde(default, deserialize_with = "nullable")]
    pub namespace: String,
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Its UID; empty if the volume was only set aside for it.
    #[serde(default, deserialize_with = "nullable")]
    pub uid: String,
}

/// A path of a node.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VolumePath {
    /// As it was written.
    #[serde(default, deserialize_with = "nullable")]
    pub path: String,
}

/// The nodes that can use a volume.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VolumeNodeAffinity {
    /// Without it, all can.
    pub required: Option<NodeSelector>,
}

/// Terms, one of which is enough.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelector {
    /// The terms.
    #[serde(default, deserialize_with = "nullable")]
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// Requirements, all of which a node has to meet.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSelectorTerm {
    /// Of its labels.
    #[serde(default, deserialize_with = "nullable")]
    pub match_expressions: Vec<NodeSelectorRequirement>,
}

/// A requirement of one label.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NodeSelectorRequirement {
    /// The label.
    #[serde(default, deserialize_with = "nullable")]
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt` or `Lt`.
    #[serde(default, deserialize_with = "nullable")]
    pub operator: String,
    /// What it is compared with.
    #[serde(default, deserialize_with = "nullable")]
    pub values: Vec<String>,
}

/// What became of a PersistentVolume.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeStatus {
    /// `Pending`, `Available`, `Bound`, `Released` or `Failed`.
    #[serde(default, deserialize_with = "nullable")]
    pub phase: String,
    /// Since when.
    pub last_phase_transition_time: Option<Time>,
}
