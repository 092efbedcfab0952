//! Laws of claims that bind at once: whatever the cluster and the VM, they get to one node that has room for all of them, or to
//! none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first thing that is not as it should be"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use vmberth_decide::event::{Class, Event, Network, Node, ObjectName, Volume};
use vmberth_decide::fit::volumes::AccessModes;
use vmberth_decide::guest::Guest;
use vmberth_decide::immediate::{Made, Restriction, restrict};
use vmberth_decide::index::Index;
use vmberth_decide::inventory::{NodeInventoryStatus, VfPool};
use vmberth_decide::names;
use vmberth_decide::policy::Policy;
use vmberth_decide::subject::Kind;

use common::applied;

const POOL: &str = "intel.com/intel_sriov_vm";
const POLICY: &str = "\
apiVersion: vmberth.io/v1alpha1
kind: Policy
storageClasses:
  - {name: at-once, bindingMode: Immediate}
  - {name: waits, bindingMode: WaitForFirstConsumer}
";

/// Sizes of a node's free volumes in GiB, its functions, and whether its volumes say whose they are.
type Has = (Vec<u64>, u32, bool);

/// What a template says: class, GiB, and what its user wrote beside that.
#[derive(Debug, Clone)]
struct Disk {
    waits: bool,
    gib: u64,
    said: Option<usize>,
}

fn name(name: &str) -> ObjectName {
    ("edge".into(), name.into())
}

fn node_name(at: usize) -> String {
    format!("edge-{at}")
}

fn events(nodes: &[Has]) -> Vec<Event> {
    let mut events = vec![
        Event::Policy(Arc::new(Policy::from_yaml(POLICY).unwrap())),
        Event::Network(
            name("net"),
            Some(Network {
                resource: Some(POOL.into()),
            }),
        ),
    ];
    for class in ["at-once", "waits"] {
        events.push(Event::Class(class.into(), Some(Class { is_static: true })));
    }
    for (at, (sizes, functions, says)) in nodes.iter().enumerate() {
        let node = node_name(at);
        let labels = [(names::SCHEDULABLE_LABEL.to_owned(), "true".to_owned())];
        let known = Node {
            hostname: node.as_str().into(),
            labels: Arc::new(labels.into()),
            ..Node::default()
        };
        let status = NodeInventoryStatus {
            vf_pools: vec![VfPool {
                resource: POOL.to_owned(),
                discovered: *functions,
                free: *functions,
                ..VfPool::default()
            }],
            ..NodeInventoryStatus::default()
        };
        events.push(Event::Node(node.as_str().into(), Some(known)));
        events.push(Event::Inventory(
            node.as_str().into(),
            Some(Box::new(status)),
        ));
        for (number, gib) in sizes.iter().enumerate() {
            let label = (names::NODE_LABEL.to_owned(), node.clone());
            let volume = Volume {
                class: "at-once".into(),
                bytes: gib << 30,
                access: AccessModes::of(["ReadWriteOnce"]),
                labels: Arc::new(says.then_some(label).into_iter().collect()),
                hostnames: [node.as_str().into()].into(),
                is_free: true,
                ..Volume::default()
            };
            let name = format!("{node}-{number}").into();
            events.push(Event::Volume(name, Some(volume)));
        }
    }
    events
}

fn index_of(events: impl IntoIterator<Item = Event>) -> Index {
    let mut index = Index::default();
    events.into_iter().for_each(|event| index.apply(event));
    index
}

fn machine(functions: usize, disks: &[Disk]) -> Value {
    let template = |(at, disk): (usize, &Disk)| {
        let class = if disk.waits { "waits" } else { "at-once" };
        let mut claim = json!({"storageClassName": class, "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": format!("{}Gi", disk.gib)}}});
        if let Some(node) = disk.said {
            claim["selector"] = json!({"matchLabels": {names::NODE_LABEL: node_name(node)}});
        }
        json!({"metadata": {"name": format!("disk-{at}")}, "spec": {"source": {"blank": {}}, "pvc": claim}})
    };
    let volume = |at: usize| json!({"name": format!("disk-{at}"), "dataVolume": {"name": format!("disk-{at}")}});
    let interface = |at: usize| json!({"name": format!("vf{at}"), "sriov": {}});
    let network = |at: usize| json!({"name": format!("vf{at}"), "multus": {"networkName": "net"}});
    json!({"metadata": {"name": "vm"}, "spec": {
        "dataVolumeTemplates": disks.iter().enumerate().map(template).collect::<Vec<_>>(),
        "template": {"spec": {
            "domain": {"devices": {"interfaces": (0..functions).map(interface).collect::<Vec<_>>()}},
            "networks": (0..functions).map(network).collect::<Vec<_>>(),
            "volumes": (0..disks.len()).map(volume).collect::<Vec<_>>(),
        }},
    }})
}

fn ask(index: &Index, object: &Value) -> Restriction {
    let text = object.to_string();
    let made = Made::read(Kind::VirtualMachine, &text).unwrap();
    let policy = Policy::from_yaml(POLICY).unwrap();
    restrict(Some(index), &policy, &made, &name("vm"))
}

/// Nodes that the edits name.
fn chosen(found: &Restriction) -> BTreeSet<String> {
    let label = |edit: &vmberth_decide::edit::Edit| {
        let value = &edit.value["matchLabels"][names::NODE_LABEL];
        value.as_str().unwrap().to_owned()
    };
    found.edits.iter().map(label).collect()
}

/// The same by trying: the largest disk has the largest volume.
fn holds((at, (sizes, functions, says)): (usize, &Has), needs: usize, disks: &[Disk]) -> bool {
    let said = |disk: &Disk| disk.said.is_none_or(|node| node == at);
    let mut wanted: Vec<u64> = disks
        .iter()
        .filter(|it| !it.waits)
        .map(|it| it.gib)
        .collect();
    let mut there: Vec<u64> = sizes.iter().copied().filter(|_| *says).collect();
    wanted.sort_by(|a, b| b.cmp(a));
    there.sort_by(|a, b| b.cmp(a));
    let has_all = wanted.len() <= there.len() && wanted.iter().zip(&there).all(|(a, b)| a <= b);
    // Nobody has volumes of the other class.
    let none_waits = disks.iter().all(|disk| !disk.waits);
    has_all && none_waits && disks.iter().all(said) && needs <= *functions as usize
}

fn nodes() -> impl Strategy<Value = Vec<Has>> {
    let node = (
        prop::collection::vec(1..5_u64, 0..5),
        0..4_u32,
        prop::bool::weighted(0.9),
    );
    prop::collection::vec(node, 0..5)
}

fn disks() -> impl Strategy<Value = Vec<Disk>> {
    let disk = (
        prop::bool::weighted(0.1),
        1..5_u64,
        prop::option::weighted(0.15, 0..4_usize),
    );
    let disk = disk.prop_map(|(waits, gib, said)| Disk { waits, gib, said });
    prop::collection::vec(disk, 0..4)
}

proptest! {
    #[test]
    fn all_go_to_one_node_that_has_all_of_it(nodes in nodes(), functions in 0..4_usize, disks in disks()) {
        let found = ask(&index_of(events(&nodes)), &machine(functions, &disks));
        let open = disks.iter().filter(|it| !it.waits && it.said.is_none()).count();
        let holders: BTreeSet<String> = nodes
            .iter()
            .enumerate()
            .filter(|node| holds(*node, functions, &disks))
            .map(|(at, _)| node_name(at))
            .collect();
        let chosen = chosen(&found);
        prop_assert!(chosen.len() <= 1);
        prop_assert!(chosen.is_subset(&holders), "{found:?} {holders:?}");
        let expected = if holders.is_empty() { 0 } else { open };
        prop_assert_eq!(found.edits.len(), expected, "{:?}", found);
        prop_assert_eq!(found.warnings.len(), usize::from(open > 0));
    }

    /// `applied` stops at every edit that takes something away.
    #[test]
    fn edits_only_add_and_the_second_time_there_is_nothing_to_say(nodes in nodes(), functions in 0..4_usize, disks in disks()) {
        let index = index_of(events(&nodes));
        let object = machine(functions, &disks);
        let found = ask(&index, &object);
        let after = applied(&object, &found.edits);
        for (at, disk) in disks.iter().enumerate() {
            let path = format!("/spec/dataVolumeTemplates/{at}/spec/pvc/selector");
            if disk.waits || disk.said.is_some() {
                prop_assert_eq!(after.pointer(&path), object.pointer(&path));
            }
        }
        if !found.edits.is_empty() {
            prop_assert_eq!(ask(&index, &after), Restriction::default());
        }
    }

    #[test]
    fn order_of_events_does_not_matter(nodes in nodes(), disks in disks(), seed in any::<u64>()) {
        let object = machine(1, &disks);
        let mut shuffled: Vec<(u64, Event)> = events(&nodes)
            .into_iter()
            .enumerate()
            .map(|(at, event)| ((at as u64 + 1).wrapping_mul(seed | 1).rotate_left(17), event))
            .collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled = index_of(shuffled.into_iter().map(|(_, event)| event));
        prop_assert_eq!(ask(&index_of(events(&nodes)), &object), ask(&shuffled, &object));
    }

    /// As long as there is room for both: the first one is known and has no claim yet.
    #[test]
    fn what_a_vm_was_given_is_its_own(nodes in nodes(), first in disks(), second in disks()) {
        let nodes: Vec<Has> = nodes;
        let mut index = index_of(events(&nodes));
        let object = machine(0, &first);
        let found = ask(&index, &object);
        prop_assume!(!found.edits.is_empty());
        let after = applied(&object, &found.edits).to_string();
        let guest = Guest::of_machine(&serde_json::from_str(&after).unwrap(), "edge");
        index.apply(Event::Machine(name("first"), Some(Box::new(guest))));
        let both: Vec<Disk> = first.iter().chain(&second).cloned().collect();
        let one = chosen(&found);
        let other = chosen(&ask(&index, &machine(0, &second)));
        let at = nodes.iter().enumerate().find(|(at, _)| one.contains(&node_name(*at))).unwrap();
        let elsewhere = nodes.iter().enumerate().any(|node| node.0 != at.0 && holds(node, 0, &second));
        if one == other {
            prop_assert!(holds(at, 0, &both) || !elsewhere);
        }
    }
}
