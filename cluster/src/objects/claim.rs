use std::collections::BTreeMap;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::{NodeSelectorRequirement, Resources, nullable};

/// A claim.
#[derive(Debug, Clone, Default, Resource, Deserialize)]
#[resource(inherit = core::PersistentVolumeClaim)]
pub struct PersistentVolumeClaim {
    /// Namespace, name and UID.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: PersistentVolumeClaimSpec,
}

/// What a claim asks for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeClaimSpec {
    /// Its class; empty if it has none, or asks for none.
    #[serde(default, deserialize_with = "nullable")]
    pub storage_class_name: String,
    /// Its PersistentVolume; empty before it is bound, unless it asks for one.
    #[serde(default, deserialize_with = "nullable")]
    pub volume_name: String,
    /// Who may mount it.
    #[serde(default, deserialize_with = "nullable")]
    pub access_modes: Vec<String>,
    /// `Filesystem` or `Block`; empty means the former.
    #[serde(default, deserialize_with = "nullable")]
    pub volume_mode: String,
    /// Requests `storage`.
    #[serde(default, deserialize_with = "nullable")]
    pub resources: Resources,
    /// Labels that its volume must have.
    pub selector: Option<LabelSelector>,
}

/// Kubernetes' label selector.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(default, deserialize_with = "nullable")]
    pub match_labels: BTreeMap<String, String>,
    /// Further requirements, which look like those of nodes.
    #[serde(default, deserialize_with = "nullable")]
    pub match_expressions: Vec<NodeSelectorRequirement>,
}
