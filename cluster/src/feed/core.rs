//! What is kept of nodes, pods, networks and inventories.

use std::sync::Arc;

use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;
use serde::Deserialize;
use vmberth_decide::event::{Network, Node, Pod};
use vmberth_decide::fit::counted::Counted;
use vmberth_decide::inventory::NodeInventoryStatus;
use vmberth_decide::names;
use vmberth_decide::placing::{Room, Taint, kept};

use super::unreadable;
use crate::objects;
use crate::read::requests;

pub(super) fn node(node: &objects::Node) -> Option<Node> {
    let labels = node.labels().iter();
    let (labels, offered) = kept(labels.map(|(key, value)| (key.as_str(), value.as_str())));
    let allocatable = |name: &str| Some(node.status.allocatable.get(name)?.0.as_str());
    let hostname = labels.get(names::HOSTNAME_LABEL);
    let taint = |taint: &objects::Taint| Taint {
        key: taint.key.as_str().into(),
        value: taint.value.as_str().into(),
        effect: taint.effect.as_str().into(),
    };
    Some(Node {
        hostname: hostname.map(String::as_str).unwrap_or_default().into(),
        taints: node.spec.taints.iter().map(taint).collect(),
        labels: Arc::new(labels),
        offered,
        room: Room::of(allocatable("cpu"), allocatable("memory")),
    })
}

/// Only of pods that run or bind volumes for a VM, fill or attach a disk, or have something that is counted.
pub(super) fn pod(pod: &objects::Pod) -> Option<Pod> {
    let status = pod.status.as_ref();
    let phase = status.map(|it| it.phase.as_str());
    if matches!(phase, Some("Succeeded" | "Failed")) {
        return None;
    }
    let requests = requests(&pod.spec);
    let requests: Vec<(Counted, u64)> = requests
        .iter()
        .filter_map(|(resource, units)| Counted::of_resource(resource, *units))
        .filter(|(_, amount)| *amount > 0)
        .collect();
    let vm = vm_of(pod);
    let labels = pod.labels();
    let fills_disk = labels.contains_key(names::CDI_COMPONENT_LABEL)
        || labels.get(names::KUBEVIRT_LABEL).map(String::as_str) == Some(names::KUBEVIRT_HOTPLUG);
    if vm.is_none() && requests.is_empty() && !fills_disk {
        return None;
    }
    let provisioning = pod.annotations().get(names::PROVISIONING_ANNOTATION);
    let named = |node: &String| Some(node.as_str().into()).filter(|_| !node.is_empty());
    let nominated = status.and_then(|it| named(&it.nominated_node_name));
    Some(Pod {
        node: named(&pod.spec.node_name),
        nominated_since: nominated.as_ref().and_then(|_| nominated_since(pod)),
        nominated,
        vm,
        fills: claim_of(pod).filter(|_| fills_disk),
        is_provisioning: provisioning.is_some_and(|it| it == "true"),
        requests,
    })
}

/// The instance that controls a launcher pod is called as its VM.
fn vm_of(pod: &objects::Pod) -> Option<Arc<str>> {
    let role = pod.labels().get(names::KUBEVIRT_LABEL)?;
    let mut owners = pod.owner_references().iter();
    let owner = owners
        .find(|owner| owner.controller == Some(true) && owner.kind == names::INSTANCE_KIND)?;
    (role == names::KUBEVIRT_LAUNCHER).then(|| owner.name.as_str().into())
}

/// CDI's pods are controlled by the claim that they fill.
fn claim_of(pod: &objects::Pod) -> Option<Arc<str>> {
    let mut owners = pod.owner_references().iter();
    let owner = owners.find(|owner| owner.controller == Some(true))?;
    (owner.kind == "PersistentVolumeClaim").then(|| owner.name.as_str().into())
}

/// Nothing in the pod says it but the API server's record of who wrote the field last, and when.
fn nominated_since(pod: &objects::Pod) -> Option<u64> {
    let writes = pod.managed_fields().iter().filter(|write| {
        let of_status = write.fields_v1.as_ref().and_then(|it| it.0.get("f:status"));
        of_status.is_some_and(|it| it.get("f:nominatedNodeName").is_some())
    });
    let times = writes.filter_map(|write| write.time.as_ref());
    let last = times.map(|time| time.0.as_second()).max()?;
    u64::try_from(last).ok()
}

pub(super) fn network(network: &PartialObjectMeta<DynamicObject>) -> Network {
    let name = network.annotations().get(names::RESOURCE_NAME_ANNOTATION);
    let name = name.filter(|name| !name.is_empty());
    Network {
        resource: name.map(|name| name.as_str().into()),
    }
}

/// An inventory without a status says nothing yet.
pub(super) fn inventory(object: &DynamicObject) -> Option<Box<NodeInventoryStatus>> {
    let status = object.data.get("status").filter(|it| !it.is_null())?;
    NodeInventoryStatus::deserialize(status)
        .map(Box::new)
        .inspect_err(|error| unreadable(super::INVENTORIES, object, error))
        .ok()
}
