//! Kubernetes' own kinds, with the fields that are read. What is absent or null is empty: the API server leaves out what is,
//! and who asks for a text that may be missing asks whether it is empty.

mod claim;
mod event;
mod node;
mod persistent_volume;
mod pod;
mod storage_class;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde::{Deserialize, Deserializer};

pub use claim::{LabelSelector, PersistentVolumeClaim, PersistentVolumeClaimSpec};
pub use event::Event;
pub use node::{Node, NodeSpec, NodeStatus, Taint};
pub use persistent_volume::{
    ClaimReference, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PersistentVolume,
    PersistentVolumeSpec, PersistentVolumeStatus, VolumeNodeAffinity, VolumePath,
};
pub use pod::{
    ClaimSource, Container, ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, PodVolume,
    Resources,
};
pub use storage_class::StorageClass;

/// Amounts by resource.
pub type Quantities = BTreeMap<String, Quantity>;

/// Something of which it only matters whether it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Present {}

/// Go writes an empty list or map as null where the field is not left out.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As Go writes what is empty, and with fields that nobody reads here.
    #[test]
    fn absent_and_null_are_empty_and_the_rest_is_skipped() {
        let pod: Pod = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}]},
            "spec": {
                "containers": [{"name": "c", "image": "i", "resources": {"limits": {"cpu": "1"}, "requests": null}}],
                "initContainers": null,
                "volumes": [{"name": "v", "emptyDir": {}}, {"name": "e", "ephemeral": {"volumeClaimTemplate": {}}}],
            },
        }))
        .unwrap();
        assert!(pod.status.is_none());
        assert!(pod.spec.init_containers.is_empty());
        assert!(pod.spec.containers[0].resources.requests.is_empty());
        assert_eq!(pod.spec.volumes[0].ephemeral, None);
        assert_eq!(pod.spec.volumes[1].ephemeral, Some(Present {}));
        let volume: PersistentVolume =
            serde_json::from_value(json!({"metadata": {"name": "v"}, "status": null})).unwrap();
        assert_eq!(volume.status.phase, "");
        assert!(volume.spec.claim_ref.is_none());
    }

    /// As lenient as Go: an amount may be a number.
    #[test]
    fn amounts_may_be_numbers_but_no_lists() {
        let volume = |storage: serde_json::Value| {
            let object =
                json!({"metadata": {"name": "v"}, "spec": {"capacity": {"storage": storage}}});
            serde_json::from_value::<PersistentVolume>(object)
        };
        assert_eq!(volume(json!(5)).unwrap().spec.capacity["storage"].0, "5");
        assert!(volume(json!([5])).is_err());
    }
}
