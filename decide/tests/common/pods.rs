//! Pods of every role, and DaemonSets.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::json::{Part, junk, list, map, object, one_of, only, tolerations};

/// A pod of KubeVirt, of CDI, or of somebody else.
pub fn pod() -> Part {
    object(vec![("metadata", metadata()), ("spec", pod_spec())], vec![])
}

/// Spec of a pod.
fn pod_spec() -> Part {
    object(
        vec![],
        vec![
            ("tolerations", tolerations()),
            (
                "schedulerName",
                one_of(&["", "default-scheduler", "of-the-user"]),
            ),
            ("containers", list(container(), 3)),
            ("initContainers", list(container(), 1)),
            ("volumes", junk()),
        ],
    )
}

fn container() -> Part {
    let amounts = || {
        map(
            vec![],
            vec![
                (super::VFS, one_of(&["0", "1", "2", "x", ""])),
                ("intel.com/slow", only(json!(1))),
                ("memory", one_of(&["364Mi"])),
            ],
        )
    };
    let resources = object(vec![], vec![("requests", amounts()), ("limits", amounts())]);
    object(
        vec![(
            "name",
            one_of(&["compute", "compute", "volumeroot", "sidecar"]),
        )],
        vec![("resources", resources), ("env", junk())],
    )
}

fn metadata() -> Part {
    let role = prop::sample::select(vec![
        json!({"kubevirt.io": "virt-launcher"}),
        json!({"kubevirt.io": "virt-launcher"}),
        json!({"kubevirt.io": "virt-launcher"}),
        json!({"kubevirt.io": "hotplug-disk"}),
        json!({"kubevirt.io.virt-export-service": "x"}),
        json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "importer"}),
        json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-upload-server"}),
        json!({"app": "containerized-data-importer", "cdi.kubevirt.io": "cdi-clone-source"}),
        json!({"app": "containerized-data-importer"}),
        json!({"app": "shop"}),
    ]);
    let labels = (
        role,
        prop::option::weighted(0.2, one_of(&["true", "false", "maybe"])),
    )
        .prop_map(|(mut labels, inject)| {
            if let Some(inject) = inject {
                labels["vmberth.io/inject"] = inject;
            }
            labels
        });
    let annotations = map(
        vec![],
        vec![
            ("k8s.v1.cni.cncf.io/networks", networks()),
            ("vmberth.io/injected", one_of(&["what somebody wrote"])),
        ],
    );
    let owner = object(
        vec![
            (
                "kind",
                one_of(&[
                    "PersistentVolumeClaim",
                    "PersistentVolumeClaim",
                    "VirtualMachineInstance",
                ]),
            ),
            ("apiVersion", one_of(&["v1", "v1", "kubevirt.io/v1"])),
        ],
        vec![
            ("name", one_of(&["managed", "managed", "foreign", "gone"])),
            ("controller", any::<bool>().prop_map(Value::from).boxed()),
        ],
    );
    object(
        vec![("labels", labels.boxed())],
        vec![
            ("generateName", one_of(&["virt-launcher-vm-"])),
            ("annotations", annotations),
            ("ownerReferences", list(owner, 2)),
        ],
    )
}

/// The annotation that virt-controller writes, in its forms, and in forms that it never had.
fn networks() -> Part {
    let element = object(
        vec![(
            "name",
            one_of(&["fast", "slow", "plain", "sriov-openness-vm", "missing"]),
        )],
        vec![
            ("namespace", one_of(&["edge", "default"])),
            ("interface", one_of(&["pod1"])),
        ],
    );
    let json = list(element, 3).prop_map(|list| Value::from(list.to_string()));
    prop_oneof![
        4 => json,
        2 => one_of(&["fast", "fast,default/sriov-openness-vm@vf1", " fast , , slow ", "edge/fast,edge/fast"]),
        1 => junk().prop_map(|junk| Value::from(junk.to_string())),
        1 => one_of(&["", "[", "[]", "a/b/c@d@e"]),
    ]
    .boxed()
}

/// A DaemonSet, opted in or not.
pub fn daemon_set() -> Part {
    let labels = map(
        vec![],
        vec![(
            "vmberth.io/inject",
            one_of(&["true", "true", "false", "maybe"]),
        )],
    );
    let metadata = object(
        vec![("name", one_of(&["sriov-device-plugin", "other"]))],
        vec![("labels", labels)],
    );
    let spec = object(vec![("template", pod())], vec![("updateStrategy", junk())]);
    object(vec![("metadata", metadata), ("spec", spec)], vec![])
}
