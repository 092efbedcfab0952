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
    /// What people and controllers say.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: NodeSpec,
    /// What its kubelet says.
    #[serde(default, deserialize_with = "nullable")]
    pub status: NodeStatus,
}

/// What people and controllers say of a node.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct NodeSpec {
    /// What pods must tolerate.
    #[serde(default, deserialize_with = "nullable")]
    pub taints: Vec<Taint>,
}

/// What pods must tolerate.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Taint {
    /// Its key.
    #[serde(default, deserialize_with = "nullable")]
    pub key: String,
    /// Its value; may be empty.
    #[serde(default, deserialize_with = "nullable")]
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    #[serde(default, deserialize_with = "nullable")]
    pub effect: String,
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
