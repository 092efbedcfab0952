use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::nullable;

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
}
