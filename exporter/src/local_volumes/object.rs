//! A PersistentVolume as it is sent.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    LocalVolumeSource, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume,
    PersistentVolumeSpec, VolumeNodeAffinity,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::api::ObjectMeta;
use vmberth_decide::names;
use vmberth_decide::node::local_volumes::NewVolume;
use vmberth_decide::quantity::format_bytes;

/// The object. Its policy is Retain: the PV controller must neither delete nor recycle what only we may empty.
pub(super) fn of(new: &NewVolume) -> PersistentVolume {
    let hostname = NodeSelectorRequirement {
        key: names::HOSTNAME_LABEL.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![new.hostname.clone()]),
    };
    let affinity = VolumeNodeAffinity {
        required: Some(NodeSelector {
            node_selector_terms: vec![NodeSelectorTerm {
                match_expressions: Some(vec![hostname]),
                match_fields: None,
            }],
        }),
    };
    PersistentVolume {
        metadata: ObjectMeta {
            name: Some(new.name.clone()),
            labels: Some(new.labels.clone()),
            annotations: Some(new.annotations.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            capacity: Some(BTreeMap::from([(
                "storage".to_owned(),
                Quantity(format_bytes(new.capacity)),
            )])),
            local: Some(LocalVolumeSource {
                path: new.path.clone(),
                fs_type: None,
            }),
            node_affinity: Some(affinity),
            persistent_volume_reclaim_policy: Some("Retain".to_owned()),
            storage_class_name: Some(new.class.clone()),
            volume_mode: Some("Filesystem".to_owned()),
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    }
}

/// What is there was made by this node's agent, of the same directory.
pub(super) fn is_same_offer(found: &PersistentVolume, new: &NewVolume) -> bool {
    let path = || Some(found.spec.as_ref()?.local.as_ref()?.path.as_str());
    let label = |key| Some(found.metadata.labels.as_ref()?.get(key)?.as_str());
    let annotation = |key| annotation(found, key);
    path() == Some(new.path.as_str())
        && label(names::NODE_LABEL) == new.labels.get(names::NODE_LABEL).map(String::as_str)
        && annotation(names::PROVISIONED_BY_ANNOTATION) == Some(names::PROVISIONER)
        && annotation(names::NODE_UID_ANNOTATION)
            == new
                .annotations
                .get(names::NODE_UID_ANNOTATION)
                .map(String::as_str)
}

/// An annotation of the PersistentVolume.
pub(super) fn annotation<'a>(volume: &'a PersistentVolume, key: &str) -> Option<&'a str> {
    Some(volume.metadata.annotations.as_ref()?.get(key)?.as_str())
}

/// A label of the PersistentVolume.
pub(super) fn label<'a>(volume: &'a PersistentVolume, key: &str) -> Option<&'a str> {
    Some(volume.metadata.labels.as_ref()?.get(key)?.as_str())
}
