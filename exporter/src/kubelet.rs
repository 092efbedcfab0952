//! Asks the kubelet what it hands out, over the unix socket of its podresources API (facts: domain 3.3).

pub mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::client::Grpc;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;
use vmberth_decide::node::facts::{Area, ContainerDevices, DeviceCells, KubeletFacts, Problem};

use messages::{Allocatable, Container, Devices, Memory, Nothing, PodResources, Topology};

/// Where the kubelet listens, below its root directory.
pub const SOCKET: &str = "pod-resources/kubelet.sock";
/// The kubelet answers from memory; one that takes longer is not well.
const DEADLINE: Duration = Duration::from_secs(5);
/// What the kubelet's own clients allow (facts: domain 3.3).
const LARGEST: usize = 16 << 20;
const ALLOCATABLE: &str = "/v1.PodResourcesLister/GetAllocatableResources";
const LIST: &str = "/v1.PodResourcesLister/List";

/// Why the kubelet could not be asked; who asks knows the socket.
#[derive(Debug, thiserror::Error)]
pub enum KubeletError {
    /// Nobody listens, or we may not connect.
    #[error("{0}")]
    Unreachable(#[source] io::Error),
    /// It does not speak HTTP/2, or hung up.
    #[error("{}", innermost(.0))]
    Connection(#[source] tonic::transport::Error),
    /// It refused, or its answer can't be read.
    #[error("{method}: {} ({:?})", status.message(), status.code())]
    Call {
        /// What was asked.
        method: &'static str,
        /// What it said.
        status: Box<tonic::Status>,
    },
    /// It took too long.
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Silent,
}

impl KubeletError {
    /// As a scan tells it, beside `Facts::kubelet` that is `None`; the socket is a path on the node.
    #[must_use]
    pub fn problem(&self, socket: &str) -> Problem {
        Problem {
            area: Area::Kubelet,
            path: socket.to_owned(),
            reason: self.to_string(),
        }
    }
}

/// Asks what can be handed out, and what has been.
///
/// # Errors
/// If the socket is absent or refuses, or there is no whole answer within five seconds.
pub async fn ask(socket: &Path) -> Result<KubeletFacts, KubeletError> {
    tokio::time::timeout(DEADLINE, ask_both(socket))
        .await
        .map_err(|_| KubeletError::Silent)?
}

async fn ask_both(socket: &Path) -> Result<KubeletFacts, KubeletError> {
    let channel = connect(socket).await?;
    let client = Grpc::new(channel).max_decoding_message_size(LARGEST);
    let allocatable = call(&client, ALLOCATABLE).await?;
    let pods = call(&client, LIST).await?;
    Ok(facts(allocatable, pods))
}

/// One connection, which is closed with the channel: the kubelet is asked when something changed, not all the time.
async fn connect(socket: &Path) -> Result<Channel, KubeletError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(KubeletError::Unreachable)?;
    let mut stream = Some(TokioIo::new(stream));
    let once = tower::service_fn(move |_: Uri| {
        let stream = stream.take();
        std::future::ready(stream.ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected)))
    });
    // The name is what the kubelet's own clients send; nobody looks it up.
    Endpoint::from_static("http://localhost")
        .connect_with_connector(once)
        .await
        .map_err(KubeletError::Connection)
}

/// One question without content.
async fn call<T>(client: &Grpc<Channel>, method: &'static str) -> Result<T, KubeletError>
where
    T: prost::Message + Default + 'static,
{
    let failed = |status| KubeletError::Call {
        method,
        status: Box::new(status),
    };
    let mut client = client.clone();
    client.ready().await.map_err(KubeletError::Connection)?;
    let request = tonic::Request::new(Nothing {});
    let codec: ProstCodec<Nothing, T> = ProstCodec::default();
    let answer = client
        .unary(request, PathAndQuery::from_static(method), codec)
        .await
        .map_err(failed)?;
    Ok(answer.into_inner())
}

/// The last of an error's causes: tonic's own text is `transport error`.
fn innermost(error: &tonic::transport::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn facts(allocatable: Allocatable, pods: PodResources) -> KubeletFacts {
    let mut containers: Vec<ContainerDevices> = pods
        .pods
        .into_iter()
        .flat_map(|pod| {
            let holder = move |container| holds(&pod.namespace, &pod.name, container);
            pod.containers.into_iter().map(holder)
        })
        .filter(|container| !container.devices.is_empty() || !container.cpus.is_empty())
        .collect();
    containers.sort();
    KubeletFacts {
        allocatable: devices(allocatable.devices),
        cpus: cpus(&allocatable.cpus),
        memory: memory(allocatable.memory),
        containers,
    }
}

/// What one container holds.
fn holds(namespace: &str, pod: &str, container: Container) -> ContainerDevices {
    let devices = devices(container.devices)
        .into_iter()
        .map(|(resource, ids)| (resource, ids.into_keys().collect()))
        .collect();
    ContainerDevices {
        namespace: namespace.to_owned(),
        pod: pod.to_owned(),
        container: container.name,
        devices,
        cpus: cpus(&container.cpus),
    }
}

/// Devices by resource and id; the kubelet lists a resource once for each NUMA node.
fn devices(listed: Vec<Devices>) -> BTreeMap<String, BTreeMap<String, DeviceCells>> {
    let mut devices: BTreeMap<_, BTreeMap<String, DeviceCells>> = BTreeMap::new();
    for listed in listed {
        let cells = cells(listed.topology.as_ref());
        let resource = devices.entry(listed.resource).or_default();
        for id in listed.ids {
            resource.entry(id).or_default().extend(&cells);
        }
    }
    devices.retain(|_, ids| !ids.is_empty());
    devices
}

/// Memory by kind and NUMA node; a block that spans several nodes counts for the first, so that the sum is right.
fn memory(blocks: Vec<Memory>) -> BTreeMap<String, BTreeMap<u32, u64>> {
    let mut memory: BTreeMap<_, BTreeMap<u32, u64>> = BTreeMap::new();
    for block in blocks {
        let Some(cell) = cells(block.topology.as_ref()).into_iter().next() else {
            continue;
        };
        let bytes = memory
            .entry(block.kind)
            .or_default()
            .entry(cell)
            .or_default();
        *bytes = bytes.saturating_add(block.size);
    }
    memory
}

fn cells(topology: Option<&Topology>) -> BTreeSet<u32> {
    let nodes = topology.map(|topology| topology.nodes.as_slice());
    let ids = nodes.unwrap_or_default().iter().map(|node| node.id);
    ids.filter_map(|id| u32::try_from(id).ok()).collect()
}

fn cpus(ids: &[i64]) -> BTreeSet<u32> {
    ids.iter()
        .filter_map(|id| u32::try_from(*id).ok())
        .collect()
}
