//! Objects of the API in the words of [`vmberth_decide::node::cluster`].

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use vmberth_decide::names;
use vmberth_decide::node::cluster::{ClaimRef, Moment, Node, PersistentVolume, Phase, Pod};
use vmberth_decide::quantity;

/// Amounts by resource.
type Amounts = BTreeMap<String, u64>;

pub(super) fn node(node: &core::Node) -> Node {
    let status = node.status.as_ref();
    let labels = node.metadata.labels.as_ref();
    Node {
        name: node.metadata.name.clone().unwrap_or_default(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        hostname: labels.and_then(|labels| labels.get(names::HOSTNAME_LABEL).cloned()),
        capacity: amounts(status.and_then(|status| status.capacity.as_ref())),
        allocatable: amounts(status.and_then(|status| status.allocatable.as_ref())),
    }
}

pub(super) fn volume(volume: &core::PersistentVolume) -> PersistentVolume {
    let metadata = volume.metadata.clone();
    let spec = volume.spec.as_ref();
    let storage = spec.and_then(|spec| spec.capacity.as_ref()?.get("storage"));
    let status = volume.status.as_ref();
    let phase = status.and_then(|it| it.phase.as_deref());
    let since = status.and_then(|it| it.last_phase_transition_time.as_ref());
    PersistentVolume {
        name: metadata.name.unwrap_or_default(),
        uid: metadata.uid.unwrap_or_default(),
        resource_version: metadata.resource_version.unwrap_or_default(),
        labels: metadata.labels.unwrap_or_default(),
        annotations: metadata.annotations.unwrap_or_default(),
        class: spec
            .and_then(|spec| spec.storage_class_name.clone())
            .unwrap_or_default(),
        capacity: storage.map_or(0, bytes),
        path: spec.and_then(path).unwrap_or_default(),
        hostnames: spec.map(hostnames).unwrap_or_default(),
        phase: phase_of(phase.unwrap_or_default()),
        phase_since: since.map(moment),
        claim: spec.and_then(|spec| spec.claim_ref.as_ref()).map(claim),
        deleting: metadata.deletion_timestamp.is_some(),
    }
}

pub(super) fn pod(pod: &core::Pod) -> Pod {
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
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
        requests: pod.spec.as_ref().map(requests).unwrap_or_default(),
    }
}

/// The kubelet has not said of every container that it runs or ran.
fn is_starting(pod: &core::Pod) -> bool {
    let Some(status) = &pod.status else {
        return true;
    };
    let waits = |all: &Option<Vec<core::ContainerStatus>>| {
        let mut states = all.iter().flatten().filter_map(|it| it.state.as_ref());
        states.any(|state| state.waiting.is_some())
    };
    matches!(status.phase.as_deref(), None | Some("Pending"))
        || waits(&status.container_statuses)
        || waits(&status.init_container_statuses)
        || runs_init(pod)
}

/// An init container runs that is no sidecar: those run as long as the pod.
fn runs_init(pod: &core::Pod) -> bool {
    let init = pod
        .spec
        .iter()
        .filter_map(|spec| spec.init_containers.as_ref());
    let sidecars = init.flatten().filter(|it| is_sidecar(it));
    let sidecars: BTreeSet<&str> = sidecars.map(|it| it.name.as_str()).collect();
    let statuses = pod
        .status
        .iter()
        .filter_map(|it| it.init_container_statuses.as_ref());
    statuses.flatten().any(|status| {
        let runs = status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some());
        runs && !sidecars.contains(status.name.as_str())
    })
}

fn is_sidecar(container: &core::Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// Its claims, each with the name of the pod's volume.
pub(crate) fn claims_of(pod: &core::Pod) -> impl Iterator<Item = (&str, String)> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let volumes = pod.spec.iter().filter_map(|spec| spec.volumes.as_ref());
    volumes.flatten().filter_map(move |volume| {
        let named = volume.persistent_volume_claim.as_ref();
        // A claim that lives with its pod is named after it (k8s.io/component-helpers, storage/ephemeral).
        let own = || {
            volume
                .ephemeral
                .as_ref()
                .map(|_| format!("{name}-{}", volume.name))
        };
        let claim = named.map(|it| it.claim_name.clone()).or_else(own);
        Some((volume.name.as_str(), claim?))
    })
}

/// As the scheduler counts them: sidecars stay, and each init container runs beside those before it
/// (k8s.io/component-helpers, resource.PodRequests).
fn requests(spec: &core::PodSpec) -> Amounts {
    let mut sum = Amounts::new();
    let mut most = Amounts::new();
    for container in spec.init_containers.iter().flatten() {
        let own = requests_of(container);
        if is_sidecar(container) {
            add(&mut sum, own);
            raise(&mut most, &sum);
        } else {
            let mut beside = sum.clone();
            add(&mut beside, own);
            raise(&mut most, &beside);
        }
    }
    spec.containers
        .iter()
        .for_each(|it| add(&mut sum, requests_of(it)));
    raise(&mut most, &sum);
    most
}

fn requests_of(container: &core::Container) -> Amounts {
    let resources = container.resources.as_ref();
    amounts(resources.and_then(|resources| resources.requests.as_ref()))
}

fn add(to: &mut Amounts, amounts: Amounts) {
    for (resource, amount) in amounts {
        let sum = to.entry(resource).or_default();
        *sum = sum.saturating_add(amount);
    }
}

fn raise(to: &mut Amounts, amounts: &Amounts) {
    for (resource, amount) in amounts {
        let most = to.entry(resource.clone()).or_default();
        *most = (*most).max(*amount);
    }
}

/// Huge pages and extended resources: all that is decided about.
fn amounts(of: Option<&BTreeMap<String, Quantity>>) -> Amounts {
    let counted = |name: &str| name.starts_with("hugepages-") || name.contains('/');
    let all = of.into_iter().flatten();
    all.filter(|(name, _)| counted(name))
        .map(|(name, amount)| (name.clone(), bytes(amount)))
        .collect()
}

/// The API server has checked it already; what it takes and we do not is more than any node has.
fn bytes(quantity: &Quantity) -> u64 {
    quantity::parse_bytes(&quantity.0).unwrap_or_default()
}

/// A directory of a node, be it a local volume or, as older manifests have it, one of `hostPath`.
fn path(spec: &core::PersistentVolumeSpec) -> Option<String> {
    let local = spec.local.as_ref().map(|it| it.path.clone());
    local.or_else(|| Some(spec.host_path.as_ref()?.path.clone()))
}

/// None if one of the terms, any of which is enough, asks for no hostname.
fn hostnames(spec: &core::PersistentVolumeSpec) -> BTreeSet<String> {
    let required = spec
        .node_affinity
        .as_ref()
        .and_then(|it| it.required.as_ref());
    let terms = required.iter().flat_map(|it| &it.node_selector_terms);
    let asked: Vec<BTreeSet<String>> = terms.map(hostnames_of).collect();
    if asked.iter().any(BTreeSet::is_empty) {
        return BTreeSet::new();
    }
    asked.into_iter().flatten().collect()
}

fn hostnames_of(term: &core::NodeSelectorTerm) -> BTreeSet<String> {
    let asks = term.match_expressions.iter().flatten();
    asks.filter(|ask| ask.key == names::HOSTNAME_LABEL && ask.operator == "In")
        .flat_map(|ask| ask.values.iter().flatten().cloned())
        .collect()
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

fn claim(claim: &core::ObjectReference) -> ClaimRef {
    ClaimRef {
        namespace: claim.namespace.clone().unwrap_or_default(),
        name: claim.name.clone().unwrap_or_default(),
        uid: claim.uid.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
