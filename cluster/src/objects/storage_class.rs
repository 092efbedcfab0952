use k8s_openapi::api::storage::v1 as storage;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::nullable;

/// A class of volumes.
#[derive(Debug, Clone, Default, Resource, Deserialize)]
#[resource(inherit = storage::StorageClass)]
pub struct StorageClass {
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ObjectMeta,
    /// Who makes its volumes.
    #[serde(default, deserialize_with = "nullable")]
    pub provisioner: String,
}
