//! What is kept of volumes, claims, classes, and of namespaces that say what their disks stand for.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::core::PartialObjectMeta;
use vmberth_decide::event::{Claim, Class, Namespace, Volume};
use vmberth_decide::fit::volumes::{AccessModes, VolumeMode};
use vmberth_decide::names;
use vmberth_decide::profile::{LabelOperator, Requirement, Selector};
use vmberth_decide::scratch;

use crate::objects;
use crate::read::{bytes, hostnames};

/// Nothing of a volume that is no node's, and that nobody could take.
pub(super) fn volume(volume: &objects::PersistentVolume) -> Option<Volume> {
    let (spec, status) = (&volume.spec, &volume.status);
    let is_free = status.phase == "Available"
        && spec.claim_ref.is_none()
        && volume.metadata.deletion_timestamp.is_none();
    let hostnames = hostnames(spec);
    if hostnames.is_empty() && !is_free {
        return None;
    }
    // What was given back still names the claim that had it, and another of that name may be there by now.
    let holds = matches!(
        status.phase.as_str(),
        "Available" | "Bound" | "Pending" | ""
    );
    let claim = spec.claim_ref.as_ref().filter(|_| holds);
    let since = status.last_phase_transition_time.as_ref();
    let seconds = since.and_then(|time| u64::try_from(time.0.as_second()).ok());
    Some(Volume {
        class: spec.storage_class_name.as_str().into(),
        bytes: spec.capacity.get("storage").map_or(0, bytes),
        mode: mode(&spec.volume_mode),
        access: AccessModes::of(spec.access_modes.iter().map(String::as_str)),
        labels: Arc::new(if is_free {
            volume.labels().clone()
        } else {
            Default::default()
        }),
        hostnames: hostnames.into_iter().map(Into::into).collect(),
        is_free,
        claim: claim.map(|it| (it.namespace.as_str().into(), it.name.as_str().into())),
        since: seconds.filter(|_| status.phase == "Bound"),
    })
}

pub(super) fn claim(claim: &objects::PersistentVolumeClaim) -> Claim {
    let spec = &claim.spec;
    let volume = Some(&spec.volume_name).filter(|name| !name.is_empty());
    Claim {
        class: spec.storage_class_name.as_str().into(),
        bytes: spec.resources.requests.get("storage").map_or(0, bytes),
        mode: mode(&spec.volume_mode),
        access: AccessModes::of(spec.access_modes.iter().map(String::as_str)),
        selector: spec.selector.as_ref().map(selector),
        volume: volume.map(|name| name.as_str().into()),
        needs_scratch: scratch::is_needed(|name| claim.annotations().get(name).map(String::as_str)),
        profile: (claim.annotations().get(names::PROFILE_ANNOTATION))
            .map(|name| name.trim().into()),
    }
}

/// Only of one that names a profile for its disks.
pub(super) fn namespace(namespace: &PartialObjectMeta<core::Namespace>) -> Option<Namespace> {
    let profile = namespace.annotations().get(names::PROFILE_ANNOTATION)?;
    Some(Namespace {
        profile: profile.trim().into(),
    })
}

/// CDI takes the disk's own class otherwise (facts: kubevirt-cdi 4).
pub(super) fn scratch_class(config: &DynamicObject) -> Option<Arc<str>> {
    let class = config.data.pointer("/status/scratchSpaceStorageClass");
    let class = class.and_then(serde_json::Value::as_str);
    class.filter(|class| !class.is_empty()).map(Into::into)
}

pub(super) fn class(class: &objects::StorageClass) -> Class {
    Class {
        is_static: class.provisioner == names::NO_PROVISIONER,
    }
}

fn mode(text: &str) -> VolumeMode {
    match text {
        "Block" => VolumeMode::Block,
        _ => VolumeMode::Filesystem,
    }
}

/// A requirement whose operator nobody knows can't be met.
fn selector(selector: &objects::LabelSelector) -> Selector {
    let requirement = |from: &objects::NodeSelectorRequirement| Requirement {
        key: from.key.clone(),
        operator: match from.operator.as_str() {
            "NotIn" => LabelOperator::NotIn(from.values.clone()),
            "Exists" => LabelOperator::Exists,
            "DoesNotExist" => LabelOperator::DoesNotExist,
            _ => LabelOperator::In(from.values.clone()),
        },
    };
    Selector {
        match_labels: selector.match_labels.clone(),
        match_expressions: selector.match_expressions.iter().map(requirement).collect(),
    }
}
