//! Simulated nodes by KWOK, beside the real ones: many nodes for scale, none of which runs anything.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use crate::kubectl::{Kubectl, condition};
use crate::layout::Layout;
use crate::machine::{Machine, Part};
use crate::options::Options;

/// KWOK touches only nodes with this annotation.
const SELECTOR: &str = "kwok.x-k8s.io/node";
/// Objects in one request.
const BATCH: usize = 500;

/// Starts KWOK and makes the nodes; returns when all are Ready.
///
/// # Errors
/// What was waited for.
pub fn start(layout: &Layout, control_plane: &Machine, options: &Options) -> Result<()> {
    let count = options.simulated_nodes;
    let config = |file: &str| {
        let path = layout.sources.join("manifests").join(file);
        format!("--config={}", path.display())
    };
    let mut args = vec![
        format!(
            "--kubeconfig={}",
            layout.pki().join("kwok.kubeconfig").display()
        ),
        config("kwok.yaml"),
        config("kwok-pods.yaml"),
        format!("--manage-nodes-with-annotation-selector={SELECTOR}=fake"),
        // facts/test-plane.md 5: shorter leases make a thousand nodes flap on two busy cores.
        "--node-lease-duration-seconds=240".to_owned(),
        "--cidr=10.100.0.0/14".to_owned(),
    ];
    if options.with_kubevirt() {
        args.push(config("kwok-vms.yaml"));
    }
    control_plane.run(&Part::new("kwok", &layout.bin("kwok"), args))?;
    let kubectl = Kubectl::new(layout, control_plane);
    let nodes: Vec<_> = (1..=count).map(node).collect();
    for batch in nodes.chunks(BATCH) {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": batch});
        kubectl.apply("simulated nodes", &list.to_string())?;
    }
    let what = format!("{count} simulated nodes to be Ready");
    let words = ["nodes", "-l", "type=simulated"];
    kubectl.wait_for(&what, Duration::from_secs(600), &words, |list| {
        let ready = |all: &Vec<Value>| all.iter().filter(|n| condition(n, "Ready")).count();
        list["items"].as_array().map(ready) == Some(count.into())
    })
}

fn node(number: u16) -> Value {
    let name = format!("sim-{number:04}");
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {SELECTOR: "fake", "node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "type": "simulated",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                // As virt-handler and its labeller would say of a node.
                "kubevirt.io/schedulable": "true",
                "machine-type.node.kubevirt.io/q35": "true",
            },
        },
        "spec": {"taints": [{"key": SELECTOR, "value": "fake", "effect": "NoSchedule"}]},
    })
}
