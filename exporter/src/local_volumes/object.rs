//! A PersistentVolume as it is sent.

use serde_json::{Value, json};
use vmberth_cluster::objects::PersistentVolume;
use vmberth_decide::names;
use vmberth_decide::node::local_volumes::NewVolume;
use vmberth_decide::quantity::format_bytes;

/// The object. Its policy is Retain: the PV controller must neither delete nor recycle what only we may empty.
pub(super) fn of(new: &NewVolume) -> Value {
    let hostname = json!({
        "key": names::HOSTNAME_LABEL,
        "operator": "In",
        "values": [new.hostname],
    });
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": new.name,
            "labels": new.labels,
            "annotations": new.annotations,
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": format_bytes(new.capacity)},
            "local": {"path": new.path},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": new.class,
            "volumeMode": "Filesystem",
        },
    })
}

/// What is there was made by this node's agent, of the same directory.
pub(super) fn is_same_offer(found: &PersistentVolume, new: &NewVolume) -> bool {
    let path = || Some(found.spec.local.as_ref()?.path.as_str());
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

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1 as core;
    use vmberth_decide::node::facts::Device;
    use vmberth_decide::node::local_volumes::DirectoryId;

    use super::*;

    #[test]
    fn each_field_is_one_that_volumes_have() {
        let labels = [(names::NODE_LABEL.to_owned(), "edge1".to_owned())];
        let new = NewVolume {
            name: "vd-edge1-vol0".to_owned(),
            class: "local-vd".to_owned(),
            capacity: 16 << 30,
            path: "/var/vd/vol0".to_owned(),
            hostname: "edge1".to_owned(),
            labels: labels.clone().into(),
            annotations: labels.into(),
            directory: DirectoryId {
                device: Device::default(),
                inode: 2,
            },
        };
        let sent = of(&new);
        let typed: core::PersistentVolume = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(json!(typed), sent);
    }
}
