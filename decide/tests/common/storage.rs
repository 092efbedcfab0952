//! DataVolumes and claims.

use proptest::prelude::*;
use serde_json::json;

use super::guests::amount;
use super::json::{Part, list, map, object, one_of, only};

/// Spec of a DataVolume.
pub fn data_volume_spec() -> Part {
    let source = prop::sample::select(vec![
        json!({"upload": {}}),
        json!({"http": {"url": "http://images/debian.qcow2"}}),
        json!({"registry": {"url": "docker://images/debian"}}),
        json!({"blank": {}}),
    ]);
    let spec = |field: &'static str| {
        object(
            vec![(field, claim_spec())],
            vec![("source", source.clone().boxed())],
        )
    };
    prop_oneof![
        4 => spec("storage"),
        4 => spec("pvc"),
        1 => object(vec![], vec![("pvc", claim_spec()), ("storage", claim_spec())]),
    ]
    .boxed()
}

/// Spec of a claim.
pub fn claim_spec() -> Part {
    let requests = map(
        vec![],
        vec![(
            "storage",
            prop_oneof![only(json!("15Gi")), amount()].boxed(),
        )],
    );
    object(
        vec![],
        vec![
            (
                "storageClassName",
                one_of(&["local-vd", "fast-vd", "ceph", ""]),
            ),
            (
                "accessModes",
                list(one_of(&["ReadWriteOnce", "ReadWriteMany"]), 1),
            ),
            ("volumeMode", one_of(&["Filesystem", "Block", ""])),
            ("volumeName", one_of(&["pv-1", ""])),
            ("resources", object(vec![], vec![("requests", requests)])),
        ],
    )
}

/// Metadata of a DataVolume or a claim.
pub fn metadata() -> Part {
    let annotations = map(
        vec![],
        vec![
            (
                "cdi.kubevirt.io/storage.bind.immediate.requested",
                one_of(&["true", "false", ""]),
            ),
            (
                "cdi.kubevirt.io/storage.import.requiresScratch",
                one_of(&["true", "false"]),
            ),
            ("cdi.kubevirt.io/storage.upload.target", only(json!(""))),
            (
                "vmberth.io/injected",
                one_of(&[
                    "what somebody wrote",
                    "spec.storage.resources.requests.storage=14489Mi (class local-vd)",
                ]),
            ),
        ],
    );
    let labels = map(
        vec![],
        vec![
            ("app", one_of(&["containerized-data-importer"])),
            (
                "vmberth.io/inject",
                one_of(&["true", "true", "false", "maybe"]),
            ),
        ],
    );
    object(
        vec![("name", only(json!("root")))],
        vec![("annotations", annotations), ("labels", labels)],
    )
}

/// A DataVolume, or the template of one.
pub fn data_volume() -> Part {
    object(
        vec![("spec", data_volume_spec())],
        vec![("metadata", metadata())],
    )
}

/// A claim.
pub fn claim() -> Part {
    let status = only(json!({"phase": "Pending"}));
    let always = vec![("metadata", metadata()), ("spec", claim_spec())];
    object(always, vec![("status", status)])
}

/// Up to three templates in a VM.
pub fn templates() -> Part {
    list(data_volume(), 3)
}
