//! Pods and machines as KubeVirt, CDI and others make them.

use serde_json::{Value, json};
use vmberth_e2e::manifest::{self, Boot, with_function};
use vmberth_e2e::pod::TOOLBOX;
use vmberth_e2e::seen::name;
use vmberth_e2e::simulated::on_simulated_node;

use crate::fleet::{Amounts, POOLS};
use crate::turns::SCHEDULER;

/// Networks of the pools of functions, in the machines' namespace.
pub(crate) const NETWORKS: [&str; POOLS] = ["pool-0", "pool-1"];

/// A pod of nobody's.
pub(crate) fn ordinary(name: &str) -> Value {
    let requests = json!({"cpu": "10m", "memory": "16Mi"});
    pod(name, &json!({"bench": "pod"}), &json!([]), &requests, &[])
}

/// KubeVirt's pod that runs an instance.
pub(crate) fn launcher(
    instance: &Value,
    named: &str,
    requests: &Value,
    claims: &[String],
) -> Value {
    let labels = json!({"bench": "pod", "kubevirt.io": "virt-launcher"});
    let owner = owned_by(instance, "kubevirt.io/v1", "VirtualMachineInstance");
    pod(named, &labels, &json!([owner]), requests, claims)
}

/// CDI's pod that fills a claim.
pub(crate) fn upload(claim: &Value) -> Value {
    let labels = json!({
        "bench": "pod",
        "app": "containerized-data-importer",
        "cdi.kubevirt.io": "cdi-upload-server",
    });
    let owner = owned_by(claim, "v1", "PersistentVolumeClaim");
    let requests = json!({"cpu": "100m", "memory": "60M"});
    // Not by the name that CDI looks for: the claim is none of its own.
    let named = format!("fills-{}", name(claim));
    let claims = [name(claim).to_owned()];
    pod(&named, &labels, &json!([owner]), &requests, &claims)
}

fn owned_by(owner: &Value, api: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api,
        "kind": kind,
        "name": name(owner),
        "uid": owner["metadata"]["uid"],
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

fn pod(name: &str, labels: &Value, owners: &Value, requests: &Value, claims: &[String]) -> Value {
    let mount =
        |claim: &String| json!({"name": claim, "persistentVolumeClaim": {"claimName": claim}});
    let volumes: Vec<Value> = claims.iter().map(mount).collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "ownerReferences": owners},
        "spec": {
            "schedulerName": SCHEDULER,
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"type": "simulated"},
            "tolerations": [{"key": "kwok.x-k8s.io/node", "operator": "Exists"}],
            "containers": [{
                "name": "main",
                "image": TOOLBOX,
                "resources": {"requests": requests, "limits": limits(requests)},
            }],
            "volumes": volumes,
        },
    })
}

/// What can't be overcommitted has limits.
fn limits(requests: &Value) -> Value {
    let mut limits = requests.clone();
    if let Some(limits) = limits.as_object_mut() {
        limits.retain(|resource, _| resource.contains("hugepages") || resource.contains('/'));
    }
    limits
}

/// A VM, by what it needs; its disks are DataVolumes by these names.
pub(crate) fn machine(name: &str, amounts: Amounts, disks: &[String]) -> Value {
    let mut vm = on_simulated_node(manifest::vm(name, Boot::Nothing));
    for (network, count) in NETWORKS.iter().zip(amounts.functions) {
        for number in 0..count {
            vm = with_function(vm, &format!("{network}-{number}"), network);
        }
    }
    let spec = &mut vm["spec"]["template"]["spec"];
    spec["domain"]["memory"] = if amounts.pages > 0 {
        json!({"guest": format!("{}Gi", amounts.pages), "hugepages": {"pageSize": "1Gi"}})
    } else {
        json!({"guest": format!("{}Mi", amounts.memory)})
    };
    let device = |disk: &String| json!({"name": disk, "disk": {"bus": "virtio"}});
    let volume = |disk: &String| json!({"name": disk, "dataVolume": {"name": disk}});
    spec["domain"]["devices"]["disks"] = disks.iter().map(device).collect();
    spec["volumes"] = disks.iter().map(volume).collect();
    vm
}

/// The instance that KubeVirt makes of a VM.
pub(crate) fn instance(vm: &Value) -> Value {
    let owner = owned_by(vm, "kubevirt.io/v1", "VirtualMachine");
    json!({
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachineInstance",
        "metadata": {"name": name(vm), "ownerReferences": [owner]},
        "spec": vm["spec"]["template"]["spec"],
    })
}
