use k8s_openapi::api::events::v1 as events;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::nullable;

/// An Event of `events.k8s.io`; only ever written.
#[derive(Debug, Clone, Default, Resource, Deserialize)]
#[resource(inherit = events::Event)]
pub struct Event {
    /// Name and namespace.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ObjectMeta,
}
