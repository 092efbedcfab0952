//! Objects of the API in the words of [`vmberth_decide::node::cluster`].

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use vmberth_cluster::objects::{self, ContainerStatus};
use vmberth_cluster::read::{amounts, bytes, hostnames, requests};
use vmberth_decide::names;
use vmberth_decide::node::cluster::{ClaimRef, Moment, Node, PersistentVolume, Phase, Pod};

pub(super) fn node(node: &objects::Node) -> Node {
    let labels = node.metadata.labels.as_ref();
    Node {
        name: node.metadata.name.clone().unwrap_or_default(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        hostname: labels.and_then(|labels| labels.get(names::HOSTNAME_LABEL).cloned()),
        capacity: amounts(&node.status.capacity),
        allocatable: amounts(&node.status.allocatable),
    }
}

pub(super) fn volume(volume: &objects::PersistentVolume) -> PersistentVolume {
    let metadata = volume.metadata.clone();
    let (spec, status) = (&volume.spec, &volume.status);
    PersistentVolume {
        name: metadata.name.unwrap_or_default(),
        uid: metadata.uid.unwrap_or_default(),
        resource_version: metadata.resource_version.unwrap_or_default(),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        class: spec.storage_class_name.clone(),
        capacity: spec.capacity.get("storage").map_or(0, bytes),
        path: path(spec),
        hostnames: hostnames(spec),
        phase: phase_of(&status.phase),
        phase_since: status.last_phase_transition_time.as_ref().map(moment),
        claim: spec.claim_ref.as_ref().map(claim),
        deleting: metadata.deletion_timestamp.is_some(),
    }
}

pub(super) fn pod(pod: &objects::Pod) -> Pod {
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let phase = pod.status.as_ref().map(|it| it.phase.as_str());
    let ended = matches!(phase, Some("Succeeded" | "Failed"));
    let launcher =
        labels.get(names::KUBEVIRT_LABEL).map(String::as_str) == Some(names::KUBEVIRT_LAUNCHER);
    Pod {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        name: pod.metadata.name.clone().unwrap_or_default(),
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        created: pod.metadata.creation_timestamp.as_ref().map(moment),
        ended,
        starting: !ended && is_starting(pod),
        machine: labels
            .get(names::VM_NAME_LABEL)
            .filter(|_| launcher)
            .cloned(),
        labels,
        claims: claims_of(pod).map(|(_, claim)| claim).collect(),
        scratch: claims_of(pod)
            .filter_map(|(volume, claim)| (volume == names::CDI_SCRATCH_VOLUME).then_some(claim))
            .collect(),
        requests: requests(&pod.spec),
    }
}

/// The kubelet has not said of every container that it runs or ran.
fn is_starting(pod: &objects::Pod) -> bool {
    let Some(status) = &pod.status else {
        return true;
    };
    let waits = |all: &[ContainerStatus]| all.iter().any(|it| it.state.waiting.is_some());
    matches!(status.phase.as_str(), "" | "Pending")
        || waits(&status.container_statuses)
        || waits(&status.init_container_statuses)
        || runs_init(&pod.spec, &status.init_container_statuses)
}

/// An init container runs that is no sidecar: those run as long as the pod.
fn runs_init(spec: &objects::PodSpec, statuses: &[ContainerStatus]) -> bool {
    let sidecars = spec.init_containers.iter().filter(|it| it.is_sidecar());
    let sidecars: BTreeSet<&str> = sidecars.map(|it| it.name.as_str()).collect();
    statuses
        .iter()
        .any(|it| it.state.running.is_some() && !sidecars.contains(it.name.as_str()))
}

/// Its claims, each with the name of the pod's volume.
pub(crate) fn claims_of(pod: &objects::Pod) -> impl Iterator<Item = (&str, String)> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    pod.spec.volumes.iter().filter_map(move |volume| {
        let named = volume.persistent_volume_claim.as_ref();
        // A claim that lives with its pod is named after it (k8s.io/component-helpers, storage/ephemeral).
        let own = || volume.ephemeral.map(|_| format!("{name}-{}", volume.name));
        let claim = named.map(|it| it.claim_name.clone()).or_else(own);
        Some((volume.name.as_str(), claim?))
    })
}

/// A directory of a node, be it a local volume or, as older manifests have it, one of `hostPath`.
fn path(spec: &objects::PersistentVolumeSpec) -> String {
    let path = spec.local.as_ref().or(spec.host_path.as_ref());
    path.map(|it| it.path.clone()).unwrap_or_default()
}

fn moment(time: &Time) -> Moment {
    Moment(time.0.as_second())
}

fn phase_of(text: &str) -> Phase {
    match text {
        "Available" => Phase::Available,
        "Bound" => Phase::Bound,
        "Released" => Phase::Released,
        "Failed" => Phase::Failed,
        _ => Phase::Pending,
    }
}

fn claim(claim: &objects::ClaimReference) -> ClaimRef {
    ClaimRef {
        namespace: claim.namespace.clone(),
        name: claim.name.clone(),
        uid: claim.uid.clone(),
    }
}

#[cfg(test)]
mod tests;
