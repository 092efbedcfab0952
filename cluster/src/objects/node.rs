use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::{Quantities, nullable};

/// A node.
#[derive(Debug, Clone, Default, Resource, Deserialize)]
#[resource(inherit = core::Node)]
pub struct Node {
    /// Name, UID and labels.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ObjectMeta,
    /// What its kubelet says.
    #[serde(default, deserialize_with = "nullable")]
    pub status: NodeStatus,
}

/// What a node's kubelet says.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NodeStatus {
    /// What there is.
    #[serde(default, deserialize_with = "nullable")]
    pub capacity: Quantities,
    /// What of it pods may have.
    #[serde(default, deserialize_with = "nullable")]
    pub allocatable: Quantities,
}
