use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::Deserialize;

use super::{Present, Quantities, nullable};

/// A pod.
#[derive(Debug, Clone, Default, Resource, Deserialize)]
#[resource(inherit = core::Pod)]
pub struct Pod {
    /// Namespace, name, UID and labels.
    #[serde(default, deserialize_with = "nullable")]
    pub metadata: ObjectMeta,
    /// What it is made of.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: PodSpec,
    /// What its kubelet says; `None` before it has seen the pod.
    pub status: Option<PodStatus>,
}

/// What a pod is made of.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// Run one after another, before the containers, unless they are sidecars.
    #[serde(default, deserialize_with = "nullable")]
    pub init_containers: Vec<Container>,
    /// Run beside each other.
    #[serde(default, deserialize_with = "nullable")]
    pub containers: Vec<Container>,
    /// What containers may mount.
    #[serde(default, deserialize_with = "nullable")]
    pub volumes: Vec<PodVolume>,
    /// Where it is; empty before it was placed.
    #[serde(default, deserialize_with = "nullable")]
    pub node_name: String,
}

/// A container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// `Always` makes an init container a sidecar.
    #[serde(default, deserialize_with = "nullable")]
    pub restart_policy: String,
    /// What it needs.
    #[serde(default, deserialize_with = "nullable")]
    pub resources: Resources,
}

impl Container {
    /// It runs as long as the pod, though it is begun before the containers.
    #[must_use]
    pub fn is_sidecar(&self) -> bool {
        self.restart_policy == "Always"
    }
}

/// What a container needs.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Resources {
    /// What is set aside for it.
    #[serde(default, deserialize_with = "nullable")]
    pub requests: Quantities,
}

/// A volume of a pod.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodVolume {
    /// Its name in the pod.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// A claim of the pod's namespace.
    pub persistent_volume_claim: Option<ClaimSource>,
    /// A claim that lives as long as the pod.
    pub ephemeral: Option<Present>,
}

/// A claim of the pod's namespace.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimSource {
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub claim_name: String,
}

/// What a pod's kubelet says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    #[serde(default, deserialize_with = "nullable")]
    pub phase: String,
    /// Where kube-scheduler is about to place it; empty before.
    #[serde(default, deserialize_with = "nullable")]
    pub nominated_node_name: String,
    /// Of each init container that was begun.
    #[serde(default, deserialize_with = "nullable")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// Of each container.
    #[serde(default, deserialize_with = "nullable")]
    pub container_statuses: Vec<ContainerStatus>,
}

/// What a kubelet says of one container.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ContainerStatus {
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// What it does.
    #[serde(default, deserialize_with = "nullable")]
    pub state: ContainerState,
}

/// What a container does: one of these, or it is terminated.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub struct ContainerState {
    /// It was not begun yet, or waits to be begun again.
    pub waiting: Option<Present>,
    /// It runs.
    pub running: Option<Present>,
}
