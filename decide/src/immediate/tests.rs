mod claims;
mod nodes;
mod vms;

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::event::{self, Class, Event, Network, Node, Pod, Volume};
use crate::fit::volumes::AccessModes;
use crate::guest::Guest;
use crate::inventory::{NodeInventoryStatus, VfPool};
use crate::placing::Taint;
use crate::policy::{ManagedClass, ScratchReclaim};
use crate::profile::Selector;

const GI: u64 = 1 << 30;
const POOL: &str = "intel.com/intel_sriov_vm";
const CLASS: &str = "at-once";

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

fn class(name: &str, binding_mode: BindingMode) -> ManagedClass {
    ManagedClass {
        name: name.to_owned(),
        default: false,
        binding_mode,
        overhead_millionths: 60_000,
        fit_overhead: false,
        require_scratch: false,
        scratch_reclaim: ScratchReclaim::Wipe,
    }
}

fn policy() -> Policy {
    let text = "apiVersion: vmberth.io/v1alpha1\nkind: Policy\nvfPools: [{resource: intel.com/intel_sriov_vm, network: net}]\n\
                profiles: [{name: net, vfs: '2'}]\n";
    Policy {
        storage_classes: vec![
            class(CLASS, BindingMode::Immediate),
            class("waits", BindingMode::WaitForFirstConsumer),
        ],
        ..Policy::from_yaml(text).unwrap()
    }
}

fn free(node: &str, gib: u64, is_labelled: bool) -> Volume {
    let label = (names::NODE_LABEL.to_owned(), node.to_owned());
    Volume {
        class: CLASS.into(),
        bytes: gib * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        labels: Arc::new(is_labelled.then_some(label).into_iter().collect()),
        hostnames: [Arc::from(node)].into(),
        is_free: true,
        ..Volume::default()
    }
}

fn node(index: &mut Index, node: &str, functions: u32, taints: &[&str]) {
    let labels = [(names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned())];
    let taint = |key: &&str| Taint {
        key: (*key).into(),
        effect: "NoSchedule".into(),
        ..Taint::default()
    };
    let known = Node {
        hostname: node.into(),
        labels: Arc::new(labels.into()),
        taints: taints.iter().map(taint).collect(),
        ..Node::default()
    };
    let status = NodeInventoryStatus {
        vf_pools: vec![VfPool {
            resource: POOL.to_owned(),
            discovered: functions,
            free: functions,
            ..VfPool::default()
        }],
        ..NodeInventoryStatus::default()
    };
    index.apply(Event::Node(node.into(), Some(known)));
    index.apply(Event::Inventory(node.into(), Some(Box::new(status))));
}

fn volumes(index: &mut Index, node: &str, sizes: &[u64]) {
    for (number, gib) in sizes.iter().enumerate() {
        let name = format!("{node}-{number}").into();
        index.apply(Event::Volume(name, Some(free(node, *gib, true))));
    }
}

/// `edge-1` has functions and one volume, `edge-2` functions and three, `edge-3` three volumes and no function.
fn cluster() -> Index {
    let mut index = Index::default();
    index.apply(Event::Policy(Arc::new(policy())));
    for class in [CLASS, "waits"] {
        index.apply(Event::Class(class.into(), Some(Class { is_static: true })));
    }
    let resource = Some(POOL.into());
    index.apply(Event::Network(name("net"), Some(Network { resource })));
    for (at, functions, sizes) in [
        ("edge-1", 4, &[16][..]),
        ("edge-2", 4, &[16, 16, 40]),
        ("edge-3", 0, &[16, 16, 16]),
    ] {
        node(&mut index, at, functions, &[]);
        volumes(&mut index, at, sizes);
    }
    index
}

/// A claim that is there: with a volume of this node, or with the selector of it.
fn claim(index: &mut Index, of: &str, volume_of: Option<&str>, given: Option<&str>) {
    let label = given.map(|node| (names::NODE_LABEL.to_owned(), node.to_owned()));
    let selector = given.map(|_| Selector {
        match_labels: label.into_iter().collect(),
        ..Selector::default()
    });
    let claim = event::Claim {
        class: CLASS.into(),
        bytes: 10 * GI,
        access: AccessModes::of(["ReadWriteOnce"]),
        volume: volume_of.map(|node| format!("{node}-taken").into()),
        selector,
        ..event::Claim::default()
    };
    if let Some(node) = volume_of {
        let volume = Volume {
            is_free: false,
            claim: Some(name(of)),
            ..free(node, 16, true)
        };
        index.apply(Event::Volume(format!("{node}-taken").into(), Some(volume)));
    }
    index.apply(Event::Claim(name(of), Some(claim)));
}

/// What a DataVolume says: 10 GiB of the class.
fn spec(field: &str, more: &Value) -> Value {
    let mut claim = json!({"storageClassName": CLASS, "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "10Gi"}}});
    for (key, value) in more.as_object().unwrap() {
        claim[key] = value.clone();
    }
    json!({"source": {"blank": {}}, field: claim})
}

fn vm(functions: usize, disks: &[&str], templates: &[(&str, Value)]) -> Value {
    let interface = |at: usize| json!({"name": format!("vf{at}"), "sriov": {}});
    let network = |at: usize| json!({"name": format!("vf{at}"), "multus": {"networkName": "net"}});
    let template = |(name, spec): &(&str, Value)| json!({"metadata": {"name": name}, "spec": spec});
    let names = disks.iter().chain(templates.iter().map(|(name, _)| name));
    let volume = |name: &&str| json!({"name": name, "dataVolume": {"name": name}});
    json!({"metadata": {"name": "vm"}, "spec": {
        "runStrategy": "Always",
        "dataVolumeTemplates": templates.iter().map(template).collect::<Vec<_>>(),
        "template": {"spec": {
            "domain": {"devices": {"interfaces": (0..functions).map(interface).collect::<Vec<_>>()}},
            "networks": (0..functions).map(network).collect::<Vec<_>>(),
            "volumes": names.map(volume).collect::<Vec<_>>(),
        }},
    }})
}

fn known(index: &mut Index, of: &str, machine: &Value) {
    let text = machine.to_string();
    let guest = Guest::of_machine(&serde_json::from_str(&text).unwrap(), "edge");
    index.apply(Event::Machine(name(of), Some(Box::new(guest))));
}

/// Edits as the record has them, and warnings.
fn asked(index: Option<&Index>, kind: Kind, of: &str, object: &Value) -> (Vec<String>, String) {
    let text = object.to_string();
    let made = Made::read(kind, &text).unwrap();
    let policy = policy();
    let found = restrict(index, &policy, &made, &name(of));
    for edit in &found.edits {
        let (last, path) = edit.path.split_last().unwrap();
        let path: String = path.iter().map(|step| format!("/{step}")).collect();
        let there = object.pointer(&path).unwrap();
        assert!(
            last == "selector" && there.get("selector").is_none(),
            "{path}"
        );
    }
    let warnings: Vec<String> = found.warnings.iter().map(ToString::to_string).collect();
    (
        found.edits.iter().map(ToString::to_string).collect(),
        warnings.join("\n"),
    )
}

/// The node that everything was restricted to.
fn node_of(found: &(Vec<String>, String)) -> &str {
    let of = |edit: &String| {
        edit.split('=')
            .nth(2)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    let nodes: BTreeSet<String> = found.0.iter().map(of).collect();
    assert!(nodes.len() < 2, "{found:?}");
    ["edge-1", "edge-2", "edge-3"]
        .into_iter()
        .find(|node| nodes.contains(*node))
        .unwrap_or("")
}

fn data_volume(spec: &Value) -> Value {
    json!({"metadata": {"name": "disk"}, "spec": spec})
}
