//! Machines as users write them, who know nothing of taints: by VM, instance, replica set and pool.

use serde_json::{Value, json};

use crate::guest::MEMORY;

/// The plane's containerDisk with the Linux guest.
const CONTAINER_DISK: &str = "localhost/plane/guest-disk:1";

/// What a machine boots from.
#[derive(Debug, Clone, Copy)]
pub enum Boot<'a> {
    /// A claim, or a DataVolume of that name.
    Claim(&'a str),
    /// The Linux guest's image, which every node has: such a VM can migrate.
    Image,
    /// Nothing: its firmware runs, says so and waits. Costs the node nothing.
    Nothing,
}

/// A VM with one network, and one disk if it boots; started.
#[must_use]
pub fn vm(name: &str, boot: Boot<'_>) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name},
        "spec": {"runStrategy": "Always", "template": {"spec": instance_spec(boot)}},
    })
}

/// An instance without a VM.
#[must_use]
pub fn instance(name: &str, boot: Boot<'_>) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name},
        "spec": instance_spec(boot),
    })
}

/// A replica set of one instance.
#[must_use]
pub fn replica_set(name: &str, boot: Boot<'_>) -> Value {
    json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstanceReplicaSet",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"set": name}},
            "template": {"metadata": {"labels": {"set": name}}, "spec": instance_spec(boot)},
        },
    })
}

/// A pool of one VM.
#[must_use]
pub fn pool(name: &str, boot: Boot<'_>) -> Value {
    json!({
        "apiVersion": "pool.kubevirt.io/v1beta1",
        "kind": "VirtualMachinePool",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"pool": name}},
            "virtualMachineTemplate": {
                "metadata": {"labels": {"pool": name}},
                "spec": {
                    "runStrategy": "Always",
                    "template": {
                        "metadata": {"labels": {"pool": name}},
                        "spec": instance_spec(boot),
                    },
                },
            },
        },
    })
}

/// Cloud-init data as a further disk of a VM: `userData` and what else noCloud may hold.
#[must_use]
pub fn with_cloud_init(mut vm: Value, no_cloud: &Value) -> Value {
    let spec = &mut vm["spec"]["template"]["spec"];
    push(
        &mut spec["domain"]["devices"]["disks"],
        json!({"name": "cloud-init", "disk": {"bus": "virtio"}}),
    );
    push(
        &mut spec["volumes"],
        json!({"name": "cloud-init", "cloudInitNoCloud": no_cloud}),
    );
    vm
}

/// A further interface that is a virtual function of this network.
#[must_use]
pub fn with_function(mut vm: Value, name: &str, network: &str) -> Value {
    let spec = &mut vm["spec"]["template"]["spec"];
    push(
        &mut spec["domain"]["devices"]["interfaces"],
        json!({"name": name, "sriov": {}}),
    );
    push(
        &mut spec["networks"],
        json!({"name": name, "multus": {"networkName": network}}),
    );
    vm
}

fn push(list: &mut Value, one: Value) {
    if let Value::Array(list) = list {
        list.push(one);
    } else {
        *list = json!([one]);
    }
}

fn instance_spec(boot: Boot<'_>) -> Value {
    let volume = match boot {
        Boot::Claim(claim) => {
            Some(json!({"name": "root", "persistentVolumeClaim": {"claimName": claim}}))
        }
        Boot::Image => Some(json!({"name": "root", "containerDisk": {
            "image": CONTAINER_DISK, "imagePullPolicy": "IfNotPresent"}})),
        Boot::Nothing => None,
    };
    let mut spec = json!({
        "terminationGracePeriodSeconds": 0,
        "domain": {
            "memory": {"guest": MEMORY},
            "devices": {
                "autoattachGraphicsDevice": false,
                "interfaces": [{"name": "default", "masquerade": {}}],
            },
        },
        "networks": [{"name": "default", "pod": {}}],
    });
    if let Some(volume) = volume {
        let disk = json!({"name": "root", "disk": {"bus": "virtio"}});
        spec["domain"]["devices"]["disks"] = json!([disk]);
        spec["volumes"] = json!([volume]);
    }
    spec
}
