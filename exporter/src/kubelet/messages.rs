//! Messages of the kubelet's podresources API, v1, as far as they are read (k8s.io/kubelet 0.33,
//! pkg/apis/podresources/v1/api.proto). The numbers are those of the wire; fields that are not named here are skipped.

#![expect(
    missing_docs,
    reason = "every field is named after that of the .proto, which documents it"
)]

use prost::Message;

/// `ListPodResourcesRequest` and `AllocatableResourcesRequest`: both are empty.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Nothing {}

/// `AllocatableResourcesResponse`: all that the kubelet may hand out.
#[derive(Clone, PartialEq, Message)]
pub struct Allocatable {
    #[prost(message, repeated, tag = "1")]
    pub devices: Vec<Devices>,
    #[prost(int64, repeated, tag = "2")]
    pub cpus: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub memory: Vec<Memory>,
}

/// `ListPodResourcesResponse`: what pods hold.
#[derive(Clone, PartialEq, Message)]
pub struct PodResources {
    #[prost(message, repeated, tag = "1")]
    pub pods: Vec<Pod>,
}

/// `PodResources`.
#[derive(Clone, PartialEq, Message)]
pub struct Pod {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub namespace: String,
    #[prost(message, repeated, tag = "3")]
    pub containers: Vec<Container>,
}

/// `ContainerResources`.
#[derive(Clone, PartialEq, Message)]
pub struct Container {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, repeated, tag = "2")]
    pub devices: Vec<Devices>,
    #[prost(int64, repeated, tag = "3")]
    pub cpus: Vec<i64>,
}

/// `ContainerDevices`.
#[derive(Clone, PartialEq, Message)]
pub struct Devices {
    #[prost(string, tag = "1")]
    pub resource: String,
    #[prost(string, repeated, tag = "2")]
    pub ids: Vec<String>,
    #[prost(message, optional, tag = "3")]
    pub topology: Option<Topology>,
}

/// `ContainerMemory`: memory or huge pages of NUMA nodes.
#[derive(Clone, PartialEq, Message)]
pub struct Memory {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(uint64, tag = "2")]
    pub size: u64,
    #[prost(message, optional, tag = "3")]
    pub topology: Option<Topology>,
}

/// `TopologyInfo`.
#[derive(Clone, PartialEq, Message)]
pub struct Topology {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Numa>,
}

/// `NUMANode`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Numa {
    #[prost(int64, tag = "1")]
    pub id: i64,
}
